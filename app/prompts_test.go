package app

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
	"hotline/configs"
	"hotline/phone"
	"hotline/prompts"
	"hotline/prompts/sound"
)

// tone writes a recording that is a tone of a second.
func tone(t *testing.T, hz float64, elem ...string) {
	t.Helper()
	s := sound.Sound{Rate: 48000, Samples: make([]float64, 48000)}
	for i := range s.Samples {
		s.Samples[i] = 0.1 * math.Sin(2*math.Pi*hz*float64(i)/48000)
	}
	path := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, sound.WriteWAV(s.Rate, s.PCM()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A recording that is imported is heard after a reload, and not before; also by who is calling already, from
// their next clip on.
func TestImportedClipIsHeardAfterAReload(t *testing.T) {
	dir, studio := t.TempDir(), t.TempDir()
	path := filepath.Join(t.TempDir(), "hotline.yaml")
	if err := os.WriteFile(path, []byte(text(dir, "languages: [az, en]")), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	shortClips(t, dir, "menu.invalid", "open.lang.1", "open.lang.2")
	a := startApp(t, Options{File: f, Path: path})
	defer a.Close()
	_, c := dial(t, a)
	heard := func(hz float64) {
		t.Helper()
		c.Media().Forget()
		if err := c.Media().PressKey(timeout(t, 5*time.Second), '9', 100*time.Millisecond, phone.KeyOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := c.Media().WaitTone(timeout(t, 5*time.Second), hz); err != nil {
			t.Fatal(err)
		}
	}
	heard(600)
	before := a.clips.Clip("menu.invalid", "az").Version
	tone(t, 1000, studio, "az", "menu.invalid.wav")
	for _, lang := range []string{"az", "en"} { // the language's lines are said on the way
		tone(t, 1000, studio, lang, "open.lang.1.wav")
		tone(t, 1000, studio, lang, "open.lang.2.wav")
	}
	if err := ImportPrompts(f, studio, false, func(i ImportedPrompt) {
		if i.Err != nil {
			t.Errorf("%s: %v", i.File, i.Err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if a.clips.Clip("menu.invalid", "az").Version != before {
		t.Error("it is heard before anybody has asked for it")
	}
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	heard(1000)
	// One that has become bad afterwards is not heard, and the call goes on with the built-in one.
	if err := os.WriteFile(filepath.Join(dir, "prompts", "az", "menu.invalid.wav"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	if c := a.clips.Clip("menu.invalid", "az"); c == nil || c.Version == before || c.Duration() == time.Second {
		t.Errorf("%v is heard", c)
	}
}

// What a caller asks for in vain is counted, by the same series after a reload.
func TestMissingPromptsAreCounted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "hotline.yaml")
	if err := os.WriteFile(path, []byte(text(dir, "languages: [az, en]")), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	tone(t, 600, dir, "prompts", "en", "own.rules.wav")
	a := startApp(t, Options{File: f, Path: path})
	defer a.Close()
	for range 2 {
		a.clips.Clip("own.rules", "az")
		a.clips.Clip("own.none", "en")
		if err := a.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	const want = `# HELP hotline_prompts_missing_total Clips that were asked for and are not there in the caller's language, by what was heard instead: another_language or silence.
# TYPE hotline_prompts_missing_total counter
hotline_prompts_missing_total{instead="another_language"} 2
hotline_prompts_missing_total{instead="silence"} 2
`
	if err := testutil.GatherAndCompare(a.metrics, strings.NewReader(want), "hotline_prompts_missing_total"); err != nil {
		t.Error(err)
	}
}

// What texts.yaml says is spoken by the voices, each text by itself.
func TestRender(t *testing.T) {
	dir := t.TempDir()
	tone(t, 700, dir, "spoken.wav")
	f := config(t, dir, "languages: [az, en]")
	f.Voices = map[call.Language]configs.Voice{
		"az": {Command: []string{"/bin/cp", filepath.Join(dir, "spoken.wav"), "{wav}"}, Timeout: configs.Duration(10 * time.Second)},
	}
	if _, err := Texts(f); err == nil || !strings.Contains(err.Error(), "write the texts into") {
		t.Errorf("without texts: %v", err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(ownPrompts(f), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(ownPrompts(f), prompts.TextsFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{"own.x: y": "texts.yaml", "own.x: {de: y}": `there is no language "de"`, "own.x: {az: y}\nown.x: {az: z}": "texts.yaml"} {
		write(text)
		if list, err := Texts(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, list, err, want)
		}
	}
	write("own.flood: {az: Sel, en: Flood, ru: Потоп}\nown.a b: {az: x}\nclosed.hours: {az: Saat ondan}\n")
	texts, err := Texts(f)
	if err != nil || len(texts) != 4 { // Russian is not spoken here
		t.Fatalf("%v, %v", texts, err)
	}
	var told []string
	err = Render(t.Context(), f, texts, func(i ImportedPrompt) {
		word := "taken"
		if i.Err != nil {
			word = i.Err.Error()
		}
		told = append(told, i.File+": "+word)
	})
	want := []string{
		"az/closed.hours.wav: taken",
		"az/own.a b.wav: there is no prompt of this name, name it own.NAME.wav, NAME of letters, digits, - and _",
		"az/own.flood.wav: taken",
		"en/own.flood.wav: no voice is configured for this language, write it under voices",
	}
	if err != nil || !slices.Equal(told, want) {
		t.Errorf("%v\n%s", err, strings.Join(told, "\n"))
	}
	faults, err := Prompts(f, func(r PromptRow) {
		if r.Key == "own.flood" && r.Language == "az" && (r.Source != "yours" || math.Abs(r.Measure.Level-sound.TargetDBov) > 1) {
			t.Errorf("%+v", r)
		}
	})
	if err != nil || len(faults) != 0 { // texts.yaml is none
		t.Errorf("faults %v, %v", faults, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Render(ended, f, texts, func(i ImportedPrompt) { t.Errorf("%+v", i) }); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
}
