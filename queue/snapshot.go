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
	Waiting     int           // callers, those an operator is rung for included
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
	Operator string    // who is rung for it; empty: nobody
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
}

// Snapshot shows the state at now. What fell due since the last step shows as it was then.
func (s *State) Snapshot(now time.Time) Snapshot {
	snap := Snapshot{At: now, Queues: make([]QueueView, len(s.rules)), Operators: make([]OperatorView, len(s.operators))}
	for i, r := range s.rules {
		snap.Queues[i] = s.viewQueue(r.Name, now)
	}
	for i, o := range s.operators {
		snap.Operators[i] = o.view()
	}
	return snap
}

func (s *State) viewQueue(name string, now time.Time) QueueView {
	q := QueueView{Name: name, Calls: []CallView{}}
	for _, c := range s.waiting {
		if c.Queue != name {
			continue
		}
		q.Waiting++
		q.LongestWait = max(q.LongestWait, now.Sub(c.since))
		v := CallView{Call: c.Call, Language: c.Language, Position: q.Waiting, Arrived: c.Arrived, Since: c.since}
		if c.operator != nil {
			v.Operator = c.operator.Name
		}
		q.Calls = append(q.Calls, v)
	}
	return q
}

func (o *operator) view() OperatorView {
	v := OperatorView{
		Name: o.Name, Languages: slices.Clone(o.Languages), Queues: slices.Clone(o.Queues),
		State: o.state, Since: o.since, Registered: o.registered,
		Paused: o.paused, Reason: o.reason, RestsUntil: o.restUntil,
	}
	if o.caller != nil {
		v.Call = o.caller.Call
	}
	return v
}
