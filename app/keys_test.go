package app

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/configs"
	"hotline/control"
	"hotline/recording"
	"hotline/recording/vault"
	"hotline/store"
)

// An encryptedHotline is a running server that encrypts, with two sealed recordings.
type encryptedHotline struct {
	*App
	dir      string
	file     *configs.File
	recovery string // file of the recovery identity
	paths    []string
}

func newEncryptedHotline(t *testing.T) *encryptedHotline {
	t.Helper()
	h := &encryptedHotline{dir: t.TempDir(), recovery: filepath.Join(t.TempDir(), "recovery.txt")}
	shortClips(t, h.dir)
	recipient, err := NewRecovery(h.recovery)
	if err != nil {
		t.Fatal(err)
	}
	h.file = config(t, h.dir, "recording: {encrypt: ["+recipient+"]}")
	h.App = startApp(t, Options{File: h.file})
	for range 2 {
		_, c := dial(t, h.App)
		if err := c.Hangup(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	becomes(t, "the recordings are sealed", func() bool {
		h.paths = nil
		rows, err := h.store.Calls(t.Context(), store.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if _, err := os.Stat(filepath.Join(h.dir, strings.TrimSuffix(r.Recording, ".rec")+".json")); r.Recording != "" && err == nil {
				h.paths = append(h.paths, r.Recording)
			}
		}
		return len(h.paths) == 2
	})
	return h
}

// heardBy are the sounds of recordings in a data folder.
func heardBy(t *testing.T, data string, paths []string, unwrap recording.Unwrap) (all [][]byte) {
	t.Helper()
	for _, p := range paths {
		s, err := recording.OpenPath(recordingsIn(data), p, unwrap)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(s)
		if err != nil || !strings.HasPrefix(string(b), "RIFF") || s.Duration <= 0 || int64(len(b)) != s.Size {
			t.Errorf("%s: %d bytes, %v, %v", p, len(b), s.Duration, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		all = append(all, b)
	}
	return all
}

// TestRestoreWithTheRecoveryKey: a backup without any key, put back into an empty folder with the recovery key
// alone, has every recording as it was.
func TestRestoreWithTheRecoveryKey(t *testing.T) {
	h := newEncryptedHotline(t)
	defer h.Close()
	was := heardBy(t, h.dir, h.paths, h.keys.Unwrap)
	m, _ := leftIn(t, h.App, call.NewID(), time.Now(), false)
	said, err := h.register.messages.Sound(m.Path)
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	if r, err := Backup(t.Context(), h.file, BackupPlan{Dir: kept, WithoutKeys: true}); err != nil || len(r.Faults) > 0 {
		t.Fatalf("backup: %+v, %v", r, err)
	}
	empty := filepath.Join(t.TempDir(), "data")
	file := config(t, empty, "recording: {encrypt: ["+h.file.Recording.Encrypt[0]+"]}")
	done, _, err := Restore(t.Context(), file, BackupPlan{Dir: kept, RecoveryKey: h.recovery})
	if err != nil || len(done.Faults) > 0 {
		t.Fatalf("restored: %+v, %v", done, err)
	}
	keys, err := keysThere(file)
	if err != nil || keys == nil || keys.Current() == h.keys.Current() {
		t.Fatalf("the keys are %v, %v", keys, err)
	}
	defer keys.Close() // only read
	if now := heardBy(t, empty, h.paths, keys.Unwrap); !slices.EqualFunc(now, was, slices.Equal) {
		t.Error("the sound is another")
	}
	if s, err := recording.OpenMessage(messagesIn(empty), m.Path, keys.Unwrap); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(s); err != nil || !slices.Equal(b, said) {
		t.Errorf("the message has %d bytes of %d, %v", len(b), len(said), err)
	}
}

// TestEncryptedHotline: a server that encrypts records, verifies and rotates; what it recorded opens with the
// recovery identity alone, and can still be heard when it does not encrypt any more.
func TestEncryptedHotline(t *testing.T) {
	h := newEncryptedHotline(t)
	a, dir, file, recovery, paths := h.App, h.dir, h.file, h.recovery, h.paths
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
	damagedIsTold(t, h)
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
	heardBy(t, dir, paths, alone)
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

// damagedIsTold turns a bit of a recording, has it played, and turns it back: the sound is as long as before,
// and whoever hears it is told.
func damagedIsTold(t *testing.T, h *encryptedHotline) {
	t.Helper()
	whole := heardBy(t, h.dir, h.paths[:1], h.keys.Unwrap)[0]
	name := filepath.Join(h.dir, h.paths[0])
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	turn := func() {
		t.Helper()
		b[len(b)/2] ^= 1
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	turn()
	defer turn()
	if err := h.store.AddUser(t.Context(), store.User{Name: "rena", Role: "chief", Languages: []call.Language{"az"}}, "a long password of hers"); err != nil {
		t.Fatal(err)
	}
	client, err := control.Dial(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	var heard bytes.Buffer
	id := strings.TrimSuffix(filepath.Base(h.paths[0]), ".rec")
	var damaged *control.DamagedError
	if err := client.Sound(t.Context(), id, control.Listen{By: "rena", Why: because}, &heard); !errors.As(err, &damaged) {
		t.Errorf("nobody is told: %v", err)
	}
	if heard.Len() != len(whole) {
		t.Errorf("%d bytes were heard of %d", heard.Len(), len(whole))
	}
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
