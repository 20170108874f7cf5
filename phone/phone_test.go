package phone

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

// within is the time a test gives a step that takes well under a second on an idle machine.
const within = 10 * time.Second

func limit(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, o Options) *Phone {
	t.Helper()
	if o.Trace == nil && testing.Verbose() {
		begin := time.Now()
		o.Trace = func(line string) {
			t.Logf("%6d ms %-8s %s", time.Since(begin).Milliseconds(), o.User, line)
		}
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-limit(t).Done():
		t.Fatalf("%s did not happen", what)
	}
}

func incoming(t *testing.T, p *Phone) *Call {
	t.Helper()
	select {
	case c := <-p.Incoming():
		return c
	case <-limit(t).Done():
		t.Fatal("no call came in")
		return nil
	}
}

// until looks every few milliseconds whether something has come true.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := limit(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not seen: %s", what)
		}
	}
}

func toward(p *Phone) string {
	to := "sip:919@" + p.Addr()
	if p.o.Transport == "tcp" {
		to += ";transport=tcp"
	}
	return to
}

// talk has one phone call another, which picks up.
func talk(t *testing.T, from, to Options, o DialOptions) (a, b *Call) {
	t.Helper()
	if from.User == "" {
		from.User = "alice"
	}
	to.User = "bob"
	pa, pb := open(t, from), open(t, to)
	o.To = toward(pb)
	a, err := pa.DialAsync(o)
	ok(t, err)
	b = incoming(t, pb)
	ok(t, b.Answer())
	ok(t, a.WaitAnswered(limit(t)))
	if !from.Manners.NoAck {
		wait(t, b.Acked(), "ACK")
	}
	return a, b
}

func TestTwoPhonesTalk(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		for _, codec := range []string{"PCMA", "PCMU"} {
			t.Run(transport+" "+codec, func(t *testing.T) {
				t.Parallel()
				a, b := talk(t, Options{Transport: transport, Codec: codec, Display: `A "quoted" name`}, Options{Transport: transport}, DialOptions{
					Headers: []Header{{"X-Hotline-Call", "some-call"}},
				})
				a.Media().Say(0.3, 440)
				b.Media().Say(0.3, 1000)
				ok(t, b.Media().WaitTone(limit(t), 440))
				ok(t, a.Media().WaitTone(limit(t), 1000))
				if a.Media().HeardTone(440) {
					t.Error("the caller hears itself")
				}
				if level := a.Media().Heard(200 * time.Millisecond).Tone(1000); math.Abs(level-0.3) > 0.02 {
					t.Errorf("level heard %.3f, said 0.3", level)
				}
				if got := b.From(); got.User() != "alice" || got.Display != `A "quoted" name` {
					t.Errorf("caller shown as %+v", got)
				}
				if got := b.Header("x-hotline-call"); got != "some-call" {
					t.Errorf("X-Hotline-Call %q", got)
				}
				ok(t, a.Hangup(limit(t)))
				wait(t, b.Done(), "the end at the callee")
				if a.EndedBy() != EndedByUs || b.EndedBy() != EndedByPeer {
					t.Errorf("ended by %q and %q", a.EndedBy(), b.EndedBy())
				}
				r := b.Media().Received()
				if !r.Continuous() || r.Lost != 0 || r.Reordered != 0 || r.Other != 0 {
					t.Errorf("not one clean stream: %+v", r)
				}
				if want := a.Media().Codec(); len(r.Types) != 1 || r.Types[0] != want {
					t.Errorf("payload types %v, want %d", r.Types, want)
				}
			})
		}
	}
}

func TestCalleeHangsUp(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{})
	ok(t, b.Hangup(limit(t)))
	wait(t, a.Done(), "the end at the caller")
	if a.EndedBy() != EndedByPeer || a.LastStatus() != 200 {
		t.Errorf("ended by %q, status %d", a.EndedBy(), a.LastStatus())
	}
}

func TestDelayedOffer(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{NoSDP: true})
	a.Media().Say(0.3, 500)
	b.Media().Say(0.3, 700)
	ok(t, b.Media().WaitTone(limit(t), 500))
	ok(t, a.Media().WaitTone(limit(t), 700))
}

func TestKeys(t *testing.T) {
	a, b := talk(t, Options{}, Options{EventType: 96}, DialOptions{})
	m := a.Media()
	const long = 60 * time.Millisecond
	for i, o := range []KeyOptions{{}, {NoEnd: true}, {EndOnly: true}, {Twice: true}} {
		digit := "19*D"[i]
		ok(t, m.PressKey(limit(t), digit, long, o))
		got, err := b.Media().WaitKey(limit(t))
		ok(t, err)
		if got != digit {
			t.Errorf("%+v: pressed %c, got %c", o, digit, got)
		}
	}
	a.Media().Say(0.3, 440)
	ok(t, b.Media().WaitTone(limit(t), 440))
	if n := len(b.Media().Keys()); n != 0 {
		t.Errorf("%d keys too many", n)
	}
	ok(t, m.PressKey(limit(t), '5', 500*time.Millisecond, KeyOptions{InBand: true}))
	sent := m.Sent().Packets
	until(t, "all packets", func() bool { r := b.Media().Received(); return r.Packets+r.Events+r.Duplicates >= sent })
	pcm, _ := b.Media().HeardPCM()
	if s := Sound(pcm[max(0, len(pcm)-3200):]); s.Tone(770) < 0.1 || s.Tone(1336) < 0.1 || s.Tone(697) > 0.02 {
		t.Errorf("in-band 5: 770 Hz %.3f, 1336 Hz %.3f, 697 Hz %.3f", s.Tone(770), s.Tone(1336), s.Tone(697))
	}
	ok(t, a.Info(limit(t), '7'))
	if b.Received("INFO") != 1 {
		t.Error("INFO did not arrive")
	}
	if m.PressKey(limit(t), 'x', long, KeyOptions{}) == nil {
		t.Error("there is no key x")
	}
}

func TestNoKeysWithoutTelephoneEvent(t *testing.T) {
	a, _ := talk(t, Options{}, Options{EventType: -1}, DialOptions{})
	if a.Media().PressKey(limit(t), '1', 40*time.Millisecond, KeyOptions{}) == nil {
		t.Error("an event was sent that the peer had not agreed to")
	}
}

func TestHoldAndResume(t *testing.T) {
	for _, zero := range []bool{false, true} {
		t.Run(fmt.Sprintf("zero address %v", zero), func(t *testing.T) {
			t.Parallel()
			a, b := talk(t, Options{Manners: Manners{HoldByZero: zero}}, Options{}, DialOptions{})
			a.Media().Say(0.3, 440)
			b.Media().Say(0.3, 1000)
			ok(t, a.Media().WaitTone(limit(t), 1000))
			ok(t, a.Hold(limit(t)))
			ok(t, a.Media().WaitSilence(limit(t), 100*time.Millisecond))
			ok(t, b.Media().WaitSilence(limit(t), 100*time.Millisecond))
			ok(t, a.Resume(limit(t)))
			ok(t, a.Media().WaitTone(limit(t), 1000))
			ok(t, b.Media().WaitTone(limit(t), 440))
			if r := b.Media().Received(); r.Jumps != 0 || len(r.SSRCs) != 1 {
				t.Errorf("hold broke the stream: %+v", r)
			}
			if b.Received("INVITE") != 2 {
				t.Errorf("%d re-INVITEs", b.Received("INVITE"))
			}
		})
	}
}

func TestUnusableReinviteLeavesTheCall(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{})
	var r *Rejected
	if err := a.ReinviteImage(limit(t)); !errors.As(err, &r) || r.Code != 488 {
		t.Fatalf("fax offered: %v", err)
	}
	code, err := a.Options(limit(t))
	ok(t, err)
	if code != 200 {
		t.Errorf("OPTIONS in the call: %d", code)
	}
	ok(t, a.Reinvite(limit(t), nil)) // no SDP: the offer comes in the 200, the answer goes in the ACK
	b.Media().Say(0.3, 600)
	ok(t, a.Media().WaitTone(limit(t), 600))
}

func TestNewPortSameStream(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{})
	a.Media().Say(0.3, 440)
	b.Media().Say(0.3, 1000)
	ok(t, b.Media().WaitTone(limit(t), 440))
	old := a.Media().LocalPort()
	ok(t, a.Media().ChangePort())
	b.Media().Forget()
	ok(t, b.Media().WaitTone(limit(t), 440))
	r := b.Media().Received()
	if len(r.Sources) != 2 || r.Jumps != 0 || len(r.SSRCs) != 1 || a.Media().LocalPort() == old {
		t.Errorf("after the change of port: %+v", r)
	}
	// Bob does not learn addresses: he goes on to the old port, where nobody listens.
	until(t, "sound at the old port", func() bool { return a.Media().Received().Strayed > 0 })
	b.Media().SendTo(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(a.Media().LocalPort())))
	a.Media().Forget()
	ok(t, a.Media().WaitTone(limit(t), 1000))
}

func TestSendFromAStranger(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{})
	s, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	ok(t, err)
	defer s.Close()
	a.Media().SendFrom(s)
	a.Media().Say(0.3, 440)
	ok(t, b.Media().WaitTone(limit(t), 440))
	sources := b.Media().Received().Sources
	if last := sources[len(sources)-1]; last.Addr().String() != "127.0.0.2" {
		t.Errorf("heard from %v", sources)
	}
	a.Media().SendFrom(nil)
	a.Media().ChangeStream()
	until(t, "the new stream", func() bool { return len(b.Media().Received().SSRCs) == 2 })
}

func TestPretendedAddress(t *testing.T) {
	a, b := talk(t, Options{PretendAddr: "10.9.8.7:5999", PretendMediaPort: 4000}, Options{}, DialOptions{})
	if !strings.Contains(b.Header("Contact"), "@10.9.8.7:5999") || !strings.Contains(b.Header("Via"), "10.9.8.7:5999") {
		t.Errorf("Contact %q, Via %q", b.Header("Contact"), b.Header("Via"))
	}
	if got := b.Media().Remote().String(); got != "10.9.8.7:4000" {
		t.Errorf("sound goes to %s", got)
	}
	ok(t, a.Hangup(limit(t)))
	wait(t, b.Done(), "BYE")
}

func TestMuteAndLoss(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{})
	a.Media().Say(0.3, 440)
	ok(t, b.Media().WaitTone(limit(t), 440))
	a.Media().Mute()
	ok(t, b.Media().WaitSilence(limit(t), 200*time.Millisecond))
	a.Media().Unmute()
	ok(t, b.Media().WaitTone(limit(t), 440))
	if r := b.Media().Received(); r.Lost != 0 || r.LongestGap < 200*time.Millisecond {
		t.Errorf("muting: %d lost, longest gap %v", r.Lost, r.LongestGap)
	}
	a.p.Behave(Manners{Loss: 0.25})
	before := b.Media().Received()
	var lost, came int
	until(t, "40 packets", func() bool {
		r := b.Media().Received()
		lost, came = r.Lost-before.Lost, r.Packets-before.Packets
		return lost+came >= 40
	})
	if share := float64(lost) / float64(lost+came); share < 0.2 || share > 0.3 {
		t.Errorf("%d packets lost of %d, wanted a quarter", lost, lost+came)
	}
}

func TestRobot(t *testing.T) {
	r := newRegistrar(t, "SHA-256")
	robot, err := StartRobot(limit(t), Options{User: "op1", Secret: "right", Server: r.conn.LocalAddr().String()})
	ok(t, err)
	defer robot.Close()
	p := open(t, Options{})
	c, err := p.Dial(limit(t), DialOptions{To: toward(robot)})
	ok(t, err)
	ok(t, c.Media().WaitTone(limit(t), 659))
	c.Media().Say(0.3, 2000)
	ok(t, c.Media().WaitTone(limit(t), 2000))
	ok(t, c.Hangup(limit(t)))
}

// TestNothingIsLeft counts goroutines: a phone in a test must not outlive it.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, transport := range []string{"udp", "tcp"} {
		a, err := New(Options{Transport: transport})
		ok(t, err)
		b, err := New(Options{Transport: transport})
		ok(t, err)
		c, err := a.DialAsync(DialOptions{To: toward(b)})
		ok(t, err)
		in := incoming(t, b)
		ok(t, in.Answer())
		ok(t, c.WaitAnswered(limit(t)))
		ok(t, a.Close())
		ok(t, b.Close())
		if c.EndedBy() != EndedByClose {
			t.Errorf("ended by %q", c.EndedBy())
		}
	}
	until(t, "the last goroutine's end", func() bool { return runtime.NumGoroutine() <= before })
}
