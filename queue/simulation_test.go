package queue

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"hotline/call"
)

// faults are what may go wrong in a simulated house. Each seed switches a random half of them on.
type faults struct {
	lost, late, doubled, reordered bool // reports, leaves and registrations on their way
	slowPhones, vanishing          bool // telephones
	lateTicks, noise               bool // a slow machine; events out of the air
	crash, storeRefuses            bool // the process; the store
	forward, back                  bool // the clock
}

func (v variety) someFaults() (f faults) {
	for _, on := range []*bool{
		&f.lost, &f.late, &f.doubled, &f.reordered, &f.slowPhones, &f.vanishing, &f.lateTicks, &f.noise, &f.crash,
		&f.storeRefuses, &f.forward, &f.back,
	} {
		*on = v.one(2)
	}
	return f
}

// A simulation is a house in virtual time: callers, those who own their calls, telephones, operators
// who pause, a house that edits and reloads, and what goes wrong between them. The State runs in it as
// in the floor: one timer, orders to owners, everything written into a journal, and after a crash made
// anew from that. A witness stands by at every step.
type simulation struct {
	*day
	faults
	clock   time.Time
	offset  time.Duration // of the State's clock
	pending []delivery
	sent    int
	owners  map[call.ID]*owner
	phones  map[string]bool // registered, whatever the State was told
	pace    time.Duration   // between two callers
	journal journal
	told    int            // events so far
	seen    map[string]int // how often what came
}

// A delivery is something that will happen.
type delivery struct {
	at  time.Time
	seq int
	do  func()
}

// An owner is the goroutine of one call: what it does next is void when it has gone on.
type owner struct {
	turn     int            // counted up when the call's state changes
	rings    map[string]int // whose telephone rings, and which ring it is
	callback bool
}

func newSimulation(n uint64) *simulation {
	r := rand.New(rand.NewPCG(n, 1))
	s := &simulation{
		day: newDay(r.IntN), clock: noon, owners: map[call.ID]*owner{}, phones: map[string]bool{},
		seen: map[string]int{},
	}
	s.faults = s.someFaults()
	s.pace = s.seconds(8, 60)
	s.journal.begin(s.witness)
	return s
}

// about is a random time: mostly shorter than mean, seldom much longer.
func (s *simulation) about(mean time.Duration) time.Duration {
	n := s.pick(1000)
	return mean * time.Duration(n*n) / 333_000 // the mean of n² is a third of a million
}

func (s *simulation) after(d time.Duration, do func()) {
	s.sent++
	s.pending = append(s.pending, delivery{s.clock.Add(d), s.sent, do})
}

// every does something again and again.
func (s *simulation) every(mean time.Duration, do func()) {
	s.after(s.about(mean), func() {
		do()
		s.every(mean, do)
	})
}

// send brings an event to the floor, by a way on which things happen to it.
func (s *simulation) send(ev Event, still func() bool) {
	arrive := func() {
		if still() || s.late || s.reordered {
			s.tell(ev)
		}
	}
	delay := time.Duration(0)
	if s.reordered {
		delay = time.Duration(s.pick(3000)) * time.Millisecond
	}
	if s.late && s.one(15) {
		delay += s.seconds(1, 60)
	}
	if s.doubled && s.one(10) {
		s.after(delay+s.seconds(0, 5), func() { s.tell(ev) })
	}
	if s.lost && s.one(20) {
		return
	}
	s.after(delay, arrive)
}

// tell is one step of the floor.
func (s *simulation) tell(ev Event) {
	if s.wrong != nil {
		return
	}
	cmds := s.stepAt(ev, s.clock.Add(s.offset))
	s.told++
	s.journal.append(s.witness)
	for _, c := range cmds {
		s.seen[reflect.TypeOf(c).Name()]++
		s.react(ev, c)
	}
}

// live goes through the day of that many events, and then heals it.
func (s *simulation) live(events int) error {
	s.tell(RulesSet{Rules: s.usual, House: s.someHouse()})
	s.tell(OperatorsSet{everybody()})
	for _, name := range names {
		s.register(name, true)
	}
	s.every(s.pace, func() { s.arrive() })
	for _, name := range names {
		s.every(2*time.Minute, func() { s.operate(name) })
	}
	s.every(6*time.Minute, s.manage)
	s.breakThings()
	for s.told < events && s.wrong == nil {
		s.next()
	}
	if s.wrong != nil {
		return s.wrong
	}
	return s.recover()
}

// next lets the next thing happen: a delivery, or the timer that the State asked for.
func (s *simulation) next() {
	first := -1
	for i, d := range s.pending {
		if first < 0 || d.at.Before(s.pending[first].at) || d.at.Equal(s.pending[first].at) && d.seq < s.pending[first].seq {
			first = i
		}
	}
	d := s.pending[first]
	if at := s.wake.Add(-s.offset); !s.wake.IsZero() && !at.After(d.at) {
		if at.After(s.clock) {
			s.clock = at
		}
		if s.lateTicks && s.one(4) {
			s.clock = s.clock.Add(time.Duration(s.pick(2000)) * time.Millisecond)
		}
		s.tell(Tick{})
		return
	}
	s.pending = append(s.pending[:first], s.pending[first+1:]...)
	if d.at.After(s.clock) {
		s.clock = d.at
	}
	d.do()
}

// recover ends all faults: the clock is right again, every telephone works, everybody is at work. Then
// every caller has to be served, and at last nothing may be left (I5, I14).
func (s *simulation) recover() error {
	s.faults = faults{}
	s.pending = nil
	return s.heal()
}

// arrive lets somebody call. Some have called before; some come with a call id that is taken.
func (s *simulation) arrive() {
	s.entered++
	t := Ticket{
		Call: callName(s.entered), Queue: queues[s.pick(3)], Language: languages[s.pick(3)], Passed: s.entered%9 == 0,
		Arrived: s.clock.Add(s.offset - s.about(5*time.Second)),
	}
	if s.one(3) {
		t.Last = names[s.pick(len(names))]
	}
	s.owners[t.Call] = &owner{rings: map[string]int{}}
	s.tell(Entered{t})
	s.wait(t.Call)
}

// wait is what a caller does who waits: gives up, asks how long, is put forward, or asks to be called.
func (s *simulation) wait(id call.ID) {
	o := s.owners[id]
	if o == nil {
		return
	}
	mine := o.turn
	still := func() bool { return s.owners[id] == o && o.turn == mine }
	later := func(mean time.Duration, ev func() Event) {
		s.after(s.about(mean), func() {
			if still() {
				s.send(ev(), still)
			}
		})
	}
	later(3*time.Minute, func() Event { return Left{id} })
	switch s.pick(8) {
	case 0:
		later(30*time.Second, func() Event { return Told{id, s.witness.s.Place(id, s.witness.now).Wait} })
	case 1:
		later(30*time.Second, func() Event { return Prioritised{id, s.seconds(0, 200)} })
	case 2, 3:
		later(time.Minute, func() Event { return s.askFor(id) })
	}
}

func (s *simulation) askFor(id call.ID) Event {
	s.entered++
	b := callName(s.entered)
	s.owners[b] = &owner{rings: map[string]int{}, callback: true}
	t := Ticket{Call: b, Party: fmt.Sprintf("+%d", s.pick(40)), For: id}
	if s.one(10) { // a number from the list of those who gave up
		t = Ticket{Call: b, Party: t.Party, Queue: queues[s.pick(3)], Language: languages[s.pick(3)], Arrived: s.clock.Add(s.offset)}
	}
	return CallbackAsked{t}
}

// react is what owners do with what the floor tells them.
func (s *simulation) react(ev Event, c Command) {
	switch c := c.(type) {
	case Offered:
		s.ring(c)
	case Withdrawn:
		if o := s.owners[c.Call]; o != nil {
			delete(o.rings, c.Operator)
		}
	case Finished:
		delete(s.owners, c.Call)
	case Expired:
		s.send(Left{c.Call}, func() bool { return s.owners[c.Call] != nil })
	case Queued:
		if o := s.owners[c.Call]; o != nil && c.Again {
			o.turn++
			if !c.Callback {
				s.wait(c.Call)
			}
		}
	case Replied:
		switch ev := ev.(type) {
		case Reported:
			if c.Stood && ev.Result == Answered {
				s.talk(c.Call, c.Operator)
			}
		case Reserved:
			if c.Stood {
				s.consult(c.Operator)
			}
		}
	case Connected:
		if c.Callback {
			s.finish(c.Call, c.Operator)
		}
	}
}

// ring is one telephone that rings for a caller.
func (s *simulation) ring(c Offered) {
	o := s.owners[c.Call]
	if o == nil {
		return // its owner died: the offer has to end by itself
	}
	s.sent++
	mine := s.sent
	o.rings[c.Operator] = mine
	still := func() bool { return s.owners[c.Call] == o && o.rings[c.Operator] == mine }
	until := c.Deadline.Sub(s.witness.now)
	r, in := Answered, s.about(5*time.Second)
	switch s.pick(12) {
	case 0, 1:
		r, in = NoAnswer, until
	case 2:
		r, in = Busy, s.about(2*time.Second)
	case 3:
		if s.vanishing {
			r, in = Unreachable, 4*time.Second
		}
	case 4:
		if s.vanishing {
			return // hangs
		}
	}
	if s.slowPhones {
		in += s.about(8 * time.Second)
	}
	s.after(in, func() {
		if still() || s.reordered {
			s.send(Reported{c.Call, c.Operator, r}, still)
		}
	})
}
