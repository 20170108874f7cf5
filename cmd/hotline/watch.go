package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"hotline/control"
)

type queueWatchCmd struct {
	fileFlag
	outFlag
	Once bool `help:"Show it once, as text, and end."`
}

func (queueWatchCmd) Help() string {
	return "A live board of queues and operators, drawn anew once a second; q ends it. Where the output is no terminal it is text, a block a second.\n\n" +
		"LEVEL is what was answered within the target today, of all who did not give up at once (short); OF ANSW. the same of those who were answered; OF ALL counts who gave up within the target as served, of all.\n\n" +
		"Example: hotline queue watch"
}

// watchEvery is how often the board is drawn.
const watchEvery = time.Second

func (c *queueWatchCmd) Run(t *terminal) error {
	client, err := running(c.Config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	plain := func(b control.Board, fault error) error { return drawPlain(t.out, b, fault) }
	if c.json() {
		plain = func(b control.Board, fault error) error {
			if fault != nil {
				return fault
			}
			return printJSON(t.out, b)
		}
	}
	if c.Once {
		board, err := client.Board(ctx)
		if err != nil {
			return err
		}
		return plain(board, nil)
	}
	if c.json() {
		return watch(ctx, client, plain)
	}
	screen, err := openScreen(t)
	if err != nil {
		return err
	}
	if screen == nil {
		return watch(ctx, client, func(b control.Board, fault error) error {
			return errors.Join(plain(b, fault), plainGap(t.out))
		})
	}
	defer screen.close()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	go screen.keys(ctx, quit)
	return watch(ctx, client, screen.draw)
}

// plainGap separates two boards of text.
func plainGap(w io.Writer) error {
	_, err := fmt.Fprintln(w)
	return err
}

// watch draws the board until ctx is done. A server that is away is told and asked again.
func watch(ctx context.Context, client *control.Client, draw func(control.Board, error) error) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last control.Board
	for {
		board, err := client.Board(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			last = board
		}
		if err := draw(last, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// plainWidth is that of the board as text.
const plainWidth = 80

func drawPlain(w io.Writer, b control.Board, fault error) error {
	_, err := io.WriteString(w, strings.Join(boardLines(b, fault, plainWidth, 0), "\n")+"\n")
	return err
}

// boardLines is the board in at most height lines of at most width columns; height 0: as many as it takes.
func boardLines(b control.Board, fault error, width, height int) []string {
	var at time.Time // none was told yet
	if b.At != nil {
		at, _ = time.Parse(time.RFC3339, *b.At)
	}
	lines := []string{boardTitle(b, at, fault, width), ""}
	queues := queueLines(b.Queues, width)
	operators := operatorLines(b.Operators, at, width)
	paused := pausedLines(b.Pauses, at)
	if height > 0 {
		if most := max(1, height/4); len(paused) > most {
			paused = append(paused[:most-1:most-1], fmt.Sprintf("NOT RECORDED  %d more talks", len(paused)-most+1))
		}
		room := max(2, height-len(lines)-1-len(paused))
		queues = fit(queues, max(2, min(len(queues), room-min(len(operators), room/2))))
		operators = fit(operators, max(2, room-len(queues)))
	}
	lines = append(append(append(append(lines, paused...), queues...), ""), operators...)
	if height > 0 && len(lines) > height {
		lines = lines[:height]
	}
	for i, l := range lines {
		lines[i] = strings.TrimRight(cut(l, width), " ")
	}
	return lines
}

// fit leaves so many lines, and says how many it has left out.
func fit(lines []string, room int) []string {
	if len(lines) <= room {
		return lines
	}
	return append(slices.Clone(lines[:room-1]), fmt.Sprintf("... %d more lines", len(lines)-room+1))
}

func boardTitle(b control.Board, at time.Time, fault error, width int) string {
	waiting, ready := 0, 0
	for _, q := range b.Queues {
		waiting += q.Waiting
	}
	for _, o := range b.Operators {
		if o.State == "ready" {
			ready++
		}
	}
	left, right := "hotline  "+at.Local().Format(time.TimeOnly), fmt.Sprintf("%d waiting, %d of %d operators ready", waiting, ready, len(b.Operators))
	switch {
	case errors.Is(fault, control.ErrNoServer):
		right = "NO SERVER, as of then"
	case fault != nil:
		right = "NOT TOLD: " + fault.Error()
	}
	return left + strings.Repeat(" ", max(2, width-len(left)-utf8.RuneCountInString(right))) + right
}

func queueLines(queues []control.BoardQueue, width int) []string {
	const columns = "%7s %8s %9s %8s %7s %6s %8s %6s"
	name := max(12, min(30, width-68))
	line := func(first string, rest ...any) string { return pad(first, name) + fmt.Sprintf(columns, rest...) }
	lines := []string{line("QUEUE", "WAITING", "LONGEST", "CALLBACKS", "ANSWERED", "GAVE UP", "LEVEL", "OF ANSW.", "OF ALL")}
	for _, q := range queues {
		longest := "-"
		if q.Waiting > 0 {
			longest = elapsed(time.Duration(q.LongestWaitMS) * time.Millisecond)
		}
		d := q.Today
		lines = append(lines, line(q.Name, fmt.Sprint(q.Waiting), longest, fmt.Sprint(q.Callbacks), fmt.Sprint(d.Answered), fmt.Sprint(d.Abandoned),
			share(d.Level), share(d.LevelAnswered), share(d.LevelAll)))
	}
	return lines
}

// pausedLines are the recordings that are paused: in whose talk, by whom, why, and for how long already.
func pausedLines(pauses []control.RecordingPause, at time.Time) (lines []string) {
	for _, p := range pauses {
		since := at
		if p.Since != nil {
			since, _ = time.Parse(time.RFC3339, *p.Since)
		}
		lines = append(lines, fmt.Sprintf("NOT RECORDED  %s  %s, by %s: %s", elapsed(at.Sub(since)), str(p.Operator), p.Who, p.Reason))
	}
	return lines
}

// states are those of operators, in the order of the board.
var boardStates = []string{"ready", "offered", "talking", "holding", "wrap_up", "paused", "unreachable", "offline"}

// operatorColumn is how wide one operator is.
const operatorColumn = 40

// operatorLines counts the operators by state, and shows each, by state, who has been in it longest
// first: in as many columns as there is room for.
func operatorLines(operators []control.Operator, at time.Time, width int) []string {
	by := map[string]int{}
	for _, o := range operators {
		by[o.State]++
	}
	var counts []string
	for _, s := range boardStates {
		if by[s] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", by[s], s))
		}
	}
	const heading = "OPERATORS  "
	lines := []string{heading}
	for i, c := range counts {
		if i < len(counts)-1 {
			c += ", "
		}
		if last := len(lines) - 1; len(lines[last])+len(c) <= width {
			lines[last] += c
		} else {
			lines = append(lines, strings.Repeat(" ", len(heading))+c)
		}
	}
	sorted := slices.Clone(operators)
	slices.SortStableFunc(sorted, func(a, b control.Operator) int {
		return cmp.Or(cmp.Compare(slices.Index(boardStates, a.State), slices.Index(boardStates, b.State)), a.Since.Compare(b.Since))
	})
	columns := max(1, width/operatorColumn)
	rows := (len(sorted) + columns - 1) / columns
	for r := range rows {
		var line strings.Builder
		for i := r; i < len(sorted); i += rows {
			line.WriteString(pad(operatorWords(sorted[i], at), operatorColumn-1) + " ")
		}
		lines = append(lines, line.String())
	}
	return lines
}

func operatorWords(o control.Operator, at time.Time) string {
	state := o.State
	if o.Reason != nil && o.State == "paused" {
		state = *o.Reason // which says more
	}
	return pad(o.Name, 14) + " " + pad(state, 12) + fmt.Sprintf("%9s", elapsed(at.Sub(o.Since)))
}

// elapsed is a span as a supervisor reads it: 0:07, 12:30, 1:02:03.
func elapsed(d time.Duration) string {
	s := int(max(0, d).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// share is a service level; a dash where nobody called.
func share(r *float64) string {
	if r == nil {
		return "-"
	}
	return percent(*r)
}

// cut leaves width columns of a line.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width])
}

// pad makes a word exactly so wide.
func pad(s string, width int) string {
	s = cut(s, width)
	return s + strings.Repeat(" ", width-utf8.RuneCountInString(s))
}
