package floor

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/queue"
)

// A Book keeps every event and what was decided on it, so that a floor can go on where the one
// before it ended. Append is called on the floor's goroutine: it must not wait for a disk, a network
// or the floor.
type Book interface {
	Append(call.Decision)
}

// checkpointEvery is after how many events the whole floor is written down: so many are replayed at
// most after a restart, which takes some ten milliseconds.
const checkpointEvery = 1000

// An OpenCallback is somebody who is to be called, and where the orders for that come from.
type OpenCallback struct {
	Ticket queue.Ticket
	Orders <-chan queue.Order // closed when there is nothing more to do
}

// decided writes one event and what came of it into the book. Time that passed and changed nothing
// is not worth a row: whatever comes next brings it about as well.
func (f *Floor) decided(ev queue.Event, cmds []queue.Command, now time.Time) {
	if f.book == nil {
		return
	}
	if _, tick := ev.(queue.Tick); tick && len(cmds) == 1 {
		return
	}
	d, err := decision(ev, cmds, now)
	if err != nil {
		f.log.Error("a decision cannot be written down", zap.Error(err))
		f.untilCheckpoint = 0 // which makes up for it
	} else {
		f.book.Append(d)
	}
	if f.untilCheckpoint--; f.untilCheckpoint < 0 {
		f.checkpoint(now)
	}
}

// decision is an event as the book has it. It is of the event's call, or of the first call that was
// decided about.
func decision(ev queue.Event, cmds []queue.Command, now time.Time) (d call.Decision, err error) {
	d = call.Decision{At: now, Call: queue.CallOf(ev)}
	if d.Kind, d.Event, err = queue.EncodeEvent(ev); err != nil {
		return d, err
	}
	if d.Call == "" {
		for _, c := range cmds {
			if _, id, _ := story(c); id != "" {
				d.Call = id
				break
			}
		}
	}
	d.Commands, err = queue.EncodeCommands(cmds)
	return d, err
}

// checkpoint writes down the whole floor.
func (f *Floor) checkpoint(now time.Time) {
	f.untilCheckpoint = checkpointEvery
	b, err := f.state.Save()
	if err != nil {
		f.log.Error("the floor cannot be written down", zap.Error(err))
		return
	}
	f.book.Append(call.Decision{At: now, Kind: call.Checkpoint, Event: b})
}

// restore makes the state that the past leads to. False: there is none, or none that can be read; the
// state is then an empty one.
func (f *Floor) restore(past []call.Decision, now time.Time) (*queue.State, bool) {
	for i := len(past) - 1; i >= 0; i-- {
		if past[i].Kind != call.Checkpoint {
			continue
		}
		state, err := f.replay(past[i], past[i+1:], now)
		if err == nil {
			return state, true
		}
		f.log.Error("a checkpoint of the floor cannot be read, an earlier one is taken or none", zap.Uint64("seq", past[i].Seq), zap.Error(err))
		if text, err := json.Marshal(string(past[i].Event)); err == nil && f.book != nil {
			f.book.Append(call.Decision{At: now, Kind: call.Unreadable, Event: text})
		}
	}
	return queue.New(nil), false
}

// replay loads a checkpoint and lives through what came after it. What was decided then is not done
// again: it is compared.
func (f *Floor) replay(checkpoint call.Decision, after []call.Decision, now time.Time) (state *queue.State, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a bug in the queue: %v", p)
		}
	}()
	if state, err = queue.Load(checkpoint.Event); err != nil {
		return nil, err
	}
	events, others := 0, 0
	for _, d := range after {
		if d.Kind == call.Checkpoint || d.Kind == call.Unreadable {
			continue
		}
		ev, err := queue.DecodeEvent(d.Kind, d.Event)
		if errors.Is(err, queue.ErrNoKind) {
			others++ // a newer release knew it
			continue
		}
		if err != nil {
			return nil, err
		}
		events++
		if cmds, err := queue.EncodeCommands(state.Step(ev, d.At)); err != nil || !alike(cmds, d.Commands) {
			others++
		}
	}
	if others > 0 { // by another release, whose rules are others
		f.log.Warn("the floor's journal was replayed, but some would be decided otherwise today",
			zap.Int("events", events), zap.Int("otherwise", others))
	}
	if ahead := state.Now().Sub(now); ahead > 0 {
		f.log.Warn("the floor was saved by a clock that was ahead, it is set back", zap.Duration("ahead", ahead))
		if err := state.SetBack(ahead); err != nil {
			return nil, err
		}
	}
	f.log.Info("the floor goes on where it ended", zap.Int("events", events), zap.Duration("ago", now.Sub(state.Now())))
	return state, nil
}

// alike reports whether two lists of commands say the same. Times may differ by a moment: a running
// floor goes by the monotonic clock, the journal has the other.
func alike(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && same(x, y)
}

// moment is by how much two clocks may differ over a wait.
const moment = 100 * time.Millisecond

func same(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		for k := range x {
			ok = ok && same(x[k], y[k])
		}
		return ok && len(x) == len(y)
	case []any:
		y, ok := y.([]any)
		ok = ok && len(x) == len(y)
		for i := range x {
			ok = ok && same(x[i], y[i])
		}
		return ok
	case float64: // a duration, or a small number
		y, ok := y.(float64)
		return ok && (x == y || min(math.Abs(x), math.Abs(y)) > 1e3 && math.Abs(x-y) < float64(moment))
	case string:
		y, ok := y.(string)
		if !ok || x == y {
			return ok
		}
		s, err := time.Parse(time.RFC3339Nano, x)
		u, err2 := time.Parse(time.RFC3339Nano, y)
		return err == nil && err2 == nil && s.Sub(u).Abs() < moment
	}
	return x == y
}

// Restored reports whether this floor goes on where an earlier one ended: who was ready still is, as
// far as their telephones are told of (Registered, then PhonesTold).
func (f *Floor) Restored() bool { return f.restored }

// PhonesTold says that after a start all telephones that are registered were told of.
func (f *Floor) PhonesTold() { f.tell(queue.PhonesTold{}) }

// Callbacks are those who were to be called when the floor before this one ended, and still are. The
// orders for them wait in their channels. It is asked once, when there is somebody to serve them.
func (f *Floor) Callbacks() (open []OpenCallback) {
	f.ask(func() {
		for _, t := range f.state.Callbacks() {
			if orders, ok := f.orders[t.Call]; ok {
				open = append(open, OpenCallback{t, orders})
			}
		}
	})
	return open
}
