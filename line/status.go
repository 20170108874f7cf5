package line

import (
	"context"
	"errors"
	"time"

	"hotline/call"
	"hotline/ivr"
	"hotline/prompts"
)

// Statuses knows how applications stand; status.Connector is one.
type Statuses interface {
	// Ask may take some seconds. Its errors are call.ErrNoApplication, ErrStatusAway, ErrStatusTries.
	Ask(ctx context.Context, q call.StatusQuestion) (call.Standing, error)
}

// StatusBounds are how applications are asked for.
type StatusBounds struct {
	Least, Most int // digits of a number
	Tries       int // a call
}

// bornDigits is a date of birth as it is keyed: DDMMYYYY.
const bornDigits = 8

// oldChange is how long ago a change is told without its year.
const oldChange = 330 * 24 * time.Hour

// status asks for the number of an application and a date of birth and tells how it stands. What is keyed
// is in no log, and in no recording: the caller's voice is not written meanwhile, nor is what is read back.
func (l *Line) status(v *visit, w *ivr.Walk) {
	if l.o.Statuses == nil {
		l.offerPerson(v, w, "status.unavailable")
		return
	}
	for v.statusTries < v.settings.Status.Tries {
		q, ok := l.askStatus(v, w)
		if !ok {
			return
		}
		v.statusTries++
		standing, err := l.standing(v, q)
		switch {
		case v.ctx.Err() != nil:
			return
		case err == nil:
			l.event(v, "status.told", "state", string(standing.State))
			v.served = true
			l.tellStatus(v, w, standing)
			return
		case errors.Is(err, call.ErrNoApplication):
			l.event(v, "status.not_told", "why", "not_found")
			v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "status.notFound")...)
		case errors.Is(err, call.ErrStatusTries):
			l.event(v, "status.not_told", "why", "tries")
			l.offerPerson(v, w, "status.tooMany")
			return
		default:
			l.event(v, "status.not_told", "why", "away")
			l.offerPerson(v, w, "status.unavailable")
			return
		}
	}
	l.offerPerson(v, w, "status.tooMany")
}

// askStatus asks for number and date of birth. It is false where the caller has left, or is led elsewhere.
func (l *Line) askStatus(v *visit, w *ivr.Walk) (q call.StatusQuestion, ok bool) {
	for range 3 {
		number, ok := l.collect(v, w, v.settings.Status.Most, "status.enter")
		if !ok {
			return q, false
		}
		if len(number) < v.settings.Status.Least {
			v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "status.invalid")...)
			continue
		}
		right, ok := l.readBack(v, w, number)
		if !ok {
			return q, false
		}
		if !right {
			continue
		}
		born, ok := l.askBorn(v, w)
		return call.StatusQuestion{Number: number, Born: born, From: v.rec.From, Hidden: v.rec.Withheld}, ok
	}
	w.Idle()
	return q, false
}

// askBorn asks for a date of birth; again where a digit is missing, or the day is none: that costs no try.
func (l *Line) askBorn(v *visit, w *ivr.Walk) (born string, ok bool) {
	for range 3 {
		born, ok = l.collect(v, w, bornDigits, "status.enter.born")
		if !ok {
			return born, false
		}
		if _, err := time.Parse("02012006", born); err == nil {
			break
		}
		v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "status.invalid")...)
	}
	return born, v.ctx.Err() == nil
}

// collect asks for digits, once more where none came. It is false where the caller has left, or is led
// elsewhere: by * back, by doing nothing on.
func (l *Line) collect(v *visit, w *ivr.Walk, most int, clip string) (digits string, ok bool) {
	for range 2 {
		digits, how := ivr.Collect(v.ctx, v.leg.Audio(), menuListen, most, l.clips(v.rec.Language, clip)...)
		switch {
		case v.ctx.Err() != nil:
			return "", false
		case how == ivr.Cancelled:
			w.Back()
			return "", false
		case how == ivr.Entered:
			return digits, true
		}
	}
	w.Idle()
	return "", false
}

// readBack tells what was keyed. Who does nothing has agreed. ok is false as for collect.
func (l *Line) readBack(v *visit, w *ivr.Walk, number string) (right, ok bool) {
	lang, sound := v.rec.Language, v.leg.Audio()
	l.secretly(v, func() {
		sound.Play(v.ctx, append(l.clips(lang, "status.readback"), l.o.Prompts.SayDigits(number, lang)...)...)
	})
	key, pressed := l.ask(v.ctx, v, l.o.Prompts.SayMenu([]prompts.Item{{Clip: "status.item.correct", Key: keyConfirm}}, lang)...)
	if v.ctx.Err() != nil || pressed && v.follow(w, v.means(key)) {
		return false, false
	}
	return !pressed || key == keyConfirm, true
}

// secretly keeps what the caller is sent meanwhile out of the recording.
func (l *Line) secretly(v *visit, say func()) {
	if v.sound != nil {
		v.sound.Heard(false, "secret")
		defer v.sound.Heard(true, "")
	}
	say()
}

// standing asks how an application stands while the caller hears that it is looked for.
func (l *Line) standing(v *visit, q call.StatusQuestion) (s call.Standing, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				l.panicked(v.log, p)
				err = call.ErrStatusAway
			}
		}()
		s, err = l.o.Statuses.Ask(v.ctx, q)
	}()
	v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "status.checking")...)
	<-done // it ends with its time-out, or with the call
	return s, err
}

// tellStatus says how an application stands, without a name, and goes on where the caller wants.
func (l *Line) tellStatus(v *visit, w *ivr.Walk, s call.Standing) {
	lang := v.rec.Language
	say := l.statusWords(s, lang)
	if s.State == call.StandingNeedInfo || s.State == call.StandingRefused {
		say = append(say, l.o.Prompts.SayChoice("menu.item.operator", ivr.KeyPerson, lang)...)
	}
	say = append(say, l.o.Prompts.SayChoice("menu.item.repeat", ivr.KeyRepeat, lang)...)
	l.sayUntil(v, w, 3, w.On, say...)
}

// statusWords are what is said of a standing: how old it is where it is not fresh, how it is, since when,
// until when.
func (l *Line) statusWords(s call.Standing, lang call.Language) (say []*call.Clip) {
	now := l.o.Now()
	dated := func(clip string, t time.Time) {
		if t.IsZero() || t.Before(now.Add(-oldChange)) || t.After(now.Add(oldChange)) {
			return
		}
		if day := l.o.Prompts.SayDay(t, lang); day != nil {
			say = append(append(say, l.clips(lang, clip)...), day...)
		}
	}
	dated("status.asOf", s.Known)
	say = append(say, l.clips(lang, "status."+string(s.State))...)
	dated("status.date", s.Changed)
	if s.Due.After(now) {
		dated("status.due", s.Due)
	}
	return say
}
