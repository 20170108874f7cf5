package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/cases"
	"hotline/configs"
	"hotline/desk"
	"hotline/store"
)

// Messages are what callers have left, on disk. recording.Messages is one.
type Messages interface {
	Untold(ctx context.Context) ([]call.Message, error) // nobody was told of them yet
	Told(ctx context.Context, id call.ID) error
}

// caseBook is what becomes of messages: opened, told to units, shown at the desk.
type caseBook struct {
	*cases.Register
	tasks   cases.Tasks
	courier *cases.Courier
	rules   atomic.Pointer[cases.Rules]
	spell   atomic.Pointer[func(string) string]
	now     func() time.Time
	log     *zap.Logger

	messages Messages // nil: nobody keeps them
	ctx      context.Context
	cancel   context.CancelFunc
	under    sync.WaitGroup
}

// openTime bounds the opening of a case: the caller waits for its number.
const openTime = 3 * time.Second

// openCases opens the register, and goes on telling units what an earlier process has not.
func (a *App) openCases(context.Context) (err error) {
	r := &caseBook{now: time.Now, log: a.log.Named("cases")}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.configure(a.file)
	r.courier, err = cases.NewCourier(cases.CourierOptions{
		Outbox: a.store, Rules: r.ruled, Sound: soundsIn(a.file.Data), Log: r.log, Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	r.Register, err = cases.NewRegister(cases.Options{
		Rows: a.store, Rules: r.ruled, Spell: func(n string) string { return (*r.spell.Load())(n) }, Told: r.courier.Kick, Log: r.log, Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	r.tasks = cases.Tasks{Rows: a.store, Rules: r.ruled, Now: r.now}
	r.under.Go(func() { r.courier.Run(r.ctx) })
	r.recountSoon()
	a.cases = r
	a.steps.closer("cases", func() error { r.cancel(); r.under.Wait(); return nil })
	return nil
}

// soundsIn opens the sounds of cases, which lie below a folder and nowhere else.
func soundsIn(data string) func(path string) (io.ReadCloser, error) {
	return func(path string) (io.ReadCloser, error) { return os.OpenInRoot(data, path) }
}

// configure takes what a file says.
func (r *caseBook) configure(f *configs.File) {
	rules, spell := caseRules(f), numbers(f).E164
	r.rules.Store(&rules)
	r.spell.Store(&spell)
}

// reload takes another file: units, addresses and calendar. Terms that run are counted again.
func (r *caseBook) reload(f *configs.File) {
	r.configure(f)
	r.courier.Kick()
	r.recountSoon()
}

func (r *caseBook) recountSoon() {
	r.under.Go(func() {
		if _, err := r.Recount(r.ctx); err != nil && r.ctx.Err() == nil {
			r.log.Error("terms could not be counted again", zap.Error(err))
		}
	})
}

func (r *caseBook) ruled() cases.Rules { return *r.rules.Load() }

func caseRules(f *configs.File) cases.Rules {
	c := f.Cases
	rules := cases.Rules{
		Zone: f.Zone(), Hours: f.Working(c.Calendar), Chief: cases.Receiver(c.Chief),
		Mail: cases.Mail{Server: c.Mail.Server, From: c.Mail.From, User: c.Mail.User, Password: c.Mail.Password, TLS: cases.MailTLS(c.Mail.TLS)},
	}
	for _, u := range c.Units {
		rules.Units = append(rules.Units, cases.Unit{Name: u.Name, Topics: u.Topics, Receiver: cases.Receiver{Email: u.Email, Webhook: u.Webhook, Secret: u.Secret}})
	}
	return rules
}

// OpenCase makes a case of a message and returns its number, YYYY-NNNNNN, within milliseconds; the same
// message again gets the same number. After an error no number may be told: the message is opened again
// later. That the caller has gone changes nothing.
func (r *caseBook) OpenCase(ctx context.Context, m call.Message) (number string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTime)
	defer cancel()
	number, err = r.Open(ctx, m)
	if err == nil && r.messages != nil {
		r.under.Go(func() { r.told(m.ID) })
	}
	return number, err
}

// told lets go of a message that has its case.
func (r *caseBook) told(id call.ID) {
	if err := r.messages.Told(r.ctx, id); err != nil && r.ctx.Err() == nil {
		r.log.Warn("a message that has its case could not be marked so, it is looked at again", zap.Error(err))
	}
}

// untoldEvery is how often messages without a case are looked for: a start opens those that a dead
// process left, later those whose case could not be opened at once.
const untoldEvery = time.Minute

// keep opens cases of messages that have none, now and from now on.
func (r *caseBook) keep(m Messages) {
	r.messages = m
	r.under.Go(func() {
		tick := time.NewTicker(untoldEvery)
		defer tick.Stop()
		for {
			r.openUntold(r.ctx)
			select {
			case <-r.ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// openUntold opens a case for each message that has none. Those that have one keep it.
func (r *caseBook) openUntold(ctx context.Context) {
	list, err := r.messages.Untold(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.log.Error("messages that have no case cannot be looked up", zap.Error(err))
		}
		return
	}
	opened := 0
	for _, m := range list {
		if _, err := r.Open(ctx, m); err != nil {
			if ctx.Err() == nil {
				r.log.Error("a message has no case, it is tried again", zap.String("call", string(m.Call)), zap.Error(err))
			}
			continue
		}
		r.told(m.ID)
		opened++
	}
	if opened > 0 {
		r.log.Info("messages that had no case have one", zap.Int("cases", opened))
	}
}

// caseDesk shows the register to the desk.
type caseDesk struct{ *caseBook }

func (d caseDesk) List(ctx context.Context, f wire.CaseFilter) ([]wire.Case, error) {
	ask := call.CaseFilter{State: call.CaseState(f.State), Unit: f.Unit, Confidential: f.Confidential, Limit: f.Limit}
	if f.Overdue {
		ask.OverdueAt = d.now()
	}
	list, err := d.Register.List(ctx, someone(f.By), ask)
	if err != nil {
		return nil, knownCase(err)
	}
	out := make([]wire.Case, len(list))
	for i, c := range list {
		out[i] = wire.CaseOf(c, false, d.now())
	}
	return out, nil
}

func (d caseDesk) Show(ctx context.Context, number string, l wire.CaseLook) (wire.CaseStory, error) {
	c, notes, err := d.Register.Show(ctx, number, cases.Look{Who: someone(l.By), Confidential: l.Confidential, Numbers: l.Numbers})
	if err != nil {
		return wire.CaseStory{}, knownCase(err)
	}
	story := wire.CaseStory{Case: wire.CaseOf(c, l.Numbers, d.now()), History: make([]wire.CaseNote, len(notes))}
	for i, n := range notes {
		story.History[i] = wire.CaseNoteOf(n)
	}
	return story, nil
}

func (d caseDesk) Change(ctx context.Context, number string, to wire.CaseChange) (wire.Case, error) {
	var (
		c   call.Case
		err error
		who = someone(to.By)
	)
	switch {
	case to.Assign != nil:
		c, err = d.Assign(ctx, who, number, *to.Assign)
	case to.Answer != nil:
		c, err = d.Answer(ctx, who, number, to.Answer.Text, to.Answer.Callback)
	case to.Close != nil:
		c, err = d.Close(ctx, who, number, call.CaseEnd(to.Close.Unanswered))
	case to.Extend != nil:
		c, err = d.Extend(ctx, who, number, to.Extend.Days, to.Extend.Reason)
	case to.Term != nil:
		c, err = d.SetTerm(ctx, who, number, call.CaseTerm(*to.Term))
	case to.Born != nil:
		c, err = d.SetBorn(ctx, who, number, *to.Born)
	}
	if err != nil {
		return wire.Case{}, knownCase(err)
	}
	return wire.CaseOf(c, false, d.now()), nil
}

func (d caseDesk) Tasks(ctx context.Context, all bool) ([]wire.Task, error) {
	list, err := d.tasks.Rows.Tasks(ctx, all)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Task, len(list))
	for i, t := range list {
		out[i] = wire.TaskOf(t)
	}
	return out, nil
}

func (d caseDesk) TaskDone(ctx context.Context, prefix string, by wire.TaskDone) (wire.Task, error) {
	list, err := d.tasks.Rows.Tasks(ctx, false)
	if err != nil {
		return wire.Task{}, err
	}
	var fit []call.ID
	for _, t := range list {
		if prefix != "" && strings.HasPrefix(string(t.ID), prefix) {
			fit = append(fit, t.ID)
		}
	}
	switch {
	case len(fit) == 0:
		return wire.Task{}, fmt.Errorf("task %s: %w, or it is over", prefix, desk.ErrNotFound)
	case len(fit) > 1:
		return wire.Task{}, fmt.Errorf("%w: task %s: several fit", desk.ErrInvalid, prefix)
	}
	t, err := d.tasks.Done(ctx, someone(by.By), fit[0])
	if err != nil {
		return wire.Task{}, known(err)
	}
	return wire.TaskOf(t), nil
}

// someone is who a history says did something. Whoever owns the control socket may do all of it; which
// of them it was, they say themselves.
func someone(by string) string {
	if by == "" || len(by) > 64 {
		return "control socket"
	}
	return by
}

// knownCase puts what is said of cases into the desk's words.
func knownCase(err error) error {
	switch {
	case errors.Is(err, call.ErrNoCase):
		return fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	case errors.Is(err, cases.ErrNotAllowed):
		return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	return err
}

var _ cases.Rows = (*store.Store)(nil)
