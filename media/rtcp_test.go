package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"hotline/call"
)

// A reporter is a telephone's RTCP port, read and written by a library that is not ours.
type reporter struct {
	t    *testing.T
	conn *net.UDPConn
	leg  *Leg
	sdp  Remote // what the telephone's SDP says
}

// callUpWithReports is callUp with a telephone that has an RTCP port.
func callUpWithReports(t *testing.T, e *Engine) (*telephone, *Leg, *reporter) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := newTelephone(t)
	l := newLeg(t, e, LegOptions{Role: call.RoleCaller, Call: call.NewID()})
	p.dial(l)
	r := p.remote(call.PCMA)
	r.RTCP = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	l.Connect(r)
	l.ask(func() { l.control.ticks = 1 << 20 }) // reports go when the test asks for them
	return p, l, &reporter{t, conn, l, r}
}

// next has the leg report now, and reads what it says.
func (r *reporter) next() []rtcp.Packet {
	r.t.Helper()
	r.leg.ask(func() { r.leg.sendReport() })
	return r.read()
}

// nextOfSender waits until the leg has sent something since its last report.
func (r *reporter) nextOfSender() []rtcp.Packet {
	r.t.Helper()
	eventually(r.t, "a packet since the last report", func() (has bool) {
		r.leg.ask(func() { has = r.leg.out.sinceSR > 0 })
		return has
	})
	return r.next()
}

func (r *reporter) read() []rtcp.Packet {
	r.t.Helper()
	b := make([]byte, 2000)
	if err := r.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	n, _, err := r.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		r.t.Fatal(err)
	}
	all, err := rtcp.Unmarshal(b[:n])
	if err != nil {
		r.t.Fatalf("what we report is no RTCP: %v", err)
	}
	if err := rtcp.CompoundPacket(all).Validate(); err != nil {
		r.t.Fatalf("what we report is no compound packet: %v", err)
	}
	return all
}

func (r *reporter) send(packets ...rtcp.Packet) {
	r.t.Helper()
	b, err := rtcp.Marshal(packets)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.conn.WriteToUDPAddrPort(b, netip.AddrPortFrom(r.leg.e.Addr(), uint16(r.leg.Port()+1))); err != nil {
		r.t.Fatal(err)
	}
}

func TestReportsOfASender(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l, r := callUpWithReports(t, e)
		sent := p.atLeast(10)
		p.speak(call.PCMA, 440, 10)
		p.seq, p.ts = p.seq+5, p.ts+5*160
		p.speak(call.PCMA, 440, 5)
		eventually(t, "all is received", func() bool { return l.Stats().PacketsReceived == 15 })
		all := r.nextOfSender()
		after := p.atLeast(len(sent) + 1)
		sr, ok := all[0].(*rtcp.SenderReport)
		if !ok {
			t.Fatalf("a leg that sends reports %T", all[0])
		}
		if sr.SSRC != sent[0].SSRC || sr.PacketCount < 10 || sr.OctetCount != sr.PacketCount*160 {
			t.Errorf("sender report: %+v", sr)
		}
		told := time.Unix(int64(sr.NTPTime>>32)-2208988800, int64(sr.NTPTime&(1<<32-1))*int64(time.Second)>>32)
		if d := time.Since(told); d < -time.Second || d > 5*time.Second {
			t.Errorf("its wall clock is %v off", d)
		}
		// The two clocks of the report name the same moment as a packet's arrival does.
		last := after[len(after)-1]
		ahead := time.Duration(int32(sr.RTPTime-last.Timestamp))*time.Second/8000 - told.Sub(last.at)
		if ahead < -200*time.Millisecond || ahead > 200*time.Millisecond {
			t.Errorf("its RTP time is %v off its wall clock", ahead)
		}
		if len(sr.Reports) != 1 {
			t.Fatalf("%d reception reports", len(sr.Reports))
		}
		got := sr.Reports[0]
		if got.SSRC != p.ssrc || got.TotalLost != 5 || got.FractionLost != 64 || got.LastSequenceNumber&0xFFFF != uint32(p.seq-1) {
			t.Errorf("5 of 20 were lost, and it says %+v", got)
		}
		if got.Jitter > 800 {
			t.Errorf("a jitter of %d samples", got.Jitter)
		}
		names, ok := all[1].(*rtcp.SourceDescription)
		if !ok || names.Chunks[0].Source != sr.SSRC || names.Chunks[0].Items[0].Type != rtcp.SDESCNAME || len(names.Chunks[0].Items[0].Text) < 8 {
			t.Errorf("source description: %v", all[1])
		}
		if again := r.nextOfSender()[0].(*rtcp.SenderReport); again.Reports[0].FractionLost != 0 || again.Reports[0].TotalLost != 5 {
			t.Errorf("a second report counts old losses as new: %+v", again.Reports[0])
		}
	})
}

// On hold nothing is sent: the report is a receiver's then.
func TestReportsOfAReceiver(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l, r := callUpWithReports(t, e)
		p.speak(call.PCMA, 440, 3)
		eventually(t, "all is received", func() bool { return l.Stats().PacketsReceived == 3 })
		hold := r.sdp
		hold.Send = false
		l.Connect(hold)
		r.next() // of what was sent before
		rr, ok := r.next()[0].(*rtcp.ReceiverReport)
		if !ok || len(rr.Reports) != 1 || rr.Reports[0].SSRC != p.ssrc {
			t.Errorf("on hold: %v", rr)
		}
	})
}

func TestAPeersReportsAreRead(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l, r := callUpWithReports(t, e)
		p.speak(call.PCMA, 440, 3)
		ours := r.nextOfSender()[0].(*rtcp.SenderReport)
		const ntpTime = 0x11112222_33334444
		r.send(&rtcp.SenderReport{
			SSRC: p.ssrc, NTPTime: ntpTime,
			Reports: []rtcp.ReceptionReport{
				{SSRC: 1, FractionLost: 255}, // of another stream
				{SSRC: ours.SSRC, FractionLost: 64, Jitter: 80, LastSenderReport: uint32(ours.NTPTime >> 16)},
			},
		}, rtcp.NewCNAMESourceDescription(p.ssrc, "them"))
		eventually(t, "the report is read", func() bool { return l.Report().RemoteLost != 0 })
		got := l.Report()
		if got.RemoteLost != 0.25 || got.RemoteJitter != 10*time.Millisecond {
			t.Errorf("a quarter lost and 10 ms of jitter were read as %v and %v", got.RemoteLost, got.RemoteJitter)
		}
		if got.RoundTrip < 0 || got.RoundTrip > 5*time.Second {
			t.Errorf("round trip %v", got.RoundTrip)
		}
		// Our next one names theirs, so that they too can tell the round trip.
		named := r.nextOfSender()[0].(*rtcp.SenderReport).Reports[0]
		if named.LastSenderReport != 0x22223333 || named.Delay > 5<<16 {
			t.Errorf("their report is named as %x, %d/65536 s ago", named.LastSenderReport, named.Delay)
		}
	})
}

// A round trip is the time since our report less the time that the peer says it kept it.
func TestRoundTrip(t *testing.T) {
	s := newStudio(t)
	a := s.enter(call.RoleCaller, call.PCMA)
	now := uint32(ntp(a.e.at(a.e.clock())) >> 16)
	a.learnQuality(reportBlock{lastSR: now - 3<<16, delay: 2 << 16})
	if got := a.control.roundTrip; got < time.Second || got > 3*time.Second {
		t.Errorf("round trip %v, want 1 s", got)
	}
	for name, lie := range map[string]reportBlock{
		"kept longer than it is old": {lastSR: now - 1<<16, delay: 60 << 16},
		"older than the call":        {lastSR: now - 60<<16},
	} {
		a.control.roundTrip = 0
		a.learnQuality(lie)
		if got := a.control.roundTrip; got != 0 {
			t.Errorf("%s: round trip %v", name, got)
		}
	}
}

func TestALegSaysGoodbye(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l, r := callUpWithReports(t, e)
		ssrc := p.atLeast(1)[0].SSRC
		l.Close()
		all := r.read()
		bye, ok := all[len(all)-1].(*rtcp.Goodbye)
		if !ok || len(bye.Sources) != 1 || bye.Sources[0] != ssrc {
			t.Errorf("the last words: %v", all)
		}
	})
}

// Reports come from the telephone's address alone, and a lie about a length is counted.
func TestRTCPOfOthers(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l, r := callUpWithReports(t, e)
		ssrc := p.atLeast(1)[0].SSRC
		stranger := newTelephoneAt(t, "127.0.0.9")
		to := netip.AddrPortFrom(e.Addr(), uint16(l.Port()+1))
		report, err := (&rtcp.ReceiverReport{SSRC: 5, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 255}}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{report, report[:len(report)-4]} {
			if _, err := stranger.conn.WriteToUDPAddrPort(b, to); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.conn.WriteToUDPAddrPort(report[:len(report)-4], to); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all three are counted", func() bool {
			return dropped(e, dropStranger) == 2 && dropped(e, dropMalformed) == 1
		})
		if got := l.Report().RemoteLost; got != 0 {
			t.Errorf("a stranger's report was believed: %v lost", got)
		}
	})
}
