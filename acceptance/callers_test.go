//go:build acceptance

package acceptance

import (
	"errors"
	"slices"
	"testing"
	"time"

	"hotline/phone"
)

// Callers whose telephones or carriers do things their own way talk to an operator like any
// other: however they are named or coded, whoever makes the offer, and by whatever way their keys
// come. All at once on one server.
func TestCallersOfEveryKind(t *testing.T) {
	var names []string
	cases := append(slices.Clone(namedCallers()), otherCallers...)
	for _, c := range cases {
		names = append(names, c.name)
	}
	s, rooms := newRooms(t, len(cases), nil)
	atOnce(t, rooms, names, func(i int, r *room) {
		cases[i].do(r)
		x := r.records(1, 15*time.Second)[0]
		if got := verdict(x); got != "completed by caller" || str(x.Operator) != r.operators[0] {
			r.t.Errorf("record: %s", x)
		}
	})
	if n := s.metric("hotline_panics_recovered_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
	s.becomes(`hotline_media_ports{state="used"}`, 0)
}

type callerCase struct {
	name string
	do   func(r *room)
}

// namedCallers are callers whose From is unusual; the operator's telephone shows who calls as the
// carrier said it.
func namedCallers() (cases []callerCase) {
	for _, c := range []struct{ name, from, shown string }{
		{"a caller with a number", "sip:+000123456789@192.0.2.9", "+000123456789"},
		{"an anonymous caller", phone.FromAnonymous, "anonymous"},
		{"no From at all", phone.FromAbsent, "anonymous"},
		{"a tel: URI", "tel:+000123456789", "+000123456789"},
		{"no user in From", "sip:192.0.2.9", "anonymous"},
	} {
		cases = append(cases, callerCase{c.name, func(r *room) {
			op := r.operator(0)
			p := r.caller()
			call, taken := r.talkAs(p, op, phone.DialOptions{To: r.uri(), From: c.from})
			if got := taken.From().User(); got != c.shown {
				r.t.Errorf("the operator's telephone shows %q, want %q", got, c.shown)
			}
			r.hangUp(call)
			r.over(taken)
		}})
	}
	return cases
}

var otherCallers = []callerCase{
	{"the offer is left to us", func(r *room) {
		c, taken := r.talkAs(r.caller(), r.operator(0), phone.DialOptions{To: r.uri(), NoSDP: true})
		r.hangUp(c)
		r.over(taken)
	}},
	{"the caller speaks one law, the operator the other", func(r *room) {
		op := r.operator(0) // PCMA only
		p := r.citizen(func(o *phone.Options) { o.Codec = "PCMU" })
		c, taken := r.talk(p, op)
		if c.Media().Codec() != 0 || taken.Media().Codec() != 8 {
			r.t.Fatalf("payload types %d and %d, want 0 and 8", c.Media().Codec(), taken.Media().Codec())
		}
		r.steady(c, 1000)
		r.steady(taken, 440)
		for _, m := range []*phone.Media{c.Media(), taken.Media()} {
			if got := m.Received(); !slices.Equal(got.Types, []int{m.Codec()}) || !got.Continuous() {
				r.t.Errorf("payload types %v came, want %d; %d sources, %d jumps", got.Types, m.Codec(), len(got.SSRCs), got.Jumps)
			}
		}
		r.hangUp(c)
		r.over(taken)
		x := r.records(1, 15*time.Second)[0]
		left, right := channels(r.t, r.sound(x))
		if joined := first(left, 440); joined < 0 || first(right, 1000) < 0 {
			r.t.Error("the talk is not in the recording")
		}
	}},
	{"a key as a message", func(r *room) {
		op := r.operator(0)
		c := r.greeted(r.caller())
		r.info(c, '3')
		taken := r.rung(op)
		r.together(c, taken, 1000)
		r.hangUp(c)
		r.over(taken)
		if x := r.records(1, 15*time.Second)[0]; str(x.Language) != "ru" {
			r.t.Errorf("after INFO 3: %s", x)
		}
	}},
	{"no key at all", func(r *room) {
		op := r.operator(0)
		c := r.greeted(r.caller())
		// Three times the lines of the menu, five seconds after each, and three notices.
		taken := r.rungWithin(op, 2*time.Minute)
		r.together(c, taken, 1000)
		r.hangUp(c)
		r.over(taken)
		x := r.records(1, 15*time.Second)[0]
		if str(x.Language) != "az" || x.Notice == nil || !slices.Equal(x.Notice.Languages, []string{"az", "en", "ru"}) {
			r.t.Errorf("nothing was chosen: %s, notice %+v", x, x.Notice)
		}
	}},
	{"each key as a message and as an event", func(r *room) {
		op := r.operator(0)
		c := r.greeted(r.caller())
		// A wrong key may be pressed twice; at the third the caller would be asked no more.
		for range 2 {
			r.bothWays(c, '9')
			pause(r.t, 500*time.Millisecond) // between two presses of a person
		}
		r.bothWays(c, '2')
		taken := r.rung(op)
		r.together(c, taken, 1000)
		r.hangUp(c)
		r.over(taken)
		x := r.records(1, 15*time.Second)[0]
		if str(x.Language) != "en" || x.Notice == nil || !slices.Equal(x.Notice.Languages, []string{"en"}) {
			r.t.Errorf("two wrong keys and a 2, each by two ways: %s, notice %+v", x, x.Notice)
		}
	}},
	{"an operator holds", func(r *room) {
		op := r.operator(0)
		c, taken := r.talk(r.caller(), op)
		for _, byZero := range []bool{false, true} {
			op.Behave(phone.Manners{HoldByZero: byZero})
			if err := taken.Hold(within(r.t, 5*time.Second)); err != nil {
				r.t.Fatal(err)
			}
			c.Media().Forget()
			calmly(r.t, 10*time.Second, "two seconds of music and nothing of the operator", func() bool {
				s := c.Media().Heard(2 * time.Second)
				return len(s) > 15000 && s.RMS() > 0.003 && s.Share(1000) < 0.05 && s.Share(440) < 0.5
			})
			if err := taken.Resume(within(r.t, 5*time.Second)); err != nil {
				r.t.Fatal(err)
			}
			taken.Media().Say(0.3, 1000)
			r.steady(c, 1000)
			r.steady(taken, 440)
		}
		if got := c.Media().Received(); !got.Continuous() {
			r.t.Errorf("the caller's stream broke: %d sources, %d jumps", len(got.SSRCs), got.Jumps)
		}
		r.hangUp(c)
		r.over(taken)
		// While held the caller is not recorded; the music is what the caller hears.
		x := r.records(1, 15*time.Second)[0]
		left, right := channels(r.t, r.sound(x))
		joined := first(left, 440) * 8000 / time.Second
		if away := quietSpans(left[joined:], 440); len(away) != 2 || slices.Min(away) < 1500*time.Millisecond {
			r.t.Errorf("the caller is not recorded for %v, want twice, for 2 s", away)
		}
		if away := quietSpans(right[joined:], 1000); len(away) != 2 || slices.Min(away) < 1500*time.Millisecond {
			r.t.Errorf("the operator is not heard for %v, want twice, for 2 s", away)
		}
	}},
	{"a fax is offered by either side in the talk", func(r *room) {
		c, taken := r.talk(r.caller(), r.operator(0))
		for _, side := range []*phone.Call{c, taken} {
			var refused *phone.Rejected
			if err := side.ReinviteImage(within(r.t, 5*time.Second)); !errors.As(err, &refused) || refused.Code != 488 {
				r.t.Errorf("m=image: %v, want 488", err)
			}
			r.steady(c, 1000)
			r.steady(taken, 440)
		}
		r.hangUp(c)
		r.over(taken)
	}},
	{"an operator over TCP", func(r *room) {
		op := r.operatorPhone(r.operators[0], func(o *phone.Options) { o.Transport = "tcp" })
		c, taken := r.talk(r.caller(), op)
		r.steady(c, 1000)
		r.steady(taken, 440)
		r.hangUp(c)
		r.over(taken)
	}},
	{"both over TCP", func(r *room) {
		op := r.operatorPhone(r.operators[0], func(o *phone.Options) { o.Transport = "tcp" })
		c, taken := r.talk(r.citizen(func(o *phone.Options) { o.Transport = "tcp" }), op)
		r.steady(c, 1000)
		r.steady(taken, 440)
		r.hangUp(c)
		r.over(taken)
	}},
}

// talkAs brings a citizen who dials in a way of its own together with an operator.
func (r *room) talkAs(citizen, op *phone.Phone, o phone.DialOptions) (c, taken *phone.Call) {
	r.t.Helper()
	c, err := citizen.Dial(within(r.t, 10*time.Second), o)
	if err != nil {
		r.t.Fatalf("dial: %v", err)
	}
	if err := c.Media().WaitSound(within(r.t, 5*time.Second)); err != nil {
		r.t.Fatal(err)
	}
	r.press(c, "2")
	taken = r.rung(op)
	r.together(c, taken, 1000)
	return c, taken
}

// info sends a key as a message.
func (r *room) info(c *phone.Call, key byte) {
	r.t.Helper()
	if err := c.Info(within(r.t, 5*time.Second), key); err != nil {
		r.t.Fatal(err)
	}
}

// bothWays presses a key as phones do that send it as an event and as a message.
func (r *room) bothWays(c *phone.Call, key byte) {
	r.t.Helper()
	event := make(chan error, 1)
	go func() {
		event <- c.Media().PressKey(within(r.t, 5*time.Second), key, 160*time.Millisecond, phone.KeyOptions{})
	}()
	r.info(c, key)
	if err := <-event; err != nil {
		r.t.Fatal(err)
	}
}

// pause is a person's pause.
func pause(t testing.TB, d time.Duration) {
	t.Helper()
	<-within(t, d).Done()
}
