package status

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hotline/call"
)

// The stand-in of deploy/status keeps to the same contract: each of its applications is told, and
// each of its misbehaviours is what its README says.
func TestStandIn(t *testing.T) {
	a := newAuthority(t, "ours")
	cert, key := a.issue("server", time.Now().Add(time.Hour))
	url := standIn(t, "--token", "try", "--cert", cert, "--key", key, "--clients", a.ca())
	o := options(url)
	o.Timeout, o.Token, o.CA = time.Second, "try", a.ca()
	o.Certificate, o.Key = a.issue("hotline", time.Now().Add(time.Hour))
	h := open(t, o)

	var register []struct{ Number, Born, Status, Changed, Due string }
	b, err := os.ReadFile("../deploy/status/applications.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &register); err != nil {
		t.Fatal(err)
	}
	written := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.Format(time.DateOnly)
	}
	left := slices.Clone(call.StandingStates)
	for _, r := range register {
		q := call.StatusQuestion{Number: r.Number, Born: r.Born[8:] + r.Born[5:7] + r.Born[:4], From: "+994125550100"}
		s := h.want(q, call.StandingState(r.Status), nil)
		if written(s.Changed) != r.Changed || written(s.Due) != r.Due {
			t.Errorf("%s: %+v", r.Number, s)
		}
		left = slices.DeleteFunc(left, func(one call.StandingState) bool { return one == s.State })
		q.Born = "02011991"
		h.want(q, "", call.ErrNoApplication)
	}
	if len(left) > 0 {
		t.Errorf("nobody hears %v", left)
	}

	for _, odd := range []struct {
		number string
		state  call.StandingState
		fault  fault
	}{
		{"5000", "", faultSlow}, {"5001", "", faultCode}, {"5002", "", faultPage}, {"5007", "granted", ""}, {"5003", "", faultBroken},
		{"5004", "", faultLarge}, {"5005", "", faultRedirect}, {"5007", "granted", ""}, {"5006", "", faultState}, {"5008", "", faultDate},
		{"5007", "granted", ""}, {"5009", "", faultSlow}, {"5010", "", faultPage},
	} {
		h.logs.TakeAll()
		q := call.StatusQuestion{Number: odd.number, Born: "01011990", From: "+994125550100"}
		if odd.fault == "" {
			h.want(q, odd.state, nil)
			continue
		}
		h.want(q, "", call.ErrStatusAway)
		if got := h.faults(); len(got) != 1 || got[0] != string(odd.fault) {
			t.Errorf("%s: the log says %q, want %q", odd.number, got, odd.fault)
		}
	}
}

// standIn builds the stand-in, starts it, and gives its address.
func standIn(t *testing.T, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "status")
	if out, err := exec.Command("go", "build", "-o", program, "../deploy/status").CombinedOutput(); err != nil {
		t.Fatalf("build the stand-in: %v\n%s", err, out)
	}
	c := exec.Command(program, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var where struct{ URL string }
	if err := json.Unmarshal(line, &where); err != nil {
		t.Fatal(err)
	}
	return where.URL
}
