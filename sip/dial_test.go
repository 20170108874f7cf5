package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// dials a user in the background; the result comes by the channel.
type outcome struct {
	leg call.Leg
	err error
}

func (h *house) dial(ctx context.Context, d call.Dial) chan outcome {
	d.User = testUser
	out := make(chan outcome, 1)
	go func() {
		l, err := h.Dial(ctx, d)
		out <- outcome{l, err}
	}()
	return out
}

// failure is how a dial failed.
func failure(t *testing.T, from chan outcome) call.DialError {
	t.Helper()
	select {
	case r := <-from:
		var e *call.DialError
		if !errors.As(r.err, &e) {
			t.Fatalf("leg %v, error %v", r.leg, r.err)
		}
		return *e
	case <-time.After(patience):
		t.Fatal("Dial did not return")
		return call.DialError{}
	}
}

func TestAPhoneIsRungAndAnswers(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	if want := `"919 Русский" <sip:+000123456789@` + h.phone.String() + ">"; !strings.HasPrefix(invite.get("From"), want+";tag=") {
		t.Errorf("From %q", invite.get("From"))
	}
	if invite.get("X-Hotline-Call") != "c" {
		t.Errorf("X-Hotline-Call %q", invite.get("X-Hotline-Call"))
	}
	if !strings.HasPrefix(invite.start, fmt.Sprintf("INVITE sip:anar@192.0.2.9:%d;transport=udp ", d.at.Port())) {
		t.Errorf("%q", invite.start)
	}
	if i := l.Info(); i.Role != call.RoleOperator || i.User != testUser || i.Call != "c" || i.Remote != d.at {
		t.Errorf("info %+v", i)
	}
	if n := len(h.dialog.all()); n != 1 {
		t.Errorf("%d dialogs remembered", n)
	}
	d.send(respond(invite, 200, "desk", "", sdpFor(40000, "sendrecv"))) // its ACK was lost
	d.request("ACK")
	d.send(respond(invite, 200, "otherfork", "", sdpFor(40000, "sendrecv")))
	d.want("ACK of the other fork", func(m message) bool { return m.method() == "ACK" && m.tag("To") == "otherfork" })
	bye := d.want("BYE to the other fork", func(m message) bool { return m.method() == "BYE" && m.tag("To") == "otherfork" })
	d.send(respond(bye, 200, "", "", ""))
	l.Hangup(call.Reason{})
	bye = d.want("BYE", func(m message) bool { return m.method() == "BYE" && m.tag("To") == "desk" })
	if !strings.HasPrefix(bye.start, "BYE sip:anar@192.0.2.9 ") {
		t.Errorf("%q", bye.start)
	}
	d.send(respond(bye, 200, "", "", ""))
	if cause := causeOf(t, l); cause != call.CauseOurs {
		t.Errorf("cause %s", cause)
	}
}

func TestACallerWhoWithholdsTheNumber(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	h.dial(t.Context(), call.Dial{From: "+000123456789", Withheld: true, Display: "919 \"x\"\r\nEvil: 1"})
	invite := d.request("INVITE")
	if from := invite.get("From"); !strings.HasPrefix(from, `"919 xEvil: 1" <sip:anonymous@anonymous.invalid>;tag=`) {
		t.Errorf("From %q", from)
	}
}

func TestWhyAPhoneDoesNotTakeACall(t *testing.T) {
	for code, want := range map[int]call.DialFailure{
		486: call.Busy, 600: call.Busy, 603: call.Declined, 480: call.Declined, 302: call.Declined, 488: call.Declined,
		404: call.Unreachable, 408: call.Unreachable, 500: call.Unreachable, 503: call.Unreachable,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			h := open(t, nil, nil)
			d := h.deskPhone("udp")
			d.register(200)
			result := h.dial(t.Context(), call.Dial{})
			invite := d.request("INVITE")
			d.send(respond(invite, 180, "x", "", ""))
			d.send(respond(invite, code, "x", "", ""))
			ack := d.request("ACK")
			if ack.tag("To") != "x" || ack.get("Via") != invite.get("Via") {
				t.Errorf("ACK %q", ack.head)
			}
			if e := failure(t, result); e.Failure != want || e.Code != code {
				t.Errorf("%v", e)
			}
		})
	}
}

func TestADialThatNobodyWantsAnyMore(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	for name, x := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want call.DialFailure
	}{
		"withdrawn": {context.WithCancel, call.Withdrawn},
		"no answer": {func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(c, 100*time.Millisecond)
		}, call.NoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := x.end(t.Context())
			defer cancel()
			result := h.dial(ctx, call.Dial{})
			invite := d.request("INVITE")
			d.send(respond(invite, 180, "x", "", ""))
			if x.want == call.Withdrawn {
				eventually(t, "it rings", func() bool { return h.heard() })
				cancel()
			}
			c := d.request("CANCEL")
			if c.get("Via") != invite.get("Via") {
				t.Errorf("CANCEL %q", c.head)
			}
			if e := failure(t, result); e.Failure != x.want {
				t.Errorf("%v", e)
			}
			// The phone answered in the same moment: it is told that it is over.
			d.send(respond(c, 200, "x", "", ""))
			d.send(respond(invite, 200, "x", "", sdpFor(40000, "sendrecv")))
			d.request("ACK")
			bye := d.request("BYE")
			d.send(respond(bye, 200, "", "", ""))
			d.send(respond(invite, 200, "x", "", sdpFor(40000, "sendrecv"))) // repeated: ACK again, no second BYE
			d.request("ACK")
		})
	}
}

// heard says whether an INVITE of ours has a provisional answer.
func (h *house) heard() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, tx := range h.clientTxs {
		if tx.invite && tx.heard && tx.state == txProceeding {
			return true
		}
	}
	return false
}

func TestAPhoneThatSaysNothing(t *testing.T) {
	h := open(t, nil, fastTimes)
	if e := failure(t, h.dial(t.Context(), call.Dial{})); e.Failure != call.Unreachable {
		t.Errorf("no contact: %v", e)
	}
	d := h.deskPhone("udp")
	d.register(200)
	began := time.Now()
	result := h.dial(t.Context(), call.Dial{})
	invite := d.request("INVITE")
	if e := failure(t, result); e.Failure != call.Unreachable || e.Code != 408 {
		t.Errorf("%v", e)
	}
	if took := time.Since(began); took < h.times.Provisional {
		t.Errorf("given up after %s", took)
	}
	d.left = nil
	// It wakes up late: a CANCEL is allowed now, and due.
	d.send(respond(invite, 180, "x", "", ""))
	d.request("CANCEL")
}

func TestAllPhonesOfAnOperatorRing(t *testing.T) {
	h := open(t, nil, nil)
	one, two := h.deskPhone("udp"), h.deskPhoneAt("udp", "127.0.0.3")
	one.register(200)
	two.register(200)
	if n := len(h.Server.reg.contacts(testUser)); n != 2 {
		t.Fatalf("%d contacts", n)
	}
	result := h.dial(t.Context(), call.Dial{})
	a, b := one.request("INVITE"), two.request("INVITE")
	if a.get("Call-ID") == b.get("Call-ID") {
		t.Error("both have one Call-ID")
	}
	one.send(respond(a, 180, "one", "", ""))
	two.send(respond(b, 180, "two", "", ""))
	eventually(t, "both ring", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		n := 0
		for _, tx := range h.clientTxs {
			if tx.invite && tx.heard {
				n++
			}
		}
		return n == 2
	})
	two.send(respond(b, 200, "two", "", sdpFor(40000, "sendrecv")))
	two.request("ACK")
	c := one.request("CANCEL")
	one.send(respond(c, 200, "one", "", ""))
	one.send(respond(a, 487, "one", "", ""))
	one.request("ACK")
	r := <-result
	if r.err != nil || r.leg.Info().Remote != two.at {
		t.Fatalf("%v", r.err)
	}
	// The ports of the loser are given back.
	eventually(t, "one pair of ports is used", func() bool {
		used, _, _ := h.o.Media.Ports()
		return used == 1
	})
	two.send(respond(b, 200, "two", "", sdpFor(40000, "sendrecv")))
	two.request("ACK")
}

func TestBusyOnOnePhoneLetsTheOtherRing(t *testing.T) {
	h := open(t, nil, nil)
	one, two := h.deskPhone("udp"), h.deskPhoneAt("udp", "127.0.0.3")
	one.register(200)
	two.register(200)
	result := h.dial(t.Context(), call.Dial{})
	a, b := one.request("INVITE"), two.request("INVITE")
	one.send(respond(a, 486, "one", "", ""))
	one.request("ACK")
	two.send(respond(b, 480, "two", "", ""))
	two.request("ACK")
	if e := failure(t, result); e.Failure != call.Busy || e.Code != 486 {
		t.Errorf("%v", e)
	}
}

func TestAnAnswerWithoutUsableSound(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	result := h.dial(t.Context(), call.Dial{})
	d.send(respond(d.request("INVITE"), 200, "x", "", ""))
	d.request("ACK")
	d.send(respond(d.request("BYE"), 200, "", "", ""))
	if e := failure(t, result); e.Code != 488 {
		t.Errorf("%v", e)
	}
}
