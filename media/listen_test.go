package media

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hotline/call"
)

var _ call.ToneListener = (*Leg)(nil)

// listening makes an actor whose telephone agreed on no telephone-event, and a leg that listens.
func (s *studio) listening(c call.Codec) *actor {
	a := s.enter(call.RoleCaller, c)
	a.connect(Remote{Addr: studioPhone, Codec: c, Send: true, Receive: true})
	a.tellToListen(true)
	return a
}

func (a *actor) tellToListen(on bool) {
	a.ListenForTones(on)
	a.s.obey()
}

// obey does what the loop was told, at the time it is.
func (s *studio) obey() {
	for _, c := range s.lp.queue {
		c.do()
	}
	s.lp.queue = nil
}

// pressed are the keys delivered since it was asked last.
func (a *actor) pressed() string {
	var keys []byte
	for range len(a.keys) {
		keys = append(keys, (<-a.keys).Digit)
	}
	return string(keys)
}

// A spoken is a packet of sound that is on its way.
type spoken struct {
	pt      uint8
	seq     uint16
	ts      uint32
	payload []byte
}

// packets cuts sound into packets, the next of the actor's stream.
func (a *actor) packets(c call.Codec, pcm []int16, frame int) []spoken {
	var all []spoken
	for part := range slices.Chunk(pcm, frame) {
		p := spoken{pt: uint8(c), seq: a.seq, ts: a.ts, payload: make([]byte, len(part))}
		Encode(p.payload, part, c)
		all = append(all, p)
		a.seq++
		a.ts += uint32(len(part))
	}
	return all
}

// arrive brings packets at the pace of speech.
func (a *actor) arrive(all []spoken) {
	for _, p := range all {
		a.bring(p.pt, p.seq, p.ts, p.payload)
		a.s.pass(time.Duration(len(p.payload)) * time.Second / call.ClockRate)
	}
}

// number is the sound of keys pressed one after another, as telephones do it.
func number(keys string, on, off int) []int16 {
	var presses []dialled
	for i := range len(keys) {
		p := usual(keys[i])
		p.on, p.off = on, off
		presses = append(presses, p)
	}
	return dial(rand.New(rand.NewPCG(9, 10)), 467, 25, presses...)
}

// What happens to packets on their way does not change the keys.
func TestTonesInPackets(t *testing.T) {
	const keys = "550"
	each := func(do func(all []spoken, i int) []spoken) func([]spoken) [][]spoken {
		return func(all []spoken) (variants [][]spoken) {
			for i := 3; i < len(all)-3; i++ {
				variants = append(variants, do(slices.Clone(all), i))
			}
			return variants
		}
	}
	for name, fate := range map[string]func([]spoken) [][]spoken{
		"all arrive":   func(all []spoken) [][]spoken { return [][]spoken{all} },
		"one lost":     each(func(all []spoken, i int) []spoken { return slices.Delete(all, i, i+1) }),
		"one doubled":  each(func(all []spoken, i int) []spoken { return slices.Insert(all, i, all[i]) }),
		"two exchange": each(func(all []spoken, i int) []spoken { all[i], all[i+1] = all[i+1], all[i]; return all }),
		"one is overtaken by two": each(func(all []spoken, i int) []spoken {
			all[i], all[i+1], all[i+2] = all[i+1], all[i+2], all[i]
			return all
		}),
		"one comes when nobody waits any more": each(func(all []spoken, i int) []spoken {
			late := all[i]
			all = slices.Delete(all, i, i+1)
			return slices.Insert(all, min(i+5, len(all)), late)
		}),
		"every other pair exchanges": func(all []spoken) [][]spoken {
			for i := 0; i+1 < len(all); i += 2 {
				all[i], all[i+1] = all[i+1], all[i]
			}
			return [][]spoken{all}
		},
	} {
		for _, ms := range []int{10, 20, 30, 40, 60} {
			t.Run(fmt.Sprintf("%s, packets of %d ms", name, ms), func(t *testing.T) {
				t.Parallel()
				// Where a packet is lost, a press and a pause must be longer than it by 50 ms.
				long := max(800, (ms+50)*8)
				s := newStudio(t)
				for i, codec := range bothLaws {
					a := s.listening(codec)
					for j, all := range fate(a.packets(codec, number(keys, long, long), ms*8)) {
						b := s.listening(codec)
						b.arrive(all)
						if got := b.pressed(); got != keys {
							t.Errorf("law %d, the %d. packet: keys %q, want %q", i, j+3, got, keys)
						}
						b.end()
					}
				}
			})
		}
	}
}

// A pause of which a packet is lost is a pause, and a press of which one is lost is one press.
func TestTonesOfWhichAPacketIsLost(t *testing.T) {
	const on, off = 5, 2 // packets of 20 ms
	for lost := 1; lost < on+off; lost++ {
		a := newStudio(t).listening(call.PCMA)
		all := a.packets(call.PCMA, number("77", on*160, off*160)[467:], 160)
		a.arrive(slices.Delete(all, lost, lost+1))
		if got := a.pressed(); got != "77" {
			t.Errorf("packet %d: keys %q, want 77", lost, got)
		}
	}
}

// A telephone that sends nothing in a pause presses twice all the same, with comfort noise and without.
func TestTonesOfATelephoneThatSavesSilence(t *testing.T) {
	for _, noise := range []bool{false, true} {
		for _, ms := range []uint32{60, 500} {
			s := newStudio(t)
			a := s.listening(call.PCMA)
			for range 2 {
				a.arrive(a.packets(call.PCMA, number("7", 800, 0)[467:], 160))
				if noise {
					a.bring(comfortNoise, a.seq, a.ts, []byte{70})
					a.seq++
				}
				a.ts += ms * 8
				s.pass(time.Duration(ms) * time.Millisecond)
			}
			if got := a.pressed(); got != "77" {
				t.Errorf("pause of %d ms, comfort noise %v: keys %q, want 77", ms, noise, got)
			}
		}
	}
}

// A press whose last packets overtook each other is told though nothing comes behind it.
func TestTonesThatEndInDisorder(t *testing.T) {
	s := newStudio(t)
	a := s.listening(call.PCMU)
	all := a.packets(call.PCMU, number("3", 640, 0)[467:], 160)
	all = append(all[:1], all[2:]...) // the second never comes: the last two wait for it
	a.arrive(all)
	s.pass(time.Second)
	if got := a.pressed(); got != "3" {
		t.Errorf("keys %q, want 3", got)
	}
}

// Nobody is listened to who was not told to be, or whose telephone agreed on telephone-event.
func TestTonesAreHeardOnlyWhenAsked(t *testing.T) {
	s := newStudio(t)
	a := s.listening(call.PCMA)
	press := func(want, why string) {
		t.Helper()
		a.arrive(a.packets(call.PCMA, number("4", 800, 800), 160))
		if got := a.pressed(); got != want {
			t.Errorf("%s: keys %q, want %q", why, got, want)
		}
	}
	press("4", "told to listen")
	a.tellToListen(false)
	press("", "told to stop")
	a.tellToListen(true)
	press("4", "told again")
	r := a.remote
	r.KeysPT = 101
	a.connect(r)
	press("", "telephone-event was agreed")
	a.tellToListen(false)
	a.tellToListen(true)
	press("", "told again, telephone-event was agreed")
	r.KeysPT = 0
	a.connect(r)
	press("4", "telephone-event was taken back")
	r.Receive = false
	a.connect(r)
	press("", "we hold the telephone")
	if b := s.enter(call.RoleCaller, call.PCMA); b.listener != nil {
		t.Error("a leg listens that nobody told to")
	}
}

// A key that is held while one question ends and the next begins is one press, and belongs to the first.
func TestAToneThatIsHeldAcrossQuestions(t *testing.T) {
	s := newStudio(t)
	a := s.listening(call.PCMA)
	all := a.packets(call.PCMA, number("6", 8000, 1600), 160)
	a.arrive(all[:15])
	a.tellToListen(false)
	a.arrive(all[15:30])
	a.tellToListen(true)
	a.arrive(all[30:])
	if got := a.pressed(); got != "6" {
		t.Errorf("keys %q, want 6", got)
	}
	// Held over the end of listening, and let go: the next press counts.
	a.arrive(a.packets(call.PCMA, number("6", 1600, 0), 160))
	a.tellToListen(false)
	a.arrive(a.packets(call.PCMA, number("66", 800, 800), 160))
	a.tellToListen(true)
	a.arrive(a.packets(call.PCMA, number("6", 800, 800), 160))
	if got := a.pressed(); got != "66" {
		t.Errorf("keys %q, want 66", got)
	}
}

// A press that is in the sound and comes by INFO is one, whichever is first; two presses are two.
func TestTonesAndINFO(t *testing.T) {
	info := func(a *actor, digit byte) {
		a.Press(digit)
		a.s.obey()
	}
	for name, c := range map[string]struct {
		want string
		do   func(a *actor, sound func(keys string, on int))
	}{
		"INFO first":                {"8", func(a *actor, sound func(string, int)) { info(a, '8'); sound("8", 800) }},
		"the tone first":            {"8", func(a *actor, sound func(string, int)) { sound("8", 800); info(a, '8') }},
		"INFO at the end of 3 s":    {"8", func(a *actor, sound func(string, int)) { sound("8", 24000); info(a, '8') }},
		"two presses, told twice":   {"88", func(a *actor, sound func(string, int)) { info(a, '8'); sound("88", 800); info(a, '8') }},
		"another key by INFO":       {"89", func(a *actor, sound func(string, int)) { sound("8", 800); info(a, '9') }},
		"INFO long after the tone":  {"88", func(a *actor, sound func(string, int)) { sound("8", 800); a.s.pass(time.Second); info(a, '8') }},
		"three presses, one by one": {"888", func(a *actor, sound func(string, int)) { sound("888", 800); info(a, '8'); info(a, '8') }},
	} {
		a := newStudio(t).listening(call.PCMA)
		c.do(a, func(keys string, on int) { a.arrive(a.packets(call.PCMA, number(keys, on, 800), 160)) })
		if got := a.pressed(); got != c.want {
			t.Errorf("%s: keys %q, want %q", name, got, c.want)
		}
	}
}

// Through sockets, at the pace of a telephone, also while the caller is joined to somebody.
func TestTonesOfATelephone(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMU)
		r := p.remote(call.PCMU)
		r.KeysPT = 0
		l.Connect(r)
		l.ListenForTones(true)
		_, other := callUp(t, e, call.RoleOperator, call.PCMA)
		if err := l.Join(other); err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		const keys = "19#"
		for part := range slices.Chunk(number(keys, 640, 640), 160) {
			b := make([]byte, len(part))
			Encode(b, part, call.PCMU)
			p.say(call.PCMU, b)
			<-tick.C
		}
		for i := range keys {
			select {
			case k := <-l.Keys():
				if k.Digit != keys[i] || time.Since(k.At) > 10*time.Second {
					t.Errorf("key %c at %v, want %c", k.Digit, k.At, keys[i])
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("key %c was not heard", keys[i])
			}
		}
	})
}

// Listening allocates nothing a packet, in order or not.
func TestListeningAllocatesNothing(t *testing.T) {
	s := newStudio(t)
	a := s.listening(call.PCMA)
	all := a.packets(call.PCMA, number("12", 800, 800), 160)[:20]
	l, shift := a.Leg, uint16(0)
	if n := testing.AllocsPerRun(50, func() {
		for i := range all {
			p := &all[i^1]
			l.listen(packet{pt: p.pt, seq: p.seq + shift, ts: p.ts + uint32(shift)*160}, p.payload)
		}
		shift += uint16(len(all))
		for len(l.keys) > 0 {
			<-l.keys
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d packets", n, len(all))
	}
}

// Whatever came before, however mangled, nothing breaks, no key is told that takes less than 30 ms
// of sound, and a clean press behind a silence is told once.
func FuzzListen(f *testing.F) {
	f.Add([]byte{1, 160, 0, 5, 1, 160, 0, 5, 1, 160, 0, 5})
	f.Add([]byte{2, 255, 9, 1, 0, 80, 200, 7, 3, 1, 0, 0, 129, 240, 1, 14, 128, 3, 255, 15})
	f.Add([]byte{50, 0, 1, 3, 250, 255, 255, 3, 1, 255, 0, 3, 3, 255, 0, 3, 2, 255, 0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		a := newStudio(t).listening(call.PCMA)
		samples := 0
		for ; len(b) >= 4 && samples < 1e5; b = b[4:] {
			// How the number goes on, how long it is, how the time goes on, and which key it is.
			a.seq += uint16(int8(b[0]))
			a.ts += uint32(int32(int8(b[2]))) * 40
			key := usual(toneKeys[b[3]&15])
			key.on, key.off = int(b[1])*5, 0
			pcm := dial(rand.New(rand.NewPCG(1, uint64(b[3]))), 0, 0, key)
			codec := bothLaws[b[3]>>7]
			payload := make([]byte, len(pcm))
			Encode(payload, pcm, codec)
			a.bring(uint8(codec), a.seq, a.ts, payload)
			samples += len(payload)
			a.ts += uint32(len(payload))
			a.seq++
			a.budget = tickBudget
		}
		if got := a.pressed(); len(got)*3*toneBlock > samples {
			t.Fatalf("keys %q of %d samples", got, samples)
		}
		a.seq = uint16(a.in.highest) + 100
		a.ts += 1 << 20
		a.arrive(a.packets(call.PCMA, make([]int16, 4000), 160))
		a.pressed()
		a.arrive(a.packets(call.PCMA, number("2", 800, 800), 160))
		if got := a.pressed(); got != "2" {
			t.Fatalf("keys %q, want 2", got)
		}
	})
}

// What a 20 ms packet costs while somebody is listened to.
func BenchmarkListen(b *testing.B) {
	for name, pcm := range map[string][]int16{"silence": make([]int16, 16000), "keys": number("0123456789", 800, 800)} {
		b.Run(name, func(b *testing.B) {
			a := newStudio(b).listening(call.PCMA)
			all := a.packets(call.PCMA, pcm, 160)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				p := &all[i%len(all)]
				a.listen(packet{pt: p.pt, seq: uint16(i), ts: uint32(i) * 160}, p.payload)
				for len(a.keys) > 0 {
					<-a.keys
				}
			}
		})
	}
}
