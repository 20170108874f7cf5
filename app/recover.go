package app

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording"
	"hotline/recording/chain"
	"hotline/store"
)

// orphanWait bounds the BYEs to the telephones that a dead process left in a call.
const orphanWait = 8 * time.Second

// recover mends what a process that died left behind, before the first new call: every open
// recording is repaired and sealed as interrupted, every open record is closed. The orphaned
// telephones get their BYE as soon as the sockets are open.
func (a *App) recover(ctx context.Context) error {
	began := time.Now()
	orphans, err := a.store.Dialogs(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	d := dead{store: a.store, recordings: a.recordings(), second: a.file.Recording.Second, chain: a.evidence.Chain, zone: a.file.Zone(), log: a.log, until: time.Now}
	calls, recordings, err := d.close(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if calls+len(orphans)+recordings > 0 {
		a.log.Warn("a process died here; its calls are closed as interrupted", zap.Int("calls", calls),
			zap.Int("recordings", recordings), zap.Int("dialogs", len(orphans)), zap.Duration("took", time.Since(began)))
	}
	a.steps.closer("recovery", func() error { a.recovery.Wait(); return nil })
	a.orphans = orphans
	return nil
}

// A dead is what a process that is no more has left open in a data folder.
type dead struct {
	store      *store.Store
	recordings string
	second     string // directory of the recordings; empty: none
	chain      *chain.Chain
	zone       *time.Location
	log        *zap.Logger
	until      func() time.Time // the latest that it can have lived
}

// close repairs and seals the open recordings, and closes the open records. It returns how many there
// were of each.
func (d dead) close(ctx context.Context) (calls, recordings int, err error) {
	open, err := d.store.OpenCalls(ctx)
	if err != nil {
		return 0, 0, err
	}
	byID := make(map[call.ID]call.Record, len(open))
	stories := make(map[call.ID][]call.Event, len(open))
	for _, r := range open {
		events, err := d.store.Events(ctx, r.ID)
		if err != nil { // the record is closed with less in it
			d.log.Error("the events of a call whose process died cannot be read", zap.String("call", string(r.ID)), zap.Error(err))
		}
		stories[r.ID] = events
		byID[r.ID] = answered(r, events)
	}
	repaired, err := recording.RepairBoth(ctx, d.recordings, d.second, d.chain, func(id call.ID) recording.Meta { return meta(byID[id]) })
	if err != nil {
		d.log.Error("recordings that a dead process left open could not be repaired", zap.Error(err))
	}
	ends := make(map[call.ID]recording.Repaired, len(repaired))
	for _, r := range repaired {
		ends[r.Call] = r
		d.store.RecordingSealed(r.Call, r.Path, recording.StateInterrupted)
	}
	for _, r := range open {
		if _, mended := ends[r.ID]; mended {
			continue
		}
		if s, ok := recording.Sealed(d.recordings, r.ID, r.Arrived, d.zone); ok {
			ends[r.ID] = s
			d.store.RecordingSealed(r.ID, s.Path, recording.StateSealed)
		}
	}
	for _, r := range open {
		if err := d.store.Closed(retold(interrupted(byID[r.ID], ends, d.until()), stories[r.ID])); err != nil {
			return 0, 0, fmt.Errorf("close the record of call %s: %w", r.ID, err)
		}
	}
	return len(open), len(repaired), nil
}

// meta is what the manifest of an interrupted recording can still know.
func meta(r call.Record) recording.Meta {
	return recording.Meta{Call: r.ID, Line: r.Line, Arrived: r.Arrived, Answered: r.Answered, Linked: r.Linked}
}

// interrupted closes the record of a call whose process died. Its end is where its sound
// ends: nothing later is known of it. Where there is no sound, it is the latest it can be.
func interrupted(r call.Record, ends map[call.ID]recording.Repaired, latest time.Time) call.Record {
	r.Outcome, r.EndedBy, r.Ended = call.Interrupted, call.ByUs, latest
	if !r.Answered.IsZero() {
		r.Unrecorded = call.UnrecordedProcess
	}
	if file, ok := ends[r.ID]; ok {
		r.Recording, r.Notice, r.Unrecorded = file.Path, file.Notice, ""
		if !file.Ended.IsZero() {
			r.Ended = file.Ended
		}
	}
	return r
}

// A record is written at arrival and at the end. What came in between is in the call's events: a
// call whose process died is told from them.

// answered is when the line took the call: the zero of its recording's time.
func answered(r call.Record, story []call.Event) call.Record {
	for _, e := range story {
		if e.Name == "call.answered" && r.Answered.IsZero() {
			r.Answered = e.At
		}
	}
	return r
}

// retold adds who was spoken to, in which language, and for how long, up to the record's end.
func retold(r call.Record, story []call.Event) call.Record {
	var waits, talks time.Time // since when; zero: not now
	stop := func(since *time.Time, total *time.Duration, at time.Time) {
		if !since.IsZero() {
			*total += max(0, at.Sub(*since))
		}
		*since = time.Time{}
	}
	for _, e := range story {
		switch e.Name {
		case "call.language_chosen":
			r.Language = call.Language(e.Data["language"])
		case "call.queued":
			r.Queue = e.Data["queue"]
			stop(&talks, &r.Talked, e.At) // put through to this queue
			if waits.IsZero() {
				waits = e.At
			}
		case "call.answered":
			switch call.Role(e.Data["by"]) {
			case call.RoleOperator:
				r.Operator = e.Data["operator"]
			case call.RoleThird: // the last operator stays
			default:
				continue
			}
			stop(&waits, &r.Waited, e.At)
			stop(&talks, &r.Talked, e.At)
			talks = e.At
		case "call.operator_lost":
			stop(&talks, &r.Talked, e.At)
			waits = e.At
		}
	}
	stop(&waits, &r.Waited, r.Ended)
	stop(&talks, &r.Talked, r.Ended)
	return r
}

// goodbyeOrphans says BYE in every dialog of the dead process, so that nobody keeps talking
// into nothing.
func (a *App) goodbyeOrphans() {
	if len(a.orphans) == 0 {
		return
	}
	a.recovery.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), orphanWait)
		defer cancel()
		n := a.sip.ByeOrphans(ctx, a.orphans)
		a.log.Info("said BYE to telephones left in a call", zap.Int("dialogs", n))
		for _, d := range a.orphans {
			if err := a.store.RemoveDialog(d.Leg); err != nil {
				a.log.Error("a dialog that has ended could not be forgotten", zap.Error(err))
			}
		}
	})
}
