//go:build acceptance

package acceptance

import (
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// The moments of a transfer in which the process is killed. Each returns the telephones that are in
// a call then, and those that ring.
var killedTransfers = []struct {
	name     string
	brief    bool // it is over after seconds
	consults int  // records of their own
	do       func(p *handing) (up, ringing []*phone.Call)
}{
	{"it rings at a colleague's", true, 0, func(p *handing) (up, ringing []*phone.Call) {
		p.asks(p.operators[1])
		return []*phone.Call{p.caller, p.first}, []*phone.Call{p.rung(p.colleague)}
	}},
	{"it rings, and the first has hung up", true, 0, func(p *handing) (up, ringing []*phone.Call) {
		p.asks(p.operators[1])
		c := p.rung(p.colleague)
		p.hangUp(p.first)
		return []*phone.Call{p.caller}, []*phone.Call{c}
	}},
	{"a colleague talks", false, 0, func(p *handing) (up, ringing []*phone.Call) {
		p.asks(p.operators[1])
		c := p.rung(p.colleague)
		p.joined(c, 600)
		return []*phone.Call{p.caller, c}, nil
	}},
	{"the notice is told outside", true, 0, func(p *handing) (up, ringing []*phone.Call) {
		out := p.outside()
		p.asks(p.ministry())
		c := p.rung(out)
		p.answered(c)
		return []*phone.Call{p.caller, p.first, c}, nil
	}},
	{"somebody outside talks", false, 0, func(p *handing) (up, ringing []*phone.Call) {
		out := p.outside()
		p.asks(p.ministry())
		c := p.rung(out)
		p.joined(c, 700)
		return []*phone.Call{p.caller, c}, nil
	}},
	{"a consult talks", false, 1, func(p *handing) (up, ringing []*phone.Call) {
		c, consult := p.consult(p.operators[1], p.colleague)
		return []*phone.Call{p.caller, p.first, c, consult}, nil
	}},
	{"it waits in a queue", true, 0, func(p *handing) (up, ringing []*phone.Call) {
		p.asks(p.queue)
		p.told(200)
		p.over(p.first)
		return []*phone.Call{p.caller}, []*phone.Call{p.rung(p.colleague)}
	}},
}

// answered picks up and waits for sound.
func (p *handing) answered(c *phone.Call) {
	p.t.Helper()
	if err := c.Answer(); err != nil {
		p.t.Fatal(err)
	}
	if err := c.Media().WaitSound(within(p.t, 10*time.Second)); err != nil {
		p.t.Fatal(err)
	}
}

// kill -9 in the middle of transfers: every telephone that was in a call is told after the restart,
// one closed record a call, whatever it was in the middle of, and the operators are there again.
func TestKillInTheMiddleOfTransfers(t *testing.T) {
	s, rooms := newTransferRooms(t, len(killedTransfers))
	type moment struct {
		*handing
		up, ringing []*phone.Call
	}
	moments := make([]moment, len(rooms))
	each := func(do func(i int)) {
		var all sync.WaitGroup
		for i := range rooms {
			all.Go(func() { do(i) })
		}
		if all.Wait(); t.Failed() {
			t.FailNow()
		}
	}
	each(func(i int) { moments[i].handing = rooms[i].handing() })
	for _, brief := range []bool{false, true} {
		each(func(i int) {
			if x := killedTransfers[i]; x.brief == brief {
				moments[i].up, moments[i].ringing = x.do(moments[i].handing)
			}
		})
	}
	s.kill()
	for i, m := range moments {
		for _, c := range append(m.up, m.ringing...) {
			m.goesOn(c, killedTransfers[i].name) // or the moment was over before the process was
		}
	}
	s.start()
	for i, m := range moments {
		name := killedTransfers[i].name
		for _, c := range m.up {
			if err := c.WaitDone(within(t, 20*time.Second)); err != nil {
				t.Errorf("%s: a telephone was left in the call by the killed process: %v", name, err)
			}
		}
		for _, c := range m.ringing { // picked up now, it is a call with nobody
			if err := c.Answer(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if m.over(c); c.EndedBy() != phone.EndedByPeer {
				t.Errorf("%s: the telephone that rang ended by %q", name, c.EndedBy())
			}
		}
		x := m.records(1, 20*time.Second)[0]
		if str(x.Outcome) != "interrupted" || x.Recording == nil {
			t.Errorf("%s: record %s", name, x)
		}
		if got := m.manifest(x); got.State != "interrupted" {
			t.Errorf("%s: the recording is %s", name, got.State)
		}
		consults := 0
		for _, o := range ask[struct{ Calls []record }](s, "call", "list", "--limit", "10000", "--all").Calls {
			if o.Kind == "consult" && str(o.Linked) == x.ID && o.Ended != nil {
				consults++
			}
		}
		if consults != killedTransfers[i].consults {
			t.Errorf("%s: %d closed consults are linked to the call, want %d", name, consults, killedTransfers[i].consults)
		}
		for k := range 2 {
			m.stateBecomes(k, "ready", 20*time.Second)
		}
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
	s.becomes(`hotline_media_ports{state="used"}`, 0)
	// And all goes on: another call, put through without a new REGISTER of anybody.
	p := moments[0]
	op := p.phone0()
	p.caller, p.first = p.talk(p.room.caller(), op)
	p.asks(p.operators[1])
	c := p.rung(p.colleague)
	p.joined(c, 600)
	p.told(200)
	p.hangUp(p.caller)
	p.over(c)
}
