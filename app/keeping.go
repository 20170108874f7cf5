package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/desk"
	"hotline/recording"
	"hotline/recording/access"
	"hotline/recording/chain"
	"hotline/recording/purge"
	"hotline/recording/retention"
	"hotline/store"
)

// A keeper holds, erases and opens recordings: desk.Holds, desk.Purger and desk.Listening. It asks the gatekeeper
// before each.
type keeper struct {
	folder
	key    *chain.Key
	gate   *access.Gatekeeper
	log    *zap.Logger
	reaper *purge.Reaper
	now    func() time.Time
	ends   []func() error
}

// keepOptions are what a keeper is made of.
type keepOptions struct {
	folder  folder
	metrics prometheus.Registerer
	now     func() time.Time
	log     *zap.Logger
}

// newKeeper opens the log of accesses and the reaper of a data folder, which must be locked. Nothing is erased
// before the reaper runs.
func newKeeper(o keepOptions) (k *keeper, err error) {
	k = &keeper{folder: o.folder, log: o.log.Named("retention"), now: o.now}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
		}
	}()
	if k.key, err = chain.LoadKey(keysIn(k.data)); err != nil {
		return k, err
	}
	accesses, err := chain.OpenLog(k.accessLog(), k.key)
	if err != nil {
		return k, fmt.Errorf("the log of accesses: %w", err)
	}
	k.ends = append(k.ends, accesses.Close)
	counted, err := accessMetric(o.metrics)
	if err != nil {
		return k, err
	}
	k.gate = access.New(access.Options{Log: accesses, Now: o.now, Counted: counted})
	k.reaper, err = purge.New(purge.Options{
		Data:    k.data,
		Rules:   func() retention.Rules { return retentionRules(k.file()) },
		Rows:    retained{k.store},
		Gate:    k.gate,
		Chain:   erasedLinks{k.evidence},
		Key:     k.key,
		Node:    node(),
		Told:    k.told,
		Away:    eraseAway(k.away, o.log),
		Now:     o.now,
		Log:     o.log,
		Metrics: o.metrics,
	})
	if err != nil {
		return k, err
	}
	k.ends = append(k.ends, k.reaper.Close)
	return k, nil
}

// Close closes what newKeeper has opened, the last first.
func (k *keeper) Close() error {
	var errs []error
	for _, end := range slices.Backward(k.ends) {
		errs = append(errs, end())
	}
	k.ends = nil
	return errors.Join(errs...)
}

// openKeeping opens the keeper of a running server, and lets it erase what is due.
func (a *App) openKeeping(context.Context) (err error) {
	if a.keepNow == nil {
		a.keepNow = time.Now
	}
	a.keeper, err = newKeeper(keepOptions{folder: a.folder(), metrics: a.metrics, now: a.keepNow, log: a.log})
	if err != nil {
		return err
	}
	a.steps.closer("keeper", a.keeper.Close)
	a.steps.runner("reaper", 10*time.Second, a.keeper.reaper.Run, a.keeper.watchDisk)
	return nil
}

// retentionRules are those of a file that has passed its checks.
func retentionRules(f *configs.File) retention.Rules {
	r := retention.Rules{Keep: int(f.Recording.Keep), Cases: int(f.Recording.KeepCases), Zone: f.Zone()}
	for _, c := range f.Recording.Classes {
		r.Classes = append(r.Classes, retention.Class{Name: c.Name, Keep: int(c.Keep), Lines: c.Lines, Queues: c.Queues, Matters: c.Matters, Topics: c.Topics})
	}
	return r
}

// retained are the rows as the reaper asks for them.
type retained struct{ *store.Store }

// Holding implements purge.Rows. As long as a citizen waits for a copy, what it is to be made of is held, too.
func (r retained) Holding(ctx context.Context, now time.Time) ([]call.Hold, error) {
	list, err := r.Holds(ctx, store.HoldFilter{At: now})
	if err != nil {
		return nil, err
	}
	copies, err := r.Copies(ctx, false)
	if err != nil {
		return nil, err
	}
	for _, c := range copies {
		list = append(list, call.Hold{Calls: []call.ID{c.Call}, Why: "a citizen waits for a copy, request " + c.Number, By: c.By, At: c.Asked})
	}
	return list, nil
}

// told writes down that something was erased: in the rows, and in the journal of its call.
func (k *keeper) told(e purge.Erasure) {
	name := "message.erased"
	if e.Kind == purge.KindRecording {
		name = "recording.erased"
		k.store.RecordingSealed(e.ID, e.Path, recording.StateErased)
	}
	data := map[string]string{"class": e.Class, "rule": e.Rule, "sha256": e.SHA256}
	if e.By != "" {
		data["by"], data["with"] = e.By, e.With
	}
	k.store.Event(call.Event{At: e.At, Call: e.Call, Name: name, Data: data})
	k.log.Info("erased", zap.String("call", string(e.Call)), zap.String("kind", e.Kind), zap.String("class", e.Class))
}

// asks makes the entry of somebody who asks: their role is that of the user of that name.
func (k *keeper) asks(ctx context.Context, who, do, why string, id call.ID) (access.Entry, error) {
	role, err := k.role(ctx, who)
	if err != nil {
		return access.Entry{}, err
	}
	left, err := k.store.CasesOf(ctx, []call.ID{id})
	if err != nil {
		return access.Entry{}, err
	}
	return access.Entry{
		Who: who, Role: role, From: desk.From(ctx), Do: do, Call: id, Why: why,
		Confidential: slices.ContainsFunc(left[id], func(c call.Case) bool { return c.Confidential }),
	}, nil
}

// role is that of a user who works here; empty: nobody of that name does.
func (k *keeper) role(ctx context.Context, name string) (string, error) {
	users, err := k.store.Users(ctx)
	if err != nil {
		return "", err
	}
	for _, u := range users {
		if u.Name == name && !u.Disabled {
			return u.Role, nil
		}
	}
	return "", nil
}

// second says what is wrong with the second person.
func (k *keeper) second(ctx context.Context, by, with string) error {
	if err := call.TwoPersons(by, with); err != nil {
		return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	role, err := k.role(ctx, with)
	if err != nil {
		return err
	}
	if !access.MaySecond(role) {
		return fmt.Errorf("%w: %s cannot be the second person; name a supervisor, a chief or an admin of the hotline", desk.ErrForbidden, with)
	}
	return nil
}

// inWords puts what the gatekeeper and the reaper say into the desk's words.
func inWords(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, access.ErrNoLog), errors.Is(err, purge.ErrStuck):
		return fmt.Errorf("%w: %w", desk.ErrUnavailable, err)
	case errors.Is(err, access.ErrRefused):
		return fmt.Errorf("%w: %s", desk.ErrForbidden, strings.TrimPrefix(err.Error(), access.ErrRefused.Error()+": ")) // once is enough
	case errors.Is(err, purge.ErrUnknown):
		return fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	case errors.Is(err, purge.ErrKept), errors.Is(err, purge.ErrClock), errors.Is(err, purge.ErrErased):
		return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	return known(err)
}

// askTime is how long the log of accesses may take before nobody is let in.
const askTime = 5 * time.Second

// ask is the gatekeeper's Ask, bounded.
func (k *keeper) ask(ctx context.Context, e access.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return inWords(k.gate.Ask(ctx, e))
}
