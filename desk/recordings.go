package desk

import (
	"context"
	"net/http"
	"time"

	"hotline/call"
	"hotline/call/wire"
)

// Recordings lists and verifies.
type Recordings interface {
	List(ctx context.Context) ([]wire.Recording, error)
	Show(ctx context.Context, id call.ID) (wire.Shown, error) // ErrNotFound
	Verify(ctx context.Context) (wire.Verification, error)
	VerifyAway(ctx context.Context) (wire.AwayVerification, error)
	Evidence(ctx context.Context) (wire.Evidence, error)
	Completeness(ctx context.Context, since time.Time) (wire.Completeness, error)
}

func (d *Desk) recordings(r *http.Request) (any, error) {
	all, err := d.o.Recordings.List(r.Context())
	if err != nil {
		return nil, err
	}
	return wire.Recordings{Recordings: all}, nil
}

func (d *Desk) completeness(r *http.Request) (any, error) {
	since, err := sinceOf(r)
	if err != nil {
		return nil, err
	}
	return d.o.Recordings.Completeness(r.Context(), since)
}

func (d *Desk) evidence(r *http.Request) (any, error) { return d.o.Recordings.Evidence(r.Context()) }

func (d *Desk) picture(r *http.Request) (any, error) {
	id, err := d.call(r)
	if err != nil {
		return nil, err
	}
	return d.o.Recordings.Show(r.Context(), id)
}

func (d *Desk) verify(r *http.Request) (any, error) { return d.o.Recordings.Verify(r.Context()) }

func (d *Desk) verifyAway(r *http.Request) (any, error) {
	return d.o.Recordings.VerifyAway(r.Context())
}
