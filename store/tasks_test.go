package store

import (
	"errors"
	"testing"
	"time"

	"hotline/call"
)

// Of two who move a callback at once one does, with everything that belongs to it; the other is told so.
func TestACallbackOfACaseIsMovedOnce(t *testing.T) {
	s := openIn(t, t.TempDir())
	at := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)
	c, _, err := s.OpenCase(t.Context(), call.Case{ID: "m1", Call: "c1", From: "+994505550100", Language: "ru", Matter: call.MatterComplaint, Opened: at, Due: at, Forward: at}, nil)
	must(t, err)
	if _, err := s.CaseTask(t.Context(), c.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("a case without a callback: %v", err)
	}
	answer := CaseChange{Entry: call.CaseEntry{At: at, By: "rena", What: "answer"}, State: call.CaseAnswered, Answer: "yes", Task: &call.CaseTask{Due: at, Made: at}}
	_, err = s.ChangeCase(t.Context(), c.Number, answer)
	must(t, err)
	was, err := s.CaseTask(t.Context(), c.ID)
	must(t, err)
	next := was
	next.Outcome, next.Ticket = call.TaskCalling, "b1"
	entry := []call.CaseEntry{{At: at, By: "hotline", What: "callback.tried"}}
	letter := []call.Letter{{Key: "m1/unreached", Way: "mail", Case: c.ID, Kind: "unreached", Made: at, Next: at}}
	for i, want := range []bool{true, false} {
		if moved, err := s.MoveCaseTask(t.Context(), was, next, entry, letter); moved != want || err != nil {
			t.Errorf("move %d: %v, %v", i+1, moved, err)
		}
	}
	_, err = s.ChangeCase(t.Context(), c.Number, answer) // who is being called is not called twice
	must(t, err)
	got, err := s.CaseTask(t.Context(), c.ID)
	must(t, err)
	if got != next || got.Call != "c1" || got.From != "+994505550100" || got.Language != "ru" {
		t.Errorf("it is %+v, want %+v", got, next)
	}
	tried := 0
	c, err = s.Case(t.Context(), c.ID)
	must(t, err)
	for _, e := range c.History {
		if e.What == "callback.tried" {
			tried++
		}
	}
	letters, err := s.Letters(t.Context(), at, 10)
	must(t, err)
	if tried != 1 || len(letters) != 1 {
		t.Errorf("%d lines of history and %d letters, want one of each", tried, len(letters))
	}
	next.Outcome, next.Ticket = call.TaskReached, ""
	if moved, err := s.MoveCaseTask(t.Context(), got, next, nil, nil); !moved || err != nil {
		t.Errorf("the end: %v, %v", moved, err)
	}
	for all, want := range map[bool]int{false: 0, true: 1} {
		if list, err := s.CaseTasks(t.Context(), all); err != nil || len(list) != want {
			t.Errorf("listed with all %v: %+v, %v", all, list, err)
		}
	}
}
