//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/phone"
)

// program is the built binary.
func program(t testing.TB) string {
	t.Helper()
	p, err := filepath.Abs("../bin/hotline")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatal("bin/hotline is not built: make build")
	}
	return p
}

// A server is one data folder and configuration with the program running on it, or not.
type server struct {
	t        testing.TB
	dir      string
	config   string
	secrets  map[string]string // by operator
	*running                   // shared by what subtests see
}

// running is the process, if there is one.
type running struct {
	process *exec.Cmd
	run     runFile
}

// A runFile is DATA/run.json.
type runFile struct {
	PID     int      `json:"pid"`
	Trunks  []string `json:"trunks"`
	Phones  []string `json:"phones"`
	HTTP    string   `json:"http"`
	Metrics string   `json:"metrics"`
}

// newServer writes a configuration; extra lines of YAML go at its end. Nothing runs yet.
func newServer(t testing.TB, extra ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), secrets: map[string]string{}, running: &running{}}
	s.config = filepath.Join(s.dir, "hotline.yaml")
	body := `data: ./data
sip:
  trunks:
    listen: [udp://127.0.0.1:5060, tcp://127.0.0.1:5060]
    carriers: [{name: carrier, from: [127.0.0.0/8]}]
  phones: {listen: [udp://127.0.0.1:5070, tcp://127.0.0.1:5070]}
media: {listen: 127.0.0.1, ports: 20000-21999}
http: {listen: 127.0.0.1:8080}
metrics: {listen: 127.0.0.1:9919}
lines: [{number: "919", also: ["012919"], start: main}]
menus: {main: {queue: general}}
` + strings.Join(extra, "\n") + "\n"
	if !strings.Contains(body, "\nqueues:") {
		body += "queues: [{name: general, wrap_up: 0s}]\n"
	}
	if err := os.WriteFile(s.config, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill(); s.tellLog() })
	return s
}

// tellLog shows the server's log where a test has failed.
func (s *server) tellLog() {
	if s.t.Failed() {
		b, _ := os.ReadFile(filepath.Join(s.dir, "serve.log"))
		if len(b) > 8000 {
			b = b[len(b)-8000:]
		}
		s.t.Logf("the server's log:\n%s", b)
	}
}

// start runs `hotline serve` and waits until it takes calls.
func (s *server) start() *server {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.process = exec.Command(program(s.t), "serve", "--config", s.config)
	s.process.Stderr = log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	log.Close()
	s.waitUp()
	return s
}

func (s *server) waitUp() {
	s.t.Helper()
	path := filepath.Join(s.data(), "run.json")
	eventually(s.t, 15*time.Second, "the server writes run.json", func() bool {
		b, err := os.ReadFile(path)
		s.run = runFile{}
		return err == nil && json.Unmarshal(b, &s.run) == nil && s.run.PID == s.process.Process.Pid
	})
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// kill ends the process at once; the data stays.
func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// stop ends the process in good order.
func (s *server) stop() {
	s.t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Wait(); err != nil {
		s.t.Errorf("the server ended with %v", err)
	}
	s.process = nil
}

// command runs `hotline ARGS --config …` and gives what it printed and its exit code.
func (s *server) command(in string, args ...string) (out string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, program(s.t), append(args, "--config", s.config)...)
	c.Stdin = strings.NewReader(in)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	code = c.ProcessState.ExitCode()
	if err != nil && code < 0 {
		s.t.Fatalf("hotline %v: %v\n%s", args, err, stderr.String())
	}
	if stderr.Len() > 0 {
		s.t.Logf("hotline %v: %s", args, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), code
}

// ask runs a command with -o json and reads its answer.
func ask[T any](s *server, args ...string) (v T) {
	s.t.Helper()
	out, code := s.command("", append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		s.t.Fatalf("hotline %v: exit %d: %v\n%s", args, code, err, out)
	}
	return v
}

// addOperator makes a user with a phone.
func (s *server) addOperator(name, languages string) {
	s.t.Helper()
	out, code := s.command("correct horse battery\n", "user", "add", name, "--languages", languages, "--phone", "-o", "json")
	var made struct{ SIP struct{ User, Secret string } }
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != 0 || made.SIP.Secret == "" {
		s.t.Fatalf("user add: exit %d, %v: %s", code, err, out)
	}
	s.secrets[name] = made.SIP.Secret
}

// operatorPhone registers one of our telephones as an operator.
func (s *server) operatorPhone(name string, change ...func(*phone.Options)) *phone.Phone {
	s.t.Helper()
	o := phone.Options{User: name, Secret: s.secrets[name], Server: "127.0.0.1:5070", Codec: "PCMA", Remember: remembered()}
	for _, c := range change {
		c(&o)
	}
	p, err := phone.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { p.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Register(ctx, 2*time.Minute); err != nil {
		s.t.Fatalf("register %s: %v", name, err)
	}
	return p
}

// citizen makes a telephone that calls the line.
func (s *server) citizen(change ...func(*phone.Options)) *phone.Phone {
	s.t.Helper()
	o := phone.Options{User: "+000123456789", Codec: "PCMA", Remember: remembered()}
	for _, c := range change {
		c(&o)
	}
	p, err := phone.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { p.Close() })
	return p
}

const line919 = "sip:919@127.0.0.1:5060"

// dial calls the line and demands an answer within a second.
func (s *server) dial(p *phone.Phone) *phone.Call {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	began := time.Now()
	c, err := p.Dial(ctx, phone.DialOptions{To: line919})
	if err != nil {
		s.t.Fatalf("dial 919: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		s.t.Errorf("answered after %s, want within a second", took)
	}
	return c
}

// A record is one row of `call list -o json`.
type record struct {
	ID        string  `json:"id"`
	Line      string  `json:"line"`
	Language  *string `json:"language"`
	Queue     *string `json:"queue"`
	Operator  *string `json:"operator"`
	Outcome   *string `json:"outcome"`
	Phase     *string `json:"phase"`
	EndedBy   *string `json:"ended_by"`
	Code      *int    `json:"code"`
	Ended     *string `json:"ended"`
	WaitedMS  *int64  `json:"waited_ms"`
	TalkedMS  *int64  `json:"talked_ms"`
	Recording *string `json:"recording"`
	Kind      string  `json:"kind"`
	Linked    *string `json:"linked"`

	Unrecorded *string `json:"unrecorded"`
	Notice     *struct {
		Key       string
		Language  string
		Version   string
		From, To  time.Time
		Languages []string
	} `json:"notice"`
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (r record) String() string {
	return fmt.Sprintf("%s language=%s operator=%s outcome=%s phase=%s ended_by=%s", r.ID, str(r.Language), str(r.Operator),
		str(r.Outcome), str(r.Phase), str(r.EndedBy))
}

// records lists the newest calls.
func (s *server) records() []record {
	s.t.Helper()
	return ask[struct{ Calls []record }](s, "call", "list", "--limit", "10000").Calls
}

// lastRecord waits until the newest call is closed and gives its record.
func (s *server) lastRecord() (r record) {
	s.t.Helper()
	eventually(s.t, 5*time.Second, "the newest record is closed", func() bool {
		all := s.records()
		if len(all) == 0 || all[0].Ended == nil {
			return false
		}
		r = all[0]
		return true
	})
	return r
}

// A manifest is what a recording says of itself.
type manifest struct {
	Call, State, Codec, Language, SHA256 string
	Faults                               []string
	Rate                                 int
	Samples                              int64
	Opened, Ended                        time.Time
	Notice                               *struct {
		Language string
		From, To time.Time
	}
	Gaps []struct {
		Channel, Reason string
		From, To        time.Time
	}
	Parties []struct{ Channel, Role, Name string }
}

func (s *server) manifest(r record) (m manifest) {
	s.t.Helper()
	path := filepath.Join(s.data(), strings.TrimSuffix(str(r.Recording), ".wav")+".json")
	eventually(s.t, 5*time.Second, "the manifest is there", func() bool {
		b, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(b, &m) == nil
	})
	return m
}

func (s *server) sound(r record) string { return filepath.Join(s.data(), str(r.Recording)) }

// eventually waits for a condition, looking often.
func eventually(t testing.TB, bound time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(bound)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("within %s this did not come true: %s", bound, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// within bounds a wait.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// remembered is how much a telephone keeps of what it hears: the whole of the longest campaign.
func remembered() time.Duration {
	if nightly() {
		return 15 * time.Minute
	}
	return 5 * time.Minute
}

// nightly reports whether the full figures are wanted.
func nightly() bool { return os.Getenv("HOTLINE_NIGHTLY") != "" }

// in is the server as a subtest sees it: what fails there is the subtest's.
func (s *server) in(t testing.TB) *server {
	here := *s
	here.t = t
	return &here
}
