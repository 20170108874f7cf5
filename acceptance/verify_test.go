//go:build acceptance

package acceptance

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is done to a recording is found and named: a flipped byte, a cut sample, a removed
// file, an exchanged pair. Without a server and with one.
func TestVerifyFindsWhatWasDone(t *testing.T) {
	s := newServer(t)
	s.start()
	var files []string
	for range 5 {
		s.greeted()
		files = append(files, s.sound(s.lastRecord()))
	}
	s.sealed(len(files))
	s.manifest(s.lastRecord())
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Fatalf("before anything is done: exit %d: %s", code, out)
	}
	manifest := func(i int) string { return strings.TrimSuffix(files[i], ".wav") + ".json" }
	change(t, files[0], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	change(t, files[1], func(b []byte) []byte { return b[:len(b)-4] })
	if err := os.Remove(files[2]); err != nil {
		t.Fatal(err)
	}
	exchange(t, files[3], files[4])
	exchange(t, manifest(3), manifest(4))
	for _, with := range []string{"a running server", "no server"} {
		if with == "no server" {
			s.stop()
		}
		out, code := s.command("", "recording", "verify")
		if code != 1 {
			t.Errorf("with %s: exit %d, want 1:\n%s", with, code, out)
		}
		for i, what := range []string{"the flipped byte", "the cut sample", "the removed file", "the exchanged pair", "the exchanged pair"} {
			if !strings.Contains(out, filepath.Base(files[i])) {
				t.Errorf("with %s: %s is not named:\n%s", with, what, out)
			}
		}
		v := ask[struct {
			Checked int
			Faults  []struct{ Call, Path, Problem string }
		}](s, "recording", "verify")
		named := map[string]bool{}
		for _, f := range v.Faults {
			named[f.Call] = true
			if f.Problem == "" {
				t.Errorf("with %s: a fault without a word: %+v", with, f)
			}
		}
		if len(named) != len(files) {
			t.Errorf("with %s: faults of %d calls as JSON, want %d: %+v", with, len(named), len(files), v.Faults)
		}
		// Looking repairs nothing.
		if _, err := os.Stat(files[2]); err == nil {
			t.Errorf("with %s: the removed file is back", with)
		}
	}
}

func change(t *testing.T, file string, how func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, how(bytes.Clone(b)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func exchange(t *testing.T, a, b string) {
	t.Helper()
	for _, m := range [][2]string{{a, a + ".x"}, {b, a}, {a + ".x", b}} {
		if err := os.Rename(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
}
