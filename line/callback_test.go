package line

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/queue"
)

// promising is a hall where callers wait for five minutes and may be called back by key 1.
func promising(t *testing.T, change ...func(*Options)) *hall {
	h := newHall(t, append([]func(*Options){func(o *Options) {
		o.Settings.Queues["general"] = Queue{
			SayEvery: time.Minute, Position: true, Estimate: true, CallbackAbove: 3 * time.Minute, CallbackKey: '1', CallbackLast: true,
		}
	}}, change...)...)
	h.floor.stand(queue.Place{Position: 2, Wait: 5 * time.Minute, Known: true, Working: 3})
	return h
}

// offered is a caller who has chosen English, waits, and has heard of the callback.
func (h *hall) offered(change ...func(*call.Info)) (*calltest.Leg, chan struct{}) {
	leg, done := h.caller(change...)
	leg.Sound().Press('2')
	time.Sleep(16 * time.Second)
	if n := count(heard(leg), "callback.item.take 1/en"); n != 1 {
		h.t.Fatalf("the caller was offered a callback %d times: %v", n, heard(leg))
	}
	return leg, done
}

// press waits a little, as people do, and presses.
func press(leg *calltest.Leg, keys string) {
	for _, k := range []byte(keys) {
		time.Sleep(400 * time.Millisecond)
		leg.Sound().Press(k)
	}
	time.Sleep(100 * time.Millisecond)
}

func TestACallerPrefersToBeCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := promising(t)
		caller, done := h.offered()
		press(caller, "1") // yes
		time.Sleep(3 * time.Second)
		press(caller, "1") // that number
		<-done
		if r := h.journal.closed(t); r.Outcome != call.CalledBack || r.EndedBy != call.ByUs {
			t.Errorf("record %+v", r)
		}
		if len(h.floor.wished()) != 1 {
			t.Fatalf("asked for %v", h.floor.wished())
		}
		if b := h.floor.wished()[0]; b.Party != "+000123456789" || b.For != caller.Info().Call || b.Language != "en" || b.Queue != "general" {
			t.Errorf("the callback is %+v", b)
		}
		keys := heard(caller)
		for _, want := range []string{"position 2/en", "wait 5m0s/en", "callback.number/en", "number +000123456789/en", "callback.done/en"} {
			if !slices.Contains(keys, want) {
				t.Errorf("the caller did not hear %s: %v", want, keys)
			}
		}
		if !slices.Equal(h.floor.told, []time.Duration{5 * time.Minute}) {
			t.Errorf("told %v", h.floor.told)
		}
		h.line.Stop()
	})
}

func TestTheConversationAboutACallback(t *testing.T) {
	for name, c := range map[string]struct {
		unable  []call.Number
		keys    []string // pressed three seconds after another
		party   string   // asked for; empty: the caller is in the queue still
		lastly  string   // the last thing heard
		twice   bool     // there is a callback for the caller's number
		without bool     // the number is withheld
	}{
		"another number":         {keys: []string{"1", "2", "0502223344#", "1"}, party: "0502223344", lastly: "bye/en"},
		"a number that is none":  {keys: []string{"1", "2", "12#", "0502223344#", "1"}, party: "0502223344", lastly: "bye/en"},
		"a number not let out":   {keys: []string{"1", "2", "0501111111#", "0502223344#", "1"}, unable: []call.Number{"0501111111"}, party: "0502223344", lastly: "bye/en"},
		"back to the queue":      {keys: []string{"1", "3"}},
		"back while typing":      {keys: []string{"1", "2", "05*"}},
		"nothing is pressed":     {keys: []string{"1"}},
		"another key":            {keys: []string{"7"}},
		"asked for already":      {keys: []string{"1", "1"}, twice: true},
		"withheld: one is typed": {keys: []string{"1", "0502223344#", "1"}, without: true, party: "0502223344", lastly: "bye/en"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := promising(t)
				h.phones.unable = map[call.Number]bool{}
				for _, n := range c.unable {
					h.phones.unable[n] = true
				}
				if c.twice {
					h.floor.callbacks = []queue.Ticket{{Party: "+000123456789"}}
				}
				caller, done := h.offered(func(i *call.Info) { i.Withheld = c.without })
				for _, k := range c.keys {
					press(caller, k)
					time.Sleep(3 * time.Second)
				}
				time.Sleep(40 * time.Second) // questions are asked three times
				party := ""
				if w := h.floor.wished(); len(w) > 0 && !c.twice {
					party = w[len(w)-1].Party
				}
				keys := heard(caller)
				if party != c.party || c.party != "" && keys[len(keys)-1] != c.lastly || c.party == "" && caller.HungUp() != nil {
					t.Errorf("a callback for %q, last heard %v", party, keys)
				}
				if c.twice && !slices.Contains(keys, "callback.duplicate/en") {
					t.Errorf("not told of the one that is open: %v", keys)
				}
				if c.party == "" {
					caller.End(call.CauseHangup)
				}
				<-done
				h.line.Stop()
			})
		})
	}
}

// When the hours end while somebody waits, what was offered before is not to be had any more, and is not
// offered again.
func TestNoCallbackAfterTheHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		h := promising(t, func(o *Options) {
			o.Settings.Lines[0].Hours = &hours{opens: began, closes: began.Add(time.Minute)}
		})
		caller, done := h.offered()
		time.Sleep(time.Minute)
		press(caller, "1")
		time.Sleep(5 * time.Second)
		press(caller, "1")
		time.Sleep(3 * time.Minute)
		keys := heard(caller)
		if n := count(keys, "callback.closed/en"); n != 2 || count(keys, "callback.number/en") > 0 || count(keys, "callback.offer/en") != 1 {
			t.Errorf("the caller heard %v", keys)
		}
		caller.End(call.CauseHangup)
		<-done
		if len(h.floor.wished()) > 0 {
			t.Error("a callback was promised")
		}
	})
}

// An answer does not wait for the end of what the caller is being told.
func TestAnAnswerCutsTheAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := promising(t, func(o *Options) { o.Settings.Whisper = false })
		caller, done := h.caller()
		caller.Sound().Press('2')
		var sent calltest.Sent
		for range 200 { // until the position is being said
			if all := caller.Sound().Sent(); len(all) > 0 && all[len(all)-1].Key == "position 2" {
				sent = all[len(all)-1]
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if sent.Key == "" {
			t.Fatalf("the caller heard %v", heard(caller))
		}
		h.phones.answerAfter = 500 * time.Millisecond
		h.floor.ring(caller, "aysel")
		time.Sleep(600 * time.Millisecond)
		if op := h.phones.leg("aysel"); op == nil || caller.Sound().JoinedTo() != op.Sound() {
			t.Error("not joined 100 ms after the answer")
		}
		if i := slices.IndexFunc(caller.Sound().Sent(), func(s calltest.Sent) bool { return s.Key == "position 2" }); caller.Sound().Sent()[i].Whole {
			t.Error("the announcement was over already: nothing was cut")
		}
		if len(h.floor.told) > 0 {
			t.Errorf("%v counts as told and was not heard", h.floor.told)
		}
		caller.End(call.CauseHangup)
		<-done
		h.line.Stop()
	})
}

// An operator who answers meanwhile is what the caller has waited for.
func TestAnAnswerEndsTheConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := promising(t)
		caller, done := h.offered()
		press(caller, "1")
		h.floor.ring(caller, "aysel")
		time.Sleep(6 * time.Second)
		if op := h.phones.leg("aysel"); op == nil || caller.Sound().JoinedTo() != op.Sound() {
			t.Error("the two are not joined")
		}
		caller.End(call.CauseHangup)
		<-done
		if len(h.floor.wished()) > 0 {
			t.Error("nobody had asked for it")
		}
	})
}

func TestWhoIsLetGo(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Options)
		before  func(*hall)
		during  func(*hall, *calltest.Leg)
		clip    string
		outcome call.Outcome
		code    int
	}{
		"the queue is full": {before: func(h *hall) { h.floor.full = true }, clip: "queue.full/en", outcome: call.Refused, code: 486},
		"nobody is at work": {
			change: func(o *Options) {
				q := o.Settings.Queues["general"]
				q.Leave = true
				o.Settings.Queues["general"] = q
			},
			before: func(h *hall) { h.floor.stand(queue.Place{Position: 1}) }, clip: "queue.noOperators/en", outcome: call.Refused, code: 480,
		},
		"the longest wait is over": {during: func(h *hall, l *calltest.Leg) {
			time.Sleep(20 * time.Second)
			h.floor.send(l, queue.Order{Kind: queue.Expire})
		}, clip: "queue.timeout/en", outcome: call.TimedOut},
	} {
		for _, does := range []string{"stays", "asks for a callback", "hangs up"} {
			wants := does == "asks for a callback"
			t.Run(name+", and the caller "+does, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := promising(t, func(o *Options) {
						if c.change != nil {
							c.change(o)
						}
					})
					if c.before != nil {
						c.before(h)
					}
					caller, done := h.caller()
					caller.Sound().Press('2')
					time.Sleep(3 * time.Second)
					if c.during != nil {
						c.during(h, caller)
						time.Sleep(time.Second)
					}
					outcome, by := c.outcome, call.ByUs
					switch {
					case wants:
						outcome = call.CalledBack
						time.Sleep(time.Second)
						press(caller, "1")
						time.Sleep(3 * time.Second)
						press(caller, "1")
					case does == "hangs up":
						by = call.ByCaller
						time.Sleep(time.Second)
						caller.End(call.CauseHangup)
					}
					<-done
					r := h.journal.closed(t)
					if r.Outcome != outcome || r.EndedBy != by || !wants && r.Code != c.code {
						t.Errorf("record %+v, want %s by %s", r, outcome, by)
					}
					if !slices.Contains(heard(caller), c.clip) {
						t.Errorf("not told why: %v", heard(caller))
					}
					if wants != (len(h.floor.wished()) == 1) {
						t.Errorf("callbacks: %v", h.floor.wished())
					}
					for _, b := range h.floor.wished() {
						if b.For != caller.Info().Call {
							t.Errorf("the callback %+v does not say who asked for it", b)
						}
					}
					h.line.Stop()
				})
			})
		}
	}
}

// A callback, from the operator's telephone to the end of the talk.
func TestACallback(t *testing.T) {
	ticket := queue.Ticket{Call: "b1", Queue: "general", Language: "ru", Party: "+000123456789", For: "c1"}
	type room struct {
		*hall
		op, far *calltest.Leg
		orders  chan queue.Order
		done    chan struct{}
	}
	for name, c := range map[string]struct {
		live    func(r room)
		asked   []string // of the floor
		tried   string
		outcome call.Outcome // of the record; empty: there is none
	}{
		"reached": {func(r room) {
			r.far.Sound().Press('1')
			time.Sleep(5 * time.Second)
			if r.far.Sound().JoinedTo() != r.op.Sound() {
				r.t.Error("the two are not joined")
			}
			r.far.End(call.CauseHangup)
		}, []string{"reached"}, "reached", call.Completed},
		"declined":             {func(r room) { r.far.Sound().Press('2') }, []string{"failed for good"}, "declined", call.Abandoned},
		"a mailbox":            {func(r room) { time.Sleep(time.Minute) }, []string{"failed"}, "no_key", call.Abandoned},
		"hangs up":             {func(r room) { r.far.End(call.CauseHangup) }, []string{"failed"}, "no_key", call.Abandoned},
		"the operator is gone": {func(r room) { r.op.End(call.CauseHangup) }, nil, "operator", call.Abandoned},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := promising(t)
				r := room{hall: h, orders: make(chan queue.Order, 4), done: make(chan struct{})}
				go func() { defer close(r.done); h.line.ServeCallback(t.Context(), ticket, r.orders) }()
				r.orders <- queue.Order{Kind: queue.Ring, Operator: "aysel", Deadline: time.Now().Add(15 * time.Second)}
				time.Sleep(4 * time.Second) // two of ringing, two of four seconds of whisper
				if r.op = h.phones.leg("aysel"); r.op == nil {
					t.Fatal("the operator was not rung")
				}
				time.Sleep(8 * time.Second) // the rest of it, two of ringing, two of the notice, some of the question
				if r.far = h.phones.leg("outside +000123456789"); r.far == nil {
					t.Fatal("nobody was called")
				}
				c.live(r)
				time.Sleep(10 * time.Second)
				close(r.orders)
				<-r.done
				if got := slices.DeleteFunc(slices.Clone(h.floor.asked), func(s string) bool { return s == "own call" }); !slices.Equal(got, c.asked) {
					t.Errorf("the floor was asked %q, want %q", got, c.asked)
				}
				record := h.journal.closed(t)
				if record.Outcome != c.outcome || record.Kind != call.KindCallback || record.Linked != "c1" || record.Line != "919" || record.From != "+000123456789" {
					t.Errorf("record %+v", record)
				}
				if record.Notice == nil || record.Notice.Language != "ru" {
					t.Errorf("the notice was %+v", record.Notice)
				}
				if keys := heard(r.far); keys[0] != "notice.recording/ru" || !slices.Contains(keys, "callback.out.hello/ru") {
					t.Errorf("whoever was called heard %v", keys)
				}
				if got := heard(r.op); !slices.Equal(got[:3], []string{"whisper.callback/ru", "whisper.ru/ru", "music/"}) {
					t.Errorf("the operator heard %v", got)
				}
				if r.op.HungUp() == nil && name != "the operator is gone" || r.far.HungUp() == nil && name != "hangs up" && name != "reached" {
					t.Error("a telephone is left")
				}
				if got := h.journal.named("callback.tried"); len(got) != 1 || got[0].Data["outcome"] != c.tried {
					t.Errorf("tried: %+v", got)
				}
			})
		})
	}
}

// Nobody answers, or the number may not be called: there is no record, and the operator is told.
func TestACallbackThatIsNotAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *phones)
		asked  string
	}{
		"rings in vain": {func(p *phones) { p.never = map[string]bool{"outside +1234567": true} }, "failed"},
		"busy":          {func(p *phones) { p.fails = map[string]call.DialFailure{"outside +1234567": call.Busy} }, "failed"},
		"not let out":   {func(p *phones) { p.fails = map[string]call.DialFailure{"outside +1234567": call.Forbidden} }, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := promising(t)
				c.change(h.phones)
				orders, done := make(chan queue.Order, 4), make(chan struct{})
				go func() {
					defer close(done)
					h.line.ServeCallback(t.Context(), queue.Ticket{Call: "b1", Queue: "general", Language: "ru", Party: "+1234567"}, orders)
				}()
				orders <- queue.Order{Kind: queue.Ring, Operator: "aysel", Deadline: time.Now().Add(15 * time.Second)}
				time.Sleep(time.Minute)
				close(orders)
				<-done
				if !slices.Equal(h.floor.asked, []string{c.asked}) {
					t.Errorf("the floor was asked %q", h.floor.asked)
				}
				if op := h.phones.leg("aysel"); op.HungUp() == nil || !slices.Contains(heard(op), "tone.error/ru") {
					t.Errorf("the operator heard %v", heard(op))
				}
				if n := len(h.journal.ended); n > 0 {
					t.Errorf("%d records of a call that nobody answered", n)
				}
			})
		})
	}
}

// A stop leaves a callback that waits for the next process.
func TestAStopLeavesCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := promising(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.line.ServeCallback(t.Context(), queue.Ticket{Call: "b1", Party: "+1234567"}, make(chan queue.Order))
		}()
		synctest.Wait()
		h.line.Stop()
		<-done
		if len(h.floor.asked)+len(h.floor.left) > 0 {
			t.Errorf("the floor was told %v, %v", h.floor.asked, h.floor.left)
		}
	})
}

// The operator of last time is asked for while the greeting is heard; who is slow is not waited for.
func TestTheOperatorOfLastTimeIsNamed(t *testing.T) {
	for want, takes := range map[string]time.Duration{"aysel": time.Second, "": time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			h := newHall(t, func(o *Options) {
				o.Last = func(ctx context.Context, n call.Number) string {
					select {
					case <-ctx.Done():
						return ""
					case <-time.After(takes):
						return map[call.Number]string{"+000123456789": "aysel"}[n]
					}
				}
			})
			caller, done := h.caller()
			caller.Sound().Press('2')
			time.Sleep(10 * time.Second)
			caller.End(call.CauseHangup)
			<-done
			if len(h.floor.tickets) != 1 || h.floor.tickets[0].Last != want {
				t.Errorf("entered with %+v, want %q", h.floor.tickets, want)
			}
		})
	}
}

// On hold the floor knows.
func TestTheFloorKnowsWhoIsOnHold(t *testing.T) {
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
		op.Tell(call.LegResumed)
		time.Sleep(time.Second)
		caller.End(call.CauseHangup)
		<-done
		if !slices.Equal(h.floor.holds, []bool{true, false}) {
			t.Errorf("the floor was told %v", h.floor.holds)
		}
	})
}

// A bug in the ringing of one operator ends that offer, and nothing else.
func TestAPanicInACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := promising(t)
		h.phones.panics = map[string]bool{"aysel": true}
		orders, done := make(chan queue.Order, 4), make(chan struct{})
		go func() {
			defer close(done)
			h.line.ServeCallback(t.Context(), queue.Ticket{Call: "b1", Queue: "general", Language: "ru", Party: "+1234567"}, orders)
		}()
		for _, name := range []string{"aysel", "samir"} {
			orders <- queue.Order{Kind: queue.Ring, Operator: name, Deadline: time.Now().Add(15 * time.Second)}
			time.Sleep(20 * time.Second)
		}
		if h.phones.leg("samir") == nil {
			t.Error("the next operator was not rung")
		}
		if n := testutil.ToFloat64(h.line.metrics.panics); n != 1 {
			t.Errorf("%v panics were counted", n)
		}
		close(orders)
		<-done
	})
}

// A bug while somebody is called leaves no operator in a talk that nobody ends.
func TestAPanicWhileSomebodyIsCalledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := promising(t, func(o *Options) { o.Journal = panicsAt{o.Journal, "callback.tried"} })
		orders, done := make(chan queue.Order, 4), make(chan struct{})
		h.phones.fails = map[string]call.DialFailure{"outside +1234567": call.Busy}
		go func() {
			defer close(done)
			h.line.ServeCallback(t.Context(), queue.Ticket{Call: "b1", Queue: "general", Language: "ru", Party: "+1234567"}, orders)
		}()
		orders <- queue.Order{Kind: queue.Ring, Operator: "aysel", Deadline: time.Now().Add(15 * time.Second)}
		<-done
		if op := h.phones.leg("aysel"); op.HungUp() == nil {
			t.Error("the operator's telephone is left in a call")
		}
		if !slices.Equal(h.floor.left, []call.ID{"b1"}) {
			t.Errorf("the floor was told of the end of %v", h.floor.left)
		}
	})
}

// panicsAt is a journal with a bug at one event.
type panicsAt struct {
	Journal
	name string
}

func (j panicsAt) Event(e call.Event) {
	if e.Name == j.name {
		panic("planted")
	}
	j.Journal.Event(e)
}
