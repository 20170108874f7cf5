package line

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hotline/call"
	"hotline/queue"
)

// calling serves a callback for which the operators are rung at once.
func (h *hall) calling(operators ...string) (orders chan queue.Order, done chan struct{}) {
	orders, done = make(chan queue.Order, 8), make(chan struct{})
	go func() {
		defer close(done)
		h.line.ServeCallback(context.Background(), queue.Ticket{Call: "b1", Queue: "general", Language: "ru", Party: "+1234567"}, orders)
	}()
	for _, name := range operators {
		orders <- queue.Order{Kind: queue.Ring, Operator: name, Deadline: time.Now().Add(15 * time.Second)}
	}
	return orders, done
}

// Where several telephones ring for a callback, those of the others are told at the answer that it was
// elsewhere, and one that answers in that instant is let go.
func TestACallbackRingsSeveral(t *testing.T) {
	for name, late := range map[string]bool{"one answers": false, "all answer at once": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := promising(t)
				if !late {
					h.phones.never = map[string]bool{"rauf": true, "leyla": true}
				}
				orders, done := h.calling("aysel", "rauf", "leyla")
				time.Sleep(3 * time.Second) // of the whisper, which takes four
				var winner string
				for _, op := range []string{"aysel", "rauf", "leyla"} {
					leg := h.phones.leg(op)
					switch {
					case leg != nil && leg.HungUp() == nil && winner == "":
						winner = op
					case leg != nil && leg.HungUp() == nil:
						t.Errorf("%s and %s have the callback", winner, op)
					case leg == nil && !errors.Is(h.phones.cause(op), call.ErrElsewhere):
						t.Errorf("%s is still rung, or was told %v", op, h.phones.cause(op))
					}
				}
				if winner == "" || !late && winner != "aysel" {
					t.Errorf("the callback is with %q", winner)
				}
				for _, op := range []string{"aysel", "rauf", "leyla"} {
					orders <- queue.Order{Kind: queue.Withdraw, Operator: op}
				}
				time.Sleep(time.Minute) // to the end of the try: a mailbox
				close(orders)
				<-done
				if !slices.Contains(h.floor.asked, "failed") {
					t.Errorf("the floor was asked %q", h.floor.asked)
				}
			})
		})
	}
}

// Whoever is called after an investigation is told so, and the operator sees for which case.
func TestACallbackSaysWhatItIsAbout(t *testing.T) {
	for name, c := range map[string]struct{ number, shown, hello, not string }{
		"asked for":              {"", "Callback Русский", "callback.out.hello/ru", "callback.out.case/ru"},
		"after an investigation": {"2026-000123", "Case 2026-000123 Русский", "callback.out.case/ru", "callback.out.hello/ru"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := promising(t)
				orders, done := make(chan queue.Order, 1), make(chan struct{})
				go func() {
					defer close(done)
					h.line.ServeCallback(t.Context(), queue.Ticket{Call: "b1", Queue: "general", Language: "ru", Party: "+1234567", For: "c1", Case: c.number}, orders)
				}()
				orders <- queue.Order{Kind: queue.Ring, Operator: "aysel", Deadline: time.Now().Add(15 * time.Second)}
				time.Sleep(time.Minute) // to the end of the try: a mailbox
				close(orders)
				<-done
				if got := h.phones.shown[0]; got != c.shown {
					t.Errorf("the operator's telephone shows %q, want %q", got, c.shown)
				}
				far := heard(h.phones.leg("outside +1234567"))
				if !slices.Contains(far, c.hello) || slices.Contains(far, c.not) || !slices.Contains(far, "callback.out.item.decline 2/ru") {
					t.Errorf("whoever was called heard %v", far)
				}
				if r := h.journal.closed(t); r.Linked != "c1" || r.Kind != call.KindCallback {
					t.Errorf("record %+v", r)
				}
			})
		})
	}
}

// A stop or a bug in the middle of a try leaves nobody on the line; a stop counts for nothing.
func TestATryThatIsBrokenOff(t *testing.T) {
	for name, c := range map[string]struct {
		after  time.Duration // from the ringing of the operator to the stop; 0: none
		panics bool
		asked  []string
	}{
		"a stop while the number rings": {after: 8 * time.Second},
		"a stop during the question":    {after: 14 * time.Second},
		"a panic":                       {panics: true, asked: []string{"failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := promising(t, func(o *Options) {
					o.OnState = func(_ call.ID, s call.State) {
						if c.panics && s == call.Greeting {
							panic("planted")
						}
					}
				})
				orders, done := h.calling("aysel")
				if c.after > 0 {
					time.Sleep(c.after)
					h.line.Stop()
				}
				time.Sleep(time.Minute)
				close(orders)
				<-done
				for _, leg := range []string{"aysel", "outside +1234567"} {
					if l := h.phones.leg(leg); l != nil && l.HungUp() == nil {
						t.Errorf("%s is left on the line", leg)
					}
				}
				if h.phones.leg("aysel") == nil {
					t.Error("the operator was not rung")
				}
				if !slices.Equal(h.floor.asked, c.asked) || !slices.Equal(h.floor.reported("aysel"), []queue.Result{queue.Answered}) {
					t.Errorf("the floor was asked %q, and told %v", h.floor.asked, h.floor.reported("aysel"))
				}
			})
		})
	}
}
