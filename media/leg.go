package media

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"hotline/call"
)

// LegOptions are what a leg is made of.
type LegOptions struct {
	Call call.ID   // legs of one call share a thread; empty is allowed
	Role call.Role // whose telephone it is: the label of its losses, and how long it may be quiet

	// Where sound may come from besides the address of the SDP.
	Networks   []netip.Prefix // a carrier's media networks
	Signalling netip.Addr     // where the leg's signalling comes from; zero: not from there

	// Local is the address of ours that the other end is told, where the engine listens on all: sound
	// comes and goes by it alone. Zero, or no address of this machine: by all.
	Local netip.Addr

	// OnQuiet is called on a goroutine of its own when no RTP has come for 10 s (30 s from a
	// caller) from a peer that should be speaking and is not on hold, and again after each such
	// period. nil: nobody asks. Silence alone ends nothing: some telephones send none when muted.
	OnQuiet func()
}

// A Remote is the other end of a leg's sound, as offer and answer settled it.
type Remote struct {
	Addr   netip.AddrPort // of the SDP; zero or 0.0.0.0: not known
	RTCP   netip.AddrPort // zero: the next port of Addr
	Codec  call.Codec     // what we send
	KeysPT uint8          // payload type of telephone-event (RFC 4733) both ways; 0: none
	// Send and Receive are the direction as we see it: a peer that holds us leaves us one of
	// them or none (RFC 3264 §8.4).
	Send, Receive bool
}

// A Leg is one telephone's sound: a pair of ports, one outgoing stream from the first Connect to
// the end, and what comes in. It implements call.Audio. Its methods may be called from any
// goroutine but that of a call.Sink.
type Leg struct {
	e       *Engine
	o       LegOptions
	number  int // the even port
	keys    chan call.Key
	home    atomic.Pointer[loop] // changes under Engine.moving only
	isEnded atomic.Bool          // ended, for those who are not the loop
	last    atomic.Pointer[Report]

	// All below belongs to the loop.
	ended     bool
	settled   bool // on its loop; for a moment it is not while it moves
	rtp, rtcp port
	remote    Remote
	source    learning
	out       outgoing
	content   content
	over      overlay
	peer      *Leg
	relay     relayRun
	in        incoming
	presses   presses
	listener  *listener // nil until it was first told to listen for tones
	control   control
	tap       call.Sink
	slow      timer
	quietFrom int64 // since when the peer has owed us sound; 0: it owes none
	budget    int   // packets it may still send in this slow tick
}

// NewLeg binds a pair of ports. ErrNoPorts says that all are taken.
func (e *Engine) NewLeg(o LegOptions) (*Leg, error) {
	l := &Leg{e: e, o: o, keys: make(chan call.Key, 32)}
	if err := e.bind(l); err != nil {
		return nil, err
	}
	home := e.loopOf(o.Call)
	l.home.Store(home)
	l.begin()
	var err error
	if !l.ask(func() { err = l.settle(home) }) {
		err = ErrClosed
	}
	if err != nil {
		l.rtp.socket.close()
		l.rtcp.socket.close()
		e.ports.release(l.number, time.Now())
		return nil, fmt.Errorf("open a media leg: %w", err)
	}
	return l, nil
}

// bind takes pairs until one can be bound: a port of the range may belong to another program.
func (e *Engine) bind(l *Leg) error {
	at := e.listen
	if at.IsUnspecified() && l.o.Local.IsValid() && (at.Is6() || l.o.Local.Is4()) {
		at = l.o.Local
	}
	used, _, free := e.ports.count(time.Now())
	for range used + free + 1 {
		number, err := e.ports.take(time.Now())
		if err != nil {
			return err
		}
		l.number = number
		l.rtp, l.rtcp = port{leg: l}, port{leg: l, rtcp: true}
		if l.rtp.socket, err = e.net.open(netip.AddrPortFrom(at, uint16(number))); err == nil {
			if l.rtcp.socket, err = e.net.open(netip.AddrPortFrom(at, uint16(number+1))); err == nil {
				return nil
			}
			l.rtp.socket.close()
		}
		e.ports.release(number, time.Now())
		switch {
		case portTaken(err):
		case at != e.listen:
			at = e.listen // an address that is ours no longer
		default:
			return fmt.Errorf("bind RTP port %d: %w", number, err)
		}
	}
	return ErrNoPorts
}

// settle puts the leg on a loop: its sockets and its timers.
func (l *Leg) settle(lp *loop) error {
	if err := l.rtp.socket.attach(lp.poller, &l.rtp); err != nil {
		return err
	}
	if err := l.rtcp.socket.attach(lp.poller, &l.rtcp); err != nil {
		l.rtp.socket.detach(lp.poller)
		return err
	}
	l.settled = true
	lp.legs[l] = struct{}{}
	lp.wheel.set(&l.slow, lp.now/millisecond+slowTick)
	if l.out.started {
		l.pace()
	}
	return nil
}

// unsettle takes it off, with everything as it is: to another loop, or for good.
func (l *Leg) unsettle() {
	lp := l.loop()
	l.part()
	if l.settled {
		l.rtp.socket.detach(lp.poller)
		l.rtcp.socket.detach(lp.poller)
	}
	l.settled = false
	lp.wheel.clear(&l.slow)
	lp.wheel.clear(&l.out.timer)
	delete(lp.legs, l)
}

// loop is where the leg lives; for the loop itself.
func (l *Leg) loop() *loop { return l.home.Load() }

// do has the loop do something to the leg and does not wait. It is false if nobody will.
func (l *Leg) do(f func()) bool {
	return !l.isEnded.Load() && l.home.Load().post(command{l, f})
}

// ask has the loop do something to the leg and waits until it is done.
func (l *Leg) ask(f func()) bool {
	done := make(chan struct{})
	if !l.do(func() { defer close(done); f() }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-l.e.done:
		return false
	}
}

// Port is the even port for RTP; RTCP is on the next.
func (l *Leg) Port() int { return l.number }

// Connect says where sound goes and may come from. Called again it changes that, in the same
// outgoing stream; another address must be learned and locked anew.
func (l *Leg) Connect(r Remote) {
	r.Addr, r.RTCP = plain(r.Addr), plain(r.RTCP)
	l.ask(func() {
		if !l.ended {
			l.connect(r)
		}
	})
}

func (l *Leg) connect(r Remote) {
	lp := l.loop()
	if r.Addr != l.source.sdp {
		l.unpin()
		l.source = learning{sdp: r.Addr}
		l.control.learned = netip.AddrPort{}
	}
	if !l.remote.Send && r.Send {
		l.out.mark = true
	}
	l.remote = r
	l.quietFrom = 0
	if r.Send && r.Receive && known(r.Addr) {
		l.quietFrom = lp.now
	}
	if !l.out.started && known(r.Addr) {
		l.startStream()
	}
}

func known(a netip.AddrPort) bool {
	return a.IsValid() && !a.Addr().IsUnspecified() && a.Port() != 0
}

// Close says goodbye by RTCP, ends what goes on and lays the ports to rest. It returns when the
// sockets are closed.
func (l *Leg) Close() {
	l.ask(l.end)
}

func (l *Leg) end() {
	if l.ended {
		return
	}
	l.stopContent()
	l.sayGoodbye()
	l.countLosses()
	report := l.report()
	l.last.Store(&report)
	l.unsettle()
	l.ended = true
	l.isEnded.Store(true)
	l.tap = nil
	l.over = overlay{}
	l.rtp.socket.close()
	l.rtcp.socket.close()
	l.e.ports.release(l.number, time.Now())
}

// Keys is of call.Audio.
func (l *Leg) Keys() <-chan call.Key { return l.keys }

// Tap is of call.Audio. After it has returned the sink before is not called any more.
func (l *Leg) Tap(sink call.Sink) {
	l.ask(func() {
		if !l.ended {
			l.tap = sink
		}
	})
}

// Loop is of call.Audio.
func (l *Leg) Loop(clip *call.Clip) {
	l.do(func() {
		if !l.ended {
			l.part()
			l.stopContent()
			l.content.loop = clip
		}
	})
}

// Play is of call.Audio. On a leg whose peer's address is not known yet it waits for Connect.
func (l *Leg) Play(ctx context.Context, clips ...*call.Clip) call.Played {
	p := &playing{clips: clips, whole: true, done: make(chan struct{})}
	if !l.do(func() { l.play(p) }) {
		return call.Played{}
	}
	select {
	case <-p.done:
		return p.played
	case <-l.e.done:
		return call.Played{}
	case <-ctx.Done():
	}
	if !l.ask(func() { l.stopPlaying(p) }) {
		return call.Played{}
	}
	<-p.done
	return p.played
}

// Join is of call.Audio.
func (l *Leg) Join(peer call.Audio) error {
	other, ok := peer.(*Leg)
	if !ok || other.e != l.e || other == l {
		return errors.New("join: the peer is no other leg of this media engine")
	}
	l.e.moving.Lock()
	defer l.e.moving.Unlock()
	if l.home.Load() != other.home.Load() {
		if err := other.move(l.home.Load()); err != nil {
			return err
		}
	}
	err := call.ErrGone
	l.ask(func() {
		if l.ended || other.ended {
			return
		}
		err = nil
		if l.peer == other {
			return
		}
		l.part()
		other.part()
		l.stopContent()
		other.stopContent()
		l.peer, other.peer = other, l
		l.relay, other.relay = relayRun{}, relayRun{}
	})
	return err
}

// move takes the leg from its loop to another. Engine.moving is held.
func (l *Leg) move(to *loop) error {
	gone := false
	if !l.ask(func() {
		if gone = l.ended; !gone {
			l.unsettle()
			l.home.Store(to)
		}
	}) || gone {
		return call.ErrGone
	}
	var err error
	if !l.ask(func() {
		// Whoever asked for the end in between found the leg on its new loop already.
		if gone = l.ended; !gone {
			err = l.settle(to)
		}
	}) || gone {
		return call.ErrGone
	}
	return err
}

// part ends a Join, for both.
func (l *Leg) part() {
	if l.peer == nil {
		return
	}
	other := l.peer
	l.peer, other.peer = nil, nil
	l.goOn()
	other.goOn()
}

// Stats is of call.Audio. After the end it is what was counted until then.
func (l *Leg) Stats() call.AudioStats { return l.Report().AudioStats }

// A Report is what is known of a leg's quality: our counters, and what the peer last told of our
// stream by RTCP.
type Report struct {
	call.AudioStats
	RoundTrip    time.Duration // 0: not known
	RemoteLost   float64       // share of our packets lost on the way lately, 0 to 1
	RemoteJitter time.Duration
}

// Report is a snapshot. After the end it is what was known until then.
func (l *Leg) Report() Report {
	var r Report
	if l.ask(func() { r = l.report() }) {
		return r
	}
	if last := l.last.Load(); last != nil {
		return *last
	}
	return Report{}
}
