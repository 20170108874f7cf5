package trace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hotline/call"
)

// A Story is what a ladder is drawn of.
type Story struct {
	Messages []Message
	Events   []call.Event // of the house
	ASCII    bool         // for terminals that know nothing else
}

// The measures of a ladder, in characters.
const (
	width     = 100
	firstLine = 11 // where the first lifeline stands: right of the time
	lastLine  = width - 1 - maxName/2
	mostGap   = 36 // between two lifelines
	maxName   = 20
	mostLines = 5 // more peers share the last one
)

// house is what our own lifeline is called.
const house = "hotline"

// A row is one line of the ladder: a message, with its repeats, or an event.
type row struct {
	at      time.Time
	message *Message
	times   int // how often it was on the wire
	event   *call.Event
}

// A lifeline is one telephone. Messages of one SIP Call-ID belong to one telephone; another
// Call-ID between the same two addresses does too.
type lifeline struct {
	name string
	role call.Role
	key  string
}

// Draw makes the ladder, in lines of at most 100 characters. A retransmission is folded into the
// message that it repeats.
func Draw(s Story) string {
	d := drawing{pen: unicodePen}
	if s.ASCII {
		d.pen = asciiPen
	}
	rows := rowsOf(s)
	if len(rows) == 0 {
		return ""
	}
	d.arrange(s.Messages)
	if len(s.Messages) > 0 {
		d.heads(s.Messages)
	}
	began := rows[0].at
	t := teller{since: map[string]time.Time{}}
	for _, r := range rows {
		if r.event == nil {
			d.row(r, r.at.Sub(began))
			continue
		}
		if text, silent := t.tell(*r.event); !silent {
			d.event(cmp.Or(text, asWritten(*r.event)), r.at.Sub(began))
		}
	}
	if text := t.account(); text != "" {
		d.event(text, -1)
	}
	return d.out.String()
}

// rowsOf puts messages and events in the order of time and folds repeats.
func rowsOf(s Story) (rows []*row) {
	seen := make(map[string]*row)
	events := slices.Clone(s.Events)
	slices.SortStableFunc(events, func(a, b call.Event) int { return a.At.Compare(b.At) })
	for i := range s.Messages {
		m := &s.Messages[i]
		key := fmt.Sprint(m.Sent, m.Remote, string(m.Bytes))
		if r := seen[key]; r != nil {
			r.times++
			continue
		}
		for len(events) > 0 && events[0].At.Before(m.At) {
			rows = append(rows, &row{at: events[0].At, event: &events[0]})
			events = events[1:]
		}
		seen[key] = &row{at: m.At, message: m, times: 1}
		rows = append(rows, seen[key])
	}
	for i := range events {
		rows = append(rows, &row{at: events[i].At, event: &events[i]})
	}
	return rows
}

// A pen is the characters that a ladder is drawn with.
type pen struct{ line, dash, right, left, cut, times, dot string }

var (
	unicodePen = pen{line: "│", dash: "─", right: "▶", left: "◀", cut: "…", times: "×", dot: "·"}
	asciiPen   = pen{line: "|", dash: "-", right: ">", left: "<", cut: "~", times: "x", dot: "*"}
)

type drawing struct {
	pen
	out   strings.Builder
	lines []lifeline     // from left to right, ours among them
	of    map[string]int // by SIP Call-ID: index in lines
	at    []int          // columns
	ours  int
}

// arrange finds the telephones and gives each its place: callers left of us, all others right, in
// the order in which they came.
func (d *drawing) arrange(ms []Message) {
	var left, right []lifeline
	keys := make(map[string]string) // by SIP Call-ID
	for _, m := range ms {
		id := header(m.Bytes, "Call-ID", "i")
		if keys[id] != "" {
			continue
		}
		l := lifeline{name: m.Peer, role: m.Role, key: fmt.Sprint(m.Role, m.Peer, m.Remote)}
		if l.name == "" {
			l.name = m.Remote.String()
		}
		keys[id] = l.key
		known := func(o lifeline) bool { return o.key == l.key }
		switch {
		case slices.ContainsFunc(left, known) || slices.ContainsFunc(right, known):
		case m.Role == call.RoleCaller:
			left = append(left, l)
		default:
			right = append(right, l)
		}
	}
	d.ours = len(left)
	d.lines = append(append(left, lifeline{name: house}), right...)
	d.of = make(map[string]int)
	for id, key := range keys {
		d.of[id] = min(slices.IndexFunc(d.lines, func(l lifeline) bool { return l.key == key }), max(mostLines-1, d.ours+1))
	}
	if most := max(mostLines, d.ours+2); len(d.lines) > most {
		d.lines = d.lines[:most]
		d.lines[most-1].name = "others"
	}
	gap := mostGap
	if n := len(d.lines) - 1; n > 0 {
		gap = min(gap, (lastLine-firstLine)/n)
	}
	for i := range d.lines {
		d.at = append(d.at, firstLine+i*gap)
	}
}

// heads writes who stands on which lifeline.
func (d *drawing) heads(ms []Message) {
	c := newCanvas()
	room := maxName
	if len(d.at) > 1 {
		room = min(room, d.at[1]-d.at[0]-2)
	}
	for i, l := range d.lines {
		name := d.fit(oneLine(l.name), room)
		c.put(d.at[i]-utf8.RuneCountInString(name)/2, name)
	}
	d.say(c)
	c = newCanvas() // by which way each is reached
	told := make(map[int]bool)
	for _, m := range ms {
		i := d.of[header(m.Bytes, "Call-ID", "i")]
		if told[i] || d.lines[i].name == "others" {
			continue
		}
		told[i] = true
		way := d.fit(m.Transport+" "+m.Remote.String(), room+4)
		c.put(max(0, d.at[i]-utf8.RuneCountInString(way)/2), way)
	}
	d.say(c)
}

// event writes what the house did or decided, over as many lines as it needs; a time below 0 is
// not written.
func (d *drawing) event(text string, after time.Duration) {
	text = oneLine(text)
	for first := true; text != ""; first = false {
		line := text
		if room := width - firstLine - 1; utf8.RuneCountInString(text) > room {
			r := []rune(text)
			if cut := strings.LastIndexByte(string(r[:room+1]), ' '); cut > 0 {
				line = text[:cut]
			} else {
				line = string(r[:room])
			}
		}
		text = strings.TrimSpace(text[len(line):])
		c := newCanvas()
		if first {
			if after >= 0 {
				c.put(0, clock(after))
			}
			c.put(firstLine-1, d.dot)
		}
		c.put(firstLine+1, d.fit(line, width))
		d.say(c)
	}
}

// asWritten is an event as it is in the journal.
func asWritten(e call.Event) string {
	text := e.Name
	for _, k := range slices.Sorted(maps.Keys(e.Data)) {
		if v := e.Data[k]; v != "" {
			text += " " + k + "=" + v
		}
	}
	return text
}

func clock(after time.Duration) string { return fmt.Sprintf("%8.3f", after.Seconds()) }

// row writes one message: what was, how long after the first.
func (d *drawing) row(r *row, after time.Duration) {
	c := newCanvas()
	c.put(0, clock(after))
	for _, x := range d.at {
		c.put(x, d.line)
	}
	peer := d.of[header(r.message.Bytes, "Call-ID", "i")]
	from, to := d.at[peer], d.at[d.ours]
	if r.message.Sent {
		from, to = to, from
	}
	a, b := min(from, to), max(from, to)
	c.put(a+1, strings.Repeat(d.dash, b-a-1))
	if to > from {
		c.put(to-1, d.right)
	} else {
		c.put(to+1, d.left)
	}
	text, tail := label(r.message.Bytes), ""
	if d.lines[peer].name == "others" {
		text = words(r.message.Peer+":", text)
	}
	if r.times > 1 {
		tail = fmt.Sprintf(" %s%d", d.times, r.times)
	}
	room := b - a - 1 - len("-> -") - 1
	text = " " + d.fit(oneLine(text), room-utf8.RuneCountInString(tail)) + tail + " "
	c.put(a+1+(b-a-1-utf8.RuneCountInString(text))/2, text)
	d.say(c)
}

// oneLine leaves out what is not printed: what a peer wrote must not move the terminal's cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// fit cuts a text to a number of characters; in ASCII all others are question marks.
func (d *drawing) fit(s string, room int) string {
	if d.pen == asciiPen {
		s = strings.Map(func(r rune) rune {
			if r > 0x7e {
				return '?'
			}
			return r
		}, s)
	}
	r := []rune(s)
	if len(r) <= room {
		return s
	}
	return string(r[:max(0, room-1)]) + d.cut
}

func (d *drawing) say(c canvas) {
	d.out.WriteString(strings.TrimRight(string(c), " "))
	d.out.WriteByte('\n')
}

// A canvas is one line.
type canvas []rune

func newCanvas() canvas { return []rune(strings.Repeat(" ", width)) }

// put writes a text over what is there; what does not fit is cut.
func (c canvas) put(at int, s string) {
	for _, r := range s {
		if at >= 0 && at < len(c) {
			c[at] = r
		}
		at++
	}
}
