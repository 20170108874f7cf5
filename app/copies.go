package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/cases"
	"hotline/configs"
	"hotline/desk"
	"hotline/recording"
	"hotline/recording/access"
	"hotline/recording/bundle"
	"hotline/recording/chain"
	"hotline/recording/picture"
	"hotline/store"
)

// copies is the register of citizens' requests for copies of recordings, and makes the copies: desk.Copies.
type copies struct {
	store *store.Store
	file  func() *configs.File // as last loaded
	now   func() time.Time
	log   *zap.Logger
	ask   func(context.Context, access.Entry) error // before the first byte leaves
	see   func(call.ID) (recording.Seen, error)
	sound opener // the whole sound as a plain WAV
	key   *chain.Key
}

// newCopies makes the register over a data folder.
func newCopies(k *keeper, now func() time.Time, log *zap.Logger) *copies {
	dir := recordingsIn(k.data)
	return &copies{
		store: k.store, file: k.file, now: now, log: log.Named("copies"), ask: k.ask, key: k.key,
		see:   func(id call.ID) (recording.Seen, error) { return recording.See(dir, id, k.unwrap) },
		sound: k.sounds,
	}
}

// Find implements desk.Copies. A number that was withheld finds nothing: its caller proves the call by the number of
// a case, or by what only the caller knows. The log says that it was looked, and not for whom.
func (c *copies) Find(ctx context.Context, ask wire.CopyFind) ([]wire.CopyCall, error) {
	list, err := c.find(ctx, ask)
	if err != nil {
		return nil, err
	}
	out := make([]wire.CopyCall, len(list))
	for i, r := range list {
		out[i] = c.candidate(r)
	}
	c.log.Info("calls were looked for, for a copy", zap.String("by", ask.By), zap.Int("found", len(out)))
	return out, nil
}

func (c *copies) find(ctx context.Context, ask wire.CopyFind) (list []call.Record, err error) {
	f := c.file()
	var from, to time.Time
	if ask.Date != "" {
		if from, err = time.ParseInLocation("2006-01-02", ask.Date, f.Zone()); err != nil {
			return nil, fmt.Errorf("%w: date %q is no day, write YYYY-MM-DD", desk.ErrInvalid, ask.Date)
		}
		to = from.AddDate(0, 0, 1)
	}
	if ask.Case != "" {
		r, err := c.ofCase(ctx, ask)
		if err != nil {
			return nil, err
		}
		list = []call.Record{r}
	} else if list, err = c.store.CallsOn(ctx, from, to); err != nil {
		return nil, err
	}
	plan := numbers(f)
	fits := func(r call.Record) bool {
		number := ask.Number == "" || !r.Withheld && r.From != "" && plan.E164(r.From.Raw()) == plan.E164(ask.Number)
		return number && (from.IsZero() || !r.Arrived.Before(from) && r.Arrived.Before(to))
	}
	kept := list[:0]
	for _, r := range list {
		if fits(r) {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// ofCase is the call that a case was left in. Of a confidential one the look is in its history.
func (c *copies) ofCase(ctx context.Context, ask wire.CopyFind) (call.Record, error) {
	k, err := c.store.CaseOf(ctx, ask.Case)
	if err == nil && k.Confidential {
		k, err = c.store.ChangeCase(ctx, ask.Case, store.CaseChange{Entry: call.CaseEntry{At: c.now(), By: ask.By, What: "looked.copy"}})
	}
	if err != nil {
		return call.Record{}, known(err)
	}
	r, err := c.store.Call(ctx, k.Call)
	return r, known(err)
}

// candidate is a call as it is shown to whoever looks for one.
func (c *copies) candidate(r call.Record) wire.CopyCall {
	right := cases.CopyRight(r.Arrived.In(c.file().Zone()))
	w := wire.CallOf(r)
	out := wire.CopyCall{
		Call: w.ID, Arrived: w.Arrived, Line: r.Line, Number: r.From.String(), Language: w.Language, Operator: w.Operator,
		RightUntil: wire.Time(right), RightDays: c.days(right), Recorded: r.Recording != "",
	}
	if !r.Answered.IsZero() && !r.Ended.IsZero() {
		out.LengthMS = r.Ended.Sub(r.Answered).Milliseconds()
	}
	return out
}

// days are the days of the calendar from today to that of a moment; 0: today is the last.
func (c *copies) days(until time.Time) int {
	zone := c.file().Zone()
	date := func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(date(until).Sub(date(c.now())) / (24 * time.Hour))
}

// Request implements desk.Copies.
func (c *copies) Request(ctx context.Context, ask wire.CopyRequest) (wire.Copy, error) {
	f := c.file()
	r, err := c.store.Call(ctx, call.ID(ask.Call))
	if err != nil {
		return wire.Copy{}, known(err)
	}
	if ask.Case != "" {
		if _, err := c.store.CaseOf(ctx, ask.Case); err != nil {
			return wire.Copy{}, known(err)
		}
	}
	now := c.now().In(f.Zone())
	right := cases.CopyRight(r.Arrived.In(f.Zone()))
	if now.After(right) && !ask.Late {
		return wire.Copy{}, fmt.Errorf("%w: callers may ask for a copy for three months, of this call until %s; --late registers it all the same, to be answered or refused",
			desk.ErrInvalid, right.Format(time.DateOnly))
	}
	what := "asked"
	if now.After(right) {
		what = "asked.late"
	}
	made, err := c.store.RequestCopy(ctx, call.Copy{
		Call: r.ID, Case: ask.Case, Name: ask.Name, Checked: ask.Checked, By: ask.By, Why: ask.Why, Asked: now,
		Due: cases.Copy(lawDays{f.Workdays()}, now), Right: right,
	}, call.CaseEntry{At: now, By: ask.By, What: what, Text: "identity checked by " + ask.Checked})
	if err != nil {
		return wire.Copy{}, err
	}
	c.tell(made, "copy.requested")
	return c.wire(made), nil
}

// tell puts what was done into the call's journal and the log; no names of callers are in them.
func (c *copies) tell(k call.Copy, event string) {
	c.store.Event(call.Event{At: c.now(), Call: k.Call, Name: event, Data: map[string]string{"request": k.Number}})
	c.log.Info("a citizen's copy", zap.String("call", string(k.Call)), zap.String("request", k.Number), zap.String("event", event))
}

// Copies implements desk.Copies.
func (c *copies) Copies(ctx context.Context, all bool) ([]wire.Copy, error) {
	list, err := c.store.Copies(ctx, all)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Copy, len(list))
	for i, k := range list {
		out[i] = c.wire(k)
	}
	return out, nil
}

// Copy implements desk.Copies.
func (c *copies) Copy(ctx context.Context, number string) (wire.Copy, error) {
	k, err := c.store.Copy(ctx, number)
	return c.wire(k), known(err)
}

func (c *copies) wire(k call.Copy) wire.Copy {
	out := wire.Copy{
		Number: k.Number, Call: string(k.Call), Case: k.Case, Name: k.Name, Checked: k.Checked, By: k.By, Why: k.Why, State: string(k.State),
		Asked: wire.Time(k.Asked), Due: wire.Time(k.Due), DueDays: c.days(k.Due), RightUntil: wire.Time(k.Right), RightDays: c.days(k.Right),
		Late: k.Asked.After(k.Right), Silence: k.Silence, Digest: k.Digest, Made: wire.Time(k.Made), Closed: wire.Time(k.Closed), History: []wire.CaseEntry{},
	}
	for _, e := range k.History {
		out.History = append(out.History, wire.CaseEntry{At: wire.Time(e.At), By: e.By, What: e.What, Text: e.Text})
	}
	return out
}

// Close implements desk.Copies.
func (c *copies) Close(ctx context.Context, number string, ask wire.CopyClose) (wire.Copy, error) {
	state, event := call.CopyDelivered, "copy.delivered"
	if ask.Do == "refuse" {
		state, event = call.CopyRefused, "copy.refused"
	}
	k, err := c.store.ChangeCopy(ctx, number, store.CopyChange{
		State: state, Entry: call.CaseEntry{At: c.now(), By: ask.By, What: string(state), Text: ask.Text},
	})
	if err != nil {
		return wire.Copy{}, copyMoved(err)
	}
	c.tell(k, event)
	return c.wire(k), nil
}

// copyMoved puts the store's errors of copies into the desk's words.
func copyMoved(err error) error {
	if errors.Is(err, call.ErrCopyMove) {
		return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	return known(err)
}

// Make implements desk.Copies. Whoever makes it is written down before the sound is opened.
func (c *copies) Make(ctx context.Context, w io.Writer, number string, ask wire.CopyMake) error {
	k, err := c.store.Copy(ctx, number)
	if err == nil {
		err = k.May(call.CopyMade)
	}
	if err != nil {
		return copyMoved(err)
	}
	if ask.Silence != bundle.Whole && ask.Silence != bundle.Operator && ask.Silence != bundle.Caller {
		return fmt.Errorf("%w: silence is %s or %s", desk.ErrInvalid, bundle.Operator, bundle.Caller)
	}
	seen, err := c.see(k.Call)
	if err != nil {
		return unrecorded(err)
	}
	if seen.State == recording.StateOpen {
		return fmt.Errorf("%w: the recording of call %s is not sealed yet", desk.ErrInvalid, k.Call)
	}
	role, err := c.role(ctx, ask.By)
	if err != nil {
		return err
	}
	if err := c.ask(ctx, access.Entry{
		Who: ask.By, Role: role, From: desk.From(ctx), Do: access.Copy, Call: k.Call, Why: "a citizen's copy, request " + k.Number + ": " + k.Why,
	}); err != nil {
		return err
	}
	digest, err := c.bind(ctx, w, k, seen, ask.Silence)
	if errors.Is(err, bundle.ErrChanged) {
		return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	if err != nil {
		return err
	}
	text := "whole"
	if ask.Silence != bundle.Whole {
		text = "without the " + ask.Silence
	}
	k, err = c.store.ChangeCopy(ctx, number, store.CopyChange{
		State: call.CopyMade, Silence: ask.Silence, Digest: digest, Entry: call.CaseEntry{At: c.now(), By: ask.By, What: string(call.CopyMade), Text: text + ", " + digest},
	})
	if err != nil {
		return copyMoved(err)
	}
	c.tell(k, "copy.made")
	return nil
}

// bind writes the bundle.
func (c *copies) bind(ctx context.Context, w io.Writer, k call.Copy, seen recording.Seen, silence string) (string, error) {
	events, err := c.store.Events(ctx, k.Call)
	if err != nil {
		return "", err
	}
	sound, _, err := c.sound.Sound(ctx, k.Call)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	} else if err != nil {
		return "", err
	}
	defer sound.Close() // only read
	return bundle.Write(w, bundle.Copy{
		Request: k.Number, Made: c.now().UTC().Truncate(time.Second), Picture: picture.Of(seen, events, c.file().Zone()),
		Manifest: seen.Manifest, Sound: sound, SHA256: plainSum(seen), Silence: silence,
	}, c.key)
}

// plainSum is the SHA-256 that the manifest has of the plain sound; empty where it has that of an encrypted file, whose
// frames prove the sound by themselves.
func plainSum(s recording.Seen) string {
	var m struct {
		Encrypted json.RawMessage `json:"encrypted"`
	}
	if json.Unmarshal(s.Manifest, &m) == nil && len(m.Encrypted) > 0 && string(m.Encrypted) != "null" {
		return ""
	}
	return s.SHA256
}

// role is that of a user of ours; empty: the name is nobody's.
func (c *copies) role(ctx context.Context, name string) (string, error) {
	users, err := c.store.Users(ctx)
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
