package prompts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"hotline/call"
	"hotline/call/spelling"
	"hotline/prompts/sound"
)

// TextsFile, in the deployer's folder, holds what voices are to say: it is no clip, and no fault.
const TextsFile = "texts.yaml"

// A Fault is a file in the deployer's folder that is not played.
type Fault struct {
	Path    string
	Problem string // what is wrong
	Want    string // what would be right
}

func (f Fault) String() string { return f.Path + ": " + f.Problem + ", " + f.Want }

// What a deployer's clip may be: three minutes are more than anybody listens to, and 48 kHz in
// stereo makes 35 MB of them. Music may be longer.
const (
	maxSeconds = 180
	maxMusic   = 900
	maxBytes   = 192 << 10 * maxMusic
	clipBytes  = 64 << 20 // of one clip: two minutes at 96 kHz in stereo with 24 bits
)

// wantWAV is what Check says of sound that cannot be read.
const wantWAV = "make it a WAV of PCM, A-law or μ-law, mono or stereo, at 8 to 96 kHz"

// loadOwn lays the deployer's clips over the built-in ones.
func (l *Library) loadOwn(dir string, entries []Entry) {
	if dir == "" {
		return
	}
	folders, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.fault(dir, "the folder cannot be read: "+reason(err), "let the server read it")
		return
	}
	for _, f := range folders { // in the order of their names
		path := filepath.Join(dir, f.Name())
		switch {
		case hidden(f.Name()), f.Name() == TextsFile:
		case isDir(path) && slices.Contains(Shipped(), call.Language(f.Name())):
			// A language that is not configured today may be tomorrow: its files are no fault.
			if slices.Contains(l.languages, call.Language(f.Name())) {
				l.loadFolder(path, call.Language(f.Name()), entries)
			}
		case isDir(path):
			l.fault(path, "there is no language of this name", "name the folder az, en or ru")
		case f.Name() == MusicFile:
			if s, ok := l.read(path, maxMusic); ok {
				l.music = makeClip("music", "", s)
			}
		default:
			l.own(path, "", entries)
		}
	}
}

func (l *Library) loadFolder(dir string, lang call.Language, entries []Entry) {
	files, err := os.ReadDir(dir)
	if err != nil {
		l.fault(dir, "the folder cannot be read: "+reason(err), "let the server read it")
		return
	}
	for _, f := range files {
		if !hidden(f.Name()) {
			l.own(filepath.Join(dir, f.Name()), lang, entries)
		}
	}
}

// ownKey begins the names of clips that the catalogue does not have and the configuration names.
const ownKey = "own."

// ownName is such a name, as the configuration takes it.
var ownName = regexp.MustCompile(`^own(\.[A-Za-z0-9_-]+)+$`)

// noPrompt is what is wrong with a file whose key nobody plays.
const noPrompt = "there is no prompt of this name"

// textOf is what a recording of a key says in a language, "" where the catalogue does not know. Only clips
// that somebody plays have keys: another is a slip of the finger that would otherwise stay unheard, and want
// is what would be right. The tones belong to no language, "".
func textOf(entries []Entry, key string, lang call.Language) (text, want string) {
	known := tones()
	switch {
	case lang == "" && slices.Contains(known, key), lang != "" && (key == langLine || ownName.MatchString(key)):
		return "", ""
	case lang != "":
		known = []string{langLine}
		for _, e := range entries {
			known = append(known, e.Key)
			if e.Key != key {
				continue
			}
			if text := e.Texts[lang]; text != "" {
				return text, ""
			}
			return "", fmt.Sprintf("take it away: nothing that is said in %q needs it", lang)
		}
	}
	switch near := spelling.Nearest(key, known); {
	case near != "":
		return "", "name it " + near + ".wav"
	case lang == "":
		return "", "put it in the folder of its language: az, en or ru"
	case strings.HasPrefix(key, ownKey):
		return "", "name it own.NAME.wav, NAME of letters, digits, - and _"
	}
	return "", "take it away, or name it KEY.wav as in the catalogue, or own.NAME.wav if the configuration has it"
}

// own takes one file.
func (l *Library) own(path string, lang call.Language, entries []Entry) {
	key, isWAV := strings.CutSuffix(filepath.Base(path), ".wav")
	_, want := textOf(entries, key, lang)
	if !isWAV && want == "" {
		want = "name it " + key + ".wav"
	}
	if want != "" {
		l.fault(path, noPrompt, want)
		return
	}
	s, ok := l.read(path, maxSeconds)
	if !ok {
		return
	}
	clip := makeClip(key, lang, s)
	c := func() *call.Clip { return clip }
	l.clips[name{key, lang}], l.yours[name{key, lang}] = c, true
	place := slices.Index(l.languages, lang) + 1
	if key == fmt.Sprintf("%s.%d", langLine, place) && !exists(filepath.Join(filepath.Dir(path), langLine+".wav")) {
		l.clips[name{langLine, lang}] = c
	}
}

// read reads a WAV. Level and pauses stay as the deployer made them.
func (l *Library) read(path string, most float64) (sound.Sound, bool) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		l.fault(path, "it is no file", wantWAV)
		return sound.Sound{}, false
	}
	var data []byte
	if err == nil {
		data, err = readAtMost(path, maxBytes)
	}
	if err != nil {
		l.fault(path, "it cannot be read: "+reason(err), "let the server read it")
		return sound.Sound{}, false
	}
	s, err := sound.ReadShortWAV(data, most)
	var long *sound.TooLongError
	switch {
	case errors.As(err, &long):
		l.fault(path, fmt.Sprintf("it is %.0f s long", long.Seconds), fmt.Sprintf("cut it to %.0f s at most", most))
	case err != nil:
		l.fault(path, err.Error(), wantWAV)
	}
	return s, err == nil
}

func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return upTo(f, most)
}

// upTo reads all there is, if it is not more than most bytes.
func upTo(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is larger than %d MB", most>>20)
	}
	return data, err
}

func (l *Library) fault(path, problem, want string) {
	l.faults = append(l.faults, Fault{Path: path, Problem: problem, Want: want})
}

// reason is why a file could not be read, without its path, which the Fault has.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
