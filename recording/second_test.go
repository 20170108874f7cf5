package recording

import (
	"context"
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
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
)

// A pair is two disks: the first can be shut, in what is written, synced, or named there.
type pair struct {
	gates
	second  string
	syncErr error    // of the first
	unread  [2]int64 // bytes of the first's files that it does not give back any more
}

func (p *pair) inFirst(f *os.File) bool { return !strings.HasPrefix(f.Name(), p.second) }

func (p *pair) syncs(err error) { p.mu.Lock(); p.syncErr = err; p.mu.Unlock() }

func (p *pair) onto(m *outside) {
	sync := m.datasync
	m.onto = func(f *os.File) io.WriterAt {
		if p.inFirst(f) {
			return gate{f, &p.gates}
		}
		return f
	}
	m.datasync = func(f *os.File) error {
		p.mu.Lock()
		err := p.syncErr
		p.mu.Unlock()
		if err != nil && p.inFirst(f) {
			return err
		}
		return sync(f)
	}
	m.from = func(f *os.File) io.ReaderAt { return dying{f, p.unread} }
}

// A dying file cannot be read in one place.
type dying struct {
	io.ReaderAt
	bad [2]int64
}

func (d dying) ReadAt(b []byte, off int64) (int, error) {
	switch {
	case d.bad[1] == 0 || off >= d.bad[1] || off+int64(len(b)) <= d.bad[0]:
		return d.ReaderAt.ReadAt(b, off)
	case off >= d.bad[0]:
		return 0, syscall.EIO
	}
	n, _ := d.ReaderAt.ReadAt(b[:d.bad[0]-off], off)
	return n, syscall.EIO
}

// newPair opens a recorder with a second directory.
func newPair(t *testing.T, format string, encrypted bool) (*studio, *pair) {
	t.Helper()
	p := &pair{second: t.TempDir()}
	s := newStudioWith(t, format, p.onto, func(s *studio, o *Options) {
		o.Second = p.second
		if encrypted {
			o.Vault = ringOf(t, s.data)
		}
	})
	return s, p
}

// left are the files in a second directory.
func (p *pair) left(t *testing.T) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(p.second, func(f string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(f, p.second))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// inFile waits until all that was said is in the file, wherever that is.
func (k *talk) inFile(t *testing.T) {
	t.Helper()
	soon(t, "all of it is in the file", func() bool {
		k.s.clock.set(k.s.clock.now().Add(20 * time.Millisecond))
		f := k.file.Load()
		if f == nil || k.spill.state.Load() != spillIdle {
			return false
		}
		root := k.root()
		it := item(root, shelf{stem: k.stem, sound: true, box: k.box != nil, key: k.box != nil})
		return it.Duration >= k.at
	})
	k.at = max(k.at, k.s.clock.now().Sub(answered).Truncate(20*time.Millisecond))
}

// good demands that a sealed recording is home and verifies.
func (p *pair) good(t *testing.T, s *studio, res Result) {
	t.Helper()
	if left := p.left(t); len(left) > 0 {
		t.Errorf("in the second directory lie %v", left)
	}
	proof := Proof{Expected: []Expected{{res.Call, res.Path}}}
	if s.o.Vault != nil {
		proof.Unwrap = s.o.Vault.Unwrap
	}
	if faults, err := Verify(s.o.Dir, proof, nil); err != nil || len(faults) > 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
	if temps, err := filepath.Glob(filepath.Join(s.o.Dir, "*/*/*/*"+tempExt)); err != nil || len(temps) > 0 {
		t.Errorf("what is left over is %v, %v", temps, err)
	}
	if n := testutil.ToFloat64(s.metrics.spilled); n != 0 {
		t.Errorf("%v recordings are counted as spilled", n)
	}
}

// faultsOf are what a manifest confesses.
func faultsOf(t *testing.T, file string) (faults []string) {
	t.Helper()
	all, _ := readManifest(t, file)["faults"].([]any)
	for _, f := range all {
		faults = append(faults, f.(string))
	}
	return faults
}

// sorts are the sorts of recordings.
var sorts = []struct {
	name, format string
	encrypted    bool
}{{"pcm16", PCM16, false}, {"g711", G711, false}, {"encrypted", PCM16, true}, {"encrypted g711", G711, true}}

// TestSpillsInTheMiddle: the first disk is full in the middle of a call and stays so to its end. The call goes on in
// the second directory, nothing of it is missing, and when the first disk takes again it comes home.
func TestSpillsInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, c := range sorts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, p := newPair(t, c.format, c.encrypted)
			k := s.open(call.PCMU)
			k.Voice(true, "")
			k.tones(3*time.Second, 300, 500).inFile(t)
			p.shut(syscall.ENOSPC)
			from := k.at
			k.tones(500*time.Millisecond, 300, 600)
			soon(t, "the refusal is seen", func() bool { return k.Err() != nil })
			k.tones(700*time.Millisecond, 300, 600)
			soon(t, "it is spilled", func() bool {
				s.clock.set(s.clock.now().Add(10 * time.Millisecond))
				return slices.Contains(s.told(), "recording.spilled")
			})
			if err := s.Healthy(); err != nil {
				t.Errorf("with a second directory that takes them it is unwell: %v", err)
			}
			if n := testutil.ToFloat64(s.metrics.spilled); n != 1 {
				t.Errorf("%v recordings are counted as spilled", n)
			}
			until := k.at
			k.inFile(t)
			to := k.at
			k.tones(5*time.Second, 300, 700).inFile(t)
			end := k.at
			p.shut(nil)
			res := k.seal()
			if res.State != StateSealed || res.Duration != end || res.Path != k.Path() {
				t.Errorf("the result is %+v, the call lasted %v", res, end)
			}
			left, right := channels(t, s.file(k.Recording))
			if level(between(right, 0, 3*time.Second), 500) < 0.97 || level(between(right, from, until), 600) < 0.97 ||
				level(between(right, to, to+5*time.Second), 700) < 0.97 || level(between(left, 0, 3*time.Second), 300) < 0.97 {
				t.Error("something is not in its place")
			}
			if gaps := gapsOf(t, s.file(k.Recording), "disk"); len(gaps) > 0 {
				t.Errorf("the gaps are %v", gaps)
			}
			if got := faultsOf(t, s.file(k.Recording)); !slices.Equal(got, []string{"disk", "spilled"}) {
				t.Errorf("the manifest confesses %v", got)
			}
			p.good(t, s, res)
		})
	}
}

// TestSpillsWhatItCanRead: what the first disk does not give back any more is silence and a gap; the rest is there.
func TestSpillsWhatItCanRead(t *testing.T) {
	t.Parallel()
	for _, c := range sorts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, p := newPair(t, c.format, c.encrypted)
			p.unread = [2]int64{0, 10000} // the header, too
			k := s.open(call.PCMA)
			k.Voice(true, "")
			k.tones(10*time.Second, 300, 500).inFile(t)
			p.shut(syscall.EIO)
			k.tones(500*time.Millisecond, 300, 600)
			soon(t, "it is spilled", func() bool {
				s.clock.set(s.clock.now().Add(10 * time.Millisecond))
				return k.spilled.Load()
			})
			k.inFile(t)
			p.shut(nil)
			res := k.seal()
			if res.State != StateSealed || res.Duration != k.at {
				t.Fatalf("the result is %+v, the call lasted %v", res, k.at)
			}
			reason := "disk"
			if c.encrypted {
				reason = faultTorn
			}
			gaps := gapsOf(t, s.file(k.Recording), reason)
			if len(gaps) != 2 || !strings.HasPrefix(gaps[0], "left 0s ") {
				t.Errorf("the gaps are %v", gaps)
			}
			if c.encrypted {
				pcm := heardOf(t, k.Recording, s.file(k.Recording))
				head := format{codec: codecPCM16}.headSize() // that is cut off
				if form := formatFor(c.format, call.PCMA, nil); len(pcm) != int(form.offset(res.Samples))-head {
					t.Errorf("%d bytes are read of %d samples", len(pcm), res.Samples)
				}
			} else {
				_, right := channels(t, s.file(k.Recording))
				if level(between(right, 7*time.Second, 10*time.Second), 500) < 0.97 || rms(between(right, 0, 300*time.Millisecond)) > 0.01 {
					t.Error("something is not in its place")
				}
			}
			p.good(t, s, res)
		})
	}
}

// TestSpillsFromTheBegin: the first directory gives no file. The call is recorded from its first word, and home a
// minute later, when the disk is there again; nobody is told that the recording is missing.
func TestSpillsFromTheBegin(t *testing.T) {
	t.Parallel()
	for _, c := range sorts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // five seconds between two tries to seal it
				s, p := newPair(t, c.format, c.encrypted)
				obstacle := filepath.Join(s.o.Dir, "2026")
				put(t, obstacle, nil)
				k := s.open(call.PCMU)
				k.Voice(true, "")
				k.tones(2*time.Second, 300, 500).inFile(t)
				if told := s.told(); !slices.Equal(told, []string{"recording.spilled", "recording.started"}) {
					t.Errorf("the events are %v", told)
				}
				if err := s.Healthy(); err != nil {
					t.Errorf("it is unwell: %v", err)
				}
				k.tones(2*time.Second, 300, 500)
				end := k.at
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				if res, err := k.Seal(ctx, answered.Add(end)); !errors.Is(err, context.DeadlineExceeded) || res.State != StateOpen {
					t.Errorf("it is sealed as %+v, %v", res, err)
				}
				soon(t, "the first has refused it", func() bool { return testutil.ToFloat64(s.metrics.faults.WithLabelValues(opSeal)) > 0 })
				if !slices.ContainsFunc(p.left(t), func(n string) bool { return strings.HasSuffix(n, k.ext()) }) {
					t.Errorf("in the second directory lie %v", p.left(t))
				}
				s.clock.set(answered.Add(end + time.Minute))
				if err := os.Remove(obstacle); err != nil {
					t.Fatal(err)
				}
				soon(t, "it is home", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.late) == 1 })
				res := s.late[0]
				if res.State != StateSealed || res.Duration != end {
					t.Errorf("the late result is %+v", res)
				}
				if _, right := channels(t, s.file(k.Recording)); level(between(right, 0, 2*time.Second), 500) < 0.97 {
					t.Error("its begin is not there")
				}
				if slices.Contains(s.told(), "recording.missing") {
					t.Errorf("the events are %v", s.told())
				}
				p.good(t, s, res)
			})
		})
	}
}

// TestSpillsAfterFailedSyncs: a sync fails, and so does that of each other file in the first directory: the recording
// goes on in the second, and is sealed only where a sync says that it is on the disk.
func TestSpillsAfterFailedSyncs(t *testing.T) {
	t.Parallel()
	for name, during := range map[string]bool{"while the call goes on": true, "when the call ends": false} {
		for _, c := range []bool{false, true} {
			if c {
				name += ", encrypted"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { // five seconds between two tries to seal it
					s, p := newPair(t, PCM16, c)
					k := s.open(call.PCMA)
					k.Voice(true, "")
					k.tones(time.Second, 300, 500).inFile(t)
					if c { // its key is on the disk
						soon(t, "the key is synced", func() bool { return k.box.onDisk.Load() })
					}
					if during {
						p.syncs(syscall.EIO)
						soon(t, "it goes on in the second directory", func() bool {
							s.clock.set(s.clock.now().Add(100 * time.Millisecond))
							k.frame(call.Heard, 500)
							return k.spilled.Load()
						})
						k.at = s.clock.now().Sub(answered).Truncate(20 * time.Millisecond)
					} else {
						p.syncs(syscall.EIO)
					}
					at := k.at
					k.tones(2*time.Second, 300, 700)
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if res, err := k.Seal(ctx, answered.Add(k.at)); err == nil || res.State != StateOpen {
						t.Errorf("it is sealed as %+v, %v, and nothing is on the disk", res, err)
					}
					p.syncs(nil)
					soon(t, "it is home", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.late) == 1 })
					res := s.late[0]
					if res.State != StateSealed || res.Duration != at+2*time.Second {
						t.Errorf("the late result is %+v, the call lasted %v", res, at+2*time.Second)
					}
					_, right := channels(t, s.file(k.Recording))
					if level(between(right, 0, time.Second), 500) < 0.97 || level(between(right, at, at+2*time.Second), 700) < 0.97 {
						t.Error("something is not in its place")
					}
					if got := faultsOf(t, s.file(k.Recording)); !slices.Contains(got, "sync") || !slices.Contains(got, "spilled") {
						t.Errorf("the manifest confesses %v", got)
					}
					p.good(t, s, res)
				})
			})
		}
	}
}

// TestNeitherTakesIt: where the second directory refuses, too, it is as if there were none.
func TestNeitherTakesIt(t *testing.T) {
	t.Parallel()
	s, p := newPair(t, PCM16, false)
	for _, d := range []string{s.o.Dir, p.second} {
		put(t, filepath.Join(d, "2026"), []byte("an obstacle"))
	}
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "both refuse", func() bool { return s.Healthy() != nil })
	res, err := k.Seal(t.Context(), answered.Add(time.Second))
	if err == nil || res.State != StateMissing {
		t.Errorf("a recording that never was is sealed as %+v, %v", res, err)
	}
	if told := s.told(); !slices.Equal(told, []string{"recording.missing"}) {
		t.Errorf("the events are %v", told)
	}
}

// TestSecondIsNotThere: a start needs no second directory, makes none, and finds it when it comes.
func TestSecondIsNotThere(t *testing.T) {
	t.Parallel()
	second := filepath.Join(t.TempDir(), "not mounted")
	s := newStudioWith(t, PCM16, nil, func(_ *studio, o *Options) { o.Second = second })
	if err := s.Healthy(); err != nil {
		t.Errorf("the first takes recordings, and it is unwell: %v", err)
	}
	if err := s.probeSecond(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there is told as %v", err)
	}
	put(t, filepath.Join(s.o.Dir, "2026"), nil)
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the refusal is told", func() bool { return s.Healthy() != nil })
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.probeSecond(); err != nil {
		t.Fatal(err)
	}
	soon(t, "it goes on there", func() bool { s.clock.set(s.clock.now().Add(renewEvery / 10)); return k.spilled.Load() })
}

// copied is a copy of a folder and of all that is in it.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// A wreck is what a process leaves that is killed at one step.
type wreck struct{ step, data, second string }

// wrecks collects them.
type wrecks struct {
	mu   sync.Mutex
	list []wreck
}

func (w *wrecks) at(t *testing.T, step, data, second string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, wreck{step, copied(t, data), copied(t, second)})
}

// TestKilledOnTheWayHome: whoever is killed at any step of bringing a recording home, while it is spilled, or
// in the repair that follows, leaves what the next start makes a whole recording of.
func TestKilledOnTheWayHome(t *testing.T) {
	t.Parallel()
	for _, c := range sorts[1:3] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &pair{second: t.TempDir()}
			var all wrecks
			var data string
			keys := t.TempDir()
			s := newStudioWith(t, c.format, func(m *outside) {
				p.onto(m)
				m.step = func(step string) { all.at(t, step, data, p.second) }
			}, func(s *studio, o *Options) {
				data, o.Second = s.data, p.second
				o.Chain = newChain(t, o.Dir, keys)
				if c.encrypted {
					o.Vault = ringOf(t, s.data)
				}
			})
			k := s.open(call.PCMU)
			k.Voice(true, "")
			k.SetLanguage("ru")
			k.tones(2*time.Second, 300, 500).inFile(t)
			p.shut(syscall.EIO)
			k.tones(500*time.Millisecond, 300, 500)
			soon(t, "it is spilled", func() bool {
				s.clock.set(s.clock.now().Add(10 * time.Millisecond))
				return k.spilled.Load()
			})
			k.inFile(t)
			k.tones(2*time.Second, 300, 700).inFile(t)
			all.at(t, "while it is spilled", data, p.second)
			p.shut(nil)
			want := k.seal()
			_, sound := channels(t, s.file(k.Recording))
			p.good(t, s, want)
			if len(all.list) < 8 {
				t.Fatalf("only %d steps are seen", len(all.list))
			}
			judge := func(w wreck, again *wrecks) {
				dir := filepath.Join(w.data, folder)
				links := newChain(t, dir, keys)
				var step func(string)
				if again != nil {
					step = func(step string) { again.at(t, w.step+", then "+step, w.data, w.second) }
				}
				if _, err := repairBoth(t.Context(), dir, w.second, links, func(call.ID) Meta { return Meta{} }, step); err != nil {
					t.Errorf("killed at %s: repair says %v", w.step, err)
					return
				}
				file := filepath.Join(w.data, want.Path)
				_, right := channels(t, file)
				n := min(len(right), len(sound)) // the last is silence, where a sealed one ends later
				if len(right) < int(timeSamples(k.at-time.Second)) || !slices.Equal(right[:n], sound[:n]) {
					t.Errorf("killed at %s: %d samples are left of %d, or they are others", w.step, len(right), len(sound))
				}
				if m := readManifest(t, file); m["language"] != "ru" || !slices.Contains(faultsOf(t, file), "spilled") {
					t.Errorf("killed at %s: the manifest is %v", w.step, m)
				}
				if left := (&pair{second: w.second}).left(t); len(left) > 0 {
					t.Errorf("killed at %s: in the second directory lie %v", w.step, left)
				}
				if faults, err := Verify(dir, Proof{Expected: []Expected{{want.Call, want.Path}}}, nil); err != nil || len(faults) > 0 {
					t.Errorf("killed at %s: verify finds %v, %v", w.step, faults, err)
				}
			}
			var again wrecks
			for _, w := range all.list {
				if w.step == "while it is spilled" || w.step == "sound" {
					judge(w, &again)
				} else {
					judge(w, nil)
				}
			}
			if len(again.list) < 8 {
				t.Errorf("only %d steps of the repair are seen", len(again.list))
			}
			for _, w := range again.list {
				judge(w, nil)
			}
		})
	}
}

// TestRepairKeepsWhatCannotComeHome: the first directory still refuses at the next start. What lies in the second
// stays, and what the first has of it gets no manifest that would make it the recording.
func TestRepairKeepsWhatCannotComeHome(t *testing.T) {
	t.Parallel()
	s, p := newPair(t, PCM16, false)
	k := s.open(call.PCMA)
	k.tones(2*time.Second, 0, 500).inFile(t)
	p.shut(syscall.EIO)
	k.tones(500*time.Millisecond, 0, 500)
	soon(t, "it is spilled", func() bool { s.clock.set(s.clock.now().Add(10 * time.Millisecond)); return k.spilled.Load() })
	k.tones(2*time.Second, 0, 700).inFile(t)
	s.Close()
	obstacle := s.file(k.Recording) + tempExt
	if err := os.MkdirAll(filepath.Join(obstacle, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	repair := func() ([]Repaired, error) {
		return RepairBoth(t.Context(), s.o.Dir, p.second, s.o.Chain, func(call.ID) Meta { return Meta{} })
	}
	done, err := repair()
	if !errors.Is(err, errNotHome) || len(done) > 0 {
		t.Fatalf("repair gives %+v, %v", done, err)
	}
	if _, err := os.Stat(strings.TrimSuffix(s.file(k.Recording), soundExt) + manifestExt); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a recording has a manifest: %v", err)
	}
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	if done, err = repair(); err != nil || len(done) != 1 || done[0].Duration < k.at-time.Second {
		t.Errorf("repair gives %+v, %v", done, err)
	}
	if left := p.left(t); len(left) > 0 {
		t.Errorf("in the second directory lie %v", left)
	}
}

// TestKilledWhileSpilled kills a process whose recording lies in the second directory: what the next start makes of it
// ends less than a second before the last packet.
func TestKilledWhileSpilled(t *testing.T) {
	t.Parallel()
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprint("encrypted: ", encrypted), func(t *testing.T) {
			t.Parallel()
			data, second := t.TempDir(), t.TempDir()
			dir := filepath.Join(data, folder)
			obstacle := filepath.Join(dir, time.Now().UTC().Format("2006"))
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, obstacle, nil)
			env := []string{childDir + "=" + dir, childSecond + "=" + second}
			if encrypted {
				env = append(env, childKeys+"="+keysOf(data))
			}
			newest, ok := killAfter(t, 1500*time.Millisecond, env)
			if !ok {
				return
			}
			if err := os.Remove(obstacle); err != nil {
				t.Fatal(err)
			}
			links := newChain(t, dir, keysBeside(dir))
			done, err := RepairBoth(t.Context(), dir, second, links, func(call.ID) Meta { return Meta{} })
			if err != nil || len(done) != 1 {
				t.Fatalf("repair gives %+v, %v", done, err)
			}
			file := filepath.Join(data, done[0].Path)
			_, right := channels(t, file)
			last := uint32(0)
			for n := 0; n+160 <= len(right); n++ {
				if number, ok := numberAt(right, n); ok && number > last {
					last = number
				}
			}
			if lost := time.Duration(newest-last) * 20 * time.Millisecond; lost > time.Second {
				t.Errorf("%v are lost", lost)
			}
			if m := readManifest(t, file); m["state"] != StateInterrupted || m["language"] != "ru" || m["notice"] == nil || !slices.Contains(faultsOf(t, file), "spilled") {
				t.Errorf("the manifest is %v", m)
			}
			if left := (&pair{second: second}).left(t); len(left) > 0 {
				t.Errorf("in the second directory lie %v", left)
			}
			if faults, err := Verify(dir, Proof{Expected: []Expected{{done[0].Call, done[0].Path}}}, nil); err != nil || len(faults) > 0 {
				t.Errorf("verify finds %v, %v", faults, err)
			}
		})
	}
}

// TestNoRoomAtHome: a full disk is not filled up by tries to bring a recording home.
func TestNoRoomAtHome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pair{second: t.TempDir()}
		var full atomic.Bool
		copies := atomic.Int32{}
		s := newStudioWith(t, PCM16, func(m *outside) {
			p.onto(m)
			m.step = func(string) { copies.Add(1) }
			m.room = func(dir string) (free, size uint64, err error) {
				if full.Load() && dir != p.second {
					return 10 << 20, 100 << 30, nil
				}
				return 50 << 30, 100 << 30, nil
			}
		}, func(_ *studio, o *Options) { o.Second = p.second })
		k := s.open(call.PCMA)
		k.tones(time.Second, 0, 500).inFile(t)
		p.shut(syscall.ENOSPC)
		k.tones(500*time.Millisecond, 0, 500)
		soon(t, "it is spilled", func() bool { s.clock.set(s.clock.now().Add(10 * time.Millisecond)); return k.spilled.Load() })
		k.inFile(t)
		p.shut(nil)
		full.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		if res, err := k.Seal(ctx, answered.Add(k.at)); err == nil || res.State != StateOpen || copies.Load() > 0 {
			t.Errorf("without room it is sealed as %+v, %v after %d steps", res, err, copies.Load())
		}
		if err := s.Healthy(); err != nil {
			t.Errorf("the second takes recordings, and it is unwell: %v", err)
		}
		full.Store(false)
		soon(t, "it is home", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.late) == 1 })
		p.good(t, s, s.late[0])
	})
}

// TestSlowCopyIsBridged: copying what a recording has so far takes five seconds. What is said meanwhile waits in
// memory, and nothing is lost.
func TestSlowCopyIsBridged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pair{second: t.TempDir()}
		hold, held := make(chan struct{}), make(chan struct{})
		s := newStudioWith(t, PCM16, func(m *outside) {
			p.onto(m)
			real := m.datasync
			var once sync.Once
			m.datasync = func(f *os.File) error {
				if strings.HasPrefix(f.Name(), p.second) && strings.HasSuffix(f.Name(), soundExt+tempExt) {
					once.Do(func() { close(held); <-hold })
				}
				return real(f)
			}
		}, func(_ *studio, o *Options) { o.Second = p.second })
		k := s.open(call.PCMA)
		k.tones(time.Second, 0, 500).inFile(t)
		from := k.at
		p.shut(syscall.EIO)
		k.tones(500*time.Millisecond, 0, 600)
		soon(t, "the refusal is seen", func() bool { return k.Err() != nil })
		k.tones(time.Second, 0, 600)
		soon(t, "it is being copied", func() bool {
			select {
			case <-held:
				return true
			default:
				return false
			}
		})
		for range 25 {
			k.tones(200*time.Millisecond, 0, 600)
			soon(t, "the pool is stocked", func() bool { s.pool.mu.Lock(); defer s.pool.mu.Unlock(); return s.pool.spare >= s.pool.low() })
		}
		time.Sleep(5 * writeEvery) // the writer has its rounds
		close(hold)
		soon(t, "it is spilled", func() bool { return k.spilled.Load() })
		k.inFile(t)
		p.shut(nil)
		res := k.seal()
		if _, right := channels(t, s.file(k.Recording)); level(between(right, from, from+6*time.Second), 600) < 0.97 {
			t.Error("what was said while it was copied is not there")
		}
		if gaps := append(gapsOf(t, s.file(k.Recording), "disk"), gapsOf(t, s.file(k.Recording), "overflow")...); len(gaps) > 0 {
			t.Errorf("the gaps are %v", gaps)
		}
		p.good(t, s, res)
	})
}
