package recording

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/recording/chain"
)

// archive makes three sealed recordings and gives their stems.
func archive(t *testing.T) (dir string, stems []string, expected []Expected) {
	t.Helper()
	s := newStudio(t, PCM16, nil)
	for i := range 3 {
		k := s.open(call.PCMA)
		k.tones(time.Duration(i+1)*100*time.Millisecond, 0, 500)
		k.seal()
		stems = append(stems, strings.TrimSuffix(s.file(k.Recording), soundExt))
		expected = append(expected, Expected{k.meta.Call, k.Path()})
	}
	s.Close()
	return s.o.Dir, stems, expected
}

// TestVerifyNamesWhatIsWrong does one wrong to an archive of three and wants exactly the
// recordings that it was done to, each with what it is.
func TestVerifyNamesWhatIsWrong(t *testing.T) {
	edit := func(name string, change func([]byte) []byte) func(*testing.T, []string) {
		return func(t *testing.T, stems []string) {
			b, err := os.ReadFile(stems[1] + name)
			if err != nil {
				t.Fatal(err)
			}
			put(t, stems[1]+name, change(b))
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
	}
	for _, c := range []struct {
		name  string
		wrong func(t *testing.T, stems []string)
		of    []int // the recordings to be named
		says  string
	}{
		{"nothing", func(*testing.T, []string) {}, nil, ""},
		{"a byte of the sound flipped", edit(soundExt, flip(500)), []int{1}, "the sound was changed"},
		{"the last byte flipped", edit(soundExt, flip(-1)), []int{1}, "the sound was changed"},
		{"a byte of the header flipped", edit(soundExt, flip(24)), []int{1}, "header"},
		{"the size in the header flipped", edit(soundExt, flip(41)), []int{1}, "header"},
		{"the live header put back", edit(soundExt, func(b []byte) []byte { copy(b, aLawIn(PCM16).head(-1)); return b }), []int{1}, "header"},
		{"a sample cut off", edit(soundExt, func(b []byte) []byte { return b[:len(b)-4] }), []int{1}, "holds 1599 samples"},
		{"a byte cut off", edit(soundExt, func(b []byte) []byte { return b[:len(b)-1] }), []int{1}, "holds 1599 samples and 3 bytes"},
		{"a sample added", edit(soundExt, func(b []byte) []byte { return append(b, 0, 0, 0, 0) }), []int{1}, "holds 1601 samples"},
		{"cut at the end of the header", edit(soundExt, func(b []byte) []byte { return b[:44] }), []int{1}, "holds 0 samples"},
		{"emptied", edit(soundExt, func([]byte) []byte { return nil }), []int{1}, "header"},
		{"the manifest's line changed", edit(manifestExt, func(b []byte) []byte { return bytes.Replace(b, []byte("919"), []byte("918"), 1) }), []int{1}, "the manifest has been changed"},
		{"a space in the manifest", edit(manifestExt, func(b []byte) []byte { return append(b, ' ') }), []int{1}, "the manifest has been changed"},
		{"half a manifest", edit(manifestExt, func(b []byte) []byte { return b[:100] }), []int{1}, "manifest"},
		{"sealed as something else", edit(manifestExt, func(b []byte) []byte {
			m, err := unpack(b)
			if err != nil {
				t.Fatal(err)
			}
			m.State, m.Link = StateOpen, chain.Link{}
			if b, err = m.pack(); err != nil {
				t.Fatal(err)
			}
			return b
		}), []int{1}, `the state is "open"`},
		{"the sound removed", func(t *testing.T, s []string) { remove(t, s[1]+soundExt) }, []int{1}, "the sound is missing"},
		{"the manifest removed", func(t *testing.T, s []string) { remove(t, s[1]+manifestExt) }, []int{1}, "the manifest is missing"},
		{"a tombstone that the chain does not know", func(t *testing.T, s []string) { put(t, s[1]+goneExt, []byte("{}\n")); remove(t, s[1]+soundExt) }, []int{1}, "the chain knows nothing of it"},
		{"both removed", func(t *testing.T, s []string) { remove(t, s[1]+soundExt); remove(t, s[1]+manifestExt) }, []int{1}, "both"},
		{"two pairs exchanged", func(t *testing.T, s []string) { swap(t, s, soundExt); swap(t, s, manifestExt) }, []int{0, 1}, "belongs to call"},
		{"two sounds exchanged", func(t *testing.T, s []string) { swap(t, s, soundExt) }, []int{0, 1}, "samples"},
		{"a pair stands in two folders", func(t *testing.T, s []string) {
			other := filepath.Join(filepath.Dir(filepath.Dir(s[0])), "09")
			if err := os.MkdirAll(other, 0o750); err != nil {
				t.Fatal(err)
			}
			for _, ext := range []string{soundExt, manifestExt} {
				b, err := os.ReadFile(s[0] + ext)
				if err != nil {
					t.Fatal(err)
				}
				put(t, filepath.Join(other, filepath.Base(s[0])+ext), b)
			}
		}, []int{0}, "the same call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, stems, expected := archive(t)
			c.wrong(t, stems)
			var last int
			faults, err := Verify(dir, Proof{Alone: true, Expected: expected}, func(done, total int) { last = total - done })
			if err != nil {
				t.Fatal(err)
			}
			var want, got []call.ID
			for _, i := range c.of {
				want = append(want, expected[i].Call)
			}
			for _, f := range faults {
				got = append(got, f.Call)
				if says := f.String(); !strings.Contains(says, string(f.Call)) || !strings.Contains(says, strings.Replace(c.says, "both", "the sound and its manifest are missing", 1)) {
					t.Errorf("the fault reads %q and should say %q", says, c.says)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%d faults instead of %d: %v", len(got), len(want), faults)
			}
			if last != 0 {
				t.Errorf("the progress ends %d before the end", last)
			}
		})
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

// swap exchanges the files of the first two recordings.
func swap(t *testing.T, stems []string, ext string) {
	t.Helper()
	for _, m := range [][2]string{{stems[0] + ext, stems[0] + ".x"}, {stems[1] + ext, stems[0] + ext}, {stems[0] + ".x", stems[1] + ext}} {
		if err := os.Rename(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestARunningCallIsNoFault, and is listed as open.
func TestErasedRecordingsAreListedSo(t *testing.T) {
	dir, stems, _ := archive(t)
	put(t, stems[1]+goneExt, []byte("{}\n"))
	remove(t, stems[1]+soundExt)
	items, err := List(dir)
	if err != nil || len(items) != 3 || items[1].State != StateErased || items[0].State != StateSealed || items[1].Duration == 0 {
		t.Errorf("listed %+v, %v", items, err)
	}
}

func TestARunningCallIsNoFault(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "the second is in the file", func() bool {
		items, err := List(s.o.Dir)
		return err == nil && len(items) == 1 && items[0] == Item{k.meta.Call, k.Path(), StateOpen, time.Second}
	})
	for range 2 {
		if faults, err := Verify(s.o.Dir, Proof{}, nil); err != nil || len(faults) > 0 {
			t.Errorf("verify finds %v, %v", faults, err)
		}
		if err := os.Remove(strings.TrimSuffix(s.file(k.Recording), soundExt) + draftExt); err != nil { // its header still tells
			break
		}
	}
	if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) != 1 || !strings.Contains(faults[0].Problem, "has ended") {
		t.Errorf("of a call that is over and not sealed verify says %v, %v", faults, err)
	}
	k.seal()
	if items, err := List(s.o.Dir); err != nil || len(items) != 1 || items[0].State != StateSealed {
		t.Errorf("the list is %v, %v", items, err)
	}
}

// TestACallThatIsBeingSealedIsNoFault: its header is true already and its manifest not there yet.
// The draft tells; without it, the manifest is missing.
func TestACallThatIsBeingSealedIsNoFault(t *testing.T) {
	dir, stems, _ := archive(t)
	remove(t, stems[1]+manifestExt)
	put(t, stems[1]+draftExt, nil)
	if faults, err := Verify(dir, Proof{Alone: true}, nil); err != nil || len(faults) != 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
	remove(t, stems[1]+draftExt)
	if faults, err := Verify(dir, Proof{Alone: true}, nil); err != nil || len(faults) != 1 {
		t.Errorf("without the draft verify finds %v, %v", faults, err)
	}
}
