package ear

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// What is compared at a time: 10 ms.
const block = rate / 100

// quiet is the RMS below which a block of an original says nothing about who is heard: -50 dBov,
// a few steps of G.711.
const quiet = 100

// A Name is what an original is called. Music and tones have no language.
type Name struct{ Language, Key string }

// String is LANGUAGE/KEY, or KEY alone.
func (n Name) String() string {
	if n.Language == "" {
		return n.Key
	}
	return n.Language + "/" + n.Key
}

// An original is one sound, which several clips may share.
type original struct {
	names       []Name
	pcm         []int16
	energy      []int64 // of each block
	loud        []bool  // which blocks are above quiet
	first, last int     // the outermost of those
	louds       int     // how many there are
}

// An Ear knows all originals. Load makes it; nothing changes it, so it may be used from any
// goroutine.
type Ear struct {
	originals []*original
	index     index
}

// Load reads every original below dir: LANGUAGE/KEY.wav, and KEY.wav for what has no language. One
// that cannot be read, or is nothing but silence, is an error: it would never be heard.
func Load(dir string) (*Ear, error) {
	e := &Ear{}
	known := make(map[[sha256.Size]byte]*original)
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) != ".wav" {
			return err
		}
		lang, key, inside := strings.Cut(strings.TrimSuffix(p, ".wav"), "/")
		if !inside {
			lang, key = "", lang
		}
		r, err := ReadWAV(path.Join(dir, p))
		if err != nil {
			return err
		}
		if len(r) != 1 {
			return fmt.Errorf("read %s: it has %d channels, an original has one", p, len(r))
		}
		same := fingerprint(r[0])
		if o := known[same]; o != nil {
			o.names = append(o.names, Name{lang, key})
			return nil
		}
		o := newOriginal(Name{lang, key}, r[0])
		if o.louds == 0 {
			return fmt.Errorf("read %s: it is silent", p)
		}
		known[same] = o
		e.originals = append(e.originals, o)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the originals: %w", err)
	}
	if len(e.originals) == 0 {
		return nil, fmt.Errorf("load the originals: no .wav below %s", dir)
	}
	e.index = newIndex(e.originals)
	return e, nil
}

// Names are all originals, in the order of their files.
func (e *Ear) Names() []Name {
	var all []Name
	for _, o := range e.originals {
		all = append(all, o.names...)
	}
	return all
}

// fingerprint is equal for the same samples.
func fingerprint(pcm []int16) [sha256.Size]byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		b = append(b, byte(v), byte(v>>8))
	}
	return sha256.Sum256(b)
}

func newOriginal(name Name, pcm []int16) *original {
	n := len(pcm) / block // what is left over is part of the silence at the end
	o := &original{names: []Name{name}, pcm: pcm, energy: make([]int64, n), loud: make([]bool, n)}
	for b := range n {
		for _, v := range pcm[b*block : (b+1)*block] {
			o.energy[b] += int64(v) * int64(v)
		}
		if o.energy[b] < block*quiet*quiet {
			continue
		}
		if o.louds == 0 {
			o.first = b
		}
		o.loud[b], o.last = true, b
		o.louds++
	}
	return o
}
