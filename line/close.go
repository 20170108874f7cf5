package line

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording"
)

// sealWait is how long the record waits for the recording's seal: the record must close within
// a second of the hang-up even if the disk hangs; the seal is then told later.
const sealWait = 800 * time.Millisecond

// goodbyeTime bounds the words said to a caller whom a stop sends away.
const goodbyeTime = 6 * time.Second

// close ends whatever is still open of a call and closes its record, once, whatever happened.
// It is deferred directly by Serve, so that it catches a panic of the call's goroutine.
func (l *Line) close(v *visit) {
	if p := recover(); p != nil {
		l.panicked(v.log, p)
		v.outcome, v.endedBy = call.Failed, call.ByUs
	}
	v.judge()
	if op := v.operator; op != nil {
		op.Hangup(call.Reason{Why: "the caller has left"})
	}
	if v.outcome == call.Stopped && v.state != call.Ringing {
		l.goodbye(v)
	}
	v.leg.Hangup(call.Reason{Why: string(v.outcome)})
	v.leg.Audio().Tap(nil)
	v.end(errors.New("the call is closed"))
	v.rec.Ended = time.Now()
	v.rec.Outcome, v.rec.EndedBy = v.outcome, v.endedBy
	if v.outcome == call.Abandoned {
		v.rec.Phase = v.state
	}
	l.seal(v)
	l.told(v)
	l.move(v, call.Ended)
}

// judge decides how the call ended, where the way did not say so already.
func (v *visit) judge() {
	cause := context.Cause(v.ctx)
	var ended *endedError
	switch {
	case v.outcome != "":
	case errors.Is(cause, errStopping), errors.Is(cause, context.Canceled): // told to end, or the signalling closes under it
		v.outcome, v.endedBy = call.Stopped, call.ByUs
	case errors.Is(cause, errTooLong):
		v.outcome, v.endedBy = call.TimedOut, call.ByUs
	case errors.As(cause, &ended):
		v.outcome, v.endedBy = v.verdict(ended.cause)
	default:
		v.outcome, v.endedBy = call.Failed, call.ByUs
	}
}

// verdict is the outcome of a call whose caller's leg ended first.
func (v *visit) verdict(c call.Cause) (call.Outcome, call.Party) {
	by := call.ByPeer
	switch c {
	case call.CauseHangup, call.CauseCancelled:
		by = call.ByCaller
	case call.CauseMediaLost:
		return call.MediaLost, by
	case call.CauseOurs:
		by = call.ByUs
	}
	switch {
	case v.rec.Operator != "", v.helped:
		return call.Completed, by
	case by == call.ByUs: // given up by us with no reason that has an outcome of its own
		return call.Failed, by
	case v.served && v.state != call.Waiting:
		return call.Served, by
	case v.night:
		return call.Closed, by
	}
	return call.Abandoned, by
}

// goodbye tells a caller whom a stop sends away why, while the second SIGTERM's ten seconds run.
func (l *Line) goodbye(v *visit) {
	lang := v.rec.Language
	if lang == "" {
		lang = v.settings.Languages[0]
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	v.leg.Audio().Play(ctx, l.o.Prompts.Clip("fault.technical", lang))
}

// seal closes the recording. A disk that hangs keeps it open in the background.
func (l *Line) seal(v *visit) {
	if v.sound == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sealWait)
	defer cancel()
	settle(ctx, v.log, v.sound, &v.rec)
}

// settle seals a recording and puts into the call's record what became of it.
func settle(ctx context.Context, log *zap.Logger, sound *recording.Recording, rec *call.Record) {
	res, err := sound.Seal(ctx, rec.Ended)
	if err != nil {
		log.Error("the recording is not sealed yet", zap.Error(err))
	}
	if res.State == recording.StateMissing {
		rec.Recording, rec.Unrecorded = "", call.UnrecordedDisk
	}
}

// networkCause is the Q.850 cause that the caller's network gave for the end, "" if none.
func (v *visit) networkCause() string {
	var ended *endedError
	if errors.As(context.Cause(v.ctx), &ended) && ended.q850 != 0 {
		return strconv.Itoa(ended.q850)
	}
	return ""
}

// told writes the closed record, the last event, the metrics and the log line.
func (l *Line) told(v *visit) {
	if v.outcome == call.Abandoned {
		l.event(v, "call.abandoned", "phase", string(v.rec.Phase))
	}
	l.event(v, "call.ended", "outcome", string(v.outcome), "ended_by", string(v.endedBy), "q850", v.networkCause())
	if err := l.o.Journal.Closed(v.rec); err != nil {
		v.log.Error("the record could not be closed", zap.Error(err))
	}
	l.metrics.calls.WithLabelValues(v.line.Number, string(v.outcome)).Inc()
	v.log.Info("call ended", zap.String("line", v.line.Number), zap.String("outcome", string(v.outcome)),
		zap.String("ended_by", string(v.endedBy)), zap.Int("code", v.rec.Code),
		zap.Duration("waited", v.rec.Waited), zap.Duration("talked", v.rec.Talked),
		zap.Duration("took", v.rec.Ended.Sub(v.rec.Arrived)))
}
