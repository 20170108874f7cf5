//go:build acceptance

package acceptance

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// read is a file of the server's folder.
func (s *server) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// files lists a folder's files, relative to the server's.
func (s *server) files(dir string) (all []string) {
	s.t.Helper()
	err := fs.WalkDir(os.DirFS(s.dir), dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// page is what the metrics listener answers.
func (s *server) page(path string) string {
	s.t.Helper()
	r, err := http.Get("http://" + s.run.Metrics + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// After ten calls of known ends every series says what happened, and promtool finds no fault.
func TestMetricsAfterTenCalls(t *testing.T) {
	s := newHouse(t, 1)
	op := s.operatorPhone(operatorName(0))
	for range 4 { // answered within the target of 20 s
		c, taken := s.talk(s.citizen(), op)
		// One packet in 64 is measured: two seconds of both make two hundred.
		want := c.Media().Received().Packets + 100
		eventually(t, 10*time.Second, "two seconds of talk", func() bool { return c.Media().Received().Packets >= want })
		s.hangUp(taken)
		s.over(c)
	}
	op.Unregister(within(t, 2*time.Second))
	for range 3 { // give up in the queue
		c := s.queued(s.citizen())
		eventually(t, 15*time.Second, "the caller waits", func() bool { return s.metric(`hotline_queue_waiting{queue="general"}`) == 1 })
		s.hangUp(c)
		eventually(t, 5*time.Second, "nobody waits", func() bool { return s.metric(`hotline_queue_waiting{queue="general"}`) == 0 })
	}
	for range 3 { // give up in the greeting
		s.hangUp(s.dial(s.citizen()))
	}
	sipp(t, sippOptions{scenario: "no-line", port: 6300}).good(t) // no call: only counted
	s.lastRecord()
	eventually(t, 10*time.Second, "every recording is sealed", func() bool { return s.metric("hotline_recording_active") == 0 })
	for name, want := range map[string]float64{
		`hotline_line_calls_total{line="919",outcome="completed"}`:              4,
		`hotline_line_calls_total{line="919",outcome="abandoned"}`:              6,
		`hotline_line_calls_total{line="919",outcome="failed"}`:                 0,
		`hotline_line_calls_total{line="919",outcome="refused"}`:                0,
		`hotline_line_calls_active{line="919",state="greeting"}`:                0,
		`hotline_line_calls_active{line="919",state="waiting"}`:                 0,
		`hotline_line_calls_active{line="919",state="talking"}`:                 0,
		`hotline_queue_waiting{queue="general"}`:                                0,
		`hotline_queue_longest_wait_seconds{queue="general"}`:                   0,
		`hotline_queue_wait_seconds_count{outcome="answered",queue="general"}`:  4,
		`hotline_queue_wait_seconds_count{outcome="abandoned",queue="general"}`: 3,
		`hotline_queue_answered_within_target_total{queue="general"}`:           4,
		`hotline_queue_abandoned_total{queue="general"}`:                        3,
		`hotline_operators{state="offline"}`:                                    1,
		`hotline_operators{state="ready"}`:                                      0,
		`hotline_recording_missing_total`:                                       0,
		`hotline_recording_active`:                                              0,
		`hotline_sip_refusals_total{code="404"}`:                                1,
		`hotline_sip_registrations`:                                             0,
		`hotline_media_ports{state="used"}`:                                     0,
		`hotline_panics_recovered_total`:                                        0,
	} {
		if got := s.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if s.metric("hotline_media_relay_seconds_count") == 0 {
		t.Error("hotline_media_relay_seconds has measured nothing in four talks")
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(s.page("/metrics"))
	if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "hotline_") {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// Every command helps with an example; wrong use and no server have their exit codes.
func TestCommands(t *testing.T) {
	s := newServer(t)
	for _, c := range []string{
		"try", "serve", "check", "config default", "user add", "user list", "user disable", "user passwd", "user import",
		"operator list", "operator pause", "operator resume", "queue show", "call list", "call trace", "recording list",
		"recording verify", "reload", "drain",
	} {
		out, err := exec.Command(program(t), append(strings.Fields(c), "--help")...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Example") {
			t.Errorf("hotline %s --help: %v, and an example:\n%s", c, err, out)
		}
	}
	for args, want := range map[string]int{
		"queue show": 3, "operator list": 3, "reload": 3, "drain": 3, // no server
		"call list": 0, "user list": 0, "recording list": 0, "recording verify": 0, "check": 0,
		"call list --limit 0": 2, "nonsense": 2, "user disable nobody": 1, "call trace 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b": 1,
	} {
		if out, code := s.command("", strings.Fields(args)...); code != want {
			t.Errorf("hotline %s: exit %d, want %d: %s", args, code, want, out)
		}
	}
	if err := os.WriteFile(s.config, []byte("data: ./data\nlimit: {calls: 3}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := s.command("", "check")
	if code != 1 || !strings.HasPrefix(out, s.config+":2: limit: ") {
		t.Errorf("check of a bad file: exit %d: %s", code, out)
	}
	if _, code := s.command("", "serve"); code != 2 {
		t.Errorf("serve with a bad file: exit %d, want 2", code)
	}
}

// A deployer's clip wins over ours.
func TestADeployersClipWins(t *testing.T) {
	s := newServer(t)
	dir := filepath.Join(s.data(), "prompts", "az")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "sox", "-n", "-r", "16000", "-c", "1", "-b", "16", filepath.Join(dir, "open.greeting.wav"), "synth", "3", "sine", "700", "vol", "0.3")
	s.start()
	c := s.dial(s.citizen())
	if err := c.Media().WaitTone(within(t, 5*time.Second), 700); err != nil {
		t.Error(err)
	}
	s.hangUp(c)
}
