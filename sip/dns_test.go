package sip

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// A nameServer is a DNS server on loopback that knows what the test has written down (RFC 1035, RFC
// 2782), so that the look-ups of a test are those of a real resolver.
type nameServer struct {
	conn *net.UDPConn

	mu      sync.Mutex
	records map[question][][]byte // resource data
	silent  bool
	asked   int
}

type question struct {
	name string // lower case, with its last dot
	kind uint16
}

// The kinds of records.
const (
	kindA    = 1
	kindAAAA = 28
	kindSRV  = 33
)

func nameServerFor(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d := &nameServer{conn: conn, records: map[question][][]byte{}}
	go d.serve()
	return d
}

// resolver asks this server and no other.
func (d *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", d.conn.LocalAddr().String())
	}}
}

// host writes down the addresses of a name, in place of what there was.
func (d *nameServer) host(name string, addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.records, question{name + ".", kindA})
	delete(d.records, question{name + ".", kindAAAA})
	for _, text := range addresses {
		q, a := question{name + ".", kindA}, netip.MustParseAddr(text)
		if a.Is6() {
			q.kind = kindAAAA
		}
		d.records[q] = append(d.records[q], a.AsSlice())
	}
}

// service adds a host that a service is at.
func (d *nameServer) service(name string, priority, weight, port uint16, host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	data := binary.BigEndian.AppendUint16(nil, priority)
	data = binary.BigEndian.AppendUint16(data, weight)
	data = binary.BigEndian.AppendUint16(data, port)
	for _, label := range strings.Split(host, ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	q := question{name + ".", kindSRV}
	d.records[q] = append(d.records[q], append(data, 0))
}

func (d *nameServer) silence(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = on
}

func (d *nameServer) questions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *nameServer) serve() {
	b := make([]byte, 1500)
	for {
		n, from, err := d.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if a := d.answer(b[:n]); a != nil {
			_, _ = d.conn.WriteToUDPAddrPort(a, from) // lost is lost, as everywhere on UDP
		}
	}
}

// answer makes the answer to one question, nil while nothing is said.
func (d *nameServer) answer(b []byte) []byte {
	if len(b) < 12 {
		return nil
	}
	q, end := question{}, 12
	for end < len(b) && b[end] != 0 {
		l := int(b[end])
		if end+1+l > len(b) {
			return nil
		}
		q.name += strings.ToLower(string(b[end+1:end+1+l])) + "."
		end += 1 + l
	}
	if end += 5; end > len(b) {
		return nil
	}
	q.kind = binary.BigEndian.Uint16(b[end-4:])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.silent {
		return nil
	}
	data := d.records[q]
	flags := uint16(0x8580) // an answer, with authority
	if len(data) == 0 {
		flags |= 3 // there is no such name
		for _, kind := range []uint16{kindA, kindAAAA, kindSRV} {
			if len(d.records[question{q.name, kind}]) > 0 {
				flags &^= 3
			}
		}
	}
	out := append([]byte(nil), b[:2]...)
	out = binary.BigEndian.AppendUint16(out, flags)
	for _, n := range []int{1, len(data), 0, 0} {
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	}
	out = append(out, b[12:end]...)
	for _, r := range data {
		out = append(out, 0xc0, 12) // the name of the question
		out = binary.BigEndian.AppendUint16(out, q.kind)
		out = append(out, 0, 1, 0, 0, 0, 1) // IN, one second
		out = binary.BigEndian.AppendUint16(out, uint16(len(r)))
		out = append(out, r...)
	}
	return out
}
