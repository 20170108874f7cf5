package line

import (
	"time"

	"hotline/call"
	"hotline/prompts"
)

// beep lets both hear a tone over whatever they hear, and the caller words behind it where they are asked for. The
// next reminder is as far away as ever, or it would cut the words short.
func (l *Line) beep(v *visit, p party, tone, words string) {
	clips := l.clips("", tone)
	over(p.leg, clips...)
	if v.settings.Pause.Notice && words != "" {
		clips = append(clips, l.clips(v.rec.Language, words)...)
	}
	over(v.leg, clips...)
	if v.reminder != nil {
		v.reminder.Reset(v.settings.Tone)
	}
}

func over(leg call.Leg, clips ...*call.Clip) {
	if o, ok := leg.Audio().(call.Overlay); ok {
		o.Over(clips...)
	}
}

// remind lets both hear that they are being recorded, while they are.
func (l *Line) remind(v *visit, p party, h holds) {
	if v.recordState() == call.RecordOn && !h.party && !h.caller {
		l.beep(v, p, prompts.ToneRecording, "")
	}
}

// remindWhileTalking lets both be reminded of the recording as often as the configuration says, until done.
func (v *visit) remindWhileTalking() (done func()) {
	if v.settings.Tone <= 0 {
		return func() {}
	}
	v.reminder = time.NewTicker(v.settings.Tone)
	return v.reminder.Stop
}

// reminded brings the moments of the reminders; nil: there are none.
func (v *visit) reminded() <-chan time.Time {
	if v.reminder == nil {
		return nil
	}
	return v.reminder.C
}
