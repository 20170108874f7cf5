package recording

import (
	"testing"
	"time"

	"hotline/call"
)

// TestRingGivesBackWhatItTook, in the order it came.
func TestRingGivesBackWhatItTook(t *testing.T) {
	p := newPool()
	p.enter()
	var q ring
	for i := range 500 {
		f := call.Frame{Channel: call.Channel(i % 2), Codec: call.PCMA, Timestamp: uint32(i), Payload: make([]byte, 1+i%160)}
		f.Payload[0] = byte(i)
		q.add(f, time.Duration(i)*time.Millisecond, p)
	}
	in, i := q.take(), 0
	for b := in.head; b != nil; b = b.next {
		b.each(func(f frame) {
			if f.timestamp != uint32(i) || f.at != time.Duration(i)*time.Millisecond || f.channel != call.Channel(i%2) ||
				len(f.payload) != 1+i%160 || f.payload[0] != byte(i) || f.codec != call.PCMA {
				t.Fatalf("frame %d came back as %+v", i, f)
			}
			i++
		})
	}
	if i != 500 {
		t.Fatalf("%d frames came back of 500", i)
	}
	if q != (ring{}) {
		t.Error("the ring is not empty")
	}
}

// TestAStallFillsTenSecondsOfEachCall and not a block more, whatever one of them does.
func TestAStallFillsTenSecondsOfEachCall(t *testing.T) {
	p := newPool()
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { p.keep(quit); close(ended) }()
	defer func() { close(quit); <-ended }()
	const calls = 20
	for range calls {
		p.enter()
	}
	rings := make([]ring, calls)
	payload := make([]byte, 160)
	second := func(q *ring, n int) {
		for i := range 50 {
			for ch := range call.Channel(2) {
				q.add(call.Frame{Channel: ch, Payload: payload}, time.Duration(n*50+i)*20*time.Millisecond, p)
			}
		}
	}
	for n := range 60 {
		second(&rings[0], n) // one call that is sent a flood
	}
	for n := range 10 {
		for c := 1; c < calls; c++ {
			second(&rings[c], n)
			soon(t, "the keeper stocks up", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.spare >= p.low() })
		}
	}
	for c := 1; c < calls; c++ {
		if !rings[c].lost[0].empty() || !rings[c].lost[1].empty() {
			t.Errorf("call %d lost %v in a stall of ten seconds", c, rings[c].lost)
		}
	}
	if lost := rings[0].lost[1]; lost.from < 10*time.Second || lost.to != 60*time.Second {
		t.Errorf("the flooded call lost %v", lost)
	}
	for c := range rings {
		p.put(rings[c].head)
	}
	if p.made > 5*p.low() {
		t.Errorf("%d blocks are kept after the stall, for nobody", p.made)
	}
}

// TestTakeAllocatesNothing, neither with room nor without.
func TestTakeAllocatesNothing(t *testing.T) {
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	f := call.Frame{Channel: call.Heard, Codec: call.PCMA, At: answered, Payload: make([]byte, 160)}
	if n := testing.AllocsPerRun(2000, func() { g.Take(f) }); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
	if g.ring.lost[call.Heard].empty() {
		t.Error("the ring never ran full: half of this test did not happen")
	}
}

// TestWhatIsOffIsNotEvenHeld: before the notice the caller's words stay out of memory too, and so
// do the digits that are read back to him.
func TestWhatIsOffIsNotEvenHeld(t *testing.T) {
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		voice, heard bool
	}{{false, true}, {true, true}, {true, false}, {false, false}, {false, true}} {
		g.Voice(c.voice, "hold")
		g.Heard(c.heard, "secret")
		for ch, want := range []bool{c.voice, c.heard} {
			g.Take(call.Frame{Channel: call.Channel(ch), Codec: call.PCMA, At: answered, Payload: make([]byte, 160)})
			if got := g.ring.take(); (got.head != nil) != want {
				t.Errorf("%v is written: %v; held in memory: %v", call.Channel(ch), want, got.head != nil)
			}
		}
	}
}

// TestNothingIsTakenAfterTheSeal: a packet or a word that comes late finds nobody, and holds no
// memory for ever.
func TestNothingIsTakenAfterTheSeal(t *testing.T) {
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealQuiet(r, g, answered.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	g.Take(call.Frame{Channel: call.Heard, Codec: call.PCMA, At: answered, Payload: make([]byte, 160)})
	g.SetLanguage("ru")
	if g.ring != (ring{}) || g.about.Language != "" {
		t.Errorf("after the seal the ring holds %d blocks, and the language is %q", g.ring.blocks, g.about.Language)
	}
	if len(r.folders.news) != 0 {
		t.Errorf("the call is sealed, and the entries of %v may not be on the disk", r.folders.news)
	}
}
