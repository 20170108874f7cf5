//go:build acceptance

package acceptance

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// How a call may change while it goes on, each way by a scenario of sipp that demands its answers.
// The ledger has one record of each.
func TestHowACallChanges(t *testing.T) {
	s := newServer(t)
	s.start()
	before, after := newEar(t, "127.0.0.1"), newEar(t, "127.0.0.1")
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
		keys := map[string]string{"caller": fmt.Sprintf("+0001111%05d", i), "first": newEar(t, "127.0.0.1").port()}
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
	loud bool // it says noise instead
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

func newEar(t testing.TB, address string) *rtpEar {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)})
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
			loud := e.loud
			e.mu.Unlock()
			b[8] ^= 0xff // a stream of its own
			for i := 12; loud && i < n; i++ {
				b[i] = byte(i * 37)
			}
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

// noise has it say noise.
func (e *rtpEar) noise() *rtpEar {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.loud = true
	return e
}

// heardNoise is how many packets it got that are not silence.
func (e *rtpEar) heardNoise() (n int) {
	for _, p := range e.all() {
		if p.loud {
			n++
		}
	}
	return n
}

// What an operator's telephone shows of callers who are asserted, hidden, or name themselves, by
// a carrier that shows hidden numbers and one that does not. None of the numbers is in the log.
func TestWhoACallerIsSaidToBe(t *testing.T) {
	const plain, open = "127.0.1.1", "127.0.2.1"
	cases := []struct {
		name, from        string
		identity, privacy string
		shown             string
	}{
		{"asserted by the carrier", plain, "P-Asserted-Identity: <sip:+000777001@carrier.example>", "none", "+000777001"},
		{"asserted and hidden", plain, "P-Asserted-Identity: <sip:+000777001@carrier.example>", "id", "anonymous"},
		{"asserted and hidden, by a carrier that shows it", open, "P-Asserted-Identity: <tel:+000777001>", "id", "+000777001"},
		{"preferred by the caller only", plain, "P-Preferred-Identity: <sip:+000666001@carrier.example>", "none", "+000555003"},
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	s, rooms := newRooms(t, len(cases), nil, func(config string) string {
		return strings.Replace(config, "carriers: [{name: carrier, from: [127.0.0.0/8]}]",
			"carriers: [{name: plain, from: [127.0.1.0/24]}, {name: open, from: [127.0.2.0/24], show_hidden: true}]", 1)
	})
	atOnce(t, rooms, names, func(i int, r *room) {
		c := cases[i]
		op := r.operator(0)
		run := sipp(r.t, sippOptions{scenario: "identity", from: c.from, port: 6100 + 10*i, bound: 90 * time.Second, keys: map[string]string{
			"line": r.line, "caller": fmt.Sprintf("+00055500%d", i), "identity": c.identity, "privacy": c.privacy, "first": newEar(r.t, c.from).port(),
		}})
		taken := r.rungWithin(op, 40*time.Second)
		if got := taken.From().User(); got != c.shown {
			r.t.Errorf("the operator's telephone shows %q, want %q", got, c.shown)
		}
		if err := taken.Answer(); err != nil {
			r.t.Fatal(err)
		}
		taken.Media().Say(0.3, 1000)
		r.hears(taken, 1000) // itself: the caller says back what it hears
		r.hangUp(taken)
		run.good(r.t)
		if got := verdict(r.records(1, 15*time.Second)[0]); got != "completed by operator" {
			r.t.Errorf("record: %s", got)
		}
	})
	log := s.read("serve.log")
	for _, number := range []string{"000777001", "000666001", "000555", "000999001"} {
		if strings.Contains(log, number) {
			t.Errorf("the log has the number %s", number)
		}
	}
}

// registers lets sipp be an operator's telephone at that port.
func (s *server) registers(name string, port int) {
	s.t.Helper()
	sipp(s.t, sippOptions{scenario: "register", target: "127.0.0.1:5070", port: port, keys: map[string]string{"caller": name},
		args: []string{"-au", name, "-ap", s.secrets[name]}}).good(s.t)
}

// sippPhone lets sipp be that telephone in one call.
func (s *server) sippPhone(name, scenario string, port int, keys map[string]string) *sippRun {
	s.t.Helper()
	keys["caller"] = name
	return sipp(s.t, sippOptions{scenario: scenario, target: "127.0.0.1:5070", port: port, bound: 90 * time.Second, keys: keys,
		args: []string{"-au", name, "-ap", s.secrets[name], "-auth_uri", "101@127.0.0.1:5070"}})
}

// A telephone that makes its answers reliable is understood, in their order, and one that loses to
// another of its user is told so.
func TestTelephonesThatWantToBeSure(t *testing.T) {
	names := []string{"reliable answers", "another telephone is quicker"}
	_, rooms := newRooms(t, len(names), nil)
	atOnce(t, rooms, names, func(i int, r *room) {
		name := r.operators[0]
		port := 6400 + 10*i
		r.registers(name, port)
		e := newEar(r.t, "127.0.0.1")
		if i == 0 {
			run := r.sippPhone(name, "phone-reliable", port, map[string]string{"first": e.port()})
			c := r.queued(r.caller())
			c.Media().Forget()
			r.hears(c, 440) // itself: the telephone says back what it hears
			run.good(r.t)
			r.over(c)
			return
		}
		run := r.sippPhone(name, "phone-loses", port, map[string]string{})
		op := r.operator(0)
		c := r.queued(r.caller())
		r.together(c, r.rung(op), 1000)
		run.good(r.t)
		r.hangUp(c)
	})
}

// A telephone that answers only when it is asked to answer by itself: because of its queue, or of
// its operator.
func TestTelephonesThatAnswerByThemselves(t *testing.T) {
	names := []string{"for the queue", "for the operator"}
	s, rooms := newRooms(t, len(names), nil, func(config string) string {
		return strings.Replace(config, "{name: q000,", "{name: q000, auto_answer: true,", 1)
	})
	if out, code := s.command("", "user", "auto-answer", rooms[1].operators[0], "on"); code != 0 {
		t.Fatalf("user auto-answer: exit %d: %s", code, out)
	}
	atOnce(t, rooms, names, func(i int, r *room) {
		port := 6500 + 10*i
		r.registers(r.operators[0], port)
		e := newEar(r.t, "127.0.0.1")
		run := r.sippPhone(r.operators[0], "phone-auto", port, map[string]string{"first": e.port()})
		c := r.queued(r.caller())
		r.hears(c, 440) // itself: the telephone says back what it hears
		run.good(r.t)
		r.over(c)
	})
}

// An operator's telephone calls out and hears what the other side plays before it answers, or
// refuses: both sides with reliable answers, and an UPDATE before the answer.
func TestSoundBeforeTheAnswer(t *testing.T) {
	s, rooms := newTransferRooms(t, 1)
	name, port := rooms[0].operators[0], 6400
	s.registers(name, port)
	for _, end := range []string{"busy", "answers"} {
		t.Run(end, func(t *testing.T) {
			s := s.in(t)
			mine, before, after := newEar(t, "127.0.0.1"), newEar(t, "127.0.0.1").noise(), newEar(t, "127.0.0.1").noise()
			far := sipp(t, sippOptions{scenario: "early-" + end, port: outPort(0), bound: 60 * time.Second,
				keys: map[string]string{"first": before.port(), "second": after.port()}})
			near := s.sippPhone(name, "own-"+end, port, map[string]string{"first": mine.port()})
			far.good(t)
			near.good(t)
			// 2 s of sound before the refusal, or 1 s before the answer and 2 s after it.
			if n := mine.heardNoise(); n < 50 {
				t.Errorf("the telephone heard %d packets", n)
			}
		})
	}
}

// Why a network ended a call stands in the call's story.
func TestTheNetworksReason(t *testing.T) {
	s := newServer(t)
	s.start()
	sipp(t, sippOptions{scenario: "network-ends", port: 6100, keys: map[string]string{"caller": "+000111199"}}).good(t)
	story := ask[struct {
		Events []struct {
			Name string
			Data map[string]string
		}
	}](s, "call", "trace", s.lastRecord().ID)
	for _, e := range story.Events {
		if e.Name == "call.ended" {
			if e.Data["q850"] != "31" {
				t.Errorf("call.ended says %v", e.Data)
			}
			return
		}
	}
	t.Errorf("no call.ended in %v", story.Events)
}
