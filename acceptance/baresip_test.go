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
	"syscall"
	"testing"
	"time"
)

// A baresip is one softphone: it says a tone and writes down what it hears.
type baresip struct {
	dir  string
	keys io.WriteCloser // what somebody types, where the module stdio is loaded
	stop func()         // un-registers, hangs up and closes its files
	mu   sync.Mutex
	out  bytes.Buffer
}

// Write takes what it prints.
func (b *baresip) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *baresip) printed(s string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.out.String(), s)
}

// newBaresip starts a softphone that registers, answers by itself and says a tone of 1000 Hz. The
// registrar is host:port, over UDP unless ;transport= says otherwise; extra lines go into its
// configuration.
func newBaresip(t testing.TB, user, secret, registrar string, port int, extra ...string) *baresip {
	t.Helper()
	if !strings.Contains(registrar, ";transport=") {
		registrar += ";transport=udp"
	}
	b := startBaresip(t, port, fmt.Sprintf("<sip:%s@%s>;auth_pass=%s;answermode=auto;regint=60;audio_codecs=PCMA", user, registrar, secret), extra...)
	eventually(t, 10*time.Second, "baresip is registered", func() bool { return b.printed("200 OK") })
	return b
}

// startBaresip starts a softphone of one account, given as a line of baresip's accounts. It says a tone of
// 1000 Hz; extra lines go into its configuration.
func startBaresip(t testing.TB, port int, account string, extra ...string) *baresip {
	t.Helper()
	b := &baresip{dir: t.TempDir()}
	run(t, "sox", "-n", "-r", "8000", "-c", "1", "-b", "16", filepath.Join(b.dir, "tone.wav"), "synth", "120", "sine", "1000", "vol", "0.3")
	modules, err := filepath.Glob("/usr/lib/*baresip*/modules")
	if more, _ := filepath.Glob("/usr/lib/*/baresip/modules"); err == nil {
		modules = append(modules, more...)
	}
	if len(modules) == 0 {
		t.Fatal("baresip's modules are not found (apt-get install baresip-core)")
	}
	config := fmt.Sprintf(`poll_method epoll
sip_listen 127.0.0.1:%[1]d
net_interface 127.0.0.1
rtp_ports %[2]d-%[3]d
audio_source aufile,%[4]s/tone.wav
audio_player aubridge,sink
audio_alert aubridge,sink
audio_buffer 20-160
snd_path %[4]s
module_path %[5]s
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
`, port, port+15000, port+15098, b.dir, modules[0]) + strings.Join(extra, "\n")
	for name, body := range map[string]string{"config": config, "accounts": account + "\n", "contacts": ""} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("baresip", "-f", b.dir)
	c.Stdout, c.Stderr = b, b
	if b.keys, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("baresip: %v (apt-get install baresip-core)", err)
	}
	b.stop = sync.OnceFunc(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		done := make(chan struct{})
		go func() { _ = c.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = c.Process.Kill()
			<-done
		}
	})
	t.Cleanup(func() {
		b.stop()
		if t.Failed() {
			t.Logf("baresip printed:\n%s", b.out.String())
		}
	})
	return b
}

// heard is the newest file of what it heard in a call.
func (b *baresip) heard(t testing.TB) string {
	t.Helper()
	var files []string
	eventually(t, 5*time.Second, "baresip wrote what it heard", func() bool {
		files, _ = filepath.Glob(filepath.Join(b.dir, "dump-*-dec.wav"))
		return len(files) > 0
	})
	return files[len(files)-1]
}
