package desk

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"hotline/call"
	"hotline/call/wire"
)

// Pauses pauses the recordings of talks, and shows which are; line.Line is one. Its errors are call's.
type Pauses interface {
	PauseRecording(ctx context.Context, id call.ID, w call.PauseWish) error
	ResumeRecording(ctx context.Context, id call.ID, by, who string) error
	PausedRecordings() []call.RecordingPause
}

func (d *Desk) setRecording(r *http.Request) (any, error) {
	var in wire.RecordingWish
	if err := body(r, &in); err != nil {
		return nil, err
	}
	in.By, in.Reason = strings.TrimSpace(in.By), strings.TrimSpace(in.Reason)
	switch {
	case in.By == "" || len(in.By) > call.LongestWhy:
		return nil, fmt.Errorf("%w: somebody decides it, named in 1 to %d bytes", ErrInvalid, call.LongestWhy)
	case !in.Paused && (in.Reason != "" || in.ForMS != 0):
		return nil, fmt.Errorf("%w: only a pause has a reason and a length", ErrInvalid)
	case in.ForMS < 0 || in.ForMS > time.Hour.Milliseconds():
		return nil, fmt.Errorf("%w: a pause lasts 0 to 3600000 ms", ErrInvalid)
	}
	id, err := d.call(r)
	if err != nil {
		return nil, err
	}
	if in.Paused {
		err = d.o.Pauses.PauseRecording(r.Context(), id, call.PauseWish{
			By: call.PausedByCommand, Who: in.By, Why: in.Reason, For: time.Duration(in.ForMS) * time.Millisecond,
		})
	} else {
		err = d.o.Pauses.ResumeRecording(r.Context(), id, call.PausedByCommand, in.By)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: call %s: %w", ErrInvalid, id, err)
	}
	return done, nil
}

// pauses are the recordings that are paused now.
func (d *Desk) pauses() []wire.RecordingPause {
	if d.o.Pauses == nil {
		return []wire.RecordingPause{}
	}
	return wire.RecordingPausesOf(d.o.Pauses.PausedRecordings())
}
