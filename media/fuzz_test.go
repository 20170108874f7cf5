package media

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"hotline/call"
)

// What parseRTP accepts lies within the datagram, says the same as a parser that is not ours
// says, and is found again behind a header of our own.
func FuzzParseRTP(f *testing.F) {
	plain := append([]byte{0x80, 8, 0xFF, 0xFE, 0, 0, 0, 160, 1, 2, 3, 4}, speech...)
	f.Add(plain)
	f.Add(plain[:12])
	f.Add(plain[:11])
	f.Add(append([]byte{0x92, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 0x10, 7, 0, 0}, 1, 2, 3))
	f.Add([]byte{0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0xFF, 0xFF})
	f.Add([]byte{0xA0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 0, 3})
	f.Add([]byte{0xA0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 200})
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 2, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		p, ok := parseRTP(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the datagram was changed")
		}
		if !ok {
			return
		}
		if p.from < rtpHeader || p.to < p.from || p.to > len(b) {
			t.Fatalf("payload %d to %d of %d", p.from, p.to, len(b))
		}
		var other rtp.Packet
		if err := other.Unmarshal(before); err == nil {
			same := p.marker == other.Marker && p.pt == other.PayloadType && p.seq == other.SequenceNumber &&
				p.ts == other.Timestamp && p.ssrc == other.SSRC && bytes.Equal(b[p.from:p.to], other.Payload)
			if !same {
				t.Fatalf("we read %+v, pion %+v", p, other)
			}
		}
		if p.marker && p.pt >= 64 && p.pt <= 95 {
			return // such a packet we do not send: it would be taken for RTCP
		}
		out := b[p.from-rtpHeader : p.to]
		payload := slices.Clone(b[p.from:p.to])
		writeRTP(out, p.marker, p.pt, p.seq, p.ts, p.ssrc)
		again, ok := parseRTP(out)
		want := p
		want.from, want.to = rtpHeader, len(out)
		if !ok || again != want || !bytes.Equal(out[rtpHeader:], payload) {
			t.Fatalf("wrote %+v, read %+v", want, again)
		}
	})
}

// What parseRTCP tells it has read from the datagram, and it accepts and reads like a parser that
// is not ours whatever that accepts.
func FuzzParseRTCP(f *testing.F) {
	add := func(all ...rtcp.Packet) {
		b, err := rtcp.Marshal(all)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-4])
	}
	block := rtcp.ReceptionReport{SSRC: 1, FractionLost: 2, TotalLost: 3, LastSequenceNumber: 4, Jitter: 5, LastSenderReport: 6, Delay: 7}
	add(&rtcp.SenderReport{SSRC: 9, NTPTime: 1 << 40, Reports: []rtcp.ReceptionReport{block, block}}, rtcp.NewCNAMESourceDescription(9, "x"))
	add(&rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{block}}, &rtcp.Goodbye{Sources: []uint32{9}})
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 9})
	f.Add([]byte{0x9F, 200, 0, 1, 0, 0, 0, 9})
	f.Add([]byte{0x81, 201, 0xFF, 0xFF, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		var times []uint64
		var blocks []reportBlock
		ok := parseRTCP(b, func(n uint64) { times = append(times, n) }, func(r reportBlock) { blocks = append(blocks, r) })
		if !bytes.Equal(b, before) {
			t.Fatal("the datagram was changed")
		}
		if len(blocks)*reportBlockLength+len(times)*28 > len(b) {
			t.Fatalf("%d blocks and %d sender reports in %d bytes", len(blocks), len(times), len(b))
		}
		for _, r := range blocks {
			if r.total <= 0x7FFFFF && !bytes.Contains(b, r.append(nil)) {
				t.Fatalf("a block that is not there: %+v", r)
			}
		}
		all, err := rtcp.Unmarshal(b)
		if err != nil || len(b) > largestPacket || !looksLikeRTCP(b) {
			return
		}
		if !ok {
			t.Fatal("we refuse what pion reads")
		}
		var want []reportBlock
		var senders int
		for _, p := range all {
			var reports []rtcp.ReceptionReport
			switch p := p.(type) {
			case *rtcp.SenderReport:
				reports = p.Reports
				if senders < len(times) && times[senders] != p.NTPTime {
					t.Fatalf("sender report %d: we read %x, pion %x", senders, times[senders], p.NTPTime)
				}
				senders++
			case *rtcp.ReceiverReport:
				reports = p.Reports
			}
			for _, r := range reports {
				want = append(want, reportBlock{r.SSRC, r.FractionLost, r.TotalLost, r.LastSequenceNumber, r.Jitter, r.LastSenderReport, r.Delay})
			}
		}
		if senders != len(times) || !slices.Equal(blocks, want) {
			t.Fatalf("we read %d sender reports and %+v, pion %d and %+v", len(times), blocks, senders, want)
		}
	})
}

// parseKey knows keys and nothing else; and whatever comes of telephone-event, presses are no
// more than events that began, and none is any but the keys that were named.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte{5, 10, 0, 160, 5, 10, 1, 64, 5, 0x8A, 1, 64, 5, 0x8A, 1, 64})
	f.Add([]byte{15, 0x80, 0, 0, 16, 10, 0, 160, 255, 255, 255, 255})
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{3, 0, 0xFF, 0xFF, 3, 0, 0, 160})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, ok := parseKey(b)
		if want := len(b) >= 4 && b[0] < 16; ok != want {
			t.Fatalf("%x: a key: %v", b, ok)
		}
		if ok && (k.digit != digits[b[0]] || k.end != (b[1] >= 128) || k.duration != binary.BigEndian.Uint16(b[2:])) {
			t.Fatalf("%x was read as %+v", b, k)
		}
		s := newStudio(t)
		a := s.enter(call.RoleCaller, call.PCMA)
		var begins []uint32 // of each event that is another than the one before
		var named []byte
		for ; len(b) >= 4 && len(begins) < cap(a.keys); b = b[4:] {
			ts := a.ts + uint32(b[1]&0x7F)*80
			if b[0] < 16 {
				if n := len(begins); n == 0 || ts != begins[n-1] || digits[b[0]] != named[len(named)-1] {
					begins = append(begins, ts)
				}
				named = append(named, digits[b[0]])
			}
			a.bring(101, a.seq, ts, b[:4])
			a.seq++
		}
		if len(a.keys) > len(begins) || len(begins) > 0 && len(a.keys) == 0 {
			t.Fatalf("%d presses of %d events", len(a.keys), len(begins))
		}
		for range len(a.keys) {
			if k := <-a.keys; !bytes.ContainsRune(named, rune(k.Digit)) {
				t.Fatalf("key %c was pressed, of %s", k.Digit, named)
			}
		}
	})
}
