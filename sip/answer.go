package sip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hotline/call"
	"hotline/media"
)

// An okay is a 2xx of ours that waits for its ACK.
type okay struct {
	repeat *repeater
	end    *alarm
	// offered says that the 2xx carried an offer, which the ACK answers.
	offered bool
}

// Ring implements call.Leg.
func (l *leg) Ring() {
	l.s.locked("ring", func() {
		if l.phase == legRinging && l.invite != nil {
			l.progress(answer{code: 180})
			l.remind()
		}
	})
}

// remind repeats the last provisional answer each minute, or a proxy between takes the call for
// dead (RFC 3261 §13.3.1.1); after timer C it is. The lock is held.
func (l *leg) remind() {
	if l.reminder != nil {
		return
	}
	end := time.Now().Add(l.s.times.Ringing)
	var again func()
	again = func() {
		if l.phase != legRinging {
			return
		}
		if time.Now().After(end) {
			l.invite.reply(answer{code: 408})
			l.finish(call.CauseFailed)
			l.forget()
			return
		}
		l.invite.again()
		l.reminder = l.s.after(l.s.times.Reminder, again)
	}
	l.reminder = l.s.after(l.s.times.Reminder, again)
}

// Progress implements call.Early: 183 with the answer to the peer's offer, so that it hears what
// the leg is played or joined to before the call is answered (RFC 3960). A peer that left the
// offer to us hears nothing before the answer, unless it asked for reliable answers.
func (l *leg) Progress(context.Context) error {
	l.s.locked("progress", func() {
		if l.phase == legRinging && l.offer != nil {
			l.connect()
		}
	})
	l.jobs.wait()
	sent := false
	l.s.locked("progress", func() {
		if l.phase != legRinging || l.invite == nil || l.sound == nil {
			return
		}
		sent = true
		a := answer{code: 183}
		if !l.described { // else it has all been said (RFC 6337 §2.2)
			l.sent, a.body = l.answer, l.answer
		}
		l.progress(a)
		l.remind()
	})
	if !sent {
		return call.ErrGone
	}
	return nil
}

var errUnfit = errors.New("this leg cannot be answered")

// Answer implements call.Leg.
func (l *leg) Answer(ctx context.Context) error {
	if l.sound == nil {
		return fmt.Errorf("answer leg %s: %w (%d)", l.info.ID, errUnfit, l.info.Unfit)
	}
	if !l.beginAnswer() {
		return call.ErrGone
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	offered := false
	l.s.locked("answer", func() {
		if offered = l.offer != nil || l.described; offered && l.phase == legRinging {
			l.connect()
		}
	})
	l.jobs.wait() // before the 200: the first sound of the peer must find us ready
	sent := false
	l.s.locked("answer", func() { sent = l.accept() })
	if !sent {
		return call.ErrGone
	}
	if offered {
		return nil
	}
	select {
	case <-l.acked:
		l.jobs.wait()
		select {
		case <-l.gone:
			return call.ErrGone
		default:
			return nil
		}
	case <-l.gone:
		return call.ErrGone
	case <-ctx.Done():
		return fmt.Errorf("answer leg %s: %w", l.info.ID, ctx.Err())
	}
}

// settle waits until the peer has acknowledged a description that we sent before the answer.
func (l *leg) settle(ctx context.Context) error {
	for {
		var wait <-chan struct{}
		l.s.locked("settle", func() { wait = l.settling() })
		if wait == nil {
			return nil
		}
		select {
		case <-wait:
		case <-l.gone:
			return call.ErrGone
		case <-ctx.Done():
			return fmt.Errorf("answer leg %s: %w", l.info.ID, ctx.Err())
		}
	}
}

// beginAnswer claims the answering of the leg.
func (l *leg) beginAnswer() bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.phase != legRinging || l.answering || l.s.closed {
		return false
	}
	l.answering = true
	return true
}

// accept sends the 200 of an incoming leg. The lock is held.
func (l *leg) accept() bool {
	if l.phase != legRinging {
		return false
	}
	body, offered := l.answer, false
	switch {
	case l.described: // offer and answer have been, in a reliable 18x and its PRACK (RFC 6337 §2.2)
		body = nil
	case l.offer == nil:
		body, offered = offerSDP(l.local), true // the offer is ours to make, the answer comes in the ACK (RFC 3261 §13.2.1)
	}
	l.phase = legAnswered
	l.waits.stop()
	l.reminder.stop()
	if body != nil {
		l.sent = body
	}
	l.remember()
	l.succeed(l.invite, body, offered)
	if !offered {
		l.tellHold()
	}
	l.indicate() // what has changed since the description was sent, before the answer
	return true
}

// succeed answers an INVITE, the first or a later one, by 200 and repeats it until the ACK
// (RFC 3261 §13.3.1.4). The lock is held.
func (l *leg) succeed(tx *serverTx, body []byte, offered bool) {
	tx.leg = l
	extra, _ := l.timer.answer(tx.req.draft)
	tx.reply(answer{code: 200, extra: append(append([]string{l.contact()}, l.s.abilities(l.flow.side())...), extra...), body: body})
	if len(extra) > 0 {
		l.timer.start()
	}
	l.okays[tx.req.seq] = &okay{
		offered: offered,
		repeat:  l.s.repeat(tx.answer, tx.last, l.s.times.T2),
		end: l.s.after(l.s.times.Life, func() {
			l.hasAck = true // nothing more to wait for
			l.dropOkays()
			if l.byeWaits {
				l.bye()
				return
			}
			l.finish(call.CauseNoACK)
			l.bye()
		}),
	}
}

func (l *leg) dropOkays() {
	for seq, o := range l.okays {
		o.repeat.stop()
		o.end.stop()
		delete(l.okays, seq)
	}
}

// acknowledged is the ACK of a 200. The lock is held.
func (l *leg) acknowledged(r *request) {
	o := l.okays[r.seq]
	if o == nil {
		return // a repeat
	}
	o.repeat.stop()
	o.end.stop()
	delete(l.okays, r.seq)
	first := !l.hasAck
	l.hasAck = true
	if l.byeWaits {
		l.byeWaits = false
		l.bye()
		return
	}
	if l.phase != legAnswered {
		return
	}
	if o.offered {
		l.offerAnswered(r, first)
	}
	if first {
		close(l.acked)
	}
	l.nextChange()
}

// offerAnswered takes the peer's answer to our offer from an ACK. One that cannot be used ends
// a call that has no sound yet, and changes nothing in one that has.
func (l *leg) offerAnswered(r *request, first bool) {
	body, _, ok := sessionOf(r)
	l.knows(r.draft, body)
	var remote media.Remote
	err := errNoCodec
	if ok && body != nil {
		remote, err = acceptSDP(body, l.local)
	}
	switch {
	case err == nil:
		l.setRemote(remote)
	case first:
		l.finish(call.CauseFailed)
		l.bye()
	}
}
