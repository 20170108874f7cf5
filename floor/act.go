package floor

import (
	"strconv"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/queue"
)

// backlog is how many orders an owner may leave unread. A call gets two in the time an operator
// is rung, so a full one is an owner that has stopped reading.
const backlog = 16

// outcome is what the sender of an event has to know.
type outcome struct {
	refused error
	stood   bool
}

// step hands one event to the state and does what it says. Goroutine only.
func (f *Floor) step(ev queue.Event) outcome {
	var o outcome
	now := f.now()
	for _, c := range f.state.Step(ev, now) {
		switch c := c.(type) {
		case queue.Queued:
			f.queued(c, now)
		case queue.Offered:
			f.offered(c, now)
		case queue.Withdrawn:
			f.log.Debug("offer withdrawn", zap.String("call", string(c.Call)),
				zap.String("operator", c.Operator), zap.String("why", string(c.Why)))
			f.order(c.Call, queue.Order{Kind: queue.Withdraw, Operator: c.Operator, Elsewhere: c.Why == queue.WhyElsewhere})
		case queue.Expired:
			f.order(c.Call, queue.Order{Kind: queue.Expire})
		case queue.Connected:
			f.metrics.connected(c)
		case queue.Abandoned:
			f.metrics.abandoned(c)
		case queue.OperatorChanged:
			f.changed(c)
		case queue.Finished:
			f.finished(c)
		case queue.Replied:
			o.stood = c.Stood
		case queue.Refused:
			o.refused = c.Err
		case queue.Wake:
			f.wake(c.At)
		}
	}
	return o
}

func (f *Floor) queued(c queue.Queued, now time.Time) {
	f.journal.Event(call.Event{At: now, Call: c.Call, Name: "call.queued", Data: map[string]string{
		"queue":    c.Queue,
		"language": string(c.Language),
		"position": strconv.Itoa(c.Position),
		"why":      string(c.Why),
	}})
}

func (f *Floor) offered(c queue.Offered, now time.Time) {
	f.journal.Event(call.Event{At: now, Call: c.Call, Name: "call.offered", Data: map[string]string{
		"queue":     c.Queue,
		"language":  string(c.Language),
		"operator":  c.Operator,
		"why":       "longest_idle",
		"idle_ms":   millis(c.Idle),
		"waited_ms": millis(c.Waited),
		"free":      strconv.Itoa(c.Free),
	}})
	f.order(c.Call, queue.Order{Kind: queue.Ring, Operator: c.Operator, Deadline: c.Deadline})
}

func (f *Floor) changed(c queue.OperatorChanged) {
	data := map[string]string{
		"operator": c.Operator,
		"from":     string(c.From),
		"to":       string(c.To),
		"why":      string(c.Why),
	}
	if c.Reason != "" {
		data["reason"] = c.Reason
	}
	f.journal.Event(call.Event{At: c.At, Call: c.Call, Name: "operator.state_changed", Data: data})
	f.log.Debug("operator changed", zap.String("operator", c.Operator),
		zap.String("state", string(c.To)), zap.String("why", string(c.Why)))
}

func (f *Floor) finished(c queue.Finished) {
	if orders, ok := f.orders[c.Call]; ok {
		close(orders)
		delete(f.orders, c.Call)
	}
}

// order sends one order to the owner of the call. An owner that has stopped reading loses its
// oldest: a lost Ring runs out by itself, a lost Withdraw ends with the Ring's deadline, and an
// answer after either is refused by Report.
func (f *Floor) order(id call.ID, o queue.Order) {
	orders, ok := f.orders[id]
	if !ok {
		return
	}
	for {
		select {
		case orders <- o:
			return
		default:
		}
		select {
		case <-orders: // the floor is the only sender, so there is room now
			f.log.Warn("a call does not read its orders, the oldest is dropped", zap.String("call", string(id)))
		default:
		}
	}
}

// wake sets the one timer.
func (f *Floor) wake(at time.Time) {
	if at.IsZero() {
		f.timer.Stop()
		return
	}
	f.timer.Reset(at.Sub(f.now()))
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
