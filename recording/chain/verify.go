package chain

import (
	"cmp"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// A Fault is what is wrong with one link.
type Fault struct {
	Seq     int64  // of the link, or where one is missing; 0: it is no link of the chain
	Key     string // whose chain
	Path    string // relative to the recordings; of a missing link only where the index still knows it
	Problem string
}

func (f Fault) String() string {
	where := cmp.Or(f.Path, "a file that nothing names any more")
	if f.Seq == 0 {
		return where + ": " + f.Problem
	}
	return fmt.Sprintf("link %d, %s: %s", f.Seq, where, f.Problem)
}

// A Found is what a walk along all chains of a folder has found.
type Found struct {
	Links   int             // good ones
	Linked  map[string]bool // by path: manifests that are good links, or adopted as they are
	Erased  map[string]bool // by path of the sound without its ending: said to be erased by a good link
	Faults  []Fault         // by chain, the first broken link first
	Signers []string        // KeyIDs of the chains that were found
}

// Options are what a walk is made with.
type Options struct {
	// Keys are the public keys that may sign. Empty: those that lie in the folder itself, which shows damage, and
	// no forger who has put in a key of their own.
	Keys []ed25519.PublicKey

	// Heads are what a second place has kept.
	Heads []Head
}

// Verify walks along all chains below root, the folder of the recordings. It changes nothing. err is of the disk
// or of a key; what is wrong with links is in Faults.
func Verify(root *os.Root, o Options) (Found, error) {
	check, err := checkerFor(root, o.Keys)
	if err != nil {
		return Found{}, fmt.Errorf("verify the chain: %w", err)
	}
	all, err := scan(root)
	if err != nil {
		return Found{}, fmt.Errorf("verify the chain: %w", err)
	}
	indexes := readIndexes(root) // after the links: what they name was there before
	all = late(root, all, indexes)
	return walk(all, indexes, check, o), nil
}

// checkerFor knows the keys given, or those that lie in the folder.
func checkerFor(root *os.Root, keys []ed25519.PublicKey) (checker, error) {
	if len(keys) > 0 {
		return newChecker(keys), nil
	}
	for _, dir := range chains(root) {
		key, err := publicOf(root, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return checker{}, err
		}
		keys = append(keys, key)
	}
	return newChecker(keys), nil
}

// publicOf is the public key that lies in the folder of a key.
func publicOf(root *os.Root, id string) (ed25519.PublicKey, error) {
	name := path.Join(folder, id, publicFile)
	b, err := root.ReadFile(name)
	if err != nil {
		return nil, err
	}
	key, err := ParsePublic(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

// chains are the folders of keys.
func chains(root *os.Root) (dirs []string) {
	found, err := fs.ReadDir(root.FS(), folder)
	if err != nil {
		return nil // there is no chain yet
	}
	for _, e := range found {
		if e.IsDir() {
			dirs = append(dirs, e.Name())
		}
	}
	return dirs
}

func readIndexes(root *os.Root) map[string][]entry {
	all := map[string][]entry{}
	for _, dir := range chains(root) {
		if f, err := root.Open(path.Join(folder, dir, indexFile)); err == nil {
			all[dir] = entries(f)
			f.Close() // only read
		}
	}
	return all
}

// scan reads all manifests and links below root.
func scan(root *os.Root) (all []file, err error) {
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() || path.Ext(p) != linkExt || !linkPlace(p):
			return nil
		}
		f := file{path: p}
		f.line, f.err = root.ReadFile(p)
		if errors.Is(f.err, fs.ErrNotExist) {
			return nil
		}
		if f.err == nil {
			if _, l, err := split(f.line); err == nil {
				f.link = l
			} else if strings.HasPrefix(p, folder+"/") {
				f.err = errForm
			}
		}
		all = append(all, f)
		return nil
	})
	return all, err
}

// late adds links that were made during the walk, where it had been already.
func late(root *os.Root, all []file, indexes map[string][]entry) []file {
	seen := make(map[string]bool, len(all))
	for _, f := range all {
		seen[f.path] = true
	}
	for _, index := range indexes {
		for _, e := range index {
			if seen[e.path] || !fs.ValidPath(e.path) || !linkPlace(e.path) {
				continue
			}
			line, err := root.ReadFile(e.path)
			if err != nil {
				continue
			}
			if _, l, err := split(line); err == nil {
				all = append(all, file{path: e.path, line: line, link: l})
			}
		}
	}
	return all
}

// linkPlace reports whether links lie at such a path: chain/KEYID/SEQ.json, YYYY/MM/DD/CALL.json.
func linkPlace(p string) bool {
	return strings.Count(p, "/") == 3 || strings.HasPrefix(p, folder+"/") && strings.Count(p, "/") == 2
}

// ordered are the links of one key by number, and by path within it.
func ordered(all []file, key string) (links []file) {
	for _, f := range all {
		if f.link.Seq > 0 && f.link.Key == key {
			links = append(links, f)
		}
	}
	slices.SortFunc(links, func(a, b file) int { return cmp.Or(cmp.Compare(a.link.Seq, b.link.Seq), cmp.Compare(a.path, b.path)) })
	return links
}

// walk judges what was read.
func walk(all []file, indexes map[string][]entry, check checker, o Options) Found {
	w := walker{
		Found: Found{Linked: map[string]bool{}, Erased: map[string]bool{}}, check: check, adopted: map[string]string{},
	}
	keys := map[string]bool{}
	o.Heads = append(slices.Clip(o.Heads), w.trust(all)...)
	w.open(all, indexes)
	for _, f := range all {
		if f.link.Seq > 0 {
			keys[f.link.Key] = true
		}
	}
	for key := range indexes {
		keys[key] = true
	}
	for _, h := range o.Heads {
		keys[h.Key] = true
	}
	for key := range keys {
		w.Signers = append(w.Signers, key)
	}
	slices.Sort(w.Signers)
	for _, key := range w.Signers {
		w.chain(key, ordered(all, key), indexes[key], o.Heads)
	}
	w.strangers(all)
	return w.Found
}

// A walker collects what a walk finds.
type walker struct {
	Found
	check   checker
	adopted map[string]string // by path: SHA-256 of the file
}

func (w *walker) fault(seq int64, key, path, problem string) {
	w.Faults = append(w.Faults, Fault{seq, key, path, problem})
}

// open checks every link by itself. What a bad one says of itself is not believed: where an index names its file,
// that says which link it was.
func (w *walker) open(all []file, indexes map[string][]entry) {
	was := map[string]Link{}
	for key, index := range indexes {
		for _, e := range index {
			was[e.path] = Link{Seq: e.seq, Key: key}
		}
	}
	for i := range all {
		f := &all[i]
		l, linked := was[f.path]
		if f.link.Seq == 0 && !linked {
			continue // older than the chain, or put in
		}
		if f.err == nil {
			_, f.err = w.check.open(f.line)
		}
		if f.err != nil && linked {
			f.link = l
		}
	}
}

// chain walks along one chain.
func (w *walker) chain(key string, links []file, index []entry, heads []Head) {
	var last Link
	at := map[int64]entry{}
	for _, e := range index {
		at[e.seq] = e
	}
	_, known := w.check.keys[key]
	missing := func(from, to int64) {
		if !known {
			return // it may be the key's name that was altered
		}
		switch e := at[from]; {
		case to == from+1:
			w.fault(from, key, e.path, "the link is missing")
		default:
			w.fault(from, key, e.path, fmt.Sprintf("%d links are missing, up to link %d", to-from, to-1))
		}
	}
	for _, f := range links {
		l := f.link
		switch {
		case f.err != nil:
			w.fault(l.Seq, key, f.path, f.err.Error())
			if l.Seq > last.Seq+1 {
				missing(last.Seq+1, l.Seq)
			}
			last = Link{Seq: max(last.Seq, l.Seq)} // its digest says nothing of the one after it
			continue
		case l.Seq <= last.Seq:
			w.fault(l.Seq, key, f.path, "a second link of this number: one of the two was put in")
			continue
		case l.Seq > last.Seq+1:
			missing(last.Seq+1, l.Seq)
		case last.Seq > 0 && last.Digest != "" && l.Previous != last.Digest, l.Seq == 1 && l.Previous != "":
			w.fault(l.Seq, key, f.path, follows(last, l).Error())
		}
		if problem := w.misplaced(f); problem != "" {
			w.fault(l.Seq, key, f.path, problem)
		}
		last = l
		w.Links++
		w.good(f)
	}
	if n := len(index); n > 0 && index[n-1].seq > last.Seq {
		missing(last.Seq+1, index[n-1].seq+1)
	}
	w.heads(key, links, heads)
}

// misplaced says why a link does not lie where it says that it belongs, or "".
func (w *walker) misplaced(f file) string {
	if strings.HasPrefix(f.path, folder+"/") {
		if want := path.Join(folder, f.link.Key, fmt.Sprintf("%09d%s", f.link.Seq, linkExt)); f.path != want {
			return "it lies in the wrong place; it belongs to " + want
		}
		return ""
	}
	var m struct {
		Call string `json:"call"`
	}
	if err := json.Unmarshal(f.line, &m); err != nil || m.Call+linkExt != path.Base(f.path) {
		return "it lies in the wrong place: it is of another call"
	}
	return ""
}

// good takes what a good link says.
func (w *walker) good(f file) {
	w.Linked[f.path] = true
	switch f.kind() {
	case KindBegun:
		var b Begun
		if json.Unmarshal(f.line, &b) == nil {
			for _, a := range b.Adopted {
				w.adopted[a.Path] = a.SHA256
			}
		}
	case KindErased:
		var e Erased
		if json.Unmarshal(f.line, &e) == nil {
			for _, g := range e.Recordings {
				w.Erased[strings.TrimSuffix(g.Path, path.Ext(g.Path))] = true
			}
		}
	}
}

// trust takes the keys that the first link of a trusted chain vouches for, and gives what it says of their chains.
func (w *walker) trust(all []file) (heads []Head) {
	for again := true; again; {
		again = false
		for _, f := range all {
			if f.link.Seq != 1 || f.kind() != KindBegun {
				continue
			}
			var b Begun
			if _, err := w.check.open(f.line); err != nil || json.Unmarshal(f.line, &b) != nil {
				continue
			}
			for _, e := range b.Others {
				if len(e.Public) != ed25519.PublicKeySize || KeyID(e.Public) != e.Key {
					continue
				}
				if _, known := w.check.keys[e.Key]; !known {
					w.check.keys[e.Key] = e.Public
					again = true
				}
				if h := (Head{At: b.At, Links: e.Links, Last: e.Digest, Link: Link{Key: e.Key}}); !slices.Contains(heads, h) {
					heads = append(heads, h)
				}
			}
		}
	}
	return heads
}

// heads holds a chain against what a second place has kept.
func (w *walker) heads(key string, links []file, heads []Head) {
	for _, h := range heads {
		if h.Key != key {
			continue
		}
		i, there := slices.BinarySearchFunc(links, h.Links, func(f file, seq int64) int { return cmp.Compare(f.link.Seq, seq) })
		switch {
		case !there:
			w.fault(h.Links, key, "", fmt.Sprintf("the link is missing: on %s the chain had %d links", h.At.Format("2006-01-02"), h.Links))
		case links[i].link.Digest != h.Last:
			w.fault(h.Links, key, links[i].path, fmt.Sprintf("it is not the link that was there on %s: the chain was made anew", h.At.Format("2006-01-02")))
		}
	}
}

// strangers finds manifests that no chain knows.
func (w *walker) strangers(all []file) {
	left := w.adopted
	for _, f := range all {
		switch sum, adopted := left[f.path]; {
		case f.link.Seq > 0:
			continue
		case f.err != nil:
			w.fault(0, "", f.path, "it cannot be read: "+f.err.Error())
		case adopted && sum == digest(f.line):
			w.Linked[f.path] = true
		case adopted:
			w.fault(0, "", f.path, "it was altered since the chain adopted it")
		default:
			w.fault(0, "", f.path, "it was put in: it is no link of any chain")
		}
		delete(left, f.path)
	}
	var gone []string
	for p := range left {
		gone = append(gone, p)
	}
	slices.Sort(gone)
	for _, p := range gone {
		w.fault(0, "", p, "it is missing; the chain adopted it")
	}
}
