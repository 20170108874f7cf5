package desk

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/queue"
)

// longestHeadStart is the most that one caller can be put forward: more than anybody waits.
const longestHeadStart = 24 * time.Hour

func (d *Desk) queues(*http.Request) (any, error) {
	return wire.Queues{Queues: d.queuesOf(d.o.Floor.Snapshot()), Pauses: d.pauses()}, nil
}

func (d *Desk) queuesOf(snap queue.Snapshot) []wire.Queue {
	staff := map[string][]wire.Staff{}
	for _, v := range d.o.Floor.Staff(d.o.House().Languages) {
		s := v.Staff
		staff[v.Queue] = append(staff[v.Queue], wire.Staff{
			Language: string(v.Language), Ready: s.Ready, Offered: s.Offered, Talking: s.Talking, Holding: s.Holding,
			WrapUp: s.WrapUp, Paused: s.Paused, Unreachable: s.Unreachable, Offline: s.Offline,
		})
	}
	out := make([]wire.Queue, len(snap.Queues))
	for i, q := range snap.Queues {
		out[i] = wire.Queue{
			Name: q.Name, Waiting: q.Waiting, Callbacks: q.Callbacks, LongestWaitMS: q.LongestWait.Milliseconds(),
			Calls: make([]wire.Waiting, len(q.Calls)), Staff: append([]wire.Staff{}, staff[q.Name]...),
		}
		for j, c := range q.Calls {
			out[i].Calls[j] = waiting(c, snap.At)
		}
	}
	return out
}

func waiting(c queue.CallView, now time.Time) wire.Waiting {
	return wire.Waiting{
		Call: string(c.Call), Language: string(c.Language), Position: c.Position, WaitedMS: now.Sub(c.Since).Milliseconds(),
		Offered: text(c.Operator), Callback: c.Callback, Again: wire.Time(c.Again),
	}
}

func text[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	t := string(s)
	return &t
}

func (d *Desk) operators(*http.Request) (any, error) {
	return wire.Operators{Operators: operatorsOf(d.o.Floor.Snapshot())}, nil
}

func operatorsOf(snap queue.Snapshot) []wire.Operator {
	out := make([]wire.Operator, len(snap.Operators))
	for i, o := range snap.Operators {
		out[i] = operator(o)
	}
	return out
}

func operator(o queue.OperatorView) wire.Operator {
	w := wire.Operator{
		Name: o.Name, Languages: make([]string, len(o.Languages)), State: string(o.State),
		Since: o.Since.UTC().Truncate(time.Millisecond), Registered: o.Registered,
		Call: text(o.Call), Reason: text(o.Reason), Paused: o.Paused, WrapsUntil: wire.Time(o.WrapsUntil), RestsUntil: wire.Time(o.RestsUntil),
		Skills: wire.Skills{}, Queues: append([]string{}, o.Queues...), LastCall: text(o.Last), Missed: o.InRow,
	}
	for i, l := range o.Languages {
		w.Languages[i] = string(l)
	}
	for _, s := range o.Skills {
		w.Skills[s.Name] = s.Level
	}
	return w
}

func (d *Desk) pause(r *http.Request) (any, error) {
	var in wire.Pause
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if reasons := d.o.House().Reasons; in.Reason != wire.NoReason && !slices.Contains(reasons, in.Reason) {
		return nil, fmt.Errorf("%w: %q is no reason of a pause; there are %s (operators.pauses)", ErrInvalid, in.Reason,
			strings.Join(append(slices.Clone(reasons), wire.NoReason), ", "))
	}
	pause := d.o.Operators.Pause
	if in.Anyway {
		pause = d.o.Operators.PauseAnyway
	}
	err := pause(r.PathValue("name"), in.Reason)
	if errors.Is(err, queue.ErrCover) {
		err = fmt.Errorf("%w (operators.cover); a supervisor may pause them anyway", err)
	}
	return done, floorFault(err)
}

func (d *Desk) resume(r *http.Request) (any, error) {
	return done, floorFault(d.o.Operators.Resume(r.PathValue("name")))
}

func (d *Desk) wrapUp(r *http.Request) (any, error) {
	return done, floorFault(d.o.Operators.ExtendWrapUp(r.PathValue("name")))
}

func (d *Desk) prioritise(r *http.Request) (any, error) {
	var in wire.Prioritise
	if err := body(r, &in); err != nil {
		return nil, err
	}
	by := time.Duration(in.ByMS) * time.Millisecond
	if in.ByMS < 0 || in.ByMS > longestHeadStart.Milliseconds() {
		return nil, fmt.Errorf("%w: a caller can be put forward by 0s to %v", ErrInvalid, longestHeadStart)
	}
	c, err := d.inQueue(r)
	if err != nil {
		return nil, err
	}
	return done, floorFault(d.o.Floor.Prioritise(c.Call, by))
}

// inQueue is who of those in the queues a request is about; the beginning of the id is enough.
func (d *Desk) inQueue(r *http.Request) (found queue.CallView, err error) {
	prefix, fit := r.PathValue("id"), 0
	for _, q := range d.o.Floor.Snapshot().Queues {
		for _, c := range q.Calls {
			switch {
			case c.Call == call.ID(prefix):
				return c, nil
			case strings.HasPrefix(string(c.Call), prefix):
				found, fit = c, fit+1
			}
		}
	}
	switch {
	case fit == 0:
		return found, fmt.Errorf("call %s: %w: it does not wait in a queue", prefix, ErrNotFound)
	case fit > 1:
		return found, fmt.Errorf("%w: call %s: several fit", ErrInvalid, prefix)
	}
	return found, nil
}

// floorFault puts the floor's refusal into the words that have a status.
func floorFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, queue.ErrNoOperator), errors.Is(err, queue.ErrNoCall):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}
