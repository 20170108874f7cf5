package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/floor"
	"hotline/queue"
	"hotline/store"
)

// callbacks owns all that are open: asked for on the line or at the desk, or left by the process before
// us.
type callbacks struct {
	*floor.Floor
	store  *store.Store
	serve  func(context.Context, queue.Ticket, <-chan queue.Order)
	may    func(call.Number) bool
	spell  func(string) string
	short  func(queue string) time.Duration // who left sooner is not rung back
	log    *zap.Logger
	ctx    context.Context // ends with the signalling: what is not over then waits for the next process
	cancel context.CancelFunc
	owners sync.WaitGroup
	tasks  *caseTasks // what some are for; nil: none
}

// openCallbacks lets the line's callers ask for callbacks.
func (a *App) openCallbacks() {
	c := &callbacks{
		Floor: a.floor, store: a.store, may: a.MayCall, spell: func(n string) string { return numbers(a.loaded.Load()).E164(n) },
		serve: func(ctx context.Context, t queue.Ticket, orders <-chan queue.Order) {
			a.line.ServeCallback(ctx, t, orders)
		},
		short: a.short, log: a.log.Named("callbacks"),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	a.callbacks = c
	// When no call is left that could ask for another.
	a.steps.closer("callbacks", func() error { c.cancel(); c.owners.Wait(); return nil })
}

// takeCallbacks goes on with what the process before us had promised.
func (a *App) takeCallbacks(context.Context) error {
	for _, c := range a.floor.Callbacks() {
		a.callbacks.own(c.Ticket, c.Orders)
	}
	a.runTasks()
	a.steps.closer("tries to call back", func() error { a.callbacks.cancel(); return nil })
	return nil
}

// short is within what time callers of a queue may leave and not count as having given up.
func (a *App) short(name string) time.Duration {
	for _, q := range a.loaded.Load().Queues {
		if q.Name == name {
			return q.Short.D()
		}
	}
	return 0
}

// AskCallback implements line.Callbacks.
func (c *callbacks) AskCallback(t queue.Ticket) error {
	orders, err := c.Floor.AskCallback(t)
	if err == nil {
		c.own(t, orders)
	}
	return err
}

func (c *callbacks) own(t queue.Ticket, orders <-chan queue.Order) {
	c.owners.Go(func() {
		c.serve(c.ctx, t, orders)
		c.tasks.look()
	})
}

// CallbackReached implements line.Callbacks.
func (c *callbacks) CallbackReached(id call.ID) {
	c.Floor.CallbackReached(id)
	c.tasks.look()
}

// Open implements desk.Callbacks.
func (c *callbacks) Open(whole bool) []wire.Callback {
	c.looked(whole)
	out := []wire.Callback{}
	for _, v := range c.CallbackViews() {
		out = append(out, wireCallback(v, whole))
	}
	return out
}

// looked writes down that somebody asks for whole numbers.
func (c *callbacks) looked(whole bool) {
	if whole {
		c.log.Info("the numbers of those who are to be called back are shown")
	}
}

func wireCallback(v queue.CallbackView, whole bool) wire.Callback {
	w := wire.Callback{
		ID: string(v.Call), Queue: v.Queue, Language: string(v.Language), Number: shown(v.Party, whole),
		Asked: wire.Time(v.Asked), Position: v.Position, Tries: v.Tries, Again: wire.Time(v.Again),
	}
	if v.Operator != "" {
		w.Operator = &v.Operator
	}
	return w
}

// shown is a number as it may be seen.
func shown(number string, whole bool) string {
	if whole {
		return number
	}
	return call.Number(number).String()
}

// Cancel implements desk.Callbacks.
func (c *callbacks) Cancel(prefix string) (call.ID, error) {
	var fit []call.ID
	number := "" // of a case
	for _, v := range c.CallbackViews() {
		if prefix != "" && strings.HasPrefix(string(v.Call), prefix) {
			fit, number = append(fit, v.Call), v.Case
		}
	}
	switch {
	case len(fit) == 0:
		return "", fmt.Errorf("callback %s: %w", prefix, desk.ErrNotFound)
	case len(fit) > 1:
		return "", fmt.Errorf("%w: callback %s: several fit", desk.ErrInvalid, prefix)
	case number != "":
		return "", fmt.Errorf("%w: callback %s is for a case, write: hotline case tasks cancel %s", desk.ErrInvalid, prefix, number)
	}
	err := c.CancelCallback(fit[0])
	switch {
	case errors.Is(err, queue.ErrNoCall):
		err = fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	case err != nil:
		err = fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	return fit[0], err
}

// Add implements desk.Callbacks: the caller of a call that is over, and whom nobody talked to, is
// called back in the call's queue and language, in the place of one who asks now.
func (c *callbacks) Add(ctx context.Context, from call.ID) (made wire.Callback, err error) {
	r, err := c.store.Call(ctx, from)
	if err != nil {
		return made, known(err)
	}
	if why := c.hindrance(r); why != "" {
		return made, fmt.Errorf("%w: call %s: %s", desk.ErrInvalid, from, why)
	}
	t := queue.Ticket{
		Call: call.NewID(), Queue: r.Queue, Language: r.Language, Arrived: time.Now(), Party: c.spell(r.From.Raw()), For: from,
	}
	if err := c.AskCallback(t); err != nil {
		return made, fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	c.store.Event(call.Event{At: time.Now(), Call: from, Name: "callback.requested", Data: map[string]string{
		"queue": t.Queue, "callback": string(t.Call), "by": "desk",
	}})
	made = wireCallback(queue.CallbackView{Ticket: t, Asked: t.Arrived}, false)
	for _, v := range c.CallbackViews() {
		if v.Call == t.Call {
			made = wireCallback(v, false)
		}
	}
	return made, nil
}

// hindrance is why the caller of a call cannot be called back; empty: they can.
func (c *callbacks) hindrance(r call.Record) string {
	switch {
	case r.Kind != "" && r.Kind != call.KindCall:
		return "is no call of a caller to us"
	case r.Ended.IsZero():
		return "is not over"
	case r.Talked > 0:
		return "was answered"
	case r.Queue == "":
		return "came to no queue"
	case r.From == "" || r.Withheld:
		return "shows no number"
	case !c.may(r.From):
		return "its number is none that may be called (outgoing)"
	}
	return ""
}

// Abandoned implements desk.Callbacks.
func (c *callbacks) Abandoned(ctx context.Context, f wire.AbandonFilter) ([]wire.Abandoned, error) {
	c.looked(f.Numbers)
	records, err := c.store.Calls(ctx, store.Filter{Since: f.Since, All: true})
	if err != nil {
		return nil, err
	}
	open := map[string]bool{}
	for _, v := range c.CallbackViews() {
		open[v.Party] = true
	}
	out := []wire.Abandoned{}
	for _, a := range toRingBack(records, c.spell, c.short) {
		if open[a.number] {
			continue
		}
		out = append(out, wire.Abandoned{
			Call: string(a.last.ID), Queue: a.last.Queue, Language: string(a.last.Language), Number: shown(a.number, f.Numbers),
			Arrived: wire.Time(a.last.Arrived), WaitedMS: a.last.Waited.Milliseconds(), Times: a.times,
		})
	}
	return out, nil
}

// gaveUp is a number whose caller gave up.
type gaveUp struct {
	number string // in the one spelling in which numbers are compared
	last   call.Record
	times  int
}

// toRingBack picks those who gave up in a queue and were not spoken to since, one for each number, the
// newest first. records are the newest first. Who calls now, has been called back, or has asked to be,
// is not among them; nor is who left within the queue's short.
func toRingBack(records []call.Record, spell func(string) string, short func(queue string) time.Duration) []*gaveUp {
	settled, seen := map[string]bool{}, map[string]*gaveUp{}
	var list []*gaveUp
	for _, r := range records {
		if r.From == "" || r.Withheld {
			continue
		}
		number := spell(r.From.Raw())
		switch {
		case settled[number]:
		case settles(r):
			settled[number] = true
		case (r.Outcome == call.Abandoned && r.Phase == call.Waiting || r.Outcome == call.TimedOut) &&
			ofCaller(r) && r.Queue != "" && r.Waited >= short(r.Queue):
			if seen[number] == nil {
				seen[number] = &gaveUp{number: number, last: r}
				list = append(list, seen[number])
			}
			seen[number].times++
		}
	}
	return slices.Clip(list)
}

func ofCaller(r call.Record) bool { return r.Kind == "" || r.Kind == call.KindCall }

// settles reports whether a call leaves nothing to ring back for: somebody talks or has talked, or the
// caller wants no more.
func settles(r call.Record) bool {
	switch {
	case ofCaller(r):
		return r.Talked > 0 || r.Ended.IsZero() || r.Outcome == call.CalledBack
	case r.Kind == call.KindCallback:
		return r.Talked > 0 || r.Ended.IsZero() || r.EndedBy == call.ByCaller
	}
	return false
}
