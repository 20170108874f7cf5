package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest/observer"
)

// A wild place does everything that a place may do wrong, as chance wills.
type wild struct {
	Located
	knows bool // it says checksums, as storage does

	mu   sync.Mutex
	rng  *rand.Rand
	calm bool
	said map[string]string // checksums, by name
}

// chance is true so many times of a hundred, while it is not calm.
func (w *wild) chance(percent int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.calm && w.rng.IntN(100) < percent
}

func (w *wild) Put(ctx context.Context, name string, s Source) error {
	if w.chance(10) {
		return errDown
	}
	w.mu.Lock()
	w.said[name] = s.SHA256
	w.mu.Unlock()
	if w.chance(5) { // keeps something else, and says nothing
		b := must(io.ReadAll(io.NewSectionReader(s, 0, s.Size)))
		b[len(b)/3] ^= 8
		if w.chance(50) {
			b = b[:len(b)-1]
		}
		s = Source{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), SHA256: hexSum(b)}
	}
	if err := w.Located.Put(ctx, name, s); err != nil {
		return err
	}
	if w.chance(10) {
		return errDown // the answer is lost
	}
	return nil
}

func (w *wild) Stat(ctx context.Context, name string) (Object, error) {
	if w.chance(5) {
		return Object{}, errDown
	}
	o, err := w.Located.Stat(ctx, name)
	if w.knows && err == nil {
		w.mu.Lock()
		o.SHA256 = w.said[name]
		w.mu.Unlock()
	}
	return o, err
}

func (w *wild) Get(ctx context.Context, name string) (Reader, error) {
	if w.chance(5) {
		return nil, errDown
	}
	r, err := w.Located.Get(ctx, name)
	if err == nil && w.chance(5) {
		return cut{r}, nil
	}
	return r, err
}

// A cut reader loses its connection at once.
type cut struct{ Reader }

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (w *wild) Delete(ctx context.Context, prefix string) error {
	if w.chance(10) {
		return errDown
	}
	return w.Located.Delete(ctx, prefix)
}

// lost says what is wrong with the house as a whole; empty: nothing.
func lost(h *house, dir string, takes []take, erased map[string]bool, places []*wild) string {
	for _, k := range takes {
		if erased[k.stem] {
			continue
		}
		ext := soundOf(k)
		b, err := os.ReadFile(filepath.Join(dir, k.stem+ext))
		if err == nil && !bytes.Equal(b, k.files[k.stem+ext]) {
			return "the sound here was changed"
		}
		n, bad := readNote(h.root, k.stem)
		if bad != nil {
			return bad.Error()
		}
		for _, p := range places {
			got, there := fetch(p.Located, k.stem+ext)
			right := there == nil && bytes.Equal(got, k.files[k.stem+ext])
			if !right && (err != nil || n.copyAt(p.Where) != nil) {
				return fmt.Sprintf("%s: here %v, noted %v, and %s has %d bytes, %v", k.stem, err == nil, n.copyAt(p.Where) != nil, p.Where, len(got), there)
			}
		}
	}
	return ""
}

func soundOf(k take) string {
	if _, ok := k.files[k.stem+plainExt]; ok {
		return plainExt
	}
	return sealedExt
}

// Places fail, lie and lose answers, the process dies and comes back, recordings are sealed, erased
// and given new keys: at no moment is one lost, noted where it is not, or gone too early; and when it is
// calm, all that was sealed is everywhere and all that was erased is nowhere.
func TestNothingIsEverLost(t *testing.T) {
	seeds := 5
	if os.Getenv("HOTLINE_NIGHTLY") == "1" {
		seeds = 300
	}
	for range seeds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { wildDay(t, seed) }) })
	}
}

func wildDay(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	var wilds []*wild
	var places []Located
	for i := range 1 + rng.IntN(2) {
		w := &wild{Located: folderAt(t, t.TempDir()), knows: i == 1, rng: rand.New(rand.NewPCG(seed, uint64(i+1))), said: map[string]string{}}
		w.Name = []string{"dir", "s3"}[i]
		wilds = append(wilds, w)
		places = append(places, Located{Place: w, Name: w.Name, Where: w.Where})
	}
	o := Options{Places: places, KeepLocal: []time.Duration{-1, 0, 3 * time.Hour}[rng.IntN(3)]}
	h := newHouse(t, dir, o)
	h.Start()
	var takes []take
	erased := map[string]bool{}
	for range 60 {
		switch n := rng.IntN(10); {
		case n < 4:
			exts := []string{plainExt, ".peaks"}
			if rng.IntN(2) == 0 {
				exts = []string{sealedExt, ".key"}
			}
			k := record(t, dir, time.Now(), 1000+rng.IntN(5000), exts...)
			takes = append(takes, k)
			if rng.IntN(4) > 0 {
				h.Sealed(k.stem)
			}
		case n < 5 && len(takes) > 0:
			k := takes[rng.IntN(len(takes))]
			if err := h.Erase(context.Background(), k.stem); err != nil && !errors.As(err, new(*OwedError)) {
				t.Fatalf("erase: %v", err)
			}
			erased[k.stem] = true
			removeHere(t, dir, k)
		case n < 6 && len(takes) > 0:
			k := takes[rng.IntN(len(takes))]
			if key := k.stem + ".key"; k.files[key] != nil && !erased[k.stem] {
				k.files[key] = noise(101)
				if err := os.WriteFile(filepath.Join(dir, key), k.files[key], 0o640); err != nil {
					t.Fatal(err)
				}
				h.Sealed(k.stem)
			}
		case n < 7:
			h.Close()
			h = newHouse(t, dir, o)
			h.Start()
		default:
			time.Sleep(time.Duration(rng.IntN(40)) * time.Minute)
		}
		synctest.Wait()
		if what := lost(h, dir, takes, erased, wilds); what != "" {
			t.Fatal(what)
		}
	}
	for _, w := range wilds {
		w.mu.Lock()
		w.calm = true
		w.mu.Unlock()
	}
	time.Sleep(4 * 24 * time.Hour)
	synctest.Wait()
	settleConflicts(t, h, takes, erased, wilds)
	time.Sleep(4 * 24 * time.Hour)
	synctest.Wait()
	defer h.Close()
	if what := lost(h, dir, takes, erased, wilds); what != "" {
		t.Fatal(what)
	}
	if h.Pending() != 0 || len(h.Erasing()) != 0 {
		t.Errorf("%d are pending, %v are owed", h.Pending(), h.Erasing())
	}
	want := 0
	for _, k := range takes {
		if !erased[k.stem] {
			want += len(k.files)
			for _, w := range wilds {
				k.mustLie(t, w.Located)
			}
			if _, err := os.Stat(filepath.Join(dir, k.stem+soundOf(k))); (err == nil) != (o.KeepLocal < 0) {
				t.Errorf("keep %v, and the sound is here: %v", o.KeepLocal, err)
			}
		}
	}
	for _, w := range wilds {
		if got := all(t, w.Located, ""); len(got) != want {
			t.Errorf("%d files lie at %s, want %d", len(got), w.Name, want)
		}
	}
	if got := marks(t, dir); len(got) != 0 {
		t.Errorf("marks are left: %v", got)
	}
}

// settleConflicts is a person who looks at what a folder without checksums kept wrong when the process
// died, and removes it. It must have been told.
func settleConflicts(t *testing.T, h *house, takes []take, erased map[string]bool, wilds []*wild) {
	t.Helper()
	for _, k := range takes {
		for name, want := range k.files {
			for _, w := range wilds {
				got, err := fetch(w.Located, name)
				if errors.Is(err, fs.ErrNotExist) || erased[k.stem] || bytes.Equal(got, want) {
					continue
				}
				if !slices.ContainsFunc(h.logs.All(), func(e observer.LoggedEntry) bool {
					return e.Message == "a recording does not get away" && e.ContextMap()["call"] == string(callOf(k.stem))
				}) {
					t.Errorf("%s at %s is wrong, and nobody was told", name, w.Name)
				}
				if err := w.Located.Delete(context.Background(), name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
