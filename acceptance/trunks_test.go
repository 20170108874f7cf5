//go:build acceptance

package acceptance

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// withTrunks adds carriers that calls leave by to the one that brings them, and a directory.
func withTrunks(t *testing.T, carriers ...string) *server {
	t.Helper()
	s := newServer(t, `directory: [{name: fire, number: "101", emergency: true}, {name: ministry, number: "0125550100", languages: [en]}]`,
		`outgoing: {allow: ["+99477", "103"]}`)
	s.change(map[string]string{"carriers: [": "carriers: [" + strings.Join(append(carriers, ""), ", ")})
	return s
}

// officeCall has an operator's telephone call somebody and says how long it took to be answered.
func (s *server) officeCall(op *phone.Phone, to string) (*phone.Call, time.Duration) {
	s.t.Helper()
	began := time.Now()
	c, err := op.DialAsync(phone.DialOptions{To: "sip:" + to + "@127.0.0.1:5070"})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.WaitAnswered(within(s.t, 20*time.Second)); err != nil {
		s.t.Fatalf("%s: %v", to, err)
	}
	return c, time.Since(began)
}

const theirPassword = "their-secret"

// subscribed is a trunk with an account.
func (s *server) subscribed(hosts string) string {
	s.write("password", theirPassword+"\n")
	return `{name: paid, to: [` + hosts + `], options: 0s, register: {user: hot, password: "${FILE:password}", realm: carrier.example, expires: 5m}}`
}

// The first host of the carrier is dead: we register at the second, by password, and say goodbye at
// the end.
func TestATrunkRegisters(t *testing.T) {
	s := withTrunks(t)
	s.change(map[string]string{"carriers: [": "carriers: [" + s.subscribed(`"127.0.0.3:6300", "127.0.0.4:6300"`) + ", "})
	carrier := sipp(t, sippOptions{scenario: "trunk-registers", from: "127.0.0.4", port: 6300})
	s.start()
	began := time.Now()
	eventually(t, 40*time.Second, "we are registered", func() bool { return s.metric(`hotline_sip_trunk_registered{trunk="paid"}`) == 1 })
	t.Logf("registered at the second host after %s", time.Since(began).Round(100*time.Millisecond))
	if out, code := s.command("", "trunk", "list"); code != 0 || !regexp.MustCompile(`paid +- +yes +0 +0 +- +udp 127.0.0.3:6300, udp 127.0.0.4:6300`).MatchString(out) {
		t.Errorf("hotline trunk list: exit %d\n%s", code, out)
	}
	s.stop()
	carrier.good(t)
	if log := s.read("serve.log"); strings.Contains(log, theirPassword) {
		t.Error("the password stands in the log")
	}
}

// A call goes on to the next trunk: at once where the first is sick, after four seconds where it is
// silent. The carrier sees the line's number and nothing of the house.
func TestTheNextTrunkTakesTheCall(t *testing.T) {
	s := withTrunks(t,
		`{name: first, to: ["127.0.0.3:6310"], options: 0s}`, `{name: second, to: ["127.0.0.4:6310"], options: 0s, priority: 2}`)
	s.addOperator("anar", "az,en,ru")
	s.start()
	op := s.operatorPhone("anar")
	for _, c := range []struct {
		name  string
		sick  bool
		bound time.Duration
	}{{"sick", true, 4 * time.Second}, {"silent", false, 8 * time.Second}} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			taker := sipp(t, sippOptions{scenario: "trunk-takes", from: "127.0.0.4", port: 6310})
			if c.sick {
				defer sipp(t, sippOptions{scenario: "trunk-sick", from: "127.0.0.3", port: 6310}).good(t)
			}
			waitBound(t, "127.0.0.4:6310")
			if c.sick {
				waitBound(t, "127.0.0.3:6310")
			}
			out, took := s.officeCall(op, "fire")
			t.Logf("answered by the second trunk after %s", took.Round(10*time.Millisecond))
			if took > c.bound {
				t.Errorf("it took %s, want less than %s", took, c.bound)
			}
			s.hangUp(out)
			taker.good(t)
		})
	}
	s.becomes(`hotline_sip_trunk_calls{direction="out",trunk="second"}`, 0)
}

// A trunk that dies is known to be dead within ten seconds, and we are not ready while it is the only
// one; when it is back, so are we.
func TestATrunkIsFoundDeadAndAlive(t *testing.T) {
	s := withTrunks(t, `{name: probed, to: ["127.0.0.3:6320"], options: 2s}`)
	lives := func() *sippRun {
		r := sipp(t, sippOptions{scenario: "trunk-lives", from: "127.0.0.3", port: 6320, calls: 1000, bound: 100 * time.Second})
		waitBound(t, "127.0.0.3:6320")
		return r
	}
	ready := func(want int) {
		t.Helper()
		r, err := http.Get("http://" + s.run.HTTP + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("/readyz says %d, want %d", r.StatusCode, want)
		}
	}
	is := func(want float64, bound time.Duration) {
		t.Helper()
		began := time.Now()
		eventually(t, bound, fmt.Sprintf("hotline_sip_trunk_up is %v", want), func() bool { return s.metric(`hotline_sip_trunk_up{trunk="probed"}`) == want })
		t.Logf("up became %v after %s", want, time.Since(began).Round(100*time.Millisecond))
	}
	carrier := lives()
	s.start()
	is(1, 10*time.Second)
	ready(200)
	carrier.kill()
	<-carrier.done
	is(0, 20*time.Second)
	ready(503)
	lives()
	is(1, 40*time.Second)
	ready(200)
}

// A carrier that sells two channels gets 486 for a third call: one line of ours is enough for it. One
// of its two is for help.
func TestACarriersChannels(t *testing.T) {
	for channels, carrier := range []string{ // how many are for everybody
		1: `{name: carrier, calls: 2, to: ["127.0.0.1:6399"], options: 0s, `, // the other one is kept for help
		2: `{name: carrier, calls: 2, `,                                      // which is never called by one that only brings calls
	} {
		if carrier == "" {
			continue
		}
		t.Run(fmt.Sprintf("%d for everybody", channels), func(t *testing.T) {
			s := withTrunks(t)
			s.change(map[string]string{"{name: carrier, ": carrier})
			s.start()
			var calls []*phone.Call
			for range channels {
				calls = append(calls, s.dial(s.citizen()))
			}
			next := s.citizen()
			if _, err := next.Dial(within(t, 5*time.Second), phone.DialOptions{To: line919}); err == nil || !strings.Contains(err.Error(), "486") {
				t.Errorf("a caller for the last channel: %v, want 486", err)
			}
			s.hangUp(calls[0])
			s.hangUp(s.dial(next))
		})
	}
}

// A caller who challenges our BYE for the realm of our trunk gets no answer to it.
func TestACallerWhoAsksForOurPassword(t *testing.T) {
	s := withTrunks(t)
	s.change(map[string]string{"carriers: [": "carriers: [" + s.subscribed(`"127.0.0.4:6330"`) + ", "})
	s.addOperator("anar", "az,en,ru")
	s.start()
	op := s.operatorPhone("anar")
	caller := sipp(t, sippOptions{scenario: "bye-challenged", port: 6331, keys: map[string]string{"caller": "+000123456789", "first": newEar(t, "127.0.0.1").port()}})
	taken := s.rungWithin(op, 60*time.Second)
	if err := taken.Answer(); err != nil {
		t.Fatal(err)
	}
	taken.Media().Say(0.3, 1000)
	s.hears(taken, 1000) // the caller's ear gives back what it hears: they are joined
	s.hangUp(taken)
	caller.good(t)
}

// What an operator's telephone may call by itself, each number as somebody would dial it. The carrier
// is a telephone that would ring at anything.
func TestWhomAnOperatorMayCall(t *testing.T) {
	s := withTrunks(t, `{name: out, to: ["127.0.0.1:6340"], options: 0s}`)
	s.change(map[string]string{`outgoing: {`: `outgoing: {calls: 50, per_operator: 50, `})
	s.addOperator("anar", "az,en,ru")
	s.start()
	op := s.operatorPhone("anar")
	out := s.citizen(func(o *phone.Options) { o.Listen, o.User = "127.0.0.1:6340", "anybody" })
	for number, rings := range map[string]string{
		"fire": "101", "101": "101", "ministry": "+994125550100", "0125550100": "+994125550100", "+994125550100": "+994125550100",
		"0770000001": "+994770000001", "00994770000001": "+994770000001", "103": "103",
		"0125550101": "", "+4930123456": "", "004930123456": "", "1031": "", "900123456": "", "+882161234567": "",
		"+99412919": "", "0099412919": "", "+994012919": "", // our own line; 919 itself is answered inside
		"*21*0770000001": "", "0770000001;phone-context=x": "+994770000001",
	} {
		c, err := op.DialAsync(phone.DialOptions{To: "sip:" + number + "@127.0.0.1:5070"})
		if err != nil {
			t.Fatal(err)
		}
		if rings == "" {
			if err := c.WaitDone(within(t, 10*time.Second)); err != nil || c.LastStatus() < 400 {
				t.Errorf("%s: %d, %v", number, c.LastStatus(), err)
			}
			select {
			case r := <-out.Incoming():
				t.Errorf("%s rang at %s", number, r.Invite().URI)
			default:
			}
			continue
		}
		r := s.rung(out)
		if got := r.Invite().URI; !strings.HasPrefix(got, "sip:"+rings+"@") {
			t.Errorf("%s rang at %s, want %s", number, got, rings)
		}
		c.Cancel()
		s.over(r)
	}
	// A carrier that would send the call elsewhere is not followed.
	out.Behave(phone.Manners{RejectWith: 302})
	c, err := op.DialAsync(phone.DialOptions{To: "sip:103@127.0.0.1:5070"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WaitDone(within(t, 10*time.Second)); err != nil || c.LastStatus() < 400 {
		t.Errorf("a redirection: %d, %v", c.LastStatus(), err)
	}
	if n := s.metric(`hotline_panics_recovered_total`); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// waitBound waits until somebody listens at an UDP address: then it cannot be taken.
func waitBound(t *testing.T, address string) {
	t.Helper()
	eventually(t, 10*time.Second, "somebody listens at "+address, func() bool {
		c, err := net.ListenPacket("udp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}
