package spoken

import (
	"time"

	"hotline/call"
)

// Day is a day of the month as it stands before Month: "on altı", "the sixteenth", "шестнадцатого".
// It is "" for what is no day of any month.
func Day(lang call.Language, day int) string {
	if day < 1 || day > 31 {
		return ""
	}
	switch lang {
	case "az":
		return azCardinal(day)
	case "en":
		return "the " + enOrdinal(day)
	case "ru":
		return ruOrdinal(day, Genitive)
	}
	return ""
}

// Month is a month as it stands after Day: "mart", "of March", "марта".
func Month(lang call.Language, m time.Month) string {
	if m < time.January || m > time.December {
		return ""
	}
	switch lang {
	case "az":
		return azMonth(m)
	case "en":
		return "of " + m.String()
	case "ru":
		return ruMonth(m)
	}
	return ""
}

// Weekday is a day of the week before a date or a time; in Russian it is the day on which:
// "bazar ertəsi", "Monday", "в понедельник".
func Weekday(lang call.Language, d time.Weekday) string {
	if d < time.Sunday || d > time.Saturday {
		return ""
	}
	switch lang {
	case "az":
		return azWeekday(d)
	case "en":
		return d.String()
	case "ru":
		_, day := ruWeekday(d)
		if d == time.Tuesday { // вт
			return "во " + day
		}
		return "в " + day
	}
	return ""
}

// Weekdays is from one day of the week to another, both included: "bazar ertəsindən cüməyədək",
// "Monday to Friday", "с понедельника по пятницу".
func Weekdays(lang call.Language, first, last time.Weekday) string {
	if Weekday(lang, first) == "" || Weekday(lang, last) == "" {
		return ""
	}
	switch lang {
	case "az":
		return azFrom(azOfDay(first)) + " " + azUntil(azOfDay(last))
	case "en":
		return first.String() + " to " + last.String()
	}
	begin, _ := ruWeekday(first)
	_, end := ruWeekday(last)
	with := "с "
	if first == time.Tuesday || first == time.Wednesday { // вт, ср
		with = "со "
	}
	return with + begin + " по " + end
}

// Date is the day on which something is: "on altı mart", "the sixteenth of March", "шестнадцатого
// марта". It is "" for a day that the month never has.
func Date(lang call.Language, m time.Month, day int) string {
	const leap = 2000
	if t := time.Date(leap, m, day, 0, 0, 0, 0, time.UTC); t.Month() != m || t.Day() != day {
		return ""
	}
	return join(Day(lang, day), Month(lang, m))
}

// DateOf is a Date with its year, which is in this century: "on altı mart iki min iyirmi altıncı
// il", "the sixteenth of March twenty twenty-six", "шестнадцатого марта две тысячи двадцать шестого
// года".
func DateOf(lang call.Language, year int, m time.Month, day int) string {
	if year < 2000 || year > 2099 {
		return ""
	}
	switch lang {
	case "az":
		return join(Date(lang, m, day), azOrdinal(year, Plain), "il")
	case "en":
		said := enCardinal(year)
		if year >= 2010 {
			said = "twenty " + enCardinal(year%100)
		}
		return join(Date(lang, m, day), said)
	case "ru":
		return join(Date(lang, m, day), ruOrdinal(year, Genitive), "года")
	}
	return ""
}
