package desk

import (
	"context"
	"fmt"
	"time"

	"hotline/call"
)

type pausesOf struct{ *house }

func (h pausesOf) PauseRecording(_ context.Context, id call.ID, w call.PauseWish) error {
	if w.Why == "" {
		return call.ErrPauseNoWhy
	}
	h.did = append(h.did, fmt.Sprintf("pause %s %s %s %s %v", id, w.Why, w.Who, w.By, w.For))
	return h.fail
}

func (h pausesOf) ResumeRecording(_ context.Context, id call.ID, by, who string) error {
	h.did = append(h.did, fmt.Sprintf("resume %s %s %s", id, who, by))
	return h.fail
}

func (h pausesOf) PausedRecordings() []call.RecordingPause {
	return []call.RecordingPause{{
		Call: "open", Operator: "leyla", By: call.PausedByOperator, Who: "leyla", Why: "operator's key",
		Since: t0.Add(time.Second), Until: t0.Add(121 * time.Second),
	}}
}
