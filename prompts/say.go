package prompts

import (
	"math"
	"slices"
	"strconv"
	"time"

	"hotline/call"
	"hotline/prompts/spoken"
)

// What is said with numbers in it. Each Say gives clips to be played one after another, all in the
// language asked for: a whole phrase where there is a clip of it, else pieces, and nil, which is
// silence, where a piece is missing or the number is out of range. Half a number, or one in two
// languages, would be worse than none.

// SayPosition tells a caller the place in the queue: each up to 30, and beyond that more than thirty are
// ahead; which is not so of the 31st, for whom there are no words.
func (l *Library) SayPosition(n int, lang call.Language) []*call.Clip {
	switch {
	case n == 1:
		return l.say(lang, "queue.next")
	case n == farthest+1:
		return nil
	case n > farthest:
		return l.say(lang, "queue.position.many")
	}
	return l.say(lang, key("queue.position", n))
}

// Band rounds an estimated wait up to one that is told, and gives the key of its clip and the
// minutes that it promises: queue.wait.lt1 and 0 below a minute, queue.wait.N and N for 1 to 10, 15,
// 20, 25 and 30, queue.wait.gt30 and 31 beyond. Who has heard one band is not told a higher one
// later, which the minutes are there to compare.
func Band(d time.Duration) (clip string, minutes int) {
	if d < time.Minute {
		return "queue.wait.lt1", 0
	}
	for _, n := range waits() {
		if d <= time.Duration(n)*time.Minute {
			return key("queue.wait", n), n
		}
	}
	return "queue.wait.gt30", longest + 1
}

// SayWait tells a caller the estimated wait, banded by Band; a band's minutes stay in that band.
func (l *Library) SayWait(d time.Duration, lang call.Language) []*call.Clip {
	clip, _ := Band(d)
	return l.say(lang, clip)
}

// SayDigits says a telephone number or another row of digits, digit by digit in groups with a
// pause between (see spoken.Groups). What is no number is silence.
func (l *Library) SayDigits(number string, lang call.Language) []*call.Clip {
	return l.sayGroups(spoken.Groups(number), lang)
}

// sayGroups says digits in groups with a pause between.
func (l *Library) sayGroups(groups []string, lang call.Language) []*call.Clip {
	var keys []string
	for i, group := range groups {
		if i > 0 {
			keys = append(keys, pause)
		}
		for _, d := range group {
			keys = append(keys, "digit."+string(d)+".mid")
		}
	}
	if len(keys) > 0 { // the voice falls at the end
		last := &keys[len(keys)-1]
		*last = (*last)[:len("digit.0")] + ".end"
	}
	return l.say(lang, keys...)
}

// SayDate says the day on which something is, without its year: "on altı mart", "the sixteenth of
// March", "шестнадцатого марта".
func (l *Library) SayDate(m time.Month, day int, lang call.Language) []*call.Clip {
	if spoken.Date(lang, m, day) == "" {
		return nil
	}
	return l.say(lang, key("day", day), key("month", int(m)))
}

// SayDay says the weekday and the date of a time where it is: "Monday, the sixteenth of March".
func (l *Library) SayDay(t time.Time, lang call.Language) []*call.Clip {
	weekday, date := l.say(lang, weekdayKey(t.Weekday())), l.SayDate(t.Month(), t.Day(), lang)
	if weekday == nil || date == nil {
		return nil
	}
	return append(weekday, date...)
}

// SayTime says a time of day: "saat doqquz", "nine a.m.", "девять часов".
func (l *Library) SayTime(at spoken.Clock, lang call.Language) []*call.Clip {
	if spoken.Time(lang, at) == "" || at.Hour > 23 {
		return nil
	}
	whole := key("time", at.Hour)
	switch {
	case at.Minute == 0:
		return l.say(lang, whole)
	case lang == "en":
		keys := []string{key("number", (at.Hour+11)%12+1)}
		if at.Minute < 10 {
			keys = append(keys, "time.oh")
		}
		half := "time.am"
		if at.Hour >= 12 {
			half = "time.pm"
		}
		return l.say(lang, append(append(keys, number(lang, at.Minute, spoken.Masculine)...), half)...)
	case lang == "ru":
		return l.say(lang, append([]string{whole}, count(lang, at.Minute, spoken.Minute)...)...)
	}
	keys := []string{whole}
	if at.Minute < 10 {
		keys = append(keys, key("number", 0))
	}
	return l.say(lang, append(keys, number(lang, at.Minute, spoken.Masculine)...)...)
}

// SayFrom says since when: "saat doqquzdan", "from nine a.m.", "с девяти часов". Only whole hours
// are said.
func (l *Library) SayFrom(at spoken.Clock, lang call.Language) []*call.Clip {
	if at.Minute != 0 {
		return nil
	}
	return l.say(lang, key("time", at.Hour)+".from")
}

// SayNumber says a number from 0 to 999 in pieces.
func (l *Library) SayNumber(n int, g spoken.Gender, lang call.Language) []*call.Clip {
	return l.say(lang, number(lang, n, g)...)
}

// SayCount says a number from 0 to 999 of minutes or hours, in pieces.
func (l *Library) SayCount(n int, of spoken.Noun, lang call.Language) []*call.Clip {
	return l.say(lang, count(lang, n, of)...)
}

// SayChoice says what a key of the telephone does: a clip such as menu.item.callback, and that the
// key is to be pressed.
func (l *Library) SayChoice(item string, key byte, lang call.Language) []*call.Clip {
	return l.say(lang, item, pressKey(key))
}

// say gives the clips of all keys in this very language, or nil. A clip that belongs to no language
// fits all.
func (l *Library) say(lang call.Language, keys ...string) []*call.Clip {
	var out []*call.Clip
	for _, k := range keys {
		c := l.find(name{k, lang})
		if c == nil {
			c = l.find(name{key: k})
		}
		if c == nil {
			l.miss(name{k, lang}, silent)
			return nil
		}
		out = append(out, c)
	}
	return out
}

// number gives the keys of the pieces of a number; nil if it cannot be made of them.
func number(lang call.Language, n int, g spoken.Gender) []string {
	if n < 0 || n > 999 {
		return nil
	}
	var keys []string
	if n >= 100 {
		keys = append(keys, key("number", n/100*100))
		if n%100 == 0 {
			return keys
		}
		if lang == "en" {
			keys = append(keys, "number.and")
		}
		n %= 100
	}
	if n >= 20 {
		keys = append(keys, key("number", n/10*10))
		if n %= 10; n == 0 {
			return keys
		}
	}
	last := key("number", n)
	if lang == "ru" && (n == 1 || n == 2) {
		switch {
		case g == spoken.Feminine:
			last += ".f"
		case g == spoken.Neuter && n == 1:
			return nil // одно has no clip: nobody counts neuter things yet
		}
	}
	return append(keys, last)
}

// count gives the keys of a number and of the noun in the form that follows it.
func count(lang call.Language, n int, of spoken.Noun) []string {
	keys, noun := number(lang, n, of.Gender()), nouns()[of]
	if keys == nil || noun == "" {
		return nil
	}
	form := slices.IndexFunc(afterNumbers(), func(m int) bool { return of.Name(lang, m) == of.Name(lang, n) })
	return append(keys, noun+strconv.Itoa(afterNumbers()[max(0, form)]))
}

// pause is silence between groups of digits; the clips of digits have some at their ends as well.
const (
	pause     = "pause"
	pauseTime = 250 * time.Millisecond
)

func silence() *call.Clip {
	return clipOf(pause, "", make([]int16, int(math.Round(pauseTime.Seconds()*call.ClockRate))))
}
