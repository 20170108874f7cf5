package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

// nightly is whether the campaigns run in full.
var nightly = os.Getenv("HOTLINE_NIGHTLY") != ""

// TestCutAtEveryByte cuts a recording of 10 s: all whole frames before the cut are played, and
// nothing else; and who has no key finds the same end. Nightly it cuts at every byte, otherwise at
// every fortieth and at all around the ends of frames.
func TestCutAtEveryByte(t *testing.T) {
	k := record(t, 2, 80000, 3)
	step := 40 // the race detector makes it slow
	if nightly {
		step = 1
	}
	frames, cuts := 0, 0
	for cut := k.at[0]; cut < len(k.file); cut++ {
		for cut >= k.at[frames+1] {
			frames++
		}
		if near := min(cut-k.at[frames], k.at[frames+1]-cut); cut%step != 0 && near > 2 {
			continue
		}
		cuts++
		d, err := open(k.file[:cut], k.key)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		want := k.state(int64(frames))
		if d.State != Cut || d.Frames != int64(frames) || d.End != int64(k.at[frames]) || d.Samples != int64(len(want)/2) {
			t.Fatalf("cut at %d: the survey is %+v", cut, d.Survey)
		}
		if cut%7 != 0 && cut-k.at[frames] >= 2 {
			continue
		}
		if !bytes.Equal(whole(t, d), want) {
			t.Fatalf("cut at %d: the sound is another", cut)
		}
		s, err := Scan(bytes.NewReader(k.file[:cut]), int64(cut))
		if err != nil || s.State != Cut || s.End != d.End || s.Samples != d.Samples || s.Frames != d.Frames {
			t.Fatalf("cut at %d: without the key %+v, %v", cut, s, err)
		}
	}
	for cut := range k.at[0] {
		if _, err := open(k.file[:cut], k.key); !errors.Is(err, ErrHeader) {
			t.Fatalf("cut in the header at %d: %v", cut, err)
		}
	}
	t.Logf("%d cuts of %d bytes", cuts, len(k.file))
}

// An attack alters a tape's frames, always. It returns the file, and the frame at which that must be found;
// -1 where the file ends before it and only the final frame is missed.
type attack func(t *rapid.T, k, other *tape) (file []byte, found int)

// frameOf is one frame's bytes.
func (k *tape) frame(i int) []byte { return k.file[k.at[i]:k.at[i+1]] }

// cutting is the file with the bytes from one place to another replaced.
func (k *tape) cutting(from, to int, with ...[]byte) []byte {
	return slices.Concat(k.file[:from], slices.Concat(with...), k.file[to:])
}

var attacks = map[string]attack{
	"flip": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-2).Draw(t, "frame")
		at := rapid.IntRange(k.at[i], k.at[i+1]-1).Draw(t, "byte")
		b := bytes.Clone(k.file)
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		return b, i
	},
	"flip in a head": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-2).Draw(t, "frame")
		b := bytes.Clone(k.file)
		b[k.at[i]+rapid.IntRange(0, headSize-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		return b, i
	},
	"flip, with the checksum made right": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-2).Draw(t, "frame")
		b := bytes.Clone(k.file)
		// Whatever leaves it a frame: sequence, counter, first sample, tag before, ciphertext, tag.
		at := k.at[i] + rapid.IntRange(12, len(k.frame(i))-sumSize-1).Draw(t, "byte")
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		resum(b[k.at[i]:k.at[i+1]])
		return b, i
	},
	"drop": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-3).Draw(t, "from")
		j := rapid.IntRange(i+1, len(k.at)-2).Draw(t, "to")
		return k.cutting(k.at[i], k.at[j]), i
	},
	"swap": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-3).Draw(t, "one")
		j := rapid.IntRange(i+1, len(k.at)-2).Draw(t, "other")
		return k.cutting(k.at[i], k.at[j+1], k.frame(j), k.file[k.at[i+1]:k.at[j]], k.frame(i)), i
	},
	"double": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-2).Draw(t, "frame")
		j := rapid.IntRange(i+1, len(k.at)-1).Draw(t, "again before")
		return k.cutting(k.at[j], k.at[j], k.frame(i)), j
	},
	"splice in": func(t *rapid.T, k, other *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-1).Draw(t, "before")
		j := rapid.IntRange(0, len(other.at)-2).Draw(t, "of the other")
		return k.cutting(k.at[i], k.at[i], other.frame(j)), i
	},
	"splice over": func(t *rapid.T, k, other *tape) ([]byte, int) {
		i := rapid.IntRange(0, min(len(k.at), len(other.at))-2).Draw(t, "frame")
		return k.cutting(k.at[i], k.at[i+1], other.frame(i)), i
	},
	"tail of another": func(t *rapid.T, k, other *tape) ([]byte, int) {
		i := rapid.IntRange(0, min(len(k.at), len(other.at))-2).Draw(t, "frame")
		return slices.Concat(k.file[:k.at[i]], other.file[other.at[i]:]), i
	},
	"page of zeros": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-2).Draw(t, "frame")
		b := bytes.Clone(k.file)
		var lit []int // not zero before
		for at := k.at[i]; at < k.at[i+1]-sumSize; at++ {
			if b[at] != 0 {
				lit = append(lit, at)
			}
		}
		at := rapid.SampledFrom(lit).Draw(t, "byte")
		clear(b[at:min(len(b), at+4096)])
		return b, i
	},
	"bytes lost": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-2).Draw(t, "frame")
		at := rapid.IntRange(k.at[i]+1, k.at[i+1]-1).Draw(t, "byte")
		n := rapid.IntRange(1, 5000).Draw(t, "bytes")
		if at+n > k.at[len(k.at)-2] {
			return k.file[:at], -1 // no more than a cut
		}
		b := k.cutting(at, at+n)
		for at < len(b) && b[at] == k.file[at] { // what moved up may be the same by chance
			at++
		}
		return b, sort.SearchInts(k.at, at+1) - 1
	},
	"bytes more": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-1).Draw(t, "frame")
		return k.cutting(k.at[i], k.at[i], rapid.SliceOfN(rapid.Byte(), 1, 500).Draw(t, "bytes")), i
	},
	"roll back": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		return k.file[:k.at[rapid.IntRange(0, len(k.at)-2).Draw(t, "frames")]], -1
	},
	"roll back under the final frame": func(t *rapid.T, k, _ *tape) ([]byte, int) {
		i := rapid.IntRange(0, len(k.at)-3).Draw(t, "frames")
		return slices.Concat(k.file[:k.at[i]], k.frame(len(k.at)-2)), i
	},
}

func resum(frame []byte) {
	n := len(frame) - sumSize
	binary.BigEndian.PutUint32(frame[n:], crc32.Checksum(frame[:n], castagnoli))
}

// TestAlterationsAreFound alters recordings in every way we can think of. Each alteration is
// found, the first one at the right frame, and what is still played is right.
func TestAlterationsAreFound(t *testing.T) {
	k, other := record(t, 2, 60000, 11), record(t, 2, 60000, 12)
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				file, found := attacks[name](t, k, other)
				if bytes.Equal(file, k.file) {
					t.Fatal("nothing was altered")
				}
				d, err := open(file, k.key)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case found < 0:
					if d.State != Cut || !bytes.Equal(playable(t, d), k.state(d.Frames)) {
						t.Fatalf("a cut gives %+v", d.Survey)
					}
					return
				case d.State != Damaged || d.Damages[0].Sequence != int64(found):
					t.Fatalf("altered at frame %d: the survey is %+v", found, d.Survey)
				}
				if want := int64(len(k.state(int64(min(found, len(k.after)))))) / 2; d.Damages[0].Sample != want {
					t.Fatalf("altered at frame %d, sample %d: found at sample %d", found, want, d.Damages[0].Sample)
				}
				honest(t, k, d, d.Final)
			})
		})
	}
}

// playable is all of a reader's sound.
func playable(t *rapid.T, d *Reader) []byte {
	b, err := io.ReadAll(d.Image(nil))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// honest demands that each sample is what was recorded, or is refused. Where the final frame was
// there, it is the last that was recorded; otherwise one that stood there at some time.
func honest(t interface{ Fatalf(string, ...any) }, k *tape, d *Reader, last bool) {
	unit := int64(k.form.Frame)
	img := d.Image(nil)
	at := int64(0)
	for _, l := range append(d.Lost, Lost{d.Samples, d.Samples}) {
		b := make([]byte, (l.From-at)*unit)
		if n, err := img.ReadAt(b, at*unit); n != len(b) || err != nil && err != io.EOF {
			t.Fatalf("samples %d to %d are not lost and cannot be read: %v", at, l.From, err)
		}
		if last {
			if !bytes.Equal(b, k.sound()[at*unit:l.From*unit]) {
				t.Fatalf("samples %d to %d are wrong", at, l.From)
			}
		} else if from, ok := stood(k, b, at); !ok {
			t.Fatalf("sample %d never was what is played", from)
		}
		if l.From < l.To {
			var lost *Lost
			if n, err := img.ReadAt(make([]byte, unit), l.From*unit); n > 0 || !errors.As(err, &lost) {
				t.Fatalf("lost sample %d is read: %d, %v", l.From, n, err)
			}
		}
		at = l.To
	}
	mended, err := io.ReadAll(d.Image(nil).Mend(make([]byte, unit)))
	if err != nil || int64(len(mended)) != d.Samples*unit {
		t.Fatalf("mended it has %d bytes: %v", len(mended), err)
	}
}

// stood looks whether each sample of b is one that stood there at some time.
func stood(k *tape, b []byte, at int64) (int64, bool) {
	unit := int64(k.form.Frame)
	for i := int64(0); i < int64(len(b)); i += unit {
		off := at*unit + i
		if !slices.ContainsFunc(k.after, func(s []byte) bool {
			return off < int64(len(s)) && bytes.Equal(s[off:off+unit], b[i:i+unit])
		}) {
			return at + i/unit, false
		}
	}
	return 0, true
}

// TestHeaderIsBound alters the header: that is found by itself, or at the first frame.
func TestHeaderIsBound(t *testing.T) {
	k := record(t, 2, 8000, 21)
	for at := range k.at[0] {
		for bit := range 8 {
			b := bytes.Clone(k.file)
			b[at] ^= 1 << bit
			d, err := open(b, k.key)
			if err == nil && (d.State != Damaged || d.Damages[0].Sequence != 0 || d.Frames != 0) {
				t.Fatalf("bit %d of byte %d: %+v", bit, at, d.Survey)
			}
			if err != nil && !errors.Is(err, ErrHeader) && !errors.Is(err, ErrKey) {
				t.Fatalf("bit %d of byte %d: %v", bit, at, err)
			}
		}
	}
	if _, err := open(k.file, newKey()); !errors.Is(err, ErrKey) {
		t.Errorf("another key gives %v", err)
	}
}

// TestScanSeesDamage: without the key, what an accident does is found, and a damage in the middle
// costs nothing behind it.
func TestScanSeesDamage(t *testing.T) {
	k, other := record(t, 2, 60000, 31), record(t, 2, 60000, 32)
	for _, name := range []string{"flip", "drop", "swap", "double", "page of zeros", "bytes lost", "bytes more"} {
		rapid.Check(t, func(t *rapid.T) {
			file, found := attacks[name](t, k, other)
			s, err := Scan(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case bytes.Equal(file, k.file):
				t.Fatalf("%s: nothing was altered", name)
			case found < 0:
				if s.State != Cut {
					t.Fatalf("%s: a cut gives %+v", name, s)
				}
				return
			}
			if s.State != Damaged || s.Damages[0].Sequence != int64(found) {
				t.Fatalf("%s: altered at frame %d: %+v", name, found, s)
			}
			if last := len(k.at) - 2; found < last-8 && name != "swap" && name != "drop" && s.Samples != 60000 {
				t.Fatalf("%s: the sound behind it is lost: %+v", name, s)
			}
		})
	}
}

// TestTornTail is what a power cut leaves: the file has its length, but not its last pages.
// Cut to its whole frames it is whole, and plays on.
func TestTornTail(t *testing.T) {
	k := record(t, 4, 80000, 41)
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(k.file[:rapid.IntRange(k.at[1], len(k.file)).Draw(t, "length")])
		torn := rapid.IntRange(k.at[1], len(b)).Draw(t, "torn at")
		clear(b[torn:])
		s, err := Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := open(b[:s.End], k.key)
		if err != nil || d.State == Damaged || d.Frames != s.Frames || d.Samples != s.Samples {
			t.Fatalf("%+v becomes %+v, %v", s, d, err)
		}
		if !bytes.Equal(playable(t, d), k.state(d.Frames)) {
			t.Fatal("the sound is another")
		}
		if whole, _ := slices.BinarySearch(k.at, torn+1); d.Frames < int64(min(whole-1, len(k.after))) {
			t.Fatalf("%d whole frames are lost", int64(whole-1)-d.Frames)
		}
	})
}

// TestChangedWhileOpen: a file that changes behind a reader's back is refused where it did.
func TestChangedWhileOpen(t *testing.T) {
	k := record(t, 2, 30000, 51)
	b := bytes.Clone(k.file)
	d, err := open(b, k.key)
	if err != nil {
		t.Fatal(err)
	}
	b[k.at[len(k.at)-3]+headSize] ^= 1
	if _, err := io.ReadAll(d.Image(nil)); err == nil {
		t.Error("a changed frame is played")
	}
}

// FuzzReader makes a reader read whatever the fuzzer thinks of: a recording altered by a list of
// edits, or bytes that never were one. It never panics, never takes an altered file for complete,
// and never plays what was not recorded.
func FuzzReader(f *testing.F) {
	k := record(f, 2, 12000, 61)
	f.Add([]byte{})
	f.Add([]byte{0, 200, 1, 0, 1})
	f.Add([]byte{1, 0, 1, 255, 9, 2, 10, 10, 10, 10, 3, 1, 1, 1, 1})
	for i := range 40 { // go test without -fuzz runs these
		dice := rand.New(rand.NewPCG(uint64(i), 9))
		f.Add(noise(dice, 5*(1+dice.IntN(4))))
	}
	f.Fuzz(func(t *testing.T, edits []byte) {
		if _, err := open(edits, k.key); err == nil {
			t.Fatal("bytes that are no recording are opened")
		}
		raw := append(bytes.Clone(k.file[:k.at[0]]), edits...)
		if d, err := open(raw, k.key); err != nil || d.Frames > 0 || d.Samples > 0 && d.State != Damaged {
			t.Fatalf("bytes that are no frames: %+v, %v", d, err)
		}
		b := bytes.Clone(k.file)
		for ; len(edits) >= 5 && len(b) > k.at[0]; edits = edits[5:] {
			at := k.at[0] + int(binary.BigEndian.Uint16(edits[1:]))*7%(len(b)-k.at[0])
			to := min(len(b), at+1+int(edits[3])*int(edits[4]))
			switch edits[0] % 4 {
			case 0:
				b[at] ^= edits[4]
			case 1:
				b = slices.Delete(b, at, to)
			case 2:
				b = slices.Insert(b, at, bytes.Clone(b[at:to])...)
			default:
				part := bytes.Clone(b[at:to])
				b = slices.Insert(slices.Delete(b, at, to), min(len(b)-len(part), k.at[0]+int(edits[4])*50), part...)
			}
		}
		d, err := open(b, k.key)
		if err != nil {
			t.Fatal(err)
		}
		if d.State == Complete && !bytes.Equal(b, k.file) {
			t.Fatal("an altered file is taken for complete")
		}
		honest(t, k, d, false)
		if _, err := Scan(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Fatal(err)
		}
	})
}

// TestBlob: what belongs to a recording opens under its key, for its use, unchanged.
func TestBlob(t *testing.T) {
	k := newKey()
	plain := []byte("peaks")
	b, err := k.SealBlob("peaks", plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.OpenBlob("peaks", b); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%q, %v", got, err)
	}
	again, err := k.SealBlob("peaks", plain)
	if err != nil || bytes.Equal(b, again) {
		t.Error("two seals are the same")
	}
	if _, err := k.OpenBlob("other", b); err == nil {
		t.Error("it opens for another use")
	}
	if _, err := newKey().OpenBlob("peaks", b); err == nil {
		t.Error("it opens under another key")
	}
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			if _, err := k.OpenBlob("peaks", c); err == nil {
				t.Fatalf("it opens with bit %d of byte %d flipped", bit, i)
			}
		}
		if _, err := k.OpenBlob("peaks", b[:i]); err == nil {
			t.Fatalf("it opens cut at %d", i)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); bytes.Contains([]byte(s), fmt.Appendf(nil, "%x", k[:4])) {
		t.Errorf("a log would have the key: %s", s)
	}
}
