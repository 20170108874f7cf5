package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What comes back is what was there: every file, its mode and the folders', and nothing that dies with
// a process. The second run copies only what has changed.
func TestThereAndBack(t *testing.T) {
	worlds := 3
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		worlds = 200
	}
	first := uint64(time.Now().UnixNano())
	for seed := first; seed < first+uint64(worlds); seed++ {
		t.Logf("seed %d", seed)
		w := newWorld(t, seed)
		dir, back := filepath.Join(temp(t), "backup"), filepath.Join(temp(t), "back")
		for run := range 1 + w.random.IntN(3) {
			for range w.random.IntN(25) {
				w.live()
			}
			must(t, w.store.Flush(t.Context()))
			before := tree(t, w.dir)
			r, err := Make(t.Context(), w.options(dir))
			must(t, err)
			if len(r.Faults) > 0 || r.Left > 0 {
				t.Errorf("run %d: %+v", run, r)
			}
			m := good(t, dir)
			if len(m.Open) != len(w.open) {
				t.Errorf("%d recordings are open, the backup says %d", len(w.open), len(m.Open))
			}
			again, err := Make(t.Context(), w.options(dir))
			must(t, err)
			same(t, before, tree(t, w.dir))
			if changed := again.Copied - 1; changed > 12 { // the rows, and what has changed within the last second
				t.Errorf("nothing has happened, and %d of %d files were copied", changed, again.Files)
			}
		}
		_, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, Check: checkWorld})
		must(t, err)
		want, got := tree(t, w.dir), tree(t, back)
		for _, p := range []string{"spool"} {
			delete(want, p)
			delete(got, p)
		}
		same(t, want, got)
		for _, p := range []string{"run.json", "traces", Marker} {
			if _, err := os.Stat(filepath.Join(back, p)); err == nil {
				t.Errorf("%s has come back", p)
			}
		}
		must(t, Whole(back))
		must(t, w.store.Close())
	}
}

// Keys that were kept elsewhere come back from there, for their owner alone.
func TestKeysThatWereKeptElsewhere(t *testing.T) {
	w := newWorld(t, 1)
	dir, back, kept := filepath.Join(temp(t), "backup"), filepath.Join(temp(t), "back"), temp(t)
	must(t, os.WriteFile(filepath.Join(kept, "seal.key"), []byte("from the safe"), 0o644))
	o := w.options(dir)
	o.WithoutKeys = true
	_, err := Make(t.Context(), o)
	must(t, err)
	_, err = Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, KeysFrom: kept, Check: checkWorld})
	must(t, err)
	b, err := os.ReadFile(filepath.Join(back, "keys/seal.key"))
	must(t, err)
	info, err := os.Stat(filepath.Join(back, "keys/seal.key"))
	must(t, err)
	if string(b) != "from the safe" || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %q, %s", b, info.Mode())
	}
}

// The configuration and what it names are kept beside the data, private keys only with the others.
func TestTheConfigurationIsKept(t *testing.T) {
	w := newWorld(t, 1)
	at := temp(t)
	file, key := filepath.Join(at, "hotline.yaml"), filepath.Join(at, "tls.key")
	must(t, os.WriteFile(file, []byte("data: x"), 0o600))
	must(t, os.WriteFile(key, []byte("secret"), 0o600))
	for _, without := range []bool{false, true} {
		dir := filepath.Join(temp(t), "backup")
		o := w.options(dir)
		o.Config, o.Secrets, o.WithoutKeys = []string{file}, []string{key}, without
		_, err := Make(t.Context(), o)
		must(t, err)
		good(t, dir)
		b, err := os.ReadFile(filepath.Join(dir, configFolder, file))
		if err != nil || string(b) != "data: x" {
			t.Errorf("the configuration: %q, %v", b, err)
		}
		if _, err := os.Stat(filepath.Join(dir, configFolder, key)); (err == nil) == without {
			t.Errorf("without keys is %v, and the private key: %v", without, err)
		}
	}
}

// A folder at the top of the data folder may lie on another disk.
func TestALinkedFolder(t *testing.T) {
	w := newWorld(t, 5)
	elsewhere := filepath.Join(temp(t), "disk")
	for range 40 {
		w.live()
	}
	must(t, os.Rename(filepath.Join(w.dir, recordingsFolder), elsewhere))
	must(t, os.Symlink(elsewhere, filepath.Join(w.dir, recordingsFolder)))
	for range 40 {
		w.live()
	}
	dir, back := filepath.Join(temp(t), "backup"), filepath.Join(temp(t), "back")
	for range 2 {
		r, err := Make(t.Context(), w.options(dir))
		must(t, err)
		if len(r.Faults) > 0 || len(w.sealed) == 0 {
			t.Errorf("%+v", r)
		}
		good(t, dir)
	}
	done, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, Check: checkWorld})
	must(t, err)
	if len(done.Faults) > 0 {
		t.Errorf("%+v", done)
	}
	for _, stem := range w.sealed {
		if _, err := os.Stat(filepath.Join(back, stem+".wav")); err != nil {
			t.Error(err)
		}
	}
}

// A recording that is damaged in the data folder is backed up as it is, and told.
func TestDamageInTheDataFolderIsTold(t *testing.T) {
	w := newWorld(t, 5)
	for len(w.sealed) < 3 {
		w.begin()
		w.end()
	}
	must(t, w.store.Flush(t.Context()))
	must(t, os.WriteFile(filepath.Join(w.dir, w.sealed[0]+".wav"), []byte("something else"), 0o600))
	must(t, os.Remove(filepath.Join(w.dir, w.sealed[1]+".wav")))
	must(t, os.Remove(filepath.Join(w.dir, w.sealed[1]+".json")))
	dir, back := filepath.Join(temp(t), "backup"), filepath.Join(temp(t), "back")
	r, err := Make(t.Context(), w.options(dir))
	must(t, err)
	said := strings.Join(r.Faults, "\n")
	if !strings.Contains(said, w.sealed[0]) || !strings.Contains(said, w.sealed[1]) || strings.Contains(said, w.sealed[2]) {
		t.Errorf("it tells of %q", r.Faults)
	}
	done, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, Check: checkWorld})
	must(t, err)
	if len(done.Faults) == 0 {
		t.Error("the restore says nothing of the damage")
	}
}

// The pace is kept, whatever the size of the files.
func TestThePaceIsKept(t *testing.T) {
	w := newWorld(t, 1)
	w.write("prompts/az/long.wav", strings.Repeat("x", 2<<20), 0o600)
	o := w.options(filepath.Join(temp(t), "backup"))
	o.Rate = 8 << 20 // 2 MiB are written and read back: half a second
	var told []Progress
	o.Tell = func(p Progress) { told = append(told, p) }
	r, err := Make(t.Context(), o)
	must(t, err)
	if r.Took < 400*time.Millisecond {
		t.Errorf("4 MiB at 8 MiB/s took %s", r.Took)
	}
	if len(told) < 5 {
		t.Errorf("it told %d times how far it is", len(told))
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Dir, o.Rate = filepath.Join(temp(t), "other"), 1<<20
	o.Tell = func(p Progress) {
		if p.Done > 64<<10 {
			cancel()
		}
	}
	if _, err := Make(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Read(o.Dir); !errors.Is(err, ErrNone) {
		t.Errorf("what was cancelled is a backup: %v", err)
	}
}
