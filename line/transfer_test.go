package line

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/queue"
)

// A desk is a caller who talks to aysel, and what her telephone is told of its transfers.
type deskCall struct {
	*hall
	caller *calltest.Leg
	aysel  *calltest.Leg
	done   chan struct{}

	consults []*calltest.Leg // aysel's own calls
	unwatch  func()          // the caller's ear rests: four hours of it take long

	mu   sync.Mutex
	told []int
}

// talking puts a caller through to aysel.
func (h *hall) talking() *deskCall {
	d := &deskCall{hall: h}
	d.caller, d.done = h.caller()
	d.caller.Sound().Press('1')
	time.Sleep(10 * time.Second)
	h.floor.ring(d.caller, "aysel")
	time.Sleep(10 * time.Second)
	d.aysel = h.phones.leg("aysel")
	if d.aysel == nil || d.caller.Sound().JoinedTo() != d.aysel.Sound() {
		h.t.Fatal("the caller does not talk to aysel")
	}
	h.floor.mu.Lock()
	h.floor.asked = nil
	h.floor.mu.Unlock()
	var ctx context.Context
	ctx, d.unwatch = context.WithCancel(h.t.Context())
	go h.watch(ctx, d.caller)
	return d
}

// watch demands that from now on the caller hears somebody or something at each moment: a hole of
// half a second is one too many.
func (h *hall) watch(ctx context.Context, caller *calltest.Leg) {
	silent := 0
	for !caller.Over() && caller.HungUp() == nil {
		sent := caller.Sound().Sent()
		if last := sent[len(sent)-1]; caller.Sound().JoinedTo() == nil && !last.Loop && time.Since(last.At) > 2*time.Second {
			silent++
		} else {
			silent = 0
		}
		if silent == 5 {
			h.t.Errorf("the caller hears nothing since %v, after %+v", time.Now(), last(sent))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

func last(sent []calltest.Sent) calltest.Sent { return sent[len(sent)-1] }

// ask has aysel's telephone ask for a transfer.
func (d *deskCall) ask(to string, consult call.Leg) {
	d.aysel.Ask(d.transfer(to, consult))
}

func (d *deskCall) transfer(to string, consult call.Leg) *call.Transfer {
	return &call.Transfer{To: to, Consult: consult, Tell: func(code int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.told = append(d.told, code)
	}}
}

func (d *deskCall) wantTold(codes ...int) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.told, codes) {
		d.t.Errorf("the telephone was told %v, want %v", d.told, codes)
	}
}

func (d *deskCall) wantJoined(who *calltest.Leg, name string) {
	d.t.Helper()
	if who == nil || d.caller.Sound().JoinedTo() != who.Sound() {
		d.t.Errorf("the caller is not joined to %s", name)
	}
}

// wantFloor compares what the floor was asked about others than aysel.
func (d *deskCall) wantFloor(asked ...string) {
	d.t.Helper()
	d.floor.mu.Lock()
	defer d.floor.mu.Unlock()
	// Two calls of aysel's end at once: which of them the floor hears of first says nothing.
	got := slices.Sorted(slices.Values(d.floor.asked))
	slices.Sort(asked)
	if !slices.Equal(got, asked) {
		d.t.Errorf("the floor was asked %q, want %q", got, asked)
	}
}

// over ends the call from the caller's side and returns its record.
func (d *deskCall) over() call.Record {
	d.t.Helper()
	d.caller.End(call.CauseHangup)
	<-d.done
	d.nobodyLeft(d.t)
	return d.record()
}

// record is the caller's.
func (d *deskCall) record() call.Record {
	d.t.Helper()
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	var found []call.Record
	for _, r := range d.journal.ended {
		if r.ID == d.caller.Info().Call {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		d.t.Fatalf("%d records of the call are closed", len(found))
	}
	return found[0]
}

// passedAs counts the metric.
func (d *deskCall) wantCounted(kind, to, outcome string) {
	d.t.Helper()
	families, err := d.metrics.Gather()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "hotline_line_transfers_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue()) // in alphabetical order: kind, outcome, to
			}
			if slices.Equal(labels, []string{kind, outcome, to}) && m.GetCounter().GetValue() == 1 {
				return
			}
		}
	}
	d.t.Errorf("no transfer was counted as %s to %s: %s", kind, to, outcome)
}

func TestATransferToAColleague(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.ask("samir", nil)
		time.Sleep(time.Second)
		if last(d.caller.Sound().Sent()).Key != "music" {
			t.Error("the caller hears no music")
		}
		time.Sleep(9 * time.Second)
		samir := d.phones.leg("samir")
		d.wantJoined(samir, "samir")
		d.wantTold(180, 200)
		d.wantFloor("reserve samir", "transfer to samir")
		if d.aysel.HungUp() == nil {
			t.Error("aysel's telephone was left hanging")
		}
		if got := heard(samir); !slices.Equal(got, []string{"whisper.az/az"}) {
			t.Errorf("samir heard %v", got)
		}
		samir.End(call.CauseHangup)
		<-d.done
		if r := d.record(); r.Operator != "samir" || r.Outcome != call.Completed || r.EndedBy != call.ByOperator {
			t.Errorf("record %+v", r)
		}
		d.wantCounted("blind", "operator", "done")
		d.nobodyLeft(t)
	})
}

func TestNobodyAnswersATransfer(t *testing.T) {
	for _, x := range []struct {
		name   string
		fail   call.DialFailure // "": it rings in vain
		busy   bool             // for the floor
		told   []int
		floor  []string
		within time.Duration
	}{
		{"it rings in vain", "", false, []int{180, 480}, []string{"reserve samir", "release samir"}, 21 * time.Second},
		{"busy", call.Busy, false, []int{486}, []string{"reserve samir", "release samir"}, time.Second},
		{"declined", call.Declined, false, []int{603}, []string{"reserve samir", "release samir"}, time.Second},
		{"no telephone", call.Unreachable, false, []int{480}, []string{"reserve samir", "release samir"}, time.Second},
		{"in a call", "", true, []int{486}, nil, time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newHall(t).talking()
				d.phones.never = map[string]bool{"samir": true}
				if x.fail != "" {
					d.phones.fails = map[string]call.DialFailure{"samir": x.fail}
				}
				if x.busy {
					d.floor.busy = "samir"
				}
				d.ask("samir", nil)
				time.Sleep(x.within)
				d.wantJoined(d.aysel, "aysel again")
				d.wantTold(x.told...)
				d.wantFloor(x.floor...)
				d.wantCounted("blind", "operator", "returned")
				if r := d.over(); r.Operator != "aysel" || r.Outcome != call.Completed {
					t.Errorf("record %+v", r)
				}
			})
		})
	}
}

// Many telephones hang up as soon as their transfer is accepted.
func TestBackToAnOperatorWhoHasHungUp(t *testing.T) {
	t.Run("who answers again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newHall(t).talking()
			d.phones.never = map[string]bool{"samir": true}
			d.ask("samir", nil)
			time.Sleep(time.Second)
			d.aysel.End(call.CauseHangup)
			time.Sleep(23 * time.Second)
			again := d.phones.leg("aysel")
			if again == d.aysel {
				t.Fatal("aysel was not rung again")
			}
			d.wantJoined(again, "aysel on her new leg")
			if r := d.over(); r.Operator != "aysel" {
				t.Errorf("record %+v", r)
			}
		})
	})
	t.Run("who has left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newHall(t).talking()
			d.phones.mu.Lock()
			d.phones.never = map[string]bool{"samir": true, "aysel": true}
			d.phones.mu.Unlock()
			d.ask("samir", nil)
			time.Sleep(time.Second)
			d.aysel.End(call.CauseHangup)
			time.Sleep(45 * time.Second)
			if got := d.floor.reported("aysel"); !slices.Contains(got, queue.Lost) {
				t.Errorf("the floor was told %v", got)
			}
			d.phones.mu.Lock()
			d.phones.never = nil
			d.phones.mu.Unlock()
			d.floor.ring(d.caller, "leyla")
			time.Sleep(10 * time.Second)
			d.wantJoined(d.phones.leg("leyla"), "leyla")
			if r := d.over(); r.Operator != "leyla" {
				t.Errorf("record %+v", r)
			}
		})
	})
}

func TestATransferToAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.floor.full = true // for callers from outside
		d.ask("tax", nil)
		time.Sleep(time.Second)
		d.wantTold(200)
		if d.aysel.HungUp() == nil {
			t.Error("aysel's telephone was left hanging")
		}
		d.floor.ring(d.caller, "samir")
		time.Sleep(10 * time.Second)
		d.wantJoined(d.phones.leg("samir"), "samir")
		if r := d.over(); r.Queue != "tax" || r.Operator != "samir" {
			t.Errorf("record %+v", r)
		}
		d.wantCounted("blind", "queue", "done")
	})
}

func TestATransferOutOfTheHouse(t *testing.T) {
	for _, x := range []struct{ name, to, dials, notice, kind string }{
		{"an entry by its name", "migration", "outside +000125550100", "notice.recording/ru", "directory"},
		{"by its number", "+000125550100", "outside +000125550100", "notice.recording/ru", "directory"},
		{"an emergency", "fire", "outside 101", "", "directory"},
		{"a number in no directory", "+000125550177", "outside +000125550177", "notice.recording/az notice.recording/en notice.recording/ru", "outside"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newHall(t).talking()
				d.ask(x.to, nil)
				time.Sleep(3 * time.Second)
				third := d.phones.leg(x.dials)
				if third == nil {
					t.Fatalf("dialled %q", d.phones.dialled)
				}
				if x.notice != "" && d.caller.Sound().JoinedTo() != nil {
					t.Error("joined before the notice was over")
				}
				time.Sleep(10 * time.Second)
				d.wantJoined(third, "the third party")
				if got := strings.Join(heard(third), " "); got != x.notice {
					t.Errorf("the third party heard %q", got)
				}
				d.wantTold(180, 200)
				d.wantFloor("transfer to ")
				d.wantCounted("blind", x.kind, "done")
				third.End(call.CauseHangup)
				<-d.done
				if r := d.record(); r.Operator != "aysel" || r.Outcome != call.Completed || r.EndedBy != call.ByPeer {
					t.Errorf("record %+v", r)
				}
				d.nobodyLeft(t)
				for _, e := range d.journal.events {
					if s := fmt.Sprint(e.Data); strings.Contains(s, "5550") {
						t.Errorf("a number in the journal: %s %s", e.Name, s)
					}
				}
			})
		})
	}
}

func TestAThirdPartyThatDoesNotHearTheNoticeIsNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.ask("migration", nil)
		time.Sleep(3 * time.Second)
		d.phones.leg("outside +000125550100").End(call.CauseHangup) // in the middle of it
		time.Sleep(time.Second)
		d.wantJoined(d.aysel, "aysel again")
		d.wantTold(180, 480)
		d.over()
	})
}

func TestWhatCannotBeTransferred(t *testing.T) {
	for _, x := range []struct {
		name, to string
		told     int
	}{
		{"nobody of that name", "nobody", 404}, {"to oneself", "aysel", 404}, {"not let out", "+000900", 403}, {"a word with spaces", "a b", 404},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newHall(t).talking()
				d.phones.fails = map[string]call.DialFailure{"outside +000900": call.Forbidden}
				d.ask(x.to, nil)
				time.Sleep(time.Second)
				d.wantTold(x.told)
				d.wantJoined(d.aysel, "aysel still")
				d.over()
			})
		})
	}
}

func TestTheCallerLeavesWhileItRings(t *testing.T) {
	for _, to := range []string{"samir", "migration"} {
		for _, after := range []time.Duration{time.Second, 3 * time.Second} { // while it rings, in the whisper or the notice
			synctest.Test(t, func(t *testing.T) {
				d := newHall(t).talking()
				d.ask(to, nil)
				time.Sleep(after)
				if r := d.over(); r.Operator != "aysel" || r.Outcome != call.Completed || r.EndedBy != call.ByCaller {
					t.Errorf("%s: record %+v", to, r)
				}
				if d.aysel.HungUp() == nil {
					t.Errorf("%s: aysel was left hanging", to)
				}
			})
		}
	}
}

func TestASecondTransferWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.ask("samir", nil)
		time.Sleep(time.Second)
		d.ask("leyla", nil)
		time.Sleep(10 * time.Second)
		d.wantTold(180, 491, 200)
		d.wantJoined(d.phones.leg("samir"), "samir")
		d.over()
	})
}

// consult has aysel hold the caller and call somebody on her other line.
func (d *deskCall) consult(to string) (phone *calltest.Leg, over chan struct{}) {
	d.aysel.Tell(call.LegHeld)
	phone = calltest.NewLeg(call.Info{ID: "consult", Call: call.NewID(), Role: call.RoleOperator, User: "aysel", Dialled: to})
	d.consults = append(d.consults, phone)
	over = make(chan struct{})
	go func() { defer close(over); d.line.ServePhone(context.Background(), phone) }()
	time.Sleep(time.Second)
	return phone, over
}

func TestAnAttendedTransfer(t *testing.T) {
	for _, mirrored := range []bool{false, true} {
		for _, x := range []struct{ to, far, floor string }{
			{"samir", "samir", "own call; reserve samir; transfer to samir; own call over"},
			{"migration", "outside +000125550100", "own call; transfer to ; own call over"},
		} {
			t.Run(fmt.Sprintf("to %s, asked in the consult %v", x.to, mirrored), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newHall(t).talking()
					phone, over := d.consult(x.to)
					if !phone.Rang() {
						t.Error("aysel does not hear it ring")
					}
					time.Sleep(9 * time.Second)
					far := d.phones.leg(x.far)
					if far == nil || phone.Sound().JoinedTo() != far.Sound() {
						t.Fatal("aysel does not talk to the one she called")
					}
					if mirrored {
						phone.Ask(d.transfer(x.to, d.aysel))
					} else {
						d.ask(x.to, phone)
					}
					time.Sleep(time.Second)
					<-over
					d.wantJoined(far, x.to)
					d.wantTold(200)
					d.wantFloor(strings.Split(x.floor, "; ")...)
					if phone.HungUp() == nil || d.aysel.HungUp() == nil {
						t.Error("a leg of aysel's was left hanging")
					}
					d.wantCounted("attended", map[string]string{"samir": "operator", "migration": "directory"}[x.to], "done")
					r := d.over()
					if x.to == "samir" && r.Operator != "samir" {
						t.Errorf("record %+v", r)
					}
					d.journal.mu.Lock()
					defer d.journal.mu.Unlock()
					own := d.journal.ended[0]
					if own.Kind != call.KindConsult || own.Linked != r.ID || own.ID == r.ID || own.Operator != "aysel" {
						t.Errorf("the consult's record is %+v", own)
					}
				})
			})
		}
	}
}

func TestAnAttendedTransferBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		phone, over := d.consult("samir")
		d.ask("samir", phone) // it rings still
		time.Sleep(10 * time.Second)
		<-over
		d.wantJoined(d.phones.leg("samir"), "samir")
		d.wantTold(180, 200)
		if got := strings.Join(d.phones.dialled, " "); got != "aysel samir" {
			t.Errorf("dialled %q: samir's telephone had to ring on", got)
		}
		if got := heard(d.phones.leg("samir")); !slices.Equal(got, []string{"whisper.az/az"}) {
			t.Errorf("samir heard %v", got)
		}
		d.over()
	})
}

func TestAConsultThatGoesNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		phone, over := d.consult("samir")
		time.Sleep(9 * time.Second)
		samir := d.phones.leg("samir")
		phone.Ask(d.transfer("leyla", nil)) // a call of one's own goes nowhere
		samir.Ask(d.transfer("leyla", nil)) // and is not the other's to send on
		time.Sleep(time.Second)
		d.wantTold(403, 403)
		phone.End(call.CauseHangup)
		<-over
		if samir.HungUp() == nil {
			t.Error("samir was left hanging")
		}
		d.wantFloor("own call", "reserve samir", "release samir", "own call over")
		d.aysel.Tell(call.LegResumed)
		time.Sleep(time.Second)
		d.wantJoined(d.aysel, "aysel again")
		d.over()
	})
}

func TestAnOperatorsOwnCall(t *testing.T) {
	for _, x := range []struct {
		name, to string
		code     int // of the refusal; 0: it is a call
	}{
		{"a colleague", "samir", 0}, {"an entry", "migration", 0}, {"a number", "+000125550177", 0},
		{"nobody", "nobody", 404}, {"oneself", "aysel", 404}, {"a queue", "tax", 404}, {"not let out", "+000900", 403},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t)
				h.phones.fails = map[string]call.DialFailure{"outside +000900": call.Forbidden}
				phone := calltest.NewLeg(call.Info{ID: "own", Call: call.NewID(), Role: call.RoleOperator, User: "aysel", Dialled: x.to})
				over := make(chan struct{})
				go func() { defer close(over); h.line.ServePhone(context.Background(), phone) }()
				time.Sleep(12 * time.Second)
				if x.code != 0 {
					<-over
					if r := phone.HungUp(); r == nil || r.Code != x.code {
						t.Errorf("refused with %+v", r)
					}
					return
				}
				if phone.Answered().IsZero() || phone.Sound().JoinedTo() == nil {
					t.Fatal("not through")
				}
				phone.End(call.CauseHangup)
				<-over
				h.nobodyLeft(t)
				if r := h.journal.closed(t); r.Kind != call.KindOwn || r.Linked != "" || r.Outcome != call.Completed || r.From != "" {
					t.Errorf("record %+v", r)
				}
			})
		})
	}
}

func TestAStopEndsOwnCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		phone := calltest.NewLeg(call.Info{ID: "own", Call: call.NewID(), Role: call.RoleOperator, User: "aysel", Dialled: "samir"})
		go h.line.ServePhone(context.Background(), phone)
		time.Sleep(10 * time.Second)
		h.line.Stop()
		if err := h.line.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		h.nobodyLeft(t)
		if phone.HungUp() == nil {
			t.Error("the telephone was left hanging")
		}
	})
}
