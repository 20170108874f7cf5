package prompts

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
	"hotline/media"
	"hotline/prompts/sound"
)

func load(t *testing.T, dir string, languages ...call.Language) *Library {
	t.Helper()
	l, err := Load(dir, languages, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// journey is every clip the call's story asks for.
func journey() []string {
	return []string{"open.greeting", "open.lang", "open.lang.chosen", "open.lang.default", "notice.recording",
		"menu.invalid", "menu.noinput", "closed.intro", "closed.hours", "queue.enter", "queue.allBusy", "queue.thanks",
		"queue.next", "queue.connecting", "operator.unavailable", "operator.lost", "bye", "fault.technical",
		"fault.cannotHear", "whisper.az", "whisper.en", "whisper.ru"}
}

func TestEveryClipOfTheJourneyIsThere(t *testing.T) {
	l := load(t, "", "az", "en", "ru")
	versions := make(map[string]string)
	for _, lang := range Shipped() {
		for _, key := range journey() {
			c := l.Clip(key, lang)
			if c == nil || c.Language != lang || !l.Has(key, lang) {
				t.Fatalf("%s in %s: %v", key, lang, c)
			}
			if len(c.PCM) == 0 || len(c.ALaw) != len(c.PCM) || len(c.MuLaw) != len(c.PCM) || len(c.Version) != 12 {
				t.Errorf("%s in %s: %d samples, %d and %d bytes, version %q", key, lang, len(c.PCM), len(c.ALaw), len(c.MuLaw), c.Version)
			}
			for i, v := range c.PCM {
				if c.ALaw[i] != media.EncodeALaw(v) || c.MuLaw[i] != media.EncodeMuLaw(v) {
					t.Fatalf("%s in %s: sample %d is coded wrongly", key, lang, i)
				}
			}
			if other, twice := versions[c.Version]; twice {
				t.Errorf("%s/%s and %s have the version %s", lang, key, other, c.Version)
			}
			versions[c.Version] = string(lang) + "/" + key
		}
		for _, key := range tones() {
			if c := l.Clip(key, lang); c == nil || !l.Has(key, lang) {
				t.Errorf("no %s", key)
			}
		}
	}
	if m := l.Music(); m == nil || m.Duration().Seconds() < 40 || len(m.ALaw) != len(m.PCM) {
		t.Error("no music")
	}
	if again := load(t, "", "az", "en", "ru"); again.Clip("bye", "az").Version != l.Clip("bye", "az").Version {
		t.Error("the version changes from load to load")
	}
}

// TestLanguageLineFollowsTheMenu: a caller who is told to press two must be at place two.
func TestLanguageLineFollowsTheMenu(t *testing.T) {
	l := load(t, "", "ru", "az")
	for lang, key := range map[call.Language]string{"ru": "open.lang.1", "az": "open.lang.2"} {
		if c := l.Clip("open.lang", lang); c == nil || c.Key != key || c.Language != lang {
			t.Errorf("%s: %+v", lang, c)
		}
	}
}

func TestMissingClip(t *testing.T) {
	core, told := observer.New(zap.ErrorLevel)
	l, err := Load("", []call.Language{"en", "ru"}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	if c := l.Clip("bye", "az"); c == nil || c.Language != "en" {
		t.Errorf("what has no clip in a language falls back to the first: %+v", c)
	}
	if l.Has("bye", "az") {
		t.Error("az is not loaded")
	}
	for range 3 {
		if c := l.Clip("no.such", "ru"); c != nil {
			t.Errorf("got %+v", c)
		}
	}
	if told.Len() != 1 {
		t.Errorf("told %d times", told.Len())
	}
	if _, err := Load("", nil, zap.NewNop()); err == nil {
		t.Error("a library without a language")
	}
}

func put(t *testing.T, data []byte, elem ...string) {
	t.Helper()
	path := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// recorded is a tone of one second as a deployer's program may write it.
func recorded(rate int, hz float64) []byte {
	s := sound.Sound{Rate: rate, Samples: make([]float64, rate)}
	for i := range s.Samples {
		s.Samples[i] = 0.3 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
	}
	return sound.WriteWAV(rate, s.PCM())
}

func TestOwnClipsWin(t *testing.T) {
	dir := t.TempDir()
	put(t, recorded(44100, 1000), dir, "az", "open.greeting.wav")
	put(t, recorded(48000, 500), dir, "en", "open.lang.2.wav")
	put(t, recorded(8000, 500), dir, "ru", "open.lang.wav")
	put(t, recorded(8000, 700), dir, "ru", "open.lang.3.wav")
	put(t, recorded(16000, 440), dir, MusicFile)
	put(t, recorded(16000, 440), dir, "tone.ok.wav")
	put(t, recorded(8000, 440), dir, "az", "own.flood.wav")
	put(t, []byte("x"), dir, "az", ".hidden")
	l, shipped := load(t, dir, "az", "en", "ru"), load(t, "", "az", "en", "ru")
	if f := l.Check(); len(f) > 0 {
		t.Errorf("faults: %v", f)
	}
	for _, n := range []name{{"open.greeting", "az"}, {"open.lang", "en"}, {"open.lang", "ru"}, {ToneOK, "az"}} {
		own, ours := l.Clip(n.key, n.lang), shipped.Clip(n.key, n.lang)
		if len(own.PCM) != call.ClockRate || own.Version == ours.Version {
			t.Errorf("%v: %d samples, version %s", n, len(own.PCM), own.Version)
		}
	}
	if l.Clip("own.flood", "az").Duration() != time.Second || !l.Has("own.flood", "az") || l.Has("own.flood", "ru") {
		t.Error("a clip that the configuration alone names is not there, or is where it is not")
	}
	if c := l.Clip("open.lang", "ru"); c.Key != "open.lang" {
		t.Errorf("open.lang.wav does not win over open.lang.3.wav: %s", c.Key)
	}
	if level := 20 * math.Log10(rms(l.Clip("open.greeting", "az").PCM)); math.Abs(level+13.5) > 0.2 {
		t.Errorf("the level of a deployer's clip was changed to %.1f", level)
	}
	if l.Music().Duration().Seconds() != 1 {
		t.Error("the deployer's music is not played")
	}
	if l.Clip("bye", "az").Version != shipped.Clip("bye", "az").Version {
		t.Error("a clip that the deployer does not have is not the built-in one")
	}
	// A language that is not configured is not looked at.
	put(t, []byte("broken"), dir, "ru", "bye.wav")
	if f := load(t, dir, "az").Check(); len(f) > 0 {
		t.Errorf("faults: %v", f)
	}
}

func rms(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) / 32768 * float64(v) / 32768
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func TestBrokenOwnClips(t *testing.T) {
	dir := t.TempDir()
	put(t, []byte("not sound"), dir, "az", "bye.wav")
	put(t, recorded(8000, 500), dir, "az", "Queue_Enter.wav")
	put(t, recorded(8000, 500), dir, "az", "other.wav")
	put(t, recorded(8000, 500), dir, "bye.wav")
	put(t, recorded(8000, 500), dir, "tr", "bye.wav")
	put(t, sound.WriteWAV(8000, make([]int16, 8000*(maxSeconds+1))), dir, "en", "bye.wav")
	if err := os.MkdirAll(filepath.Join(dir, "ru", "bye.wav"), 0o755); err != nil {
		t.Fatal(err)
	}
	core, logged := observer.New(zap.WarnLevel)
	l, err := Load(dir, []call.Language{"az", "en", "ru"}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range l.Check() {
		got = append(got, strings.TrimPrefix(f.String(), dir+"/"))
	}
	want := []string{
		"az/Queue_Enter.wav: there is no prompt of this name, name it queue.enter.wav",
		"az/bye.wav: this is no WAV file, " + wantWAV,
		"az/other.wav: there is no prompt of this name, take it away, or name it KEY.wav as in the catalogue, or own.NAME.wav if the configuration has it",
		"bye.wav: there is no prompt of this name, put it in the folder of its language: az, en or ru",
		"en/bye.wav: it is 181 s long, cut it to 180 s at most",
		"ru/bye.wav: it is no file, " + wantWAV,
		"tr: there is no language of this name, name the folder az, en or ru",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if logged.Len() != len(want) {
		t.Errorf("%d log lines", logged.Len())
	}
	shipped := load(t, "", "az", "en", "ru")
	for _, lang := range Shipped() {
		if l.Clip("bye", lang).Version != shipped.Clip("bye", lang).Version {
			t.Errorf("%s: the built-in clip is not used for a broken one", lang)
		}
	}
	if f := load(t, filepath.Join(dir, "nowhere"), "az").Check(); len(f) > 0 {
		t.Errorf("a folder that is not there: %v", f)
	}
	if f := load(t, filepath.Join(dir, "bye.wav"), "az").Check(); len(f) != 1 {
		t.Errorf("a folder that is a file: %v", f)
	}
}
