package sip

import (
	"strconv"
	"strings"

	"hotline/call"
)

// A provisional is a reliable provisional answer of ours that waits for its PRACK (RFC 3262 §3).
type provisional struct {
	number  uint32 // RSeq
	repeat  *repeater
	end     *alarm
	session bool // it carries a description
	offered bool // and that is an offer: the PRACK brings the answer
}

func (p *provisional) stop() {
	if p != nil {
		p.repeat.stop()
		p.end.stop()
	}
}

// progress gives a provisional answer above 100, reliably where the peer wants that, or where it
// can and the answer carries a description: a lost one would leave the caller in silence. One is
// on its way at a time; the others wait for its PRACK. The lock is held.
func (l *leg) progress(a answer) {
	reliable := l.mustPrack || l.canPrack && len(a.body) > 0
	if reliable && l.waits != nil {
		l.held18x = append(l.held18x, a)
		return
	}
	a.extra = append(a.extra, l.contact(), "Allow: "+l.s.allow(l.flow.side()))
	if !reliable {
		l.invite.reply(a)
		return
	}
	offered := false
	if l.offer == nil && !l.described {
		// The first reliable answer to an INVITE without an offer must have ours (RFC 3262 §5).
		a.body, offered = offerSDP(l.local), true
		l.sent = a.body
	}
	l.described = l.described || len(a.body) > 0
	l.numbered++
	a.extra = append(a.extra, "Require: 100rel", "RSeq: "+strconv.FormatUint(uint64(l.numbered), 10))
	l.invite.reply(a)
	l.waits = &provisional{
		number: l.numbered, session: len(a.body) > 0, offered: offered,
		repeat: l.s.repeat(l.invite.answer, l.invite.last, 0),
		end:    l.s.after(l.s.times.Life, l.unpracked),
	}
}

// unpracked ends a call whose peer asked for reliable answers and acknowledges none (RFC 3262 §3).
func (l *leg) unpracked() {
	l.waits.stop()
	if l.phase != legRinging {
		return
	}
	l.invite.reply(answer{code: 504})
	l.finish(call.CauseNoACK)
	l.forget()
}

// practised tells who waits to answer the call that nothing stands in the way. The lock is held.
func (l *leg) practised() {
	l.waits.stop()
	l.waits = nil
	if len(l.held18x) > 0 && l.phase == legRinging {
		a := l.held18x[0]
		l.held18x = l.held18x[1:]
		l.progress(a)
	}
	if l.settled != nil {
		close(l.settled)
		l.settled = nil
	}
}

// settling is a channel that is closed when the peer has acknowledged our description, nil if
// there is nothing to wait for: until then no 2xx may go out (RFC 3262 §5). The lock is held.
func (l *leg) settling() <-chan struct{} {
	if l.phase != legRinging || l.waits == nil || !l.waits.session {
		return nil
	}
	if l.settled == nil {
		l.settled = make(chan struct{})
	}
	return l.settled
}

// prack is the peer's acknowledgement of a reliable answer (RFC 3262 §3). It may bring the answer
// to our offer, or an offer of its own. The lock is held.
func (l *leg) prack(r *request, tx *serverTx) {
	number, ok := l.rack(r.draft.get("RAck"))
	if !ok {
		tx.reply(answer{code: 481})
		return
	}
	if l.waits == nil || l.waits.number != number {
		tx.reply(answer{code: 200}) // of one that a final answer has overtaken
		return
	}
	body, refusal, ok := sessionOf(r)
	if !ok {
		tx.reply(refusal)
		return
	}
	a := answer{code: 200}
	switch {
	case l.waits.offered:
		remote, err := acceptSDP(body, l.local)
		if err != nil {
			tx.reply(a)
			l.practised()
			l.invite.reply(answer{code: 488})
			l.finish(call.CauseFailed)
			l.forget()
			return
		}
		l.setRemote(remote)
	case body != nil && !l.described:
		tx.reply(answer{code: 488}) // its first offer is not answered: there is no second
		l.practised()
		return
	case body != nil:
		description, remote, err := answerAgainSDP(l.sent, body, l.local)
		if err != nil {
			tx.reply(answer{code: 488})
			l.practised()
			return
		}
		l.sent, a.body = description, description
		l.setRemote(remote)
	}
	tx.reply(a)
	l.practised()
}

// rack reads RAck: number, CSeq number and method of the answer that is acknowledged. It is ours
// if we have given that number to this INVITE.
func (l *leg) rack(value string) (uint32, bool) {
	f := strings.Fields(value)
	if len(f) != 3 || f[2] != "INVITE" || l.invite == nil {
		return 0, false
	}
	number, err1 := strconv.ParseUint(f[0], 10, 32)
	seq, err2 := strconv.ParseUint(f[1], 10, 32)
	ok := err1 == nil && err2 == nil && number >= 1 && number <= uint64(l.numbered) && uint32(seq) == l.invite.req.seq
	return uint32(number), ok
}
