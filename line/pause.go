package line

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/prompts"
)

// PauseBounds are how recordings may be paused while two talk.
type PauseBounds struct {
	Longest time.Duration // a pause ends by itself then; 0: there are none
	Notice  bool          // the caller hears in words, too, that the recording stops and goes on
}

// operatorsKey is the reason of a pause by star code: a telephone has no words.
const operatorsKey = "operator's key"

// The clips that callers hear in words where the configuration asks for them.
const (
	noticePaused  = "notice.recording.paused"
	noticeResumed = "notice.recording.resumed"
)

// pauseReply is how long somebody who asks for a pause waits for the call's goroutine, which may be in the
// middle of something else.
const pauseReply = 3 * time.Second

// A pauseAsk is what somebody wants of a recording.
type pauseAsk struct {
	wish   call.PauseWish
	on     bool
	toggle bool            // the other of what is
	reply  chan error      // holds one
	ctx    context.Context // ended: nobody waits for it any more, and it is not done
}

// A paused recording is one of a talk that goes on.
type paused struct {
	wish  call.PauseWish
	since time.Time
	over  *time.Timer
}

// PauseRecording stops the recording of a talk for a while: of both sides, which both hear. The errors are
// those of call, ErrNoTalk among them.
func (l *Line) PauseRecording(ctx context.Context, id call.ID, w call.PauseWish) error {
	if !goodWhy(w.Why) {
		return call.ErrPauseNoWhy
	}
	return l.talks.pause(ctx, id, pauseAsk{wish: w, on: true})
}

// ResumeRecording ends a pause; by and who are as in a call.PauseWish.
func (l *Line) ResumeRecording(ctx context.Context, id call.ID, by, who string) error {
	return l.talks.pause(ctx, id, pauseAsk{wish: call.PauseWish{By: by, Who: who}})
}

// goodWhy says whether a text can be kept as the reason of a pause.
func goodWhy(why string) bool {
	return strings.TrimSpace(why) != "" && len(why) <= call.LongestWhy && utf8.ValidString(why) &&
		!strings.ContainsFunc(why, unicode.IsControl)
}

// PausedRecordings are the pauses that go on, the oldest first.
func (l *Line) PausedRecordings() (all []call.RecordingPause) {
	l.talks.mu.Lock()
	for _, p := range l.talks.paused {
		all = append(all, p)
	}
	l.talks.mu.Unlock()
	slices.SortFunc(all, func(a, b call.RecordingPause) int { return a.Since.Compare(b.Since) })
	return all
}

// pauseByStar pauses the recording of whoever the operator talks to, or ends the pause.
func (l *Line) pauseByStar(ctx context.Context, operator string) error {
	v := l.talks.of(operator)
	if v == nil {
		return call.ErrNoTalk
	}
	return l.talks.pause(ctx, v.id, pauseAsk{wish: starWish(operator), toggle: true})
}

func starWish(operator string) call.PauseWish {
	return call.PauseWish{By: call.PausedByOperator, Who: operator, Why: operatorsKey}
}

// pause asks the goroutine of a call, and waits for what it says.
func (t *talks) pause(ctx context.Context, id call.ID, a pauseAsk) error {
	ctx, cancel := context.WithTimeout(ctx, pauseReply)
	defer cancel()
	a.reply, a.ctx = make(chan error, 1), ctx
	t.mu.Lock()
	v := t.byCall[id]
	sent := false
	if v != nil {
		select {
		case v.pauses <- a:
			sent = true
		default:
		}
	}
	t.mu.Unlock()
	switch {
	case v == nil:
		return call.ErrNoTalk
	case !sent:
		return call.ErrPauseNoReply
	}
	select {
	case err := <-a.reply:
		return err
	case <-ctx.Done():
		return call.ErrPauseNoReply
	}
}

// pauseAsked does what somebody wants of the recording of the talk with p.
func (l *Line) pauseAsked(v *visit, p party, h holds, a pauseAsk) error {
	switch {
	case a.ctx.Err() != nil:
		return call.ErrPauseNoReply
	case v.sound == nil || v.private != "":
		return call.ErrNotRecorded
	case v.paused != nil && (a.toggle || !a.on):
		l.resumeRecording(v, p, h, a.wish.By, a.wish.Who)
		return nil
	case v.paused != nil:
		return call.ErrPaused
	case !a.toggle && !a.on:
		return call.ErrNotPaused
	case v.settings.Pause.Longest <= 0:
		return call.ErrNoPauses
	}
	l.pauseRecording(v, p, a.wish)
	return nil
}

// pauseRecording writes neither side from here on, then says so.
func (l *Line) pauseRecording(v *visit, p party, w call.PauseWish) {
	longest := v.settings.Pause.Longest
	if w.For > 0 {
		longest = min(longest, w.For)
	}
	v.sound.Pause(w.Why)
	v.paused = &paused{wish: w, since: time.Now(), over: time.NewTimer(longest)}
	l.talks.isPaused(v, p, longest)
	l.beep(v, p, prompts.TonePaused, noticePaused)
	l.indicate(v)
	l.metrics.pauses.WithLabelValues(w.By).Inc()
	l.event(v, "recording.paused", "by", w.By, "who", w.Who, "reason", w.Why, "longest", longest.String())
	v.log.Info("the recording is paused", zap.String("operator", p.name), zap.String("by", w.By))
}

// resumeRecording goes on with the recording, then says so: what both hear is on it.
func (l *Line) resumeRecording(v *visit, p party, h holds, by, who string) {
	on, reason := v.voiceNow(!h.party && !h.caller, "hold")
	l.endPause(v, on, reason, by, who)
	l.indicate(v)
	l.beep(v, p, prompts.ToneResumed, noticeResumed)
}

// endPause goes on with the recording of what the caller hears, and of their voice if so.
func (l *Line) endPause(v *visit, voice bool, reason, by, who string) {
	was := v.paused
	was.over.Stop()
	v.paused = nil
	v.sound.Resume(voice, reason)
	l.talks.goesOn(v)
	took := time.Since(was.since)
	l.metrics.pausedSeconds.Add(took.Seconds())
	l.event(v, "recording.resumed", "by", by, "who", who, "reason", was.wish.Why, "took", took.Round(time.Millisecond).String())
	v.log.Info("the recording goes on", zap.String("by", by), zap.Duration("took", took))
}

// leavePause ends a pause with the talk in which it was asked for: none outlives whoever has asked.
func (l *Line) leavePause(v *visit, next onward) {
	if v.paused == nil {
		return
	}
	reason := "waiting"
	if next.party != nil {
		reason = "transfer"
	}
	l.endPause(v, false, reason, call.PausedByEnd, "")
	if v.ctx.Err() == nil {
		indicate(v.leg, v.recordState())
	}
}

// pauseOver brings the moment at which a pause has lasted as long as it may; nil: there is none.
func (v *visit) pauseOver() <-chan time.Time {
	if v.paused == nil {
		return nil
	}
	return v.paused.over.C
}

// starKeys listens for the star code of a pause that the operator's telephone presses in the talk; done ends
// it. The keys of the code do not reach the caller.
func starKeys(p party) (keys <-chan call.Key, done func()) {
	if p.role != call.RoleOperator {
		return nil, func() {}
	}
	sound := p.leg.Audio()
	drain(sound.Keys())
	catch := func(code string, tones bool) {
		if c, ok := sound.(call.KeyCatcher); ok {
			c.CatchKeys(code)
		}
		if t, ok := sound.(call.ToneListener); ok {
			t.ListenForTones(tones)
		}
	}
	catch(starRecord, true)
	return sound.Keys(), func() { catch("", false) }
}

// isPaused and goesOn keep what PausedRecordings tells.
func (t *talks) isPaused(v *visit, p party, longest time.Duration) {
	r := call.RecordingPause{
		Call: v.id, By: v.paused.wish.By, Who: v.paused.wish.Who, Why: v.paused.wish.Why,
		Since: v.paused.since, Until: v.paused.since.Add(longest),
	}
	if p.role == call.RoleOperator {
		r.Operator = p.name
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused[v.id] = r
}

func (t *talks) goesOn(v *visit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.paused, v.id)
}
