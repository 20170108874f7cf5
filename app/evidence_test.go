package app

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/store"
)

// calls lets so many callers be recorded for a moment, and waits until their recordings are sealed.
func calls(t *testing.T, a *App, n int) (paths []string) {
	t.Helper()
	for range n {
		_, c := dial(t, a)
		if err := c.Hangup(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	becomes(t, "the recordings are sealed", func() bool {
		paths = nil
		rows, err := a.store.Calls(context.Background(), store.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			name := filepath.Join(a.file.Data, strings.TrimSuffix(r.Recording, ".wav")+".json")
			if _, err := os.Stat(name); r.Recording != "" && err == nil {
				paths = append(paths, name)
			}
		}
		return len(paths) == len(rows)
	})
	return paths
}

// TestRecordingsAreAChain: over two starts; what is altered and what is taken away is found, on the spot and in a
// copied folder, by our verifier and by the one of openssl; what has only the head to tell of it, by the head.
func TestRecordingsAreAChain(t *testing.T) {
	dir := t.TempDir()
	shortClips(t, dir)
	second := t.TempDir()
	file := config(t, dir, "recording: {heads: {folder: "+second+"}}")
	a := startApp(t, Options{File: file})
	calls(t, a, 2)
	a.Close()
	a = startApp(t, Options{File: file})
	defer a.Close()
	paths := calls(t, a, 4)
	verdict, err := a.sounds().Verify(t.Context())
	if err != nil || len(verdict.Faults) > 0 || verdict.Checked != 6 {
		t.Fatalf("verify says %+v, %v", verdict, err)
	}

	evidence, err := a.sounds().Evidence(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	copied, public, head := filepath.Join(t.TempDir(), "copy"), filepath.Join(second, "node.pem"), filepath.Join(second, "now.json")
	for name, b := range map[string]string{public: evidence.Key, head: evidence.Head} {
		if err := os.WriteFile(name, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(copied, os.DirFS(recordingsIn(dir))); err != nil {
		t.Fatal(err)
	}
	judge := func(first string) {
		t.Helper()
		got, err := VerifyFolder(copied, public, []string{head}, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, scripted := exec.CommandContext(t.Context(), "../scripts/verify-chain.sh", copied, public, head).CombinedOutput()
		switch {
		case first == "" && (len(got.Faults) > 0 || scripted != nil):
			t.Errorf("a good copy: %+v, %v: %s", got.Faults, scripted, out)
		case first != "" && (len(got.Faults) == 0 || got.Faults[0].Problem != first || got.Faults[0].Link != 4):
			t.Errorf("%s: %+v", first, got.Faults)
		case first != "" && (scripted == nil || !bytes.HasPrefix(out, []byte("link 4:"))):
			t.Errorf("%s: the script says %s", first, out)
		}
	}
	judge("")
	var third string // that is link 4: the first is the chain's own
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil && bytes.Contains(b, []byte(`,"seq":4,`)) {
			third = filepath.Join(copied, strings.TrimPrefix(strings.TrimSuffix(p, ".json"), recordingsIn(dir)))
		}
	}
	was, err := os.ReadFile(third + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(third+".json", bytes.Replace(was, []byte(`"line":"919"`), []byte(`"line":"918"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	judge("it was altered: its digest is not that of what it says")
	for _, ext := range []string{".json", ".wav"} {
		if err := os.Remove(third + ext); err != nil {
			t.Fatal(err)
		}
	}
	judge("the link is missing")
}

// Heads are found whatever the data folder is called; what is no head, and a head that is half written, is none.
func TestHeadsAreFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data [919]")
	if got, err := headsOf(dir); err != nil || len(got) > 0 {
		t.Errorf("without a folder: %v, %v", got, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"2026-12-06.json", "2026-12-05.json", "2026-12-05.sent", "2026-12-07.json.tmp", "2026-13-01.json", "other.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := headsOf(dir); err != nil || strings.Join(got, " ") != "2026-12-05 2026-12-06" {
		t.Errorf("heads: %v, %v", got, err)
	}
}

// TestHeadsAreKeptInSecondPlaces: each day one, to a folder and a syslog, tried again until it is there.
func TestHeadsAreKeptInSecondPlaces(t *testing.T) {
	dir := t.TempDir()
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	second := filepath.Join(t.TempDir(), "not mounted yet")
	file := config(t, dir, "recording: {heads: {folder: "+second+", syslog: 'udp://"+log.LocalAddr().String()+"'}}")
	var now atomic.Int64
	now.Store(time.Date(2026, 12, 5, 23, 0, 0, 0, file.Zone()).UnixNano())
	a := startApp(t, Options{File: file, Now: func() time.Time { return time.Unix(0, now.Load()) }})
	defer a.Close()
	k := a.heads
	heard := func() string {
		t.Helper()
		if err := log.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, _, err := log.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	becomes(t, "the first head is there", func() bool { _, err := os.Stat(filepath.Join(headsIn(dir), "2026-12-05.json")); return err == nil })
	if got := heard(); !strings.Contains(got, `"kind":"head"`) || !strings.Contains(got, a.evidence.key.ID()) {
		t.Errorf("the syslog heard %q", got)
	}
	now.Add(int64(2 * time.Hour))
	if err := k.look(t.Context()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder that is not there is told as %v", err)
	}
	if late := testutil.ToFloat64(k.late); late == 0 {
		t.Error("nobody sees that a head is kept nowhere else")
	}
	if got := heard(); !strings.Contains(got, `"kind":"head"`) {
		t.Errorf("the syslog heard %q", got)
	}
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := k.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if late := testutil.ToFloat64(k.late); late != 0 {
		t.Errorf("a head that is everywhere is %v s late", late)
	}
	for _, day := range []string{"2026-12-05", "2026-12-06"} {
		ours, err := os.ReadFile(filepath.Join(headsIn(dir), day+".json"))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join(second, node()+"-"+day+".json"))
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("the head of %s is %q there, %v", day, theirs, err)
		}
	}
	verdict, err := a.sounds().Verify(t.Context())
	if err != nil || len(verdict.Faults) > 0 {
		t.Errorf("verify says %+v, %v", verdict, err)
	}
}
