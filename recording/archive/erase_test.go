package archive

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/johannesboyne/gofakes3"

	"hotline/call"
)

// removeHere is what a purge does here.
func removeHere(t testing.TB, dir string, k take) {
	t.Helper()
	for name := range k.files {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func marks(t testing.TB, dir string) []os.DirEntry {
	t.Helper()
	e, err := os.ReadDir(filepath.Join(dir, marksFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return e
}

func TestErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p, q := newShaky(folderAt(t, t.TempDir())), newShaky(folderAt(t, t.TempDir()))
		q.Name = "s3"
		k, other := record(t, dir, time.Now(), 5000), record(t, dir, time.Now(), 5000)
		h := newHouse(t, dir, Options{Places: []Located{p.as(), q.as()}, KeepLocal: 0})
		h.Start()
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := h.Erase(context.Background(), k.stem); err != nil {
			t.Fatal(err)
		}
		removeHere(t, dir, k)
		for _, place := range []*shaky{p, q} {
			if got := all(t, place, k.stem); len(got) != 0 {
				t.Errorf("there lie %v", got)
			}
			other.mustLie(t, place)
		}
		if _, err := os.Stat(filepath.Join(dir, k.stem+noteExt)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the note is left: %v", err)
		}
		if got := marks(t, dir); len(got) != 0 || len(h.Erasing()) != 0 {
			t.Errorf("the marks %v are left, %v", got, h.Erasing())
		}
		if _, err := h.Open(context.Background(), k.stem); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open of what was erased: %v", err)
		}
		for _, no := range []string{"", "../../etc/passwd", "2026/12/05/"} {
			if err := h.Erase(context.Background(), no); err == nil || errors.As(err, new(*OwedError)) {
				t.Errorf("erase of %q: %v", no, err)
			}
		}
		h.Close()
	})
}

// A place that cannot be reached owes its erasure, through every death of the process.
func TestEraseWhereAPlaceIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p, q := newShaky(folderAt(t, t.TempDir())), newShaky(folderAt(t, t.TempDir()))
		q.Name = "s3"
		k := record(t, dir, time.Now(), 5000)
		open := func() *house {
			return newHouse(t, dir, Options{Places: []Located{p.as(), q.as()}, KeepLocal: -1})
		}
		h := open()
		h.Start()
		time.Sleep(time.Hour)
		synctest.Wait()
		q.fail(down)
		err := h.Erase(context.Background(), k.stem)
		var owed *OwedError
		if !errors.As(err, &owed) || len(owed.Places) != 1 || owed.Places[0] != q.Where || !errors.Is(err, errDown) {
			t.Fatalf("erase where one place is down: %v", err)
		}
		if got := all(t, p, k.stem); len(got) != 0 {
			t.Errorf("at the place that is up lie %v", got)
		}
		h.Close()
		removeHere(t, dir, k)
		h = open()
		h.Start()
		if got := h.Erasing(); len(got) != 1 || got[0].Stem != k.stem || h.value("hotline_away_erasures_pending", "") != 1 {
			t.Errorf("after a restart it is known: %v", got)
		}
		time.Sleep(time.Hour)
		h.Close()
		h = open()
		h.Start()
		time.Sleep(time.Hour)
		if age := h.value("hotline_away_oldest_erasure_seconds", ""); age < 7200 || age > 7300 {
			t.Errorf("the erasure is owed since %v s", age)
		}
		q.fail(nil)
		if got := all(t, q, k.stem); len(got) != 3 {
			t.Fatalf("the test is not what it was: %v", got)
		}
		time.Sleep(2*longestRest + time.Minute)
		synctest.Wait()
		if got := all(t, q, k.stem); len(got) != 0 || len(h.Erasing()) != 0 || len(marks(t, dir)) != 0 {
			t.Errorf("there lie %v, owed %v, marks %v", got, h.Erasing(), marks(t, dir))
		}
		h.Close()
	})
}

// What is erased while it still lies here is not sent again, whoever comes first.
func TestEraseBeforeTheSoundGoesHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newShaky(folderAt(t, t.TempDir()))
		k := record(t, dir, time.Now(), 5000)
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: -1})
		if err := h.Erase(context.Background(), k.stem); err != nil { // before it was ever sent
			t.Fatal(err)
		}
		for range 2 { // and the purge dies before it removes the sound
			h.Start()
			h.Sealed(k.stem)
			time.Sleep(2 * scanEvery)
			synctest.Wait()
			if got := all(t, p, k.stem); len(got) != 0 {
				t.Fatalf("it was sent again: %v", got)
			}
			h.Close()
			h = newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: -1})
		}
		removeHere(t, dir, k)
		h.Start()
		time.Sleep(2 * scanEvery)
		synctest.Wait()
		if got := marks(t, dir); len(got) != 0 {
			t.Errorf("the marks %v are left", got)
		}
		h.Close()
	})
}

// Where recordings lie here alone, an erasure leaves nothing to remember, before the sound goes and after.
func TestEraseWithoutPlaces(t *testing.T) {
	dir := t.TempDir()
	k := record(t, dir, begin, 5000)
	h := newHouse(t, dir, Options{KeepLocal: -1})
	for range 2 {
		if err := h.Erase(context.Background(), k.stem); err != nil {
			t.Fatal(err)
		}
		if got := marks(t, dir); len(got) != 0 {
			t.Errorf("the marks %v are left", got)
		}
		removeHere(t, dir, k)
	}
}

// That a recording is erased everywhere is told once, when the last place has done it; and since when it is owed is
// not forgotten where a purge asks again.
func TestErasedIsToldWhenTheLastPlaceHasDoneIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p, q := newShaky(folderAt(t, t.TempDir())), newShaky(folderAt(t, t.TempDir()))
		q.Name = "s3"
		k := record(t, dir, time.Now(), 5000)
		var told []call.Event
		h := newHouse(t, dir, Options{Places: []Located{p.as(), q.as()}, KeepLocal: -1, Events: func(e call.Event) {
			if e.Name == "recording.away_erased" {
				told = append(told, e)
			}
		}})
		h.Start()
		time.Sleep(time.Hour)
		synctest.Wait()
		q.fail(down)
		asked := time.Now()
		for range 2 {
			if err := h.Erase(context.Background(), k.stem); !errors.As(err, new(*OwedError)) {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		if got := h.Erasing(); len(got) != 1 || !got[0].Asked.Equal(asked) {
			t.Errorf("owed are %v, want one since %v", got, asked)
		}
		if len(told) != 0 {
			t.Errorf("told before it was so: %v", told)
		}
		q.fail(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(told) != 1 || told[0].Call != callOf(k.stem) || len(h.Erasing()) != 0 {
			t.Errorf("told %v, owed %v", told, h.Erasing())
		}
		h.Close()
	})
}

// A recording that is being sent is erased: the sending ends, and nothing of it is left.
func TestEraseWhileItIsSent(t *testing.T) {
	s, dir := newStorage(t, false), t.TempDir()
	k := record(t, dir, begin, 3*testPart)
	h, clock := storm(t, s, dir, -1)
	h.o.Rate, h.limit.second = 1<<17, 1<<17
	h.Start()
	clock.until(t, 100*time.Millisecond, func() bool { return s.sent() > testPart })
	done := make(chan error, 1)
	go func() { done <- h.Erase(context.Background(), k.stem) }()
	var err error
	clock.until(t, time.Millisecond, func() bool {
		select {
		case err = <-done:
			return true
		default:
			return false
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, h.o.Places[0], ""); len(got) != 0 {
		t.Errorf("there lie %v", got)
	}
	if left := h.o.Places[0].Place.(*S3).uploads(context.Background(), "", func(key, _ string) error { return errors.New(key) }); len(left) > 0 {
		t.Errorf("unfinished uploads are left: %v", left)
	}
	if h.Pending() != 0 || h.value("hotline_away_failures_total", "s3") != 0 {
		t.Errorf("pending %d, failures %v", h.Pending(), h.value("hotline_away_failures_total", "s3"))
	}
}

// Storage that keeps versions keeps none.
func TestEraseOfAllVersions(t *testing.T) {
	s, dir := newStorage(t, false), t.TempDir()
	if err := s.backend.SetVersioningConfiguration(bucket, gofakes3.VersioningConfiguration{Status: gofakes3.VersioningEnabled}); err != nil {
		t.Fatal(err)
	}
	k := record(t, dir, begin, 5000, sealedExt, ".key")
	h, clock := storm(t, s, dir, -1)
	h.Start()
	clock.until(t, time.Second, func() bool { return h.Pending() == 0 && len(h.note(k.stem).Copies) == 1 })
	old := k.files[k.stem+".key"]
	k.files[k.stem+".key"] = noise(130)
	if err := os.WriteFile(filepath.Join(dir, k.stem+".key"), k.files[k.stem+".key"], 0o640); err != nil {
		t.Fatal(err)
	}
	h.Sealed(k.stem)
	clock.until(t, time.Second, func() bool { return h.Pending() == 0 })
	k.mustLie(t, h.o.Places[0])
	versions := func() (n int) {
		list, err := s.backend.ListBucketVersions(bucket, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list.Versions {
			if _, gone := v.(*gofakes3.DeleteMarker); !gone {
				n++
			}
		}
		return n
	}
	if n := versions(); n != 4 || bytes.Equal(old, k.files[k.stem+".key"]) {
		t.Fatalf("%d versions of 3 files, one of them sealed anew", n)
	}
	if err := h.Erase(context.Background(), k.stem); err != nil {
		t.Fatal(err)
	}
	if n := versions(); n != 0 {
		t.Errorf("%d versions are left", n)
	}
}

// A place that says it has deleted, and has not, owes it still.
func TestEraseThatIsOnlySaid(t *testing.T) {
	s, dir := newStorage(t, false), t.TempDir()
	k := record(t, dir, begin, 5000)
	h, clock := storm(t, s, dir, -1)
	h.Start()
	clock.until(t, time.Second, func() bool { return h.Pending() == 0 && len(h.note(k.stem).Copies) == 1 })
	s.set(func() { s.before = sayDeleted })
	err := h.Erase(context.Background(), k.stem)
	if !errors.Is(err, ErrMismatch) || !errors.As(err, new(*OwedError)) {
		t.Errorf("erased where nothing was: %v", err)
	}
	s.set(func() { s.before = nil })
	clock.until(t, time.Second, func() bool { return len(h.Erasing()) == 0 })
	if got := all(t, h.o.Places[0], ""); len(got) != 0 {
		t.Errorf("there lie %v", got)
	}
}

// A copy at a place that the configuration does not name any more is owed, and told how to end it.
func TestEraseAtAPlaceThatIsNamedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p, q := newShaky(folderAt(t, t.TempDir())), newShaky(folderAt(t, t.TempDir()))
		k := record(t, dir, time.Now(), 5000)
		h := newHouse(t, dir, Options{Places: []Located{p.as()}, KeepLocal: -1})
		h.Start()
		time.Sleep(time.Hour)
		h.Close()
		h = newHouse(t, dir, Options{Places: []Located{q.as()}, KeepLocal: -1})
		err := h.Erase(context.Background(), k.stem)
		var owed *OwedError
		if !errors.As(err, &owed) || owed.Places[0] != p.Where || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("erase: %v", err)
		}
		h.Close()
	})
}
