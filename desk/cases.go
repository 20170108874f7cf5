package desk

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"hotline/call"
	"hotline/call/wire"
)

// Cases is what callers have left, and what becomes of it. Each look at what is confidential, and at
// whole numbers, is written down by whoever gives it.
type Cases interface {
	List(ctx context.Context, f wire.CaseFilter) ([]wire.Case, error)
	Show(ctx context.Context, number string, l wire.CaseLook) (wire.CaseStory, error) // ErrNotFound; ErrInvalid: it is confidential
	Change(ctx context.Context, number string, to wire.CaseChange) (wire.Case, error) // ErrNotFound; ErrInvalid: not as it is
	Tasks(ctx context.Context, all bool) ([]wire.Task, error)                         // the first due first
	TaskDone(ctx context.Context, prefix string, by wire.TaskDone) (wire.Task, error) // ErrNotFound; ErrInvalid where several fit
}

func (d *Desk) cases(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := wire.CaseFilter{By: q.Get("by"), State: q.Get("state"), Unit: q.Get("unit"), Limit: 100}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxCalls {
			return nil, fmt.Errorf("%w: limit is a number from 1 to %d", ErrInvalid, maxCalls)
		}
		f.Limit = n
	}
	if f.State != "" && !slices.Contains(call.CaseStates, call.CaseState(f.State)) {
		return nil, fmt.Errorf("%w: state is registered, assigned, answered or closed", ErrInvalid)
	}
	var err error
	if f.Overdue, err = flagOf(r, "overdue"); err != nil {
		return nil, err
	}
	if f.Confidential, err = flagOf(r, "confidential"); err != nil {
		return nil, err
	}
	list, err := d.o.Cases.List(r.Context(), f)
	return wire.Cases{Cases: list}, err
}

func (d *Desk) showCase(r *http.Request) (any, error) {
	l := wire.CaseLook{By: r.URL.Query().Get("by")}
	var err error
	if l.Confidential, err = flagOf(r, "confidential"); err != nil {
		return nil, err
	}
	if l.Numbers, err = flagOf(r, "numbers"); err != nil {
		return nil, err
	}
	return d.o.Cases.Show(r.Context(), r.PathValue("number"), l)
}

func (d *Desk) changeCase(r *http.Request) (any, error) {
	var in wire.CaseChange
	if err := body(r, &in); err != nil {
		return nil, err
	}
	wishes := 0
	for _, there := range []bool{in.Assign != nil, in.Answer != nil, in.Close != nil, in.Extend != nil, in.Term != nil, in.Born != nil} {
		if there {
			wishes++
		}
	}
	if wishes != 1 {
		return nil, fmt.Errorf("%w: write one of assign, answer, close, extend, term and born", ErrInvalid)
	}
	in.By = strings.TrimSpace(in.By)
	return d.o.Cases.Change(r.Context(), r.PathValue("number"), in)
}

func (d *Desk) tasks(r *http.Request) (any, error) {
	all, err := flagOf(r, "all")
	if err != nil {
		return nil, err
	}
	list, err := d.o.Cases.Tasks(r.Context(), all)
	return wire.Tasks{Tasks: list}, err
}

func (d *Desk) taskDone(r *http.Request) (any, error) {
	var in wire.TaskDone
	if err := body(r, &in); err != nil {
		return nil, err
	}
	return d.o.Cases.TaskDone(r.Context(), r.PathValue("id"), in)
}
