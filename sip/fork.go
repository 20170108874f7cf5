package sip

import (
	"slices"

	"hotline/call"
	"hotline/media"
)

// A fork is the INVITE to one contact.
type fork struct {
	dial     *dialing
	leg      *leg
	tx       *clientTx
	patience *alarm // ends a contact that says nothing at all
	heard    bool   // a provisional came
	rang     bool   // one that says more than 100
	unwanted bool   // to be cancelled as soon as that is allowed
	why      string // value of the Reason header of that
	done     bool   // has a final answer, or none is waited for
	code     int    // of a final refusal
	tag      string // To tag of the 2xx we took
	// acks are what acknowledged each 2xx, by its To tag, for its repeats.
	acks  map[string][]byte
	early map[string]*early // by To tag
	again bool              // the INVITE was sent once more with a longer session (422)
	ring  *alarm            // timer C

	// Of a fork that goes to a carrier.
	trunk      *trunk   // nil: it goes to a phone
	authorized bool     // a challenge was answered
	identity   []string // header lines that say on whose behalf
}

// invite sends the INVITE of one contact.
func (k *fork) invite(authorization string) {
	l, s := k.leg, k.dial.s
	o := l.outgoing("INVITE")
	o.contentType, o.body = "application/sdp", l.sent
	o.extra = append([]string{l.contact()}, s.abilities(l.flow.side())...)
	o.extra = append(o.extra, l.timer.request()...)
	if k.dial.auto {
		o.extra = append(o.extra, autoAnswer(s.here(l.flow))...)
	}
	if k.trunk == nil {
		o.extra = append(o.extra, "X-Hotline-Call: "+string(l.info.Call)) // inside the house only
	} else {
		o.extra = append(o.extra, k.identity...)
	}
	if authorization != "" {
		o.extra = append(o.extra, authorization)
	}
	k.tx = s.ask(l.flow, o, k.answered, func(code int) { k.refused(code) })
}

// autoAnswer asks a telephone to answer by itself. Each maker has a way of its own, and nothing but
// RFC 5373 is a standard; docs/sip.md says who takes which.
func autoAnswer(here string) []string {
	return []string{
		"Call-Info: <sip:" + here + ">;answer-after=0",
		"Alert-Info: <http://" + here + ">;info=alert-autoanswer;delay=0",
		"Answer-Mode: Auto",
	}
}

// answered is a provisional answer, a 2xx or a refusal of one contact.
func (k *fork) answered(r *response) {
	switch {
	case r.StatusCode < 200:
		k.heard = true
		if r.StatusCode > 100 || len(k.leg.routes) == 0 {
			k.patience.stop() // a 100 of the proxy before a telephone says nothing of the telephone
			k.hurry(r.StatusCode)
		}
		if k.unwanted {
			k.unwanted = false
			k.dial.s.askCancel(k.tx, k.why)
			return
		}
		k.ringing(r.StatusCode)
		k.provisional(r)
	case r.StatusCode == 422 && !k.again && !k.done:
		k.again = true // once: with the session that it wants (RFC 4028 §7.3)
		if k.leg.timer.refusal(r); k.leg.timer.raised {
			k.leg.timer.raised = false
			k.invite("")
			return
		}
		k.refused(r.StatusCode)
	case (r.StatusCode == 401 || r.StatusCode == 407) && k.authorize(r):
	case r.StatusCode < 300:
		k.accepted(r)
	default:
		k.refused(r.StatusCode)
	}
}

// ringing sets timer C anew: a telephone that rings for three minutes without a word is given up,
// whoever waits for it (RFC 3261 §16.6 item 11).
func (k *fork) ringing(code int) {
	if code == 100 && k.ring != nil {
		return // a proxy's word, not the telephone's
	}
	k.ring.stop()
	k.rang = k.rang || code > 100
	if g := k.dial; g.ringing != nil && code > 100 {
		k.leg.jobs.add(g.ringing)
		g.ringing = nil
	}
	k.ring = k.dial.s.after(k.dial.s.times.Ringing, k.giveUp)
}

// accepted is a 2xx: the first of the dial makes the leg; a repeat gets its ACK again; any other
// (another fork behind a proxy, a phone that answered late) is acknowledged and ended, or it would
// stay up for good (RFC 3261 §13.2.2.4).
func (k *fork) accepted(r *response) {
	s := k.dial.s
	k.patience.stop()
	k.ring.stop()
	if ack := k.acks[r.ttag]; ack != nil {
		s.put(k.leg.way(), ack)
		return
	}
	if k.dial.over || k.done {
		if len(k.acks) < maxForks {
			k.acks[r.ttag] = s.endFork(k.leg, r)
		}
		return
	}
	l := k.leg
	l.takeAnswer(r)
	k.tag, k.done, k.dial.over = r.ttag, true, true
	remote, err := k.described(r)
	k.forgetEarly()
	l.remember()
	k.acks[r.ttag] = s.acknowledge(l, r.seq, nil)
	l.phase = legAnswered
	l.updates = listed(r.draft, "Allow", "UPDATE")
	l.hasAck = true
	l.enter()
	for _, other := range k.dial.forks {
		if other != k {
			other.cancel(elsewhere)
		}
	}
	if err != nil {
		l.finish(call.CauseFailed)
		l.bye()
		k.dial.result <- rang{err: &call.DialError{Failure: call.Declined, Code: 488}}
		return
	}
	l.setRemote(remote)
	l.timer.agreed(r.draft)
	if l.knows(r.draft, r.draft.body); !l.record.aware {
		l.local.Record = ""
	}
	k.dial.result <- rang{leg: l}
}

// described is what the peer's description has come to with its 2xx. What a reliable 18x has
// answered needs no second answer (RFC 3262 §5).
//
// Quirk: some gateways answer early with one address and in the 2xx with another. That one counts,
// unless an UPDATE has said it in the right way.
func (k *fork) described(r *response) (media.Remote, error) {
	l, e, body := k.leg, k.early[r.ttag], r.draft.body
	if e != nil {
		l.localSeq, l.remoteSeq, l.sent = e.leg.localSeq, e.leg.remoteSeq, e.leg.sent
		if e.updated || e.body != nil && len(body) == 0 {
			return e.leg.remote, nil
		}
	}
	return acceptSDP(body, l.local)
}

// takeAnswer fills the dialog's state from the 2xx to our INVITE (RFC 3261 §12.1.2).
func (l *leg) takeAnswer(r *response) {
	l.remoteTag = r.ttag
	l.remoteURI = withoutTag(r.draft.get("To"))
	l.routes = r.draft.list("Record-Route")
	slices.Reverse(l.routes)
	if uri := contactOf(r.draft); uri != "" {
		l.target = uri
	}
	if r.from.side() == l.flow.side() && (r.from.tcp == nil) == (l.flow.tcp == nil) {
		l.flow = r.from
	}
}

// acknowledge sends the ACK of a 2xx to the INVITE of that number and returns it, for repeats.
// session is our answer where the offer was in the 2xx, else nil.
func (s *Server) acknowledge(l *leg, seq uint32, session []byte) []byte {
	o := l.outgoing("ACK")
	o.seq = seq
	if session != nil {
		o.contentType, o.body = "application/sdp", session
	}
	f := l.way()
	o.via = s.via(f, cookie+newToken())
	b := o.write()
	s.put(f, b)
	return b
}

// maxForks bounds the answers of one contact that are ended one by one. A phone gives one; a
// proxy before it a few.
const maxForks = 16

// endFork acknowledges a 2xx that nobody wants and says BYE to it. It returns the ACK.
func (s *Server) endFork(of *leg, r *response) []byte {
	l := s.newLeg(of.info, of.flow, of.localTag)
	l.localURI, l.remoteURI, l.target, l.localSeq = of.localURI, of.remoteURI, of.target, r.seq
	l.takeAnswer(r)
	ack := s.acknowledge(l, r.seq, nil)
	l.sayBye(func() {})
	return ack
}

// refused is the end of one contact without an answer. The last one ends the dial.
func (k *fork) refused(code int) {
	if k.done {
		return
	}
	k.done, k.code = true, code
	k.patience.stop()
	k.ring.stop()
	k.release()
	g := k.dial
	if g.over {
		return
	}
	for _, other := range g.forks {
		if !other.done {
			return
		}
	}
	g.over = true
	g.result <- rang{err: g.failure()}
}

// release gives back what a contact that did not answer has taken.
func (k *fork) release() {
	k.forgetEarly()
	if sound := k.leg.sound; sound != nil && k.tag == "" {
		k.leg.jobs.add(sound.Close)
	}
}

// cancel ends the ringing of one contact. A CANCEL is allowed only after a provisional
// (RFC 3261 §9.1); until then the INVITE is at least not repeated.
func (k *fork) cancel(reason string) {
	if k.tag != "" || k.tx == nil || k.tx.state != txProceeding {
		return
	}
	k.patience.stop()
	k.ring.stop()
	if k.heard {
		k.dial.s.askCancel(k.tx, reason)
	} else {
		k.unwanted, k.why = true, reason
		k.tx.repeat.stop()
	}
	if !k.done {
		k.done = true
		k.release()
	}
}
