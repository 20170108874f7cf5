package queuelog

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/queue"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A day is a floor whose journal is told to a log.
type day struct {
	t       *testing.T
	state   *queue.State
	at      time.Time
	rows    []call.Decision
	records map[call.ID]call.Record
	events  map[call.ID][]call.Event
}

var rules = []queue.Rules{
	{
		Name: "general", Target: 20 * time.Second, Offer: 15 * time.Second, WrapUp: time.Second, ReadyOnRegister: true,
		Longest: 5 * time.Minute, Callback: queue.Callback{Tries: 3, Pause: time.Minute},
	},
	{Name: "tax", Target: 20 * time.Second, Offer: 15 * time.Second, ReadyOnRegister: true, Strategy: queue.RingSeveral, AtOnce: 2},
}

func newDay(t *testing.T) *day {
	d := &day{
		t: t, state: queue.New(nil), at: time.Unix(1795600000, 0).UTC(),
		records: map[call.ID]call.Record{}, events: map[call.ID][]call.Event{},
	}
	d.do(0, queue.RulesSet{Rules: rules})
	d.do(0, queue.OperatorsSet{Operators: []queue.Operator{
		{Name: "aysel", Queues: []string{"general"}}, {Name: "leyla", Queues: []string{"general", "tax"}}, {Name: "rena", Queues: []string{"tax"}},
	}})
	return d
}

// do lets time pass, with the ticks that fall due in it, and then the event happen.
func (d *day) do(after time.Duration, ev queue.Event) {
	d.t.Helper()
	until := d.at.Add(after)
	for {
		cmds := d.state.Step(queue.Tick{}, d.at)
		d.write(queue.Tick{}, cmds)
		wake := cmds[len(cmds)-1].(queue.Wake).At
		if wake.IsZero() || wake.After(until) {
			break
		}
		d.at = wake
	}
	d.at = until
	d.write(ev, d.state.Step(ev, d.at))
}

func (d *day) write(ev queue.Event, cmds []queue.Command) {
	d.t.Helper()
	kind, event, err := queue.EncodeEvent(ev)
	if err != nil {
		d.t.Fatal(err)
	}
	body, err := queue.EncodeCommands(cmds)
	if err != nil {
		d.t.Fatal(err)
	}
	d.rows = append(d.rows, call.Decision{At: d.at, Kind: kind, Event: event, Commands: body})
}

func (d *day) enter(after time.Duration, id call.ID, name string) {
	d.records[id] = call.Record{ID: id, From: "+000123456789"}
	d.do(after, queue.Entered{Ticket: queue.Ticket{Call: id, Queue: name, Arrived: d.at}})
}

func (d *day) leave(after time.Duration, id call.ID, by call.Party) {
	r := d.records[id]
	r.EndedBy, r.Outcome = by, call.Completed
	d.records[id] = r
	d.do(after, queue.Left{Call: id})
}

func (d *day) passed(id call.ID, from, to, toKind, kind, outcome string) {
	d.events[id] = append(d.events[id], call.Event{At: d.at, Call: id, Name: "call.transferred", Data: map[string]string{
		"from": from, "to": to, "to_kind": toKind, "kind": kind, "outcome": outcome,
	}})
}

func (d *day) told(o Options) string {
	d.t.Helper()
	o.Sources = Sources{
		Record: func(_ context.Context, id call.ID) (call.Record, bool) { r, ok := d.records[id]; return r, ok },
		Events: func(_ context.Context, id call.ID) []call.Event { return d.events[id] },
		Queues: func(operator string) []string {
			return map[string][]string{"aysel": {"general"}, "leyla": {"general", "tax"}, "rena": {"tax"}}[operator]
		},
	}
	var b bytes.Buffer
	l := New(&b, o)
	for _, row := range d.rows {
		if err := l.Tell(context.Background(), row); err != nil {
			d.t.Fatal(err)
		}
	}
	return b.String()
}

// everything has each event of the log at least once.
func everything(t *testing.T) *day {
	d := newDay(t)
	sec := time.Second
	d.do(0, queue.PhoneChanged{Operator: "aysel", Registered: true, Fresh: true})
	d.enter(10*sec, "c1", "general") // the caller hangs up
	d.do(4*sec, queue.Reported{Call: "c1", Operator: "aysel", Result: queue.Answered})
	d.leave(60*sec, "c1", call.ByCaller)
	d.enter(5*sec, "c2", "general") // the operator does
	d.do(2*sec, queue.Reported{Call: "c2", Operator: "aysel", Result: queue.Answered})
	d.leave(30*sec, "c2", call.ByOperator)
	d.enter(5*sec, "c3", "general") // rung in vain, then given up while it rings again
	d.enter(sec, "c4", "general")   // asks to be called back
	d.do(14*sec, queue.Reported{Call: "c3", Operator: "aysel", Result: queue.NoAnswer})
	d.do(31*sec, queue.Tick{})
	d.leave(4*sec, "c3", call.ByCaller)
	d.do(2*sec, queue.Reported{Call: "c4", Operator: "aysel", Result: queue.Busy})
	d.do(sec, queue.CallbackAsked{Ticket: queue.Ticket{Call: "cb", Party: "+000123456789", For: "c4"}})
	d.do(35*sec, queue.Reported{Call: "cb", Operator: "aysel", Result: queue.Answered})
	d.do(5*sec, queue.CallbackReached{Call: "cb"})
	d.leave(20*sec, "cb", call.ByCaller)
	d.do(5*sec, queue.Paused{Operator: "aysel", Reason: "lunch|break"})
	d.enter(0, "c5", "general") // waits as long as one may
	d.do(5*time.Minute+sec, queue.Tick{})
	d.leave(0, "c5", call.ByUs)
	d.enter(0, "c6", "general") // nobody is there: let go
	d.leave(3*sec, "c6", call.ByUs)
	d.do(sec, queue.Resumed{Operator: "aysel"})
	d.do(0, queue.PhoneChanged{Operator: "leyla", Registered: true, Fresh: true})
	d.do(0, queue.PhoneChanged{Operator: "rena", Registered: true, Fresh: true})
	d.enter(5*sec, "c7", "tax") // two are rung, one answers, and hands the caller on
	d.do(3*sec, queue.Reported{Call: "c7", Operator: "rena", Result: queue.Answered})
	d.do(20*sec, queue.Reserved{Operator: "leyla"})
	d.passed("c7", "rena", "leyla", "operator", "attended", "returned")
	d.passed("c7", "rena", "leyla", "operator", "attended", "done")
	d.do(5*sec, queue.Transferred{Call: "c7", To: "leyla"})
	d.passed("c7", "leyla", "general", "queue", "blind", "done")
	d.do(40*sec, queue.Transferred{Call: "c7"})
	d.enter(0, "c7", "general")
	d.do(3*sec, queue.Reported{Call: "c7", Operator: "aysel", Result: queue.Answered})
	d.do(10*sec, queue.Reported{Call: "c7", Operator: "aysel", Result: queue.Lost})
	d.do(2*sec, queue.Reported{Call: "c7", Operator: "leyla", Result: queue.Answered})
	d.enter(sec, "c8", "general")
	d.do(10*sec, queue.Restarted{}) // the process dies
	d.do(sec, queue.PhoneChanged{Operator: "aysel", Registered: true})
	d.do(0, queue.PhonesTold{})
	return d
}

func TestTheLogOfADay(t *testing.T) {
	d := everything(t)
	got := d.told(Options{})
	const path = "testdata/queue_log"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the log is:\n%s", got)
	}
	for _, event := range strings.Fields(`ENTERQUEUE CONNECT COMPLETEAGENT COMPLETECALLER ABANDON RINGNOANSWER RINGCANCELED EXITWITHTIMEOUT
		EXITWITHKEY EXITEMPTY ADDMEMBER REMOVEMEMBER PAUSE UNPAUSE BLINDTRANSFER ATTENDEDTRANSFER QUEUESTART`) {
		if !strings.Contains(got, "|"+event) {
			t.Errorf("there is no %s", event)
		}
	}
	form := regexp.MustCompile(`^\d{10}(\|[^|]+){3}\|[A-Z]+(\|[^|]*){0,5}$`)
	last := ""
	for _, line := range strings.Split(strings.TrimSpace(got), "\n") {
		if !form.MatchString(line) || line[:10] < last {
			t.Errorf("the line %q", line)
		}
		last = line[:10]
	}
	if strings.Contains(got, "123456789") {
		t.Error("a number is in the log")
	}
	if with := d.told(Options{Numbers: true}); !strings.Contains(with, "|ENTERQUEUE||+000123456789|1") {
		t.Errorf("no number is in the log that was to have them:\n%s", with)
	}
}

// Every call that entered leaves once for each time, and every talk is ended.
func TestTheLogBalances(t *testing.T) {
	open, talks := map[string]int{}, map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(everything(t).told(Options{})), "\n") {
		f := strings.Split(line, "|")
		switch f[4] {
		case "ENTERQUEUE":
			open[f[1]]++
		case "CONNECT":
			open[f[1]]--
			talks[f[1]+f[3]]++
		case "ABANDON", "EXITWITHTIMEOUT", "EXITWITHKEY", "EXITEMPTY":
			open[f[1]]--
		case "COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER", "ATTENDEDTRANSFER":
			talks[f[1]+f[3]]--
		}
	}
	for _, m := range []map[string]int{open, talks} {
		for what, n := range m {
			if n != 0 {
				t.Errorf("%s is open %d times at the end", what, n)
			}
		}
	}
}

// A log that begins in the midst says the same from there on.
func TestALogSinceATime(t *testing.T) {
	d := everything(t)
	whole := d.told(Options{})
	since := d.rows[len(d.rows)/2].At
	part := d.told(Options{Since: since})
	if !strings.HasSuffix(whole, part) || len(part) == 0 || len(part) > len(whole)*3/4 {
		t.Errorf("since %d:\n%s\nof\n%s", since.Unix(), part, whole)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestALogThatCannotBeWritten(t *testing.T) {
	d := everything(t)
	l := New(full{}, Options{Sources: Sources{Queues: func(string) []string { return []string{"general"} }}})
	var err error
	for _, row := range d.rows {
		if err = l.Tell(context.Background(), row); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("a full disk was not told")
	}
	unknown := call.Decision{Kind: "of next year", Event: []byte("{}"), Commands: []byte("[]")}
	if err := New(&bytes.Buffer{}, Options{}).Tell(context.Background(), unknown); err != nil {
		t.Errorf("a kind of a newer release: %v", err)
	}
}
