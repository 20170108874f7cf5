//go:build acceptance

package acceptance

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A browser is one page in a Chromium without a screen, driven by its own protocol over a pipe (Chrome DevTools
// Protocol): the page is as a person would have it, with nothing put into it.
type browser struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	session string
	next    int
}

// browse starts a browser; it ends with the test.
func browse(t *testing.T) *browser {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("chromium is missing; this test looks at our pages with it: apt-get install chromium")
	}
	read, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
		"--user-data-dir="+t.TempDir(), "--no-first-run", "--disable-background-networking", "about:blank")
	cmd.ExtraFiles = []*os.File{read, write} // 3 and 4, as the browser has it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read.Close()
	write.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		_, _ = in.Write([]byte(`{"id":0,"method":"Browser.close"}` + "\x00")) // it may have gone already
		in.Close()
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }() // it says nothing that counts
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		out.Close()
	})
	if err := out.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	target := b.do("Target.createTarget", map[string]any{"url": "about:blank"})["targetId"]
	b.session = b.do("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})["sessionId"].(string)
	b.do("Page.enable", nil)
	return b
}

// do asks for one thing and waits until it is done.
func (b *browser) do(method string, params map[string]any) map[string]any {
	b.t.Helper()
	b.next++
	ask := map[string]any{"id": b.next, "method": method, "params": params}
	if params == nil {
		ask["params"] = map[string]any{}
	}
	if b.session != "" {
		ask["sessionId"] = b.session
	}
	line, err := json.Marshal(ask)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, 0)); err != nil {
		b.t.Fatalf("the browser has gone: %v", err)
	}
	for {
		m := b.message()
		if id, ok := m["id"].(float64); !ok || int(id) != b.next {
			continue // an event
		}
		if fault, ok := m["error"]; ok {
			b.t.Fatalf("%s: %v", method, fault)
		}
		result, _ := m["result"].(map[string]any)
		return result
	}
}

func (b *browser) message() (m map[string]any) {
	b.t.Helper()
	line, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser says nothing more: %v", err)
	}
	if err := json.Unmarshal(line[:len(line)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	return m
}

// open shows a file in a window so wide, in light or dark colours.
func (b *browser) open(path string, wide int, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": wide, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
	b.do("Page.navigate", map[string]any{"url": "file://" + path})
	for b.message()["method"] != "Page.loadEventFired" {
	}
}

// run runs a function in the page, as if somebody had pressed something, and gives what it returns.
func (b *browser) run(script string, into any) {
	b.t.Helper()
	r := b.do("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true})
	if fault, ok := r["exceptionDetails"]; ok {
		b.t.Fatalf("the page: %v", fault)
	}
	value, err := json.Marshal(r["result"].(map[string]any)["value"])
	if err == nil && into != nil {
		err = json.Unmarshal(value, into)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// press presses a key.
func (b *browser) press(key string, code int, text string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.do("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text})
	}
}

// picture keeps what is seen, whole, beside the other results of the tests.
func (b *browser) picture(name string) {
	b.t.Helper()
	r := b.do("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true})
	png, err := base64.StdEncoding.DecodeString(r["data"].(string))
	if err != nil {
		b.t.Fatal(err)
	}
	dir := "../test-results/pictures"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// axe has axe-core judge the page as it is, by WCAG 2.2 AA and what is good practice; it gives what is wrong.
func (b *browser) axe() (wrong []string) {
	b.t.Helper()
	source, err := os.ReadFile("../bin/axe.min.js")
	if err != nil {
		b.t.Fatal("bin/axe.min.js is missing; this test judges our pages with it: scripts/axe.sh")
	}
	b.run(string(source)+"; true", nil)
	b.run(`(async () => {
		const r = await axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}});
		if (r.passes.length < 15) return ["axe has found only " + r.passes.length + " things to judge"];
		return r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 200) + " " + n.failureSummary).join(" | "));
	})()`, &wrong)
	return wrong
}
