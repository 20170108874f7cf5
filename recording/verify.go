package recording

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"hotline/call"
	away "hotline/recording/archive"
	"hotline/recording/chain"
)

// An Item is one recording on disk.
type Item struct {
	Call     call.ID
	Path     string // relative to the data folder
	State    string // StateOpen, StateSealed, StateInterrupted or StateErased
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
	it := Item{Call: sh.call, Path: told(sh.file()), State: StateOpen}
	if b, err := root.ReadFile(sh.stem + manifestExt); err == nil {
		if m, err := parse(b); err == nil {
			it.State, it.Duration = m.State, samplesTime(m.Samples)
			if sh.gone && !sh.sound {
				it.State = StateErased
			}
			return it
		}
	}
	if f, err := root.Open(sh.file()); err == nil {
		defer f.Close() // only read
		if sh.box {
			it.Duration = durationOfBox(f)
		} else if form, size, err := look(f, ""); err == nil {
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

// A Fault is one thing that is wrong with one recording, or with the chain.
type Fault struct {
	Call    call.ID // empty where it is the chain's
	Link    int64   // number of the link that is broken, missing or put in; 0: it is not the chain's
	Path    string  // relative to the data folder
	Problem string
}

func (f Fault) String() string {
	if f.Link > 0 {
		return fmt.Sprintf("link %d, %s: %s", f.Link, cmp.Or(f.Path, "of which nothing is left"), f.Problem)
	}
	return f.Path + ": " + f.Problem
}

// A Proof is what recordings are held against besides themselves.
type Proof struct {
	Expected []Expected          // what closed records name
	Keys     []ed25519.PublicKey // whose links are good; empty: those that lie among the recordings
	Heads    []chain.Head        // kept in a second place
	Alone    bool                // the manifests are links of no chain
	Unwrap   Unwrap              // opens encrypted recordings too; nil: without keys, which shows all but forgery
}

// Verify walks along the chains below dir, then reads every recording and compares it with its manifest: the hash,
// the number of samples, the header, the names. Of a sound that was removed here because it is away it looks at the
// manifest alone. It demands what the proof names, changes nothing and returns
// every fault, not only the first, those of the chain before the others. A recording of a call that still runs is
// no fault as long as no closed record names it. progress may be nil.
func Verify(dir string, proof Proof, progress func(done, total int)) ([]Fault, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) && len(proof.Expected)+len(proof.Heads) == 0 {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("verify recordings: %w", err)
	}
	defer root.Close()
	var found chain.Found
	if !proof.Alone {
		if found, err = chain.Verify(root, chain.Options{Keys: proof.Keys, Heads: proof.Heads}); err != nil {
			return nil, fmt.Errorf("verify recordings: %w", err)
		}
	}
	shelves, _, err := walk(root)
	if err != nil {
		return nil, fmt.Errorf("verify recordings: %w", err)
	}
	ended := make(map[string]call.ID, len(proof.Expected))
	for _, e := range proof.Expected {
		ended[e.Path] = e.Call
	}
	faults, unwrap := chainFaults(found), proof.Unwrap
	seen := map[call.ID]string{}
	for i, sh := range shelves {
		p := told(sh.file())
		if other, twice := seen[sh.call]; twice {
			faults = append(faults, Fault{Call: sh.call, Path: p, Problem: "the same call stands at " + other + " too"})
		}
		seen[sh.call] = p
		_, over := ended[p]
		delete(ended, p)
		if !sh.sound { // then nothing says how it ended
			delete(ended, told(sh.stem+boxExt))
		}
		problems := examine(root, sh, over, found.Erased[sh.stem])
		if unwrap != nil && sh.box && sh.manifest && len(problems) == 0 {
			problems = openedBox(root, sh, unwrap)
		}
		for _, problem := range problems {
			faults = append(faults, Fault{Call: sh.call, Path: p, Problem: problem})
		}
		if progress != nil {
			progress(i+1, len(shelves))
		}
	}
	for _, e := range proof.Expected {
		if _, missing := ended[e.Path]; missing {
			faults = append(faults, Fault{Call: e.Call, Path: e.Path, Problem: "the sound and its manifest are missing; the call's record names them"})
		}
	}
	return faults, nil
}

// chainFaults are those of the chain, as paths are told.
func chainFaults(found chain.Found) (faults []Fault) {
	for _, f := range found.Faults {
		id, _ := idOf(f.Path)
		if f.Path != "" {
			f.Path = told(f.Path)
		}
		faults = append(faults, Fault{Call: id, Link: f.Seq, Path: f.Path, Problem: f.Problem})
	}
	return faults
}

// examine says what is wrong with one recording.
func examine(root *os.Root, sh shelf, over, erased bool) (problems []string) {
	switch {
	case (!sh.sound || sh.box && !sh.key) && sh.manifest && sh.gone && erased: // without its key a sound is noise
		return nil // and the chain says so
	case !sh.sound && sh.manifest && sh.gone:
		return []string{"the sound is missing; its tombstone says that it was erased, and the chain knows nothing of it"}
	case !sh.sound && sh.gone:
		return []string{"the manifest of this erased recording is missing; it stays when the sound goes"}
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
	if sh.twice {
		problems = append(problems, "there is a plain sound and an encrypted one; one of them is too much")
	}
	if sh.box {
		return append(problems, compareBox(root, sh, m)...)
	}
	if m.Cipher != nil {
		return append(problems, "the sound is plain, the manifest says it is encrypted")
	}
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
	return append(problems, compareHash(root, sh, f, m)...)
}

// compareHash holds the hash of a file, and that of its peaks, against the manifest.
func compareHash(root *os.Root, sh shelf, f *os.File, m manifest) (problems []string) {
	sum, err := hash(f)
	switch {
	case err != nil:
		problems = append(problems, "the sound cannot be read: "+err.Error())
	case !strings.EqualFold(sum, m.SHA256):
		problems = append(problems, "the sound was changed: its SHA-256 is not the manifest's")
	}
	if b, err := root.ReadFile(sh.stem + peaksExt); err == nil && m.Peaks != "" && sumOf(b) != m.Peaks {
		problems = append(problems, "the peaks were changed: their SHA-256 is not the manifest's")
	}
	return problems
}
