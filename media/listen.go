package media

import (
	"hotline/call"
)

// longestFrame is the longest packet of sound that telephones send: 60 ms, in samples.
const longestFrame = 480

// forgotten is how long after the last packet nobody waits any more for one that was overtaken.
const forgotten = 100 * millisecond

// A listener hears keys in the sound of a leg. It puts packets in order before it looks at them: one
// that is passed over because it came late would be a hole in a press.
type listener struct {
	on       bool // presses are delivered
	detector toneDetector

	any  bool
	ssrc uint32
	seq  uint16 // of the next packet
	ts   uint32 // of the next packet
	at   int64  // when the last one came

	// Packets that came before their time, in order. When all places are taken, what the first of
	// them waits for is lost.
	held [3]heldFrame
	n    int
}

// A heldFrame is a packet that waits for one that it overtook.
type heldFrame struct {
	seq   uint16
	ts    uint32
	codec call.Codec
	n     int
	b     [longestFrame]byte
}

// ListenForTones is of call.ToneListener. It has no effect while telephone-event is agreed with the
// peer: a press would be told twice. A press that goes on when listening ends is followed to its
// end, and is no other one if listening begins again meanwhile.
func (l *Leg) ListenForTones(on bool) {
	var fresh *listener
	if on {
		fresh = &listener{on: true} // made here: the loop allocates nothing
	}
	l.do(func() {
		switch {
		case l.ended:
		case on && (l.listener == nil || !l.listens()):
			l.listener = fresh
		case l.listener != nil:
			l.listener.on = on
		}
	})
}

// listens says that the sound is looked at for keys.
func (l *Leg) listens() bool {
	h := l.listener
	return h != nil && l.remote.KeysPT == 0 && (h.on || h.detector.down != 0)
}

// listen takes a packet of sound, or one that stands for silence and is empty.
func (l *Leg) listen(p packet, payload []byte) {
	h := l.listener
	h.at = l.loop().now
	ahead := int16(p.seq - h.seq)
	if !h.any || h.ssrc != p.ssrc || ahead > misorder || ahead < -misorder {
		*h = listener{on: h.on, any: true, ssrc: p.ssrc, seq: p.seq, ts: p.ts, at: h.at}
		ahead = 0
	}
	switch {
	case ahead == 0:
		l.look(p.seq, p.ts, call.Codec(p.pt), payload)
	case ahead > 0:
		h.keep(p, payload)
	}
	for h.n > 0 && (h.n == len(h.held) || h.held[0].seq == h.seq) {
		l.lookAtHeld()
	}
}

// keep puts a packet among those that wait. There is a place.
func (h *listener) keep(p packet, payload []byte) {
	i := h.n
	for ; i > 0 && int16(p.seq-h.held[i-1].seq) < 0; i-- {
		h.held[i] = h.held[i-1]
	}
	h.n++
	f := &h.held[i]
	f.seq, f.ts, f.codec, f.n = p.seq, p.ts, call.Codec(p.pt), copy(f.b[:], payload)
}

func (l *Leg) lookAtHeld() {
	h := l.listener
	f := &h.held[0]
	l.look(f.seq, f.ts, f.codec, f.b[:f.n])
	h.n--
	copy(h.held[:h.n], h.held[1:])
}

// forget gives up what is waited for when nothing has come for a while: a telephone that sends no
// silence may have said all.
func (l *Leg) forget() {
	h := l.listener
	if h == nil || l.loop().now-h.at <= forgotten {
		return
	}
	for h.n > 0 {
		l.lookAtHeld()
	}
}

// look finds keys in the next packet, or in the next that has come.
func (l *Leg) look(seq uint16, ts uint32, codec call.Codec, payload []byte) {
	h := l.listener
	d := &h.detector
	switch gap := int(int32(ts - h.ts)); {
	case gap <= 0: // in time; or the clock went back, which says nothing about the sound
	case seq == h.seq:
		d.silence(gap)
	default:
		d.missing(gap)
	}
	h.seq, h.ts = seq+1, ts+uint32(len(payload))

	table := &law.fromMu
	if codec == call.PCMA {
		table = &law.fromA
	}
	for len(payload) > 0 {
		var key byte
		if key, payload = d.take(payload, table); key != 0 && h.on {
			l.pressed(key, byTone)
		}
	}
	if d.down != 0 && d.misses == 0 {
		l.presses.stillDown(d.down, byTone, l.loop().now)
	}
}
