package app

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/line"
)

// hand is a clock that a test moves.
type hand struct{ at atomic.Int64 }

func newHand(at time.Time) *hand {
	h := &hand{}
	h.at.Store(at.UnixNano())
	return h
}

func (h *hand) now() time.Time       { return time.Unix(0, h.at.Load()) }
func (h *hand) move(d time.Duration) { h.at.Add(int64(d)) }

// gated starts a server on a folder, with a clock.
func gated(t *testing.T, dir string, h *hand, extra string) *App {
	t.Helper()
	a := startApp(t, Options{File: config(t, dir, extra), Now: h.now})
	t.Cleanup(func() { a.Close() })
	return a
}

func TestBlocks(t *testing.T) {
	h, dir := newHand(time.Now()), t.TempDir()
	a := gated(t, dir, h, "")
	const number = "+994501234567"
	barred := func(a *App, from string, withheld bool, want line.Barring) {
		t.Helper()
		if got := a.gate.Barred(call.Number(from), withheld); got != want {
			t.Errorf("%s (withheld %v) is barred by %q, want %q", from, withheld, got, want)
		}
	}
	barred(a, number, false, "")
	end := h.now().Add(time.Hour)
	if err := a.gate.Block(t.Context(), wire.NewBlock{Number: "0501234567", Reason: "threats", By: "chief", Until: &end}); err != nil {
		t.Fatal(err)
	}
	for _, spelling := range []string{number, "00994501234567", "0501234567"} {
		barred(a, spelling, false, line.Blocked)
	}
	barred(a, "+994501234568", false, "")
	barred(a, number, true, "") // nobody knows whose a withheld number is
	barred(a, "", false, "")
	a.Close()
	a = gated(t, dir, h, "") // a restart forgets nobody
	barred(a, number, false, line.Blocked)
	h.move(time.Hour)
	barred(a, number, false, "")
	if err := a.gate.Unblock(t.Context(), number, "chief"); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("a block that is over is lifted: %v", err)
	}
	if err := a.gate.Block(t.Context(), wire.NewBlock{Number: number, Reason: "again", By: "chief"}); err != nil {
		t.Fatal(err)
	}
	h.move(1000 * time.Hour)
	barred(a, number, false, line.Blocked)
	if err := a.gate.Unblock(t.Context(), "0501234567", "deputy"); err != nil {
		t.Fatal(err)
	}
	barred(a, number, false, "")
	list, err := a.gate.Blocks(t.Context(), true, false)
	if err != nil || len(list) != 2 || list[0].LiftedBy != "deputy" || list[0].Reason != "again" || list[0].Number != "***67" {
		t.Errorf("the list is %+v, %v", list, err)
	}
	past := h.now().Add(-time.Second)
	if err := a.gate.Block(t.Context(), wire.NewBlock{Number: number, Reason: "x", By: "y", Until: &past}); !errors.Is(err, desk.ErrInvalid) {
		t.Errorf("an end that is over: %v", err)
	}
}

func TestCallsAnHourFromOneNumber(t *testing.T) {
	h := newHand(time.Now())
	a := gated(t, t.TempDir(), h, "limits: {per_number_hour: 3}")
	const number = "+994501234567"
	call := func(want line.Barring) {
		t.Helper()
		if got := a.gate.Barred(number, false); got != want {
			t.Errorf("barred by %q, want %q", got, want)
		}
	}
	for range 3 {
		call("")
		h.move(time.Minute)
	}
	call(line.TooMany)
	if got := a.gate.Barred("+994501234568", false); got != "" {
		t.Errorf("another number is barred by %q", got)
	}
	h.move(65 * time.Minute)
	call("")
}

// An incident is told from the moment that it is switched on, in the words of a voice, over a restart, until its
// end; what cannot be told is not switched on.
func TestIncidents(t *testing.T) {
	h, dir := newHand(time.Now()), t.TempDir()
	voice, err := filepath.Abs("../prompts/clips/en/bye.wav")
	if err != nil {
		t.Fatal(err)
	}
	extra := "voices: {en: {command: [sh, -c, 'cp " + voice + " \"$1\"', sh, \"{wav}\", \"{text}\"]}}"
	a := gated(t, dir, h, extra)
	end := h.now().Add(time.Hour)
	set := func(in wire.Incident) error {
		return a.gate.SetIncident(t.Context(), wire.NewSwitch{By: "chief", Until: &end, Incident: &in})
	}
	for what, in := range map[string]wire.Incident{
		"nothing to say": {}, "a clip that is not there": {Clip: "own.nowhere"}, "a language without a voice": {Texts: map[string]string{"ru": "x"}},
		"a language of nobody": {Texts: map[string]string{"fr": "x"}},
	} {
		if err := set(in); !errors.Is(err, desk.ErrInvalid) || a.gate.Incident() != nil {
			t.Errorf("%s: %v, told %v", what, err, a.gate.Incident())
		}
	}
	if err := set(wire.Incident{Texts: map[string]string{"en": "The offices are closed."}, Instead: true}); err != nil {
		t.Fatal(err)
	}
	told := func(a *App) bool {
		in := a.gate.Incident()
		return in != nil && in.Instead && in.Clips["en"] != nil && in.Clips["en"].Duration() > time.Second
	}
	if !told(a) {
		t.Error("it is not told")
	}
	a.Close()
	if a = gated(t, dir, h, extra); !told(a) {
		t.Error("a restart has forgotten it")
	}
	h.move(time.Hour)
	if told(a) {
		t.Error("it is told after its end")
	}
	if err := a.gate.SetIncident(t.Context(), wire.NewSwitch{By: "chief", Incident: &wire.Incident{Clip: "closed.special"}}); err != nil || a.gate.Incident() == nil {
		t.Errorf("a clip of the catalogue: %v", err)
	}
	if err := a.gate.SwitchOff(t.Context(), switchIncident); err != nil || a.gate.Incident() != nil {
		t.Errorf("switched off, and told: %v", err)
	}
}

func TestAChallengeIsSwitchedOnAndOff(t *testing.T) {
	h, dir := newHand(time.Now()), t.TempDir()
	a := gated(t, dir, h, "")
	if a.gate.Challenge() {
		t.Fatal("it is on from the start")
	}
	if err := a.gate.SetChallenge(t.Context(), wire.NewSwitch{By: "chief"}); err != nil || !a.gate.Challenge() {
		t.Fatalf("not on: %v", err)
	}
	a.Close()
	if a = gated(t, dir, h, ""); !a.gate.Challenge() {
		t.Error("a restart has switched it off")
	}
	if err := a.gate.SwitchOff(t.Context(), switchChallenge); err != nil || a.gate.Challenge() {
		t.Errorf("not off: %v", err)
	}
}

// What callers answered is summed up by question, queue and language, beside how many were asked.
func TestSurveysAreSummedUp(t *testing.T) {
	a := gated(t, t.TempDir(), newHand(time.Now()), "")
	for i, value := range []int{5, 4, 0, 5} {
		for _, lang := range []call.Language{"az", "en"} {
			a.store.Opinion(call.Opinion{Call: call.ID(strings.Repeat("x", i+1) + string(lang)), Survey: "service", Question: "q", Queue: "general", Language: lang, Value: value, At: time.Now()})
		}
	}
	a.store.Opinion(call.Opinion{Call: "xaz", Survey: "service", Question: "q", Queue: "general", Language: "az", Value: 1, At: time.Now()}) // told twice
	sums, err := a.gate.Surveys(context.Background(), time.Now().Add(-time.Hour))
	if err != nil || len(sums) != 2 {
		t.Fatalf("%+v, %v", sums, err)
	}
	for _, s := range sums {
		if s.Asked != 4 || s.Answered != 3 || s.Mean == nil || *s.Mean < 4.66 || *s.Mean > 4.67 || s.Values["5"] != 2 {
			t.Errorf("%+v", s)
		}
	}
}
