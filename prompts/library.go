package prompts

import (
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
	"hotline/prompts/sound"
)

//go:embed clips
var built embed.FS

// MusicFile is the name of the music on hold, in clips and in the deployer's folder. It belongs
// to no language.
const MusicFile = "music.wav"

// The tones, which belong to no language either.
const (
	ToneOK    = "tone.ok"    // what was asked has been done
	ToneError = "tone.error" // it has not
	ToneBeep  = "tone.beep"  // speak now: from here on it is recorded

	TonePaused    = "tone.paused"    // the recording of a talk stops for a while
	ToneResumed   = "tone.resumed"   // and goes on
	ToneRecording = "tone.recording" // it is being recorded, heard again and again
)

func tones() []string {
	return []string{ToneOK, ToneError, ToneBeep, TonePaused, ToneResumed, ToneRecording}
}

// langLine is asked for without its place; places gives the catalogue's key for each.
const langLine = "open.lang"

// A Library holds the clips of one configuration. Load makes it and nothing changes it, so it may
// be used from any goroutine, and a reload makes another. A built-in clip is decoded when it is
// first asked for: there are hundreds, and most calls hear ten.
type Library struct {
	languages []call.Language
	clips     map[name]func() *call.Clip
	yours     map[name]bool // a deployer's, over the built-in one
	music     *call.Clip
	faults    []Fault
	log       *zap.Logger
	metrics   *Metrics // nil: nobody counts

	missed sync.Map // name → struct{}: told once
}

// A name is what a clip is found by. The language is empty for tones.
type name struct {
	key  string
	lang call.Language
}

// Load makes a library: the built-in clips in the languages given, of which the first stands in
// where another lacks a clip, and over them the deployer's of folder dir; "" is none, and a
// folder that does not exist is none either. The error is a fault of ours in what is built in;
// faults in the deployer's folder are logged and told by Check.
func Load(dir string, languages []call.Language, log *zap.Logger) (*Library, error) {
	if len(languages) == 0 {
		return nil, errors.New("load prompts: no language is given")
	}
	l := &Library{languages: slices.Clone(languages), clips: make(map[name]func() *call.Clip), yours: map[name]bool{}, log: log}
	entries, err := Catalogue()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		for _, lang := range languages {
			if _, ok := e.Texts[lang]; !ok {
				continue
			}
			if err := l.ship(e.Key, lang, string(lang)+"/"+e.Key+".wav"); err != nil {
				return nil, err
			}
		}
	}
	for _, key := range tones() {
		if err := l.ship(key, "", key+".wav"); err != nil {
			return nil, err
		}
	}
	l.clips[name{key: pause}] = sync.OnceValue(silence)
	if l.music, err = builtIn("music", "", MusicFile); err != nil {
		return nil, err
	}
	for i, lang := range languages {
		if c := l.clips[name{langLine + "." + strconv.Itoa(i+1), lang}]; c != nil {
			l.clips[name{langLine, lang}] = c
		}
	}
	l.loadOwn(dir, entries)
	for _, f := range l.faults {
		log.Warn("a prompt of yours is not used", zap.String("file", f.Path), zap.String("why", f.Problem))
	}
	return l, nil
}

// ship takes a built-in clip that will be decoded when it is asked for.
func (l *Library) ship(key string, lang call.Language, file string) error {
	if _, err := fs.Stat(built, path.Join("clips", file)); err != nil {
		return fmt.Errorf("load prompts: %w", err)
	}
	l.clips[name{key, lang}] = sync.OnceValue(func() *call.Clip {
		c, err := builtIn(key, lang, file)
		if err != nil { // a test reads every file: the program would have to be damaged
			l.log.Error("a built-in prompt cannot be played", zap.String("file", file), zap.Error(err))
		}
		return c
	})
	return nil
}

// find is the clip of this very name, or nil.
func (l *Library) find(n name) *call.Clip {
	if c := l.clips[n]; c != nil {
		return c()
	}
	return nil
}

func builtIn(key string, lang call.Language, file string) (*call.Clip, error) {
	data, err := fs.ReadFile(built, path.Join("clips", file))
	if err != nil {
		return nil, fmt.Errorf("load prompts: %w", err)
	}
	s, err := sound.ReadWAV(data)
	if err != nil {
		return nil, fmt.Errorf("load prompts: %s: %w", file, err)
	}
	return makeClip(key, lang, s), nil
}

// makeClip brings a sound to the rate of telephones.
func makeClip(key string, lang call.Language, s sound.Sound) *call.Clip {
	return clipOf(key, lang, sound.Resample(s, call.ClockRate).PCM())
}

// clipOf codes samples at that rate once in both laws.
func clipOf(key string, lang call.Language, pcm []int16) *call.Clip {
	c := &call.Clip{Key: key, Language: lang, PCM: pcm, ALaw: make([]byte, len(pcm)), MuLaw: make([]byte, len(pcm))}
	raw := make([]byte, 0, 2*len(pcm))
	for i, v := range pcm {
		c.ALaw[i], c.MuLaw[i] = media.EncodeALaw(v), media.EncodeMuLaw(v)
		raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
	}
	c.Version = digest([]byte(strings.Join([]string{key, string(lang), ""}, "\x00")), raw)
	return c
}

// digest is short and tells one content from another.
func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p) // a hash takes all that is written
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Clip finds a clip: in the language or among the tones, else in the first language that has it, which the
// clip then names: words that a caller may not understand are better than silence. There may be none; then
// it is nil, which is silence. Either is counted, and the log says so once. Key open.lang is the language's
// line of the language menu at the place where the configuration has it.
func (l *Library) Clip(key string, lang call.Language) *call.Clip {
	for _, n := range []name{{key, lang}, {key: key}} {
		if c := l.find(n); c != nil {
			return c
		}
	}
	for _, other := range l.languages {
		if c := l.find(name{key, other}); c != nil {
			l.miss(name{key, lang}, anotherLanguage)
			return c
		}
	}
	l.miss(name{key, lang}, silent)
	return nil
}

// miss counts a clip that is not there, and tells of it once.
func (l *Library) miss(n name, instead string) {
	l.metrics.miss(instead)
	if _, told := l.missed.LoadOrStore(n, struct{}{}); !told {
		level := zap.WarnLevel
		if instead == silent {
			level = zap.ErrorLevel
		}
		l.log.Log(level, "a prompt is missing", zap.String("key", n.key), zap.String("language", string(n.lang)), zap.String("instead", instead))
	}
}

// Has reports whether there is a clip in this very language (or, for tones, in none).
func (l *Library) Has(key string, lang call.Language) bool {
	return l.clips[name{key, lang}] != nil || l.clips[name{key: key}] != nil
}

// Music is the music on hold, made to be looped. Never nil.
func (l *Library) Music() *call.Clip { return l.music }

// Check tells what is wrong with the deployer's own files, in the order of their names.
func (l *Library) Check() []Fault { return slices.Clone(l.faults) }
