package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
	"hotline/recording"
	"hotline/recording/chain"
	"hotline/recording/picture"
)

// A called is a recording with all that may happen in one, and the key of its node.
type called struct {
	key  *chain.Key
	dir  string
	at   func(seconds float64) time.Time
	seen recording.Seen
}

// record makes a call of twelve seconds: a tone of 440 Hz from the caller, one of 1000 Hz to them.
func record(t testing.TB, format string) called {
	t.Helper()
	key, err := chain.LoadKey(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	answered := time.Now().Truncate(time.Millisecond) // Voice goes by the machine's clock
	at := func(s float64) time.Time { return answered.Add(time.Duration(s * float64(time.Second))) }
	c := called{key: key, dir: t.TempDir(), at: at}
	r, err := recording.New(recording.Options{
		Dir: c.dir, Node: "n", Zone: time.UTC, Format: format, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	id := call.NewID()
	g, err := r.Open(recording.Meta{Call: id, Line: "919", Arrived: answered, Answered: answered, Codec: call.PCMA})
	if err != nil {
		t.Fatal(err)
	}
	g.Voice(true, "")
	g.SetLanguage("az")
	g.SetNotice(call.Notice{Key: "notice.recording", Language: "az", Languages: []call.Language{"az", "en"}, Version: "x", From: at(0.5), To: at(2)})
	g.Party(recording.Party{Channel: "left", Role: "caller", From: at(4)})
	g.Party(recording.Party{Channel: "right", Role: "operator", Name: "aysel", From: at(4), To: at(9)})
	g.Party(recording.Party{Channel: "right", Role: "operator", Name: "murad", From: at(10)})
	payload := make([]byte, 160)
	for i := range 600 {
		for ch, hz := range []float64{440, 1000} {
			if ch == 0 && (i < 200 || i >= 300 && i < 350) {
				continue
			}
			pcm := make([]int16, 160)
			for k := range pcm {
				pcm[k] = int16(9000 * math.Abs(math.Sin(float64(i)/15)) * math.Sin(2*math.Pi*hz*float64(i*160+k)/8000))
			}
			media.Encode(payload, pcm, call.PCMA)
			g.Take(call.Frame{Channel: call.Channel(ch), Codec: call.PCMA, Timestamp: uint32(i * 160), At: answered.Add(time.Duration(i) * 20 * time.Millisecond), Payload: payload})
		}
	}
	if _, err := g.Seal(t.Context(), at(12)); err != nil {
		t.Fatal(err)
	}
	if c.seen, err = recording.See(c.dir, id, nil); err != nil {
		t.Fatal(err)
	}
	// What the house notes as it happens is told here by the call's own time.
	c.seen.Gaps = []recording.Gap{
		{Channel: call.Said, From: at(0), To: at(4), Reason: "before_notice"}, {Channel: call.Said, From: at(6), To: at(7), Reason: "hold"},
		{Channel: call.Said, From: at(8), To: at(8.7), Reason: "paused"}, {Channel: call.Heard, From: at(8), To: at(8.7), Reason: "paused"},
	}
	return c
}

// events of the same call.
func (c called) events() (list []call.Event) {
	for _, e := range []struct {
		at   float64
		name string
		data map[string]string
	}{
		{2.2, "call.queued", map[string]string{"queue": "general"}}, {4, "call.answered", map[string]string{"by": "operator", "operator": "aysel"}},
		{6, "call.held", map[string]string{"held": "yes", "by": "operator"}}, {7, "call.held", map[string]string{"held": "no"}},
		{9, "call.transferring", map[string]string{"from": "aysel", "to": "migration"}}, {9.1, "call.queued", map[string]string{"queue": "migration"}},
		{10, "call.answered", map[string]string{"by": "operator", "operator": "murad"}}, {10, "call.transferred", map[string]string{"to": "murad"}},
	} {
		list = append(list, call.Event{At: c.at(e.at), Name: e.name, Data: e.data})
	}
	return list
}

// copyOf is what a bundle of the call is made of.
func (c called) copyOf(t testing.TB, silence string) Copy {
	t.Helper()
	sound, err := recording.OpenSound(c.dir, c.seen.Call, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sound.Close() })
	return Copy{
		Request: "R-2026-000001", Made: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC), Picture: picture.Of(c.seen, c.events(), time.FixedZone("", 4*3600)),
		Manifest: c.seen.Manifest, Sound: sound, SHA256: c.seen.SHA256, Silence: silence,
	}
}

// linked makes the manifest a link of the node's chain.
func (c *called) linked(t testing.TB) {
	t.Helper()
	var link struct {
		Version int     `json:"version"`
		Call    call.ID `json:"call"`
		SHA256  string  `json:"sha256"`
		chain.Link
	}
	link.Version, link.Call, link.SHA256, link.Seq, link.Previous = 1, c.seen.Call, c.seen.SHA256, 2, strings.Repeat("ab", 32)
	line, err := c.key.Seal(&link, &link.Link)
	if err != nil {
		t.Fatal(err)
	}
	c.seen.Manifest = line
}

// unpacked makes a bundle and has unzip take it apart; it gives its folder.
func unpacked(t testing.TB, c Copy, k *chain.Key) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "copy.zip")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(f, c, k); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	judge(t, "unzip", dir, "-q", file)
	return filepath.Join(dir, "copy-"+c.Request)
}

// judge asks a foreign program, which must be there and be content.
func judge(t testing.TB, program, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is missing; this test judges our bundles with it: apt-get install %s", program, program)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// commands are those of HOW-TO-VERIFY.txt, of one language after another.
func commands(t testing.TB, dir string) (all [][]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, howFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(b), strings.Repeat("=", 78)) {
		var list []string
		for l := range strings.Lines(part) {
			if c, ok := strings.CutPrefix(l, "    "); ok {
				list = append(list, strings.TrimSpace(c))
			}
		}
		all = append(all, list)
	}
	return all
}

// follow runs commands one after another, as a person who reads them would; it gives the first that fails, or "".
func follow(t testing.TB, dir string, list []string) (failed, said string) {
	t.Helper()
	for _, c := range list {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", c)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return c, string(out)
		}
	}
	return "", ""
}

// Whoever follows HOW-TO-VERIFY.txt, in any of its languages, sees that all is well: openssl and sha256sum say it.
func TestTheCommandsOfTheTextWork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, silence  string
		linked, sealed bool
		steps          int
	}{
		{"whole", Whole, false, false, 4}, {"of a chain", Whole, true, false, 7}, {"without the operator", Operator, true, false, 6},
		{"without the caller", Caller, false, false, 3}, {"of an encrypted recording", Whole, true, true, 6},
	} {
		rec := record(t, recording.PCM16)
		if c.linked {
			rec.linked(t)
		}
		made := rec.copyOf(t, c.silence)
		if c.sealed {
			made.SHA256 = ""
		}
		dir := unpacked(t, made, rec.key)
		all := commands(t, dir)
		if len(all) != 3 {
			t.Fatalf("%s: the text has %d languages", c.name, len(all))
		}
		for i, list := range all {
			if len(list) != c.steps || !slices.Equal(list, all[0]) {
				t.Errorf("%s: language %d has %d commands, not %d as the first: %q", c.name, i, len(list), c.steps, list)
			}
			if failed, said := follow(t, dir, list); failed != "" {
				t.Errorf("%s: %s\n%s", c.name, failed, said)
			}
		}
	}
}

// One bit that is changed anywhere, a file that is gone, one that was put in the place of another: the commands find
// it. They are those of the text as it was.
func TestAnAlteredByteIsFound(t *testing.T) {
	t.Parallel()
	rec := record(t, recording.G711)
	rec.linked(t)
	dir := unpacked(t, rec.copyOf(t, Whole), rec.key)
	list := commands(t, dir)[1]
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 8 {
		t.Fatalf("the bundle has %d files, %v", len(files), err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		places := []int{0, len(good) - 1}
		for range 6 {
			places = append(places, r.IntN(len(good)))
		}
		for _, at := range places {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << r.IntN(8)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if failed, _ := follow(t, dir, list); failed == "" {
				t.Errorf("a bit of byte %d of %s was changed and nothing finds it", at, f.Name())
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if failed, _ := follow(t, dir, list); failed == "" {
			t.Errorf("%s is gone and nothing finds it", f.Name())
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if failed, said := follow(t, dir, list); failed != "" {
		t.Errorf("all is as it was again, and %s: %s", failed, said)
	}

	// Somebody makes the whole anew with a key of their own: its name is another.
	forger := record(t, recording.G711)
	forged := rec.copyOf(t, Whole)
	forged.Manifest = bytes.Replace(forged.Manifest, []byte(`"version"`), []byte(`"Version"`), 1)
	if failed, _ := follow(t, unpacked(t, forged, forger.key), list); !strings.Contains(failed, rec.key.ID()) {
		t.Errorf("a forged bundle fails at %q, and should at the name of the key", failed)
	}
}

// The sound is the very file of the recording, or it lacks one side and says so: sha256sum and sox judge.
func TestTheSoundOfACopy(t *testing.T) {
	t.Parallel()
	for _, format := range []string{recording.PCM16, recording.G711} {
		rec := record(t, format)
		for silence, quiet := range map[string]int{Whole: 0, Caller: 1, Operator: 2} { // sox counts channels from 1
			dir := unpacked(t, rec.copyOf(t, silence), rec.key)
			var a about
			b, err := os.ReadFile(filepath.Join(dir, aboutFile))
			if err == nil {
				err = json.Unmarshal(b, &a)
			}
			if err != nil {
				t.Fatal(err)
			}
			sum, _, _ := strings.Cut(judge(t, "sha256sum", dir, a.Sound.File), " ")
			if sum != a.Sound.SHA256 || a.Original != rec.seen.SHA256 || (sum == a.Original) != (silence == Whole) {
				t.Errorf("%s: the sound's sum is %s, the copy says %s, the original's is %s", silence, sum, a.Sound.SHA256, a.Original)
			}
			if manifest, err := os.ReadFile(filepath.Join(dir, a.Manifest.File)); err != nil || !bytes.Equal(manifest, rec.seen.Manifest) {
				t.Errorf("%s: the manifest is not as it was, %v", silence, err)
			}
			if (a.Silenced == nil) != (silence == Whole) || a.Silenced != nil && *a.Silenced != silence {
				t.Errorf("%q is told as %v", silence, a.Silenced)
			}
			for channel := 1; channel <= 2; channel++ {
				loud := regexp.MustCompile(`Maximum amplitude: +([0-9.]+)`).FindStringSubmatch(
					judge(t, "sox", dir, "-V1", a.Sound.File, "-n", "remix", string(rune('0'+channel)), "stat"))
				if silent := loud != nil && strings.HasPrefix(loud[1], "0.000"); loud == nil || silent != (channel == quiet) {
					t.Errorf("%s without %q: channel %d has %v", format, silence, channel, loud)
				}
			}
		}
	}
}

// failing is a writer that must not be written to.
type failing struct{ t *testing.T }

func (f failing) Write(b []byte) (int, error) {
	f.t.Errorf("%d bytes were written", len(b))
	return len(b), nil
}

// What is not what the manifest names does not leave the house, not a byte of it.
func TestNoCopyOfWhatWasChanged(t *testing.T) {
	t.Parallel()
	rec := record(t, recording.PCM16)
	b, err := io.ReadAll(rec.copyOf(t, Whole).Sound)
	if err != nil {
		t.Fatal(err)
	}
	changed := rec.copyOf(t, Whole)
	b[5000] ^= 1
	changed.Sound = bytes.NewReader(b)
	if _, err := Write(failing{t}, changed, rec.key); !errors.Is(err, ErrChanged) {
		t.Errorf("a changed sound: %v", err)
	}
	open := rec.copyOf(t, Whole)
	open.Manifest = nil
	if _, err := Write(failing{t}, open, rec.key); err == nil {
		t.Error("a recording that is not sealed is copied")
	}
	odd := rec.copyOf(t, "both")
	if _, err := Write(failing{t}, odd, rec.key); err == nil {
		t.Error("somebody is silenced whom nobody knows")
	}
	foreign := rec.copyOf(t, Operator)
	foreign.SHA256, foreign.Sound = "", bytes.NewReader(make([]byte, 5000))
	if _, err := Write(failing{t}, foreign, rec.key); err == nil {
		t.Error("what is no sound of ours is silenced")
	}
}

// The same recording, moment and key give the same bytes.
func TestACopyIsTheSameTwice(t *testing.T) {
	t.Parallel()
	rec := record(t, recording.G711)
	var once, twice bytes.Buffer
	first, err := Write(&once, rec.copyOf(t, Operator), rec.key)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Write(&twice, rec.copyOf(t, Operator), rec.key); err != nil || first != second || !bytes.Equal(once.Bytes(), twice.Bytes()) {
		t.Errorf("two bundles: %s and %s, %v", first, second, err)
	}
}

// Every text there is, is there in each language; the page names none that is not; it asks for nothing from elsewhere.
func TestThePageSpeaksThreeLanguages(t *testing.T) {
	t.Parallel()
	for key, texts := range words {
		for i, text := range texts {
			if strings.TrimSpace(text) == "" || strings.Count(text, "%s") != strings.Count(texts[1], "%s") {
				t.Errorf("%s in %s: %q", key, languages[i], text)
			}
		}
	}
	rec := record(t, recording.PCM16)
	for _, silence := range []string{Whole, Operator} {
		b, err := os.ReadFile(filepath.Join(unpacked(t, rec.copyOf(t, silence), rec.key), pageFile))
		if err != nil {
			t.Fatal(err)
		}
		page := string(b)
		for _, m := range regexp.MustCompile(`data-(?:t|label)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if _, ok := words[m[1]]; !ok {
				t.Errorf("the page has no words for %q", m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if strings.Contains(m[1], ":") || strings.HasPrefix(m[1], "/") {
				t.Errorf("the page asks for %s", m[1])
			}
		}
		for _, want := range []string{`<html lang="az">`, "Gözləmə", ": general", ">murad<", "səsyazma dayandırılmışdı", "operator tərəfindən", `data-at="2.200"`, rec.key.ID()} {
			if !strings.Contains(page, want) {
				t.Errorf("the page has no %s", want)
			}
		}
		if strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "<no value>") {
			t.Error("the template did not trust something, or misses it")
		}
		if got := strings.Contains(page, `data-t="silenced.operator"`); got != (silence == Operator) {
			t.Errorf("the page says that a side is silent: %t", got)
		}
	}
}
