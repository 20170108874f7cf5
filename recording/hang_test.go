package recording

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
)

// A hang holds everybody who comes to wait, until it ends.
type hang struct {
	on    chan struct{} // closed: it has begun
	off   chan struct{} // closed: it has ended
	begun sync.Once
	ended sync.Once
}

func newHang(t *testing.T) *hang {
	h := &hang{on: make(chan struct{}), off: make(chan struct{})}
	t.Cleanup(h.end)
	return h
}

func (h *hang) wait() {
	h.begun.Do(func() { close(h.on) })
	<-h.off
}

func (h *hang) end() { h.ended.Do(func() { close(h.off) }) }

// hangingFile hangs in every write.
type hangingFile struct {
	io.WriterAt
	h *hang
}

func (f hangingFile) WriteAt(b []byte, off int64) (int, error) {
	f.h.wait()
	return f.WriterAt.WriteAt(b, off)
}

// TestNobodyWaitsForAHangingDisk: wherever the disk hangs, opening, taking and noting go on, and
// Seal returns when its context ends, which is what closes a call's record within a second. Who
// gave up is told when the disk has come back, and nothing is missing then.
func TestNobodyWaitsForAHangingDisk(t *testing.T) {
	for name, plant := range map[string]func(*outside, *hang){
		"creating": func(m *outside, h *hang) {
			m.onto = func(f *os.File) io.WriterAt { h.wait(); return f }
		},
		"writing": func(m *outside, h *hang) {
			m.onto = func(f *os.File) io.WriterAt { return hangingFile{f, h} }
		},
		"syncing": func(m *outside, h *hang) {
			m.datasync = func(f *os.File) error { h.wait(); return datasync(f) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHang(t)
			s := newStudio(t, PCM16, func(m *outside) { plant(m, h) })
			t.Cleanup(h.end) // before the studio's Close
			begin := time.Now()
			k := s.open(call.PCMA)
			k.Voice(true, "")
			k.tones(500*time.Millisecond, 300, 500)
			if name != "syncing" { // that one hangs once a second, or in the seal
				<-h.on
			}
			l := s.open(call.PCMU) // comes while it hangs
			l.Voice(true, "")
			l.tones(500*time.Millisecond, 300, 500)
			l.SetLanguage("ru")
			for _, k := range []*talk{k, l} {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				res, err := k.Seal(ctx, answered.Add(k.at))
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) || res.State != StateOpen {
					t.Errorf("while the disk hangs, Seal gives %+v, %v", res, err)
				}
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("two calls with a hanging disk took %v", took)
			}
			h.end()
			soon(t, "both are told", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.late) == 2 })
			for _, res := range s.late {
				if res.State != StateSealed || res.Duration != 500*time.Millisecond {
					t.Errorf("the late result is %+v", res)
				}
			}
			if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}, {l.meta.Call, l.Path()}}}, nil); err != nil || len(faults) > 0 {
				t.Errorf("verify finds %v, %v", faults, err)
			}
		})
	}
}

// TestCloseEndsWhileTheDiskHangs: it waits its five seconds and leaves the rest to Repair.
func TestCloseEndsWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	h := newHang(t)
	s := newStudio(t, PCM16, func(m *outside) {
		m.onto = func(f *os.File) io.WriterAt { return hangingFile{f, h} }
	})
	k := s.open(call.PCMA)
	t.Cleanup(func() { h.end(); <-k.done })
	k.tones(time.Second, 0, 500)
	<-h.on
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := k.Seal(ctx, answered.Add(k.at)); err == nil {
		t.Error("the recording is sealed on a disk that hangs")
	}
	begin := time.Now()
	s.Close()
	if took := time.Since(begin); took > closeWait+4*time.Second {
		t.Errorf("Close took %v", took)
	}
	done, err := Repair(t.Context(), s.o.Dir, s.o.Chain, func(call.ID) Meta { return Meta{} })
	if err != nil || len(done) != 1 || done[0].Call != k.meta.Call {
		t.Errorf("repair gives %+v, %v", done, err)
	}
}

// TestABugInASealEndsOneRecording, which the next start repairs.
func TestABugInASealEndsOneRecording(t *testing.T) {
	m, first := machine(), true
	m.datasync = func(f *os.File) error {
		if first {
			first = false
			panic("planted")
		}
		return datasync(f)
	}
	r, err := newRecorder(Options{
		Dir: filepath.Join(t.TempDir(), folder), Zone: time.UTC, Format: PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	}, m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.root.Close()
	var got []Result
	for range 2 {
		g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
		if err != nil {
			t.Fatal(err)
		}
		g.Take(call.Frame{Channel: call.Heard, At: answered, Payload: tone(500, 0, call.PCMU), Codec: call.PCMU})
		res, err := sealQuiet(r, g, answered.Add(time.Second))
		if (err != nil) != (res.State == StateOpen) {
			t.Errorf("the result is %+v, %v", res, err)
		}
		got = append(got, res)
	}
	if got[0].State != StateOpen || got[1].State != StateSealed || testutil.ToFloat64(r.metrics.panics) != 1 {
		t.Errorf("after a bug in the first seal, the results are %+v", got)
	}
	done, err := Repair(t.Context(), r.o.Dir, nil, func(call.ID) Meta { return Meta{} })
	if err != nil || len(done) != 1 || done[0].Call != got[0].Call || done[0].Duration != time.Second {
		t.Errorf("repair gives %+v, %v", done, err)
	}
}

// TestNewFoldersAreSynced: the first call of a day notes every folder whose entries are new, and
// the next sync takes them.
func TestNewFoldersAreSynced(t *testing.T) {
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	r.serve(g)
	defer g.closeFiles()
	for _, dir := range []string{".", "2026", "2026/03", "2026/03/01"} {
		if !r.folders.news[dir] {
			t.Errorf("%s has new entries and is not to be synced", dir)
		}
	}
	r.syncFolders()
	if len(r.folders.news) != 0 || testutil.ToFloat64(r.metrics.faults.WithLabelValues(opSync)) != 0 {
		t.Errorf("after the sync %v are still new, %v", r.folders.news, r.Healthy())
	}
	if err := r.root.RemoveAll("2026"); err != nil {
		t.Fatal(err)
	}
	r.folders.note("2026/03/01")
	r.syncFolders()
	if r.Healthy() == nil || testutil.ToFloat64(r.metrics.faults.WithLabelValues(opSync)) != 1 {
		t.Error("a folder that could not be synced is nobody's fault")
	}
}

// TestADraftThatCannotBeWrittenIsTriedAgain, and costs no sound.
func TestADraftThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	r := quietRecorder(t)
	now := answered
	r.now = func() time.Time { return now }
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	r.serve(g)
	whole := g.draft.Load()
	shut, err := os.Open(os.DevNull) // cannot be written to
	if err != nil {
		t.Fatal(err)
	}
	defer shut.Close()
	g.draft.Store(shut)
	g.SetLanguage("ru")
	r.serve(g)
	if g.Err() == nil || r.Healthy() == nil {
		t.Errorf("a draft that was refused is told as %v and %v", g.Err(), r.Healthy())
	}
	g.draft.Store(whole)
	now = now.Add(retryEvery)
	r.serve(g)
	b, err := r.root.ReadFile(g.stem + draftExt)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := lastDraft(b); !ok || m.Language != "ru" || !slices.Equal(m.Faults, []string{faultDisk}) {
		t.Errorf("the draft says %+v", m)
	}
	g.closeFiles()
}
