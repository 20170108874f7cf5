package media

import (
	"net/netip"
	"testing"
	"time"

	"hotline/call"
)

// A telephone behind a NAT sends from another port than its SDP says, at the address its
// signalling came from: it is learned, by a few packets, and sent to there.
func TestATelephoneBehindNATIsLearned(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p := newTelephone(t)
		l := newLeg(t, e, LegOptions{Role: call.RoleOperator, Signalling: netip.MustParseAddr("127.0.0.1")})
		p.dial(l)
		r := p.remote(call.PCMA)
		r.Addr = netip.MustParseAddrPort("10.9.8.7:4000") // private, from inside the NAT
		l.Connect(r)
		l.Loop(clip("music", 600, 50))
		p.speak(call.PCMA, 440, 6)
		p.until("music at the learned address", func(h []heard) bool { return sounds(h, 600) >= 3 })
	})
}

// Nobody is learned from an address that is neither the SDP's, nor the signalling's, nor the carrier's.
func TestStrangersAreNotLearnedNorHeard(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		sink := &countingSink{}
		l.Tap(sink)
		stranger := newTelephoneAt(t, "127.0.0.9")
		stranger.dial(l)
		stranger.speak(call.PCMA, 440, 10)
		p.atLeast(5)
		eventually(t, "the stranger's packets are dropped", func() bool {
			return dropped(e, dropStranger) >= 10 || sink.said.Load() > 0
		})
		if n := sink.said.Load(); n > 0 {
			t.Errorf("%d packets of a stranger were heard", n)
		}
		if n := len(stranger.all()); n > 0 {
			t.Errorf("the stranger was sent %d packets", n)
		}
	})
}

// Who speaks before the answer is not heard, but is no stranger: nobody has to look for a network
// that is missing in the configuration.
func TestSoundBeforeTheAnswerIsEarly(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		l := newLeg(t, e, LegOptions{Role: call.RoleOperator, Call: call.NewID()})
		p := newTelephone(t)
		p.dial(l)
		p.speak(call.PCMA, 440, 5)
		eventually(t, "the packets before the answer are counted", func() bool { return dropped(e, dropEarly) == 5 })
		l.Connect(p.remote(call.PCMA))
		l.Loop(clip("music", 600, 50))
		p.speak(call.PCMA, 440, 5)
		p.until("music", func(h []heard) bool { return sounds(h, 600) >= 3 })
		if n := dropped(e, dropStranger); n != 0 {
			t.Errorf("%d packets of a stranger", n)
		}
	})
}

// Once locked, another port of the same address is not believed while the first still speaks.
func TestALockedSourceStays(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		l.Loop(clip("music", 600, 50))
		p.speak(call.PCMA, 440, 5)
		thief := newTelephone(t) // same address, another port
		thief.dial(l)
		thief.ssrc = 0xBAD
		done := make(chan struct{})
		go func() { defer close(done); thief.speak(call.PCMA, 1000, 20) }()
		p.speak(call.PCMA, 440, 20)
		<-done
		if n := len(thief.all()); n > 0 {
			t.Errorf("the other port was sent %d packets", n)
		}
	})
}

// After two seconds without the locked source another port of the same address is learned: a NAT
// has changed its mind in mid-call.
func TestAPortThatChangesInMidCallIsLearned(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		l.Loop(clip("music", 600, 50))
		p.speak(call.PCMA, 440, 5)
		moved := newTelephone(t)
		moved.dial(l)
		moved.ssrc, moved.seq, moved.ts = p.ssrc, p.seq, p.ts
		began := time.Now()
		for len(moved.all()) == 0 && time.Since(began) < 10*time.Second {
			moved.speak(call.PCMA, 440, 5)
		}
		if took := time.Since(began); len(moved.all()) == 0 || took < 1500*time.Millisecond {
			t.Errorf("%d packets at the new port after %s; want some, not before 2 s", len(moved.all()), took)
		}
	})
}

// A pair of ports rests after a call, so that old sound cannot enter the next one; when the range
// runs short, the longest rested goes first, never under two seconds.
func TestPortsRest(t *testing.T) {
	now := time.Now()
	table := newPortTable(PortRange{20000, 20003}, 30*time.Second)
	a, _ := table.take(now)
	b, _ := table.take(now)
	if a == b || a&1 == 1 {
		t.Fatalf("pairs %d and %d", a, b)
	}
	if _, err := table.take(now); err != ErrNoPorts {
		t.Errorf("a third pair of two: %v", err)
	}
	table.release(a, now)
	table.release(b, now.Add(time.Second))
	if _, err := table.take(now.Add(1900 * time.Millisecond)); err != ErrNoPorts {
		t.Errorf("a pair was given out after 1.9 s of rest: %v", err)
	}
	if p, err := table.take(now.Add(2100 * time.Millisecond)); err != nil || p != a {
		t.Errorf("after 2.1 s, with none free: pair %d, %v; want the longest rested, %d", p, err, a)
	}
	if used, resting, free := table.count(now.Add(32 * time.Second)); used != 1 || resting != 0 || free != 1 {
		t.Errorf("used %d, resting %d, free %d", used, resting, free)
	}
}

// What somebody still sends to a port after its call is not heard in the next call there.
func TestOldSoundDoesNotEnterTheNextCall(t *testing.T) {
	for _, name := range engines() {
		t.Run(name, func(t *testing.T) {
			e := open(t, Options{Engine: name, Ports: PortRange{32000, 32001}, Rest: 10 * time.Millisecond})
			old, l := callUp(t, e, call.RoleCaller, call.PCMA)
			old.speak(call.PCMA, 440, 5)
			l.Close()
			var next *Leg
			eventually(t, "the pair is free again", func() bool {
				var err error
				next, err = e.NewLeg(LegOptions{Role: call.RoleCaller})
				return err == nil
			})
			t.Cleanup(next.Close)
			sink := &countingSink{}
			next.Tap(sink)
			p := newTelephoneAt(t, "127.0.0.7")
			p.dial(next)
			next.Connect(p.remote(call.PCMA))
			old.speak(call.PCMA, 440, 10) // never heard of the BYE
			p.atLeast(10)
			if n := sink.said.Load(); n > 0 {
				t.Errorf("%d packets of the last call's caller were heard in this one", n)
			}
		})
	}
}

// OnQuiet asks for a sign of life when a peer that owes us sound sends none, and not on hold.
func TestQuietPeersAreAskedFor(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		e.quiet = map[call.Role]time.Duration{call.RoleOperator: 300 * time.Millisecond}
		asked := make(chan struct{}, 10)
		p := newTelephone(t)
		l := newLeg(t, e, LegOptions{Role: call.RoleOperator, OnQuiet: func() { asked <- struct{}{} }})
		p.dial(l)
		l.Connect(p.remote(call.PCMA))
		select {
		case <-asked:
		case <-time.After(5 * time.Second):
			t.Fatal("nobody asked for a silent telephone")
		}
		held := p.remote(call.PCMA)
		held.Receive = false
		l.Connect(held)
		l.ask(func() {}) // the hold has been taken
		for len(asked) > 0 {
			<-asked
		}
		p.atLeast(len(p.all()) + 50) // a second of our sound
		if len(asked) > 0 {
			t.Error("a telephone on hold was asked for")
		}
	})
}
