package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/cases"
	"hotline/configs"
	"hotline/desk"
	"hotline/recording"
	"hotline/store"
)

// A caseRegister makes cases of what callers leave: line.Cases, and desk.Cases for the commands. Messages lie
// on disk before anybody asks it, so what it could not do is done later: sweep does.
type caseRegister struct {
	store    *store.Store
	messages *recording.Messages
	file     func() *configs.File // as last loaded
	courier  *cases.Courier
	now      func() time.Time
	log      *zap.Logger
	opened   *prometheus.CounterVec
	open     *prometheus.GaugeVec
	overdue  prometheus.Gauge
	tasks    *caseTasks // callbacks after investigations
	again    sync.Map   // ids of messages that were sent and have no case yet
}

// due reports whether a message was sent and has no case yet.
func (r *caseRegister) due(id call.ID) bool {
	_, ok := r.again.LoadAndDelete(id)
	return ok
}

// openTime is how long a caller waits for the number of a case at most.
const openTime = 3 * time.Second

// openCases builds the register, tells it of messages that a dead process left, and sends its letters.
func (a *App) openCases(ctx context.Context) error {
	messages, err := recording.OpenMessages(a.file.Data, recording.MessageOptions{Zone: a.file.Zone(), Vault: a.vault(), Unwrap: unwrap(a.keys), Log: a.log})
	if err != nil {
		return err
	}
	a.steps.closer("messages", messages.Close)
	r := &caseRegister{
		store: a.store, messages: messages, file: a.loaded.Load, now: a.o.Now, log: a.log.Named("cases"),
		opened: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hotline_cases_opened_total", Help: "Cases that were opened, by what they are in law."}, []string{"matter"}),
		open:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hotline_cases_open", Help: "Cases that are not closed, by state."}, []string{"state"}),
		overdue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_cases_overdue", Help: "Cases whose term is over and that are not answered.",
		}),
	}
	a.metrics.MustRegister(r.opened, r.open, r.overdue)
	for _, m := range call.Matters {
		r.opened.WithLabelValues(string(m))
	}
	for _, s := range call.CaseStates[:len(call.CaseStates)-1] {
		r.open.WithLabelValues(string(s))
	}
	r.courier = cases.New(cases.Options{
		Outbox: a.store, Receivers: r.receivers, Log: r.log, Metrics: a.metrics, Now: a.o.Now,
		Ways: map[string]cases.Carrier{
			cases.WayMail:    &cases.Mail{Options: r.mail, Sound: messages.Sound},
			cases.WayWebhook: cases.NewWebhook(a.o.Now),
		},
	})
	a.register = r
	a.steps.runner("courier", 5*time.Second, r.courier.Run, r.sweep)
	return nil
}

// OpenCase implements line.Cases.
func (r *caseRegister) OpenCase(m call.Message) (call.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	c, err := r.make(ctx, m)
	if err != nil {
		r.again.Store(m.ID, true)
	}
	return call.Receipt{Number: c.Number, Due: c.Due.In(r.file().Zone())}, err
}

// make opens the case of a message, or gives the one there is.
func (r *caseRegister) make(ctx context.Context, m call.Message) (call.Case, error) {
	f := r.file()
	at, days := m.At.In(f.Zone()), lawDays{f.Workdays()}
	c := call.Case{
		ID: m.ID, Call: m.Call, Line: m.Line, Language: m.Language, Matter: m.Kind, Topic: m.Topic, Unit: f.Cases.Unit(m.Topic),
		Confidential: m.Confidential, Opened: at, Due: cases.Due(days, m.Kind, at), Forward: cases.Forward(days, m.Kind, at),
		Message: m.Path, Length: m.Length,
	}
	if !m.Withheld && m.From != "" {
		c.From = call.Number(numbers(f).E164(m.From.Raw()))
	}
	if m.Confidential {
		c.Unit = cases.Chief
	}
	letters := append(r.letters(c, "forward", "forward", at), r.reminders(c, false)...)
	c, opened, err := r.store.OpenCase(ctx, c, letters)
	if err != nil {
		return c, err
	}
	if opened {
		r.opened.WithLabelValues(string(c.Matter)).Inc()
		r.store.Event(call.Event{At: time.Now(), Call: c.Call, Name: "case.opened", Data: map[string]string{
			"case": c.Number, "matter": string(c.Matter), "unit": c.Unit,
		}})
		r.log.Info("a case was opened", zap.String("call", string(c.Call)), zap.String("matter", string(c.Matter)))
	}
	r.courier.Kick()
	if err := r.messages.Told(ctx, m); err != nil { // it is told once more, which changes nothing
		r.log.Warn("that a message has a case cannot be written down", zap.Error(err))
	}
	return c, nil
}

// lawDays are a schedule as package cases counts it.
type lawDays struct{ s *configs.Schedule }

func (w lawDays) WorkingDay(t time.Time, n int) time.Time { return w.s.WorkingDayAfter(t, n) }

// letters are those to a case's unit, one for each way there is to it. key is what tells them from others
// about the case.
func (r *caseRegister) letters(c call.Case, kind, key string, next time.Time) (list []call.Letter) {
	to := r.receivers()[c.Unit]
	for way, there := range map[string]bool{cases.WayMail: to.Email != "", cases.WayWebhook: to.Webhook != ""} {
		if there {
			list = append(list, call.Letter{
				Key: string(c.ID) + "/" + key, Case: c.ID, To: c.Unit, Kind: kind, Way: way, Made: r.now(), Next: next,
			})
		}
	}
	return list
}

// reminders are the letters that remind of a term, but for those whose time is over. Of a case that was
// changed they have names of their own: with whom it is now, and until when.
func (r *caseRegister) reminders(c call.Case, changed bool) (list []call.Letter) {
	f := r.file()
	for _, m := range cases.Reminders(lawDays{f.Workdays()}, c.Opened.In(f.Zone()), c.Due.In(f.Zone())) {
		kind := fmt.Sprint(m.Percent)
		key := kind
		if changed {
			key += "/" + c.Due.UTC().Format("20060102T150405") + "/" + c.Unit
		}
		if m.At.After(r.now()) {
			list = append(list, r.letters(c, kind, key, m.At)...)
		}
	}
	return list
}

// receivers are the units, as configured now.
func (r *caseRegister) receivers() map[string]cases.Receiver {
	k := r.file().Cases
	by := map[string]cases.Receiver{cases.Chief: {Name: cases.Chief, Email: k.Chief.Email, Webhook: k.Chief.Webhook, Secret: k.Chief.Secret}}
	for _, u := range k.Units {
		by[u.Name] = cases.Receiver{Name: u.Name, Email: u.Email, Webhook: u.Webhook, Secret: u.Secret}
	}
	return by
}

// mail is how e-mail leaves, as configured now.
func (r *caseRegister) mail() cases.MailOptions {
	m := r.file().Cases.Mail
	return cases.MailOptions{Server: m.Server, From: m.From, User: m.User, Password: m.Password, TLS: string(m.TLS), Zone: r.file().Zone()}
}

// sweepEvery is how often it is looked for messages without a case, and cases are counted.
const sweepEvery = 30 * time.Second

// deciding is how long a caller may take to send a message that was said, or to take it back.
const deciding = 15 * time.Minute

// sweep makes cases of messages that have none: what a dead process left, what the database did not take.
func (r *caseRegister) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for first := true; ; first = false { // at first nobody is here: all are of a process that is dead
		list, err := r.messages.Untold(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.Error("messages cannot be looked for", zap.Error(err))
		}
		for _, m := range list {
			if age := r.now().Sub(m.At); !first && age > 0 && age < deciding && !r.due(m.ID) {
				continue // its caller may still be about to hear it again, and to take it back
			}
			making, cancel := context.WithTimeout(ctx, openTime)
			if _, err := r.make(making, m); err != nil && ctx.Err() == nil {
				r.again.Store(m.ID, true)
				r.log.Error("a message has no case yet", zap.String("call", string(m.Call)), zap.Error(err))
			}
			cancel()
		}
		r.count(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// count brings the gauges up to date.
func (r *caseRegister) count(ctx context.Context) {
	by, late, err := r.store.CountCases(ctx, r.now())
	if err != nil {
		return
	}
	for _, s := range call.CaseStates[:len(call.CaseStates)-1] {
		r.open.WithLabelValues(string(s)).Set(float64(by[s]))
	}
	r.overdue.Set(float64(late))
}

// Standing tells how one of our own cases stands. mine is false where the digits are no number of a case of
// ours. It is told to the number that has left it, or to whoever knows the date of birth that is on it.
func (r *caseRegister) Standing(ctx context.Context, q call.StatusQuestion) (s call.Standing, mine bool, err error) {
	number := call.KeyedCase(q.Number)
	if number == "" {
		return s, false, nil
	}
	c, err := r.store.CaseOf(ctx, number)
	switch {
	case errors.Is(err, store.ErrUnknown):
		return s, false, nil
	case err != nil:
		return s, true, call.ErrStatusAway
	}
	same := !q.Hidden && q.From != "" && c.From != "" && numbers(r.file()).E164(q.From.Raw()) == c.From.Raw()
	if !same && (c.Born == "" || c.Born != q.Born) {
		return s, true, call.ErrNoApplication
	}
	return c.Standing(), true, nil
}

// List implements desk.Cases.
func (r *caseRegister) List(ctx context.Context, f wire.CaseFilter) ([]wire.Case, error) {
	filter := store.CaseFilter{State: call.CaseState(f.State), Unit: f.Unit, Confidential: f.Confidential, Limit: f.Limit, Open: f.State == "" && !f.All}
	if f.Overdue {
		filter.Overdue = r.now()
	}
	list, err := r.store.Cases(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Case, len(list))
	for i, c := range list {
		if c.Confidential {
			if _, err := r.store.ChangeCase(ctx, c.Number, store.CaseChange{Entry: call.CaseEntry{At: r.now(), By: f.By, What: "looked.list"}}); err != nil {
				return nil, err
			}
		}
		out[i] = r.wire(c, false)
	}
	return out, nil
}

// Show implements desk.Cases. A look at a confidential case, or at a whole number, is in its history.
func (r *caseRegister) Show(ctx context.Context, number string, ask wire.CaseLook) (wire.Case, error) {
	c, err := r.store.CaseOf(ctx, number)
	if err != nil {
		return wire.Case{}, known(err)
	}
	if c.Confidential && !ask.Confidential {
		return wire.Case{}, fmt.Errorf("%w: case %s is confidential; who may see it adds --confidential, and the look is written down", desk.ErrInvalid, number)
	}
	if c.Confidential || ask.Numbers {
		what := "looked"
		if ask.Numbers {
			what = "looked.number"
		}
		if c, err = r.store.ChangeCase(ctx, number, store.CaseChange{Entry: call.CaseEntry{At: r.now(), By: ask.By, What: what}}); err != nil {
			return wire.Case{}, known(err)
		}
	}
	return r.wire(c, ask.Numbers), nil
}

// Change implements desk.Cases.
func (r *caseRegister) Change(ctx context.Context, number string, ask wire.CaseChange) (wire.Case, error) {
	c, err := r.store.CaseOf(ctx, number)
	if err != nil {
		return wire.Case{}, known(err)
	}
	switch ask.Do {
	case "call", "uncall":
		do := r.tasks.order
		if ask.Do == "uncall" {
			do = r.tasks.cancel
		}
		if err := do(ctx, c, ask.By); err != nil {
			return wire.Case{}, err
		}
		c, err = r.store.CaseOf(ctx, number)
		return r.wire(c, false), known(err)
	}
	change, err := r.change(c, ask)
	if err != nil {
		return wire.Case{}, err
	}
	if c, err = r.store.ChangeCase(ctx, number, change); err != nil {
		if errors.Is(err, call.ErrCaseMove) {
			err = fmt.Errorf("%w: %w", desk.ErrInvalid, err)
		}
		return wire.Case{}, known(err)
	}
	r.courier.Kick()
	r.tasks.look()
	return r.wire(c, false), nil
}

// change is what is asked for, in the store's words.
func (r *caseRegister) change(c call.Case, ask wire.CaseChange) (store.CaseChange, error) {
	f := r.file()
	out := store.CaseChange{Entry: call.CaseEntry{At: r.now(), By: ask.By, What: ask.Do, Text: ask.Text}}
	switch ask.Do {
	case "assign":
		out.State, out.Assigned = call.CaseAssigned, ask.To
		if _, unit := r.receivers()[ask.To]; unit && ask.To != cases.Chief {
			if c.Confidential {
				return out, fmt.Errorf("%w: a confidential case stays with the chief", desk.ErrInvalid)
			}
			c.Unit, out.Unit = ask.To, ask.To
			out.Letters = append(r.letters(c, "forward", "forward/"+ask.To, r.now()), r.reminders(c, true)...)
		}
		out.Entry.Text = strings.TrimSpace(ask.To + " " + ask.Text)
	case "answer":
		out.State, out.Answer = call.CaseAnswered, ask.Text
		if ask.Callback {
			if err := r.tasks.refuses(c.From); err != nil {
				return out, err
			}
			out.Task = &call.CaseTask{Due: r.now(), Made: r.now()}
		}
	case "close":
		out.State = call.CaseClosed
	case "extend", "study":
		switch {
		case over(c):
			return out, fmt.Errorf("%w: the case is %s, nothing is owed any more", desk.ErrInvalid, c.State)
		case ask.Do == "study" && c.Matter == call.MatterInformation:
			return out, fmt.Errorf("%w: a request for information has its own term, extend it", desk.ErrInvalid)
		case ask.Do == "study" && c.Extended:
			return out, fmt.Errorf("%w: the term was extended already", desk.ErrInvalid)
		}
		due := cases.Study(lawDays{f.Workdays()}, c.Opened.In(f.Zone()))
		if ask.Do == "extend" {
			var err error
			if due, err = cases.Extend(lawDays{f.Workdays()}, c, ask.Days); err != nil {
				return out, fmt.Errorf("%w: %w", desk.ErrInvalid, err)
			}
			out.Extended = true
		}
		c.Due = due
		out.Due, out.Letters = due, r.reminders(c, true)
	case "urgent":
		span := time.Duration(ask.Hours) * time.Hour
		if over(c) {
			return out, fmt.Errorf("%w: the case is %s, nothing is owed any more", desk.ErrInvalid, c.State)
		}
		if c.Matter != call.MatterInformation || span != cases.UrgentLost && span != cases.UrgentLife {
			return out, fmt.Errorf("%w: a request for information is urgent in 24 or 48 hours", desk.ErrInvalid)
		}
		c.Due = c.Opened.Add(span)
		out.Due, out.Letters = c.Due, r.reminders(c, true)
	case "born":
		if t, err := time.Parse("02012006", ask.Text); err != nil || t.After(r.now()) {
			return out, fmt.Errorf("%w: %q is no day of birth, write DDMMYYYY, such as 31121980", desk.ErrInvalid, ask.Text)
		}
		out.Born, out.Entry.Text = ask.Text, "" // it is a secret of the caller's
	default:
		return out, fmt.Errorf("%w: nothing is done by %q", desk.ErrInvalid, ask.Do)
	}
	return out, nil
}

// over reports whether a case is owed no answer.
func over(c call.Case) bool { return c.State == call.CaseAnswered || c.State == call.CaseClosed }

// Tasks implements desk.Cases.
func (r *caseRegister) Tasks(ctx context.Context, all bool) ([]wire.CaseTask, error) {
	list, err := r.store.CaseTasks(ctx, all)
	if err != nil {
		return nil, err
	}
	out := make([]wire.CaseTask, len(list))
	for i, t := range list {
		out[i] = wire.CaseTask{
			Case: t.Number, Language: string(t.Language), Number: t.From.String(), Due: wire.Time(t.Due), Tries: t.Tries,
			Outcome: string(t.Outcome), Last: wire.Time(t.Last),
		}
	}
	return out, nil
}

func (r *caseRegister) wire(c call.Case, numbers bool) wire.Case {
	out := wire.Case{
		Number: c.Number, Call: string(c.Call), Line: c.Line, From: shown(c.From.Raw(), numbers), Language: string(c.Language), Matter: string(c.Matter),
		Topic: c.Topic, Unit: c.Unit, Confidential: c.Confidential, State: string(c.State), Assigned: c.Assigned, Opened: wire.Time(c.Opened),
		Due: wire.Time(c.Due), Extended: c.Extended, Overdue: c.Overdue(r.now()), Forwarded: wire.Time(c.Sent), Answer: c.Answer,
		Closed: wire.Time(c.Closed), Message: c.Message, LengthMS: c.Length.Milliseconds(), History: []wire.CaseEntry{},
	}
	for _, e := range c.History {
		out.History = append(out.History, wire.CaseEntry{At: wire.Time(e.At), By: e.By, What: e.What, Text: e.Text})
	}
	return out
}

// unreached are the letters that tell a unit that a citizen was not reached: it writes instead.
func (r *caseRegister) unreached(c call.Case, kind string, next time.Time) []call.Letter {
	return r.letters(c, kind, kind, next)
}
