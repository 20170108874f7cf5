package line

import (
	"hotline/call"
	"hotline/ivr"
)

// putThrough rings the entry of the directory that a menu names, and joins the caller to it. Where nobody
// answers the caller is told so and offered a person. It is true when the call is over.
func (l *Line) putThrough(v *visit, w *ivr.Walk, n *ivr.Node) (over bool) {
	d, code := l.destination(v.settings, n.Target)
	if code != 0 {
		l.offerPerson(v, w, "transfer.unavailable")
		return v.ctx.Err() != nil
	}
	v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "transfer.start")...)
	v.leg.Audio().Loop(l.music(*v.line))
	x := &passing{to: d, tell: func(int) {}, kind: "menu"}
	l.event(v, "call.transferring", "from", n.Name, "to", d.name(), "kind", x.kind, "to_kind", d.kind())
	p, err := l.bring(v.ctx, v, x)
	switch {
	case v.ctx.Err() != nil:
		if err == nil {
			l.drop(d, p.leg, "the caller has left")
		}
		l.passed(v, x, passAbandoned)
		return true
	case err != nil:
		l.passed(v, x, passRefused)
		l.offerPerson(v, w, "transfer.unavailable")
		return v.ctx.Err() != nil
	}
	l.passed(v, x, passDone)
	l.talkWith(v, p)
	return true
}

// talkWith joins the caller to somebody who is no operator of a queue, until one of them hangs up.
func (l *Line) talkWith(v *visit, p party) {
	v.listenForTones(false)
	v.served = true
	defer func() {
		if v.operator != nil {
			v.operator.Hangup(call.Reason{Why: "the caller has left"})
		}
	}()
	l.talk(v, p)
}

// later asks for a number and puts the caller in the line of those who are called back. It is true when
// the call is over.
func (l *Line) later(v *visit, w *ivr.Walk, n *ivr.Node) (over bool) {
	v.rec.Queue = n.Target
	if v.rec.Kind != "" || l.ownNumber(v) == "" && !l.o.Dialer.MayCall("") {
		l.offerPerson(v, w, "callback.closed")
		return v.ctx.Err() != nil
	}
	if l.arrange(v.ctx, v, func(to call.Number) error { return l.promise(v, to) }) {
		return true
	}
	v.rec.Queue = ""
	if v.ctx.Err() != nil || v.alarmed {
		return v.ctx.Err() != nil
	}
	w.Idle()
	return false
}
