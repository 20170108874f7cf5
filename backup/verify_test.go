package backup

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever is done to a backup is found, and the file is named.
func TestWhatWasDoneToABackupIsFound(t *testing.T) {
	w := newWorld(t, 3)
	for range 60 {
		w.live()
	}
	dir := filepath.Join(temp(t), "backup")
	_, err := Make(t.Context(), w.options(dir))
	must(t, err)
	m := good(t, dir)
	find := func(part string) string {
		for _, e := range m.Files {
			if strings.Contains(e.Path, part) && e.Size > 0 {
				return e.Path
			}
		}
		t.Fatalf("there is no %s", part)
		return ""
	}
	rewrite := func(p string, how func([]byte) []byte) func() {
		return func() {
			b, err := os.ReadFile(filepath.Join(dir, p))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, p), how(slices.Clone(b)), 0o600))
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 4; return b }
	for name, c := range map[string]struct {
		do    func()
		named string
	}{
		"a bit in a sound":  {rewrite(find(".wav"), flip), find(".wav")},
		"a bit in the rows": {rewrite(find("hotline.db"), flip), find("hotline.db")},
		"a bit in a key":    {rewrite(find("seal.key"), flip), "seal.key"},
		"a manifest cut":    {rewrite(find("json"), func(b []byte) []byte { return b[:len(b)-1] }), find("json")},
		"a sound removed":   {func() { must(t, os.Remove(filepath.Join(dir, find(".wav")))) }, find(".wav")},
		"a sound put in":    {func() { must(t, os.WriteFile(filepath.Join(dir, "data/recordings/x.wav"), []byte("x"), 0o600)) }, "data/recordings/x.wav"},
		"a link in place of one": {func() {
			must(t, errors.Join(os.Remove(filepath.Join(dir, find(".wav"))), os.Symlink("/etc/passwd", filepath.Join(dir, find(".wav")))))
		}, find(".wav")},
		"a word in BACKUP.json": {rewrite(File, func(b []byte) []byte { return []byte(strings.Replace(string(b), `"keys":true`, `"keys":false`, 1)) }), File},
		"BACKUP.json cut":       {rewrite(File, func(b []byte) []byte { return b[:len(b)/2] }), File},
		"BACKUP.json removed":   {func() { must(t, os.Remove(filepath.Join(dir, File))) }, "run `hotline backup"},
		"a path that leads astray": {rewrite(File, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `"path":"data/`, `"path":"data/../`, 1))
		}), File},
	} {
		kept := filepath.Join(temp(t), "kept")
		must(t, os.CopyFS(kept, os.DirFS(dir)))
		c.do()
		v, err := Verify(t.Context(), VerifyOptions{Dir: dir, Check: checkWorld})
		said := strings.Join(v.Faults, "\n")
		if err != nil {
			said += err.Error()
		}
		if !strings.Contains(said, c.named) {
			t.Errorf("%s: it says %q, want %s named", name, said, c.named)
		}
		back := filepath.Join(temp(t), "back")
		if _, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: back}); err == nil {
			t.Errorf("%s: it was restored", name)
		} else if _, err := os.Stat(back); err == nil {
			t.Errorf("%s: the restore was refused, and has made a folder", name)
		}
		must(t, os.RemoveAll(dir))
		must(t, os.Rename(kept, dir))
		must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error { // CopyFS keeps no times
			return err
		}))
	}
	good(t, dir)
}

// A signer with a key of its own.
type signer struct{ ed25519.PrivateKey }

func (s signer) ID() string { return "0011223344556677" }
func (s signer) Sign(b []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(s.PrivateKey, b))
}

// A backup that must be signed by somebody is refused if it is not.
func TestASignedBackup(t *testing.T) {
	w := newWorld(t, 1)
	public, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	other, _, err := ed25519.GenerateKey(nil)
	must(t, err)
	dir := filepath.Join(temp(t), "backup")
	o := w.options(dir)
	_, err = Make(t.Context(), o)
	must(t, err)
	if _, err := Read(dir, public); err == nil {
		t.Error("a backup without a signature was taken for a signed one")
	}
	o.Signer = signer{private}
	r, err := Make(t.Context(), o)
	must(t, err)
	if m, err := Read(dir, other, public); err != nil || m.Key != "0011223344556677" || !r.Signed {
		t.Errorf("the signature: %v, %q, %+v", err, m.Key, r)
	}
	if _, err := Read(dir, other); err == nil {
		t.Error("somebody else's signature was taken")
	}
	if _, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: filepath.Join(temp(t), "back"), Keys: []ed25519.PublicKey{other}}); err == nil {
		t.Error("somebody else's backup was restored")
	}
}
