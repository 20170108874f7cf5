//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A linphone is the console telephone of Linphone, driven by what somebody would type.
type linphone struct {
	t    testing.TB
	keys io.WriteCloser
	mu   sync.Mutex
	out  bytes.Buffer
}

// Write takes what it prints.
func (l *linphone) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *linphone) printed() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// newLinphone starts one that registers and says a tone of 1000 Hz.
func newLinphone(t testing.TB, user, secret string, port int) *linphone {
	t.Helper()
	dir := t.TempDir()
	run(t, "sox", "-n", "-r", "16000", "-c", "1", "-b", "16", filepath.Join(dir, "tone.wav"), "synth", "60", "sine", "1000", "vol", "0.3")
	config := fmt.Sprintf("[sip]\nsip_port=%d\nsip_tcp_port=-1\nsip_tls_port=-1\n[rtp]\naudio_rtp_port=%d\n", port, port+100)
	if err := os.MkdirAll(filepath.Join(dir, ".local/share/linphone"), 0o700); err != nil {
		t.Fatal(err)
	}
	rc := filepath.Join(dir, "linphonerc")
	if err := os.WriteFile(rc, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &linphone{t: t}
	c := exec.Command("linphonec", "-c", rc)
	c.Env = append(os.Environ(), "HOME="+dir)
	c.Stdout, c.Stderr = l, l
	var err error
	if l.keys, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("linphonec: %v (apt-get install linphone-cli)", err)
	}
	t.Cleanup(func() {
		l.types("quit")
		done := make(chan struct{})
		go func() { _ = c.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("linphonec printed:\n%s", l.printed())
		}
	})
	l.types("soundcard use files")
	l.types("play " + filepath.Join(dir, "tone.wav"))
	l.types(fmt.Sprintf("register sip:%s@127.0.0.1:5070 sip:127.0.0.1:5070 %s", user, secret))
	calmly(t, 20*time.Second, "linphone is registered", func() bool {
		l.types("status register")
		return strings.Contains(l.printed(), "registered, identity=")
	})
	return l
}

// types is a line at its prompt.
func (l *linphone) types(line string) { _, _ = io.WriteString(l.keys, line+"\n") }

// says waits until it has printed something.
func (l *linphone) says(what string) {
	l.t.Helper()
	eventually(l.t, 20*time.Second, "linphone says "+what, func() bool { return strings.Contains(l.printed(), what) })
}
