package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// noon is when the tests begin.
var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// house is a state with a clock, for telling stories in tests.
type house struct {
	t    *testing.T
	s    *State
	now  time.Time
	last []Command // of the last event
}

var general = Rules{Name: "general", Target: 20 * time.Second, Offer: 15 * time.Second, WrapUp: time.Minute, ReadyOnRegister: true}

// open is a house with queues and operators whose phones registered one second after another.
func open(t *testing.T, rules []Rules, operators ...Operator) *house {
	t.Helper()
	h := &house{t: t, s: New(rules), now: noon}
	h.do(OperatorsSet{operators})
	for _, o := range operators {
		h.do(PhoneChanged{o.Name, true, true})
		h.pass(time.Second)
	}
	return h
}

func speaks(name string, languages ...call.Language) Operator {
	return Operator{Name: name, Languages: languages}
}

func (h *house) do(ev Event) *house {
	h.last = h.s.Step(ev, h.now)
	return h
}

// pass lets time go by, with a Tick whenever the state asked for one.
func (h *house) pass(d time.Duration) *house {
	end := h.now.Add(d)
	for {
		wake := h.last[len(h.last)-1].(Wake).At
		if wake.IsZero() || wake.After(end) {
			break
		}
		h.now = wake
		h.do(Tick{})
	}
	h.now = end
	return h.do(Tick{})
}

// enter lets a caller in who arrived now.
func (h *house) enter(id call.ID, language call.Language) *house {
	return h.do(Entered{Ticket{Call: id, Queue: "general", Language: language, Arrived: h.now}})
}

func (h *house) report(id call.ID, operator string, r Result) bool {
	h.do(Reported{id, operator, r})
	for _, c := range h.last {
		if c, ok := c.(Replied); ok {
			return c.Stood
		}
	}
	h.t.Fatalf("nobody answered the report %s of %s for %s", r, operator, id)
	return false
}

// talk lets the rung operator answer.
func (h *house) talk(id call.ID, operator string) *house {
	h.t.Helper()
	if !h.report(id, operator, Answered) {
		h.t.Fatalf("%s answered %s and was told that the offer no longer stands", operator, id)
	}
	return h
}

// rung is who is rung for the call now.
func (h *house) rung(id call.ID) string {
	for _, q := range h.s.Snapshot(h.now).Queues {
		for _, c := range q.Calls {
			if c.Call == id {
				return c.Operator
			}
		}
	}
	return "not waiting"
}

func (h *house) wantRung(id call.ID, operator string) {
	h.t.Helper()
	if got := h.rung(id); got != operator {
		h.t.Errorf("at +%s for %s is rung %q, want %q", h.now.Sub(noon), id, got, operator)
	}
}

func (h *house) wantState(operator string, want OperatorState) {
	h.t.Helper()
	for _, o := range h.s.Snapshot(h.now).Operators {
		if o.Name == operator {
			if o.State != want {
				h.t.Errorf("at +%s %s is %s, want %s", h.now.Sub(noon), operator, o.State, want)
			}
			return
		}
	}
	h.t.Errorf("%s is unknown, want %s", operator, want)
}

func (h *house) wantCommand(want Command) {
	h.t.Helper()
	if !slices.ContainsFunc(h.last, func(c Command) bool {
		if q, ok := c.(Queued); ok {
			q.Staff = Staff{} // told apart in a test of its own
			c = q
		}
		return c == want
	}) {
		h.t.Errorf("the step has no %#v, it has %#v", want, h.last)
	}
}

func TestWhoIsRung(t *testing.T) {
	az, both := speaks("ann", "az"), speaks("bob", "az", "ru")
	rules := []Rules{general, {Name: "tax", Offer: 20 * time.Second, ReadyOnRegister: true}}
	for name, story := range map[string]func(h *house){
		"the longest idle": func(h *house) { h.enter("c1", "az").wantRung("c1", "ann") },
		"only who speaks the language": func(h *house) {
			h.enter("c1", "ru").wantRung("c1", "bob")
		},
		"nobody, if nobody speaks it, and others are not held up": func(h *house) {
			h.enter("c1", "en").enter("c2", "az")
			h.wantRung("c1", "")
			h.wantRung("c2", "ann")
		},
		"only who serves the queue": func(h *house) {
			h.do(OperatorsSet{[]Operator{{Name: "ann", Languages: az.Languages, Queues: []string{"tax"}}, both}})
			h.enter("c1", "az").wantRung("c1", "bob")
		},
		"who serves two queues, by arrival over both": func(h *house) {
			h.do(Paused{Operator: "ann"}).do(Paused{Operator: "bob"})
			h.do(Entered{Ticket{Call: "c2", Queue: "tax", Language: "az", Arrived: h.now}})
			h.do(Entered{Ticket{Call: "c1", Queue: "general", Language: "az", Arrived: h.now.Add(-time.Second)}})
			h.do(Resumed{"ann"})
			h.wantRung("c1", "ann")
			h.wantRung("c2", "")
		},
		"the lower call id of two who arrived together": func(h *house) {
			h.do(Paused{Operator: "ann"}).do(Paused{Operator: "bob"})
			h.enter("c2", "az").enter("c1", "az").do(Resumed{"ann"})
			h.wantRung("c1", "ann")
		},
		"the first by name of two idle for the same time": func(h *house) {
			h.do(Paused{Operator: "ann"}).do(Paused{Operator: "bob"})
			h.do(Resumed{"bob"}).do(Resumed{"ann"})
			h.enter("c1", "az").wantRung("c1", "ann")
		},
		"the earlier caller, though she came to the queue later": func(h *house) {
			h.do(Paused{Operator: "ann"}).do(Paused{Operator: "bob"})
			h.do(Entered{Ticket{Call: "c9", Queue: "general", Language: "az", Arrived: h.now}})
			h.do(Entered{Ticket{Call: "c8", Queue: "general", Language: "az", Arrived: h.now.Add(-time.Minute)}})
			h.do(Resumed{"ann"})
			h.wantRung("c8", "ann")
			h.wantRung("c9", "")
		},
		"again the one whose caller hung up while ringing: no place was lost": func(h *house) {
			h.enter("c1", "az").do(Left{"c1"}).enter("c2", "az").wantRung("c2", "ann")
		},
	} {
		t.Run(name, func(t *testing.T) { story(open(t, rules, az, both)) })
	}
}

func TestAnOfferThatFails(t *testing.T) {
	type after struct {
		report Result
		state  OperatorState
	}
	for _, c := range []after{{NoAnswer, OperatorReady}, {Busy, OperatorReady}, {Unreachable, OperatorUnreachable}, {Lost, OperatorUnreachable}} {
		t.Run(string(c.report)+" goes to the next and rests the one", func(t *testing.T) {
			h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
			h.enter("c1", "az").enter("c2", "az")
			h.talk("c2", "bob")
			h.report("c1", "ann", c.report)
			h.wantRung("c1", "")
			h.wantState("ann", c.state)
			h.pass(Rest-time.Millisecond).wantRung("c1", "")
			h.pass(time.Millisecond).wantRung("c1", "ann")
		})
	}
	t.Run("the caller keeps the place", func(t *testing.T) {
		h := open(t, []Rules{general}, speaks("ann", "az"))
		h.enter("c1", "az").pass(time.Second)
		h.enter("c2", "az")
		h.report("c1", "ann", NoAnswer)
		h.pass(Rest)
		h.wantRung("c1", "ann")
		h.wantRung("c2", "")
	})
	t.Run("who missed it is last afterwards", func(t *testing.T) {
		h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
		h.enter("c1", "az").pass(15 * time.Second)
		h.report("c1", "ann", NoAnswer)
		h.wantRung("c1", "bob")
		h.do(Left{"c1"}).pass(Rest)
		h.enter("c2", "az").wantRung("c2", "bob")
	})
	t.Run("to say one is here ends the rest", func(t *testing.T) {
		h := open(t, []Rules{general}, speaks("ann", "az"))
		h.enter("c1", "az")
		h.report("c1", "ann", NoAnswer)
		h.do(Resumed{"ann"}).wantRung("c1", "ann")
	})
	t.Run("an unreachable phone that registers again is tried at once, a refresh is not enough", func(t *testing.T) {
		h := open(t, []Rules{general}, speaks("ann", "az"))
		h.enter("c1", "az")
		h.report("c1", "ann", Unreachable)
		h.do(PhoneChanged{"ann", true, false}).wantState("ann", OperatorUnreachable)
		h.do(PhoneChanged{"ann", true, true}).wantRung("c1", "ann")
	})
}

func TestNobodyReports(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az")
	h.pass(general.Offer+Grace-time.Millisecond).wantRung("c1", "ann")
	h.pass(time.Millisecond).wantRung("c1", "bob")
	h.wantState("ann", OperatorReady)
	if h.report("c1", "ann", Answered) {
		t.Error("the one who answered too late was joined")
	}
	h.wantRung("c1", "bob")
	h.talk("c1", "bob")
}

func TestReportsLateAndDoubled(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
	if h.report("c0", "ann", Answered) || h.report("c0", "nobody", Lost) {
		t.Error("a report of an unknown call stood")
	}
	h.enter("c1", "az")
	if h.report("c1", "bob", Answered) {
		t.Error("one who was not rung was joined")
	}
	h.talk("c1", "ann")
	h.talk("c1", "ann") // doubled: nothing happens, and the answer is the same
	h.report("c1", "ann", NoAnswer)
	h.wantState("ann", OperatorTalking)
	h.do(Left{"c1"}).do(Left{"c1"})
	h.wantState("ann", OperatorWrapUp)
	if h.report("c1", "ann", Answered) {
		t.Error("a report after the end stood")
	}
	h.wantState("ann", OperatorWrapUp)
}

func TestTheTakenBackOffer(t *testing.T) {
	for name, ev := range map[string]Event{
		"pause":            Paused{Operator: "ann", Reason: "lunch"},
		"unregistered":     PhoneChanged{"ann", false, false},
		"own call":         OwnCallChanged{"ann", true},
		"disabled":         OperatorsSet{[]Operator{{Name: "ann", Languages: []call.Language{"az"}, Disabled: true}, speaks("bob", "az")}},
		"removed":          OperatorsSet{[]Operator{speaks("bob", "az")}},
		"language gone":    OperatorsSet{[]Operator{speaks("ann", "en"), speaks("bob", "az")}},
		"queue taken away": OperatorsSet{[]Operator{{Name: "ann", Languages: []call.Language{"az"}, Queues: []string{"tax"}}, speaks("bob", "az")}},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
			h.enter("c1", "az").wantRung("c1", "ann")
			h.do(ev)
			if !slices.ContainsFunc(h.last, func(c Command) bool { w, ok := c.(Withdrawn); return ok && w.Operator == "ann" }) {
				t.Errorf("the phone of ann rings on: %#v", h.last)
			}
			h.wantRung("c1", "bob")
			if h.report("c1", "ann", Answered) {
				t.Error("ann was joined though the offer had been taken back")
			}
		})
	}
	t.Run("the phone is left alone for a moment", func(t *testing.T) {
		h := open(t, []Rules{general}, speaks("ann", "az"))
		h.enter("c1", "az").do(Paused{Operator: "ann"}).do(Resumed{"ann"}).wantRung("c1", "")
		h.pass(Quiet).wantRung("c1", "ann")
	})
}

func TestAfterTheTalk(t *testing.T) {
	talking := func(t *testing.T) *house {
		h := open(t, []Rules{general}, speaks("ann", "az"))
		return h.enter("c1", "az").talk("c1", "ann").pass(time.Minute)
	}
	t.Run("wrap-up is busy until its end", func(t *testing.T) {
		h := talking(t).do(Left{"c1"}).enter("c2", "az")
		h.wantState("ann", OperatorWrapUp)
		h.pass(time.Minute-time.Millisecond).wantRung("c2", "")
		h.pass(time.Millisecond).wantRung("c2", "ann")
	})
	t.Run("wrap-up can be ended", func(t *testing.T) {
		talking(t).do(Left{"c1"}).enter("c2", "az").do(Resumed{"ann"}).wantRung("c2", "ann")
	})
	t.Run("no wrap-up where the queue has none", func(t *testing.T) {
		h := talking(t)
		none := general
		none.WrapUp = 0
		h.do(RulesSet{Rules: []Rules{none}}).do(Left{"c1"}).wantState("ann", OperatorReady)
	})
	t.Run("a pause said during the talk takes effect", func(t *testing.T) {
		h := talking(t).do(Paused{Operator: "ann", Reason: "lunch"})
		h.wantState("ann", OperatorTalking)
		h.do(Left{"c1"}).wantState("ann", OperatorPaused)
		h.wantCommand(OperatorChanged{"ann", OperatorTalking, OperatorPaused, "", WhyCallEnded, "lunch", h.now})
		h.pass(time.Hour).wantState("ann", OperatorPaused)
	})
	t.Run("a registration lost during the talk makes offline", func(t *testing.T) {
		h := talking(t).do(PhoneChanged{"ann", false, false})
		h.wantState("ann", OperatorTalking)
		h.do(Left{"c1"}).wantState("ann", OperatorOffline)
	})
	t.Run("one removed during the talk goes", func(t *testing.T) {
		h := talking(t).do(OperatorsSet{})
		h.wantState("ann", OperatorTalking)
		h.do(Left{"c1"})
		if n := len(h.s.Snapshot(h.now).Operators); n != 0 {
			t.Errorf("%d operators are left", n)
		}
	})
	t.Run("an own call during wrap-up does not lengthen it", func(t *testing.T) {
		h := talking(t).do(Left{"c1"}).do(OwnCallChanged{"ann", true})
		h.wantState("ann", OperatorTalking)
		h.pass(time.Minute).do(OwnCallChanged{"ann", false}).wantState("ann", OperatorReady)
	})
}

func TestTheOperatorVanishes(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"))
	h.enter("c1", "az").talk("c1", "ann").pass(time.Minute)
	h.enter("c2", "az").pass(time.Minute)
	h.do(OperatorsSet{[]Operator{speaks("ann", "az"), speaks("bob", "az")}})
	h.do(Paused{Operator: "bob"}).do(PhoneChanged{"bob", true, true})
	h.report("c1", "ann", Lost)
	h.wantState("ann", OperatorUnreachable)
	h.wantCommand(Queued{Call: "c1", Queue: "general", Language: "az", Position: 1, Again: true, Why: WhyLost})
	h.do(Resumed{"bob"})
	h.wantRung("c1", "bob")
	h.wantRung("c2", "")
	h.talk("c1", "bob")
	h.wantState("bob", OperatorTalking)
	h.pass(time.Second).do(Left{"c1"})
	for _, c := range h.last {
		if _, bad := c.(Abandoned); bad {
			t.Error("a caller who had talked counts as abandoned")
		}
	}
}

func TestTheOperatorHangsUpBeforeBeingJoined(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az").talk("c1", "ann").pass(time.Second)
	h.report("c1", "ann", Busy)
	h.wantCommand(Queued{Call: "c1", Queue: "general", Language: "az", Position: 1, Again: true, Why: WhyBusy})
	h.wantState("ann", OperatorReady)
	h.wantRung("c1", "bob")
	h.report("c1", "bob", NoAnswer)
	h.wantRung("c1", "") // ann rests
	h.pass(Rest).wantRung("c1", "ann")
}

func TestWhoIsReady(t *testing.T) {
	byHand := general
	byHand.ReadyOnRegister = false
	for _, c := range []struct {
		name   string
		rules  Rules
		events []Event
		want   OperatorState
	}{
		{"one who registers", general, []Event{PhoneChanged{"ann", true, true}}, OperatorReady},
		{"not one who only refreshes", general, []Event{PhoneChanged{"ann", true, false}}, OperatorOffline},
		{"not one who must say so", byHand, []Event{PhoneChanged{"ann", true, true}}, OperatorOffline},
		{"one who says so", byHand, []Event{PhoneChanged{"ann", true, true}, Resumed{"ann"}}, OperatorReady},
		{"one who said so before registering", byHand, []Event{Resumed{"ann"}, PhoneChanged{"ann", true, true}}, OperatorReady},
		{"not one whose phone went and came", byHand, []Event{PhoneChanged{"ann", true, true}, Resumed{"ann"}, PhoneChanged{"ann", false, false}, PhoneChanged{"ann", true, true}}, OperatorOffline},
		{"not one who paused, whatever the phone does", general, []Event{PhoneChanged{"ann", true, true}, Paused{Operator: "ann", Reason: ""}, PhoneChanged{"ann", true, false}, PhoneChanged{"ann", false, false}, PhoneChanged{"ann", true, true}}, OperatorPaused},
		{"one whose phone was quicker than the edit", general, []Event{OperatorsSet{}, PhoneChanged{"ann", true, true}, OperatorsSet{[]Operator{speaks("ann", "az")}}}, OperatorReady},
		{"not one who is disabled", general, []Event{PhoneChanged{"ann", true, true}, OperatorsSet{[]Operator{{Name: "ann", Disabled: true}}}}, OperatorOffline},
		{"one who is enabled again", general, []Event{PhoneChanged{"ann", true, true}, OperatorsSet{[]Operator{{Name: "ann", Disabled: true}}}, OperatorsSet{[]Operator{speaks("ann", "az")}}}, OperatorReady},
		{"not one in a call of one's own", general, []Event{PhoneChanged{"ann", true, true}, OwnCallChanged{"ann", true}}, OperatorTalking},
		{"one whose own call ended", general, []Event{PhoneChanged{"ann", true, true}, OwnCallChanged{"ann", true}, OwnCallChanged{"ann", false}}, OperatorReady},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, []Rules{c.rules})
			h.do(OperatorsSet{[]Operator{speaks("ann", "az")}})
			for _, ev := range c.events {
				h.do(ev)
			}
			h.wantState("ann", c.want)
		})
	}
}

func TestBackBeforeItWasOver(t *testing.T) {
	t.Run("the wrap-up goes on where the phone comes back", func(t *testing.T) {
		h := open(t, []Rules{general}, speaks("ann", "az"))
		h.enter("c1", "az").talk("c1", "ann").do(Left{"c1"}).do(PhoneChanged{"ann", false, false})
		h.wantState("ann", OperatorOffline)
		h.pass(time.Second).do(PhoneChanged{"ann", true, true}).wantState("ann", OperatorWrapUp)
		h.pass(general.WrapUp).wantState("ann", OperatorReady)
	})
	t.Run("an edit does not make a phone reachable", func(t *testing.T) {
		h := open(t, []Rules{general}, speaks("ann", "az"))
		h.enter("c1", "az")
		h.report("c1", "ann", Unreachable)
		h.do(OperatorsSet{[]Operator{{Name: "ann", Disabled: true}}}).wantState("ann", OperatorOffline)
		h.do(OperatorsSet{[]Operator{speaks("ann", "az")}}).wantState("ann", OperatorUnreachable)
		h.pass(Rest).wantRung("c1", "ann")
	})
}

func TestRefused(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"))
	h.enter("c1", "az")
	for _, c := range []struct {
		ev   Event
		want error
	}{
		{Entered{Ticket{Call: "c2", Queue: "nowhere"}}, ErrNoQueue},
		{Entered{Ticket{Call: "c1", Queue: "general"}}, ErrDoubled},
		{Paused{Operator: "nobody", Reason: ""}, ErrNoOperator},
		{Resumed{"nobody"}, ErrNoOperator},
	} {
		h.do(c.ev)
		if r, ok := h.last[0].(Refused); !ok || !errors.Is(r.Err, c.want) {
			t.Errorf("%#v: %#v, want %v", c.ev, h.last, c.want)
		}
	}
	h.wantRung("c1", "ann")
}

func TestTheQueueTakenOutOfTheFile(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"))
	h.enter("c1", "az").enter("c2", "az").talk("c1", "ann")
	h.do(RulesSet{Rules: []Rules{{Name: "tax", Offer: time.Second}}})
	h.enter("c3", "az")
	if r, ok := h.last[0].(Refused); !ok || !errors.Is(r.Err, ErrNoQueue) {
		t.Errorf("a queue that is gone took a caller: %#v", h.last)
	}
	h.do(Left{"c1"}).wantState("ann", OperatorWrapUp)
	h.pass(time.Minute).wantRung("c2", "ann")
	if n := len(h.s.Snapshot(h.now).Queues); n != 2 {
		t.Errorf("%d queues are shown, want tax and the one with a caller in it", n)
	}
	h.do(Left{"c2"})
	if n := len(h.s.Snapshot(h.now).Queues); n != 1 {
		t.Errorf("%d queues are shown, want tax", n)
	}
}

func TestTheMeasuredWait(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"))
	h.enter("c1", "az").pass(4 * time.Second)
	h.do(Reported{"c1", "ann", Answered})
	h.wantCommand(Connected{Call: "c1", Queue: "general", Language: "az", Operator: "ann", Waited: 4 * time.Second, InTarget: true, Again: false})
	h.enter("c2", "az").pass(30 * time.Second)
	snap := h.s.Snapshot(h.now)
	if q := snap.Queues[0]; q.Waiting != 1 || q.LongestWait != 30*time.Second || q.Calls[0].Position != 1 {
		t.Errorf("the queue shows %+v", q)
	}
	h.do(Left{"c2"})
	h.wantCommand(Abandoned{Call: "c2", Queue: "general", Language: "az", Waited: 30 * time.Second})
	h.enter("c3", "az").do(Left{"c1"}).do(Resumed{"ann"}).pass(15 * time.Second)
	h.pass(6 * time.Second) // the report is late: +21 s are over the target, and over the grace
	h.pass(Rest - time.Second)
	h.do(Reported{"c3", "ann", Answered})
	h.wantCommand(Connected{Call: "c3", Queue: "general", Language: "az", Operator: "ann", Waited: 50 * time.Second, InTarget: false, Again: false})
}

// A clock that is set back must not give an offer more time, nor let anything panic.
func TestTheClockIsSetBack(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az").pass(10 * time.Second)
	right := h.now
	h.now = right.Add(-time.Hour)
	h.do(Tick{}).wantRung("c1", "ann")
	h.enter("c2", "az").wantRung("c2", "bob")
	h.now = right.Add(10*time.Second - time.Millisecond)
	h.do(Tick{})
	if len(h.last) > 1 { // more than the wake
		t.Errorf("an offer made meanwhile is overdue as soon as the clock is right: %#v", h.last)
	}
	h.now = right.Add(10 * time.Second)
	h.do(Tick{}).wantRung("c1", "")
}

// A Tick that comes late tells what has happened in the order in which it did.
func TestALateTick(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az").enter("c2", "az").talk("c1", "ann").talk("c2", "bob")
	h.do(Left{"c2"}).pass(time.Second).do(Left{"c1"})
	h.now = h.now.Add(time.Hour)
	h.do(Tick{})
	var order []string
	for _, c := range h.last {
		if c, ok := c.(OperatorChanged); ok {
			order = append(order, c.Operator)
		}
	}
	if !slices.Equal(order, []string{"bob", "ann"}) {
		t.Errorf("the wrap-ups ended in the order %v, want bob's first", order)
	}
	h.enter("c3", "az").wantRung("c3", "bob")
}

func TestFaultyRules(t *testing.T) {
	err := CheckRules([]Rules{{Name: "a", Offer: time.Second}, {Name: "a", Target: -1, WrapUp: -1}, {}})
	for _, want := range []string{"queues[1].name", "queues[1].target", "queues[1].offer", "queues[1].wrap_up", "queues[2].name"} {
		if err == nil || !strings.Contains(err.Error(), want+":") {
			t.Errorf("no word of %s in %v", want, err)
		}
	}
	if err := CheckRules([]Rules{general}); err != nil {
		t.Error(err)
	}
}

func ExampleState_Step() {
	s := New([]Rules{general})
	s.Step(OperatorsSet{[]Operator{speaks("ann", "az")}}, noon)
	s.Step(PhoneChanged{"ann", true, true}, noon)
	for _, c := range s.Step(Entered{Ticket{Call: "c1", Queue: "general", Language: "az", Arrived: noon}}, noon) {
		fmt.Printf("%T\n", c)
	}
	// Output:
	// queue.Queued
	// queue.Offered
	// queue.OperatorChanged
	// queue.Wake
}

func TestACallerIsHandedOn(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"), speaks("cem", "az"))
	h.enter("c1", "az").talk("c1", "ann")
	reserve := func(name string) bool {
		h.do(Reserved{name})
		return slices.ContainsFunc(h.last, func(c Command) bool { r, ok := c.(Replied); return ok && r.Stood })
	}
	if reserve("ann") || reserve("nobody") || !reserve("bob") || reserve("bob") {
		t.Error("reserved who talks, who is not there, or twice")
	}
	h.wantState("bob", OperatorTalking)
	h.enter("c2", "az").wantRung("c2", "cem") // not bob, who is kept
	h.do(Transferred{"c1", "bob"})
	h.wantState("ann", OperatorWrapUp)
	h.wantState("bob", OperatorTalking)
	h.do(Transferred{"c1", "cem"}) // who is not reserved but rung: nothing changes
	h.do(Transferred{"c2", "ann"}) // which is no talk yet
	h.wantState("bob", OperatorTalking)
	h.wantRung("c2", "cem")
	h.do(Transferred{Call: "c1"}) // out of the house
	h.wantState("bob", OperatorWrapUp)
	h.do(Left{"c1"})
	if h.last[0] != (Wake{At: h.last[0].(Wake).At}) {
		t.Errorf("a call that has been handed on is here: %v", h.last)
	}
}

// A telephone may make two calls at once, and its operator be asked for by name besides: the end of
// one of them frees nobody.
func TestOwnCallsAreCounted(t *testing.T) {
	on, off := OwnCallChanged{"ann", true}, OwnCallChanged{"ann", false}
	for name, events := range map[string][]Event{
		"two own calls":               {on, on, off},
		"reserved in an own call":     {Reserved{"ann"}, on, off},
		"an own call while reserved":  {Reserved{"ann"}, on, Released{"ann"}},
		"one end told too often":      {off, off, on},
		"not reserved in an own call": {on, Reserved{"ann"}, Released{"ann"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, []Rules{general}, speaks("ann", "az"))
			for _, ev := range events {
				h.do(ev)
			}
			h.enter("c1", "az").wantState("ann", OperatorTalking)
			h.do(off).do(Released{"ann"}).wantRung("c1", "ann")
		})
	}
}
