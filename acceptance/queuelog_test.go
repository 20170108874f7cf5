//go:build acceptance

package acceptance

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The queues' journal in Asterisk's words: of a call that is answered, one that is given up, a pause;
// beside a running server and without one the same; numbers only where they are asked for, and that
// is logged; who follows is told what happens.
func TestQueueLog(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	op := s.operatorPhone("aysel")
	c, _ := s.talk(s.citizen(), op)
	s.hangUp(c)
	s.lastRecord()
	s.command("", "operator", "pause", "aysel", "--reason", "lunch")

	follow := exec.Command(program(t), "queue", "log", "--follow", "--since", "0s", "--config", s.config)
	out, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { follow.Process.Kill() })
	lines := make(chan string, 100)
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
		close(lines)
	}()
	time.Sleep(time.Second) // it asks for what comes from now on
	c = s.queued(s.citizen())
	eventually(t, 15*time.Second, "the caller waits", func() bool { return s.metric(`hotline_queue_waiting{queue="general"}`) == 1 })
	s.hangUp(c)
	s.lastRecord()
	for _, want := range []string{"|general|NONE|ENTERQUEUE|||1", "|general|NONE|ABANDON|1|1|"} {
		select {
		case line := <-lines:
			if !strings.Contains(line, want) {
				t.Errorf("followed: %q, want %q", line, want)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("who follows was not told of %q", want)
		}
	}
	if err := follow.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := follow.Wait(); err != nil {
		t.Errorf("following ended with %v", err)
	}

	beside, code := s.command("", "queue", "log", "--since", "1h")
	rest := beside
	for _, want := range []string{
		"|general|aysel|ADDMEMBER", "|general|NONE|ENTERQUEUE|||1", "|general|aysel|CONNECT|", "|general|aysel|COMPLETECALLER|",
		"|general|aysel|PAUSE|lunch", "|general|NONE|ENTERQUEUE|||1", "|general|NONE|ABANDON|1|1|",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok || code != 0 {
			t.Fatalf("exit %d: no %q at its place:\n%s", code, want, beside)
		}
		rest = after
	}
	if strings.Contains(beside, "123456789") || strings.Contains(s.read("serve.log"), "numbers are exported") {
		t.Error("numbers were shown, or logged as shown, unasked")
	}
	if with, _ := s.command("", "queue", "log", "--numbers"); !strings.Contains(with, "ENTERQUEUE||+000123456789|1") {
		t.Errorf("no numbers where they were asked for:\n%s", with)
	}
	if log := s.read("serve.log"); !strings.Contains(log, "numbers are exported") || strings.Contains(log, "123456789") {
		t.Error("that numbers were shown is not logged, or the numbers are")
	}
	s.stop()
	if without, code := s.command("", "queue", "log", "--since", "1h"); code != 0 || !strings.HasPrefix(without, beside) {
		t.Errorf("without a server, exit %d:\n%s\nbeside one:\n%s", code, without, beside)
	}
	if _, code := s.command("", "queue", "log", "--follow"); code == 0 {
		t.Error("following nothing works")
	}
	if _, code := s.command("", "queue", "log", "--since", "yesterday"); code != 2 {
		t.Errorf("--since yesterday: exit %d, want 2", code)
	}
}
