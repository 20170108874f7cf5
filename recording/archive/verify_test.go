package archive

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever is altered, cut, removed or added at a place is found and named, and nothing else.
func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T, dir, away string, k take) string // gives the file that is to be named
		want string
	}{
		"nothing": {func(*testing.T, string, string, take) string { return "" }, ""},
		"a bit of the sound": {func(t *testing.T, _, away string, k take) string {
			rewrite(t, filepath.Join(away, k.stem+plainExt), func(b []byte) []byte { b[777] ^= 4; return b })
			return k.stem + plainExt
		}, "not the manifest's"},
		"the sound is cut": {func(t *testing.T, _, away string, k take) string {
			rewrite(t, filepath.Join(away, k.stem+plainExt), func(b []byte) []byte { return b[:len(b)-2] })
			return k.stem + plainExt
		}, "not the manifest's"},
		"the manifest there": {func(t *testing.T, _, away string, k take) string {
			rewrite(t, filepath.Join(away, k.stem+manifestExt), func(b []byte) []byte { return bytes.Replace(b, []byte("sealed"), []byte("SEALED"), 1) })
			return k.stem + manifestExt
		}, "not the manifest that lies here"},
		"the manifest here": {func(t *testing.T, dir, _ string, k take) string {
			rewrite(t, filepath.Join(dir, k.stem+manifestExt), func(b []byte) []byte { return append(b, ' ') })
			return k.stem + manifestExt
		}, "not the manifest that lies here"},
		"the peaks": {func(t *testing.T, _, away string, k take) string {
			rewrite(t, filepath.Join(away, k.stem+".peaks"), func(b []byte) []byte { b[0]++; return b })
			return k.stem + ".peaks"
		}, "not that of what was sent"},
		"the sound is removed": {func(t *testing.T, _, away string, k take) string {
			os.Remove(filepath.Join(away, k.stem+plainExt))
			return k.stem + plainExt
		}, "missing"},
		"a recording that nobody knows": {func(t *testing.T, dir, away string, k take) string {
			stranger := record(t, away, time.Now(), 10, plainExt)
			os.Remove(filepath.Join(away, stranger.stem+manifestExt))
			return stranger.stem + plainExt
		}, "no recording here"},
		"another two swapped": {func(t *testing.T, dir, away string, k take) string {
			// its manifest in the place of another's
			other := record(t, dir, time.Now(), 10)
			rewrite(t, filepath.Join(away, k.stem+manifestExt), func([]byte) []byte { return other.files[other.stem+manifestExt] })
			return k.stem + manifestExt
		}, "not the manifest that lies here"},
		"the mount is gone": {func(t *testing.T, _, away string, _ take) string {
			if err := os.Rename(away, away+"-gone"); err != nil {
				t.Fatal(err)
			}
			return ""
		}, "cannot be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, away := t.TempDir(), filepath.Join(t.TempDir(), "away")
				if err := os.Mkdir(away, 0o755); err != nil {
					t.Fatal(err)
				}
				takes := []take{record(t, dir, time.Now(), 4000), record(t, dir, time.Now(), 5000), record(t, dir, time.Now(), 6000)}
				h := newHouse(t, dir, Options{Places: []Located{folderAt(t, away)}, KeepLocal: 0})
				h.Start()
				time.Sleep(time.Hour)
				synctest.Wait()
				h.Close()
				h = newHouse(t, dir, h.o) // it need not run
				file := c.harm(t, dir, away, takes[1])
				r, err := h.Verify(context.Background(), nil)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case c.want == "":
					if len(r.Faults) != 0 || r.Checked != 3 {
						t.Errorf("%d checked, faults %v", r.Checked, r.Faults)
					}
				case len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Problem, c.want) || r.Faults[0].Place != "dir":
					t.Errorf("faults %v, want one with %q", r.Faults, c.want)
				case file != "" && r.Faults[0].Path != path.Join(folderName, file):
					t.Errorf("%s is named, want %s", r.Faults[0].Path, file)
				}
			})
		})
	}
}

func rewrite(t *testing.T, name string, how func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, how(b), 0o640); err != nil {
		t.Fatal(err)
	}
}

// What is not away yet is counted, and is no fault.
func TestVerifyCountsWhatWaits(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, begin, 100)
	record(t, dir, begin, 100)
	h := newHouse(t, dir, Options{Places: []Located{folderAt(t, t.TempDir())}})
	r, err := h.Verify(context.Background(), nil)
	if err != nil || r.Waiting != 2 || r.Checked != 0 || len(r.Faults) != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// A busy place is one at which something happens while it is looked through.
type busy struct {
	Located
	before, after, get func() // listing, and before each Get
}

func (p *busy) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	if prefix != "" {
		return p.Located.List(ctx, prefix)
	}
	return func(yield func(Object, error) bool) {
		p.before()
		p.Located.List(ctx, prefix)(yield)
		p.after()
	}
}

func (p *busy) Get(ctx context.Context, name string) (Reader, error) {
	p.get()
	return p.Located.Get(ctx, name)
}

// What is sealed, sent and erased while all is read back is no fault.
func TestVerifyWhileTheServerWorks(t *testing.T) {
	for name, c := range map[string]struct {
		before, after, get func(h *house, k take) // at the place
		sealed, sent       bool                   // k, at first
		owed               bool                   // k, at first: it is erased, and the place has not done it
		checked            int
	}{
		"sent behind the list":          {after: send1, sealed: true, checked: 2},
		"sealed and sent before it":     {before: seal1, checked: 1},
		"erased behind the list":        {after: erase1, sealed: true, sent: true, checked: 1},
		"erased while it is read":       {get: erase1, sealed: true, sent: true, checked: 2},
		"the debt paid behind the list": {after: pay1, sealed: true, sent: true, owed: true, checked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := &busy{Located: folderAt(t, t.TempDir())}
			s := newShaky(Located{Place: p, Name: "dir", Where: p.Where})
			other := record(t, dir, begin, 3000)
			h := newHouse(t, dir, Options{Places: []Located{s.as()}, KeepLocal: -1, Clock: newHandClock(begin)})
			var k take
			quiet := func() {}
			hook := func(f func(*house, take)) func() {
				if f == nil {
					return quiet
				}
				once := false
				return func() {
					if !once {
						once = true
						f(h, k)
					}
				}
			}
			p.before, p.after, p.get = quiet, quiet, quiet
			send1(h, other)
			if c.sealed {
				k = record(t, dir, begin.AddDate(0, 0, -1), 3000) // it is read first
			} else {
				k = record(t, t.TempDir(), begin.AddDate(0, 0, -1), 3000)
			}
			if c.sent {
				send1(h, k)
			}
			if c.owed {
				s.fail(down)
				if err := h.Erase(context.Background(), k.stem); !errors.As(err, new(*OwedError)) {
					t.Fatal(err)
				}
				removeHere(t, dir, k)
				s.fail(nil)
			}
			h.clock.(*handClock).pass(time.Hour)
			p.before, p.after, p.get = hook(c.before), hook(c.after), hook(c.get)
			r, err := h.Verify(context.Background(), nil)
			if err != nil || len(r.Faults) != 0 || r.Checked != c.checked {
				t.Errorf("%d checked, want %d; faults %v, %v", r.Checked, c.checked, r.Faults, err)
			}
		})
	}
}

func send1(h *house, k take) {
	h.t.Helper()
	h.clock.(*handClock).pass(time.Second)
	if err := h.move(context.Background(), k.stem, 0); err != nil {
		h.t.Error(err)
	}
}

func seal1(h *house, k take) {
	if err := os.MkdirAll(filepath.Join(h.dir, path.Dir(k.stem)), 0o750); err != nil {
		h.t.Error(err)
	}
	for name, b := range k.files {
		if err := os.WriteFile(filepath.Join(h.dir, name), b, 0o640); err != nil {
			h.t.Error(err)
		}
	}
	send1(h, k)
}

func erase1(h *house, k take) {
	if err := h.Erase(context.Background(), k.stem); err != nil {
		h.t.Error(err)
	}
	removeHere(h.t, h.dir, k)
	if err := h.settleMarks(); err != nil {
		h.t.Error(err)
	}
}

func pay1(h *house, k take) {
	if err := h.eraseAt(context.Background(), k.stem, 0); err != nil {
		h.t.Error(err)
	}
}

// In storage too.
func TestVerifyStorage(t *testing.T) {
	s, dir := newStorage(t, false), t.TempDir()
	k, gone := record(t, dir, begin, 5000), record(t, dir, begin, 5000)
	h, clock := storm(t, s, dir, 0)
	h.Start()
	clock.until(t, time.Second, func() bool { return h.Pending() == 0 && !h.here(k.stem) && !h.here(gone.stem) })
	if r, err := h.Verify(context.Background(), nil); err != nil || r.Checked != 2 || len(r.Faults) != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	key := "hotline/" + k.stem + plainExt
	o, err := s.backend.GetObject(bucket, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(k.files[k.stem+plainExt])
	bad[0]++
	if _, err := s.backend.PutObject(bucket, key, o.Metadata, bytes.NewReader(bad), int64(len(bad)), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.backend.DeleteObject(bucket, "hotline/"+gone.stem+manifestExt); err != nil {
		t.Fatal(err)
	}
	r, err := h.Verify(context.Background(), nil)
	if err != nil || len(r.Faults) != 2 {
		t.Errorf("%+v %v", r, err)
	}
	s.set(func() { s.down = true })
	r, err = h.Verify(context.Background(), nil)
	if err != nil || len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Problem, "cannot be asked") {
		t.Errorf("storage is down: %+v %v", r, err)
	}
}
