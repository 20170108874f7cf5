package desk

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"hotline/call"
	"hotline/call/wire"
)

// Cases is what citizens have left, and what has become of it.
type Cases interface {
	List(ctx context.Context, f wire.CaseFilter) ([]wire.Case, error)
	Show(ctx context.Context, number string, ask wire.CaseLook) (wire.Case, error)
	Change(ctx context.Context, number string, ask wire.CaseChange) (wire.Case, error)
	Tasks(ctx context.Context, all bool) ([]wire.CaseTask, error)
}

func (d *Desk) cases(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := wire.CaseFilter{State: q.Get("state"), Unit: q.Get("unit"), By: q.Get("by")}
	if f.State != "" && !slices.Contains(call.CaseStates, call.CaseState(f.State)) {
		return nil, fmt.Errorf("%w: state is registered, assigned, answered or closed", ErrInvalid)
	}
	var err error
	if f.Limit, err = limitOf(r, 200); err != nil {
		return nil, err
	}
	if err := flags(r, map[string]*bool{"overdue": &f.Overdue, "all": &f.All, "confidential": &f.Confidential}); err != nil {
		return nil, err
	}
	if f.Confidential && f.By == "" {
		return nil, fmt.Errorf("%w: somebody looks", ErrInvalid)
	}
	list, err := d.o.Cases.List(r.Context(), f)
	return wire.Cases{Cases: list}, err
}

func (d *Desk) showCase(r *http.Request) (any, error) {
	ask := wire.CaseLook{By: r.URL.Query().Get("by")}
	if err := flags(r, map[string]*bool{"confidential": &ask.Confidential, "numbers": &ask.Numbers}); err != nil {
		return nil, err
	}
	if (ask.Confidential || ask.Numbers) && ask.By == "" {
		return nil, fmt.Errorf("%w: somebody looks", ErrInvalid)
	}
	return d.o.Cases.Show(r.Context(), r.PathValue("number"), ask)
}

func (d *Desk) changeCase(r *http.Request) (any, error) {
	var in wire.CaseChange
	if err := body(r, &in); err != nil {
		return nil, err
	}
	in.By, in.To, in.Text = strings.TrimSpace(in.By), strings.TrimSpace(in.To), strings.TrimSpace(in.Text)
	switch {
	case in.By == "":
		return nil, fmt.Errorf("%w: somebody does it", ErrInvalid)
	case in.Do == "assign" && in.To == "":
		return nil, fmt.Errorf("%w: a case is assigned to a unit or to somebody", ErrInvalid)
	case in.Do == "answer" && in.Text == "":
		return nil, fmt.Errorf("%w: an answer has words", ErrInvalid)
	}
	return d.o.Cases.Change(r.Context(), r.PathValue("number"), in)
}

func (d *Desk) caseTasks(r *http.Request) (any, error) {
	all, err := flagOf(r, "all")
	if err != nil {
		return nil, err
	}
	list, err := d.o.Cases.Tasks(r.Context(), all)
	return wire.CaseTasks{Tasks: list}, err
}
