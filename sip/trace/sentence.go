package trace

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/call"
)

// A teller puts what the floor decided into sentences, and keeps account of where a wait went.
type teller struct {
	waits []span // from being queued to an operator, or to the end
	rings []ring
	since map[string]time.Time // who is rung, and since when
	bad   int                  // offers missed since the caller was queued
}

type span struct{ from, to time.Time }

// A ring is one telephone that rang for the caller.
type ring struct {
	span
	operator string
	answered bool
}

// tell is the sentence for an event; empty: it is none of the floor's. Silent: it only repeats one.
func (t *teller) tell(e call.Event) (text string, silent bool) {
	d := e.Data
	who := d["operator"]
	switch e.Name {
	case "call.queued":
		if d["callback"] == "" { // else nobody waits on the line
			t.begin(e.At)
		}
		return queued(d), false
	case "call.offered":
		t.since[who] = e.At
		return offered(d), false
	case "call.offer_missed":
		rang := t.stop(who, e.At, false)
		t.bad++
		return missed(d, rang), false
	case "call.offer_withdrawn":
		if d["why"] == "overdue" { // the missed offer that follows says so
			return "", true
		}
		t.stop(who, e.At, false)
		return withdrawn(d), false
	case "call.relaxed":
		return fmt.Sprintf("less is needed now (step %s), after %s", d["step"], long(d["waited_ms"])), false
	case "call.overflowed":
		return fmt.Sprintf("operators of %s are asked, too, after %s", d["to"], long(d["waited_ms"])), false
	case "call.wait_expired":
		return fmt.Sprintf("has waited as long as one may: %s", long(d["waited_ms"])), false
	case "call.connected":
		t.stop(who, e.At, true)
		t.end(e.At)
		return t.connected(d), false
	case "call.abandoned", "call.ended":
		t.end(e.At)
	case "call.disposed":
		return fmt.Sprintf("%s says that it was about %s", who, d["topic"]), false
	case "callback.offered":
		return "is offered to be called back", false
	case "callback.requested":
		return "prefers to be called back: callback " + d["callback"], false
	case "callback.tried":
		return fmt.Sprintf("called back with %s: %s", who, tried(d["outcome"])), false
	case "callback.reached":
		return "is called back, and talks to " + who, false
	case "callback.missed":
		return fmt.Sprintf("was not reached, try %s; the next not before %s", d["try"], d["again"]), false
	case "callback.closed":
		return callbackClosed(d), false
	case "operator.state_changed":
		return "", d["why"] == "offered" || d["why"] == "answered"
	}
	return "", false
}

// tried is what a try to call somebody back came to, in words.
func tried(outcome string) string {
	switch outcome {
	case "reached":
		return "somebody is there"
	case "no_answer":
		return "nobody answered"
	case "declined":
		return "it is not wanted any more"
	case "no_key":
		return "whoever answered pressed no key, as mailboxes do"
	case "no_notice":
		return "the notice could not be played whole"
	case "operator":
		return "the operator hung up meanwhile"
	case "not_called":
		return "the call was not let out: a cap, or the hours of calls out"
	}
	return outcome
}

func (t *teller) begin(at time.Time) {
	if n := len(t.waits); n > 0 && t.waits[n-1].to.IsZero() {
		return
	}
	t.waits = append(t.waits, span{from: at})
	t.bad = 0
}

func (t *teller) end(at time.Time) {
	for _, who := range slices.Sorted(maps.Keys(t.since)) {
		t.stop(who, at, false)
	}
	if n := len(t.waits); n > 0 && t.waits[n-1].to.IsZero() {
		t.waits[n-1].to = at
	}
}

// stop ends the ringing of an operator's telephone and says how long it took.
func (t *teller) stop(who string, at time.Time, answered bool) time.Duration {
	from, rang := t.since[who]
	if !rang {
		return 0
	}
	delete(t.since, who)
	t.rings = append(t.rings, ring{span{from, at}, who, answered})
	return at.Sub(from)
}

// doing is what operators do, in the order in which it is told: one of them, and several.
var doing = []struct{ state, one, many string }{
	{"ready", "is free", "are free"}, {"offered", "is rung", "are rung"}, {"talking", "talks", "talk"},
	{"holding", "has somebody on hold", "have somebody on hold"}, {"wrap_up", "writes notes", "write notes"},
	{"paused", "pauses", "pause"}, {"unreachable", "does not react", "do not react"},
}

func queued(d map[string]string) string {
	text := "waits in " + d["queue"]
	switch {
	case d["callback"] != "":
		text = "will be called back, from " + d["queue"]
	case d["why"] != "entered" && d["why"] != "":
		text = "waits again in " + d["queue"]
	}
	if d["language"] != "" {
		text += " (" + d["language"] + ")"
	}
	text += ", place " + d["position"]
	total := 0
	var parts []string
	for _, k := range doing {
		n, _ := strconv.Atoi(d["staff_"+k.state])
		total += n
		switch {
		case n == 1:
			parts = append(parts, "1 "+k.one)
		case n > 1:
			parts = append(parts, fmt.Sprint(n, " ", k.many))
		}
	}
	if total == 0 {
		return text + "; nobody is there who could take it"
	}
	return fmt.Sprintf("%s; of %d who can take it: %s", text, total, strings.Join(parts, ", "))
}

func offered(d map[string]string) string {
	text, idle := "offered to "+d["operator"]+": ", "("+long(d["idle_ms"])+")"
	of := " of " + d["free"] + " free"
	switch {
	case d["free"] == "": // of a release that did not say why
		return "offered to " + d["operator"]
	case d["by"] == "last-operator":
		return text + "who had this caller last time"
	case d["free"] == "1":
		return text + "the only one free " + idle
	case d["by"] == "least-talk":
		return text + "has talked least" + of
	case d["by"] == "round-robin":
		return text + "the next in turn" + of
	case d["by"] == "ring-several":
		return text + "one of the longest idle " + idle + of
	case d["by"] == "level":
		return text + "knows best what is needed," + of
	}
	return text + "idle longest " + idle + of
}

func missed(d map[string]string, rang time.Duration) string {
	who, row := d["operator"], ""
	if n, _ := strconv.Atoi(d["in_row"]); n > 1 {
		row = fmt.Sprintf(", %d in a row", n)
	}
	switch d["why"] {
	case "busy":
		return who + " declined, or was busy" + row
	case "unreachable":
		return who + "'s telephone did not react" + row
	case "overdue":
		return fmt.Sprintf("nothing was heard of %s's telephone in %s%s", who, spoken(rang), row)
	}
	return fmt.Sprintf("%s did not answer in %s%s", who, spoken(rang), row)
}

func withdrawn(d map[string]string) string {
	who := d["operator"]
	switch d["why"] {
	case "elsewhere":
		return who + " need not answer any more: somebody else did"
	case "unregistered":
		return "taken back from " + who + ", whose telephone has signed off"
	case "paused":
		return "taken back from " + who + ", who pauses"
	case "hours_over":
		return "taken back from " + who + ": the hours are over"
	case "own_call":
		return "taken back from " + who + ", who makes a call"
	}
	return "taken back from " + who + ": " + strings.ReplaceAll(d["why"], "_", " ")
}

func (t *teller) connected(d map[string]string) string {
	text := fmt.Sprintf("given to %s after %s", d["operator"], long(d["waited_ms"]))
	switch {
	case t.bad == 1:
		text += " (one offer missed)"
	case t.bad > 1:
		text += fmt.Sprintf(" (%d offers missed)", t.bad)
	}
	if ms, err := strconv.ParseInt(d["estimate_error_ms"], 10, 64); err == nil {
		by := time.Duration(ms) * time.Millisecond
		switch {
		case by >= time.Second:
			text += ", " + spoken(by) + " later than was said"
		case by <= -time.Second:
			text += ", " + spoken(-by) + " sooner than was said"
		}
	}
	return text
}

func callbackClosed(d map[string]string) string {
	switch d["outcome"] {
	case "reached":
		return "was called back, " + long(d["waited_ms"]) + " after asking"
	case "failed":
		return "is not called any more: not reached in " + d["tries"] + " tries"
	}
	return "is not called any more"
}

// worthTelling is from which wait on it is accounted for.
const worthTelling = time.Second

// account says where the time of all waits went; empty: there was no wait to speak of. The parts add
// up to the whole.
func (t *teller) account() string {
	var total, free, vain, good time.Duration
	var idle, takers []string // who let it ring, and who did not
	for _, w := range t.waits {
		if w.to.IsZero() {
			continue
		}
		total += w.to.Sub(w.from)
		f, v, g := t.parts(w)
		free, vain, good = free+f, vain+v, good+g
	}
	for _, r := range t.rings {
		list := &idle
		if r.answered {
			list = &takers
		}
		if !slices.Contains(*list, r.operator) {
			*list = append(*list, r.operator)
		}
	}
	if total < worthTelling {
		return ""
	}
	var parts []string
	if free > 0 {
		parts = append(parts, "nobody was free for "+spoken(free))
	}
	if vain > 0 {
		parts = append(parts, fmt.Sprintf("rang in vain for %s (%s)", spoken(vain), strings.Join(idle, ", ")))
	}
	if good > 0 {
		parts = append(parts, fmt.Sprintf("rang %s until answered (%s)", spoken(good), strings.Join(takers, ", ")))
	}
	return fmt.Sprintf("why %s: %s", spoken(total), strings.Join(parts, "; "))
}

// parts divides one wait: nobody was rung, telephones rang in vain, the one that answered rang.
func (t *teller) parts(w span) (free, vain, good time.Duration) {
	edges := []time.Time{w.from, w.to}
	for _, r := range t.rings {
		edges = append(edges, r.from, r.to)
	}
	slices.SortFunc(edges, time.Time.Compare)
	for i := range edges[1:] {
		from, to := edges[i], edges[i+1]
		if from.Before(w.from) || to.After(w.to) {
			continue
		}
		rang, answered := false, false
		for _, r := range t.rings {
			if !r.from.After(from) && !r.to.Before(to) {
				rang, answered = true, answered || r.answered
			}
		}
		switch {
		case answered:
			good += to.Sub(from)
		case rang:
			vain += to.Sub(from)
		default:
			free += to.Sub(from)
		}
	}
	return free, vain, good
}

// long is milliseconds as people say them.
func long(ms string) string {
	n, _ := strconv.ParseInt(ms, 10, 64)
	return spoken(time.Duration(n) * time.Millisecond)
}

// spoken rounds to what a person wants to know: tenths below ten seconds, then seconds.
func spoken(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
