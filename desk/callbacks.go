package desk

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"hotline/call"
	"hotline/call/wire"
)

// Callbacks is who is to be called back, and who should be. Each look at whole numbers is written
// down by whoever gives them.
type Callbacks interface {
	Open(numbers bool) []wire.Callback
	Cancel(prefix string) (call.ID, error)                        // ErrNotFound; ErrInvalid where several fit, or too late
	Add(ctx context.Context, from call.ID) (wire.Callback, error) // ErrInvalid: they cannot be called
	Abandoned(context.Context, wire.AbandonFilter) ([]wire.Abandoned, error)
}

// abandonedSince is how far back calls are looked at where nothing is said: later few still wait
// for an answer.
const abandonedSince = 24 * time.Hour

func (d *Desk) callbacks(r *http.Request) (any, error) {
	numbers, err := flagOf(r, "numbers")
	if err != nil {
		return nil, err
	}
	return wire.Callbacks{Callbacks: d.o.Callbacks.Open(numbers)}, nil
}

func (d *Desk) addCallback(r *http.Request) (any, error) {
	var in wire.NewCallback
	if err := body(r, &in); err != nil {
		return nil, err
	}
	id, err := d.o.Calls.Find(r.Context(), in.FromCall)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", in.FromCall, err)
	}
	return d.o.Callbacks.Add(r.Context(), id)
}

func (d *Desk) cancelCallback(r *http.Request) (any, error) {
	_, err := d.o.Callbacks.Cancel(r.PathValue("id"))
	return done, err
}

func (d *Desk) abandoned(r *http.Request) (any, error) {
	var f wire.AbandonFilter
	var err error
	if f.Since, err = sinceOf(r); err != nil {
		return nil, err
	}
	if f.Since.IsZero() {
		f.Since = time.Now().Add(-abandonedSince)
	}
	if f.Numbers, err = flagOf(r, "numbers"); err != nil {
		return nil, err
	}
	calls, err := d.o.Callbacks.Abandoned(r.Context(), f)
	return wire.Abandons{Calls: calls}, err
}
