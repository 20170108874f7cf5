package phone

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestRefusals(t *testing.T) {
	for _, code := range []int{486, 503, 603} {
		pb := open(t, Options{User: "bob", Manners: Manners{RejectWith: code}})
		pa := open(t, Options{User: "alice"})
		c, err := pa.Dial(limit(t), DialOptions{To: toward(pb)})
		var r *Rejected
		if !errors.As(err, &r) || r.Code != code {
			t.Fatalf("refused with %d: %v", code, err)
		}
		if c.EndedBy() != EndedByRefusal || c.LastStatus() != code {
			t.Errorf("ended by %q with %d", c.EndedBy(), c.LastStatus())
		}
	}
}

func TestNoCommonCodec(t *testing.T) {
	pa, pb := open(t, Options{Codec: "G729"}), open(t, Options{})
	var r *Rejected
	if _, err := pa.Dial(limit(t), DialOptions{To: toward(pb)}); !errors.As(err, &r) || r.Code != 488 {
		t.Errorf("G.729 only: %v", err)
	}
}

func TestCallerGivesUp(t *testing.T) {
	pa, pb := open(t, Options{User: "alice"}), open(t, Options{User: "bob"})
	a, err := pa.DialAsync(DialOptions{To: toward(pb)})
	ok(t, err)
	b := incoming(t, pb)
	wait(t, a.Ringing(), "ringing")
	a.Cancel()
	wait(t, a.Done(), "the end at the caller")
	wait(t, b.Done(), "the end at the callee")
	if a.EndedBy() != EndedByCancel || b.EndedBy() != EndedByCancel || a.LastStatus() != 487 {
		t.Errorf("ended by %q and %q with %d", a.EndedBy(), b.EndedBy(), a.LastStatus())
	}
	if b.Answer() == nil {
		t.Error("a cancelled call was answered")
	}
}

// Without a provisional response CANCEL must wait (RFC 3261 §9.1); the first one lets it out.
func TestCancelWaitsForAWordOfThePeer(t *testing.T) {
	pa, pb := open(t, Options{User: "alice"}), open(t, Options{User: "bob", Manners: Manners{NoProvisional: true}})
	a, err := pa.DialAsync(DialOptions{To: toward(pb)})
	ok(t, err)
	b := incoming(t, pb)
	a.Cancel()
	if b.EndedBy() != "" {
		t.Fatal("CANCEL went out before any response")
	}
	b.Ring()
	wait(t, a.Done(), "the end at the caller")
	if a.LastStatus() != 487 {
		t.Errorf("status %d", a.LastStatus())
	}
}

func TestInviteAndCancelBackToBack(t *testing.T) {
	pa := open(t, Options{User: "alice", Manners: Manners{EagerCancel: true}})
	pb := open(t, Options{User: "bob"})
	a, err := pa.DialAsync(DialOptions{To: toward(pb)})
	ok(t, err)
	a.Cancel()
	wait(t, a.Done(), "the end at the caller")
	if a.LastStatus() != 487 {
		t.Errorf("status %d", a.LastStatus())
	}
}

func TestPickedUpWhileCancelled(t *testing.T) {
	pa, pb := open(t, Options{User: "alice"}), open(t, Options{User: "bob", Manners: Manners{LateOK: true}})
	a, err := pa.DialAsync(DialOptions{To: toward(pb)})
	ok(t, err)
	b := incoming(t, pb)
	wait(t, a.Ringing(), "ringing")
	a.Cancel()
	wait(t, b.Acked(), "ACK for the late 200")
	wait(t, b.Done(), "BYE after it")
	if b.EndedBy() != EndedByPeer {
		t.Errorf("ended by %q", b.EndedBy())
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	pa, pb := open(t, Options{User: "alice"}), open(t, Options{User: "bob"})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		b := <-pb.Incoming()
		cancel()
		<-b.Done()
	}()
	c, err := pa.Dial(ctx, DialOptions{To: toward(pb)})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wait(t, c.Done(), "CANCEL")
}

func TestAnsweredTwice(t *testing.T) {
	pa, pb := open(t, Options{User: "alice"}), open(t, Options{User: "bob", Manners: Manners{ForkOK: true, DoubleOK: true}})
	a, err := pa.DialAsync(DialOptions{To: toward(pb)})
	ok(t, err)
	b := incoming(t, pb)
	ok(t, b.Answer())
	ok(t, a.WaitAnswered(limit(t)))
	wait(t, b.TwinEnded(), "BYE for the second answer")
	if b.EndedBy() != "" || a.EndedBy() != "" {
		t.Error("the first answer was released, too")
	}
	until(t, "an ACK for each copy", func() bool { return b.Received("ACK") >= 2 })
}

func TestLostAck(t *testing.T) {
	a, b := talk(t, Options{Manners: Manners{NoAck: true}}, Options{}, DialOptions{})
	select {
	case <-b.Acked():
		t.Fatal("acknowledged")
	case <-time.After(700 * time.Millisecond): // the 200 has been repeated once by then
	}
	a.p.Behave(Manners{})
	wait(t, b.Acked(), "ACK for a repeated 200")
}

func TestLateAck(t *testing.T) {
	begin := time.Now()
	talk(t, Options{Manners: Manners{AckDelay: 300 * time.Millisecond}}, Options{}, DialOptions{})
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("acknowledged after %v", took)
	}
}

func TestDeadPhone(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{})
	b.p.Behave(Manners{Dead: true})
	ok(t, a.Media().WaitSilence(limit(t), 200*time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if code, err := a.Options(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a dead phone answered %d, %v", code, err)
	}
}

func TestUnansweredBye(t *testing.T) {
	a, b := talk(t, Options{}, Options{Manners: Manners{NoBye: true}}, DialOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	if err := a.Hangup(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang up: %v", err)
	}
	if a.EndedBy() != EndedByUs || b.EndedBy() != EndedByPeer {
		t.Errorf("ended by %q and %q", a.EndedBy(), b.EndedBy())
	}
	if n := b.Received("BYE"); n != 1 {
		t.Errorf("a repeated BYE was counted: %d", n)
	}
}

func TestCallerNames(t *testing.T) {
	cases := []struct {
		name, from, display string
		uri, user           string
	}{
		{"its own", "", "", "", "alice"},
		{"withheld", FromAnonymous, "", "sip:anonymous@anonymous.invalid", "anonymous"},
		{"tel", "tel:+000123456789", "", "tel:+000123456789", "+000123456789"},
		{"no user", "sip:carrier.invalid", "", "sip:carrier.invalid", ""},
	}
	pa, pb := open(t, Options{User: "alice"}), open(t, Options{User: "bob"})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := pa.DialAsync(DialOptions{To: toward(pb), From: c.from})
			ok(t, err)
			b := incoming(t, pb)
			if got := b.From(); got.User() != c.user || (c.uri != "" && got.URI != c.uri) {
				t.Errorf("shown as %+v", got)
			}
			ok(t, b.Reject(486))
			wait(t, a.Done(), "the refusal")
		})
	}
	a, err := pa.DialAsync(DialOptions{To: toward(pb), From: FromAbsent})
	ok(t, err)
	if incoming(t, pb).Header("From") != "" {
		t.Error("a From header was sent")
	}
	a.Cancel()
}

func TestOptionsOutsideACall(t *testing.T) {
	pa, pb := open(t, Options{}), open(t, Options{})
	code, err := pa.Options(limit(t), toward(pb))
	ok(t, err)
	if code != 200 || pb.Received("OPTIONS") != 1 {
		t.Errorf("answered %d, counted %d", code, pb.Received("OPTIONS"))
	}
	resp, err := pa.Request(limit(t), "PUBLISH", toward(pb), nil, nil)
	ok(t, err)
	if resp.Code != 405 || resp.Get("Allow") == "" {
		t.Errorf("PUBLISH: %d, Allow %q", resp.Code, resp.Get("Allow"))
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{Listen: "nowhere"}, {Listen: "0.0.0.0:0"}, {Server: "nowhere"}, {Transport: "sctp"},
		{Algorithm: "none"}, {Codec: "GSM"}, {Manners: Manners{Loss: 2}},
	} {
		if o.Check() == nil {
			t.Errorf("%+v passed", o)
		}
	}
}

func TestCancelAfterTheAnswerHangsUp(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{})
	a.Cancel()
	wait(t, b.Done(), "BYE")
	if a.LastStatus() != 200 || b.EndedBy() != EndedByPeer {
		t.Errorf("status %d, ended by %q", a.LastStatus(), b.EndedBy())
	}
}

func TestCallWithoutFrom(t *testing.T) {
	a, b := talk(t, Options{}, Options{}, DialOptions{From: FromAbsent})
	code, err := a.Options(limit(t))
	ok(t, err)
	if code != 200 || b.Received("OPTIONS") != 1 {
		t.Errorf("OPTIONS in the call: %d", code)
	}
	ok(t, a.Hangup(limit(t)))
	wait(t, b.Done(), "BYE")
}
