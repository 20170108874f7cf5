package sip

import (
	"net/url"
	"strings"

	"go.uber.org/zap"

	"hotline/call"
)

// refer decides a REFER in a dialog (RFC 3515). Only an operator's telephone may ask for a
// transfer, and only who is meant is taken from it, never a host: whom that calls decides the
// line. From a carrier it is refused, whatever it says: nobody outside sends a call elsewhere.
// The lock is held.
func (l *leg) refer(r *request, tx *serverTx) {
	if l.flow.side() == trunkSide || r.from.side() == trunkSide {
		l.s.log.Debug("a carrier asked for a transfer, which is refused",
			zap.String("call", string(l.info.Call)), zap.String("trunk", l.info.Trunk))
		l.s.security.note(eventTransferRefused, trunkSide, r.from.peer.Addr(), r.from.tcp != nil)
		tx.reply(answer{code: 403})
		return
	}
	to, replaces, ok := referTo(r.draft)
	switch {
	case !ok:
		tx.reply(answer{code: 400})
		return
	case l.phase != legAnswered:
		tx.reply(answer{code: 403})
		return
	case l.news.full():
		tx.reply(answer{code: 491}) // it does not listen to what it is told of the others
		return
	}
	quiet := strings.EqualFold(r.draft.get("Refer-Sub"), "false") // RFC 4488 §4
	accepted := answer{code: 202, extra: []string{l.contact()}}
	if quiet {
		accepted.extra = append(accepted.extra, "Refer-Sub: false")
	}
	tx.reply(accepted)
	n := l.news.subscribe(r.seq, quiet)
	t := &call.Transfer{To: to, Tell: func(code int) { l.s.locked("transfer", func() { n.tell(code) }) }}
	if replaces != "" {
		other, code := l.replaced(replaces)
		if code != 0 {
			// Not to the REFER itself: 481 there would say that this call does not exist.
			n.tell(code)
			return
		}
		t.Consult = other
	}
	if !l.tell(call.LegEvent{Kind: call.LegTransfer, Transfer: t}) {
		n.tell(503) // whoever reads the events is far behind
	}
}

// referTo reads Refer-To: the user part of its URI, unescaped, and the Replaces in its headers. A
// URI with other headers would have us write what somebody else chose, so it is none.
func referTo(d *draft) (user, replaces string, ok bool) {
	list := d.list("Refer-To")
	if len(list) != 1 {
		return "", "", false
	}
	uri, headers, _ := strings.Cut(inBrackets(list[0]), "?")
	u, good := parseURI(uri)
	if !good {
		return "", "", false
	}
	if method, asked := u.UriParams.Get("method"); asked && !strings.EqualFold(method, "INVITE") {
		return "", "", false // it wants something else done than a call
	}
	if user = userOf(u); user == "" || len(user) > maxNumber {
		return "", "", false
	}
	if headers == "" {
		return user, "", true
	}
	name, value, _ := strings.Cut(headers, "=")
	plain, err := url.PathUnescape(value)
	if err != nil || !strings.EqualFold(name, "Replaces") || strings.Contains(value, "&") || clean(plain) != plain {
		return "", "", false
	}
	return user, plain, true
}

// replaced is the other leg of the same telephone's user that a Replaces value names (RFC 3891 §3):
// the tags as whoever got it would see them, to-tag ours; or the status to refuse it with. The
// lock is held.
func (l *leg) replaced(value string) (other *leg, code int) {
	callID, params, _ := strings.Cut(value, ";")
	params = ";" + params
	to, from := paramAsWritten(params, "to-tag"), paramAsWritten(params, "from-tag")
	for _, key := range []dialogKey{
		{strings.TrimSpace(callID), to, from},
		{strings.TrimSpace(callID), from, to}, // Quirk: some telephones write them as they see them themselves
	} {
		other := l.s.dialogs[key]
		if other == nil || other == l || other.phase == legOver || other.flow.side() != phoneSide || other.info.User != l.info.User {
			continue
		}
		if other.phase == legAnswered && hasURIParam(params, "early-only") {
			return nil, 486 // only if it still rings
		}
		return other, 0
	}
	return nil, 481
}

// paramAsWritten is a parameter of a header value: tags are case-sensitive.
func paramAsWritten(value, name string) string {
	for _, p := range splitOutside(value, ';')[1:] {
		if key, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
