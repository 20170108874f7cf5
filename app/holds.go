package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/recording/access"
	"hotline/recording/purge"
	"hotline/store"
)

// Holds implements desk.Holds.
func (k *keeper) Holds(ctx context.Context, f wire.HoldFilter) ([]wire.Hold, error) {
	filter := store.HoldFilter{At: k.now()}
	if f.All {
		filter.At = time.Time{}
	}
	var of map[call.ID]bool // nil: of all
	switch {
	case f.Call != "":
		id, err := k.store.FindCall(ctx, f.Call)
		if err != nil {
			return nil, known(err)
		}
		filter.Call = id
	case f.Number != "":
		calls, err := k.callsFrom(ctx, f.Number)
		if err != nil {
			return nil, err
		}
		of = make(map[call.ID]bool, len(calls))
		for _, c := range calls {
			of[c.ID] = true
		}
	}
	list, err := k.store.Holds(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := []wire.Hold{}
	for _, h := range list {
		if of == nil || slices.ContainsFunc(h.Calls, func(id call.ID) bool { return of[id] }) {
			out = append(out, k.wire(h))
		}
	}
	return out, nil
}

// callsFrom are the calls of a number, however carriers have written it.
func (k *keeper) callsFrom(ctx context.Context, number string) ([]call.Record, error) {
	spell := numbers(k.file()).E164
	want := spell(number)
	return k.store.CallsFrom(ctx, func(n call.Number) bool { return spell(n.Raw()) == want })
}

// Hold implements desk.Holds. It waits for what is being erased, and comes too late for what has been.
func (k *keeper) Hold(ctx context.Context, n wire.NewHold) (out wire.Hold, err error) {
	h := call.Hold{Why: strings.TrimSpace(n.Why), By: strings.TrimSpace(n.By), At: k.now().UTC()}
	if n.Until != nil {
		h.Until = n.Until.UTC()
	}
	calls, err := k.held(ctx, n)
	if err != nil {
		return out, err
	}
	var asked call.ID // empty: those of a number
	if n.Call != "" {
		asked = calls[0].ID
	}
	e, err := k.asks(ctx, h.By, access.Hold, h.Why, asked)
	if err != nil {
		return out, err
	}
	if err := k.ask(ctx, e); err != nil {
		return out, err
	}
	err = k.reaper.Holding(func() error {
		for _, c := range calls {
			if c.Recording == "" || !k.reaper.IsErased(c.ID, c.Recording) {
				h.Calls = append(h.Calls, c.ID)
			}
		}
		if len(h.Calls) == 0 {
			return fmt.Errorf("%w: what it would keep is gone: %w", desk.ErrInvalid, purge.ErrErased)
		}
		if err := h.Check(k.now()); err != nil {
			return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
		}
		h, err = k.store.AddHold(ctx, h)
		return err
	})
	return k.wire(h), err
}

// held are the calls that a new hold is of.
func (k *keeper) held(ctx context.Context, n wire.NewHold) ([]call.Record, error) {
	if n.Number != "" {
		calls, err := k.callsFrom(ctx, n.Number)
		if err == nil && len(calls) == 0 {
			err = fmt.Errorf("%w: nobody has called from that number", desk.ErrNotFound)
		}
		return calls, err
	}
	id, err := k.store.FindCall(ctx, n.Call)
	if err != nil {
		return nil, known(err)
	}
	c, err := k.store.Call(ctx, id)
	return []call.Record{c}, known(err)
}

// Lift implements desk.Holds.
func (k *keeper) Lift(ctx context.Context, id int64, d wire.Decision) (out wire.Hold, err error) {
	list, err := k.store.Holds(ctx, store.HoldFilter{ID: id})
	if err != nil {
		return out, err
	}
	if len(list) == 0 || !list[0].Lifted.IsZero() {
		return out, fmt.Errorf("%w: there is no hold %d that binds", desk.ErrNotFound, id)
	}
	if err := k.second(ctx, d.By, d.With); err != nil {
		return out, err
	}
	var of call.ID
	if len(list[0].Calls) == 1 {
		of = list[0].Calls[0]
	}
	e, err := k.asks(ctx, d.By, access.Lift, d.Why, of)
	if err != nil {
		return out, err
	}
	e.With = d.With
	if err := k.ask(ctx, e); err != nil {
		return out, err
	}
	var h call.Hold
	err = k.reaper.Holding(func() error {
		h, err = k.store.LiftHold(ctx, id, d.By, d.With, d.Why, k.now())
		return known(err)
	})
	return k.wire(h), err
}

func (k *keeper) wire(h call.Hold) wire.Hold {
	out := wire.Hold{
		ID: h.ID, Calls: make([]string, len(h.Calls)), Why: h.Why, By: h.By, At: wire.Time(h.At), Until: wire.Time(h.Until),
		Binds: h.Binds(k.now()), Lifted: wire.Time(h.Lifted), LiftedWhy: h.LiftedWhy, LiftedBy: h.LiftedBy, LiftedWith: h.LiftedWith,
	}
	for i, c := range h.Calls {
		out.Calls[i] = string(c)
	}
	return out
}
