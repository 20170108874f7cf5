package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"hotline/call"
	away "hotline/recording/archive"
)

// An Item is one recording on disk.
type Item struct {
	Call     call.ID
	Path     string // relative to the data folder
	State    string // StateOpen, StateSealed or StateInterrupted
	Duration time.Duration
}

// List gives the recordings below dir, oldest day first. It repairs nothing and reads no sound.
func List(dir string) ([]Item, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return []Item{}, nil
	} else if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	defer root.Close()
	shelves, _, err := walk(root)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	items := make([]Item, 0, len(shelves))
	for _, sh := range shelves {
		if sh.sound || sh.manifest {
			items = append(items, item(root, sh))
		}
	}
	return items, nil
}

func item(root *os.Root, sh shelf) Item {
	it := Item{Call: sh.call, Path: told(sh.stem + soundExt), State: StateOpen}
	if b, err := root.ReadFile(sh.stem + manifestExt); err == nil {
		if m, err := parse(b); err == nil {
			it.State, it.Duration = m.State, samplesTime(m.Samples)
			return it
		}
	}
	if f, err := root.Open(sh.stem + soundExt); err == nil {
		defer f.Close() // only read
		if form, size, err := look(f, ""); err == nil {
			it.Duration = samplesTime(max(0, size-int64(form.headSize())) / int64(form.frame()))
		}
	}
	return it
}

// An Expected is a recording that a closed record names: without it a pair of files that was
// removed together would not be missed.
type Expected struct {
	Call call.ID
	Path string // relative to the data folder
}

// A Fault is one thing that is wrong with one recording.
type Fault struct {
	Call    call.ID
	Path    string // relative to the data folder
	Problem string
}

func (f Fault) String() string { return f.Path + ": " + f.Problem }

// Verify reads every recording below dir and compares it with its manifest: the hash, the number
// of samples, the header, the names. Of a sound that was removed here because it is away it looks at
// the manifest alone. It demands what expected names, changes nothing and returns
// every fault, not only the first. A recording of a call that still runs is no fault as long as
// expected does not name it. progress may be nil.
func Verify(dir string, expected []Expected, progress func(done, total int)) ([]Fault, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) && len(expected) == 0 {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("verify recordings: %w", err)
	}
	defer root.Close()
	shelves, _, err := walk(root)
	if err != nil {
		return nil, fmt.Errorf("verify recordings: %w", err)
	}
	ended := make(map[string]call.ID, len(expected))
	for _, e := range expected {
		ended[e.Path] = e.Call
	}
	var faults []Fault
	seen := map[call.ID]string{}
	for i, sh := range shelves {
		p := told(sh.stem + soundExt)
		if other, twice := seen[sh.call]; twice {
			faults = append(faults, Fault{sh.call, p, "the same call stands at " + other + " too"})
		}
		seen[sh.call] = p
		_, over := ended[p]
		delete(ended, p)
		for _, problem := range examine(root, sh, over) {
			faults = append(faults, Fault{sh.call, p, problem})
		}
		if progress != nil {
			progress(i+1, len(shelves))
		}
	}
	for _, e := range expected {
		if _, missing := ended[e.Path]; missing {
			faults = append(faults, Fault{e.Call, e.Path, "the sound and its manifest are missing; the call's record names them"})
		}
	}
	return faults, nil
}

// examine says what is wrong with one recording.
func examine(root *os.Root, sh shelf, over bool) (problems []string) {
	switch {
	case !sh.sound && sh.manifest && !away.Away(root, sh.stem):
		return []string{"the sound is missing; its manifest is there"}
	case sh.sound && !sh.manifest:
		return unsealed(root, sh, over)
	case !sh.sound && !sh.manifest:
		return nil // a draft alone: a call that is just being answered
	}
	b, err := root.ReadFile(sh.stem + manifestExt)
	if err != nil {
		return []string{"the manifest cannot be read: " + err.Error()}
	}
	m, err := unpack(b)
	if err != nil {
		return []string{err.Error()}
	}
	if string(m.Call) != path.Base(sh.stem) {
		return []string{fmt.Sprintf("the manifest belongs to call %s", m.Call)}
	}
	if m.State != StateSealed && m.State != StateInterrupted {
		problems = append(problems, fmt.Sprintf("the manifest says the state is %q", m.State))
	}
	if !sh.sound {
		return problems // the archive verifies what lies there
	}
	return append(problems, compare(root, sh, m)...)
}

// unsealed says what is wrong with a sound that has no manifest: nothing, as long as it is
// open. An open one has the header of one, or its draft, which only goes when the manifest is
// there.
func unsealed(root *os.Root, sh shelf, over bool) []string {
	if _, err := root.Stat(sh.stem + manifestExt); err == nil {
		return nil // sealed while we looked
	}
	if over {
		return []string{"the manifest is missing; the call has ended"}
	}
	if sh.draft {
		return nil
	}
	if f, err := root.Open(sh.stem + soundExt); err == nil {
		defer f.Close() // only read
		head := make([]byte, maxHead)
		n, _ := f.ReadAt(head, 0) // a short file shows in readHead
		if _, samples, err := readHead(head[:n]); err == nil && samples < 0 {
			return nil
		}
	}
	return []string{"the manifest is missing"}
}

// compare holds the sound against its manifest.
func compare(root *os.Root, sh shelf, m manifest) (problems []string) {
	f, err := root.Open(sh.stem + soundExt)
	if err != nil {
		return []string{"the sound cannot be read: " + err.Error()}
	}
	defer f.Close() // only read
	head := make([]byte, maxHead)
	n, _ := f.ReadAt(head, 0) // what is missing shows below
	form, samples, err := readHead(head[:n])
	switch {
	case err != nil:
		problems = append(problems, "header: "+err.Error())
	case form.codec != m.Codec:
		problems = append(problems, fmt.Sprintf("the sound is %s, the manifest says %s", form.codec, m.Codec))
	case samples != m.Samples:
		problems = append(problems, fmt.Sprintf("the header says %d samples, the manifest %d", samples, m.Samples))
	}
	if st, err := f.Stat(); err == nil && len(problems) == 0 && st.Size() != form.offset(m.Samples) {
		problems = append(problems, fmt.Sprintf("the file holds %d samples and %d bytes, the manifest says %d samples",
			max(0, st.Size()-int64(form.headSize()))/int64(form.frame()), max(0, st.Size()-int64(form.headSize()))%int64(form.frame()), m.Samples))
	}
	if len(problems) > 0 {
		return problems // a hash that differs too would say nothing new
	}
	sum, err := hash(f)
	switch {
	case err != nil:
		problems = append(problems, "the sound cannot be read: "+err.Error())
	case !strings.EqualFold(sum, m.SHA256):
		problems = append(problems, "the sound was changed: its SHA-256 is not the manifest's")
	}
	return problems
}
