//go:build acceptance

package acceptance

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// How a call may change while it goes on, each way by a scenario of sipp that demands its answers.
// The ledger has one record of each.
func TestHowACallChanges(t *testing.T) {
	s := newServer(t)
	s.start()
	before, after := newEar(t), newEar(t)
	cases := []struct {
		scenario string
		keys     map[string]string
		args     []string
	}{
		{scenario: "update-hold"},
		{scenario: "update-hold", args: []string{"-t", "t1"}},
		{scenario: "moves", keys: map[string]string{"first": before.port(), "second": after.port()}},
		{scenario: "offer-left-to-us"},
		{scenario: "refused-update"},
		{scenario: "timer-theirs"},
		{scenario: "timer-ours"},
		{scenario: "timer-ours", args: []string{"-t", "t1"}},
		{scenario: "timer-nobody"},
		{scenario: "timer-short"},
		{scenario: "glare"},
		{scenario: "refresh-refused"},
		{scenario: "route-loose"},
		{scenario: "route-strict"},
	}
	var runs []*sippRun
	for i, c := range cases {
		// Each caller is heard: one that falls silent would be asked whether it is there.
		keys := map[string]string{"caller": fmt.Sprintf("+0001111%05d", i), "first": newEar(t).port()}
		for k, v := range c.keys {
			keys[k] = v
		}
		runs = append(runs, sipp(t, sippOptions{scenario: c.scenario, port: 6100 + 10*i, bound: 120 * time.Second, keys: keys, args: c.args}))
	}
	for _, r := range runs {
		r.good(t)
	}
	sameStream(t, before, after)
	if got := s.outcomes(t, len(cases)-1); len(got) != len(cases)-1 { // 422 asks for another INVITE and is no call
		t.Errorf("%d records for %d calls: %q", len(got), len(cases)-1, got)
	}
}

// sameStream demands of the sound of the scenario moves that it is one stream, whatever the caller
// changed: G.711 A, then u, then u at the other place, then A at the first one again.
func sameStream(t *testing.T, first, second *rtpEar) {
	t.Helper()
	all := slices.Concat(first.all(), second.all())
	slices.SortFunc(all, func(a, b heardPacket) int { return a.at.Compare(b.at) })
	if len(all) < 200 {
		t.Fatalf("%d packets in 6 s", len(all))
	}
	var seen []string
	for i, p := range all {
		if what := fmt.Sprintf("%d at %s", p.kind, p.ear.name(first)); len(seen) == 0 || seen[len(seen)-1] != what {
			seen = append(seen, what)
		}
		if i == 0 {
			continue
		}
		last := all[i-1]
		if p.source != last.source || p.sequence != last.sequence+1 || p.stamp != last.stamp+160 {
			t.Errorf("packet %d: source %x, sequence %d, time %d, after %x, %d, %d", i, p.source, p.sequence, p.stamp, last.source, last.sequence, last.stamp)
		}
	}
	if want := []string{"8 at first", "0 at first", "0 at second", "8 at first"}; !slices.Equal(seen, want) {
		t.Errorf("sound came as %q, want %q", seen, want)
	}
}

// An rtpEar is a place that sound is sent to. It says back what it hears.
type rtpEar struct {
	conn *net.UDPConn
	mu   sync.Mutex
	got  []heardPacket
}

// An heardPacket is what of a packet says which stream it belongs to (RFC 3550 §5.1).
type heardPacket struct {
	ear      *rtpEar
	at       time.Time
	kind     byte
	sequence uint16
	stamp    uint32
	source   uint32
	loud     bool // its sound is not silence
}

func newEar(t testing.TB) *rtpEar {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	e := &rtpEar{conn: conn}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if n < 12 {
				continue
			}
			p := heardPacket{
				ear: e, at: time.Now(), kind: b[1] & 0x7f, sequence: binary.BigEndian.Uint16(b[2:]),
				stamp: binary.BigEndian.Uint32(b[4:]), source: binary.BigEndian.Uint32(b[8:]),
			}
			for _, v := range b[12:n] {
				p.loud = p.loud || v != b[12]
			}
			e.mu.Lock()
			e.got = append(e.got, p)
			e.mu.Unlock()
			b[8] ^= 0xff // a stream of its own
			_, _ = conn.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	return e
}

func (e *rtpEar) port() string { return fmt.Sprint(e.conn.LocalAddr().(*net.UDPAddr).Port) }

func (e *rtpEar) name(first *rtpEar) string {
	if e == first {
		return "first"
	}
	return "second"
}

func (e *rtpEar) all() []heardPacket {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}
