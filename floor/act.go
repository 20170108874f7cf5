package floor

import (
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
	cmds := f.state.Step(ev, now)
	f.decided(ev, cmds, now)
	for _, c := range cmds {
		f.note(c, now)
		f.metrics.fold(c)
		switch c := c.(type) {
		case queue.Offered:
			f.order(c.Call, queue.Order{Kind: queue.Ring, Operator: c.Operator, Deadline: c.Deadline})
		case queue.Withdrawn:
			f.order(c.Call, queue.Order{Kind: queue.Withdraw, Operator: c.Operator})
		case queue.Expired:
			f.order(c.Call, queue.Order{Kind: queue.Expire})
		case queue.Finished:
			f.finished(c)
		case queue.Replied:
			o.stood = c.Stood
		case queue.Refused:
			o.refused = c.Err
		case queue.Uncovered:
			f.log.Warn("fewer operators are at work than there should be", zap.String("language", string(c.Language)),
				zap.Int("have", c.Have), zap.Int("need", c.Need))
		case queue.Wake:
			f.wake(c.At)
		}
	}
	return o
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
