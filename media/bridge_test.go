package media

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

// A scene is two telephones that are put through to each other: b speaks, a's telephone hears.
func scene(t testing.TB) (s *studio, a, b *actor) {
	s = newStudio(t)
	a, b = s.enter(call.RoleCaller, call.PCMA), s.enter(call.RoleOperator, call.PCMA)
	s.pass(100 * time.Millisecond)
	a.put(b)
	for range 5 {
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
	}
	unbroken(t, a.heard())
	return s, a, b
}

var speech = tone(call.PCMA, 1000, 0, 160)

func TestLossStaysAGap(t *testing.T) {
	s, a, b := scene(t)
	b.say(call.PCMA, speech)
	s.pass(20 * time.Millisecond)
	b.seq, b.ts = b.seq+2, b.ts+2*160
	s.pass(40 * time.Millisecond)
	b.say(call.PCMA, speech)
	all := a.heard()
	if len(all) != 2 {
		t.Fatalf("%d packets were sent for two", len(all))
	}
	if d := all[1].SequenceNumber - all[0].SequenceNumber; d != 3 {
		t.Errorf("two lost packets moved the sequence on by %d, want 3", d)
	}
	if d := all[1].Timestamp - all[0].Timestamp; d != 480 {
		t.Errorf("two lost packets moved the timestamp on by %d, want 480", d)
	}
}

func TestOvertakenPacketsFindTheirPlace(t *testing.T) {
	s, a, b := scene(t)
	seq, ts := b.seq, b.ts
	for i, n := range []uint16{0, 2, 1, 1, 4, 3} {
		b.bring(8, seq+n, ts+uint32(n)*160, tone(call.PCMA, 1000, int(n), 160))
		if i%2 == 1 {
			s.pass(20 * time.Millisecond)
		}
	}
	all := a.heard()
	if len(all) != 5 {
		t.Fatalf("%d packets were sent, want 5: one came twice", len(all))
	}
	all = inOrder(all)
	unbroken(t, all)
	for i, h := range all {
		if want := tone(call.PCMA, 1000, i, 160); string(h.Payload) != string(want) {
			t.Errorf("place %d holds another packet's sound", i)
		}
	}
}

// A muted telephone sends nothing. We fill in, and when it comes back, sound goes on in its own
// time: no place of the stream is used twice, and no drift is left.
func TestAMutedPeer(t *testing.T) {
	s, a, b := scene(t)
	b.say(call.PCMA, speech)
	before := a.heard()
	const gap = 50 // frames
	s.pass(gap * 20 * time.Millisecond)
	silence := a.heard()
	if n := len(silence); n < gap-8 || n > gap-4 || len(loud(silence)) > 0 {
		t.Errorf("%d packets filled a gap of %d frames after 100 ms", n, gap)
	}
	b.ts += (gap - 1) * 160 // its clock went on
	for range 10 {
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
	}
	after := a.heard()
	if len(after) != 10 || len(loud(after)) != 10 {
		t.Fatalf("%d packets, %d of them loud, of the ten said after the gap", len(after), len(loud(after)))
	}
	unbroken(t, silence)
	unbroken(t, after)
	if d := after[0].Timestamp - before[0].Timestamp; d != gap*160 {
		t.Errorf("the sound after the gap is %d samples after that before, want %d", d, gap*160)
	}
	if last := silence[len(silence)-1]; after[0].SequenceNumber != last.SequenceNumber+1 ||
		int32(after[0].Timestamp-last.Timestamp) < 160 {
		t.Errorf("sound at %d/%d after silence at %d/%d", after[0].SequenceNumber, after[0].Timestamp, last.SequenceNumber, last.Timestamp)
	}
}

// Some telephones stop their clock while muted. They are heard again after 60 ms at most.
func TestAMutedPeerWhoseClockStoodStill(t *testing.T) {
	s, a, b := scene(t)
	a.heard()
	s.pass(2 * time.Second)
	unbroken(t, a.heard())
	for range 20 {
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
	}
	after := a.heard()
	if n := len(loud(after)); n < 16 {
		t.Errorf("%d of 20 packets were heard after the mute", n)
	}
	unbroken(t, after)
}

// A network that holds packets up and lets them go at once: what is too late is lost, and the
// stream is where it would have been.
func TestABurstAfterAStall(t *testing.T) {
	s, a, b := scene(t)
	b.say(call.PCMA, speech)
	before := a.heard()
	s.pass(300 * time.Millisecond)
	for range 15 { // 14 that were held up, and the one of now
		b.say(call.PCMA, speech)
	}
	for range 10 {
		s.pass(20 * time.Millisecond)
		b.say(call.PCMA, speech)
	}
	all := append(before, a.heard()...)
	for i := 1; i < len(all); i++ {
		if int32(all[i].Timestamp-all[i-1].Timestamp) < 160 || all[i].SequenceNumber != all[i-1].SequenceNumber+1 {
			t.Fatalf("packet %d: %d/%d after %d/%d", i, all[i].SequenceNumber, all[i].Timestamp, all[i-1].SequenceNumber, all[i-1].Timestamp)
		}
	}
	if d := all[len(all)-1].Timestamp - all[0].Timestamp; d != 25*160 {
		t.Errorf("25 frames later the stream has gone on by %d samples, want %d", d, 25*160)
	}
}

func TestAPeerThatStartsAnew(t *testing.T) {
	for name, change := range map[string]func(b *actor){
		"another SSRC":      func(b *actor) { b.ssrc, b.seq, b.ts = 7, 9, 12345 },
		"the same SSRC":     func(b *actor) { b.seq, b.ts = b.seq+20000, b.ts+1<<30 },
		"its clock jumps":   func(b *actor) { b.ts += 1 << 20 },
		"its clock is back": func(b *actor) { b.ts -= 1 << 20 },
	} {
		s, a, b := scene(t)
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
		change(b)
		for range 5 {
			b.say(call.PCMA, speech)
			s.pass(20 * time.Millisecond)
		}
		all := a.heard()
		if len(all) != 6 || !all[1].Marker {
			t.Errorf("%s: %d packets for six, marker %v", name, len(all), len(all) > 1 && all[1].Marker)
		}
		unbroken(t, all)
	}
}

func TestOtherPacketTimesAreRelayedAsTheyCome(t *testing.T) {
	for _, samples := range []int{80, 240, 320, 480} {
		s, a, b := scene(t)
		for range 20 {
			b.say(call.PCMA, tone(call.PCMA, 1000, 0, samples))
			s.pass(time.Duration(samples) * time.Second / 8000)
		}
		all := a.heard()
		if len(all) != 20 || len(all[0].Payload) != samples {
			t.Errorf("%d packets of %d samples for 20 of %d", len(all), len(all[0].Payload), samples)
		}
		unbroken(t, all)
		a.part()
		s.pass(200 * time.Millisecond)
		unbroken(t, append(all, a.heard()...))
	}
}

// What we do not send on leaves no gap: nobody must take it for a loss.
func TestWhatIsLeftOutLeavesNoGap(t *testing.T) {
	s, a, b := scene(t)
	a.remote.KeysPT = 0 // a's telephone takes no telephone-events
	frame := func() {
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
	}
	frame()
	for i, pt := range []uint8{101, 13, 96, 101} {
		payload := [][]byte{{5, 10, 0, 160}, {70}, {1, 2, 3}, {16, 10, 0, 160}}[i] // a key, comfort noise, something, a hook flash
		b.bring(pt, b.seq, b.ts, payload)
		b.seq++
		frame()
	}
	all := a.heard()
	if len(all) != 5 {
		t.Errorf("%d packets were sent, want 5", len(all))
	}
	unbroken(t, all)
	if k := <-b.Keys(); k.Digit != '5' {
		t.Errorf("key %c, want 5", k.Digit)
	}
}

// A key's packets are sent on in the same time as the sound around them (RFC 4733 §2.5.1.2).
func TestAKeyKeepsItsTime(t *testing.T) {
	s, a, b := scene(t)
	b.say(call.PCMA, speech)
	s.pass(20 * time.Millisecond)
	begin := b.ts
	for i := range 5 {
		b.bring(101, b.seq, begin, []byte{7, byte(min(i, 3)/3) << 7, 0, byte(min(i+1, 4) * 30)})
		b.seq++
		s.pass(20 * time.Millisecond)
	}
	b.ts += 5 * 160
	b.say(call.PCMA, speech)
	all := a.heard()
	if len(all) != 7 {
		t.Fatalf("%d packets were sent, want 7", len(all))
	}
	for i, h := range all[1:6] {
		if h.PayloadType != 101 || h.Timestamp-all[0].Timestamp != 160 || h.SequenceNumber-all[0].SequenceNumber != uint16(i)+1 {
			t.Errorf("key packet %d: type %d, %d samples and %d numbers after the sound", i, h.PayloadType, h.Timestamp-all[0].Timestamp, h.SequenceNumber-all[0].SequenceNumber)
		}
	}
	if d := all[6].Timestamp - all[0].Timestamp; d != 960 {
		t.Errorf("the sound after the key is %d samples after that before, want 960", d)
	}
	if n := len(b.keys); n != 1 {
		t.Errorf("%d keys for one press", n)
	}
}

// On hold the peer's sound is not sent, and time goes on.
func TestAPeerSpeaksToATelephoneOnHold(t *testing.T) {
	s, a, b := scene(t)
	b.say(call.PCMA, speech)
	s.pass(20 * time.Millisecond)
	r := a.remote
	r.Send = false
	a.connect(r)
	for range 10 {
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
	}
	r.Send = true
	a.connect(r)
	b.say(call.PCMA, speech)
	all := a.heard()
	if len(all) != 2 || !all[1].Marker || all[1].Timestamp-all[0].Timestamp != 11*160 {
		t.Errorf("%d packets; the second with marker %v, %d samples later", len(all), all[1].Marker, all[1].Timestamp-all[0].Timestamp)
	}
}

// A telephone gone mad, a thousand packets a frame, gets no more than its share.
func TestAFloodHasABudget(t *testing.T) {
	s, a, b := scene(t)
	packet := append([]byte{0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}, speech...)
	for i := range 5000 {
		packet[2], packet[3] = byte(i>>8), byte(i)
		b.takeRTP(packet, studioPhone, 0)
	}
	if n := len(a.heard()); n > tickBudget {
		t.Errorf("%d packets of a flood were sent on", n)
	}
	if dropped(s.lp.e, dropBudget) < 4800 {
		t.Errorf("%d packets were counted as too many", dropped(s.lp.e, dropBudget))
	}
	s.pass(300 * time.Millisecond)
	b.say(call.PCMA, speech)
	if n := len(loud(a.heard())); n != 1 {
		t.Error("nothing is heard after the flood")
	}
}

// A loop that was held up sends what it still can, and skips the rest.
func TestALoopThatWasHeldUp(t *testing.T) {
	s := newStudio(t)
	a := s.enter(call.RoleCaller, call.PCMA)
	s.pass(100 * time.Millisecond)
	first := a.heard()
	s.lp.now += 2 * second
	s.lp.wheel.advance(s.lp.now / millisecond)
	burst := a.heard()
	if n := len(burst); n < 1 || n > 6 {
		t.Errorf("%d packets at once after 2 s", n)
	}
	unbroken(t, burst)
	if d := burst[0].Timestamp - first[len(first)-1].Timestamp; d < 90*160 || d > 101*160 {
		t.Errorf("2 s moved the stream on by %d samples", d)
	}
}

// Each time a peer is put through and parted the stream gains a little on the clock; it must not
// add up.
func TestJoiningOftenDoesNotDrift(t *testing.T) {
	s := newStudio(t)
	a, b := s.enter(call.RoleCaller, call.PCMA), s.enter(call.RoleOperator, call.PCMA)
	for range 50 {
		s.pass(53 * time.Millisecond)
		a.put(b)
		for range 10 {
			s.pass(20 * time.Millisecond)
			b.say(call.PCMA, speech)
		}
		a.part()
	}
	all := a.heard()
	unbroken(t, all)
	length := elapsed(s.lp.now - a.out.began)
	if sent := int64(len(all) * frameLength); sent < length-320 || sent > length+320 {
		t.Errorf("%d samples were sent in a time of %d", sent, length)
	}
}

// Whatever a peer and we do, a leg's stream is one stream: each sequence number once, time that
// never goes back or lies twice on the same sample, and no more of it than the clock has.
func TestStreamIsAlwaysOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStudio(rt)
		a, b := s.enter(call.RoleCaller, call.PCMA), s.enter(call.RoleOperator, call.PCMU)
		began := s.lp.now
		var held []func()
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"say", "say", "say", "lose", "hold up", "let go", "mute", "stop", "join", "loop", "play", "key", "restart", "jump", "hold"}).Draw(rt, "do") {
			case "say":
				for range rapid.IntRange(1, 10).Draw(rt, "frames") {
					b.say(call.PCMU, speech)
					s.pass(20 * time.Millisecond)
				}
			case "lose":
				n := rapid.IntRange(1, 8).Draw(rt, "lost")
				b.seq, b.ts = b.seq+uint16(n), b.ts+uint32(n*160)
				s.pass(time.Duration(n) * 20 * time.Millisecond)
			case "hold up":
				seq, ts, ssrc := b.seq, b.ts, b.ssrc
				held = append(held, func() {
					if b.ssrc == ssrc {
						b.bring(0, seq, ts, speech)
					}
				})
				b.seq, b.ts = b.seq+1, b.ts+160
				s.pass(20 * time.Millisecond)
			case "let go":
				for _, f := range held {
					f()
				}
				held = nil
			case "mute":
				d := rapid.IntRange(1, 1000).Draw(rt, "ms")
				b.ts += uint32(d * 8)
				s.pass(time.Duration(d) * time.Millisecond)
			case "stop":
				s.pass(time.Duration(rapid.IntRange(1, 1000).Draw(rt, "ms")) * time.Millisecond)
			case "join":
				a.put(b)
			case "loop":
				a.part()
				a.stopContent()
				a.content.loop = clip("music", 700, 3)
			case "play":
				a.play(&playing{clips: []*call.Clip{clip("a", 700, 3)}, whole: true, done: make(chan struct{})})
			case "key":
				b.bring(101, b.seq, b.ts, []byte{3, 0x80, 0, 160})
				b.seq++
			case "restart":
				b.ssrc++
				b.seq, b.ts = uint16(rapid.Uint32().Draw(rt, "seq")), rapid.Uint32().Draw(rt, "ts")
			case "jump":
				b.ts += rapid.OneOf(rapid.Uint32(), rapid.Uint32Range(0, 16000)).Draw(rt, "by")
				b.say(call.PCMU, speech)
			case "hold":
				r := a.remote
				r.Send = !r.Send
				a.connect(r)
			}
		}
		judge(rt, s, a, began)
	})
}

// judge holds the stream against the rules. Jumps of the peer's clock may take the stream with
// them, all together no farther than we follow; each change of source, one frame.
func judge(t *rapid.T, s *studio, a *actor, began int64) {
	all := inOrder(a.heard())
	if len(all) == 0 {
		return
	}
	end := all[0].Timestamp
	for i, h := range all {
		if h.SSRC != all[0].SSRC {
			t.Fatalf("packet %d: another SSRC", i)
		}
		if i > 0 && h.SequenceNumber == all[i-1].SequenceNumber {
			t.Fatalf("packet %d: sequence %d twice", i, h.SequenceNumber)
		}
		if h.PayloadType == 101 {
			continue
		}
		if d := int32(h.Timestamp - end); d < 0 {
			t.Fatalf("packet %d: time goes back by %d samples", i, -d)
		}
		end = h.Timestamp + uint32(len(h.Payload))
	}
	length := int64(end - all[0].Timestamp)
	if limit := elapsed(s.lp.now-began) + farthest + 60*frameLength; length > limit {
		t.Fatalf("%d samples of stream in a time of %d", length, limit)
	}
}

// After our own stall the sockets are emptied faster than speech but not at once, where many calls
// share the loop. That is no clock that stood still: what is late is dropped, and the stream is
// where it would have been.
func TestASlowlyEmptiedQueue(t *testing.T) {
	s, a, b := scene(t)
	b.say(call.PCMA, speech)
	before := a.heard()
	s.pass(500 * time.Millisecond)
	for range 25 {
		b.say(call.PCMA, speech)
		s.pass(4 * time.Millisecond)
	}
	a.heard()
	for range 5 { // the 100 ms that emptying took
		b.say(call.PCMA, speech)
	}
	for range 10 {
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
	}
	after := a.heard()
	last := after[len(after)-1]
	if n := len(loud(after)); n < 10 {
		t.Errorf("%d packets were heard after the queue was empty", n)
	}
	if d := last.Timestamp - before[0].Timestamp; d != 40*160 {
		t.Errorf("40 frames later the stream has gone on by %d samples, want %d", d, 40*160)
	}
}

// What comes while the peer is to say nothing is not sent on, and no loss afterwards.
func TestNotReceivingLeavesNoGap(t *testing.T) {
	s, a, b := scene(t)
	b.say(call.PCMA, speech)
	s.pass(20 * time.Millisecond)
	r := b.remote
	r.Receive = false
	b.connect(r)
	for range 10 {
		b.say(call.PCMA, speech)
		s.pass(20 * time.Millisecond)
	}
	r.Receive = true
	b.connect(r)
	b.say(call.PCMA, speech)
	all := a.heard()
	if n := len(loud(all)); n != 2 {
		t.Errorf("%d packets were heard, want the first and the last", n)
	}
	for i := 1; i < len(all); i++ {
		if all[i].SequenceNumber != all[i-1].SequenceNumber+1 {
			t.Errorf("packet %d: sequence %d after %d", i, all[i].SequenceNumber, all[i-1].SequenceNumber)
		}
	}
}
