package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
)

// What a step may refuse.
var (
	ErrNoQueue    = errors.New("there is no such queue")
	ErrDoubled    = errors.New("the call is in a queue already")
	ErrNoOperator = errors.New("there is no such operator")
)

// A State is all that is known of who waits and who is free. It is not safe for use by several
// goroutines: one runner owns it.
type State struct {
	now       time.Time           // of the current step; never runs backwards
	rules     []ruled             // in the order of the configuration, then the retired
	operators []*operator         // by name
	phones    map[string]bool     // users whose phone is registered, operators or not; only looked up
	calls     map[call.ID]*caller // everybody between Entered and Left; only looked up
	waiting   []*caller           // not yet talking, in the order they are to be served
	out       []Command           // of the current step
}

// ruled is a queue's rules and whether a reload has dropped it.
type ruled struct {
	Rules
	retired bool
	calls   int // callers between Entered and Left
}

// caller is one call between Entered and Left.
type caller struct {
	Ticket
	since    time.Time // when the present wait began
	operator *operator // who is rung for it or talks to it
	talking  bool
	talked   bool // had an operator before, who vanished or hung up
}

// New makes the state of a house where nobody waits and nobody works. Of two rules with one
// name the first counts; CheckRules finds such faults.
func New(rules []Rules) *State {
	s := &State{phones: map[string]bool{}, calls: map[call.ID]*caller{}}
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
	}
	return errors.Join(faults...)
}

// setRules makes the list the set of queues; one that is not in it retires.
func (s *State) setRules(list []Rules) {
	old := s.rules
	s.rules = nil
	for _, r := range list {
		if s.rule(r.Name) == nil {
			s.rules = append(s.rules, ruled{Rules: r})
		}
	}
	for _, was := range old {
		if now := s.rule(was.Name); now != nil {
			now.calls = was.calls
		} else if was.calls > 0 {
			was.retired = true
			s.rules = append(s.rules, was)
		}
	}
}

// rule is the rules of the queue, nil if there is none. It is valid until the next setRules.
func (s *State) rule(name string) *ruled {
	i := slices.IndexFunc(s.rules, func(r ruled) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &s.rules[i]
}

// byArrival orders callers by the arrival of their call, then by its id.
func byArrival(a, b *caller) int {
	if c := a.Arrived.Compare(b.Arrived); c != 0 {
		return c
	}
	return strings.Compare(string(a.Call), string(b.Call))
}

// wait puts the caller in the line, where its arrival says, and tells its place.
func (s *State) wait(c *caller, again bool, why Why) {
	c.since = s.now
	i, _ := slices.BinarySearchFunc(s.waiting, c, byArrival)
	s.waiting = slices.Insert(s.waiting, i, c)
	position := 1
	for _, before := range s.waiting[:i] {
		if before.Queue == c.Queue {
			position++
		}
	}
	s.emit(Queued{Call: c.Call, Queue: c.Queue, Language: c.Language, Position: position, Again: again, Why: why})
}

// unwait takes the caller out of the line.
func (s *State) unwait(c *caller) {
	if i, found := slices.BinarySearchFunc(s.waiting, c, byArrival); found {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
}

func (s *State) emit(c Command) { s.out = append(s.out, c) }
