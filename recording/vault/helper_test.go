package vault

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"hotline/call"
)

const wavHead = 44

// A memory is a file in memory. It remembers each write that was tried.
type memory struct {
	b     []byte
	tried [][]byte
	fail  func(b []byte, at int64) (int, error) // how much of a write is done; nil: all
	cut   func() error                          // what Truncate answers; nil: it does it
}

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	m.tried = append(m.tried, bytes.Clone(b))
	n, err := len(b), error(nil)
	if m.fail != nil {
		n, err = m.fail(b, at)
	}
	if need := int(at) + n; need > len(m.b) {
		m.b = append(m.b, make([]byte, need-len(m.b))...)
	}
	copy(m.b[at:], b[:n])
	return n, err
}

func (m *memory) Truncate(size int64) error {
	if m.cut != nil {
		if err := m.cut(); err != nil {
			return err
		}
	}
	m.b = append(m.b[:min(int(size), len(m.b))], make([]byte, max(0, int(size)-len(m.b)))...)
	return nil
}

// bare hides that a file can be cut.
type bare struct{ m *memory }

func (b bare) WriteAt(p []byte, at int64) (int, error) { return b.m.WriteAt(p, at) }

var errDisk = errors.New("input/output error")

func testFormat(unit int) Format {
	codec := map[int]string{2: "alaw", 4: "pcm16"}[unit]
	return Format{Call: call.NewID(), Codec: codec, Rate: 8000, Frame: unit, Head: wavHead}
}

// A tape is a recording as a recorder makes it, with packets that came late, and what a WAV would
// hold after each of its frames.
type tape struct {
	form  Format
	key   Key
	file  []byte
	at    []int    // where each frame begins, the final one too; last: the end of the file
	after [][]byte // the sound after each frame of sound
}

func (k *tape) sound() []byte { return k.after[len(k.after)-1] }

// states are the sound after none, one, two… frames.
func (k *tape) state(frames int64) []byte {
	if frames == 0 {
		return nil
	}
	return k.after[frames-1]
}

func record(t testing.TB, unit, samples int, seed uint64) *tape {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 7))
	w, err := NewWriter(testFormat(unit))
	if err != nil {
		t.Fatal(err)
	}
	m := new(memory)
	w.Onto(m)
	k := &tape{form: w.form, key: w.Key()}
	if _, err := w.WriteAt(make([]byte, wavHead), 0); err != nil {
		t.Fatal(err)
	}
	var sound []byte
	for len(sound) < samples*unit {
		first := len(sound) / unit
		to := min(samples, first+1+dice.IntN(2*800))
		switch dice.IntN(8) {
		case 0:
			first = max(0, first-dice.IntN(LookBack))
			to = min(to, first+FrameSamples)
		case 1, 2, 3:
			first = max(0, first-160)
		}
		to = min(to, first+FrameSamples)
		p := noise(dice, (to-first)*unit)
		if n, err := w.WriteAt(p, wavHead+int64(first*unit)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		sound = overlay(sound, p, first*unit)
		k.after = append(k.after, bytes.Clone(sound))
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	k.file = m.b
	_, n, err := unpackHeader(k.file)
	if err != nil {
		t.Fatal(err)
	}
	for at := n; at < len(k.file); {
		var f frame
		if err := f.get(k.file[at:], unit); err != nil {
			t.Fatal(err)
		}
		k.at = append(k.at, at)
		at += f.size()
	}
	k.at = append(k.at, len(k.file))
	return k
}

func noise(dice *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(dice.Uint32())
	}
	return b
}

// overlay is b with p over it from at on.
func overlay(b, p []byte, at int) []byte {
	if need := at + len(p); need > len(b) {
		b = append(b, make([]byte, need-len(b))...)
	}
	copy(b[at:], p)
	return b
}

// open opens a file in memory.
func open(b []byte, key Key) (*Reader, error) {
	return Open(bytes.NewReader(b), int64(len(b)), key)
}

// whole is what a reader plays of the sound, without a header. It fails on any loss.
func whole(t testing.TB, d *Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(d.Image(nil))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// onDisk puts bytes into a file and gives its folder.
func onDisk(t testing.TB, name string, b []byte) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	if b != nil {
		if err := root.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
