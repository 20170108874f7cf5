package main

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// The telephones: a socket each, all paced by one loop on one thread, 160 bytes every 20 ms. The
// first eight bytes of a payload are when it was sent; they are relayed as they are.
const (
	frame   = 20 * time.Millisecond
	payload = 160
	header  = 12
)

type generator struct {
	sockets []int
	targets []unix.SockaddrInet4
	epoll   int
	packet  [header + payload]byte
	seq     uint16
	out     result
}

// A result is what one window showed.
type result struct {
	sent, received int
	latency        []float64 // in µs
	late           []float64 // of the generator, in µs
}

func newGenerator(legs int) (*generator, error) {
	g := &generator{}
	var err error
	if g.epoll, err = unix.EpollCreate1(0); err != nil {
		return nil, err
	}
	for i := range legs {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return nil, err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return nil, err
		}
		g.sockets = append(g.sockets, fd)
	}
	g.packet[0], g.packet[1] = 0x80, 8
	for i := header + 8; i < len(g.packet); i++ {
		g.packet[i] = 0xd5
	}
	return g, nil
}

func (g *generator) ports() (ports []uint16, err error) {
	for _, fd := range g.sockets {
		a, err := unix.Getsockname(fd)
		if err != nil {
			return nil, err
		}
		ports = append(ports, uint16(a.(*unix.SockaddrInet4).Port))
	}
	return ports, nil
}

func (g *generator) aim(ports []int) {
	g.targets = nil
	for _, p := range ports {
		g.targets = append(g.targets, unix.SockaddrInet4{Port: p, Addr: netip.MustParseAddr("127.0.0.1").As4()})
	}
}

func (g *generator) close() {
	for _, fd := range g.sockets {
		unix.Close(fd)
	}
	unix.Close(g.epoll)
}

// run sends for a while and counts what comes back. The legs are spread over the 20 ms.
func (g *generator) run(length time.Duration) result {
	g.out = result{}
	begin := now()
	slots := make([][]int, 20)
	for i := range g.sockets {
		slots[i%20] = append(slots[i%20], i)
	}
	for tick := int64(0); tick < int64(length/time.Millisecond); tick++ {
		due := begin + tick*int64(time.Millisecond)
		for now() < due {
			// Below zero would be for ever, and a relay that only answers has nothing to wake us with.
			g.drain(max(0, int((due-now())/int64(time.Millisecond))))
		}
		g.out.late = append(g.out.late, float64(now()-due)/1000)
		if tick%20 == 0 {
			g.seq++
			binary.BigEndian.PutUint16(g.packet[2:], g.seq)
			binary.BigEndian.PutUint32(g.packet[4:], uint32(g.seq)*payload)
		}
		for _, i := range slots[tick%20] {
			binary.BigEndian.PutUint32(g.packet[8:], uint32(i)+1)
			binary.BigEndian.PutUint64(g.packet[header:], uint64(now()))
			if unix.Sendto(g.sockets[i], g.packet[:], 0, &g.targets[i]) == nil {
				g.out.sent++
			}
		}
		g.drain(0)
	}
	end := now() + int64(100*time.Millisecond)
	for now() < end {
		g.drain(1)
	}
	return g.out
}

func (g *generator) drain(wait int) {
	var events [256]unix.EpollEvent
	n, err := unix.EpollWait(g.epoll, events[:], wait)
	if err != nil {
		return
	}
	var b [2048]byte
	for _, e := range events[:max(0, n)] {
		for {
			size, _, err := unix.Recvfrom(g.sockets[e.Fd], b[:], 0)
			if err != nil {
				break
			}
			at := int64(binary.BigEndian.Uint64(b[header:]))
			if size != len(g.packet) || b[size-1] != 0xd5 || at <= 0 || now()-at > int64(10*time.Second) || now() < at {
				continue // silence that a leg originates before its peer speaks
			}
			g.out.received++
			g.out.latency = append(g.out.latency, float64(now()-at)/1000)
		}
	}
}

func now() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // never fails with this clock
	return t.Nano()
}

// percentile is the value below which p of all lie; NaN where there are none.
func percentile(all []float64, p float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}
