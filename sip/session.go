package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"hotline/call"
	"hotline/media"
)

// A sessionChange is a request of ours that changes or refreshes the session of a dialog (RFC 3261 §14,
// RFC 3311). A leg sends one at a time.
type sessionChange struct {
	hold    bool // what the offer says
	record  bool // how the call is recorded has changed; the session stays what it is
	told    call.RecordState
	refresh bool // the session stays what it is
	method  string
	ask     bool // the offer is left to the peer: it comes in the 2xx, our answer goes in the ACK
	refused int  // how often it was put off
	longer  bool // it was sent once more with a longer session (422)
	ack     []byte
	bound   *alarm // ends an INVITE that rings and is never answered
	done    func(code int)
}

// crosses says that the change has an offer in it, which the peer's offers must not cross.
func (c *sessionChange) crosses() bool { return c.method == "INVITE" }

// mostGlare is how often a change is tried again after 491; two sides that both wait at random do
// not meet five times.
const mostGlare = 5

// longestLater is the longest Retry-After, in seconds, that a change waits for. RFC 3261 §14.2
// names ten at most.
const longestLater = 10

// Hold implements call.Holder: a re-INVITE that says sendonly, or sendrecv again. The leg's
// outgoing stream goes on in both: the peer hears what it is played.
func (l *leg) Hold(ctx context.Context, on bool) error {
	done := make(chan int, 1)
	asked := false
	l.s.locked("hold", func() {
		if l.phase == legAnswered {
			asked = true
			l.change(&sessionChange{hold: on, method: "INVITE", done: func(code int) { done <- code }})
		}
	})
	if !asked {
		return call.ErrGone
	}
	select {
	case code := <-done:
		if code >= 300 {
			return fmt.Errorf("hold leg %s: the peer refused (%d)", l.info.ID, code)
		}
		return nil
	case <-l.gone:
		return call.ErrGone
	case <-ctx.Done():
		return fmt.Errorf("hold leg %s: %w", l.info.ID, ctx.Err())
	}
}

// change has c sent as soon as nothing else is open in the dialog. The lock is held.
func (l *leg) change(c *sessionChange) {
	l.changes = append(l.changes, c)
	l.nextChange()
}

// nextChange sends the first change, if the dialog is free for it: our 200 is acknowledged, and
// no INVITE of the peer waits for its ACK (RFC 3261 §14.1).
func (l *leg) nextChange() {
	if l.phase != legAnswered || l.changing || len(l.changes) == 0 || len(l.okays) > 0 || !(l.hasAck || l.invite == nil) {
		return
	}
	c := l.changes[0]
	l.changing = true
	if c.refresh || c.record {
		c.hold = l.local.Hold
	}
	local := l.local
	local.Hold = c.hold
	if l.record.aware && !c.refresh {
		local.Record = l.record.wants
	}
	c.told = local.Record
	o := l.outgoing(c.method)
	o.extra = append([]string{l.contact()}, l.s.abilities(l.flow.side())...)
	o.extra = append(o.extra, l.timer.request()...)
	switch {
	case !c.crosses() || c.ask:
	case c.refresh && l.sent != nil:
		// The same bytes: whoever compares the version sees at once that nothing is new (RFC 4028 §7.4).
		o.contentType, o.body = "application/sdp", l.sent
	default:
		o.contentType, o.body = "application/sdp", offerAgainSDP(l.sent, local)
	}
	tx := l.s.ask(l.way(), o, func(r *response) { l.changeAnswered(c, local, o.body, r) }, func(code int) { l.changed(c, code, 0) })
	if c.method == "INVITE" {
		// One that rings for good would keep out every other change, also the peer's.
		c.bound = l.s.after(l.s.times.Life, func() {
			if tx.state == txProceeding && tx.heard {
				l.s.askCancel(tx, "")
			}
		})
	}
}

// changeAnswered takes the peer's word on a change.
func (l *leg) changeAnswered(c *sessionChange, local localSDP, body []byte, r *response) {
	switch {
	case r.StatusCode < 200:
		return
	case c.ack != nil: // the ACK was lost
		l.s.put(l.way(), c.ack)
		return
	case r.StatusCode >= 300:
		l.timer.refusal(r)
		l.changed(c, r.StatusCode, seconds(r.draft.get("Retry-After")))
		return
	}
	if uri := contactOf(r.draft); uri != "" {
		l.target = uri
	}
	l.knows(r.draft, r.draft.body)
	code := l.agreedTo(c, local, body, r)
	l.timer.agreed(r.draft)
	l.changed(c, code, 0)
}

// agreedTo takes the description in a 2xx to a change, sends the ACK, and gives the code to tell
// whoever asked. One that cannot be read leaves the session as it was.
func (l *leg) agreedTo(c *sessionChange, local localSDP, body []byte, r *response) int {
	if c.method != "INVITE" {
		return 200
	}
	var remote media.Remote
	var err error
	var answer []byte
	switch {
	case !c.ask:
		remote, err = acceptSDP(r.draft.body, local)
	case len(r.draft.body) > 0:
		answer, remote, err = answerAgainSDP(l.sent, r.draft.body, local)
		body = answer
	}
	c.ack = l.s.acknowledge(l, r.seq, answer)
	if c.ask && answer == nil {
		return 200 // it has nothing to say, or nothing for us: it is there
	}
	if err != nil {
		return 488
	}
	l.local.Hold, l.local.Record = c.hold, local.Record
	l.sent = body
	if l.phase == legAnswered {
		l.remember()
		l.setRemote(remote)
	}
	return 200
}

// changed is the end of a change, or its pause: after a glare, or because the peer wants it later,
// in so many seconds.
func (l *leg) changed(c *sessionChange, code, later int) {
	if len(l.changes) == 0 || l.changes[0] != c || !l.changing {
		return
	}
	c.bound.stop()
	l.changing = false
	switch {
	case l.phase != legAnswered:
		return // whoever waits is told by gone
	case code == 491 && c.refused < mostGlare:
		l.pause(c, l.glare())
		return
	case code == 500 && later > 0 && later <= longestLater && c.refused < mostGlare:
		l.pause(c, time.Duration(later)*l.s.times.Second) // one of its own was open (RFC 3261 §14.2)
		return
	case code == 422 && l.timer.raised && !c.longer:
		l.timer.raised, c.longer = false, true
		l.nextChange()
		return
	}
	l.changes = l.changes[1:]
	c.done(code)
	if code == 408 || code == 481 {
		// The peer does not know the dialog any more, or is gone (RFC 3261 §12.2.1.2).
		l.finish(call.CauseFailed)
		l.bye()
		return
	}
	if code < 300 || c.told != l.record.wants { // a refusal is not argued with, but the next word is said
		l.indicate()
	}
	l.nextChange()
}

// pause tries a change again in a while. Nothing else of ours goes out meanwhile, but the peer's
// offer may come.
func (l *leg) pause(c *sessionChange, d time.Duration) {
	c.refused++
	l.changing, l.pausing = true, true
	l.s.after(d, func() { l.changing, l.pausing = false, false; l.nextChange() })
}

// glare is how long to wait after 491: the owner of the Call-ID longer than the other, so that the
// two do not meet again (RFC 3261 §14.1).
func (l *leg) glare() time.Duration {
	unit := l.s.times.Glare // 10 ms
	if l.invite == nil {
		return time.Duration(210+rand.IntN(191)) * unit
	}
	return time.Duration(rand.IntN(201)) * unit
}
