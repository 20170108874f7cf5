package ivr

import (
	"context"
	"strings"
	"time"

	"hotline/call"
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

// ChooseLanguage greets the caller and asks for a language: key 1 for the first of langs, 2
// for the second and so on. A wrong key is told so and counts as a round. chosen is false when
// the rounds ran out or the caller left; language is then the first of langs.
func ChooseLanguage(ctx context.Context, a call.Audio, p Prompts, langs []call.Language) (lang call.Language, chosen bool) {
	first := langs[0]
	if len(langs) == 1 {
		a.Play(ctx, p.Clip("open.greeting", first))
		return first, false
	}
	lines := make([]*call.Clip, len(langs))
	for i, l := range langs {
		lines[i] = p.Clip("open.lang", l)
	}
	say := append([]*call.Clip{p.Clip("open.greeting", first)}, lines...)
	for range languageRounds {
		key, ok := Ask(ctx, a, languageListen, say...)
		if ctx.Err() != nil {
			return first, false
		}
		say = lines
		if !ok {
			continue
		}
		if i := int(key.Digit - '1'); key.Digit >= '1' && i < len(langs) {
			return langs[i], true
		}
		// Nobody knows yet which language the caller understands, so the first says it.
		say = append([]*call.Clip{p.Clip("menu.invalid", first)}, lines...)
	}
	return first, false
}

// A Script is the sound of a caller who is not there: it hears all that is said before it presses
// the next of its keys, and takes no time. `hotline simulate` has one.
type Script interface {
	Ask(clips ...*call.Clip) (key call.Key, ok bool)
}

// Ask plays the clips and listens for one key, during them and for listen after them. The key
// cuts the clips short. ok is false when no key came or ctx ended.
func Ask(ctx context.Context, a call.Audio, listen time.Duration, clips ...*call.Clip) (key call.Key, ok bool) {
	if s, known := a.(Script); known {
		return s.Ask(clips...)
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan call.Played, 1)
	go func() { played <- a.Play(playing, clips...) }()
	select {
	case key = <-a.Keys():
		stop()
		<-played // Play has let go of the leg before the next one begins
		return key, true
	case <-played:
	}
	timer := time.NewTimer(listen)
	defer timer.Stop()
	select {
	case key = <-a.Keys():
		return key, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return call.Key{}, false
}

// noticeKey is the clip that tells of the recording.
const noticeKey = "notice.recording"

// Notice plays the notice of the recording in each of langs, one after another. It cannot be
// skipped; keys pressed meanwhile are discarded. It returns nil unless every clip was there
// and every packet of it was sent: then there is no proof, and nobody's voice may be recorded.
func Notice(ctx context.Context, a call.Audio, p Prompts, langs ...call.Language) *call.Notice {
	clips := make([]*call.Clip, len(langs))
	versions := make([]string, len(langs))
	for i, l := range langs {
		clips[i] = p.Clip(noticeKey, l)
		if clips[i] == nil {
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
