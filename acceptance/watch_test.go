//go:build acceptance

package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The board, while people call: it shows them, agrees with what Prometheus counts, ends on ^C, and
// after a kill the day goes on where it was.
func TestQueueWatch(t *testing.T) {
	s := newHouse(t, 6, "queues: [{name: general, wrap_up: 2s, target: 5s}]")
	var shown bytes.Buffer
	board := exec.Command(program(t), "queue", "watch", "--config", s.config)
	board.Stdout, board.Stderr = &shown, os.Stderr
	if err := board.Start(); err != nil {
		t.Fatal(err)
	}
	defer board.Process.Kill()
	s.workingDay(25 * time.Second)
	if err := board.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := board.Wait(); err != nil {
		t.Errorf("the board's end: %v", err)
	}
	best := ""
	for _, b := range strings.Split(shown.String(), "\n\nhotline") {
		if strings.Count(b, "talking") >= strings.Count(best, "talking") {
			best = b
		}
	}
	t.Logf("hotline%s", best)
	for _, want := range []string{"general ", "talking", " ready", "pause"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("the board never showed %q", want)
		}
	}
	type today struct{ Answered, Abandoned int }
	look := func() today {
		return ask[struct{ Queues []struct{ Today today } }](s, "queue", "watch", "--once").Queues[0].Today
	}
	before := look()
	answered := 0
	for _, l := range []string{"az", "en", "ru"} {
		answered += int(s.metric(`hotline_queue_answered_total{language="` + l + `",queue="general"}`))
	}
	if before.Answered == 0 || before.Answered != answered || before.Abandoned != int(s.metric(`hotline_queue_abandoned_total{queue="general"}`)) {
		t.Errorf("the board counts %+v, Prometheus %d answered", before, answered)
	}
	s.kill()
	s.start()
	if after := look(); after != before {
		t.Errorf("after a kill the day is %+v, was %+v", after, before)
	}
}
