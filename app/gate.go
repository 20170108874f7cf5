package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/line"
	"hotline/store"
)

// The switches there are.
const (
	switchChallenge = "challenge"
	switchIncident  = "incident"
)

// A gate is who is kept out, and what all callers meet: line.Gate, and desk.Gate for the commands.
// What is asked at each call is in memory; what is decided is in the store first.
type gate struct {
	store *store.Store
	spell func(string) string
	now   func() time.Time
	log   *zap.Logger
	voice func(ctx context.Context, texts map[call.Language]string) (map[call.Language]*call.Clip, error)
	clip  func(key string) error // whether there is such a clip

	hourly atomic.Int64 // calls an hour from one number; 0: no limit

	mu        sync.Mutex
	blocks    map[string]time.Time // until, zero: without end
	challenge *store.Switch
	incident  *store.Switch
	told      *line.Announced // of the incident
	calls     hourCalls
}

// load takes what is decided from the store.
func (g *gate) load(ctx context.Context) error {
	return errors.Join(g.loadBlocks(ctx), g.loadSwitches(ctx))
}

func (g *gate) loadBlocks(ctx context.Context) error {
	blocks, err := g.store.Blocks(ctx, g.now(), false)
	if err != nil {
		return fmt.Errorf("read the blocks: %w", err)
	}
	by := map[string]time.Time{}
	for _, b := range blocks {
		by[b.Number] = b.Until
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blocks = by
	return nil
}

// loadSwitches has the voices say the text of an incident, which takes its time.
func (g *gate) loadSwitches(ctx context.Context) error {
	switches, err := g.store.Switches(ctx)
	if err != nil {
		return fmt.Errorf("read the switches: %w", err)
	}
	var challenge, incident *store.Switch
	var told *line.Announced
	for i := range switches {
		switch w := &switches[i]; w.Name {
		case switchChallenge:
			challenge = w
		case switchIncident:
			incident = w
			if told, err = g.announced(ctx, w); err != nil {
				g.log.Error("the announcement of the incident cannot be spoken", zap.Error(err))
			}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.challenge, g.incident, g.told = challenge, incident, told
	return nil
}

// announced makes what callers are told of an incident.
func (g *gate) announced(ctx context.Context, w *store.Switch) (*line.Announced, error) {
	var in wire.Incident
	if err := json.Unmarshal(w.Value, &in); err != nil {
		return nil, err
	}
	a := &line.Announced{Key: in.Clip, Instead: in.Instead}
	if len(in.Texts) == 0 {
		return a, nil
	}
	if g.voice == nil {
		return nil, fmt.Errorf("%w: no voice is configured, record a clip and name it", desk.ErrInvalid)
	}
	texts := map[call.Language]string{}
	for lang, text := range in.Texts {
		texts[call.Language(lang)] = text
	}
	var err error
	a.Clips, err = g.voice(ctx, texts)
	return a, err
}

// Barred implements line.Gate.
func (g *gate) Barred(from call.Number, withheld bool) line.Barring {
	if from == "" || withheld {
		return ""
	}
	number, now := g.spell(from.Raw()), g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if until, blocked := g.blocks[number]; blocked && (until.IsZero() || now.Before(until)) {
		return line.Blocked
	}
	if most := int(g.hourly.Load()); most > 0 && g.calls.add(number, now) > most {
		return line.TooMany
	}
	return ""
}

// Challenge implements line.Gate.
func (g *gate) Challenge() bool { return g.on(func() *store.Switch { return g.challenge }) }

func (g *gate) on(which func() *store.Switch) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := which()
	return w != nil && (w.Until.IsZero() || g.now().Before(w.Until))
}

// Incident implements line.Gate.
func (g *gate) Incident() *line.Announced {
	if !g.on(func() *store.Switch { return g.incident }) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.told
}

// hourCalls counts the calls of each number in the last hour, in six parts of ten minutes.
type hourCalls struct {
	parts [6]map[string]int
	at    time.Time // when the newest part began
}

// mostCounted bounds the table: where it is full, new numbers are not counted. An attack that shows a new
// number each time is no matter of numbers: the challenge is for that.
const mostCounted = 20_000

func (h *hourCalls) add(number string, now time.Time) (calls int) {
	const part = 10 * time.Minute
	for i := 0; now.Sub(h.at) >= part && i < len(h.parts); i++ {
		copy(h.parts[1:], h.parts[:len(h.parts)-1])
		h.parts[0] = nil
		if h.at = h.at.Add(part); now.Sub(h.at) >= part*time.Duration(len(h.parts)) {
			h.at = now
		}
	}
	if h.parts[0] == nil {
		h.parts[0] = map[string]int{}
	}
	if len(h.parts[0]) < mostCounted || h.parts[0][number] > 0 {
		h.parts[0][number]++
	}
	for _, p := range h.parts {
		calls += p[number]
	}
	return calls
}

// Blocks implements desk.Gate.
func (g *gate) Blocks(ctx context.Context, all, numbers bool) ([]wire.Block, error) {
	if numbers {
		g.log.Info("blocked numbers were shown whole")
	}
	list, err := g.store.Blocks(ctx, g.now(), all)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Block, len(list))
	for i, b := range list {
		out[i] = wire.Block{
			Number: shown(b.Number, numbers), Reason: b.Reason, By: b.By, At: wire.Time(b.At), Until: wire.Time(b.Until),
			Lifted: wire.Time(b.Lifted), LiftedBy: b.LiftedBy,
		}
	}
	return out, nil
}

// Block implements desk.Gate.
func (g *gate) Block(ctx context.Context, b wire.NewBlock) error {
	now := g.now()
	until, err := endOf(now, b.Until)
	if err != nil {
		return err
	}
	if err := g.store.AddBlock(ctx, store.Block{Number: g.spell(b.Number), Reason: b.Reason, By: b.By, At: now, Until: until}); err != nil {
		return err
	}
	g.log.Info("a number was blocked")
	return g.loadBlocks(ctx)
}

// endOf is when something ends: zero for never.
func endOf(now time.Time, until *time.Time) (time.Time, error) {
	if until == nil {
		return time.Time{}, nil
	}
	if !until.After(now) {
		return time.Time{}, fmt.Errorf("%w: the end lies before now", desk.ErrInvalid)
	}
	return *until, nil
}

// Unblock implements desk.Gate.
func (g *gate) Unblock(ctx context.Context, number, by string) error {
	if err := g.store.LiftBlock(ctx, g.spell(number), by, g.now()); err != nil {
		return known(err)
	}
	return g.loadBlocks(ctx)
}

// Switches implements desk.Gate.
func (g *gate) Switches(ctx context.Context) (out wire.Switches, err error) {
	list, err := g.store.Switches(ctx)
	if err != nil {
		return out, err
	}
	for _, w := range list {
		if !w.Until.IsZero() && !g.now().Before(w.Until) {
			continue
		}
		s := &wire.Switch{By: w.By, At: wire.Time(w.At), Until: wire.Time(w.Until)}
		switch w.Name {
		case switchChallenge:
			out.Challenge = s
		case switchIncident:
			out.Incident = s
			if err := json.Unmarshal(w.Value, &s.Incident); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// SetChallenge implements desk.Gate.
func (g *gate) SetChallenge(ctx context.Context, c wire.NewSwitch) error {
	return g.set(ctx, switchChallenge, struct{}{}, c.By, c.Until)
}

// SetIncident implements desk.Gate: what cannot be told is not switched on.
func (g *gate) SetIncident(ctx context.Context, c wire.NewSwitch) error {
	in := c.Incident
	switch {
	case in == nil || in.Clip == "" && len(in.Texts) == 0:
		return fmt.Errorf("%w: name a clip, or give a text", desk.ErrInvalid)
	case in.Clip != "":
		if err := g.clip(in.Clip); err != nil {
			return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
		}
	}
	value, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if _, err := g.announced(ctx, &store.Switch{Value: value}); err != nil {
		return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	return g.set(ctx, switchIncident, in, c.By, c.Until)
}

func (g *gate) set(ctx context.Context, name string, value any, by string, until *time.Time) error {
	end, err := endOf(g.now(), until)
	if err != nil {
		return err
	}
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := g.store.SetSwitch(ctx, store.Switch{Name: name, Value: body, By: by, At: g.now(), Until: end}); err != nil {
		return err
	}
	g.log.Warn("switched on for all callers", zap.String("switch", name))
	return g.loadSwitches(ctx)
}

// SwitchOff implements desk.Gate.
func (g *gate) SwitchOff(ctx context.Context, name string) error {
	if err := g.store.ClearSwitch(ctx, name); err != nil {
		return err
	}
	g.log.Warn("switched off for all callers", zap.String("switch", name))
	return g.loadSwitches(ctx)
}

// Surveys implements desk.Gate: what callers have answered.
func (g *gate) Surveys(ctx context.Context, since time.Time) ([]wire.SurveySum, error) {
	sums, err := g.store.Opinions(ctx, since)
	if err != nil {
		return nil, err
	}
	out := make([]wire.SurveySum, len(sums))
	for i, s := range sums {
		out[i] = wire.SurveySum{
			Survey: s.Survey, Question: s.Question, Queue: s.Queue, Language: string(s.Language),
			Asked: s.Asked, Answered: s.Answered, Values: map[string]int{},
		}
		for v, n := range s.Values {
			out[i].Values[fmt.Sprint(v)] = n
		}
		if s.Answered > 0 {
			mean := float64(s.Sum) / float64(s.Answered)
			out[i].Mean = &mean
		}
	}
	return out, nil
}

// hasClip says whether there is a clip in every language of callers.
func (a *App) hasClip(key string) error {
	for _, lang := range a.file.Languages {
		if !a.clips.now.Load().Has(key, lang) {
			return fmt.Errorf("there is no prompt %s in %s", key, lang)
		}
	}
	return nil
}
