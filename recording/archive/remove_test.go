package archive

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
