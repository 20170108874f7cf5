package sip

import (
	"math"
	"strconv"
	"time"
)

// News is what a telephone is told of the transfers that it asked for in one dialog (RFC 3515
// §2.4.4). One NOTIFY is on its way at a time, so that they cannot overtake each other. They go on
// after the call, until the last is told. The server's lock guards it.
type news struct {
	l    *leg
	next []notice
	busy bool // a NOTIFY is not answered yet
	more bool // a REFER has been here

	goodbye func() // the BYE of ours that waits for the last word
	late    *alarm
}

// A notice is a status that is to be told of a transfer.
type notice struct {
	n    *notifier
	code int
}

// A notifier is the implicit subscription that a REFER begins.
type notifier struct {
	news  *news
	id    string // of the Event header: nothing for the first REFER of a dialog
	quiet bool   // it wants to hear nothing (RFC 4488)
	over  bool   // a final status was told, or nobody listens
	until time.Time
	last  *alarm
}

const (
	// referLife is how long a telephone is told of a transfer, in seconds. Nobody rings so long.
	referLife = 180

	// newsLimit is how long, in seconds, a BYE of ours waits for the telephone to have heard how its
	// transfer ended: one that hangs up first shows its user a transfer that failed.
	newsLimit = 1

	// mostNews bounds what waits to be told in one dialog. A transfer brings three at most.
	mostNews = 12
)

// subscribe begins to tell of a transfer: 100 at once.
func (w *news) subscribe(seq uint32, quiet bool) *notifier {
	s := w.l.s
	n := &notifier{news: w, quiet: quiet}
	if w.more { // RFC 3515 §2.4.6
		n.id = ";id=" + strconv.FormatUint(uint64(seq), 10)
	}
	w.more = true
	if quiet {
		return n
	}
	life := referLife * s.times.Second
	n.until = time.Now().Add(life)
	n.last = s.after(life, func() { n.tell(503) })
	n.tell(100)
	return n
}

// tell sends a status as soon as the one before is answered. After a final one it does nothing.
// The lock is held.
func (n *notifier) tell(code int) {
	if n.over || n.quiet {
		return
	}
	n.news.next = append(n.news.next, notice{n, code})
	if code >= 200 {
		n.end()
	}
	n.news.send()
}

// end takes no more statuses.
func (n *notifier) end() {
	n.over = true
	n.last.stop()
}

// full says that more waits to be told than a telephone that listens lets wait.
func (w *news) full() bool { return len(w.next) >= mostNews }

// send tells the next status, or says the BYE that waits.
func (w *news) send() {
	if w.busy {
		return
	}
	if len(w.next) == 0 {
		w.part()
		return
	}
	now := w.next[0]
	w.next = w.next[1:]
	w.busy = true
	w.l.s.ask(w.l.way(), w.notify(now), func(r *response) {
		if r.StatusCode >= 200 {
			w.heard(now.n, r.StatusCode)
		}
	}, func(code int) { w.heard(now.n, code) })
}

// notify writes a NOTIFY.
func (w *news) notify(x notice) outgoing {
	state := "terminated;reason=noresource"
	if x.code < 200 {
		left := math.Ceil(float64(time.Until(x.n.until)) / float64(w.l.s.times.Second))
		state = "active;expires=" + strconv.Itoa(max(0, int(left)))
	}
	o := w.l.outgoing("NOTIFY")
	o.extra = []string{w.l.contact(), "Event: refer" + x.n.id, "Subscription-State: " + state}
	o.contentType = "message/sipfrag;version=2.0"
	o.body = []byte("SIP/2.0 " + strconv.Itoa(x.code) + " " + phrase(x.code) + "\r\n")
	return o
}

// heard is the answer to a NOTIFY, or that there is none. Some answers mean that nobody wants to
// know of this transfer any more (RFC 6665 §4.2.2); the call has nothing to do with it.
func (w *news) heard(n *notifier, code int) {
	w.busy = false
	switch code {
	case 404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 503, 604:
		n.end()
		kept := w.next[:0]
		for _, x := range w.next {
			if x.n != n {
				kept = append(kept, x)
			}
		}
		w.next = kept
	}
	w.send()
}

// delay has a BYE of ours wait until all is told that is to be told, once. The lock is held.
func (w *news) delay(bye func()) bool {
	if w.late != nil || !w.busy && len(w.next) == 0 {
		return false
	}
	w.goodbye = bye
	w.late = w.l.s.after(newsLimit*w.l.s.times.Second, w.part)
	return true
}

// part says the BYE that has waited.
func (w *news) part() {
	if bye := w.goodbye; bye != nil {
		w.dismiss()
		bye()
	}
}

// dismiss forgets it: the telephone has hung up itself.
func (w *news) dismiss() {
	w.goodbye = nil
	w.late.stop()
}
