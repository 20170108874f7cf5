package recording

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/media"
)

// A memory is a file that fails when told to.
type memory struct {
	b     []byte
	fails func() (int, bool) // how much is taken all the same
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	n, failed := m.fails()
	if failed {
		p = p[:min(len(p), n)]
	}
	if need := int(off) + len(p); need > len(m.b) {
		m.b = append(m.b, make([]byte, need-len(m.b))...)
	}
	copy(m.b[off:], p)
	if failed {
		return len(p), errors.New("no space left")
	}
	return len(p), nil
}

// TestWindowIsASheetOfPaper compares what ends up in the file with a sheet on which every
// payload is written at its place, whatever their order, and however often the disk refuses.
// What was given up was told.
func TestWindowIsASheetOfPaper(t *testing.T) {
	t.Parallel()
	tables := makeTables()
	rapid.Check(t, func(t *rapid.T) {
		f := formatFor(rapid.SampledFrom([]string{PCM16, G711}).Draw(t, "format"),
			rapid.SampledFrom([]call.Codec{call.PCMA, call.PCMU}).Draw(t, "law"), tables)
		refuses := rapid.IntRange(0, 9).Draw(t, "refuses")
		file := &memory{fails: func() (int, bool) {
			if rapid.IntRange(0, 9).Draw(t, "dice") >= refuses {
				return 0, false
			}
			return rapid.IntRange(0, 70000).Draw(t, "taken"), true
		}}
		var lost []stretch
		w := newWindow(f, func(s stretch) { lost = append(lost, s) }, func(int64) {})
		w.file = file
		closed := [2][]stretch{{{8000, 12000}, {30000, forever}}, {{1000, 4000}, {4000, 9000}, {20000, 32000}}}
		var sheet [2][]int16
		now := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "packets") {
			now += rapid.Int64Range(0, 3000).Draw(t, "later")
			ch := rapid.SampledFrom([]call.Channel{call.Said, call.Heard}).Draw(t, "channel")
			c := rapid.SampledFrom([]call.Codec{call.PCMA, call.PCMU}).Draw(t, "codec")
			pos := now - rapid.Int64Range(0, 9000).Draw(t, "late")
			payload := bytes.Repeat([]byte{rapid.Byte().Draw(t, "sound")}, 160)
			w.put(ch, pos, payload, c, closed[ch])
			write(&sheet, f, ch, pos, payload, c, closed[ch])
			if rapid.Bool().Draw(t, "tick") {
				_ = w.flush() // a refusal is what is tested
			}
		}
		file.fails = func() (int, bool) { return 0, false }
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		compareSheet(t, f, file.b, sheet, lost, w.end)
	})
}

// write puts a payload on the sheet.
func write(sheet *[2][]int16, f format, ch call.Channel, pos int64, payload []byte, c call.Codec, closed []stretch) {
	pcm := make([]int16, len(payload))
	media.Decode(pcm, payload, c)
	if f.codec != codecPCM16 { // the other law loses a little
		to := call.PCMU
		if f.codec == codecALaw {
			to = call.PCMA
		}
		b := make([]byte, len(payload))
		copy(b, payload)
		media.Transcode(b, c, to)
		media.Decode(pcm, b, to)
	}
	in := func(n int64) bool {
		for _, s := range closed {
			if n >= s.from && n < s.to {
				return true
			}
		}
		return n < 0
	}
	for i, s := range pcm {
		n := pos + int64(i)
		if in(n) {
			continue
		}
		for c := range sheet {
			for int64(len(sheet[c])) <= n {
				sheet[c] = append(sheet[c], silent(f))
			}
		}
		sheet[ch][n] = s
	}
}

// silent is the sample nearest to silence in a format.
func silent(f format) int16 {
	b := make([]byte, f.frame())
	f.hush(b, 0, 1)
	return decoded(f, b)[0]
}

func compareSheet(t *rapid.T, f format, b []byte, sheet [2][]int16, lost []stretch, end int64) {
	if int64(len(b)) < f.offset(end) && end > 0 {
		t.Fatalf("the file has %d bytes, the call %d samples", len(b), end)
	}
	if end == 0 {
		return
	}
	left, right := split(decoded(f, b[f.headSize():]))
	gone := func(n int) bool {
		for _, s := range lost {
			if int64(n) >= s.from && int64(n) < s.to {
				return true
			}
		}
		return false
	}
	for c, got := range [][]int16{left, right} {
		for n, s := range got {
			want := silent(f)
			if n < len(sheet[c]) {
				want = sheet[c][n]
			}
			if s != want && !gone(n) {
				t.Fatalf("channel %d, sample %d is %d, not %d", c, n, s, want)
			}
		}
	}
}

// TestPacketsBehindTheWindowAreCounted: what comes more than two seconds late has no place.
func TestPacketsBehindTheWindowAreCounted(t *testing.T) {
	w := newWindow(formatFor(PCM16, call.PCMA, makeTables()), func(stretch) {}, func(int64) {})
	w.file = &memory{fails: func() (int, bool) { return 0, false }}
	w.grow(10 * call.ClockRate)
	payload := make([]byte, 160)
	if w.put(call.Said, 8*call.ClockRate-160, payload, call.PCMA, nil) {
		t.Error("a packet that ends where the window begins was taken")
	}
	if !w.put(call.Said, 8*call.ClockRate-159, payload, call.PCMA, nil) {
		t.Error("a packet with one sample in the window was not taken")
	}
	if !w.put(call.Said, maxSamples, payload, call.PCMA, nil) || w.end != 10*call.ClockRate {
		t.Error("a packet from beyond the longest call made the call longer")
	}
}
