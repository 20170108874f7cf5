package backup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The environment of this program where it is a process that dies in its work.
const (
	victimDo   = "HOTLINE_TEST_BACKUP_DO" // backup or restore
	victimData = "HOTLINE_TEST_BACKUP_DATA"
	victimDir  = "HOTLINE_TEST_BACKUP_DIR"
	victimStep = "HOTLINE_TEST_BACKUP_STEP" // the step at which it kills itself
)

func TestMain(m *testing.M) {
	if do := os.Getenv(victimDo); do != "" {
		last, err := strconv.Atoi(os.Getenv(victimStep))
		if err == nil {
			err = work(do, os.Getenv(victimData), os.Getenv(victimDir), func(n int, _ string) {
				if n == last {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {} // until it is dead
				}
			})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work does one backup or restore and tells each step with its number.
func work(do, data, dir string, at func(n int, name string)) error {
	n := 0
	step := func(name string) { n++; at(n, name) }
	if do == "backup" {
		_, err := Make(context.Background(), Options{Data: data, Dir: dir, Check: checkWorld, step: step})
		return err
	}
	_, err := Restore(context.Background(), RestoreOptions{Dir: dir, Data: data, Check: checkWorld, Settle: settleWorld, step: step})
	return err
}

// settleWorld changes files as a server's start does: it is to be done on what the backup had.
func settleWorld(_ context.Context, data string, _ time.Time) error {
	name := filepath.Join(data, "prompts/az/own.flood.wav")
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if strings.HasSuffix(string(b), "settled") {
		return errors.New("it was settled already")
	}
	return errors.Join(os.WriteFile(name, append(b, "settled"...), 0o640), os.WriteFile(filepath.Join(data, "made"), nil, 0o600))
}

// killed runs a process that dies at a step.
func killed(t *testing.T, do, data, dir string, step int) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), victimDo+"="+do, victimData+"="+data, victimDir+"="+dir, fmt.Sprintf("%s=%d", victimStep, step))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%s was to die at step %d: %v\n%s", do, step, err, out)
	}
}

func deaths() int {
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		return 200
	}
	return 12
}

// Whenever a backup dies, the folder holds the backup before, whole, or the new one, or none and says
// so; and the next run makes it whole.
func TestABackupDiesAtAnyStep(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, seed)
	for range 15 {
		w.live()
	}
	dir := filepath.Join(temp(t), "backup")
	var before Manifest
	for n := range deaths() {
		if n == deaths()/3 { // until here it was the first that died, now there is one
			_, err := Make(t.Context(), w.options(dir))
			must(t, err)
			before = good(t, dir)
		}
		if before.Run != "" {
			for range 4 {
				w.live()
			}
		}
		must(t, w.store.Flush(t.Context()))
		killed(t, "backup", w.dir, dir, 1+random.IntN(stepsOf(t, w, dir)))
		v, err := Verify(t.Context(), VerifyOptions{Dir: dir, Check: checkWorld})
		switch {
		case errors.Is(err, ErrNone):
			if before.Run != "" {
				t.Fatal("the backup before is gone")
			}
		case err != nil:
			t.Fatal(err)
		default:
			for _, f := range v.Faults {
				t.Errorf("after a death the backup of %s: %s", v.Manifest.Run, f)
			}
			if v.Manifest.Run < before.Run {
				t.Errorf("the backup of %s has become that of %s", before.Run, v.Manifest.Run)
			}
			before = v.Manifest
		}
	}
	r, err := Make(t.Context(), w.options(dir))
	must(t, err)
	if m := good(t, dir); m.Run != r.Run {
		t.Errorf("the backup is that of %s, want %s", m.Run, r.Run)
	}
	left, _ := filepath.Glob(filepath.Join(dir, nextFolder+"*"))
	if len(left) > 0 {
		t.Errorf("the deaths have left %q", left)
	}
	back := filepath.Join(temp(t), "back")
	_, err = Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, Check: checkWorld})
	must(t, err)
	want, got := tree(t, w.dir), tree(t, back)
	delete(want, "spool")
	delete(got, "spool")
	same(t, want, got)
}

// stepsOf is how many steps a backup of a world into a folder as it is now takes.
func stepsOf(t *testing.T, w *world, dir string) (steps int) {
	t.Helper()
	copied := filepath.Join(temp(t), "backup")
	if _, err := os.Stat(dir); err == nil {
		must(t, exec.Command("cp", "-a", dir, copied).Run())
	}
	must(t, work("backup", w.dir, copied, func(n int, _ string) { steps = n }))
	return steps
}

// Whenever a restore dies, no server takes the folder for whole, and the next restore ends it.
func TestARestoreDiesAtAnyStep(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	w := newWorld(t, seed)
	for range 20 {
		w.live()
	}
	must(t, w.store.Flush(t.Context()))
	dir := filepath.Join(temp(t), "backup")
	_, err := Make(t.Context(), w.options(dir))
	must(t, err)
	var names []string
	whole := filepath.Join(temp(t), "whole")
	must(t, work("restore", whole, dir, func(_ int, name string) { names = append(names, name) }))
	want := tree(t, whole)
	for range deaths() / 2 {
		back := filepath.Join(temp(t), "back")
		for range 1 + random.IntN(3) { // it may die more than once
			step := 1 + random.IntN(len(names))
			if random.IntN(3) == 0 {
				step = len(names) - random.IntN(3) // settled, or about to be whole
			}
			killed(t, "restore", back, dir, step)
			entries, err := os.ReadDir(back)
			must(t, err)
			if err := Whole(back); err == nil && len(entries) > 1 {
				t.Fatalf("it died at step %d, %s, and a server would start on %v", step, names[step-1], entries)
			}
		}
		must(t, work("restore", back, dir, func(int, string) {}))
		must(t, Whole(back))
		same(t, want, tree(t, back))
	}
}
