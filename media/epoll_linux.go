package media

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is Linux's way to the wire: each loop waits for all of its sockets in one system call and
// reads and writes with another each. The reads and writes are raw, which spares the scheduler's
// bookkeeping: the sockets never block, so there is nothing to keep books of.
type epoll struct{}

func bestNetwork() network { return epoll{} }

func (epoll) name() string { return "epoll" }

// trafficClass marks the packets as voice, Expedited Forwarding (RFC 4594 §4.1).
const trafficClass = 46 << 2

func (epoll) open(at netip.AddrPort) (socket, error) {
	family := unix.AF_INET6
	if at.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &epollSocket{fd: fd, six: family == unix.AF_INET6}
	if err := s.bind(at); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return s, nil
}

func (s *epollSocket) bind(at netip.AddrPort) error {
	var local unix.Sockaddr = &unix.SockaddrInet4{Port: int(at.Port()), Addr: as4(at.Addr())}
	// None of these is a reason to refuse a call where a kernel lacks it. An IP id need not be
	// chosen for what is never fragmented, which saves a twelfth of the cost of a packet.
	set := func(level, option, value int) { _ = unix.SetsockoptInt(s.fd, level, option, value) }
	set(unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	set(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	if s.six {
		local = &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
		set(unix.IPPROTO_IPV6, unix.IPV6_TCLASS, trafficClass)
		set(unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO)
	}
	set(unix.IPPROTO_IP, unix.IP_TOS, trafficClass)
	set(unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
	return os.NewSyscallError("bind", unix.Bind(s.fd, local))
}

func as4(a netip.Addr) [4]byte {
	if a = a.Unmap(); a.Is4() {
		return a.As4()
	}
	return [4]byte{}
}

// batch is how many ready sockets one wait tells of.
const batch = 256

type epollPoller struct {
	lp     *loop
	fd     int
	bell   int // an eventfd
	rung   atomic.Bool
	events [batch]unix.EpollEvent
	ready  []*epollSocket // by the number that the kernel gives back to us
	spare  []int32        // numbers that are free

	rx      [largestPacket + 1]byte
	name    unix.RawSockaddrInet6 // large enough for both families
	message unix.Msghdr
	vector  unix.Iovec
	oob     [64]byte
	reads   uint

	tick     int64 // how long to sleep before each wait
	measured int64 // when the load was measured last
	handled  int64 // packets since
}

// bellNumber is the bell's among the sockets' numbers.
const bellNumber = -1

func (epoll) poller(lp *loop) (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(fd))
	}
	p := &epollPoller{lp: lp, fd: fd, bell: bell}
	p.vector.Base = &p.rx[0]
	p.vector.SetLen(len(p.rx))
	p.message.Iov = &p.vector
	p.message.SetIovlen(1)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: bellNumber}
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, bell, &event); err != nil {
		p.close()
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return p, nil
}

func (p *epollPoller) close() {
	_ = unix.Close(p.bell)
	_ = unix.Close(p.fd)
}

func (p *epollPoller) wake() {
	if p.rung.Swap(true) {
		return
	}
	one := [8]byte{1}
	_, _ = unix.Write(p.bell, one[:])
}

// wait drains what is ready: one datagram a socket and round, so that a socket that is flooded
// takes no more than its turn.
func (p *epollPoller) wait(until int64) {
	p.sleep(until)
	timeout := max(0, until-p.lp.e.clock()+millisecond-1) / millisecond
	n, err := unix.EpollWait(p.fd, p.events[:], int(timeout))
	p.lp.turn()
	if err != nil {
		return // interrupted by a signal: the loop comes back
	}
	for i := range n {
		number := p.events[i].Fd
		if number == bellNumber {
			p.silence()
			continue
		}
		if s := p.ready[number]; s != nil {
			p.read(s)
		}
	}
	p.handled += int64(n)
}

// silence stops the bell. Whoever rings after it is heard in the next round, for the commands are
// taken after this.
func (p *epollPoller) silence() {
	var b [8]byte
	_, _ = unix.Read(p.bell, b[:])
	p.rung.Store(false)
}

// Under load each wait should find many packets, or the waiting costs more than they do. Measured:
// nothing to win below 200 calls (20,000 packets a second), 2 µs a packet of 5 at 1000 calls.
const (
	measureEvery = second / 4
	loadPerTick  = 20000 // packets a second for each millisecond of sleep
	longestTick  = 5 * millisecond
)

// sleep lets packets gather, from 0 ms to 5 ms as the load grows.
func (p *epollPoller) sleep(until int64) {
	now := p.lp.e.clock()
	if span := now - p.measured; span >= measureEvery {
		load := p.handled * second / span
		p.tick = min(load/loadPerTick*millisecond, longestTick)
		p.measured, p.handled = now, 0
	}
	if p.tick > 0 && until > now {
		rest := unix.NsecToTimespec(min(p.tick, until-now))
		_ = unix.Nanosleep(&rest, nil)
	}
}

// read takes one datagram from the socket and hands it over. The sender is asked for even where
// the socket is pinned: what a stranger sent before that may still lie in it.
func (p *epollPoller) read(s *epollSocket) {
	p.reads++
	var n uintptr
	var errno unix.Errno
	var stamp int64
	if p.reads%relaySample == 0 {
		n, stamp, errno = p.readStamped(s)
	} else {
		size := uint32(unix.SizeofSockaddrInet6)
		n, _, errno = unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&p.rx[0])),
			uintptr(len(p.rx)), 0, uintptr(unsafe.Pointer(&p.name)), uintptr(unsafe.Pointer(&size)))
	}
	if errno != 0 {
		return // nothing there after all, or an ICMP that something we sent has caused
	}
	p.lp.take(s.owner, p.rx[:n], p.sender(), stamp)
}

// readStamped reads as read does, and asks the kernel when the datagram came.
func (p *epollPoller) readStamped(s *epollSocket) (n uintptr, stamp int64, errno unix.Errno) {
	p.message.Name = (*byte)(unsafe.Pointer(&p.name))
	p.message.Namelen = unix.SizeofSockaddrInet6
	p.message.Control = &p.oob[0]
	p.message.SetControllen(len(p.oob))
	n, _, errno = unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&p.message)), 0)
	if errno != 0 || int(p.message.Controllen) < unix.CmsgLen(16) {
		return n, 0, errno
	}
	head := (*unix.Cmsghdr)(unsafe.Pointer(&p.oob[0]))
	if head.Level == unix.SOL_SOCKET && head.Type == unix.SCM_TIMESTAMPNS {
		t := (*unix.Timespec)(unsafe.Pointer(&p.oob[unix.CmsgLen(0)]))
		stamp = t.Nano()
	}
	return n, stamp, 0
}

// sender is the address that the kernel wrote to p.name.
func (p *epollPoller) sender() netip.AddrPort {
	if p.name.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.name))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), networkOrder(four.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(p.name.Addr).Unmap(), networkOrder(p.name.Port))
}

// networkOrder turns a port between the machine's order of bytes and the network's.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

type epollSocket struct {
	fd     int
	six    bool
	owner  *port
	number int32
	pinned netip.AddrPort // zero: not
	to     unix.RawSockaddrInet6
}

func (s *epollSocket) attach(to poller, owner *port) error {
	p := to.(*epollPoller)
	s.owner = owner
	if len(p.spare) == 0 {
		p.spare = append(p.spare, int32(len(p.ready)))
		p.ready = append(p.ready, nil)
	}
	s.number = p.spare[len(p.spare)-1]
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.number}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	p.spare = p.spare[:len(p.spare)-1]
	p.ready[s.number] = s
	return nil
}

func (s *epollSocket) detach(from poller) {
	p := from.(*epollPoller)
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, s.fd, nil)
	p.ready[s.number] = nil
	p.spare = append(p.spare, s.number)
}

func (s *epollSocket) send(b []byte, to netip.AddrPort) error {
	var name unsafe.Pointer
	var size uintptr
	if to != s.pinned {
		name, size = s.sockaddr(to)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])),
		uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(name), size)
	if errno != 0 {
		return errno
	}
	return nil
}

// sockaddr writes an address in the socket's family to s.to.
func (s *epollSocket) sockaddr(a netip.AddrPort) (unsafe.Pointer, uintptr) {
	port := networkOrder(a.Port())
	if s.six {
		s.to = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: a.Addr().As16()}
		return unsafe.Pointer(&s.to), unix.SizeofSockaddrInet6
	}
	four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.to))
	*four = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: as4(a.Addr())}
	return unsafe.Pointer(&s.to), unix.SizeofSockaddrInet4
}

// pin is connect(2): it spares the kernel finding the way for each packet, and drops strangers.
func (s *epollSocket) pin(to netip.AddrPort) {
	name, size := s.sockaddr(to)
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(name), size); errno == 0 {
		s.pinned = to
	}
}

// unpin is connect(2) to no family, which undoes one; the port stays ours, because we bound it.
func (s *epollSocket) unpin() {
	if !s.pinned.IsValid() {
		return
	}
	s.pinned = netip.AddrPort{}
	s.to = unix.RawSockaddrInet6{Family: unix.AF_UNSPEC}
	_, _, _ = unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&s.to)), unix.SizeofSockaddrInet4)
}

func (s *epollSocket) close() { _ = unix.Close(s.fd) }
