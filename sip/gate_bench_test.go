package sip

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// benchServer is a server that listens nowhere.
func benchServer(b *testing.B, change func(*Options)) (*Server, *udpSocket, *udpSocket) {
	b.Helper()
	o := Options{
		Trunks: TrunkOptions{Carriers: []Carrier{{Name: "carrier", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}},
		Users:  testUsers{}, Bindings: &bindingBook{}, Dialogs: &dialogBook{},
		Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Line: func(n string) bool { return n == "919" },
		Serve: (&house{}).hand(nil), ServePhone: (&house{}).hand(nil),
	}
	o.Media = engineAt(b, netip.MustParseAddr("127.0.0.1"))
	change(&o)
	s, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	var out [2]*udpSocket
	for _, sd := range []side{trunkSide, phoneSide} {
		if out[sd], err = openUDP(sd, netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = out[sd].conn.Close() })
	}
	return s, out[trunkSide], out[phoneSide]
}

func benchInvite(i int) []byte {
	return []byte(fmt.Sprintf("INVITE sip:919@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:+994501234567@192.0.2.7>;tag=%d\r\nTo: <sip:919@127.0.0.1>\r\nCall-ID: %d@bench\r\nCSeq: 1 INVITE\r\nContact: <sip:192.0.2.7>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		i, i, i, len(sdpFor(40000, "sendrecv")), sdpFor(40000, "sendrecv")))
}

// What a datagram costs that is not read: from the socket's reader to the drop.
func BenchmarkDroppedUnknown(b *testing.B) {
	s, trunk, phones := benchServer(b, func(*Options) {})
	raw := benchInvite(1)
	for name, u := range map[string]*udpSocket{"trunks": trunk, "phones": phones} {
		for _, sources := range []int{1, 50_000} {
			b.Run(fmt.Sprintf("%s/%d sources", name, sources), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					i := i % sources
					s.arrived(u, flow{udp: u, peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)}, raw)
				}
			})
		}
	}
}

// What an INVITE costs that is refused because all calls are there: parsing, and sending the 486.
func BenchmarkRefused486(b *testing.B) {
	s, trunk, _ := benchServer(b, func(o *Options) { o.Limits.Calls = 1 })
	s.callers.all = 1
	for s.load.rows.take(0, time.Now().UnixNano(), 1) {
	}
	s.load.rows.change(rate{1, 1})
	peer := netip.MustParseAddrPort(trunk.conn.LocalAddr().String()) // to ourselves: nobody reads it
	s.SetCarriers([]Carrier{{Name: "carrier", From: []netip.Prefix{netip.PrefixFrom(peer.Addr(), 32)}}})
	texts := make([][]byte, 256)
	for i := range texts {
		texts[i] = benchInvite(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.datagram(flow{udp: trunk, peer: peer}, texts[i%len(texts)])
	}
}
