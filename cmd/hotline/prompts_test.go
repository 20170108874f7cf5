package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tone is a WAV of a second at 16 kHz, 16 bits, mono, with a pause in it.
func tone() []byte {
	const rate = 16000
	b := []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x7d\x00\x00")
	for i := range rate {
		v := int16(0)
		if i < rate/3 || i > rate/2 {
			v = int16(8000 * math.Sin(2*math.Pi*500*float64(i)/rate))
		}
		b = append(b, byte(v), byte(uint16(v)>>8))
	}
	return b
}

func write(t *testing.T, data []byte, elem ...string) {
	t.Helper()
	path := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPrompts lives the day on which a body gets voices of its own.
func TestPrompts(t *testing.T) {
	file := configFile(t)
	dir := filepath.Dir(file)
	own, studio := filepath.Join(dir, "data", "prompts"), filepath.Join(dir, "studio")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, tone(), dir, "spoken.wav")
	write(t, append(text, []byte("languages: [en, ru]\nvoices: {en: {command: [cp, "+filepath.Join(dir, "spoken.wav")+`, "{wav}", "--suffix={text}"]}}`+"\n")...), file)
	does := func(want int, says string, args ...string) string {
		t.Helper()
		code, out, errs := hotline("", append([]string{"prompts"}, append(args, "--config", file)...)...)
		if code != want || !strings.Contains(out+errs, says) {
			t.Errorf("%v: exit %d, want %d with %q:\n%.800s%s", args, code, want, says, out, errs)
		}
		return out
	}

	does(0, "every prompt is there, in every language, and well", "check")
	reading := does(1, `en/open.greeting.wav: is to be recorded: "Hello. You have reached`, "check", "--voices")
	if strings.Contains(reading, "az/") {
		t.Error("a language that is not configured is to be read")
	}

	write(t, tone(), studio, "en", "hold.start.wav")
	write(t, []byte("no sound"), studio, "ru", "hold.start.wav")
	write(t, tone(), studio, "ru_own.flood.wav")
	does(1, "2 taken, 1 left; nothing was written", "import", studio, "--dry-run")
	if _, err := os.Stat(own); err == nil {
		t.Fatal("a dry import has written")
	}
	does(1, "left   ru/hold.start.wav: this is no WAV file", "import", studio)
	out := does(1, "en/own.flood.wav: is to be recorded", "check")
	if strings.Contains(out, "hold.start") {
		t.Errorf("a good recording is told of:\n%s", out)
	}

	var list struct {
		Prompts []promptJSON `json:"prompts"`
	}
	if err := json.Unmarshal([]byte(does(0, "", "list", "--language", "en", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, p := range list.Prompts {
		sources[p.Key] = p.Source
		if p.Language != "en" || p.Source != "missing" && (p.Seconds == 0 || p.Level < -26 || p.Level > -18) {
			t.Errorf("%+v", p)
		}
	}
	if sources["hold.start"] != "yours" || sources["bye"] != "built-in" || sources["own.flood"] != "missing" {
		t.Errorf("%v", sources)
	}
	does(0, "hold.start", "list")

	does(1, "there are no texts: write them into", "render")
	write(t, []byte("own.flood: {en: There is a flood.}\nhold.start: {en: Hold on.}\n"), own, "texts.yaml")
	does(0, "kept   hold.start in en: a person has recorded it", "render")
	does(0, "nothing is to be said anew", "render")
	does(0, "", "check")
	does(0, "taken  en/hold.start: hold.start in en", "render", "hold.start")
	does(1, "left   ru/own.rain: no voice is configured", "render", "own.rain", "--language", "ru", "--text", "Дождь.")
	does(1, "left   en/nothing: there is no prompt of this name", "render", "nothing", "--language", "en", "--text", "x")
	does(2, "--text needs one KEY and --language", "render", "--text", "x")
	does(1, "neither a folder nor a .zip archive", "import", filepath.Join(dir, "spoken.wav"))
}
