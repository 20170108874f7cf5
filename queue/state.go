package queue

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/call"
)

// Times that hold for every queue.
const (
	// Grace is how long after its deadline an offer waits for the owner's report: a CANCEL and
	// its 487 take a round trip each, and a slow phone two seconds. Then the caller goes on.
	Grace = 5 * time.Second

	// Rest is how long an operator who let an offer pass is not rung. Two offers of 15 s: long
	// enough that the caller tries two others first, short enough for one who only stood up.
	Rest = 30 * time.Second

	// Quiet is how long a phone whose offer was taken back is left alone, so that the old ring
	// has stopped and a report of it still on its way is not taken for one of the next offer.
	Quiet = time.Second

	// LongestWrapUp is how far a wrap-up can be put off from now.
	LongestWrapUp = 15 * time.Minute

	// usualWrapUp is by how much an extension moves a wrap-up in a queue that has none.
	usualWrapUp = time.Minute
)

// What a step may refuse.
var (
	ErrNoQueue    = errors.New("there is no such queue")
	ErrDoubled    = errors.New("the call is in a queue already")
	ErrNoOperator = errors.New("there is no such operator")
	ErrFull       = errors.New("the queue is full")
	ErrNoCall     = errors.New("there is no such call")
	ErrNoWrapUp   = errors.New("there is no wrap-up")
	ErrCover      = errors.New("too few operators would be left at work")

	// ErrCallbackOpen says that whoever is to be called back is in the line already.
	ErrCallbackOpen = errors.New("a callback is open for this number")
)

// A State is all that is known of who waits and who is free. It is not safe for use by several
// goroutines: one runner owns it.
type State struct {
	now       time.Time           // of the current step; never runs backwards
	house     House               //
	rules     []*ruled            // in the order of the configuration, then the retired
	operators []*operator         // by name
	phones    map[string]bool     // users whose phone is registered, operators or not; only looked up
	calls     map[call.ID]*caller // everybody between Entered and Left; only looked up
	parties   map[string]call.ID  // open callbacks, by whom they call; only looked up
	timers    timers              // of operators and callers

	demands   []*demand
	unused    int // demands that no caller has now
	abilities []*ability
	demandBy  map[string]*demand
	abilityBy map[string]*ability

	touchedOperators []*operator
	touchedCallers   []*caller

	out []Command // of the current step
}

// ruled is a queue's rules, and who waits there.
type ruled struct {
	Rules
	retired bool                    // a reload has dropped it
	closed  bool                    // outside its hours: nobody is called back
	calls   int                     // callers between Entered and Left
	line    []*caller               // not yet talking, in the order they are to be served
	turn    string                  // the operator offered last
	paces   map[call.Language]*pace // only looked up
}

// wrapUp is by how much an extension moves a wrap-up.
func (r *ruled) wrapUp() time.Duration {
	if r.WrapUp > 0 {
		return r.WrapUp
	}
	return usualWrapUp
}

// waiting is how many wait on the line.
func (r *ruled) waiting() (n int) {
	for _, c := range r.line {
		if c.live() {
			n++
		}
	}
	return n
}

// New makes the state of a house where nobody waits and nobody works. Of two rules with one
// name the first counts; CheckRules finds such faults.
func New(rules []Rules) *State {
	s := &State{
		phones: map[string]bool{}, calls: map[call.ID]*caller{}, parties: map[string]call.ID{},
		demandBy: map[string]*demand{}, abilityBy: map[string]*ability{},
	}
	s.setRules(rules)
	return s
}

// CheckRules reports every fault of the rules, naming config paths ("queues[0].offer").
func CheckRules(rules []Rules) error {
	var faults []error
	fault := func(i int, key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("queues[%d].%s: %s", i, key, fmt.Sprintf(format, args...)))
	}
	seen := map[string]bool{}
	for i, r := range rules {
		switch {
		case r.Name == "":
			fault(i, "name", "is empty, a queue needs a name")
		case seen[r.Name]:
			fault(i, "name", "%q stands twice, each queue needs its own name", r.Name)
		}
		seen[r.Name] = true
		if r.Target < 0 {
			fault(i, "target", "%s is negative, would be right: 20s", r.Target)
		}
		if r.Offer <= 0 {
			fault(i, "offer", "%s is no time to ring, would be right: 15s", r.Offer)
		}
		if r.WrapUp < 0 {
			fault(i, "wrap_up", "%s is negative, would be right: 60s, or 0s for none", r.WrapUp)
		}
		checkChoice(r, func(key, format string, args ...any) { fault(i, key, format, args...) })
	}
	return errors.Join(faults...)
}

// setRules makes the list the set of queues; one that is not in it retires. Everybody who waits is
// filed anew, by what is needed now.
func (s *State) setRules(list []Rules) {
	var rules []*ruled
	for _, r := range list {
		if slices.ContainsFunc(rules, func(seen *ruled) bool { return seen.Name == r.Name }) {
			continue
		}
		is := s.rule(r.Name)
		if is == nil {
			is = &ruled{paces: map[call.Language]*pace{}}
		}
		is.Rules, is.retired = r, false
		rules = append(rules, is)
	}
	for _, was := range s.rules {
		if !slices.Contains(rules, was) && was.calls > 0 {
			was.retired = true
			rules = append(rules, was)
		}
	}
	s.rules = rules
	for _, r := range rules {
		for _, c := range slices.Clone(r.line) {
			c.within()
			s.rerank(c)
		}
	}
	s.demands, s.demandBy, s.unused = nil, map[string]*demand{}, 0
	for _, r := range rules {
		for _, c := range r.line {
			s.catchUp(c)
		}
	}
}

// rule is the rules of the queue, nil if there is none.
func (s *State) rule(name string) *ruled {
	i := slices.IndexFunc(s.rules, func(r *ruled) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return s.rules[i]
}

func (s *State) emit(c Command) { s.out = append(s.out, c) }
