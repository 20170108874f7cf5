package backup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Where the disk is full, it says so, the backup before stays whole, and with room it goes on. It needs
// root, as the acceptance tests do, for a file system of its own.
func TestAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("a file system can be mounted only as root: run the tests as root, as scripts/test.sh does")
	}
	small := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", small).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", small).Run() })
	w := newWorld(t, 1)
	dir := filepath.Join(small, "backup")
	_, err := Make(t.Context(), w.options(dir))
	must(t, err)
	first := good(t, dir)

	w.write("prompts/az/long.wav", strings.Repeat("x", 60<<20), 0o600)
	_, err = Make(t.Context(), w.options(dir))
	if err == nil || !strings.Contains(err.Error(), "the backup needs") {
		t.Errorf("a backup for which there is no room: %v", err)
	}
	// It fills while it is written to: somebody else's file, or one that grew.
	w.write("prompts/az/long.wav", strings.Repeat("x", 20<<20), 0o600)
	o := w.options(dir)
	hog := filepath.Join(small, "hog")
	o.step = func(name string) {
		if name == "rows copied" {
			must(t, os.WriteFile(hog, make([]byte, 30<<20), 0o600))
		}
	}
	_, err = Make(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "is full: make room there") {
		t.Errorf("a disk that fills: %v", err)
	}
	if m := good(t, dir); m.Run != first.Run {
		t.Errorf("the backup is that of %s, want still %s", m.Run, first.Run)
	}
	must(t, os.Remove(hog))
	r, err := Make(t.Context(), w.options(dir))
	must(t, err)
	if m := good(t, dir); m.Run != r.Run || len(m.Files) != len(first.Files)+1 {
		t.Errorf("with room: run %s, %d files", m.Run, len(m.Files))
	}

	if out, err := exec.Command("mount", "-o", "remount,ro", small).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	if _, err := Make(t.Context(), w.options(dir)); err == nil || !strings.Contains(err.Error(), "mount it read-write") {
		t.Errorf("a disk that cannot be written: %v", err)
	}
	good(t, dir) // and what is on it can be read
	back := filepath.Join(temp(t), "back")
	if _, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, Check: checkWorld}); err != nil {
		t.Errorf("from a disk that cannot be written: %v", err)
	}
}
