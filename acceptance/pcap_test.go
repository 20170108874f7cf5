//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"
	"time"
)

// A press is one key at a time of the stream.
type press struct {
	at    time.Duration
	digit byte
}

// writePcap makes what sipp's play_pcap_audio sends: one RTP stream of A-law with a tone, and
// keys as telephone-event (payload type 101) in it, same SSRC, sequence and clock, as phones do.
func writePcap(t testing.TB, path string, hz float64, length time.Duration, presses ...press) {
	t.Helper()
	var out bytes.Buffer
	le := binary.LittleEndian
	head := make([]byte, 24)
	le.PutUint32(head, 0xa1b2c3d4)
	le.PutUint16(head[4:], 2)
	le.PutUint16(head[6:], 4)
	le.PutUint32(head[16:], 65535)
	le.PutUint32(head[20:], 1) // Ethernet
	out.Write(head)
	seq := uint16(1000)
	const frame = 20 * time.Millisecond
	const keyFrames = 8 // 160 ms
	for at := time.Duration(0); at < length; at += frame {
		ts := uint32(at/frame) * 160
		var payload []byte
		pt, marker := byte(8), at == 0
		for _, p := range presses {
			since := at - p.at
			if since < 0 || since >= (keyFrames+3)*frame {
				continue
			}
			n := int(since/frame) + 1
			end := byte(0)
			if n > keyFrames {
				n, end = keyFrames, 0x80
			}
			pt, marker = 101, since < frame
			ts = uint32(p.at/frame) * 160
			payload = []byte{event(p.digit), end | 10, byte(n * 160 >> 8), byte(n * 160)}
		}
		if payload == nil {
			payload = make([]byte, 160)
			for i := range payload {
				phase := 2 * math.Pi * hz * float64(uint32(at/frame)*160+uint32(i)) / 8000
				payload[i] = alaw(int16(0.3 * 32767 * math.Sin(phase)))
			}
		}
		writePacket(&out, at, rtpPacket(pt, marker, seq, ts, payload))
		seq++
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func event(digit byte) byte {
	switch digit {
	case '*':
		return 10
	case '#':
		return 11
	}
	return digit - '0'
}

func rtpPacket(pt byte, marker bool, seq uint16, ts uint32, payload []byte) []byte {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], 0x51ce51ce)
	return append(b, payload...)
}

// writePacket wraps an RTP packet in UDP, IP and Ethernet; sipp replaces the addresses.
func writePacket(out *bytes.Buffer, at time.Duration, rtp []byte) {
	be, le := binary.BigEndian, binary.LittleEndian
	size := 14 + 20 + 8 + len(rtp)
	b := make([]byte, 16+14+28, 16+size)
	le.PutUint32(b, uint32(at/time.Second))
	le.PutUint32(b[4:], uint32(at%time.Second/time.Microsecond))
	le.PutUint32(b[8:], uint32(size))
	le.PutUint32(b[12:], uint32(size))
	be.PutUint16(b[16+12:], 0x0800)
	ip := b[30:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	be.PutUint16(ip[2:], uint16(28+len(rtp)))
	copy(ip[12:], []byte{127, 0, 0, 1, 127, 0, 0, 1})
	udp := b[50:]
	be.PutUint16(udp, 6000)
	be.PutUint16(udp[2:], 6000)
	be.PutUint16(udp[4:], uint16(8+len(rtp)))
	out.Write(append(b, rtp...))
}

// alaw codes one sample (ITU-T G.711).
func alaw(v int16) byte {
	sign := byte(0x80)
	x := int(v)
	if x < 0 {
		sign, x = 0, -x-1
	}
	x >>= 4
	exponent := 0
	for x > 31 {
		x >>= 1
		exponent++
	}
	code := byte(x & 15)
	if x > 15 {
		exponent++
	}
	return (sign | byte(exponent)<<4 | code) ^ 0x55
}
