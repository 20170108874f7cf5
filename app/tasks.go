package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/desk"
	"hotline/floor"
	"hotline/queue"
	"hotline/store"
)

// caseTasks calls citizens back after an investigation. A task lies in the store until it is over; while it is
// tried there is a ticket for it on the floor, with which it goes as with every callback: operator first, in
// the hours of the queue. One ticket is one try. What a ticket came to is read from its events, which outlive
// a process, so nothing is lost and nobody is called twice whenever that dies.
type caseTasks struct {
	store   *store.Store
	file    func() *configs.File // as last loaded
	floor   ticketFloor
	may     func(call.Number) bool
	letters func(c call.Case, kind string, next time.Time) []call.Letter
	sent    func() // there are letters
	now     func() time.Time
	log     *zap.Logger
	open    prometheus.Gauge
	kick    chan struct{} // holds one

	mu sync.Mutex // one looks, or changes, at a time
}

// A ticketFloor is where tickets wait; callbacks is one.
type ticketFloor interface {
	AskCallback(t queue.Ticket) error
	CallbackViews() []queue.CallbackView
	CancelCallback(id call.ID) error
}

const (
	// taskEvery is how often it is looked for tasks that are due.
	taskEvery = 30 * time.Second

	// taskTime bounds one look: the rest is done at the next.
	taskTime = 10 * time.Second

	// taskTries are so many, on two working days at least: the second two hours after the first, the third
	// on the next working day.
	taskTries = 3
	taskGap   = 2 * time.Hour

	// taskAtOnce are in the line at once in each language: whoever calls us does not wait behind all who are
	// to be called.
	taskAtOnce = 2
)

// openTasks lets cases be called back for.
func (a *App) openTasks() {
	k := &caseTasks{
		store: a.store, file: a.loaded.Load, floor: a.callbacks, may: a.MayCall, letters: a.register.unreached, sent: a.register.courier.Kick,
		now: a.o.Now, log: a.log.Named("cases"), kick: make(chan struct{}, 1),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_cases_tasks_open", Help: "Citizens who are to be called back after an investigation.",
		}),
	}
	a.metrics.MustRegister(k.open)
	a.register.tasks, a.callbacks.tasks = k, k
}

// runTasks goes on with what the process before us had to do, and with all that comes.
func (a *App) runTasks() {
	k := a.register.tasks
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { k.run(ctx) })
	// Before the floor: a ticket that a closed floor does not show is none that has ended.
	a.steps.closer("callbacks of cases", func() error { stop(); wg.Wait(); return nil })
}

// look makes it look at once. A nil one has nothing to look at.
func (k *caseTasks) look() {
	if k == nil {
		return
	}
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

func (k *caseTasks) run(ctx context.Context) {
	tick := time.NewTicker(taskEvery)
	defer tick.Stop()
	for {
		k.guarded(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-k.kick:
		}
	}
}

// guarded keeps a bug in one look from ending the process.
func (k *caseTasks) guarded(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			k.log.Error("a bug in the callbacks of cases", zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, taskTime)
	defer cancel()
	if err := k.pass(ctx); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		k.log.Error("callbacks of cases are held up", zap.Error(err))
	}
}

// pass settles the tickets that have come to something, and puts those in the line whose time has come.
func (k *caseTasks) pass(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	list, err := k.store.CaseTasks(ctx, false)
	if err != nil {
		return err
	}
	left := 0
	var faults []error
	under := map[call.Language]int{}
	for i, t := range list {
		if list[i], err = k.settle(ctx, t); err != nil {
			faults = append(faults, err)
		}
		if list[i].Outcome == call.TaskCalling {
			under[t.Language]++
		}
	}
	for _, t := range list {
		if t.Outcome == call.TaskOpen && under[t.Language] < taskAtOnce {
			if t, err = k.try(ctx, t); err != nil {
				faults = append(faults, err)
			}
			if t.Outcome == call.TaskCalling {
				under[t.Language]++
			}
		}
		if !settled(t) {
			left++
		}
	}
	k.open.Set(float64(left))
	return errors.Join(faults...)
}

// settled reports whether nobody is to be called any more.
func settled(t call.CaseTask) bool {
	return t.Outcome != call.TaskOpen && t.Outcome != call.TaskCalling
}

// waiting are the callbacks that are open, by id, and by whom they call.
func (k *caseTasks) waiting() (tickets map[call.ID]bool, parties map[string]bool) {
	tickets, parties = map[call.ID]bool{}, map[string]bool{}
	for _, v := range k.floor.CallbackViews() {
		tickets[v.Call], parties[v.Party] = true, true
	}
	return tickets, parties
}

// A verdict is what the events of a ticket say of it.
type verdict struct {
	outcome  string // reached, declined, or why nobody was; empty: nobody was called
	operator string
	call     string // to whoever was called
	at       time.Time
}

// judgeTicket reads what a ticket came to. An operator who hung up meanwhile is no try: the next one is rung.
func judgeTicket(events []call.Event) (v verdict) {
	for _, e := range events {
		switch {
		case e.Name == "callback.tried" && e.Data["outcome"] != "operator":
			v = verdict{e.Data["outcome"], e.Data["operator"], e.Data["call"], e.At}
		case e.Name == "callback.closed" && e.Data["tries"] != "0" && v.outcome == "":
			v = verdict{outcome: "interrupted", at: e.At} // the process died while they were called
		}
	}
	return v
}

// settle writes down what became of the ticket of a task, if anything has.
func (k *caseTasks) settle(ctx context.Context, t call.CaseTask) (call.CaseTask, error) {
	if t.Outcome != call.TaskCalling {
		return t, nil
	}
	tickets, _ := k.waiting() // before the events: who is gone here has them all
	events, err := k.store.Events(ctx, t.Ticket)
	if err != nil {
		return t, err
	}
	v := judgeTicket(events)
	next := t
	switch {
	case v.outcome == string(call.TaskReached):
		next.Outcome = call.TaskReached
	case tickets[t.Ticket]:
		return t, nil
	case v.outcome == string(call.TaskDeclined):
		next.Outcome = call.TaskDeclined
	case v.outcome == "": // it has left the line and nobody was called: it goes there again
		next.Outcome, next.Ticket = call.TaskOpen, ""
		return k.move(ctx, t, next, nil, nil)
	default:
		return k.failed(ctx, t, v)
	}
	next.Last, next.Ticket = v.at, ""
	return k.move(ctx, t, next, []call.CaseEntry{{At: v.at, By: v.operator, What: "callback." + v.outcome, Text: "call " + v.call}}, nil)
}

// failed counts a try that has reached nobody. After the last the unit is told to write.
func (k *caseTasks) failed(ctx context.Context, t call.CaseTask, v verdict) (call.CaseTask, error) {
	next := t
	next.Tries, next.Last, next.Ticket = t.Tries+1, v.at, ""
	text := v.outcome + ", try " + strconv.Itoa(next.Tries) + " of " + strconv.Itoa(taskTries)
	if v.call != "" {
		text += ", call " + v.call
	}
	if v.operator == "" {
		v.operator = "hotline"
	}
	entries := []call.CaseEntry{{At: v.at, By: v.operator, What: "callback.tried", Text: text}}
	var letters []call.Letter
	if next.Tries < taskTries {
		next.Outcome, next.Due = call.TaskOpen, k.again(next.Tries)
		return k.move(ctx, t, next, entries, nil)
	}
	c, err := k.store.Case(ctx, t.Case)
	if err != nil {
		return t, err
	}
	next.Outcome = call.TaskGivenUp
	entries = append(entries, call.CaseEntry{At: k.now(), By: "hotline", What: "callback.given_up", Text: "the unit is told to write"})
	letters = k.letters(c, "unreached", k.now())
	for i := range letters {
		letters[i].Key += "/" + strconv.FormatInt(t.Made.Unix(), 10) // each task has its own
	}
	return k.move(ctx, t, next, entries, letters)
}

// again is when is tried again after so many tries.
func (k *caseTasks) again(tries int) time.Time {
	now, days := k.now(), k.file().Workdays()
	from := now.Add(taskGap)
	if tries > 1 {
		from = days.WorkingDayAfter(now, 1)
	}
	if at := days.Next(from); at.After(now) {
		return at
	}
	return now.Add(24 * time.Hour) // a calendar without hours
}

// try puts a task into the line whose time has come.
func (k *caseTasks) try(ctx context.Context, t call.CaseTask) (call.CaseTask, error) {
	f, now := k.file(), k.now()
	name := f.Cases.Queue
	if name == "" {
		name = f.Queues[0].Name
	}
	if now.Before(t.Due) || !openAt(queueHours(f)[name], now) {
		return t, nil
	}
	switch _, parties := k.waiting(); {
	case parties[t.From.Raw()]: // somebody else calls them; one at a time
		return t, nil
	case k.refuses(t.From) != nil:
		return k.failed(ctx, t, verdict{outcome: "not_called", at: now})
	case !k.may(t.From): // not now
		return t, nil
	}
	next := t
	next.Outcome, next.Ticket = call.TaskCalling, call.NewID()
	next, err := k.move(ctx, t, next, nil, nil) // before the floor has it: a ticket that is not known would be made twice
	if err != nil || next.Outcome != call.TaskCalling {
		return next, err
	}
	err = k.floor.AskCallback(queue.Ticket{
		Call: next.Ticket, Queue: name, Language: language(f, t), Arrived: time.Now(), Party: t.From.Raw(), For: t.Call, Case: t.Number,
	})
	switch {
	case err == nil:
		return next, nil
	case errors.Is(err, queue.ErrCallbackOpen): // since we looked
		err = nil
	case errors.Is(err, floor.ErrClosed):
		err = nil
	}
	back, failed := k.move(ctx, next, t, nil, nil)
	return back, errors.Join(err, failed)
}

// language is the one in which a citizen is called.
func language(f *configs.File, t call.CaseTask) call.Language {
	if t.Language == "" {
		return f.Languages[0]
	}
	return t.Language
}

// openAt reports whether one of the hours is open.
func openAt(hours []*configs.Schedule, at time.Time) bool {
	for _, h := range hours {
		if h.Open(at) {
			return true
		}
	}
	return false
}

// refuses says why a number may never be called; nil: it may, in the hours of calls out.
func (k *caseTasks) refuses(n call.Number) error {
	switch f := k.file(); {
	case n == "":
		return fmt.Errorf("%w: the citizen has left no number, there is nobody to call", desk.ErrInvalid)
	case f.Hours(f.Outgoing.Hours).Open(k.now()) && !k.may(n):
		return fmt.Errorf("%w: the citizen's number is none that may be called (outgoing)", desk.ErrInvalid)
	}
	return nil
}

// move writes down how a task stands, and tells it. Where somebody else has changed it meanwhile nothing is
// done, and the next look takes it as it is then.
func (k *caseTasks) move(ctx context.Context, was, now call.CaseTask, entries []call.CaseEntry, letters []call.Letter) (call.CaseTask, error) {
	moved, err := k.store.MoveCaseTask(ctx, was, now, entries, letters)
	if err != nil || !moved {
		return was, err
	}
	if len(letters) > 0 {
		k.sent()
	}
	if was.Outcome != now.Outcome {
		ticket := now.Ticket
		if ticket == "" {
			ticket = was.Ticket
		}
		k.store.Event(call.Event{At: time.Now(), Call: was.Call, Name: "case.callback", Data: map[string]string{
			"case": was.Number, "outcome": string(now.Outcome), "callback": string(ticket),
		}})
	}
	return now, nil
}

// order makes a task due now, also of a case that has none.
func (k *caseTasks) order(ctx context.Context, c call.Case, by string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refuses(c.From); err != nil {
		return err
	}
	entry := call.CaseEntry{At: k.now(), By: by, What: "callback.ordered"}
	t, err := k.store.CaseTask(ctx, c.ID)
	if err == nil {
		t, err = k.settle(ctx, t)
	}
	switch {
	case err != nil && !errors.Is(err, store.ErrUnknown):
		return err
	case err == nil && t.Outcome == call.TaskCalling:
		return fmt.Errorf("%w: the citizen is being called, or waits for an operator (hotline callback list)", desk.ErrInvalid)
	case err == nil && t.Outcome == call.TaskOpen:
		next := t
		next.Due = k.now()
		err = k.change(ctx, t, next, entry)
	default:
		_, err = k.store.ChangeCase(ctx, c.Number, store.CaseChange{Entry: entry, Task: &call.CaseTask{Due: k.now(), Made: k.now()}})
	}
	k.look()
	return err
}

// cancel lets a citizen be called no more.
func (k *caseTasks) cancel(ctx context.Context, c call.Case, by string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, err := k.store.CaseTask(ctx, c.ID)
	if err != nil {
		return known(err)
	}
	if t, err = k.settle(ctx, t); err != nil {
		return err
	}
	if settled(t) {
		return fmt.Errorf("%w: nobody is to be called any more, the callback is over: %s", desk.ErrInvalid, t.Outcome)
	}
	if t.Outcome == call.TaskCalling {
		if err := k.floor.CancelCallback(t.Ticket); err != nil {
			return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
		}
	}
	next := t
	next.Outcome, next.Ticket = call.TaskCancelled, ""
	return k.change(ctx, t, next, call.CaseEntry{At: k.now(), By: by, What: "callback.cancelled"})
}

// change is move for a person, who is told where somebody was quicker.
func (k *caseTasks) change(ctx context.Context, was, now call.CaseTask, e call.CaseEntry) error {
	next, err := k.move(ctx, was, now, []call.CaseEntry{e}, nil)
	if err == nil && next != now {
		err = fmt.Errorf("%w: somebody else has changed it at this moment, look at it and try again", desk.ErrInvalid)
	}
	return err
}
