package prompts

import (
	"strconv"
	"time"

	"hotline/call"
	"hotline/prompts/spoken"
)

// The closed sets: each value has a clip of its own, so a human voice says it as one phrase and no
// suffix is glued.
const (
	farthest = 30 // the last place in a queue that is told; beyond it is queue.position.many
	longest  = 30 // minutes: the longest wait that is told; beyond it is queue.wait.gt30
)

// waits are the waiting times that are told, in minutes.
func waits() []int { return []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, longest} }

// numberPieces are the numbers that others are made of.
func numberPieces() []int {
	var out []int
	for n := range 20 {
		out = append(out, n)
	}
	for n := 20; n < 100; n += 10 {
		out = append(out, n)
	}
	for n := 100; n < 1000; n += 100 {
		out = append(out, n)
	}
	return out
}

// nouns are the counted things that there are clips of, by the beginning of their keys.
func nouns() map[spoken.Noun]string {
	return map[spoken.Noun]string{spoken.Minute: "minute.", spoken.Hour: "hour."}
}

// afterNumbers are numbers after which a noun has each of its forms.
func afterNumbers() []int { return []int{1, 2, 5} }

// sets are the clips whose texts package spoken writes. A text that ends in a comma is spoken as one
// after which something follows.
func sets() []Entry {
	var out []Entry
	add := func(key, sign string, say func(call.Language) string) {
		e := Entry{Key: key, Texts: make(map[call.Language]string)}
		for _, lang := range Shipped() {
			if text := say(lang); text != "" {
				e.Texts[lang] = text + sign
			}
		}
		out = append(out, e)
	}
	number := func(n int, g spoken.Gender) func(call.Language) string {
		return func(l call.Language) string { return spoken.Cardinal(l, n, g) }
	}

	for n := 2; n <= farthest; n++ { // the first hears queue.next
		add(key("queue.position", n), "", func(l call.Language) string { return spoken.Position(l, n) })
	}
	add("queue.position.many", "", func(l call.Language) string { return spoken.PositionOver(l, farthest) })
	add("queue.wait.lt1", "", func(l call.Language) string { return spoken.WaitUnder(l, 1) })
	for _, n := range waits() {
		add(key("queue.wait", n), "", func(l call.Language) string { return spoken.Wait(l, n) })
	}
	add("queue.wait.gt30", "", func(l call.Language) string { return spoken.WaitOver(l, longest) })

	for n := range 10 {
		add(key("digit", n)+".mid", ",", number(n, spoken.Masculine))
		add(key("digit", n)+".end", ".", number(n, spoken.Masculine))
	}
	for _, k := range []byte("0123456789*#") {
		add(pressKey(k), ".", func(l call.Language) string { return press(l, k) })
		add(pressKey(k)+".short", ".", func(l call.Language) string { return keyName(l, k) })
	}
	for n := 1; n <= 31; n++ {
		add(key("day", n), ",", func(l call.Language) string { return spoken.Day(l, n) })
	}
	for m := time.January; m <= time.December; m++ {
		add(key("month", int(m)), ".", func(l call.Language) string { return spoken.Month(l, m) })
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		add(weekdayKey(d), ",", func(l call.Language) string { return spoken.Weekday(l, d) })
	}
	for h := range 24 {
		at := spoken.Clock{Hour: h}
		add(key("time", h), ".", func(l call.Language) string { return spoken.Time(l, at) })
		add(key("time", h)+".from", ".", func(l call.Language) string { return spoken.From(l, at) })
	}

	for _, n := range numberPieces() {
		add(key("number", n), ",", number(n, spoken.Masculine))
	}
	for _, n := range []int{1, 2} {
		add(key("number", n)+".f", ",", only("ru", number(n, spoken.Feminine)))
	}
	add("number.and", ",", only("en", text("and")))
	add("time.oh", ",", only("en", text("oh")))
	add("time.am", ".", only("en", text("a.m")))
	add("time.pm", ".", only("en", text("p.m")))
	for _, of := range []spoken.Noun{spoken.Minute, spoken.Hour} {
		for _, n := range afterNumbers() {
			add(nouns()[of]+strconv.Itoa(n), ".", func(l call.Language) string { return of.Name(l, n) })
		}
	}
	return out
}

func text(s string) func(call.Language) string { return func(call.Language) string { return s } }

// only keeps a piece for the one language that needs it.
func only(lang call.Language, say func(call.Language) string) func(call.Language) string {
	return func(l call.Language) string {
		if l != lang {
			return ""
		}
		return say(l)
	}
}

func key(set string, n int) string { return set + "." + strconv.Itoa(n) }

// weekdayKey counts from Monday, which is 1 (ISO 8601).
func weekdayKey(d time.Weekday) string { return key("weekday", (int(d)+6)%7+1) }

func pressKey(k byte) string {
	switch k {
	case '*':
		return "press.star"
	case '#':
		return "press.hash"
	}
	return "press." + string(k)
}

// press asks for a key of the telephone: "bir düyməsini basın", "press one", "нажмите один".
func press(lang call.Language, k byte) string {
	name := keyName(lang, k)
	switch {
	case lang == "az":
		return name + " düyməsini basın"
	case lang == "ru" && k == '*':
		return "нажмите звёздочку"
	case lang == "ru" && k == '#':
		return "нажмите решётку"
	case lang == "ru":
		return "нажмите " + name
	}
	return "press " + name
}

// keyName is a key of the telephone by itself.
func keyName(lang call.Language, k byte) string {
	switch k {
	case '*':
		return map[call.Language]string{"az": "ulduz", "en": "star", "ru": "звёздочка"}[lang]
	case '#':
		return map[call.Language]string{"az": "diyez", "en": "hash", "ru": "решётка"}[lang]
	}
	return spoken.Cardinal(lang, int(k-'0'), spoken.Masculine)
}
