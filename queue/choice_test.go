package queue

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"hotline/call"
)

// knows is an operator with skills.
func knows(name string, languages []call.Language, skills ...Skill) Operator {
	return Operator{Name: name, Languages: languages, Skills: skills}
}

// rules is the queue of the tests with one thing changed.
func with(change func(r *Rules)) Rules {
	r := general
	change(&r)
	return r
}

// alone pauses everybody but one, one after another, so that all become ready again at known times.
func (h *house) pauseAll(names ...string) *house {
	for _, n := range names {
		h.do(Paused{Operator: n})
	}
	return h
}

func (h *house) resume(names ...string) *house {
	for _, n := range names {
		h.do(Resumed{n}).pass(time.Second)
	}
	return h
}

// said is the last command of a kind, and whether there was one.
func said[C Command](h *house) (C, bool) {
	for _, c := range slices.Backward(h.last) {
		if c, ok := c.(C); ok {
			return c, true
		}
	}
	var none C
	return none, false
}

func TestStrategies(t *testing.T) {
	three := []Operator{speaks("ann", "az"), speaks("bob", "az"), speaks("cem", "az")}
	t.Run("least talk", func(t *testing.T) {
		h := open(t, []Rules{with(func(r *Rules) { r.Strategy, r.WrapUp = LeastTalk, 0 })}, three...)
		for i, talk := range []time.Duration{5 * time.Minute, time.Minute, 3 * time.Minute} { // ann, bob, cem
			id := call.ID(fmt.Sprint("c", i))
			h.enter(id, "az").talk(id, three[i].Name).pass(talk).do(Left{id})
		}
		h.enter("d1", "az").wantRung("d1", "bob")
		h.enter("d2", "az").wantRung("d2", "cem")
		h.enter("d3", "az").wantRung("d3", "ann")
	})
	t.Run("who signs on later has talked as little as whoever has talked least", func(t *testing.T) {
		h := open(t, []Rules{with(func(r *Rules) { r.Strategy, r.WrapUp = LeastTalk, 0 })}, three[:2]...)
		h.enter("c1", "az").talk("c1", "ann").pass(time.Minute).do(Left{"c1"})
		h.enter("c2", "az").talk("c2", "bob").pass(2 * time.Minute).do(Left{"c2"})
		h.do(OperatorsSet{three}).do(PhoneChanged{"cem", true, true}).pass(time.Second)
		h.enter("d1", "az").wantRung("d1", "ann") // as little as cem, and idle longer
		h.enter("d2", "az").wantRung("d2", "cem")
	})
	t.Run("round robin", func(t *testing.T) {
		h := open(t, []Rules{with(func(r *Rules) { r.Strategy, r.WrapUp = RoundRobin, 0 })}, three...)
		for i, want := range []string{"ann", "bob", "cem", "ann"} {
			id := call.ID(fmt.Sprint("c", i))
			h.enter(id, "az").wantRung(id, want)
			h.talk(id, want).pass(time.Second).do(Left{id})
		}
	})
	t.Run("by level", func(t *testing.T) {
		h := open(t, []Rules{with(func(r *Rules) { r.Strategy = ByLevel })},
			knows("ann", []call.Language{"az"}, Skill{"az", 2}), knows("bob", []call.Language{"az"}, Skill{"az", 5}), speaks("cem", "az"))
		h.enter("c1", "az").wantRung("c1", "bob")
		h.enter("c2", "az").wantRung("c2", "cem")
		h.enter("c3", "az").wantRung("c3", "ann")
	})
}

func TestRingSeveral(t *testing.T) {
	both := []Rules{with(func(r *Rules) { r.Strategy, r.AtOnce = RingSeveral, 2 })}
	three := []Operator{speaks("ann", "az"), speaks("bob", "az"), speaks("cem", "az")}
	t.Run("the first to answer has the caller, the other is told that somebody else was quicker", func(t *testing.T) {
		h := open(t, both, three...)
		h.enter("c1", "az")
		h.wantState("ann", OperatorOffered)
		h.wantState("bob", OperatorOffered)
		h.wantState("cem", OperatorReady)
		h.talk("c1", "bob").wantCommand(Withdrawn{"c1", "ann", WhyElsewhere})
		if h.report("c1", "ann", Answered) {
			t.Error("the second answer has the caller, too")
		}
		h.wantState("bob", OperatorTalking)
		h.wantState("ann", OperatorReady)
		h.pass(Quiet).enter("c2", "az").wantRung("c2", "ann") // lost no place by it
	})
	t.Run("callers for whom nobody rings come first", func(t *testing.T) {
		h := open(t, both, three...).pauseAll("ann", "bob", "cem")
		h.enter("c1", "az").pass(time.Second).enter("c2", "az").resume("ann", "bob", "cem")
		h.wantRung("c1", "ann")
		h.wantRung("c2", "bob")
		h.report("c2", "bob", Answered)
		h.talk("c1", "cem")
		h.wantState("ann", OperatorReady)
	})
	t.Run("one who lets it pass is replaced, the other rings on", func(t *testing.T) {
		h := open(t, both, three...).enter("c1", "az")
		h.report("c1", "ann", Busy)
		h.wantState("bob", OperatorOffered)
		h.wantState("cem", OperatorOffered)
	})
	t.Run("the caller leaves", func(t *testing.T) {
		h := open(t, both, three...).enter("c1", "az").do(Left{"c1"})
		h.wantState("ann", OperatorReady)
		h.wantState("bob", OperatorReady)
	})
}

func TestWhatIsNeededRelaxes(t *testing.T) {
	rules := with(func(r *Rules) {
		r.Steps = []Step{{Language: 4, Skills: []Skill{{"visa", 3}}}, {After: 30 * time.Second, Language: 4}, {After: time.Minute, Language: 1}, {After: 2 * time.Minute}}
	})
	for _, c := range []struct {
		operator Operator
		want     time.Duration // when they are rung
	}{
		{knows("ann", []call.Language{"ru"}, Skill{"ru", 5}, Skill{"visa", 3}), 0},
		{knows("ann", []call.Language{"ru"}, Skill{"ru", 4}, Skill{"visa", 2}), 30 * time.Second},
		{speaks("ann", "ru"), time.Minute},
		{speaks("ann", "az"), 2 * time.Minute},
	} {
		h := open(t, []Rules{rules}, c.operator).enter("c1", "ru")
		for _, at := range []time.Duration{0, 30 * time.Second, time.Minute, 2 * time.Minute} {
			if at < c.want {
				h.wantRung("c1", "")
			} else {
				h.wantRung("c1", "ann")
				break
			}
			next := map[time.Duration]time.Duration{0: 30 * time.Second, 30 * time.Second: 30 * time.Second, time.Minute: time.Minute}[at]
			h.pass(next)
		}
	}
}

func TestHeadStarts(t *testing.T) {
	rules := []Rules{general, {Name: "urgent", Offer: 15 * time.Second, HeadStart: time.Minute, ReadyOnRegister: true}}
	for _, c := range []struct {
		later time.Duration // of the urgent one
		first call.ID
	}{{59 * time.Second, "u1"}, {61 * time.Second, "c1"}} { // so nobody starves
		h := open(t, rules, speaks("ann", "az")).pauseAll("ann").enter("c1", "az").pass(c.later)
		h.do(Entered{Ticket{Call: "u1", Queue: "urgent", Language: "az", Arrived: h.now}}).resume("ann")
		h.wantRung(c.first, "ann")
	}
	h := open(t, rules[:1], speaks("ann", "az")).pauseAll("ann").enter("c1", "az").pass(time.Second).enter("c2", "az")
	h.do(Prioritised{"c2", 2 * time.Second})
	if p := h.s.Place("c2", h.now); p.Position != 1 {
		t.Errorf("one who was given a head start is at place %d at once, want 1", p.Position)
	}
	h.resume("ann").wantRung("c2", "ann")
	h.do(Prioritised{"nobody", 0})
	if r, _ := said[Refused](h); !errors.Is(r.Err, ErrNoCall) {
		t.Errorf("a head start for nobody is answered by %v", r.Err)
	}
}

func TestTheOrderOfAnOperatorsQueues(t *testing.T) {
	rules := []Rules{general, {Name: "tax", Offer: 15 * time.Second, ReadyOnRegister: true}}
	ann := Operator{Name: "ann", Languages: []call.Language{"az"}, Queues: []string{"tax", "general"}}
	for _, c := range []struct {
		later time.Duration
		first call.ID
	}{{59 * time.Second, "t1"}, {61 * time.Second, "c1"}} {
		h := open(t, rules, ann).pauseAll("ann").enter("c1", "az").pass(c.later)
		h.do(Entered{Ticket{Call: "t1", Queue: "tax", Language: "az", Arrived: h.now}}).resume("ann")
		h.wantRung(c.first, "ann")
	}
	// Those for whom the queue comes first are offered its callers first, however long others idle.
	bob := Operator{Name: "bob", Languages: []call.Language{"az"}, Queues: []string{"general"}}
	h := open(t, rules, ann).pass(time.Hour).do(OperatorsSet{[]Operator{ann, bob}}).do(PhoneChanged{"bob", true, true})
	h.enter("c1", "az").wantRung("c1", "bob")
}

func TestTheOperatorOfLastTime(t *testing.T) {
	rules := []Rules{with(func(r *Rules) { r.LastOperator = 20 * time.Second })}
	back := func(h *house, last string) *house {
		return h.do(Entered{Ticket{Call: "c1", Queue: "general", Language: "az", Arrived: h.now, Last: last}})
	}
	two := []Operator{speaks("ann", "az"), speaks("bob", "az")}
	t.Run("free", func(t *testing.T) { back(open(t, rules, two...), "bob").wantRung("c1", "bob") })
	t.Run("talking: waited for, then anybody", func(t *testing.T) {
		h := open(t, rules, two...).pauseAll("ann").enter("c0", "az").talk("c0", "bob").resume("ann")
		back(h, "bob").wantRung("c1", "")
		h.pass(19*time.Second).wantRung("c1", "")
		h.pass(time.Second).wantRung("c1", "ann")
	})
	t.Run("back in time", func(t *testing.T) {
		h := open(t, rules, two...).pauseAll("ann").enter("c0", "az").talk("c0", "bob").resume("ann")
		back(h, "bob").do(Left{"c0"}).do(Resumed{"bob"}).wantRung("c1", "bob")
	})
	t.Run("goes home meanwhile", func(t *testing.T) {
		h := open(t, rules, two...).pauseAll("ann").enter("c0", "az").talk("c0", "bob").resume("ann")
		back(h, "bob").do(Paused{Operator: "bob"}).wantRung("c1", "ann")
	})
	t.Run("lets it pass", func(t *testing.T) {
		h := back(open(t, rules, two...), "bob")
		h.report("c1", "bob", NoAnswer)
		h.wantRung("c1", "ann")
	})
	for _, gone := range []string{"", "nobody"} {
		back(open(t, rules, two...), gone).wantRung("c1", "ann")
	}
	t.Run("does not speak the language", func(t *testing.T) {
		back(open(t, rules, speaks("ann", "az"), speaks("bob", "ru")), "bob").wantRung("c1", "ann")
	})
}

func TestOverflow(t *testing.T) {
	rules := []Rules{with(func(r *Rules) { r.Overflow = []Overflow{{time.Minute, "tax"}} }), {Name: "tax", Offer: 15 * time.Second, ReadyOnRegister: true}}
	h := open(t, rules, Operator{Name: "ann", Languages: []call.Language{"az"}, Queues: []string{"tax"}})
	h.enter("c1", "az").pass(time.Second).enter("c2", "az").pass(58*time.Second).wantRung("c1", "")
	h.pass(time.Second).wantRung("c1", "ann")
	if q := h.s.Snapshot(h.now).Queues; q[0].Waiting != 2 || q[1].Waiting != 0 {
		t.Errorf("an overflow moves nobody to another queue: %+v", q)
	}
}

func TestLimits(t *testing.T) {
	h := open(t, []Rules{with(func(r *Rules) { r.Limit, r.Longest = 1, time.Minute })}, speaks("ann", "ru"))
	h.enter("c1", "az").enter("c2", "az")
	if r, _ := said[Refused](h); !errors.Is(r.Err, ErrFull) {
		t.Errorf("the second caller of a queue for one is answered by %v", r.Err)
	}
	h.do(Entered{Ticket{Call: "c3", Queue: "general", Language: "az", Arrived: h.now, Passed: true}})
	if r, refused := said[Refused](h); refused {
		t.Errorf("a caller whom an operator puts through is refused: %v", r.Err)
	}
	h.do(Left{"c3"})
	h.pass(59 * time.Second)
	if _, early := said[Expired](h); early {
		t.Error("the longest wait is over too early")
	}
	h.now = h.now.Add(time.Second)
	h.do(Tick{}).wantCommand(Expired{"c1", "general", time.Minute})
	h.do(OperatorsSet{[]Operator{speaks("ann", "az")}}).wantRung("c1", "")
	h.do(Left{"c1"})
	if a, _ := said[Abandoned](h); !a.Expired {
		t.Errorf("one who was let go is told as %+v", a)
	}
}

func TestTooManyMissed(t *testing.T) {
	h := open(t, []Rules{with(func(r *Rules) { r.PauseAfter = 2 })}, speaks("ann", "az")).enter("c1", "az")
	h.report("c1", "ann", NoAnswer)
	h.pass(Rest).wantRung("c1", "ann")
	h.report("c1", "ann", Answered) // a talk begins the count anew
	h.do(Left{"c1"}).do(Resumed{"ann"}).enter("c2", "az")
	h.report("c2", "ann", NoAnswer)
	h.pass(Rest)
	h.report("c2", "ann", Busy)
	h.wantState("ann", OperatorPaused)
	h.wantCommand(OperatorChanged{Operator: "ann", From: OperatorOffered, To: OperatorPaused, Why: WhyMissed, Reason: "missed", At: h.now})
	h.do(Resumed{"ann"}).wantRung("c2", "ann")
}

func TestCover(t *testing.T) {
	house := House{Cover: []Cover{{"ru", 1}}, Refuse: true}
	h := open(t, []Rules{general}, speaks("ann", "az", "ru"), speaks("bob", "ru"), speaks("cem", "az"))
	h.do(RulesSet{Rules: []Rules{general}, House: house})
	h.do(Paused{Operator: "cem"}).wantState("cem", OperatorPaused) // speaks no Russian
	h.do(Paused{Operator: "ann"}).wantState("ann", OperatorPaused)
	h.do(Paused{Operator: "bob"}).wantState("bob", OperatorReady)
	if r, _ := said[Refused](h); !errors.Is(r.Err, ErrCover) {
		t.Errorf("the pause of the last one is answered by %v", r.Err)
	}
	h.do(Paused{Operator: "bob", Force: true}).wantState("bob", OperatorPaused)
	h.do(Resumed{"bob"})
	house.Refuse = false
	h.do(RulesSet{Rules: []Rules{general}, House: house}).do(Paused{Operator: "bob"})
	h.wantState("bob", OperatorPaused)
	h.wantCommand(Uncovered{Operator: "bob", Language: "ru", Have: 0, Need: 1})
}

func TestLongerWrapUps(t *testing.T) {
	talking := func() *house {
		return open(t, []Rules{general}, speaks("ann", "az")).enter("c1", "az").talk("c1", "ann")
	}
	h := talking().do(Left{"c1"}).pass(50 * time.Second).do(WrapUpExtended{"ann"})
	h.pass(69*time.Second).wantState("ann", OperatorWrapUp)
	h.pass(time.Second).wantState("ann", OperatorReady)
	h.do(WrapUpExtended{"ann"})
	if r, _ := said[Refused](h); !errors.Is(r.Err, ErrNoWrapUp) {
		t.Errorf("more of no wrap-up is answered by %v", r.Err)
	}
	h = talking().do(WrapUpExtended{"ann"}).do(Left{"c1"}) // asked for during the talk
	h.pass(119*time.Second).wantState("ann", OperatorWrapUp)
	h.pass(time.Second).wantState("ann", OperatorReady)
	h = talking().do(Left{"c1"})
	for range 100 {
		h.do(WrapUpExtended{"ann"})
	}
	h.pass(LongestWrapUp-time.Second).wantState("ann", OperatorWrapUp)
	h.pass(time.Second).wantState("ann", OperatorReady)
}

func TestOnHold(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az")).enter("c1", "az").talk("c1", "ann")
	h.do(Held{"c1", true}).wantState("ann", OperatorHolding)
	h.do(Held{"c1", true}).do(Held{"c1", false}).wantState("ann", OperatorTalking)
	h.do(Held{"c1", true}).do(Left{"c1"}).wantState("ann", OperatorWrapUp)
	h.do(Held{"c1", true}).wantState("ann", OperatorWrapUp)
}

func TestWhatACallWasAbout(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az")).do(Disposed{"ann", "visa"})
	if r, _ := said[Refused](h); !errors.Is(r.Err, ErrNoCall) {
		t.Errorf("a topic for no call is answered by %v", r.Err)
	}
	h.enter("c1", "az").talk("c1", "ann").do(Left{"c1"}).do(Resumed{"ann"}).enter("c2", "az")
	h.do(Disposed{"ann", "visa/overstay"}).wantCommand(Disposition{"c1", "ann", "visa/overstay"})
}

func TestPlaces(t *testing.T) {
	h := open(t, []Rules{with(func(r *Rules) { r.WrapUp = 0 })}, speaks("ann", "az"))
	for i := range 5 {
		id := call.ID(fmt.Sprint("c", i))
		h.enter(id, "az").talk(id, "ann").pass(2 * time.Minute)
		if i < 4 {
			h.do(Left{id})
		}
	}
	h.enter("d1", "az").enter("d2", "az")
	if p := h.s.Place("d2", h.now); p != (Place{Position: 2, Wait: 4 * time.Minute, Known: true, Working: 1}) {
		t.Errorf("the second of those who wait for one who takes 2 minutes each stands at %+v", p)
	}
	h.pass(31 * time.Minute)
	if p := h.s.Place("d2", h.now); p.Known {
		t.Errorf("half an hour after the last answer it is still known: %+v", p)
	}
	h.enter("d3", "en")
	if p := h.s.Place("d3", h.now); p != (Place{Position: 3}) {
		t.Errorf("one whom nobody understands stands at %+v", p)
	}
	if p := h.s.Place("nobody", h.now); p != (Place{}) {
		t.Errorf("nobody stands at %+v", p)
	}
}
