package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A talker is a telephone that changes its session at random, by the rules, and has the server do
// so: both offer, hold, refresh, refuse, lose messages and acknowledge late. It notes what the two
// have agreed on.
type talker struct {
	t    *testing.T
	h    *house
	l    *leg
	c    *outCall
	dice *rand.Rand

	mine    map[int]int     // our INVITEs and UPDATEs without a final answer: CSeq number to port offered
	text    string          // the last of them
	unacked map[int]string  // what acknowledges a 2xx, and is held back
	acked   map[int]string  // what has
	asked   *message        // the server's INVITE that waits for our answer
	seen    map[string]bool // its requests, by CSeq
	holds   chan error
	holding int

	port   int // where the server must send sound
	sent   string
	offers int
}

// note takes a description of the server that is agreed on: what is new has the next version, what
// is not the same (RFC 3264 §8).
func (k *talker) note(sdp string) {
	k.t.Helper()
	if k.sent != "" {
		same := sameButOrigin([]byte(k.sent), []byte(sdp))
		before, now := versionSDP([]byte(k.sent)), versionSDP([]byte(sdp))
		if same && now != before || !same && now != before+1 {
			k.t.Errorf("version %d after %d, same %v:\n%s\n%s", now, before, same, k.sent, sdp)
		}
	}
	k.sent = sdp
}

// take handles what has come within a while.
func (k *talker) take(wait time.Duration) {
	m, ok := k.c.p.read(wait)
	if !ok || k.dice.IntN(10) == 0 { // lost
		return
	}
	number, _, _ := strings.Cut(m.get("CSeq"), " ")
	n, _ := strconv.Atoi(number)
	switch {
	case m.code() == 0:
		k.request(m)
	case m.code() < 200:
	case m.method() == "INVITE" && m.code() < 300:
		if ack, again := k.acked[n]; again {
			k.c.p.send(ack)
			return
		}
		if port, open := k.mine[n]; open {
			delete(k.mine, n)
			k.port = port
			k.note(m.body)
			k.unacked[n] = k.numbered(n, "ACK")
		}
	case m.method() == "INVITE" || m.method() == "UPDATE":
		port, open := k.mine[n]
		delete(k.mine, n)
		if m.method() == "INVITE" {
			k.c.p.send(strings.Replace(k.numbered(n, "ACK"), "-ack", "", 1))
		} else if open && m.code() < 300 {
			k.port = port
			k.note(m.body)
		}
		if m.code() >= 300 && m.code() != 491 && m.code() != 500 {
			k.t.Errorf("a change by the rules is refused: %v", m)
		}
	}
}

// numbered is a request of ours under a number that was.
func (k *talker) numbered(n int, method string) string {
	now := k.c.seq
	k.c.seq = n
	defer func() { k.c.seq = now }()
	return k.c.text(method, fmt.Sprintf("%s-%d-ack", k.c.branch, n), "", "", "")
}

// request takes a request of the server.
func (k *talker) request(m message) {
	k.t.Helper()
	switch m.method() {
	case "INVITE":
		if k.seen[m.get("CSeq")] {
			return // a repeat
		}
		k.seen[m.get("CSeq")] = true
		if k.asked != nil || len(k.unacked) > 0 {
			k.t.Errorf("an INVITE although its last one, or its 200, is open: %v", m)
		}
		k.asked = &m
	case "UPDATE":
		k.c.p.send(respond(m, 200, "", "", ""))
	case "ACK":
	default:
		k.t.Fatalf("out of place: %v", m)
	}
}

// reply answers the server's INVITE; as long as an offer of ours is open it must be refused.
func (k *talker) reply(refuse int) {
	if k.asked == nil {
		return
	}
	m := *k.asked
	k.asked = nil
	switch {
	case len(k.mine) > 0:
		k.c.p.send(respond(m, 491, "", "", ""))
	case refuse == 1:
		k.c.p.send(respond(m, 500, "", "Retry-After: 1\r\n", ""))
	case refuse == 2:
		k.c.p.send(respond(m, 603, "", "", ""))
	default:
		k.c.p.send(respond(m, 200, "", "", sdpFor(k.port, directions[k.dice.IntN(len(directions))])))
		k.note(m.body)
	}
}

var directions = []string{"sendrecv", "recvonly", "sendonly", "inactive"}

// offer sends a change of ours, unless one is open or the server's is there to be answered.
func (k *talker) offer(method string) {
	if len(k.mine) > 0 || k.asked != nil {
		return
	}
	k.offers++
	port := 40000 + 2*k.offers
	k.text = k.c.again(method, "", "application/sdp", sdpFor(port, directions[k.dice.IntN(len(directions))]))
	k.mine[k.c.seq] = port
	k.c.p.send(k.text)
}

// step does one thing.
func (k *talker) step() {
	switch k.dice.IntN(9) {
	case 0:
		k.offer("INVITE")
	case 1:
		k.offer("UPDATE")
	case 2:
		k.reply(k.dice.IntN(6))
	case 3:
		if k.holding < 3 {
			k.holding++
			on := k.dice.IntN(2) == 0
			go func() { k.holds <- k.l.Hold(context.Background(), on) }()
		}
	case 4:
		k.h.locked("test", k.l.timer.refresh)
	case 5:
		k.acknowledge()
	default:
		k.take(2 * time.Millisecond)
	}
}

func (k *talker) acknowledge() {
	for n, ack := range k.unacked {
		delete(k.unacked, n)
		k.acked[n] = ack
		k.c.p.send(ack)
	}
}

// settle goes on by the rules until nothing is open on either side.
func (k *talker) settle() {
	k.t.Helper()
	for end := time.Now().Add(patience); ; {
		k.take(5 * time.Millisecond)
		if len(k.mine) > 0 {
			k.c.p.send(k.text) // timers A and E
		}
		k.acknowledge()
		k.reply(0)
		for len(k.holds) > 0 {
			<-k.holds
			k.holding--
		}
		done := false
		k.h.locked("test", func() { done = len(k.l.okays) == 0 && len(k.l.changes) == 0 && !k.l.changing })
		if done && k.holding == 0 && len(k.mine) == 0 && len(k.unacked) == 0 && k.asked == nil {
			return
		}
		if time.Now().After(end) {
			k.t.Fatalf("it does not come to rest: %d holds, %d offers of ours, %d without ACK", k.holding, len(k.mine), len(k.unacked))
		}
	}
}

// Whatever the two sides do at once, they come to rest, on the same session, and the dialog ends as any other.
func TestSessionsChangeAtRandom(t *testing.T) {
	h := open(t, nil, func(x *timing) {
		fastTimes(x)
		x.T1, x.Glare, x.Second = 5*time.Millisecond, 50*time.Microsecond, time.Millisecond
	})
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := h.carrier()
			p.t = t
			c := p.dials()
			if seed%2 == 0 {
				c.extra = takesUpdate
			}
			l := h.served(c)
			if err := l.Answer(t.Context()); err != nil {
				t.Fatal(err)
			}
			k := &talker{
				t: t, h: h, l: l, c: c, dice: rand.New(rand.NewPCG(seed, 3261)), port: 40000, holds: make(chan error, 64),
				mine: map[int]int{}, unacked: map[int]string{}, acked: map[int]string{}, seen: map[string]bool{},
			}
			ok := p.answer("INVITE", 200)
			c.took(ok)
			k.note(ok.body)
			ack := c.ack("")
			k.acked[1] = ack
			p.send(ack)
			for range 120 {
				k.step()
			}
			k.settle()
			h.locked("test", func() {
				if int(l.remote.Addr.Port()) != k.port {
					t.Errorf("sound goes to %v, agreed was %d", l.remote.Addr, k.port)
				}
				if !sameButOrigin(l.sent, []byte(k.sent)) {
					t.Errorf("the server thinks that it has sent\n%s, agreed was\n%s", l.sent, k.sent)
				}
			})
			p.send(c.again("BYE", "", "", ""))
			p.answer("BYE", 200)
			ended(t, l)
		})
	}
	h.locked("test", func() {
		if n := len(h.dialogs) + len(h.Server.legs); n != 0 {
			t.Errorf("%d dialogs and legs are left", n)
		}
	})
}
