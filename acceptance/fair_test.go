//go:build acceptance

package acceptance

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A told is one event as it is written down.
type told struct {
	Seq  int64  `json:"seq"`
	Call string `json:"call"`
	At   int64  `json:"at"` // µs
	Name string `json:"name"`
	Text string `json:"data"`

	data map[string]string
}

// story reads the events of the whole shift from the database, in the order in which they were
// written, by a program that is not ours.
func (s *server) story(t *testing.T) []told {
	t.Helper()
	var rows []told
	calmly(t, 20*time.Second, "all events are in the database", func() bool {
		// A call came when its record says: the event is written a moment later.
		out, err := exec.Command("sqlite3", "-json", filepath.Join(s.data(), "hotline.db"),
			`SELECT seq, call, CASE name WHEN 'call.arrived' THEN (SELECT arrived FROM calls WHERE id = call) ELSE at END AS at, name, data
				FROM events ORDER BY seq`).Output()
		if err != nil {
			t.Fatalf("sqlite3: %v", err)
		}
		rows = nil
		if err := json.Unmarshal(out, &rows); err != nil {
			t.Fatalf("sqlite3: %v", err)
		}
		open := map[string]bool{}
		for _, r := range rows {
			switch r.Name {
			case "call.arrived":
				open[r.Call] = true
			case "call.ended":
				delete(open, r.Call)
			}
		}
		return len(open) <= len(s.interrupted())
	})
	for i := range rows {
		if err := json.Unmarshal([]byte(rows[i].Text), &rows[i].data); err != nil {
			t.Fatalf("event %d: %v", rows[i].Seq, err)
		}
	}
	return rows
}

// interrupted are the calls that a kill has ended, which have no event of their end.
func (s *server) interrupted() (list []record) {
	for _, r := range s.records() {
		if str(r.Outcome) == "interrupted" {
			list = append(list, r)
		}
	}
	return list
}

// A verdictOfShift is what the judge found.
type verdictOfShift struct {
	offers, talks, missed, turns, idles int
	wrong                               []string
}

func (v *verdictOfShift) object(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

// A judge keeps its own account of who has whom. It shares nothing with the queue: what it knows of
// the rules is written here.
type judge struct {
	verdictOfShift
	languages map[string]string // of operators
	kills     []int64           // when the process died, in µs; those to come
	callers   map[string]*judged
	staff     map[string]*staffed
}

// judged is a call between its arrival and its end.
type judged struct {
	arrived  int64
	language string
	waiting  bool
	ringing  string // operator
	talking  string
	enqueued int64
	ended    bool
}

// staffed is an operator.
type staffed struct {
	ringing, talking string // call
	ready            bool
	idle             int64 // since when
	rests, quiet     int64 // until
}

// Times that the rules give, in µs: a missed offer is followed by a rest, one that was taken back
// by a second of quiet; and what two clocks may differ by.
const (
	restTime, quietTime, doubt = 30_000_000, 1_000_000, 50_000
	bothDirections             = 5_000 // arrivals closer than that have no order that anybody saw
)

// judgeShift judges what was written down of a shift with one queue, where the longest idle of those
// who speak the language is offered the caller who arrived first.
func judgeShift(story []told, languages map[string]string, kills ...int64) verdictOfShift {
	j := &judge{languages: languages, kills: kills, callers: map[string]*judged{}, staff: map[string]*staffed{}}
	for name := range languages {
		j.staff[name] = &staffed{}
	}
	for _, e := range story {
		j.take(e)
	}
	for id, c := range j.callers {
		if !c.ended {
			j.object("call %s has arrived and never ended", id)
		}
	}
	return j.verdictOfShift
}

func (j *judge) take(e told) {
	if len(j.kills) > 0 && e.At >= j.kills[0] {
		j.kills = j.kills[1:]
		j.died()
	}
	c := j.callers[e.Call]
	o := j.staff[e.data["operator"]]
	switch e.Name {
	case "call.arrived":
		if c != nil {
			j.object("call %s arrives twice", e.Call)
		}
		j.callers[e.Call] = &judged{arrived: e.At}
	case "call.queued":
		c.waiting, c.language, c.enqueued = true, e.data["language"], e.At
		if name := c.talking; name != "" { // the operator is gone
			j.staff[name].talking, j.staff[name].idle, j.staff[name].rests = "", e.At, e.At+restTime
			c.talking = ""
		}
	case "call.offered":
		j.offered(e, c, o)
	case "call.offer_missed":
		j.missed++
		j.ends(c, o, e)
		o.idle, o.rests = e.At, e.At+restTime
	case "call.offer_withdrawn":
		j.ends(c, o, e)
		o.quiet = e.At + quietTime
	case "call.connected":
		j.talks++
		if c.ringing != e.data["operator"] || o.ringing != e.Call {
			j.object("event %d: call %s is given to %s, who was rung for %q while it rang %q", e.Seq, e.Call, e.data["operator"], o.ringing, c.ringing)
		}
		c.waiting, c.ringing, c.talking, o.ringing, o.talking = false, "", e.data["operator"], "", e.Call
	case "call.ended":
		j.over(e, c)
	case "operator.state_changed":
		j.changed(e, o)
	}
}

// died ends everything that a kill ends: nobody was there to write it down.
func (j *judge) died() {
	for _, c := range j.callers {
		*c = judged{arrived: c.arrived, ended: true}
	}
	for name, o := range j.staff { // whose rest outlives it
		j.staff[name] = &staffed{rests: o.rests}
	}
}

// ends is the end of an offer.
func (j *judge) ends(c *judged, o *staffed, e told) {
	if o.ringing != e.Call {
		j.object("event %d: %s of an offer that was not made", e.Seq, e.Name)
	}
	c.ringing, o.ringing = "", ""
}

func (j *judge) offered(e told, c *judged, o *staffed) {
	j.offers++
	name := e.data["operator"]
	switch {
	case !c.waiting || c.ringing != "" || c.talking != "":
		j.object("event %d: call %s is offered to %s while it rings %q or talks to %q", e.Seq, e.Call, name, c.ringing, c.talking)
	case o.ringing != "" || o.talking != "":
		j.object("event %d: %s is offered %s while being rung for %q or talking to %q", e.Seq, name, e.Call, o.ringing, o.talking)
	case !o.ready || max(o.rests, o.quiet) > e.At+doubt:
		j.object("event %d: %s is offered a call while not ready, or while resting", e.Seq, name)
	case !j.speaks(name, c.language):
		j.object("event %d: %s does not speak %s", e.Seq, name, c.language)
	}
	for id, other := range j.callers {
		if id == e.Call || !other.waiting || other.ringing != "" || !j.speaks(name, other.language) {
			continue
		}
		j.turns++
		if other.arrived < c.arrived-bothDirections {
			j.object("event %d: %s is offered %s, but %s came %d ms earlier", e.Seq, name, e.Call, id, (c.arrived-other.arrived)/1000)
		}
	}
	for other, p := range j.staff {
		if other == name || !p.ready || p.ringing != "" || p.talking != "" || max(p.rests, p.quiet) > e.At-doubt || !j.speaks(other, c.language) {
			continue
		}
		j.idles++
		if p.idle < o.idle-doubt {
			j.object("event %d: %s is offered to %s, but %s is idle for %d ms longer", e.Seq, e.Call, name, other, (o.idle-p.idle)/1000)
		}
	}
	c.ringing, o.ringing = name, e.Call
}

func (j *judge) speaks(operator, language string) bool {
	return slices.Contains(strings.Split(j.languages[operator], ","), language)
}

// over ends a call's part. Who rings for it is told so by nothing but its end.
func (j *judge) over(e told, c *judged) {
	if c.ended {
		j.object("call %s ends twice", e.Call)
	}
	for _, o := range j.staff { // who may ring for somebody else by now
		if o.ringing == e.Call {
			o.ringing = ""
		}
		if o.talking == e.Call {
			o.talking = ""
		}
	}
	*c = judged{arrived: c.arrived, ended: true}
}

func (j *judge) changed(e told, o *staffed) {
	from, to := e.data["from"], e.data["to"]
	o.ready = to == "ready"
	if to == "ready" && from != "offered" {
		o.idle = e.At
	}
	if e.data["why"] == "caller_left" { // told by the floor before the line tells of the end
		o.ringing = ""
	}
	if from == "talking" {
		o.talking = ""
	}
}

// The judge itself is judged: by a shift in which all is well, and by the same with one thing wrong.
func TestTheJudgeOfShifts(t *testing.T) {
	languages := map[string]string{"ann": "az", "bob": "az,ru"}
	well := func() []told {
		var at int64
		say := func(name, call string, pairs ...string) told {
			at += 1_000_000
			data := map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				data[pairs[i]] = pairs[i+1]
			}
			return told{Seq: at / 1_000_000, At: at, Call: call, Name: name, data: data}
		}
		return []told{
			say("operator.state_changed", "", "operator", "ann", "from", "offline", "to", "ready"),
			say("operator.state_changed", "", "operator", "bob", "from", "offline", "to", "ready"),
			say("call.arrived", "c1"), say("call.arrived", "c2"),
			say("call.queued", "c1", "language", "az"),
			say("call.offered", "c1", "operator", "ann"),
			say("operator.state_changed", "c1", "operator", "ann", "from", "ready", "to", "offered"),
			say("call.queued", "c2", "language", "az"),
			say("call.offered", "c2", "operator", "bob"),
			say("operator.state_changed", "c2", "operator", "bob", "from", "ready", "to", "offered"),
			say("call.offer_missed", "c2", "operator", "bob"),
			say("operator.state_changed", "", "operator", "bob", "from", "offered", "to", "ready"),
			say("call.connected", "c1", "operator", "ann"),
			say("operator.state_changed", "c1", "operator", "ann", "from", "offered", "to", "talking"),
			say("call.ended", "c1"),
			say("operator.state_changed", "", "operator", "ann", "from", "talking", "to", "ready"),
			say("call.offered", "c2", "operator", "ann"),
			say("operator.state_changed", "c2", "operator", "ann", "from", "ready", "to", "offered"),
			say("call.connected", "c2", "operator", "ann"),
			say("call.ended", "c2"),
		}
	}
	if v := judgeShift(well(), languages); len(v.wrong) > 0 || v.talks != 2 {
		t.Fatalf("a shift in which all is well: %+v", v)
	}
	for what, spoil := range map[string]func(s []told) []told{
		"an operator rung for two":         func(s []told) []told { s[8].data["operator"] = "ann"; return s },
		"a caller offered to two":          func(s []told) []told { s[8].Call = "c1"; return s },
		"one who does not speak it":        func(s []told) []told { s[4].data["language"] = "ru"; return s },
		"one who idles for less":           func(s []told) []told { s[5].data["operator"] = "bob"; return s },
		"one who rests":                    func(s []told) []told { s[16].data["operator"] = "bob"; return s },
		"a call that never ends":           func(s []told) []told { return s[:19] },
		"a talk with one who was not rung": func(s []told) []told { s[12].data["operator"] = "bob"; return s },
		"out of turn": func(s []told) []told {
			s[4], s[7] = s[7], s[4]
			s[3].At = s[2].At - 1_000_000 // c2 came first and waits while c1 is offered
			s[7].At, s[4].At = s[4].At, s[7].At
			s[8].Call, s[5].Call = "c1", "c1"
			return s
		},
	} {
		if v := judgeShift(spoil(well()), languages); len(v.wrong) == 0 {
			t.Errorf("%s: the judge sees nothing wrong", what)
		}
	}
}
