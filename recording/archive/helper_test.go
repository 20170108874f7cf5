package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A house is a folder of recordings and an archive of it.
type house struct {
	t    *testing.T
	dir  string
	logs *observer.ObservedLogs
	reg  *prometheus.Registry
	*Archive
}

// newHouse makes an archive. It is closed at the end of the test.
func newHouse(t *testing.T, dir string, o Options) *house {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	h := &house{t: t, dir: dir, logs: logs, reg: prometheus.NewRegistry()}
	o.Dir, o.Log, o.Metrics = dir, zap.New(core), h.reg
	var err error
	if h.Archive, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// A take is one recording as it was sealed.
type take struct {
	stem   string
	sealed time.Time
	files  map[string][]byte // by name with folder
}

// record seals a recording of so many bytes of sound, as recording does: the manifest last.
func record(t testing.TB, dir string, sealed time.Time, size int, exts ...string) take {
	t.Helper()
	if len(exts) == 0 {
		exts = []string{plainExt, ".peaks"}
	}
	id := uuid.Must(uuid.NewV7()).String()
	tk := take{stem: sealed.UTC().Format("2006/01/02/") + id, sealed: sealed, files: map[string][]byte{}}
	if err := os.MkdirAll(filepath.Join(dir, path.Dir(tk.stem)), 0o755); err != nil {
		t.Fatal(err)
	}
	var sum string
	for i, ext := range exts {
		n := size
		if i > 0 {
			n = 100 + i
		}
		b := noise(n)
		tk.files[tk.stem+ext] = b
		if i == 0 {
			sum = hexSum(b)
		}
	}
	m, err := json.Marshal(map[string]any{"version": 1, "call": id, "state": "sealed", "sha256": sum, "sealed": sealed.UTC()})
	if err != nil {
		t.Fatal(err)
	}
	tk.files[tk.stem+manifestExt] = append(m, '\n')
	for _, ext := range append(slices.Clone(exts), manifestExt) {
		if err := os.WriteFile(filepath.Join(dir, tk.stem+ext), tk.files[tk.stem+ext], 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return tk
}

func noise(n int) []byte {
	b := make([]byte, n)
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], rand.Uint64())
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

// size is how many bytes a recording has, with all beside it.
func (k take) size() (n int64) {
	for _, b := range k.files {
		n += int64(len(b))
	}
	return n
}

// source is bytes as a file to be sent; sent counts what is.
func source(b []byte, sent *int64) Source {
	return Source{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), SHA256: hexSum(b), Meter: func(r io.Reader) io.Reader {
		return countReader{r, sent}
	}}
}

type countReader struct {
	io.Reader
	n *int64
}

func (c countReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	*c.n += int64(n)
	return n, err
}

// lies demands that a place has a recording, to the byte.
func (k take) mustLie(t testing.TB, p Place) {
	t.Helper()
	for name, want := range k.files {
		if got, err := fetch(p, name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not at the place as it was: %d bytes, %v", name, len(got), err)
		}
	}
}

func fetch(p Place, name string) ([]byte, error) {
	r, err := p.Get(context.Background(), name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// all is what lies at a place, by name.
func all(t testing.TB, p Place, prefix string) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for o, err := range p.List(context.Background(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		got[o.Name] = o.Size
	}
	return got
}

// folderAt is a place in a folder of the test.
func folderAt(t testing.TB, dir string) Located {
	t.Helper()
	return Located{Place: NewFolder(dir, "", func(string) error { return nil }), Name: "dir", Where: "file://" + dir}
}

func (h *house) note(stem string) Note {
	h.t.Helper()
	n, err := readNote(h.root, stem)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) here(stem string) bool {
	_, err := os.Stat(filepath.Join(h.dir, stem+plainExt))
	return err == nil
}

// value is a series of the archive.
func (h *house) value(name, place string) float64 {
	h.t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() != name || place != "" && m.GetLabel()[0].GetValue() != place {
				continue
			}
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	h.t.Fatalf("there is no series %s of %q", name, place)
	return 0
}

// A handClock goes on when it is told to. Whoever waits for it is woken then.
type handClock struct {
	mu    sync.Mutex
	now   time.Time
	waits []wait
}

type wait struct {
	at time.Time
	c  chan time.Time
}

func newHandClock(at time.Time) *handClock { return &handClock{now: at} }

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := wait{c.now.Add(d), make(chan time.Time, 1)}
	if d <= 0 {
		w.c <- c.now
		return w.c
	}
	c.waits = append(c.waits, w)
	return w.c
}

// pass lets time pass.
func (c *handClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waits = slices.DeleteFunc(c.waits, func(w wait) bool {
		if w.at.After(c.now) {
			return false
		}
		w.c <- c.now
		return true
	})
}

// until lets time pass, a step at a time, until something is so; the network takes real time, so a
// little of it passes with each step.
func (c *handClock) until(t *testing.T, step time.Duration, so func() bool) {
	t.Helper()
	for range 6000 {
		if so() {
			return
		}
		c.pass(step)
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it did not come to be")
}

var begin = time.Date(2026, 12, 5, 9, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint("must: ", err))
	}
	return v
}
