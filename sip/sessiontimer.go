package sip

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hotline/call"
)

// The intervals of session timers, in seconds: what we ask for, and the least we take (RFC 4028 §4, §5).
const (
	sessionExpires = 1800
	sessionLeast   = 90
)

// A sessionTimer keeps a dialog from outliving its peer (RFC 4028): one side refreshes the session
// at half of an interval, and where the refresh does not come the other says BYE.
type sessionTimer struct {
	l        *leg
	interval int // seconds; 0: none is agreed
	least    int // the peer's Min-SE
	ours     bool
	raised   bool // a 422 has told a larger Min-SE, which the next request takes
	refused  bool // the peer did not take our description as a refresh: it may say its own
	next     *alarm
	end      *alarm
}

// request are the headers of a request of ours that sets or refreshes the timer.
func (t *sessionTimer) request() []string {
	interval := max(t.interval, t.least)
	if interval == 0 {
		interval = sessionExpires
	}
	refresher := ""
	if t.interval != 0 {
		refresher = ";refresher=uas"
		if t.ours {
			refresher = ";refresher=uac"
		}
	}
	return []string{
		"Session-Expires: " + strconv.Itoa(interval) + refresher,
		"Min-SE: " + strconv.Itoa(max(sessionLeast, t.least)),
	}
}

// refusal notes what a 422 wants.
func (t *sessionTimer) refusal(r *response) {
	if least := seconds(r.draft.get("Min-SE")); r.StatusCode == 422 && least > t.least && least < 1<<20 {
		t.least, t.raised = least, true
	}
}

// agreed takes the interval from a 2xx to a request of ours.
func (t *sessionTimer) agreed(d *draft) {
	value := d.get("Session-Expires")
	interval := seconds(value)
	switch {
	case interval > 0:
		t.interval = max(interval, sessionLeast)
		t.ours = paramOf(value, "refresher") != "uas"
	case !t.ours:
		// No timer is wanted (any more, RFC 4028 §7.2); whether the peer lives is asked when it falls silent.
		t.off()
		return
	}
	// We who refresh go on as before where a 2xx forgets the header: it was a sign of life.
	t.start()
}

// off ends the timer: nothing is promised.
func (t *sessionTimer) off() {
	t.stop()
	t.interval, t.ours = 0, false
}

// start sets the timer anew.
func (t *sessionTimer) start() {
	t.stop()
	if t.l.phase != legAnswered {
		return
	}
	unit := t.l.s.times.Second
	whole := time.Duration(t.interval) * unit
	// RFC 4028 §10: BYE comes a little before the end.
	t.end = t.l.s.after(whole-min(32*unit, whole/3), t.expired)
	if t.ours {
		t.next = t.l.s.after(whole/2, t.refresh)
	}
}

func (t *sessionTimer) stop() {
	t.next.stop()
	t.end.stop()
}

// refresh keeps the session alive: by UPDATE where the peer takes it, which disturbs no offer, else
// by an INVITE that says what the last one said, or where that was refused by one that asks what
// the peer has to say. What fails is tried again until the session expires.
func (t *sessionTimer) refresh() {
	c := &sessionChange{refresh: true, method: "INVITE", ask: t.refused}
	if t.l.updates {
		c.method = "UPDATE"
	}
	c.done = func(code int) {
		switch {
		case code < 300:
			return
		case c.method == "UPDATE" && (code == 405 || code == 501):
			t.l.updates = false
			t.refresh()
			return
		case (code == 488 || code == 606) && !t.refused:
			t.refused = true
			t.refresh()
			return
		}
		t.next = t.l.s.after(time.Duration(t.interval)*t.l.s.times.Second/8, t.refresh)
	}
	t.l.change(c)
}

// expired ends a call whose session was not refreshed: the peer is gone, and so is everything
// between.
func (t *sessionTimer) expired() {
	l := t.l
	if l.phase != legAnswered {
		return
	}
	l.reason = `SIP;cause=408;text="Session expired"`
	l.finish(call.CauseFailed)
	l.bye()
}

// answer decides the timer of a request of the peer and gives the headers of our 2xx. Not ok: the
// interval is too short (422).
func (t *sessionTimer) answer(d *draft) (extra []string, ok bool) {
	value := d.get("Session-Expires")
	supported := listed(d, "Supported", "timer")
	interval := seconds(value)
	if tooShort(d) {
		return []string{"Min-SE: " + strconv.Itoa(sessionLeast)}, false
	}
	if !supported || (interval <= 0 && value != "") {
		t.off() // a peer that knows no timers, or no more, is left alone
		return nil, true
	}
	if interval == 0 {
		interval = max(sessionExpires, seconds(d.get("Min-SE")))
	}
	refresher := paramOf(value, "refresher")
	if refresher != "uac" {
		refresher = "uas" // it is left to us, and we are sure of ourselves
	}
	extra = []string{fmt.Sprintf("Session-Expires: %d;refresher=%s", interval, refresher)}
	if refresher == "uac" {
		extra = append(extra, "Require: timer") // RFC 4028 §9
	}
	t.interval, t.ours = interval, refresher == "uas"
	return extra, true
}

// tooShort says that a request wants a timer below what we take, and can be told so.
func tooShort(d *draft) bool {
	n := seconds(d.get("Session-Expires"))
	return n > 0 && n < sessionLeast && listed(d, "Supported", "timer")
}

// seconds reads delta-seconds with parameters behind; 0 if there are none.
func seconds(value string) int {
	number, _, _ := strings.Cut(value, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// paramOf is a parameter of a header value, in lower case.
func paramOf(value, name string) string {
	for _, p := range splitOutside(value, ';')[1:] {
		if key, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.ToLower(strings.TrimSpace(v))
		}
	}
	return ""
}

// listed says that a header's list has a word.
func listed(d *draft, header, word string) bool {
	for _, v := range d.list(header) {
		if strings.EqualFold(v, word) {
			return true
		}
	}
	return false
}
