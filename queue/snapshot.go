package queue

import (
	"slices"
	"time"

	"hotline/call"
)

// A Snapshot is who waits and who works at one moment. It shares nothing with the State.
type Snapshot struct {
	At        time.Time
	Queues    []QueueView    // in the order of the configuration, then those a reload dropped
	Operators []OperatorView // by name
}

// A QueueView is one queue at one moment.
type QueueView struct {
	Name        string
	Waiting     int           // callers on the line, those an operator is rung for included
	Callbacks   int           // who will be called
	LongestWait time.Duration // of those who wait; 0: nobody does
	Calls       []CallView    // by position
}

// A CallView is one waiting caller at one moment.
type CallView struct {
	Call     call.ID
	Language call.Language
	Position int       // in the queue, from 1
	Arrived  time.Time // of the call
	Since    time.Time // when the present wait began
	Operator string    // who is rung for it, the first of several; empty: nobody
	Callback bool      // nobody is on the line
	Again    time.Time // of a callback: not before; zero: in its turn
}

// An OperatorView is one operator at one moment.
type OperatorView struct {
	Name       string
	Languages  []call.Language
	Queues     []string // empty: every queue
	State      OperatorState
	Since      time.Time // when State began, or when the operator became known
	Call       call.ID   // of the offer or the talk; empty: none, also in a call of the operator's own
	Registered bool
	Paused     bool      // also while State is still talking: takes effect after
	Reason     string    // of the pause, as given
	RestsUntil time.Time // not rung before, after a missed offer; zero: not resting
	WrapsUntil time.Time // end of the wrap-up; zero: none
	Skills     []Skill
	Last       call.ID // the last caller talked to; empty: none
	InRow      int     // offers missed since
}

// Snapshot shows the state at now. What fell due since the last step shows as it was then.
func (s *State) Snapshot(now time.Time) Snapshot {
	snap := Snapshot{At: now, Queues: make([]QueueView, len(s.rules)), Operators: make([]OperatorView, len(s.operators))}
	for i, r := range s.rules {
		snap.Queues[i] = s.viewQueue(r, now)
	}
	for i, o := range s.operators {
		snap.Operators[i] = o.view()
	}
	return snap
}

func (s *State) viewQueue(r *ruled, now time.Time) QueueView {
	q := QueueView{Name: r.Name, Calls: make([]CallView, 0, len(r.line))}
	for i, c := range r.line {
		if c.live() {
			q.Waiting++
			q.LongestWait = max(q.LongestWait, now.Sub(c.since))
		} else {
			q.Callbacks++
		}
		v := CallView{
			Call: c.Call, Language: c.Language, Position: i + 1, Arrived: c.Arrived, Since: c.since,
			Callback: !c.live(), Again: c.notBefore,
		}
		if len(c.ringing) > 0 {
			v.Operator = c.ringing[0].Name
		}
		q.Calls = append(q.Calls, v)
	}
	return q
}

func (o *operator) view() OperatorView {
	v := OperatorView{
		Name: o.Name, Languages: slices.Clone(o.Languages), Queues: slices.Clone(o.Queues),
		State: o.state, Since: o.since, Registered: o.registered,
		Paused: o.paused, Reason: o.reason, RestsUntil: o.restUntil, WrapsUntil: o.wrapUntil,
		Skills: slices.Clone(o.Skills), Last: o.last, InRow: o.inRow,
	}
	if o.caller != nil {
		v.Call = o.caller.Call
	}
	return v
}

// A StaffView is what those operators do who serve one queue in one language.
type StaffView struct {
	Queue    string
	Language call.Language
	Staff    Staff
}

// Staff shows that for every queue in every one of the languages.
func (s *State) Staff(languages []call.Language) []StaffView {
	var out []StaffView
	for _, r := range s.rules {
		for _, l := range languages {
			v := StaffView{Queue: r.Name, Language: l}
			for _, a := range s.abilities {
				o := operator{Operator: *a.is}
				if o.serves(r.Name) && o.speaks(l) {
					v.Staff.add(a.staff)
				}
			}
			out = append(out, v)
		}
	}
	return out
}

// Callbacks are those who wait to be called, queue by queue in the order in which they will be.
func (s *State) Callbacks() (open []Ticket) {
	for _, r := range s.rules {
		for _, c := range r.line {
			if !c.live() {
				open = append(open, c.Ticket)
			}
		}
	}
	return open
}

// A CallbackView is somebody who is to be called back, at one moment.
type CallbackView struct {
	Ticket
	Position int       // among all who wait in the queue, from 1; 0: it is being called now
	Asked    time.Time // when the wait began, that of the call that asked included
	Tries    int       // so many did not reach anybody
	Again    time.Time // not before; zero: in its turn
	Operator string    // who is rung for it, the first of several, or has it now; empty: nobody
}

// CallbackViews shows everybody who is to be called, and whom nobody talks to yet: queue by queue,
// who is being called now first, then in the order in which they will be.
func (s *State) CallbackViews() (views []CallbackView) {
	for _, r := range s.rules {
		for _, o := range s.operators {
			if o.talking() && o.caller.rule == r && !o.caller.live() {
				views = append(views, o.caller.viewCallback(0))
			}
		}
		for i, c := range r.line {
			if !c.live() {
				views = append(views, c.viewCallback(i+1))
			}
		}
	}
	return views
}

func (c *caller) viewCallback(position int) CallbackView {
	v := CallbackView{Ticket: c.Ticket, Position: position, Asked: c.entered, Tries: c.tries, Again: c.notBefore}
	switch {
	case c.operator != nil:
		v.Operator, v.Again = c.operator.Name, time.Time{}
	case len(c.ringing) > 0:
		v.Operator = c.ringing[0].Name
	}
	return v
}
