package sip

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"hotline/media"
)

// reinvite decides an INVITE in the dialog: hold, resume, another address. What cannot be done
// is refused and the call goes on as it was (RFC 3261 §14.2). The lock is held.
func (l *leg) reinvite(r *request, tx *serverTx) {
	if l.phase == legRinging || len(l.okays) > 1 {
		// The one before it has no final answer, or more of them wait for their ACK than a
		// peer that follows the rules could have.
		tx.reply(later())
		return
	}
	if l.offering() {
		tx.reply(answer{code: 491}) // our offer is still to be answered (RFC 6337 §3.1.1)
		return
	}
	body, refusal, ok := l.sessionAgain(r)
	if !ok {
		tx.reply(refusal)
		return
	}
	l.knows(r.draft, body)
	if body == nil {
		l.tellRecord()
		l.offerAgain(r, tx)
		return
	}
	remote, ok := l.answerAgain(body)
	if !ok {
		tx.reply(answer{code: 488})
		return
	}
	l.refresh(r)
	l.remember()
	l.succeed(tx, l.sent, false)
	l.setRemote(remote)
}

// answerAgain answers an offer of the peer's in the dialog. One that cannot be taken leaves all as it was, what
// the peer knows of the recording too. The lock is held.
func (l *leg) answerAgain(offer []byte) (remote media.Remote, ok bool) {
	before := l.local
	l.tellRecord()
	description, remote, err := answerAgainSDP(l.sent, offer, l.local)
	if err != nil {
		l.local = before
		return remote, false
	}
	l.sent = description
	return remote, true
}

// later asks the peer to try again in a while of up to ten seconds (RFC 3261 §14.2).
func later() answer {
	return answer{code: 500, extra: []string{"Retry-After: " + strconv.Itoa(rand.IntN(11))}}
}

// offering says that an offer of ours is on its way: the peer's must not cross it.
func (l *leg) offering() bool {
	if l.phase == legRinging {
		// Ours in our INVITE, until a reliable answer; or in a reliable answer of ours, until its PRACK.
		return l.early != nil && l.early.body == nil || l.waits != nil && l.waits.offered
	}
	for _, o := range l.okays {
		if o.offered {
			return true
		}
	}
	return l.changing && !l.pausing && l.changes[0].crosses()
}

// sessionAgain is the description in a later request of the dialog, nil if it has none. Not ok:
// the refusal says why it cannot be had.
func (l *leg) sessionAgain(r *request) (body []byte, refusal answer, ok bool) {
	if tooShort(r.draft) {
		return nil, answer{code: 422, extra: []string{"Min-SE: " + strconv.Itoa(sessionLeast)}}, false
	}
	return sessionOf(r)
}

// update decides an UPDATE (RFC 3311): like an INVITE in the dialog, but answered once and for all,
// also before the call is. Without an offer it only refreshes. The lock is held.
func (l *leg) update(r *request, tx *serverTx) {
	body, refusal, ok := l.sessionAgain(r)
	if !ok {
		tx.reply(refusal)
		return
	}
	a := answer{code: 200}
	if body != nil {
		if l.offering() {
			tx.reply(answer{code: 491})
			return
		}
		if l.phase == legRinging && l.early == nil && (!l.described || l.waits != nil && l.waits.session) {
			tx.reply(later()) // its first offer is not answered, or it has not said so (RFC 3311 §5.2)
			return
		}
		l.knows(r.draft, body)
		remote, ok := l.answerAgain(body)
		if !ok {
			tx.reply(answer{code: 488})
			return
		}
		a.body = l.sent
		l.setRemote(remote)
		if l.early != nil {
			l.early.updated = true
		}
	}
	l.refresh(r)
	if l.phase == legAnswered {
		l.remember()
	}
	timer, _ := l.timer.answer(r.draft)
	a.extra = append(append([]string{l.contact()}, l.s.abilities(l.flow.side())...), timer...)
	tx.reply(a)
	if len(timer) > 0 && l.phase == legAnswered {
		l.timer.start()
	}
}

// offerAgain answers an INVITE without an offer: ours goes in the 200 and offers everything
// that we have (RFC 3261 §14.2).
func (l *leg) offerAgain(r *request, tx *serverTx) {
	l.refresh(r)
	l.sent = offerAgainSDP(l.sent, l.local)
	l.remember()
	l.succeed(tx, l.sent, true)
}

// refresh takes the peer's new Contact (RFC 3261 §12.2.2).
func (l *leg) refresh(r *request) {
	if uri := contactOf(r.draft); uri != "" {
		l.target = uri
	}
}

// infoRequest takes digits that come as messages; the media leg puts them together with those
// that come as sound. The lock is held.
func (l *leg) infoRequest(r *request, tx *serverTx) {
	kind, _, _ := strings.Cut(r.draft.get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch kind {
	case "application/dtmf-relay", "application/dtmf":
		digit, ok := infoDigit(kind, string(r.draft.body))
		if !ok {
			tx.reply(answer{code: 400})
			return
		}
		tx.reply(answer{code: 200})
		if sound := l.sound; l.phase == legAnswered && sound != nil {
			l.jobs.add(func() { sound.Press(digit) })
		}
	case "":
		tx.reply(answer{code: 200}) // a sign of life
	default:
		tx.reply(answer{code: 415, extra: []string{"Accept: application/dtmf-relay, application/dtmf"}})
	}
}

// infoDigit reads the body of an INFO: "Signal=5" with other lines round it, or the digit alone.
func infoDigit(kind, body string) (byte, bool) {
	value := strings.TrimSpace(body)
	if kind == "application/dtmf-relay" {
		value = ""
		for _, line := range strings.FieldsFunc(body, func(c rune) bool { return c == '\r' || c == '\n' }) {
			name, v, _ := strings.Cut(line, "=")
			if strings.EqualFold(strings.TrimSpace(name), "Signal") {
				value = strings.TrimSpace(v)
			}
		}
	}
	switch value {
	case "10": // Quirk: the event number of RFC 4733 instead of the sign
		return '*', true
	case "11":
		return '#', true
	case "12", "13", "14", "15":
		return 'A' + value[1] - '2', true
	}
	if len(value) == 1 && strings.Contains("0123456789*#ABCDabcd", value) {
		return strings.ToUpper(value)[0], true
	}
	return 0, false
}
