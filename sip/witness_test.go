package sip

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
	"hotline/sip/trace"
)

// A traceBook remembers what the Tracer is told.
type traceBook struct {
	mu   sync.Mutex
	list []trace.Message
}

func (b *traceBook) Message(m trace.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.Bytes = slices.Clone(m.Bytes)
	b.list = append(b.list, m)
}

func (b *traceBook) all() []trace.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

// A tapped connection writes down what its telephone sends and gets.
type tapped struct {
	net.Conn
	mu   sync.Mutex
	wire []string
}

func (c *tapped) note(way string, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire = append(c.wire, way+string(b))
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.note("sent ", b[:n]) // as the server sees it
	}
	return n, err
}

func (c *tapped) Write(b []byte) (int, error) {
	c.note("received ", b)
	return c.Conn.Write(b)
}

func tap(p *peer) *tapped {
	c := &tapped{Conn: p.conn}
	p.conn = c
	return c
}

// Everything that the two telephones of a call saw on the wire, and nothing else, is told, byte by
// byte and in the order of each: repeats, what a lost ACK repeats, and the end.
func TestEveryMessageOfACallIsTold(t *testing.T) {
	book := &traceBook{}
	h := open(t, func(o *Options) { o.Trace = book }, fastTimes)
	d := h.deskPhone("udp")
	d.register(200)
	stranger := h.carrier()
	c := stranger.dials()
	c.target = "sip:112@127.0.0.1"
	stranger.send(c.invite())
	stranger.answer("INVITE", 404)
	if n := len(book.all()); n != 0 {
		t.Fatalf("%d messages of no call", n)
	}
	p := h.carrier()
	carrier, phone := tap(p), tap(d.peer)
	c = p.dials()
	l := h.served(c)
	p.answer("INVITE", 100)
	p.send(c.invite()) // once more
	p.answer("INVITE", 100)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.took(p.answer("INVITE", 200))
	p.answer("INVITE", 200) // repeated, for want of the ACK
	p.send(c.ack(""))
	<-l.acked
	p.send(c.again("INFO", "", "application/dtmf", "5"))
	p.answer("INFO", 200)
	id := l.Info().Call
	dialled := make(chan call.Leg, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		other, _ := h.Dial(ctx, call.Dial{Call: id, User: testUser, From: "+000123456789"})
		dialled <- other
	}()
	invite := d.peer.request("INVITE")
	d.send(respond(invite, 180, "b", "", ""))
	d.send(respond(invite, 200, "b", "Contact: <sip:x@"+d.at.String()+">\r\n", sdpFor(40100, "sendrecv")))
	d.peer.request("ACK")
	other := <-dialled
	if other == nil {
		t.Fatal("the telephone was not reached")
	}
	other.Hangup(call.Reason{})
	bye := d.peer.request("BYE")
	d.send(respond(bye, 200, "", "", ""))
	p.send(c.again("BYE", "", "", ""))
	p.answer("BYE", 200)
	causeOf(t, l)

	of := func(role call.Role) (wire []string) {
		for _, m := range book.all() {
			if m.Role != role {
				continue
			}
			way := "received "
			if m.Sent {
				way = "sent "
			}
			wire = append(wire, way+string(m.Bytes))
			at, ours, peer := p.at, h.trunk, "carrier"
			if role == call.RoleOperator {
				at, ours, peer = d.at, h.phone, testUser
			}
			if m.Call != id || m.Remote != at || m.Local != ours || m.Peer != peer || m.Transport != "udp" || time.Since(m.At) > time.Minute {
				t.Errorf("told of call %s, %s at %s by %s %s, %s", m.Call, m.Peer, m.Remote, m.Transport, m.Local, m.At)
			}
		}
		return wire
	}
	for role, tap := range map[call.Role]*tapped{call.RoleCaller: carrier, call.RoleOperator: phone} {
		eventually(t, "all that was told is on the wire", func() bool {
			for _, x := range []*peer{p, d.peer} { // a repeat that nobody has read yet
				x.read(time.Millisecond)
			}
			return len(of(role)) == len(tap.wire)
		})
		tap.mu.Lock()
		for _, way := range []string{"sent ", "received "} {
			only := func(list []string) (out []string) {
				for _, m := range list {
					if len(m) > len(way) && m[:len(way)] == way {
						out = append(out, m)
					}
				}
				return out
			}
			if got, want := only(of(role)), only(tap.wire); !slices.Equal(got, want) {
				t.Errorf("%s: %stold\n%q\nthe wire had\n%q", role, way, got, want)
			}
		}
		tap.mu.Unlock()
	}
}

// On a stream the messages are told one by one, also where they come in pieces.
func TestMessagesOfAStreamAreTold(t *testing.T) {
	book := &traceBook{}
	h := open(t, func(o *Options) { o.Trace = book }, nil)
	p := peerAt(t, "tcp", "127.0.0.1", h.listener(trunkSide, "tcp"))
	c := p.dials()
	text := c.invite()
	p.send(text[:100])
	p.send(text[100:])
	l := next(t, h.legs)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.took(p.answer("INVITE", 200))
	ack, bye := c.ack(""), c.again("BYE", "", "", "")
	p.send(ack + bye)
	p.answer("BYE", 200)
	var received []string
	for _, m := range book.all() {
		if m.Transport != "tcp" || m.Remote != p.at {
			t.Errorf("by %s to %s", m.Transport, m.Remote)
		}
		if !m.Sent {
			received = append(received, string(m.Bytes))
		}
	}
	if !slices.Equal(received, []string{text, ack, bye}) {
		t.Errorf("received %q", received)
	}
}

type panickingTracer struct{}

func (panickingTracer) Message(trace.Message) { panic("planted") }

// Trouble of whoever looks on does not touch the call.
func TestATracerThatPanics(t *testing.T) {
	h := open(t, func(o *Options) { o.Trace = panickingTracer{} }, nil)
	p := h.carrier()
	c, l := h.connect(p)
	p.send(c.again("BYE", "", "", ""))
	p.answer("BYE", 200)
	if cause := causeOf(t, l); cause != call.CauseHangup {
		t.Errorf("cause %s", cause)
	}
	if n := testutil.ToFloat64(h.met.panics); n < 5 {
		t.Errorf("%v panics counted", n)
	}
}
