package line

import (
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/queue"
	"hotline/recording"
)

// talk joins the caller and the operator until one of them hangs up. It is true when the
// operator has vanished and the caller is to wait again.
func (l *Line) talk(v *visit, name string, op call.Leg) (again bool) {
	v.rec.Operator, v.operator = name, op
	l.move(v, call.Talking)
	began := time.Now()
	defer func() { v.rec.Talked += time.Since(began) }()
	if err := v.leg.Audio().Join(op.Audio()); err != nil {
		v.log.Error("the operator could not be joined", zap.String("operator", name), zap.Error(err))
	}
	l.event(v, "call.answered", "by", "operator", "operator", name)
	v.log.Info("operator joined", zap.String("operator", name), zap.String("queue", v.rec.Queue))
	l.partiesJoin(v, name, began)
	defer l.partiesLeave(v, name)

	held := holds{operator: v.operatorHolds}
	if held.operator {
		l.hold(v, op, held)
	}
	for {
		select {
		case <-v.ctx.Done():
			return false
		case held.caller = <-v.hold:
			l.hold(v, op, held)
		case e, ok := <-op.Events():
			switch {
			case !ok || e.Kind == call.LegEnded:
				return l.operatorGone(v, name, e.Cause)
			default:
				held.operator = e.Kind == call.LegHeld
				l.hold(v, op, held)
			}
		}
	}
}

// operatorGone ends the call where the operator hung up, and sends the caller back to the
// queue where the operator's phone vanished.
func (l *Line) operatorGone(v *visit, name string, cause call.Cause) (again bool) {
	v.operator = nil
	if cause == call.CauseHangup {
		v.outcome, v.endedBy = call.Completed, call.ByOperator
		return false
	}
	l.event(v, "call.operator_lost", "operator", name, "reason", string(cause))
	v.log.Warn("an operator's phone vanished during a call; the caller waits again", zap.String("operator", name))
	l.o.Floor.Report(v.id, name, queue.Lost)
	return true
}

// holds says who of the two holds the other.
type holds struct{ caller, operator bool }

// hold gives the caller music while the operator holds, and joins them again afterwards. What
// the caller says meanwhile is not written.
func (l *Line) hold(v *visit, op call.Leg, h holds) {
	switch {
	case h.operator:
		v.leg.Audio().Loop(l.o.Prompts.Music())
	default:
		if err := v.leg.Audio().Join(op.Audio()); err != nil {
			v.log.Error("the operator could not be joined again", zap.Error(err))
		}
	}
	on := h.operator || h.caller
	l.voice(v, !on, "hold")
	l.event(v, "call.held", "held", yesNo(on), "by", holder(h))
}

func holder(h holds) string {
	if h.operator {
		return "operator"
	}
	return "caller"
}

// voice writes the caller's voice or stops doing so. It is never written without a notice that
// was heard whole.
func (l *Line) voice(v *visit, on bool, reason string) {
	switch {
	case v.sound == nil:
	case on && v.rec.Notice == nil:
		v.sound.Voice(false, "no_notice")
	default:
		v.sound.Voice(on, reason)
	}
}

func (l *Line) partiesJoin(v *visit, name string, at time.Time) {
	l.voice(v, true, "")
	if v.sound == nil {
		return
	}
	v.sound.Party(recording.Party{Channel: call.Said.String(), Role: string(call.RoleCaller), From: at})
	v.sound.Party(recording.Party{Channel: call.Heard.String(), Role: string(call.RoleOperator), Name: name, From: at})
}

func (l *Line) partiesLeave(v *visit, name string) {
	l.voice(v, false, "waiting")
	if v.sound == nil {
		return
	}
	now := time.Now()
	v.sound.PartyLeft(string(call.RoleCaller), "", now)
	v.sound.PartyLeft(string(call.RoleOperator), name, now)
}
