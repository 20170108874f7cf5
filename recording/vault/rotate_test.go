package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/recording/durable"
)

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
	p, err := s.Rotate(t.Context(), Roots{s.root}, func(p Progress) {
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
	if _, err := s.Retire(t.Context(), Roots{s.root}, nil); err == nil {
		t.Error("the epochs go although others may still seal for them")
	}
	past := time.Now().Add(-2 * Settle)
	if err := s.Keyring.root.Chtimes(s.Current()+epochExt, past, past); err != nil {
		t.Fatal(err)
	}
	gone, err := s.Retire(t.Context(), Roots{s.root}, nil)
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
		_, err := s.Rotate(ctx, Roots{s.root}, func(p Progress) {
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
		if err := s.root.WriteFile(last+durable.TempExt, []byte("age-encryption.org/v1\n-> X"), keyMode); err != nil {
			t.Fatal(err)
		}
		again := openRing(t, s.dir, s.recipient)
		for name, key := range keys {
			if got, err := again.Unwrap(s.read(t, name)); err != nil || got.Key != key {
				t.Fatalf("stopped after %d: %s: %+v, %v", stop, name, got, err)
			}
		}
		p, err := again.Rotate(t.Context(), Roots{s.root}, nil)
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
		if _, err := k.Rotate(context.Background(), Roots{root}, nil); err != nil {
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
	_, err = k.Retire(context.Background(), Roots{root}, nil)
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
	p, err := s.Rotate(t.Context(), Roots{s.root}, nil)
	if err != nil || p.Done != len(keys) {
		t.Fatalf("at last: %+v, %v", p, err)
	}
	epochs, err := s.Epochs()
	if err != nil || len(epochs) < 2 {
		t.Fatalf("the processes made no epoch: %v, %v", epochs, err)
	}
}
