package queue

import (
	"errors"
	"testing"
	"time"
)

// What the witness has found in the core, each as a story of its own.

func TestStaffIsThatOfTheMoment(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az").talk("c1", "ann").report("c1", "ann", Lost)
	if q, _ := said[Queued](h); q.Staff != (Staff{Ready: 1, Unreachable: 1}) {
		t.Errorf("ann is not in the talk any more, staff is %+v", q.Staff)
	}
}

func TestACallbackDoesNotStandBehindItsOwnCall(t *testing.T) {
	h := open(t, []Rules{general})
	h.enter("c1", "az").do(CallbackAsked{Ticket{Call: "c2", Party: "+1", For: "c1"}})
	if q, _ := said[Queued](h); q.Position != 1 {
		t.Errorf("it is told to stand at %d", q.Position)
	}
}

func TestStepsOfAReloadHoldAtOnce(t *testing.T) {
	strict := general
	strict.Steps = []Step{{Skills: []Skill{{"visa", 3}}}, {After: 5 * time.Minute}}
	loose := general
	loose.Steps = []Step{{After: time.Second}, {After: 2 * time.Second}}
	h := open(t, []Rules{loose}, speaks("ann", "az")).do(Paused{Operator: "ann"})
	h.enter("c1", "az").pass(time.Minute) // at the second step of the old rules
	h.do(RulesSet{Rules: []Rules{strict}}).do(Resumed{"ann"}).wantRung("c1", "")
	h.pass(4*time.Minute-time.Millisecond).wantRung("c1", "")
	h.pass(time.Millisecond).wantRung("c1", "ann")
}

func TestAHeadStartOfAReloadHoldsForWhoComesBack(t *testing.T) {
	ahead := general
	ahead.HeadStart = time.Hour
	h := open(t, []Rules{general, {Name: "tax", Offer: time.Minute}}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az").pass(time.Second).talk("c1", "ann").do(Paused{Operator: "bob"})
	h.do(Entered{Ticket{Call: "c0", Queue: "tax", Language: "az", Arrived: noon}})
	h.do(RulesSet{Rules: []Rules{ahead, {Name: "tax", Offer: time.Minute}}})
	h.report("c1", "ann", Lost)
	h.do(Resumed{"bob"}).wantRung("c1", "bob")
}

func TestNobodyWaitsForAnOperatorWhoMayNotHaveThem(t *testing.T) {
	bound := general
	bound.LastOperator = time.Minute
	h := open(t, []Rules{bound}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az").talk("c1", "ann")
	h.do(Entered{Ticket{Call: "c2", Queue: "general", Language: "az", Arrived: h.now, Last: "ann"}}).wantRung("c2", "")
	h.do(OperatorsSet{[]Operator{speaks("ann", "en"), speaks("bob", "az")}}).wantRung("c2", "bob")
}

func TestWhoIsEmployedAgainIsTheOperatorOfLastTime(t *testing.T) {
	bound := general
	bound.LastOperator = time.Minute
	h := open(t, []Rules{bound}, speaks("ann", "az"))
	back := func() {
		h.do(OperatorsSet{}).do(OperatorsSet{[]Operator{speaks("ann", "az")}})
		h.do(Entered{Ticket{Call: "c1", Queue: "general", Language: "az", Arrived: h.now, Last: "ann"}})
		h.wantRung("c1", "ann")
		h.do(Left{"c1"}).pass(time.Minute)
	}
	back()
	back()
}

func TestCallbacksDoNotFillAQueue(t *testing.T) {
	small := general
	small.Limit = 1
	h := open(t, []Rules{small})
	h.do(CallbackAsked{Ticket{Call: "b1", Queue: "general", Party: "+1"}}).enter("c1", "az")
	if r, no := said[Refused](h); no {
		t.Errorf("nobody waits on the line, and a caller is refused: %v", r.Err)
	}
	if r, _ := said[Refused](h.enter("c2", "az")); !errors.Is(r.Err, ErrFull) {
		t.Errorf("the second is refused by %v", r.Err)
	}
}

func TestAnExtensionNeverShortens(t *testing.T) {
	long := general
	long.WrapUp = 20 * time.Minute
	h := open(t, []Rules{long}, speaks("ann", "az"))
	h.enter("c1", "az").talk("c1", "ann").do(Left{"c1"}).do(WrapUpExtended{"ann"})
	h.wantCommand(WrapUpMoved{"ann", h.now.Add(20 * time.Minute)})
}

func TestAnExtensionIsOfItsOwnTalk(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"))
	h.enter("c1", "az").talk("c1", "ann").do(WrapUpExtended{"ann"})
	h.report("c1", "ann", Busy)
	h.pass(Rest).talk("c1", "ann").do(Left{"c1"})
	h.pass(time.Minute-time.Second).wantState("ann", OperatorWrapUp)
	h.pass(time.Second).wantState("ann", OperatorReady)
}

func TestWhoHasTalkedIsReachable(t *testing.T) {
	h := open(t, []Rules{general}, speaks("ann", "az"), speaks("bob", "az"))
	h.enter("c1", "az").report("c1", "ann", Unreachable)
	h.talk("c1", "bob").do(Reserved{"ann"}).do(Transferred{"c1", "ann"}).do(Left{"c1"}).wantState("ann", OperatorWrapUp)
}
