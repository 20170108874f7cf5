//go:build acceptance

package acceptance

import (
	"time"

	"hotline/phone"
)

// talk brings a citizen and an operator together: each hears the other's tone.
func (s *server) talk(citizen, op *phone.Phone) (c, taken *phone.Call) {
	s.t.Helper()
	c = s.queued(citizen)
	taken = s.rung(op)
	s.together(c, taken, 1000)
	return c, taken
}

// queued dials and chooses English; the notice follows, then the queue.
func (s *server) queued(citizen *phone.Phone) *phone.Call {
	s.t.Helper()
	c := s.dial(citizen)
	s.press(c, "2")
	return c
}

// greeted has a citizen call, hear that somebody speaks, and hang up.
func (s *server) greeted() {
	s.t.Helper()
	c := s.dial(s.citizen())
	if err := c.Media().WaitSound(within(s.t, 5*time.Second)); err != nil {
		s.t.Fatal(err)
	}
	s.hangUp(c)
}

// together answers for the operator and waits until each hears the other's tone.
func (s *server) together(c, taken *phone.Call, hz float64) {
	s.t.Helper()
	if err := taken.Answer(); err != nil {
		s.t.Fatal(err)
	}
	c.Media().Say(0.3, 440)
	taken.Media().Say(0.3, hz)
	s.hears(c, hz)
	s.hears(taken, 440)
}

func (s *server) press(c *phone.Call, keys string) {
	s.t.Helper()
	if err := c.Media().PressKeys(within(s.t, 10*time.Second), keys); err != nil {
		s.t.Fatal(err)
	}
}

// hears demands a tone within ten seconds.
func (s *server) hears(c *phone.Call, hz float64) {
	s.t.Helper()
	if err := c.Media().WaitTone(within(s.t, 10*time.Second), hz); err != nil {
		s.t.Fatalf("%.0f Hz was not heard: %v", hz, err)
	}
}

// rung waits for an operator's telephone to ring.
func (s *server) rung(op *phone.Phone) *phone.Call {
	s.t.Helper()
	return s.rungWithin(op, 25*time.Second)
}

func (s *server) rungWithin(op *phone.Phone, bound time.Duration) *phone.Call {
	s.t.Helper()
	select {
	case c := <-op.Incoming():
		return c
	case <-time.After(bound):
		s.t.Fatalf("the operator's telephone was not rung within %s", bound)
		return nil
	}
}

func (s *server) hangUp(c *phone.Call) {
	s.t.Helper()
	if err := c.Hangup(within(s.t, 10*time.Second)); err != nil {
		s.t.Errorf("hang up: %v", err)
	}
}

// over demands that a call ends by itself.
func (s *server) over(c *phone.Call) {
	s.t.Helper()
	if err := c.WaitDone(within(s.t, 10*time.Second)); err != nil {
		s.t.Errorf("a telephone was left hanging: %v", err)
	}
}

// goesOn demands that a call lives.
func (s *server) goesOn(c *phone.Call, who string) {
	s.t.Helper()
	select {
	case <-c.Done():
		s.t.Errorf("the %s's call ended: by %s", who, c.EndedBy())
	default:
	}
}
