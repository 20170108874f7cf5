package media

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

// lays puts clips over what an actor is sent.
func (a *actor) lays(clips ...*call.Clip) {
	a.Over(clips...)
	a.s.obey()
}

// A beep over a talk: both tones are heard while it lasts, and the stream is the same as without it
// before and after. The tap has what the telephone has.
func TestABeepOverATalk(t *testing.T) {
	for _, laws := range [][2]call.Codec{{call.PCMA, call.PCMA}, {call.PCMU, call.PCMA}, {call.PCMA, call.PCMU}, {call.PCMU, call.PCMU}} {
		s := newStudio(t)
		a, b := s.enter(call.RoleCaller, laws[0]), s.enter(call.RoleOperator, laws[1])
		s.pass(100 * time.Millisecond)
		a.put(b)
		sink := &keepingSink{}
		a.tap = sink
		quiet := tone(laws[1], 1000, 0, 160)
		say := func(n int) []heard {
			a.heard()
			for range n {
				b.say(laws[1], quiet)
				s.pass(20 * time.Millisecond)
			}
			return a.heard()
		}
		say(1) // from here on one packet follows another
		before := say(5)
		a.lays(nil, clip("beep", 600, 3), clip("", 0, 0), clip("boop", 1800, 2))
		during, after := say(5), say(5)
		unbroken(t, slices.Concat(before, during, after))
		for i, p := range during {
			hz := 600.0
			if i > 2 {
				hz = 1800
			}
			if low, voice := share(laws[0], p.Payload, hz), share(laws[0], p.Payload, 1000); low < 0.4 || voice < 0.4 {
				t.Errorf("%v: packet %d of the beep has %.2f of the beep and %.2f of the voice", laws, i, low, voice)
			}
			if !slices.ContainsFunc(sink.frames, func(f []byte) bool { return slices.Equal(f, p.Payload) }) {
				t.Errorf("%v: packet %d of the beep is not in the recording as it was sent", laws, i)
			}
		}
		for i, p := range slices.Concat(before, after) {
			if !slices.Equal(p.Payload, before[0].Payload) {
				t.Errorf("%v: packet %d outside the beep is not what the peer said", laws, i)
			}
		}
	}
}

// keepingSink keeps what a leg is sent.
type keepingSink struct{ frames [][]byte }

func (k *keepingSink) Take(f call.Frame) {
	if f.Channel == call.Heard {
		k.frames = append(k.frames, slices.Clone(f.Payload))
	}
}

// A beep is heard, too, where the peer is mute, over music, and over nothing at all; and a second one takes
// the place of the first.
func TestABeepWhereNobodySpeaks(t *testing.T) {
	s := newStudio(t)
	a, b := s.enter(call.RoleCaller, call.PCMA), s.enter(call.RoleOperator, call.PCMA)
	s.pass(200 * time.Millisecond)
	a.heard()
	for name, between := range map[string]func(){
		"nothing": func() {},
		"mute":    func() { a.put(b); s.pass(300 * time.Millisecond) },
		"music":   func() { a.Loop(clip("music", 1000, 50)); s.obey(); s.pass(300 * time.Millisecond) },
	} {
		between()
		a.heard()
		a.lays(clip("long", 2500, 50))
		s.pass(40 * time.Millisecond)
		a.heard()
		a.lays(clip("beep", 600, 5))
		s.pass(300 * time.Millisecond)
		n := 0
		for _, p := range a.heard() {
			if share(call.PCMA, p.Payload, 2500) > 0.1 {
				t.Errorf("over %s: the first one goes on", name)
			}
			if share(call.PCMA, p.Payload, 600) > 0.4 {
				n++
			}
		}
		if n != 5 {
			t.Errorf("over %s: a beep of five packets was heard in %d", name, n)
		}
	}
}

// What is sent is the sum of the two, cut at 16 bits, to the nearest step of the law; and all of the overlay,
// however the peer's packets are cut.
func TestMixingIsAddition(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		codec := rapid.SampledFrom([]call.Codec{call.PCMA, call.PCMU}).Draw(r, "codec")
		over := rapid.SliceOfN(rapid.Int16(), 1, 600).Draw(r, "over")
		l := &Leg{remote: Remote{Codec: codec}}
		cut := rapid.IntRange(0, len(over)).Draw(r, "cut")
		l.over = overlay{clips: []*call.Clip{{PCM: over[:cut]}, nil, {PCM: over[cut:]}}}
		l.over.trim()
		at := 0
		for l.over.clips != nil {
			said := rapid.SliceOfN(rapid.Byte(), 1, 480).Draw(r, "said")
			frame, voice := slices.Clone(said), make([]int16, len(said))
			Decode(voice, said, codec)
			l.mix(frame)
			got := make([]int16, len(frame))
			Decode(got, frame, codec)
			for i := range frame {
				if at == len(over) {
					if frame[i] != said[i] {
						r.Fatalf("byte %d behind the overlay was changed", i)
					}
					continue
				}
				sum := max(math.MinInt16, min(math.MaxInt16, int(voice[i])+int(over[at])))
				at++
				want := make([]int16, 1)
				coded := []byte{0}
				Encode(coded, []int16{int16(sum)}, codec)
				Decode(want, coded, codec)
				if got[i] != want[0] {
					r.Fatalf("%d + %d is %d, want %d", voice[i], over[at-1], got[i], want[0])
				}
			}
		}
		if at != len(over) {
			r.Fatalf("%d of %d samples were mixed", at, len(over))
		}
	})
}

// The keys of a code are kept from the peer, all others are passed on, and we hear of both. Packets may be
// lost, doubled and late.
func TestKeysOfACodeAreKept(t *testing.T) {
	for name, c := range map[string]struct{ pressed, passed string }{
		"the code":              {"*49", ""},
		"other keys":            {"5#8", "5#8"},
		"among others":          {"1*492", "12"},
		"twice":                 {"*49*49", ""},
		"its begin, and others": {"*4567", "567"},
		"its first key again":   {"**49", ""},
		"its end alone":         {"49", "49"},
	} {
		s := newStudio(t)
		a, b := s.enter(call.RoleCaller, call.PCMA), s.enter(call.RoleOperator, call.PCMA)
		s.pass(100 * time.Millisecond)
		a.put(b)
		b.CatchKeys("*49")
		s.obey()
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
		for i := range c.pressed {
			b.press(c.pressed[i], b.ts, 5)
			b.ts += 800
			for range 5 {
				b.say(call.PCMA, speech)
				s.pass(20 * time.Millisecond)
			}
		}
		all := a.heard()
		if got := keysIn(all); got != c.passed {
			t.Errorf("%s: the peer was told %q, want %q", name, got, c.passed)
		}
		if got := b.pressed(); got != c.pressed {
			t.Errorf("%s: we were told %q", name, got)
		}
		for i := 1; i < len(all); i++ {
			if all[i].SequenceNumber != all[i-1].SequenceNumber+1 {
				t.Fatalf("%s: sequence %d after %d: a key that was kept has left a gap", name, all[i].SequenceNumber, all[i-1].SequenceNumber)
			}
		}
	}
}

// keysIn are the presses in what a telephone was sent.
func keysIn(all []heard) (keys string) {
	last := ^uint32(0)
	for _, p := range all {
		if p.PayloadType == 101 && p.Timestamp != last {
			keys, last = keys+string(digits[p.Payload[0]]), p.Timestamp
		}
	}
	return keys
}

// Whatever the network does to the packets of presses, no packet of a kept one is passed on, and at most
// those of others are.
func TestKeptKeysStayKept(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := newStudio(r)
		a, b := s.enter(call.RoleCaller, call.PCMA), s.enter(call.RoleOperator, call.PCMA)
		s.pass(100 * time.Millisecond)
		a.put(b)
		b.CatchKeys("*49")
		s.obey()
		b.say(call.PCMA, speech)
		for range rapid.IntRange(1, 4).Draw(r, "codes") {
			for _, key := range "*49" {
				begin := b.ts
				for step := uint16(1); step <= 5; step++ {
					switch rapid.IntRange(0, 9).Draw(r, "network") {
					case 0:
						if step > 1 { // the first of all may be lost, not all of a press
							b.seq++
							continue
						}
						fallthrough
					case 1: // doubled
						b.eventNo(b.seq, byte(key), begin, 160*step, step > 3)
						b.event(byte(key), begin, 160*step, step > 3)
					case 2: // late
						b.eventNo(b.seq+1, byte(key), begin, 160*step, step > 3)
						b.eventNo(b.seq, byte(key), begin, 160*step, step > 3)
						b.seq += 2
					default:
						b.event(byte(key), begin, 160*step, step > 3)
					}
					s.pass(20 * time.Millisecond)
				}
				b.ts += 800
				for range rapid.IntRange(1, 20).Draw(r, "speech") {
					b.say(call.PCMA, speech)
					s.pass(20 * time.Millisecond)
				}
			}
		}
		if got := keysIn(a.heard()); got != "" {
			r.Errorf("the peer was told %q", got)
		}
		if got := b.pressed(); strings.Trim(got, "*49") != "" || len(got)%3 != 0 {
			r.Errorf("we were told %q", got)
		}
	})
}

// wire is a socket that sends nowhere.
type wire struct{ tape }

func (*wire) send([]byte, netip.AddrPort) error { return nil }

// relayed is a packet that goes through, over and over; beep says whether something lies over it.
func relayed(t rapid.TB, beep bool) func() {
	s := newStudio(t)
	a, b := s.enter(call.RoleCaller, call.PCMA), s.enter(call.RoleOperator, call.PCMU)
	s.pass(100 * time.Millisecond)
	a.put(b)
	a.rtp.socket = &wire{}
	b.say(call.PCMU, tone(call.PCMU, 1000, 0, 160))
	buffer := make([]byte, rtpHeader+frameLength)
	beeps := []*call.Clip{clip("beep", 600, 25)}
	seq, ts := b.seq, b.ts
	return func() {
		if beep && a.over.clips == nil {
			a.over = overlay{clips: beeps}
		}
		s.lp.now += 20 * millisecond
		b.budget = tickBudget
		p := packet{pt: 0, seq: seq, ts: ts, ssrc: b.ssrc, from: rtpHeader, to: len(buffer)}
		seq++
		ts += frameLength
		a.forward(buffer, p, call.PCMU, 0)
	}
}

// Nothing is allocated for a packet with a beep over it.
func TestMixingAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(500, relayed(t, true)); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkRelay(b *testing.B) {
	for name, beep := range map[string]bool{"alone": false, "beep": true} {
		b.Run(name, func(b *testing.B) {
			do := relayed(b, beep)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}
