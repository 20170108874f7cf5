package phone

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A wire is where a message goes: an address behind our UDP socket, or a connection.
type wire interface {
	send(b []byte) error
	String() string
}

type datagram struct {
	conn *net.UDPConn
	addr *net.UDPAddr
}

func (d datagram) send(b []byte) error {
	_, err := d.conn.WriteToUDP(b, d.addr)
	return err
}

func (d datagram) String() string { return d.addr.String() }

type stream struct {
	conn net.Conn
	mu   sync.Mutex // one message at a time
}

// writeTimeout is how long a TCP peer may leave its window shut before we give it up.
const writeTimeout = 5 * time.Second

func (s *stream) send(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.conn.Write(b)
	return err
}

func (s *stream) String() string { return s.conn.RemoteAddr().String() }

func (p *Phone) listen() error {
	if p.o.Transport == "udp" {
		addr, err := net.ResolveUDPAddr("udp", p.o.Listen)
		if err != nil {
			return err
		}
		p.packets, err = net.ListenUDP("udp", addr)
		return err
	}
	var err error
	p.listener, err = net.Listen("tcp", p.o.Listen)
	if err == nil && p.o.Transport == "tls" {
		p.listener = tls.NewListener(p.listener, p.o.TLS)
	}
	return err
}

func (p *Phone) readPackets() {
	buf := make([]byte, 65535)
	for {
		n, from, err := p.packets.ReadFromUDP(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // ICMP errors of a peer that went away
		}
		if blank(buf[:n]) {
			continue // keep-alive
		}
		m, err := parseDatagram(append([]byte(nil), buf[:n]...))
		if err != nil {
			p.trace("<- not understood: %v", err)
			continue
		}
		p.take(m, datagram{p.packets, from})
	}
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

func (p *Phone) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.adopt(conn) == nil {
			conn.Close()
		}
	}
}

// adopt starts reading a connection; nil when the phone is already closed.
func (p *Phone) adopt(conn net.Conn) *stream {
	s := &stream{conn: conn}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.startLocked(func() { p.readStream(s) }) {
		return nil
	}
	p.streams[s.String()] = s
	return s
}

func (p *Phone) readStream(s *stream) {
	r := bufio.NewReader(s.conn)
	for {
		m, err := readMessage(r)
		if err != nil {
			break
		}
		p.take(m, s)
	}
	s.conn.Close()
	p.mu.Lock()
	if p.streams[s.String()] == s {
		delete(p.streams, s.String())
	}
	p.mu.Unlock()
}

// DropConnections closes the phone's TCP connections, as a NAT or a pulled cable does. A UDP
// phone has none.
func (p *Phone) DropConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.streams {
		s.conn.Close()
	}
}

// wireTo finds or opens the way to host:port.
func (p *Phone) wireTo(hostPort string) (wire, error) {
	if p.packets != nil {
		addr, err := net.ResolveUDPAddr("udp", hostPort)
		if err != nil {
			return nil, err
		}
		return datagram{p.packets, addr}, nil
	}
	p.mu.Lock()
	s := p.streams[hostPort]
	p.mu.Unlock()
	if s != nil {
		return s, nil
	}
	from := *p.listener.Addr().(*net.TCPAddr) // the address that it says it has
	from.Port = 0
	d := net.Dialer{Timeout: writeTimeout, LocalAddr: &from}
	conn, err := d.DialContext(p.ctx, "tcp", hostPort)
	if err != nil {
		return nil, err
	}
	if p.o.Transport == "tls" {
		config := p.o.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(hostPort) // it was dialled: it can be split
		}
		secured := tls.Client(conn, config)
		ctx, cancel := context.WithTimeout(p.ctx, writeTimeout)
		defer cancel()
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("connect to %s: %w", hostPort, err)
		}
		conn = secured
	}
	if s = p.adopt(conn); s == nil {
		conn.Close()
		return nil, fmt.Errorf("connect to %s: %w", hostPort, net.ErrClosed)
	}
	return s, nil
}

// transmit sends a message unless the phone is dead.
func (p *Phone) transmit(m *Message, b []byte, w wire) error {
	if p.Manners().Dead {
		return nil
	}
	p.trace("-> %s", m.line())
	return w.send(b)
}
