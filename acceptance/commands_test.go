//go:build acceptance

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
