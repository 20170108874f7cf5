//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hotline/phone"
)

// Promises under a flood of strangers.
const (
	floodMemory = 64 << 20 // bytes that input of nobody we know may cost
	floodEcho   = 1.5      // bytes of answers for each byte of it
)

// A flood of each kind that the field knows, from people whom nobody knows, while a call talks and
// others come in: the call hears nothing of it, each of the others is answered, what it costs in
// memory is bounded, and nobody is worth a forged address.
func TestFloods(t *testing.T) {
	lasts, perSecond := 5*time.Second, 10000 // so that 50,000 addresses are heard of
	if nightly() {
		lasts, perSecond = 30*time.Second, 20000
	}
	s, rooms := newRooms(t, 1, nil, func(config string) string {
		return strings.Replace(config, "from: [127.0.0.0/8]", "from: [127.0.0.1/32]", 1)
	})
	r := rooms[0]
	one := func(int) netip.Addr { return netip.AddrFrom4([4]byte{127, 9, 0, 1}) }
	many := func(i int) netip.Addr { // 50,000 addresses, again and again
		i %= 50000
		return netip.AddrFrom4([4]byte{127, byte(10 + i/62500), byte(i / 250), byte(1 + i%250)})
	}
	b := r.bystander()
	for _, f := range []struct {
		name   string
		port   int
		method string
		from   func(int) netip.Addr
	}{
		{"OPTIONS at the trunk side", 5060, "OPTIONS", one},
		{"INVITE at the trunk side", 5060, "INVITE", one},
		{"OPTIONS at the phone side", 5070, "OPTIONS", one},
		{"REGISTER", 5070, "REGISTER", one},
		{"REGISTER of 50,000 addresses", 5070, "REGISTER", many},
		{"INVITE of 50,000 addresses", 5060, "INVITE", many},
		{"nonsense", 5070, "", many},
	} {
		t.Run(f.name, func(t *testing.T) {
			here := *r
			here.server = s.in(t)
			w := newFlood(t, f.port)
			over := make(chan struct{})
			time.AfterFunc(lasts, func() { close(over) })
			before := s.memory()
			var flooding sync.WaitGroup
			flooding.Go(func() { w.pour(over, perSecond, f.method, f.from) })
			calls, most := here.callsUntil(over)
			flooding.Wait()
			sent, answered := w.sent.Load(), w.heard.Load()
			t.Logf("%d messages, %d KiB sent, %d KiB answered, %d calls beside it, memory %d MiB and %d more", w.count.Load(), sent>>10, answered>>10, calls, before>>20, (most-before)>>20)
			if float64(answered) > floodEcho*float64(sent) {
				t.Errorf("%d bytes are answered by %d", sent, answered)
			}
			if longest, each := w.longest.Load(), sent/w.count.Load(); float64(longest) > floodEcho*float64(each) {
				t.Errorf("messages of about %d bytes got an answer of %d", each, longest)
			}
			if f.method != "REGISTER" && answered != 0 {
				t.Errorf("%d bytes of answers to strangers", answered)
			}
			if most-before > floodMemory {
				t.Errorf("%d MiB of memory more", (most-before)>>20)
			}
		})
	}
	t.Run("half-open TCP", func(t *testing.T) {
		here := *r
		here.server = s.in(t)
		before := s.memory()
		over := make(chan struct{})
		time.AfterFunc(lasts, func() { close(over) })
		var flooding sync.WaitGroup
		var open atomic.Int64
		flooding.Go(func() { halfOpen(over, &open, many) })
		calls, most := here.callsUntil(over)
		flooding.Wait()
		t.Logf("%d connections, %d calls beside them, %d MiB more", open.Load(), calls, (most-before)>>20)
		if most-before > floodMemory {
			t.Errorf("%d MiB of memory more", (most-before)>>20)
		}
		if open.Load() < 500 {
			t.Errorf("a flood of %d connections is none", open.Load())
		}
	})
	t.Run("INVITE never acknowledged", func(t *testing.T) {
		here := *r
		here.server = s.in(t)
		over := make(chan struct{})
		time.AfterFunc(lasts, func() { close(over) })
		silent := here.caller(phone.Manners{NoAck: true})
		var flooding sync.WaitGroup
		var begun atomic.Int64
		flooding.Go(func() { // by a carrier, at the rate of calls that is planned for; each from another number
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				case <-tick.C:
				}
				if _, err := silent.DialAsync(phone.DialOptions{To: here.uri(), From: fmt.Sprintf("sip:+00012%07d@127.0.0.1", i)}); err == nil {
					begun.Add(1)
				}
			}
		})
		calls, _ := here.callsUntil(over)
		flooding.Wait()
		t.Logf("%d calls never acknowledged, %d beside them", begun.Load(), calls)
	})
	b.undisturbed()
	s.unharmed()
	calmly(t, 60*time.Second, "nothing is left of it", func() bool { return s.activeCalls() == 0 })
}

// callsUntil has one citizen after the other call until over, demands that each is answered, and says
// how many there were and the most memory that the server had.
func (r *room) callsUntil(over chan struct{}) (calls int, most int64) {
	r.t.Helper()
	for {
		most = max(most, r.memory())
		select {
		case <-over:
			return calls, most
		case <-time.After(200 * time.Millisecond):
		}
		p := r.caller()
		c, err := p.Dial(within(r.t, 10*time.Second), phone.DialOptions{To: r.uri()})
		if err != nil {
			r.t.Errorf("call %d of a trusted carrier: %v", calls, err)
		} else {
			r.hangUp(c)
		}
		_ = p.Close()
		calls++
	}
}

// memory is what the server has of the machine's, in bytes.
func (s *server) memory() int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.run.PID))
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	f := strings.Fields(rest)
	n, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n << 10
}

// A flood is a socket that speaks from any address of 127.0.0.0/8 and counts what comes back.
type flood struct {
	t                  *testing.T
	conn               *net.UDPConn
	to                 *net.UDPAddr
	count, sent, heard atomic.Int64
	longest            atomic.Int64 // of the answers
}

func newFlood(t *testing.T, port int) *flood {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w := &flood{t: t, conn: conn, to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}}
	go func() {
		b := make([]byte, 65536)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			w.heard.Add(int64(n))
			w.longest.Store(max(w.longest.Load(), int64(n)))
		}
	}()
	return w
}

// pour sends so many a second until over, each in a transaction and from an address of its own.
func (w *flood) pour(over chan struct{}, perSecond int, method string, from func(int) netip.Addr) {
	port := w.conn.LocalAddr().(*net.UDPAddr).Port
	began := time.Now()
	for i := 0; ; i++ {
		select {
		case <-over:
			return
		default:
		}
		if ahead := time.Duration(i)*time.Second/time.Duration(perSecond) - time.Since(began); ahead > 0 {
			time.Sleep(ahead)
		}
		a := from(i)
		message := []byte(fmt.Sprintf("%s sip:919@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;rport;branch=z9hG4bKflood%d\r\nMax-Forwards: 70\r\nFrom: <sip:%d@127.0.0.1>;tag=%d\r\nTo: <sip:%d@127.0.0.1>\r\nCall-ID: flood-%d@%s\r\nCSeq: 1 %s\r\nContact: <sip:x@%s:%d>\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n",
			method, a, port, i, 1000+i%9000, i, 1000+i%9000, i, a, method, a, port))
		if method == "" {
			message = bytes.Repeat([]byte{byte(i), byte(i >> 8), '\r'}, 100+i%300)
		}
		n, _, err := w.conn.WriteMsgUDP(message, unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: a.As4()}), w.to)
		if err != nil {
			continue // the queue of the machine is full; a flood does not mind
		}
		w.count.Add(1)
		w.sent.Add(int64(n))
	}
}

// halfOpen opens connections, says half of something, and keeps them, as many as it is let.
func halfOpen(over chan struct{}, open *atomic.Int64, from func(int) netip.Addr) {
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	tick := time.NewTicker(500 * time.Microsecond) // faster, and the machine is busy with connecting alone
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from(i / 10).AsSlice()}, Timeout: time.Second}
		c, err := d.Dial("tcp", []string{"127.0.0.1:5060", "127.0.0.1:5070"}[i%2])
		if err != nil {
			continue
		}
		open.Add(1)
		_, _ = c.Write([]byte("REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKx\r\n")) // it may be closed already
		if all = append(all, c); len(all) > 4000 {
			_ = all[0].Close()
			all = all[1:]
		}
	}
}
