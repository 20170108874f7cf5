package line

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
)

// greet asks for the language and says in it that the call is recorded. It returns false when
// the call is over.
func (l *Line) greet(v *visit) bool {
	v.listenForTones(true)
	closed := v.line.Hours != nil && !v.line.Hours.Open(v.came)
	v.night = closed && v.line.Closed.Menu != ""
	switch {
	case v.bar != "":
		return l.barred(v, v.bar)
	case closed && !v.night:
		return l.closed(v, v.line.Hours.Reason(v.came))
	case v.full:
		return l.busy(v, 486, "queue.full")
	case v.unkept:
		return l.busy(v, 503, "fault.technical")
	case !l.challenge(v):
		return false
	}
	if !v.alarmed && l.language(v, true) {
		return false
	}
	if !v.alarmed && v.night {
		l.nightWords(v)
	}
	if !v.alarmed && !v.line.Menus.Has(ivr.Incident) && l.incident(v) {
		return false
	}
	if v.alarmed && l.emergency(v) {
		return false
	}
	return v.ctx.Err() == nil
}

// language asks for the language and gives the notice in it. first is false where the caller asks for another
// one later. It is true where the call is over.
func (l *Line) language(v *visit, first bool) (over bool) {
	langs := v.settings.Languages
	in := ivr.Door{Languages: langs, Greeting: first, Emergency: v.settings.Emergency.Key}.Enter(v.ctx, v.leg.Audio(), l.o.Prompts)
	switch {
	case v.ctx.Err() != nil:
		return true
	case in.Emergency: // whatever language there was before stays; at first there is none
		v.alarmed = true
		return false
	case !first && !in.Chosen:
		return false // the one before stays
	}
	v.rec.Language, v.walk.Language = in.Language, in.Language
	l.event(v, "call.language_chosen", "language", string(in.Language), "chosen", yesNo(in.Chosen))
	if v.sound != nil {
		v.sound.SetLanguage(in.Language)
	}
	if v.settings.Policy != RecordOff {
		notice := []call.Language{in.Language}
		if !in.Chosen {
			notice = langs
		}
		l.notify(v, notice)
	}
	return v.ctx.Err() != nil
}

// notify gives the notice of the recording; the emergency key alone ends it. Where it could not be given
// whole, nobody's voice is recorded in this call.
//
// While the disk takes no recording, the caller is told that instead, and is not recorded in this call even if the
// disk is better a moment later.
func (l *Line) notify(v *visit, in []call.Language) {
	if err := l.o.Recorder.Healthy(); err != nil {
		v.log.Error("this caller is told that nobody can record the call", zap.Error(err))
		l.unrecorded(v, in)
		return
	}
	ctx, pressed := l.alarmable(v)
	n := ivr.Notice(ctx, v.leg.Audio(), l.o.Prompts, in...)
	v.alarmed = pressed()
	if n == nil {
		if !v.alarmed && !v.leaving() {
			v.log.Error("the notice could not be played whole; voices will not be recorded",
				zap.String("language", string(in[0])))
		}
		return
	}
	l.noticed(v, n)
}

// unrecorded says that the call is not recorded, which is the truth that a caller is owed as much.
func (l *Line) unrecorded(v *visit, in []call.Language) {
	l.event(v, "call.told_unrecorded", "language", string(in[0]))
	var words []*call.Clip
	for _, lang := range in {
		words = append(words, l.clips(lang, "notice.unrecorded")...)
	}
	emergency, _ := l.words(v, words)
	v.alarmed = v.alarmed || emergency
}

// busy tells a caller who cannot be served now why, and lets go: kinder than the tone of a refusal, which sounds
// like the caller's own mistake.
func (l *Line) busy(v *visit, code int, clip string) bool {
	l.away.Add(1)
	defer l.away.Add(-1)
	v.rec.Code, v.outcome, v.endedBy = code, call.Refused, call.ByUs
	return l.sendAway(v, func(lang call.Language) []*call.Clip { return l.clips(lang, clip) })
}

// sendAway plays what there is to say in every language. It is never true.
func (l *Line) sendAway(v *visit, say func(call.Language) []*call.Clip) bool {
	var words []*call.Clip
	for _, lang := range v.settings.Languages {
		words = append(words, say(lang)...)
	}
	if emergency, _ := l.words(v, words); emergency {
		l.help(v)
		return false
	}
	l.heardOut(v)
	return false
}

// lastWords says what there is to say to a caller for whom nobody will come. One who hangs up meanwhile
// has ended the call, but abandoned nothing.
func (l *Line) lastWords(v *visit, words []*call.Clip) {
	if !v.leg.Audio().Play(v.ctx, words...).Whole {
		l.heardOut(v)
	}
}

// heardOut says who ended a call that was over anyway: the caller, who has not heard the words out, or we.
func (l *Line) heardOut(v *visit) {
	if !v.leaving() {
		return
	}
	var ended *endedError
	if errors.As(context.Cause(v.ctx), &ended) {
		_, v.endedBy = v.verdict(ended.cause)
	}
}

// endLag is how much later than the end of its sound a leg may say why it ended.
const endLag = 200 * time.Millisecond

// leaving reports, after a clip that was cut short, whether that was because the call ends.
func (v *visit) leaving() bool {
	select {
	case <-v.ctx.Done():
	case <-time.After(endLag):
	}
	return v.ctx.Err() != nil
}

// yesIf is "yes" or nothing, which an event leaves out.
func yesIf(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
