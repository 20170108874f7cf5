package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wav is a tone as a recorder writes it: 16 bits, 8 kHz, a square wave of that height.
func wav(height int16, seconds float64) []byte {
	n := int(8000 * seconds)
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data")
	b = append(b, byte(2*n), byte(2*n>>8), byte(2*n>>16), 0)
	for i := range n {
		v := height
		if i/10%2 == 1 {
			v = -height
		}
		b = append(b, byte(v), byte(uint16(v)>>8))
	}
	return b
}

// put writes a file into folders that it makes.
func put(t *testing.T, body []byte, elem ...string) string {
	t.Helper()
	path := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withVoice is a configuration for two languages, of which one has a voice: a copy of a file. data is its
// folder of prompts.
func withVoice(t *testing.T) (file, data string) {
	t.Helper()
	file = configFile(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file)
	spoken := put(t, wav(3000, 1), dir, "spoken.wav")
	text = fmt.Appendf(text, "languages: [az, en]\nvoices: {az: {command: [/bin/sh, -c, 'test -s \"$0\" && cp %s \"$1\"', '{text}', '{wav}']}}\n", spoken)
	put(t, text, file)
	return file, filepath.Join(dir, "data", "prompts")
}

// listed is prompts list for programs.
func listed(t *testing.T, file string, args ...string) []promptJSON {
	t.Helper()
	code, out, errs := hotline("", append([]string{"prompts", "list", "--config", file, "-o", "json"}, args...)...)
	var got struct{ Prompts []promptJSON }
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	return got.Prompts
}

func TestPromptsFromStudioToCheck(t *testing.T) {
	file, data := withVoice(t)
	studio := t.TempDir()
	put(t, wav(3000, 2), studio, "az", "bye.wav")
	put(t, wav(300, 1), studio, "en_own.flood.wav")
	put(t, []byte("no sound"), studio, "en", "bye.wav")
	put(t, wav(3000, 1), studio, "az", "Bye.wav")

	code, out, errs := hotline("", "prompts", "check", "--config", file)
	if code != 0 || out != "every prompt is there, in every language, and well\n" {
		t.Errorf("as it is shipped: exit %d: %s%s", code, out, errs)
	}
	code, out, _ = hotline("", "prompts", "import", studio, "--config", file, "--dry-run")
	if code != 1 || !strings.HasSuffix(out, "2 taken, 2 left; nothing was written\n") {
		t.Errorf("a dry run: exit %d: %s", code, out)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a dry run has made the folder")
	}
	code, out, _ = hotline("", "prompts", "import", "--config", file, studio)
	for _, want := range []string{
		"left   az/Bye.wav: there is no prompt of this name, name it bye.wav\n",
		"taken  az/bye.wav: bye in az, 2.2 s, -20.7 dBov before, -22.0 now\n",
		"left   en/bye.wav: this is no WAV file\n",
		"taken  en_own.flood.wav: own.flood in en, 1.2 s, -40.7 dBov before, -22.0 now\n       it was recorded quietly, at -40.7 dBov",
		"2 taken, 2 left; a running server takes them at: hotline reload\n",
	} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is not in\n%s", code, want, out)
		}
	}

	all := listed(t, file)
	find := func(key, lang string) promptJSON {
		i := slices.IndexFunc(all, func(p promptJSON) bool { return p.Key == key && p.Language == lang })
		if i < 0 {
			t.Fatalf("no %s in %s", key, lang)
		}
		return all[i]
	}
	if p := find("bye", "az"); p.Source != "yours" || p.Seconds == nil || *p.Seconds < 2 || *p.Level > -21 || *p.Peak > -2 || p.Text == "" {
		t.Errorf("%+v", p)
	}
	if p := find("own.flood", "az"); p.Source != "missing" || p.Seconds != nil || p.Level != nil {
		t.Errorf("%+v", p)
	}
	if p := find("bye", "en"); p.Source != "built-in" {
		t.Errorf("%+v", p)
	}
	if len(all) < 500 {
		t.Errorf("%d prompts", len(all))
	}
	if one := listed(t, file, "--language", "en"); slices.ContainsFunc(one, func(p promptJSON) bool { return p.Language != "en" }) || len(one) < 250 {
		t.Errorf("%d in English", len(one))
	}

	put(t, wav(30, 1), data, "en", "bye.wav")
	code, out, _ = hotline("", "prompts", "check", "--config", file)
	for _, want := range []string{"az/own.flood.wav: is to be recorded, as in the other languages\n", "en/bye.wav: it is at -60.7 dBov, others are at -22: hotline prompts import levels it"} {
		if code != 1 || !strings.Contains(out, want) || strings.Contains(out, "every prompt") {
			t.Errorf("exit %d, %q is not in\n%s", code, want, out)
		}
	}
	code, out, _ = hotline("", "prompts", "check", "--config", file, "--voices", "-o", "json")
	var got struct {
		Prompts []promptJSON
		Faults  []string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 1 || len(got.Prompts) < 500 || len(got.Faults) < 500 {
		t.Errorf("the reading list: exit %d, %v: %d prompts, %d faults", code, err, len(got.Prompts), len(got.Faults))
	}
	if want := `en/queue.thanks.wav: is to be recorded: "Thank you`; !strings.Contains(strings.Join(got.Faults, "\n"), want) {
		t.Errorf("%s is not on the reading list", want)
	}
}

func TestPromptsRender(t *testing.T) {
	file, data := withVoice(t)
	put(t, []byte("own.flood: {az: Sel, en: Flood}\nown.rain: {az: Yağış}\n"), data, "texts.yaml")
	render := func(code int, says string, args ...string) {
		t.Helper()
		got, out, errs := hotline("", append([]string{"prompts", "render", "--config", file}, args...)...)
		if got != code || !strings.Contains(out+errs, says) {
			t.Errorf("render %s: exit %d, %s%s\nwant %d, %q", args, got, out, errs, code, says)
		}
	}
	render(1, "2 taken, 1 left")
	render(0, "nothing is to be said anew", "--language", "az")
	put(t, []byte("own.flood: {az: Sel var, en: Flood}\nown.rain: {az: Yağış}\n"), data, "texts.yaml")
	render(0, "1 taken, 0 left", "--language", "az")
	put(t, []byte("a person's, not ours"), data, "az", "own.flood.wav")
	render(1, "kept   az/own.flood.wav: a person has recorded it")
	for args, c := range map[string]struct {
		code int
		says string
	}{
		"own.flood --language az":            {0, "taken  az/own.flood.wav"},
		"own.rain":                           {0, "taken  az/own.rain.wav: own.rain in az, 1.2 s"},
		"own.flood --language en":            {1, "left   en/own.flood.wav: no voice is configured for this language"},
		"own.snow":                           {2, `texts.yaml has no text "own.snow"`},
		"own.flood own.snow":                 {2, `texts.yaml has no text "own.snow"`},
		"own.rain --language en":             {2, "no such text"},
		"own.fog --text Duman --language az": {0, "taken  az/own.fog.wav"},
		"own.fog --text Duman":               {2, "--text needs one KEY and --language"},
		"fog --text Duman --language az":     {1, "there is no prompt of this name"},
		"own.fog --text Nebel --language de": {2, `no callers in "de"`},
		"../../x --text Duman --language az": {1, "there is no prompt of this name"},
	} {
		code, out, errs := hotline("", append([]string{"prompts", "render", "--config", file}, strings.Fields(args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("render %s: exit %d, %s%s\nwant %d, %q", args, code, out, errs, c.code, c.says)
		}
	}
	if _, err := os.Stat(filepath.Join(data, "az", "own.fog.wav")); err != nil {
		t.Error(err)
	}
	if code, out, errs := hotline("", "prompts", "check", "--config", file); code != 1 || strings.Contains(out, "texts.yaml") || !strings.Contains(out, "en/own.fog.wav") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestPromptsUsedWrongly(t *testing.T) {
	file, _ := withVoice(t)
	bad := badFile(t)
	for args, says := range map[string]string{
		"list --language de --config " + file: `no callers in "de", only in [az en]`,
		"list --config " + bad:                "bad.yaml:5",
		"check --config " + bad:               "bad.yaml:5",
		"import --config " + file:             "<dir>",
		"import . --config " + bad:            "bad.yaml:5",
		"render --config " + bad:              "bad.yaml:5",
		"list -o xml --config " + file:        "xml",
	} {
		if code, _, errs := hotline("", append([]string{"prompts"}, strings.Fields(args)...)...); code != exitUsage || !strings.Contains(errs, says) {
			t.Errorf("prompts %s: exit %d: %s", args, code, errs)
		}
	}
	for args, says := range map[string]string{
		"import /nowhere --config " + file:            "no such file",
		"import " + t.TempDir() + " --config " + file: "holds no .wav file",
		"render --config " + file:                     "write the texts into",
	} {
		if code, _, errs := hotline("", append([]string{"prompts"}, strings.Fields(args)...)...); code == 0 || !strings.Contains(errs, says) {
			t.Errorf("prompts %s: exit %d: %s", args, code, errs)
		}
	}
}
