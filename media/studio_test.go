package media

import (
	"net/netip"
	"slices"
	"time"

	"github.com/pion/rtp"
	"pgregory.net/rapid"

	"hotline/call"
)

// A studio is a loop with no network and no clock of its own: time goes on when it is told to,
// and what legs send is kept. What needs exact times is tested here.
type studio struct {
	t  rapid.TB
	lp *loop
}

func newStudio(t rapid.TB) *studio {
	ports := newPortTable(PortRange{20000, 20999}, time.Minute)
	m, err := newMetrics(nil, ports)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{ports: ports, metrics: m, net: portable{}, epoch: time.Now(), quiet: quietAfter(), done: make(chan struct{})}
	lp := &loop{e: e, legs: map[*Leg]struct{}{}, wheel: newWheel(0), poller: deaf{}}
	e.loops = []*loop{lp}
	return &studio{t: t, lp: lp}
}

// pass lets time go on, in steps of the wheel.
func (s *studio) pass(d time.Duration) {
	for end := s.lp.now + int64(d); s.lp.now < end; {
		s.lp.now += millisecond
		s.lp.wheel.advance(s.lp.now / millisecond)
	}
}

// An actor is a leg in the studio, with the telephone at its other end.
type actor struct {
	*Leg
	s     *studio
	sound tape
	ctrl  tape

	ssrc uint32
	seq  uint16
	ts   uint32
}

// enter makes an actor, connected to its telephone at 192.0.2.1.
func (s *studio) enter(role call.Role, c call.Codec) *actor {
	s.t.Helper()
	a := &actor{Leg: &Leg{e: s.lp.e, o: LegOptions{Role: role}, keys: make(chan call.Key, 32)}, s: s}
	a.ssrc, a.seq, a.ts = 0xA11CE, 65500, 1<<32-3200
	a.rtp, a.rtcp = port{leg: a.Leg, socket: &a.sound}, port{leg: a.Leg, rtcp: true, socket: &a.ctrl}
	a.home.Store(s.lp)
	a.begin()
	a.control.ticks = reportTicks
	if err := a.settle(s.lp); err != nil {
		s.t.Fatal(err)
	}
	a.connect(Remote{Addr: studioPhone, Codec: c, KeysPT: 101, Send: true, Receive: true})
	return a
}

var studioPhone = netip.MustParseAddrPort("192.0.2.1:4000")

// say brings a packet from the telephone: the next of its stream.
func (a *actor) say(c call.Codec, payload []byte) {
	a.bring(uint8(c), a.seq, a.ts, payload)
	a.seq++
	a.ts += uint32(len(payload))
}

// bring brings any packet.
func (a *actor) bring(pt uint8, seq uint16, ts uint32, payload []byte) {
	a.s.t.Helper()
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: seq, Timestamp: ts, SSRC: a.ssrc},
		Payload: payload,
	}).Marshal()
	if err != nil {
		a.s.t.Fatal(err)
	}
	a.takeRTP(b, studioPhone, 0)
}

// put joins two actors as Join does.
func (a *actor) put(b *actor) {
	a.part()
	b.part()
	a.stopContent()
	b.stopContent()
	a.peer, b.peer = b.Leg, a.Leg
	a.relay, b.relay = relayRun{}, relayRun{}
}

// heard is what the telephone was sent since it was asked last, in the order of sending.
func (a *actor) heard() []heard {
	var all []heard
	for _, b := range a.sound.sent {
		var h heard
		if err := h.Unmarshal(b); err != nil {
			a.s.t.Fatal(err)
		}
		all = append(all, h)
	}
	a.sound.sent = nil
	return all
}

// inOrder is what a telephone's jitter buffer makes of it.
func inOrder(all []heard) []heard {
	if len(all) == 0 {
		return nil
	}
	first := all[0].SequenceNumber
	slices.SortStableFunc(all, func(x, y heard) int {
		return int(int16(x.SequenceNumber-first)) - int(int16(y.SequenceNumber-first))
	})
	return all
}

// A tape is a socket that keeps what is sent.
type tape struct {
	sent [][]byte
	to   []netip.AddrPort
}

func (t *tape) send(b []byte, to netip.AddrPort) error {
	t.sent, t.to = append(t.sent, slices.Clone(b)), append(t.to, to)
	return nil
}

func (*tape) attach(poller, *port) error { return nil }
func (*tape) detach(poller)              {}
func (*tape) pin(netip.AddrPort)         {}
func (*tape) unpin()                     {}
func (*tape) close()                     {}

// deaf is a poller that hears nothing.
type deaf struct{}

func (deaf) wait(int64) {}
func (deaf) wake()      {}
func (deaf) close()     {}
