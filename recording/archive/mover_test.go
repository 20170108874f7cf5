package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// A shaky place is one that fails when a test says so.
type shaky struct {
	Located
	mu    sync.Mutex
	fault func(op, name string) error
	puts  map[string]int // by name
}

func newShaky(p Located) *shaky { return &shaky{Located: p, puts: map[string]int{}} }

func (s *shaky) as() Located { return Located{Place: s, Name: s.Name, Where: s.Where} }

func (s *shaky) fail(f func(op, name string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *shaky) ask(op, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op == "put" {
		s.puts[name]++
	}
	if s.fault == nil {
		return nil
	}
	return s.fault(op, name)
}

func (s *shaky) Put(ctx context.Context, name string, src Source) error {
	if err := s.ask("put", name); err != nil {
		return err
	}
	return s.Located.Put(ctx, name, src)
}

func (s *shaky) Stat(ctx context.Context, name string) (Object, error) {
	if err := s.ask("stat", name); err != nil {
		return Object{}, err
	}
	return s.Located.Stat(ctx, name)
}

func (s *shaky) Get(ctx context.Context, name string) (Reader, error) {
	if err := s.ask("get", name); err != nil {
		return nil, err
	}
	return s.Located.Get(ctx, name)
}

func (s *shaky) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	if err := s.ask("list", prefix); err != nil {
		return func(yield func(Object, error) bool) { yield(Object{}, err) }
	}
	return s.Located.List(ctx, prefix)
}

func (s *shaky) Delete(ctx context.Context, name string) error {
	if err := s.ask("delete", name); err != nil {
		return err
	}
	return s.Located.Delete(ctx, name)
}

var errDown = errors.New("no route to host")

func down(string, string) error { return errDown }

// synctest begins at midnight UTC, 2000-01-01.
func TestAPlaceThatComesBackAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		p.fail(down)
		var takes []take
		for range 20 {
			takes = append(takes, record(t, dir, time.Now().Add(-time.Minute), 10_000))
		}
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
		h.Start()
		time.Sleep(30 * time.Minute)
		late := record(t, dir, time.Now(), 10_000) // while it is down
		h.Sealed("recordings/" + late.stem + ".wav")
		takes = append(takes, late)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if h.Pending() != 21 || h.value("hotline_away_pending", "") != 21 {
			t.Errorf("%d are pending of 21", h.Pending())
		}
		if age := h.value("hotline_away_oldest_pending_seconds", ""); age < 3600 || age > 3700 {
			t.Errorf("the oldest has waited %v s", age)
		}
		for _, k := range takes {
			if !h.here(k.stem) {
				t.Fatalf("%s was removed here and is nowhere else", k.stem)
			}
		}
		if f := h.value("hotline_away_failures_total", "dir"); f < 5 || f > 20 {
			t.Errorf("%v tries in an hour", f)
		}
		if n := h.logs.FilterLevelExact(zap.WarnLevel).Len(); n != 1 {
			t.Errorf("%d warnings of one place that is down", n)
		}
		p.fail(nil)
		time.Sleep(longestRest + time.Minute)
		synctest.Wait()
		if h.Pending() != 0 {
			t.Errorf("%d are pending after it came back", h.Pending())
		}
		for _, k := range takes {
			k.mustLie(t, p)
			if h.here(k.stem) {
				t.Errorf("%s is still here, and may go at once", k.stem)
			}
			for name := range k.files {
				if p.puts[name] != 1 {
					// one try failed while it was down, at the question before it: nothing was put twice
					t.Errorf("%s was put %d times", name, p.puts[name])
				}
			}
		}
		h.Close()
	})
}

// The sound stays as long as it is said, and the manifest stays with it and after it.
func TestKeepLocal(t *testing.T) {
	for name, c := range map[string]struct {
		keep time.Duration
		gone time.Duration // after the seal; 0: never
	}{
		"as long as it is kept": {-1, 0},
		"a day":                 {24 * time.Hour, 24 * time.Hour},
		"not at all":            {0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				p, q := newShaky(folderAt(t, t.TempDir())), newShaky(folderAt(t, t.TempDir()))
				q.Name = "s3"
				q.fail(down)
				h := newHouse(t, dir, Options{Places: []Located{p.as(), q.as()}, KeepLocal: c.keep})
				h.Start()
				k := record(t, dir, time.Now(), 5000)
				h.Sealed(k.stem)
				time.Sleep(time.Minute)
				synctest.Wait()
				if !h.here(k.stem) || len(h.note(k.stem).Copies) != 1 {
					t.Errorf("one of two places has it: here %v, %+v", h.here(k.stem), h.note(k.stem))
				}
				time.Sleep(c.gone + time.Hour)
				synctest.Wait()
				if !h.here(k.stem) {
					t.Fatal("it was removed, and only one of two places has it")
				}
				q.fail(nil)
				time.Sleep(time.Hour)
				synctest.Wait()
				if got := !h.here(k.stem); got != (c.gone != 0) {
					t.Errorf("both have it since long: gone %v", got)
				}
				k.mustLie(t, p)
				k.mustLie(t, q)
				if _, err := os.Stat(filepath.Join(dir, k.stem+manifestExt)); err != nil {
					t.Error(err)
				}
				s, err := h.Open(context.Background(), k.stem)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(s)
				s.Close()
				if want := map[bool]string{true: "dir", false: ""}[c.gone != 0]; err != nil || !bytes.Equal(got, k.files[k.stem+plainExt]) || s.Place != want {
					t.Errorf("%d bytes from %q: %v", len(got), s.Place, err)
				}
				if away := Away(h.root, k.stem); away != (c.gone != 0) {
					t.Errorf("away %v", away)
				}
				h.Close()
			})
		})
	}
}

// A day of waiting is a day after the seal, to the minute.
func TestKeepLocalCountsFromTheSeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		k := record(t, dir, time.Now().Add(-23*time.Hour), 5000)
		for range 2 { // also where the process died in between
			h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 24 * time.Hour})
			h.Start()
			time.Sleep(29 * time.Minute)
			synctest.Wait()
			if !h.here(k.stem) {
				t.Fatal("it was removed early")
			}
			h.Close()
		}
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 24 * time.Hour})
		h.Start()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if h.here(k.stem) {
			t.Error("it is still here")
		}
		h.Close()
	})
}

// What has been altered here is not sent in the place of what was recorded, and holds up nobody.
func TestWhatWasAlteredHereIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		bad, good := record(t, dir, time.Now().Add(-time.Hour), 5000), record(t, dir, time.Now(), 5000)
		sound := bad.files[bad.stem+plainExt]
		sound[100] ^= 1
		if err := os.WriteFile(filepath.Join(dir, bad.stem+plainExt), sound, 0o640); err != nil {
			t.Fatal(err)
		}
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
		h.Start()
		time.Sleep(time.Minute)
		synctest.Wait()
		good.mustLie(t, p)
		if got := all(t, p, bad.stem); len(got) != 0 {
			t.Errorf("of what was altered lie there %v", got)
		}
		if !h.here(bad.stem) || h.Pending() != 1 {
			t.Errorf("here %v, pending %d", h.here(bad.stem), h.Pending())
		}
		if h.value("hotline_away_mismatches_total", here) != 1 || h.logs.FilterLevelExact(zap.ErrorLevel).Len() != 1 {
			t.Error("nobody is told")
		}
		h.Close()
	})
}

// Another file under a recording's name is evidence too: it stays, and so does ours.
func TestWhatLiesThereAlreadyIsNotReplaced(t *testing.T) {
	for _, size := range []int{5000, 4999, 6000} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			p := newShaky(folderAt(t, t.TempDir()))
			k := record(t, dir, time.Now(), 5000)
			other := noise(size)
			var n int64
			if err := p.Put(context.Background(), k.stem+plainExt, source(other, &n)); err != nil {
				t.Fatal(err)
			}
			h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
			h.Start()
			time.Sleep(48 * time.Hour)
			synctest.Wait()
			if got, err := fetch(p, k.stem+plainExt); err != nil || !bytes.Equal(got, other) {
				t.Errorf("what lay there was replaced: %v", err)
			}
			if !h.here(k.stem) || h.Pending() != 1 {
				t.Errorf("here %v, pending %d", h.here(k.stem), h.Pending())
			}
			if h.value("hotline_away_mismatches_total", here) < 1 {
				t.Error("nobody is told")
			}
			h.Close()
		})
	}
}

// A key that is sealed anew follows; the sound does not go twice.
func TestAKeyThatChangesFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		k := record(t, dir, time.Now(), 5000, sealedExt, ".key")
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: -1})
		h.Start()
		time.Sleep(time.Minute)
		synctest.Wait()
		k.mustLie(t, p)
		k.files[k.stem+".key"] = noise(120)
		if err := os.WriteFile(filepath.Join(dir, k.stem+".key"), k.files[k.stem+".key"], 0o640); err != nil {
			t.Fatal(err)
		}
		h.Sealed(k.stem)
		time.Sleep(time.Minute)
		synctest.Wait()
		k.mustLie(t, p)
		if p.puts[k.stem+sealedExt] != 1 || p.puts[k.stem+manifestExt] != 1 || p.puts[k.stem+".key"] != 2 {
			t.Errorf("put: %v", p.puts)
		}
		h.Close()
	})
}

// Before the sound goes here, the places are asked again. What one has lost is sent again first.
func TestAPlaceThatLosesWhatItHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		k := record(t, dir, time.Now(), 5000)
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 24 * time.Hour})
		h.Start()
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := p.Located.Delete(context.Background(), k.stem+plainExt); err != nil {
			t.Fatal(err)
		}
		time.Sleep(23*time.Hour + time.Minute)
		synctest.Wait()
		if !h.here(k.stem) && len(all(t, p, k.stem)) != 3 {
			t.Fatal("the recording is lost")
		}
		if h.value("hotline_away_mismatches_total", "dir") != 1 {
			t.Error("nobody is told")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		k.mustLie(t, p)
		if h.here(k.stem) {
			t.Error("it is still here")
		}
		h.Close()
	})
}

// A hanging place gives no answer while it hangs.
type hanging struct {
	Located
	hangs atomic.Bool
	asked chan struct{}
	free  chan struct{}
}

func (h *hanging) Stat(ctx context.Context, name string) (Object, error) {
	if h.hangs.Load() {
		select {
		case h.asked <- struct{}{}:
		default:
		}
		<-h.free
	}
	return h.Located.Stat(ctx, name)
}

// A place that hangs, asked whether the sound of one recording may go, keeps no other recording from the other place.
func TestAPlaceThatHangsHoldsUpNoOther(t *testing.T) {
	dir := t.TempDir()
	p := &hanging{Located: folderAt(t, t.TempDir()), asked: make(chan struct{}, 1), free: make(chan struct{})}
	q := folderAt(t, t.TempDir())
	q.Name = "s3"
	clock := newHandClock(begin)
	k := record(t, dir, begin, 5000)
	h := newHouse(t, dir, Options{Places: []Located{{Place: p, Name: p.Name, Where: p.Where}, q}, KeepLocal: 24 * time.Hour, Clock: clock})
	free := sync.OnceFunc(func() { close(p.free) })
	t.Cleanup(free)
	h.Start()
	clock.until(t, time.Second, func() bool { return len(h.note(k.stem).Copies) == 2 })
	p.hangs.Store(true)
	clock.until(t, time.Hour, func() bool { return len(p.asked) > 0 })
	next := record(t, dir, clock.Now(), 5000)
	h.Sealed(next.stem)
	clock.until(t, time.Second, func() bool { return slices.Equal(Places(h.root, next.stem), []string{"s3"}) })
	free()
	clock.until(t, time.Second, func() bool { return !h.here(k.stem) && len(h.note(next.stem).Copies) == 2 })
}

// A place that is named later gets also what is not here any more.
func TestALaterPlaceGetsWhatIsGoneHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p, q := newShaky(folderAt(t, t.TempDir())), newShaky(folderAt(t, t.TempDir()))
		q.Name = "s3"
		k := record(t, dir, time.Now(), 5000)
		for _, places := range [][]Located{{p.as()}, {p.as(), q.as()}} {
			h := newHouse(t, dir, Options{Places: places, KeepLocal: 0})
			h.Start()
			time.Sleep(time.Hour)
			synctest.Wait()
			if h.here(k.stem) || h.Pending() > 0 {
				t.Errorf("here %v, pending %d", h.here(k.stem), h.Pending())
			}
			h.Close()
		}
		k.mustLie(t, p)
		k.mustLie(t, q)
	})
}

// All that is sent and read back together goes no faster than it may.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		var size int64
		for range 10 {
			size += record(t, dir, time.Now(), 100_000).size()
		}
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: -1, Rate: 50_000})
		began := time.Now()
		h.Start()
		for h.Pending() > 0 || time.Since(began) == 0 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		want := time.Duration(float64(2*size) / 50_000 * float64(time.Second)) // out and back
		if took := time.Since(began); took < want*95/100 || took > want*115/100 {
			t.Errorf("%d bytes took %v, want %v", size, took, want)
		}
		h.Close()
	})
}

// What is fetched from one place for another goes no faster either: each byte comes twice, goes once and is read back.
func TestRateOfWhatIsGoneHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, rate = 400_000, 50_000
		dir := t.TempDir()
		p, q := newShaky(folderAt(t, t.TempDir())), newShaky(folderAt(t, t.TempDir()))
		q.Name = "s3"
		k := record(t, dir, time.Now(), size)
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
		h.Start()
		time.Sleep(time.Hour)
		synctest.Wait()
		h.Close()
		h = newHouse(t, dir, Options{Places: []Located{p.as(), q.as()}, KeepLocal: 0, Rate: rate})
		began := time.Now()
		h.Start()
		for h.Pending() > 0 || time.Since(began) == 0 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		want := time.Duration(float64(4*size) / rate * float64(time.Second))
		if took := time.Since(began); took < want*95/100 || took > want*115/100 {
			t.Errorf("%d bytes took %v, want %v", size, took, want)
		}
		k.mustLie(t, q)
		h.Close()
	})
}

// What is not sealed stays.
func TestOnlyWhatIsSealedGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		open := record(t, dir, time.Now(), 5000)
		os.Remove(filepath.Join(dir, open.stem+manifestExt))
		os.WriteFile(filepath.Join(dir, open.stem+".draft"), []byte("{}"), 0o640)
		purged := record(t, dir, time.Now(), 5000)
		os.Remove(filepath.Join(dir, purged.stem+plainExt))
		os.MkdirAll(filepath.Join(dir, "chain/0011"), 0o750)
		os.WriteFile(filepath.Join(dir, "chain/0011/1.json"), []byte("{}"), 0o640)
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
		h.Start()
		h.Sealed(open.stem)
		h.Sealed("recordings/nonsense.wav")
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := all(t, p, ""); len(got) != 0 {
			t.Errorf("there lie %v", got)
		}
		if h.Pending() != 0 || !h.here(open.stem) {
			t.Errorf("pending %d", h.Pending())
		}
		h.Close()
	})
}

// What was sealed by a clock that ran ahead goes at once, and stays here until it may go.
func TestWhatWasSealedTomorrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		k := record(t, dir, time.Now().Add(24*time.Hour), 5000)
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
		h.Start()
		time.Sleep(time.Minute)
		synctest.Wait()
		k.mustLie(t, p)
		if !h.here(k.stem) || h.value("hotline_away_oldest_pending_seconds", "") != 0 {
			t.Errorf("here %v", h.here(k.stem))
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if h.here(k.stem) {
			t.Error("it is still here")
		}
		h.Close()
	})
}

// A panic in one recording ends nothing else.
func TestABugInOneRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		bad, good := record(t, dir, time.Now().Add(-time.Hour), 5000), record(t, dir, time.Now(), 5000)
		p.fail(func(_, name string) error {
			if strings.HasPrefix(name, bad.stem) {
				panic("planted")
			}
			return nil
		})
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
		h.Start()
		time.Sleep(time.Minute)
		synctest.Wait()
		p.fail(nil)
		good.mustLie(t, p)
		if h.Pending() != 1 || !h.here(bad.stem) || h.value("hotline_panics_recovered_total", "") != 1 {
			t.Errorf("pending %d, panics %v", h.Pending(), h.value("hotline_panics_recovered_total", ""))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		bad.mustLie(t, p)
		h.Close()
	})
}

// A note that nobody can read is not written over.
func TestANoteThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		k := record(t, dir, time.Now(), 5000)
		for _, b := range []string{"{", `{"version":2,"call":"x","copies":[]}`, `{"version":1,"call":"another","copies":[]}`, `{"version":1,"more":1}`} {
			if err := os.WriteFile(filepath.Join(dir, k.stem+noteExt), []byte(b), 0o640); err != nil {
				t.Fatal(err)
			}
			h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
			h.Start()
			h.Sealed(k.stem)
			time.Sleep(time.Hour)
			synctest.Wait()
			if got, _ := os.ReadFile(filepath.Join(dir, k.stem+noteExt)); string(got) != b || !h.here(k.stem) {
				t.Errorf("%s became %s, here %v", b, got, h.here(k.stem))
			}
			if h.value("hotline_away_failures_total", here) == 0 {
				t.Error("nobody is told")
			}
			h.Close()
		}
		os.Remove(filepath.Join(dir, k.stem+noteExt)) // as the error says
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: 0})
		h.Start()
		time.Sleep(time.Hour)
		synctest.Wait()
		k.mustLie(t, p)
		h.Close()
		if _, err := os.Stat(filepath.Join(dir, k.stem+plainExt)); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}
