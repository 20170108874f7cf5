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
	if p.role != call.RoleOperator {
		t.Tell(403)
		return onward{}, true
	}
	known := false
	if t.Consult != nil {
		x.kind = "attended"
		own := l.talks.own(t.Consult.Info().ID)
		if own == nil {
			t.Tell(481)
			return onward{}, true
		}
		x.to, known = own.to, true
		if far, ok := own.give(v.ctx); ok {
			return l.handedOver(v, x, far), false
		}
		// It rang still: that ringing has ended, and now it is rung for the caller.
	} else {
		x.to, known = l.destination(v.settings, t.To)
	}
	switch {
	case !known, x.to.operator == p.name:
		l.passed(v, x, passRefused)
		t.Tell(404)
		return onward{}, true
	case x.to.queue != "":
		t.Tell(200)
		l.passed(v, x, passDone)
		l.let(v, x)
		return onward{queue: x.to.queue}, false
	}
	return l.ringFor(v, x, h)
}

// ringFor rings a destination for a caller who hears music.
func (l *Line) ringFor(v *visit, x *passing, h *holds) (next onward, stays bool) {
	v.leg.Audio().Loop(l.o.Prompts.Music())
	l.voice(v, false, "transfer")
	l.event(v, "call.transferring", "from", x.from.name, "to", x.to.name(), "kind", x.kind, "to_kind", x.to.kind())
	leg, err := l.ringWhile(v, x, h, func(ctx context.Context) (call.Leg, error) {
		leg, err := l.reach(ctx, reaching{
			call: v.id, line: v.line.Number, operator: x.from.name, to: x.to,
			from: v.rec.From, withheld: v.rec.Withheld && !v.leg.Info().ShowHidden,
			display: v.rec.Line + " " + display(v.rec.Language), ringing: func() { x.tell(180) },
		})
		if err != nil {
			return nil, err
		}
		if err := l.prepare(v, x.to, leg); err != nil {
			leg.Hangup(call.Reason{Why: "not joined"})
			l.release(x.to)
			return nil, err
		}
		return leg, nil
	})
	switch {
	case v.ctx.Err() != nil:
		if leg != nil {
			leg.Hangup(call.Reason{Why: "the caller has left"})
			l.release(x.to)
		}
		x.tell(487)
		l.passed(v, x, passAbandoned)
		return onward{over: true}, false
	case err == nil:
		return l.handedOver(v, x, l.partyOf(x.to, leg)), false
	}
	return l.returns(v, x, h, err)
}

// partyOf is who has been reached.
func (l *Line) partyOf(d destination, leg call.Leg) party {
	if d.operator != "" {
		return party{leg: leg, role: call.RoleOperator, name: d.operator}
	}
	return party{leg: leg, role: call.RoleThird, name: d.name()}
}

var errNoNotice = errors.New("the notice could not be played whole")

// prepare says what has to be said before somebody is joined: the caller's language to an operator,
// the notice of the recording to a third party. Without the notice nobody is joined.
func (l *Line) prepare(v *visit, d destination, leg call.Leg) error {
	if !mustHear(v.settings, d) {
		if d.operator != "" {
			l.whisper(v, leg)
		}
		return v.ctx.Err()
	}
	n := ivr.Notice(v.ctx, leg.Audio(), l.o.Prompts, d.entry.languages(v.settings)...)
	if n == nil {
		return errNoNotice
	}
	l.event(v, "call.third_noticed", "to", d.name(), "language", string(n.Language))
	return nil
}

// ringWhile runs a dial, bounded by the time for it, and follows meanwhile what the telephone that
// asked for it does.
func (l *Line) ringWhile(v *visit, x *passing, h *holds, dial func(context.Context) (call.Leg, error)) (call.Leg, error) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithTimeout(v.ctx, v.settings.Ring)
	defer cancel()
	answers := make(chan ringing, 1)
	l.guard(v, &wg, func() {
		leg, err := dial(ctx)
		answers <- ringing{leg: leg, err: err}
	})
	for {
		events := x.from.leg.Events()
		if x.gone {
			events = nil
		}
		select {
		case r := <-answers:
			return r.leg, r.err
		case <-v.ctx.Done():
			r := <-answers // it ends with its context
			return r.leg, r.err
		case h.caller = <-v.hold:
		case t := <-v.asked:
			t.Tell(491)
		case e, ok := <-events:
			switch {
			case !ok || e.Kind == call.LegEnded:
				x.gone = true // many hang up as soon as the transfer is accepted
			case e.Kind == call.LegTransfer:
				e.Transfer.Tell(491) // one at a time
			default:
				h.party = e.Kind == call.LegHeld
			}
		}
	}
}

// handedOver joins the caller to whoever is there now and lets the first operator go.
func (l *Line) handedOver(v *visit, x *passing, to party) onward {
	name := ""
	if to.role == call.RoleOperator {
		name = to.name
	}
	if !l.o.Floor.Transfer(v.id, name) {
		v.log.Error("the floor does not know of this transfer", zap.String("operator", x.from.name))
	}
	x.tell(200)
	l.passed(v, x, passDone)
	l.let(v, x)
	return onward{party: &to}
}

// let lets the operator go who has handed the caller on.
func (l *Line) let(v *visit, x *passing) {
	v.operator = nil
	if !x.gone {
		x.from.leg.Hangup(call.Reason{Why: "the caller was put through"})
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
		l.voice(v, true, "")
		return onward{}, true
	}
	v.operator = nil
	leg, err := l.ringWhile(v, x, h, func(ctx context.Context) (call.Leg, error) {
		return l.o.Dialer.Dial(ctx, call.Dial{
			Call: v.id, User: x.from.name, From: v.rec.From, Withheld: v.rec.Withheld && !v.leg.Info().ShowHidden,
			Display: v.rec.Line + " " + display(v.rec.Language),
		})
	})
	switch {
	case v.ctx.Err() != nil:
		if leg != nil {
			leg.Hangup(call.Reason{Why: "the caller has left"})
		}
		return onward{over: true}, false
	case err == nil:
		return onward{party: &party{leg: leg, role: call.RoleOperator, name: x.from.name}}, false
	}
	l.o.Floor.Report(v.id, x.from.name, queue.Lost)
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
