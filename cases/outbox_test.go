package cases

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// outbox keeps letters as the store does, for tests of what happens around it.
type outbox struct {
	mu      sync.Mutex
	cases   map[call.ID]Case
	letters []*Letter
	arrived map[*Letter]time.Time
	classes []string
	fail    error // of everything
}

func newOutbox() *outbox { return &outbox{cases: map[call.ID]Case{}, arrived: map[*Letter]time.Time{}} }

// put opens a case with its letter and reminders, all to one unit by the given ways.
func (o *outbox) put(c Case, at time.Time, ways ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cases[c.ID] = c
	for _, way := range ways {
		for kind, next := range map[string]time.Duration{"forward": 0, "50": 84 * time.Minute, "80": 134 * time.Minute, "100": 168 * time.Minute} {
			o.letters = append(o.letters, &Letter{Key: string(c.ID) + "/" + kind, Case: c.ID, To: c.Unit, Kind: kind, Way: way, Made: at, Next: at.Add(next)})
		}
	}
}

func (o *outbox) row(l Letter) *Letter {
	for _, have := range o.letters {
		if have.Key == l.Key && have.Way == l.Way {
			return have
		}
	}
	return nil
}

func (o *outbox) err(ctx context.Context) error { return cmp.Or(ctx.Err(), o.fail) }

func (o *outbox) Letters(ctx context.Context, now time.Time, most int) (due []Letter, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	per := map[address]int{}
	for _, l := range o.letters {
		if _, done := o.arrived[l]; done || l.Next.After(now) {
			continue
		}
		if to := (address{l.To, l.Way}); per[to] < most {
			per[to]++
			due = append(due, *l)
		}
	}
	slices.SortStableFunc(due, func(a, b Letter) int { return a.Next.Compare(b.Next) })
	return due, o.err(ctx)
}

func (o *outbox) Case(ctx context.Context, id call.ID) (Case, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.cases[id]
	if !ok {
		return c, errors.New("no such case")
	}
	return c, o.err(ctx)
}

func (o *outbox) LetterArrived(ctx context.Context, l Letter, at time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.err(ctx); err != nil {
		return err
	}
	if row := o.row(l); row != nil {
		o.arrived[row] = at
	}
	return nil
}

func (o *outbox) LetterFailed(ctx context.Context, l Letter, next time.Time, class string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.err(ctx); err != nil {
		return err
	}
	o.classes = append(o.classes, class)
	if row := o.row(l); row != nil {
		row.Tries++
		row.Next = next
	}
	return nil
}

func (o *outbox) LettersWaiting(ctx context.Context, now time.Time) (waiting, late int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.letters {
		if _, done := o.arrived[l]; !done && (l.Tries > 0 || !l.Next.After(now)) {
			waiting++
			if l.Kind == "forward" && now.After(o.cases[l.Case].Forward) {
				late++
			}
		}
	}
	return waiting, late, o.err(ctx)
}

func (o *outbox) left() (keys []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.letters {
		if _, done := o.arrived[l]; !done {
			keys = append(keys, l.Key+" "+l.Way)
		}
	}
	return keys
}

// carrying is a way of which a test says what happens.
type carrying func(ctx context.Context, to Receiver, l Letter, c Case) error

func (f carrying) Carry(ctx context.Context, to Receiver, l Letter, c Case) error {
	return f(ctx, to, l, c)
}

// newCourier brings letters to units a and b, by what is given as both ways.
func newCourier(t *testing.T, o Outbox, log *zap.Logger, way carrying) *Courier {
	t.Helper()
	return New(Options{
		Outbox: o, Log: log, Metrics: prometheus.NewRegistry(), Now: time.Now,
		Ways: map[string]Carrier{WayMail: way, WayWebhook: way},
		Receivers: func() map[string]Receiver {
			return map[string]Receiver{
				"a": {Name: "a", Email: "a@example.org", Webhook: "http://127.0.0.1:1/"},
				"b": {Name: "b", Email: "b@example.org", Webhook: "http://127.0.0.1:1/"},
			}
		},
	})
}
