package line

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/queue"
)

// Whatever ends in the middle of whatever transfer: one closed record a call, no leg left hanging,
// nobody kept. That no goroutine is left is the bubble's own demand.
func TestEveryEndInTheMiddleOfATransfer(t *testing.T) {
	moments := map[string]func(d *deskCall){
		"it rings at a colleague's":   func(d *deskCall) { d.ask("samir", nil); time.Sleep(time.Second) },
		"the colleague is told":       func(d *deskCall) { d.ask("samir", nil); time.Sleep(3 * time.Second) },
		"the colleague talks":         func(d *deskCall) { d.ask("samir", nil); time.Sleep(10 * time.Second) },
		"it rings outside":            func(d *deskCall) { d.ask("migration", nil); time.Sleep(time.Second) },
		"the notice is told outside":  func(d *deskCall) { d.ask("migration", nil); time.Sleep(3 * time.Second) },
		"somebody outside talks":      func(d *deskCall) { d.ask("migration", nil); time.Sleep(10 * time.Second) },
		"it waits in another queue":   func(d *deskCall) { d.ask("tax", nil); time.Sleep(5 * time.Second) },
		"a consult rings":             func(d *deskCall) { d.consult("samir") },
		"a consult talks":             func(d *deskCall) { d.consult("samir"); time.Sleep(10 * time.Second) },
		"a consult tells the notice":  func(d *deskCall) { d.consult("migration"); time.Sleep(2 * time.Second) },
		"a consult outside talks":     func(d *deskCall) { d.consult("migration"); time.Sleep(10 * time.Second) },
		"a ringing consult is wanted": func(d *deskCall) { p, _ := d.consult("samir"); d.ask("samir", p); synctest.Wait() },
		"a notice is wanted": func(d *deskCall) {
			p, _ := d.consult("migration")
			time.Sleep(2 * time.Second)
			d.ask("migration", p)
			synctest.Wait()
		},
		"a consult is handed over": func(d *deskCall) {
			p, _ := d.consult("samir")
			time.Sleep(10 * time.Second)
			d.ask("samir", p)
			time.Sleep(time.Second)
		},
		"it rings at hers again": func(d *deskCall) {
			d.phones.never["samir"], d.phones.never["aysel"] = true, true
			d.ask("samir", nil)
			time.Sleep(time.Second)
			d.aysel.End(call.CauseHangup)
			time.Sleep(21 * time.Second)
		},
	}
	ends := map[string]struct {
		end      func(d *deskCall)
		outcomes []call.Outcome
	}{
		"the caller hangs up": {func(d *deskCall) { d.caller.End(call.CauseHangup) }, []call.Outcome{call.Completed}},
		"the caller is lost":  {func(d *deskCall) { d.caller.End(call.CauseFailed) }, []call.Outcome{call.Completed}},
		"the server stops":    {func(d *deskCall) { d.line.Stop() }, []call.Outcome{call.Stopped}},
		"the longest time":    {func(d *deskCall) { d.unwatch(); time.Sleep(longest) }, []call.Outcome{call.TimedOut}},
		"every telephone is lost, at last the caller's": {func(d *deskCall) {
			d.everybody(func(l *calltest.Leg) { l.End(call.CauseFailed) })
			time.Sleep(time.Minute)
			d.caller.End(call.CauseHangup)
		}, []call.Outcome{call.Completed}},
		"every telephone hangs up": {func(d *deskCall) {
			d.everybody(func(l *calltest.Leg) { l.End(call.CauseHangup) })
			time.Sleep(time.Minute)
			d.caller.End(call.CauseHangup)
		}, []call.Outcome{call.Completed}},
	}
	for moment, reach := range moments {
		for end, x := range ends {
			t.Run(moment+"/"+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newHall(t).talking()
					d.phones.mu.Lock()
					d.phones.never = map[string]bool{}
					d.phones.mu.Unlock()
					reach(d)
					x.end(d)
					<-d.done
					for _, p := range d.consults { // the operator hangs up at last
						p.End(call.CauseHangup)
					}
					if err := d.line.Wait(context.Background()); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					d.nobodyLeft(t)
					if r := d.record(); !slices.Contains(x.outcomes, r.Outcome) || r.Ended.IsZero() || r.Operator == "" {
						t.Errorf("record %+v", r)
					}
					d.journal.mu.Lock()
					defer d.journal.mu.Unlock()
					if n := 1 + len(d.consults); len(d.journal.ended) != n {
						t.Errorf("%d records were closed, want %d", len(d.journal.ended), n)
					}
					for _, leg := range append(d.consults, d.caller, d.aysel) {
						if !leg.Over() {
							t.Errorf("the leg %s is left hanging", leg.Info().ID)
						}
					}
				})
			})
		}
	}
}

// everybody does something to all telephones but the caller's.
func (d *deskCall) everybody(do func(*calltest.Leg)) {
	d.phones.mu.Lock()
	legs := slices.Concat(d.phones.all, d.consults)
	d.phones.mu.Unlock()
	for _, l := range legs {
		do(l)
	}
}

// The time for ringing is no time for a notice: that takes as long as it takes.
func TestALongNoticeIsToldWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t, func(o *Options) { o.Settings.Ring = 3 * time.Second }).talking()
		d.ask("+000125550177", nil) // two seconds to the answer, six of notice
		time.Sleep(7 * time.Second)
		if d.caller.Sound().JoinedTo() != nil {
			t.Error("joined before the notice was over")
		}
		time.Sleep(2 * time.Second)
		d.wantJoined(d.phones.leg("outside +000125550177"), "the third party")
		d.over()
	})
}

func TestAColleagueWhoHangsUpBeforeBeingJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.ask("samir", nil)
		time.Sleep(3 * time.Second)
		samir := d.phones.leg("samir")
		samir.Ask(d.transfer("leyla", nil)) // nor has anybody to be put through yet
		samir.End(call.CauseHangup)
		time.Sleep(3 * time.Second)
		d.wantJoined(d.aysel, "aysel again")
		d.wantTold(180, 491, 480)
		d.wantFloor("reserve samir", "release samir")
		d.over()
	})
}

func TestATransferAskedForInTheWhisper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.ask("tax", nil)
		time.Sleep(time.Second)
		d.floor.ring(d.caller, "samir")
		time.Sleep(3 * time.Second)
		d.phones.leg("samir").Ask(d.transfer("leyla", nil))
		time.Sleep(3 * time.Second)
		d.wantTold(200, 491)
		d.wantJoined(d.phones.leg("samir"), "samir")
		d.over()
	})
}

// A bug in a dial costs the transfer, not the call.
func TestADialThatPanics(t *testing.T) {
	for _, to := range []string{"samir", "migration"} {
		synctest.Test(t, func(t *testing.T) {
			d := newHall(t, func(o *Options) { o.Log = zap.NewNop() }).talking()
			d.phones.panics = map[string]bool{"samir": true, "outside +000125550100": true}
			d.ask(to, nil)
			time.Sleep(time.Second)
			d.wantJoined(d.aysel, "aysel still")
			d.wantTold(480)
			_, over := d.consult(to)
			<-over
			d.aysel.Tell(call.LegResumed)
			time.Sleep(time.Second)
			d.over()
		})
	}
}

// Where the floor has lost the one a caller is handed to, the one who hands on is free all the same.
func TestTheFloorDoesNotKnowTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.floor.strange = "samir"
		d.ask("samir", nil)
		time.Sleep(10 * time.Second)
		d.wantJoined(d.phones.leg("samir"), "samir")
		d.wantFloor("reserve samir", "transfer to samir", "transfer to ")
		d.over()
	})
}

// A telephone that answers in the instant in which nobody wants it any more is hung up.
func TestAnAnswerThatComesTooLate(t *testing.T) {
	for _, again := range []bool{false, true} { // samir, or aysel who is to take the caller back
		synctest.Test(t, func(t *testing.T) {
			d := newHall(t).talking()
			d.phones.mu.Lock()
			d.phones.never = map[string]bool{"samir": true, "aysel": true}
			d.phones.late = map[string]bool{"samir": !again, "aysel": again}
			d.phones.mu.Unlock()
			d.ask("samir", nil)
			time.Sleep(time.Second)
			if again {
				d.aysel.End(call.CauseHangup)
				time.Sleep(25 * time.Second)
			}
			d.over()
			if n := len(d.phones.all); n != 2 {
				t.Errorf("%d telephones answered", n)
			}
		})
	}
}

// What comes after the talk is not done to whoever the caller talks to next.
func TestATransferAskedForTooLate(t *testing.T) {
	talks, told := newTalks(), 0
	v := &visit{asked: make(chan *call.Transfer, 1)}
	p := party{leg: calltest.NewLeg(call.Info{ID: "first"}), role: call.RoleOperator, name: "aysel"}
	x := &call.Transfer{Tell: func(code int) { told = code }}
	talks.begin(p, v)
	if code := talks.ask("first", x); code != 0 {
		t.Errorf("answered with %d", code)
	}
	if code := talks.ask("first", x); code != 491 {
		t.Errorf("a second one is answered with %d", code)
	}
	talks.end(p, v)
	if told != 481 || len(v.asked) != 0 {
		t.Errorf("told %d, %d are left", told, len(v.asked))
	}
	if code := talks.ask("first", x); code != 481 {
		t.Errorf("after the talk it is answered with %d", code)
	}
}

// A number means the same however it is written, and an entry is open when its hours say so.
func TestWhoIsMeant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, func(o *Options) {
			o.Settings.Spell = func(n string) string { return "+" + strings.TrimLeft(n, "+0") }
			o.Settings.Queues["samir"] = Queue{}
			o.Settings.Directory = append(o.Settings.Directory,
				Entry{Name: "archive", Number: "+77", Open: func(time.Time) bool { return false }},
				Entry{Name: "tax", Number: "+78"})
		})
		s := h.line.settings.Load()
		for to, want := range map[string]struct {
			kind, name string
			code       int
		}{
			"samir":         {"operator", "samir", 0}, // before the queue of that name
			"tax":           {"queue", "tax", 0},      // before the entry of that name
			"migration":     {"directory", "migration", 0},
			"+000125550100": {"directory", "migration", 0},
			"00125550100":   {"directory", "migration", 0},
			"125550100":     {"directory", "migration", 0},
			"archive":       {"directory", "archive", 480},
			"077":           {"directory", "archive", 480},
			"125550199":     {"outside", "outside", 0},
		} {
			d, code := h.line.destination(s, to)
			if code != want.code || d.kind() != want.kind || d.name() != want.name {
				t.Errorf("%s is %s %s, %d", to, d.kind(), d.name(), code)
			}
		}
		if _, code := h.line.destination(s, "nobody"); code != 404 {
			t.Errorf("nobody is answered with %d", code)
		}
	})
}

// A consult that rings in vain for the caller too brings the caller back.
func TestAWantedConsultThatNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t).talking()
		d.phones.never = map[string]bool{"samir": true}
		phone, over := d.consult("samir")
		d.ask("samir", phone)
		time.Sleep(time.Second)
		phone.End(call.CauseHangup) // it rings on all the same
		time.Sleep(10 * time.Second)
		if last(d.caller.Sound().Sent()).Key != "music" {
			t.Error("the caller hears no music")
		}
		d.wantTold(180) // still ringing
		d.aysel.Tell(call.LegResumed)
		time.Sleep(10 * time.Second)
		<-over
		d.wantJoined(d.aysel, "aysel again")
		d.wantTold(180, 480)
		d.wantFloor("own call", "reserve samir", "release samir", "own call over")
		d.wantCounted("attended", "operator", "returned")
		d.over()
	})
}

// A notice that is being told when the caller is put through is told to its end.
func TestANoticeIsToldWholeWhenTheConsultIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHall(t, func(o *Options) { o.Settings.Ring = time.Second }).talking()
		phone, over := d.consult("migration")
		time.Sleep(2 * time.Second)
		third := d.phones.leg("outside +000125550100")
		d.ask("migration", phone)
		time.Sleep(500 * time.Millisecond)
		if third.Over() || d.caller.Sound().JoinedTo() != nil {
			t.Fatal("joined, or hung up, in the middle of the notice")
		}
		time.Sleep(2 * time.Second)
		<-over
		d.wantJoined(third, "the third party")
		if got := heard(third); !slices.Equal(got, []string{"notice.recording/ru"}) {
			t.Errorf("the third party heard %v", got)
		}
		d.over()
	})
}

func TestAnOperatorWhoRefusesToTakeTheCallerBack(t *testing.T) {
	for fail, want := range map[call.DialFailure]queue.Result{call.Declined: queue.Busy, call.Unreachable: queue.Lost} {
		synctest.Test(t, func(t *testing.T) {
			d := newHall(t).talking()
			d.phones.mu.Lock()
			d.phones.never = map[string]bool{"samir": true}
			d.phones.fails = map[string]call.DialFailure{"aysel": fail}
			d.phones.mu.Unlock()
			d.ask("samir", nil)
			time.Sleep(time.Second)
			d.aysel.End(call.CauseHangup)
			time.Sleep(21 * time.Second)
			if got := d.floor.reported("aysel"); !slices.Equal(got, []queue.Result{queue.Answered, want}) {
				t.Errorf("the floor was told %v", got)
			}
			d.over()
		})
	}
}

// own has aysel's telephone call somebody with no caller of hers here.
func (h *hall) own(to string) (phone *calltest.Leg, over chan struct{}) {
	phone, over = calltest.NewLeg(call.Info{ID: "own", Call: call.NewID(), Role: call.RoleOperator, User: "aysel", Dialled: to}), make(chan struct{})
	go func() { defer close(over); h.line.ServePhone(context.Background(), phone) }()
	synctest.Wait()
	return phone, over
}

func TestSoundBeforeTheAnswerOfAnOwnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		h.phones.early = map[string]bool{"outside +000125550100": true}
		phone, over := h.own("migration")
		if !phone.Early() || phone.Sound().JoinedTo() == nil || !phone.Answered().IsZero() {
			t.Error("the operator does not hear what the trunk plays")
		}
		time.Sleep(3 * time.Second)
		if got := heard(phone); !slices.Equal(got, []string{"music/"}) {
			t.Errorf("while the notice is told the operator hears %v", got)
		}
		time.Sleep(3 * time.Second)
		if phone.Sound().JoinedTo() != h.phones.leg("outside +000125550100").Sound() {
			t.Error("not through")
		}
		phone.End(call.CauseHangup)
		<-over
		h.nobodyLeft(t)
	})
}

func TestHoldsInAnOwnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		phone, over := h.own("samir")
		time.Sleep(5 * time.Second)
		samir := h.phones.leg("samir")
		through := func() bool { return phone.Sound().JoinedTo() == samir.Sound() }
		for i, x := range []struct {
			who  *calltest.Leg
			what call.LegEventKind
			want bool
		}{
			{phone, call.LegHeld, false}, {samir, call.LegHeld, false}, {phone, call.LegResumed, false}, {samir, call.LegResumed, true},
		} {
			x.who.Tell(x.what)
			synctest.Wait()
			if through() != x.want {
				t.Errorf("step %d: through %v", i, through())
			}
		}
		for _, l := range []*calltest.Leg{phone, samir} {
			if last(l.Sound().Sent()).Key != "music" {
				t.Error("one who was held heard no music")
			}
		}
		samir.End(call.CauseHangup)
		<-over
		if r := h.journal.closed(t); r.EndedBy != call.ByPeer || r.Outcome != call.Completed {
			t.Errorf("record %+v", r)
		}
	})
}

// A telephone whose sound we cannot take hears so before anybody is rung.
func TestATelephoneThatCannotBeAnswered(t *testing.T) {
	for _, to := range []string{"samir", "migration", "*45"} {
		synctest.Test(t, func(t *testing.T) {
			h := newHall(t)
			phone := calltest.NewLeg(call.Info{Call: call.NewID(), User: "aysel", Dialled: to, Unfit: 488})
			h.line.ServePhone(t.Context(), phone)
			if r := phone.HungUp(); r == nil || r.Code != 488 || len(h.phones.dialled) > 0 {
				t.Errorf("%s: answered with %+v, dialled %q", to, r, h.phones.dialled)
			}
			h.nobodyLeft(t)
		})
	}
}

func TestOwnCallsThatDoNotCome(t *testing.T) {
	for _, x := range []struct {
		name    string
		change  func(*Options)
		during  func(h *hall, phone *calltest.Leg)
		code    int // 0: the telephone hung up itself
		outcome call.Outcome
		by      call.Party
	}{
		{"the disk takes no recording and the policy wants one", onABrokenDisk(RefuseWithout), nil, 503, call.Refused, call.ByUs},
		{"the server stops", nil, func(h *hall, _ *calltest.Leg) { h.line.Stop() }, 503, call.Stopped, call.ByUs},
		{"the operator thinks better of it", nil, func(_ *hall, p *calltest.Leg) { p.End(call.CauseCancelled) }, 0, call.Abandoned, call.ByOperator},
		{"nobody answers", nil, func(*hall, *calltest.Leg) { time.Sleep(ownRing) }, 480, call.Refused, call.ByPeer},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t, func(o *Options) {
					if x.change != nil {
						x.change(o)
					}
				})
				h.phones.never = map[string]bool{"outside +000125550100": true}
				phone, over := h.own("migration")
				if x.during != nil {
					x.during(h, phone)
				}
				<-over
				if r := phone.HungUp(); x.code != 0 && (r == nil || r.Code != x.code) {
					t.Errorf("the telephone was answered with %+v", r)
				}
				if r := h.journal.closed(t); r.Outcome != x.outcome || r.EndedBy != x.by || r.Code != x.code && x.outcome == call.Refused {
					t.Errorf("record %+v", r)
				}
				h.nobodyLeft(t)
			})
		})
	}
}
