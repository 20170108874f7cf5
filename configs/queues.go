package configs

import (
	"time"

	"hotline/call"
)

// A Queue is where callers wait.
type Queue struct {
	Name      string     `yaml:"name"`
	Target    Duration   `yaml:"target"`        // service level threshold
	Short     Duration   `yaml:"short"`         // who leaves sooner is not counted as abandoned
	Offer     Duration   `yaml:"offer"`         // how long one operator is rung
	WrapUp    Duration   `yaml:"wrap_up"`       // after each call; 0 for none
	Strategy  Strategy   `yaml:"strategy"`      // who of several free operators
	AtOnce    int        `yaml:"at_once"`       // of ring-several
	HeadStart Duration   `yaml:"head_start"`    // the queue's priority, as time waited
	Steps     []Step     `yaml:"steps"`         // what an operator must know, as a caller waits
	Last      Duration   `yaml:"last_operator"` // how long a caller waits for that of last time alone
	Overflow  []Overflow `yaml:"overflow"`      // whose operators help, as a caller waits
	Limit     int        `yaml:"limit"`         // callers who may wait here; 0: no limit of its own
	Longest   Duration   `yaml:"longest"`       // longest wait; 0: none
	Then      Way        `yaml:"then"`          // out of the longest wait
	Nobody    Way        `yaml:"nobody"`        // where nobody is at work: WayWait or WayLeave
	SayEvery  Duration   `yaml:"say_every"`     // a voice so often
	Position  bool       `yaml:"position"`      // places are said
	Estimate  bool       `yaml:"estimate"`      // and how long it will take
	Comfort   []string   `yaml:"comfort"`       // clips, in turn
	Callback  Callback   `yaml:"callback"`
	Survey    string     `yaml:"survey"` // after the talk; empty: none
	Operators Operators  `yaml:"operators"`

	// AutoAnswer asks operators' telephones to answer by themselves.
	AutoAnswer bool `yaml:"auto_answer"`
}

// A Strategy is who of several free operators is offered a caller.
type Strategy string

// The strategies.
const (
	LongestIdle Strategy = "longest-idle"
	LeastTalk   Strategy = "least-talk"
	RoundRobin  Strategy = "round-robin"
	RingSeveral Strategy = "ring-several"
	ByLevel     Strategy = "level"
)

// A Step is what an operator must know to be offered a caller who has waited for After.
type Step struct {
	After    Duration       `yaml:"after"`
	Language int            `yaml:"language"` // least level in the caller's language; 0: none needed
	Skills   map[string]int `yaml:"skills"`   // each with its least level
}

// An Overflow lets the operators of another queue help with callers who have waited for After.
type Overflow struct {
	After Duration `yaml:"after"`
	To    string   `yaml:"to"`
}

// A Way is what becomes of a caller whom nobody can serve.
type Way string

// The ways.
const (
	WayEnd      Way = "end"      // told so, and let go
	WayCallback Way = "callback" // offered to be called back, else let go
	WayWait     Way = "wait"     // told so, and waits
	WayLeave    Way = "leave"    // told so, offered to be called back, else let go
)

// A Callback is when callers are offered to be called back, and how they are.
type Callback struct {
	Above Duration `yaml:"above"` // the estimate from which on it is offered; 0: never
	Key   int      `yaml:"key"`
	Tries int      `yaml:"tries"`
	Pause Duration `yaml:"pause"` // between two tries
}

// Operators is how a queue treats those who serve it.
type Operators struct {
	// ReadyOnRegister: a telephone that becomes registered makes its operator ready.
	ReadyOnRegister bool `yaml:"ready_on_register"`

	// PauseAfter so many missed offers in a row the operator is paused; 0: never.
	PauseAfter int `yaml:"pause_after"`
}

// House is what holds for operators in all queues.
type House struct {
	Pauses      map[string]string     `yaml:"pauses"` // reasons by the digit dialled after *46
	Cover       map[call.Language]int `yaml:"cover"`  // how many are to be at work
	CoverBreach Breach                `yaml:"cover_breach"`
}

// A Breach is what becomes of a pause that leaves too few at work.
type Breach string

// The breaches.
const (
	BreachWarn   Breach = "warn"
	BreachRefuse Breach = "refuse"
)

// A Topic is what a call was about, by the digit dialled after *48.
type Topic struct {
	Name   string            `yaml:"name"`
	Topics map[string]string `yaml:"topics"` // a second level, by the next digit
}

func (t *Topic) defaults() { t.Topics = map[string]string{} }

func (s *Step) defaults() { s.Language, s.Skills = 1, map[string]int{} }

func (q *Queue) defaults() {
	q.Target, q.Short = Duration(20*time.Second), Duration(5*time.Second)
	q.Offer = Duration(15 * time.Second)
	q.WrapUp = Duration(60 * time.Second)
	q.Strategy, q.AtOnce = LongestIdle, 3
	q.Steps, q.Overflow = []Step{}, []Overflow{}
	q.Then, q.Nobody = WayEnd, WayWait
	q.SayEvery, q.Position, q.Estimate = Duration(time.Minute), true, true
	q.Comfort = []string{"queue.allBusy", "queue.thanks"}
	q.Callback = Callback{Above: Duration(3 * time.Minute), Key: 1, Tries: 3, Pause: Duration(10 * time.Minute)}
	q.Operators = Operators{ReadyOnRegister: true, PauseAfter: 3}
}

func defaultHouse() House {
	return House{
		Pauses:      map[string]string{"1": "lunch", "2": "break", "3": "training", "4": "meeting", "5": "paperwork"},
		Cover:       map[call.Language]int{},
		CoverBreach: BreachWarn,
	}
}
