package sip

import (
	"slices"

	"hotline/call"
)

// recordAware is the option tag of telephones that want to be told how a call is recorded (RFC 7866 §6.3). We
// are who records and tells them (§6.1), so it is none that we support: it would promise that we tell our
// users what the peer records, and to whom should a menu tell that.
const recordAware = "record-aware"

// A recordTold is what a telephone knows of the recording of its call.
type recordTold struct {
	aware      bool             // it wants to know
	wants      call.RecordState // what it is to know; empty: nothing
	preference string           // what it would like; empty: it has not said
}

// Indicate implements call.Indicator. Before the answer it changes that, after it a re-INVITE tells. A
// telephone that did not say that it is aware is told by the notice alone (RFC 7866 §6.1.2).
func (l *leg) Indicate(s call.RecordState) {
	l.s.locked("indicate", func() {
		l.record.wants = s
		switch {
		case !l.record.aware:
		case l.phase == legAnswered:
			l.indicate()
		case l.phase == legRinging && l.sent == nil:
			l.tellRecord()
			if l.offer == nil {
				return // ours is yet to be made
			}
			if answer, _, err := answerSDP(l.offer, l.local); err == nil { // as it was taken before
				l.answer = answer
			}
		}
	})
}

// Preference implements call.Indicator.
func (l *leg) Preference() (wish string) {
	l.s.locked("preference", func() { wish = l.record.preference })
	return wish
}

// tellRecord has the next description of ours say how the call is recorded. The lock is held.
func (l *leg) tellRecord() {
	l.local.Record = ""
	if l.record.aware {
		l.local.Record = l.record.wants
	}
}

// indicate sends an offer if the peer does not know yet how the call is recorded, unless one is waiting or
// on its way: what is so after that one is looked at then. The lock is held.
func (l *leg) indicate() {
	if !l.record.aware || l.record.wants == l.local.Record {
		return
	}
	if slices.ContainsFunc(l.changes, func(c *sessionChange) bool { return c.record }) {
		return
	}
	l.change(&sessionChange{record: true, method: "INVITE", done: func(int) {}})
}

// knows takes what a message of the peer says about recordings: that it is aware, and what it would like.
// The lock is held.
func (l *leg) knows(d *draft, body []byte) {
	l.record.aware = l.record.aware || listed(d, "Supported", recordAware)
	wish := l.record.preference
	if len(body) > 0 {
		wish = preferenceOf(body)
	}
	if wish == l.record.preference {
		return
	}
	l.record.preference = wish
	if l.phase == legAnswered {
		l.tell(call.LegEvent{Kind: call.LegPreference, Preference: wish})
	}
}
