package line

import (
	"context"
	"errors"
	"sync"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
	"hotline/queue"
)

// A passing is one transfer on its way: from whom, where to, and what the telephone is told.
type passing struct {
	from party
	to   destination
	tell func(code int)
	kind string // blind, attended
	gone bool   // the telephone of from has hung up; it is not asked again
}

// The ends of a transfer, a label of its metric.
const (
	passDone      = "done"
	passRefused   = "refused"   // there is no such destination, or it may not be called
	passReturned  = "returned"  // nobody answered: back to the same operator
	passAbandoned = "abandoned" // the caller left meanwhile
)

// transfer does what the telephone of p asks for. It returns where the caller goes, or stays: the
// talk with p goes on as it was. The caller hears music until somebody is there.
func (l *Line) transfer(v *visit, p party, h *holds, t *call.Transfer) (next onward, stays bool) {
	x := &passing{from: p, tell: t.Tell, kind: "blind"}
	var code int
	var consult *own
	switch {
	case p.role != call.RoleOperator:
		t.Tell(403)
		return onward{}, true
	case t.Consult != nil:
		x.kind = "attended"
		if consult = l.talks.own(t.Consult.Info().ID); consult == nil {
			code = 481
			break
		}
		x.to = consult.to
	default:
		// Who is there now counts, not who was when the caller came.
		if x.to, code = l.destination(l.settings.Load(), t.To); x.to.operator == p.name {
			code = 404
		}
	}
	switch {
	case code != 0:
		l.passed(v, x, passRefused)
		t.Tell(code)
		return onward{}, true
	case x.to.queue != "":
		l.letGo(v, x, "")
		return onward{queue: x.to.queue}, false
	}
	return l.ringFor(v, x, h, func(ctx context.Context) (party, error) {
		if consult != nil {
			if far, err := l.claim(ctx, v, x, consult); !errors.Is(err, errOver) {
				return far, err
			}
			// It has just ended: whom it was with is rung anew.
		}
		return l.bring(ctx, v, x)
	})
}

// ringFor reaches a destination for a caller who hears music.
func (l *Line) ringFor(v *visit, x *passing, h *holds, try func(context.Context) (party, error)) (next onward, stays bool) {
	if v.paused != nil { // whoever sends the caller on has nothing more to keep out of the recording
		l.resumeRecording(v, x.from, *h, call.PausedByEnd, "")
	}
	v.leg.Audio().Loop(l.music(*v.line))
	l.voice(v, false, "transfer")
	l.event(v, "call.transferring", "from", x.from.name, "to", x.to.name(), "kind", x.kind, "to_kind", x.to.kind())
	to, err := l.ringWhile(v, x, h, try)
	switch {
	case v.ctx.Err() != nil:
		if err == nil {
			l.drop(x.to, to.leg, "the caller has left")
		}
		x.tell(487)
		l.passed(v, x, passAbandoned)
		return onward{over: true}, false
	case err == nil:
		return l.handedOver(v, x, to), false
	}
	return l.returns(v, x, h, err)
}

// bring rings a destination for the caller and says there what has to be said first. Only the
// ringing has a bound: a notice takes as long as it takes.
func (l *Line) bring(ctx context.Context, v *visit, x *passing) (p party, err error) {
	ringing, cancel := context.WithTimeout(ctx, v.settings.Ring)
	defer cancel()
	dial := v.dial(x.to.operator)
	dial.Ringing = func() { x.tell(180) }
	leg, err := l.reach(ringing, reaching{
		to: x.to, dial: dial, line: v.line.Number, operator: x.from.name, caller: v.rec.From, hidden: v.rec.Withheld,
	})
	if err != nil {
		return p, err
	}
	joined := false
	defer func() {
		if !joined { // also after a panic
			l.drop(x.to, leg, "not joined")
		}
	}()
	p = l.partyOf(x.to, leg)
	p.held, err = l.prepare(ctx, v, x.to, leg)
	joined = err == nil
	return p, err
}

// claim takes over whom a consult has reached, or is ringing: then the ringing goes on, for the caller.
func (l *Line) claim(ctx context.Context, v *visit, x *passing, consult *own) (party, error) {
	far, rang, err := consult.give(ctx, v.settings.Ring, func() { x.tell(180) })
	if err != nil || !rang || x.to.operator == "" {
		return far, err
	}
	if far.held, err = l.prepare(ctx, v, x.to, far.leg); err != nil {
		l.drop(x.to, far.leg, "not joined")
	}
	return far, err
}

// partyOf is who has been reached.
func (l *Line) partyOf(d destination, leg call.Leg) party {
	if d.operator != "" {
		return party{leg: leg, role: call.RoleOperator, name: d.operator}
	}
	return party{leg: leg, role: call.RoleThird, name: d.name()}
}

// Why somebody who answered is not joined all the same.
var (
	errNoNotice = errors.New("the notice could not be played whole")
	errHungUp   = errors.New("hung up before being joined")
)

// prepare says what has to be said before somebody is joined: the caller's language to an operator,
// the notice of the recording to a third party. Without the notice nobody is joined.
func (l *Line) prepare(ctx context.Context, v *visit, d destination, leg call.Leg) (held bool, err error) {
	whole := true
	switch {
	case d.operator != "":
		whole = l.whisper(v, leg)
	case mustHear(v.settings, d):
		n := ivr.Notice(ctx, leg.Audio(), l.o.Prompts, d.entry.languages(v.settings)...)
		if n == nil {
			return false, errNoNotice
		}
		l.event(v, "call.third_noticed", "to", d.name(), "language", string(n.Language))
	}
	held, ended := meanwhile(leg, whole)
	if ended != "" {
		return false, errHungUp
	}
	return held, nil
}

// ringWhile waits for what becomes of an attempt, and follows meanwhile what the telephone that
// asked for it does.
func (l *Line) ringWhile(v *visit, x *passing, h *holds, try func(context.Context) (party, error)) (party, error) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	answers := l.attempt(&wg, v.log, func() (party, error) { return try(ctx) })
	for {
		events := x.from.leg.Events()
		if x.gone {
			events = nil
		}
		select {
		case r := <-answers:
			return r.party, r.err
		case <-v.ctx.Done():
			r := <-answers // it ends with its context
			return r.party, r.err
		case h.caller = <-v.hold:
		case t := <-v.asked:
			t.Tell(491)
		case a := <-v.pauses:
			a.reply <- call.ErrNoTalk
		case e, ok := <-events:
			switch {
			case !ok || e.Kind == call.LegEnded:
				x.gone = true // many hang up as soon as the transfer is accepted
			case e.Kind == call.LegTransfer:
				e.Transfer.Tell(491) // one at a time
			case e.Kind == call.LegPreference:
				l.wished(v, x.from.role, x.from.name, e.Preference)
			default:
				h.party = e.Kind == call.LegHeld
			}
		}
	}
}

// handedOver lets the first operator go and joins the caller to whoever is there now.
func (l *Line) handedOver(v *visit, x *passing, to party) onward {
	name := ""
	if to.role == call.RoleOperator {
		name = to.name
	}
	l.letGo(v, x, name)
	return onward{party: &to}
}

// letGo lets the operator go who has handed the caller on. The floor hears of it last: it may ring
// that telephone at once for somebody else.
func (l *Line) letGo(v *visit, x *passing, to string) {
	x.tell(200)
	l.passed(v, x, passDone)
	v.operator = nil
	if !x.gone {
		x.from.leg.Hangup(call.Reason{Why: "the caller was put through"})
	}
	if !l.o.Floor.Transfer(v.ticket, to) {
		v.log.Error("the floor does not know of this transfer", zap.String("operator", x.from.name), zap.String("to", to))
		l.o.Floor.Transfer(v.ticket, "") // the first operator at least is free again
	}
}

// returns brings the caller back to the operator who asked for a transfer that came to nothing: the
// call is still there, or the telephone is rung again, or at last the queue's head is the place.
func (l *Line) returns(v *visit, x *passing, h *holds, err error) (next onward, stays bool) {
	x.tell(statusOf(err))
	outcome := passReturned
	if statusOf(err) == 403 {
		outcome = passRefused
	}
	l.passed(v, x, outcome)
	if !x.gone {
		return onward{}, true
	}
	v.operator = nil
	again, err := l.ringWhile(v, x, h, func(ctx context.Context) (party, error) {
		ctx, cancel := context.WithTimeout(ctx, v.settings.Ring)
		defer cancel()
		leg, err := l.o.Dialer.Dial(ctx, v.dial(x.from.name))
		return party{leg: leg, role: call.RoleOperator, name: x.from.name}, err
	})
	switch {
	case v.ctx.Err() != nil:
		if err == nil {
			again.leg.Hangup(call.Reason{Why: "the caller has left"})
		}
		return onward{over: true}, false
	case err == nil:
		return onward{party: &again}, false
	}
	gone := queue.Lost
	if result(err) == queue.Busy {
		gone = queue.Busy
	}
	l.o.Floor.Report(v.ticket, x.from.name, gone)
	return onward{}, false
}

// statusOf is what the telephone is told of a dial that failed.
func statusOf(err error) int {
	var failed *call.DialError
	if !errors.As(err, &failed) {
		return 480
	}
	switch failed.Failure {
	case call.Busy:
		return 486
	case call.Declined:
		return 603
	case call.Forbidden:
		return 403
	}
	return 480
}

// passed writes down what became of a transfer. A number is never told, only that it was one.
func (l *Line) passed(v *visit, x *passing, outcome string) {
	kind, name := "unknown", ""
	if x.to != (destination{}) {
		kind, name = x.to.kind(), x.to.name()
	}
	l.metrics.transfers.WithLabelValues(x.kind, kind, outcome).Inc()
	l.event(v, "call.transferred", "from", x.from.name, "to", name, "to_kind", kind, "kind", x.kind, "outcome", outcome)
	v.log.Info("transfer", zap.String("operator", x.from.name), zap.String("to", kind), zap.String("outcome", outcome))
}
