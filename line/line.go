package line

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
	"hotline/queue"
	"hotline/recording"
)

// A Floor decides who takes which caller; floor.Floor is one.
type Floor interface {
	Enter(t queue.Ticket) (<-chan queue.Order, error)
	Report(id call.ID, operator string, r queue.Result) bool
	Leave(id call.ID)

	// Reserve keeps an operator for somebody who asks for them; false: they are in a call or
	// cannot be reached. Operators.Release or Transfer ends it.
	Reserve(operator string) bool

	// Transfer hands the caller on to an operator who is reserved, or (empty) out of the house.
	Transfer(id call.ID, to string) bool
}

// Operators knows who works here; floor.Floor is one.
type Operators interface {
	OwnCall(operator string, on bool)
	Known(operator string) bool

	// Release lets an operator go who was reserved.
	Release(operator string)
}

// Stars is what an operator's own telephone may change by a code; floor.Floor is one.
type Stars interface {
	Pause(operator, reason string) error
	Resume(operator string) error
	ExtendWrapUp(operator string) error
	Dispose(operator, topic string) error
}

// Places knows how callers stand, and hears what they were told and who is on hold; floor.Floor is one.
type Places interface {
	Place(id call.ID) queue.Place
	Told(id call.ID, wait time.Duration)
	Hold(id call.ID, on bool)

	// Prioritise gives a caller who waits a head start.
	Prioritise(id call.ID, headStart time.Duration) error
}

// Callbacks puts those in the line who prefer to be called. From then on each has an owner who serves
// it (ServeCallback), which is not the call that asked.
type Callbacks interface {
	AskCallback(t queue.Ticket) error
	CallbackReached(id call.ID)
	CallbackFailed(id call.ID, final bool)
}

// A Dialer rings an operator's telephones; sip.Server is one.
type Dialer interface {
	Dial(ctx context.Context, d call.Dial) (call.Leg, error)

	// DialOutside rings one telephone by a trunk.
	DialOutside(ctx context.Context, o call.Outside) (call.Leg, error)

	// MayCall reports whether somebody may be called back there: a number that is let out now, no
	// emergency one, and a trunk that takes calls. Empty asks whether there is any such number.
	MayCall(number call.Number) bool
}

// A Journal keeps what happened; store.Store is one. It never waits for a disk.
type Journal interface {
	Arrived(r call.Record) error
	Event(e call.Event)
	Closed(r call.Record) error
}

// A Recorder opens recordings; recording.Recorder is one.
type Recorder interface {
	Open(m recording.Meta) (*recording.Recording, error)
	Healthy() error
}

// Prompts finds clips; prompts.Library is one.
type Prompts interface {
	ivr.Speech
	Speech
	Music() *call.Clip
}

// Speech says what has numbers in it; prompts.Library is one. What it cannot say whole is nil.
type Speech interface {
	SayPosition(n int, lang call.Language) []*call.Clip
	SayWait(d time.Duration, lang call.Language) []*call.Clip
	SayDigits(number string, lang call.Language) []*call.Clip
	SayDay(t time.Time, lang call.Language) []*call.Clip
	SayChoice(item string, key byte, lang call.Language) []*call.Clip
	SayCase(number string, lang call.Language) []*call.Clip
}

// A Policy says what becomes of a call whose sound cannot be recorded.
type Policy string

// The policies of recording.policy.
const (
	RecordAlways  Policy = "always"         // go on unrecorded only if the disk fails, marked
	RefuseWithout Policy = "refuse-without" // refuse instead
	RecordOff     Policy = "off"            // no notice, no file
)

// A Number is one line: what the public dials and where it leads.
type Number struct {
	Number string
	Also   []string   // other spellings carriers send
	Queue  string     // the nearest one from its start; empty: no menu leads to any
	Hours  call.Hours // nil: always, and with music on every day

	// Menus are those of the whole configuration. Without any the caller comes straight to Queue.
	Menus  ivr.Menus
	Open   Start
	Closed Start    // outside the hours; its zero value: words, and the call ends
	Queues []string // all that its menus lead to
}

// A Start is where callers begin, and where 0 leads them.
type Start struct{ Menu, Person string }

// leads reports whether there is anything behind a number.
func (n *Number) leads() bool { return n.Open.Menu != "" }

// direct is the menu of a number that has none.
const direct = "queue"

// complete gives a number without menus the one that it stands for.
func (n *Number) complete() {
	if n.Open.Menu != "" || n.Queue == "" {
		return
	}
	n.Menus = ivr.Menus{direct: {Name: direct, Kind: ivr.Queue, Target: n.Queue}}
	n.Open, n.Queues = Start{Menu: direct, Person: direct}, []string{n.Queue}
}

// A Queue is what callers who wait in it, and who serves it, live through.
type Queue struct {
	AutoAnswer bool // telephones of operators are asked to answer by themselves

	SayEvery           time.Duration // how often a voice is heard; 0: music alone
	Position, Estimate bool          // places, and how long it will take, are said
	Comfort            []string      // clips that are said in turn
	Leave              bool          // where nobody is at work callers are told so and let go

	CallbackAbove time.Duration // the estimate above which it is offered; 0: never
	CallbackKey   byte
	CallbackLast  bool // also to those whose longest wait is over

	Survey string // that callers are asked after the talk; empty: none
}

// Settings are what a reload may change. Calls already inside keep those they began with.
type Settings struct {
	Lines     []Number
	Languages []call.Language // order of the language menu; the first is the default
	Policy    Policy
	Limit     int  // calls at once; above it 486
	Waiting   int  // callers who may wait at once; one more hears that all lines are busy; 0: no limit
	Whisper   bool // the operator hears the caller's language before being joined

	Queues    map[string]Queue // by name; a call may be put through to each
	Pauses    map[string]string
	Topic     func(digits string) string // what was dialled after *48; empty: nothing of that name
	Directory []Entry
	Ring      time.Duration // how long somebody is rung before a transferred caller goes back; 0 takes 20 s

	Pause PauseBounds
	Tone  time.Duration // how often both who talk are reminded by a tone that they are recorded; 0: never

	Surveys       map[string]Survey
	Announcements []Announcement
	Status        StatusBounds
	Emergency     Emergency

	// Spell writes a number in the one way in which numbers are compared; nil: as it is.
	Spell func(number string) string
}

// Check names the first setting that cannot work, by its path in the configuration.
func (s Settings) Check() error {
	switch {
	case len(s.Languages) == 0:
		return errors.New("languages: none is given, one at least is needed")
	case s.Limit <= 0:
		return fmt.Errorf("limits.calls: %d, must be above 0", s.Limit)
	}
	for i, n := range s.Lines {
		if n.Number == "" || n.Queue == "" && n.Open.Menu == "" {
			return fmt.Errorf("lines[%d]: has no number or leads nowhere", i)
		}
	}
	return nil
}

// Options are what a Line is built from. All but Now, OnState and what Desk has are required.
type Options struct {
	Settings  Settings
	Floor     Floor
	Operators Operators
	Stars     Stars
	Places    Places
	Callbacks Callbacks
	Dialer    Dialer
	Journal   Journal
	Recorder  Recorder
	Prompts   Prompts
	Log       *zap.Logger
	Metrics   prometheus.Registerer

	// What menus need besides: nil where it is not to be had, which callers are told.
	Cases    Cases
	Messages Messages
	Statuses Statuses
	Opinions Opinions
	Gate     Gate

	// Last gives the operator a number talked to last, empty for none. It may take its time: the
	// caller hears the greeting meanwhile. nil: nobody is remembered.
	Last func(ctx context.Context, number call.Number) string

	// Now is the clock that hours go by, of lines and of the directory; nil: time.Now. Everything
	// else, records too, goes by the machine's.
	Now func() time.Time

	// OnState, where set, is called by the call's own goroutine when it enters a state: for
	// tests that plant a panic or a kill there.
	OnState func(id call.ID, s call.State)
}

// A Line takes the calls of all numbers of the hotline.
type Line struct {
	o        Options
	log      *zap.Logger
	settings atomic.Pointer[Settings]
	metrics  *metrics
	visits   visits
	queued   atomic.Int64 // visits that are greeted or wait
	away     atomic.Int64 // visits that hear that all lines are busy
	talks    talks        // who talks to whom, for transfers that one call asks of another

	stopping context.Context // its cause ends every call that is still here
	stop     context.CancelCauseFunc
}

// New builds a Line. Errors name the setting that is wrong.
func New(o Options) (*Line, error) {
	if err := o.Settings.Check(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	l := &Line{o: o, log: o.Log, talks: newTalks(), metrics: m}
	l.stopping, l.stop = context.WithCancelCause(context.Background())
	l.Configure(o.Settings)
	return l, nil
}

// Configure swaps the settings at once. They must have passed Check.
func (l *Line) Configure(s Settings) {
	if s.Ring == 0 {
		s.Ring = 20 * time.Second
	}
	s.Lines = slices.Clone(s.Lines)
	for i := range s.Lines {
		s.Lines[i].complete()
	}
	l.settings.Store(&s)
	for _, n := range s.Lines {
		l.metrics.preset(n)
	}
	for _, a := range s.Announcements {
		l.metrics.informed.WithLabelValues(a.Name)
	}
}

// Is reports whether the dialled number is one of our lines.
func (l *Line) Is(dialled string) bool { return find(l.settings.Load(), dialled) != nil }

func find(s *Settings, dialled string) *Number {
	for i := range s.Lines {
		n := &s.Lines[i]
		if n.Number == dialled {
			return n
		}
		for _, also := range n.Also {
			if also == dialled {
				return n
			}
		}
	}
	return nil
}

// Active is how many calls are here now.
func (l *Line) Active() int { return l.visits.count() }

// Wait returns when no call is left, or ctx has ended (then its error).
func (l *Line) Wait(ctx context.Context) error {
	select {
	case <-l.visits.none():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop says goodbye to every call that is here, hangs up and closes its record as stopped. It
// does not wait: Wait does.
func (l *Line) Stop() { l.stop(errStopping) }

// Full says whether a caller who comes now is told that all lines are busy.
func (l *Line) Full() bool {
	most := l.settings.Load().Waiting
	return most > 0 && l.queued.Load() >= int64(most)
}

// visits counts who is here. It is no sync.WaitGroup because callers come, to be refused, also
// while a stop waits for the last one to leave.
type visits struct {
	mu   sync.Mutex
	here int
	last chan struct{} // closed when the last one leaves; nil before the first
}

func (v *visits) enter() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.here++; v.here == 1 {
		v.last = make(chan struct{})
	}
}

func (v *visits) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.here--; v.here == 0 {
		close(v.last)
	}
}

func (v *visits) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.here
}

// none is closed when nobody is here.
func (v *visits) none() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == nil {
		v.last = make(chan struct{})
		close(v.last)
	}
	return v.last
}
