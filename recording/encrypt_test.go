package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hotline/call"
	"hotline/recording/vault"
)

// keysOf is where the keys of a data folder's recordings are.
func keysOf(data string) string { return filepath.Join(data, "keys", "recording") }

// ringOf opens them.
func ringOf(t *testing.T, data string) *vault.Keyring {
	t.Helper()
	k, err := vault.OpenKeyring(keysOf(data), nil)
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

// newLockedStudio opens a recorder that encrypts.
func newLockedStudio(t *testing.T, format string, out func(*outside)) *studio {
	t.Helper()
	return newStudioWith(t, format, out, func(s *studio, o *Options) { o.Vault = ringOf(t, s.data) })
}

// plain are the bytes of a recording's WAV.
func plain(t *testing.T, file string) []byte {
	t.Helper()
	var b []byte
	var err error
	if strings.HasSuffix(file, boxExt) {
		data, rel, _ := strings.Cut(file, "/"+folder+"/")
		ring := ringOf(t, data)
		var s *Sound
		if s, err = OpenPath(filepath.Join(data, folder), told(rel), ring.Unwrap); err == nil {
			b, err = io.ReadAll(s)
			err = errors.Join(err, s.Close())
		}
	} else {
		b, err = os.ReadFile(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// heardOf are the samples of a recording in a file, with silence for what a damage took.
func heardOf(t *testing.T, g *Recording, file string) []byte {
	t.Helper()
	data, rel, _ := strings.Cut(file, "/"+folder+"/")
	var unwrap Unwrap
	if g.r.o.Vault != nil {
		unwrap = g.r.o.Vault.Unwrap
	}
	s, err := OpenPath(filepath.Join(data, folder), told(rel), unwrap)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // only read
	s.Mend()
	b, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	return b[format{codec: codecPCM16}.headSize():]
}

// playable is a recording as a file that a foreign player takes.
func playable(t *testing.T, file string) string {
	t.Helper()
	if !strings.HasSuffix(file, boxExt) {
		return file
	}
	wav := filepath.Join(t.TempDir(), "plain.wav")
	if err := os.WriteFile(wav, plain(t, file), 0o600); err != nil {
		t.Fatal(err)
	}
	return wav
}

// TestEncryptedRecording: what is encrypted plays as what is plain, and nothing on the disk is.
func TestEncryptedRecording(t *testing.T) {
	for _, format := range []string{PCM16, G711} {
		s := newLockedStudio(t, format, nil)
		k := s.open(call.PCMU)
		k.Voice(true, "")
		k.tones(5*time.Second, 300, 500)
		soon(t, "five seconds are in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == k.at })
		if _, right := channels(t, s.file(k.Recording)); len(right) != 40000 || level(right, 500) < 0.97 {
			t.Errorf("%s: while it grows it has %d samples", format, len(right))
		}
		k.tones(5*time.Second, 300, 700)
		res := k.seal()
		file := s.file(k.Recording)
		if res.State != StateSealed || res.Duration != 10*time.Second || filepath.Ext(res.Path) != boxExt {
			t.Fatalf("%s: %+v", format, res)
		}
		left, right := channels(t, file)
		if level(left, 300) < 0.97 || level(between(right, 0, 5*time.Second), 500) < 0.97 || level(between(right, 5*time.Second, 10*time.Second), 700) < 0.97 {
			t.Errorf("%s: the sound is another", format)
		}
		for player := range players {
			got := played(t, player, playable(t, file))
			l, r := split(got)
			if !slices.Equal(l, left) || !slices.Equal(r, right) {
				t.Errorf("%s: %s plays another sound", format, player)
			}
		}
		names, err := filepath.Glob(strings.TrimSuffix(file, boxExt) + ".*")
		if err != nil || len(names) != 4 { // .rec, .key, .json, .peaks
			t.Errorf("%s: beside it are %v, %v", format, names, err)
		}
		wav := plain(t, file)
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for at := 1000; at+16 <= len(wav); at += 1000 {
				if bytes.Contains(b, wav[at:at+16]) {
					t.Fatalf("%s: %s has 16 bytes of the sound", format, filepath.Base(name))
				}
			}
		}
		seen, err := See(s.o.Dir, res.Call, s.o.Vault.Unwrap)
		if err != nil || len(seen.Peaks.Said) != 100 || seen.Peaks.Said[50] < 50 || seen.Path != res.Path {
			t.Errorf("%s: seen are %d peaks, %v", format, len(seen.Peaks.Said), err)
		}
		if _, err := See(s.o.Dir, res.Call, nil); err == nil {
			t.Errorf("%s: the peaks are seen without keys", format)
		}
		remove(t, stemOfFile(file)+peaksExt)
		made, err := See(s.o.Dir, res.Call, s.o.Vault.Unwrap)
		if err != nil || !bytes.Equal(made.Peaks.Said, seen.Peaks.Said) || !bytes.Equal(made.Peaks.Heard, seen.Peaks.Heard) {
			t.Errorf("%s: made of the sound the peaks are others, %v", format, err)
		}
		m := readManifest(t, file)
		c, ok := m["encrypted"].(map[string]any)
		if !ok || c["aead"] != "aes-256-gcm" || c["frames"].(float64) < 50 || len(c["key"].(string)) != 16 {
			t.Errorf("%s: the manifest says %v", format, m["encrypted"])
		}
		faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{res.Call, res.Path}}, Unwrap: s.o.Vault.Unwrap}, nil)
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: verify finds %v, %v", format, faults, err)
		}
	}
}

// TestPlainManifestsSayNothingOfKeys: who has no keys configured has the files of before.
func TestPlainManifestsSayNothingOfKeys(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	k.seal()
	if m := readManifest(t, s.file(k.Recording)); m["encrypted"] != nil {
		t.Errorf("the manifest says %v", m["encrypted"])
	}
	if sound, err := OpenPath(s.o.Dir, k.Path(), nil); err != nil || sound.Duration != time.Second || sound.Vault != nil {
		t.Errorf("%+v, %v", sound, err)
	} else if err := sound.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoSoundWithoutItsKey: a key that cannot be written is a recording that is not begun; once it
// can, it begins. And of the two the key is on the disk first.
func TestNoSoundWithoutItsKey(t *testing.T) {
	var refuse atomic.Bool
	refuse.Store(true)
	var mu sync.Mutex
	var synced []string
	s := newLockedStudio(t, PCM16, func(m *outside) {
		m.onto = func(f *os.File) io.WriterAt {
			if strings.HasSuffix(f.Name(), keyExt) && refuse.Load() {
				return gate{f, &gates{err: syscall.ENOSPC}}
			}
			return f
		}
		real := m.datasync
		m.datasync = func(f *os.File) error {
			mu.Lock()
			synced = append(synced, filepath.Ext(f.Name()))
			mu.Unlock()
			return real(f)
		}
	})
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the refusal is seen", func() bool { return k.Err() != nil })
	if err := k.Err(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("it is told as %v", err)
	}
	if _, err := os.Stat(s.file(k.Recording)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("there is a sound without a key: %v", err)
	}
	if _, err := s.o.Vault.NewEpoch(); err != nil { // then it is sealed for the epoch of now
		t.Fatal(err)
	}
	refuse.Store(false)
	s.clock.set(answered.Add(k.at + retryEvery))
	soon(t, "the sound begins", func() bool { _, err := os.Stat(s.file(k.Recording)); return err == nil })
	k.tones(2*time.Second, 0, 500)
	soon(t, "the sound is synced", func() bool { mu.Lock(); defer mu.Unlock(); return slices.Contains(synced, boxExt) })
	k.seal()
	mu.Lock()
	defer mu.Unlock()
	// Drafts may be synced as they are; here it is about these two.
	of := slices.DeleteFunc(slices.Clone(synced), func(ext string) bool { return ext != keyExt && ext != boxExt })
	if of[0] != keyExt || slices.Contains(of[1:], keyExt) {
		t.Errorf("synced were %v", of)
	}
	b, err := os.ReadFile(strings.TrimSuffix(s.file(k.Recording), boxExt) + keyExt)
	if err != nil {
		t.Fatal(err)
	}
	if secret, err := s.o.Vault.Unwrap(b); err != nil || secret.Epoch != s.o.Vault.Current() {
		t.Errorf("the key is sealed for epoch %q, %v", secret.Epoch, err)
	}
}

// TestKeyWhoseSyncFails: it is written anew into another file, as the sound is.
func TestKeyWhoseSyncFails(t *testing.T) {
	var mu sync.Mutex
	var synced []string
	s := newLockedStudio(t, PCM16, func(m *outside) {
		real := m.datasync
		m.datasync = func(f *os.File) error {
			mu.Lock()
			defer mu.Unlock()
			name := f.Name()
			synced = append(synced, name[strings.Index(name, "."):])
			if strings.HasSuffix(name, keyExt) {
				return syscall.EIO
			}
			return real(f)
		}
	})
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the failure is seen", func() bool { return errors.Is(k.Err(), syscall.EIO) })
	s.clock.set(answered.Add(time.Minute))
	k.at = time.Minute
	k.tones(time.Second, 0, 700)
	soon(t, "the key is on the disk", func() bool { return k.box.onDisk.Load() })
	res := k.seal()
	if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{res.Call, res.Path}}, Unwrap: s.o.Vault.Unwrap}, nil); err != nil || len(faults) > 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
	mu.Lock()
	defer mu.Unlock()
	n := 0
	for _, name := range synced {
		if name == keyExt {
			n++
		}
	}
	if n != 1 || !slices.Contains(synced, keyExt+tempExt) {
		t.Errorf("synced were %v", synced)
	}
}

// TestRotationWhileRecording: keys are sealed anew under calls that go on, which notice nothing; an
// erased one cannot be opened by anybody any more.
func TestRotationWhileRecording(t *testing.T) {
	s := newLockedStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.tones(2*time.Second, 0, 500)
	soon(t, "it is in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == k.at })
	p, err := s.o.Vault.Rotate(context.Background(), vault.Roots{s.root}, nil)
	if err != nil || p.Sealed != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	k.tones(2*time.Second, 0, 700)
	res := k.seal()
	if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{res.Call, res.Path}}, Unwrap: s.o.Vault.Unwrap}, nil); err != nil || len(faults) > 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
	if _, right := channels(t, s.file(k.Recording)); level(between(right, 2*time.Second, 4*time.Second), 700) < 0.97 {
		t.Error("the sound is another")
	}
	if err := vault.Erase(s.root, k.stem+keyExt); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPath(s.o.Dir, res.Path, s.o.Vault.Unwrap); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("erased it opens with %v", err)
	}
	if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{res.Call, res.Path}}}, nil); err != nil || len(faults) != 1 || !strings.Contains(faults[0].Problem, "key") {
		t.Errorf("verify finds %v, %v", faults, err)
	}
}

// locked makes a sealed encrypted recording of three seconds.
func locked(t *testing.T) (*studio, Result, string) {
	t.Helper()
	s := newLockedStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.Voice(true, "")
	k.tones(3*time.Second, 300, 500)
	res := k.seal()
	return s, res, s.file(k.Recording)
}

// TestVerifyEncrypted lists what may be wrong with an encrypted recording. Without the keys all
// is found that an accident does; a forger who writes hash and manifest anew is found with them,
// or by the chain.
func TestVerifyEncrypted(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(t *testing.T, s *studio, file string)
		says string
	}{
		"nothing":    {func(*testing.T, *studio, string) {}, ""},
		"key gone":   {func(t *testing.T, _ *studio, f string) { remove(t, stemOfFile(f)+keyExt) }, "the key is missing"},
		"sound gone": {func(t *testing.T, _ *studio, f string) { remove(t, f) }, "the sound is missing"},
		"flipped": {func(t *testing.T, _ *studio, f string) {
			harm(t, f, func(b []byte) []byte { b[5000] ^= 1; return b })
		}, "the sound is damaged: frame"},
		"end cut off": {func(t *testing.T, _ *studio, f string) { harm(t, f, func(b []byte) []byte { return b[:len(b)-100] }) }, "final frame"},
		"cut":         {func(t *testing.T, _ *studio, f string) { harm(t, f, func(b []byte) []byte { return b[:len(b)/2] }) }, "the manifest says"},
		"header lost": {func(t *testing.T, _ *studio, f string) {
			harm(t, f, func(b []byte) []byte { clear(b[:40]); return b })
		}, "header"},
		"plain beside": {func(t *testing.T, _ *studio, f string) { overwrite(t, stemOfFile(f)+soundExt, []byte("x")) }, "too much"},
		"of another": {func(t *testing.T, _ *studio, f string) {
			_, _, other := locked(t)
			b, err := os.ReadFile(other)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, f, b)
		}, "the manifest says"},
		"key of another": {func(t *testing.T, s *studio, f string) {
			b, _, err := s.o.Vault.Wrap(call.NewID(), vault.Key{})
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, stemOfFile(f)+keyExt, b)
		}, "cannot be opened"},
	} {
		t.Run(what, func(t *testing.T) {
			s, res, file := locked(t)
			c.harm(t, s, file)
			faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{res.Call, res.Path}}, Unwrap: s.o.Vault.Unwrap}, nil)
			if err != nil {
				t.Fatal(err)
			}
			said := func(f Fault) bool { return f.Call == res.Call && strings.Contains(f.Problem, c.says) }
			if (c.says == "") != (len(faults) == 0) || c.says != "" && !slices.ContainsFunc(faults, said) {
				t.Errorf("verify finds %v", faults)
			}
		})
	}
}

func stemOfFile(f string) string { return strings.TrimSuffix(f, boxExt) }

func overwrite(t *testing.T, f string, b []byte) {
	t.Helper()
	if err := os.WriteFile(f, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func harm(t *testing.T, f string, how func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(f)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, f, how(b))
}

// TestRepairEncrypted repairs what a process that died, or a power cut, may leave. The keys are not
// there meanwhile.
func TestRepairEncrypted(t *testing.T) {
	for what, c := range map[string]struct {
		left    func(b []byte) []byte // of the sound
		samples int64                 // at least
	}{
		"as it was":            {func(b []byte) []byte { return b }, 24000},
		"without its end":      {func(b []byte) []byte { return b[:len(b)-100] }, 24000},
		"cut in a frame":       {func(b []byte) []byte { return b[:len(b)-1000] }, 21000},
		"pages of zeros":       {func(b []byte) []byte { clear(b[len(b)-4096:]); return b }, 20000},
		"damaged in the midst": {func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, 24000},
		"half its header":      {func(b []byte) []byte { return b[:50] }, 0},
		"nothing":              {func([]byte) []byte { return nil }, 0},
	} {
		t.Run(what, func(t *testing.T) {
			s, res, file := locked(t)
			harm(t, file, c.left)
			undo(t, file)
			if err := os.Rename(keysOf(s.data), s.data+"/away"); err != nil {
				t.Fatal(err)
			}
			done, err := Repair(t.Context(), s.o.Dir, s.o.Chain, func(call.ID) Meta { return Meta{Answered: answered} })
			if err != nil || len(done) != 1 || done[0].Path != res.Path || done[0].Samples < c.samples || done[0].Samples > 24000 {
				t.Fatalf("repair gives %+v, %v", done, err)
			}
			if err := os.Rename(s.data+"/away", keysOf(s.data)); err != nil {
				t.Fatal(err)
			}
			m := readManifest(t, file)
			if m["state"] != StateInterrupted || m["encrypted"] == nil {
				t.Errorf("the manifest is %v", m)
			}
			sound, err := OpenPath(s.o.Dir, res.Path, s.o.Vault.Unwrap)
			if err != nil {
				t.Fatal(err)
			}
			defer sound.Close() // only read
			if sound.Duration != done[0].Duration {
				t.Errorf("it lasts %v, repaired are %v", sound.Duration, done[0].Duration)
			}
			damaged := sound.Vault != nil && sound.Vault.State == vault.Damaged
			if damaged != (what == "damaged in the midst") {
				t.Errorf("it opens as %+v", sound.Vault)
			}
			if damaged {
				var lost *vault.Lost
				if _, err := io.ReadAll(sound); !errors.As(err, &lost) {
					t.Errorf("what is lost is played: %v", err)
				}
				sound.Mend()
				if _, err := sound.Seek(0, io.SeekStart); err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(sound); err != nil || int64(len(b)) != sound.Size {
					t.Errorf("mended it has %d bytes, %v", len(b), err)
				}
				if !strings.Contains(fmt.Sprint(m["faults"], m["gaps"]), "reason:torn") {
					t.Errorf("the manifest does not confess: %v", m)
				}
			}
			if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{res.Call, res.Path}}, Alone: true, Unwrap: s.o.Vault.Unwrap}, nil); err != nil || len(faults) > 0 {
				t.Errorf("verify finds %v, %v", faults, err)
			}
		})
	}
}

// undo takes the manifest of a recording away and leaves a draft, as if it had never been sealed.
func undo(t *testing.T, file string) {
	t.Helper()
	m := readManifest(t, file)
	for _, k := range []string{"digest", "signature", "seq", "previous", "key"} {
		delete(m, k)
	}
	m["state"] = StateOpen
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, stemOfFile(file)+draftExt, append(b, '\n'))
	remove(t, stemOfFile(file)+manifestExt)
	if err := os.Remove(stemOfFile(file) + peaksExt); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// TestKeyWithoutSound: a process that died between the two leaves a key of nothing; it goes.
func TestKeyWithoutSound(t *testing.T) {
	s, _, file := locked(t)
	undo(t, file)
	remove(t, file)
	if done, err := Repair(t.Context(), s.o.Dir, s.o.Chain, func(call.ID) Meta { return Meta{} }); err != nil || len(done) > 0 {
		t.Fatalf("repair gives %+v, %v", done, err)
	}
	if names, err := filepath.Glob(stemOfFile(file) + ".*"); err != nil || len(names) > 0 {
		t.Errorf("left are %v, %v", names, err)
	}
}

// TestOpenSoundRefuses lists what is no recording, and what cannot be opened.
func TestOpenSoundRefuses(t *testing.T) {
	s, res, file := locked(t)
	if _, err := OpenSound(s.o.Dir, call.NewID(), s.o.Vault.Unwrap); !errors.Is(err, ErrNone) {
		t.Errorf("a call that was not: %v", err)
	}
	if sound, err := OpenSound(s.o.Dir, res.Call, s.o.Vault.Unwrap); err != nil || sound.Duration != res.Duration {
		t.Errorf("by its call: %v", err)
	} else if err := sound.Close(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"", "recordings/x.wav", "../" + res.Path, "recordings/../" + res.Path, stemOfFile(res.Path) + ".json", filepath.Base(file)} {
		if _, err := OpenPath(s.o.Dir, path, s.o.Vault.Unwrap); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := OpenPath(s.o.Dir, res.Path, nil); err == nil || !strings.Contains(err.Error(), "recording.keys") {
		t.Errorf("without keys: %v", err)
	}
	if sound, err := OpenPath(s.o.Dir, stemOfFile(res.Path)+soundExt, s.o.Vault.Unwrap); err != nil {
		t.Errorf("by the name of a plain one: %v", err)
	} else if err := sound.Close(); err != nil {
		t.Error(err)
	}
	stranger := ringOf(t, t.TempDir())
	if _, err := OpenPath(s.o.Dir, res.Path, stranger.Unwrap); err == nil || !strings.Contains(err.Error(), "is needed") {
		t.Errorf("with another's keys: %v", err)
	}
}
