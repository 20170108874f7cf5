package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call"
	"hotline/call/series"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/recording"
	"hotline/recording/access"
	"hotline/recording/chain"
	"hotline/recording/purge"
	"hotline/store"
)

func (k *keeper) accessLog() string { return filepath.Join(k.data, "access", "access.jsonl") }

// accessMetric counts who asks for recordings.
func accessMetric(r prometheus.Registerer) (func(do, result string), error) {
	var errs []error
	asked := series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_recording_access_total", Help: "Who asked for recordings, by what for and what came of it: let_in, refused, unwritten.",
	}, []string{"do", "result"}))
	for _, do := range access.Doings {
		for _, result := range []string{access.LetIn, access.Refused, access.Unwritten} {
			asked.WithLabelValues(do, result)
		}
	}
	return func(do, result string) { asked.WithLabelValues(do, result).Inc() }, errors.Join(errs...)
}

// Sound implements desk.Listening.
func (k *keeper) Sound(ctx context.Context, id call.ID, want wire.Listen) (io.ReadSeekCloser, string, error) {
	if err := k.lets(ctx, id, want); err != nil {
		return nil, "", err
	}
	sound, name, err := k.open(ctx, id)
	if err != nil { // no pointer to nothing in an interface
		return nil, "", err
	}
	return sound, name, nil
}

// Message implements desk.Listening. Who hears it is in the history of the case, too.
func (k *keeper) Message(ctx context.Context, number string, want wire.Listen) (io.ReadSeekCloser, string, error) {
	c, err := k.store.CaseOf(ctx, number)
	if err != nil {
		return nil, "", known(err)
	}
	if err := k.lets(ctx, c.Call, want); err != nil {
		return nil, "", err
	}
	if c.Message == "" {
		return nil, "", fmt.Errorf("%w: nothing was said after the tone of case %s", desk.ErrNotFound, number)
	}
	sound, err := recording.OpenMessage(messagesIn(k.data), c.Message, k.unwrap)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", fmt.Errorf("%w: the message of case %s was erased, or is lost: %w", desk.ErrNotFound, number, err)
	} else if err != nil {
		return nil, "", err
	}
	if _, err := k.store.ChangeCase(ctx, number, store.CaseChange{Entry: call.CaseEntry{At: k.now(), By: want.By, What: "heard", Text: want.Why}}); err != nil {
		return nil, "", errors.Join(known(err), sound.Close())
	}
	return sound, number + ".wav", nil
}

// lets asks the gatekeeper for somebody who wants to hear what was said in a call.
func (k *keeper) lets(ctx context.Context, id call.ID, want wire.Listen) error {
	do := access.Play
	if want.Do == access.Export {
		do = access.Export
	}
	e, err := k.asks(ctx, want.By, do, want.Why, id)
	if err != nil {
		return err
	}
	return k.ask(ctx, e)
}

// open opens the sound of a call for whoever has been let in, as a WAV file, and gives the name of that file. What
// was erased is not opened, also where it could not be taken away yet.
func (k *keeper) open(ctx context.Context, id call.ID) (*recording.Sound, string, error) {
	row, err := k.store.Call(ctx, id)
	if err != nil {
		return nil, "", known(err)
	}
	if k.reaper.IsErased(id, row.Recording) {
		return nil, "", fmt.Errorf("%w: %w", desk.ErrNotFound, purge.ErrErased)
	}
	sound, err := k.sound(ctx, row)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	}
	return sound, string(id) + ".wav", err
}

// Accesses implements desk.Listening.
func (k *keeper) Accesses(_ context.Context, f wire.AccessFilter) ([]wire.Access, error) {
	file, err := os.Open(k.accessLog())
	if err != nil {
		return nil, fmt.Errorf("the log of accesses: %w", err)
	}
	defer file.Close() // only read
	list, err := access.Read(file, access.Filter{Call: call.ID(f.Call), Who: f.Who, Most: f.Most})
	if err != nil {
		return nil, err
	}
	out := make([]wire.Access, len(list))
	for i, e := range list {
		out[i] = wire.Access{
			Seq: e.Seq, At: wire.Time(e.At), Who: e.Who, Role: e.Role, From: e.From, Do: e.Do, Call: string(e.Call), Why: e.Why, With: e.With, Refused: e.Refused, Confidential: e.Confidential,
		}
	}
	return out, nil
}

// VerifyAccesses implements desk.Listening.
func (k *keeper) VerifyAccesses(context.Context) (v wire.AccessVerification, err error) {
	file, err := os.Open(k.accessLog())
	if err != nil {
		return v, fmt.Errorf("the log of accesses: %w", err)
	}
	defer file.Close() // only read
	n, err := chain.VerifyLog(file, k.key.Public())
	v.Checked = n
	if err != nil {
		text := err.Error()
		v.Fault = &text
	}
	return v, nil
}
