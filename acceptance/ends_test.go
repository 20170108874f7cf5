//go:build acceptance

package acceptance

import (
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// An endCase is one way for calls to end: what the telephones do, and what the records must say.
type endCase struct {
	name     string
	do       func(r *room)
	want     []string      // each record, oldest call first
	operator int           // of the first record, counted from 1; 0: none
	offer    time.Duration // how long an operator is rung; 0: 6 s
}

// Hang-up by either side, CANCEL, lost ACK, dead telephones, lost sound, in every state, and every
// way for an offer to fail: exactly one record with the right outcome, nobody left hanging, other
// calls untouched. All at once on one server, beside a call that must notice nothing.
func TestEndsInEveryState(t *testing.T) {
	var cases []endCase
	for _, group := range [][]endCase{hangUps, lostSignalling, lostSound, failedOffers, presence} {
		cases = append(cases, group...)
	}
	offers := map[int]time.Duration{}
	var names []string
	for i, c := range cases {
		names = append(names, c.name)
		if c.offer > 0 {
			offers[i] = c.offer
		}
	}
	s, rooms := newRooms(t, len(cases)+1, offers)
	beside := rooms[len(cases)].bystander()
	atOnce(t, rooms, names, func(i int, r *room) {
		c := cases[i]
		c.do(r)
		if c.want == nil { // the case has looked for itself
			return
		}
		records := r.records(len(c.want), 15*time.Second)
		for k, want := range c.want {
			if got := verdict(records[k]); got != want {
				r.t.Errorf("record %d: %s; want %s", k, records[k], want)
			}
		}
		operator := ""
		if c.operator > 0 {
			operator = r.operators[c.operator-1]
		}
		if got := str(records[0].Operator); got != operator {
			r.t.Errorf("the record names operator %q, want %q", got, operator)
		}
	})
	// Nothing is left but the bystanders' call with its two legs.
	s.becomes(`hotline_media_ports{state="used"}`, 2)
	s.becomes("hotline_recording_active", 1)
	beside.undisturbed()
	s.becomes(`hotline_media_ports{state="used"}`, 0)
	if n := s.metric("hotline_panics_recovered_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}

var hangUps = []endCase{
	{
		name: "the caller, in the greeting",
		do:   func(r *room) { r.hangUp(r.greeted(r.caller())) },
		want: []string{"abandoned greeting by caller"},
	},
	{
		name: "the caller, in the notice",
		do: func(r *room) {
			c := r.queued(r.caller())
			calmly(r.t, 5*time.Second, "the language is chosen", func() bool {
				open := r.ofLine()
				return len(open) == 1 && r.traced(open[0], "call.language_chosen")
			})
			r.hangUp(c)
			if x := r.records(1, 15*time.Second)[0]; str(x.Language) != "en" || x.Notice != nil {
				r.t.Errorf("language %s, notice %v: it was cut short", str(x.Language), x.Notice)
			}
		},
		want: []string{"abandoned greeting by caller"},
	},
	{
		name: "the caller, in the queue",
		do: func(r *room) {
			c := r.queued(r.caller())
			r.waits(1)
			r.hangUp(c)
			r.waits(0)
		},
		want: []string{"abandoned waiting by caller"},
	},
	{
		name: "the caller, while an operator is rung",
		do: func(r *room) {
			op := r.operator(0)
			c := r.queued(r.caller())
			ringing := r.rung(op)
			r.hangUp(c)
			r.over(ringing)
			if ringing.EndedBy() != phone.EndedByCancel {
				r.t.Errorf("the ringing ended by %s, want cancel", ringing.EndedBy())
			}
			r.stateBecomes(0, "ready", 5*time.Second)
		},
		want: []string{"abandoned waiting by caller"},
	},
	{
		name: "the caller, as an operator hears the language",
		do: func(r *room) {
			op := r.operator(0)
			c := r.queued(r.caller())
			taken := r.rung(op)
			if err := taken.Answer(); err != nil {
				r.t.Fatal(err)
			}
			if err := taken.Media().WaitSound(within(r.t, 5*time.Second)); err != nil {
				r.t.Fatal(err)
			}
			r.hangUp(c)
			r.over(taken)
			r.stateBecomes(0, "ready", 5*time.Second)
		},
		want: []string{"abandoned waiting by caller"},
	},
	{
		name: "the caller, talking",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0))
			r.hangUp(c)
			r.over(taken)
			r.stateBecomes(0, "ready", 5*time.Second)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "the caller, on hold",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0))
			if err := taken.Hold(within(r.t, 5*time.Second)); err != nil {
				r.t.Error(err)
			}
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "the operator, talking",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0))
			r.hangUp(taken)
			r.over(c)
			r.stateBecomes(0, "ready", 5*time.Second)
		},
		want: []string{"completed by operator"}, operator: 1,
	},
	{
		name: "the operator, as the language is told",
		do: func(r *room) {
			first := r.operator(0)
			r.stateBecomes(0, "ready", 5*time.Second)
			second := r.operator(1)
			c := r.queued(r.caller())
			taken := r.rung(first)
			if err := taken.Answer(); err != nil {
				r.t.Fatal(err)
			}
			if err := taken.Media().WaitSound(within(r.t, 5*time.Second)); err != nil {
				r.t.Fatal(err)
			}
			r.hangUp(taken)
			next := r.rung(second)
			r.together(c, next, 1000)
			r.hangUp(c)
			r.over(next)
		},
		want: []string{"completed by caller"}, operator: 2,
	},
	{
		name: "both in the same moment",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0))
			var both sync.WaitGroup
			both.Go(func() { c.Hangup(within(r.t, 10*time.Second)) })
			both.Go(func() { taken.Hangup(within(r.t, 10*time.Second)) })
			both.Wait()
			r.over(c)
			r.over(taken)
			// Whose BYE came first is not ours to say: the record is, and that there is one.
			x := r.records(1, 15*time.Second)[0]
			if str(x.Outcome) != "completed" || str(x.EndedBy) != "caller" && str(x.EndedBy) != "operator" {
				r.t.Errorf("record: %s", x)
			}
		},
	},
	{
		name: "the caller, by CANCEL with the INVITE",
		do: func(r *room) {
			p := r.caller(phone.Manners{EagerCancel: true})
			const n = 20
			for range n {
				c, err := p.DialAsync(phone.DialOptions{To: r.uri()})
				if err != nil {
					r.t.Fatal(err)
				}
				c.Cancel()
				r.over(c)
			}
			for _, x := range r.records(n, 15*time.Second) {
				// The answer is quick: some CANCEL come in time, the others hang up.
				if got := verdict(x); got != "abandoned ringing by caller" && got != "abandoned greeting by caller" {
					r.t.Errorf("record: %s", x)
				}
			}
		},
	},
}

var lostSignalling = []endCase{
	{
		name: "no ACK from the caller, in the greeting",
		do: func(r *room) {
			r.endsAfter32Seconds(r.greeted(r.caller(phone.Manners{NoAck: true})))
		},
		want: []string{"abandoned greeting by peer"},
	},
	{
		name: "no ACK from the caller, talking",
		do: func(r *room) {
			began := time.Now()
			c, taken := r.talk(r.caller(phone.Manners{NoAck: true}), r.operator(0))
			r.endsAfter32Seconds(c, began)
			r.over(taken)
			r.stateBecomes(0, "ready", 5*time.Second)
		},
		want: []string{"completed by peer"}, operator: 1,
	},
	{
		name: "a late ACK from the caller",
		do: func(r *room) {
			c, taken := r.talk(r.caller(phone.Manners{AckDelay: 3 * time.Second}), r.operator(0))
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "no answer to our BYE, from the caller",
		do: func(r *room) {
			_, taken := r.talk(r.caller(phone.Manners{NoBye: true}), r.operator(0))
			r.hangUp(taken)
			r.stateBecomes(0, "ready", 5*time.Second)
		},
		want: []string{"completed by operator"}, operator: 1,
	},
	{
		name: "no answer to our BYE, from the operator",
		do: func(r *room) {
			op := r.operator(0, phone.Manners{NoBye: true})
			c, _ := r.talk(r.caller(), op)
			r.hangUp(c)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "two answers of the same operator telephone",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0, phone.Manners{DoubleOK: true}))
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "answers of two telephones behind the operator's fork",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0, phone.Manners{ForkOK: true}))
			select {
			case <-taken.TwinEnded():
			case <-time.After(10 * time.Second):
				r.t.Error("the second answer was never ended by BYE")
			}
			r.goesOn(taken, "operator")
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "an operator answers as the caller leaves",
		do: func(r *room) {
			op := r.operator(0, phone.Manners{LateOK: true})
			c := r.queued(r.caller())
			late := r.rung(op)
			r.hangUp(c)
			r.endedAfterAnswer(late)
		},
		want: []string{"abandoned waiting by caller"},
	},
}

var lostSound = []endCase{
	{
		name: "no sound from the caller, who is there",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0))
			c.Media().Mute()
			// Silence alone never ends a call: after 30 s the telephone is asked, and answers.
			calmly(r.t, 60*time.Second, "the silent caller is asked for a sign of life", func() bool { return c.Received("OPTIONS") > 0 })
			c.Media().Unmute()
			taken.Media().Forget()
			r.hears(taken, 440)
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "no sound from the operator, who is there",
		do: func(r *room) {
			c, taken := r.talk(r.caller(), r.operator(0))
			taken.Media().Mute()
			calmly(r.t, 60*time.Second, "the silent operator is asked for a sign of life", func() bool { return taken.Received("OPTIONS") > 1 })
			taken.Media().Unmute()
			c.Media().Forget()
			r.hears(c, 1000)
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "a dead caller, in the greeting and the notice",
		do: func(r *room) {
			p := r.caller()
			r.greeted(p)
			p.Behave(phone.Manners{Dead: true})
			r.records(1, 70*time.Second)
		},
		want: []string{"media_lost by peer"},
	},
	{
		name: "a dead caller, in the queue",
		do: func(r *room) {
			p := r.caller()
			r.queued(p)
			r.waits(1)
			p.Behave(phone.Manners{Dead: true})
			r.records(1, 70*time.Second)
			r.waits(0)
		},
		want: []string{"media_lost by peer"},
	},
	{
		name: "a dead caller, talking",
		do: func(r *room) {
			p := r.caller()
			_, taken := r.talk(p, r.operator(0))
			p.Behave(phone.Manners{Dead: true})
			if err := taken.WaitDone(within(r.t, 70*time.Second)); err != nil {
				r.t.Errorf("the operator was left with a dead caller: %v", err)
			}
			r.stateBecomes(0, "ready", 5*time.Second)
		},
		want: []string{"media_lost by peer"}, operator: 1,
	},
	{
		name:  "a dead operator, talking, with others waiting",
		do:    func(r *room) { r.losesOperator(phone.Manners{Dead: true}) },
		want:  []string{"completed by caller", "completed by caller"},
		offer: 15 * time.Second, operator: 2,
	},
	{
		name:  "an operator who neither speaks nor answers OPTIONS",
		do:    func(r *room) { r.losesOperator(phone.Manners{NoRTP: true, NoOptions: true}) },
		want:  []string{"completed by caller", "completed by caller"},
		offer: 15 * time.Second, operator: 2,
	},
}

// losesOperator lets the operator of a talk vanish while a second caller waits: the first one, who
// came earlier, is the next to be served.
func (r *room) losesOperator(m phone.Manners) {
	r.t.Helper()
	op := r.operator(0)
	first, _ := r.talk(r.caller(), op)
	second := r.queued(r.caller())
	r.waits(1)
	op.Behave(m)
	calmly(r.t, 40*time.Second, "both callers wait", func() bool { return r.metric(`hotline_queue_waiting{queue="`+r.queue+`"}`) == 2 })
	r.goesOn(first, "caller whose operator vanished")
	next := r.operator(1)
	taken := r.rung(next)
	r.together(first, taken, 1500)
	r.hangUp(first)
	r.over(taken)
	taken = r.rung(next)
	r.together(second, taken, 1500)
	r.hangUp(second)
	r.over(taken)
}

var failedOffers = []endCase{
	{name: "a busy telephone", do: func(r *room) { r.nextOneTakes(phone.Manners{RejectWith: 486}) }, want: []string{"completed by operator"}, operator: 2},
	{name: "a declining telephone", do: func(r *room) { r.nextOneTakes(phone.Manners{RejectWith: 603}) }, want: []string{"completed by operator"}, operator: 2},
	{name: "a telephone with an error", do: func(r *room) { r.nextOneTakes(phone.Manners{RejectWith: 500}) }, want: []string{"completed by operator"}, operator: 2},
	// Offers of 60 s: who says nothing within 4 s is not waited for until then.
	{
		name: "a telephone that says nothing", offer: time.Minute,
		do:   func(r *room) { r.nextOneTakes(phone.Manners{NoProvisional: true, NoRinging: true}) },
		want: []string{"completed by operator"}, operator: 2,
	},
	{
		name: "a dead telephone", offer: time.Minute,
		do:   func(r *room) { r.nextOneTakes(phone.Manners{Dead: true}) },
		want: []string{"completed by operator"}, operator: 2,
	},
	{
		name: "a telephone that rings for ever", offer: 3 * time.Second,
		do:   func(r *room) { r.nextOneTakes(phone.Manners{}) },
		want: []string{"completed by operator"}, operator: 2,
	},
	{
		name: "a telephone that goes on ringing after CANCEL", offer: 3 * time.Second,
		do:   func(r *room) { r.nextOneTakes(phone.Manners{NoCancel: true}) },
		want: []string{"completed by operator"}, operator: 2,
	},
	{
		name: "a telephone that answers the CANCEL", offer: 3 * time.Second,
		do:   func(r *room) { r.nextOneTakes(phone.Manners{LateOK: true}) },
		want: []string{"completed by operator"}, operator: 2,
	},
}

// nextOneTakes lets the first operator's telephone fail to take the offer: the second one's rings,
// and whatever the first one answers later is acknowledged and ended.
func (r *room) nextOneTakes(m phone.Manners) {
	r.t.Helper()
	bad := r.operator(0, m)
	r.stateBecomes(0, "ready", 5*time.Second)
	good := r.operator(1) // ready for a shorter time, so it is the second one
	c := r.queued(r.caller())
	r.waits(1)
	offered := time.Now()
	taken := r.rung(good)
	if took := time.Since(offered); took > 15*time.Second {
		r.t.Errorf("the next operator was rung after %s", took)
	}
	r.together(c, taken, 1000)
	select {
	case late := <-bad.Incoming():
		switch {
		case m.NoProvisional, m.NoCancel:
			// Not to be cancelled (RFC 3261 §9.1), or deaf to it: an answer it gives now is ended.
			bad.Behave(phone.Manners{})
			if err := late.Answer(); err != nil {
				r.t.Fatal(err)
			}
			r.endedAfterAnswer(late)
		case m.LateOK:
			r.endedAfterAnswer(late)
		case !m.Dead:
			r.over(late)
		}
	default:
		if m.RejectWith == 0 && !m.Dead {
			r.t.Error("the first operator's telephone was not rung")
		}
	}
	r.goesOn(c, "caller")
	r.hangUp(taken)
	r.over(c)
}

// endedAfterAnswer demands that an answer nobody wants any more gets its ACK and then a BYE.
func (r *room) endedAfterAnswer(late *phone.Call) {
	r.t.Helper()
	r.over(late)
	select {
	case <-late.Acked():
	default:
		r.t.Error("the late answer was not acknowledged")
	}
	if late.EndedBy() != phone.EndedByPeer {
		r.t.Errorf("the late answer was ended by %s, want a BYE", late.EndedBy())
	}
}

// endsAfter32Seconds demands the BYE for a 200 that nobody acknowledged.
func (r *room) endsAfter32Seconds(c *phone.Call, since ...time.Time) {
	r.t.Helper()
	began := append(since, time.Now())[0]
	if err := c.WaitDone(within(r.t, 60*time.Second)); err != nil {
		r.t.Fatalf("no BYE came for a call whose 200 was never acknowledged: %v", err)
	}
	if took := time.Since(began); took < 30*time.Second || took > 45*time.Second || c.EndedBy() != phone.EndedByPeer {
		r.t.Errorf("ended by %s after %s, want a BYE after about 32 s", c.EndedBy(), took)
	}
}

var presence = []endCase{
	{
		name: "two telephones of one operator: the first one wins",
		do: func(r *room) {
			a, b := r.operator(0), r.operator(0)
			c := r.queued(r.caller())
			onA, onB := r.rung(a), r.rung(b)
			r.together(c, onB, 1000)
			r.over(onA)
			if onA.EndedBy() != phone.EndedByCancel {
				r.t.Errorf("the other telephone's ringing ended by %s, want cancel", onA.EndedBy())
			}
			r.hangUp(c)
			r.over(onB)
		},
		want: []string{"completed by caller"}, operator: 1,
	},
	{
		name: "a telephone that took back its registration is not rung",
		do: func(r *room) {
			op := r.operator(0)
			r.stateBecomes(0, "ready", 5*time.Second)
			if err := op.Unregister(within(r.t, 5*time.Second)); err != nil {
				r.t.Fatal(err)
			}
			r.stateBecomes(0, "offline", 5*time.Second)
			c := r.queued(r.caller())
			r.waits(1)
			other := r.operator(1)
			taken := r.rung(other)
			r.together(c, taken, 1000)
			r.notRung(op, "a telephone that had taken back its registration")
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 2,
	},
	{
		name: "a telephone whose registration ran out is not rung",
		do: func(r *room) {
			op := r.operator(0)
			if err := op.Register(within(r.t, 5*time.Second), time.Minute); err != nil {
				r.t.Fatal(err)
			}
			op.StopRefreshing()
			calmly(r.t, 100*time.Second, "the registration has run out", func() bool { return r.state(0) == "offline" })
			c := r.queued(r.caller())
			r.waits(1)
			other := r.operator(1)
			taken := r.rung(other)
			r.together(c, taken, 1000)
			r.notRung(op, "a telephone whose registration had run out")
			r.hangUp(c)
			r.over(taken)
		},
		want: []string{"completed by caller"}, operator: 2,
	},
	{
		name: "star codes, and an operator's own call",
		do: func(r *room) {
			op := r.operator(0)
			for _, c := range []struct{ code, want string }{
				{"*46", "paused"}, {"*45", "ready"}, {"*463", "paused"}, {"*45", "ready"}, {"*47", "ready"},
			} {
				call, err := op.Dial(within(r.t, 10*time.Second), phone.DialOptions{To: "sip:" + c.code + "@127.0.0.1:5070"})
				if err != nil {
					r.t.Fatalf("%s: %v", c.code, err)
				}
				r.over(call)
				r.stateBecomes(0, c.want, 5*time.Second)
			}
			own, err := op.Dial(within(r.t, 10*time.Second), phone.DialOptions{To: "sip:" + r.line + "@127.0.0.1:5070"})
			if err != nil {
				r.t.Fatal(err)
			}
			if got := r.state(0); got == "ready" {
				r.t.Error("an operator in a call of their own is ready")
			}
			c := r.queued(r.caller())
			r.waits(1)
			other := r.operator(1) // the caller waits for somebody: it is not that nobody was looked for
			taken := r.rung(other)
			r.together(c, taken, 1000)
			r.notRung(op, "an operator in a call of their own")
			r.hangUp(c)
			r.over(taken)
			other.Unregister(within(r.t, 5*time.Second))
			r.hangUp(own)
			second := r.queued(r.caller())
			taken = r.rung(op)
			r.together(second, taken, 1000)
			r.hangUp(second)
			r.over(taken)
		},
		want: []string{"abandoned greeting by caller", "completed by caller", "completed by caller"},
	},
}
