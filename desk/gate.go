package desk

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"hotline/call/wire"
)

// Gate is who is kept out, what all callers meet, and what they think of it.
type Gate interface {
	Blocks(ctx context.Context, all, numbers bool) ([]wire.Block, error)
	Block(ctx context.Context, b wire.NewBlock) error
	Unblock(ctx context.Context, number, by string) error // ErrNotFound
	Switches(ctx context.Context) (wire.Switches, error)
	SetChallenge(ctx context.Context, s wire.NewSwitch) error
	SetIncident(ctx context.Context, s wire.NewSwitch) error // ErrInvalid: it cannot be told
	SwitchOff(ctx context.Context, name string) error
	Surveys(ctx context.Context, since time.Time) ([]wire.SurveySum, error)
}

func (d *Desk) blocks(r *http.Request) (any, error) {
	all, err := flagOf(r, "all")
	if err != nil {
		return nil, err
	}
	numbers, err := flagOf(r, "numbers")
	if err != nil {
		return nil, err
	}
	list, err := d.o.Gate.Blocks(r.Context(), all, numbers)
	return wire.Blocks{Blocks: list}, err
}

// number is one that can be blocked.
var number = regexp.MustCompile(`^\+?[0-9]{3,20}$`)

func (d *Desk) block(r *http.Request) (any, error) {
	var in wire.NewBlock
	if err := body(r, &in); err != nil {
		return nil, err
	}
	in.Reason, in.By = strings.TrimSpace(in.Reason), strings.TrimSpace(in.By)
	switch {
	case !number.MatchString(in.Number):
		return nil, fmt.Errorf("%w: the number is 3 to 20 digits, with a + before a country code", ErrInvalid)
	case in.Reason == "" || in.By == "":
		return nil, fmt.Errorf("%w: a block has a reason, and somebody who decided", ErrInvalid)
	}
	return done, d.o.Gate.Block(r.Context(), in)
}

func (d *Desk) unblock(r *http.Request) (any, error) {
	var in wire.Unblock
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if in.By == "" {
		return nil, fmt.Errorf("%w: somebody decides it", ErrInvalid)
	}
	return done, d.o.Gate.Unblock(r.Context(), in.Number, in.By)
}

func (d *Desk) switches(r *http.Request) (any, error) { return d.o.Gate.Switches(r.Context()) }

func (d *Desk) switchOn(r *http.Request) (any, error) {
	var in wire.NewSwitch
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if in.By == "" {
		return nil, fmt.Errorf("%w: somebody decides it", ErrInvalid)
	}
	switch name := r.PathValue("name"); name {
	case "challenge":
		return done, d.o.Gate.SetChallenge(r.Context(), in)
	case "incident":
		return done, d.o.Gate.SetIncident(r.Context(), in)
	default:
		return nil, fmt.Errorf("%w: switch %s", ErrNotFound, name)
	}
}

func (d *Desk) switchOff(r *http.Request) (any, error) {
	return done, d.o.Gate.SwitchOff(r.Context(), r.PathValue("name"))
}

func (d *Desk) surveys(r *http.Request) (any, error) {
	since, err := sinceOf(r)
	if err != nil {
		return nil, err
	}
	sums, err := d.o.Gate.Surveys(r.Context(), since)
	if sums == nil {
		sums = []wire.SurveySum{}
	}
	return wire.Surveys{Surveys: sums}, err
}
