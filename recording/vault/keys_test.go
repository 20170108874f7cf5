package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
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

// TestRotation seals all keys for a new epoch, while others are made and erased; the old epochs
// then open nothing, and can go.
func TestRotation(t *testing.T) {
	s := newStrongbox(t)
	keys := map[string]Key{}
	for range 20 {
		name, key := s.put(t)
		keys[name] = key
	}
	first := s.Current()
	server := &strongbox{Keyring: openRing(t, s.dir, s.recipient), dir: s.dir, recovery: s.recovery, root: s.root}
	var meanwhile sync.WaitGroup
	stop := make(chan struct{})
	made := map[string]Key{}
	meanwhile.Go(func() { // records with what it knew when it began
		for len(made) < 30 {
			select {
			case <-stop:
				return
			default:
				name, key := server.put(t)
				made[name] = key
			}
		}
	})
	steps := 0
	p, err := s.Rotate(t.Context(), s.root, func(p Progress) {
		if steps++; p.Done != steps || p.Total < 20 {
			t.Errorf("step %d tells %+v", steps, p)
		}
	})
	close(stop)
	meanwhile.Wait()
	if err != nil || p.Sealed < 20 {
		t.Fatalf("%+v, %v", p, err)
	}
	if s.Current() == first {
		t.Fatal("the epoch is the same")
	}
	if err := server.Refresh(); err != nil || server.Current() != s.Current() {
		t.Errorf("the other process seals for %s, %v", server.Current(), err)
	}
	for name, key := range keys {
		if got, err := s.Unwrap(s.read(t, name)); err != nil || got.Key != key || got.Epoch != s.Current() {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, key := range made {
		if got, err := s.Unwrap(s.read(t, name)); err != nil || got.Key != key {
			t.Errorf("made meanwhile: %s: %+v, %v", name, got, err)
		}
	}
	if _, err := s.Retire(t.Context(), s.root, nil); err == nil {
		t.Error("the epochs go although others may still seal for them")
	}
	past := time.Now().Add(-2 * Settle)
	if err := s.Keyring.root.Chtimes(s.Current()+epochExt, past, past); err != nil {
		t.Fatal(err)
	}
	gone, err := s.Retire(t.Context(), s.root, nil)
	if err != nil || len(gone) != 1 || gone[0] != first {
		t.Fatalf("retired are %v, %v", gone, err)
	}
	for name := range made {
		if _, err := s.Unwrap(s.read(t, name)); err != nil {
			t.Errorf("after the old epoch went, %s: %v", name, err)
		}
	}
}

// TestNewRecovery: a rotation seals for the recovery recipients of now, and for those of before no more.
func TestNewRecovery(t *testing.T) {
	s := newStrongbox(t)
	name, key := s.put(t)
	file := filepath.Join(t.TempDir(), "new.txt")
	recipient, err := NewIdentity(file)
	if err != nil {
		t.Fatal(err)
	}
	now := openRing(t, s.dir, recipient)
	if done, err := now.Rewrap(s.root, name); err != nil || !done {
		t.Fatal(done, err)
	}
	if done, err := now.Rewrap(s.root, name); err != nil || done {
		t.Errorf("again: %v, %v", done, err)
	}
	if _, err := s.recovered(t, name); err == nil {
		t.Error("the recovery identity of before opens it still")
	}
	s.recovery = file
	if got, err := s.recovered(t, name); err != nil || got.Key != key {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRotationStopsAnywhere ends rotations after each key, and beside half-written files; each time
// every key opens, and the next rotation goes on with the same epoch and ends.
func TestRotationStopsAnywhere(t *testing.T) {
	const n = 4
	for stop := range n + 1 {
		s := newStrongbox(t)
		keys := map[string]Key{}
		var last string
		for range n {
			name, key := s.put(t)
			keys[name], last = key, name
		}
		ctx, cancel := context.WithCancel(t.Context())
		if stop == 0 {
			cancel()
		}
		_, err := s.Rotate(ctx, s.root, func(p Progress) {
			if p.Done == stop {
				cancel()
			}
		})
		cancel()
		if (err == nil) != (stop == n) {
			t.Fatalf("stopped after %d: %v", stop, err)
		}
		epoch := s.Current()
		// What a process that died in the middle of writing leaves.
		if err := s.root.WriteFile(last+tempExt, []byte("age-encryption.org/v1\n-> X"), keyMode); err != nil {
			t.Fatal(err)
		}
		again := openRing(t, s.dir, s.recipient)
		for name, key := range keys {
			if got, err := again.Unwrap(s.read(t, name)); err != nil || got.Key != key {
				t.Fatalf("stopped after %d: %s: %+v, %v", stop, name, got, err)
			}
		}
		p, err := again.Rotate(t.Context(), s.root, nil)
		if err != nil || p.Done != n {
			t.Fatalf("stopped after %d: going on gives %+v, %v", stop, p, err)
		}
		if stop < n && (again.Current() != epoch || p.Sealed != n-stop) {
			t.Errorf("stopped after %d: going on seals %d for %s, not for %s", stop, p.Sealed, again.Current(), epoch)
		}
		for name := range keys {
			if got, err := again.Unwrap(s.read(t, name)); err != nil || got.Epoch != again.Current() {
				t.Errorf("stopped after %d: %+v, %v", stop, got, err)
			}
		}
	}
}

// rotateIn names, in the environment of a process that is to be killed, the keyring and the folder.
const rotateIn = "HOTLINE_TEST_ROTATE_IN"

// retireIn names, in the environment of a process that retires epochs, the keyring, the folder and the recipient.
const retireIn = "HOTLINE_TEST_RETIRE_IN"

func TestMain(m *testing.M) {
	if in := strings.Split(os.Getenv(retireIn), "\n"); len(in) == 3 {
		if err := retireOnce(in[0], in[1], in[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if in := os.Getenv(rotateIn); in != "" {
		dir, below, _ := strings.Cut(in, "\n")
		if err := rotateForever(dir, below); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// rotateForever rotates again and again and says so.
func rotateForever(dir, below string) error {
	k, err := OpenKeyring(dir, nil)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(below)
	if err != nil {
		return err
	}
	for {
		if _, err := k.Rotate(context.Background(), root, nil); err != nil {
			return err
		}
		fmt.Println("once")
	}
}

func retireOnce(dir, below, recipient string) error {
	k, err := OpenKeyring(dir, []string{recipient})
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(below)
	if err != nil {
		return err
	}
	_, err = k.Retire(context.Background(), root, nil)
	return errors.Join(err, root.Close(), k.Close())
}

// TestRetireAfterAKill: a process that dies may leave a key that is sealed anew under its name, and the name not on the
// disk. It is put there before an epoch goes: after a power cut the key as it was before would open no more.
func TestRetireAfterAKill(t *testing.T) {
	s := newStrongbox(t)
	name, _ := s.put(t)
	first := s.Current()
	if _, err := s.NewEpoch(); err != nil {
		t.Fatal(err)
	}
	ids, err := s.identities()
	if err != nil {
		t.Fatal(err)
	}
	if done, err := s.rewrap(s.root, name, ids); err != nil || !done { // and it dies
		t.Fatal(done, err)
	}
	past := time.Now().Add(-2 * Settle)
	if err := s.Keyring.root.Chtimes(s.Current()+epochExt, past, past); err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	child := exec.CommandContext(t.Context(), "strace", "-f", "-q", "-y", "-s", "400", "-o", trace, "-e", "trace=fsync", os.Args[0])
	child.Env = append(os.Environ(), retireIn+"="+s.dir+"\n"+s.root.Name()+"\n"+s.recipient)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v (apt-get install strace): %s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	day := bytes.Index(b, []byte("<"+filepath.Join(s.root.Name(), filepath.Dir(name))+">"))
	gone := bytes.Index(b, []byte("<"+filepath.Join(s.dir, first+epochExt)))
	if day < 0 || gone < 0 || day > gone {
		t.Errorf("the folder of the key is not on the disk before the epoch goes:\n%s", b)
	}
}

// TestKilledRotations kills processes that rotate, at any moment: every key opens to what it was.
func TestKilledRotations(t *testing.T) {
	s := newStrongbox(t)
	keys := map[string]Key{}
	for range 12 {
		name, key := s.put(t)
		keys[name] = key
	}
	kills := 5
	if nightly {
		kills = 100
	}
	for i := range kills {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), rotateIn+"="+s.dir+"\n"+s.root.Name())
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil { // it is in the middle of it
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 3 * time.Millisecond) // no moment is the right one
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // killed: that is what was wanted
		for name, key := range keys {
			if got, err := s.Unwrap(s.read(t, name)); err != nil || got.Key != key {
				t.Fatalf("kill %d: %s: %+v, %v", i, name, got, err)
			}
		}
	}
	p, err := s.Rotate(t.Context(), s.root, nil)
	if err != nil || p.Done != len(keys) {
		t.Fatalf("at last: %+v, %v", p, err)
	}
	epochs, err := s.Epochs()
	if err != nil || len(epochs) < 2 {
		t.Fatalf("the processes made no epoch: %v, %v", epochs, err)
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
