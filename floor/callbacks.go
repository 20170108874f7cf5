package floor

import (
	"errors"
	"fmt"
	"slices"

	"hotline/call"
	"hotline/queue"
)

// ErrCalling answers the cancelling of a callback that an operator makes at this moment.
var ErrCalling = errors.New("an operator is calling them now")

// CallbackViews shows everybody who is to be called back.
func (f *Floor) CallbackViews() (views []queue.CallbackView) {
	f.ask(func() { views = f.state.CallbackViews() })
	return views
}

// CancelCallback lets somebody be called no more: an operator who is rung for it is rung no longer.
// Error: queue.ErrNoCall, ErrCalling, ErrClosed.
func (f *Floor) CancelCallback(id call.ID) error {
	err := ErrClosed
	f.ask(func() {
		views := f.state.CallbackViews()
		i := slices.IndexFunc(views, func(v queue.CallbackView) bool { return v.Call == id })
		switch {
		case i < 0:
			err = fmt.Errorf("callback %s: %w", id, queue.ErrNoCall)
		case views[i].Position == 0:
			err = fmt.Errorf("callback %s: %w", id, ErrCalling)
		default:
			err = f.step(queue.Left{Call: id}).refused
		}
	})
	return err
}
