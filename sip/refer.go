package sip

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// refer decides a REFER in a dialog (RFC 3515). Only an operator's telephone may ask for a
// transfer, and only who is meant is taken from it, never a host: whom that calls decides the
// line. From a carrier it is refused, whatever it says: nobody outside sends a call elsewhere.
// The lock is held.
func (l *leg) refer(r *request, tx *serverTx) {
	if l.flow.side() == trunkSide {
		l.s.log.Warn("a carrier asked for a transfer, which is refused",
			zap.String("call", string(l.info.Call)), zap.String("trunk", l.info.Trunk))
		l.s.security.note(eventTransferRefused, trunkSide, r.from.peer.Addr(), r.from.tcp != nil)
		tx.reply(answer{code: 403})
		return
	}
	to, replaces, ok := referTo(r.draft)
	if !ok {
		tx.reply(answer{code: 400})
		return
	}
	if l.phase != legAnswered {
		tx.reply(answer{code: 403})
		return
	}
	quiet := strings.EqualFold(r.draft.get("Refer-Sub"), "false") // RFC 4488 §4
	accepted := answer{code: 202, extra: []string{l.contact()}}
	if quiet {
		accepted.extra = append(accepted.extra, "Refer-Sub: false")
	}
	tx.reply(accepted)
	n := l.subscribe(r.seq, quiet)
	l.news = n
	t := &call.Transfer{To: to, Tell: func(code int) { l.s.locked("transfer", func() { n.tell(code) }) }}
	if replaces != "" {
		other := l.replaced(replaces)
		if other == nil {
			// Not 481 to the REFER itself: that would say that this call does not exist.
			n.tell(481)
			return
		}
		t.Consult = other
	}
	l.tell(call.LegEvent{Kind: call.LegTransfer, Transfer: t})
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
// the tags as whoever got it would see them, to-tag ours. The lock is held.
func (l *leg) replaced(value string) *leg {
	callID, params, _ := strings.Cut(value, ";")
	params = ";" + params
	to, from := paramAsWritten(params, "to-tag"), paramAsWritten(params, "from-tag")
	for _, key := range []dialogKey{
		{strings.TrimSpace(callID), to, from},
		{strings.TrimSpace(callID), from, to}, // Quirk: some telephones write them as they see them themselves
	} {
		if other := l.s.dialogs[key]; other != nil && other != l && other.phase != legOver &&
			other.flow.side() == phoneSide && other.info.User == l.info.User {
			return other
		}
	}
	return nil
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

// A notifier tells a telephone what becomes of the transfer that it asked for: the implicit
// subscription of RFC 3515 §2.4.4. One NOTIFY is on its way at a time, so that they cannot
// overtake each other. The server's lock guards it.
type notifier struct {
	l     *leg
	id    string // of the Event header: nothing for the first REFER of a dialog
	quiet bool
	next  []int // status codes to be told
	busy  bool
	over  bool // a final one was told, or nobody listens
	last  *alarm

	goodbye func() // the BYE that waits for the last word
}

// referLife is how long a telephone is told of a transfer, in seconds. Nobody rings so long.
const referLife = 180

// subscribe begins to tell: 100 at once (RFC 3515 §2.4.4).
func (l *leg) subscribe(seq uint32, quiet bool) *notifier {
	n := &notifier{l: l, quiet: quiet}
	if l.referred {
		n.id = ";id=" + strconv.FormatUint(uint64(seq), 10)
	}
	l.referred = true
	n.tell(100)
	n.last = l.s.after(referLife*l.s.times.Second, func() { n.tell(503) })
	return n
}

// tell sends a status as soon as the one before is answered. The lock is held.
func (n *notifier) tell(code int) {
	if n.over || n.quiet {
		return
	}
	n.next = append(n.next, code)
	if code >= 200 {
		n.over = true
		n.last.stop()
	}
	n.send()
}

// waits says that something is still to be told, or to be heard by the telephone.
func (n *notifier) waits() bool { return n != nil && (n.busy || len(n.next) > 0) }

// newsLimit is how long a BYE of ours waits for the telephone to have heard how its transfer ended:
// one that hangs up first shows its user a transfer that failed.
const newsLimit = time.Second

func (n *notifier) send() {
	if n.busy || len(n.next) == 0 {
		if !n.busy && n.goodbye != nil {
			n.goodbye()
		}
		return
	}
	code := n.next[0]
	n.next = n.next[1:]
	n.busy = true
	o := n.l.outgoing("NOTIFY")
	state := "active;expires=" + strconv.Itoa(referLife)
	if code >= 200 {
		state = "terminated;reason=noresource"
	}
	o.extra = []string{n.l.contact(), "Event: refer" + n.id, "Subscription-State: " + state}
	o.contentType = "message/sipfrag;version=2.0"
	o.body = []byte("SIP/2.0 " + strconv.Itoa(code) + " " + phrase(code) + "\r\n")
	n.l.s.ask(n.l.way(), o, func(r *response) {
		if r.StatusCode < 200 {
			return
		}
		n.busy = false
		if r.StatusCode == 481 { // it does not want to know
			n.over, n.next = true, nil
		}
		n.send()
	}, func(int) { n.busy, n.over, n.next = false, true, nil; n.send() })
}
