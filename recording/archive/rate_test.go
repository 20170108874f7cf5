package archive

import (
	"testing"
	"testing/synctest"
	"time"
)

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
