//go:build acceptance

package acceptance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// newTransferRooms are rooms whose lines have a trunk of their own out of the house, where a
// telephone of the test answers, and a directory.
func newTransferRooms(t *testing.T, n int) (*server, []*room) {
	t.Helper()
	return newRooms(t, n, nil, func(config string) string {
		var carriers, entries []string
		for i := range n {
			carriers = append(carriers, fmt.Sprintf(`{name: out%03d, to: ["127.0.0.1:%d"], options: 0s}`, i, outPort(i)))
			entries = append(entries, fmt.Sprintf(`{name: ministry%03d, number: "+9941255%05d", languages: [ru]}`, i, i))
		}
		entries = append(entries, `{name: fire, number: "101", emergency: true}`)
		config = strings.Replace(config, "carriers: [", "carriers: ["+strings.Join(carriers, ", ")+", ", 1)
		config = regexp.MustCompile(`start: m(\d+)`).ReplaceAllString(config, "start: m$1, trunks: [out$1]")
		return config + "directory: [" + strings.Join(entries, ", ") + "]\ntransfer: {ring: 5s}\n" +
			"outgoing: {allow: [\"+99477\"], calls: 100, per_day: 1000}\n"
	})
}

func outPort(room int) int { return 7100 + 10*room }

// outside is the telephone at the end of the room's trunk.
func (r *room) outside() *phone.Phone {
	r.t.Helper()
	var n int
	fmt.Sscanf(r.line, "9%d", &n)
	return r.citizen(func(o *phone.Options) { o.Listen, o.User = fmt.Sprintf("127.0.0.1:%d", outPort(n)), "ministry" })
}

func (r *room) ministry() string { return "ministry" + r.line[1:] }

// A handing is a call that is about to be put through: the caller talks to operator 0.
type handing struct {
	*room
	caller, first *phone.Call
	colleague     *phone.Phone // operator 1
	from          time.Time
}

func (r *room) handing() *handing {
	r.t.Helper()
	p := &handing{room: r}
	op := r.operator(0)
	p.caller, p.first = r.talk(r.caller(), op)
	r.lasts(p.caller, p.first)
	p.colleague = r.operator(1)
	return p
}

// asks has operator 0 put the caller through to somebody, held first as telephones do.
func (p *handing) asks(to string) {
	p.t.Helper()
	if err := p.first.Hold(within(p.t, 10*time.Second)); err != nil {
		p.t.Fatal(err)
	}
	p.caller.Media().Forget()
	p.from = time.Now()
	if err := p.first.Transfer(within(p.t, 10*time.Second), "sip:"+to+"@127.0.0.1:5070"); err != nil {
		p.t.Fatal(err)
	}
}

// told demands the final status that the telephone hears of its transfer.
func (p *handing) told(want int) {
	p.t.Helper()
	code, err := p.first.WaitReferred(within(p.t, 30*time.Second))
	if err != nil || code != want {
		p.t.Errorf("the telephone was told %d, %v; want %d", code, err, want)
	}
}

// joined answers for the new one and demands that the two hear each other.
func (p *handing) joined(c *phone.Call, hz float64) {
	p.t.Helper()
	if err := c.Answer(); err != nil {
		p.t.Fatal(err)
	}
	c.Media().Say(0.3, hz)
	p.hears(p.caller, hz)
	p.hears(c, 440)
	p.lasts(p.caller, c)
	p.neverSilent()
}

// lasts lets telephones hear each other for so long that a recording shows it.
func (r *room) lasts(all ...*phone.Call) {
	r.t.Helper()
	for _, c := range all {
		before, _ := c.Media().HeardPCM()
		eventually(r.t, 10*time.Second, "the talk lasts half a second", func() bool {
			now, _ := c.Media().HeardPCM()
			return len(now) >= len(before)+4000
		})
	}
}

// neverSilent demands that the caller has heard something all the time since the transfer began: no
// second less of sound than there was time for, no second of silence in it.
func (p *handing) neverSilent() {
	p.t.Helper()
	pcm, _ := p.caller.Media().HeardPCM()
	const piece = 800
	longest, now := 0, 0
	for i := 0; i+piece <= len(pcm); i += piece {
		if phone.Sound(pcm[i:i+piece]).RMS() < 0.003 {
			now++
		} else {
			now = 0
		}
		longest = max(longest, now)
	}
	if heard, lasted := time.Duration(len(pcm))*time.Second/8000, time.Since(p.from); heard < lasted*9/10-time.Second {
		p.t.Errorf("the caller heard %s of %s", heard, lasted)
	}
	if silent := time.Duration(longest) * 100 * time.Millisecond; silent >= time.Second {
		p.t.Errorf("the caller heard nothing for %s", silent)
	}
}

// ends hangs up and demands one record with this operator.
func (p *handing) ends(operator string) record {
	p.t.Helper()
	p.hangUp(p.caller)
	x := p.records(1, 15*time.Second)[0]
	if verdict(x) != "completed by caller" || str(x.Operator) != operator {
		p.t.Errorf("record: %s, want operator %s", x, operator)
	}
	return x
}

// roles are who took part in a recording, in order.
func roles(m manifest) (list []string) {
	for _, p := range m.Parties {
		if p.Role != "caller" {
			list = append(list, p.Role+" "+p.Name)
		}
	}
	return list
}

var transfers = []struct {
	name string
	do   func(p *handing)
}{
	{"blind, to a colleague", func(p *handing) {
		p.asks(p.operators[1])
		c := p.rung(p.colleague)
		p.joined(c, 600)
		p.told(200)
		p.over(p.first)
		x := p.ends(p.operators[1])
		p.over(c)
		if got := roles(p.manifest(x)); !slices.Equal(got, []string{"operator " + p.operators[0], "operator " + p.operators[1]}) {
			p.t.Errorf("the recording's parties are %q", got)
		}
		left, right := channels(p.t, p.sound(x))
		if first(left, 440) < 0 || first(right, 1000) < 0 || first(right, 600) < first(right, 1000) {
			p.t.Error("the recording does not have both talks, one after the other")
		}
	}},
	{"blind, nobody answers: back to the same operator", func(p *handing) {
		p.asks(p.operators[1])
		p.rung(p.colleague)
		p.told(480)
		if err := p.first.Resume(within(p.t, 10*time.Second)); err != nil {
			p.t.Fatal(err)
		}
		p.hears(p.caller, 1000)
		p.neverSilent()
		p.ends(p.operators[0])
		p.over(p.first)
	}},
	{"blind, refused: back to the same operator", func(p *handing) {
		p.colleague.Behave(phone.Manners{RejectWith: 486})
		p.asks(p.operators[1])
		p.told(486)
		if err := p.first.Resume(within(p.t, 10*time.Second)); err != nil {
			p.t.Fatal(err)
		}
		p.hears(p.caller, 1000)
		p.ends(p.operators[0])
	}},
	{"blind, the telephone hangs up at once and nobody answers: rung again", func(p *handing) {
		op := p.first
		p.asks(p.operators[1])
		p.hangUp(op)
		p.rung(p.colleague)
		again := p.rungWithin(p.phone0(), 20*time.Second)
		p.joined(again, 1000)
		p.ends(p.operators[0])
		p.over(again)
	}},
	{"blind, the telephone does not answer the news", func(p *handing) {
		p.phone0().Behave(phone.Manners{NoNotify: true})
		p.asks(p.operators[1])
		c := p.rung(p.colleague)
		p.joined(c, 600)
		p.over(p.first) // no longer than any other
		x := p.ends(p.operators[1])
		p.over(c)
		p.stateBecomes(0, "ready", 15*time.Second)
		if x.Recording == nil {
			p.t.Error("no recording")
		}
	}},
	{"blind, asked for twice at once", func(p *handing) {
		p.asks(p.operators[1])
		if err := p.first.Transfer(within(p.t, 10*time.Second), "sip:"+p.queue+"@127.0.0.1:5070"); err != nil {
			p.t.Fatal(err)
		}
		p.told(491)
		p.joined(p.rung(p.colleague), 600)
		p.told(200)
		p.over(p.first)
		p.ends(p.operators[1])
	}},
	{"blind, to nobody", func(p *handing) {
		for _, to := range []string{"nobody", p.operators[0], p.line, "919"} {
			p.asks(to)
			if code, err := p.first.WaitReferred(within(p.t, 10*time.Second)); err != nil || code != 404 && code != 403 {
				p.t.Errorf("to %s: told %d, %v", to, code, err)
			}
			if err := p.first.Resume(within(p.t, 10*time.Second)); err != nil {
				p.t.Fatal(err)
			}
			p.hears(p.caller, 1000)
		}
		p.neverSilent()
		p.ends(p.operators[0])
	}},
	{"blind, to the queue", func(p *handing) {
		p.asks(p.queue)
		p.told(200)
		p.over(p.first)
		c := p.rung(p.colleague)
		p.joined(c, 600)
		p.ends(p.operators[1])
	}},
	{"blind, to the directory", func(p *handing) {
		out := p.outside()
		p.asks(p.ministry())
		c := p.rung(out)
		if got := c.From().User(); got != p.line {
			p.t.Errorf("the ministry's telephone shows %q, want the line's number", got)
		}
		if c.Header("X-Hotline-Call") != "" {
			p.t.Error("the inside of the house is told to a carrier")
		}
		if err := c.Answer(); err != nil {
			p.t.Fatal(err)
		}
		began := time.Now()
		c.Media().Say(0.3, 700)
		if err := c.Media().WaitSound(within(p.t, 5*time.Second)); err != nil {
			p.t.Fatalf("the third party does not hear the notice: %v", err)
		}
		p.hears(p.caller, 700)
		if took := time.Since(began); took < 2*time.Second {
			p.t.Errorf("joined after %s: before the notice was over", took)
		}
		p.hears(c, 440)
		p.neverSilent()
		p.told(200)
		p.stateBecomes(0, "ready", 15*time.Second) // free while the call goes on
		x := p.ends(p.operators[0])
		p.over(c)
		if got := roles(p.manifest(x)); !slices.Equal(got, []string{"operator " + p.operators[0], "third " + p.ministry()}) {
			p.t.Errorf("the recording's parties are %q", got)
		}
		if !p.traced(x, "call.third_noticed") {
			p.t.Error("the journal does not tell of the notice")
		}
	}},
	{"blind, to help: no notice before it", func(p *handing) {
		out := p.outside()
		p.asks("fire")
		c := p.rung(out)
		began := time.Now()
		p.joined(c, 700)
		if took := time.Since(began); took > 2*time.Second {
			p.t.Errorf("joined after %s", took)
		}
		p.ends(p.operators[0])
	}},
	{"blind, to a number that may be called", func(p *handing) {
		out := p.outside()
		p.asks("0770000001") // as it is dialled in the country
		c := p.rung(out)
		if got := c.Invite().URI; !strings.HasPrefix(got, "sip:+994770000001@") {
			p.t.Errorf("the carrier was asked for %q", got)
		}
		if err := c.Answer(); err != nil {
			p.t.Fatal(err)
		}
		c.Media().Say(0.3, 700)
		if err := p.caller.Media().WaitTone(within(p.t, 30*time.Second), 700); err != nil { // three notices
			p.t.Fatal(err)
		}
		p.ends(p.operators[0])
	}},
	{"blind, to a number that may not", func(p *handing) {
		out := p.outside()
		for i, to := range []string{"+4412345678", "900123456", p.line, "919", "+99412" + "919"} {
			if i > 0 {
				if err := p.first.Transfer(within(p.t, 10*time.Second), "sip:"+to+"@127.0.0.1:5070"); err != nil {
					p.t.Fatal(err)
				}
			} else {
				p.asks(to)
			}
			code, err := p.first.WaitReferred(within(p.t, 10*time.Second))
			if err != nil || (code != 403 && code != 404) {
				p.t.Errorf("%s: told %d, %v", to, code, err)
			}
		}
		p.notRung(out, "somebody outside")
		if err := p.first.Resume(within(p.t, 10*time.Second)); err != nil {
			p.t.Fatal(err)
		}
		p.hears(p.caller, 1000)
		p.ends(p.operators[0])
	}},
	{"attended, to a colleague", func(p *handing) {
		c, consult := p.consult(p.operators[1], p.colleague)
		p.caller.Media().Forget()
		p.from = time.Now()
		if err := p.first.TransferTo(within(p.t, 10*time.Second), "sip:"+p.operators[1]+"@127.0.0.1:5070", consult); err != nil {
			p.t.Fatal(err)
		}
		p.hears(p.caller, 600)
		p.hears(c, 440)
		p.neverSilent()
		p.told(200)
		p.over(p.first)
		p.over(consult)
		x := p.ends(p.operators[1])
		p.over(c)
		p.consultApart(x)
	}},
	{"attended, asked for in the consult", func(p *handing) {
		c, consult := p.consult(p.operators[1], p.colleague)
		if err := consult.TransferTo(within(p.t, 10*time.Second), "sip:x@127.0.0.1:5070", p.first); err != nil {
			p.t.Fatal(err)
		}
		p.hears(p.caller, 600)
		p.over(p.first)
		p.over(consult)
		p.ends(p.operators[1])
		p.over(c)
	}},
	{"attended, to the directory", func(p *handing) {
		out := p.outside()
		c, consult := p.consult(p.ministry(), out)
		if err := p.first.TransferTo(within(p.t, 10*time.Second), "sip:"+p.ministry()+"@127.0.0.1:5070", consult); err != nil {
			p.t.Fatal(err)
		}
		p.hears(p.caller, 600)
		p.hears(c, 440)
		p.over(p.first)
		p.over(consult)
		p.consultApart(p.ends(p.operators[0]))
	}},
	{"attended, while it still rings", func(p *handing) {
		if err := p.first.Hold(within(p.t, 10*time.Second)); err != nil {
			p.t.Fatal(err)
		}
		consult, err := p.phone0().DialAsync(phone.DialOptions{To: "sip:" + p.operators[1] + "@127.0.0.1:5070"})
		if err != nil {
			p.t.Fatal(err)
		}
		c := p.rung(p.colleague)
		<-consult.Ringing()
		if err := p.first.TransferTo(within(p.t, 10*time.Second), "sip:"+p.operators[1]+"@127.0.0.1:5070", consult); err != nil {
			p.t.Fatal(err)
		}
		if err := c.Answer(); err != nil { // the same ringing went on, for the caller
			p.t.Fatal(err)
		}
		c.Media().Say(0.3, 600)
		p.hears(p.caller, 600)
		p.over(consult)
		p.over(p.first)
		p.ends(p.operators[1])
		p.over(c)
	}},
	{"a consult, and back to the caller", func(p *handing) {
		c, consult := p.consult(p.operators[1], p.colleague)
		p.hangUp(consult)
		p.over(c)
		if err := p.first.Resume(within(p.t, 10*time.Second)); err != nil {
			p.t.Fatal(err)
		}
		p.hears(p.caller, 1000)
		p.consultApart(p.ends(p.operators[0]))
		p.stateBecomes(1, "ready", 15*time.Second)
	}},
	{"the caller leaves while it rings", func(p *handing) {
		p.asks(p.operators[1])
		c := p.rung(p.colleague)
		p.ends(p.operators[0])
		p.over(c)
		p.over(p.first)
		p.stateBecomes(0, "ready", 15*time.Second)
		p.stateBecomes(1, "ready", 15*time.Second)
	}},
	{"the caller cannot put itself through", func(p *handing) {
		if err := p.caller.Transfer(within(p.t, 10*time.Second), "sip:+99477000000@127.0.0.1"); err == nil || !strings.Contains(err.Error(), "403") {
			p.t.Errorf("REFER of a caller: %v, want 403", err)
		}
		p.hears(p.caller, 1000)
		p.ends(p.operators[0])
	}},
}

// phone0 is the telephone of operator 0.
func (p *handing) phone0() *phone.Phone { return p.first.Phone() }

// consult has operator 0 hold the caller and call somebody, who says 600 Hz.
func (p *handing) consult(to string, who *phone.Phone) (c, consult *phone.Call) {
	p.t.Helper()
	if err := p.first.Hold(within(p.t, 10*time.Second)); err != nil {
		p.t.Fatal(err)
	}
	consult, err := p.phone0().DialAsync(phone.DialOptions{To: "sip:" + to + "@127.0.0.1:5070"})
	if err != nil {
		p.t.Fatal(err)
	}
	c = p.rung(who)
	if err := c.Answer(); err != nil {
		p.t.Fatal(err)
	}
	c.Media().Say(0.3, 600)
	if err := consult.WaitAnswered(within(p.t, 20*time.Second)); err != nil {
		p.t.Fatal(err)
	}
	consult.Media().Say(0.3, 1300)
	p.hears(consult, 600)
	p.hears(c, 1300)
	p.lasts(c, consult)
	return c, consult
}

// consultApart demands a recording of the consult that is linked to the call, and that the caller's
// file has nothing of it.
func (p *handing) consultApart(x record) {
	p.t.Helper()
	var found []record
	for _, r := range ask[struct{ Calls []record }](p.server, "call", "list", "--limit", "10000", "--all").Calls {
		if r.Kind == "consult" && str(r.Linked) == x.ID {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		p.t.Fatalf("%d consults are linked to the call", len(found))
	}
	left, right := channels(p.t, p.sound(found[0]))
	if first(left, 1300) < 0 || first(right, 600) < 0 {
		m := p.manifest(found[0])
		p.t.Errorf("the consult's recording does not have both voices: left at %s, right at %s of %s; parties %v, gaps %v",
			first(left, 1300), first(right, 600), time.Duration(len(left))*time.Second/8000, m.Parties, m.Gaps)
	}
	if l, r := channels(p.t, p.sound(x)); first(l, 1300) >= 0 || first(r, 1300) >= 0 {
		p.t.Error("the consult is in the caller's recording")
	}
}

// Transfers as softphones ask for them, each case in a room of its own, all at once.
func TestTransfers(t *testing.T) {
	s, rooms := newTransferRooms(t, len(transfers))
	var names []string
	for _, c := range transfers {
		names = append(names, c.name)
	}
	atOnce(t, rooms, names, func(i int, r *room) { transfers[i].do(r.handing()) })
	if n := s.metric("hotline_panics_recovered_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
	s.becomes(`hotline_media_ports{state="used"}`, 0)
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}
