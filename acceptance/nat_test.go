//go:build acceptance

package acceptance

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// Who is where in these tests. Telephones know the server by the NAT's inner address only.
var (
	inner     = netip.MustParseAddr("127.0.0.9") // where the server seems to be, seen from inside
	office    = netip.MustParseAddr("127.0.0.3") // the operators' NAT, seen from the server
	switching = netip.MustParseAddr("127.0.6.1") // the carrier's signalling
	gateway   = netip.MustParseAddr("127.0.7.7") // the carrier's sound, named under `media`
	stranger  = netip.MustParseAddr("127.0.9.9") // an address nobody has named
)

// Telephones that say private addresses in Via, Contact and SDP: they are rung and heard at where
// their packets come from, also after a silence that a NAT would forget them in, and after their
// port has changed in the middle of a call. Sound from a network that nobody has named is not taken.
func TestBehindNAT(t *testing.T) {
	cases := []struct {
		name string
		do   func(r *room)
	}{
		{"an operator whose port changes in the call", portChanges},
		{"an operator who is called after a long silence", afterSilence},
		{"a carrier's sound from its other network", func(r *room) {
			op := r.hiddenOperator(10)
			c := r.hiddenQueued(netip.MustParseAddr("127.0.2.1"))
			taken := r.rung(op)
			r.together(c, taken, 1000)
			r.endsWell(c, taken)
		}},
		{"sound from a network nobody has named", soundOfAStranger},
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	box := newNAT(t, 30*time.Second, func(from netip.Addr, port int) netip.Addr {
		switch {
		case port == 5070:
			return office
		case port == 5060:
			return switching
		case from == netip.MustParseAddr("127.0.2.2"):
			return stranger
		case from.As4()[2] == 2:
			return gateway
		}
		return office
	})
	_, rooms := newRooms(t, len(cases), nil, func(config string) string {
		for old, other := range map[string]string{
			"carriers: [{name: carrier, from: [127.0.0.0/8]}]":     "carriers: [{name: carrier, from: [127.0.6.0/24], media: [127.0.7.0/24]}]\n    advertise: " + inner.String(),
			"listen: [udp://127.0.0.1:5070, tcp://127.0.0.1:5070]": "listen: [udp://127.0.0.1:5070, tcp://127.0.0.1:5070], advertise: " + inner.String(),
			"media: {listen: 127.0.0.1, ports: 20000-21999}":       fmt.Sprintf("media: {listen: 127.0.0.1, ports: %d-%d}", natFirst, natLast),
		} {
			if !strings.Contains(config, old) {
				t.Fatalf("the configuration has no %q", old)
			}
			config = strings.Replace(config, old, other, 1)
		}
		return config
	})
	for _, r := range rooms {
		r.box = box
	}
	atOnce(t, rooms, names, func(i int, r *room) { cases[i].do(r) })
}

// hiddenOperator registers the room's first operator from behind the NAT.
func (r *room) hiddenOperator(host byte) *phone.Phone {
	r.t.Helper()
	return r.operatorPhone(r.operators[0], func(o *phone.Options) {
		o.Listen = fmt.Sprintf("127.0.1.%d:0", host)
		o.Server = netip.AddrPortFrom(inner, 5070).String()
		o.PretendAddr, o.PretendMediaPort = "10.9.8.7:5060", 4000
	})
}

// hiddenCaller calls the room's line through a carrier whose SDP says an address of its inside.
func (r *room) hiddenCaller(host netip.Addr) *phone.Call {
	r.t.Helper()
	p := r.citizen(func(o *phone.Options) {
		o.Listen = netip.AddrPortFrom(host, 0).String()
		o.PretendAddr, o.PretendMediaPort = "10.1.2.3:5060", 4000
	})
	c, err := p.Dial(within(r.t, 5*time.Second), phone.DialOptions{To: r.uri(), Via: netip.AddrPortFrom(inner, 5060).String()})
	if err != nil {
		r.t.Fatalf("dial %s: %v", r.line, err)
	}
	c.Media().Say(0.3, 440)
	return c
}

// hiddenQueued is one who hears us and chooses English: nobody presses a key before that, and
// until our sound finds its way nothing that is said is whole.
func (r *room) hiddenQueued(host netip.Addr) *phone.Call {
	r.t.Helper()
	c := r.hiddenCaller(host)
	if err := c.Media().WaitSound(within(r.t, 5*time.Second)); err != nil {
		r.t.Fatal(err)
	}
	r.press(c, "2")
	return c
}

// endsWell ends a talk by the caller and gives its record.
func (r *room) endsWell(c, taken *phone.Call) record {
	r.t.Helper()
	r.hangUp(c)
	r.over(taken)
	x := r.records(1, 15*time.Second)[0]
	if got := verdict(x); got != "completed by caller" {
		r.t.Errorf("record: %s", x)
	}
	return x
}

// steady waits for two seconds of a tone with nothing missing.
func (r *room) steady(c *phone.Call, hz float64) {
	r.t.Helper()
	c.Media().Forget()
	calmly(r.t, 10*time.Second, fmt.Sprintf("two seconds of %g Hz", hz), func() bool {
		s := c.Media().Heard(2 * time.Second)
		return len(s) > 15000 && s.Has(hz)
	})
}

func portChanges(r *room) {
	op := r.hiddenOperator(11)
	c := r.hiddenQueued(netip.MustParseAddr("127.0.2.3"))
	taken := r.rung(op)
	r.together(c, taken, 1000)
	r.steady(c, 1000)
	for _, change := range []struct {
		who string
		do  func() error
	}{
		{"the telephone takes another port", taken.Media().ChangePort},
		{"the NAT forgets its mappings", func() error { r.box.forget(netip.MustParseAddr("127.0.1.11")); return nil }},
	} {
		if err := change.do(); err != nil {
			r.t.Fatal(err)
		}
		changed := time.Now()
		if err := c.Media().WaitSilence(within(r.t, 5*time.Second), 300*time.Millisecond); err != nil {
			r.t.Fatalf("%s, and the caller does not notice: %v", change.who, err)
		}
		taken.Media().Forget()
		r.hears(c, 1000)
		r.hears(taken, 440)
		took := time.Since(changed)
		r.steady(c, 1000)
		r.t.Logf("%s: both hear each other again after %s", change.who, took.Round(time.Millisecond))
		// 2 s of silence before another port is believed, and then three packets.
		if took > 8*time.Second {
			r.t.Errorf("%s: both hear each other again only after %s", change.who, took)
		}
	}
	if got := c.Media().Received(); !got.Continuous() {
		r.t.Errorf("the caller's stream broke: %d sources, %d jumps", len(got.SSRCs), got.Jumps)
	}
	x := r.endsWell(c, taken)

	left, right := channels(r.t, r.sound(x))
	joined := first(left, 440)
	if joined < 0 || first(right, 1000) < 0 {
		r.t.Fatalf("the talk is not in the recording: %s, %s", joined, first(right, 1000))
	}
	quiet := quietSpans(right[joined*8000/time.Second+1600:], 1000)
	if len(quiet) != 2 {
		r.t.Errorf("on the right the operator is away at %v, want twice", quiet)
	}
	for _, q := range quiet {
		if q > 8*time.Second {
			r.t.Errorf("on the right the operator is away for %s", q)
		}
	}
	last := right[max(0, len(right)-8000) : len(right)-1600]
	if !last.Has(1000) {
		r.t.Error("on the right the operator does not come back")
	}
}

func afterSilence(r *room) {
	op := r.hiddenOperator(12)
	registered := time.Now()
	// Nothing comes from the telephone meanwhile: it refreshes its registration after a minute.
	calmly(r.t, time.Minute, "forty-five seconds pass", func() bool { return time.Since(registered) > 45*time.Second })
	c := r.hiddenQueued(netip.MustParseAddr("127.0.2.4"))
	taken := r.rung(op)
	r.together(c, taken, 1000)
	r.endsWell(c, taken)
}

// Nothing of what a stranger says is heard, keys included, and nothing is sent there.
func soundOfAStranger(r *room) {
	const series = `hotline_media_dropped_packets_total{reason="stranger"}`
	op := r.hiddenOperator(13)
	before := r.metric(series)
	c := r.hiddenCaller(netip.MustParseAddr("127.0.2.2"))
	for range 3 {
		r.press(c, "2")
	}
	calmly(r.t, 10*time.Second, "strangers' packets are counted", func() bool { return r.metric(series) > before+100 })
	if got := c.Media().Received(); got.Packets > 0 {
		r.t.Errorf("the stranger was sent %d packets of the call", got.Packets)
	}
	r.hangUp(c)
	if x := r.records(1, 15*time.Second)[0]; x.Language != nil || verdict(x) != "abandoned greeting by caller" {
		r.t.Errorf("record: %s", x)
	}
	r.notRung(op, "the operator of a stranger")
}

// quietSpans are how long a tone was away each time, from its first to its last moment in a
// sound; less than half a second does not count.
func quietSpans(s phone.Sound, hz float64) (away []time.Duration) {
	const piece = 1600 // a fifth of a second
	since, heard := 0, false
	for i := 0; i+piece <= len(s); i += piece {
		if !s[i : i+piece].Has(hz) {
			continue
		}
		if gap := time.Duration(i-since) * time.Second / 8000; heard && gap > 500*time.Millisecond {
			away = append(away, gap)
		}
		heard, since = true, i+piece
	}
	return away
}

// The ports for sound of a server whose telephones are behind the NAT, which has to open each.
const natFirst, natLast = 20000, 20039

// A nat is one that knows nothing of SIP, between telephones and the server. Each pair of an
// inside source and a port of the server has an outer port of its own, which takes packets from
// that port of the server only, and is forgotten when nothing passes for a while.
type nat struct {
	t       testing.TB
	idle    time.Duration
	outside func(from netip.Addr, port int) netip.Addr
	doors   map[int]*net.UDPConn // what the server's ports look like from inside

	mu       sync.Mutex
	mappings map[mappingKey]*net.UDPConn
	used     map[mappingKey]time.Time
}

type mappingKey struct {
	from netip.AddrPort
	port int
}

// newNAT opens the doors. It forgets mappings that are idle for that long; outside chooses the
// outer address of a new one.
func newNAT(t testing.TB, idle time.Duration, outside func(from netip.Addr, port int) netip.Addr) *nat {
	t.Helper()
	n := &nat{t: t, idle: idle, outside: outside, doors: map[int]*net.UDPConn{}, mappings: map[mappingKey]*net.UDPConn{}, used: map[mappingKey]time.Time{}}
	ports := []int{5060, 5070}
	for p := natFirst; p <= natLast; p++ {
		ports = append(ports, p)
	}
	var work sync.WaitGroup
	for _, p := range ports {
		door, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(inner, uint16(p))))
		if err != nil {
			t.Fatal(err)
		}
		n.doors[p] = door
		work.Go(func() { n.outward(&work, door, p) })
	}
	t.Cleanup(func() {
		for _, d := range n.doors {
			d.Close()
		}
		n.forget(netip.Addr{})
		work.Wait()
	})
	return n
}

// outward carries packets of telephones to one port of the server.
func (n *nat) outward(work *sync.WaitGroup, door *net.UDPConn, port int) {
	b := make([]byte, 65536)
	for {
		size, from, err := door.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		key := mappingKey{netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), port}
		n.mu.Lock()
		out := n.mappings[key]
		if out != nil && time.Since(n.used[key]) > n.idle {
			out.Close()
			out = nil
		}
		if out == nil {
			out, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.outside(key.from.Addr(), port), 0)),
				&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
			if err != nil {
				n.mu.Unlock()
				n.t.Errorf("NAT: %v", err)
				return
			}
			n.mappings[key] = out
			work.Go(func() { n.inward(out, door, key) })
		}
		n.used[key] = time.Now()
		n.mu.Unlock()
		_, _ = out.Write(b[:size]) // the server's port may be closed by now
	}
}

// inward carries what the server sends to one mapping, as long as the mapping is known.
func (n *nat) inward(out, door *net.UDPConn, key mappingKey) {
	b := make([]byte, 65536)
	for {
		size, err := out.Read(b)
		n.mu.Lock()
		known := n.mappings[key] == out && time.Since(n.used[key]) <= n.idle
		if known {
			n.used[key] = time.Now()
		}
		n.mu.Unlock()
		switch {
		case !known:
			out.Close()
			return
		case err == nil:
			_, _ = door.WriteToUDPAddrPort(b[:size], key.from)
		}
	}
}

// forget drops the mappings for sound of one inside address, or every mapping there is: the next
// packet from inside gets another outer port.
func (n *nat) forget(from netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, out := range n.mappings {
		if !from.IsValid() || key.from.Addr() == from && key.port >= natFirst {
			delete(n.mappings, key)
			delete(n.used, key)
			out.Close()
		}
	}
}
