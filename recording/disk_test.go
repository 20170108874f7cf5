package recording

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
)

func (s *gates) onto(m *outside) {
	m.onto = func(f *os.File) io.WriterAt { return gate{f, s} }
}

// gapsOf are the gaps with a reason, as strangers read them: channel and the seconds since the
// answer.
func gapsOf(t *testing.T, file, reason string) (gaps []string) {
	t.Helper()
	for _, g := range readManifest(t, file)["gaps"].([]any) {
		g := g.(map[string]any)
		if g["reason"] != reason {
			continue
		}
		var at [2]time.Duration
		for i, k := range []string{"from", "to"} {
			w, err := time.Parse(time.RFC3339, g[k].(string))
			if err != nil {
				t.Fatal(err)
			}
			at[i] = w.Sub(answered.Truncate(time.Millisecond))
		}
		gaps = append(gaps, g["channel"].(string)+" "+at[0].String()+" "+at[1].String())
	}
	return gaps
}

// TestFullDiskCostsSoundAndNoCall: the disk is full for a while in the middle of a call. What it
// did not take is a gap with the reason, silence in the file, and the rest is where it belongs.
func TestFullDiskCostsSoundAndNoCall(t *testing.T) {
	for _, c := range []struct {
		format string
		studio func(*testing.T, string, func(*outside)) *studio
	}{{PCM16, newStudio}, {G711, newStudio}, {PCM16, newLockedStudio}} {
		format := c.format
		disk := new(gates)
		s := c.studio(t, format, disk.onto)
		k := s.open(call.PCMU)
		k.Voice(true, "")
		k.tones(3*time.Second, 300, 500)
		soon(t, "three seconds are in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == k.at })
		disk.shut(syscall.ENOSPC)
		k.tones(5*time.Second, 300, 600)
		soon(t, "the refusal is seen", func() bool { return k.Err() != nil })
		if err := s.Healthy(); !errors.Is(err, syscall.ENOSPC) || !errors.Is(k.Err(), syscall.ENOSPC) {
			t.Errorf("a full disk is told as %v and %v", err, k.Err())
		}
		k.tones(time.Second, 300, 600)
		soon(t, "the ring is empty", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.ring.head == nil })
		soon(t, "the writer's round is over", func() bool { s.health.mu.Lock(); defer s.health.mu.Unlock(); return s.health.since.IsZero() })
		disk.shut(nil)
		s.clock.set(answered.Add(k.at + retryEvery))
		soon(t, "the disk is asked again", func() bool { return s.Healthy() == nil })
		k.tones(3*time.Second, 300, 700)
		res := k.seal()
		if res.Duration != 12*time.Second {
			t.Errorf("%s: the recording lasts %v, the call 12 s", format, res.Duration)
		}
		left, right := channels(t, s.file(k.Recording))
		// Six seconds were refused; the last two of them were still in memory when it ended.
		if level(between(right, 0, 3*time.Second), 500) < 0.97 || level(between(right, 9*time.Second, 12*time.Second), 700) < 0.97 ||
			level(between(right, 7100*time.Millisecond, 9*time.Second), 600) < 0.97 || level(between(left, 9*time.Second, 12*time.Second), 300) < 0.97 {
			t.Errorf("%s: what the disk took is not in its place", format)
		}
		if lost := between(right, 3*time.Second, 6900*time.Millisecond); rms(lost) > 0.01 {
			t.Errorf("%s: what was lost is not silence but has energy %.2f", format, rms(lost))
		}
		gaps := gapsOf(t, s.file(k.Recording), "disk")
		if want := []string{"left 3s 7s", "right 3s 7s"}; !slices.Equal(gaps, want) {
			t.Errorf("%s: the gaps are %v, not %v", format, gaps, want)
		}
		if m := readManifest(t, s.file(k.Recording)); len(m["faults"].([]any)) != 1 {
			t.Errorf("%s: the manifest does not confess: %v", format, m["faults"])
		}
		if err := s.Healthy(); err != nil {
			t.Errorf("%s: a disk that takes again is told as %v", format, err)
		}
		if faults, err := Verify(s.o.Dir, Proof{}, nil); err != nil || len(faults) > 0 {
			t.Errorf("%s: verify finds %v, %v", format, faults, err)
		}
	}
}

// TestStalledDiskIsBridged: for eight seconds the disk says nothing. Nothing is lost. Behind
// what memory can bridge, what is lost is a gap and everything else is in its place.
func TestStalledDiskIsBridged(t *testing.T) {
	for _, c := range []struct {
		name   string
		stall  time.Duration
		gaps   int
		studio func(*testing.T, string, func(*outside)) *studio
	}{
		{"eight seconds", 8 * time.Second, 0, newStudio}, {"fourteen seconds", 14 * time.Second, 2, newStudio},
		{"fourteen seconds, encrypted", 14 * time.Second, 2, newLockedStudio},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := new(gates)
			s := c.studio(t, PCM16, disk.onto)
			k := s.open(call.PCMA)
			k.Voice(true, "")
			k.tones(time.Second, 300, 500)
			soon(t, "a second is in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == k.at })
			resume := disk.stall()
			k.tones(200*time.Millisecond, 300, 600)
			soon(t, "the writer hangs", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.ring.head == nil })
			for k.at < time.Second+c.stall {
				k.tones(200*time.Millisecond, 300, 600)
				soon(t, "the pool is stocked", func() bool { s.pool.mu.Lock(); defer s.pool.mu.Unlock(); return s.pool.spare >= s.pool.low() })
			}
			if err := s.Healthy(); err == nil || !strings.Contains(err.Error(), "silent") {
				t.Errorf("a disk that hangs is told as %v", err)
			}
			resume()
			soon(t, "the ring is empty", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.ring.head == nil })
			k.tones(2*time.Second, 300, 700)
			res := k.seal()
			if want := 3*time.Second + c.stall; res.Duration != want {
				t.Errorf("the recording lasts %v, the call %v", res.Duration, want)
			}
			_, right := channels(t, s.file(k.Recording))
			if level(between(right, time.Second, 9*time.Second), 600) < 0.97 || level(between(right, res.Duration-2*time.Second, res.Duration), 700) < 0.97 {
				t.Error("what memory bridged is not in its place")
			}
			if gaps := gapsOf(t, s.file(k.Recording), "overflow"); len(gaps) != c.gaps {
				t.Errorf("the gaps are %v", gaps)
			}
			if lost := testutil.ToFloat64(s.metrics.overflow); (lost > 0) != (c.gaps > 0) {
				t.Errorf("%v seconds are counted as lost", lost)
			}
		})
	}
}

// TestNoFolderNoFile: the folder of the day cannot be made. The recording is missing, counted and
// told; where the folder can be made later, the rest of the call is there.
func TestNoFolderNoFile(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	obstacle := filepath.Join(s.o.Dir, "2026")
	if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k, l := s.open(call.PCMA), s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the refusal is seen", func() bool { return k.Err() != nil && l.Err() != nil })
	res, err := k.Seal(t.Context(), answered.Add(time.Second))
	if err == nil || res.State != StateMissing {
		t.Errorf("a recording that never was is sealed as %+v, %v", res, err)
	}
	if n := testutil.ToFloat64(s.metrics.missing); n != 1 {
		t.Errorf("%v recordings are counted as missing", n)
	}
	if got := s.told(); !slices.Equal(got, []string{"recording.missing"}) {
		t.Errorf("the events are %v", got)
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	l.tones(5*time.Second, 0, 500)
	if res := l.seal(); res.State != StateSealed || res.Duration != 5*time.Second {
		t.Errorf("the other recording is %+v", res)
	}
}

// asked counts how often each file was to be synced; a disk whose syncs fail can be planted.
type asked struct {
	mu    sync.Mutex
	times map[*os.File]int
	fails func(nth int) bool // of all files; nil: none
}

func (a *asked) datasync(f *os.File) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.times == nil {
		a.times = map[*os.File]int{}
	}
	nth := 0
	for _, n := range a.times {
		nth += n
	}
	a.times[f]++
	if a.fails(nth) {
		return syscall.EIO
	}
	return datasync(f)
}

// most is how often the file that was asked most was asked, and how many files were.
func (a *asked) most() (times, files int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.times {
		times = max(times, n)
	}
	return times, len(a.times)
}

// TestFailedSyncIsNotRetried: the recording is suspect from then on, says so, and its file is not asked
// about again. Neither is any of those that it was to be saved in.
func TestFailedSyncIsNotRetried(t *testing.T) {
	t.Parallel()
	disk := &asked{fails: func(int) bool { return true }}
	s := newStudio(t, PCM16, func(m *outside) { m.datasync = disk.datasync })
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the sync fails", func() bool { return errors.Is(k.Err(), syscall.EIO) })
	s.folders.mu.Lock()
	if len(s.folders.news) != 0 {
		t.Errorf("the files are synced and the entries of %v are not", s.folders.news)
	}
	s.folders.mu.Unlock()
	k.tones(time.Second, 0, 500)
	s.syncAll()
	if res := k.seal(); res.State != StateSealed || res.Duration != 2*time.Second {
		t.Errorf("the result is %+v", res)
	}
	if times, files := disk.most(); times != 1 || files < 2 {
		t.Errorf("%d files were asked, one of them %d times", files, times)
	}
	if m := readManifest(t, s.file(k.Recording)); !slices.Equal(m["faults"].([]any), []any{"sync"}) {
		t.Errorf("the manifest confesses %v", m["faults"])
	}
	if !slices.Contains(s.told(), "recording.suspect") {
		t.Errorf("the events are %v", s.told())
	}
}

// TestGoesOnInAnotherFile: after a failed sync the recording is written anew, and nothing of it is lost;
// the old file is not asked again.
func TestGoesOnInAnotherFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails func(nth int) bool
		soon  bool // renewed while the call goes on
		box   bool // encrypted: its key is synced before its sound
	}{
		"while the call goes on":            {func(nth int) bool { return nth == 0 }, true, false},
		"when the call ends":                {func(nth int) bool { return nth < 2 }, false, false},
		"that fails as well, once":          {func(nth int) bool { return nth < 2 }, true, false},
		"encrypted, while the call goes on": {func(nth int) bool { return nth == 1 }, true, true},
		"encrypted, when the call ends":     {func(nth int) bool { return nth == 1 || nth == 2 }, false, true},
		"encrypted, that fails once":        {func(nth int) bool { return nth == 1 || nth == 2 }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := &asked{fails: c.fails}
			studio := newStudio
			if c.box {
				studio = newLockedStudio
			}
			s := studio(t, PCM16, func(m *outside) { m.datasync = disk.datasync })
			k := s.open(call.PCMA)
			k.Voice(true, "")
			k.tones(time.Second, 300, 500)
			soon(t, "the sync fails", func() bool { return errors.Is(k.Err(), syscall.EIO) })
			old := k.file.Load()
			k.tones(time.Second, 300, 600)
			if c.soon {
				soon(t, "it goes on in another file", func() bool {
					s.clock.set(s.clock.now().Add(renewEvery / 50))
					k.frame(call.Heard, 600) // so that there is something to be synced
					return k.file.Load() != old && !k.suspect.Load()
				})
			}
			k.at = s.clock.now().Sub(answered).Truncate(20 * time.Millisecond)
			at := k.at
			k.tones(2*time.Second, 300, 700)
			res := k.seal()
			if res.State != StateSealed || res.Duration != at+2*time.Second {
				t.Errorf("the result is %+v, the call lasted %v", res, at+2*time.Second)
			}
			left, right := channels(t, s.file(k.Recording))
			if level(between(right, 0, time.Second), 500) < 0.97 || level(between(right, time.Second, 2*time.Second), 600) < 0.97 ||
				level(between(right, at, res.Duration), 700) < 0.97 || level(between(left, at, res.Duration), 300) < 0.97 {
				t.Error("something is not in its place")
			}
			if m := readManifest(t, s.file(k.Recording)); !slices.Equal(m["faults"].([]any), []any{"sync", "renewed"}) {
				t.Errorf("the manifest confesses %v", m["faults"])
			}
			if told := s.told(); !slices.Contains(told, "recording.suspect") || !slices.Contains(told, "recording.renewed") {
				t.Errorf("the events are %v", told)
			}
			if disk.times[old] != 1 {
				t.Errorf("the file whose sync failed was asked %d times", disk.times[old])
			}
			if temps, err := filepath.Glob(filepath.Join(s.o.Dir, "*/*/*/*"+tempExt)); err != nil || len(temps) > 0 {
				t.Errorf("what is left over is %v, %v", temps, err)
			}
			if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) > 0 {
				t.Errorf("verify finds %v, %v", faults, err)
			}
		})
	}
}

// bug is a bug of ours.
type bug struct{}

func (bug) WriteAt([]byte, int64) (int, error) { panic("planted") }

// TestABugEndsOneRecording: a panic while one call is written leaves the others alone.
func TestABugEndsOneRecording(t *testing.T) {
	first := true
	s := newStudio(t, PCM16, func(m *outside) {
		m.onto = func(f *os.File) io.WriterAt {
			if first {
				first = false
				return bug{}
			}
			return f
		}
	})
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the writer panics", func() bool { return testutil.ToFloat64(s.metrics.panics) > 0 || k.Err() != nil })
	l := s.open(call.PCMA)
	l.tones(time.Second, 0, 500)
	if res := l.seal(); res.Duration != time.Second {
		t.Errorf("the other recording is %+v", res)
	}
	if res, err := k.Seal(t.Context(), answered.Add(time.Second)); err == nil {
		t.Errorf("a recording with a bug is sealed as %+v", res)
	}
	if err := k.file.Load().Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file of a recording with a bug is still open: %v", err)
	}
}

// TestSealIsTriedAgain: a disk that takes no manifest at the end of a call gets it later, without
// another start.
func TestSealIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, studio := range map[string]func(*testing.T, string, func(*outside)) *studio{"plain": newStudio, "encrypted": newLockedStudio} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := studio(t, PCM16, nil)
			k := s.open(call.PCMA)
			k.tones(time.Second, 0, 500)
			soon(t, "the file is there", func() bool { return k.file.Load() != nil })
			stem := filepath.Join(s.o.Dir, k.stem)
			obstacle := stem + manifestExt + tempExt
			if err := os.Mkdir(obstacle, 0o700); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if res, err := k.Seal(ctx, answered.Add(time.Second)); !errors.Is(err, context.DeadlineExceeded) || res.State != StateOpen {
				t.Errorf("a disk that takes no manifest seals it as %+v, %v", res, err)
			}
			if err := os.Remove(obstacle); err != nil {
				t.Fatal(err)
			}
			soon(t, "it is sealed", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.late) == 1 })
			if res := s.late[0]; res.State != StateSealed || res.Duration != time.Second {
				t.Errorf("the late result is %+v", res)
			}
			if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) > 0 {
				t.Errorf("verify finds %v, %v", faults, err)
			}
			if b, err := os.ReadFile(stem + peaksExt); err != nil || name == "plain" && len(b) != peaksHead+cellSize*PeakRate {
				t.Errorf("the peaks of a second take %d bytes, %v", len(b), err)
			}
			if r, ok := Sealed(s.o.Dir, k.meta.Call, k.meta.Arrived, baku); !ok || r.Path != k.Path() || r.Duration != time.Second {
				t.Errorf("whoever asks for it is told %+v, %v", r, ok)
			}
		})
	}
}

// TestTheEndOfTheServerSeals what the disk has refused until then.
func TestTheEndOfTheServerSeals(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the file is there", func() bool { return k.file.Load() != nil })
	obstacle := filepath.Join(s.o.Dir, k.stem) + manifestExt + tempExt
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if res, err := k.Seal(ctx, answered.Add(time.Second)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a disk that takes no manifest seals it as %+v, %v", res, err)
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) > 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
}

// TestDiskThatStaysFull: what it never took is a gap up to the end, and the file has the rest.
func TestDiskThatStaysFull(t *testing.T) {
	disk := new(gates)
	s := newStudio(t, PCM16, disk.onto)
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "a second is in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == k.at })
	disk.shut(syscall.ENOSPC)
	k.tones(time.Second, 0, 600)
	res := k.seal()
	if res.State != StateSealed || res.Duration != time.Second {
		t.Errorf("the result is %+v", res)
	}
	if gaps, want := gapsOf(t, s.file(k.Recording), "disk"), []string{"left 1s 2s", "right 1s 2s"}; !slices.Equal(gaps, want) {
		t.Errorf("the gaps are %v, not %v", gaps, want)
	}
}

// TestWhatIsOldIsSavedFirst: a disk that takes again gets what memory still has before new sound
// pushes it out.
func TestWhatIsOldIsSavedFirst(t *testing.T) {
	m, disk, now := machine(), new(gates), answered
	disk.onto(&m)
	m.now = func() time.Time { return now }
	r, err := newRecorder(Options{
		Dir: t.TempDir(), Zone: time.UTC, Format: PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	}, m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.root.Close()
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	r.serve(g)
	defer g.closeFiles()
	sound := func(from, to time.Duration) {
		for at := from; at < to; at += 20 * time.Millisecond {
			g.Take(call.Frame{Channel: call.Heard, Codec: call.PCMA, Timestamp: uint32(timeSamples(at)), At: answered.Add(at), Payload: tone(500, 0, call.PCMA)})
		}
		now = answered.Add(to)
		r.serve(g)
	}
	disk.shut(syscall.EIO)
	sound(0, 2*time.Second)
	disk.shut(nil)
	sound(2*time.Second, 4*time.Second)
	if gaps := g.about.Gaps; len(gaps) != 0 || g.writer.window.written != 4*call.ClockRate {
		t.Errorf("%d samples are in the file, the gaps are %v", g.writer.window.written, gaps)
	}
}

// TestWhatStoodThereStays: a file in the place of the recording is neither written to nor removed.
func TestWhatStoodThereStays(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	id := call.NewID()
	there := filepath.Join(s.o.Dir, "2026/03/02", string(id)+soundExt)
	if err := os.MkdirAll(filepath.Dir(there), 0o750); err != nil {
		t.Fatal(err)
	}
	put(t, there, []byte("somebody's"))
	g, err := s.Open(Meta{Call: id, Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := g.Seal(t.Context(), answered.Add(time.Second)); !errors.Is(err, os.ErrExist) || res.State != StateMissing {
		t.Errorf("a recording whose place is taken is sealed as %+v, %v", res, err)
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "somebody's" {
		t.Errorf("what stood there is %q now, %v", b, err)
	}
}

// A recording that is sealed while its turn to be synced comes is no trouble of the disk.
func TestASyncOfAClosedFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(datasync(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := datasync(f); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a closed file: %v, want %v", err, fs.ErrClosed)
	}
}
