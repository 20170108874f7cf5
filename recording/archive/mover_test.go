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

	"go.uber.org/zap"
)

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
