package cases

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"hotline/call"
)

// memory keeps cases as the store does, for tests of what happens around it.
type memory struct {
	mu    sync.Mutex
	cases []call.Case
	notes map[string][]call.CaseNote
	out   []*call.Delivery
	done  map[*call.Delivery]bool
	tasks []call.Task
	fail  error // of everything
}

func newMemory() *memory {
	return &memory{notes: map[string][]call.CaseNote{}, done: map[*call.Delivery]bool{}}
}

func (m *memory) err(ctx context.Context) error { return cmp.Or(ctx.Err(), m.fail) }

func (m *memory) find(match func(call.Case) bool) (int, error) {
	if i := slices.IndexFunc(m.cases, match); i >= 0 {
		return i, nil
	}
	return 0, call.ErrNoCase
}

func (m *memory) OpenCase(ctx context.Context, c call.Case, year int, with call.CaseChange) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err(ctx); err != nil {
		return "", false, err
	}
	if i, err := m.find(func(o call.Case) bool { return o.ID == c.ID }); err == nil {
		return m.cases[i].Number, false, nil
	}
	c.Number = fmt.Sprintf("%d-%06d", year, len(m.cases)+1)
	m.cases = append(m.cases, c)
	m.apply(c, with)
	return c.Number, true, nil
}

func (m *memory) apply(c call.Case, with call.CaseChange) {
	m.notes[c.Number] = append(m.notes[c.Number], with.Notes...)
	if with.Drop {
		m.out = slices.DeleteFunc(m.out, func(d *call.Delivery) bool { return d.Case == c.ID && !m.done[d] })
	}
	for _, d := range with.Tell {
		if m.row(d) == nil {
			m.out = append(m.out, &d)
		}
	}
	for _, t := range with.Tasks {
		t.Case, t.Number = c.ID, c.Number
		m.tasks = append(m.tasks, t)
	}
}

func (m *memory) row(d call.Delivery) *call.Delivery {
	for _, o := range m.out {
		if o.Key == d.Key && o.Unit == d.Unit && o.Channel == d.Channel {
			return o
		}
	}
	return nil
}

func (m *memory) Case(ctx context.Context, number string) (call.Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err(ctx); err != nil {
		return call.Case{}, err
	}
	i, err := m.find(func(c call.Case) bool { return c.Number == number })
	if err != nil {
		return call.Case{}, err
	}
	return m.cases[i], nil
}

func (m *memory) CaseByID(ctx context.Context, id call.ID) (call.Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err(ctx); err != nil {
		return call.Case{}, err
	}
	i, err := m.find(func(c call.Case) bool { return c.ID == id })
	if err != nil {
		return call.Case{}, err
	}
	return m.cases[i], nil
}

func (m *memory) Cases(_ context.Context, f call.CaseFilter) (list []call.Case, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.cases {
		if (f.Confidential || !c.Confidential) && (!f.Open || !c.Over()) {
			list = append(list, c)
		}
	}
	return list, m.fail
}

func (m *memory) CaseNotes(_ context.Context, number string) ([]call.CaseNote, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.notes[number]), m.fail
}

func (m *memory) ChangeCase(ctx context.Context, number string, change func(*call.Case) (call.CaseChange, error)) (call.Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err(ctx); err != nil {
		return call.Case{}, err
	}
	i, err := m.find(func(c call.Case) bool { return c.Number == number })
	if err != nil {
		return call.Case{}, err
	}
	c := m.cases[i]
	with, err := change(&c)
	if err != nil {
		return call.Case{}, err
	}
	m.cases[i] = c
	m.apply(c, with)
	return c, nil
}

func (m *memory) DueDeliveries(ctx context.Context, now time.Time, limit int) (due []call.Delivery, next time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	per := map[receiver]int{}
	for _, d := range m.out {
		switch {
		case m.done[d]:
		case !d.Next.After(now):
			to := receiver{d.Unit, d.Channel}
			if per[to]++; per[to] <= limit {
				due = append(due, *d)
			}
		case next.IsZero() || d.Next.Before(next):
			next = d.Next
		}
	}
	return due, next, m.err(ctx)
}

func (m *memory) Delivered(ctx context.Context, d call.Delivery, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err(ctx); err != nil {
		return err
	}
	if row := m.row(d); row != nil {
		m.done[row] = true
	}
	if i, err := m.find(func(c call.Case) bool { return c.ID == d.Case }); err == nil && d.Percent == 0 {
		m.cases[i].Forwarded = at
	}
	return nil
}

func (m *memory) NotDelivered(ctx context.Context, d call.Delivery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err(ctx); err != nil {
		return err
	}
	if row := m.row(d); row != nil && !m.done[row] {
		*row = d
	}
	return nil
}

func (m *memory) CaseCounts(ctx context.Context, now time.Time) (n call.CaseCounts, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.out {
		if !m.done[d] && !d.Next.After(now) {
			n.Waiting++
		}
	}
	return n, m.err(ctx)
}

func (m *memory) Tasks(_ context.Context, all bool) (list []call.Task, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tasks {
		if all || t.Outcome == call.TaskOpen {
			list = append(list, t)
		}
	}
	return list, m.fail
}

func (m *memory) ChangeTask(_ context.Context, id call.ID, change func(*call.Task) (call.CaseChange, error)) (call.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.tasks, func(t call.Task) bool { return t.ID == id && t.Outcome == call.TaskOpen })
	if i < 0 {
		return call.Task{}, call.ErrNoCase
	}
	t := m.tasks[i]
	with, err := change(&t)
	if err != nil {
		return call.Task{}, err
	}
	m.tasks[i] = t
	if k, err := m.find(func(c call.Case) bool { return c.ID == t.Case }); err == nil {
		m.apply(m.cases[k], with)
	}
	return t, nil
}

// waiting are the keys of what is still to be told, with their receivers.
func (m *memory) waiting() (list []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.out {
		if !m.done[d] {
			list = append(list, d.Key+" "+d.Unit+" "+string(d.Channel)+" "+d.Next.In(baku).Format("01-02 15:04"))
		}
	}
	slices.Sort(list)
	return list
}
