package sip

import "strconv"

// An early dialog is one that a provisional answer to our INVITE has begun (RFC 3261 §12.1). Its
// leg is known to nobody but the dialogs, so that the peer may change the session before it answers.
type early struct {
	leg     *leg
	heard   uint32 // RSeq of the last reliable answer that was acknowledged
	body    []byte // the answer to our offer, if a reliable one has brought it
	updated bool   // and an UPDATE has changed it
}

// provisional takes a provisional answer of a contact: a reliable one is acknowledged, in order
// (RFC 3262 §4); a description in it is sound before the answer.
func (k *fork) provisional(r *response) {
	e := k.earlyOf(r)
	if e == nil {
		return
	}
	number := seconds(r.draft.get("RSeq"))
	reliable := number > 0 && listed(r.draft, "Require", "100rel")
	if reliable {
		if e.heard != 0 && uint32(number) != e.heard+1 {
			return // a repeat, or one out of order: it comes again
		}
		e.heard = uint32(number)
	}
	if e.body == nil && len(r.draft.body) > 0 {
		if remote, err := acceptSDP(r.draft.body, k.leg.local); err == nil {
			e.leg.remote = remote
			if reliable {
				e.body = r.draft.body
			}
			k.soundEarly(e)
		}
	}
	if !reliable {
		return
	}
	l := e.leg
	o := l.outgoing("PRACK")
	o.extra = []string{"RAck: " + strconv.Itoa(number) + " " + strconv.FormatUint(uint64(r.seq), 10) + " INVITE"}
	k.dial.s.ask(l.way(), o, func(*response) {}, func(int) {})
}

// earlyOf finds or begins the early dialog of a provisional answer, nil for 100 and where there
// are too many.
func (k *fork) earlyOf(r *response) *early {
	if r.StatusCode == 100 || r.ttag == "" {
		return nil
	}
	if e := k.early[r.ttag]; e != nil {
		return e
	}
	if len(k.early) >= maxForks {
		return nil
	}
	of := k.leg
	l := k.dial.s.newLeg(of.info, of.flow, of.localTag)
	l.localURI, l.remoteURI, l.target, l.localSeq = of.localURI, of.remoteURI, of.target, r.seq
	l.takeAnswer(r)
	l.local, l.sent, l.jobs = of.local, of.sent, of.jobs
	if k.early == nil {
		k.early = make(map[string]*early)
	}
	e := &early{leg: l}
	l.early = e
	k.early[r.ttag] = e
	if !k.done {
		k.dial.s.dialogs[l.key()] = l
	}
	return e
}

// forgetEarly ends the early dialogs: the INVITE has its final answer, or none is waited for.
func (k *fork) forgetEarly() {
	for _, e := range k.early {
		e.leg.forget()
	}
}

// soundEarly connects what a contact plays before it answers, for the first that does.
func (k *fork) soundEarly(e *early) {
	g, l := k.dial, k.leg
	tell := g.early
	if tell == nil || g.over {
		return
	}
	g.early = nil
	e.leg.sound = l.sound // until the answer it is this dialog that says where sound goes
	e.leg.connect()
	l.jobs.add(func() { tell(l) })
}
