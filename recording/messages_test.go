package recording

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

// A drawer is a store of messages in a folder of its own.
type drawer struct {
	*Messages
	t    *testing.T
	data string
	logs *observer.ObservedLogs
}

func newDrawer(t *testing.T, data string, d disk) *drawer {
	t.Helper()
	return openDrawer(t, data, d, MessageOptions{})
}

// newLockedDrawer keeps messages encrypted.
func newLockedDrawer(t *testing.T, data string, d disk) *drawer {
	t.Helper()
	ring := ringOf(t, data)
	return openDrawer(t, data, d, MessageOptions{Vault: ring, Unwrap: ring.Unwrap})
}

func openDrawer(t *testing.T, data string, d disk, o MessageOptions) *drawer {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	o.Zone, o.Log = baku, zap.New(core)
	s, err := openMessages(data, o, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &drawer{s, t, data, logs}
}

// untold are the messages that a restart would tell.
func (w *drawer) untold() []call.Message {
	w.t.Helper()
	all, err := w.Untold(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// files are those below the folder of messages.
func files(t *testing.T, data string) (names []string) {
	t.Helper()
	dir := filepath.Join(data, messageFolder)
	if err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, p) // below it by construction
			names = append(names, rel)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// complaint is a message as a call leaves it.
func complaint() call.Message {
	return call.Message{
		ID: call.NewID(), Call: call.NewID(), Line: "919", From: "+994125550147", Language: "az", Kind: call.MatterComplaint,
		Topic: "pensions", Confidential: true, At: answered.Add(456 * time.Microsecond),
	}
}

// TestAMessageIsKept: the sound plays everywhere, the slip has the number in full, both are for
// nobody else's eyes, and a restart reads what Keep returned.
func TestAMessageIsKept(t *testing.T) {
	w := newDrawer(t, t.TempDir(), realDisk())
	m, pcm := complaint(), sine(2*time.Second, 500)
	kept, err := w.Keep(t.Context(), m, pcm)
	if err != nil {
		t.Fatal(err)
	}
	want := m
	want.Path, want.Length, want.At = "messages/2026/03/02/"+string(m.ID)+".wav", 2*time.Second, answered
	if kept != want {
		t.Errorf("what is kept is %+v, not %+v: the day is that in Baku", kept, want)
	}
	again := newDrawer(t, w.data, realDisk())
	if got := again.untold(); len(got) != 1 || got[0] != kept {
		t.Errorf("a restart reads %+v", got)
	}
	for player := range players {
		if got := played(t, player, filepath.Join(w.data, kept.Path)); !slices.Equal(got, pcm) {
			t.Errorf("%s plays %d samples, not %d", player, len(got), len(pcm))
		}
	}
	slip := filepath.Join(w.data, messageFolder, slipPath(m.ID))
	b, err := os.ReadFile(slip)
	if err != nil || !strings.Contains(string(b), `"from":"+994125550147","withheld":false,`) {
		t.Errorf("the slip is %s, %v", b, err)
	}
	for name, mode := range map[string]fs.FileMode{
		slip: 0o600, filepath.Join(w.data, kept.Path): 0o600, filepath.Dir(slip): 0o700,
		filepath.Join(w.data, "messages/2026/03/02"): 0o700, filepath.Join(w.data, "messages"): 0o700,
	} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	if b, err := w.Sound(kept.Path); err != nil || len(b) != 44+32000 {
		t.Errorf("the sound has %d bytes, %v", len(b), err)
	}
}

// TestAMessageIsEncrypted: nothing of the voice is on the disk, whoever has the keys hears the same sound, who has
// not is told so, and what was kept before in the clear is heard, too.
func TestAMessageIsEncrypted(t *testing.T) {
	data := t.TempDir()
	pcm := sine(2*time.Second+3*time.Millisecond, 500)
	before, err := newDrawer(t, data, realDisk()).Keep(t.Context(), complaint(), pcm)
	if err != nil {
		t.Fatal(err)
	}
	want, err := newDrawer(t, data, realDisk()).Sound(before.Path)
	if err != nil {
		t.Fatal(err)
	}
	w := newLockedDrawer(t, data, realDisk())
	m := complaint()
	kept, err := w.Keep(t.Context(), m, pcm)
	if err != nil || kept.Path != "messages/2026/03/02/"+string(m.ID)+boxExt {
		t.Fatalf("%+v, %v", kept, err)
	}
	for _, path := range []string{before.Path, kept.Path} {
		if b, err := w.Sound(path); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s is %d bytes, not those of %d, %v", path, len(b), len(want), err)
		}
	}
	file, err := os.ReadFile(filepath.Join(data, kept.Path))
	if err != nil || bytes.Contains(file, want[4000:4016]) {
		t.Errorf("the voice can be read: %v", err)
	}
	if b, err := newDrawer(t, data, realDisk()).Sound(kept.Path); err == nil || !strings.Contains(err.Error(), "no keys are at hand") {
		t.Errorf("without keys: %d bytes, %v", len(b), err)
	}
	dir := filepath.Join(data, messageFolder)
	for _, unwrap := range []Unwrap{nil, w.unwrap} {
		if faults, err := VerifyMessages(dir, unwrap, nil); err != nil || len(faults) > 0 {
			t.Errorf("verify finds %v, %v", faults, err)
		}
	}
	if err := w.Told(t.Context(), kept); err != nil {
		t.Error(err)
	}
	key := strings.TrimSuffix(filepath.Join(data, kept.Path), boxExt) + keyExt
	sealed, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	for want, b := range map[string][]byte{"cannot be opened": append(slices.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1), "the key is missing": nil} {
		put(t, key, b)
		if faults, err := VerifyMessages(dir, w.unwrap, nil); err != nil || len(faults) != 1 || faults[0].Call != m.ID || !strings.Contains(faults[0].Problem, want) {
			t.Errorf("%s: verify finds %v, %v", want, faults, err)
		}
	}
}

// TestAnEncryptedMessageIsTakenBack, and its key is overwritten.
func TestAnEncryptedMessageIsTakenBack(t *testing.T) {
	w := newLockedDrawer(t, t.TempDir(), realDisk())
	kept, err := w.Keep(t.Context(), complaint(), make([]int16, 800))
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSuffix(filepath.Join(w.data, kept.Path), boxExt) + keyExt
	f, err := os.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := w.Discard(t.Context(), kept); err != nil || len(files(t, w.data)) != 0 {
		t.Errorf("taken back: %v; there are %v", err, files(t, w.data))
	}
	if b, err := io.ReadAll(f); err != nil || bytes.Contains(b, []byte("age-encryption")) {
		t.Errorf("the key can be read: %q, %v", b, err)
	}
}

// TestWhatHasBeenToldIsNotLookedAt: it leaves the folder of what is new, once, and whatever lies in
// the days is not read at a start.
func TestWhatHasBeenToldIsNotLookedAt(t *testing.T) {
	w := newDrawer(t, t.TempDir(), realDisk())
	var all []call.Message
	for i := range 3 {
		m := complaint()
		m.At = m.At.Add(-time.Duration(i) * time.Hour)
		kept, err := w.Keep(t.Context(), m, make([]int16, 800))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kept)
	}
	if got, want := w.untold(), []call.Message{all[2], all[1], all[0]}; !slices.Equal(got, want) {
		t.Errorf("the untold are %v, not the oldest first", got)
	}
	for range 2 { // the second time is nothing new
		if err := w.Told(t.Context(), all[1]); err != nil {
			t.Error(err)
		}
	}
	put(t, filepath.Join(w.data, messageFolder, "2026/03/02", string(call.NewID())+manifestExt), []byte("{"))
	again := newDrawer(t, w.data, realDisk())
	if got, want := again.untold(), []call.Message{all[2], all[0]}; !slices.Equal(got, want) {
		t.Errorf("the untold are %v", got)
	}
	if again.logs.Len() != 0 {
		t.Errorf("old messages are read: %v", again.logs.All())
	}
	other := all[0]
	other.Path = all[2].Path
	if err := w.Told(t.Context(), other); err == nil {
		t.Error("one message is told with another's sound")
	}
	if _, err := w.Keep(t.Context(), all[1], make([]int16, 80)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a message that has been told is kept once more: %v", err)
	}
}

// TestAMessageIsTakenBack: nothing of it stays. Of what a case was made, everything stays.
func TestAMessageIsTakenBack(t *testing.T) {
	w := newDrawer(t, t.TempDir(), realDisk())
	var all []call.Message
	for range 2 {
		kept, err := w.Keep(t.Context(), complaint(), make([]int16, 800))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kept)
	}
	if err := w.Discard(t.Context(), all[0]); err != nil || len(files(t, w.data)) != 2 {
		t.Errorf("taken back: %v; there are %v", err, files(t, w.data))
	}
	if err := w.Told(t.Context(), all[1]); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := w.Discard(t.Context(), m); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what is no longer new is taken back: %v", err)
		}
	}
	if _, err := w.Sound(all[1].Path); err != nil || len(files(t, w.data)) != 2 {
		t.Errorf("the sound of a case: %v; there are %v", err, files(t, w.data))
	}
}

// TestADamagedSlipIsToldOnce and stops nobody else's message.
func TestADamagedSlipIsToldOnce(t *testing.T) {
	w := newDrawer(t, t.TempDir(), realDisk())
	kept, err := w.Keep(t.Context(), complaint(), make([]int16, 800))
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(w.data, messageFolder, newFolder)
	whole, err := os.ReadFile(filepath.Join(fresh, string(kept.ID)+manifestExt))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{
		nil, []byte("{}\n"), whole[:len(whole)/2], whole, // the last is another's
		bytes.Replace(whole, []byte("919"), []byte("920"), 1),
		bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":2`), 1),
	} {
		put(t, filepath.Join(fresh, string(call.NewID())+manifestExt), b)
	}
	put(t, filepath.Join(fresh, "notes.txt"), nil)
	for range 2 {
		if got := w.untold(); len(got) != 1 || got[0] != kept {
			t.Errorf("the untold are %v", got)
		}
	}
	if n := w.logs.FilterMessageSnippet("cannot be read").Len(); n != 6 {
		t.Errorf("six slips are damaged, %d complaints are logged", n)
	}
}

// TestASlipPointsNowhereElse: neither a slip nor a reader gets at a file that is no message.
func TestASlipPointsNowhereElse(t *testing.T) {
	w := newDrawer(t, t.TempDir(), realDisk())
	secret := filepath.Join(w.data, "secret.wav")
	put(t, secret, []byte("x"))
	id := string(call.NewID())
	day := filepath.Join(w.data, messageFolder, "2026/03/02")
	if err := os.MkdirAll(day, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(day, id+soundExt)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{
		"", "messages", "secret.wav", "messages/../secret.wav", "messages/2026/03/02/../../../../secret.wav", secret,
		"messages/2026/03/02/" + id + ".wav", "messages/2026/03/02/" + id + ".json", "messages/2026/03/32/" + id + ".wav",
		"messages/new/" + id + ".json", "recordings/2026/03/02/" + id + ".wav", "messages/2026/03/02/x.wav", "messages//2026/03/02/" + id + ".wav",
	} {
		if b, err := w.Sound(p); err == nil {
			t.Errorf("%q is read: %q", p, b)
		}
	}
}

// TestKeepRefuses what is no message, and says what is wrong.
func TestKeepRefuses(t *testing.T) {
	w := newDrawer(t, t.TempDir(), realDisk())
	pcm := make([]int16, 80)
	for want, change := range map[string]func(*call.Message, *[]int16){
		"not the id": func(m *call.Message, _ *[]int16) { m.ID = "../../x" },
		"no time":    func(m *call.Message, _ *[]int16) { m.At = time.Time{} },
		"no sound":   func(_ *call.Message, p *[]int16) { *p = nil },
	} {
		m, p := complaint(), pcm
		change(&m, &p)
		if _, err := w.Keep(t.Context(), m, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
	m := complaint()
	if _, err := w.Keep(t.Context(), m, pcm); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keep(t.Context(), m, pcm); !errors.Is(err, fs.ErrExist) {
		t.Errorf("one message is kept twice: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.Keep(t.Context(), complaint(), pcm); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if got := files(t, w.data); len(got) != 2 {
		t.Errorf("the files are %v", got)
	}
}

// counted is a disk that calls before with the number of each of its operations, and fails where
// that does.
func counted(before func(n int) error) disk {
	var n atomic.Int64
	real := realDisk()
	ask := func() error { return before(int(n.Add(1))) }
	return disk{
		write: func(f *os.File, b []byte) error {
			if err := ask(); err != nil {
				return errors.Join(err, real.write(f, b[:len(b)/2])) // as a full disk does
			}
			return real.write(f, b)
		},
		sync: func(f *os.File) error { return errors.Join(ask(), real.sync(f)) },
		folder: func(r *os.Root, dir string) error {
			return errors.Join(ask(), real.folder(r, dir))
		},
		rename: func(r *os.Root, from, to string) error {
			if err := ask(); err != nil {
				return err
			}
			return real.rename(r, from, to)
		},
	}
}

// opsOfKeep are the operations of opening the store and keeping the first message of a day.
const (
	opsOfOpen = 1
	opsOfKeep = 11
	opsOfKey  = 2 // more, where it is encrypted
)

// TestADiskThatRefusesKeepsNothing: whichever operation it refuses, the error says so, nothing is
// left, and the same message is kept when the disk takes again.
func TestADiskThatRefusesKeepsNothing(t *testing.T) {
	refuseEach(t, opsOfKeep, newDrawer)
	refuseEach(t, opsOfKeep+opsOfKey, newLockedDrawer)
}

func refuseEach(t *testing.T, ops int, open func(*testing.T, string, disk) *drawer) {
	t.Helper()
	for fails := opsOfOpen + 1; fails <= opsOfOpen+ops; fails++ {
		w := open(t, t.TempDir(), counted(func(n int) error {
			if n == fails {
				return syscall.ENOSPC
			}
			return nil
		}))
		m := complaint()
		if _, err := w.Keep(t.Context(), m, make([]int16, 8000)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("operation %d is refused: %v", fails, err)
		}
		if left := files(t, w.data); len(left) != 0 || len(w.untold()) != 0 {
			t.Errorf("operation %d is refused, and left are %v", fails, left)
		}
		kept, err := w.Keep(t.Context(), m, make([]int16, 8000))
		if err != nil || !slices.Equal(w.untold(), []call.Message{kept}) {
			t.Errorf("after operation %d was refused: %v", fails, err)
		}
	}
}

// TestADiskThatHangsHoldsNobody: whichever operation hangs, Keep returns when its time is over, and
// what is kept in the end is told, once.
func TestADiskThatHangsHoldsNobody(t *testing.T) {
	for hangs := opsOfOpen + 1; hangs <= opsOfOpen+opsOfKeep; hangs++ {
		h := newHang(t)
		w := newDrawer(t, t.TempDir(), counted(func(n int) error {
			if n == hangs {
				h.wait()
			}
			return nil
		}))
		t.Cleanup(h.end) // before the store's Close
		m := complaint()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-h.on; cancel() }()
		if _, err := w.Keep(ctx, m, make([]int16, 8000)); !errors.Is(err, context.Canceled) {
			t.Errorf("operation %d hangs: %v", hangs, err)
		}
		if _, err := w.Keep(t.Context(), m, make([]int16, 8000)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("operation %d hangs, and the message is kept by another: %v", hangs, err)
		}
		h.end()
		if err := w.Close(); err != nil { // waits for it
			t.Error(err)
		}
		if got := newDrawer(t, w.data, realDisk()).untold(); len(got) != 1 || got[0].ID != m.ID {
			t.Errorf("operation %d hung: the next start finds %v", hangs, got)
		}
	}
}

// TestTooManyWaitForADiskThatHangs: they are told at once.
func TestTooManyWaitForADiskThatHangs(t *testing.T) {
	h := newHang(t)
	w := newDrawer(t, t.TempDir(), counted(func(n int) error {
		if n > opsOfOpen {
			h.wait()
		}
		return nil
	}))
	t.Cleanup(h.end)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range keepsAtOnce {
		if _, err := w.Keep(ctx, complaint(), make([]int16, 80)); !errors.Is(err, context.Canceled) {
			t.Errorf("a disk that hangs: %v", err)
		}
	}
	if _, err := w.Keep(t.Context(), complaint(), make([]int16, 80)); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("one too many: %v", err)
	}
	h.end()
	soon(t, "all are kept", func() bool { return len(w.places) == 0 })
	if got := len(w.untold()); got != keepsAtOnce {
		t.Errorf("%d messages were kept in the end, not %d", got, keepsAtOnce)
	}
}

// TestABugCostsOneMessage.
func TestABugCostsOneMessage(t *testing.T) {
	w := newDrawer(t, t.TempDir(), counted(func(n int) error {
		if n == opsOfOpen+4 {
			panic("planted")
		}
		return nil
	}))
	if _, err := w.Keep(t.Context(), complaint(), make([]int16, 80)); err == nil || w.logs.FilterMessageSnippet("a panic").Len() != 1 {
		t.Errorf("a bug gives %v", err)
	}
	kept, err := w.Keep(t.Context(), complaint(), make([]int16, 80))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	again := newDrawer(t, w.data, realDisk())
	if got := again.untold(); !slices.Equal(got, []call.Message{kept}) || len(files(t, w.data)) != 2 {
		t.Errorf("after a bug the untold are %v, the files %v", got, files(t, w.data))
	}
}

// TestVerifyMessages finds what is changed, missing and nobody's.
func TestVerifyMessages(t *testing.T) {
	w := newDrawer(t, t.TempDir(), realDisk())
	var all []call.Message
	for i := range 6 {
		kept, err := w.Keep(t.Context(), complaint(), make([]int16, 800))
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, kept); i%2 == 0 {
			if err := w.Told(t.Context(), kept); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := filepath.Join(w.data, messageFolder)
	gone := strings.TrimSuffix(filepath.Join(w.data, all[4].Path), soundExt) // erased: only its tombstone is left
	put(t, gone+goneExt, []byte("{}\n"))
	for _, ext := range []string{soundExt, manifestExt} {
		if err := os.Remove(gone + ext); err != nil {
			t.Fatal(err)
		}
	}
	if faults, err := VerifyMessages(dir, nil, nil); err != nil || len(faults) != 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
	for _, m := range all[:2] { // told and untold
		b, err := os.ReadFile(filepath.Join(w.data, m.Path))
		if err != nil {
			t.Fatal(err)
		}
		b[100] ^= 1
		put(t, filepath.Join(w.data, m.Path), b)
	}
	for _, name := range []string{
		filepath.Join(w.data, all[2].Path), filepath.Join(w.data, all[3].Path), filepath.Join(dir, slipPath(all[5].ID)),
	} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	faults, err := VerifyMessages(dir, nil, func(_, n int) { total = n })
	if err != nil || total == 0 {
		t.Fatal(total, err)
	}
	var got []call.ID
	for _, f := range faults {
		got = append(got, f.Call)
	}
	want := []call.ID{all[0].ID, all[1].ID, all[2].ID, all[3].ID, all[5].ID}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the faults are %v", faults)
	}
	if faults, err := VerifyMessages(filepath.Join(w.data, "none"), nil, nil); err != nil || faults != nil {
		t.Errorf("without a folder: %v, %v", faults, err)
	}
}
