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
// key but the last is its bare word: "…üçün iki". An item that is missing in the language is told in the
// first one.
func (l *Library) SayMenu(items []Item, lang call.Language) (clips []*call.Clip) {
	for i, item := range items {
		in := lang
		if !l.Has(item.Clip, lang) {
			in = l.languages[0]
		}
		press := pressKey(item.Key)
		if i < len(items)-1 && in != "en" {
			press += ".short"
		}
		for _, key := range []string{item.Clip, press} {
			if c := l.Clip(key, in); c != nil {
				clips = append(clips, c)
			}
		}
	}
	return clips
}

// SayCase says the number of a case, YYYY-NNNNNN, digit by digit: the year, and twice three.
func (l *Library) SayCase(number string, lang call.Language) []*call.Clip {
	year, rest, ok := strings.Cut(number, "-")
	if !ok || len(rest) != 6 {
		return l.SayDigits(number, lang)
	}
	return l.sayGroups([]string{year, rest[:3], rest[3:]}, lang)
}

// Heard makes a clip of samples that a caller is to hear again.
func Heard(pcm []int16) *call.Clip { return clipOf("message", "", pcm) }
