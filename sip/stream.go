package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// The limits of TCP connections (RFC 3261 says nothing; a scanner that opens and waits costs
// memory until somebody says stop).
const (
	strangersPerAddress = 20              // connections of one address that nobody vouches for
	strangersInAll      = 1000            // and of all addresses
	writeLimit          = 5 * time.Second // one write
	queueOfStranger     = 128 << 10       // bytes waiting for a peer that reads slowly, or is not reached yet
	queueOfKnown        = 1 << 20         // the same where somebody vouches for the connection
)

// tcpListener is one TCP or TLS listener of ours.
type tcpListener struct {
	door
	ln     net.Listener
	secure bool // TLS
}

// network is how the listener stands in the configuration.
func (l *tcpListener) network() string {
	if l.secure {
		return "tls"
	}
	return "tcp"
}

// tcpConn is one connection, accepted or dialled: a reader that frames messages and decides
// them in order, and a writer behind a queue, so that a peer who does not read, or is not reached
// yet, holds nobody up.
type tcpConn struct {
	s *Server
	door
	peer      netip.AddrPort
	local     netip.AddrPort // the address of ours that the peer knows
	secure    bool           // TLS
	dialled   *target        // where we dialled to; nil for an accepted connection
	out       outbox
	closed    chan struct{}
	closeOnce sync.Once
	vouched   atomic.Bool  // a registration, a call or a carrier's network stands behind it
	heard     atomic.Int64 // when the last bytes came, in Unix nanoseconds
	whole     bool         // a whole message has come; the reader's own

	mu   sync.Mutex
	conn net.Conn // nil while a dialled connection is not there yet
}

// listenTCP opens the listener of one entry.
func listenTCP(sd side, network string, at netip.AddrPort) (*tcpListener, error) {
	ln, err := net.Listen(family("tcp", at.Addr()), at.String())
	if err != nil {
		return nil, fmt.Errorf("listen on %s://%s: %w", network, at, err)
	}
	bound := ln.Addr().(*net.TCPAddr).AddrPort()
	return &tcpListener{door: door{side: sd, at: unmap(bound)}, ln: ln, secure: network == "tls"}, nil
}

// serveTCP accepts until the listener is closed.
func (s *Server) serveTCP(l *tcpListener) {
	defer s.wg.Done()
	for {
		conn, err := l.ln.Accept()
		if err != nil {
			if s.isClosed() || errors.Is(err, net.ErrClosed) {
				return
			}
			s.log.Warn("accept", zap.Stringer("local", l.at), zap.Error(err)) // out of descriptors, most likely
			if !s.pause(100 * time.Millisecond) {
				return
			}
			continue
		}
		s.accept(l, conn)
	}
}

// accept decides about one new connection before anything is read from it or a word of TLS is
// spoken. The rest is the connection's own goroutine's, so that a slow peer delays no other.
func (s *Server) accept(l *tcpListener, conn net.Conn) {
	defer s.recovered("tcp listener")
	c := s.newConn(l.door, unmap(conn.RemoteAddr().(*net.TCPAddr).AddrPort()), l.secure)
	c.local = unmap(conn.LocalAddr().(*net.TCPAddr).AddrPort())
	c.conn = conn
	if l.side == trunkSide && s.carrierAt(c.flow()) != nil {
		c.vouched.Store(true)
	}
	strange := l.side == trunkSide && !c.vouched.Load() || c.peer.Addr().Zone() != ""
	if strange || !s.admit(c) {
		s.silence(c.flow())
		_ = conn.Close() // nothing was read or written
		return
	}
	go c.live()
}

func (s *Server) newConn(d door, peer netip.AddrPort, secure bool) *tcpConn {
	return &tcpConn{
		s: s, door: d, peer: peer, secure: secure,
		out: outbox{more: make(chan struct{}, 1)}, closed: make(chan struct{}),
	}
}

// live is the life of a connection: it is made ready, written and read until it ends.
func (c *tcpConn) live() {
	defer c.s.wg.Done()
	defer c.s.connectionGone(c)
	defer c.shut()
	defer c.s.recovered("tcp connection")
	conn, err := c.ready()
	if err != nil {
		c.failed(conn, err)
		return
	}
	c.s.wg.Add(1)
	go c.write(conn)
	c.read(conn)
}

// ready dials, where the connection is ours to make, and agrees on TLS, where that is spoken. It
// returns what there is of a connection also with an error.
func (c *tcpConn) ready() (net.Conn, error) {
	conn := c.conn
	if c.dialled != nil {
		return c.dial()
	}
	if !c.secure {
		return conn, nil
	}
	secured := tls.Server(conn, c.s.serverTLS(c))
	ctx, cancel := context.WithTimeout(c.s.ctx, c.s.times.Handshake)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		return conn, err
	}
	return c.become(secured)
}

// become takes the connection that is ready, unless it has been given up meanwhile.
func (c *tcpConn) become(conn net.Conn) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	if c.gone() {
		return conn, net.ErrClosed
	}
	return conn, nil
}

// wake ends a Read that waits.
func (c *tcpConn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.SetReadDeadline(time.Now()) // fails only on a connection that is closed
	}
}

// admit enters the connection, unless there are too many strangers.
func (s *Server) admit(c *tcpConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	same, all := 0, 0
	for _, other := range s.conns {
		if other.vouched.Load() {
			continue
		}
		all++
		if sourceOf(other.peer.Addr()) == sourceOf(c.peer.Addr()) {
			same++
		}
	}
	if !c.vouched.Load() && (same >= strangersPerAddress || all >= strangersInAll) {
		return false
	}
	s.enter(c)
	return true
}

// enter makes the connection findable and counts its goroutine. The lock is held.
func (s *Server) enter(c *tcpConn) {
	s.conns[c.key()] = c
	s.wg.Add(1)
}

// connKey finds a connection: by its side, how it is spoken on and the peer's address and port; one
// that we dialled also by the carrier it is for, because each may have a certificate of its own, and
// by the host whose certificate it had to show.
type connKey struct {
	side        side
	transport   string
	peer        netip.AddrPort
	trunk, host string
}

func (c *tcpConn) key() connKey {
	k := connKey{side: c.side, transport: c.flow().transport(), peer: c.peer}
	if c.dialled != nil {
		k.trunk, k.host = c.dialled.trunk, c.dialled.host
	}
	return k
}

func (c *tcpConn) flow() flow { return flow{tcp: c, peer: c.peer} }

// send puts one message into the queue. A peer that lets it fill up is cut off.
func (c *tcpConn) send(b []byte) error {
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	limit := queueOfStranger
	if c.vouched.Load() {
		limit = queueOfKnown
	}
	if !c.out.put(b, limit) {
		c.shut()
		return errors.New("the peer does not read")
	}
	return nil
}

// An outbox is what waits to be written. It is bounded by bytes, and taken out whole: a burst of
// answers goes out in few writes, however far the writer is behind.
type outbox struct {
	mu      sync.Mutex
	waiting []byte
	more    chan struct{} // told when something was put in
}

// put adds a message, unless so many bytes are waiting that it would be more than limit.
func (o *outbox) put(b []byte, limit int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) > 0 && len(o.waiting)+len(b) > limit {
		return false
	}
	o.waiting = append(o.waiting, b...)
	select {
	case o.more <- struct{}{}:
	default: // the writer has been told
	}
	return true
}

// take is everything that waits. done is what was taken before, to be used again.
func (o *outbox) take(done []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.waiting
	if o.waiting = done[:0]; cap(done) > queueOfStranger {
		o.waiting = nil // a burst is no reason to keep as much for good
	}
	return b
}

func (c *tcpConn) gone() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// shut ends both goroutines of the connection.
func (c *tcpConn) shut() {
	c.closeOnce.Do(func() { close(c.closed) })
}

// write sends what is queued; on the way out also what was queued before the end, so that a
// 400 that ends the connection still arrives.
func (c *tcpConn) write(conn net.Conn) {
	defer c.s.wg.Done()
	defer c.s.recovered("tcp writer")
	defer func() { _ = conn.Close() }() // the peer learns it by the close itself
	alive := c.keepAlive()
	defer alive.stop()
	var b []byte
	for {
		select {
		case <-c.out.more:
			if b = c.out.take(b); !c.put(conn, b) {
				return
			}
		case <-alive.due():
			if !alive.next(c) {
				c.shut()
				return
			}
		case <-c.closed:
			c.put(conn, c.out.take(b))
			return
		}
	}
}

func (c *tcpConn) put(conn net.Conn, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if conn.SetWriteDeadline(time.Now().Add(writeLimit)) != nil {
		return false
	}
	if _, err := conn.Write(b); err != nil {
		c.shut()
		return false
	}
	return true
}

// read takes messages off the stream until it ends or breaks the rules.
func (c *tcpConn) read(conn net.Conn) {
	chunk := make([]byte, 4<<10) // one for each connection, also of those who say nothing
	var buf []byte               // what has come of a message that is not whole
	deadline := time.Now().Add(c.s.times.FirstMessage)
	for {
		if conn.SetReadDeadline(deadline) != nil {
			return
		}
		n, err := conn.Read(chunk)
		if n > 0 {
			c.heard.Store(time.Now().UnixNano())
		}
		had := pending(buf)
		var ok bool
		if buf, ok = c.consume(append(buf, chunk[:n]...)); !ok {
			return
		}
		switch {
		case err != nil && !c.mayIdle(err, pending(buf)):
			return
		case pending(buf) == 0 && (c.whole || c.vouched.Load()):
			deadline = time.Now().Add(c.patience()) // between two messages
		case pending(buf) > 0 && c.whole && (had == 0 || pending(buf) < had+n):
			deadline = time.Now().Add(c.s.times.Unfinished) // a new message has begun
		}
	}
}

// pending counts the bytes of a message that has begun; line ends before it are none.
func pending(b []byte) int { return len(bytes.TrimLeft(b, "\r\n")) }

// patience is how long the connection may be silent before it is looked at.
func (c *tcpConn) patience() time.Duration {
	if c.vouched.Load() {
		return c.s.times.LookAgain
	}
	return c.s.times.StrangerIdle
}

// mayIdle says whether the connection lives on after a read error: only silence between two
// messages, and only where somebody vouches for it.
func (c *tcpConn) mayIdle(err error, pending int) bool {
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() || pending > 0 || c.gone() {
		return false
	}
	return c.vouched.Load() && c.s.vouches(c)
}

// consume decides every whole message in b and returns what is left. False ends the connection.
func (c *tcpConn) consume(b []byte) ([]byte, bool) {
	return frames{pong: c.pong, asks: c.dialled != nil, take: c.take}.consume(b)
}

// pong answers a keep-alive (RFC 5626 §3.5.1).
func (c *tcpConn) pong() bool { return c.send([]byte("\r\n")) == nil }

// take decides one message of the stream. raw is nil where the stream cannot be followed behind it.
func (c *tcpConn) take(d *draft, err error, raw []byte) bool {
	if raw == nil {
		c.s.receive(c.flow(), d, err)
		return false
	}
	c.whole = true
	if !c.charge() {
		return false
	}
	c.s.receiveRaw(c.flow(), d, err, raw)
	return !c.gone()
}

// connectionGone forgets a connection, and whoever registered by it. Requests of ours that
// nobody has answered on it have failed; those that are answered already go on, because the rest
// may come over another connection (RFC 3261 §18.2.2).
func (s *Server) connectionGone(c *tcpConn) {
	defer s.recovered("tcp end")
	closed := true
	s.locked("tcp end", func() {
		closed = false
		if s.conns[c.key()] == c {
			delete(s.conns, c.key())
		}
		for _, tx := range s.clientTxs {
			if tx.flow.tcp == c && !tx.heard {
				tx.fail(503)
			}
		}
		if t := s.trunkDialled(c); t != nil && t.registered && t.account.flow.tcp == c {
			s.after(t.again(), func() { tell(t.registerNow) })
		}
	})
	if c.side == phoneSide && !closed {
		s.reg.connectionGone(c.flow().transport(), c.peer)
	}
}

// trunkDialled is the trunk that a connection was dialled for, nil for any other.
func (s *Server) trunkDialled(c *tcpConn) *trunk {
	if c.dialled == nil {
		return nil
	}
	return s.trunks[c.dialled.trunk]
}

// vouches says whether an idle connection still has somebody behind it.
func (s *Server) vouches(c *tcpConn) bool {
	if c.side == trunkSide {
		return s.carrierAt(c.flow()) != nil
	}
	if _, ok := s.reg.bySource(c.peer); ok {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		if l.flow.tcp == c {
			return true
		}
	}
	return false
}
