package media

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
)

// engines are all ways to the wire that this system has: each test of sound runs on each.
func engines() []string {
	if bestNetwork().name() == "portable" {
		return []string{"portable"}
	}
	return []string{bestNetwork().name(), "portable"}
}

// onEach runs a test on a fresh engine of each kind.
func onEach(t *testing.T, test func(t *testing.T, e *Engine)) {
	for _, name := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, Options{Engine: name}))
		})
	}
}

func open(t testing.TB, o Options) *Engine {
	t.Helper()
	if !o.Listen.IsValid() {
		o.Listen = netip.MustParseAddr("127.0.0.1")
	}
	if o.Ports == (PortRange{}) {
		o.Ports = PortRange{12000, 31999}
	}
	if o.Threads == 0 {
		o.Threads = 2
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewPedanticRegistry()
	}
	o.Log = zap.NewNop()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// A heard is a packet that a telephone has got.
type heard struct {
	rtp.Packet
	at time.Time
}

// A telephone is the far end of a leg: a socket that keeps all it gets, and says what it is told.
type telephone struct {
	t    testing.TB
	conn *net.UDPConn
	leg  *Leg
	to   netip.AddrPort

	seq  uint16
	ts   uint32
	ssrc uint32

	mu    sync.Mutex
	heard []heard
	news  chan struct{}
}

func newTelephone(t testing.TB) *telephone { return newTelephoneAt(t, "127.0.0.1") }

func newTelephoneAt(t testing.TB, ip string) *telephone {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	p := &telephone{t: t, conn: conn, seq: 65530, ts: 1<<32 - 1000, ssrc: 0xCAFE, news: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			h := heard{at: time.Now()}
			if err := h.Unmarshal(append([]byte(nil), b[:n]...)); err != nil {
				t.Errorf("heard what is no RTP: %v", err)
				continue
			}
			p.mu.Lock()
			p.heard = append(p.heard, h)
			p.mu.Unlock()
			select {
			case p.news <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return p
}

func (p *telephone) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// remote is what the telephone's SDP says.
func (p *telephone) remote(c call.Codec) Remote {
	return Remote{Addr: p.addr(), Codec: c, KeysPT: 101, Send: true, Receive: true}
}

// call makes a leg that is connected to a new telephone.
func callUp(t testing.TB, e *Engine, role call.Role, c call.Codec) (*telephone, *Leg) {
	t.Helper()
	p := newTelephone(t)
	l := newLeg(t, e, LegOptions{Role: role, Call: call.NewID()})
	p.dial(l)
	l.Connect(p.remote(c))
	return p, l
}

func newLeg(t testing.TB, e *Engine, o LegOptions) *Leg {
	t.Helper()
	l, err := e.NewLeg(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func (p *telephone) dial(l *Leg) {
	p.leg, p.to = l, netip.AddrPortFrom(l.e.Addr(), uint16(l.Port()))
}

// raw sends one packet as it is.
func (p *telephone) raw(pt uint8, seq uint16, ts uint32, marker bool, payload []byte) {
	p.t.Helper()
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: seq, Timestamp: ts, SSRC: p.ssrc, Marker: marker},
		Payload: payload,
	}).Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.WriteToUDPAddrPort(b, p.to); err != nil {
		p.t.Fatal(err)
	}
}

// say sends one frame of sound, next in its stream.
func (p *telephone) say(c call.Codec, payload []byte) {
	p.t.Helper()
	p.raw(uint8(c), p.seq, p.ts, false, payload)
	p.seq++
	p.ts += uint32(len(payload))
}

// speak says n frames of a tone at the pace of speech.
func (p *telephone) speak(c call.Codec, hz float64, n int) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range n {
		p.say(c, tone(c, hz, int(p.ts), 160))
		<-tick.C
	}
}

// key sends one packet of a press.
func (p *telephone) key(digit byte, begin uint32, duration uint16, end bool) {
	p.t.Helper()
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
	p.raw(101, p.seq, begin, duration <= 160, b)
	p.seq++
}

// all is what has been heard until now.
func (p *telephone) all() []heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]heard(nil), p.heard...)
}

// until waits for the telephone to have heard what satisfies, and returns it.
func (p *telephone) until(what string, satisfies func([]heard) bool) []heard {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		if all := p.all(); satisfies(all) {
			return all
		}
		select {
		case <-p.news:
		case <-deadline:
			p.t.Fatalf("never heard %s, but %d packets", what, len(p.all()))
		}
	}
}

func (p *telephone) atLeast(n int) []heard {
	p.t.Helper()
	return p.until("enough", func(h []heard) bool { return len(h) >= n })
}

// eventually waits for something that the engine does in its own time.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// tone is coded sound that is full of one frequency.
func tone(c call.Codec, hz float64, from, n int) []byte {
	b := make([]byte, n)
	for i, s := range toneSamples(hz, from, n) {
		if c == call.PCMA {
			b[i] = EncodeALaw(s)
		} else {
			b[i] = EncodeMuLaw(s)
		}
	}
	return b
}

func toneSamples(hz float64, from, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(12000 * math.Sin(2*math.Pi*hz*float64(from+i)/8000))
	}
	return pcm
}

func clip(key string, hz float64, frames int) *call.Clip {
	c := &call.Clip{Key: key, PCM: toneSamples(hz, 0, frames*160)}
	for _, s := range c.PCM {
		c.ALaw = append(c.ALaw, EncodeALaw(s))
		c.MuLaw = append(c.MuLaw, EncodeMuLaw(s))
	}
	return c
}

// share is how much of the energy of coded sound lies at one frequency (Goertzel), 0 to 1.
func share(c call.Codec, payload []byte, hz float64) float64 {
	pcm := make([]int16, len(payload))
	Decode(pcm, payload, c)
	var s1, s2, total float64
	w := 2 * math.Cos(2*math.Pi*hz/8000)
	for _, s := range pcm {
		x := float64(s)
		s1, s2 = x+w*s1-s2, s1
		total += x * x
	}
	if total < 1e4*float64(len(pcm)) {
		return 0 // silence has no frequency
	}
	power := (s1*s1 + s2*s2 - w*s1*s2) / (float64(len(pcm)) / 2)
	return power / total
}

// sounds counts the packets that are the tone.
func sounds(h []heard, hz float64) int {
	n := 0
	for _, p := range h {
		if p.PayloadType != 101 && share(call.Codec(p.PayloadType), p.Payload, hz) > 0.9 {
			n++
		}
	}
	return n
}

// sound joins the payloads of those packets that are loud.
func loud(h []heard) []heard {
	var out []heard
	for _, p := range h {
		pcm := make([]int16, len(p.Payload))
		Decode(pcm, p.Payload, call.Codec(p.PayloadType))
		for _, s := range pcm {
			if s > 1000 {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// unbroken fails unless the packets are one stream: one SSRC, each number and each time once and
// going on without a jump.
func unbroken(t testing.TB, all []heard) {
	t.Helper()
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.SSRC != b.SSRC {
			t.Fatalf("packet %d: SSRC changed from %x to %x", i, a.SSRC, b.SSRC)
		}
		if b.SequenceNumber != a.SequenceNumber+1 {
			t.Fatalf("packet %d: sequence %d after %d", i, b.SequenceNumber, a.SequenceNumber)
		}
		if step := b.Timestamp - a.Timestamp; step != uint32(len(a.Payload)) {
			t.Fatalf("packet %d of %d: timestamp went on by %d after %d samples", i, len(all), step, len(a.Payload))
		}
	}
}

func dropped(e *Engine, reason int) int { return int(testutil.ToFloat64(e.metrics.dropped[reason])) }
