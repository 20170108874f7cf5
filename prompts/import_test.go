package prompts

import (
	"archive/zip"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hotline/call"
	"hotline/prompts/sound"
)

// sox runs the foreign program that makes and judges sound.
func sox(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("sox", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("sox %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// imports imports a folder or an archive, and tells what became of each file.
func imports(t *testing.T, from, to string, dry bool) map[string]Imported {
	t.Helper()
	got := map[string]Imported{}
	if err := Import(from, to, dry, func(i Imported) { got[i.File] = i }); err != nil {
		t.Fatal(err)
	}
	return got
}

// rmsOf is the level that sox measures, in dBFS.
func rmsOf(t *testing.T, file string) float64 {
	t.Helper()
	for _, line := range strings.Split(sox(t, file, "-n", "stats"), "\n") {
		if rest, ok := strings.CutPrefix(line, "RMS lev dB"); ok {
			v, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatal("sox tells no level")
	return 0
}

// Recordings in all forms that studios send become the same clip: at 8 kHz, mono, as loud, as long.
func TestAnyWAVIsImported(t *testing.T) {
	studio, to := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(studio, "en"), 0o755); err != nil {
		t.Fatal(err)
	}
	const original = "clips/en/notice.recording.wav"
	forms := map[string][]string{
		"8-bit": {"-b", "8", "-e", "unsigned-integer"}, "16-bit": {"-b", "16"}, "24-bit": {"-b", "24", "-r", "48000"}, "32-bit": {"-b", "32", "-r", "96000"},
		"float": {"-b", "32", "-e", "floating-point", "-r", "44100"}, "double": {"-b", "64", "-e", "floating-point"},
		"alaw": {"-e", "a-law"}, "mulaw": {"-e", "u-law"}, "stereo": {"-c", "2", "-r", "48000"}, "11k": {"-r", "11025"}, "22k": {"-r", "22050"},
		"quiet": {"-b", "24", "-r", "48000"}, "padded": {"-b", "16", "-r", "16000"},
	}
	for name, form := range forms {
		args := append(append([]string{original}, form...), filepath.Join(studio, "en", "own."+name+".wav"))
		switch name {
		case "quiet":
			args = append(args, "gain", "-15")
		case "padded":
			args = append(args, "pad", "2", "3")
		}
		sox(t, args...)
	}
	shipped, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sound.ReadWAV(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for file, i := range imports(t, studio, to, false) {
		if i.Err != nil {
			t.Errorf("%s: %v", file, i.Err)
			continue
		}
		if math.Abs(i.To.Level-sound.TargetDBov) > 0.3 || i.To.Peak > -2.9 || math.Abs(i.To.Seconds-s.Seconds()) > 0.25 {
			t.Errorf("%s: %+v of a clip of %.2f s", file, i.To, s.Seconds())
		}
		clip := filepath.Join(to, "en", i.Key+".wav")
		if about := sox(t, "--i", clip); !strings.Contains(about, "Sample Rate    : 8000") || !strings.Contains(about, "Channels       : 1") {
			t.Errorf("%s: sox says %s", file, about)
		}
		if level := rmsOf(t, clip); math.Abs(level-rmsOf(t, original)) > 1 {
			t.Errorf("%s: sox measures %.1f dB, of the shipped clip %.1f", file, level, rmsOf(t, original))
		}
		if i.Key == "own.quiet" && len(i.Remarks) != 1 {
			t.Errorf("a quiet recording is told as %v", i.Remarks)
		}
	}
	if l := load(t, to, "en"); len(l.Check()) > 0 || l.Clip("own.24-bit", "en") == nil {
		t.Errorf("the library does not take them: %v", l.Check())
	}
}

// What is not right is told, and takes nothing from the others.
func TestWhatIsNotImported(t *testing.T) {
	studio, to := t.TempDir(), t.TempDir()
	for _, dir := range []string{"az", "en", "fr"} {
		if err := os.MkdirAll(filepath.Join(studio, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const good = "clips/en/bye.wav"
	sox(t, good, "-b", "16", filepath.Join(studio, "en", "bye.wav"))
	sox(t, good, "-b", "16", filepath.Join(studio, "az_bye.wav"))
	sox(t, good, "-b", "16", filepath.Join(studio, "fr", "bye.wav"))
	sox(t, good, "-b", "16", filepath.Join(studio, "en", "Queue_Enter.wav"))
	sox(t, good, "-b", "16", filepath.Join(studio, "en", "nobody.wav"))
	sox(t, good, "-b", "16", filepath.Join(studio, "en", "queue.full.wav"), "gain", "40")
	sox(t, good, "-b", "16", filepath.Join(studio, "en", "queue.thanks.wav"), "trim", "0", "0.3")
	sox(t, "-n", "-r", "8000", "-b", "16", filepath.Join(studio, "en", "own.silent.wav"), "trim", "0", "2")
	sox(t, "-n", "-r", "8000", "-b", "16", filepath.Join(studio, "en", "own.long.wav"), "synth", "200", "sine", "400")
	for name, body := range map[string]string{"en/own.broken.wav": "RIFF", "en/notes.txt": "hello", "en/.hidden.wav": ""} {
		if err := os.WriteFile(filepath.Join(studio, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dry := imports(t, studio, to, true)
	if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
		t.Errorf("a dry run writes %v, %v", left, err)
	}
	got := imports(t, studio, to, false)
	want := map[string]string{ // a part of the fault; "": taken
		"en/bye.wav": "", "az_bye.wav": "", "fr/bye.wav": "in which language", "en/Queue_Enter.wav": "name it queue.enter.wav",
		"en/nobody.wav": "no prompt of this name", "en/queue.full.wav": "", "en/queue.thanks.wav": "", "en/own.silent.wav": "nothing is to be heard",
		"en/own.long.wav": "200 s long", "en/own.broken.wav": "no WAV",
	}
	if len(got) != len(want) || len(dry) != len(want) {
		t.Errorf("%d files, dry %d, want %d", len(got), len(dry), len(want))
	}
	for file, fault := range want {
		i := got[file]
		if (i.Err == nil) != (fault == "") || i.Err != nil && !strings.Contains(i.Err.Error(), fault) {
			t.Errorf("%s: %v, want %q", file, i.Err, fault)
		}
		if (dry[file].Err == nil) != (i.Err == nil) {
			t.Errorf("%s: dry %v, and then %v", file, dry[file].Err, i.Err)
		}
	}
	if r := got["en/queue.full.wav"].Remarks; len(r) == 0 || !strings.Contains(r[0], "clipped") {
		t.Errorf("a clipped recording is told as %v", r)
	}
	if r := got["en/queue.thanks.wav"].Remarks; !slices.ContainsFunc(r, func(s string) bool { return strings.Contains(s, "cut off") }) {
		t.Errorf("a recording that was cut off is told as %v", r)
	}
	files, err := filepath.Glob(filepath.Join(to, "*", "*"))
	if err != nil || len(files) != 4 {
		t.Errorf("written: %v, %v", files, err)
	}
}

// A worse recording changes nothing of the one that is there.
func TestABadRecordingLeavesTheOldOne(t *testing.T) {
	studio, to := t.TempDir(), t.TempDir()
	sox(t, "clips/en/bye.wav", "-b", "16", filepath.Join(studio, "en_bye.wav"))
	imports(t, studio, to, false)
	before, err := os.ReadFile(filepath.Join(to, "en", "bye.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(studio, "en_bye.wav"), []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	imports(t, studio, to, false)
	if after, err := os.ReadFile(filepath.Join(to, "en", "bye.wav")); err != nil || string(after) != string(before) {
		t.Errorf("the clip has changed: %v", err)
	}
}

// An archive is as good as a folder, and reaches nowhere else.
func TestArchives(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	body, err := os.ReadFile("clips/en/bye.wav")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "studio.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, name := range []string{"studio/en/bye.wav", "en/../../../own.evil.wav", "en/own..%2f..%2fevil.wav"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := Import(path, to, false, func(Imported) {}); err != nil {
		t.Logf("the archive as a whole: %v", err) // a path that leads out may spoil it all
	}
	var outside []string
	_ = filepath.WalkDir(filepath.Dir(to), func(p string, d os.DirEntry, err error) error {
		if err == nil && strings.Contains(p, "evil") && !strings.HasPrefix(p, to) {
			outside = append(outside, p)
		}
		return nil
	})
	if len(outside) > 0 {
		t.Errorf("files were written outside: %v", outside)
	}
	if err := Import(filepath.Join(dir, "nowhere"), to, false, func(Imported) {}); err == nil {
		t.Error("a folder that is not there")
	}
	if err := Import(t.TempDir(), to, false, func(Imported) {}); err == nil || !strings.Contains(err.Error(), "holds no .wav") {
		t.Errorf("an empty folder: %v", err)
	}
}

// Every prompt has a row, with its text and its measure; a deployer's own is told apart.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	put(t, sound.WriteWAV(8000, tone(8000, 2, 0.01)), filepath.Join(dir, "en", "bye.wav"))
	put(t, sound.WriteWAV(8000, tone(8000, 2, 0.3)), filepath.Join(dir, "en", "own.flood.wav"))
	l := load(t, dir, "az", "en")
	rows := map[string]Row{}
	if err := l.Rows(func(r Row) { rows[string(r.Language)+"/"+r.Key] = r }); err != nil {
		t.Fatal(err)
	}
	if r := rows["az/bye"]; r.Source != BuiltIn || r.Text == "" || math.Abs(r.Measure.Level+22) > 1.5 {
		t.Errorf("built in: %+v", r)
	}
	if r := rows["en/bye"]; r.Source != Yours || len(r.Remarks) == 0 {
		t.Errorf("yours, and quiet: %+v", r)
	}
	if r := rows["az/own.flood"]; r.Source != Missing {
		t.Errorf("missing: %+v", r)
	}
	if len(rows) < 700 {
		t.Errorf("%d rows", len(rows))
	}
}

// tone is a sine of 440 Hz.
func tone(rate, seconds int, loud float64) []int16 {
	pcm := make([]int16, rate*seconds)
	for i := range pcm {
		pcm[i] = int16(32767 * loud * math.Sin(2*math.Pi*440*float64(i)/float64(rate)))
	}
	return pcm
}

func TestSayMenu(t *testing.T) {
	l := load(t, "", "az", "en", "ru")
	items := []Item{{"menu.item.operator", '1'}, {"menu.item.status", '2'}, {"menu.item.language", '5'}}
	for lang, want := range map[call.Language]string{
		"az": "menu.item.operator press.1.short menu.item.status press.2.short menu.item.language press.5",
		"ru": "menu.item.operator press.1.short menu.item.status press.2.short menu.item.language press.5",
		"en": "menu.item.operator press.1 menu.item.status press.2 menu.item.language press.5",
	} {
		var keys []string
		for _, c := range l.SayMenu(items, lang) {
			keys = append(keys, c.Key)
			if c.Language != lang {
				t.Errorf("%s is in %s", c.Key, c.Language)
			}
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("%s: %s", lang, got)
		}
	}
	// An item that is missing in a language is told in the first one, its key too.
	dir := t.TempDir()
	put(t, sound.WriteWAV(8000, tone(8000, 1, 0.3)), filepath.Join(dir, "az", "own.item.wav"))
	for _, c := range load(t, dir, "az", "en").SayMenu([]Item{{"own.item", '4'}}, "en") {
		if c.Language != "az" {
			t.Errorf("%s is in %s", c.Key, c.Language)
		}
	}
}

func TestSayCase(t *testing.T) {
	var keys []string
	for _, c := range load(t, "", "en").SayCase("2026-000123", "en") {
		keys = append(keys, strings.TrimPrefix(c.Key, "digit."))
	}
	if got := strings.Join(keys, " "); got != "2.mid 0.mid 2.mid 6.mid pause 0.mid 0.mid 0.mid pause 1.mid 2.mid 3.end" {
		t.Errorf("said as %s", got)
	}
}
