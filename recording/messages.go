package recording

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// The files and folders of messages are for the server alone: they hold numbers in full, and what
// people say about others.
const (
	messageFolderMode = 0o700
	messageFileMode   = 0o600
)

// keepsAtOnce is how many requests may wait for the disk: a message of three minutes has 6 MB in
// memory until it is kept.
const keepsAtOnce = 32

// Messages keeps what callers leave after the tone.
//
//	YYYY/MM/DD/ID.wav   the sound, in the folder of its day
//	new/ID.json         its slip, until somebody has been told of it
//	YYYY/MM/DD/ID.json  its slip from then on
//
// A message is kept when its slip has its name, and not before. The slip is written first, under
// the name new/ID.json.tmp, then the sound, and then the slip gets its name. So whoever dies
// leaves either nothing, or a temporary slip with which the next start finds the sound: it
// finishes the message if the sound is whole, and removes both if it is not. What nobody has been
// told of is found in one small folder, however many messages there are.
type Messages struct {
	o       MessagesOptions
	root    *os.Root
	log     *zap.Logger
	metrics *messageMetrics
	disk    disk

	mu      sync.Mutex
	closed  bool
	busy    map[call.ID]bool // being kept
	days    map[string]bool  // folders whose entries are on the disk, up to the root
	damaged map[string]bool  // slips that were logged as unreadable

	places  chan struct{} // a place for each request that waits for the disk
	working sync.WaitGroup
}

// MessagesOptions are what Messages is made of.
type MessagesOptions struct {
	Dir     string         // DATA/messages; made if it is not there
	Zone    *time.Location // of the day a message is filed under
	Log     *zap.Logger
	Metrics prometheus.Registerer

	// Late is told of a message that was kept after the context given to Keep had ended, and
	// only of such a one. It may be nil: the next start's Untold has it too.
	Late func(call.Message)
}

// Check reports every option that cannot be, naming the path in the configuration file.
func (o MessagesOptions) Check() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("data: the folder of the messages is not named"))
	}
	if o.Zone == nil {
		errs = append(errs, errors.New("timezone: not given"))
	}
	if o.Log == nil || o.Metrics == nil {
		errs = append(errs, errors.New("messages: no log or no metrics given"))
	}
	return errors.Join(errs...)
}

// NewMessages opens the folder of messages and finishes, or takes away, what an earlier process
// died over. It reads only what nobody has been told of.
func NewMessages(o MessagesOptions) (*Messages, error) { return newMessages(o, realDisk()) }

func newMessages(o MessagesOptions, d disk) (*Messages, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	m, err := newMessageMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	if err := os.MkdirAll(o.Dir, messageFolderMode); err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	s := &Messages{
		o: o, root: root, log: o.Log.Named("messages"), metrics: m, disk: d,
		busy: map[call.ID]bool{}, days: map[string]bool{}, damaged: map[string]bool{},
		places: make(chan struct{}, keepsAtOnce),
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("messages: %w", err), root.Close())
	}
	return s, nil
}

// begin makes the folder of what is new and looks through it.
func (s *Messages) begin() error {
	if err := s.root.MkdirAll(newFolder, messageFolderMode); err != nil {
		return err
	}
	if err := s.disk.folder(s.root, "."); err != nil {
		return err
	}
	data, err := os.Open(filepath.Dir(s.o.Dir))
	if err != nil {
		return err
	}
	if err := errors.Join(data.Sync(), data.Close()); err != nil { // the folder itself may be new
		return err
	}
	return s.mend()
}

// Close waits up to five seconds for what is being kept. Afterwards nothing is kept any more.
func (s *Messages) Close() {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return
	}
	done := make(chan struct{})
	go func() { s.working.Wait(); close(done) }()
	bound := time.NewTimer(closeWait)
	defer bound.Stop()
	select {
	case <-done:
	case <-bound.C:
		s.log.Error("the disk does not take messages that are waiting; the next start finishes what it has of them")
		return // the folder is still theirs
	}
	if err := s.root.Close(); err != nil {
		s.log.Warn("closing the folder of messages", zap.Error(err))
	}
}

// run does work that may hang in the disk, on a goroutine of its own, and waits for it as long as
// ctx lasts. Where it outlasts ctx and succeeds, late is called.
func (s *Messages) run(ctx context.Context, work func() error, late func()) error {
	if err := s.enter(); err != nil {
		return err
	}
	var mu sync.Mutex
	var err error
	var left, settled bool
	done := make(chan struct{})
	go func() {
		defer s.leave()
		worked := s.guard(work)
		mu.Lock()
		err, settled = worked, true
		was := left
		mu.Unlock()
		close(done)
		if was && worked == nil {
			late()
		}
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	if settled {
		return err
	}
	left = true
	return fmt.Errorf("the disk has not answered: %w", ctx.Err())
}

// enter takes a place at the disk.
func (s *Messages) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("no more messages are kept: %w", ErrClosed)
	}
	select {
	case s.places <- struct{}{}:
	default:
		return fmt.Errorf("the disk of the messages does not answer: %d wait for it", keepsAtOnce)
	}
	s.working.Add(1)
	return nil
}

func (s *Messages) leave() {
	<-s.places
	s.working.Done()
}

// guard makes an error of a bug: it costs one message and nobody else's call.
func (s *Messages) guard(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.log.Error("a panic while keeping messages", zap.Any("panic", p), zap.StackSkip("stack", 2))
			err = fmt.Errorf("a panic: %v", p)
		}
	}()
	return work()
}

// disk is what Messages asks the disk for. Tests put one here that is full, hangs, or is the end of
// the process.
type disk struct {
	write  func(f *os.File, b []byte) error
	sync   func(f *os.File) error
	folder func(root *os.Root, dir string) error // syncs its entries
	rename func(root *os.Root, from, to string) error
}

func realDisk() disk {
	return disk{
		write:  func(f *os.File, b []byte) error { _, err := f.Write(b); return err },
		sync:   datasync,
		folder: syncFolder,
		rename: (*os.Root).Rename,
	}
}
