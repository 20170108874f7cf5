package prompts

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
	"hotline/prompts/sound"
)

//go:embed clips
var shipped embed.FS

// MusicKey is the music on hold; it and the tones have no language.
const MusicKey = "music"

// noticeKey is the one clip whose absence must be loud: see Load.
const noticeKey = "notice.recording"

// limits of a deployer's file: it is read into memory whole.
const (
	maxFile    = 64 << 20
	maxSeconds = 600.0
)

// A Library finds clips. It never changes after Load and may be shared.
type Library struct {
	clips     map[name]*call.Clip
	languages []call.Language
	faults    []Fault
}

// A name is a key in a language; the language is empty for music and tones.
type name struct {
	key  string
	lang call.Language
}

// A Fault is a deployer's file that is not used, and why.
type Fault struct{ Path, Problem string }

// Load decodes the shipped clips of the given languages and the deployer's files in dir, which
// win: LANG/KEY.wav, or KEY.wav for the music and the tones. dir need not exist; "" is none. A
// file that cannot be used is logged, kept for Check, and the shipped clip is played instead.
// The order of languages is the language menu's: open.lang of the second says "press two".
func Load(dir string, languages []call.Language, log *zap.Logger) (*Library, error) {
	l := &Library{clips: map[name]*call.Clip{}, languages: languages}
	clips, err := fs.Sub(shipped, "clips")
	if err != nil {
		return nil, err
	}
	if err := l.read(clips, func(file string, err error) error {
		return fmt.Errorf("shipped clip %s: %w", file, err)
	}); err != nil {
		return nil, err
	}
	if dir != "" {
		if err := l.readOwn(dir, log); err != nil {
			return nil, err
		}
	}
	for _, lang := range languages {
		if l.clips[name{noticeKey, lang}] == nil {
			return nil, fmt.Errorf("there is no notice of recording in %s: put one at prompts/%s/%s.wav", lang, lang, noticeKey)
		}
	}
	return l, nil
}

func (l *Library) readOwn(dir string, log *zap.Logger) error {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("the deployer's prompts: %w", err)
	}
	defer root.Close()
	return l.read(root.FS(), func(file string, err error) error {
		l.faults = append(l.faults, Fault{file, err.Error()})
		log.Warn("a clip of the data folder is not used", zap.String("file", file), zap.Error(err))
		return nil
	})
}

// read takes every WAV file below a folder; bad decides what a broken one is.
func (l *Library) read(from fs.FS, bad func(file string, err error) error) error {
	return fs.WalkDir(from, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".wav") {
			return err
		}
		n, err := l.nameOf(file)
		if err != nil {
			return bad(file, err)
		}
		if n.lang != "" && !slices.Contains(l.languages, n.lang) {
			return nil // a language this hotline does not speak
		}
		clip, err := decode(from, file, n)
		if err != nil {
			return bad(file, err)
		}
		l.clips[n] = clip
		return nil
	})
}

// nameOf is what a file's place says it is. Only keys that we ship exist: another would never
// be played, and is most likely a slip.
func (l *Library) nameOf(file string) (name, error) {
	folder, base := path.Split(file)
	n := name{strings.TrimSuffix(base, ".wav"), call.Language(strings.TrimSuffix(folder, "/"))}
	if _, err := fs.Stat(shipped, path.Join("clips", string(n.lang), base)); err != nil {
		if _, err := fs.Stat(shipped, path.Join("clips", "en", base)); err == nil {
			return n, nil // a language we do not ship, with a key we do
		}
		if n.key == "open.lang" {
			return n, nil // one line for whichever place the language has
		}
		return n, fmt.Errorf("there is no clip called %s", n.key)
	}
	return n, nil
}

func decode(from fs.FS, file string, n name) (*call.Clip, error) {
	info, err := fs.Stat(from, file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it has %d MB, more than %d", info.Size()>>20, maxFile>>20)
	}
	body, err := fs.ReadFile(from, file)
	if err != nil {
		return nil, err
	}
	s, err := sound.ReadWAV(body)
	if err != nil {
		return nil, err
	}
	if s.Seconds() > maxSeconds {
		return nil, fmt.Errorf("it lasts %.0f s, more than %.0f", s.Seconds(), maxSeconds)
	}
	if len(s.Samples) == 0 {
		return nil, errors.New("it has no sound")
	}
	if s.Rate != call.ClockRate {
		s = sound.Resample(s, call.ClockRate)
	}
	return newClip(n, s.PCM()), nil
}

// newClip codes samples in both laws, once for all calls.
func newClip(n name, pcm []int16) *call.Clip {
	c := &call.Clip{
		Key: n.key, Language: n.lang, PCM: pcm, ALaw: make([]byte, len(pcm)), MuLaw: make([]byte, len(pcm)),
	}
	hash := sha256.New()
	raw := make([]byte, 2*len(pcm))
	for i, v := range pcm {
		c.ALaw[i], c.MuLaw[i] = media.EncodeALaw(v), media.EncodeMuLaw(v)
		raw[2*i], raw[2*i+1] = byte(v), byte(uint16(v)>>8)
	}
	hash.Write(raw)
	c.Version = hex.EncodeToString(hash.Sum(nil))[:12]
	return c
}

// Clip is the clip of that key in that language; in the first language where it is missing
// there; without a language for music and tones; nil where there is none at all.
func (l *Library) Clip(key string, lang call.Language) *call.Clip {
	if key == "open.lang" {
		return l.languageLine(lang)
	}
	for _, n := range []name{{key, lang}, {key, l.languages[0]}, {key, ""}} {
		if c := l.clips[n]; c != nil {
			return c
		}
	}
	return nil
}

// languageLine is the line of the language menu with the key that the configured order gives
// the language.
func (l *Library) languageLine(lang call.Language) *call.Clip {
	if own := l.clips[name{"open.lang", lang}]; own != nil {
		return own
	}
	return l.clips[name{"open.lang." + strconv.Itoa(1+slices.Index(l.languages, lang)), lang}]
}

// Music is the music on hold.
func (l *Library) Music() *call.Clip { return l.clips[name{MusicKey, ""}] }

// Has reports whether there is a clip of that key in that very language.
func (l *Library) Has(key string, lang call.Language) bool { return l.clips[name{key, lang}] != nil }

// Check lists the deployer's files that are not used.
func (l *Library) Check() []Fault { return l.faults }
