package line

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/prompts"
	"hotline/queue"
	"hotline/recording"
)

// A hall is a line with doubles for everything around it.
type hall struct {
	t       *testing.T
	line    *Line
	journal *journal
	floor   *orders
	phones  *phones
	metrics *prometheus.Registry
}

func newHall(t *testing.T, change ...func(*Options)) *hall {
	h := &hall{
		t: t, journal: &journal{}, metrics: prometheus.NewRegistry(),
		floor:  &orders{seats: map[call.ID]chan queue.Order{}, stands: true},
		phones: &phones{answerAfter: 2 * time.Second, legs: map[string]*calltest.Leg{}},
	}
	o := Options{
		Settings: Settings{
			Lines:     []Number{{Number: "919", Also: []string{"012919"}, Queue: "general"}},
			Languages: []call.Language{"az", "en", "ru"}, Policy: RecordAlways, Limit: 10, Whisper: true,
			Queues: map[string]Queue{
				"general": {SayEvery: 30 * time.Second, Comfort: []string{"queue.allBusy", "queue.thanks"}, Position: true, Estimate: true},
				"tax":     {},
			},
			Pauses: map[string]string{"3": "training"}, Ring: 20 * time.Second,
			Topic: func(digits string) string { return map[string]string{"1": "visa", "12": "visa/overstay"}[digits] },
			Directory: []Entry{
				{Name: "migration", Number: "+000125550100", Languages: []call.Language{"ru"}},
				{Name: "fire", Number: "101", Emergency: true},
			},
		},
		Floor: h.floor, Operators: h.floor, Stars: h.floor, Places: h.floor, Callbacks: h.floor, Dialer: h.phones, Journal: h.journal, Recorder: noRecorder{},
		Prompts: clips{}, Log: zaptest.NewLogger(t, zaptest.Level(zapError)), Metrics: h.metrics,
	}
	for _, c := range change {
		c(&o)
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.line, h.floor.line = l, l
	return h
}

const zapError = zapcore.FatalLevel // expected errors stay quiet

// caller makes a caller's leg and serves it; done closes when Serve has returned.
func (h *hall) caller(change ...func(*call.Info)) (leg *calltest.Leg, done chan struct{}) {
	info := call.Info{ID: "leg", Call: call.NewID(), Role: call.RoleCaller, Trunk: "carrier", From: "+000123456789", Dialled: "919"}
	for _, c := range change {
		c(&info)
	}
	leg, done = calltest.NewLeg(info), make(chan struct{})
	go func() { defer close(done); h.line.Serve(context.Background(), leg) }()
	synctest.Wait()
	return leg, done
}

func TestCallerHearsLanguageNoticeMusicAndOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, func(o *Options) { o.Dialer.(*phones).answerAfter = 62 * time.Second })
		caller, done := h.caller()
		if caller.Answered().IsZero() {
			t.Fatal("the caller was not answered at once")
		}
		time.Sleep(3 * time.Second)
		caller.Sound().Press('2')
		time.Sleep(100 * time.Millisecond)
		caller.Sound().Press('7') // during the notice: discarded
		time.Sleep(5 * time.Second)
		h.floor.ring(caller, "aysel")
		time.Sleep(70 * time.Second) // the phone is slow: two words and music meanwhile
		op := h.phones.leg("aysel")
		if op == nil || caller.Sound().JoinedTo() != op.Sound() {
			t.Fatal("caller and operator are not joined")
		}
		time.Sleep(time.Minute)
		op.End(call.CauseHangup)
		<-done
		if caller.HungUp() == nil {
			t.Error("the operator hung up and the caller was left hanging")
		}
		r := h.journal.closed(t)
		if r.Outcome != call.Completed || r.EndedBy != call.ByOperator || r.Language != "en" || r.Operator != "aysel" {
			t.Errorf("record: %+v", r)
		}
		if r.Notice == nil || r.Notice.Language != "en" || r.Notice.Key != "notice.recording" {
			t.Errorf("notice: %+v", r.Notice)
		}
		keys := heard(caller)
		want := []string{"open.greeting/az", "open.lang/az", "notice.recording/en", "queue.enter/en", "music/", "queue.allBusy/en", "music/", "queue.thanks/en", "music/"}
		if !slices.Equal(keys, want) {
			t.Errorf("the caller heard %v, want %v", keys, want)
		}
		if got := heard(op); !slices.Equal(got, []string{"whisper.en/en"}) {
			t.Errorf("the operator heard %v", got)
		}
	})
}

func TestNobodyChoosesALanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		time.Sleep(2 * time.Minute)
		caller.End(call.CauseHangup)
		<-done
		r := h.journal.closed(t)
		if r.Language != "az" || r.Notice == nil || !slices.Equal(r.Notice.Languages, []call.Language{"az", "en", "ru"}) {
			t.Errorf("language %q, notice %+v", r.Language, r.Notice)
		}
		lines := 0
		for _, k := range heard(caller) {
			if k == "open.lang/az" {
				lines++
			}
		}
		if lines != 3 {
			t.Errorf("the language lines were read %d times, want 3", lines)
		}
		if r.Outcome != call.Abandoned || r.Phase != call.Waiting || r.EndedBy != call.ByCaller {
			t.Errorf("record: %+v", r)
		}
	})
}

func TestWrongKeysAreToldAndCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			caller.Sound().Press('9')
		}
		time.Sleep(time.Second)
		if got := count(heard(caller), "menu.invalid/az"); got != 2 {
			t.Errorf("told %d times that the key was wrong before the rounds ran out, want 2", got)
		}
		if got := count(heard(caller), "notice.recording/az"); got != 1 {
			t.Errorf("after three wrong keys the notice was begun %d times, want once", got)
		}
		caller.End(call.CauseHangup)
		<-done
	})
}

// Every way a caller can go, in every state, leaves exactly one record with the right outcome.
func TestEveryWayACallCanEnd(t *testing.T) {
	type end struct {
		cause   call.Cause
		outcome call.Outcome // before an operator
		talked  call.Outcome // after one
		by      call.Party
	}
	ends := []end{
		{call.CauseHangup, call.Abandoned, call.Completed, call.ByCaller},
		{call.CauseMediaLost, call.MediaLost, call.MediaLost, call.ByPeer},
		{call.CauseNoACK, call.Abandoned, call.Completed, call.ByPeer},
		{call.CauseFailed, call.Abandoned, call.Completed, call.ByPeer},
	}
	states := map[string]func(h *hall, l *calltest.Leg){
		"greeting": func(*hall, *calltest.Leg) { time.Sleep(time.Second) },
		"notice":   func(_ *hall, l *calltest.Leg) { l.Sound().Press('1'); time.Sleep(time.Second) },
		"waiting":  func(_ *hall, l *calltest.Leg) { l.Sound().Press('1'); time.Sleep(10 * time.Second) },
		"offered": func(h *hall, l *calltest.Leg) {
			l.Sound().Press('1')
			time.Sleep(10 * time.Second)
			h.floor.ring(l, "aysel")
			time.Sleep(time.Second)
		},
		"whisper": func(h *hall, l *calltest.Leg) {
			l.Sound().Press('1')
			time.Sleep(10 * time.Second)
			h.floor.ring(l, "aysel")
			time.Sleep(2500 * time.Millisecond)
		},
		"talking": func(h *hall, l *calltest.Leg) {
			l.Sound().Press('1')
			time.Sleep(10 * time.Second)
			h.floor.ring(l, "aysel")
			time.Sleep(10 * time.Second)
		},
	}
	for name, reach := range states {
		for _, e := range ends {
			t.Run(name+"/"+string(e.cause), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHall(t, func(o *Options) { o.Dialer.(*phones).answerAfter = 2 * time.Second })
					caller, done := h.caller()
					reach(h, caller)
					caller.End(e.cause)
					<-done
					want := e.outcome
					if name == "talking" {
						want = e.talked
					}
					r := h.journal.closed(t)
					if r.Outcome != want || r.EndedBy != e.by {
						t.Errorf("outcome %s by %s, want %s by %s", r.Outcome, r.EndedBy, want, e.by)
					}
					h.nobodyLeft(t)
				})
			})
		}
	}
}

// What we end for no reason of the caller's is never called the caller's doing.
func TestWhatWeEndIsOurs(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(l *calltest.Leg, closing context.CancelFunc)
		want call.Outcome
	}{
		{"the signalling closes under the call", func(_ *calltest.Leg, closing context.CancelFunc) { closing() }, call.Stopped},
		{"the leg is given up", func(l *calltest.Leg, _ context.CancelFunc) { l.End(call.CauseOurs) }, call.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t)
				ctx, closing := context.WithCancel(context.Background())
				defer closing()
				leg, done := calltest.NewLeg(call.Info{Call: call.NewID(), Dialled: "919"}), make(chan struct{})
				go func() { defer close(done); h.line.Serve(ctx, leg) }()
				time.Sleep(time.Second)
				c.end(leg, closing)
				<-done
				if r := h.journal.closed(t); r.Outcome != c.want || r.EndedBy != call.ByUs {
					t.Errorf("outcome %s by %s, want %s by us", r.Outcome, r.EndedBy, c.want)
				}
			})
		})
	}
}

// Outside the hours the call is closed, also where the caller does not listen to the end of it:
// nobody would have come.
func TestOutsideTheHours(t *testing.T) {
	for by, listens := range map[call.Party]time.Duration{call.ByUs: time.Minute, call.ByCaller: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := newHall(t, func(o *Options) { o.Settings.Lines[0].Hours = &hours{closed: call.Closure{Why: call.AfterHours}} })
			caller, done := h.caller()
			time.Sleep(listens)
			caller.End(call.CauseHangup)
			<-done
			if r := h.journal.closed(t); r.Outcome != call.Closed || r.EndedBy != by || r.Phase != "" {
				t.Errorf("record %+v, want closed by %s", r, by)
			}
		})
	}
}

// Three may wait, and one of ten calls hears that there is no room: the fourth caller does, a
// fifth meanwhile gets 486, and when one who waited has left there is room again.
func TestNoRoomAmongThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, func(o *Options) { o.Settings.Waiting = 3 })
		var legs []*calltest.Leg
		var ends []chan struct{}
		come := func() *calltest.Leg {
			l, done := h.caller()
			legs, ends = append(legs, l), append(ends, done)
			return l
		}
		for range 3 {
			if h.line.Full() {
				t.Fatal("full too early")
			}
			come()
		}
		fourth := come()
		if !h.line.Full() || fourth.Answered().IsZero() {
			t.Error("the fourth caller is not told")
		}
		if fifth := come(); !fifth.Answered().IsZero() || fifth.HungUp() == nil || fifth.HungUp().Code != 486 {
			t.Errorf("the fifth caller: %+v", fifth.HungUp())
		}
		<-ends[4]
		<-ends[3]
		if keys := heard(fourth); !slices.Equal(keys, []string{"queue.full/az", "queue.full/en", "queue.full/ru"}) {
			t.Errorf("the fourth caller heard %v", keys)
		}
		for _, r := range h.journal.ended {
			if r.Outcome != call.Refused || r.Code != 486 || r.EndedBy != call.ByUs {
				t.Errorf("record %+v", r)
			}
		}
		legs[0].End(call.CauseHangup)
		<-ends[0]
		sixth := come()
		time.Sleep(3 * time.Second)
		if keys := heard(sixth); len(keys) == 0 || keys[0] != "open.greeting/az" {
			t.Errorf("with room again a caller heard %v", keys)
		}
		for _, i := range []int{1, 2, 5} {
			legs[i].End(call.CauseHangup)
			<-ends[i]
		}
	})
}

func TestCancelBeforeTheAnswerIsAbandonedWhileRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		leg := calltest.NewLeg(call.Info{Call: call.NewID(), Dialled: "919"})
		leg.End(call.CauseCancelled)
		h.line.Serve(context.Background(), leg)
		r := h.journal.closed(t)
		if r.Outcome != call.Abandoned || r.Phase != call.Ringing || r.EndedBy != call.ByCaller || !r.Answered.IsZero() {
			t.Errorf("record: %+v", r)
		}
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		info   func(*call.Info)
		code   int
	}{
		{"no common codec", nil, func(i *call.Info) { i.Unfit = 488 }, 488},
		{"draining", nil, func(i *call.Info) { i.Unfit = 503 }, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t, func(o *Options) {
					if c.change != nil {
						c.change(o)
					}
				})
				leg, done := h.caller(func(i *call.Info) {
					if c.info != nil {
						c.info(i)
					}
				})
				<-done
				r := h.journal.closed(t)
				if r.Outcome != call.Refused || r.Code != c.code || leg.HungUp() == nil || leg.HungUp().Code != c.code {
					t.Errorf("record: %+v, hung up %+v", r, leg.HungUp())
				}
			})
		})
	}
}

func TestTheCallAboveTheLimitHearsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, func(o *Options) { o.Settings.Limit = 1 })
		first, firstDone := h.caller()
		second, secondDone := h.caller()
		<-secondDone
		if r := second.HungUp(); r == nil || r.Code != 486 {
			t.Errorf("the second caller got %+v, want 486", r)
		}
		first.End(call.CauseHangup)
		<-firstDone
	})
}

func TestAnOperatorWhoVanishesSendsTheCallerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		caller.Sound().Press('3')
		time.Sleep(10 * time.Second)
		h.floor.ring(caller, "aysel")
		time.Sleep(10 * time.Second)
		h.phones.leg("aysel").End(call.CauseMediaLost)
		time.Sleep(time.Second)
		if got := h.floor.reported("aysel"); !slices.Contains(got, queue.Lost) {
			t.Errorf("the floor was told %v of a lost operator", got)
		}
		if got := count(heard(caller), "operator.lost/ru"); got != 1 {
			t.Errorf("the caller was told %d times, want once", got)
		}
		h.floor.ring(caller, "samir")
		time.Sleep(10 * time.Second)
		caller.End(call.CauseHangup)
		<-done
		r := h.journal.closed(t)
		if r.Operator != "samir" || r.Outcome != call.Completed {
			t.Errorf("record: %+v", r)
		}
		h.nobodyLeft(t)
	})
}

func TestAnAnswerThatComesTooLateIsHungUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		h.floor.stands = false
		caller, done := h.caller()
		caller.Sound().Press('1')
		time.Sleep(10 * time.Second)
		h.floor.ring(caller, "aysel")
		time.Sleep(5 * time.Second)
		if op := h.phones.leg("aysel"); op == nil || op.HungUp() == nil {
			t.Error("an operator whose offer had ended was left talking into nothing")
		}
		caller.End(call.CauseHangup)
		<-done
		h.nobodyLeft(t)
	})
}

func TestHoldGivesTheCallerMusicAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		caller.Sound().Press('1')
		time.Sleep(10 * time.Second)
		h.floor.ring(caller, "aysel")
		time.Sleep(10 * time.Second)
		op := h.phones.leg("aysel")
		op.Tell(call.LegHeld)
		time.Sleep(time.Second)
		if got := heard(caller); got[len(got)-1] != "music/" || caller.Sound().JoinedTo() != nil {
			t.Errorf("on hold the caller hears %v, joined %v", got, caller.Sound().JoinedTo() != nil)
		}
		op.Tell(call.LegResumed)
		time.Sleep(time.Second)
		if caller.Sound().JoinedTo() != op.Sound() {
			t.Error("after hold the two are not joined again")
		}
		caller.End(call.CauseHangup)
		<-done
	})
}

// A hold pressed while the language is told is a hold: nobody is joined to a held telephone.
func TestHoldDuringTheWhisperIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		caller.Sound().Press('1')
		time.Sleep(10 * time.Second)
		h.floor.ring(caller, "aysel")
		time.Sleep(2500 * time.Millisecond) // answered after two seconds, the whisper takes two more
		op := h.phones.leg("aysel")
		op.Tell(call.LegHeld)
		time.Sleep(5 * time.Second)
		if caller.Sound().JoinedTo() != nil {
			t.Error("the caller is joined to an operator who holds")
		}
		op.Tell(call.LegResumed)
		time.Sleep(time.Second)
		if caller.Sound().JoinedTo() != op.Sound() {
			t.Error("after the hold the two are not joined")
		}
		caller.End(call.CauseHangup)
		<-done
	})
}

func TestACallMayLastFourHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		<-done
		if r := h.journal.closed(t); r.Outcome != call.TimedOut || r.EndedBy != call.ByUs || r.Ended.Sub(r.Arrived) < longest {
			t.Errorf("record: %+v", r)
		}
		if caller.HungUp() == nil {
			t.Error("the caller was left hanging")
		}
	})
}

// Callers come to be refused while a drain waits for the last one to leave: neither harms the other.
func TestWaitWhileCallersComeAndGo(t *testing.T) {
	h := newHall(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				h.line.Serve(t.Context(), calltest.NewLeg(call.Info{Call: call.NewID(), Dialled: "919", Unfit: 503}))
			}
		})
	}
	for range 200 {
		if err := h.line.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := h.line.Wait(t.Context()); err != nil || h.line.Active() != 0 {
		t.Errorf("%d calls are left, %v", h.line.Active(), err)
	}
}

func TestAStopSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		caller.Sound().Press('2')
		time.Sleep(20 * time.Second)
		h.line.Stop()
		<-done
		r := h.journal.closed(t)
		if r.Outcome != call.Stopped || r.EndedBy != call.ByUs {
			t.Errorf("record: %+v", r)
		}
		if got := heard(caller); got[len(got)-1] != "fault.technical/en" {
			t.Errorf("the last thing heard is %s", got[len(got)-1])
		}
		if err := h.line.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// One call's bug ends one call: the record is closed as failed, everybody is let go.
func TestAPlantedPanicEndsOneCall(t *testing.T) {
	for _, state := range []call.State{call.Ringing, call.Greeting, call.Waiting, call.Talking} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var bad call.ID
				h := newHall(t, func(o *Options) {
					o.OnState = func(id call.ID, s call.State) {
						if id == bad && s == state {
							panic("planted")
						}
					}
				})
				bystander, bystanderDone := h.caller()
				bad = call.NewID()
				caller, done := h.caller(func(i *call.Info) { i.Call = bad })
				caller.Sound().Press('1')
				time.Sleep(10 * time.Second)
				if state == call.Talking {
					h.floor.ring(caller, "aysel")
					time.Sleep(5 * time.Second)
				}
				<-done
				r := h.journal.closed(t)
				if r.ID != bad || r.Outcome != call.Failed || r.EndedBy != call.ByUs {
					t.Errorf("record: %+v", r)
				}
				if caller.HungUp() == nil {
					t.Error("the caller was left hanging")
				}
				if op := h.phones.leg("aysel"); op != nil && op.HungUp() == nil {
					t.Error("the operator was left hanging")
				}
				if got := testutil.ToFloat64(h.line.metrics.panics); got != 1 {
					t.Errorf("counted %v panics, want 1", got)
				}
				if bystander.Over() {
					t.Error("another call ended with it")
				}
				bystander.End(call.CauseHangup)
				<-bystanderDone
			})
		})
	}
}

func TestStarCodes(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"*45", "resume"}, {"*46", "pause pause"}, {"*463", "pause training"}, {"*469", ""}, {"*47", "more wrap-up"},
		{"*481", "topic visa"}, {"*4812", "topic visa/overstay"}, {"*4819", ""},
	} {
		t.Run(c.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t)
				leg := calltest.NewLeg(call.Info{User: "aysel", Dialled: c.code})
				h.line.ServePhone(context.Background(), leg)
				want, tone := []string{"own call", c.want, "own call over"}, "tone.ok/az"
				if c.want == "" { // the digits mean nothing
					want, tone = []string{"own call", "own call over"}, "tone.error/az"
				}
				if got := h.floor.asked; !slices.Equal(got, want) {
					t.Errorf("the floor was asked %q", got)
				}
				if got := heard(leg); !slices.Equal(got, []string{tone}) {
					t.Errorf("the operator heard %v", got)
				}
			})
		})
	}
}

// nobodyLeft checks that no call, no leg and no active series is left.
func (h *hall) nobodyLeft(t *testing.T) {
	t.Helper()
	if h.line.Active() != 0 {
		t.Errorf("%d calls are still active", h.line.Active())
	}
	h.phones.mu.Lock()
	defer h.phones.mu.Unlock()
	for _, leg := range h.phones.all {
		if !leg.Over() {
			t.Errorf("the leg of %s is left hanging", leg.Info().ID)
		}
	}
	h.floor.mu.Lock()
	defer h.floor.mu.Unlock()
	for name := range h.floor.reserved {
		t.Errorf("%s is still reserved", name)
	}
	for name, n := range h.floor.owns {
		if n != 0 {
			t.Errorf("%s is in %d calls of their own", name, n)
		}
	}
	for _, s := range []call.State{call.Ringing, call.Greeting, call.Waiting, call.Talking} {
		if v := testutil.ToFloat64(h.line.metrics.here.WithLabelValues("919", string(s))); v != 0 {
			t.Errorf("hotline_line_calls_active{state=%q} is %v after the last call", s, v)
		}
	}
}

// heard lists what a leg was sent as key/language; the two other language lines are left out.
func heard(l *calltest.Leg) (keys []string) {
	for _, s := range l.Sound().Sent() {
		if s.Key == "open.lang" && s.Language != "az" {
			continue
		}
		keys = append(keys, s.Key+"/"+string(s.Language))
	}
	return keys
}

func count(all []string, what string) (n int) {
	for _, s := range all {
		if s == what {
			n++
		}
	}
	return n
}

type journal struct {
	mu      sync.Mutex
	arrived []call.Record
	ended   []call.Record
	events  []call.Event
}

func (j *journal) Arrived(r call.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.arrived = append(j.arrived, r)
	return nil
}
func (j *journal) Event(e call.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}
func (j *journal) Closed(r call.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = append(j.ended, r)
	return nil
}

// closed is the one record that was closed.
// named are the events of that name.
func (j *journal) named(name string) (list []call.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.Name == name {
			list = append(list, e)
		}
	}
	return list
}

func (j *journal) closed(t *testing.T) call.Record {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.ended) != 1 {
		t.Fatalf("%d records were closed, want exactly one", len(j.ended))
	}
	return j.ended[0]
}

// orders is a floor whose decisions the test makes.
type orders struct {
	mu      sync.Mutex
	line    *Line // serves callbacks
	seats   map[call.ID]chan queue.Order
	stands  bool // an answer finds its offer still standing
	results map[string][]queue.Result
	asked   []string
	left    []call.ID
	busy    string // cannot be reserved
	strange string // cannot be handed a caller

	reserved map[string]bool
	owns     map[string]int

	place     queue.Place
	told      []time.Duration
	holds     []bool
	callbacks []queue.Ticket
	full      bool // nobody may enter
	tickets   []queue.Ticket
	heads     []time.Duration // head starts
}

func (f *orders) Enter(t queue.Ticket) (<-chan queue.Order, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tickets = append(f.tickets, t)
	if f.full && !t.Passed {
		return nil, queue.ErrFull
	}
	f.seats[t.Call] = make(chan queue.Order, 8)
	return f.seats[t.Call], nil
}

func (f *orders) ring(l *calltest.Leg, operator string) {
	f.send(l, queue.Order{Kind: queue.Ring, Operator: operator, Deadline: time.Now().Add(2 * time.Minute)})
}

func (f *orders) send(l *calltest.Leg, o queue.Order) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seats[l.Info().Call] <- o
}

func (f *orders) Report(_ call.ID, operator string, r queue.Result) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.results == nil {
		f.results = map[string][]queue.Result{}
	}
	f.results[operator] = append(f.results[operator], r)
	return f.stands
}

func (f *orders) reported(operator string) []queue.Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.results[operator])
}

func (f *orders) Leave(id call.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = append(f.left, id)
}

func (f *orders) Reserve(operator string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy == operator || f.reserved[operator] {
		return false
	}
	f.asked = append(f.asked, "reserve "+operator)
	if f.reserved == nil {
		f.reserved = map[string]bool{}
	}
	f.reserved[operator] = true
	return true
}

func (f *orders) Release(operator string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, "release "+operator)
	delete(f.reserved, operator)
}

func (f *orders) Transfer(_ call.ID, to string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, "transfer to "+to)
	stands := to == "" || f.reserved[to] && to != f.strange
	delete(f.reserved, to)
	return stands
}

func (f *orders) Known(operator string) bool {
	return slices.Contains([]string{"aysel", "samir", "leyla"}, operator)
}
func (f *orders) Pause(_, reason string) error {
	f.asked = append(f.asked, "pause "+reason)
	return nil
}
func (f *orders) Resume(string) error { f.asked = append(f.asked, "resume"); return nil }
func (f *orders) ExtendWrapUp(string) error {
	f.asked = append(f.asked, "more wrap-up")
	return nil
}
func (f *orders) Dispose(_, topic string) error {
	f.asked = append(f.asked, "topic "+topic)
	return nil
}
func (f *orders) Place(call.ID) queue.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.place
}

// stand says where callers stand from now on.
func (f *orders) stand(p queue.Place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.place = p
}
func (f *orders) Prioritise(_ call.ID, head time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heads = append(f.heads, head)
	return nil
}
func (f *orders) Told(_ call.ID, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, wait)
}
func (f *orders) Hold(_ call.ID, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds = append(f.holds, on)
}

// AskCallback takes every wish but that of a party that has one, and serves it; the call that asks is
// out of the queue.
func (f *orders) AskCallback(t queue.Ticket) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.callbacks, func(o queue.Ticket) bool { return o.Party == t.Party }) {
		return queue.ErrCallbackOpen
	}
	f.callbacks = append(f.callbacks, t)
	seat := f.seats[t.For]
	if seat != nil {
		close(seat)
		delete(f.seats, t.For)
	}
	seat = make(chan queue.Order, 8)
	f.seats[t.Call] = seat
	go f.line.ServeCallback(context.Background(), t, seat)
	return nil
}
func (f *orders) wished() []queue.Ticket {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.callbacks)
}
func (f *orders) CallbackReached(call.ID) { f.ask("reached") }
func (f *orders) CallbackFailed(_ call.ID, final bool) {
	f.ask(map[bool]string{true: "failed for good", false: "failed"}[final])
}
func (f *orders) ask(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}
func (f *orders) OwnCall(operator string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, map[bool]string{true: "own call", false: "own call over"}[on])
	if f.owns == nil {
		f.owns = map[string]int{}
	}
	f.owns[operator] += map[bool]int{true: 1, false: -1}[on]
}

// phones answer after a while.
type phones struct {
	answerAfter time.Duration
	mu          sync.Mutex
	legs        map[string]*calltest.Leg // the last of each
	all         []*calltest.Leg
	panics      map[string]bool // whose dial panics
	late        map[string]bool // who answers as soon as nobody wants it any more
	early       map[string]bool // whose sound is there before the answer
	dialled     []string        // "aysel", "outside +000…", in order
	never       map[string]bool // who does not answer
	unable      map[call.Number]bool
	fails       map[string]call.DialFailure
	causes      map[string]error // why whoever is not wanted any more is not
	outs        []call.Outside   // as they were asked for
	shown       []string         // what telephones show, in order
}

// DialOutside answers by the name "outside" and the number.
func (p *phones) DialOutside(ctx context.Context, o call.Outside) (call.Leg, error) {
	user := "outside " + o.To.Raw()
	p.mu.Lock()
	p.outs = append(p.outs, o)
	p.mu.Unlock()
	if p.early[user] && o.Early != nil {
		early := calltest.NewLeg(call.Info{ID: "early"})
		p.mu.Lock()
		p.legs["early"] = early
		p.mu.Unlock()
		o.Early(early)
	}
	return p.Dial(ctx, call.Dial{Call: o.Call, User: user, Ringing: o.Ringing})
}

// MayCall lets everybody be called but the fire brigade and those who are in unable.
func (p *phones) MayCall(n call.Number) bool { return n != "101" && !p.unable[n] }

func (p *phones) ask(d call.Dial) (never bool, fails call.DialFailure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialled, p.shown = append(p.dialled, d.User), append(p.shown, d.Display)
	return p.never[d.User], p.fails[d.User]
}

func (p *phones) Dial(ctx context.Context, d call.Dial) (call.Leg, error) {
	never, fails := p.ask(d)
	if p.panics[d.User] {
		panic("planted")
	}
	if fails != "" {
		return nil, &call.DialError{Failure: fails, Code: 486}
	}
	if d.Ringing != nil {
		d.Ringing()
	}
	answers := time.After(p.answerAfter)
	if never {
		answers = nil
	}
	select {
	case <-answers:
	case <-ctx.Done():
		p.withdrawn(d.User, context.Cause(ctx))
		if p.late[d.User] {
			break
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, &call.DialError{Failure: call.NoAnswer}
		}
		return nil, &call.DialError{Failure: call.Withdrawn}
	}
	leg := calltest.NewLeg(call.Info{ID: d.User + " " + time.Now().String(), Call: d.Call, Role: call.RoleOperator, User: d.User})
	leg.Answer(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.legs[d.User] = leg
	p.all = append(p.all, leg)
	return leg, nil
}

func (p *phones) withdrawn(user string, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.causes == nil {
		p.causes = map[string]error{}
	}
	p.causes[user] = cause
}

func (p *phones) cause(user string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.causes[user]
}

// asked are the calls out that were asked for.
func (p *phones) asked() []call.Outside {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.outs)
}

func (p *phones) leg(user string) *calltest.Leg {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.legs[user]
}

// noRecorder records nothing, though its disk is well.
type noRecorder struct{}

func (noRecorder) Open(recording.Meta) (*recording.Recording, error) {
	return nil, errors.New("no disk")
}
func (noRecorder) Healthy() error { return nil }

// brokenDisk takes no recording, and it is known.
type brokenDisk struct{ noRecorder }

func (brokenDisk) Healthy() error { return errors.New("no disk") }

func onABrokenDisk(policy Policy) func(*Options) {
	return func(o *Options) { o.Recorder, o.Settings.Policy = brokenDisk{}, policy }
}

// TestTheDiskTakesNoRecording: a caller hears, in their language, that the call is not recorded, and goes on; or, where
// the policy wants no call without its recording, that we are not to be reached, and those above a tenth of all
// calls hear a tone.
func TestTheDiskTakesNoRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, onABrokenDisk(RecordAlways))
		caller, done := h.caller()
		caller.Sound().Press('3')
		time.Sleep(20 * time.Second)
		keys := heard(caller)
		if !slices.Contains(keys, "notice.unrecorded/ru") || slices.Contains(keys, "notice.recording/ru") || !slices.Contains(keys, "queue.enter/ru") {
			t.Errorf("the caller heard %v", keys)
		}
		caller.End(call.CauseHangup)
		<-done
		if r := h.journal.closed(t); r.Unrecorded != call.UnrecordedDisk || r.Notice != nil || r.Recording != "" || r.Outcome != call.Abandoned {
			t.Errorf("record %+v", r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, onABrokenDisk(RefuseWithout))
		first, firstDone := h.caller()
		second, secondDone := h.caller()
		<-secondDone
		<-firstDone
		if keys := heard(first); !slices.Equal(keys, []string{"fault.technical/az", "fault.technical/en", "fault.technical/ru"}) {
			t.Errorf("the first caller heard %v", keys)
		}
		if r := second.HungUp(); !second.Answered().IsZero() || r == nil || r.Code != 503 {
			t.Errorf("the second caller got %+v", r)
		}
		for _, r := range h.journal.ended {
			if r.Outcome != call.Refused || r.Code != 503 || r.EndedBy != call.ByUs {
				t.Errorf("record %+v", r)
			}
		}
	})
}

// clips makes every clip two seconds long.
type clips struct{}

func (clips) Clip(key string, l call.Language) *call.Clip {
	return &call.Clip{Key: key, Language: l, Version: "v", PCM: make([]int16, 2*call.ClockRate)}
}
func (clips) Music() *call.Clip {
	return &call.Clip{Key: "music", PCM: make([]int16, 10*call.ClockRate)}
}
func (c clips) SayPosition(n int, l call.Language) []*call.Clip {
	return []*call.Clip{c.Clip(fmt.Sprint("position ", n), l)}
}
func (c clips) SayWait(d time.Duration, l call.Language) []*call.Clip {
	return []*call.Clip{c.Clip(fmt.Sprint("wait ", d), l)}
}
func (c clips) SayDigits(number string, l call.Language) []*call.Clip {
	return []*call.Clip{c.Clip("number "+number, l)}
}
func (c clips) SayChoice(item string, key byte, l call.Language) []*call.Clip {
	return []*call.Clip{c.Clip(item+" "+string(key), l)}
}
func (c clips) SayCase(number string, l call.Language) []*call.Clip {
	return []*call.Clip{c.Clip("case."+number, l)}
}
func (c clips) SayMenu(items []prompts.Item, l call.Language) (list []*call.Clip) {
	for _, i := range items {
		list = append(list, c.Clip(i.Clip+"="+string(rune(i.Key)), l))
	}
	return list
}
func (c clips) SayDay(t time.Time, l call.Language) []*call.Clip {
	return []*call.Clip{c.Clip("day "+t.Format(time.DateOnly), l)}
}
