//go:build acceptance

package acceptance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/acceptance/ear"
	"hotline/phone"
)

// journeyMenus are the menus of the sample file, as whoever takes out its signs has them.
func journeyMenus(t testing.TB) string {
	t.Helper()
	out := run(t, program(t), "config", "default")
	_, text, _ := strings.Cut(out, "\nmenus: {}\n")
	text, _, ok := strings.Cut(text, "\n\n# ")
	if !ok {
		t.Fatal("the sample has no menus")
	}
	return "menus:\n" + regexp.MustCompile(`(?m)^#`).ReplaceAllString(text, "")
}

// journeyServer runs the whole journey by day on 919 and by night on 9190, with a status system that stands
// in, a unit that takes webhooks, and an emergency service.
func journeyServer(t testing.TB, extra ...string) *server {
	t.Helper()
	s := newServer(t, append([]string{
		journeyMenus(t),
		`calendars: {never: {}}`,
		`status: {url: "` + statusSystem(t) + `"}`,
		`queues: [{name: general, wrap_up: 0s, survey: service}]`,
		`surveys: {service: {ask: [{name: service, clip: survey.q1, keys: 1-5}, {name: solved, clip: survey.q2, items: {1: survey.item.yes, 2: survey.item.no}}]}}`,
	}, extra...)...)
	text := s.read("hotline.yaml")
	text = strings.Replace(text, "menus: {main: {queue: general}}\n", "", 1)
	text = strings.Replace(text, `also: ["012919"], start: main}]`, `also: ["012919"], start: main}, {number: "9190", hours: never, start: main, closed: night}]`, 1)
	s.write("hotline.yaml", text)
	return s
}

// statusSystem starts deploy/status and gives its address.
func statusSystem(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "status")
	run(t, "go", "build", "-o", bin, "../deploy/status")
	c := exec.Command(bin, "--listen", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	var told struct{ URL string }
	if err != nil || json.Unmarshal([]byte(line), &told) != nil {
		t.Fatalf("the status system says %q, %v", line, err)
	}
	return told.URL
}

// A walk is one caller's way: what is done, and which clips must be heard for it, in this order.
type walk struct {
	name  string
	line  string
	does  string // keys; . waits two seconds, s speaks for four, _ waits for the goodbye; sipp with - first presses none for a language
	hears string // clips, whole; * before one lets any number of others come first
	ends  string // outcome of the record
}

// walks are all branches of the default menu. Keys are pressed a second after the words have begun.
var walks = []walk{
	{"an operator", "919", "1....", "queue.enter", "abandoned"},
	{"a person by 0", "919", "0....", "queue.enter", "abandoned"},
	{"documents: registration", "919", "31_", "docs.registration docs.website *bye", "served"},
	{"documents: extension", "919", "32_", "docs.extension docs.website *bye", "served"},
	{"documents: residence", "919", "33_", "docs.residence docs.website *bye", "served"},
	{"documents: permanent", "919", "34_", "docs.permanent docs.website *bye", "served"},
	{"documents: work", "919", "35_", "docs.work docs.website *bye", "served"},
	{"back, and again to an operator", "919", "3..*..1....", "docs.intro menu.main.intro queue.enter", "abandoned"},
	{"again by #", "919", "..#..1....", "menu.main.intro menu.main.intro queue.enter", "abandoned"},
	{"status, and it is told", "919", "21002#.....1.01021990.....", "status.readback digit.1.mid digit.0.mid digit.0.mid digit.2.end status.checking status.inProgress", "served"},
	{"status of somebody else: not found", "919", "21002#.....1.02021990.......", "status.checking status.notFound", "abandoned"},
	{"status away", "919", "25001#.....1.01021990.........", "status.checking status.unavailable menu.item.operator press.0", "abandoned"},
	{"a complaint, with its number", "919", "41......s#.1_", "vm.complaint.intro tone.beep *vm.saved vm.regNumber *vm.regNumber *vm.due *bye", "served"},
	{"a proposal", "919", "42......s#.1_", "vm.proposal.intro tone.beep *vm.saved vm.regNumber *bye", "served"},
	{"in confidence", "919", "43........s#.1_", "vm.confidential.intro tone.beep *vm.saved vm.regNumber *bye", "served"},
	{"a wrong key", "919", "7.....1....", "menu.invalid queue.enter", "abandoned"},
	{"by night: closed, and a message", "9190", "........3........s#.1_", "closed.intro *vm.intro tone.beep *vm.saved vm.regNumber *bye", "served"},
}

// Every branch of the default menu, in each language, by keys as telephone-event, INFO and tones in the sound.
// What was heard is told from its sound, not from any log.
func TestEveryBranchOfTheJourney(t *testing.T) {
	s := journeyServer(t)
	s.start()
	ears, err := ear.Load("../prompts/clips")
	if err != nil {
		t.Fatal(err)
	}
	languages, ways := []string{"az", "en", "ru"}, []string{"event", "info", "tones"}
	var wg sync.WaitGroup
	room := make(chan struct{}, 18) // calls at once
	failed := make(chan string, 1000)
	want := map[string]float64{}
	for i, w := range walks {
		for j, lang := range languages {
			if !nightly() && (i+j)%3 != 0 {
				continue // a third of them each time: each branch in one language, by one way of keys
			}
			way := ways[(i+2*j)%3]
			want[fmt.Sprintf("hotline_line_calls_total{line=%q,outcome=%q}", w.line, w.ends)]++
			wg.Add(1)
			go func() {
				defer wg.Done()
				room <- struct{}{}
				defer func() { <-room }()
				if why := s.walks(w, lang, j, way, ears); why != "" {
					failed <- fmt.Sprintf("%s in %s by %s: %s", w.name, lang, way, why)
				}
			}()
			time.Sleep(150 * time.Millisecond)
		}
	}
	wg.Wait()
	close(failed)
	for f := range failed {
		t.Error(f)
	}
	for series, n := range want {
		s.becomes(series, n)
	}
	if n := s.metric("hotline_recording_missing_total"); n != 0 {
		t.Errorf("%v calls have no recording", n)
	}
	s.digitsAreNowhere("1002", "01021990", "5001", "02021990")
}

// digitsAreNowhere looks for what callers keyed in everything that the server has written but the rows of
// callers' numbers: the log, the manifests, the traces.
func (s *server) digitsAreNowhere(secrets ...string) {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(f string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(f) == ".wav" || filepath.Base(f) == "hotline.yaml" {
			return err
		}
		b, err := os.ReadFile(f)
		for _, secret := range secrets {
			if regexp.MustCompile(`(^|[^0-9.a-f-])` + secret + `([^0-9a-f-]|$)`).Match(b) {
				s.t.Errorf("%s holds %s, which a caller keyed", f, secret)
			}
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// walks is one caller. It returns what was not as it should be.
func (s *server) walks(w walk, lang string, key int, way string, ears *ear.Ear) (wrong string) {
	p, err := phone.New(phone.Options{User: citizenNumber, Codec: "PCMA", EventType: map[string]int{"tones": -1, "info": -1}[way]})
	if err != nil {
		return err.Error()
	}
	defer p.Close()
	ctx := within(s.t, 4*time.Minute)
	c, err := p.Dial(ctx, phone.DialOptions{To: "sip:" + w.line + "@127.0.0.1:5060", From: "sip:" + citizenNumber + "@127.0.0.1"})
	if err != nil {
		return err.Error()
	}
	press := func(k byte) error {
		time.Sleep(time.Second)
		switch way {
		case "info":
			return c.Info(ctx, k)
		case "tones":
			return c.Media().PressTones(ctx, string(k))
		}
		return c.Media().PressKeys(ctx, string(k))
	}
	if err := press('1' + byte(key)); err != nil {
		return err.Error()
	}
	time.Sleep(8500 * time.Millisecond) // the notice, in whatever language, and the beginning of the menu
	for _, k := range []byte(w.does) {
		switch k {
		case '.':
			time.Sleep(2 * time.Second)
		case 's':
			c.Media().Say(0.2, 700)
			time.Sleep(4 * time.Second)
			c.Media().Silence()
		case '_':
			_ = c.WaitDone(within(s.t, 3*time.Minute))
		default:
			if err := press(k); err != nil {
				return fmt.Sprintf("key %c: %v", k, err)
			}
		}
	}
	pcm, _ := c.Media().Timeline()
	select {
	case <-c.Done():
	default:
		_ = c.Hangup(ctx)
	}
	heard := ears.Hear(pcm)
	wrong = follows(heard, lang, w.hears)
	if wrong != "" {
		var all []string
		for _, h := range heard {
			all = append(all, h.String())
		}
		return wrong + "; heard\n" + strings.Join(all, "\n")
	}
	return ""
}

// follows looks for clips in what was heard, in their order.
func follows(heard []ear.Heard, lang, want string) (missing string) {
	at := 0
	for _, key := range strings.Fields(want) {
		key = strings.TrimPrefix(key, "*")
		name := lang + "/" + key
		if strings.HasPrefix(key, "tone.") {
			name = key
		}
		for at < len(heard) && !heard[at].Is(name) {
			at++
		}
		if at == len(heard) {
			return "no " + name
		}
		at++
	}
	return ""
}
