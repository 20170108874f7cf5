package app

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hotline/configs"
	"hotline/recording"
	"hotline/recording/vault"
	"hotline/store"
)

// TestEncryptedHotline: a server that encrypts records, verifies and rotates; what it recorded opens with the
// recovery identity alone, and can still be heard when it does not encrypt any more.
func TestEncryptedHotline(t *testing.T) {
	dir := t.TempDir()
	shortClips(t, dir)
	recovery := filepath.Join(t.TempDir(), "recovery.txt")
	recipient, err := NewRecovery(recovery)
	if err != nil {
		t.Fatal(err)
	}
	file := config(t, dir, "recording: {encrypt: ["+recipient+"]}")
	a := startApp(t, Options{File: file})
	for range 2 {
		_, c := dial(t, a)
		if err := c.Hangup(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	becomes(t, "the recordings are sealed", func() bool {
		paths = nil
		rows, err := a.store.Calls(t.Context(), store.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if _, err := os.Stat(filepath.Join(dir, strings.TrimSuffix(r.Recording, ".rec")+".json")); r.Recording != "" && err == nil {
				paths = append(paths, r.Recording)
			}
		}
		return len(paths) == 2
	})
	good := func(what string) {
		t.Helper()
		if verdict, err := a.sounds().Verify(t.Context()); err != nil || len(verdict.Faults) > 0 || verdict.Checked != 2 {
			t.Errorf("%s: verify says %+v, %v", what, verdict, err)
		}
	}
	good("recorded")
	if plain, err := filepath.Glob(filepath.Join(recordingsIn(dir), "*/*/*/*.wav")); err != nil || len(plain) > 0 {
		t.Errorf("plain sound: %v, %v", plain, err)
	}
	before := a.keys.Current()
	r, err := RotateKeys(t.Context(), file, RotateOrder{})
	if err != nil || r.Keys != 2 || r.Sealed != 2 || r.Epoch == before {
		t.Fatalf("rotated: %+v, %v", r, err)
	}
	good("rotated")
	becomes(t, "the running server seals for the new epoch", func() bool { return a.keys.Current() == r.Epoch })
	a.Close()

	f, err := os.Open(recovery)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // only read
	ids, err := vault.ReadIdentities(f)
	if err != nil {
		t.Fatal(err)
	}
	alone := func(sealed []byte) (vault.Secret, error) { return vault.Unwrap(sealed, ids...) }
	for _, p := range paths {
		s, err := recording.OpenPath(recordingsIn(dir), p, alone)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(s); err != nil || !strings.HasPrefix(string(b), "RIFF") || s.Duration <= 0 || int64(len(b)) != s.Size {
			t.Errorf("%s: %d bytes, %v, %v", p, len(b), s.Duration, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	a = startApp(t, Options{File: config(t, dir)})
	good("plain again")
	a.Close()

	// The machine is lost, and with it the epochs: a new one has the recordings and the recovery key.
	if err := os.RemoveAll(epochsOf(file)); err != nil {
		t.Fatal(err)
	}
	a = startApp(t, Options{File: file})
	defer a.Close()
	if verdict, err := a.sounds().Verify(t.Context()); err != nil || len(verdict.Faults) != 2 || !strings.Contains(verdict.Faults[0].Problem, "cannot be opened") {
		t.Errorf("without the epochs: verify says %+v, %v", verdict, err)
	}
	if _, err := RotateKeys(t.Context(), file, RotateOrder{}); err == nil {
		t.Error("keys are sealed anew that nobody can open")
	}
	if r, err := RotateKeys(t.Context(), file, RotateOrder{Recovery: recovery}); err != nil || r.Sealed != 2 {
		t.Errorf("recovered: %+v, %v", r, err)
	}
	good("recovered")
}

// TestRotateWithoutKeys: what is to be done first is said.
func TestRotateWithoutKeys(t *testing.T) {
	dir := t.TempDir()
	if _, err := RotateKeys(t.Context(), config(t, dir), RotateOrder{}); err == nil || !strings.Contains(err.Error(), "recording.encrypt") {
		t.Errorf("plain: %v", err)
	}
	recipient, err := NewRecovery(filepath.Join(t.TempDir(), "recovery.txt"))
	if err != nil {
		t.Fatal(err)
	}
	file := config(t, dir, "recording: {encrypt: ["+recipient+"]}")
	if _, err := RotateKeys(t.Context(), file, RotateOrder{}); err == nil || !strings.Contains(err.Error(), "makes the first") {
		t.Errorf("never started: %v", err)
	}
	if _, err := os.Stat(epochsOf(file)); err == nil {
		t.Error("it has made keys, which might be of another user than the server")
	}
	changed := restartKeys(config(t, dir), file)
	file = config(t, dir, "recording: {encrypt: ["+recipient+"], keys: /elsewhere}")
	if all := restartKeys(config(t, dir), file); !slices.Contains(changed, "recording.encrypt") || slices.Contains(changed, "recording.keys") || !slices.Contains(all, "recording.keys") {
		t.Errorf("a reload says that %v and %v need a restart", changed, all)
	}
	if epochsOf(file) != "/elsewhere" {
		t.Errorf("the keys are in %s", epochsOf(file))
	}
}

// TestRecipientsAreCheckedAlike: what the configuration's check takes for a recipient, age takes, and the other
// way round.
func TestRecipientsAreCheckedAlike(t *testing.T) {
	real, err := NewRecovery(filepath.Join(t.TempDir(), "recovery.txt"))
	if err != nil {
		t.Fatal(err)
	}
	checked := func(s string) bool {
		_, err := configs.Parse("test.yaml", []byte(text(t.TempDir(), "recording: {encrypt: ['"+s+"']}")))
		return err == nil
	}
	if !checked(real) {
		t.Fatal("a real one is refused")
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := []byte(real)
		for range rapid.IntRange(1, 4).Draw(rt, "letters") {
			b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] = rapid.SampledFrom([]byte("qpzry9x8gf2tvdw0s3jn54khce6mua7lbio1AGE")).Draw(rt, "letter")
		}
		if rapid.IntRange(0, 9).Draw(rt, "cut") == 0 {
			b = b[:rapid.IntRange(0, len(b)).Draw(rt, "length")]
		}
		_, err := vault.ParseRecipient(string(b))
		if checked(string(b)) != (err == nil) {
			rt.Fatalf("%s: age says %v", b, err)
		}
	})
}
