package media

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"hotline/call"
)

// event sends a packet of a telephone-event in the actor's stream, at a time of its own.
func (a *actor) event(digit byte, begin uint32, duration uint16, end bool) {
	a.eventNo(a.seq, digit, begin, duration, end)
	a.seq++
}

func (a *actor) eventNo(seq uint16, digit byte, begin uint32, duration uint16, end bool) {
	b := []byte{0, 10, 0, 0}
	for i := range digits {
		if digits[i] == digit {
			b[0] = byte(i)
		}
	}
	if end {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], duration)
	a.bring(101, seq, begin, b)
}

// press is a whole press of so many steps of 20 ms, as telephones send it (RFC 4733 §2.5.1).
func (a *actor) press(digit byte, begin uint32, steps int) {
	for i := 1; i < steps; i++ {
		a.event(digit, begin, uint16(i*160), false)
		a.s.pass(20 * time.Millisecond)
	}
	for range 3 {
		a.event(digit, begin, uint16(steps*160), true)
	}
	a.s.pass(20 * time.Millisecond)
}

// What telephones and the ways to us do to telephone-events, and how many presses that is.
func TestPressesOfTelephones(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		do   func(a *actor)
	}{
		"first of all packets": {"5", func(a *actor) { a.press('5', 1000, 5) }},
		"all packets doubled by the network": {"5", func(a *actor) {
			for i := range 5 {
				for range 2 {
					a.eventNo(a.seq+uint16(i), '5', 1000, uint16(160+i*160), i > 2)
				}
			}
		}},
		"all packets sent again under new numbers": {"5", func(a *actor) { a.press('5', 1000, 3); a.press('5', 1000, 3) }},
		"the begin was lost":                       {"5", func(a *actor) { a.event('5', 1000, 480, false); a.event('5', 1000, 640, true) }},
		"only one of the end came":                 {"5", func(a *actor) { a.event('5', 1000, 640, true) }},
		"the end was lost":                         {"5", func(a *actor) { a.event('5', 1000, 160, false) }},
		"the end was lost, the same key again":     {"55", func(a *actor) { a.event('5', 1000, 160, false); a.press('5', 2600, 3) }},
		"the end was lost, another key":            {"56", func(a *actor) { a.event('5', 1000, 160, false); a.press('6', 1400, 3) }},
		"end lost, begin lost, the same key":       {"55", func(a *actor) { a.event('5', 1000, 480, false); a.event('5', 2920, 800, true) }},
		"quick presses without a pause": {"5566", func(a *actor) {
			a.press('5', 1000, 2)
			a.press('5', 1320, 2)
			a.press('6', 1640, 2)
			a.press('6', 1960, 2)
		}},
		"the same key 40 ms later": {"55", func(a *actor) { a.press('5', 1000, 2); a.press('5', 1640, 2) }},
		"a second press of which the end overtakes": {"55", func(a *actor) {
			a.press('5', 1000, 3)
			a.eventNo(a.seq+1, '5', 3000, 320, true)
			a.eventNo(a.seq, '5', 3000, 160, false)
		}},
		"the end comes behind the next press": {"56", func(a *actor) {
			a.event('5', 1000, 160, false)
			a.eventNo(a.seq+1, '6', 2000, 160, false)
			a.eventNo(a.seq, '5', 1000, 320, true)
		}},
		"the end comes behind the sound that follows": {"5", func(a *actor) {
			a.event('5', 1000, 160, false)
			a.seq++
			a.say(call.PCMA, speech)
			a.eventNo(a.seq-2, '5', 1000, 320, true)
		}},
		"held for 20 s, in segments":                       {"5", func(a *actor) { a.hold('5', 1000, 160000, 0) }},
		"held for 20 s, packets lost where a segment ends": {"5", func(a *actor) { a.hold('5', 1000, 160000, 12) }},
		"the time goes on with each packet":                {"5", func(a *actor) { a.moving('5', 1000, 30, 0) }},
		"the time goes on with each packet, some are lost": {"5", func(a *actor) { a.moving('5', 1000, 30, 7) }},
		"the time goes on, twice":                          {"55", func(a *actor) { a.moving('5', 1000, 5, 0); a.moving('5', 2600, 5, 0) }},
		"the time goes on with the repeated ends": {"5", func(a *actor) {
			a.event('5', 1000, 160, false)
			a.event('5', 1000, 320, true)
			a.event('5', 1160, 320, true)
			a.event('5', 1320, 320, true)
		}},
		"the clock is set back between presses":           {"567", func(a *actor) { a.press('5', 1<<30, 3); a.press('6', 1000, 3); a.press('7', 3000, 3) }},
		"numbers and clock begin anew in the same stream": {"56", func(a *actor) { a.press('5', 1<<30, 3); a.seq -= 20000; a.press('6', 1000, 3) }},
		"the clock runs over its end":                     {"56", func(a *actor) { a.press('5', 1<<32-300, 4); a.press('6', 1200, 4) }},
		"a stream of its own, sound between":              {"566", func(a *actor) { a.apart("566") }},
		"a clock that stands still":                       {"565", func(a *actor) { a.press('5', 0, 3); a.press('6', 0, 3); a.press('5', 0, 3) }},
		"flash and fax between": {"56", func(a *actor) {
			a.press('5', 1000, 2)
			a.bring(101, a.seq, 2000, []byte{16, 10, 0, 160})
			a.seq++
			a.press('6', 3000, 2)
		}},
		"the same key by INFO when it is let go after 3 s":  {"5", func(a *actor) { a.press('5', 1000, 150); a.Press('5'); a.s.obey() }},
		"the same key by INFO, and pressed again by events": {"55", func(a *actor) { a.Press('5'); a.s.obey(); a.press('5', 1000, 3); a.press('5', 3000, 3) }},
	} {
		a := newStudio(t).enter(call.RoleCaller, call.PCMA)
		c.do(a)
		if got := a.pressed(); got != c.want {
			t.Errorf("%s: keys %q, want %q", name, got, c.want)
		}
	}
}

// hold is a press so long that its time does not fit one event (RFC 4733 §2.5.1.3); lost is how
// many packets are lost where each event ends.
func (a *actor) hold(digit byte, begin uint32, samples, lost int) {
	from := 0
	for at := 160; at <= samples; at += 160 {
		if at-from > 0xFFFF {
			from += 0xFFFF
		}
		if left := (0xFFFF - (at - from)) / 160; left >= lost {
			a.event(digit, begin+uint32(from), uint16(at-from), false)
		} else {
			a.seq++
		}
		a.s.pass(20 * time.Millisecond)
	}
	a.event(digit, begin+uint32(from), uint16(samples-from), true)
}

// moving is a press of a sender that moves the timestamp on with each packet; one in lost is lost.
func (a *actor) moving(digit byte, begin uint32, steps, lost int) {
	for i := range steps {
		if lost == 0 || i%lost != lost-1 {
			a.event(digit, begin+uint32(i*160), uint16(160+i*160), i == steps-1)
		} else {
			a.seq++
		}
		a.s.pass(20 * time.Millisecond)
	}
}

// apart is presses in a stream of their own, with sound going on in another: sipp does so.
func (a *actor) apart(keys string) {
	sound, seq, begin := a.ssrc, uint16(7000), uint32(500)
	for i := range keys {
		for step := uint16(1); step <= 4; step++ {
			a.ssrc = 0xE0E0
			a.eventNo(seq, keys[i], begin, 160*step, step == 4)
			seq++
			a.ssrc = sound
			a.say(call.PCMA, speech)
			a.s.pass(20 * time.Millisecond)
		}
		begin += 1600
	}
}

// A key may be the first thing that a telephone sends, also from behind a NAT, and may have been
// pressed before we knew who may speak.
func TestAKeyBeforeAnySound(t *testing.T) {
	s := newStudio(t)
	a := &actor{Leg: &Leg{e: s.lp.e, o: LegOptions{Role: call.RoleCaller}, keys: make(chan call.Key, 32)}, s: s, ssrc: 1}
	a.rtp, a.rtcp = port{leg: a.Leg, socket: &a.sound}, port{leg: a.Leg, rtcp: true, socket: &a.ctrl}
	a.home.Store(s.lp)
	a.begin()
	if err := a.settle(s.lp); err != nil {
		t.Fatal(err)
	}
	a.event('3', 1000, 160, false)
	a.event('3', 1000, 320, false)
	if got := a.pressed(); got != "" {
		t.Errorf("keys %q of somebody unknown", got)
	}
	nat := netip.AddrPortFrom(studioPhone.Addr(), studioPhone.Port()+1)
	a.connect(Remote{Addr: nat, Codec: call.PCMA, KeysPT: 101, Send: true, Receive: true})
	a.event('3', 1000, 480, false)
	a.event('3', 1000, 640, true)
	a.event('3', 1000, 640, true)
	if got := a.pressed(); got != "3" {
		t.Errorf("keys %q, want 3", got)
	}
}
