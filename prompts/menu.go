package prompts

import (
	"strings"

	"hotline/call"
)

// An Item is one choice of a menu: the clip that tells what it is for, and its key.
type Item struct {
	Clip string
	Key  byte
}

// SayMenu tells the choices of a menu. In Azerbaijani and Russian, where asking for a key takes long, every
// key but the last is its bare word: "…üçün iki". An item that is missing in the language is told in another,
// with its key; one that is nowhere is left out with its key, which alone would mean nothing.
func (l *Library) SayMenu(items []Item, lang call.Language) (clips []*call.Clip) {
	for i, item := range items {
		what := l.Clip(item.Clip, lang)
		if what == nil {
			continue
		}
		press := pressKey(item.Key)
		if i < len(items)-1 && what.Language != "en" {
			press += ".short"
		}
		if key := l.say(what.Language, press); key != nil {
			clips = append(append(clips, what), key...)
		}
	}
	return clips
}

// SayCase says the number of a case, YYYY-NNNNNN, digit by digit: the year, and twice three.
func (l *Library) SayCase(number string, lang call.Language) []*call.Clip {
	year, rest, ok := strings.Cut(number, "-")
	if !ok || len(year) != 4 || len(rest) != 6 {
		return l.SayDigits(number, lang)
	}
	return l.sayGroups([]string{year, rest[:3], rest[3:]}, lang)
}

// Heard makes a clip of samples that a caller is to hear again.
func Heard(pcm []int16) *call.Clip { return clipOf("message", "", pcm) }
