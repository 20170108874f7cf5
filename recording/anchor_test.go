package recording

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A packet is 20 ms that somebody said at sample spoken.
type packet struct {
	ts              uint32
	spoken, arrival int64
	fresh           bool // within 200 ms of the beginning of its source
}

// TestAxisFollowsTheCall plays five minutes, each time others, of a telephone behind a bad network: loss,
// doubling, reordering, another source taking over, pauses, and a clock that runs 100 ppm
// off. Whatever happens, sound stands within 20 ms of when it was said.
func TestAxisFollowsTheCall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		packets := badNetwork(t, 5*time.Minute)
		a := new(axis)
		for _, p := range packets {
			pos := a.place(p.ts, p.arrival)
			off := pos - p.spoken
			if !p.fresh && (off > 160 || off < -160) {
				t.Fatalf("at %d ms a packet said at %d ms was placed %d ms off", p.arrival/8, p.spoken/8, off/8)
			}
		}
	})
}

// badNetwork makes what arrives of such a call with so much speech, in the order of arrival.
func badNetwork(t *rapid.T, speech time.Duration) []packet {
	drift := rapid.Int64Range(-100, 100).Draw(t, "ppm")
	loss := rapid.IntRange(0, 20).Draw(t, "loss")
	late := rapid.IntRange(0, 20).Draw(t, "late")
	double := rapid.IntRange(0, 5).Draw(t, "double")
	seed := rapid.Uint64().Draw(t, "seed")
	dice := func(sides int) int { // xorshift: rapid's own draws are too slow for a million
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		return int(seed % uint64(sides))
	}
	if seed == 0 {
		seed = 1
	}
	var out []packet
	ts, begun := uint32(rapid.Uint32().Draw(t, "first timestamp")), int64(0)
	spoken := int64(0)
	for range speech / (20 * time.Millisecond) {
		switch dice(5000) {
		case 0: // another source, up to half a second later
			ts += 40000 + uint32(dice(1<<31))
			spoken += int64(dice(4000))
			begun = spoken
		case 1: // silence that the clock counts
			n := dice(80000)
			ts += uint32(n)
			spoken += int64(n)
		}
		if dice(100) >= loss {
			p := packet{ts: ts, spoken: spoken, arrival: spoken, fresh: spoken-begun < 1600}
			if dice(100) < late {
				p.arrival += int64(dice(480)) // up to 60 ms
			}
			out = append(out, p)
			if dice(100) < double {
				p.arrival += int64(dice(480))
				out = append(out, p)
			}
		}
		ts += 160
		spoken += 160
		// A clock that is drift ppm off says 160 samples while 160·(1 ± drift/10⁶) pass.
		if d := 1_000_000 / max(1, abs(drift)) / 160; d > 0 && dice(int(d)) == 0 {
			spoken += sign(drift)
		}
	}
	slices.SortStableFunc(out, func(a, b packet) int { return cmp.Compare(a.arrival, b.arrival) })
	return out
}

func abs(n int64) int64 { return max(n, -n) }

func sign(n int64) int64 { return int64(cmp.Compare(n, 0)) }

// TestAxisKeepsABurstInPlace: a network that held packets back for 600 ms and then lets them
// all go at once does not move what was said.
func TestAxisKeepsABurstInPlace(t *testing.T) {
	a := new(axis)
	for i := range int64(500) {
		arrival := i * 160
		if i >= 100 && i < 130 {
			arrival = 130 * 160
		}
		if pos := a.place(uint32(i*160), arrival); pos != i*160 {
			t.Fatalf("packet %d was placed at %d ms, said at %d ms", i, pos/8, i*20)
		}
	}
}

// TestAxisFollowsAPause: a telephone that stops its clock while it is muted is placed where
// it goes on, not where its clock says.
func TestAxisFollowsAPause(t *testing.T) {
	a := new(axis)
	for i := range int64(100) {
		a.place(uint32(i*160), i*160)
	}
	for i := int64(100); i < 200; i++ {
		at := i*160 + 5*8000
		if pos := a.place(uint32(i*160), at); pos != at {
			t.Fatalf("packet %d was placed at %d ms, said at %d ms", i, pos/8, at/8)
		}
	}
}
