package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/call"
)

// A boardConn is a UDP socket that is found at its address, unlike a peer's, which finds us. It
// answers whoever spoke last.
type boardConn struct {
	*net.UDPConn
	mu   sync.Mutex
	last netip.AddrPort
}

func (c *boardConn) Read(b []byte) (int, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err == nil {
		c.speakTo(from)
	}
	return n, err
}

func (c *boardConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	to := c.last
	c.mu.Unlock()
	return c.WriteToUDPAddrPort(b, to)
}

func (c *boardConn) speakTo(to netip.AddrPort) {
	c.mu.Lock()
	c.last = to
	c.mu.Unlock()
}

// board opens the switchboard of a carrier: a peer that we are told to send calls to.
func board(t *testing.T, host string) *peer {
	t.Helper()
	return boardOn(t, host, 0)
}

func boardOn(t *testing.T, host string, port uint16) *peer {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t: t, conn: &boardConn{UDPConn: c}, at: netip.MustParseAddrPort(c.LocalAddr().String())}
}

// calling has a board speak to the server first.
func (h *house) calling(p *peer) *peer {
	p.conn.(*boardConn).speakTo(h.trunk)
	return p
}

// by is a carrier that is reached at these peers, in this order.
func by(name string, change func(*Carrier), peers ...*peer) Carrier {
	c := Carrier{Name: name}
	for _, p := range peers {
		h := Host{Host: p.at.Addr().String(), Port: p.at.Port(), Transport: strings.ToLower(p.network())}
		c.To = append(c.To, h)
	}
	if change != nil {
		change(&c)
	}
	return c
}

// trunkTimes are sixteen times as fast as real ones, also in what a trunk does by itself.
func trunkTimes(x *timing) {
	fastTimes(x)
	x.Second = time.Second / 16
}

// lookupTimes look names up every 300 ms.
func lookupTimes(x *timing) {
	fastTimes(x)
	x.Second = time.Second / 200
}

// openTrunks opens a server with these carriers, for which nearly every number may be called, and
// waits until it has found their hosts.
func openTrunks(t *testing.T, change func(*Options), carriers ...Carrier) *house {
	t.Helper()
	return openTrunksIn(t, trunkTimes, change, carriers...)
}

func openTrunksIn(t *testing.T, fast func(*timing), change func(*Options), carriers ...Carrier) *house {
	t.Helper()
	h := open(t, func(o *Options) {
		o.Trunks.Carriers = carriers
		o.Numbers = baku
		o.Outgoing = roomy()
		o.Outgoing.Allow = []string{"+994", "103"}
		if change != nil {
			change(o)
		}
	}, fast)
	h.found(carriers...)
	return h
}

func (h *house) found(carriers ...Carrier) {
	h.t.Helper()
	for _, c := range carriers {
		if len(c.To) > 0 {
			eventually(h.t, "the hosts of "+c.Name+" are found", func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				return len(h.trunks[c.Name].ends) > 0
			})
		}
	}
}

// asked is a call out as an operator wants it.
func asking() call.Outside {
	return call.Outside{Call: "c", To: "0125550100", Line: "919", Operator: "anar"}
}

func (h *house) dialOut(ctx context.Context, o call.Outside) chan outcome {
	out := make(chan outcome, 1)
	go func() {
		l, err := h.DialOutside(ctx, o)
		out <- outcome{l, err}
	}()
	return out
}

// legOf is the leg that a dial brought.
func legOf(t *testing.T, from chan outcome) *leg {
	t.Helper()
	select {
	case r := <-from:
		if r.err != nil {
			t.Fatalf("no leg: %v", r.err)
		}
		return r.leg.(*leg)
	case <-time.After(patience):
		t.Fatal("the dial did not return")
		return nil
	}
}

// takes answers an INVITE and takes the ACK.
func (p *peer) takes(invite message) {
	p.t.Helper()
	p.send(respond(invite, 100, "", "", ""))
	p.send(respond(invite, 200, "theirs", fmt.Sprintf("Contact: <sip:them@%s>\r\n", p.at), sdpFor(40000, "sendrecv")))
	p.request("ACK")
}

// refuses answers a request that brings no call. The ACK of an INVITE is taken.
func (p *peer) refuses(m message, code int, extra string) {
	p.t.Helper()
	p.send(respond(m, code, "theirs", extra, ""))
	if m.method() == "INVITE" && code >= 300 {
		p.request("ACK")
	}
}

// gauge is the value of a series with these labels, -1 if there is none.
func (h *house) gauge(name string, labels ...string) float64 {
	h.t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if f.GetName() == name && strings.Join(have, ",") == strings.Join(labels, ",") {
				if m.GetCounter() != nil {
					return m.GetCounter().GetValue()
				}
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

// reasonNone is an ordinary hanging up.
var reasonNone = call.Reason{}
