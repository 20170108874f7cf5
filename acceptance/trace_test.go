//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hotline/phone"
)

// What a call was made of can be looked at while it runs, when it is over, and where no server
// runs: a ladder for people, a capture for Wireshark. The capture has what was on the wire, but no
// key and no answer of a digest; a look leaves its own trace; what is old goes.
func TestLookInside(t *testing.T) {
	s := newServer(t)
	s.importOperators(1)
	s.start()
	wire := onLoopback(t)
	op := s.operatorPhone(operatorName(0))

	c := s.dial(s.citizen())
	if err := c.Media().WaitSound(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := c.Info(within(t, 5*time.Second), '2'); err != nil {
		t.Fatal(err)
	}
	taken := s.rung(op)
	s.together(c, taken, 1000)
	id := s.records()[0].ID
	s.ladder(id, []string{"INVITE", "call.arrived", "200 OK", "call.answered", "INFO a key", "offered to", "180", "ACK"}, []string{"BYE", "call.ended"})
	for _, change := range []func() error{
		func() error { return taken.Hold(within(t, 5*time.Second)) }, func() error { return taken.Resume(within(t, 5*time.Second)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
	}
	s.hangUp(taken)
	s.over(c)
	s.lastRecord()
	own := s.ownCall(op)

	whole := []string{
		"carrier", operatorName(0), "INVITE", "call.arrived", "INFO a key", "offered to", "INVITE", "re-INVITE", "sendonly", "re-INVITE",
		"BYE", "200 OK (BYE)", "BYE", "200 OK (BYE)", "call.ended",
	}
	s.ladder(id, whole, []string{"sent again"})
	s.ladder(id[:18], whole, nil)
	s.masked(2)
	sent := packets(t, wire())
	s.captured(id, sent)
	s.captured(own, sent)
	s.stop()
	s.ladder(id, whole, nil)
	s.captured(id, sent)
	if out, code := s.command("", "call", "trace", "019aa1b2"); code != 1 || out != "" {
		t.Errorf("a call that nobody made: exit %d: %s", code, out)
	}
	out, err := exec.Command("sqlite3", filepath.Join(s.data(), "hotline.db"), "SELECT count(*) FROM events WHERE name = 'call.traced' AND call = '"+id+"'").Output()
	if err != nil || len(out) == 0 || out[0] < '5' && len(out) < 3 {
		t.Errorf("the journal has %s looks, want 5 or more; %v", out, err)
	}
	if log := s.read("serve.log"); strings.Count(log, "looked at") < 4 || strings.Contains(log, "123456789") {
		t.Errorf("the log has %d looks, want 4 or more, and no number", strings.Count(log, "looked at"))
	}

	s.write("hotline.yaml", s.read("hotline.yaml")+"trace: {keep: 1s}\n")
	s.start()
	eventually(t, 10*time.Second, "old signalling is removed", func() bool { return len(s.files("data/traces")) == 0 })
	s.ladder(id, []string{"call.arrived", "call.ended", "No signalling of this call is kept"}, []string{"INVITE"})
	if _, code := s.command("", "call", "trace", id, "--pcap", filepath.Join(s.dir, "none")); code != 1 {
		t.Errorf("a capture of nothing: exit %d", code)
	}
}

// ladder demands that a call's ladder has these words in this order, and not those.
func (s *server) ladder(id string, words, not []string) {
	s.t.Helper()
	var out string
	eventually(s.t, 10*time.Second, "the ladder has "+words[len(words)-1], func() bool {
		var code int
		out, code = s.command("", "call", "trace", id)
		return code == 0 && strings.Contains(out, words[len(words)-1])
	})
	rest := out
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			s.t.Errorf("the ladder has no %q at its place:\n%s", w, out)
			return
		}
		rest = after
	}
	for _, w := range not {
		if strings.Contains(out, w) {
			s.t.Errorf("the ladder has %q:\n%s", w, out)
		}
	}
	for _, line := range strings.Split(out, "\n") {
		if utf8.RuneCountInString(line) > 100 {
			s.t.Errorf("a line of %d characters: %s", utf8.RuneCountInString(line), line)
		}
	}
}

// ownCall has an operator's telephone call the line, with its password, and gives the call's id.
func (s *server) ownCall(op *phone.Phone) string {
	s.t.Helper()
	before := len(s.records())
	c, err := op.Dial(within(s.t, 5*time.Second), phone.DialOptions{To: "sip:919@127.0.0.1:5070"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.hangUp(c)
	eventually(s.t, 5*time.Second, "the operator's own call has a record", func() bool { return len(s.records()) > before })
	return s.lastRecord().ID
}

// onLoopback watches all SIP on loopback. What it returns ends that and gives the capture.
func onLoopback(t *testing.T) (file func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wire.pcap")
	c := exec.Command("tshark", "-q", "-i", "lo", "-f", "port 5060 or port 5070", "-w", path)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	eventually(t, 10*time.Second, "tshark captures", func() bool { _, err := os.Stat(path); return err == nil })
	return func() string {
		t.Helper()
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Fatalf("tshark: %v", err)
		}
		return path
	}
}

// A packet is one SIP message as tshark reads it.
type packet struct{ callID, branch, code, what string }

func packets(t testing.TB, file string) (list []packet) {
	t.Helper()
	out, err := exec.Command("tshark", "-r", file, "-Y", "sip", "-d", "udp.port==5070,sip", "-T", "fields", "-E", "separator=|", "-e", "sip.Call-ID",
		"-e", "sip.Via.branch", "-e", "sip.Status-Code", "-e", "ip.src", "-e", "udp.srcport", "-e", "ip.dst", "-e", "udp.dstport", "-e", "sip.CSeq", "-e", "sip.Method").Output()
	if err != nil {
		t.Fatalf("tshark -r %s: %v", file, err)
	}
	for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.SplitN(l, "|", 4)
		if len(f) != 4 {
			t.Fatalf("tshark says %q", l)
		}
		list = append(list, packet{f[0], f[1], f[2], f[3]})
	}
	return list
}

// captured demands that a call's capture has, of each of its Call-IDs, what was on the wire.
func (s *server) captured(id string, wire []packet) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "call.pcap")
	if out, code := s.command("", "call", "trace", id, "--pcap", file); code != 0 {
		s.t.Errorf("call trace --pcap: exit %d: %s", code, out)
		return
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		s.t.Errorf("the capture: %v, %v", info, err)
	}
	got := packets(s.t, file)
	legs := map[string]bool{}
	for _, p := range got {
		legs[p.callID] = true
	}
	// What is challenged is no call yet: request, challenge and ACK have one branch.
	challenged := map[string]bool{}
	for _, p := range wire {
		if p.code == "401" {
			challenged[p.branch] = true
		}
	}
	var want []packet
	for _, p := range wire {
		if legs[p.callID] && !challenged[p.branch] {
			want = append(want, p)
		}
	}
	byText := func(a, b packet) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(got, byText)
	slices.SortFunc(want, byText)
	if len(got) < 6 || !slices.Equal(got, want) {
		s.t.Errorf("the capture of %s has %d messages, the wire %d:\n%v\n%v", id, len(got), len(want), got, want)
	}
}

// masked looks for keys and answers of digests in everything that is kept of the signalling.
func (s *server) masked(calls int) {
	s.t.Helper()
	var files []string
	var all bytes.Buffer
	eventually(s.t, 10*time.Second, "the calls are written down", func() bool {
		files = s.files("data/traces")
		all.Reset()
		for _, f := range files {
			all.WriteString(s.read(f))
		}
		return len(files) == calls && strings.Count(all.String(), "BYE sip:") == 3
	})
	for _, f := range files {
		if info, err := os.Stat(filepath.Join(s.dir, f)); err != nil || info.Mode().Perm() != 0o600 {
			s.t.Errorf("%s: %v, %v", f, info, err)
		}
	}
	text := all.String()
	if !strings.Contains(text, "Signal=x\r\nDuration=xxx\r\n") || regexp.MustCompile(`Signal=[0-9]`).MatchString(text) {
		s.t.Error("a key is in the files, or the INFO is not")
	}
	if n := len(regexp.MustCompile(`response="x+"`).FindAllString(text, -1)); n == 0 || regexp.MustCompile(`response="?[0-9a-f]`).MatchString(text) {
		s.t.Errorf("%d masked answers of a digest, want one or more, and none whole", n)
	}
}
