// Package queuelog tells the floor's journal in the words of Asterisk's queue_log, which QueueMetrics
// and other reports read: one line an event, `epoch|call|queue|agent|EVENT|data…`. What each field
// holds is in docs/operating.md. It is a fold: the same journal always gives the same lines.
package queuelog

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/call"
	"hotline/queue"
)

// WarmUp is how far before the first line that is wanted a Log has to be told of: whoever waits or
// talks then has come in that time.
const WarmUp = 24 * time.Hour

// Sources is what the journal of the floor does not say.
type Sources struct {
	// Record is a call's record; false: there is none.
	Record func(context.Context, call.ID) (call.Record, bool)

	// Events are those of a call: to whom it was put through stands there.
	Events func(context.Context, call.ID) []call.Event

	// Queues are those that an operator serves.
	Queues func(operator string) []string
}

// Options are how the log is written.
type Options struct {
	Sources Sources
	Since   time.Time // lines from then on; zero: all
	Numbers bool      // callers' numbers stand in ENTERQUEUE
}

// A Log writes lines as it is told of decisions, in the order of the journal.
type Log struct {
	o     Options
	w     io.Writer
	err   error
	at    time.Time // of the decision that is told
	calls map[call.ID]*visit
	lines map[string][]call.ID // who waits, by queue, as they stand
}

// visit is a call in a queue.
type visit struct {
	queue    string
	place    int // in the queue, as it came
	entered  time.Time
	callback bool
	rings    map[string]time.Time // by operator
	operator string               // who talks
	held     time.Duration        // the wait before
	joined   time.Time
	told     bool // it has a line
}

// none is what Asterisk writes for a call or an agent that there is not.
const none = "NONE"

// New makes a log that is written to w.
func New(w io.Writer, o Options) *Log {
	return &Log{
		o: o, w: w, calls: map[call.ID]*visit{}, lines: map[string][]call.ID{},
	}
}

// Tell writes the lines of one decision. A decision of a release that knows more kinds is passed over.
func (l *Log) Tell(ctx context.Context, d call.Decision) error {
	cmds, err := queue.DecodeCommands(d.Commands)
	if err != nil {
		return nil
	}
	ev, err := queue.DecodeEvent(d.Kind, d.Event)
	if err != nil {
		return nil
	}
	l.at = d.At
	if _, ok := ev.(queue.Restarted); ok {
		l.line(none, none, none, "QUEUESTART")
	}
	for _, c := range cmds {
		l.command(ctx, c, ev)
	}
	if t, ok := ev.(queue.Transferred); ok && t.To != "" {
		l.transferred(ctx, t, cmds)
	}
	return l.err
}

func (l *Log) command(ctx context.Context, c queue.Command, ev queue.Event) {
	switch c := c.(type) {
	case queue.Queued:
		l.queued(ctx, c)
	case queue.Offered:
		if v := l.calls[c.Call]; v != nil {
			v.rings[c.Operator] = l.at
		}
	case queue.Missed:
		l.rang(c.Call, c.Operator, "RINGNOANSWER")
	case queue.Withdrawn:
		if c.Why != queue.WhyOverdue { // the missed offer follows
			l.rang(c.Call, c.Operator, "RINGCANCELED")
		}
	case queue.Connected:
		l.connected(ctx, c)
	case queue.Abandoned:
		l.abandoned(ctx, c)
	case queue.Finished:
		l.finished(ctx, c.Call, ev)
	case queue.OperatorChanged:
		if c.To == queue.OperatorTalking && c.Call != "" {
			l.leaves(c.Call)
		}
		l.operator(c)
	}
}

// line writes one, if it is wanted.
func (l *Log) line(id, name, agent, event string, data ...any) {
	if l.err != nil || l.at.Before(l.o.Since) {
		return
	}
	var b strings.Builder
	b.WriteString(strconv.FormatInt(l.at.Unix(), 10))
	for _, field := range append([]any{id, name, agent, event}, data...) {
		b.WriteByte('|')
		b.WriteString(strings.Map(func(r rune) rune {
			if r == '|' || r == '\n' || r == '\r' {
				return '_'
			}
			return r
		}, fmt.Sprint(field)))
	}
	b.WriteByte('\n')
	_, l.err = io.WriteString(l.w, b.String())
}

func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

func (l *Log) queued(ctx context.Context, c queue.Queued) {
	line := l.lines[c.Queue]
	l.lines[c.Queue] = slices.Insert(line, min(c.Position-1, len(line)), c.Call)
	if v := l.calls[c.Call]; v != nil { // the operator is lost
		if v.operator != "" {
			l.complete(c.Call, v, "COMPLETEAGENT")
		}
		if c.Callback {
			return
		}
	}
	v := &visit{queue: c.Queue, place: c.Position, entered: l.at, callback: c.Callback, rings: map[string]time.Time{}}
	l.calls[c.Call] = v
	if !c.Callback {
		l.enters(ctx, c.Call, v)
	}
}

func (l *Log) enters(ctx context.Context, id call.ID, v *visit) {
	number := ""
	if l.o.Numbers {
		if r, ok := l.o.Sources.Record(ctx, id); ok {
			number = r.From.Raw()
		}
	}
	v.told = true
	l.line(string(id), v.queue, none, "ENTERQUEUE", "", number, v.place)
}

// leaves takes a call out of its queue's line, and says where it stood.
func (l *Log) leaves(id call.ID) int {
	v := l.calls[id]
	if v == nil {
		return 0
	}
	line := l.lines[v.queue]
	i := slices.Index(line, id)
	if i < 0 {
		return v.place
	}
	l.lines[v.queue] = slices.Delete(line, i, i+1)
	return i + 1
}

// cancel tells of all telephones that still ring.
func (l *Log) cancel(id call.ID, v *visit) {
	for _, operator := range slices.Sorted(maps.Keys(v.rings)) {
		l.rang(id, operator, "RINGCANCELED")
	}
}

// rang tells of a telephone that does not ring any more.
func (l *Log) rang(id call.ID, operator, event string) {
	v := l.calls[id]
	if v == nil {
		return
	}
	from, ok := v.rings[operator]
	if !ok {
		return
	}
	delete(v.rings, operator)
	if v.told { // for somebody who is to be called back, a line would be of no call
		l.line(string(id), v.queue, operator, event, l.at.Sub(from).Milliseconds())
	}
}

func (l *Log) connected(ctx context.Context, c queue.Connected) {
	v := l.calls[c.Call]
	if v == nil {
		return
	}
	l.leaves(c.Call)
	ring := time.Duration(0)
	if from, ok := v.rings[c.Operator]; ok {
		ring = l.at.Sub(from)
		delete(v.rings, c.Operator)
	}
	held := c.Waited
	if c.Callback { // nobody waited on the line
		held, v.place = 0, 1
		l.enters(ctx, c.Call, v)
	}
	l.joins(c.Call, v, c.Operator, held, ring)
}

func (l *Log) joins(id call.ID, v *visit, operator string, held, ring time.Duration) {
	v.operator, v.held, v.joined = operator, held, l.at
	l.line(string(id), v.queue, operator, "CONNECT", seconds(held), id, seconds(ring))
}

// complete ends a talk.
func (l *Log) complete(id call.ID, v *visit, event string) {
	l.line(string(id), v.queue, v.operator, event, seconds(v.held), seconds(l.at.Sub(v.joined)), v.place)
	v.operator = ""
}

func (l *Log) abandoned(ctx context.Context, c queue.Abandoned) {
	v := l.calls[c.Call]
	if v == nil {
		return
	}
	l.cancel(c.Call, v)
	event := "ABANDON"
	if c.Expired {
		event = "EXITWITHTIMEOUT"
	} else if r, ok := l.o.Sources.Record(ctx, c.Call); ok && r.EndedBy == call.ByUs && r.Outcome != call.Interrupted {
		event = "EXITEMPTY" // nobody was logged in, and the queue lets go then
	}
	l.line(string(c.Call), v.queue, none, event, l.leaves(c.Call), v.place, seconds(c.Waited))
	v.told = false // nothing more is told of it
}

// finished tells how a call's part ended, where nothing else has.
func (l *Log) finished(ctx context.Context, id call.ID, ev queue.Event) {
	v := l.calls[id]
	if v == nil {
		return
	}
	at := l.leaves(id)
	delete(l.calls, id)
	l.cancel(id, v)
	switch ev := ev.(type) {
	case queue.CallbackAsked:
		if id == ev.Ticket.For {
			l.line(string(id), v.queue, none, "EXITWITHKEY", "callback", at, v.place, seconds(l.at.Sub(v.entered)))
		}
		return
	case queue.Transferred:
		if v.operator != "" {
			l.handsOn(ctx, id, v)
		}
		return
	}
	switch {
	case v.operator != "":
		event := "COMPLETECALLER"
		if r, ok := l.o.Sources.Record(ctx, id); ok && r.EndedBy == call.ByOperator {
			event = "COMPLETEAGENT"
		}
		l.complete(id, v, event)
	case v.told && !v.callback && v.joined.IsZero(): // the process ended
		l.line(string(id), v.queue, none, "ABANDON", at, v.place, seconds(l.at.Sub(v.entered)))
	}
}

// transferred tells of a call that goes on with another operator. For them it begins anew, with no
// wait: their talk is theirs.
func (l *Log) transferred(ctx context.Context, t queue.Transferred, cmds []queue.Command) {
	v := l.calls[t.Call]
	stood := slices.ContainsFunc(cmds, func(c queue.Command) bool { r, ok := c.(queue.Replied); return ok && r.Stood })
	if v == nil || v.operator == "" || !stood {
		return
	}
	l.handsOn(ctx, t.Call, v)
	v.place, v.entered = 1, l.at
	l.enters(ctx, t.Call, v)
	l.joins(t.Call, v, t.To, 0, 0)
}

// handsOn ends a talk by a transfer. How it was done, and to whom, stands in the call's own events.
func (l *Log) handsOn(ctx context.Context, id call.ID, v *visit) {
	to, kind := "", ""
	for _, e := range l.o.Sources.Events(ctx, id) {
		if e.Name == "call.transferred" && e.Data["outcome"] == "done" && e.Data["from"] == v.operator && !e.At.After(l.at.Add(time.Second)) {
			to, kind = cmp.Or(e.Data["to"], e.Data["to_kind"]), e.Data["kind"]
		}
	}
	held, talked := seconds(v.held), seconds(l.at.Sub(v.joined))
	if kind == "attended" {
		l.line(string(id), v.queue, v.operator, "ATTENDEDTRANSFER", "BRIDGE", to, held, talked, v.place)
	} else {
		l.line(string(id), v.queue, v.operator, "BLINDTRANSFER", to, "hotline", held, talked, v.place)
	}
	v.operator = ""
}

// operator tells of members: who is not offline is one of each of their queues.
func (l *Log) operator(c queue.OperatorChanged) {
	if c.From == queue.OperatorOffline {
		l.member(c.Operator, "ADDMEMBER")
	}
	if c.From == queue.OperatorPaused {
		l.member(c.Operator, "UNPAUSE")
	}
	switch c.To {
	case queue.OperatorPaused:
		l.member(c.Operator, "PAUSE", c.Reason)
	case queue.OperatorOffline:
		l.member(c.Operator, "REMOVEMEMBER")
	}
}

func (l *Log) member(operator, event string, data ...any) {
	for _, name := range l.o.Sources.Queues(operator) {
		l.line(none, name, operator, event, data...)
	}
}
