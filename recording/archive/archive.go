package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// Options are what an Archive is made of.
type Options struct {
	Dir    string    // DATA/recordings; must be there
	Places []Located // in the order in which they are read from
	Rate   int64     // bytes a second that are sent and read back, in all; 0: as many as go

	// KeepLocal is how long the sound stays here after the seal, once all places have it. 0: it goes
	// at once; negative: it stays as long as the recording is kept.
	KeepLocal time.Duration

	Log     *zap.Logger
	Metrics prometheus.Registerer
	Clock   Clock // nil: the machine's

	// Events is told recording.away, recording.local_removed and recording.away_erased. It must not
	// wait. It may be nil.
	Events func(call.Event)
}

// An Archive knows where the recordings are.
type Archive struct {
	o       Options
	root    *os.Root
	log     *zap.Logger
	metrics *metrics
	clock   Clock
	limit   limiter
	locks   locks
	notes   sync.Mutex // who changes a note of a recording that others may send holds it
	marks   sync.Mutex // who changes a mark holds it

	mu      sync.Mutex
	lanes   []*lane
	erasing map[string]*mark                      // by stem
	sending map[string]map[int]context.CancelFunc // by stem and place
	stop    context.CancelFunc                    // nil: not started
	closed  bool

	kick chan struct{} // holds one
	work sync.WaitGroup
}

// New makes an archive of a folder of recordings. Nothing is sent before Start.
func New(o Options) (*Archive, error) {
	if o.Clock == nil {
		o.Clock = machineClock{}
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	a := &Archive{
		o: o, root: root, log: o.Log.Named("away"), clock: o.Clock, limit: limiter{clock: o.Clock, second: o.Rate},
		erasing: map[string]*mark{}, sending: map[string]map[int]context.CancelFunc{}, kick: make(chan struct{}, 1),
	}
	a.metrics, err = newMetrics(o.Metrics, a.count(func() float64 { return float64(a.pending()) }),
		a.count(a.age), a.count(func() float64 { return float64(len(a.owing())) }), a.count(a.debt))
	if err == nil {
		err = a.loadMarks()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("archive: %w", err), root.Close())
	}
	a.makeLanes()
	return a, nil
}

// count makes a gauge of what the lock guards.
func (a *Archive) count(read func() float64) func() float64 {
	return func() float64 {
		a.mu.Lock()
		defer a.mu.Unlock()
		return read()
	}
}

// pending is how many recordings wait for some place. The lock is held.
func (a *Archive) pending() int {
	all := map[string]bool{}
	for _, l := range a.lanes {
		if l.kind == sends {
			for stem := range l.items {
				all[stem] = true
			}
		}
	}
	return len(all)
}

// age is since how many seconds the oldest waits. The lock is held.
func (a *Archive) age() float64 {
	var oldest time.Time
	for _, l := range a.lanes {
		if at := l.oldest(); l.kind == sends && !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	if oldest.IsZero() {
		return 0
	}
	return max(0, a.clock.Now().Sub(oldest).Seconds())
}

// debt is since how many seconds the oldest erasure is owed. The lock is held.
func (a *Archive) debt() (oldest float64) {
	for _, m := range a.owing() {
		oldest = max(oldest, a.clock.Now().Sub(m.Asked).Seconds())
	}
	return oldest
}

// Pending is how many recordings some place does not have yet.
func (a *Archive) Pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pending()
}

// event tells what happened to a recording.
func (a *Archive) event(stem, name string, data map[string]string) {
	if a.o.Events != nil {
		a.o.Events(call.Event{At: a.clock.Now(), Call: callOf(stem), Name: name, Data: data})
	}
}
