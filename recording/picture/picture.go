package picture

import (
	"cmp"
	"fmt"
	"time"

	"hotline/recording"
)

// A Picture is what is drawn.
type Picture struct {
	Call     string
	Line     string
	Language string
	State    string         // of the recording: open, sealed or interrupted
	Opened   time.Time      // zero of the axis; zero: not known
	Zone     *time.Location // of the times of day; nil: UTC
	Length   time.Duration
	Sides    [2]string // who is to be heard above and below; empty: the caller, and what the caller hears
	Peaks    recording.Peaks
	Spans    []Span // by their beginning
	Marks    []Mark // by their time
}

// A Kind is what a Span is.
type Kind string

// The kinds of spans, each the word that stands for it in pictures and in JSON.
const (
	Notice Kind = "notice" // the caller is told of the recording
	Wait   Kind = "wait"   // in a queue, also while an operator is rung
	Hold   Kind = "hold"   // one of the two holds the other
	Pause  Kind = "pause"  // the recording was paused by somebody, with a reason
	Talk   Kind = "talk"   // joined to somebody
	Gap    Kind = "gap"    // a channel was not written
)

// Kinds are all of them, in the order of a legend.
var Kinds = []Kind{Notice, Wait, Talk, Hold, Pause, Gap}

// What a kind is, in words.
var words = map[Kind]string{
	Notice: "the caller is told of the recording", Wait: "waits in a queue", Talk: "talks to somebody",
	Hold: "on hold", Pause: "the recording is paused", Gap: "a channel is not written",
}

// About says what a kind is.
func (k Kind) About() string { return words[k] }

// A Span is a stretch of the recording.
type Span struct {
	Kind     Kind
	Channel  string // "left", "right"; empty: both
	From, To time.Duration
	Text     string // whose queue, which operator, what reason; may be empty
	Code     string // for who has words of their own: a gap's reason, who holds, the role of who talks
}

// Gaps are the stretches in which a channel, "left" or "right", was not written.
func (p Picture) Gaps(channel string) (list []Span) {
	for _, s := range p.Spans {
		if s.Kind == Gap && (s.Channel == "" || s.Channel == channel) {
			list = append(list, s)
		}
	}
	return list
}

// A Mark is a moment.
type Mark struct {
	At   time.Duration
	Text string
	Code string // transferring, transferred, handed_over, lost or emergency
}

// title names a span for those who point at it.
func (s Span) title() string {
	text := fmt.Sprintf("%s to %s: %s", Clock(s.From), Clock(s.To), s.Kind)
	if s.Channel != "" {
		text += " (" + s.Channel + ")"
	}
	if s.Text != "" {
		text += ", " + s.Text
	}
	return text
}

// label is what is written into a span where there is room.
func (s Span) label() string {
	switch {
	case s.Text == "" || s.Kind == Gap || s.Kind == Notice:
		return string(s.Kind)
	case s.Kind == Talk:
		return s.Text
	}
	return string(s.Kind) + ": " + s.Text
}

// sides are the names of the two channels.
func (p Picture) sides() (above, below string) {
	above, below = p.Sides[0], p.Sides[1]
	if above == "" {
		above = "caller"
	}
	if below == "" {
		below = "what the caller hears"
	}
	return above, below
}

// when is when the recording began, as people say it.
func (p Picture) when() string {
	if p.Opened.IsZero() {
		return "at a time that is not known"
	}
	return When(p.Opened, p.Zone)
}

// head is a line about the recording.
func (p Picture) head() string {
	text := "line " + cmp.Or(p.Line, "unknown")
	if p.Language != "" {
		text += ", " + p.Language
	}
	return text + ", " + Fine(p.Length) + " from " + p.when() + ", " + p.State
}
