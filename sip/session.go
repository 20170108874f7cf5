package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"hotline/call"
)

// A sessionChange is a request of ours that changes or refreshes the session of a dialog (RFC 3261 §14,
// RFC 3311). A leg sends one at a time.
type sessionChange struct {
	hold    bool   // what the offer says
	method  string // INVITE, or UPDATE without an offer where only the session is kept alive
	refused int    // how often the peer had one of its own on the way (491)
	ack     []byte // of the 2xx, for its repeats
	done    func(code int)
}

// offers says that the change carries an offer, which the peer's offers must not cross.
func (c *sessionChange) offers() bool { return c.method == "INVITE" }

// mostGlare is how often a change is tried again after 491; two sides that both wait at random do
// not meet five times.
const mostGlare = 5

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
	local := l.local
	local.Hold = c.hold
	o := l.outgoing(c.method)
	o.extra = append([]string{l.contact()}, l.s.abilities(l.flow.side())...)
	o.extra = append(o.extra, l.timer.request()...)
	if c.offers() {
		o.contentType, o.body = "application/sdp", l.describe(local)
	}
	l.s.ask(l.way(), o, func(r *response) { l.changeAnswered(c, local, o.body, r) }, func(code int) { l.changed(c, code) })
}

// describe is our offer now: with the version of the last description if it says the same, else
// with the next one (RFC 3264 §8).
func (l *leg) describe(local localSDP) []byte {
	local.Version = versionSDP(l.sent)
	body := offerSDP(local)
	if sameButOrigin(l.sent, body) {
		return body
	}
	local.Version++
	return offerSDP(local)
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
		l.changed(c, r.StatusCode)
		return
	}
	if uri := contactOf(r.draft); uri != "" {
		l.target = uri
	}
	if c.method == "INVITE" {
		c.ack = l.s.acknowledge(l, r.seq)
	}
	l.timer.agreed(r.draft, true)
	if !c.offers() {
		l.changed(c, 200)
		return
	}
	remote, err := acceptSDP(r.draft.body, local)
	if err != nil {
		// The peer agreed to nothing that we could read: the session stays what it was.
		l.changed(c, 488)
		return
	}
	l.local.Hold = c.hold
	l.sent = body
	if l.phase == legAnswered {
		l.setRemote(remote)
	}
	l.changed(c, 200)
}

// changed is the end of a change, or its pause after a glare.
func (l *leg) changed(c *sessionChange, code int) {
	if len(l.changes) == 0 || l.changes[0] != c || !l.changing {
		return
	}
	l.changing = false
	switch {
	case l.phase != legAnswered:
		return // whoever waits is told by gone
	case code == 491 && c.refused < mostGlare:
		c.refused++
		l.changing = true // nothing else of ours goes out meanwhile, but the peer's offer may come
		l.pausing = true
		l.s.after(l.glare(), func() { l.changing, l.pausing = false, false; l.nextChange() })
		return
	case code == 422 && l.timer.raised:
		l.timer.raised = false
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
	l.nextChange()
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
