package vault

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"hotline/call"
)

// A strongbox is a keyring with a recovery identity, beside a folder of recordings.
type strongbox struct {
	*Keyring
	dir       string // of the keyring
	recovery  string // the file of the recovery identity
	recipient string
	root      *os.Root
}

func newStrongbox(t *testing.T) *strongbox {
	t.Helper()
	s := &strongbox{dir: filepath.Join(t.TempDir(), "keys"), recovery: filepath.Join(t.TempDir(), "recovery.txt")}
	var err error
	if s.recipient, err = NewIdentity(s.recovery); err != nil {
		t.Fatal(err)
	}
	s.Keyring = openRing(t, s.dir, s.recipient)
	s.root = onDisk(t, "", nil)
	return s
}

func openRing(t *testing.T, dir string, recovery ...string) *Keyring {
	t.Helper()
	k, err := OpenKeyring(dir, recovery)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// put leaves a new key in the folder of a day, and gives its name.
func (s *strongbox) put(t testing.TB) (string, Key) {
	t.Helper()
	id, key := call.NewID(), newKey()
	b, _, err := s.Wrap(id, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.root.MkdirAll("2026/11/26", 0o750); err != nil {
		t.Fatal(err)
	}
	name := "2026/11/26/" + string(id) + KeyExt
	if err := s.root.WriteFile(name, b, keyMode); err != nil {
		t.Fatal(err)
	}
	return name, key
}

func (s *strongbox) read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := s.root.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recovered opens a key with the recovery identity alone.
func (s *strongbox) recovered(t *testing.T, name string) (Secret, error) {
	t.Helper()
	f, err := os.Open(s.recovery)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // only read
	ids, err := ReadIdentities(f)
	if err != nil {
		t.Fatal(err)
	}
	return Unwrap(s.read(t, name), ids...)
}

// TestKeysOpen: with the epochs, with the recovery identity alone, and with nothing else.
func TestKeysOpen(t *testing.T) {
	s := newStrongbox(t)
	name, key := s.put(t)
	got, err := s.Unwrap(s.read(t, name))
	if err != nil || got.Key != key || got.Call != idOf(name) || got.Epoch != s.Current() {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := s.recovered(t, name); err != nil || got.Key != key {
		t.Errorf("the recovery identity gives %+v, %v", got, err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unwrap(s.read(t, name), other); err == nil || !strings.Contains(err.Error(), "is needed") {
		t.Errorf("a stranger's identity gives %v", err)
	}
	b := s.read(t, name)
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1
		if got, err := s.Unwrap(c); err == nil && got.Key != key {
			t.Fatalf("with byte %d changed it opens to another key", i)
		}
	}
	for _, f := range []string{s.recovery, filepath.Join(s.dir, s.Current()+epochExt)} {
		if st, err := os.Stat(f); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", f, st.Mode(), err)
		}
	}
	if st, err := os.Stat(s.dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", st.Mode(), err)
	}
	if _, err := NewIdentity(s.recovery); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an identity is overwritten: %v", err)
	}
}

// TestForeignAgeOpens: what is sealed opens with Debian's age, by the recovery identity.
func TestForeignAgeOpens(t *testing.T) {
	if _, err := exec.LookPath("age"); err != nil {
		t.Fatal("age is missing; this test judges our keys with it: apt-get install age")
	}
	s := newStrongbox(t)
	name, key := s.put(t)
	cmd := exec.CommandContext(t.Context(), "age", "-d", "-i", s.recovery)
	cmd.Stdin = bytes.NewReader(s.read(t, name))
	out, err := cmd.Output()
	if err != nil || !bytes.Contains(out, []byte(hex.EncodeToString(key[:]))) {
		t.Errorf("age gives %q, %v", out, err)
	}
}

// TestRecipients lists what is refused, and that it says what would be right.
func TestRecipients(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseRecipient(id.Recipient().String()); err != nil {
		t.Error(err)
	}
	for what, s := range map[string]string{
		"secret": id.String(), "post-quantum": hybrid.Recipient().String(), "empty": "", "typo": id.Recipient().String()[:40], "ssh": "ssh-ed25519 AAAA",
	} {
		_, err := ParseRecipient(s)
		if err == nil || !strings.Contains(err.Error(), "hotline recording keygen") {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && what == "secret" && strings.Contains(err.Error(), s[20:40]) {
			t.Errorf("%s: the secret is told: %v", what, err)
		}
	}
}

// TestErase: what is erased stays erased, also where it is sealed anew in the same moment.
func TestErase(t *testing.T) {
	s := newStrongbox(t)
	name, _ := s.put(t)
	before, err := s.root.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close() // only read
	old := s.read(t, name)
	if err := Erase(s.root, name); err != nil {
		t.Fatal(err)
	}
	if _, err := s.root.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	left := make([]byte, len(old))
	if n, _ := before.ReadAt(left, 0); n != len(old) || bytes.Equal(left, old) || bytes.Contains(left, old[:24]) {
		t.Errorf("%d bytes are left, some as they were", n)
	}
	if err := Erase(s.root, name); err != nil {
		t.Errorf("a second time: %v", err)
	}
	for range 20 {
		name, _ := s.put(t)
		if _, err := s.NewEpoch(); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := s.Rewrap(s.root, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if err := Erase(s.root, name); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if _, err := s.root.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("an erased key came back: %v", err)
		}
	}
}

// TestBadEpochs: what is wrong in the folder of the epochs is said.
func TestBadEpochs(t *testing.T) {
	s := newStrongbox(t)
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"empty": "", "garbage": "hello\n", "another": string(identityText(other, time.Now())),
	} {
		name := filepath.Join(s.dir, "000009-00000000"+epochExt)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Refresh(); err == nil || !strings.Contains(err.Error(), "000009-00000000") {
			t.Errorf("%s: %v", what, err)
		}
		if s.Current() == "000009-00000000" {
			t.Errorf("%s: it seals for it", what)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkWrap is what the key of a call costs when it is answered.
func BenchmarkWrap(b *testing.B) {
	file := filepath.Join(b.TempDir(), "recovery.txt")
	recipient, err := NewIdentity(file)
	if err != nil {
		b.Fatal(err)
	}
	k, err := OpenKeyring(filepath.Join(b.TempDir(), "keys"), []string{recipient})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close() // only a benchmark
	for b.Loop() {
		if _, _, err := k.Wrap("id", Key{}); err != nil {
			b.Fatal(err)
		}
	}
}
