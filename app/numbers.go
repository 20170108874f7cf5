package app

import (
	"context"
	"time"

	"hotline/call"
)

// misbehaving are the numbers of `hotline try` that misbehave on purpose, so that a carrier's
// or a telephone's manners can be seen: by number, what they do and how.
var misbehaving = map[string]misbehaviour{
	"486": {"busy", func(_ context.Context, l call.Leg) { l.Hangup(call.Reason{Code: 486}) }},
	"480": {"rings and never answers", func(ctx context.Context, l call.Leg) {
		l.Ring()
		untilGone(ctx, l, 3*time.Minute)
		l.Hangup(call.Reason{Code: 480})
	}},
	"503": {"refused as overloaded", func(_ context.Context, l call.Leg) { l.Hangup(call.Reason{Code: 503}) }},
	"900": {"answers and is silent", func(ctx context.Context, l call.Leg) {
		if l.Answer(ctx) == nil {
			l.Audio().Loop(nil)
			untilGone(ctx, l, time.Hour)
			l.Hangup(call.Reason{})
		}
	}},
	"901": {"answers and hangs up after three seconds", func(ctx context.Context, l call.Leg) {
		if l.Answer(ctx) == nil {
			untilGone(ctx, l, 3*time.Second)
			l.Hangup(call.Reason{})
		}
	}},
	"902": {"answers, puts you on hold for three seconds and takes you back", func(ctx context.Context, l call.Leg) {
		if l.Answer(ctx) != nil {
			return
		}
		l.Audio().Loop(nil)
		untilGone(ctx, l, time.Second)
		hold(ctx, l, true)
		untilGone(ctx, l, 3*time.Second)
		hold(ctx, l, false)
		untilGone(ctx, l, time.Hour)
		l.Hangup(call.Reason{})
	}},
}

// hold puts a telephone on hold, or takes it back. One that does not agree hears no difference.
func hold(ctx context.Context, l call.Leg, on bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if h, ok := l.(call.Holder); ok {
		_ = h.Hold(ctx, on)
	}
}

// A misbehaviour is what one number does.
type misbehaviour struct {
	told string
	do   func(ctx context.Context, l call.Leg)
}

// Misbehaving lists the numbers of `hotline try` that misbehave, with what they do.
func Misbehaving() map[string]string {
	told := make(map[string]string, len(misbehaving))
	for number, m := range misbehaving {
		told[number] = m.told
	}
	return told
}

// untilGone waits for the leg's end, at most for longest.
func untilGone(ctx context.Context, l call.Leg, longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	for {
		select {
		case e, ok := <-l.Events():
			if !ok || e.Kind == call.LegEnded {
				return
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
