package prompts

import (
	"archive/zip"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"hotline/call"
	"hotline/prompts/sound"
)

// imported runs an import and gives what became of each file.
func imported(t *testing.T, from, to string, dry bool) map[string]Imported {
	t.Helper()
	all := map[string]Imported{}
	if err := Import(from, to, dry, func(i Imported) { all[i.File] = i }); err != nil {
		t.Fatal(err)
	}
	return all
}

// speech is a clip of ours, at another gain in dB, with silence around it: a recording as a studio sends it.
func speech(t *testing.T, file string, db float64) []byte {
	t.Helper()
	s := sound.Gain(clip(t, file), db)
	quiet := make([]float64, s.Rate/2)
	s.Samples = slices.Concat(quiet, s.Samples, quiet)
	return sound.WriteWAV(s.Rate, s.PCM())
}

// sox runs the foreign judge of sound.
func sox(t *testing.T, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("sox")
	if err != nil {
		t.Fatal("sox is missing; it judges our clips: apt-get install sox")
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("sox %v: %v: %s", args, err, out)
	}
	return string(out)
}

// judged is what sox says of a clip: its level without its pauses, and its peak, in dB.
func judged(t *testing.T, file string) (level, peak float64) {
	t.Helper()
	out := sox(t, file, "-n", "silence", "-l", "1", "0.01", "-40d", "-1", "0.2", "-40d", "stats")
	value := func(of string) float64 {
		m := regexp.MustCompile(of + ` lev dB\s+(\S+)`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("sox says of %s: %s", file, out)
		}
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return value("RMS"), value("Pk")
}

// tree is every file of a folder and what is in it.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		files[strings.TrimPrefix(p, dir+"/")] = string(b)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files
}

// TestEveryFormatBecomesTheSameClip: whatever a studio's program writes sounds as loud and lasts as long
// afterwards, by the judgement of sox.
func TestEveryFormatBecomesTheSameClip(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	put(t, speech(t, "en/open.greeting.wav", 6), from, "first")
	formats := map[string]string{
		"a8": "-r 11025 -b 8 -e unsigned", "a16": "-r 44100 -b 16", "a24": "-r 48000 -b 24", "a32": "-r 96000 -b 32 -e signed",
		"float": "-r 48000 -e float -b 32", "double": "-r 22050 -e float -b 64", "alaw": "-r 8000 -e a-law", "mulaw": "-r 16000 -e mu-law",
		"stereo": "-r 88200 -b 24 -c 2", "mono8k": "-r 8000 -b 16", "a32k": "-r 32000 -b 16", "a24k": "-r 24000 -b 24 -c 2",
	}
	for name, format := range formats {
		if err := os.MkdirAll(filepath.Join(from, "en"), 0o755); err != nil {
			t.Fatal(err)
		}
		sox(t, slices.Concat([]string{"-t", "wav", filepath.Join(from, "first")}, strings.Fields(format), []string{filepath.Join(from, "en", "own."+name+".wav")})...)
	}
	if err := os.Remove(filepath.Join(from, "first")); err != nil {
		t.Fatal(err)
	}
	all := imported(t, from, to, false)
	if len(all) != len(formats) {
		t.Fatalf("%d of %d", len(all), len(formats))
	}
	length := clip(t, "en/open.greeting.wav").Seconds()
	for file, i := range all {
		if i.Err != nil {
			t.Errorf("%s: %v", file, i.Err)
			continue
		}
		level, peak := judged(t, filepath.Join(to, file))
		if math.Abs(level-i.To.Level) > 1 || math.Abs(i.To.Level-sound.TargetDBov) > 0.3 {
			t.Errorf("%s: we say %.1f dBov, sox says %.1f", file, i.To.Level, level)
		}
		if math.Abs(peak-i.To.Peak) > 0.1 || peak > -2.9 {
			t.Errorf("%s: we say a peak of %.1f dBFS, sox says %.1f", file, i.To.Peak, peak)
		}
		if math.Abs(i.To.Seconds-length) > 0.1 || math.Abs(i.From.Seconds-length-1) > 0.1 {
			t.Errorf("%s: %.2f s became %.2f, the words last %.2f", file, i.From.Seconds, i.To.Seconds, length)
		}
		if math.Abs(i.From.Level-(-16)) > 1 {
			t.Errorf("%s came at %.1f dBov", file, i.From.Level)
		}
	}
	if l := load(t, to, "az", "en", "ru"); len(l.Check()) > 0 || !l.Has("own.alaw", "en") {
		t.Errorf("what was imported is not played: %v", l.Check())
	}
}

// studio is a folder of recordings, most of which have something.
func studio(t *testing.T) string {
	dir := t.TempDir()
	good := speech(t, "ru/bye.wav", 0)
	put(t, good, dir, "ru", "bye.wav")
	put(t, speech(t, "az/bye.wav", 30), dir, "az", "bye.wav")                   // clipped
	put(t, speech(t, "az/queue.enter.wav", -20), dir, "az", "queue.enter.wav")  // quiet
	put(t, speech(t, "en/queue.enter.wav", 0), dir, "en_queue.enter.WAV")       // by its name alone
	put(t, speech(t, "en/hour.5.wav", 0), dir, "en", "notice.recording.wav")    // another, shorter sentence
	put(t, speech(t, "en/open.greeting.wav", 0), dir, "en", "digit.1.mid.wav")  // of no words worth measuring
	put(t, speech(t, "en/notice.recording.wav", 0), dir, "en", "closed.wav")    // no such key
	put(t, good, dir, "ru", "Queue_Enter.wav")                                  // nearly one
	put(t, good, dir, "az", "number.1.f.wav")                                   // Russian alone has it
	put(t, good, dir, "ru", "own.a b.wav")                                      // what no configuration can name
	put(t, good, dir, "ru", "own..wav")                                         //
	put(t, good, dir, "queue.next.wav")                                         // in which language?
	put(t, good, dir, "music.wav")                                              //
	put(t, recorded(48000, 440), dir, "tone.ok.wav")                            // of no language
	put(t, recorded(48000, 440), dir, "ru", "open.lang.wav")                    // for the numbered ones
	put(t, good, dir, "second", "ru", "bye.wav")                                // again
	put(t, []byte("RIFFxxxxWAVE"), dir, "ru", "queue.next.wav")                 // broken
	put(t, good[:len(good)/2], dir, "ru", "queue.thanks.wav")                   // cut off
	put(t, nil, dir, "ru", "queue.connecting.wav")                              // empty
	put(t, sound.WriteWAV(48000, make([]int16, 48000)), dir, "az", "own.0.wav") // silence
	put(t, sound.WriteWAV(8000, make([]int16, 8000*181)), dir, "az", "own.long.wav")
	steady := make([]int16, 8000)
	for i := range steady {
		steady[i] = 3000
	}
	put(t, sound.WriteWAV(8000, steady), dir, "az", "own.dc.wav")
	put(t, []byte("not for us"), dir, "readme.txt")
	put(t, []byte("a Macintosh's"), dir, "az", "._bye.wav")
	return dir
}

// become is what the studio's recordings become: an error, a remark, or "" for taken.
var become = map[string]string{
	"ru/bye.wav":              "",
	"az/bye.wav":              "it is clipped",
	"az/queue.enter.wav":      "it was recorded quietly, at -42",
	"en_queue.enter.WAV":      "",
	"en/notice.recording.wav": "short for its text",
	"en/digit.1.mid.wav":      "",
	"en/closed.wav":           "!there is no prompt of this name, take it away, or name it KEY.wav as in the catalogue, or own.NAME.wav if the configuration has it",
	"ru/Queue_Enter.wav":      "!there is no prompt of this name, name it queue.enter.wav",
	"az/number.1.f.wav":       `!there is no prompt of this name, take it away: nothing that is said in "az" needs it`,
	"ru/own.a b.wav":          "!there is no prompt of this name, name it own.NAME.wav, NAME of letters, digits, - and _",
	"ru/own..wav":             "!there is no prompt of this name, name it own.NAME.wav, NAME of letters, digits, - and _",
	"queue.next.wav":          "!there is no prompt of this name, put it in the folder of its language: az, en or ru",
	"music.wav":               "!music is not brought to the level of speech",
	"tone.ok.wav":             "it was recorded loudly",
	"ru/open.lang.wav":        "it was recorded loudly",
	"second/ru/bye.wav":       "!ru/bye.wav is the same clip, leave one of them",
	"ru/queue.next.wav":       "!the WAV file has no data",
	"ru/queue.thanks.wav":     "",
	"ru/queue.connecting.wav": "!this is no WAV file",
	"az/own.0.wav":            "!nothing is to be heard in it",
	"az/own.dc.wav":           "!nothing is to be heard in it",
	"az/own.long.wav":         "!it is 181 s long, 180 s are the most",
}

func TestImportTellsWhatBecameOfEach(t *testing.T) {
	dir, to := studio(t), t.TempDir()
	if len(tree(t, to)) > 0 {
		t.Fatal("no clean folder")
	}
	dry := imported(t, dir, filepath.Join(to, "not", "yet"), true)
	if left := tree(t, to); len(left) > 0 {
		t.Errorf("a dry run has written %d files", len(left))
	}
	all := imported(t, dir, to, false)
	if len(all) != len(become) {
		t.Errorf("%d files are told of, want %d", len(all), len(become))
	}
	var taken []string
	for file, want := range become {
		i := all[file]
		if (dry[file].Err == nil) != (i.Err == nil) || dry[file].To != i.To {
			t.Errorf("%s: the dry run says something else: %v", file, dry[file].Err)
		}
		if problem, bad := strings.CutPrefix(want, "!"); bad {
			if i.Err == nil || !strings.HasPrefix(i.Err.Error(), problem) || i.To != (Measure{}) {
				t.Errorf("%s: %v, want %q", file, i.Err, problem)
			}
			continue
		}
		taken = append(taken, filepath.Join(string(i.Language), i.Key+".wav"))
		if i.Err != nil || want == "" && len(i.Remarks) > 0 || want != "" && !strings.Contains(strings.Join(i.Remarks, "; "), want) {
			t.Errorf("%s: %v %q, want %q", file, i.Err, i.Remarks, want)
		}
	}
	var written []string
	for file := range tree(t, to) {
		written = append(written, file)
	}
	slices.Sort(taken)
	slices.Sort(written)
	if !slices.Equal(taken, written) {
		t.Errorf("written %v, want %v: no more, no less, nothing half", written, taken)
	}
	l := load(t, to, "az", "en", "ru")
	if faults := l.Check(); len(faults) > 0 {
		t.Errorf("what was imported is not played: %v", faults)
	}
	if l.Clip("bye", "ru").Version == load(t, "", "ru").Clip("bye", "ru").Version {
		t.Error("the built-in clip is still played")
	}
}

// packed makes an archive of a folder, with names as a program may write them.
func packed(t *testing.T, dir string, called func(string) string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "studio.zip")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for name, body := range tree(t, dir) {
		w, err := z.Create(called(name))
		if err == nil {
			_, err = w.Write([]byte(body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestArchiveIsAsGoodAsFolder(t *testing.T) {
	dir, want := t.TempDir(), t.TempDir()
	put(t, speech(t, "ru/hour.5.wav", 0), dir, "ru", "hour.5.wav")
	put(t, speech(t, "az/hour.5.wav", 0), dir, "az_hour.5.wav")
	put(t, []byte("x"), dir, "az", "._hour.5.wav")
	put(t, []byte("x"), dir, "en", "hour.5.wav")
	if len(imported(t, dir, want, false)) != 3 || len(tree(t, want)) != 2 {
		t.Fatal("the folder itself is not taken")
	}
	for what, called := range map[string]func(string) string{
		"as they are":      func(n string) string { return n },
		"in a folder":      func(n string) string { return "Recordings of May/" + n },
		"made by Windows":  func(n string) string { return strings.ReplaceAll("studio/"+n, "/", `\`) },
		"from the root on": func(n string) string { return "/" + n },
	} {
		to := t.TempDir()
		all := imported(t, packed(t, dir, called), to, false)
		if len(all) != 3 {
			t.Errorf("%s: %d files are told of: %v", what, len(all), all)
		}
		got := tree(t, to)
		for file, body := range tree(t, want) {
			if got[file] != body {
				t.Errorf("%s: %s is not what the folder gave", what, file)
			}
			delete(got, file)
		}
		for file := range got {
			t.Errorf("%s: %s is too many", what, file)
		}
	}
}

// TestArchiveWritesNowhereElse: a name that climbs out of the archive, or moves the screen, does neither.
func TestArchiveWritesNowhereElse(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	put(t, speech(t, "ru/hour.5.wav", 0), dir, "x")
	for _, name := range []string{
		"../../az/bye.wav", "az/../../../bye.wav", `az\..\..\bye.wav`, "az_../../../own.x.wav", `az_..\..\own.x.wav`, "az/own.../../x.wav",
		"az/own.\x00.wav", "az/own.\x1b[2J.wav", "az_/etc/own.x.wav", "/az/own./x.wav", "az/.wav", "az/own.wav",
	} {
		to := filepath.Join(root, "data", "prompts")
		err := Import(packed(t, dir, func(string) string { return name }), to, false, func(i Imported) {
			if strings.ContainsAny(i.File, "\x00\x1b") || i.Err != nil && strings.ContainsAny(i.Err.Error(), "\x00\x1b") {
				t.Errorf("%q is told as %q, %v", name, i.File, i.Err)
			}
		})
		for file := range tree(t, root) {
			if !regexp.MustCompile(`^data/prompts/(az/|)(bye|own(\.\w+)+)\.wav$`).MatchString(file) || path.Clean(file) != file {
				t.Errorf("%q has become %q (%v)", name, file, err)
			}
		}
		if err := os.RemoveAll(filepath.Join(root, "data")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatIsNoRecordingHangsNothing: a pipe would never end, a file of 192 MB would fill the memory, a folder
// may be closed; the others are taken.
func TestWhatIsNoRecordingHangsNothing(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	put(t, speech(t, "ru/bye.wav", 0), dir, "ru", "bye.wav")
	if err := syscall.Mkfifo(filepath.Join(dir, "ru", "queue.enter.wav"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "ru"), filepath.Join(dir, "ru", "queue.next.wav")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "ru", "queue.thanks.wav")); err != nil {
		t.Fatal(err)
	}
	put(t, sound.WriteWAV(8000, nil), dir, "az", "own.huge.wav")
	if err := os.Truncate(filepath.Join(dir, "az", "own.huge.wav"), clipBytes+1); err != nil { // sparse
		t.Fatal(err)
	}
	all := imported(t, dir, to, false)
	for file, want := range map[string]string{
		"ru/queue.enter.wav": "it is no file", "ru/queue.next.wav": "it is no file", "ru/queue.thanks.wav": "no such file", "az/own.huge.wav": "larger than 64 MB",
	} {
		if err := all[file].Err; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
	if all["ru/bye.wav"].Err != nil || len(tree(t, to)) != 1 {
		t.Errorf("the good one: %v", all["ru/bye.wav"].Err)
	}
}

// TestOldClipStaysWhereTheNewOneIsBad, and is replaced, not followed, where it is a link.
func TestOldClipStaysWhereTheNewOneIsBad(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	put(t, []byte("old"), to, "ru", "bye.wav")
	put(t, []byte("RIFF, but no sound"), dir, "ru", "bye.wav")
	if all := imported(t, dir, to, false); all["ru/bye.wav"].Err == nil || tree(t, to)["ru/bye.wav"] != "old" {
		t.Errorf("the old clip is gone: %v", all)
	}
	secret := filepath.Join(t.TempDir(), "else")
	put(t, []byte("not ours"), secret)
	if err := os.Symlink(secret, filepath.Join(to, "ru", "queue.enter.wav")); err != nil {
		t.Fatal(err)
	}
	put(t, speech(t, "ru/queue.enter.wav", 0), dir, "ru", "queue.enter.wav")
	imported(t, dir, to, false)
	if b, err := os.ReadFile(secret); err != nil || string(b) != "not ours" {
		t.Errorf("the import has written through a link: %v", err)
	}
	if os.Getuid() == 0 {
		return // to whom nothing is forbidden
	}
	if err := os.Chmod(filepath.Join(to, "ru"), 0o500); err != nil {
		t.Fatal(err)
	}
	put(t, speech(t, "ru/bye.wav", 0), dir, "ru", "bye.wav")
	if all := imported(t, dir, to, false); all["ru/bye.wav"].Err == nil || tree(t, to)["ru/bye.wav"] != "old" {
		t.Errorf("what cannot be written is said to be: %v", all)
	}
	if err := os.Chmod(filepath.Join(to, "ru"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestImportOfNothing(t *testing.T) {
	dir := t.TempDir()
	put(t, []byte("x"), dir, "some", "text.txt")
	for from, want := range map[string]string{
		dir:                                    "holds no .wav file",
		filepath.Join(dir, "none"):             "no such file",
		filepath.Join(dir, "some", "text.txt"): "neither a folder nor a .zip archive",
		packed(t, dir, func(n string) string { return n }): "holds no .wav file",
	} {
		err := Import(from, t.TempDir(), false, func(i Imported) { t.Errorf("%s: %+v", from, i) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", from, err, want)
		}
	}
}

func TestClipped(t *testing.T) {
	for name, c := range map[string]struct {
		samples []float64
		want    int
	}{
		"one sample at full scale":            {[]float64{0, 1, 0}, 0},
		"three in a row":                      {[]float64{0, 1, 1, 1, 0}, 3},
		"up to the last sample":               {[]float64{0, -1, -1, -1, -1}, 4},
		"the highest of A-law":                {[]float64{0.984375, 0.984375, 0.984375}, 3},
		"from one end to the other":           {[]float64{1, 1, -1, -1, 1, 1}, 0},
		"long, but not loud":                  {[]float64{0.5, 0.5, 0.5, 0.5}, 0},
		"clipped, then made a little quieter": {[]float64{0.9886, 0.9886, 0.9886, 0.3}, 3},
		"nothing":                             {nil, 0},
	} {
		if got := clipped(c.samples); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestRows: each prompt in each language that needs it, where it comes from and what is not well with it.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	put(t, speech(t, "az/bye.wav", -12), dir, "az", "bye.wav")
	put(t, recorded(8000, 440), dir, "az", "own.flood.wav")
	put(t, recorded(8000, 440), dir, "az", "open.lang.wav")
	put(t, []byte("broken"), dir, "ru", "bye.wav")
	l := load(t, dir, "az", "ru")
	rows := map[name]Row{}
	if err := l.Rows(func(r Row) {
		n := name{r.Key, r.Language}
		if _, twice := rows[n]; twice {
			t.Errorf("%v is told twice", n)
		}
		rows[n] = r
	}); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[name]Source{
		{"bye", "az"}: Yours, {"bye", "ru"}: BuiltIn, {"own.flood", "az"}: Yours, {"own.flood", "ru"}: Missing,
		{"number.1.f", "az"}: "", {"number.1.f", "ru"}: BuiltIn, {"bye", "en"}: "", {"tone.ok", ""}: BuiltIn, {"open.lang", "az"}: Yours,
	} {
		if got := rows[n].Source; got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
	if r := rows[name{"bye", "az"}]; len(r.Remarks) != 1 || !strings.Contains(r.Remarks[0], "it is at -34") || r.Text == "" {
		t.Errorf("%+v", r)
	}
	if r := rows[name{"bye", "ru"}]; r.Measure.Seconds == 0 || len(r.Remarks) > 0 {
		t.Errorf("%+v", r)
	}
}

// TestKeep: what a voice has said is kept under a key that somebody plays, in a language of ours, and nowhere
// else.
func TestKeep(t *testing.T) {
	s, root := clip(t, "ru/bye.wav"), t.TempDir()
	to := filepath.Join(root, "prompts")
	for _, c := range []struct {
		key  string
		lang call.Language
		want string
	}{
		{"own.flood", "ru", ""}, {"bye", "ru", ""}, {"bey", "ru", noPrompt}, {"own.../../x", "ru", noPrompt}, {"own.x", "../..", "name its language"},
		{"tone.ok", "", "name its language"}, {"", "ru", noPrompt},
	} {
		i := Keep(to, c.key, c.lang, s)
		if (i.Err == nil) != (c.want == "") || i.Err != nil && !strings.HasPrefix(i.Err.Error(), c.want) {
			t.Errorf("%s in %s: %v, want %q", c.key, c.lang, i.Err, c.want)
		}
	}
	files := tree(t, root)
	if len(files) != 2 || files["prompts/ru/own.flood.wav"] == "" || files["prompts/ru/bye.wav"] == "" {
		t.Errorf("%d files", len(files))
	}
}
