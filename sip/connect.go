package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// A target is where requests of ours to a carrier go, or to a proxy of phones.
type target struct {
	side      side
	transport string // "udp", "tcp" or "tls"
	at        netip.AddrPort
	trunk     string // the carrier's name; "" on the phone side
	host      string // whose certificate it must show, where the carrier's tls.name says nothing; "": the address
}

// reach is the way to a target. Over TCP and TLS it is the connection that
// leads there already, or a new one: then it is being made on a goroutine of its own, what is
// sent meanwhile waits in its queue, and if it fails, the transactions on it fail with 503. The
// lock is held; nothing here waits.
func (s *Server) reach(t target) (flow, error) {
	if t.transport == "udp" {
		f, ok := s.overUDP(t.side, netip.AddrPort{}, t.at)
		if !ok {
			return flow{}, errNoFlow
		}
		return f, nil
	}
	if s.closed || t.at.Addr().Zone() != "" {
		return flow{}, errNoFlow
	}
	key := connKey{side: t.side, transport: t.transport, peer: t.at, trunk: t.trunk, host: t.host}
	if c := s.conns[key]; c != nil && !c.gone() {
		return c.flow(), nil
	}
	c := s.newConn(s.doorFor(t), t.at, t.transport == "tls")
	c.dialled = &t
	c.local = netip.AddrPortFrom(s.hosts[t.side].ours(flow{tcp: c, peer: t.at}), 0)
	c.vouched.Store(true) // by us
	s.enter(c)
	go c.live()
	return c.flow(), nil
}

// doorFor is what a dialled connection tells its peer about us: a listener of its transport, so
// that the peer can come back to us when the connection has ended. The lock is held.
func (s *Server) doorFor(t target) door {
	found := door{side: t.side, at: netip.AddrPortFrom(unspecified(t.at.Addr()), 0)}
	for _, l := range s.tcp {
		at := l.at.Addr()
		if l.side != t.side || l.network() != t.transport || at.Is4() != t.at.Addr().Is4() && !(at.Is6() && at.IsUnspecified()) {
			continue
		}
		if found = l.door; at.IsUnspecified() || at == s.hosts[t.side].towards(t.at.Addr()) {
			break
		}
	}
	return found
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// dial makes the connection to the target, from the address that the peer is told.
func (c *tcpConn) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.s.ctx, c.s.times.Connect)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1} // we ask ourselves, see keepAlive
	if at := c.at.Addr(); !at.IsUnspecified() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 0))
	}
	conn, err := dialer.DialContext(ctx, "tcp", c.peer.String())
	if err != nil {
		return nil, err
	}
	if !c.secure {
		return c.become(conn)
	}
	config, err := c.s.clientTLS(*c.dialled)
	if err != nil {
		return conn, err
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return conn, err
	}
	return c.become(secured)
}

// failed is the end of a connection that never carried a message. A stranger's is nobody's
// business; a carrier's is somebody's.
func (c *tcpConn) failed(conn net.Conn, err error) {
	if conn != nil {
		_ = conn.Close() // it is given up
	}
	if errors.Is(err, net.ErrClosed) || c.s.isClosed() {
		return
	}
	trunk := ""
	if c.dialled != nil {
		trunk = c.dialled.trunk
	} else if carrier := c.s.carrierOf(c.peer.Addr()); carrier != nil && c.side == trunkSide {
		trunk = carrier.Name
	}
	fields := []zap.Field{zap.Stringer("remote", c.peer), zap.String("transport", c.flow().transport()), zap.Error(err)}
	if trunk == "" || !c.s.grumbles.first(trunk, time.Now()) {
		c.s.log.Debug("no connection", fields...)
		return
	}
	what := "a carrier is not reached"
	if c.dialled == nil {
		what = "a carrier does not prove who it is; its connection is closed"
	}
	c.s.log.Warn(what, append(fields, zap.String("trunk", trunk))...)
}

// A keepAlive asks on a connection to a carrier whether the peer is there: two line ends, which it
// answers with one (RFC 5626 §3.5.1). Whatever comes counts as an answer. Without one the
// connection is dead, which TCP itself would find out in a quarter of an hour.
type keepAlive struct {
	timer *time.Timer
	asked time.Time // zero: not waiting for an answer
}

// keepAlive begins the asking on a connection that we dialled; on others it never asks.
func (c *tcpConn) keepAlive() *keepAlive {
	if c.dialled == nil {
		return &keepAlive{}
	}
	return &keepAlive{timer: time.NewTimer(c.pause())}
}

// pause is the time to the next question: 80 to 100 % of it, so that connections made together
// do not ask together (RFC 5626 §4.4).
func (c *tcpConn) pause() time.Duration {
	return c.s.times.Ping*4/5 + rand.N(c.s.times.Ping/5+1)
}

func (k *keepAlive) due() <-chan time.Time {
	if k.timer == nil {
		return nil
	}
	return k.timer.C
}

// next asks, or looks whether the last question was answered. False: the peer is gone.
func (k *keepAlive) next(c *tcpConn) bool {
	if !k.asked.IsZero() {
		if c.heard.Load() < k.asked.UnixNano() {
			return false
		}
		k.asked = time.Time{}
		k.timer.Reset(c.pause() - c.s.times.Pong) // from question to question
		return true
	}
	k.asked = time.Now()
	k.timer.Reset(c.s.times.Pong)
	return c.send([]byte("\r\n\r\n")) == nil
}

func (k *keepAlive) stop() {
	if k.timer != nil {
		k.timer.Stop()
	}
}
