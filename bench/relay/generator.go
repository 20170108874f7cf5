//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	payload = 160
	header  = 12
	length  = header + payload

	// wheelSlots is how the telephones are spread: each millisecond of the 20 those of one slot
	// speak.
	wheelSlots = 20
)

// A generator is all telephones. Those of a slot share a socket, so that one system call sends
// for all of them and one receives: the generator must not be what is measured. A payload begins
// with when it was sent and in which window; the kernel tells when it came back.
type generator struct {
	slots  [wheelSlots]slot
	legs   int
	seq    uint16
	window uint32
	in     batch
	out    result
}

// A slot is the telephones that speak in the same millisecond.
type slot struct {
	fd   int
	port uint16
	legs []int
	batch
}

// A batch is the arguments of sendmmsg and recvmmsg.
type batch struct {
	messages []message
	vectors  []unix.Iovec
	packets  [][2048]byte
	names    []unix.RawSockaddrInet4
	controls [][64]byte
}

// A message is struct mmsghdr.
type message struct {
	unix.Msghdr
	n uint32
}

func newBatch(n int) batch {
	b := batch{make([]message, n), make([]unix.Iovec, n), make([][2048]byte, n), make([]unix.RawSockaddrInet4, n), make([][64]byte, n)}
	for i := range b.messages {
		b.vectors[i].Base = &b.packets[i][0]
		b.vectors[i].SetLen(len(b.packets[i]))
		b.messages[i].Iov = &b.vectors[i]
		b.messages[i].SetIovlen(1)
	}
	return b
}

// A result is what one window showed.
type result struct {
	sent, received int
	latency        []float64 // from sending to coming back, in µs
	late           []float64 // of the generator, in µs
}

func newGenerator(legs int) (*generator, error) {
	g := &generator{legs: legs, in: newBatch(256)}
	for i := range g.slots {
		s := &g.slots[i]
		var err error
		if s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
			return nil, err
		}
		for _, option := range [][2]int{{unix.SO_RCVBUF, 4 << 20}, {unix.SO_RCVBUFFORCE, 4 << 20}, {unix.SO_TIMESTAMPNS, 1}} {
			// What the system does not grant shows as loss.
			_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option[0], option[1])
		}
		if err := unix.Bind(s.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return nil, err
		}
		a, err := unix.Getsockname(s.fd)
		if err != nil {
			return nil, err
		}
		s.port = uint16(a.(*unix.SockaddrInet4).Port)
		for leg := i; leg < legs; leg += wheelSlots {
			s.legs = append(s.legs, leg)
		}
		s.batch = newBatch(len(s.legs))
	}
	return g, nil
}

// portOf is where a telephone is.
func (g *generator) portOf(leg int) uint16 { return g.slots[leg%wheelSlots].port }

// aim tells the telephones the ports of the relay's legs.
func (g *generator) aim(ports []int) error {
	if len(ports) != g.legs {
		return fmt.Errorf("the relay has %d legs, not %d", len(ports), g.legs)
	}
	for i := range g.slots {
		s := &g.slots[i]
		for j, leg := range s.legs {
			name := &s.names[j]
			name.Family = unix.AF_INET
			name.Addr = [4]byte{127, 0, 0, 1}
			binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], uint16(ports[leg]))
			s.messages[j].Name = (*byte)(unsafe.Pointer(name))
			s.messages[j].Namelen = unix.SizeofSockaddrInet4
			s.vectors[j].SetLen(length)
			b := s.packets[j][:length]
			b[0], b[1] = 0x80, 8
			binary.BigEndian.PutUint32(b[8:], uint32(leg)+1)
			for k := header + 12; k < length; k++ {
				b[k] = byte(k) // no silence: that is what a leg sends of its own
			}
		}
	}
	return nil
}

func (g *generator) close() {
	for i := range g.slots {
		unix.Close(g.slots[i].fd)
	}
}

// run speaks without a break, first to settle and then to be measured, and counts what comes back
// of the second. mark is called at the beginning and at the end of that. It never waits for a
// packet, so that the relay does not pay for waking it.
func (g *generator) run(settle, measured time.Duration, mark func() error) (result, error) {
	first, ticks := int64(settle/time.Millisecond), int64((settle+measured)/time.Millisecond)
	r := result{
		latency: make([]float64, 0, int(ticks)*g.legs/wheelSlots+g.legs),
		late:    make([]float64, 0, ticks),
	}
	begin := now(unix.CLOCK_MONOTONIC)
	for tick := range ticks {
		due := begin + tick*int64(time.Millisecond)
		at := unix.NsecToTimespec(due)
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil) != nil {
		}
		late := now(unix.CLOCK_MONOTONIC) - due
		if tick == first {
			if err := mark(); err != nil {
				return r, err
			}
			g.window++
			g.out, late = r, 0
		}
		g.out.late = append(g.out.late, float64(late)/1000)
		if tick%wheelSlots == 0 {
			g.seq++
		}
		g.speak(&g.slots[tick%wheelSlots])
		g.listen()
	}
	err := mark()
	for range 100 { // for what is still on its way
		time.Sleep(time.Millisecond)
		g.listen()
	}
	return g.out, err
}

func (g *generator) speak(s *slot) {
	stamp := uint64(now(unix.CLOCK_REALTIME))
	for j := range s.legs {
		b := s.packets[j][:]
		binary.BigEndian.PutUint16(b[2:], g.seq)
		binary.BigEndian.PutUint32(b[4:], uint32(g.seq)*payload)
		binary.BigEndian.PutUint64(b[header:], stamp)
		binary.BigEndian.PutUint32(b[header+8:], g.window)
	}
	for done := 0; done < len(s.legs); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&s.messages[done])), uintptr(len(s.legs)-done), 0, 0, 0)
		if errno != 0 {
			done++ // an ICMP, or no room: that packet is lost, and counted so
			continue
		}
		done += int(n)
	}
	g.out.sent += len(s.legs)
}

// listen takes everything that has come back to any telephone.
func (g *generator) listen() {
	for i := range g.slots {
		for g.take(g.slots[i].fd) == len(g.in.messages) {
		}
	}
}

func (g *generator) take(fd int) int {
	in := &g.in
	for i := range in.messages {
		in.messages[i].Control = &in.controls[i][0]
		in.messages[i].SetControllen(len(in.controls[i]))
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&in.messages[0])), uintptr(len(in.messages)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	for i := range int(n) {
		b := in.packets[i][:in.messages[i].n]
		// Neither silence of a leg's own, nor RTCP, nor what came of another window.
		if len(b) != length || b[length-1] != byte((length-1)&0xFF) || binary.BigEndian.Uint32(b[header+8:]) != g.window {
			continue
		}
		came := (*unix.Timespec)(unsafe.Pointer(&in.controls[i][unix.CmsgLen(0)])).Nano()
		g.out.received++
		g.out.latency = append(g.out.latency, float64(came-int64(binary.BigEndian.Uint64(b[header:])))/1000)
	}
	return int(n)
}

func now(clock int32) int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(clock, &t) // never fails with these clocks
	return t.Nano()
}

// pin keeps all threads of this process, and those that they start, on one core.
func pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return fmt.Errorf("keep to core %d (two are needed, one for the telephones and one for the relay): %w", core, err)
		}
	}
	return nil
}

// percentile is the value below which p of all lie; NaN where there are none.
func percentile(all []float64, p float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}
