package backup

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/store"
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

// While calls come and go, messages are told and recordings erased, each backup is one that belongs
// together: no hole in the chain, no row without its recording, no message without a case or a
// place among the new ones.
func TestWhileThingsHappen(t *testing.T) {
	pauses = make([]time.Duration, 60) // nothing happens while it waits, so it need not
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, seed)
	for range 80 {
		w.live()
	}
	dir := filepath.Join(temp(t), "backup")
	rounds := 3
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		rounds = 300
	}
	for range rounds {
		began := time.Now()
		o := w.options(dir)
		o.step = func(name string) { // between any two steps of the backup, and where it hurts
			if w.random.IntN(100) == 0 {
				w.live()
			}
			switch {
			case strings.HasPrefix(name, "see ") && w.random.IntN(200) == 0: // two links, in the folders of two days
				w.endOf(w.begin())
				w.endOf(w.begin())
			case name == "rows" || name == "rows copied":
				w.endOf(w.begin())
				w.message()
				must(t, w.store.Flush(t.Context()))
			case name == "listed":
				if w.random.IntN(2) == 0 {
					w.erase()
				}
			}
		}
		r, err := Make(t.Context(), o)
		must(t, err)
		if len(r.Faults) > 0 {
			t.Errorf("%q", r.Faults)
		}
		m := good(t, dir)
		rows, err := store.CheckRows(t.Context(), filepath.Join(dir, dataFolder, store.RowsFile))
		must(t, err)
		if m.Taken.Before(began) {
			t.Errorf("the rows are of %s, before it began", m.Taken)
		}
		for _, e := range m.Files {
			id, slip := strings.CutSuffix(filepath.Base(e.Path), ".json")
			if slip && strings.HasPrefix(e.Path, "data/messages/2026") && !rows.Cases[call.ID(id)] {
				t.Errorf("%s: nobody would ever be told", e.Path)
			}
		}
		back := filepath.Join(temp(t), "back")
		if _, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, Check: nil}); err != nil {
			t.Error(err)
		}
	}
}

// Links that are made while the folders are listed, one where the listing has been and one where it has
// not: neither is in the backup, as one without the other would be a hole. Their sound is, as far as it was.
func TestALinkSeenWithoutTheOneBeforeIt(t *testing.T) {
	w := newWorld(t, 1)
	w.endOf(w.beginOn(20))
	early, late := w.beginOn(20), w.beginOn(27)
	o := w.options(filepath.Join(temp(t), "backup"))
	listed := false
	o.step = func(name string) {
		switch {
		case name == "listed":
			listed = true
		case listed && strings.HasPrefix(name, "see recordings/2026/11/20/"):
			listed = false
			w.endOf(early)
			w.endOf(late)
		}
	}
	r, err := Make(t.Context(), o)
	must(t, err)
	m := good(t, o.Dir)
	if len(w.open) > 0 || r.Open != 2 || len(r.Faults) > 0 || len(m.Open) != 2 {
		t.Errorf("%d were not sealed; %+v", len(w.open), r)
	}
	for _, stem := range []string{early, late} {
		if _, err := os.Stat(filepath.Join(o.Dir, dataFolder, stem+".wav")); err != nil {
			t.Error(err)
		}
	}
	o.step = nil
	r, err = Make(t.Context(), o)
	must(t, err)
	if m := good(t, o.Dir); r.Open != 0 || len(m.Open) != 0 {
		t.Errorf("the next one: %+v", r)
	}
}

// A recording that is sealed while it is copied as an open one is whole in the backup, or open with its
// draft: never a sound of which nothing says what it is.
func TestARecordingThatIsSealedWhileItIsCopied(t *testing.T) {
	for _, at := range []string{"put data/%s.draft", "copied data/%s.draft", "put data/%s.wav", "copied data/%s.wav"} {
		w := newWorld(t, 1)
		stem := w.begin()
		o := w.options(filepath.Join(temp(t), "backup"))
		o.step = func(name string) {
			if _, open := w.open[stem]; open && name == strings.Replace(at, "%s", stem, 1) {
				w.endOf(stem)
			}
		}
		r, err := Make(t.Context(), o)
		must(t, err)
		if len(w.open) > 0 || len(r.Faults) > 0 {
			t.Errorf("%s: %+v", at, r)
		}
		has := func(ext string) bool {
			_, err := os.Stat(filepath.Join(o.Dir, dataFolder, stem+ext))
			return err == nil
		}
		if good(t, o.Dir); !has(".wav") || has(".json") == has(".draft") {
			t.Errorf("%s: sound %v, manifest %v, draft %v", at, has(".wav"), has(".json"), has(".draft"))
		}
	}
}

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
	busy, err := openFolder(filepath.Join(temp(t), "busy"), true)
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
