package sip

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
)

func TestACallFromInviteToBye(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c, l := h.connect(p)
	i := l.Info()
	if i.Role != call.RoleCaller || i.Trunk != "carrier" || i.Dialled != "919" || i.From.Raw() != "+000123456789" || i.SIPCallID != c.id || i.Unfit != 0 || i.Call == "" {
		t.Errorf("info %+v", i)
	}
	if n := len(h.dialog.all()); n != 1 {
		t.Errorf("%d dialogs remembered", n)
	}
	p.send(c.again("BYE", "", "", ""))
	p.answer("BYE", 200)
	if cause := causeOf(t, l); cause != call.CauseHangup {
		t.Errorf("cause %s", cause)
	}
	eventually(t, "the dialog is forgotten", func() bool { return len(h.dialog.all()) == 0 })
	p.send(c.again("INFO", "", "application/dtmf", "5"))
	p.answer("INFO", 481)
}

func TestWhatAnAnsweredCallLooksLike(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c := p.dials()
	c.extra = "Record-Route: <sip:127.0.0.1:5999;lr>;x=y\r\nSupported: 100rel\r\n"
	p.send(c.invite())
	p.answer("INVITE", 100)
	l := next(t, h.legs)
	l.Ring()
	ringing := p.answer("INVITE", 180)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	ok := p.answer("INVITE", 200)
	if ok.tag("To") == "" || ok.tag("To") != ringing.tag("To") {
		t.Errorf("To tags %q and %q", ringing.tag("To"), ok.tag("To"))
	}
	if got := ok.get("Record-Route"); got != "<sip:127.0.0.1:5999;lr>;x=y" {
		t.Errorf("Record-Route %q", got)
	}
	if got := ok.get("Contact"); got != "<sip:hotline@"+h.trunk.String()+">" {
		t.Errorf("Contact %q", got)
	}
	if ok.get("Server") != "" || ok.get("User-Agent") != "" {
		t.Error("the answer tells what we are")
	}
	if !strings.Contains(ok.body, "c=IN IP4 127.0.0.1\r\n") || !strings.Contains(ok.body, fmt.Sprintf("m=audio %d RTP/AVP 8 101", l.sound.Port())) {
		t.Errorf("SDP %q", ok.body)
	}
	if !strings.Contains(ok.get("Via"), fmt.Sprintf("rport=%d", p.at.Port())) {
		t.Errorf("Via %q", ok.get("Via"))
	}
	// Our BYE goes through the route set.
	p.send(c.text("ACK", "z9hG4bKack1", "", "", ""))
	c.took(ok)
	p.send(c.ack(""))
	<-l.acked
	h.locked("test", func() { l.routes = []string{"<sip:" + p.at.String() + ";lr>"} })
	l.Hangup(call.Reason{})
	bye := p.request("BYE")
	if bye.get("Route") != "<sip:"+p.at.String()+";lr>" || !strings.HasPrefix(bye.start, "BYE sip:caller@"+p.at.String()) {
		t.Errorf("BYE %q, Route %q", bye.start, bye.get("Route"))
	}
	p.send(respond(bye, 200, "", "", ""))
	if cause := causeOf(t, l); cause != call.CauseOurs {
		t.Errorf("cause %s", cause)
	}
}

func TestRefusals(t *testing.T) {
	video := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 40000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
	for _, x := range []struct {
		name string
		edit func(*outCall)
		code int
		head string // a header the refusal has
	}{
		{"a number that is no line", func(c *outCall) { c.target = "sip:112@127.0.0.1" }, 404, ""},
		{"an extension nobody has", func(c *outCall) { c.extra = "Require: 100rel, nothingSupportsThis\r\n" }, 420, "Unsupported: nothingSupportsThis"},
		{"a body that is not SDP", func(c *outCall) { c.kind = "application/unknownformat" }, 415, "Accept: application/sdp"},
		{"an answer without SDP wanted", func(c *outCall) { c.extra = "Accept: text/plain\r\n" }, 406, "Accept: application/sdp"},
		{"a packed body", func(c *outCall) { c.extra = "Content-Encoding: gzip\r\n" }, 415, "Accept-Encoding: identity"},
		{"a stranger scheme", func(c *outCall) { c.target = "nobodyKnowsThisScheme:totallyopaquecontent" }, 416, ""},
		{"a dialog we do not have", func(c *outCall) { c.to += ";tag=nothing" }, 481, ""},
		{"only video", func(c *outCall) { c.sdp = video }, 488, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := open(t, nil, nil)
			p := h.carrier()
			c := p.dials()
			x.edit(c)
			p.send(c.invite())
			if x.code == 488 {
				l := next(t, h.legs)
				if l.Info().Unfit != 488 {
					t.Fatalf("unfit %d", l.Info().Unfit)
				}
				if err := l.Answer(t.Context()); err == nil {
					t.Error("an unfit leg was answered")
				}
				l.Hangup(call.Reason{Code: l.Info().Unfit})
			}
			got := p.answer("INVITE", 0)
			if got.code() != x.code {
				t.Fatalf("%v", got)
			}
			if x.head != "" && !slices.Contains(got.head, x.head) {
				t.Errorf("no %q in %q", x.head, got.head)
			}
			if got.tag("To") == "" {
				t.Error("no To tag")
			}
			if n := count(t, h, "hotline_sip_refusals_total", strconv.Itoa(x.code)); n != 1 {
				t.Errorf("counted %v times", n)
			}
		})
	}
}

func TestMethodsOutsideACall(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	for method, code := range map[string]int{
		"OPTIONS": 200, "BYE": 481, "INFO": 481, "CANCEL": 481, "MESSAGE": 405, "SUBSCRIBE": 405, "REFER": 403,
		"PRACK": 481, "UPDATE": 481, "REGISTER": 405, "NEWFANGLED": 501, "invite": 501,
	} {
		c := p.dials()
		p.send(c.text(method, c.branch, "", "", ""))
		got := p.answer(method, 0)
		if got.code() != code {
			t.Errorf("%s: %v", method, got)
		}
		if (code == 405 || code == 501 || code == 200) && !strings.Contains(got.get("Allow"), "INVITE") {
			t.Errorf("%s: Allow %q", method, got.get("Allow"))
		}
	}
	p.send(strings.ReplaceAll(p.dials().invite(), "INVITE", "ACK"))
	p.quiet(50 * time.Millisecond)
}

func TestDraining(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	h.SetDraining(true)
	c := p.dials()
	p.send(c.text("OPTIONS", c.branch, "", "", ""))
	p.answer("OPTIONS", 503)
	p.send(p.dials().invite())
	l := next(t, h.legs)
	if l.Info().Unfit != 503 || l.sound != nil {
		t.Errorf("unfit %d", l.Info().Unfit)
	}
	l.Hangup(call.Reason{Code: 503})
	p.answer("INVITE", 503)
	c = p.dials()
	c.target = "sip:112@127.0.0.1"
	p.send(c.invite())
	p.answer("INVITE", 404)
	h.SetDraining(false)
	c = p.dials()
	p.send(c.text("OPTIONS", c.branch, "", "", ""))
	p.answer("OPTIONS", 200)
}

func TestWhoIsCalling(t *testing.T) {
	for _, x := range []struct {
		name, from, extra, want string
		withheld                bool
	}{
		{"a number", "<sip:+000123456789@h>;tag=1", "", "+000123456789", false},
		{"a display name with a comma", `"Q, A" <sip:000@h>;tag=1`, "", "000", false},
		{"a tel URI", "<tel:+000123456789;phone-context=x>;tag=1", "", "+000123456789", false},
		{"no user", "<sip:h.invalid>;tag=1", "", "", false},
		{"no From at all", "", "", "", true},
		{"an empty From", " ", "", "", true},
		{"no brackets", "sip:000@h;tag=1", "", "000", false},
		{"anonymous", `"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1`, "", "", true},
		{"asserted", "<sip:000@h>;tag=1", "P-Asserted-Identity: \"A\" <sip:+000777@h>\r\n", "+000777", false},
		{"asserted, and private", "<sip:anonymous@anonymous.invalid>;tag=1", "P-Asserted-Identity: <tel:+000777>\r\nPrivacy: id\r\n", "+000777", true},
		{"escaped", "<sip:%2b000@h>;tag=1", "", "+000", false},
		{"no tag (RFC 2543)", "<sip:000@h>", "", "000", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := open(t, nil, nil)
			p := h.carrier()
			c := p.dials()
			c.from, c.extra = x.from, x.extra
			text := c.invite()
			if x.from == "" {
				text = strings.Replace(text, "From: \r\n", "", 1)
			}
			p.send(text)
			l := next(t, h.legs)
			if i := l.Info(); i.From.Raw() != x.want || i.Withheld != x.withheld {
				t.Errorf("from %q, withheld %v", i.From.Raw(), i.Withheld)
			}
			if err := l.Answer(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.took(p.answer("INVITE", 200))
			text = c.ack("")
			if x.from == "" {
				text = strings.Replace(text, "From: \r\n", "", 1)
			}
			p.send(text)
			select {
			case <-l.acked:
			case <-time.After(patience):
				t.Fatal("the ACK was not seen")
			}
		})
	}
}

func TestTheDialledNumberMayStandInTo(t *testing.T) {
	h := open(t, func(o *Options) { o.Trunks.Carriers[0].Called = "to" }, nil)
	p := h.carrier()
	c := p.dials()
	c.target = "sip:gateway@127.0.0.1"
	p.send(c.invite())
	if d := next(t, h.legs).Info().Dialled; d != "919" {
		t.Errorf("dialled %q", d)
	}
}

func TestOneCallHoweverOftenItsInviteComes(t *testing.T) {
	h := open(t, nil, fastTimes)
	p := h.carrier()
	c := p.dials()
	l := h.served(c)
	p.answer("INVITE", 100)
	p.send(c.invite()) // a repeat gets the last answer once more
	p.answer("INVITE", 100)
	c.branch += "other" // the same call by another way
	p.send(c.invite())
	p.answer("INVITE", 482)
	l.Hangup(call.Reason{Code: 486})
	refused := p.answer("INVITE", 486)
	p.answer("INVITE", 486) // repeated until the ACK (timer G)
	c.branch = strings.TrimSuffix(c.branch, "other")
	c.to = refused.get("To")
	p.send(c.text("ACK", c.branch, "", "", ""))
	if len(h.legs) != 0 {
		t.Error("a second leg")
	}
	// Nothing is left when the life of the transactions is over.
	eventually(t, "no transaction is left", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.serverTxs)+len(h.merged)+len(h.clientTxs)+len(h.dialogs)+len(h.Server.legs) == 0
	})
}

func TestTheAnswerIsRepeatedUntilItIsAcknowledged(t *testing.T) {
	h := open(t, nil, fastTimes)
	p := h.carrier()
	c := p.dials()
	l := h.served(c)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 4 {
		p.answer("INVITE", 200)
	}
	// T1, 2·T1, 4·T1 lie between four copies (RFC 3261 §13.3.1.4).
	if took := time.Since(began); took < 6*h.times.T1 {
		t.Errorf("four copies within %s", took)
	}
	bye := p.request("BYE")
	if cause := causeOf(t, l); cause != call.CauseNoACK {
		t.Errorf("cause %s", cause)
	}
	p.send(respond(bye, 200, "", "", ""))
	eventually(t, "the dialog is forgotten", func() bool { return len(h.dialog.all()) == 0 })
}

func TestByeWaitsForTheAck(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c := p.dials()
	l := h.served(c)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Hangup(call.Reason{})
	if cause := causeOf(t, l); cause != call.CauseOurs {
		t.Errorf("cause %s", cause)
	}
	c.took(p.answer("INVITE", 200))
	p.quiet(50 * time.Millisecond) // RFC 3261 §15: not before the ACK
	p.send(c.ack(""))
	p.send(respond(p.request("BYE"), 200, "", "", ""))
}

func TestCancelInEveryState(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()

	ringing := p.dials()
	p.send(ringing.invite())
	l := next(t, h.legs)
	l.Ring()
	tag := p.answer("INVITE", 180).tag("To")
	p.send(ringing.cancel())
	ok, end := p.answer("CANCEL", 200), p.answer("INVITE", 487)
	if ok.tag("To") != tag || end.tag("To") != tag {
		t.Errorf("three tags: %q %q %q", tag, ok.tag("To"), end.tag("To"))
	}
	if cause := causeOf(t, l); cause != call.CauseCancelled {
		t.Errorf("cause %s", cause)
	}
	if err := l.Answer(t.Context()); err != call.ErrGone {
		t.Errorf("answer after CANCEL: %v", err)
	}
	p.send(ringing.cancel()) // a repeat
	p.answer("CANCEL", 200)

	answered := p.dials()
	p.send(answered.invite())
	l = next(t, h.legs)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.send(answered.cancel()) // too late: 200, and the call goes on
	p.answer("CANCEL", 200)
	answered.took(p.answer("INVITE", 200))
	p.send(answered.ack(""))
	p.send(answered.again("OPTIONS", "", "", ""))
	p.answer("OPTIONS", 200)

	refused := p.dials()
	p.send(refused.invite())
	next(t, h.legs).Hangup(call.Reason{Code: 486})
	p.answer("INVITE", 486)
	p.send(refused.cancel())
	p.answer("CANCEL", 200)

	unknown := p.dials()
	p.send(unknown.cancel())
	p.answer("CANCEL", 481)
}

func TestByeBeforeTheAnswer(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c := p.dials()
	l := h.served(c)
	l.Ring()
	c.took(p.answer("INVITE", 180))
	p.send(c.again("BYE", "", "", ""))
	p.answer("BYE", 200)
	p.answer("INVITE", 487)
	if cause := causeOf(t, l); cause != call.CauseHangup {
		t.Errorf("cause %s", cause)
	}
}

func TestPortsUsedUp(t *testing.T) {
	h := open(t, func(o *Options) { o.Media = tinyEngine(t) }, nil)
	p := h.carrier()
	p.send(p.dials().invite())
	first := next(t, h.legs)
	p.send(p.dials().invite())
	second := next(t, h.legs)
	if first.Info().Unfit != 0 || second.Info().Unfit != 503 {
		t.Errorf("unfit %d and %d", first.Info().Unfit, second.Info().Unfit)
	}
	second.Hangup(call.Reason{Code: second.Info().Unfit})
	p.answer("INVITE", 503)
}

// tinyEngine has ports for one leg.
func tinyEngine(t *testing.T) *media.Engine {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := c.LocalAddr().(*net.UDPAddr).Port &^ 1
	_ = c.Close()
	e, err := media.New(media.Options{
		Listen: netip.MustParseAddr("127.0.0.1"), Ports: media.PortRange{First: port, Last: port + 1},
		Engine: "portable", Threads: 1, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// eventually waits until what is asked for is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("it never became so that %s", what)
		}
		time.Sleep(5 * time.Millisecond) // between two looks, not instead of one
	}
}

// count is a counter's value for one label.
func count(t *testing.T, h *house, name, label string) float64 {
	t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label {
				if m.GetCounter() != nil {
					return m.GetCounter().GetValue()
				}
				return m.GetGauge().GetValue()
			}
		}
	}
	return 0
}
