//go:build acceptance

package acceptance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hotline/phone"
)

// citizenNumber is one that is let out.
const citizenNumber = "+994770001122"

// newCallbackServer offers a callback to whoever comes while nobody is at work, and calls back by a
// carrier that a telephone of the test stands for.
func newCallbackServer(t *testing.T) (s *server, op, home *phone.Phone) {
	t.Helper()
	s = newServer(t, `queues: [{name: general, wrap_up: 0s, say_every: 10s, callback: {above: 1m, key: 1, tries: 2, pause: 3s}}]`,
		`outgoing: {allow: ["+99477"]}`)
	s.change(map[string]string{"carriers: [": `carriers: [{name: out, to: ["127.0.0.1:7300"], options: 0s}, `})
	s.addOperator("aysel", "az,en,ru")
	s.start()
	op = s.operatorPhone("aysel")
	home = s.citizen(func(o *phone.Options) { o.Listen, o.User = "127.0.0.1:7300", "home" })
	return s, op, home
}

// awayFromWork pauses the only operator.
func (s *server) awayFromWork() {
	s.t.Helper()
	if out, code := s.command("", "operator", "pause", "aysel", "--reason", "lunch"); code != 0 {
		s.t.Fatalf("operator pause: exit %d: %s", code, out)
	}
}

func (s *server) backAtWork() {
	s.t.Helper()
	if out, code := s.command("", "operator", "resume", "aysel"); code != 0 {
		s.t.Fatalf("operator resume: exit %d: %s", code, out)
	}
}

// promised is a caller who chooses English, hears that nobody is there, and presses keys, each after
// the words that ask for it have had time to begin; the call then ends by itself.
func (s *server) promised(keys ...string) record {
	s.t.Helper()
	c := s.dial(s.citizen(func(o *phone.Options) { o.User = citizenNumber }))
	s.press(c, "2")
	eventually(s.t, 30*time.Second, "a callback is offered", func() bool { return s.traced(s.records()[0], "callback.offered") })
	for _, k := range keys {
		pause(s.t, 1500*time.Millisecond)
		s.press(c, k)
	}
	if err := c.WaitDone(within(s.t, 40*time.Second)); err != nil {
		s.t.Fatalf("the caller was not let go: %v", err)
	}
	var r record
	eventually(s.t, 5*time.Second, "the record is closed", func() bool { r = s.records()[0]; return r.Ended != nil })
	return r
}

// calledBack lets the operator take the callback and the citizen's telephone ring.
func (s *server) calledBack(op, home *phone.Phone) (taken, c *phone.Call) {
	s.t.Helper()
	taken = s.rung(op)
	if err := taken.Answer(); err != nil {
		s.t.Fatal(err)
	}
	return taken, s.rung(home)
}

// A caller takes a callback, the server is killed, and after the restart the promise is kept: the
// operator first, then the citizen, with the notice before anything else, and a record of its own.
func TestACallbackOutlivesAKill(t *testing.T) {
	s, op, home := newCallbackServer(t)
	s.awayFromWork()
	r := s.promised("1", "1")
	if str(r.Outcome) != "callback" || str(r.EndedBy) != "us" {
		t.Fatalf("the caller's record: %s", r)
	}
	s.kill()
	s.start()
	s.backAtWork()
	taken, c := s.calledBack(op, home)
	if err := c.Answer(); err != nil {
		t.Fatal(err)
	}
	pause(t, 14*time.Second)
	s.press(c, "1")
	c.Media().Say(0.3, 440)
	taken.Media().Say(0.3, 1000)
	s.hears(c, 1000)
	s.hears(taken, 440)
	s.hangUp(c)
	s.over(taken)
	var back record
	eventually(t, 5*time.Second, "the callback's record is closed", func() bool {
		all := ask[struct{ Calls []record }](s, "call", "list", "--all").Calls
		i := slices.IndexFunc(all, func(x record) bool { return x.Kind == "callback" })
		if i >= 0 {
			back = all[i]
		}
		return i >= 0 && back.Ended != nil
	})
	if str(back.Outcome) != "completed" || str(back.Operator) != "aysel" || back.Linked == nil || *back.Linked != r.ID || str(back.Language) != "en" {
		t.Errorf("the callback's record: %s, %+v", back, back)
	}
	if back.Notice == nil || back.Notice.Language != "en" {
		t.Errorf("the notice of the callback: %+v", back.Notice)
	}
	if n := s.metric(`hotline_callbacks_total{outcome="reached"}`); n != 1 {
		t.Errorf("%v callbacks were reached", n)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}

// Nobody takes the call: the operator is told, and it is tried again; then somebody declines.
func TestACallbackIsTriedAgain(t *testing.T) {
	s, op, home := newCallbackServer(t)
	s.awayFromWork()
	// A number that is not let out, then one that is.
	if r := s.promised("1", "2", "0121234567#", "0770003344#", "1"); str(r.Outcome) != "callback" {
		t.Fatalf("the caller's record: %s", r)
	}
	s.backAtWork()
	taken, c := s.calledBack(op, home)
	if to := c.Invite().Get("To"); to != "" && !slices.Contains([]string{"<sip:+994770003344@127.0.0.1:7300>", "<sip:+994770003344@127.0.0.1>"}, to) {
		t.Errorf("called was %s", to)
	}
	if err := c.Reject(486); err != nil {
		t.Fatal(err)
	}
	s.over(taken)
	taken, c = s.calledBack(op, home)
	if err := c.Answer(); err != nil {
		t.Fatal(err)
	}
	pause(t, 14*time.Second)
	s.press(c, "2")
	s.over(c)
	s.over(taken)
	s.becomes(`hotline_callbacks_total{outcome="cancelled"}`, 1)
	s.becomes(fmt.Sprintf(`hotline_callbacks_open{queue=%q}`, "general"), 0)
}

// A caller gives up; a supervisor finds them in the list and has them rung back; then they are in it no
// more.
func TestWhoGaveUpIsRungBack(t *testing.T) {
	s, op, home := newCallbackServer(t)
	s.awayFromWork()
	c := s.dial(s.citizen(func(o *phone.Options) { o.User = citizenNumber }))
	s.press(c, "2")
	eventually(t, 30*time.Second, "the caller waits", func() bool { return s.traced(s.records()[0], "call.queued") })
	pause(t, 7*time.Second) // longer than short
	s.hangUp(c)
	type gaveUp struct {
		Call, Number string
		Times        int
	}
	list := func() []gaveUp {
		return ask[struct{ Calls []gaveUp }](s, "callback", "abandoned").Calls
	}
	var found []gaveUp
	eventually(t, 5*time.Second, "the caller is in the list", func() bool { found = list(); return len(found) == 1 })
	if found[0].Number != "***22" || found[0].Times != 1 {
		t.Errorf("the list: %+v", found)
	}
	if out, code := s.command("", "callback", "add", "--from-call", found[0].Call); code != 0 {
		t.Fatalf("callback add: exit %d: %s", code, out)
	}
	if left := list(); len(left) != 0 {
		t.Errorf("the list after it: %+v", left)
	}
	s.backAtWork()
	taken, back := s.calledBack(op, home)
	if err := back.Answer(); err != nil {
		t.Fatal(err)
	}
	pause(t, 14*time.Second)
	s.press(back, "1")
	back.Media().Say(0.3, 440)
	s.hears(taken, 440)
	s.hangUp(back)
	s.over(taken)
	eventually(t, 5*time.Second, "nobody is to be called", func() bool {
		return len(ask[struct{ Callbacks []any }](s, "callback", "list").Callbacks) == 0
	})
	if left := list(); len(left) != 0 {
		t.Errorf("the list after the talk: %+v", left)
	}
}
