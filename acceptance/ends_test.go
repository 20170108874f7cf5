//go:build acceptance

package acceptance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// A house is a server with operators whose telephones behave as they are told, and a bystander:
// a call that talks all the time and must not notice anything.
func newHouse(t *testing.T, operators int, extra ...string) *server {
	t.Helper()
	s := newServer(t, extra...)
	s.importOperators(operators)
	s.start()
	return s
}

// bystander begins a call that talks for the whole test; done demands that it never stopped.
func (s *server) bystander(operator string) (done func()) {
	s.t.Helper()
	op := s.operatorPhone(operator)
	c, taken := s.talk(s.citizen(), op)
	return func() {
		s.t.Helper()
		for name, m := range map[string]*phone.Call{"citizen": c, "operator": taken} {
			select {
			case <-m.Done():
				s.t.Errorf("the bystanders' call ended: the %s was hung up", name)
				return
			default:
			}
		}
		if err := c.Media().WaitTone(within(s.t, 2*time.Second), 1000); err != nil {
			s.t.Errorf("the bystanding citizen: %v", err)
		}
		if r := c.Media().Received(); len(r.SSRCs) != 1 {
			s.t.Errorf("the bystanding citizen heard %d streams", len(r.SSRCs))
		}
		op.Unregister(within(s.t, 2*time.Second))
		c.Hangup(within(s.t, 5*time.Second))
		<-taken.Done()
	}
}

// talk brings a citizen and an operator together, each with its tone.
func (s *server) talk(citizen, op *phone.Phone) (c, taken *phone.Call) {
	s.t.Helper()
	c = s.queued(citizen)
	taken = s.rung(op)
	if err := taken.Answer(); err != nil {
		s.t.Fatal(err)
	}
	c.Media().Say(0.3, 440)
	taken.Media().Say(0.3, 1000)
	if err := c.Media().WaitTone(within(s.t, 8*time.Second), 1000); err != nil {
		s.t.Fatal(err)
	}
	if err := taken.Media().WaitTone(within(s.t, 8*time.Second), 440); err != nil {
		s.t.Fatal(err)
	}
	return c, taken
}

// queued dials and chooses English; the notice follows, then the queue.
func (s *server) queued(citizen *phone.Phone) *phone.Call {
	s.t.Helper()
	c := s.dial(citizen)
	if err := c.Media().PressKeys(within(s.t, 5*time.Second), "2"); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// rung waits for an operator's telephone to ring.
func (s *server) rung(op *phone.Phone) *phone.Call {
	s.t.Helper()
	select {
	case c := <-op.Incoming():
		return c
	case <-time.After(20 * time.Second):
		s.t.Fatal("the operator's telephone was not rung")
		return nil
	}
}

// recordOf waits for the closed record of a call by its own citizen's language-less key: the
// newest record that was not there before.
func (s *server) recordAfter(known map[string]bool) (r record) {
	s.t.Helper()
	eventually(s.t, 8*time.Second, "a new record is closed", func() bool {
		for _, x := range s.records() {
			if !known[x.ID] && x.Ended != nil {
				r = x
				return true
			}
		}
		return false
	})
	return r
}

func (s *server) known() map[string]bool {
	known := map[string]bool{}
	for _, r := range s.records() {
		known[r.ID] = true
	}
	return known
}

// Whoever hangs up, in every state: one record with the right outcome, nobody left hanging.
func TestHangUpInEveryState(t *testing.T) {
	s := newHouse(t, 3)
	undisturbed := s.bystander(operatorName(0))
	for _, c := range []struct {
		name             string
		do               func(s *server)
		outcome, endedBy string
		phase            string
	}{
		{"caller, in the greeting", func(s *server) { s.hangUp(s.dial(s.citizen())) }, "abandoned", "caller", "greeting"},
		{"caller, in the queue", func(s *server) {
			c := s.queued(s.citizen())
			eventually(s.t, 15*time.Second, "the caller waits", func() bool { return s.metric(`hotline_queue_waiting{queue="general"}`) == 1 })
			s.hangUp(c)
		}, "abandoned", "caller", "waiting"},
		{"caller, while an operator is rung", func(s *server) {
			op := s.operatorPhone(operatorName(1))
			c := s.queued(s.citizen())
			ringing := s.rung(op)
			s.hangUp(c)
			s.over(ringing)
			op.Unregister(within(s.t, 2*time.Second))
		}, "abandoned", "caller", "waiting"},
		{"caller, talking", func(s *server) {
			op := s.operatorPhone(operatorName(1))
			c, taken := s.talk(s.citizen(), op)
			s.hangUp(c)
			s.over(taken)
			op.Unregister(within(s.t, 2*time.Second))
		}, "completed", "caller", ""},
		{"operator, talking", func(s *server) {
			op := s.operatorPhone(operatorName(1))
			c, taken := s.talk(s.citizen(), op)
			s.hangUp(taken)
			s.over(c)
			op.Unregister(within(s.t, 2*time.Second))
		}, "completed", "operator", ""},
		{"caller, by CANCEL before the answer", func(s *server) {
			p := s.citizen(func(o *phone.Options) { o.Manners = phone.Manners{EagerCancel: true} })
			for range 20 { // the answer is quick: some CANCEL comes in time, the others hang up
				c, err := p.DialAsync(phone.DialOptions{To: line919})
				if err != nil {
					s.t.Fatal(err)
				}
				c.Cancel()
				s.over(c)
			}
		}, "abandoned", "caller", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			known := s.known()
			c.do(s)
			r := s.recordAfter(known)
			if str(r.Outcome) != c.outcome || str(r.EndedBy) != c.endedBy || c.phase != "" && str(r.Phase) != c.phase {
				t.Errorf("record: %s; want %s by %s in %s", r, c.outcome, c.endedBy, c.phase)
			}
		})
	}
	undisturbed()
}

func (s *server) hangUp(c *phone.Call) {
	s.t.Helper()
	if err := c.Hangup(within(s.t, 5*time.Second)); err != nil {
		s.t.Errorf("hang up: %v", err)
	}
}

func (s *server) over(c *phone.Call) {
	s.t.Helper()
	if err := c.WaitDone(within(s.t, 10*time.Second)); err != nil {
		s.t.Errorf("a telephone was left hanging: %v", err)
	}
}

// Every way an operator's telephone can fail to take an offer leads to the next operator, and
// the caller keeps the place.
func TestOffersThatFail(t *testing.T) {
	for name, manners := range map[string]phone.Manners{
		"busy":             {RejectWith: 486},
		"declines":         {RejectWith: 603},
		"says nothing":     {NoProvisional: true, NoRinging: true},
		"is dead":          {Dead: true},
		"rings for ever":   {},
		"answers too late": {LateOK: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHouse(t, 2, "queues: [{name: general, wrap_up: 0s, offer: 5s}]")
			bad := s.operatorPhone(operatorName(0))
			bad.Behave(manners) // registered in good order, then like this
			eventually(t, 5*time.Second, "the first operator is ready", func() bool { return s.metric(`hotline_operators{state="ready"}`) == 1 })
			good := s.operatorPhone(operatorName(1))
			c := s.queued(s.citizen())
			taken := s.rung(good)
			if err := taken.Answer(); err != nil {
				t.Fatal(err)
			}
			taken.Media().Say(0.3, 1000)
			if err := c.Media().WaitTone(within(t, 8*time.Second), 1000); err != nil {
				t.Fatal(err)
			}
			s.hangUp(taken)
			s.over(c)
			r := s.lastRecord()
			if str(r.Operator) != operatorName(1) || str(r.Outcome) != "completed" {
				t.Errorf("record: %s", r)
			}
			select {
			case late := <-bad.Incoming():
				if manners.NoProvisional {
					// It could not be cancelled (RFC 3261 §9.1): an answer it gives now is ended.
					if err := late.Answer(); err != nil {
						t.Fatal(err)
					}
				}
				s.over(late) // cancelled, or acknowledged and ended
			default:
			}
		})
	}
}

// All contacts of one operator ring; the first that answers wins, the other is cancelled.
func TestBothTelephonesOfAnOperatorRing(t *testing.T) {
	s := newHouse(t, 1)
	a, b := s.operatorPhone(operatorName(0)), s.operatorPhone(operatorName(0))
	c := s.queued(s.citizen())
	onA, onB := s.rung(a), s.rung(b)
	if err := onB.Answer(); err != nil {
		t.Fatal(err)
	}
	onB.Media().Say(0.3, 1000)
	s.over(onA)
	if err := c.Media().WaitTone(within(t, 8*time.Second), 1000); err != nil {
		t.Error(err)
	}
	s.hangUp(c)
	s.over(onB)
}

// An operator's telephone that vanishes in a call sends the caller back to the head of the queue
// and to another operator; a caller's that vanishes ends the call as lost.
func TestLostTelephones(t *testing.T) {
	s := newHouse(t, 5)
	undisturbed := s.bystander(operatorName(0))
	t.Run("group", func(t *testing.T) {
		t.Run("operator", func(t *testing.T) {
			t.Parallel()
			s := s.in(t)
			op := s.operatorPhone(operatorName(1))
			c, _ := s.talk(s.citizen(), op)
			op.Behave(phone.Manners{Dead: true})
			next := s.operatorPhone(operatorName(2))
			taken := s.rungWithin(next, 60*time.Second)
			if err := taken.Answer(); err != nil {
				t.Fatal(err)
			}
			taken.Media().Say(0.3, 1500)
			if err := c.Media().WaitTone(within(t, 10*time.Second), 1500); err != nil {
				t.Error(err)
			}
			next.Unregister(within(t, 2*time.Second))
			s.hangUp(c)
			s.over(taken)
		})
	})
	known := s.known()
	t.Run("caller", func(t *testing.T) {
		s := s.in(t)
		citizen := s.citizen()
		c := s.queued(citizen)
		_ = c
		citizen.Behave(phone.Manners{Dead: true})
		var r record
		eventually(t, 60*time.Second, "the lost caller's record is closed", func() bool {
			for _, x := range s.records() {
				if !known[x.ID] && x.Ended != nil {
					r = x
					return true
				}
			}
			return false
		})
		if str(r.Outcome) != "media_lost" || str(r.EndedBy) != "peer" {
			t.Errorf("record: %s", r)
		}
	})
	undisturbed()
}

func (s *server) rungWithin(op *phone.Phone, bound time.Duration) *phone.Call {
	s.t.Helper()
	select {
	case c := <-op.Incoming():
		return c
	case <-time.After(bound):
		s.t.Fatal("the operator's telephone was not rung")
		return nil
	}
}

// Star codes from the telephone, and an operator's own call.
func TestStarCodes(t *testing.T) {
	s := newHouse(t, 1)
	op := s.operatorPhone(operatorName(0))
	state := func() string {
		o := ask[struct {
			Operators []struct{ Name, State string }
		}](s, "operator", "list")
		return o.Operators[0].State
	}
	for _, c := range []struct{ code, want string }{{"*46", "paused"}, {"*45", "ready"}, {"*463", "paused"}, {"*45", "ready"}, {"*47", "paused"}, {"*45", "ready"}} {
		call, err := op.Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:" + c.code + "@127.0.0.1:5070"})
		if err != nil {
			t.Fatalf("%s: %v", c.code, err)
		}
		s.over(call)
		eventually(t, 3*time.Second, c.code+" makes "+c.want, func() bool { return state() == c.want })
	}
	own, err := op.Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:919@127.0.0.1:5070"})
	if err != nil {
		t.Fatal(err)
	}
	c := s.queued(s.citizen())
	eventually(t, 15*time.Second, "the caller waits", func() bool { return s.metric(`hotline_queue_waiting{queue="general"}`) >= 1 })
	select {
	case <-op.Incoming():
		t.Error("an operator in a call of their own was rung")
	case <-time.After(time.Second):
	}
	s.hangUp(own)
	taken := s.rung(op)
	s.hangUp(c)
	s.over(taken)
}

// A lost ACK: the 200 is repeated, and after 32 s the call is ended by BYE.
func TestLostACK(t *testing.T) {
	s := newServer(t)
	s.start()
	citizen := s.citizen(func(o *phone.Options) { o.Manners = phone.Manners{NoAck: true} })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	began := time.Now()
	c, err := citizen.Dial(ctx, phone.DialOptions{To: line919})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WaitDone(ctx); err != nil {
		t.Fatal("no BYE came for a call whose 200 was never acknowledged")
	}
	if took := time.Since(began); took < 25*time.Second || took > 45*time.Second {
		t.Errorf("the BYE came after %s, want about 32 s", took)
	}
	r := s.lastRecord()
	if str(r.EndedBy) != "peer" || str(r.Outcome) != "abandoned" {
		t.Errorf("record: %s", r)
	}
}

// A journey leaves no number and no key where they do not belong, and secrets lie nowhere in the open.
func TestPrivacy(t *testing.T) {
	s := newHouse(t, 1)
	op := s.operatorPhone(operatorName(0))
	c := s.dial(s.citizen())
	if err := c.Media().PressKeys(within(t, 5*time.Second), "7"); err != nil { // a wrong key
		t.Fatal(err)
	}
	if err := c.Media().PressKeys(within(t, 5*time.Second), "2"); err != nil {
		t.Fatal(err)
	}
	taken := s.rung(op)
	if err := taken.Answer(); err != nil {
		t.Fatal(err)
	}
	c.Media().Say(0.3, 440)
	if err := taken.Media().WaitTone(within(t, 8*time.Second), 440); err != nil {
		t.Error(err)
	}
	s.hangUp(taken)
	s.over(c)
	s.lastRecord()
	for name, text := range map[string]string{
		"the log": s.read("serve.log"), "/metrics": s.page("/metrics"), "a Reason header": c.ByeReason(),
		"a Warning header": strings.Join([]string{c.Final().Get("Warning"), taken.Header("Warning")}, " "),
	} {
		for _, number := range []string{"000123456789", "123456789"} {
			if strings.Contains(text, number) {
				t.Errorf("%s holds the caller's number:\n%s", name, text)
			}
		}
		for _, key := range []string{`"digit"`, `"key":`, `"keys"`, `key="`, `digit="`} {
			if strings.Contains(text, key) {
				t.Errorf("%s speaks of keys pressed (%s)", name, key)
			}
		}
	}
	s.stop()
	secret := s.secrets[operatorName(0)]
	for _, file := range s.files("data") {
		body := s.read(file)
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
			if strings.Contains(body, form) {
				t.Errorf("%s holds a SIP secret in the open", file)
			}
		}
	}
}
