package spoken

import "hotline/call"

// A Clock is a time of day. Midnight is hour 0, and 24 where a day's hours end.
type Clock struct{ Hour, Minute int }

func (c Clock) valid() bool {
	return c.Hour >= 0 && c.Hour < 24 && c.Minute >= 0 && c.Minute < 60 || c == Clock{Hour: 24}
}

// Time is a time of day: "saat doqquz", "nine a.m.", "девять часов"; "saat səkkiz otuz",
// "eight thirty a.m.", "восемь часов тридцать минут". Half past eight is never said the Azerbaijani
// way, as half of nine, which is misheard.
func Time(lang call.Language, at Clock) string {
	if !at.valid() {
		return ""
	}
	switch lang {
	case "az":
		return "saat " + azClock(at)
	case "en":
		return join(enClock(at), enHalf(at))
	case "ru":
		if at.Minute == 0 {
			return Count(lang, at.Hour, Hour)
		}
		return Count(lang, at.Hour, Hour) + " " + Count(lang, at.Minute, Minute)
	}
	return ""
}

// From is the time at which something begins: "saat doqquzdan", "from nine a.m.", "с девяти часов".
func From(lang call.Language, at Clock) string {
	if !at.valid() {
		return ""
	}
	switch lang {
	case "az":
		return "saat " + azFrom(azClock(at))
	case "en":
		return "from " + Time(lang, at)
	case "ru":
		return "с " + ruClock(at)
	}
	return ""
}

// Until is the time at which it ends: "saat on səkkizədək", "to six p.m.", "до восемнадцати часов".
func Until(lang call.Language, at Clock) string {
	if !at.valid() {
		return ""
	}
	switch lang {
	case "az":
		return "saat " + azUntil(azClock(at))
	case "en":
		return "to " + Time(lang, at)
	case "ru":
		return "до " + ruClock(at)
	}
	return ""
}

// Hours is from one time to another: "saat doqquzdan on səkkizədək", "from nine a.m. to six p.m.",
// "с девяти до восемнадцати часов". What both times have in common is said once.
func Hours(lang call.Language, begin, end Clock) string {
	if !begin.valid() || !end.valid() {
		return ""
	}
	switch lang {
	case "az":
		return "saat " + azFrom(azClock(begin)) + " " + azUntil(azClock(end))
	case "en":
		if half := enHalf(begin); half == enHalf(end) && (half == "a.m." || half == "p.m.") {
			return "from " + enClock(begin) + " to " + Time(lang, end)
		}
		return From(lang, begin) + " " + Until(lang, end)
	case "ru":
		if begin.Minute == 0 && end.Minute == 0 {
			return "с " + ruCardinal(begin.Hour, Masculine, true) + " до " + ruClock(end)
		}
		return "с " + ruClock(begin) + " до " + ruClock(end)
	}
	return ""
}

// azClock is the hour and, if there are any, the minutes; five past is "zero five".
func azClock(at Clock) string {
	words := azCardinal(at.Hour)
	if at.Minute > 0 && at.Minute < 10 {
		words += " " + azCardinal(0)
	}
	if at.Minute > 0 {
		words += " " + azCardinal(at.Minute)
	}
	return words
}

// enClock is a time on a clock of twelve hours.
func enClock(at Clock) string {
	hour := (at.Hour+11)%12 + 1
	switch {
	case at.Minute == 0:
		return enCardinal(hour)
	case at.Minute < 10:
		return enCardinal(hour) + " oh " + enCardinal(at.Minute)
	}
	return enCardinal(hour) + " " + enCardinal(at.Minute)
}

// enHalf is the half of the day. Twelve alone is in neither.
func enHalf(at Clock) string {
	switch {
	case at.Minute == 0 && at.Hour%24 == 0:
		return "midnight"
	case at.Minute == 0 && at.Hour == 12:
		return "noon"
	case at.Hour < 12:
		return "a.m."
	}
	return "p.m."
}

// ruClock is a time in the genitive: восьми часов, двадцати одного часа, восьми тридцати. Minutes
// below ten are named, or five past eight would be eight five.
func ruClock(at Clock) string {
	switch {
	case at.Minute == 0:
		return counted(at.Hour, Hour)
	case at.Minute < 10:
		return counted(at.Hour, Hour) + " " + counted(at.Minute, Minute)
	}
	return ruCardinal(at.Hour, Masculine, true) + " " + ruCardinal(at.Minute, Feminine, true)
}
