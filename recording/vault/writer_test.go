package vault

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatIsWrittenIsRead plays recordings with late packets back, whole and in pieces.
func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, unit := range []int{2, 4} {
		k := record(t, unit, 80000, uint64(unit))
		d, err := open(k.file, k.key)
		if err != nil {
			t.Fatal(err)
		}
		if d.State != Complete || d.Samples != 80000 || d.Frames != int64(len(k.after)) || d.End != int64(len(k.file)) || len(d.Lost) > 0 {
			t.Fatalf("the survey is %+v", d.Survey)
		}
		if !bytes.Equal(whole(t, d), k.sound()) {
			t.Error("the sound is another")
		}
		head := bytes.Repeat([]byte("h"), wavHead)
		wav := append(bytes.Clone(head), k.sound()...)
		rapid.Check(t, func(t *rapid.T) {
			img := d.Image(head)
			if img.Size() != int64(len(wav)) {
				t.Fatalf("the size is %d", img.Size())
			}
			from := rapid.IntRange(0, len(wav)+10).Draw(t, "from")
			n := rapid.IntRange(0, 40000).Draw(t, "n")
			p := make([]byte, n)
			done, err := img.ReadAt(p, int64(from))
			want := wav[min(from, len(wav)):min(from+n, len(wav))]
			if !bytes.Equal(p[:done], want) || (err == io.EOF) != (done < n) || err != nil && err != io.EOF {
				t.Fatalf("read %d of %d from %d: %v", done, n, from, err)
			}
			if _, err := img.Seek(-int64(min(n, len(wav))), io.SeekEnd); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(img)
			if err != nil || !bytes.Equal(rest, wav[len(wav)-min(n, len(wav)):]) {
				t.Fatalf("the end reads otherwise: %v", err)
			}
		})
	}
}

// TestNothingOfTheSoundIsInTheFile looks for the sound, and for the key.
func TestNothingOfTheSoundIsInTheFile(t *testing.T) {
	k := record(t, 4, 8000, 1)
	for i := 0; i+8 <= len(k.sound()); i += 8 {
		if bytes.Contains(k.file, k.sound()[i:i+8]) {
			t.Fatalf("bytes %d to %d of the sound are in the file", i, i+8)
		}
	}
	if bytes.Contains(k.file, k.key[:8]) {
		t.Error("the key is in the file")
	}
}

// TestWriterRefuses lists what cannot be written.
func TestWriterRefuses(t *testing.T) {
	w, err := NewWriter(testFormat(4))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte{1}, 0); err == nil {
		t.Error("it writes without a file")
	}
	if w.Finish() == nil {
		t.Error("it ends without a file")
	}
	w.Onto(new(memory))
	for what, at := range map[string]int64{"hole": wavHead + 4, "half a sample": wavHead + 2, "before the file": -1} {
		if n, err := w.WriteAt(make([]byte, 8), at); err == nil || n != 0 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	if n, err := w.WriteAt(make([]byte, 7), wavHead); err == nil || n != 0 {
		t.Errorf("half a sample: %d, %v", n, err)
	}
	if n, err := w.WriteAt(make([]byte, wavHead+8), 0); err != nil || n != wavHead+8 || w.Samples() != 2 {
		t.Errorf("header and sound at once: %d, %v, %d samples", n, err, w.Samples())
	}
	if _, err := w.WriteAt(make([]byte, 4*(LookBack+1)), wavHead+8); err != nil {
		t.Fatal(err)
	}
	if n, err := w.WriteAt(make([]byte, 8), wavHead); err == nil || n != 0 {
		t.Errorf("too old: %d, %v", n, err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Errorf("a second end: %v", err)
	}
	if _, err := w.WriteAt(make([]byte, 8), wavHead+8); err == nil {
		t.Error("it writes behind the end")
	}
	for _, f := range []Format{{Frame: 0, Rate: 8000}, {Frame: 17, Rate: 8000}, {Frame: 4}} {
		if _, err := NewWriter(f); err == nil {
			t.Errorf("it takes %+v", f)
		}
	}
}

// TestFailingDisk writes to a disk that fails now and then, in the middle of a write or before it.
// After each step the file plays what WriteAt has said is in it; and no nonce is ever used for two
// frames, among those too that the disk never took.
func TestFailingDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const unit = 4
		w, err := NewWriter(testFormat(unit))
		if err != nil {
			t.Fatal(err)
		}
		m := new(memory)
		cuts := rapid.Bool().Draw(t, "the file can be cut")
		if cuts {
			w.Onto(m)
		} else {
			w.Onto(bare{m})
		}
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		sick := false
		m.fail = func(b []byte, _ int64) (int, error) {
			switch {
			case !sick || dice.IntN(3) == 0:
				return len(b), nil
			case dice.IntN(4) == 0:
				return dice.IntN(len(b)), nil // short, and no error
			}
			return dice.IntN(len(b) + 1), errDisk
		}
		m.cut = func() error {
			if sick && dice.IntN(2) == 0 {
				return errDisk
			}
			return nil
		}
		var sound []byte
		for range rapid.IntRange(1, 30).Draw(t, "writes") {
			sick = dice.IntN(2) == 0
			end := len(sound) / unit
			first := max(0, end-dice.IntN(LookBack>>dice.IntN(12)+1))
			if first < end-LookBack {
				first = end
			}
			p := noise(dice, unit*(1+dice.IntN(3*FrameSamples)))
			n, err := w.WriteAt(p, wavHead+int64(first*unit))
			if n%unit != 0 || err == nil && n < len(p) {
				t.Fatalf("%d of %d, %v", n, len(p), err)
			}
			if n > 0 {
				sound = overlay(sound, p[:n], first*unit)
			}
			judge(t, w, m.b[:min(int64(len(m.b)), w.Size())], sound, Cut)
			if w.headed && (cuts || err == nil && len(m.tried) == 1) {
				judge(t, w, m.b, sound, Cut)
			}
		}
		sick = false
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		if int64(len(m.b)) > w.Size() && cuts {
			t.Error("there are bytes behind the end")
		}
		judge(t, w, m.b[:w.Size()], sound, Complete)
		seen := map[uint64]bool{}
		frames := 0
		for _, b := range m.tried {
			for at := 0; at+headSize <= len(b); frames++ {
				var f frame
				if string(b[:len(Magic)]) == Magic {
					break
				}
				if err := f.get(b[at:], unit); err != nil {
					t.Fatal(err)
				}
				if seen[f.counter] {
					t.Fatalf("nonce %d was used twice", f.counter)
				}
				seen[f.counter] = true
				at += f.size()
			}
		}
		if int64(frames) < w.Frames() {
			t.Fatalf("only %d frames were looked at", frames)
		}
	})
}

func judge(t *rapid.T, w *Writer, file, sound []byte, state string) {
	if !w.headed {
		return
	}
	d, err := open(file, w.Key())
	if err != nil {
		t.Fatal(err)
	}
	if d.State != state || d.Frames != w.Frames() || d.Samples != w.Samples() || d.End != w.Size() {
		t.Fatalf("the survey is %+v; the writer has %d frames, %d samples, %d bytes", d.Survey, w.Frames(), w.Samples(), w.Size())
	}
	b, err := io.ReadAll(d.Image(nil))
	if err != nil || !bytes.Equal(b, sound) {
		t.Fatalf("the sound is another: %v", err)
	}
}

// TestWriterAllocatesNothing: 500 calls are written ten times a second.
func TestWriterAllocatesNothing(t *testing.T) {
	w, err := NewWriter(testFormat(4))
	if err != nil {
		t.Fatal(err)
	}
	w.Onto(nowhere{})
	p := make([]byte, 4*800)
	at := int64(wavHead)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := w.WriteAt(p, at); err != nil {
			t.Fatal(err)
		}
		at += int64(len(p))
	}); n != 0 {
		t.Errorf("%v allocations a write", n)
	}
}

type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// BenchmarkFlush is what writing 100 ms of a call costs, the kernel's part included.
func BenchmarkFlush(b *testing.B) {
	for _, encrypted := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "encrypted"}[encrypted]
		b.Run(name, func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "CALL"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close() // only a benchmark
			var to io.WriterAt = f
			if encrypted {
				w, err := NewWriter(testFormat(4))
				if err != nil {
					b.Fatal(err)
				}
				w.Onto(f)
				to = w
			}
			p := make([]byte, 4*800)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			at := int64(wavHead)
			for b.Loop() {
				if at > 64<<20 {
					b.StopTimer()
					if err := f.Truncate(0); err != nil {
						b.Fatal(err)
					}
					at = wavHead
					if encrypted {
						w, err := NewWriter(testFormat(4))
						if err != nil {
							b.Fatal(err)
						}
						w.Onto(f)
						to = w
					}
					b.StartTimer()
				}
				if _, err := to.WriteAt(p, at); err != nil {
					b.Fatal(err)
				}
				at += int64(len(p))
			}
		})
	}
}
