package backup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/store"
)

// What cannot be is refused with a word on what would be right.
func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	dir := filepath.Join(temp(t), "backup")
	_, err := Make(t.Context(), w.options(dir))
	must(t, err)
	full := temp(t)
	must(t, os.WriteFile(filepath.Join(full, "letter"), nil, 0o600))
	newer := filepath.Join(temp(t), "newer")
	must(t, os.CopyFS(newer, os.DirFS(dir)))
	m, err := Read(newer)
	must(t, err)
	m.Schema, m.Version = store.Schema()+1, "9.9"
	b, err := m.pack(nil)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(newer, File), b, 0o600))
	keyless := filepath.Join(temp(t), "keyless")
	o := w.options(keyless)
	o.WithoutKeys = true
	_, err = Make(t.Context(), o)
	must(t, err)
	busy, err := makeFolder(filepath.Join(temp(t), "busy"))
	must(t, err)
	defer busy.Close()
	half := temp(t)
	must(t, os.WriteFile(filepath.Join(half, Marker), []byte(`{"backup":"/b","run":"r","digest":"d"}`), 0o600))
	linked := newWorld(t, 2)
	must(t, os.Symlink("/etc", filepath.Join(linked.dir, "prompts/en")))

	backup := func(data, dir string) func() error {
		return func() error { _, err := Make(t.Context(), Options{Data: data, Dir: dir}); return err }
	}
	restore := func(dir, data string) func() error {
		return func() error { _, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: data}); return err }
	}
	for name, c := range map[string]struct {
		do   func() error
		says string
	}{
		"into the data folder":        {backup(w.dir, filepath.Join(w.dir, "backup")), "lie in one another"},
		"of a folder above it":        {backup(w.dir, filepath.Dir(w.dir)), "lie in one another"},
		"of nothing":                  {backup(temp(t), dir), "is `data` in the configuration right"},
		"into a folder of others":     {backup(w.dir, full), "not empty, and it is no backup"},
		"while another runs":          {backup(w.dir, busy.Name()), "wait for its end"},
		"of a half restored folder":   {backup(halfWith(t, half), filepath.Join(temp(t), "x")), "run `hotline restore`"},
		"with a link in it":           {backup(linked.dir, filepath.Join(temp(t), "x")), "symbolic link"},
		"restore onto a server":       {restore(dir, w.dir), "move the folder out of the way"},
		"restore over other files":    {restore(dir, full), "not empty"},
		"restore of a newer schema":   {restore(newer, filepath.Join(temp(t), "x")), "with release 9.9 or a newer one"},
		"restore without keys":        {restore(keyless, filepath.Join(temp(t), "x")), "--recovery-key"},
		"restore of nothing":          {restore(full, filepath.Join(temp(t), "x")), "there is no BACKUP.json"},
		"restore over another's half": {restore(dir, half), "of another backup"},
	} {
		if err := c.do(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	good(t, dir)
	if keys, _ := filepath.Glob(filepath.Join(keyless, "data/keys*")); len(keys) > 0 {
		t.Errorf("without keys there is %q", keys)
	}
	if err := Whole(half); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "hotline restore /b") {
		t.Errorf("a folder that is half restored: %v", err)
	}
}

// halfWith gives a half restored folder a database.
func halfWith(t *testing.T, dir string) string {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, store.RowsFile), nil, 0o600))
	return dir
}
