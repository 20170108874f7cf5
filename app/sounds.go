package app

import (
	"context"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/recording"
)

// sounds show the recordings' folder to the desk.
type sounds struct {
	folder
	prove func(ctx context.Context, since time.Time) (wire.Completeness, error) // nil: no server runs
}

func (a *App) sounds() sounds { return sounds{a.folder(), a.reconciler.prove} }

func (s sounds) List(context.Context) ([]wire.Recording, error) {
	items, err := recording.List(recordingsIn(s.data))
	if err != nil {
		return nil, err
	}
	out := make([]wire.Recording, len(items))
	for i, it := range items {
		out[i] = wire.Recording{Call: string(it.Call), Path: it.Path, State: it.State, DurationMS: it.Duration.Milliseconds()}
	}
	return out, s.locate(out)
}

// Verify checks every recording, and that every record that names one has it.
func (s sounds) Verify(ctx context.Context) (wire.Verification, error) {
	proof, err := heldAgainst(s.data)
	if err != nil {
		return wire.Verification{}, err
	}
	proof.Unwrap = s.unwrap
	err = s.store.EachCall(ctx, time.Time{}, func(r call.Record) error {
		if r.Recording != "" && !r.Ended.IsZero() {
			proof.Expected = append(proof.Expected, recording.Expected{Call: r.ID, Path: r.Recording})
		}
		return nil
	})
	if err != nil {
		return wire.Verification{}, err
	}
	faults, err := verified(s.data, proof, nil)
	return wire.Verification{Checked: len(proof.Expected), Faults: wireFaults(faults)}, err
}

// verified is what is wrong with the recordings and the messages below a data folder. progress, which may be nil, is
// told of the recordings.
func verified(data string, proof recording.Proof, progress func(done, total int)) ([]recording.Fault, error) {
	faults, err := recording.Verify(recordingsIn(data), proof, progress)
	if err != nil {
		return nil, err
	}
	messages, err := recording.VerifyMessages(messagesIn(data), proof.Unwrap, nil)
	return append(faults, messages...), err
}

// wireFaults are faults as the API tells them.
func wireFaults(faults []recording.Fault) []wire.Fault {
	out := make([]wire.Fault, len(faults))
	for i, f := range faults {
		out[i] = wire.Fault{Call: string(f.Call), Path: f.Path, Problem: f.Problem, Link: f.Link}
	}
	return out
}

// Evidence is the public key of the node, and where its chain ends now.
func (s sounds) Evidence(context.Context) (wire.Evidence, error) {
	e, err := s.evidence()
	if err != nil {
		return wire.Evidence{}, err
	}
	_, line, err := e.Head(node())
	return wire.Evidence{Key: string(e.key.PublicPEM()), Head: string(line)}, err
}
