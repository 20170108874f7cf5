package floor

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/series"
	"hotline/queue"
)

// ErrClosed answers what came after Close.
var ErrClosed = errors.New("the floor is closed")

// A Journal appends events. It is called on the floor's goroutine, so it must not wait for a
// disk, a network or the floor.
type Journal interface {
	Event(call.Event)
}

// Options are what a floor is made of.
type Options struct {
	Rules   []queue.Rules
	House   queue.House
	Journal Journal

	// Book keeps what is decided, and Past is what an earlier floor wrote into it: its last
	// checkpoints and what came after, in order. nil: nothing is kept; the floor begins empty.
	Book Book
	Past []call.Decision

	// Languages are those that operators are counted by.
	Languages []call.Language

	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time // nil: time.Now
}

// Check reports what is missing or impossible, naming config paths.
func (o Options) Check() error {
	var faults []error
	if o.Journal == nil {
		faults = append(faults, errors.New("floor: no journal was given"))
	}
	if o.Log == nil {
		faults = append(faults, errors.New("floor: no logger was given"))
	}
	if o.Metrics == nil {
		faults = append(faults, errors.New("floor: no metrics registerer was given"))
	}
	return errors.Join(append(faults, queue.CheckRules(o.Rules))...)
}

// A Floor is a running queue. Its methods may be called from any goroutine at any time.
type Floor struct {
	journal  Journal
	book     Book // nil: none
	log      *zap.Logger
	now      func() time.Time
	metrics  *metrics
	restored bool

	asks chan ask
	quit chan struct{} // closed by Close: take no more
	done chan struct{} // closed when the goroutine has ended
	once sync.Once

	// Of the goroutine; after done of whoever reads.
	state  *queue.State
	timer  *time.Timer
	orders map[call.ID]chan queue.Order
	last   queue.Snapshot // taken by Close

	untilCheckpoint int // so many events more
}

// ask is one question to the goroutine, which runs do and then closes answered.
type ask struct {
	do       func()
	answered chan struct{}
}

// New starts a floor. Options that Check faults are a programmer's error and panic.
func New(o Options) *Floor {
	if err := o.Check(); err != nil {
		panic(fmt.Errorf("start the floor: %w", err))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Floor{
		journal: o.Journal,
		book:    o.Book,
		log:     o.Log.Named("floor"),
		now:     o.Now,
		asks:    make(chan ask),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		timer:   time.NewTimer(time.Hour),
		orders:  map[call.ID]chan queue.Order{},
	}
	f.timer.Stop() // until the state asks for a wake
	f.metrics = newMetrics(f, o.Languages)
	var errs []error
	f.metrics.panics = series.Panics(o.Metrics, &errs)
	if err := errors.Join(errs...); err != nil {
		panic(err) // a series of another kind has that name: our bug, as where MustRegister says so below
	}
	f.metrics.ensure(o.Rules)
	f.begin(o)
	o.Metrics.MustRegister(f.metrics)
	go f.run()
	return f
}

// begin makes the state: where an earlier floor ended, without all who were on the line.
func (f *Floor) begin(o Options) {
	f.state, f.restored = f.restore(o.Past, f.now())
	f.untilCheckpoint = checkpointEvery
	f.guard(func() {
		if f.restored {
			f.step(queue.Restarted{})
		}
		for _, t := range f.state.Callbacks() { // nobody is offered them yet: no telephone is known
			f.orders[t.Call] = make(chan queue.Order, backlog)
		}
		f.step(queue.RulesSet{Rules: o.Rules, House: o.House})
	})
	if f.book != nil {
		f.checkpoint(f.now())
	}
}

// Close ends the floor: every order channel is closed, every later command is answered with
// ErrClosed, false or nothing. It returns when the goroutine has ended. A second Close is fine.
func (f *Floor) Close() {
	f.once.Do(func() { close(f.quit) })
	<-f.done
}

func (f *Floor) run() {
	defer close(f.done)
	defer f.shut()
	for {
		select {
		case a := <-f.asks:
			f.guard(a.do)
			close(a.answered)
		case <-f.timer.C:
			f.guard(func() { f.step(queue.Tick{}) })
		case <-f.quit:
			return
		}
	}
}

// shut tells every owner of a call that no order will come.
func (f *Floor) shut() {
	f.timer.Stop()
	f.last = f.state.Snapshot(f.now())
	for _, orders := range f.orders {
		close(orders)
	}
	clear(f.orders)
}

// guard keeps one event's bug from ending every call in the house.
func (f *Floor) guard(do func()) {
	defer func() {
		if p := recover(); p != nil {
			f.log.Error("a bug in the queue: one event was not, or only partly, done",
				zap.Any("panic", p), zap.Stack("stack"))
			f.metrics.panics.Inc()
			// The wake of this step may be lost with it: look again soon.
			f.timer.Reset(time.Second)
			f.untilCheckpoint = 0 // the event is not in the book
		}
	}()
	do()
}

// ask has the goroutine run do and waits until it has. False: the floor is closed.
func (f *Floor) ask(do func()) bool {
	a := ask{do: do, answered: make(chan struct{})}
	select {
	case f.asks <- a:
		<-a.answered // it was taken, so it is done: the goroutine leaves only between two asks
		return true
	case <-f.done:
		return false
	}
}

// Enter puts a caller in its queue. Orders for the goroutine that owns the call come on the
// channel until Leave, or Close, closes it. Error: queue.ErrNoQueue, queue.ErrDoubled,
// queue.ErrFull, ErrClosed.
func (f *Floor) Enter(t queue.Ticket) (<-chan queue.Order, error) {
	return f.admit(t, queue.Entered{Ticket: t})
}

// admit lets somebody in by one event.
func (f *Floor) admit(t queue.Ticket, ev queue.Event) (<-chan queue.Order, error) {
	var orders <-chan queue.Order
	err := ErrClosed
	f.ask(func() { orders, err = f.enter(t, ev) })
	return orders, err
}

func (f *Floor) enter(t queue.Ticket, ev queue.Event) (<-chan queue.Order, error) {
	mine := make(chan queue.Order, backlog)
	_, known := f.orders[t.Call]
	if !known {
		f.orders[t.Call] = mine // before the step: the first order may be in it
	}
	if o := f.step(ev); o.refused != nil {
		if !known {
			delete(f.orders, t.Call)
		}
		return nil, o.refused
	}
	return mine, nil
}

// Report tells what became of an order to ring, or that the operator of a talk is Lost. For
// Answered it returns whether the offer still stood: only then the two may be joined. For other
// results the value means nothing.
func (f *Floor) Report(id call.ID, operator string, r queue.Result) bool {
	stood := false
	f.ask(func() {
		stood = f.step(queue.Reported{Call: id, Operator: operator, Result: r}).stood
	})
	return stood
}

// Leave ends a call's part: the caller left, or the talk is over. The operator who talked goes
// to wrap-up, one who was rung is ready again. The call's order channel is closed.
func (f *Floor) Leave(id call.ID) { f.tell(queue.Left{Call: id}) }

// SetOperators makes the list the set of operators.
func (f *Floor) SetOperators(list []queue.Operator) { f.tell(queue.OperatorsSet{Operators: list}) }

// SetRules makes the list the set of queues. Rules that queue.CheckRules faults change nothing
// and are logged; a reload has checked them before. Callers of a queue that is gone are served on.
func (f *Floor) SetRules(rules []queue.Rules, house queue.House) {
	if err := queue.CheckRules(rules); err != nil {
		f.log.Error("new rules are faulty, the old ones stay", zap.Error(err))
		return
	}
	f.ask(func() {
		f.metrics.ensure(rules)
		f.step(queue.RulesSet{Rules: rules, House: house})
	})
}

// Registered tells whether a user's phone can be reached. Fresh: it could not before, which
// includes what is restored after a restart; a refresh is not fresh and makes nobody ready.
func (f *Floor) Registered(user string, registered, fresh bool) {
	f.tell(queue.PhoneChanged{Operator: user, Registered: registered, Fresh: fresh})
}

// Pause keeps an operator from being rung, from after a running talk on. The reason is for the
// journal and the desk. Error: queue.ErrNoOperator, queue.ErrCover (too few would be left at work),
// ErrClosed.
func (f *Floor) Pause(operator, reason string) error {
	return f.command(queue.Paused{Operator: operator, Reason: reason})
}

// PauseAnyway is Pause also where too few are left at work: a supervisor's word.
func (f *Floor) PauseAnyway(operator, reason string) error {
	return f.command(queue.Paused{Operator: operator, Reason: reason, Force: true})
}

// Resume makes an operator ready: it ends a pause, a wrap-up and the rest after a missed offer.
// Error: queue.ErrNoOperator, ErrClosed.
func (f *Floor) Resume(operator string) error {
	return f.command(queue.Resumed{Operator: operator})
}

// ExtendWrapUp gives the operator another wrap-up's time. Error: queue.ErrNoOperator,
// queue.ErrNoWrapUp, ErrClosed.
func (f *Floor) ExtendWrapUp(operator string) error {
	return f.command(queue.WrapUpExtended{Operator: operator})
}

// Dispose says what the operator's last call was about. Error: queue.ErrNoOperator, queue.ErrNoCall,
// ErrClosed.
func (f *Floor) Dispose(operator, topic string) error {
	return f.command(queue.Disposed{Operator: operator, Topic: topic})
}

// Hold tells that the operator of a talk has put the caller on hold, or taken them back.
func (f *Floor) Hold(id call.ID, on bool) { f.tell(queue.Held{Call: id, On: on}) }

// Place says where a caller stands, and how long it will take.
func (f *Floor) Place(id call.ID) queue.Place {
	var p queue.Place
	f.ask(func() { p = f.state.Place(id, f.now()) })
	return p
}

// Told tells that a caller was told how long it will take.
func (f *Floor) Told(id call.ID, wait time.Duration) { f.tell(queue.Told{Call: id, Wait: wait}) }

// Prioritise gives one waiting caller a head start. Error: queue.ErrNoCall, ErrClosed.
func (f *Floor) Prioritise(id call.ID, headStart time.Duration) error {
	return f.command(queue.Prioritised{Call: id, HeadStart: headStart})
}

// AskCallback puts somebody in the line who will be called, in the place of the call that asks (t.For),
// where that waits: it leaves, and its order channel is closed. Orders for the goroutine that owns the
// callback come on the channel until it is closed. Error: queue.ErrCallbackOpen, queue.ErrNoCall,
// queue.ErrNoQueue, ErrClosed.
func (f *Floor) AskCallback(t queue.Ticket) (<-chan queue.Order, error) {
	return f.admit(t, queue.CallbackAsked{Ticket: t})
}

// CallbackReached tells that whoever was to be called has answered and may be joined.
func (f *Floor) CallbackReached(id call.ID) { f.tell(queue.CallbackReached{Call: id}) }

// CallbackFailed tells that they did not; final: it is not tried again.
func (f *Floor) CallbackFailed(id call.ID, final bool) {
	f.tell(queue.CallbackFailed{Call: id, Final: final})
}

// SetHours tells that a queue's hours begin or end: outside them nobody is called back.
func (f *Floor) SetHours(name string, open bool) { f.tell(queue.HoursSet{Queue: name, Open: open}) }

// Staff shows what those operators do who serve each queue in each language.
func (f *Floor) Staff(languages []call.Language) []queue.StaffView {
	var out []queue.StaffView
	f.ask(func() { out = f.state.Staff(languages) })
	return out
}

// OwnCall tells that the operator's telephone has made a call, or that such a call is over. Each
// that was told on must be told off.
func (f *Floor) OwnCall(operator string, on bool) {
	f.tell(queue.OwnCallChanged{Operator: operator, On: on})
}

// Reserve keeps an operator for a call that asks for them by name: a transfer, a colleague's. It is
// false where they are in a call or cannot be reached. Release ends it, or Transfer.
func (f *Floor) Reserve(operator string) bool {
	stood := false
	f.ask(func() { stood = f.step(queue.Reserved{Operator: operator}).stood })
	return stood
}

// Release lets an operator go who was reserved.
func (f *Floor) Release(operator string) { f.tell(queue.Released{Operator: operator}) }

// Transfer hands the caller of a talk on, to an operator who is reserved, or to somebody who is
// none (empty): then the call has no more part here and its order channel is closed. The operator
// of before goes to wrap-up. It is false where there is no such talk or no such reservation.
func (f *Floor) Transfer(id call.ID, to string) bool {
	stood := false
	f.ask(func() { stood = f.step(queue.Transferred{Call: id, To: to}).stood })
	return stood
}

// Known reports whether there is an operator of that name.
func (f *Floor) Known(operator string) bool {
	known := false
	f.ask(func() { known = f.state.Known(operator) })
	return known
}

// Snapshot shows who waits and who works now; after Close, as it was then.
func (f *Floor) Snapshot() queue.Snapshot {
	var snap queue.Snapshot
	if !f.ask(func() { snap = f.state.Snapshot(f.now()) }) {
		return f.last
	}
	return snap
}

func (f *Floor) tell(ev queue.Event) { f.ask(func() { f.step(ev) }) }

func (f *Floor) command(ev queue.Event) error {
	err := ErrClosed
	f.ask(func() { err = f.step(ev).refused })
	return err
}
