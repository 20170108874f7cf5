package line

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
	"hotline/queue"
)

// callbackRing is how long the telephone of somebody who is called back rings: about eight rings,
// fewer than most mailboxes wait for.
const callbackRing = 30 * time.Second

// ServeCallback owns a callback until it is over: the floor's orders ring operators for it, and with
// one who has answered whoever asked for it is called. It returns when orders is closed, or the line
// stops; what is not over then waits for the next process.
func (l *Line) ServeCallback(ctx context.Context, t queue.Ticket, orders <-chan queue.Order) {
	b := &callback{l: l, ticket: t, orders: orders, log: l.log.With(zap.String("call", string(t.Call)))}
	defer func() {
		if p := recover(); p != nil {
			l.panicked(b.log, p)
			l.o.Floor.Leave(t.Call) // nobody would report what becomes of it any more
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(l.stopping, cancel)
	defer stop()
	b.serve(ctx)
}

// callback is somebody who is to be called, as their goroutine has it.
type callback struct {
	l      *Line
	ticket queue.Ticket
	orders <-chan queue.Order
	log    *zap.Logger
}

// serve rings one operator after another until the callback is over.
func (b *callback) serve(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	answers := make(chan ringing)
	ringing := map[string]context.CancelCauseFunc{} // by operator
	stop := func(cause error) {
		for operator, cancel := range ringing {
			cancel(cause)
			delete(ringing, operator)
		}
	}
	defer stop(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case o, ok := <-b.orders:
			switch {
			case !ok:
				return
			case o.Kind == queue.Withdraw:
				if cancel := ringing[o.Operator]; cancel != nil {
					cancel(nil)
				}
			case o.Kind == queue.Ring:
				ring, cancel := context.WithCancelCause(ctx)
				ringing[o.Operator] = cancel
				b.guard(&wg, func() { b.l.ring(ring, b.dial(o.Operator), o.Deadline, answers) })
			}
		case r := <-answers:
			if cancel := ringing[r.operator]; cancel != nil {
				cancel(nil)
				delete(ringing, r.operator)
			}
			if b.answered(r) {
				stop(call.ErrElsewhere) // at once: nobody reads the answers of others during the call
				b.with(ctx, party{leg: r.leg, role: call.RoleOperator, name: r.operator})
			}
		}
	}
}

// dial is how an operator's telephone is rung for the callback.
func (b *callback) dial(operator string) call.Dial {
	s := b.l.settings.Load()
	return call.Dial{
		Call: b.ticket.Call, User: operator, From: call.Number(b.ticket.Party), Display: b.display(),
		AutoAnswer: s.Queues[b.ticket.Queue].AutoAnswer, Record: s.intent(),
	}
}

// guard runs f in a goroutine of its own. A panic there is an answer that never comes: the offer runs
// out by itself, and the callback goes on.
func (b *callback) guard(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				b.l.panicked(b.log, p)
			}
		}()
		f()
	})
}

// display is what the operator's telephone shows.
func (b *callback) display() string {
	if b.ticket.Case != "" {
		return "Case " + b.ticket.Case + " " + display(b.ticket.Language)
	}
	return "Callback " + display(b.ticket.Language)
}

// hello is what says to whoever has answered who calls, and why.
func (b *callback) hello() string {
	if b.ticket.Case != "" {
		return "callback.out.case"
	}
	return "callback.out.hello"
}

// answered tells the floor what became of the ringing of an operator. It is true when the operator has
// the callback.
func (b *callback) answered(r ringing) bool {
	l, id := b.l, b.ticket.Call
	var failed *call.DialError
	switch {
	case errors.As(r.err, &failed) && failed.Failure == call.Withdrawn:
	case r.err != nil:
		l.o.Floor.Report(id, r.operator, result(r.err))
	case !l.o.Floor.Report(id, r.operator, queue.Answered):
		r.leg.Hangup(call.Reason{Why: "answered after the offer had ended"})
	default:
		return true
	}
	return false
}

// with makes one try with an operator. One that is broken off leaves nobody on the line; where the
// server stops it counts for nothing, and the callback waits for the next process.
func (b *callback) with(ctx context.Context, op party) {
	l := b.l
	l.visits.enter()
	defer l.visits.leave()
	settled := false
	defer func() {
		if !settled { // also after a panic
			op.leg.Hangup(call.Reason{Why: "the try to call back was broken off"})
		}
	}()
	if settled = b.call(ctx, op); !settled && !b.stops(ctx) { // a bug in the talk
		l.o.Callbacks.CallbackFailed(b.ticket.Call, false)
	}
}

// What a try to call somebody came to, for its event.
const (
	tryReached  = "reached"
	tryNoAnswer = "no_answer"
	tryDeclined = "declined"   // by key
	tryNobody   = "no_key"     // somebody answered and pressed nothing: a mailbox
	tryNoNotice = "no_notice"  // the notice could not be given whole
	tryOperator = "operator"   // the operator hung up meanwhile
	tryRefused  = "not_called" // not let out at this moment: a cap, or the hours of calls out
)

// stops reports whether the server stops. The end of ctx may come a moment after it.
func (b *callback) stops(ctx context.Context) bool {
	return ctx.Err() != nil || b.l.stopping.Err() != nil
}

// call calls whoever asked for it, while the operator hears music, and joins the two. It is true when
// the floor knows what came of it, and nobody is left on the line.
func (b *callback) call(ctx context.Context, op party) (settled bool) {
	l := b.l
	settings := l.settings.Load()
	if settings.Whisper {
		op.leg.Audio().Play(ctx, append(l.clips(b.ticket.Language, "whisper.callback"), l.clips(b.ticket.Language, "whisper."+string(b.ticket.Language))...)...)
	}
	line := b.line(settings)
	op.leg.Audio().Loop(l.music(*line))
	id := call.NewID()
	dialing, cancel := context.WithTimeout(ctx, callbackRing)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan struct{})
	far := l.attempt(&wg, b.log, func() (party, error) {
		defer close(done)
		leg, err := l.o.Dialer.DialOutside(dialing, call.Outside{Call: id, To: call.Number(b.ticket.Party), Line: line.Number})
		return party{leg: leg, role: call.RoleCaller}, err
	})
	op, gone := l.waitWith(op, done, cancel)
	r := <-far
	switch {
	case gone != "":
		if r.err == nil {
			r.leg.Hangup(call.Reason{Why: "the operator is gone"})
		}
		b.tried(id, op, tryOperator)
		l.o.Floor.Report(b.ticket.Call, op.name, lost(gone))
	case r.err != nil && b.stops(ctx):
		return false
	case r.err != nil:
		outcome := tryNoAnswer
		if statusOf(r.err) == 403 {
			outcome = tryRefused
		}
		b.failed(ctx, id, op, outcome)
	default:
		return b.talk(ctx, settings, line, id, r.leg, op)
	}
	return true
}

// waitWith lets an operator hear music until done; gone is why the telephone has ended before.
func (l *Line) waitWith(op party, done <-chan struct{}, cancel context.CancelFunc) (_ party, gone call.Cause) {
	for {
		select {
		case <-done:
			return op, gone
		case e, ok := <-op.leg.Events():
			switch {
			case !ok:
				cancel()
				<-done
				return op, call.CauseFailed
			case e.Kind == call.LegEnded:
				cancel()
				<-done
				return op, e.Cause
			case e.Kind == call.LegTransfer:
				e.Transfer.Tell(491) // there is nobody to be put through yet
			case e.Kind == call.LegPreference:
			default:
				op.held = e.Kind == call.LegHeld
			}
		}
	}
}

// line is the one whose number is shown: the first that leads to the queue.
func (b *callback) line(s *Settings) *Number {
	for i := range s.Lines {
		if slices.Contains(s.Lines[i].Queues, b.ticket.Queue) {
			return &s.Lines[i]
		}
	}
	return &Number{}
}

// failed ends a try that has not reached anybody. The floor hears of it last: it may ring that
// telephone at once for somebody else.
func (b *callback) failed(ctx context.Context, id call.ID, op party, outcome string) {
	b.tried(id, op, outcome)
	telling, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	op.leg.Audio().Play(telling, b.l.o.Prompts.Clip("tone.error", b.ticket.Language))
	op.leg.Hangup(call.Reason{Why: "nobody was reached"})
	b.l.o.Callbacks.CallbackFailed(b.ticket.Call, outcome == tryDeclined)
}

// tried writes down what a try came to. Whom it called is never told.
func (b *callback) tried(id call.ID, op party, outcome string) {
	b.l.o.Journal.Event(call.Event{At: time.Now(), Call: b.ticket.Call, Name: "callback.tried", Data: map[string]string{
		"operator": op.name, "outcome": outcome, "call": string(id),
	}})
}

// talk gives whoever has answered the notice, asks whether they are ready, and joins the two. From
// here on it is a call like others. What it returns is as of call.
func (b *callback) talk(ctx context.Context, settings *Settings, line *Number, id call.ID, leg call.Leg, op party) (settled bool) {
	l := b.l
	v := l.newVisit(ctx, leg, settings, line, call.Record{
		ID: id, Kind: call.KindCallback, Linked: b.ticket.For, From: call.Number(b.ticket.Party),
		Language: b.ticket.Language, Queue: b.ticket.Queue,
	})
	v.ticket, v.rec.Answered = b.ticket.Call, v.rec.Arrived
	defer l.close(v)
	l.open(v)
	l.event(v, "call.answered", "by", string(call.RoleCaller))
	l.move(v, call.Greeting)
	l.record(v)
	if v.sound != nil {
		v.sound.SetLanguage(v.rec.Language)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	asked := make(chan struct{})
	asking, cancel := context.WithCancel(v.ctx)
	defer cancel()
	outcome := tryNobody
	l.guard(v, &wg, func() { defer close(asked); outcome = b.ask(asking, v) })
	op, gone := l.waitWith(op, asked, cancel)
	switch {
	case gone != "":
		v.outcome, v.endedBy = call.Abandoned, call.ByOperator
		b.tried(id, op, tryOperator)
		l.o.Floor.Report(b.ticket.Call, op.name, lost(gone))
	case b.stops(ctx): // the outcome is that of a stop
		return false
	case v.ctx.Err() != nil || outcome != tryReached:
		if v.ctx.Err() == nil { // else the end of the leg says who ended it
			v.outcome, v.endedBy = call.Abandoned, call.ByUs
		}
		if outcome == tryDeclined {
			v.endedBy = call.ByCaller
		}
		b.failed(ctx, id, op, outcome)
	default:
		b.tried(id, op, tryReached)
		l.o.Callbacks.CallbackReached(b.ticket.Call)
		l.event(v, "callback.reached", "operator", op.name, "callback", string(b.ticket.Call))
		l.move(v, call.Waiting)
		v.operator = op.leg
		l.through(v, b.orders, &op)
	}
	return true
}

// ask gives the notice, says who calls and why, and waits for the key that says that a person is there.
func (b *callback) ask(ctx context.Context, v *visit) (outcome string) {
	l, lang, sound := b.l, v.rec.Language, v.leg.Audio()
	if v.settings.Policy != RecordOff {
		if l.notify(v, []call.Language{lang}); v.rec.Notice == nil {
			return tryNoNotice
		}
	}
	say := append(l.clips(lang, b.hello()), l.o.Prompts.SayChoice("callback.out.item.ready", keyConfirm, lang)...)
	say = append(say, l.o.Prompts.SayChoice("callback.out.item.decline", keyOther, lang)...)
	for range 2 {
		key, ok := ivr.Ask(ctx, sound, callbackListen, say...)
		switch {
		case ctx.Err() != nil:
			return tryNobody
		case ok && key.Digit == keyConfirm:
			return tryReached
		case ok && key.Digit == keyOther:
			sound.Play(ctx, l.clips(lang, "callback.out.cancelled")...)
			return tryDeclined
		}
	}
	return tryNobody
}
