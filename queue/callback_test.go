package queue

import (
	"errors"
	"testing"
	"time"
)

// called is a house where c1 has asked to be called back as b1, and ann was paused meanwhile.
func called(t *testing.T) *house {
	h := open(t, []Rules{with(func(r *Rules) { r.Callback = Callback{Tries: 2, Pause: 10 * time.Minute} })}, speaks("ann", "az"))
	h.pauseAll("ann").enter("c1", "az").pass(time.Second).enter("c2", "az").pass(time.Minute)
	return h.do(CallbackAsked{Ticket{Call: "b1", Party: "+994501112233", For: "c1"}})
}

func TestACallbackKeepsThePlace(t *testing.T) {
	h := called(t)
	h.wantCommand(Finished{"c1"})
	if a, bad := said[Abandoned](h); bad {
		t.Errorf("who prefers to be called has not abandoned: %+v", a)
	}
	h.do(Resumed{"ann"}).wantRung("b1", "ann") // before c2
	h.talk("b1", "ann")
	if _, early := said[Connected](h); early {
		t.Error("the wait is over before anybody was reached")
	}
	h.wantState("ann", OperatorTalking)
	h.pass(10 * time.Second).do(CallbackReached{"b1"})
	h.wantCommand(Connected{Call: "b1", Queue: "general", Language: "az", Operator: "ann", Waited: 71 * time.Second, Callback: true})
	h.do(CallbackFailed{Call: "b1"}).wantState("ann", OperatorTalking) // too late to matter
	h.pass(time.Minute).do(Left{"b1"}).wantState("ann", OperatorWrapUp)
	h.wantCommand(CallbackClosed{Call: "b1", Queue: "general", Outcome: CallbackDone, Waited: 131 * time.Second})
}

func TestACallbackThatReachesNobody(t *testing.T) {
	h := called(t).do(Left{"c2"}).do(Resumed{"ann"}).talk("b1", "ann").pass(30 * time.Second)
	h.do(CallbackFailed{Call: "b1"}).wantState("ann", OperatorReady)
	h.wantCommand(CallbackMissed{"b1", 1, h.now.Add(10 * time.Minute)})
	h.pass(10*time.Minute-time.Second).wantRung("b1", "")
	h.pass(time.Second).wantRung("b1", "ann")
	h.talk("b1", "ann").do(CallbackFailed{Call: "b1"})
	h.wantCommand(CallbackClosed{Call: "b1", Queue: "general", Outcome: CallbackGivenUp, Tries: 2, Waited: 11*time.Minute + 31*time.Second})
	h.wantState("ann", OperatorReady)
	h.do(CallbackAsked{Ticket{Call: "b2", Queue: "general", Language: "az", Arrived: h.now, Party: "+994501112233"}})
	if _, refused := said[Refused](h); refused {
		t.Error("the number cannot be called after its callback has ended")
	}
}

// Whoever was rung in vain for a callback has lost no place by it.
func TestACallbackTakesNoPlaceAway(t *testing.T) {
	h := open(t, []Rules{with(func(r *Rules) { r.Callback.Tries = 3 })}, speaks("ann", "az"), speaks("bob", "az"))
	h.do(CallbackAsked{Ticket{Call: "b1", Queue: "general", Language: "az", Arrived: h.now, Party: "+1"}})
	h.talk("b1", "ann").pass(20 * time.Second).do(CallbackFailed{Call: "b1", Final: true})
	h.wantCommand(CallbackClosed{Call: "b1", Queue: "general", Outcome: CallbackCancelled, Tries: 1, Waited: 20 * time.Second})
	h.pass(Quiet).enter("c1", "az").wantRung("c1", "ann")
}

// A callback after an investigation is tried once, whatever the queue says, also where the process dies in
// the midst of it; before that it waits on, and it takes no call's place.
func TestACallbackForACaseIsTriedOnce(t *testing.T) {
	ask := func() *house {
		h := called(t).do(Left{"b1"})
		return h.do(CallbackAsked{Ticket{Call: "b9", Queue: "general", Language: "az", Arrived: h.now, Party: "+2", For: "c2", Case: "2026-000123"}})
	}
	h := ask()
	if _, gone := said[Finished](h); gone {
		t.Error("the caller who waits has lost the place to it")
	}
	h.do(Left{"c2"}).do(Resumed{"ann"}).talk("b9", "ann").do(CallbackFailed{Call: "b9"})
	h.wantCommand(CallbackClosed{Call: "b9", Queue: "general", Outcome: CallbackGivenUp, Tries: 1})
	h.wantState("ann", OperatorReady)

	h = ask().do(Restarted{})
	if _, gone := said[CallbackClosed](h); gone {
		t.Error("it was lost in a restart before anybody was rung")
	}
	h.do(Resumed{"ann"}).do(PhoneChanged{"ann", true, true}).talk("b9", "ann").do(Restarted{})
	h.wantCommand(CallbackClosed{Call: "b9", Queue: "general", Outcome: CallbackGivenUp, Tries: 1})
}

func TestCallbacksThatCannotBe(t *testing.T) {
	h := called(t).do(OperatorsSet{[]Operator{speaks("ann", "az"), speaks("bob", "en")}}).do(PhoneChanged{"bob", true, true})
	h.enter("c3", "en").talk("c3", "bob")
	for _, c := range []struct {
		ticket Ticket
		want   error
	}{
		{Ticket{Call: "b2", Party: "+994501112233", For: "c2"}, ErrCallbackOpen},
		{Ticket{Call: "b2", Party: "+2", For: "c3"}, ErrNoCall}, // who talks
		{Ticket{Call: "b2", Party: "+2", Queue: "nowhere"}, ErrNoQueue},
		{Ticket{Call: "b1", Party: "+2", Queue: "general"}, ErrDoubled},
	} {
		h.do(CallbackAsked{c.ticket})
		if r, _ := said[Refused](h); !errors.Is(r.Err, c.want) {
			t.Errorf("%+v is answered by %v, want %v", c.ticket, r.Err, c.want)
		}
	}
	if q := h.s.Snapshot(h.now).Queues[0]; q.Waiting != 1 || q.Callbacks != 1 {
		t.Errorf("the queue shows %+v", q)
	}
}

// A call that is over, or was not let in, has no place to give, and stays the one that asked.
func TestACallbackOfACallThatDoesNotWait(t *testing.T) {
	h := called(t)
	h.do(CallbackAsked{Ticket{Call: "b2", Queue: "general", Language: "az", Arrived: h.now, Party: "+2", For: "c1"}})
	h.do(Resumed{"ann"}).wantRung("b1", "ann")
	views := h.s.CallbackViews()
	if len(views) != 2 || views[1].Call != "b2" || views[1].For != "c1" || views[1].Position != 3 {
		t.Errorf("the callbacks are %+v", views)
	}
}

func TestNobodyIsCalledOutsideTheHours(t *testing.T) {
	h := called(t).do(HoursSet{"general", false}).do(Resumed{"ann"})
	h.wantRung("b1", "")
	h.wantRung("c2", "ann") // who is on the line is served
	h.do(Left{"c2"}).pass(14*time.Hour).wantRung("b1", "")
	h.do(HoursSet{"general", true}).wantRung("b1", "ann")
	h.do(HoursSet{"general", false}).wantRung("b1", "")
	h.wantCommand(Withdrawn{"b1", "ann", WhyHoursOver})
	h.do(HoursSet{"nowhere", true})
}

func TestAfterARestart(t *testing.T) {
	h := called(t)
	h.do(OperatorsSet{[]Operator{speaks("ann", "az"), speaks("bob", "az"), speaks("cem", "az"), speaks("dil", "az")}})
	for _, name := range []string{"bob", "cem", "dil"} {
		h.do(PhoneChanged{name, true, true})
	}
	// Bob has the callback, cem the other caller, dil writes notes, ann is paused.
	h.do(Reported{"b1", "bob", Answered}).do(Reported{"c2", "cem", Answered})
	h.enter("c3", "az").talk("c3", "dil").do(Left{"c3"}).enter("c4", "az")
	h.do(Restarted{})
	h.wantCommand(Finished{"c4"})
	if a, bad := said[Abandoned](h); bad {
		t.Errorf("the end of a process is nobody's giving up: %+v", a)
	}
	for _, name := range []string{"bob", "cem", "dil"} {
		h.wantState(name, OperatorOffline)
		if name != "cem" {
			h.do(PhoneChanged{name, true, false})
		}
	}
	h.do(PhonesTold{})
	h.wantState("cem", OperatorOffline)
	h.wantState("dil", OperatorWrapUp)
	h.wantRung("b1", "bob") // in its place, and no try was lost
	h.do(PhoneChanged{"ann", true, true}).wantState("ann", OperatorPaused)
	if q := h.s.Snapshot(h.now).Queues[0]; q.Waiting != 0 || q.Callbacks != 1 {
		t.Errorf("the queue shows %+v", q)
	}
}
