//go:build acceptance

package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// `hotline try --call` exits 0 where every step was seen and heard, and its recording is what
// it says, to sox.
func TestTryCall(t *testing.T) {
	t.Parallel()
	out, code := tryCall(t, "")
	if code != 0 || strings.Contains(out, "FAILED") {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	file := regexp.MustCompile(`(?m)^recording +(/\S+\.wav)$`).FindStringSubmatch(out)
	if file == nil {
		t.Fatalf("no recording is named:\n%s", out)
	}
	left, right := channels(t, file[1])
	joined := first(left, 440)
	if joined < 5*time.Second || first(right, 1000) < 5*time.Second {
		t.Errorf("the citizen is heard from %s on, the operator from %s", joined, first(right, 1000))
	}
	if h := sox(t, file[1], 1, 0, joined-100*time.Millisecond); !h.silent() {
		t.Errorf("before the operator is there, sox hears %+v on the left", h)
	}
	if h := sox(t, file[1], 1, joined+200*time.Millisecond, 1200*time.Millisecond); !h.has(440) {
		t.Errorf("on the left sox hears %+v, want 440 Hz", h)
	}
	if h := sox(t, file[1], 2, joined+400*time.Millisecond, time.Second); !h.has(1000) {
		t.Errorf("on the right sox hears %+v, want 1000 Hz", h)
	}
	if h := sox(t, file[1], 2, 0, 4*time.Second); h.silent() {
		t.Error("the greeting is not on the right")
	}
}

// While a trial runs, every other command can be tried on it.
func TestTryCanBeLookedInto(t *testing.T) {
	s, _ := newTrial(t)
	eventually(t, 10*time.Second, "the robot is ready", func() bool {
		out, code := s.command("", "operator", "list")
		return code == 0 && strings.Contains(out, "ready")
	})
	for _, args := range []string{"call list", "queue show", "recording verify", "reload", "check"} {
		if out, code := s.command("", strings.Fields(args)...); code != 0 {
			t.Errorf("hotline %s: exit %d: %s", args, code, out)
		}
	}
}

// A number of a trial puts its caller on hold and takes it back, which sipp demands of it; another
// sipp refuses the hold and goes on.
func TestTryHoldsACaller(t *testing.T) {
	_, trunk := newTrial(t)
	keys := map[string]string{"caller": "+000123456789", "line": "902"}
	for i, name := range []string{"held", "not-held"} {
		sipp(t, sippOptions{scenario: name, target: trunk, port: 6000 + 10*i, bound: 30 * time.Second, keys: keys}).good(t)
	}
}

// newTrial starts a `hotline try` and returns where it takes callers.
func newTrial(t *testing.T) (s *server, trunk string) {
	t.Helper()
	dir := t.TempDir()
	c := exec.Command(program(t), "try", "--data", dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	s = &server{t: t, dir: dir, config: filepath.Join(dir, "try.yaml"), running: &running{}}
	var trial struct{ Trunk string }
	eventually(t, 15*time.Second, "the trial writes where everything is", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "try.json"))
		return err == nil && json.Unmarshal(b, &trial) == nil
	})
	return s, trial.Trunk
}

// Each fault makes exactly its step fail.
func TestTryCallFaults(t *testing.T) {
	for fault, step := range map[string]string{
		"deaf-operator": "hears the caller's language whispered, then the citizen",
		"busy-operator": "is rung",
		"gone-operator": "is rung",
		"mute-notice":   "hears in English that the call is recorded",
		"swapped-legs":  "left the citizen, after the notice; right what the citizen heard",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			out, code := tryCall(t, fault)
			var failed []string
			for _, l := range strings.Split(out, "\n") {
				if strings.Contains(l, "FAILED") {
					failed = append(failed, l)
				}
			}
			if code != 1 || len(failed) != 1 || !strings.Contains(failed[0], step) {
				t.Errorf("exit %d, want 1 and one failed step %q:\n%s", code, step, out)
			}
		})
	}
}

func tryCall(t *testing.T, fault string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancel()
	args := []string{"try", "--call", "--data", t.TempDir()}
	if fault != "" {
		args = append(args, "--fault", fault)
	}
	b, err := exec.CommandContext(ctx, program(t), args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return string(b), code
}
