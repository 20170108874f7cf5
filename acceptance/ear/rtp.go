package ear

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"
)

// A Stream is the sound of one RTP stream of G.711 in a capture.
type Stream struct {
	From, To netip.AddrPort
	SSRC     uint32
	At       time.Time // when its first sample was captured
	PCM      []int16   // silence where packets are missing
	Packets  int       // that it is made of
	Lost     int       // that are missing between the first and the last
}

func (s Stream) String() string {
	return fmt.Sprintf("%s to %s, stream %08x: %d packets, %d lost, %.2f s", s.From, s.To, s.SSRC, s.Packets, s.Lost, duration(len(s.PCM)).Seconds())
}

// FromPCAP gives the sound that was sent to a UDP port, from a capture by tcpdump or tshark. That
// there is none, or more than one stream (Streams has them all), is an error.
func FromPCAP(path string, port int) ([]int16, error) {
	all, err := Streams(path)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s Stream) bool { return int(s.To.Port()) != port })
	switch len(all) {
	case 1:
		return all[0].PCM, nil
	case 0:
		return nil, fmt.Errorf("read %s: no G.711 went to port %d", path, port)
	}
	return nil, fmt.Errorf("read %s: %d streams went to port %d, choose one from Streams", path, len(all), port)
}

// Streams gives every stream of G.711 in a capture, pcap or pcapng, over Ethernet, loopback or
// Linux's "any", IPv4 or IPv6; the one that began first is the first. Packets are put in the order
// of their sequence and at the place of their timestamps.
func Streams(path string) ([]Stream, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all, err := streams(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return all, nil
}

func streams(file []byte) ([]Stream, error) {
	list, err := frames(file)
	if err != nil {
		return nil, err
	}
	type key struct {
		from, to netip.AddrPort
		ssrc     uint32
	}
	packets := make(map[key][]rtpPacket)
	for _, f := range list {
		from, to, payload := udp(f.ip())
		if p, ok := parseRTP(payload); ok {
			p.at = f.at
			k := key{from, to, p.ssrc}
			packets[k] = append(packets[k], p)
		}
	}
	var all []Stream
	for k, list := range packets {
		s := Stream{From: k.from, To: k.to, SSRC: k.ssrc}
		if s.assemble(list); s.Packets >= fewest {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Stream) int {
		return cmp.Or(a.At.Compare(b.At), a.To.Compare(b.To), cmp.Compare(a.SSRC, b.SSRC))
	})
	return all, nil
}

// fewest is how many packets make a stream. Fewer may be anything that looks like RTP.
const fewest = 5

// An rtpPacket is one of G.711.
type rtpPacket struct {
	at   time.Time
	seq  uint16
	ts   uint32
	ssrc uint32
	pcm  []int16
}

// udp gives the datagram in an IP packet; nil where there is none, or a fragment of one.
func udp(ip []byte) (from, to netip.AddrPort, payload []byte) {
	be := binary.BigEndian
	var body, source, dest []byte
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		head := 4 * int(ip[0]&15)
		if ip[9] != 17 || be.Uint16(ip[6:])&0x3FFF != 0 || head < 20 || head > len(ip) {
			return
		}
		body, source, dest = ip[head:], ip[12:16], ip[16:20]
	case len(ip) >= 40 && ip[0]>>4 == 6:
		if ip[6] != 17 { // nobody puts other headers before RTP
			return
		}
		body, source, dest = ip[40:], ip[8:24], ip[24:40]
	}
	if len(body) < 8 {
		return
	}
	size := int(be.Uint16(body[4:]))
	if size < 8 || size > len(body) {
		return
	}
	a, _ := netip.AddrFromSlice(source)
	b, _ := netip.AddrFromSlice(dest)
	return netip.AddrPortFrom(a, be.Uint16(body)), netip.AddrPortFrom(b, be.Uint16(body[2:])), body[8:size]
}

// parseRTP takes apart a packet of G.711 (RFC 3550 §5.1); false for anything else.
func parseRTP(b []byte) (p rtpPacket, ok bool) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return p, false
	}
	law := Law(b[1] & 0x7F)
	from, to := 12+4*int(b[0]&15), len(b)
	if b[0]&0x10 != 0 && from+4 <= to {
		from += 4 + 4*int(binary.BigEndian.Uint16(b[from+2:]))
	}
	if b[0]&0x20 != 0 {
		to -= int(b[len(b)-1])
	}
	if law != ALaw && law != MuLaw || from >= to {
		return p, false
	}
	be := binary.BigEndian
	return rtpPacket{seq: be.Uint16(b[2:]), ts: be.Uint32(b[4:]), ssrc: be.Uint32(b[8:]), pcm: law.decode(b[from:to])}, true
}

const (
	// Where the timestamp moves this much otherwise than the clock on the wall, the sender has begun to
	// count anew.
	anew = 5 * time.Second
	// No pause in a call is longer; a longer one is a damaged capture, and takes no time.
	longestPause = 10 * time.Minute
)

// assemble orders the packets of a stream and lays them out in time.
func (s *Stream) assemble(list []rtpPacket) {
	number := make(map[int]bool)
	last := int(list[0].seq)
	type numbered struct {
		rtpPacket
		n int // its sequence number, without its wraps
	}
	var order []numbered
	for _, p := range list {
		n := last + int(int16(p.seq-uint16(last)))
		if last = max(last, n); !number[n] {
			number[n] = true
			order = append(order, numbered{p, n})
		}
	}
	slices.SortFunc(order, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
	first := order[0]
	s.At, s.Packets = first.at, len(order)
	s.Lost = order[len(order)-1].n - first.n + 1 - len(order)
	place, before := 0, first
	for _, p := range order {
		step, passed := int(int32(p.ts-before.ts)), p.at.Sub(before.at)
		if (duration(step) - passed).Abs() > anew {
			step = samplesIn(passed)
		}
		if step < 0 || step > samplesIn(longestPause) {
			step = len(before.pcm)
		}
		place, before = place+step, p
		if missing := place + len(p.pcm) - len(s.PCM); missing > 0 {
			s.PCM = append(s.PCM, make([]int16, missing)...)
		}
		copy(s.PCM[place:], p.pcm)
	}
}

func samplesIn(d time.Duration) int { return int(d.Seconds() * rate) }
