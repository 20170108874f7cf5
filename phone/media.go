package phone

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	clockHz   = 8000                  // of G.711 and of its RTP clock
	frameTime = 20 * time.Millisecond // one packet
	frameLen  = 160                   // samples in a packet
)

// Media is the sound of one call: a UDP socket of its own, paced by a goroutine of its own.
// It says silence until told otherwise. Its methods may be called from any goroutine.
type Media struct {
	p    *Phone
	rtcp *net.UDPConn
	quit chan struct{} // closed by close
	stop chan struct{} // closed by finish: no more sending

	mu      sync.Mutex
	socks   []*net.UDPConn // the last is the one in use, the others only count what strays there
	foreign *net.UDPConn   // SendFrom
	remote  netip.AddrPort
	codec   int
	event   int
	begun   bool
	closed  bool
	over    bool // finish was called
	held    bool // the peer wants nothing
	holding bool // we hold
	muted   bool
	lost    float64 // accumulates Manners.Loss

	out     outStream
	source  source
	presses []*press
	in      inStream
	keys    chan byte
	sent    Sent
}

// outStream is the RTP stream we send.
type outStream struct {
	ssrc   uint32
	seq    uint16
	ts     uint32
	marker bool
	pcm    [frameLen]int16
	coded  [frameLen]byte
	packet [12 + frameLen]byte
}

// Sent counts what a call has sent.
type Sent struct {
	Packets     int       // of sound and keys, the lost ones of Manners.Loss included
	First, Last time.Time // zero before the first
}

func random32() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:])
}

// newMedia binds an even port for sound and the odd one above it for RTCP (RFC 3550 §11).
func newMedia(p *Phone) (*Media, error) {
	m := &Media{p: p, quit: make(chan struct{}), stop: make(chan struct{}), keys: make(chan byte, 64), event: -1}
	m.out = outStream{ssrc: random32(), seq: uint16(random32()), ts: random32(), marker: true}
	m.source = silence{}
	m.in.remember = int(p.o.Remember / frameTime)
	sound, rtcp, err := p.bindPair()
	if err != nil {
		return nil, err
	}
	m.socks, m.rtcp = []*net.UDPConn{sound}, rtcp
	if !p.start(func() { m.read(sound) }) || !p.start(m.readRTCP) {
		m.close()
		return nil, errors.New("the phone is closed")
	}
	return m, nil
}

// bindPair asks the kernel for ports until it has an even one whose neighbour is free.
func (p *Phone) bindPair() (sound, rtcp *net.UDPConn, err error) {
	host, _, _ := net.SplitHostPort(p.Addr())
	ip := net.ParseIP(host)
	for range 100 {
		a, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip})
		if err != nil {
			return nil, nil, err
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		other := port + 1
		if port%2 == 1 {
			other = port - 1
		}
		b, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: other})
		if err != nil {
			a.Close()
			continue
		}
		if port%2 == 1 {
			a, b = b, a
		}
		return a, b, nil
	}
	return nil, nil, errors.New("no pair of free ports")
}

// LocalPort is the UDP port that sound is sent from and received on.
func (m *Media) LocalPort() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.socks[len(m.socks)-1].LocalAddr().(*net.UDPAddr).Port
}

// Remote is where sound is sent to; the zero value before a session description told.
func (m *Media) Remote() netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.remote
}

// Codec is the payload type that is sent, 8 (PCMA) or 0 (PCMU).
func (m *Media) Codec() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.codec
}

// advertised is the address for our session description.
func (m *Media) advertised() (host string, port int) {
	port = m.LocalPort()
	if m.p.o.PretendMediaPort != 0 {
		port = m.p.o.PretendMediaPort
	}
	return m.p.host, port
}

// point aims the sound at the peer's description.
func (m *Media) point(d sdp, codec, event int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.codec, m.event = codec, event
	m.held = d.held()
	if ip, err := netip.ParseAddr(d.host); err == nil && !ip.IsUnspecified() {
		m.remote = netip.AddrPortFrom(ip, uint16(d.port))
	}
}

func (m *Media) hold(on bool) {
	m.mu.Lock()
	m.holding = on
	m.mu.Unlock()
}

// begin starts to send.
func (m *Media) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun || m.over || m.closed {
		return
	}
	m.begun = m.p.start(m.pace)
}

// finish stops sending; what still arrives is heard until close.
func (m *Media) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.over = true
		close(m.stop)
		for _, p := range m.presses {
			close(p.done)
		}
		m.presses = nil
		m.say(silence{})
	}
}

// close frees the sockets; the goroutines end with them.
func (m *Media) close() {
	m.finish()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.closed = true
	close(m.quit)
	m.rtcp.Close()
	for _, s := range m.socks {
		s.Close()
	}
}

// pace sends a packet every 20 ms by an absolute schedule: a late tick is followed by a shorter
// wait, so the rate stays that of the clock.
func (m *Media) pace() {
	start := time.Now()
	t := time.NewTimer(0)
	defer t.Stop()
	for n := 1; ; n++ {
		select {
		case <-m.stop:
			return
		case <-t.C:
		}
		m.tick()
		if n%250 == 0 { // every 5 s (RFC 3550 §6.2)
			m.report()
		}
		t.Reset(time.Until(start.Add(time.Duration(n) * frameTime)))
	}
}

// tick sends what is due: a packet of a key, else one of sound.
func (m *Media) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	ts := m.out.ts
	m.out.ts += frameLen // the clock runs on while we are quiet
	whole := m.source.fill(m.out.pcm[:])
	if len(m.presses) > 0 {
		m.pressTick(m.presses[0], ts)
		return
	}
	if m.muted || m.held || m.holding {
		m.out.marker = true // the next packet begins a talkspurt (RFC 3551 §4.1)
		return
	}
	coded := encode(m.out.coded[:0], m.out.pcm[:], m.codec)
	m.send(m.codec, ts, m.out.marker, coded, false)
	m.out.marker = false
	if whole {
		m.say(silence{})
	}
}

// send writes one packet; twice sends the same bytes again. m.mu is held.
func (m *Media) send(pt int, ts uint32, marker bool, payload []byte, twice bool) {
	b := m.out.packet[:12+len(payload)]
	b[0], b[1] = 0x80, byte(pt)
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], m.out.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], m.out.ssrc)
	copy(b[12:], payload)
	m.out.seq++
	manners := m.p.Manners()
	if manners.Dead || manners.NoRTP || !m.remote.IsValid() {
		return
	}
	now := time.Now()
	if m.sent.Packets == 0 {
		m.sent.First = now
	}
	m.sent.Packets++
	m.sent.Last = now
	if m.lost += manners.Loss; m.lost >= 1 {
		m.lost--
		return
	}
	sock := m.socks[len(m.socks)-1]
	if m.foreign != nil {
		sock = m.foreign
	}
	sock.WriteToUDPAddrPort(b, m.remote) // an error is the peer's ICMP: nothing to do about it
	if twice {
		sock.WriteToUDPAddrPort(b, m.remote)
	}
}

// Sent counts what has been sent.
func (m *Media) Sent() Sent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent
}

// Mute stops sending packets altogether; Unmute goes on with the same stream.
func (m *Media) Mute() { m.mute(true) }

// Unmute ends Mute.
func (m *Media) Unmute() { m.mute(false) }

func (m *Media) mute(on bool) {
	m.mu.Lock()
	m.muted = on
	m.mu.Unlock()
}

// ChangePort goes on with the same stream from a new UDP port, as behind a NAT that forgot the
// old mapping. The old port stays open; what arrives there is lost and counted as Strayed.
func (m *Media) ChangePort() error {
	host, _, _ := net.SplitHostPort(m.p.Addr())
	s, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		return fmt.Errorf("phone: change port: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		s.Close()
		return errors.New("phone: change port: the call is over")
	}
	m.socks = append(m.socks, s)
	m.p.start(func() { m.read(s) })
	return nil
}

// ChangeStream goes on with a new SSRC, sequence and timestamp, as a phone that restarted its
// sound.
func (m *Media) ChangeStream() {
	m.mu.Lock()
	m.out.ssrc, m.out.seq, m.out.ts, m.out.marker = random32(), uint16(random32()), random32(), true
	m.mu.Unlock()
}

// SendFrom sends from another socket, of another address if need be, without listening there;
// nil goes back to the call's own. The caller closes it.
func (m *Media) SendFrom(conn *net.UDPConn) {
	m.mu.Lock()
	m.foreign = conn
	m.mu.Unlock()
}

// SendTo sends to another address than the one in the session description.
func (m *Media) SendTo(to netip.AddrPort) {
	m.mu.Lock()
	m.remote = to
	m.mu.Unlock()
}
