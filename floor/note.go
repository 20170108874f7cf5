package floor

import (
	"strconv"
	"time"

	"hotline/call"
	"hotline/queue"
)

// note writes down what the state has decided, in words that a person can be shown.
func (f *Floor) note(c queue.Command, now time.Time) {
	name, id, data := story(c)
	if name == "" {
		return
	}
	if changed, ok := c.(queue.OperatorChanged); ok {
		now = changed.At // timers fall due before the step that notices
	}
	for key, value := range data {
		if value == "" {
			delete(data, key)
		}
	}
	f.journal.Event(call.Event{At: now, Call: id, Name: name, Data: data})
}

// story is the event that a command becomes; no name: none.
func story(c queue.Command) (name string, id call.ID, data map[string]string) {
	switch c := c.(type) {
	case queue.Queued:
		return "call.queued", c.Call, queued(c)
	case queue.Offered:
		by := string(c.By)
		if by == "" {
			by = "last-operator"
		}
		return "call.offered", c.Call, map[string]string{
			"queue": c.Queue, "language": string(c.Language), "operator": c.Operator, "by": by,
			"idle_ms": millis(c.Idle), "waited_ms": millis(c.Waited), "free": strconv.Itoa(c.Free),
		}
	case queue.Missed:
		return "call.offer_missed", c.Call, map[string]string{
			"queue": c.Queue, "operator": c.Operator, "why": string(c.Why), "in_row": strconv.Itoa(c.InRow),
		}
	case queue.Withdrawn:
		return "call.offer_withdrawn", c.Call, map[string]string{"operator": c.Operator, "why": string(c.Why)}
	case queue.Relaxed:
		return "call.relaxed", c.Call, map[string]string{"queue": c.Queue, "step": strconv.Itoa(c.Step), "waited_ms": millis(c.Waited)}
	case queue.Overflowed:
		return "call.overflowed", c.Call, map[string]string{"queue": c.Queue, "to": c.To, "waited_ms": millis(c.Waited)}
	case queue.Expired:
		return "call.wait_expired", c.Call, map[string]string{"queue": c.Queue, "waited_ms": millis(c.Waited)}
	case queue.Connected:
		data := map[string]string{
			"queue": c.Queue, "operator": c.Operator, "waited_ms": millis(c.Waited), "in_target": yesIf(c.InTarget), "again": yesIf(c.Again),
		}
		if c.Told {
			data["estimate_error_ms"] = millis(c.Error)
		}
		return "call.connected", c.Call, data
	case queue.Disposition:
		return "call.disposed", c.Call, map[string]string{"operator": c.Operator, "topic": c.Topic}
	case queue.CallbackMissed:
		return "callback.missed", c.Call, map[string]string{"try": strconv.Itoa(c.Try), "again": c.Again.UTC().Format(time.RFC3339)}
	case queue.CallbackClosed:
		return "callback.closed", c.Call, map[string]string{
			"queue": c.Queue, "outcome": string(c.Outcome), "tries": strconv.Itoa(c.Tries), "waited_ms": millis(c.Waited),
		}
	case queue.OperatorChanged:
		return "operator.state_changed", c.Call, map[string]string{
			"operator": c.Operator, "from": string(c.From), "to": string(c.To), "why": string(c.Why), "reason": c.Reason,
		}
	case queue.WrapUpMoved:
		data := map[string]string{"operator": c.Operator}
		if !c.Until.IsZero() {
			data["until"] = c.Until.UTC().Format(time.RFC3339)
		}
		return "operator.wrap_up_extended", "", data
	case queue.Uncovered:
		return "operator.cover_low", "", map[string]string{
			"operator": c.Operator, "language": string(c.Language), "have": strconv.Itoa(c.Have), "need": strconv.Itoa(c.Need),
		}
	}
	return "", "", nil
}

// queued says with whom there were to talk when a caller came.
func queued(c queue.Queued) map[string]string {
	data := map[string]string{
		"queue": c.Queue, "language": string(c.Language), "position": strconv.Itoa(c.Position), "why": string(c.Why), "callback": yesIf(c.Callback),
	}
	for state, n := range c.Staff.All() {
		if n > 0 {
			data["staff_"+string(state)] = strconv.Itoa(n)
		}
	}
	return data
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// yesIf is "yes" or nothing, which an event leaves out.
func yesIf(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
