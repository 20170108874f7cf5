package purge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/access"
	"hotline/recording/chain"
	"hotline/recording/retention"
)

// Errors that somebody branches on.
var (
	ErrClock   = errors.New("the clock is not believed")      // nothing is erased by it
	ErrKept    = errors.New("it is kept")                     // a hold, a case or its age keeps it
	ErrUnknown = errors.New("there is no such recording")     // or it is being made
	ErrErased  = errors.New("the recording has been erased")  // nothing can be done about it any more
	ErrStuck   = errors.New("not all could be erased by now") // it is tried again
)

// Options are what a Reaper is made of.
type Options struct {
	Data  string                 // the data folder
	Rules func() retention.Rules // as configured now
	Rows  Rows
	Gate  Gate
	Chain Chain
	Key   *chain.Key // signs certificates
	Node  string     // this server's name, for certificates

	// Away erases copies that lie elsewhere. It is asked after the tombstone stands and before the files here
	// go, again until it succeeds. It may be nil.
	Away func(ctx context.Context, e Erasure) error

	// Told is told what was erased, perhaps twice. It may be nil.
	Told func(e Erasure)

	Now  func() time.Time     // the clock of the world; nil: time.Now
	Mono func() time.Duration // one that only counts; nil: the machine's since the start

	Log     *zap.Logger
	Metrics prometheus.Registerer

	step func(name string) // between all steps; for tests that kill it there
}

// A Reaper erases what is due. Its methods may be called from any goroutine.
type Reaper struct {
	o       Options
	root    *os.Root // the data folder
	log     *zap.Logger
	metrics *metrics
	clock   *Clock

	passing sync.Mutex          // one pass, or one order, at a time
	mu      sync.Mutex          // held while it is decided and erased, and while a hold is placed
	settled map[settledDay]bool // days of which nothing is left but tombstones
}

// A settledDay is a day in one of the folders.
type settledDay struct {
	folder string
	day    int64
}

// New makes a Reaper. It erases nothing before Run or Pass.
func New(o Options) (*Reaper, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Mono == nil {
		begin := time.Now()
		o.Mono = func() time.Duration { return time.Since(begin) }
	}
	if o.step == nil {
		o.step = func(string) {}
	}
	if err := o.Rules().Check(); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	if err := os.MkdirAll(o.Data+"/"+certificateFolder, 0o750); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	root, err := os.OpenRoot(o.Data)
	if err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	r := &Reaper{o: o, root: root, log: o.Log.Named("retention"), metrics: m, settled: map[settledDay]bool{}}
	used, err := days(root, "recordings", time.UTC)
	if err == nil {
		r.clock, err = openClock(root, o.Now, o.Mono, len(used) > 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("retention: %w", err), root.Close())
	}
	why, _ := r.clock.Stopped()
	r.metrics.stopped.Set(oneIf(why != ""))
	r.metrics.full.Set(math.Inf(1)) // nothing is known yet, which alarms nobody
	return r, nil
}

// Close closes the data folder. Run must have returned.
func (r *Reaper) Close() error { return r.root.Close() }

// Holding runs f while nothing is being erased: whoever places a hold, or lifts one, does it in f.
func (r *Reaper) Holding(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f()
}

// IsErased says whether the recording of a call, by its path relative to the data folder, is in the chain as
// erased.
func (r *Reaper) IsErased(id call.ID, path string) bool {
	folder, day, err := where(Erasure{ID: id, Kind: KindRecording, Path: path})
	if err != nil {
		return false
	}
	_, err = r.root.Lstat(emptyShelf(folder, day, id).stem() + goneExt)
	return err == nil
}

// Vouch believes the clock because somebody says that it is right.
func (r *Reaper) Vouch(by string) error {
	if err := r.clock.Vouch(by); err != nil {
		return err
	}
	r.metrics.stopped.Set(0)
	r.log.Warn("the clock is believed again because somebody has said that it is right", zap.String("by", by))
	return nil
}

// Clock says why the time is not believed, or "", and how much longer it must go right.
func (r *Reaper) Clock() (why string, left time.Duration) { return r.clock.Stopped() }

func logged(id call.ID) zap.Field { return zap.String("call", string(id)) }

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Rows is what the reaper asks the database.
type Rows interface {
	// Records gives the records of calls, those that there are.
	Records(ctx context.Context, calls []call.ID) (map[call.ID]call.Record, error)
	// CasesOf gives the cases of calls, by call.
	CasesOf(ctx context.Context, calls []call.ID) (map[call.ID][]call.Case, error)
	// Holding gives the holds that bind at a time.
	Holding(ctx context.Context, now time.Time) ([]call.Hold, error)
}

// Gate is who is asked before anything is erased.
type Gate interface {
	Ask(ctx context.Context, e access.Entry) error
}

// Chain makes the links that say what was erased.
type Chain interface {
	// Erased puts links into the chain that say what is erased now, and gives each as a line of JSON, in the
	// order of list. They are on the disk when it returns. It may be asked again for what is in the chain
	// already: a reaper that was killed before it had the answer asks once more.
	Erased(ctx context.Context, list []Erasure) (links [][]byte, err error)
}
