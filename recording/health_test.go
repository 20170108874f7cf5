package recording

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
)

// TestHealthTellsOfTheDisk when nobody calls: of one that is nearly full, of one that takes nothing,
// and of one that is well again.
func TestHealthTellsOfTheDisk(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	r := quietRecorder(t)
	for _, c := range []struct {
		free, size uint64
		says       string
	}{{gib, 100 * gib, ""}, {3 * mib, 100 * gib, "only 3 MiB"}, {100 * mib, 100 * gib, ""}, {6 * mib, 100 * mib, ""}, {4 * mib, 100 * mib, "only 4 MiB"}} {
		r.room = func(string) (free, size uint64, err error) { return c.free, c.size, nil }
		r.tryDisk()
		if err := r.Healthy(); (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("a disk of %d with %d free is told as %v", c.size, c.free, err)
		}
		if free, size := testutil.ToFloat64(r.metrics.free), testutil.ToFloat64(r.metrics.size); free != float64(c.free) || size != float64(c.size) {
			t.Errorf("a disk of %d with %d free is shown as %v with %v", c.size, c.free, size, free)
		}
	}
	r.room = room
	if err := os.RemoveAll(r.o.Dir); err != nil {
		t.Fatal(err)
	}
	r.tryDisk()
	if err := r.Healthy(); err == nil || !strings.Contains(err.Error(), "takes nothing") {
		t.Errorf("a disk that takes nothing is told as %v", err)
	}
}

// TestWhatIsOpenIsCounted, and gives back its share of memory.
func TestWhatIsOpenIsCounted(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k, l := s.open(call.PCMA), s.open(call.PCMU)
	for i, k := range []*talk{nil, k, l} {
		if k != nil {
			k.seal()
		}
		s.pool.mu.Lock()
		if open := testutil.ToFloat64(s.metrics.active); open != float64(2-i) || s.pool.calls != 2-i {
			t.Errorf("after %d seals %v recordings are active and %d borrow", i, open, s.pool.calls)
		}
		s.pool.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.late) != 0 {
		t.Errorf("who waited is told again: %+v", s.late)
	}
}
