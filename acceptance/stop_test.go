//go:build acceptance

package acceptance

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/phone"
)

// The first SIGTERM refuses new calls and lets running ones finish.
func TestStopLetsCallsFinish(t *testing.T) {
	s := newServer(t)
	s.start()
	c := s.dial(s.citizen())
	ready(t, s, 200)
	s.signal(syscall.SIGTERM)
	eventually(t, 5*time.Second, "/readyz is 503", func() bool { return status(s) == 503 })
	if _, err := s.citizen().Dial(within(t, 5*time.Second), phone.DialOptions{To: line919}); code(err) != 503 {
		t.Errorf("a new call while stopping: %v, want 503", err)
	}
	if n, err := s.citizen().Options(within(t, 5*time.Second), line919); n != 503 {
		t.Errorf("OPTIONS while stopping: %d, %v, want 503", n, err)
	}
	if err := c.Media().WaitSound(within(t, 5*time.Second)); err != nil {
		t.Errorf("the running call: %v", err)
	}
	if err := c.Hangup(within(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
	s.ended(10*time.Second, 0)
	r := s.lastRecordOf("abandoned")
	if m := s.manifest(r); m.State != "sealed" {
		t.Errorf("manifest: %+v", m)
	}
	if r := s.lastRecordOf("refused"); r.Code == nil || *r.Code != 503 {
		t.Errorf("the refused call's record: %s", r)
	}
}

// The second SIGTERM says goodbye and is over within ten seconds.
func TestTheSecondSignalSaysGoodbye(t *testing.T) {
	s := newServer(t)
	s.start()
	c := s.dial(s.citizen())
	s.signal(syscall.SIGTERM)
	eventually(t, 5*time.Second, "/readyz is 503", func() bool { return status(s) == 503 })
	began := time.Now()
	s.signal(syscall.SIGTERM)
	s.ended(15*time.Second, 0)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the second SIGTERM took %s, want at most 10 s", took)
	}
	if err := c.WaitDone(within(t, time.Second)); err != nil {
		t.Errorf("the citizen was left in the call: %v", err)
	}
	r := s.lastRecordOf("stopped")
	if str(r.EndedBy) != "us" {
		t.Errorf("record: %s", r)
	}
	if m := s.manifest(r); m.State != "sealed" {
		t.Errorf("manifest: %+v", m)
	}
}

// drain waits for the last call; --until ends its patience.
func TestDrain(t *testing.T) {
	s := newServer(t)
	s.start()
	c := s.dial(s.citizen())
	done := make(chan int, 1)
	go func() { _, code := s.command("", "drain"); done <- code }()
	eventually(t, 5*time.Second, "/readyz is 503", func() bool { return status(s) == 503 })
	select {
	case code := <-done:
		t.Fatalf("drain returned %d while a call was running", code)
	case <-time.After(time.Second):
	}
	c.Hangup(within(t, 5*time.Second))
	if code := <-done; code != 0 {
		t.Errorf("drain: exit %d", code)
	}
	s.ended(5*time.Second, 0)

	s.start()
	c = s.dial(s.citizen())
	until := time.Now().Add(2 * time.Second).Format(time.RFC3339)
	if _, code := s.command("", "drain", "--until", until); code != 0 {
		t.Errorf("drain --until: exit %d", code)
	}
	if err := c.WaitDone(within(t, time.Second)); err != nil {
		t.Errorf("the citizen was left in the call: %v", err)
	}
	s.ended(5*time.Second, 0)
	s.lastRecordOf("stopped")
}

// A good file is taken at once, a bad one changes nothing and is told.
func TestReload(t *testing.T) {
	s := newServer(t)
	s.start()
	good, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	write := func(body string) {
		if err := os.WriteFile(s.config, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dials := func(number string) int {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		c, err := s.citizen().Dial(ctx, phone.DialOptions{To: "sip:" + number + "@127.0.0.1:5060"})
		if err != nil {
			return code(err)
		}
		c.Hangup(ctx)
		return 200
	}
	if got := dials("920"); got != 404 {
		t.Errorf("920 before: %d, want 404", got)
	}
	write(strings.Replace(string(good), `"012919"`, `"012919", "920"`, 1))
	if out, code := s.command("", "reload"); code != 0 {
		t.Errorf("reload: exit %d: %s", code, out)
	}
	if got := dials("920"); got != 200 {
		t.Errorf("920 after the reload: %d, want 200", got)
	}
	// The client reads the file too, to find the socket: it must still do that with a file
	// that only the server finds wrong.
	write(strings.Replace(string(good), "start: main", "start: nowhere", 1))
	if _, code := s.command("", "reload"); code == 0 {
		t.Error("reload of a bad file ended with 0")
	}
	if got := dials("920"); got != 200 {
		t.Errorf("920 after a bad file: %d, want 200 as before", got)
	}
	write(string(good))
	s.signal(syscall.SIGHUP)
	eventually(t, 5*time.Second, "SIGHUP took 920 away", func() bool { return dials("920") == 404 })
}

// A second server on the same folder ends with 2 and names the first.
func TestOneServerAFolder(t *testing.T) {
	s := newServer(t)
	s.start()
	second := strings.NewReplacer("5060", "5160", "5070", "5170", "8080", "8180", "9919", "9920")
	body, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	file := s.dir + "/second.yaml"
	if err := os.WriteFile(file, []byte(second.Replace(string(body))), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program(t), "serve", "--config", file).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), strconv.Itoa(s.run.PID)) {
		t.Errorf("the second server: %v, %s; want exit 2 and pid %d", err, out, s.run.PID)
	}
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// ended waits for the process to end by itself.
func (s *server) ended(bound time.Duration, code int) {
	s.t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.process.Wait() }()
	select {
	case <-done:
		if got := s.process.ProcessState.ExitCode(); got != code {
			s.t.Errorf("the server ended with %d, want %d", got, code)
		}
		s.process = nil
	case <-time.After(bound):
		s.t.Fatalf("the server did not end within %s", bound)
	}
}

// lastRecordOf is the newest record with an outcome.
func (s *server) lastRecordOf(outcome string) record {
	s.t.Helper()
	for _, r := range s.records() {
		if str(r.Outcome) == outcome {
			return r
		}
	}
	s.t.Errorf("there is no record with outcome %s: %v", outcome, s.records())
	return record{}
}

func status(s *server) int {
	r, err := http.Get("http://" + s.run.HTTP + "/readyz")
	if err != nil {
		return 0
	}
	r.Body.Close()
	return r.StatusCode
}

func ready(t *testing.T, s *server, want int) {
	t.Helper()
	if got := status(s); got != want {
		t.Errorf("/readyz is %d, want %d", got, want)
	}
}

// code is the SIP status of a refused dial.
func code(err error) int {
	var r *phone.Rejected
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}
