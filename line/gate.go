package line

import (
	"crypto/rand"
	"time"

	"hotline/call"
	"hotline/ivr"
	"hotline/prompts"
)

// A Gate says who is kept out, and what all callers meet today. All is answered from memory.
type Gate interface {
	// Barred says whether a caller gets as far as the emergency key alone, and why; it counts the call.
	Barred(from call.Number, withheld bool) Barring

	// Challenge reports whether callers have to press a key before anything else.
	Challenge() bool

	// Incident is what all callers are told now; nil: nothing.
	Incident() *Announced
}

// A Barring is why somebody is kept out; empty: they are not. It is a label of a metric.
type Barring string

// Why.
const (
	Blocked      Barring = "blocked"   // by somebody's decision
	TooMany      Barring = "too_many"  // calls from this number in an hour
	Unchallenged Barring = "challenge" // the key was not pressed
)

// Announced is the announcement of an incident.
type Announced struct {
	Key     string                       // its clip, or
	Clips   map[call.Language]*call.Clip // clips made of a text
	Instead bool                         // the call ends after it, but for the emergency key
}

// barred tells somebody who is kept out so. The emergency key works all the same.
func (l *Line) barred(v *visit, why Barring) bool {
	l.metrics.barred.WithLabelValues(string(why)).Inc()
	l.event(v, "call.barred", "why", string(why))
	v.rec.Code, v.outcome, v.endedBy = 603, call.Refused, call.ByUs
	clip := "fault.blocked"
	if why == TooMany {
		clip = "fault.tooMany"
	}
	return l.sendAway(v, func(lang call.Language) []*call.Clip { return append(l.clips(lang, clip), l.emergencyKey(v, lang)...) })
}

// emergencyKey tells the key of an emergency, where there is one.
func (l *Line) emergencyKey(v *visit, lang call.Language) []*call.Clip {
	if v.settings.Emergency.Key == 0 {
		return nil
	}
	return l.o.Prompts.SayMenu([]prompts.Item{{Clip: "menu.item.emergency", Key: v.settings.Emergency.Key}}, lang)
}

// challengeRounds is how often a caller may press a wrong key.
const challengeRounds = 2

// challenge asks for a key that changes from call to call, where that is switched on: what dials by
// itself does not press it. It is true where the caller may go on.
func (l *Line) challenge(v *visit) bool {
	if l.o.Gate == nil || !l.o.Gate.Challenge() {
		return true
	}
	for range challengeRounds {
		wanted := l.randomKey(v)
		var say []*call.Clip
		for _, lang := range v.settings.Languages {
			say = append(say, l.o.Prompts.SayMenu([]prompts.Item{{Clip: "challenge.item", Key: wanted}}, lang)...)
			say = append(say, l.emergencyKey(v, lang)...)
		}
		key, ok := l.ask(v.ctx, v, say...)
		switch {
		case v.ctx.Err() != nil:
			return false
		case ok && v.means(key) == ivr.Alarm:
			v.alarmed = true
			return true
		case ok && key == wanted:
			return true
		}
	}
	l.metrics.barred.WithLabelValues(string(Unchallenged)).Inc()
	l.event(v, "call.barred", "why", string(Unchallenged))
	v.rec.Code, v.outcome, v.endedBy = 603, call.Refused, call.ByUs
	return false
}

// randomKey is one of 1 to 9, but never the emergency key.
func (l *Line) randomKey(v *visit) byte {
	var b [1]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return '5'
		}
		if key := '1' + b[0]%9; key != v.settings.Emergency.Key {
			return key
		}
	}
}

// incident tells what all callers are told now. It is true where the call ends with it.
func (l *Line) incident(v *visit) (over bool) {
	if l.o.Gate == nil || v.incidentTold {
		return false
	}
	a := l.o.Gate.Incident()
	if a == nil {
		return false
	}
	v.incidentTold = true
	lang := v.rec.Language
	clip := a.Clips[lang]
	if clip == nil && a.Key != "" {
		clip = l.o.Prompts.Clip(a.Key, lang)
	}
	if clip == nil {
		clip = a.Clips[v.settings.Languages[0]]
	}
	if clip == nil {
		return false
	}
	say := append(l.clips(lang, "incident.intro"), clip)
	emergency, whole := l.words(v, append(say, l.emergencyKey(v, lang)...))
	if whole {
		l.metrics.incidents.Inc()
		l.event(v, "incident.heard", "mode", insteadOf(a.Instead))
	}
	if emergency {
		v.alarmed = true
		return false
	}
	if a.Instead && v.ctx.Err() == nil {
		l.lastWords(v, l.clips(lang, "bye"))
		v.served = true
		v.ending()
		return true
	}
	return false
}

func insteadOf(b bool) string {
	if b {
		return "instead"
	}
	return "before"
}

// words plays what the caller may cut short by the emergency key alone.
func (l *Line) words(v *visit, clips []*call.Clip) (emergency, whole bool) {
	if v.settings.Emergency.Key == 0 {
		return false, v.leg.Audio().Play(v.ctx, clips...).Whole
	}
	_, emergency, whole = ivr.AskFor(v.ctx, v.leg.Audio(), 0, func(digit byte) bool { return digit == v.settings.Emergency.Key }, clips...)
	return emergency, whole
}

// An Announcement is something that callers are told between two days.
type Announcement struct {
	Name          string
	Clip          string
	From, To      time.Time // To is the end of the last day
	Queue, Closed bool      // where it is heard
	Lines         []string  // empty: all
}

// announced are the clips of what is to be told in a place now, and how they are called.
func (l *Line) announced(v *visit, lang call.Language, in func(Announcement) bool) (clips []*call.Clip, names []string) {
	now := l.o.Now()
	for _, a := range v.settings.Announcements {
		if !in(a) || now.Before(a.From) || !now.Before(a.To) || len(a.Lines) > 0 && !contains(a.Lines, v.line.Number) {
			continue
		}
		if c := l.o.Prompts.Clip(a.Clip, lang); c != nil {
			clips, names = append(clips, c), append(names, a.Name)
		}
	}
	return clips, names
}

// informed counts a caller who has heard announcements whole.
func (l *Line) informed(v *visit, names []string) {
	for _, name := range names {
		l.metrics.informed.WithLabelValues(name).Inc()
		l.event(v, "announcement.heard", "announcement", name)
	}
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}
