package picture

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hotline/call"
	"hotline/recording"
)

// Of makes a Picture of a recording, and of the events of its call in the order in which they happened. Without
// events, waits and holds are those that the manifest's gaps tell of.
func Of(s recording.Seen, events []call.Event, zone *time.Location) Picture {
	p := Picture{
		Call: string(s.Call), Line: s.Line, Language: string(s.Language), State: s.State, Opened: s.Opened, Zone: zone, Length: s.Length(), Peaks: s.Peaks,
	}
	t := teller{p: &p, open: map[Kind]begun{}, told: map[Kind]bool{}}
	if n := s.Notice; n != nil {
		text := make([]string, len(n.Languages))
		for i, l := range n.Languages {
			text[i] = string(l)
		}
		if len(text) == 0 {
			text = []string{string(n.Language)}
		}
		t.span(Notice, "", n.From, n.To, strings.Join(text, ", "), "")
	}
	t.parties(s.Parties)
	for _, e := range events {
		t.event(e)
	}
	t.close(Wait, t.end())
	t.close(Hold, t.end())
	t.gaps(s.Gaps)
	slices.SortStableFunc(p.Spans, func(a, b Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	slices.SortStableFunc(p.Marks, func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
	return p
}

// A teller puts together what belongs together.
type teller struct {
	p    *Picture
	open map[Kind]begun // waits and holds that are not over
	told map[Kind]bool  // there was one in the events
}

type begun struct {
	from       time.Time
	text, code string
}

// end is when the sound ends.
func (t *teller) end() time.Time { return t.p.Opened.Add(t.p.Length) }

// at is a time of day on the axis.
func (t *teller) at(when time.Time) time.Duration {
	return min(max(0, when.Sub(t.p.Opened)), t.p.Length)
}

// span notes a stretch; one that is not on the axis is none. A zero to is the end.
func (t *teller) span(k Kind, channel string, from, to time.Time, text, code string) {
	if to.IsZero() {
		to = t.end()
	}
	s := Span{Kind: k, Channel: channel, From: t.at(from), To: t.at(to), Text: text, Code: code}
	if s.To > s.From {
		t.p.Spans = append(t.p.Spans, s)
	}
}

func (t *teller) mark(at time.Time, code, text string) {
	t.p.Marks = append(t.p.Marks, Mark{t.at(at), text, code})
}

func (t *teller) begin(k Kind, at time.Time, text, code string) {
	t.told[k] = true
	if _, on := t.open[k]; !on {
		t.open[k] = begun{at, text, code}
	}
}

func (t *teller) close(k Kind, at time.Time) {
	if b, on := t.open[k]; on {
		t.span(k, "", b.from, at, b.text, b.code)
	}
	delete(t.open, k)
}

// event takes what happened next.
func (t *teller) event(e call.Event) {
	d := e.Data
	switch e.Name {
	case "call.queued":
		if d["callback"] == "" { // else nobody waits on the line
			t.close(Hold, e.At)
			t.begin(Wait, e.At, d["queue"], "")
		}
	case "call.answered", "call.abandoned", "call.ended", "callback.requested": // not call.connected: they still wait
		t.close(Wait, e.At)
		t.close(Hold, e.At)
	case "call.held":
		if d["held"] == "yes" {
			t.begin(Hold, e.At, "by the "+cmp.Or(d["by"], "operator"), cmp.Or(d["by"], "operator"))
		} else {
			t.close(Hold, e.At)
		}
	case "call.operator_lost":
		t.close(Hold, e.At)
		t.mark(e.At, "lost", "the telephone of "+d["operator"]+" was lost")
	case "call.transferring":
		t.mark(e.At, "transferring", strings.TrimSpace(cmp.Or(d["from"], "the house")+" transfers to "+cmp.Or(d["to"], d["to_kind"])))
	case "call.transferred":
		t.close(Hold, e.At)
		t.mark(e.At, "transferred", "transfer to "+cmp.Or(d["to"], d["to_kind"])+": "+strings.ReplaceAll(cmp.Or(d["outcome"], "done"), "_", " "))
	case "call.handed_over":
		t.mark(e.At, "handed_over", "handed over to "+cmp.Or(d["to"], "somebody"))
	case "call.emergency":
		t.mark(e.At, "emergency", "emergency")
	}
}

// parties are the people on the line.
func (t *teller) parties(list []recording.Party) {
	for _, who := range list {
		if who.Channel == call.Said.String() {
			if who.Role == string(call.RoleOperator) { // a call of an operator's own
				t.p.Sides = [2]string{"operator " + who.Name, "what the operator hears"}
			}
			continue
		}
		t.span(Talk, "", who.From, who.To, cmp.Or(who.Name, who.Role), who.Role)
	}
}

// gaps are what was not written. Both channels at once are one span.
func (t *teller) gaps(list []recording.Gap) {
	var spans []recording.Gap
	both := map[int]bool{}
	for _, g := range list {
		twin := slices.IndexFunc(spans, func(o recording.Gap) bool {
			return o.Channel != g.Channel && o.From.Equal(g.From) && o.To.Equal(g.To) && o.Reason == g.Reason
		})
		if twin >= 0 && !both[twin] {
			both[twin] = true
			continue
		}
		spans = append(spans, g)
	}
	for i, g := range spans {
		channel := g.Channel.String()
		if both[i] {
			channel = ""
		}
		t.span(Gap, channel, g.From, g.To, Reason(g.Reason), g.Reason)
		switch {
		case g.Reason == "paused":
			t.span(Pause, "", g.From, g.To, g.Why, g.Reason)
		case g.Reason == "hold" && !t.told[Hold]:
			t.span(Hold, "", g.From, g.To, "", "")
		case g.Reason == "waiting" && !t.told[Wait]:
			t.span(Wait, "", g.From, g.To, "", "")
		}
	}
}

// reasons are those of gaps, in words.
var reasons = map[string]string{
	"before_notice": "before the notice was over", "no_notice": "no notice was heard whole", "hold": "on hold", "waiting": "nobody is joined",
	"secret": "a secret is read back", "emergency": "a talk with the emergency service", "disk": "the disk refused it", "overflow": "the disk was too slow",
	"paused": "the recording is paused", "codec": "a format that is not taken", "unknown": "not known after a crash",
}

// Reason is the reason of a gap in words.
func Reason(reason string) string {
	if text, ok := reasons[reason]; ok {
		return text
	}
	return strings.ReplaceAll(reason, "_", " ")
}
