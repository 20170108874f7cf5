package prompts

import (
	"archive/zip"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/prompts/sound"
)

// Recordings as studios deliver them, made and judged by sox and ffmpeg, which share no code with us.

// foreign runs a program that is no part of us.
func foreign(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Skip(args[0] + " is not here: scripts/tools.sh sox ffmpeg")
	}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// voice is a sentence to make recordings of, as a file.
func voice(t *testing.T) string {
	t.Helper()
	data, err := fs.ReadFile(built, "clips/en/notice.recording.wav")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "voice.wav")
	put(t, data, file)
	return file
}

// importing imports, and gives what became of each file.
func importing(t *testing.T, from, to string, dry bool) map[string]Imported {
	t.Helper()
	got := map[string]Imported{}
	if err := Import(from, to, dry, func(i Imported) { got[i.File] = i }); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRecordingsOfAnyStudioAreMadeClips: whatever the format, the clip has the rate, the level and the
// length of a telephone prompt, by a foreign judge.
func TestRecordingsOfAnyStudioAreMadeClips(t *testing.T) {
	from, to, said := t.TempDir(), t.TempDir(), voice(t)
	if err := os.Mkdir(filepath.Join(from, "en"), 0o755); err != nil {
		t.Fatal(err)
	}
	formats := map[string][]string{
		"own.float48":    {"-r", "48000", "-e", "float", "-b", "32"},
		"own.double":     {"-r", "44100", "-e", "float", "-b", "64"},
		"own.studio":     {"-r", "96000", "-e", "signed", "-b", "24"},
		"own.stereo":     {"-r", "44100", "-e", "signed", "-b", "16", "-c", "2"},
		"own.wide":       {"-r", "88200", "-e", "signed", "-b", "32", "-c", "2"},
		"own.odd":        {"-r", "37800", "-e", "signed", "-b", "16"},
		"own.old":        {"-r", "11025", "-e", "unsigned", "-b", "8"},
		"own.alaw":       {"-r", "8000", "-e", "a-law", "-b", "8"},
		"own.mulaw":      {"-r", "16000", "-e", "mu-law", "-b", "8"},
		"own.telephones": {"-r", "8000", "-e", "signed", "-b", "16"},
	}
	for key, format := range formats {
		file := filepath.Join(from, "en", key+".wav")
		args := append(append([]string{"sox", "-V1", said}, format...), file)
		// Quieter, with silence around, as an engineer leaves it.
		foreign(t, append(args, "gain", "-9", "pad", "1", "2")...)
	}
	got := importing(t, from, to, false)
	for key := range formats {
		one := got["en/"+key+".wav"]
		most := 1 // it is quiet
		if key == "own.old" {
			most = 2 // and 8 bits hiss
		}
		if one.Err != nil || len(one.Remarks) > most {
			t.Errorf("%s: %v %v", key, one.Err, one.Remarks)
			continue
		}
		if math.Abs(one.From.Level+31) > 1.5 || math.Abs(one.To.Level+22) > 0.5 {
			t.Errorf("%s: from %.1f to %.1f dBov", key, one.From.Level, one.To.Level)
		}
		judge(t, filepath.Join(to, "en", key+".wav"), said)
	}
	l := load(t, to, "en")
	if f := l.Check(); len(f) > 0 {
		t.Errorf("what was imported is not played: %v", f)
	}
	if l.Clip("own.studio", "en") == nil {
		t.Error("the clip is not in the library")
	}
}

// judge lets sox and ffmpeg look at a clip; as is a clip of the same words.
func judge(t *testing.T, file, as string) {
	t.Helper()
	number := func(text, pattern string) float64 {
		m := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
		if m == nil {
			t.Fatalf("%s is not in\n%s", pattern, text)
		}
		v, err := strconv.ParseFloat(m[len(m)-1][1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	stats := foreign(t, "sox", "-V1", file, "-n", "stats")
	if peak := number(stats, `Pk lev dB +(-?[\d.]+)`); peak > -2.9 {
		t.Errorf("%s: sox finds a peak of %.1f dBFS", path.Base(file), peak)
	}
	if dc := number(stats, `DC offset +(-?[\d.]+)`); math.Abs(dc) > 0.0005 {
		t.Errorf("%s: sox finds a steady part of %g", path.Base(file), dc)
	}
	if rate := foreign(t, "soxi", "-r", file); strings.TrimSpace(rate) != "8000" {
		t.Errorf("%s: sox finds %s Hz", path.Base(file), rate)
	}
	got, want := number(foreign(t, "soxi", "-D", file), `([\d.]+)`), number(foreign(t, "soxi", "-D", as), `([\d.]+)`)
	if math.Abs(got-want) > 0.12 { // at another rate silence may begin a little elsewhere
		t.Errorf("%s: sox finds %.2f s, %.2f were said", path.Base(file), got, want)
	}
	loudness := func(f string) float64 {
		return number(foreign(t, "ffmpeg", "-nostats", "-i", f, "-filter_complex", "ebur128", "-f", "null", "-"), `I: +(-?[\d.]+) LUFS`)
	}
	if got, want := loudness(file), loudness(as); math.Abs(got-want) > 1 {
		t.Errorf("%s: ffmpeg finds %.1f LUFS, other clips have %.1f", path.Base(file), got, want)
	}
}

// TestRecordingsThatAreNotWellAreTold: each fault by itself, none in the way of the others.
func TestRecordingsThatAreNotWellAreTold(t *testing.T) {
	from, to, said := t.TempDir(), t.TempDir(), voice(t)
	for _, lang := range []string{"az", "en", "ru", "tr"} {
		if err := os.Mkdir(filepath.Join(from, lang), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(from, filepath.FromSlash(name)) }
	record := func(name string, effects ...string) {
		foreign(t, append([]string{"sox", "-V1", said, "-r", "48000", "-b", "16", at(name)}, effects...)...)
	}
	record("en/notice.recording.wav")
	record("en/bye.wav", "gain", "30")                            // clipped
	record("az_bye.wav", "gain", "-25")                           // quiet
	record("en/closed.intro.wav", "pad", "0", "1", "repeat", "3") // far too long for its text
	record("en/queue.thanks.wav", "trim", "0", "0.5")             // cut off
	record("ru/Queue_Enter.wav")                                  // another name
	record("ru/menu.invalide.wav")                                // a slip of the finger
	record("ru/nonsense.wav")                                     //
	record("tr/bye.wav")                                          // no language of ours
	record("ru/bye.wav")                                          //
	record("ru_bye.wav")                                          // the same once more
	record("az/number.1.f.wav")                                   // az has no such piece
	foreign(t, "sox", "-V1", "-n", "-r", "48000", "-b", "16", at("en/hold.start.wav"), "trim", "0", "3")
	foreign(t, "sox", "-V1", "-n", "-r", "8000", "-b", "16", at("en/fault.number.wav"), "trim", "0", "200")
	foreign(t, "sox", "-V1", said, "-r", "48000", at("en/own.noise.wav"), "synth", "pinknoise", "mix", "gain", "-20")
	put(t, []byte("ID3, not a WAV at all"), at("en/fault.blocked.wav"))
	put(t, []byte("x"), at("notes.txt"))
	put(t, []byte("x"), at("en/._bye.wav"))
	if err := syscall.Mkfifo(at("en/transfer.start.wav"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("en/hold.thanks.wav"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, []byte("what was there"), to, "en", "fault.blocked.wav")

	got := importing(t, from, to, false)
	for file, want := range map[string]string{ // of the error, or of the only remark
		"en/notice.recording.wav": "",
		"en/bye.wav":              "samples at full scale",
		"az_bye.wav":              "recorded quietly, at -47",
		"en/closed.intro.wav":     "long for its text",
		"en/queue.thanks.wav":     "is it cut off?",
		"ru/Queue_Enter.wav":      "name it queue.enter.wav",
		"ru/menu.invalide.wav":    "name it menu.invalid.wav",
		"ru/nonsense.wav":         "there is no prompt of this name: see hotline prompts list",
		"tr/bye.wav":              "in which language",
		"ru/bye.wav":              "",
		"ru_bye.wav":              "it is what ru/bye.wav is",
		"az/number.1.f.wav":       "az needs no number.1.f",
		"en/hold.start.wav":       "nothing is to be heard",
		"en/fault.number.wav":     "it is 200 s long",
		"en/own.noise.wav":        "the room is only",
		"en/fault.blocked.wav":    "no WAV file",
		"en/transfer.start.wav":   "it is no file",
	} {
		one, there := got[file]
		delete(got, file)
		told := strings.Join(one.Remarks, "; ")
		if one.Err != nil {
			told = one.Err.Error()
		}
		if !there || !strings.Contains(told, want) || want == "" && told != "" {
			t.Errorf("%s (%v): %q, want %q", file, there, told, want)
		}
		taken := exists(filepath.Join(to, string(one.Language), one.Key+".wav"))
		if taken != (one.Err == nil) && file != "ru_bye.wav" && file != "en/fault.blocked.wav" {
			t.Errorf("%s: there is a clip: %v, told: %q", file, taken, told)
		}
	}
	for file := range got {
		t.Errorf("%s was taken for a recording", file)
	}
	if b, err := os.ReadFile(filepath.Join(to, "en", "fault.blocked.wav")); err != nil || string(b) != "what was there" {
		t.Errorf("a file that is no recording took away what was there: %q %v", b, err)
	}
	left, err := filepath.Glob(filepath.Join(to, "*", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestADryImportWritesNothing(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "prompts")
	put(t, recorded(48000, 400), from, "az", "own.flood.wav")
	got := importing(t, from, to, true)
	if one := got["az/own.flood.wav"]; one.Err != nil || math.Abs(one.To.Level+22) > 0.5 {
		t.Errorf("%+v", one)
	}
	if exists(to) {
		t.Error("it has made a folder")
	}
	if err := Import(t.TempDir(), to, true, func(Imported) {}); err == nil || !strings.Contains(err.Error(), "holds no .wav file") {
		t.Errorf("an empty folder: %v", err)
	}
	if err := Import(filepath.Join(from, "nowhere"), to, true, func(Imported) {}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// TestAnArchiveStaysInItsPlace: names that lead out of an archive write nowhere but into the folder of
// clips, and the rest of the archive is taken.
func TestAnArchiveStaysInItsPlace(t *testing.T) {
	above := t.TempDir()
	to := filepath.Join(above, "a", "b", "prompts")
	file := filepath.Join(t.TempDir(), "studio.zip")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(out)
	good := recorded(16000, 500)
	for _, name := range []string{"en/bye.wav", "../../az/bye.wav", "/ru/bye.wav", `..\..\own.win.wav`, "en/../../../own.out.wav", "en/own.../../x.wav",
		"__MACOSX/en/bye.wav", "studio/ru/own.deep.wav"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(good); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	got := importing(t, file, to, false)
	if one := got["en/bye.wav"]; one.Err != nil || one.Key != "bye" || one.Language != "en" {
		t.Errorf("en/bye.wav: %+v", one)
	}
	if one := got["studio/ru/own.deep.wav"]; one.Err != nil {
		t.Errorf("a folder in the archive: %v", one.Err)
	}
	err = filepath.WalkDir(above, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(to, p)
		if err == nil && !d.IsDir() && (strings.HasPrefix(rel, "..") || strings.Count(rel, "/") != 1) {
			t.Errorf("%s was written", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, []byte("no archive"), above, "broken.zip")
	if err := Import(filepath.Join(above, "broken.zip"), to, false, func(Imported) {}); err == nil || !strings.Contains(err.Error(), "neither a folder nor a .zip") {
		t.Errorf("a broken archive: %v", err)
	}
}

// TestTheListSaysWhatCallersHear: what is ours, what is theirs, what is missing, and what is wrong with theirs.
func TestTheListSaysWhatCallersHear(t *testing.T) {
	dir := t.TempDir()
	put(t, recorded(8000, 500), dir, "en", "bye.wav") // at −13.4 dBov, as long as a word
	put(t, recorded(8000, 500), dir, "ru", "own.flood.wav")
	put(t, sound.WriteWAV(8000, make([]int16, 8000)), dir, "ru", "closed.intro.wav")
	put(t, []byte("own.storm: {az: \"Fırtına var.\", en: \"There is a storm.\"}\nqueue.thanks: {en: \"We thank you.\"}\n"), dir, TextsFile)
	l := load(t, dir, "en", "ru")
	if f := l.Check(); len(f) > 0 {
		t.Errorf("faults: %v", f)
	}
	got := map[string]Row{}
	if err := l.Rows(func(r Row) { got[string(r.Language)+"/"+r.Key] = r }); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]struct {
		source Source
		text   string
		remark string
	}{
		"en/bye":           {Yours, "Thank you for calling. Goodbye.", "it is at -13.4 dBov, others are at -22"},
		"ru/bye":           {BuiltIn, "Благодарим за звонок. До свидания.", ""},
		"ru/own.flood":     {Yours, "", "it is at -13.4"},
		"en/own.flood":     {Missing, "", ""},
		"en/own.storm":     {Missing, "There is a storm.", ""},
		"ru/closed.intro":  {Yours, "Сейчас нерабочее время.", "nothing is to be heard"},
		"en/queue.thanks":  {BuiltIn, "We thank you.", "hotline prompts render speaks it"},
		"ru/number.1.f":    {BuiltIn, "одна,", ""},
		"ru/docs.work":     {BuiltIn, "", ""},
		"en/press.1.short": {BuiltIn, "one.", ""},
	} {
		r, ok := got[key]
		if !ok || r.Source != want.source || want.text != "" && r.Text != want.text || !strings.Contains(strings.Join(r.Remarks, ";"), want.remark) ||
			want.remark == "" && len(r.Remarks) > 0 {
			t.Errorf("%s: %+v, want %+v", key, r, want)
		}
	}
	if _, ok := got["en/number.1.f"]; ok {
		t.Error("a piece that English does not need is listed")
	}
	for key, r := range got { // our own clips stand our own test of lengths
		if r.Source == BuiltIn && r.Text != "We thank you." {
			if told := append(heardAs(r.Measure), paced(r.Measure.Seconds, r.Text)...); len(told) > 0 && r.Measure.Seconds > 1 {
				t.Errorf("%s: %v", key, told)
			}
		}
	}
	put(t, []byte("own.storm: [az"), dir, TextsFile)
	if f := load(t, dir, "az").Check(); len(f) != 1 || !strings.HasSuffix(f[0].Path, TextsFile) {
		t.Errorf("broken texts: %v", f)
	}
	put(t, []byte("bye: {azz: \"x\"}"), dir, TextsFile)
	if f := load(t, dir, "az").Check(); len(f) != 1 || !strings.Contains(f[0].Problem, `"azz"`) {
		t.Errorf("a language that is none: %v", f)
	}
}

// TestMenusAreToldWithShortKeys: in Azerbaijani and Russian every key but the last is its word alone; what is
// missing is told in the first language, or left out with its key.
func TestMenusAreToldWithShortKeys(t *testing.T) {
	dir := t.TempDir()
	put(t, recorded(8000, 500), dir, "az", "own.one.wav")
	l, err := Load(dir, []call.Language{"az", "en", "ru"}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	two := []Item{{"menu.item.operator", '1'}, {"menu.item.status", '2'}}
	for _, c := range []struct {
		items []Item
		lang  call.Language
		want  string
	}{
		{two, "az", "menu.item.operator/az press.1.short/az menu.item.status/az press.2/az"},
		{two, "ru", "menu.item.operator/ru press.1.short/ru menu.item.status/ru press.2/ru"},
		{two, "en", "menu.item.operator/en press.1/en menu.item.status/en press.2/en"},
		{[]Item{{"own.one", '1'}, two[1]}, "en", "own.one/az press.1.short/az menu.item.status/en press.2/en"},
		{[]Item{two[0], {"own.none", '2'}}, "ru", "menu.item.operator/ru press.1/ru"},
		{[]Item{{"own.none", '#'}}, "ru", ""},
		{nil, "az", ""},
	} {
		var got []string
		for _, clip := range l.SayMenu(c.items, c.lang) {
			got = append(got, clip.Key+"/"+string(clip.Language))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v in %s:\n%s, want\n%s", c.items, c.lang, strings.Join(got, " "), c.want)
		}
	}
	if got, want := said(t, l.SayCase("2026-000123", "en")), "two zero two six · zero zero zero · one two three"; got != want {
		t.Errorf("the number of a case is %q, want %q", got, want)
	}
}
