//go:build acceptance

package acceptance

import (
	"bytes"
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
)

// A jukebox is a browser, of any maker, with one page open that asks for files, decodes each and plays it, and tells.
// (A browser of browser_test.go shows a page of ours, and a test acts in it; only Chromium can be led so.)
type jukebox struct {
	files chan string
	told  chan pageReport
	open  chan struct{} // closed: the page has asked for a file
	out   bytes.Buffer
}

// A pageReport is what the page says of one file.
type pageReport struct {
	Error   string
	Played  float64 // seconds, when <audio> said that it had ended
	samples []byte
}

// jukeboxPage is all that the browser runs. The context has the file's own rate, so that nothing is resampled.
const jukeboxPage = `<!doctype html><meta charset=utf-8><title>player</title><script>
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

// jukeboxes say how each browser is started without a screen, with a profile of its own.
var jukeboxes = map[string]func(profile, url string) []string{
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

// newJukebox starts a browser; it ends with the test.
func newJukebox(t *testing.T, name string) *jukebox {
	t.Helper()
	b := &jukebox{files: make(chan string), told: make(chan pageReport), open: make(chan struct{})}
	web := http.NewServeMux()
	web.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, jukeboxPage) // the page tells if it did not come
	})
	opened := sync.OnceFunc(func() { close(b.open) })
	web.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		opened()
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
	t.Cleanup(func() { _ = server.Close() })
	for range 3 { // now and then one hangs before it has opened any page
		stop := b.start(t, name, "http://"+l.Addr().String()+"/")
		select {
		case <-b.open:
			t.Cleanup(stop)
			return b
		case <-time.After(30 * time.Second):
			stop()
			t.Logf("%s does not open the page: %.500s", name, b.out.String())
		}
	}
	t.Fatalf("%s does not open any page", name)
	return nil
}

// start starts the browser.
func (b *jukebox) start(t *testing.T, name, url string) (stop func()) {
	t.Helper()
	profile := t.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPrefs), 0o600); err != nil {
		t.Fatal(err)
	}
	args := jukeboxes[name](profile, url)
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), "HOME="+profile)
	c.Stdout, c.Stderr = &b.out, &b.out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
	if err := c.Start(); err != nil {
		t.Fatalf("%s: %v (apt-get install %s)", name, err, args[0])
	}
	return func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
	}
}

// reads has the page decode a file and play it: what is decoded are the samples, and what is played
// lasts as long as they. Of a hundred times that Firefox is given the same file, whichever that is, it says once that
// it cannot be decoded: so it is given it once more.
func (b *jukebox) reads(t *testing.T, file string) ([]byte, error) {
	samples, err := b.readsOnce(file)
	if err != nil && strings.Contains(err.Error(), "EncodingError") {
		t.Logf("%s, once more: %v", filepath.Base(file), err)
		return b.readsOnce(file)
	}
	return samples, err
}

func (b *jukebox) readsOnce(file string) ([]byte, error) {
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
