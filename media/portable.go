package media

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// receiveBuffer is the kernel's buffer of each socket, in bytes: some hundred packets, so that a
// loop that was held up for a second loses nothing.
const receiveBuffer = 128 << 10

// portable is the way to the wire that every system has: net.UDPConn, with a goroutine for each
// socket that feeds the loop. It costs more CPU than epoll; how much, nobody has measured.
type portable struct{}

func (portable) name() string { return "portable" }

func (portable) open(at netip.AddrPort) (socket, error) {
	kind := "udp"
	if at.Addr().Is4() {
		kind = "udp4"
	}
	conn, err := net.ListenUDP(kind, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	// A smaller buffer loses packets under load, and is no reason to refuse a call.
	_ = conn.SetReadBuffer(receiveBuffer)
	return &portableSocket{conn: conn}, nil
}

func (portable) poller(lp *loop) (poller, error) {
	return &portablePoller{
		lp:    lp,
		inbox: make(chan *datagram, 1024),
		free:  make(chan *datagram, 1024),
		woken: make(chan struct{}, 1),
		timer: time.NewTimer(time.Hour),
	}, nil
}

// A datagram is on its way from a reader to a loop. They are used over and over.
type datagram struct {
	to    *port
	from  netip.AddrPort
	stamp int64
	n     int
	b     [largestPacket + 1]byte
}

type portablePoller struct {
	lp      *loop
	inbox   chan *datagram
	free    chan *datagram
	woken   chan struct{}
	timer   *time.Timer
	readers sync.WaitGroup
}

func (p *portablePoller) wait(until int64) {
	p.timer.Reset(time.Duration(until - p.lp.e.clock()))
	select {
	case d := <-p.inbox:
		p.lp.turn()
		p.hand(d)
	case <-p.woken:
		p.lp.turn()
		return
	case <-p.timer.C:
		p.lp.turn()
		return
	}
	// What else has come is handed over at once: once around, so that the wheel is not kept.
	for range cap(p.inbox) {
		select {
		case d := <-p.inbox:
			p.hand(d)
		default:
			return
		}
	}
}

func (p *portablePoller) hand(d *datagram) {
	if home := d.to.leg.home.Load(); home == p.lp {
		p.lp.take(d.to, d.b[:d.n], d.from, d.stamp)
	}
	select {
	case p.free <- d:
	default:
	}
}

func (p *portablePoller) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *portablePoller) close() { p.readers.Wait() }

// blank is a datagram to be filled.
func (p *portablePoller) blank() *datagram {
	select {
	case d := <-p.free:
		return d
	default:
		return new(datagram)
	}
}

type portableSocket struct {
	conn    *net.UDPConn
	reading bool
}

// attach starts the reader, once: it follows the leg from loop to loop by itself.
func (s *portableSocket) attach(p poller, owner *port) error {
	if !s.reading {
		s.reading = true
		first := p.(*portablePoller)
		first.readers.Add(1)
		go s.read(owner, &first.readers)
	}
	return nil
}

func (s *portableSocket) detach(poller) {}

func (s *portableSocket) read(owner *port, readers *sync.WaitGroup) {
	defer readers.Done()
	for {
		p := owner.leg.home.Load().poller.(*portablePoller)
		d := p.blank()
		var err error
		d.n, d.from, err = s.conn.ReadFromUDPAddrPort(d.b[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP that something we sent has caused
		}
		d.to, d.from, d.stamp = owner, plain(d.from), time.Now().UnixNano()
		select {
		case owner.leg.home.Load().poller.(*portablePoller).inbox <- d:
		default: // the loop is a thousand packets behind: these are too late anyway
		}
	}
}

func (s *portableSocket) send(b []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

func (s *portableSocket) pin(netip.AddrPort) {}
func (s *portableSocket) unpin()             {}
func (s *portableSocket) close()             { _ = s.conn.Close() }

// portTaken tells a port that somebody else has from trouble that the next port has too.
func portTaken(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES)
}
