package media

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// ErrClosed says that the engine has been closed.
var ErrClosed = errors.New("the media engine is closed")

// Options are what an Engine is made of.
type Options struct {
	Listen  netip.Addr            // media.listen: the address whose ports we take; 0.0.0.0 or :: for all
	Ports   PortRange             // media.ports
	Engine  string                // "epoll" (Linux) or "portable"; empty is the best of this system
	Threads int                   // loops, each on a thread of its own; 0 is one a core
	Rest    time.Duration         // how long a released pair of ports rests; 0 is 30 s
	Log     *zap.Logger           // never nil
	Metrics prometheus.Registerer // nil: the series are kept and shown to nobody
}

// Check complains about options that cannot be, by their paths in the configuration file.
func (o Options) Check() error {
	var errs []error
	if !o.Listen.IsValid() {
		errs = append(errs, errors.New("media.listen: an IP address is needed, such as 0.0.0.0"))
	}
	errs = append(errs, o.Ports.check())
	if _, err := networkNamed(o.Engine); err != nil {
		errs = append(errs, err)
	}
	if o.Threads < 0 || o.Rest < 0 {
		errs = append(errs, errors.New("media: the number of threads and the rest of ports are never below zero"))
	}
	return errors.Join(errs...)
}

// An Engine carries the sound of all calls of this process.
type Engine struct {
	log     *zap.Logger
	listen  netip.Addr
	net     network
	ports   *portTable
	metrics *metrics
	loops   []*loop
	epoch   time.Time // zero of the engine's clock
	quiet   map[call.Role]time.Duration

	moving sync.Mutex // held while a leg changes its loop, and while closing
	closed bool       // under moving
	done   chan struct{}
}

// New opens the engine and starts its loops. No port is bound before the first leg.
func New(o Options) (*Engine, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Rest == 0 {
		o.Rest = portRest
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	e := &Engine{
		log:    o.Log,
		listen: o.Listen.Unmap(),
		ports:  newPortTable(o.Ports, o.Rest),
		epoch:  time.Now(),
		quiet:  quietAfter(),
		done:   make(chan struct{}),
	}
	var err error
	if e.net, err = networkNamed(o.Engine); err != nil {
		return nil, err
	}
	if e.metrics, err = newMetrics(o.Metrics, e.ports); err != nil {
		return nil, err
	}
	for range o.Threads {
		lp, err := newLoop(e)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start a media loop: %w", err), e.Close())
		}
		e.loops = append(e.loops, lp)
	}
	e.log.Debug("media engine is open", zap.String("engine", e.Name()), zap.Int("threads", o.Threads))
	return e, nil
}

// Close ends every leg, each with a goodbye by RTCP, and stops the loops. It returns when all
// sockets are closed. A second Close does nothing.
func (e *Engine) Close() error {
	e.moving.Lock()
	defer e.moving.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	for _, lp := range e.loops {
		lp.stop()
	}
	for _, lp := range e.loops {
		<-lp.stopped
	}
	close(e.done)
	return nil
}

// Turn returns when each loop has come round once, or has ended. A loop that hangs, and carries
// nobody's sound any more, keeps it waiting: who watches over the program finds out so.
func (e *Engine) Turn() {
	for _, lp := range e.loops {
		turned := make(chan struct{})
		if lp.post(command{do: func() { close(turned) }}) {
			<-turned
		}
	}
}

// Name is "epoll" or "portable".
func (e *Engine) Name() string { return e.net.name() }

// Addr is the address the engine listens on, as in its options.
func (e *Engine) Addr() netip.Addr { return e.listen }

// Ports counts pairs of ports: in use, resting after a call, and free.
func (e *Engine) Ports() (used, resting, free int) { return e.ports.count(time.Now()) }

// loopOf puts the legs of one call on one loop, so that joining them moves nothing.
func (e *Engine) loopOf(id call.ID) *loop {
	h := fnv.New32a()
	h.Write([]byte(id))
	return e.loops[int(h.Sum32())%len(e.loops)]
}

// clock is the engine's time in nanoseconds: monotonic, from its opening.
func (e *Engine) clock() int64 { return int64(time.Since(e.epoch)) }

// at is a moment of the engine's clock as a time with a monotonic reading.
func (e *Engine) at(clock int64) time.Time { return e.epoch.Add(time.Duration(clock)) }

// networkNamed finds the way to the wire that the options ask for.
func networkNamed(name string) (network, error) {
	switch {
	case name == "portable":
		return portable{}, nil
	case name == "epoll" && bestNetwork().name() != "epoll":
		return nil, errors.New("media.engine: epoll is Linux's; portable runs everywhere")
	case name == "" || name == "epoll":
		return bestNetwork(), nil
	}
	return nil, fmt.Errorf("media.engine: %q is neither epoll nor portable", name)
}
