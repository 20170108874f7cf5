package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/vault"
)

const (
	// writeEvery is how often what has come in is written. With the writing itself it keeps
	// the file within 200 ms of the newest packet.
	writeEvery = 100 * time.Millisecond

	// syncEvery is how often the kernel is made to put it on the disk.
	syncEvery = time.Second

	// closeWait is how long Close waits for recordings that are being sealed; the rest is left
	// to the next start's Repair. A second SIGTERM promises to end within 10 s.
	closeWait = 5 * time.Second
)

// ErrClosed says that the recorder has been closed.
var ErrClosed = errors.New("the recorder is closed")

// A Recorder writes the recordings of all calls.
type Recorder struct {
	o       Options
	root    *os.Root
	log     *zap.Logger
	metrics *metrics
	tables  *tables
	pool    *pool
	health  health
	second  *spare // nil: there is none
	outside

	mu     sync.Mutex
	calls  map[call.ID]*Recording
	urgent []*Recording // just opened or closing: not to wait for the next round
	closed bool

	wake    chan struct{}  // something is urgent
	resync  chan struct{}  // something is to be synced at once
	ending  chan struct{}  // closed: Close has begun, and what cannot be sealed is left
	quit    chan struct{}  // closed: the goroutines are to end
	written chan struct{}  // closed: the writer has ended
	helpers sync.WaitGroup // the other goroutines
	sealing sync.WaitGroup // recordings between Seal and their end
	seals   chan struct{}  // a place for each that may seal at a time
	frames  vault.Buffer   // the writer's own
	folders folders

	spilling chan struct{} // a place for each that is copied into the second directory at a time
}

// outside is what a recorder asks the machine for. Tests put a clock of their own here, and
// disks that are full, hang or lie.
type outside struct {
	now      func() time.Time
	onto     func(*os.File) io.WriterAt
	datasync func(*os.File) error
	room     func(dir string) (free, size uint64, err error)
	from     func(*os.File) io.ReaderAt // of a file that is to be saved
	step     func(string)               // told each step of bringing home; nil: nobody
}

// machine is the machine itself.
func machine() outside {
	return outside{now: time.Now, onto: func(f *os.File) io.WriterAt { return f }, datasync: datasync, room: room,
		from: func(f *os.File) io.ReaderAt { return f }}
}

// New makes a recorder that writes under o.Dir, which it makes if it is not there. Repair what an
// earlier process left before.
func New(o Options) (*Recorder, error) {
	r, err := newRecorder(o, machine())
	if err == nil {
		r.start()
	}
	return r, err
}

// newRecorder makes a recorder whose goroutines do not run yet.
func newRecorder(o Options, out outside) (*Recorder, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, folderMode); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	if err := syncAbove(o.Dir); err != nil { // or a power cut takes all of it, however long it has stood
		return nil, fmt.Errorf("recordings: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recordings: %w", err), root.Close())
	}
	r := &Recorder{
		o: o, root: root, log: o.Log.Named("recording"), metrics: m, tables: makeTables(), pool: newPool(), outside: out,
		calls: map[call.ID]*Recording{},
		wake:  make(chan struct{}, 1), resync: make(chan struct{}, 1), ending: make(chan struct{}), quit: make(chan struct{}), written: make(chan struct{}),
		seals: make(chan struct{}, sealsAtOnce), spilling: make(chan struct{}, spillsAtOnce),
	}
	if err := r.probe(); err != nil {
		return nil, errors.Join(fmt.Errorf("recordings: %w", err), root.Close())
	}
	r.openSecond()
	r.pool.stock()
	return r, nil
}

func (r *Recorder) start() {
	go r.write()
	r.helpers.Go(func() { r.pool.keep(r.quit) })
	r.helpers.Go(r.sync)
	r.helpers.Go(r.watchDisk)
	if r.o.Vault != nil {
		r.helpers.Go(r.watchKeys)
	}
}

// Close waits up to five seconds for recordings that are being sealed and ends the goroutines.
// A recording that nobody has sealed is left as a killed process would leave it.
func (r *Recorder) Close() {
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return
	}
	close(r.ending)
	bound, done := context.WithTimeout(context.Background(), closeWait)
	defer done()
	r.waitFor(bound, &r.sealing)
	close(r.quit)
	select {
	case <-r.written:
	case <-bound.Done():
		r.log.Error("the disk does not take what is left; the next start repairs it")
		return // the writer hangs in the kernel, and the folder is still its
	}
	r.waitFor(bound, &r.helpers)
	err := r.root.Close()
	if r.second != nil && r.second.root.Load() != nil {
		err = errors.Join(err, r.second.root.Load().Close())
	}
	if err != nil {
		r.log.Warn("closing the folder of recordings", zap.Error(err))
	}
}

// waitFor waits for the group, but not longer than bound.
func (r *Recorder) waitFor(bound context.Context, g *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	select {
	case <-done:
	case <-bound.Done():
		r.log.Error("recordings are still being sealed; the next start repairs them")
	}
}

// Meta is what a recording must know of its call.
type Meta struct {
	Call     call.ID
	Line     string
	Arrived  time.Time  // decides the folder
	Answered time.Time  // the zero of the recording's time, with a monotonic reading
	Codec    call.Codec // the caller's
	Linked   call.ID    // of a consult: the call that waits for its end; empty: none
}

// Open begins the recording of a call. It waits for no disk: the file is made by the writer,
// and a disk that refuses shows in Err and Healthy. It fails for what is not a call's id, for
// a call that is being recorded already, and with ErrClosed.
func (r *Recorder) Open(m Meta) (*Recording, error) {
	s, err := stem(m.Call, m.Arrived, r.o.Zone)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	g := newRecording(r, m, s)
	if err := g.encrypt(); err != nil {
		return nil, fmt.Errorf("open recording %s: %w", m.Call, err)
	}
	r.pool.enter()
	r.mu.Lock()
	_, twice := r.calls[m.Call]
	switch {
	case r.closed:
		err = ErrClosed
	case twice:
		err = errors.New("the call is being recorded already")
	default:
		r.calls[m.Call] = g
		r.urgent = append(r.urgent, g)
	}
	r.mu.Unlock()
	if err != nil {
		r.pool.leave()
		return nil, fmt.Errorf("open recording %s: %w", m.Call, err)
	}
	r.metrics.active.Inc()
	r.hurry()
	return g, nil
}

// hurry wakes the writer.
func (r *Recorder) hurry() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// forget ends the writer's care for a recording.
func (r *Recorder) forget(g *Recording) {
	r.mu.Lock()
	delete(r.calls, g.meta.Call)
	r.mu.Unlock()
	r.pool.leave()
	r.metrics.active.Dec()
}

// event tells what happened to a call's recording.
func (r *Recorder) event(g *Recording, name string, data map[string]string) {
	if r.o.Events != nil {
		r.o.Events(call.Event{At: r.now(), Call: g.meta.Call, Name: name, Data: data})
	}
}
