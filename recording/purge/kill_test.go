//go:build unix

package purge

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What a child of the test is told.
const (
	childDir  = "HOTLINE_TEST_PURGE_DIR"
	childStep = "HOTLINE_TEST_PURGE_STEP"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir, os.Getenv(childStep))
	}
	os.Exit(m.Run())
}

// A failing is a child's test: what goes wrong ends it.
type failing struct{}

func (failing) Helper()                   {}
func (failing) Fatal(args ...any)         { panic(args) }
func (failing) Fatalf(f string, a ...any) { panic(f) }
func (failing) Errorf(f string, a ...any) { panic(f) }

// child is a process that is killed at a step of its pass.
func child(dir, step string) {
	at, err := strconv.Atoi(step)
	if err != nil {
		panic(err)
	}
	h := newHouse(failing{}, dir)
	h.there = true
	street(h)
	n := 0
	r := h.reaper(func(string) {
		if n++; n == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it has come
		}
	})
	if err := errors.Join(r.Vouch("test"), r.Pass(context.Background())); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// A whole process is killed at each step, at each third of them but for the night; nothing of it ends in order, no lock is given back, no file is closed.
func TestProcessKilledAtEveryStep(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stride := 3
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		stride = 1
	}
	for at := 1; ; at += stride {
		h := newHouse(t, memory(t))
		goes, stays := street(h)
		c := exec.CommandContext(t.Context(), program)
		c.Env = append(os.Environ(), childDir+"="+h.dir, childStep+"="+strconv.Itoa(at))
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if err != nil && !killed || strings.Contains(string(out), "panic") {
			t.Fatalf("the child ended by %v:\n%s", err, out)
		}
		h.close()
		h = newHouse(t, h.dir) // its logs have grown
		h.there = true
		street(h)
		h.promises(goes, stays)
		h.tryPass(0)
		h.told = append(h.told, goes...) // some to the child only
		h.over(goes, stays)
		certified := map[string]int{}
		for _, c := range h.certificates() {
			for _, e := range c.Erased {
				certified[string(e.ID)]++
			}
		}
		for _, id := range goes {
			if certified[string(id)] != 1 {
				t.Errorf("killed at step %d: %s is certified %d times", at, id, certified[string(id)])
			}
		}
		h.close()
		if !killed {
			if at < 20 {
				t.Errorf("only %d steps", at)
			}
			return
		}
	}
}

// How long it takes to look through an archive, and to erase: `go test ./recording/purge -bench Archive`.
func BenchmarkArchive(b *testing.B) {
	h := newHouse(b, b.TempDir())
	defer h.close()
	n := 0
	for day := range 300 { // a year's worth but for what is nearly due
		for range 100 {
			n++
			h.put(n, h.now.AddDate(0, 0, -day-1), "wav")
		}
	}
	r := h.reaper(nil)
	defer r.Close()
	if err := r.Vouch("test"); err != nil {
		b.Fatal(err)
	}
	b.Run("nothing due", func(b *testing.B) {
		for b.Loop() {
			if err := r.Pass(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Plan(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("forecast", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Forecast(b.Context(), 1<<40, 1<<41); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)*100000/float64(n), "ms/100k")
	})
	b.Run("erase", func(b *testing.B) {
		for i := range b.N {
			h.put(1000000+i, old, "rec", "key")
		}
		b.ResetTimer()
		if err := r.Pass(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}
