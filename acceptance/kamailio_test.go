//go:build acceptance

package acceptance

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/phone"
)

// Where the edge is seen from outside.
const (
	edgeOfCarriers = "127.0.0.10:5060"
	edgeOfPhones   = "127.0.0.20:5070"
)

// An edge is Kamailio between everybody and the server.
type edge struct {
	t       testing.TB
	process *exec.Cmd
	out     bytes.Buffer
}

func newEdge(t testing.TB) *edge {
	t.Helper()
	e := &edge{t: t}
	t.Cleanup(func() {
		e.stop()
		if t.Failed() {
			t.Logf("kamailio printed:\n%s", e.out.String())
		}
	})
	e.start()
	return e
}

func (e *edge) start() {
	e.t.Helper()
	config, err := filepath.Abs("testdata/kamailio.cfg")
	if err != nil {
		e.t.Fatal(err)
	}
	e.process = exec.Command("kamailio", "-DD", "-E", "-m", "32", "-M", "4", "-Y", e.t.TempDir(), "-f", config)
	e.process.Stdout, e.process.Stderr = &e.out, &e.out
	e.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has children
	if err := e.process.Start(); err != nil {
		e.t.Fatalf("kamailio: %v (apt-get install kamailio)", err)
	}
	p, err := phone.New(phone.Options{Listen: "127.0.0.30:0"})
	if err != nil {
		e.t.Fatal(err)
	}
	defer p.Close()
	eventually(e.t, 15*time.Second, "kamailio answers", func() bool {
		_, err := p.Dial(within(e.t, time.Second), phone.DialOptions{To: "sip:nobody@" + edgeOfCarriers})
		return err != nil && !strings.Contains(err.Error(), "deadline")
	})
}

func (e *edge) stop() {
	if e.process != nil {
		_ = syscall.Kill(-e.process.Process.Pid, syscall.SIGKILL) // asked to end, it may take a minute
		_ = e.process.Wait()
		e.process = nil
	}
}

// Everything between a citizen and an operator goes through a proxy that stays in the dialogs and
// changes from UDP to TCP.
func TestBehindKamailio(t *testing.T) {
	s := newServer(t)
	s.change(map[string]string{"from: [127.0.0.0/8]": "from: [127.0.0.10]"})
	s.addOperator("aysel", "az,en,ru")
	s.addOperator("rauf", "az,en,ru")
	s.start()
	e := newEdge(t)
	op := s.operatorPhone("aysel", func(o *phone.Options) { o.Listen, o.Server = "127.0.0.31:0", edgeOfPhones })
	through := func() (c, taken *phone.Call) {
		t.Helper()
		citizen := s.citizen(func(o *phone.Options) { o.Listen = "127.0.0.41:0" })
		c, err := citizen.Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:919@" + edgeOfCarriers})
		if err != nil {
			t.Fatal(err)
		}
		s.press(c, "2")
		taken = s.rung(op)
		s.together(c, taken, 1000)
		return c, taken
	}
	ended := func(how string) {
		t.Helper()
		if r := s.lastRecord(); verdict(r) != how || str(r.Operator) != "aysel" {
			t.Errorf("record: %s, want %s", r, how)
		}
	}

	c, taken := through()
	if got := taken.Invite().All("Record-Route"); len(got) != 2 || !strings.Contains(strings.Join(got, " "), "transport=tcp") {
		t.Errorf("the edge has not changed the transport: %q", got)
	}
	if err := taken.Hold(within(t, 5*time.Second)); err != nil {
		t.Errorf("hold: %v", err)
	}
	if err := taken.Resume(within(t, 5*time.Second)); err != nil {
		t.Errorf("resume: %v", err)
	}
	s.hears(c, 1000)
	s.hangUp(c)
	s.over(taken)
	ended("completed by caller")

	c, taken = through()
	s.hangUp(taken)
	s.over(c)
	ended("completed by operator")

	// Every connection of the edge dies in mid-call: the server connects to it anew, both ways.
	for _, by := range []string{"operator", "caller"} {
		c, taken = through()
		e.stop()
		e.start()
		if by == "operator" {
			s.hangUp(taken)
			s.over(c)
		} else {
			s.hangUp(c)
			s.over(taken)
		}
		ended("completed by " + by)
	}

	// So does the edge to the server, and the telephone's own call is let in.
	own, err := op.Dial(within(t, 10*time.Second), phone.DialOptions{To: "sip:*45@" + edgeOfPhones})
	if err != nil {
		t.Fatalf("the telephone's own call through the edge: %v", err)
	}
	s.over(own)

	// The server begins anew, and rings the telephone through the edge before it registers again.
	s.stop()
	s.start()
	c, taken = through()
	s.hangUp(c)
	s.over(taken)
	ended("completed by caller")

	// A browser's Contact means nothing to anybody but its edge.
	op.Close() // without a word: the edge takes the INVITE, and says nothing more
	browser := s.operatorPhone("rauf", func(o *phone.Options) {
		o.Listen, o.Server, o.PretendAddr = "127.0.0.32:0", edgeOfPhones, "x7k2jd.invalid"
	})
	citizen := s.citizen(func(o *phone.Options) { o.Listen = "127.0.0.41:0" })
	c, err = citizen.Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:919@" + edgeOfCarriers})
	if err != nil {
		t.Fatal(err)
	}
	s.press(c, "2")
	rings := s.rung(browser)
	if !strings.Contains(rings.Invite().URI, "@x7k2jd.invalid") {
		t.Errorf("the Contact was not left as it is: %s", rings.Invite().URI)
	}
	s.hangUp(c)
	s.over(rings)
}
