package media

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotline/call"
)

// Two telephones that are joined hear each other's sound, whatever law each speaks.
func TestJoinedTelephonesHearEachOther(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b call.Codec
	}{{"same law", call.PCMA, call.PCMA}, {"two laws", call.PCMA, call.PCMU}} {
		onEach(t, func(t *testing.T, e *Engine) {
			pa, a := callUp(t, e, call.RoleCaller, c.a)
			pb, b := callUp(t, e, call.RoleOperator, c.b)
			if err := a.Join(b); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { pa.speak(c.a, 440, 25) })
			wg.Go(func() { pb.speak(c.b, 1000, 25) })
			wg.Wait()
			heardA := pa.until(c.name+": the operator", func(h []heard) bool { return sounds(h, 1000) >= 20 })
			heardB := pb.until(c.name+": the caller", func(h []heard) bool { return sounds(h, 440) >= 20 })
			unbroken(t, heardA)
			unbroken(t, heardB)
			if sounds(heardA, 440) > 0 || sounds(heardB, 1000) > 0 {
				t.Error("somebody hears themselves")
			}
		})
	}
}

// A leg on hold of a parted join hears nothing more of the other.
func TestPartedTelephonesDoNotHearEachOther(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
		pb, b := callUp(t, e, call.RoleOperator, call.PCMA)
		if err := a.Join(b); err != nil {
			t.Fatal(err)
		}
		pb.speak(call.PCMA, 1000, 5)
		pa.until("the operator", func(h []heard) bool { return sounds(h, 1000) >= 3 })
		a.Loop(clip("music", 600, 50))
		pa.until("music", func(h []heard) bool { return sounds(h, 600) >= 3 })
		before := sounds(pa.all(), 1000)
		pb.speak(call.PCMA, 1000, 10)
		pa.until("more music", func(h []heard) bool { return sounds(h, 600) >= 12 })
		if after := sounds(pa.all(), 1000); after != before {
			t.Errorf("%d packets of the operator came through while on hold", after-before)
		}
		unbroken(t, pa.all())
	})
}

// Keys pressed while joined go to the other telephone as keys, once, and never into the tap.
func TestKeysAreRelayedAndNeverRecorded(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
		pb, b := callUp(t, e, call.RoleOperator, call.PCMA)
		sink := &countingSink{}
		a.Tap(sink)
		if err := a.Join(b); err != nil {
			t.Fatal(err)
		}
		begin := pa.ts
		for d := uint16(160); d <= 800; d += 160 {
			pa.key('5', begin, d, false)
		}
		for range 3 {
			pa.key('5', begin, 800, true)
		}
		pb.until("the key", func(h []heard) bool {
			for _, p := range h {
				if p.PayloadType == 101 && p.Payload[0] == 5 && p.Payload[1]&0x80 != 0 {
					return true
				}
			}
			return false
		})
		select {
		case k := <-a.Keys():
			if k.Digit != '5' {
				t.Errorf("key %c", k.Digit)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the key was not delivered")
		}
		if n := sink.said.Load(); n != 0 {
			t.Errorf("%d frames of what the caller pressed went to the recorder", n)
		}
	})
}

// One press is one key: lost begins, repeated ends, and the same press by INFO do not make two.
func TestOnePressCountsOnce(t *testing.T) {
	for name, press := range map[string]func(p *telephone, l *Leg){
		"all packets": func(p *telephone, _ *Leg) {
			for d := uint16(160); d <= 640; d += 160 {
				p.key('7', 1000, d, false)
			}
			p.key('7', 1000, 640, true)
			p.key('7', 1000, 640, true)
		},
		"only the end came":     func(p *telephone, _ *Leg) { p.key('7', 1000, 640, true) },
		"the end was lost":      func(p *telephone, _ *Leg) { p.key('7', 1000, 160, false); p.key('7', 1000, 320, false) },
		"event and INFO":        func(p *telephone, l *Leg) { p.key('7', 1000, 160, false); p.key('7', 1000, 320, true); l.Press('7') },
		"INFO and then event":   func(p *telephone, l *Leg) { l.Press('7'); p.key('7', 1000, 160, false) },
		"INFO alone, lower key": func(_ *telephone, l *Leg) { l.Press('7') },
	} {
		onEach(t, func(t *testing.T, e *Engine) {
			p, l := callUp(t, e, call.RoleCaller, call.PCMA)
			press(p, l)
			next := func() byte {
				select {
				case k := <-l.Keys():
					return k.Digit
				case <-time.After(5 * time.Second):
					t.Fatalf("%s: no key came", name)
					return 0
				}
			}
			first := next()
			p.key('#', 9000, 160, false) // behind it nothing of the first can come
			if second := next(); first != '7' || second != '#' {
				t.Errorf("%s: keys %c and %c, want 7 and #", name, first, second)
			}
		})
	}
}

// Two presses of the same key are two.
func TestTwoPressesAreTwo(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		for begin := uint32(1000); begin < 9000; begin += 4000 {
			p.key('1', begin, 160, false)
			p.key('1', begin, 320, true)
		}
		for range 2 {
			select {
			case <-l.Keys():
			case <-time.After(5 * time.Second):
				t.Fatal("a press was swallowed")
			}
		}
	})
}

// The tap gets every frame that is sent and every frame that is received, with their stream's time.
func TestTapSeesBothSides(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		sink := &countingSink{}
		l.Tap(sink)
		l.Loop(clip("music", 600, 50))
		p.speak(call.PCMA, 440, 25)
		eventually(t, "both sides tapped", func() bool { return sink.said.Load() >= 25 && sink.heard.Load() >= 20 })
		l.Tap(nil)
		n := sink.said.Load()
		p.speak(call.PCMA, 440, 3)
		if after := sink.said.Load(); after != n {
			t.Errorf("%d frames came after the tap was taken off", after-n)
		}
		if sink.jumps.Load() > 0 {
			t.Error("the time of the stream that is sent jumped")
		}
	})
}

// countingSink counts what it takes.
type countingSink struct {
	said, heard, jumps atomic.Int64
	last               uint32
}

func (s *countingSink) Take(f call.Frame) {
	if f.Channel == call.Said {
		s.said.Add(1)
		return
	}
	if s.heard.Add(1) > 1 && f.Timestamp-s.last != 160 {
		s.jumps.Add(1)
	}
	s.last = f.Timestamp
}

// The relay allocates nothing a packet, tapped or not.
func TestRelayAllocatesNothing(t *testing.T) {
	for _, name := range engines() {
		t.Run(name, func(t *testing.T) {
			e := open(t, Options{Engine: name})
			pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
			deaf, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // nobody reads it: nothing allocates there
			if err != nil {
				t.Fatal(err)
			}
			defer deaf.Close()
			b := newLeg(t, e, LegOptions{Role: call.RoleOperator, Call: a.o.Call})
			b.Connect(Remote{Addr: deaf.LocalAddr().(*net.UDPAddr).AddrPort(), Codec: call.PCMU, Send: true, Receive: true})
			a.Tap(&countingSink{})
			if err := a.Join(b); err != nil {
				t.Fatal(err)
			}
			pa.speak(call.PCMA, 440, 5) // learned and locked
			packet := append([]byte{0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0xCA, 0xFE}, tone(call.PCMA, 440, 0, 160)...)
			var n float64
			a.ask(func() {
				seq := uint16(a.in.highest)
				n = testing.AllocsPerRun(500, func() {
					seq++
					packet[2], packet[3] = byte(seq>>8), byte(seq)
					packet[6], packet[7] = byte(uint32(seq)*160>>8), byte(uint32(seq)*160)
					a.budget = tickBudget
					a.takeRTP(packet, pa.addr(), 0)
				})
			})
			if n != 0 {
				t.Errorf("%v allocations a packet", n)
			}
		})
	}
}

// Where time is left out of the stream, because a joined peer went quiet or came back, the next
// packet says that it begins a talkspurt (RFC 3551 §4.1): a telephone would else wait for packets
// that never were.
func TestTimeLeftOutIsMarked(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
		pb, b := callUp(t, e, call.RoleOperator, call.PCMA)
		if err := a.Join(b); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			pb.speak(call.PCMA, 1000, 10)
			said := sounds(pa.until("the operator", func(h []heard) bool { return sounds(h, 1000) >= 1 }), 1000)
			n := len(pa.all())
			pa.until("silence in the operator's place", func(h []heard) bool { return len(h) >= n+10 })
			pb.ts += 30*160 + 40 // its clock went on meanwhile, and is not ours
			pb.speak(call.PCMA, 1000, 10)
			pa.until("the operator again", func(h []heard) bool { return sounds(h, 1000) > said })
		}
		all := pa.all()
		for i := 1; i < len(all); i++ {
			step := all[i].Timestamp - all[i-1].Timestamp
			if all[i].SequenceNumber != all[i-1].SequenceNumber+1 || step != 160 && !all[i].Marker {
				t.Errorf("packet %d of %d: %d samples after the one before, and no mark", i, len(all), step)
			}
		}
	})
}
