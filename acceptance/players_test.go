//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hotline/phone"
)

// A recording is played by everything that plays WAV, in each state it can be in: while the call goes
// on, after the process was killed, also in the middle of a sample, repaired, and sealed. Each player gives every sample that is in
// the file, as it is.
func TestEveryPlayer(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	op := s.operatorPhone("aysel")
	browsers := []*browserPlayer{openBrowser(t, "chromium"), openBrowser(t, "firefox")}
	readers := map[string]reader{"sox": soxReads, "ffmpeg": ffmpegReads, "libsndfile": sndfileReads, "Python's wave": pythonReads}
	for _, b := range browsers {
		readers[b.name] = b.decodes
	}
	judge := func(state, file string) {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), strings.ReplaceAll(state, " ", "-")+".wav")
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			t.Fatal(err)
		}
		want := b[44 : len(b)-len(b)%4]
		var all sync.WaitGroup
		for name, read := range readers {
			all.Go(func() {
				began := time.Now()
				got, err := read(t, copied)
				if n := len(got) / 4; err != nil || !sameSamples(got[:n*4], want) {
					t.Errorf("%s: %s reads %d of %d samples, or not as they are: %v", state, name, n, len(want)/4, err)
				} else {
					t.Logf("%s: %s reads all %d samples, %s", state, name, n, time.Since(began).Round(time.Millisecond))
				}
			})
		}
		all.Wait()
	}

	c, taken := s.talkWith(op)
	live := s.newestSound()
	judge("live", live)
	// A player that opens the file itself, rather than a copy, sees it grow.
	before := size(t, live)
	got, err := soxReads(t, live)
	if n, after := int64(len(got)), size(t, live); err != nil || n < before-44 || n > after {
		t.Errorf("sox reads %d bytes of a file that grew from %d to %d: %v", n, before, after, err)
	}
	s.kill()
	judge("killed", live)
	b, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.wav")
	if err := os.WriteFile(cut, b[:len(b)-len(b)%4-3], 0o600); err != nil {
		t.Fatal(err)
	}
	judge("cut in a sample", cut)
	s.start()
	eventually(t, 10*time.Second, "the recording is repaired", func() bool { return s.recordings()[0].State == "interrupted" })
	judge("repaired", live)
	for _, leg := range []*phone.Call{c, taken} {
		if err := leg.WaitDone(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
	}

	c, _ = s.talkWith(op)
	if err := c.Hangup(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if m := s.manifest(s.lastRecord()); m.State != "sealed" {
		t.Errorf("the recording is %s", m.State)
	}
	judge("sealed", s.sound(s.lastRecord()))
}

// talkWith has a citizen and the operator talk for two seconds.
func (s *server) talkWith(op *phone.Phone) (c, taken *phone.Call) {
	s.t.Helper()
	c = s.dial(s.citizen())
	if err := c.Media().PressKeys(within(s.t, 5*time.Second), "2"); err != nil {
		s.t.Fatal(err)
	}
	select {
	case taken = <-op.Incoming():
	case <-time.After(20 * time.Second):
		s.t.Fatal("the operator's phone was not rung")
	}
	if err := taken.Answer(); err != nil {
		s.t.Fatal(err)
	}
	c.Media().Say(0.3, 440)
	taken.Media().Say(0.3, 1000)
	if err := c.Media().WaitTone(within(s.t, 5*time.Second), 1000); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	return c, taken
}

// sameSamples allows for the last bit: browsers give fractions of one, and each has its own way there.
func sameSamples(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i += 2 {
		x, y := int16(binary.LittleEndian.Uint16(a[i:])), int16(binary.LittleEndian.Uint16(b[i:]))
		if off := int(x) - int(y); off < -1 || off > 1 {
			return false
		}
	}
	return true
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A reader gives the samples of a file, interleaved, as 16-bit numbers.
type reader func(t *testing.T, file string) ([]byte, error)

func soxReads(t *testing.T, file string) ([]byte, error) {
	return output(t, "sox", "-V1", file, "-t", "raw", "-e", "signed", "-b", "16", "-")
}

func ffmpegReads(t *testing.T, file string) ([]byte, error) {
	return output(t, "ffmpeg", "-v", "error", "-i", file, "-f", "s16le", "-")
}

func pythonReads(t *testing.T, file string) ([]byte, error) {
	return output(t, "python3", "-c", `
import sys, wave
with wave.open(sys.argv[1]) as w:
    sys.stdout.buffer.write(w.readframes(w.getnframes()))`, file)
}

// sndfileReads has libsndfile write the samples into a file without a header.
func sndfileReads(t *testing.T, file string) ([]byte, error) {
	raw := file + ".raw"
	if out, err := output(t, "sndfile-convert", "-pcm16", file, raw); err != nil {
		return nil, fmt.Errorf("%w: %s (apt-get install sndfile-programs)", err, out)
	}
	return os.ReadFile(raw)
}

func output(t *testing.T, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(within(t, time.Minute), name, args...)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", name, err, complaints.String())
	}
	return out, err
}

// A browserPlayer has one page open, which asks for files, decodes each and plays it, and tells.
type browserPlayer struct {
	name  string
	files chan string
	told  chan pageReport
	out   bytes.Buffer
}

// A pageReport is what the page says of one file.
type pageReport struct {
	Error   string
	Played  float64 // seconds, when <audio> said that it had ended
	samples []byte
}

// page is all that the browser runs. The context has the file's own rate, so that nothing is resampled.
const page = `<!doctype html><meta charset=utf-8><title>player</title><script>
async function judge(name) {
  const told = {Error: "", Played: 0};
  let samples = new ArrayBuffer(0);
  try {
    const file = await (await fetch("/file/" + name)).arrayBuffer();
    const sound = await new OfflineAudioContext(2, 1, 8000).decodeAudioData(file);
    const both = new Int16Array(2 * sound.length);
    for (const ch of [0, 1]) sound.getChannelData(ch).forEach((v, i) => both[2 * i + ch] = Math.round(v * 32768));
    samples = both.buffer;
    told.Played = await new Promise((good, bad) => {
      const a = new Audio("/file/" + name);
      a.muted = true;
      a.defaultPlaybackRate = a.playbackRate = 4;
      a.onended = () => good(a.currentTime);
      a.onerror = () => bad(new Error("audio: " + a.error.message));
      a.play().catch(bad);
    });
  } catch (e) { told.Error = String(e); }
  await fetch("/told?said=" + encodeURIComponent(JSON.stringify(told)), {method: "POST", body: samples});
}
(async () => { for (;;) {
  const next = await fetch("/next");
  if (next.status == 200) await judge(await next.text());
} })();
</script>`

// How each browser is started without a screen, with a profile of its own.
var browserArgs = map[string]func(profile, url string) []string{
	"chromium": func(profile, url string) []string {
		return []string{"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
			"--autoplay-policy=no-user-gesture-required", "--user-data-dir=" + profile, url}
	},
	"firefox": func(profile, url string) []string {
		return []string{"firefox-esr", "--headless", "--no-remote", "--profile", profile, url}
	},
}

// firefoxPrefs let a page play without a click and keep Firefox from looking for company.
const firefoxPrefs = `user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("app.update.enabled", false);
`

func openBrowser(t *testing.T, name string) *browserPlayer {
	t.Helper()
	b := &browserPlayer{name: name, files: make(chan string), told: make(chan pageReport)}
	web := http.NewServeMux()
	web.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page) // the page tells if it did not come
	})
	web.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case file := <-b.files:
			_, _ = io.WriteString(w, strings.TrimPrefix(file, "/"))
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
			w.WriteHeader(http.StatusNoContent)
		}
	})
	web.HandleFunc("GET /file/{path...}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		http.ServeFile(w, r, "/"+r.PathValue("path"))
	})
	web.HandleFunc("POST /told", func(_ http.ResponseWriter, r *http.Request) {
		var said pageReport
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal([]byte(r.URL.Query().Get("said")), &said)
		}
		if err != nil {
			said.Error = err.Error()
		}
		said.samples = body
		select {
		case b.told <- said:
		case <-time.After(time.Minute): // nobody waits for it any more
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: web}
	go func() { _ = server.Serve(l) }() // until it is closed
	profile := t.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPrefs), 0o600); err != nil {
		t.Fatal(err)
	}
	args := browserArgs[name](profile, "http://"+l.Addr().String()+"/")
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), "HOME="+profile)
	c.Stdout, c.Stderr = &b.out, &b.out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
	if err := c.Start(); err != nil {
		t.Fatalf("%s: %v (apt-get install %s)", name, err, args[0])
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		_ = server.Close()
	})
	return b
}

// decodes has the page decode a file and play it: what is decoded are the samples, and what is played
// lasts as long as they.
func (b *browserPlayer) decodes(_ *testing.T, file string) ([]byte, error) {
	bound := time.After(time.Minute)
	select {
	case b.files <- file:
	case <-bound:
		return nil, fmt.Errorf("the page does not ask for a file: %.2000s", b.out.String())
	}
	select {
	case said := <-b.told:
		if said.Error != "" {
			return said.samples, fmt.Errorf("the page says: %s", said.Error)
		}
		if lasts := float64(len(said.samples)/4) / 8000; said.Played < lasts-0.1 || said.Played > lasts+0.1 {
			return said.samples, fmt.Errorf("<audio> ended after %.2f s, there are %.2f s", said.Played, lasts)
		}
		return said.samples, nil
	case <-bound:
		return nil, fmt.Errorf("the page says nothing of the file within a minute: %.2000s", b.out.String())
	}
}
