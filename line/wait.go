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

// attend puts the caller in the queue and through to an operator; again if one vanishes.
func (l *Line) attend(v *visit, to string) {
	l.move(v, call.Waiting)
	for {
		if orders := l.enter(v, queue.Ticket{Queue: to, Passed: v.urgent}); orders != nil {
			l.through(v, orders, nil)
		}
		if !v.alarmed || l.help(v) {
			break
		}
		to = v.rec.Queue // nobody was reached: the caller is back, at its head
	}
	l.afterTalk(v)
}

// headStart brings a caller to the head of a queue, whoever waits.
const headStart = 24 * time.Hour

// through brings a caller of the queue to operators until the call is over. op is one who is there
// already, nil for none.
func (l *Line) through(v *visit, orders <-chan queue.Order, op *party) {
	defer func() {
		if v.operator != nil { // before the floor may ring that telephone for the next one
			v.operator.Hangup(call.Reason{Why: "the caller has left"})
		}
		l.o.Floor.Leave(v.ticket)
	}()
	for first := "queue.enter"; orders != nil; {
		if op == nil {
			found, ok := l.wait(v, orders, first)
			if !ok {
				return
			}
			op = &found
		}
		v.listenForTones(false)
		next := l.talk(v, *op)
		op = nil
		switch {
		case next.over:
			return
		case next.queue != "": // put through to another queue: the first arrival time counts there
			l.move(v, call.Waiting)
			v.listenForTones(true)
			orders, first = l.enter(v, queue.Ticket{Queue: next.queue, Passed: true}), "queue.enter"
			continue
		default: // the operator vanished: the caller keeps the first arrival time
			first = "operator.lost"
		}
		l.move(v, call.Waiting)
	}
}

// enter puts the caller in the queue of the ticket; nil if the floor does not take it, which ends the
// call.
func (l *Line) enter(v *visit, t queue.Ticket) <-chan queue.Order {
	v.rec.Queue = t.Queue
	t.Call, t.Language, t.Arrived = v.ticket, v.rec.Language, v.rec.Arrived
	select {
	case t.Last = <-v.last:
	default: // not known, or not yet: nobody waits for it
	}
	orders, err := l.o.Floor.Enter(t)
	switch {
	case errors.Is(err, queue.ErrFull):
		l.turnAway(v, "queue.full", true)
		v.rec.Code, v.outcome = 486, cmp.Or(v.outcome, call.Refused)
	case err != nil:
		v.log.Error("the floor does not take this call", zap.String("queue", t.Queue), zap.Error(err))
		v.outcome, v.endedBy = call.Failed, call.ByUs
	}
	if err != nil || orders == nil {
		return nil
	}
	if v.urgent {
		if err := l.o.Places.Prioritise(v.ticket, headStart); err != nil {
			v.log.Error("a caller who has reached no help waits at the end", zap.Error(err))
		}
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
	if l.nobody(v) {
		l.turnAway(v, "queue.noOperators", true)
		v.rec.Code, v.outcome = 480, cmp.Or(v.outcome, call.Refused)
		return party{}, false
	}
	w := wishes{make(chan call.Number), make(chan error, 1), make(chan struct{})}
	heard := make(chan struct{}) // closed when nothing more is said to the caller
	l.guard(v, &wg, func() { defer close(heard); l.comfort(waiting, v, first, w) })

	answers := make(chan ringing)
	stop := map[string]context.CancelCauseFunc{} // by operator: ends the ringing
	for {
		select {
		case <-v.ctx.Done():
			return party{}, false
		case o, ok := <-orders:
			switch {
			case !ok:
				v.end(errors.New("the floor has closed"))
			case o.Kind == queue.Expire:
				over()
				<-heard
				l.turnAway(v, "queue.timeout", v.settings.Queues[v.rec.Queue].CallbackLast)
				v.outcome = cmp.Or(v.outcome, call.TimedOut)
				return party{}, false
			case o.Kind == queue.Withdraw:
				if cancel := stop[o.Operator]; cancel != nil {
					cancel(nil)
				}
			case o.Kind == queue.Ring:
				ring, cancel := context.WithCancelCause(waiting)
				stop[o.Operator] = cancel
				l.guard(v, &wg, func() { l.ring(ring, v.dial(o.Operator), o.Deadline, answers) })
			}
		case <-w.help:
			over()
			<-heard
			v.alarmed = true
			return party{}, false
		case number := <-w.numbers:
			err := l.promise(v, number)
			w.granted <- err
			if err == nil {
				<-heard // the words about it
				return party{}, false
			}
		case r := <-answers:
			won := func() { // the others are told at once, not after what the operator is told first
				for name, cancel := range stop {
					if name != r.operator {
						cancel(call.ErrElsewhere)
					}
				}
			}
			if op, ok := l.took(v, r, won); ok {
				return op, true
			}
		}
	}
}

// nobody reports whether the caller is to be let go because nobody who could help is at work.
func (l *Line) nobody(v *visit) bool {
	return v.settings.Queues[v.rec.Queue].Leave && l.o.Places.Place(v.ticket).Working == 0
}

// ring dials one operator until the deadline of the order. A leg that nobody waits for any more is
// hung up: an operator never talks into nothing.
func (l *Line) ring(ctx context.Context, d call.Dial, deadline time.Time, answers chan<- ringing) {
	dialing, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	leg, err := l.o.Dialer.Dial(dialing, d)
	select {
	case answers <- ringing{d.User, leg, err}:
	case <-ctx.Done():
		if err == nil {
			leg.Hangup(call.Reason{Why: "the offer was withdrawn as the phone answered"})
		}
	}
}

// took tells the floor what became of an offer. It is true when an operator is there, has
// heard the caller's language and may be joined. won is told as soon as the operator has the caller.
func (l *Line) took(v *visit, r ringing, won func()) (party, bool) {
	var failed *call.DialError
	switch {
	case errors.As(r.err, &failed) && failed.Failure == call.Withdrawn:
		return party{}, false
	case r.err != nil:
		result := result(r.err)
		l.event(v, "call.not_answered", "operator", r.operator, "reason", string(result))
		l.o.Floor.Report(v.ticket, r.operator, result)
		return party{}, false
	case !l.o.Floor.Report(v.ticket, r.operator, queue.Answered):
		r.leg.Hangup(call.Reason{Why: "answered after the offer had ended"})
		return party{}, false
	}
	won()
	v.operator = r.leg
	held, cause := meanwhile(r.leg, l.whisper(v, r.leg))
	switch {
	case v.ctx.Err() != nil: // the caller left during the whisper: close lets the operator go
		return party{}, false
	case cause != "": // hung up during the whisper: as good as not answered
		v.operator = nil
		l.o.Floor.Report(v.ticket, r.operator, lost(cause))
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
		case e.Kind == call.LegPreference: // what it is then is asked when the talk begins
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

// look is how often it is looked whether there is something to tell a waiting caller.
const look = time.Second

// comfort is what a waiting caller hears: a first word, then music, and a voice now and then. Where
// a callback was offered, its key leads to the conversation about it, which may come to a wish; the
// emergency key is one at any moment.
func (l *Line) comfort(ctx context.Context, v *visit, first string, w wishes) {
	sound := v.leg.Audio()
	q := v.settings.Queues[v.rec.Queue]
	_, pressed := l.attentive(ctx, v, l.o.Prompts.Clip(first, v.rec.Language))
	began := time.Now()
	n := newNews(q, began)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if n := len(pressed); n > 0 && v.cries(pressed[n-1]) {
			w.cry(ctx)
			return
		}
		sound.Loop(l.music(*v.line))
		for told := false; !told; {
			var key byte
			if len(pressed) > 0 {
				key, pressed = pressed[0], pressed[1:]
			} else {
				select {
				case <-ctx.Done():
					return
				case k := <-sound.Keys():
					key = k.Digit
				case <-ticker.C:
					p := l.o.Places.Place(v.ticket)
					if now := time.Now(); !v.informedOnce && now.Sub(began) >= announceAfter {
						v.informedOnce = true
						pressed, told = l.announce(ctx, v)
					} else if n.due(p, now) {
						pressed, told = l.tell(ctx, v, n.next(p, l.callable(v), now)), true
					}
					continue
				}
			}
			switch {
			case v.cries(key):
				w.cry(ctx)
				return
			case n.offered == 0 || key != q.CallbackKey:
			case !l.callable(v): // the hours are over since it was offered
				pressed, told = l.tell(ctx, v, []word{{clip: "callback.closed"}}), true
			case l.arrange(ctx, v, func(n call.Number) error { return w.ask(ctx, n) }):
				return
			case v.alarmed:
				w.cry(ctx)
				return
			default:
				told = true
			}
		}
	}
}

// announceAfter is how long a caller has waited before announcements are heard: who is served at once needs
// none.
const announceAfter = 12 * time.Second

// announce plays what is announced now to a waiting caller. told is true where there was something; keys as
// of tell.
func (l *Line) announce(ctx context.Context, v *visit) (pressed []byte, told bool) {
	clips, names := l.announced(v, v.rec.Language, func(a Announcement) bool { return a.Queue })
	if len(clips) == 0 {
		return nil, false
	}
	played, pressed := l.attentive(ctx, v, clips...)
	if played.Whole {
		l.informed(v, names)
	}
	return pressed, true
}

// tell says words to a waiting caller. Keys that are pressed meanwhile are for whoever listens.
func (l *Line) tell(ctx context.Context, v *visit, words []word) (pressed []byte) {
	var clips []*call.Clip
	var told time.Duration // how long it will take
	lang := v.rec.Language
	for _, w := range words {
		switch {
		case w.position > 0:
			clips = append(clips, l.o.Prompts.SayPosition(w.position, lang)...)
		case w.wait > 0:
			clips = append(clips, l.o.Prompts.SayWait(w.wait, lang)...)
			told = w.wait
		case w.callback:
			clips = append(clips, l.offer(v)...)
		default:
			clips = append(clips, l.clips(lang, w.clip)...)
		}
	}
	if len(clips) == 0 {
		return nil
	}
	played, pressed := l.attentive(ctx, v, clips...)
	if played.Whole && told > 0 {
		l.o.Places.Told(v.ticket, told)
	}
	return pressed
}

// dial is how an operator's telephone is rung for the caller.
func (v *visit) dial(operator string) call.Dial {
	return call.Dial{
		Call: v.id, User: operator, From: v.rec.From, Withheld: v.rec.Withheld && !v.leg.Info().ShowHidden,
		Display: v.rec.Line + " " + display(v.rec.Language), AutoAnswer: v.settings.Queues[v.rec.Queue].AutoAnswer,
		Record: v.recordState(),
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
