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
// the caller has left.
func (l *Line) greet(v *visit) bool {
	langs := v.settings.Languages
	if h := v.line.Hours; h != nil && !h.Open(v.came) {
		return l.closed(v, h.Reason(v.came))
	}
	if v.full {
		return l.busy(v)
	}
	lang, chosen := ivr.ChooseLanguage(v.ctx, v.leg.Audio(), l.o.Prompts, langs)
	if v.ctx.Err() != nil {
		return false
	}
	v.rec.Language = lang
	l.event(v, "call.language_chosen", "language", string(lang), "chosen", yesNo(chosen))
	if v.sound != nil {
		v.sound.SetLanguage(lang)
	}
	if v.settings.Policy != RecordOff {
		in := []call.Language{lang}
		if !chosen {
			in = langs
		}
		l.notify(v, in)
	}
	return v.ctx.Err() == nil
}

// notify gives the notice of the recording. Where it could not be given whole, nobody's voice
// is recorded in this call.
func (l *Line) notify(v *visit, in []call.Language) {
	n := ivr.Notice(v.ctx, v.leg.Audio(), l.o.Prompts, in...)
	if n == nil {
		if !v.leaving() {
			v.log.Error("the notice could not be played whole; voices will not be recorded",
				zap.String("language", string(in[0])))
		}
		return
	}
	v.rec.Notice = n
	if v.sound != nil {
		v.sound.SetNotice(*n)
	}
}

// busy tells a caller for whom there is no room among those who wait so, and lets go: kinder
// than the tone of a 486, which sounds like the caller's own mistake.
func (l *Line) busy(v *visit) bool {
	l.away.Add(1)
	defer l.away.Add(-1)
	v.rec.Code, v.outcome, v.endedBy = 486, call.Refused, call.ByUs
	return l.sendAway(v, func(lang call.Language) []*call.Clip { return l.clips(lang, "queue.full") })
}

// sendAway plays what there is to say in every language. It is never true.
func (l *Line) sendAway(v *visit, say func(call.Language) []*call.Clip) bool {
	var words []*call.Clip
	for _, lang := range v.settings.Languages {
		words = append(words, say(lang)...)
	}
	l.lastWords(v, words)
	return false
}

// lastWords says what there is to say to a caller for whom nobody will come. One who hangs up meanwhile
// has ended the call, but abandoned nothing.
func (l *Line) lastWords(v *visit, words []*call.Clip) {
	if v.leg.Audio().Play(v.ctx, words...).Whole || !v.leaving() {
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
