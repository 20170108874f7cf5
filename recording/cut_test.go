package recording

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// TestEveryByteOfTenSeconds cuts a live recording of 10 s at every byte and has it measured, as the
// next start does: what is left are the samples that were whole, each as it was, under a header that
// every player believes. By day it is every fifth byte, from a random one on, and every one of the
// first and last 2,000; at night every byte.
func TestEveryByteOfTenSeconds(t *testing.T) {
	t.Parallel()
	id, wav, _ := left(t, PCM16, 10*time.Second)
	f := aLawIn(PCM16)
	data := t.TempDir()
	name := filepath.Join(day(t, data), string(id)+soundExt)
	put(t, name, wav)
	root, err := os.OpenRoot(filepath.Join(data, folder))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stem := "2026/03/02/" + string(id)
	got, cuts, phase := make([]byte, len(wav)), 0, rand.IntN(5)
	for cut := len(wav); cut >= 0; cut-- {
		if !nightly() && cut > 2000 && cut < len(wav)-2000 && cut%5 != phase {
			continue
		}
		// The last cut took away what was no whole sample, and made the header true: both come back.
		from := max(0, cut-f.frame())
		if _, err := file.WriteAt(wav[from:cut], int64(from)); err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(wav[:min(cut, f.headSize())], 0); err != nil {
			t.Fatal(err)
		}
		if err := file.Truncate(int64(cut)); err != nil {
			t.Fatal(err)
		}
		p := patient{root: root, shelf: shelf{call: id, stem: stem, sound: true}, about: manifest{Codec: codecPCM16}}
		if err := p.measure(); err != nil {
			t.Fatalf("cut at byte %d: %v", cut, err)
		}
		whole := int64(max(0, cut-f.headSize()) / f.frame())
		from = int(max(0, f.offset(whole)-64)) // the end of it is enough; now and then all of it
		if cut%4999 == 0 {
			from = 0
		}
		n, _ := file.ReadAt(got, int64(from))
		head := f.head(whole)
		want := wav[max(from, len(head)):f.offset(whole)]
		if from < len(head) {
			want = append(head, want...)[from:]
		}
		if p.Samples != whole || !bytes.Equal(got[:n], want) {
			t.Fatalf("cut at byte %d: %d samples, want %d, or one that is not as it was", cut, p.Samples, whole)
		}
		cuts++
	}
	t.Logf("%d cuts", cuts)
}

// TestRepairOfCutsOfTenSeconds repairs some of them to the end: each verifies, and has what was whole.
func TestRepairOfCutsOfTenSeconds(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	id, wav, draft := left(t, PCM16, 10*time.Second)
	f := aLawIn(PCM16)
	data := t.TempDir()
	dir := day(t, data)
	want := map[call.ID][]byte{}
	for range 24 {
		name := call.NewID()
		cut := dice.IntN(len(wav) + 1)
		put(t, filepath.Join(dir, string(name)+soundExt), wav[:cut])
		put(t, filepath.Join(dir, string(name)+draftExt), bytes.ReplaceAll(draft, []byte(id), []byte(name)))
		whole := max(0, cut-f.headSize()) / f.frame()
		want[name] = append(f.head(int64(whole)), wav[f.headSize():f.headSize()+whole*f.frame()]...)
	}
	done, err := Repair(t.Context(), filepath.Join(data, folder), nil, func(call.ID) Meta { return Meta{} })
	if err != nil || len(done) != len(want) {
		t.Fatalf("%d of %d repaired, %v", len(done), len(want), err)
	}
	for _, r := range done {
		if got, err := os.ReadFile(filepath.Join(data, r.Path)); err != nil || !bytes.Equal(got, want[r.Call]) {
			t.Errorf("what is repaired of %d samples differs, %v", r.Samples, err)
		}
	}
	if faults, err := Verify(filepath.Join(data, folder), Proof{Alone: true}, nil); err != nil || len(faults) > 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
}

// TestPythonReadsEveryCut: a foreign reader takes the same of what a kill leaves, before anybody has
// repaired it. It reads every byte at night and every 29th else.
func TestPythonReadsEveryCut(t *testing.T) {
	t.Parallel()
	_, wav, _ := left(t, PCM16, 10*time.Second)
	name := filepath.Join(t.TempDir(), "live.wav")
	put(t, name, wav)
	step, least := 29, len(wav)/29
	if nightly() {
		step, least = 1, len(wav)-64
	}
	out, err := exec.CommandContext(t.Context(), "python3", "testdata/cuts.py", name, strconv.Itoa(step)).CombinedOutput()
	if err != nil {
		t.Fatalf("python3: %v (apt-get install python3): %s", err, out)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(out))); err != nil || n < least {
		t.Errorf("python3 read %q cuts, want at least %d", out, least)
	}
}

// nightly reports whether the full figures are wanted.
func nightly() bool { return os.Getenv("HOTLINE_NIGHTLY") != "" }
