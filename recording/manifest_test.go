package recording

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// since is seconds after the answer, as a manifest has them.
func since(seconds float64) stamp {
	return stamp(answered.Add(time.Duration(seconds * float64(time.Second))))
}

// TestNothingEndsBeforeItBegins: what is still open ends with the call, and what began behind
// the last sound of a killed process ends where it began.
func TestNothingEndsBeforeItBegins(t *testing.T) {
	m := manifest{
		Gaps:    []gapLine{{From: since(9)}, {From: since(12)}, {From: since(1), To: since(2)}},
		Parties: []partyLine{{From: since(3)}, {From: since(11)}, {From: since(4), To: since(5)}},
	}
	m.end(time.Time(since(10)))
	if want := []gapLine{{From: since(1), To: since(2)}, {From: since(9), To: since(10)}, {From: since(12), To: since(12)}}; !slices.Equal(m.Gaps, want) {
		t.Errorf("the gaps are %v", m.Gaps)
	}
	if want := []partyLine{{From: since(3), To: since(10)}, {From: since(11), To: since(11)}, {From: since(4), To: since(5)}}; !slices.Equal(m.Parties, want) {
		t.Errorf("the parties are %v", m.Parties)
	}
}

// TestAConsultNamesItsCall, and a caller who is put through is heard with each in turn: the music
// between is a gap of its own.
func TestAConsultNamesItsCall(t *testing.T) {
	now := answered
	r := quietRecorder(t)
	r.now = func() time.Time { return now }
	g := newRecording(r, Meta{Call: "consult", Answered: answered, Linked: "caller"}, "x")
	g.Voice(true, "")
	g.Party(Party{Channel: "right", Role: "operator", Name: "aysel", From: now})
	now = now.Add(4 * time.Second)
	g.Voice(false, "transfer")
	now = now.Add(3 * time.Second)
	g.PartyLeft("operator", "aysel", now)
	g.Voice(true, "")
	g.Party(Party{Channel: "right", Role: "third", Name: "migration", From: now})
	m := g.manifest()
	if m.Linked != "caller" {
		t.Errorf("linked to %q", m.Linked)
	}
	if want := []gapLine{{"left", since(4), since(7), "transfer", ""}}; !slices.Equal(m.Gaps, want) {
		t.Errorf("the gaps are %v", m.Gaps)
	}
	want := []partyLine{
		{Channel: "right", Role: "operator", Name: "aysel", From: since(0), To: since(7)},
		{Channel: "right", Role: "third", Name: "migration", From: since(7)},
	}
	if !slices.Equal(m.Parties, want) {
		t.Errorf("the parties are %v", m.Parties)
	}
	text, err := json.Marshal(m)
	if err != nil || !strings.Contains(string(text), `"linked":"caller"`) {
		t.Errorf("the manifest is %s, %v", text, err)
	}
}

// TestGapsThatTouchAreOne, whichever comes first; others stay apart.
func TestGapsThatTouchAreOne(t *testing.T) {
	g := newRecording(quietRecorder(t), Meta{Call: call.NewID(), Answered: answered}, "x")
	second := time.Second
	for _, s := range []struct {
		ch       call.Channel
		from, to time.Duration
		reason   string
	}{
		{call.Said, 3 * second, 4 * second, "disk"},
		{call.Said, 4 * second, 5 * second, "disk"},
		{call.Said, 2 * second, 3 * second, "disk"},
		{call.Said, 3 * second, 3 * second, "disk"},
		{call.Heard, 5 * second, 6 * second, "disk"},
		{call.Said, 5 * second, 6 * second, "overflow"},
		{call.Said, 7 * second, 8 * second, "disk"},
		{call.Said, -second, second, "disk"},
	} {
		g.gap(s.ch, span{s.from, s.to}, s.reason)
	}
	want := []gapLine{
		{"left", since(2), since(5), "disk", ""}, {"right", since(5), since(6), "disk", ""},
		{"left", since(5), since(6), "overflow", ""}, {"left", since(7), since(8), "disk", ""}, {"left", since(0), since(1), "disk", ""},
	}
	if !slices.Equal(g.about.Gaps, want) {
		t.Errorf("the gaps are %v", g.about.Gaps)
	}
}

// TestOffForAnotherReason begins another gap; for the same it does not. Each channel has gaps of
// its own.
func TestOffForAnotherReason(t *testing.T) {
	r := quietRecorder(t)
	now := answered
	r.now = func() time.Time { return now }
	g := newRecording(r, Meta{Call: call.NewID(), Answered: answered}, "x")
	for _, s := range []struct {
		turn   func(bool, string)
		on     bool
		reason string
	}{
		{g.Voice, false, beforeNotice}, {g.Voice, false, "waiting"}, {g.Heard, false, "secret"}, {g.Heard, false, "secret"},
		{g.Heard, false, "emergency"}, {g.Voice, true, ""}, {g.Voice, true, ""}, {g.Heard, true, ""}, {g.Voice, false, "hold"},
	} {
		now = now.Add(time.Second)
		s.turn(s.on, s.reason)
	}
	want := []gapLine{
		{"left", since(0), since(2), beforeNotice, ""}, {"left", since(2), since(6), "waiting", ""}, {"left", since(9), stamp{}, "hold", ""},
		{"right", since(3), since(5), "secret", ""}, {"right", since(5), since(8), "emergency", ""},
	}
	if got := g.manifest().Gaps; !slices.Equal(got, want) {
		t.Errorf("the gaps are %v", got)
	}
}

// TestWhatIsNoSoundIsAGap: a frame in a coding that a WAV of ours cannot hold costs its 20 ms and
// says so; an empty one, and one too long for any network, cost nothing.
func TestWhatIsNoSoundIsAGap(t *testing.T) {
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, maxPayload + 1, 160} {
		g.Take(call.Frame{Channel: call.Heard, Codec: call.Codec(111), At: answered.Add(time.Second), Payload: make([]byte, n)})
	}
	r.serve(g)
	defer g.closeFiles()
	want := gapLine{"right", since(1), since(1.02), "codec", ""}
	if got := g.about.Gaps; len(got) != 1 || got[0] != want {
		t.Errorf("the gaps are %v", got)
	}
}
