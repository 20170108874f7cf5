package sip

import (
	"bytes"
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
	writeQueue          = 64              // messages waiting for a slow peer
)

// tcpListener is one TCP listener of ours.
type tcpListener struct {
	door
	ln net.Listener
}

// tcpConn is one accepted connection: a reader that frames messages and decides them in order,
// and a writer behind a queue, so that a peer who does not read holds nobody up.
type tcpConn struct {
	s         *Server
	listener  *tcpListener
	conn      net.Conn
	peer      netip.AddrPort
	local     netip.AddrPort
	out       chan []byte
	closed    chan struct{}
	closeOnce sync.Once
	vouched   atomic.Bool // a registration, a call or a carrier's network stands behind it
	whole     bool        // a whole message has come; the reader's own
}

func openTCP(sd side, at netip.AddrPort) (*tcpListener, error) {
	ln, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("listen on tcp://%s: %w", at, err)
	}
	bound := ln.Addr().(*net.TCPAddr).AddrPort()
	return &tcpListener{door: door{side: sd, at: unmap(bound)}, ln: ln}, nil
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

// accept decides about one new connection before anything is read from it.
func (s *Server) accept(l *tcpListener, conn net.Conn) {
	defer s.recovered("tcp listener")
	c := &tcpConn{
		s: s, listener: l, conn: conn,
		peer:   unmap(conn.RemoteAddr().(*net.TCPAddr).AddrPort()),
		local:  unmap(conn.LocalAddr().(*net.TCPAddr).AddrPort()),
		out:    make(chan []byte, writeQueue),
		closed: make(chan struct{}),
	}
	if l.side == trunkSide {
		if s.carrierOf(c.peer.Addr()) == nil {
			s.silence(c.flow())
			_ = conn.Close() // nothing was read or written
			return
		}
		c.vouched.Store(true)
	}
	if !s.admit(c) {
		s.silence(c.flow())
		_ = conn.Close()
		return
	}
	s.wg.Add(2)
	go c.write()
	go c.read()
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
		if other.peer.Addr() == c.peer.Addr() {
			same++
		}
	}
	if !c.vouched.Load() && (same >= strangersPerAddress || all >= strangersInAll) {
		return false
	}
	s.conns[connKey{c.listener.side, c.peer}] = c
	return true
}

// connKey finds a connection by the side and the peer's address and port.
type connKey struct {
	side side
	peer netip.AddrPort
}

func (c *tcpConn) flow() flow { return flow{tcp: c, peer: c.peer} }

// send puts one message into the queue. A peer that lets it fill up is cut off.
func (c *tcpConn) send(b []byte) error {
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	select {
	case c.out <- b:
		return nil
	default:
		c.shut()
		return errors.New("the peer does not read")
	}
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
func (c *tcpConn) write() {
	defer c.s.wg.Done()
	defer c.s.recovered("tcp writer")
	defer func() { _ = c.conn.Close() }() // the peer learns it by the close itself
	for {
		select {
		case b := <-c.out:
			if !c.put(b) {
				return
			}
		case <-c.closed:
			for {
				select {
				case b := <-c.out:
					if !c.put(b) {
						return
					}
				default:
					return
				}
			}
		}
	}
}

func (c *tcpConn) put(b []byte) bool {
	if c.conn.SetWriteDeadline(time.Now().Add(writeLimit)) != nil {
		return false
	}
	if _, err := c.conn.Write(b); err != nil {
		c.shut()
		return false
	}
	return true
}

// read takes messages off the stream until it ends or breaks the rules.
func (c *tcpConn) read() {
	defer c.s.wg.Done()
	defer c.s.connectionGone(c)
	defer c.shut()
	defer c.s.recovered("tcp reader")
	chunk := make([]byte, 16<<10)
	var buf []byte // what has come of a message that is not whole
	deadline := time.Now().Add(c.s.times.FirstMessage)
	for {
		if c.conn.SetReadDeadline(deadline) != nil {
			return
		}
		n, err := c.conn.Read(chunk)
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
	for {
		for len(b) >= 4 && string(b[:4]) == "\r\n\r\n" {
			if c.send([]byte("\r\n")) != nil { // pong (RFC 5626 §3.5.1)
				return nil, false
			}
			b = b[4:]
		}
		trimmed := bytes.TrimLeft(b, "\r\n")
		if len(trimmed) == 0 {
			if len(b) > 3 {
				b = b[len(b)-3:]
			}
			return b[:len(b):len(b)], true
		}
		end := headEnd(trimmed)
		if end < 0 {
			return b, len(b) <= maxStream
		}
		used, ok := c.message(trimmed, end)
		if !ok {
			return nil, false
		}
		if used == 0 {
			return b, len(b) <= maxStream
		}
		b = trimmed[used:]
	}
}

// message decides the message at the head of b, whose headers end at end. It returns the bytes
// used, 0 if the body is not all here yet, and false if the stream cannot be followed further.
func (c *tcpConn) message(b []byte, end int) (used int, ok bool) {
	d, err := scanHead(b[:end])
	if d == nil {
		return 0, false
	}
	length, lengthErr := d.contentLength()
	if lengthErr != nil || length < 0 || end+length > maxStream {
		if lengthErr == nil {
			lengthErr = bad("a stream needs a Content-Length of at most %d", maxStream)
		}
		c.s.receive(c.flow(), d, lengthErr)
		return 0, false
	}
	if len(b) < end+length {
		return 0, true
	}
	d.body = bytes.Clone(b[end : end+length])
	if err == nil && len(d.body) > maxSDP {
		err = &scanError{code: 413, why: "too large"}
	}
	c.whole = true
	c.s.receive(c.flow(), d, err)
	return end + length, !c.gone()
}

// connectionGone forgets a connection and whoever registered by it.
func (s *Server) connectionGone(c *tcpConn) {
	defer s.recovered("tcp end")
	s.mu.Lock()
	key := connKey{c.listener.side, c.peer}
	if s.conns[key] == c {
		delete(s.conns, key)
	}
	closed := s.closed
	s.mu.Unlock()
	if c.listener.side == phoneSide && !closed {
		s.reg.connectionGone("tcp", c.peer)
	}
}

// vouches says whether an idle connection still has somebody behind it.
func (s *Server) vouches(c *tcpConn) bool {
	if c.listener.side == trunkSide {
		return s.carrierOf(c.peer.Addr()) != nil
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
