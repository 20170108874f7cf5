package line

import (
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording"
)

// admit decides whether the caller is answered at all, and answers. The recording opens at
// the answer: its time is the call's time.
func (l *Line) admit(v *visit) bool {
	info := v.leg.Info()
	switch {
	case info.Unfit != 0:
		return l.refuse(v, info.Unfit, "the INVITE cannot be answered")
	case !v.line.leads():
		return l.refuse(v, 404, "the line was taken away by a reload")
	case l.visits.count() > v.settings.Limit:
		return l.refuse(v, 486, "limits.calls is reached")
	case l.kept(v):
	case v.settings.Policy == RefuseWithout && l.o.Recorder.Healthy() != nil:
		if l.crowded(v) {
			return l.refuse(v, 503, "the disk cannot take a recording")
		}
		v.unkept = true
	case l.Full() && l.crowded(v):
		return l.refuse(v, 486, "limits.waiting is reached")
	case l.Full():
		v.full = true
	}
	indicate(v.leg, v.settings.intent())
	if err := v.leg.Answer(v.ctx); err != nil {
		v.leg.Hangup(call.Reason{Why: "could not be answered"})
		<-v.ctx.Done() // Ended always follows; its cause says whose doing it was
		return false
	}
	v.rec.Answered = time.Now()
	l.event(v, "call.answered", "by", "menu")
	if wish := wishOf(v.leg); wish != "" {
		l.wished(v, call.RoleCaller, "", wish)
	}
	l.record(v)
	l.move(v, call.Greeting)
	return true
}

// crowded says that as many are being sent away with words as may be: those, too, take a call each.
func (l *Line) crowded(v *visit) bool { return l.away.Load() >= int64(max(1, v.settings.Limit/10)) }

// kept asks the gate about the caller. It is true for one who gets as far as the emergency key alone.
func (l *Line) kept(v *visit) bool {
	if l.o.Gate != nil && v.leg.Info().Role == call.RoleCaller {
		v.bar = l.o.Gate.Barred(v.rec.From, v.rec.Withheld)
	}
	return v.bar != ""
}

// refuse turns the caller away with a SIP status.
func (l *Line) refuse(v *visit, code int, why string) bool {
	v.rec.Code, v.outcome, v.endedBy = code, call.Refused, call.ByUs
	v.leg.Hangup(call.Reason{Code: code, Why: why})
	return false
}

// record opens the call's recording. Without one the call goes on, marked: whether it may is
// the policy's word, and it has been asked already.
func (l *Line) record(v *visit) {
	defer l.indicate(v)
	if v.settings.Policy == RecordOff {
		v.rec.Unrecorded = call.UnrecordedPolicy
		return
	}
	sound, err := l.o.Recorder.Open(recording.Meta{
		Call: v.id, Line: v.line.Number, Arrived: v.rec.Arrived, Answered: v.rec.Answered, Codec: v.leg.Audio().Stats().Codec,
	})
	if err != nil {
		v.rec.Unrecorded = call.UnrecordedDisk
		l.metrics.missing.Inc()
		l.event(v, "recording.missing", "reason", "disk")
		v.log.Error("this call is not recorded", zap.Error(err))
		return
	}
	v.sound, v.rec.Recording = sound, sound.Path()
	v.leg.Audio().Tap(sound)
}
