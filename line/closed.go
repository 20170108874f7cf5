package line

import (
	"time"

	"hotline/call"
)

// closed tells a caller who comes outside the hours why nobody is there, and lets go. What is said
// is true on that very day: see call.Closure.
func (l *Line) closed(v *visit, c call.Closure) bool {
	v.outcome, v.endedBy = call.Closed, call.ByUs
	l.event(v, "call.closed", "why", string(c.Why))
	next := v.line.Hours.Next(v.came)
	var names []string
	over := l.sendAway(v, func(lang call.Language) (say []*call.Clip) {
		say, names = l.announced(v, lang, func(a Announcement) bool { return a.Closed })
		return append(append(l.closure(c, next, lang), say...), l.emergencyKey(v, lang)...)
	})
	if v.ctx.Err() == nil {
		l.informed(v, names)
	}
	return over
}

// nightWords tells a caller who comes outside the hours why nobody is there, before the menu of the night.
func (l *Line) nightWords(v *visit) {
	c, lang := v.line.Hours.Reason(v.came), v.rec.Language
	l.event(v, "call.closed", "why", string(c.Why))
	say := l.closure(c, v.line.Hours.Next(v.came), lang)
	more, names := l.announced(v, lang, func(a Announcement) bool { return a.Closed })
	emergency, whole := l.words(v, append(say, more...))
	v.alarmed = emergency
	if whole {
		l.informed(v, names)
	}
}

// closure is what is said of a closure in one language. A clip of the deployer's own that is not
// in this language is left to the general words. On a non-working day, which may be one of several,
// it is said when the line opens again.
func (l *Line) closure(c call.Closure, next time.Time, lang call.Language) []*call.Clip {
	own := l.own(lang, c.Clip)
	switch {
	case c.Why == call.NonWorking:
		own = append(l.clips(lang, "closed.nonworking"), l.opens(next, lang)...)
	case c.Why != call.Special || own == nil:
		own = append(l.clips(lang, "closed.intro"), own...)
	}
	return append(own, l.clips(lang, "closed.emergency")...)
}

// opens says on which day the line is open again; nothing where that is not known, or cannot be said.
func (l *Line) opens(next time.Time, lang call.Language) []*call.Clip {
	if next.IsZero() {
		return nil
	}
	words, day := l.clips(lang, "closed.next"), l.o.Prompts.SayDay(next, lang)
	if words == nil || day == nil {
		return nil
	}
	return append(words, day...)
}

// clips are those of the keys, in the language or, where one is missing there, in another: other words
// are better than none. The empty key is none.
func (l *Line) clips(lang call.Language, keys ...string) (list []*call.Clip) {
	for _, key := range keys {
		if key == "" {
			continue
		}
		if c := l.o.Prompts.Clip(key, lang); c != nil {
			list = append(list, c)
		}
	}
	return list
}

// own is the clip of a key if there is one in this very language: general words stand in for another.
func (l *Line) own(lang call.Language, key string) []*call.Clip {
	if c := l.clips(lang, key); len(c) > 0 && c[0].Language == lang {
		return c
	}
	return nil
}

// music is what those hear who wait for somebody of these lines: on a day of mourning silence, which
// a nil clip is.
func (l *Line) music(lines ...Number) *call.Clip {
	for _, n := range lines {
		if n.Hours != nil && n.Hours.Mourning(l.o.Now()) {
			return nil
		}
	}
	return l.o.Prompts.Music()
}
