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
// first one, key and all; one that is missing there too is left out, since a key alone says nothing.
func (l *Library) SayMenu(items []Item, lang call.Language) (clips []*call.Clip) {
	var told []*call.Clip
	var keys []byte
	for _, item := range items {
		if c := l.Clip(item.Clip, lang); c != nil {
			told, keys = append(told, c), append(keys, item.Key)
		}
	}
	for i, c := range told {
		in, press := c.Language, pressKey(keys[i])
		if in == "" {
			in = lang
		}
		if i < len(told)-1 && in != "en" {
			press += ".short"
		}
		clips = append(clips, c)
		if p := l.Clip(press, in); p != nil {
			clips = append(clips, p)
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
