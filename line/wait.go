package line

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/queue"
)

// word is how often a waiting caller hears a voice: often enough to know that the line lives.
const word = 30 * time.Second

// words are what is said then, in turn.
var words = [...]string{"queue.allBusy", "queue.thanks"}

// attend puts the caller in the queue and through to an operator; again if one vanishes.
func (l *Line) attend(v *visit) {
	l.move(v, call.Waiting)
	orders := l.enter(v, v.line.Queue)
	defer func() {
		if v.operator != nil { // before the floor may ring that telephone for the next one
			v.operator.Hangup(call.Reason{Why: "the caller has left"})
		}
		l.o.Floor.Leave(v.id)
	}()
	for first := "queue.enter"; orders != nil; {
		op, ok := l.wait(v, orders, first)
		if !ok {
			return
		}
		switch next := l.talk(v, op); {
		case next.over:
			return
		case next.queue != "": // put through to another queue: the first arrival time counts there
			orders, first = l.enter(v, next.queue), "queue.enter"
		default: // the operator vanished: the caller keeps the first arrival time
			first = "operator.lost"
		}
		l.move(v, call.Waiting)
	}
}

// enter puts the caller in a queue; nil if the floor does not take it, which ends the call.
func (l *Line) enter(v *visit, name string) <-chan queue.Order {
	v.rec.Queue = name
	orders, err := l.o.Floor.Enter(queue.Ticket{
		Call: v.id, Queue: name, Language: v.rec.Language, Arrived: v.rec.Arrived,
	})
	if err != nil {
		v.log.Error("the floor does not take this call", zap.String("queue", name), zap.Error(err))
		v.outcome, v.endedBy = call.Failed, call.ByUs
		return nil
	}
	return orders
}

// A ringing is what became of one dial.
type ringing struct {
	operator string
	leg      call.Leg
	err      error
}

// wait carries out the floor's orders until an operator has answered and knows the caller's
// language. It is false when the caller has left.
func (l *Line) wait(v *visit, orders <-chan queue.Order, first string) (party, bool) {
	began := time.Now()
	defer func() { v.rec.Waited += time.Since(began) }()
	var wg sync.WaitGroup
	waiting, over := context.WithCancel(v.ctx)
	defer wg.Wait()
	defer over()
	l.guard(v, &wg, func() { l.comfort(waiting, v, first) })

	answers := make(chan ringing)
	stop := map[string]context.CancelFunc{} // by operator: ends the ringing
	for {
		select {
		case <-v.ctx.Done():
			return party{}, false
		case o, ok := <-orders:
			switch {
			case !ok:
				v.end(errors.New("the floor has closed"))
			case o.Kind == queue.Withdraw:
				if cancel := stop[o.Operator]; cancel != nil {
					cancel()
				}
			case o.Kind == queue.Ring:
				ring, cancel := context.WithCancel(waiting)
				stop[o.Operator] = cancel
				l.guard(v, &wg, func() { l.ring(ring, v, o, answers) })
			}
		case r := <-answers:
			if op, ok := l.took(v, r); ok {
				return op, true
			}
		}
	}
}

// ring dials one operator until the order's deadline. A leg that nobody waits for any more is
// hung up: an operator never talks into nothing.
func (l *Line) ring(ctx context.Context, v *visit, o queue.Order, answers chan<- ringing) {
	ringCtx, cancel := context.WithDeadline(ctx, o.Deadline)
	defer cancel()
	leg, err := l.o.Dialer.Dial(ringCtx, v.dial(o.Operator))
	select {
	case answers <- ringing{o.Operator, leg, err}:
	case <-ctx.Done():
		if err == nil {
			leg.Hangup(call.Reason{Why: "the offer was withdrawn as the phone answered"})
		}
	}
}

// took tells the floor what became of an offer. It is true when an operator is there, has
// heard the caller's language and may be joined.
func (l *Line) took(v *visit, r ringing) (party, bool) {
	var failed *call.DialError
	switch {
	case errors.As(r.err, &failed) && failed.Failure == call.Withdrawn:
		return party{}, false
	case r.err != nil:
		result := result(r.err)
		l.event(v, "call.not_answered", "operator", r.operator, "reason", string(result))
		l.o.Floor.Report(v.id, r.operator, result)
		return party{}, false
	case !l.o.Floor.Report(v.id, r.operator, queue.Answered):
		r.leg.Hangup(call.Reason{Why: "answered after the offer had ended"})
		return party{}, false
	}
	v.operator = r.leg
	held, cause := meanwhile(r.leg, l.whisper(v, r.leg))
	switch {
	case v.ctx.Err() != nil: // the caller left during the whisper: close lets the operator go
		return party{}, false
	case cause != "": // hung up during the whisper: as good as not answered
		v.operator = nil
		l.o.Floor.Report(v.id, r.operator, lost(cause))
		return party{}, false
	}
	return party{leg: r.leg, role: call.RoleOperator, name: r.operator, held: held}, true
}

// meanwhile takes what a telephone did while it was told something: whether it holds the other one
// now, and why it has ended; empty: it has not. One that did not hear the whole of it may be about
// to say so.
func meanwhile(leg call.Leg, whole bool) (held bool, ended call.Cause) {
	late := make(<-chan time.Time)
	if !whole {
		late = time.After(endLag)
	}
	for {
		var e call.LegEvent
		ok := true
		select {
		case e, ok = <-leg.Events():
		default:
			if whole {
				return held, ""
			}
			select {
			case e, ok = <-leg.Events():
			case <-late:
				return held, ""
			}
		}
		switch {
		case !ok:
			return held, call.CauseFailed
		case e.Kind == call.LegEnded:
			return held, cmp.Or(e.Cause, call.CauseFailed)
		case e.Kind == call.LegTransfer:
			e.Transfer.Tell(491) // there is nobody to be put through yet
		default:
			held = e.Kind == call.LegHeld
		}
	}
}

// whisper tells an operator the caller's language, who still hears music: it tells how to greet. It
// is false where that ended early and the caller is still there.
func (l *Line) whisper(v *visit, op call.Leg) (whole bool) {
	return !v.settings.Whisper ||
		op.Audio().Play(v.ctx, l.o.Prompts.Clip("whisper."+string(v.rec.Language), v.rec.Language)).Whole ||
		v.ctx.Err() != nil
}

// lost is what to tell the floor of an operator whose leg ended before the talk did.
func lost(c call.Cause) queue.Result {
	if c == call.CauseHangup {
		return queue.Busy
	}
	return queue.Lost
}

// result translates a failed dial into the floor's words.
func result(err error) queue.Result {
	var failed *call.DialError
	if !errors.As(err, &failed) {
		return queue.Unreachable
	}
	switch failed.Failure {
	case call.NoAnswer:
		return queue.NoAnswer
	case call.Busy, call.Declined:
		return queue.Busy
	default:
		return queue.Unreachable
	}
}

// comfort is what a waiting caller hears: a first word, then music, and a voice now and then.
func (l *Line) comfort(ctx context.Context, v *visit, first string) {
	sound := v.leg.Audio()
	sound.Play(ctx, l.o.Prompts.Clip(first, v.rec.Language))
	ticker := time.NewTicker(word)
	defer ticker.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		sound.Loop(l.music(*v.line))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		sound.Play(ctx, l.o.Prompts.Clip(words[i%len(words)], v.rec.Language))
	}
}

// dial is how an operator's telephone is rung for the caller.
func (v *visit) dial(operator string) call.Dial {
	return call.Dial{
		Call: v.id, User: operator, From: v.rec.From, Withheld: v.rec.Withheld && !v.leg.Info().ShowHidden,
		Display: v.rec.Line + " " + display(v.rec.Language), AutoAnswer: v.settings.AutoAnswer[v.rec.Queue],
	}
}

// display names a language in itself, as the operator's phone shows it.
func display(l call.Language) string {
	switch l {
	case "az":
		return "Azərbaycan"
	case "en":
		return "English"
	case "ru":
		return "Русский"
	default:
		return string(l)
	}
}
