package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hotline/control"
)

func someBoard(queues, operators int) control.Board {
	at := "2026-11-25T09:30:00.000Z"
	now, _ := time.Parse(time.RFC3339, at)
	lunch := "lunch"
	b := control.Board{At: &at}
	for i := range queues {
		q := control.BoardQueue{Name: fmt.Sprintf("queue%d", i), Waiting: i, Callbacks: 2, LongestWaitMS: 95_000}
		q.Today.Answered, q.Today.AnsweredWithin, q.Today.Abandoned, q.Today.AbandonedWithin, q.Today.AbandonedShort = 90, 81, 12, 3, 2
		q.Today = q.Today.WithLevels()
		b.Queues = append(b.Queues, q)
	}
	for i := range operators {
		o := control.Operator{Name: fmt.Sprintf("operator%d", i), State: boardStates[i%len(boardStates)], Since: now.Add(-time.Duration(i) * time.Minute)}
		if o.State == "paused" {
			o.Reason = &lunch
		}
		b.Operators = append(b.Operators, o)
		if i%3 == 2 {
			since := o.Since.Format(time.RFC3339)
			b.Pauses = append(b.Pauses, control.RecordingPause{Call: "c", Operator: &o.Name, By: "command", Who: "nigar", Reason: "a card number", Since: &since})
		}
	}
	return b
}

func TestTheBoardTells(t *testing.T) {
	text := strings.Join(boardLines(someBoard(2, 9), nil, 80, 24), "\n")
	for _, want := range []string{
		"1 waiting, 2 of 9 operators ready", // all queues, one state
		"QUEUE ", "OPERATORS  2 ready, 1 offered, 1 talking, 1 holding, 1 wrap_up, 1 paused,\n           1 unreachable, 1 offline\n",
		"1:35", // longest
		"81 %", // 81 of 90+12-2
		"90 %", // 81 of 90
		"82 %", // 84 of 102
		"lunch", "5:00",
		"NOT RECORDED  2:00  operator2, by nigar: a card number\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if a, b := strings.Index(text, "operator8"), strings.Index(text, "operator0"); a < 0 || a > b {
		t.Errorf("who has been ready longest is not first:\n%s", text)
	}
}

// However small the terminal and large the house: nothing wraps or scrolls.
func TestTheBoardFits(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {80, 10}, {40, 8}, {120, 40}, {200, 60}, {20, 5}, {1, 1}} {
		for _, house := range [][2]int{{0, 0}, {1, 3}, {3, 20}, {30, 5}, {30, 300}} {
			b := someBoard(house[0], house[1])
			lines := boardLines(b, nil, size[0], size[1])
			if len(lines) > size[1] {
				t.Errorf("%v in %v: %d lines", house, size, len(lines))
			}
			for _, l := range lines {
				if utf8.RuneCountInString(l) > size[0] {
					t.Errorf("%v in %v: %q", house, size, l)
				}
			}
		}
	}
	all := boardLines(someBoard(30, 300), nil, 80, 0)
	if text := strings.Join(all, "\n"); strings.Contains(text, "more lines") || !strings.Contains(text, "operator299") || !strings.Contains(text, "queue29") {
		t.Errorf("as text something is left out:\n%s", text)
	}
	small := strings.Join(boardLines(someBoard(30, 300), nil, 80, 24), "\n")
	if n := strings.Count(small, "more lines"); n != 2 || !strings.Contains(small, "queue5") || !strings.Contains(small, "operator") {
		t.Errorf("what is left out is told %d times:\n%s", n, small)
	}
}

func TestTheBoardOfAServerThatIsAway(t *testing.T) {
	var out bytes.Buffer
	for fault, want := range map[error]string{
		fmt.Errorf("%w: x", control.ErrNoServer): "NO SERVER",
		errors.New("the disk"):                   "NOT TOLD: the disk",
	} {
		out.Reset()
		if err := drawPlain(&out, someBoard(1, 1), fault); err != nil || !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "queue0") {
			t.Errorf("%v:\n%s", err, out.String())
		}
		if drawPlain(&out, control.Board{}, fault) != nil { // before anything was told
			t.Error("an empty board is not drawn")
		}
	}
}
