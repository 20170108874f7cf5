package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

func TestOptionsThatCannotBe(t *testing.T) {
	good := Options{Listen: netip.MustParseAddr("0.0.0.0"), Ports: PortRange{20000, 29999}, Log: zap.NewNop()}
	if err := good.Check(); err != nil {
		t.Errorf("good options: %v", err)
	}
	for path, change := range map[string]func(o *Options){
		"media.listen": func(o *Options) { o.Listen = netip.Addr{} },
		"media.ports":  func(o *Options) { o.Ports = PortRange{20001, 20002} },
		"media.ports:": func(o *Options) { o.Ports = PortRange{65000, 70000} },
		"media.engine": func(o *Options) { o.Engine = "kqueue" },
		"media:":       func(o *Options) { o.Threads = -1 },
	} {
		o := good
		change(&o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%+v: %v, want a complaint about %s", o, err, path)
		}
		if _, err := New(o); err == nil {
			t.Errorf("an engine was made of %+v", o)
		}
	}
}

func TestPairsOfARange(t *testing.T) {
	for r, want := range map[PortRange]int{
		{20000, 29999}: 5000,
		{20000, 20001}: 1,
		{20001, 20003}: 1, // 20002 and 20003
		{20000, 20000}: 0,
		{30000, 20000}: 0,
	} {
		if got := r.Pairs(); got != want {
			t.Errorf("%d-%d holds %d pairs, want %d", r.First, r.Last, got, want)
		}
	}
}

// Two engines may not hide each other's series: the second is refused, not silent.
func TestSeriesAreRegisteredOnce(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	e := open(t, Options{Metrics: reg})
	if _, err := New(Options{Listen: e.Addr(), Ports: PortRange{20000, 20999}, Log: zap.NewNop(), Metrics: reg}); err == nil {
		t.Error("a second engine took the same registry")
	}
}

// Legs that live on different threads are joined all the same: one moves.
func TestJoinAcrossThreads(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
		id := call.NewID()
		for e.loopOf(id) == a.home.Load() {
			id = call.NewID()
		}
		pb := newTelephone(t)
		b := newLeg(t, e, LegOptions{Role: call.RoleOperator, Call: id})
		pb.dial(b)
		b.Connect(pb.remote(call.PCMA))
		pb.atLeast(3)
		if err := a.Join(b); err != nil {
			t.Fatal(err)
		}
		if a.home.Load() != b.home.Load() {
			t.Error("they live on different threads still")
		}
		var both sync.WaitGroup
		both.Go(func() { pa.speak(call.PCMA, 800, 15) })
		both.Go(func() { pb.speak(call.PCMA, 1400, 15) })
		both.Wait()
		pa.until("the other", func(h []heard) bool { return sounds(h, 1400) >= 14 })
		all := pb.until("the other", func(h []heard) bool { return sounds(h, 800) >= 14 })
		unbroken(t, all) // moving left no mark
	})
}

// Everybody joins everybody, plays and leaves, on two threads at once: nothing hangs, nothing is
// left over. What it would find is found by the race detector and the clock.
func TestJoiningWildly(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		var legs []*Leg
		for range 6 {
			_, l := callUp(t, e, call.RoleCaller, call.PCMA)
			legs = append(legs, l)
		}
		var all sync.WaitGroup
		for i, l := range legs {
			all.Go(func() {
				for n := range 40 {
					other := legs[(i+n)%len(legs)]
					err := l.Join(other)
					if (err == nil) == (l == other) && !errors.Is(err, call.ErrGone) {
						t.Errorf("join: %v", err)
					}
					switch n % 4 {
					case 0:
						l.Loop(clip("music", 500, 1))
					case 1:
						ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
						l.Play(ctx, clip("long", 500, 50))
						cancel()
					case 2:
						l.Stats()
					}
					if n == 30 && i%2 == 0 {
						l.Close()
					}
				}
			})
		}
		all.Wait()
		for _, l := range legs {
			l.Close()
		}
		if used, resting, _ := e.Ports(); used != 0 || resting != len(legs) {
			t.Errorf("%d pairs are used and %d rest", used, resting)
		}
	})
}

func TestJoinRefuses(t *testing.T) {
	e, other := open(t, Options{}), open(t, Options{})
	_, a := callUp(t, e, call.RoleCaller, call.PCMA)
	_, stranger := callUp(t, other, call.RoleCaller, call.PCMA)
	_, gone := callUp(t, e, call.RoleCaller, call.PCMA)
	gone.Close()
	for name, err := range map[string]error{
		"itself":                 a.Join(a),
		"nobody":                 a.Join(Nobody),
		"a leg of other engines": a.Join(stranger),
	} {
		if err == nil {
			t.Errorf("joined %s", name)
		}
	}
	if err := a.Join(gone); !errors.Is(err, call.ErrGone) {
		t.Errorf("joined a leg that has ended: %v", err)
	}
	if err := gone.Join(a); !errors.Is(err, call.ErrGone) {
		t.Errorf("a leg that has ended joined: %v", err)
	}
}

// A leg's end is the end: everything returns at once, what was counted is kept.
func TestAfterTheEnd(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		p.speak(call.PCMA, 500, 5)
		eventually(t, "five packets", func() bool { return l.Stats().PacketsReceived == 5 })
		l.Close()
		l.Close()
		l.Loop(clip("music", 500, 1))
		l.Tap(&countingSink{})
		l.Press('1')
		l.Connect(p.remote(call.PCMU))
		if played := l.Play(context.Background(), clip("a", 500, 5)); played != (call.Played{}) {
			t.Errorf("played %+v", played)
		}
		if s := l.Stats(); s.PacketsReceived != 5 || s.LastReceived.IsZero() {
			t.Errorf("after the end: %+v", s)
		}
		if len(l.Keys()) > 0 {
			t.Error("a key was pressed")
		}
	})
}

// Closing the engine frees whoever waits for it, and leaves no goroutine and no port.
func TestCloseLeavesNothing(t *testing.T) {
	for _, name := range engines() {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			e, err := New(Options{
				Listen: netip.MustParseAddr("127.0.0.1"), Ports: PortRange{12000, 31999}, Engine: name, Threads: 2, Log: zap.NewNop(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if e.Name() != name {
				t.Errorf("engine %s", e.Name())
			}
			var ports []int
			played := make(chan call.Played)
			for range 4 {
				l, err := e.NewLeg(LegOptions{Call: call.NewID(), Role: call.RoleCaller})
				if err != nil {
					t.Fatal(err)
				}
				ports = append(ports, l.Port())
				go func() { played <- l.Play(context.Background(), clip("long", 500, 500)) }()
			}
			if err := errors.Join(e.Close(), e.Close()); err != nil {
				t.Error(err)
			}
			for range ports {
				if p := <-played; p.Whole {
					t.Error("a clip was whole")
				}
			}
			if _, err := e.NewLeg(LegOptions{}); !errors.Is(err, ErrClosed) {
				t.Errorf("a new leg of a closed engine: %v", err)
			}
			for _, p := range ports {
				c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
				if err != nil {
					t.Errorf("port %d is taken still: %v", p, err)
					continue
				}
				c.Close()
			}
			eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// A port of the range that another program has is passed over, also where it is the odd one.
func TestPortsOfOtherPrograms(t *testing.T) {
	for _, name := range engines() {
		t.Run(name, func(t *testing.T) {
			other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			taken := other.LocalAddr().(*net.UDPAddr).Port
			even := taken &^ 1
			e := open(t, Options{Engine: name, Ports: PortRange{even, even + 1}})
			if l, err := e.NewLeg(LegOptions{}); !errors.Is(err, ErrNoPorts) {
				t.Errorf("leg %v, error %v", l, err)
			}
			if used, _, _ := e.Ports(); used != 0 {
				t.Errorf("%d pairs are used", used)
			}
		})
	}
}

// Telephones of both families reach an engine that listens on all addresses.
func TestBothFamilies(t *testing.T) {
	for _, c := range []struct{ listen, phone, to string }{
		{"::1", "::1", "::1"},
		{"::", "::1", "::1"},
		{"::", "127.0.0.1", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.1", "127.0.0.1"},
	} {
		for _, name := range engines() {
			t.Run(name+" on "+c.listen+" with "+c.phone, func(t *testing.T) {
				t.Parallel()
				e := open(t, Options{Engine: name, Listen: netip.MustParseAddr(c.listen)})
				p := newTelephoneAt(t, c.phone)
				l := newLeg(t, e, LegOptions{Role: call.RoleCaller})
				p.leg, p.to = l, netip.AddrPortFrom(netip.MustParseAddr(c.to), uint16(l.Port()))
				l.Connect(p.remote(call.PCMA))
				l.Loop(clip("music", 700, 10))
				p.speak(call.PCMA, 500, 5)
				p.until("music", func(h []heard) bool { return sounds(h, 700) >= 5 })
				eventually(t, "what it says is received", func() bool { return l.Stats().PacketsReceived == 5 })
				if n := dropped(e, dropStranger); n > 0 {
					t.Errorf("%d of its packets were a stranger's", n)
				}
			})
		}
	}
}

// One packet in 64, about, is timed on its way through.
func TestRelayTimeIsMeasured(t *testing.T) {
	for _, name := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := prometheus.NewPedanticRegistry()
			e := open(t, Options{Engine: name, Threads: 1, Metrics: reg})
			pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
			pb, b := callUp(t, e, call.RoleOperator, call.PCMA)
			if err := a.Join(b); err != nil {
				t.Fatal(err)
			}
			var both sync.WaitGroup
			both.Go(func() { pa.speak(call.PCMA, 800, 140) })
			both.Go(func() { pb.speak(call.PCMA, 1400, 140) })
			both.Wait()
			pa.until("the other", func(h []heard) bool { return sounds(h, 1400) >= 135 })
			n, sum := uint64(0), 0.0
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "hotline_media_relay_seconds" {
					h := f.GetMetric()[0].GetHistogram()
					n, sum = h.GetSampleCount(), h.GetSampleSum()
				}
			}
			if n < 1 || n > 5 {
				t.Errorf("%d of 280 packets were timed", n)
			}
			if mean := sum / float64(n); mean <= 0 || mean > 0.5 {
				t.Errorf("a packet took %v s", mean)
			}
		})
	}
}
