package ivr

import (
	"context"
	"strings"
	"time"

	"hotline/call"
	"hotline/prompts"
)

// Prompts finds clips; prompts.Library is one.
type Prompts interface {
	// Clip is the clip of that key in that language, the first language's where it is
	// missing there, nil where there is none at all.
	Clip(key string, lang call.Language) *call.Clip
}

// The language menu asks at most languageRounds times and listens languageListen after each
// reading of the lines; a key ends it at any moment.
const (
	languageRounds = 3
	languageListen = 5 * time.Second
)

// A Door is what a caller meets first: a greeting, and a question for the language.
type Door struct {
	Languages []call.Language
	Greeting  bool // it is greeted; not one who asks for another language later
	Emergency byte // the key that needs no language; 0: there is none
}

// An Entry is how a caller has come through a Door.
type Entry struct {
	Language  call.Language
	Chosen    bool // by a key
	Emergency bool // the key of an emergency was pressed: nothing else was asked
}

// Enter greets the caller and asks for a language: key 1 for the first one, 2 for the second and so on. A
// wrong key is told so and counts as a round. The language is not chosen when the rounds ran out or the
// caller left; it is then the first one.
func (d Door) Enter(ctx context.Context, a call.Audio, p Speech) Entry {
	first := Entry{Language: d.Languages[0]}
	var greeting []*call.Clip
	if d.Greeting {
		greeting = []*call.Clip{p.Clip("open.greeting", first.Language)}
	}
	if len(d.Languages) == 1 {
		key, ok, _ := AskFor(ctx, a, 0, func(digit byte) bool { return d.Emergency != 0 && digit == d.Emergency }, append(greeting, d.emergency(p)...)...)
		first.Emergency = ok && key.Digit == d.Emergency
		return first
	}
	lines := make([]*call.Clip, len(d.Languages))
	for i, l := range d.Languages {
		lines[i] = p.Clip("open.lang", l)
	}
	lines = append(lines, d.emergency(p)...)
	say := append(greeting, lines...)
	for range languageRounds {
		key, ok := Ask(ctx, a, languageListen, say...)
		if ctx.Err() != nil {
			return first
		}
		say = lines
		if !ok {
			continue
		}
		if d.Emergency != 0 && key.Digit == d.Emergency {
			first.Emergency = true
			return first
		}
		if i := int(key.Digit - '1'); key.Digit >= '1' && i < len(d.Languages) {
			return Entry{Language: d.Languages[i], Chosen: true}
		}
		// Nobody knows yet which language the caller understands, so the first says it.
		say = append([]*call.Clip{p.Clip("menu.invalid", first.Language)}, lines...)
	}
	return first
}

// emergency tells the key of an emergency, in every language.
func (d Door) emergency(p Speech) (clips []*call.Clip) {
	if d.Emergency == 0 {
		return nil
	}
	for _, l := range d.Languages {
		clips = append(clips, p.SayMenu([]prompts.Item{{Clip: "menu.item.emergency", Key: d.Emergency}}, l)...)
	}
	return clips
}

// noticeKey is the clip that tells of the recording.
const noticeKey = "notice.recording"

// Notice plays the notice of the recording in each of langs, one after another. It cannot be
// skipped; keys pressed meanwhile are discarded. It returns nil unless every clip was there, in its
// own language, and every packet of it was sent: then there is no proof, and nobody's voice may be
// recorded. A notice in a language that the caller did not choose has told them nothing, so it is not
// played at all.
func Notice(ctx context.Context, a call.Audio, p Prompts, langs ...call.Language) *call.Notice {
	clips := make([]*call.Clip, len(langs))
	versions := make([]string, len(langs))
	for i, l := range langs {
		clips[i] = p.Clip(noticeKey, l)
		if clips[i] == nil || clips[i].Language != l {
			return nil
		}
		versions[i] = clips[i].Version
	}
	played := a.Play(ctx, clips...)
	discard(a.Keys())
	if !played.Whole {
		return nil
	}
	n := &call.Notice{
		Key: noticeKey, Language: clips[0].Language, Version: strings.Join(versions, "+"),
		From: played.From, To: played.To,
	}
	if len(langs) > 1 {
		n.Languages = langs
	}
	return n
}

// discard forgets the keys pressed so far.
func discard(keys <-chan call.Key) {
	for {
		select {
		case <-keys:
		default:
			return
		}
	}
}
