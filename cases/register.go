package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// Rows keep cases. A case is found by its number; the error is call.ErrNoCase where there is none.
type Rows interface {
	// OpenCase gives a case its number and keeps it, with what is to be told of it. One that is there
	// already keeps its number and all else. It waits for no disk.
	OpenCase(ctx context.Context, c call.Case, year int, with call.CaseChange) (number string, fresh bool, err error)

	Case(ctx context.Context, number string) (call.Case, error)
	Cases(ctx context.Context, f call.CaseFilter) ([]call.Case, error)
	CaseNotes(ctx context.Context, number string) ([]call.CaseNote, error)

	// ChangeCase changes a case in one transaction, or where change returns an error not at all. change
	// may be called more than once.
	ChangeCase(ctx context.Context, number string, change func(*call.Case) (call.CaseChange, error)) (call.Case, error)
}

// ErrNotAllowed says that something cannot be done with a case as it is.
var ErrNotAllowed = errors.New("cannot be")

// Options are what a Register is made of.
type Options struct {
	Rows    Rows
	Rules   func() Rules        // as last loaded
	Spell   func(string) string // a number in the one spelling in which numbers are compared
	Told    func()              // there is something to be told; it must not block
	Now     func() time.Time    // nil: time.Now
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

// A Register opens cases and changes them. Its methods may be called from any goroutine.
type Register struct {
	o       Options
	metrics *registerMetrics
}

// NewRegister makes a Register.
func NewRegister(o Options) (*Register, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func() {}
	}
	m, err := newRegisterMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	return &Register{o: o, metrics: m}, nil
}

// us is who did what the program does by itself.
const us = "hotline"

// Open makes a case of a message and returns its number. The same message again gets the same number.
// It takes milliseconds and waits for no disk; an error says that the case is not safe, and that no
// number may be told: the message stays, and is opened again later.
func (r *Register) Open(ctx context.Context, m call.Message) (number string, err error) {
	rules, now := r.o.Rules(), r.o.Now()
	if m.ID == "" {
		return "", errors.New("open a case: the message has no id")
	}
	if m.At.IsZero() {
		m.At = now
	}
	if m.Kind == "" {
		m.Kind = call.MatterMessage
	}
	c := call.Case{
		ID: m.ID, Call: m.Call, Line: m.Line, From: m.From, Withheld: m.Withheld, Language: m.Language, Matter: m.Kind, Topic: m.Topic,
		Confidential: m.Confidential, State: call.CaseRegistered, Opened: m.At, Term: call.TermOrdinary, Changed: m.At, Path: m.Path, Length: m.Length,
	}
	if !c.Confidential {
		c.Unit = rules.unitOf(c.Topic)
	}
	t := rules.terms(c)
	c.ForwardBy, c.AskBy, c.Due = t.Forward, t.Ask, t.Answer
	number, fresh, err := r.o.Rows.OpenCase(ctx, c, m.At.In(rules.Zone).Year(), call.CaseChange{
		Notes: []call.CaseNote{{At: now, Who: us, What: "registered"}},
		Tell:  rules.tells(c, t, now, true),
	})
	if err != nil {
		return "", fmt.Errorf("open a case: %w", err)
	}
	if fresh {
		r.metrics.opened.WithLabelValues(string(label(c.Matter))).Inc()
		r.o.Log.Info("a case was opened", zap.String("call", string(m.Call)), zap.String("case", number))
		r.o.Told()
	}
	return number, nil
}

// label is a matter as metrics have it: of the closed list.
func label(m call.Matter) call.Matter {
	for _, known := range call.Matters {
		if m == known {
			return m
		}
	}
	return call.MatterMessage
}

// Normal is a case's number as it is kept, of one that a person wrote with or without the hyphen.
func Normal(number string) string {
	n := strings.TrimSpace(number)
	if len(n) >= keyedDigits && !strings.Contains(n, "-") {
		return n[:4] + "-" + n[4:]
	}
	return n
}

// List gives the cases that a filter chooses, the newest first. Each confidential one among them keeps
// in its history that it was looked at.
func (r *Register) List(ctx context.Context, who string, f call.CaseFilter) ([]call.Case, error) {
	list, err := r.o.Rows.Cases(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	for _, c := range list {
		if c.Confidential {
			if err := r.looked(ctx, who, c.Number, "listed"); err != nil {
				return nil, fmt.Errorf("list cases: %w", err)
			}
		}
	}
	return list, nil
}

// A Look is who wants to see a case, and how much of it.
type Look struct {
	Who          string
	Confidential bool // also where it is
	Numbers      bool // the caller's number whole
}

// Show gives a case and its history. What is confidential, and whole numbers, are not shown before it is
// written down who saw them.
func (r *Register) Show(ctx context.Context, number string, l Look) (c call.Case, notes []call.CaseNote, err error) {
	number = Normal(number)
	if c, err = r.o.Rows.Case(ctx, number); err != nil {
		return c, nil, fmt.Errorf("case %s: %w", number, err)
	}
	what := ""
	switch {
	case c.Confidential && !l.Confidential:
		return call.Case{}, nil, fmt.Errorf("case %s %w shown so: it is confidential, ask for it with --confidential", number, ErrNotAllowed)
	case c.Confidential && l.Numbers:
		what = "seen with the number"
	case c.Confidential:
		what = "seen"
	case l.Numbers:
		what = "number seen"
	}
	if what != "" {
		if err := r.looked(ctx, l.Who, number, what); err != nil {
			return call.Case{}, nil, fmt.Errorf("case %s: %w", number, err)
		}
	}
	notes, err = r.o.Rows.CaseNotes(ctx, number)
	if err != nil {
		return call.Case{}, nil, fmt.Errorf("case %s: %w", number, err)
	}
	return c, notes, nil
}

func (r *Register) looked(ctx context.Context, who, number, what string) error {
	_, err := r.o.Rows.ChangeCase(ctx, number, func(*call.Case) (call.CaseChange, error) {
		return call.CaseChange{Notes: []call.CaseNote{{At: r.o.Now(), Who: who, What: what}}}, nil
	})
	return err
}

// change changes a case and lets the courier look.
func (r *Register) change(ctx context.Context, number string, f func(c *call.Case, now time.Time) (call.CaseChange, error)) (call.Case, error) {
	number = Normal(number)
	c, err := r.o.Rows.ChangeCase(ctx, number, func(c *call.Case) (call.CaseChange, error) { return f(c, r.o.Now()) })
	if err != nil {
		return call.Case{}, fmt.Errorf("case %s: %w", number, err)
	}
	r.o.Told()
	return c, nil
}

// no says why something cannot be done.
func no(problem string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotAllowed, fmt.Sprintf(problem, args...))
}

// longestName and longestText bound what people write, in characters.
const (
	longestName = 100
	longestText = 20_000
)

func written(what, text string, most int) error {
	switch {
	case strings.TrimSpace(text) == "":
		return no("the %s is empty", what)
	case !utf8.ValidString(text):
		return no("the %s is no text: write it in UTF-8", what)
	case utf8.RuneCountInString(text) > most:
		return no("the %s is longer than %d characters", what, most)
	}
	return nil
}
