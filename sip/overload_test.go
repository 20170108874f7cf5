package sip

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

func TestWhatMakesALevel(t *testing.T) {
	type look struct {
		Strain
		depth, share    float64
		queueFull       bool
		waited, refused int64 // of 100 messages, so many waited 0.3 s; calls beyond the rate
	}
	calm := look{}
	for name, c := range map[string]struct {
		looks []look
		want  []int
	}{
		"all is well":                 {[]look{calm, {Strain: Strain{CPU: 0.8, Memory: 0.7}, share: 0.5, depth: 0.4}}, []int{0, 0}},
		"the queue is full":           {[]look{{queueFull: true}, calm}, []int{1, 0}},
		"a moment of work":            {[]look{{Strain: Strain{CPU: 1}}, {Strain: Strain{CPU: 1}}, {Strain: Strain{CPU: 1}}, calm}, []int{0, 0, 0, 0}},
		"a second of work":            {[]look{{Strain: Strain{CPU: 0.9}}, {Strain: Strain{CPU: 0.9}}, {Strain: Strain{CPU: 0.9}}, {Strain: Strain{CPU: 0.9}}}, []int{0, 0, 0, 3}},
		"memory":                      {[]look{{Strain: Strain{Memory: 0.81}}, {Strain: Strain{Memory: 0.81}}, {Strain: Strain{Memory: 0.81}}, {Strain: Strain{Memory: 0.81}}}, []int{0, 0, 0, 3}},
		"messages wait":               {[]look{{waited: 2}, {waited: 2}, {waited: 2}, {waited: 2}}, []int{0, 0, 0, 3}},
		"one message in a hundred":    {[]look{{waited: 1}, {waited: 1}, {waited: 1}, {waited: 1}}, []int{0, 0, 0, 0}},
		"messages wait and the queue": {[]look{{waited: 9, depth: 0.6}, {waited: 9, depth: 0.6}, {waited: 9, depth: 0.6}, {waited: 9, depth: 0.6}}, []int{0, 0, 0, 4}},
		"all calls are there":         {[]look{{share: 1}, {share: 1}, {share: 1}, {share: 1}}, []int{0, 0, 0, 2}},
		"too many come":               {[]look{{refused: 1}, {refused: 1}, {refused: 1}, {refused: 1}}, []int{0, 0, 0, 2}},
		"between in and out, and out": {[]look{
			{Strain: Strain{CPU: 0.9}}, {Strain: Strain{CPU: 0.9}}, {Strain: Strain{CPU: 0.9}}, {Strain: Strain{CPU: 0.9}},
			{Strain: Strain{CPU: 0.7}}, {Strain: Strain{CPU: 0.7}}, {Strain: Strain{CPU: 0.7}}, {Strain: Strain{CPU: 0.7}}, {Strain: Strain{CPU: 0.7}},
			{Strain: Strain{CPU: 0.6}}, {Strain: Strain{CPU: 0.6}}, {Strain: Strain{CPU: 0.6}}, {Strain: Strain{CPU: 0.6}},
		}, []int{0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0}},
	} {
		l := newLoad(Limits{})
		var got []int
		for _, k := range c.looks {
			for i := range int64(100) {
				if i < k.waited {
					l.waited(300 * time.Millisecond)
				} else {
					l.waited(time.Millisecond)
				}
			}
			l.refused.Add(k.refused)
			got = append(got, l.look(k.Strain, k.depth, k.share, k.queueFull))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Ten times the calls that are planned for: nine tenths of what is planned are taken and served,
// the rest hears 503 without Retry-After, costs no leg, and a call that is up goes on.
func TestTenTimesTheCalls(t *testing.T) {
	const planned, seconds = 20, 2
	h := open(t, func(o *Options) { o.Limits.CallsPerSecond = planned }, nil)
	up, upLeg := h.connect(h.carrier())
	for h.load.calls.take(0, time.Now().UnixNano(), 1) {
		// the burst is spent: what is looked at is the long run
	}
	p := h.carrier()
	began := time.Now()
	offered := 0
	tick := time.NewTicker(time.Second / (10 * planned))
	defer tick.Stop()
	refused := 0
	hear := func(wait time.Duration) {
		for {
			m, ok := p.read(wait)
			if !ok {
				return
			}
			if m.code() == 503 {
				refused++
				if m.get("Retry-After") != "" {
					t.Error("503 with Retry-After")
				}
			}
		}
	}
	for time.Since(began) < seconds*time.Second {
		<-tick.C
		c := p.dials()
		p.send(c.invite())
		offered++
		hear(time.Millisecond)
	}
	took := time.Since(began)
	hear(4 * quietTime)
	admitted := len(h.legs)
	due := planned * took.Seconds()
	t.Logf("%d calls offered in %v, %d admitted (%.0f %% of the %.0f planned), %d refused", offered, took.Round(time.Millisecond), admitted, 100*float64(admitted)/due, due, refused)
	if float64(admitted) < 0.9*due || float64(admitted) > 1.1*due+1 || admitted+refused < offered {
		t.Error("not what was planned")
	}
	if n := count(t, h, "hotline_sip_refusals_total", "503"); int(n) != refused {
		t.Errorf("%v refusals counted, %d sent", n, refused)
	}
	h.mu.Lock()
	if len(h.serverTxs) > admitted+5 || len(h.Server.legs) != admitted+1 {
		t.Errorf("%d transactions and %d legs for %d calls", len(h.serverTxs), len(h.Server.legs), admitted)
	}
	h.mu.Unlock()
	up.p.send(up.again("OPTIONS", "", "", ""))
	up.p.answer("OPTIONS", 200)
	upLeg.Hangup(call.Reason{})
	up.p.request("BYE")
}

// Without a free call: 486; ten at once and one a second are told to the line, which writes a
// record, the others are counted.
func TestRefusalsForWantOfACallAreFew(t *testing.T) {
	h := open(t, func(o *Options) { o.Limits.Calls = 1 }, nil)
	p := h.carrier()
	_, l := h.connect(p)
	const tries = 40
	for range tries {
		p.send(p.dials().invite())
	}
	refused, rows := map[string]bool{}, 0
	for len(refused) < tries {
		select {
		case got := <-h.legs:
			rows++ // the line counts its calls and refuses
			got.Hangup(call.Reason{Code: 486})
			continue
		default:
		}
		m := p.want("486", func(m message) bool { return m.code() == 486 || m.code() == 100 })
		if m.code() == 486 {
			refused[m.get("Call-ID")] = true
		}
	}
	if rows < rowsRate().burst || rows > rowsRate().burst+8 {
		t.Errorf("%d refusals reached the line", rows)
	}
	// The same answer to a repeat, though nothing is remembered of it.
	c := p.dials()
	refusal := func() message {
		p.send(c.invite())
		return p.want("486", func(m message) bool { return m.code() == 486 && m.get("Call-ID") == c.id })
	}
	h.load.rows.change(rate{1, 1}) // none is left
	if one, two := refusal().tag("To"), refusal().tag("To"); one != two || one == "" {
		t.Errorf("To tags %q and %q", one, two)
	}
	l.Hangup(call.Reason{})
	p.want("BYE", func(m message) bool { return m.code() == 0 && m.method() == "BYE" })
}

// Level 3 and 4 by what the machine says, and back within ten seconds.
func TestAMachineAtItsEnd(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	var strain atomic.Int64
	h := open(t, func(o *Options) {
		o.Log = zap.New(core)
		o.Strain = func() Strain { return Strain{CPU: float64(strain.Load()) / 100} }
	}, nil)
	p := h.carrier()
	up, _ := h.connect(p)
	strain.Store(95)
	eventually(t, "level 3", func() bool { return h.load.level() == 3 })
	c := p.dials()
	p.send(c.invite())
	if m := p.answer("INVITE", 503); m.get("Retry-After") != "" {
		t.Error("Retry-After")
	}
	p.send(c.cancel())
	p.answer("CANCEL", 481)
	p.send(up.again("OPTIONS", "", "", "")) // what belongs to a call goes on
	p.answer("OPTIONS", 200)
	h.deskPhone("udp").register(200)

	h.load.now.Store(4)
	p.send(p.dials().invite())
	p.send(up.again("INFO", "", "application/dtmf-relay", "Signal=1"))
	p.answer("INFO", 200)
	if n := h.dropCount(t, trunkSide, dropOverload); n != 1 {
		t.Errorf("%v dropped", n)
	}
	at := time.Now()
	strain.Store(10)
	eventually(t, "all is well", func() bool { return h.load.level() == 0 })
	if took := time.Since(at); took > 10*time.Second {
		t.Errorf("normal after %v", took)
	}
	p.send(p.dials().invite())
	next(t, h.legs)
	if count(t, h, "hotline_sip_overload_level", "") != 0 || logs.FilterMessage("the level of overload has changed").Len() < 2 {
		t.Errorf("the log says %v", logs.All())
	}
}

func TestSecurityLinesAreStableAndFew(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	clock := newHandClock()
	carrier := netip.MustParseAddr("192.0.2.1")
	events := 0
	c := newSecurity(zap.New(core), func(side, securityEvent) { events++ }, func(a netip.Addr) bool { return a == carrier }, clock.now)
	src := netip.MustParseAddr("203.0.113.9")
	for range 25 {
		clock.forward(time.Second)
		c.note(eventWrongPassword, phoneSide, src, true)
		c.note(eventWrongPassword, phoneSide, carrier, true)
		c.sweep()
	}
	counts := map[string]int64{}
	for _, e := range logs.All() {
		f := e.ContextMap()
		if e.Message != "security" || f["event"] != "wrong_password" || f["side"] != "phones" {
			t.Errorf("%v", f)
		}
		counts[fmt.Sprint(f["remote"], " ", f["proved"])] += f["count"].(int64)
	}
	if logs.Len() != 6 {
		t.Errorf("%d lines of two sources in 25 s", logs.Len())
	}
	if counts["203.0.113.9 yes"] != 21 || counts["192.0.2.1 no"] != 21 || len(counts) != 2 {
		t.Errorf("%v", counts)
	}
	clock.forward(20 * time.Second)
	c.sweep() // the rest
	clock.forward(20 * time.Second)
	c.sweep()
	if len(c.sums) != 0 || events != 50 {
		t.Errorf("%d kept, %d events counted", len(c.sums), events)
	}
	before := logs.Len()
	for i := range 50_000 {
		c.note(eventUnknownSource, trunkSide, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), false)
	}
	c.sweep()
	if n := logs.Len() - before; n > securityKept+1 || len(c.sums) > securityKept {
		t.Errorf("%d lines", n)
	}
	last := logs.All()[logs.Len()-1].ContextMap()
	if last["remote"] != "many" || last["count"] != int64(50_000-securityKept) {
		t.Errorf("%v", last)
	}
}

// A flood on a connection is slowed down, a stranger's is ended.
func TestAFloodOnAConnection(t *testing.T) {
	h := open(t, nil, nil)
	stranger := h.deskPhoneAt("tcp", "127.0.0.9")
	// As fast as it is answered: one that does not read its answers is cut off for that.
	for range 5000 {
		if _, err := stranger.conn.Write([]byte(stranger.text("REGISTER", "sip:test", "", ""))); err != nil {
			break
		}
		if _, answered := stranger.read(patience); !answered {
			break
		}
	}
	eventually(t, "it is cut off", func() bool { return h.dropCount(t, phoneSide, dropSource) == 1 })
	eventually(t, "the connection is gone", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.conns) == 0
	})
}
