package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/series"
	"hotline/call/wire"
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
	store  *store.Store
	file   func() *configs.File // as last loaded
	data   string
	key    *chain.Key
	gate   *access.Gatekeeper
	log    *zap.Logger
	reaper *purge.Reaper
	sounds sealedSounds
	unwrap recording.Unwrap // nil: no recording is encrypted
	now    func() time.Time
	ends   []func() error
}

// keepOptions are what a keeper is made of.
type keepOptions struct {
	away    archived // where copies are erased too; nil: there are none
	store   *store.Store
	file    func() *configs.File
	metrics prometheus.Registerer
	now     func() time.Time
	log     *zap.Logger

	evidence func() (*evidence, error) // the chain of the recordings
	unwrap   recording.Unwrap          // opens the keys of encrypted recordings; nil: there are none
}

// newKeeper opens the log of accesses and the reaper of a data folder, which must be locked. Nothing is erased
// before the reaper runs.
func newKeeper(o keepOptions) (k *keeper, err error) {
	data := o.file().Data
	k = &keeper{store: o.store, file: o.file, data: data, log: o.log.Named("retention"), sounds: sealedSounds{data, o.unwrap, o.away}, unwrap: o.unwrap, now: o.now}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
		}
	}()
	if k.key, err = chain.LoadKey(filepath.Join(data, "keys")); err != nil {
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
		Data: data, Rules: func() retention.Rules { return retentionRules(o.file()) }, Rows: retained{o.store}, Gate: k.gate, Chain: erasedLinks{o.evidence},
		Key: k.key, Node: node(), Told: k.told, Away: eraseAway(o.away, o.log), Now: o.now, Log: o.log, Metrics: o.metrics,
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

// openKeeping opens the keeper of a running server, and lets it erase what is due.
func (a *App) openKeeping(context.Context) (err error) {
	if a.keepNow == nil {
		a.keepNow = time.Now
	}
	a.keeper, err = newKeeper(keepOptions{store: a.store, unwrap: unwrap(a.keys), file: a.loaded.Load, metrics: a.metrics, now: a.keepNow, log: a.log, away: a.keptAway, evidence: func() (*evidence, error) { return a.evidence, nil }})
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
func (r retained) Holding(ctx context.Context, now time.Time) ([]retention.Hold, error) {
	list, err := r.Holds(ctx, store.HoldFilter{At: now})
	if err != nil {
		return nil, err
	}
	copies, err := r.Copies(ctx, false)
	if err != nil {
		return nil, err
	}
	out := make([]retention.Hold, 0, len(list)+len(copies))
	for _, h := range list {
		out = append(out, retention.Hold(h))
	}
	for _, c := range copies {
		out = append(out, retention.Hold{Calls: []call.ID{c.Call}, Why: "a citizen waits for a copy, request " + c.Number, By: c.By, At: c.Asked})
	}
	return out, nil
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
	return access.Entry{Who: who, Role: role, From: desk.From(ctx), Do: do, Call: id, Why: why}, err
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
	if err := retention.TwoPersons(by, with); err != nil {
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

// Sound implements desk.Listening.
func (k *keeper) Sound(ctx context.Context, id call.ID, want wire.Listen) (io.ReadSeekCloser, string, error) {
	do := access.Play
	if want.Do == access.Export {
		do = access.Export
	}
	e, err := k.asks(ctx, want.By, do, want.Why, id)
	if err != nil {
		return nil, "", err
	}
	if err := k.ask(ctx, e); err != nil {
		return nil, "", err
	}
	sound, name, err := k.open(ctx, id)
	if err != nil { // no pointer to nothing in an interface
		return nil, "", err
	}
	return sound, name, nil
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
	sound, err := k.sounds.open(ctx, row)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	}
	return sound, string(id) + ".wav", err
}

// sealedSounds opens recordings, plain and encrypted ones, as WAV files.
type sealedSounds struct {
	data   string
	unwrap recording.Unwrap
	away   archived // nil: all lie here
}

// open opens the sound of a call's recording; the error is os.ErrNotExist where there is none.
func (p sealedSounds) open(ctx context.Context, r call.Record) (*recording.Sound, error) {
	if r.Recording == "" {
		return nil, fmt.Errorf("call %s has no recording, or it goes on: %w", r.ID, os.ErrNotExist)
	}
	sound, err := recording.OpenPath(recordingsIn(p.data), r.Recording, p.unwrap)
	if errors.Is(err, os.ErrNotExist) && p.away != nil {
		sound, err = openAway(ctx, p, r.Recording, err)
	}
	if err != nil {
		return nil, err
	}
	sound.Mend() // what a damage took is silence; whoever gives the sound away tells of it by LostTime
	return sound, nil
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
			Seq: e.Seq, At: wire.Time(e.At), Who: e.Who, Role: e.Role, From: e.From, Do: e.Do, Call: string(e.Call), Why: e.Why, With: e.With, Refused: e.Refused,
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
