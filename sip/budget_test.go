package sip

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// within counts how many messages of a source pass when it sends one each gap for a while.
func within(b *budget, source uint64, from time.Time, gap, long time.Duration) (passed int) {
	for at := time.Duration(0); at < long; at += gap {
		if b.take(source, from.Add(at).UnixNano(), 1) {
			passed++
		}
	}
	return passed
}

func TestAStrangerHasEightMessagesASecond(t *testing.T) {
	b, now := newBudget(strangerRate, cells), time.Now()
	a := b.ofAddr(netip.MustParseAddr("203.0.113.7"))
	// A thousand a second for ten seconds: the burst of 16, and 8 a second.
	if n := within(b, a, now, time.Millisecond, 10*time.Second); n < 90 || n > 97 {
		t.Errorf("%d passed, want 96", n)
	}
	// Who keeps to it never loses one.
	if n := within(b, b.ofAddr(netip.MustParseAddr("203.0.113.8")), now, 125*time.Millisecond, 10*time.Second); n != 80 {
		t.Errorf("%d of 80 passed", n)
	}
}

func TestASourceIsAnAddressOrTheNetworkOfACustomer(t *testing.T) {
	b := newBudget(strangerRate, cells)
	of := func(s string) uint64 { return b.ofAddr(netip.MustParseAddr(s)) }
	if of("2001:db8::1") != of("2001:db8::ffff:2") || of("2001:db8::1") == of("2001:db8:0:1::1") {
		t.Error("IPv6 is not told apart by /64")
	}
	if of("192.0.2.1") == of("192.0.2.2") {
		t.Error("two addresses are one source")
	}
}

// A flood from 50,000 addresses: none of them has more than its due, and a source that is not
// of the flood loses next to nothing.
func TestManySourcesNeitherResetNorHurt(t *testing.T) {
	b, now := newBudget(strangerRate, cells), time.Now()
	const sources, each = 50_000, 40
	passed := 0
	for range each { // all within the same instant
		for i := range sources {
			if b.take(b.ofAddr(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})), now.UnixNano(), 1) {
				passed++
			}
		}
	}
	if most := sources * strangerRate.burst; passed > most {
		t.Errorf("%d passed, the budgets allow %d", passed, most)
	}
	// Each of them has sent all it may; of a thousand others most find a cell of their own.
	hurt := 0
	for i := range 1000 {
		if !b.take(b.ofAddr(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})), now.UnixNano(), 1) {
			hurt++
		}
	}
	t.Logf("of %d sources at their limit %d messages passed; %d of 1000 others were hurt", sources, passed, hurt)
	if hurt > 600 {
		t.Errorf("%d of 1000 others were hurt", hurt)
	}
	// At a rate that a machine can be sent (20,000 a second in all) nobody else is.
	b = newBudget(strangerRate, cells)
	for i := range 20_000 * 5 {
		at := now.Add(time.Duration(i) * 50 * time.Microsecond).UnixNano()
		b.take(b.ofAddr(netip.AddrFrom4([4]byte{10, 0, byte(i % sources >> 8), byte(i % sources)})), at, 1)
	}
	for i := range 1000 {
		if !b.take(b.ofAddr(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})), now.Add(5*time.Second).UnixNano(), 1) {
			t.Fatal("a source was hurt by 20,000 messages a second of others")
		}
	}
}

func TestTheCallIDIsFoundWithoutParsing(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"as usual":       {"BYE sip:a SIP/2.0\r\nVia: x\r\nCall-ID: abc@h\r\nCSeq: 1 BYE\r\n\r\n", "abc@h"},
		"compact":        {"BYE sip:a SIP/2.0\r\ni: abc\r\n\r\n", "abc"},
		"small letters":  {"BYE sip:a SIP/2.0\ncall-id :  abc \nX: y\n\n", "abc"},
		"in the body":    {"BYE sip:a SIP/2.0\r\nVia: x\r\n\r\nCall-ID: abc\r\n", ""},
		"another header": {"BYE sip:a SIP/2.0\r\nCall-IDs: abc\r\nIx: y\r\nContact: z\r\n\r\n", ""},
		"cut off":        {"BYE sip:a SIP/2.0\r\nCall-I", ""},
		"nothing":        {"", ""},
	} {
		if got := string(peekCallID([]byte(c.text))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestLanesKeepTheOrderAndTheirBounds(t *testing.T) {
	l := newLanes()
	for i := range 3 {
		l.push(strangerLane, flow{}, []byte(fmt.Sprint("s", i)), 1, 1)
		l.push(knownLane, flow{}, []byte(fmt.Sprint("k", i)), 2, 1)
		l.push(dialogLane, flow{}, []byte(fmt.Sprint("d", i)), 3, 1)
	}
	var got []string
	var m slot
	for range 9 {
		l.pop(&m)
		got = append(got, string(m.b))
	}
	if fmt.Sprint(got) != "[d0 d1 d2 k0 k1 k2 s0 s1 s2]" {
		t.Errorf("%v", got)
	}
	// A call begins while a message of it waits: the next one does not overtake it.
	l.push(knownLane, flow{}, []byte("183"), 7, 1)
	l.push(dialogLane, flow{}, []byte("200"), 7, 1)
	l.push(dialogLane, flow{}, []byte("other"), 8, 1)
	got = nil
	for range 3 {
		l.pop(&m)
		got = append(got, string(m.b))
	}
	if fmt.Sprint(got) != "[other 183 200]" {
		t.Errorf("%v", got)
	}
	taken := 0
	for range 10_000 {
		if l.push(knownLane, flow{}, []byte("x"), 4, 1) {
			taken++
		}
	}
	if taken != laneSize[knownLane] || l.depth() != 1 {
		t.Errorf("%d taken, depth %v", taken, l.depth())
	}
	large := make([]byte, 60<<10)
	taken = 0
	for l.push(dialogLane, flow{}, large, 5, 1) {
		taken += len(large)
	}
	if taken > laneBytes {
		t.Errorf("%d bytes in one lane", taken)
	}
	l.close()
	if l.pop(&m) {
		t.Error("a message came out of closed lanes")
	}
}
