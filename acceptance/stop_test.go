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

// The first SIGTERM refuses new calls and lets running ones finish, also those who still wait.
func TestStopLetsCallsFinish(t *testing.T) {
	s := newHouse(t, 1)
	op := s.operatorPhone(operatorName(0))
	c, taken := s.talk(s.citizen(), op)
	second := s.queued(s.citizen())
	s.becomes(`hotline_queue_waiting{queue="general"}`, 1)
	ready(t, s, 200)
	s.signal(syscall.SIGTERM)
	eventually(t, 5*time.Second, "/readyz is 503", func() bool { return status(s) == 503 })
	if _, err := s.citizen().Dial(within(t, 5*time.Second), phone.DialOptions{To: line919}); code(err) != 503 {
		t.Errorf("a new call while stopping: %v, want 503", err)
	}
	if n, err := s.citizen().Options(within(t, 5*time.Second), line919); n != 503 {
		t.Errorf("OPTIONS while stopping: %d, %v, want 503", n, err)
	}
	c.Media().Forget()
	taken.Media().Forget()
	s.hears(c, 1000)
	s.hears(taken, 440)
	s.hangUp(c)
	s.over(taken)
	taken = s.rung(op) // who waited is still served
	s.together(second, taken, 1000)
	s.hangUp(taken)
	s.over(second)
	s.ended(10*time.Second, 0)
	outcomes := map[string]int{}
	for _, r := range s.records() {
		outcomes[verdict(r)]++
		if r.Recording != nil {
			if m := s.manifest(r); m.State != "sealed" {
				t.Errorf("manifest: %+v", m)
			}
		}
	}
	if len(outcomes) != 3 || outcomes["completed by caller"] != 1 || outcomes["completed by operator"] != 1 || outcomes["refused by us"] != 1 {
		t.Errorf("the records say %v", outcomes)
	}
	if r := s.lastRecordOf("refused"); r.Code == nil || *r.Code != 503 {
		t.Errorf("the refused call's record: %s", r)
	}
}

// The second SIGTERM says goodbye, whatever a caller is doing, and is over within ten seconds.
func TestTheSecondSignalSaysGoodbye(t *testing.T) {
	s := newHouse(t, 2)
	talking, taken := s.talk(s.citizen(), s.operatorPhone(operatorName(0)))
	offered := s.queued(s.citizen())
	ringing := s.rung(s.operatorPhone(operatorName(1)))
	waiting := s.queued(s.citizen())
	s.becomes(`hotline_queue_waiting{queue="general"}`, 2)
	greeted := s.dial(s.citizen())
	s.signal(syscall.SIGTERM)
	eventually(t, 5*time.Second, "/readyz is 503", func() bool { return status(s) == 503 })
	began := time.Now()
	talking.Media().Forget()
	s.signal(syscall.SIGTERM)
	s.ended(15*time.Second, 0)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the second SIGTERM took %s, want at most 10 s", took)
	}
	for who, c := range map[string]*phone.Call{
		"talking citizen": talking, "operator": taken, "citizen an operator is rung for": offered,
		"ringing operator": ringing, "waiting citizen": waiting, "greeted citizen": greeted,
	} {
		if err := c.WaitDone(within(t, time.Second)); err != nil {
			t.Errorf("the %s was left in the call: %v", who, err)
		}
	}
	pcm, _ := talking.Media().HeardPCM()
	words := 0
	for i := 0; i+1600 <= len(pcm); i += 1600 {
		if piece := phone.Sound(pcm[i : i+1600]); piece.RMS() > 0.01 && !piece.Has(1000) {
			words++
		}
	}
	if words < 5 {
		t.Errorf("%d fifths of a second of goodbye were heard, want a second at least", words)
	}
	all := s.records()
	if len(all) != 4 {
		t.Errorf("%d records, want 4", len(all))
	}
	for _, r := range all {
		if verdict(r) != "stopped by us" {
			t.Errorf("record: %s", r)
		}
		if m := s.manifest(r); m.State != "sealed" {
			t.Errorf("manifest: %+v", m)
		}
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
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
	if _, code := s.command("", "reload"); code != 2 {
		t.Errorf("reload of a bad file ended with %d, want 2", code)
	}
	s.signal(syscall.SIGHUP)
	eventually(t, 5*time.Second, "the log tells the file's fault", func() bool {
		log := s.read("serve.log")
		return strings.Contains(log, `lines[0].start`) && strings.Contains(log, "nowhere")
	})
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
