package cases

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// Assign gives a case to a unit, which is told of it, or to a person of whoever has it. What is
// confidential goes to no unit.
func (r *Register) Assign(ctx context.Context, who, number, to string) (call.Case, error) {
	rules := r.o.Rules()
	to = strings.TrimSpace(to)
	if err := written("name", to, longestName); err != nil {
		return call.Case{}, fmt.Errorf("case %s: %w", number, err)
	}
	isUnit := slices.ContainsFunc(rules.Units, func(u Unit) bool { return u.Name == to })
	return r.change(ctx, number, func(c *call.Case, now time.Time) (call.CaseChange, error) {
		state := call.CaseAssigned
		if isUnit {
			state = call.CaseRegistered
		}
		switch {
		case !may(c.State, state):
			return call.CaseChange{}, no("it is %s", c.State)
		case isUnit && c.Confidential:
			return call.CaseChange{}, no("it is confidential and stays with the chief; assign it to a person")
		case isUnit && c.Unit == to:
			return call.CaseChange{}, no("it is with %s already", to)
		}
		c.State, c.Changed = state, now
		note := []call.CaseNote{{At: now, Who: who, What: "assigned", Note: to}}
		if !isUnit {
			c.Assigned = to
			return call.CaseChange{Notes: note}, nil
		}
		c.Unit, c.Assigned = to, ""
		note[0].What = "given to a unit"
		return call.CaseChange{Notes: note, Drop: true, Tell: rules.tells(*c, rules.terms(*c), now, true)}, nil
	})
}

// Answer writes down what who left the case is to be told. callback: by telephone, which becomes a task.
func (r *Register) Answer(ctx context.Context, who, number, text string, callback bool) (call.Case, error) {
	if err := written("answer", text, longestText); err != nil {
		return call.Case{}, fmt.Errorf("case %s: %w", number, err)
	}
	task := call.NewID()
	return r.change(ctx, number, func(c *call.Case, now time.Time) (ch call.CaseChange, err error) {
		switch {
		case !may(c.State, call.CaseAnswered):
			return ch, no("it is %s already", c.State)
		case callback && c.From == "":
			return ch, no("it has no number that could be called")
		}
		c.State, c.Changed, c.Answered, c.Answer = call.CaseAnswered, now, now, strings.TrimSpace(text)
		ch = call.CaseChange{Drop: true, Notes: []call.CaseNote{{At: now, Who: who, What: "answered"}}}
		if callback {
			ch.Notes[0].What = "answered, to be called back"
			ch.Tasks = []call.Task{{ID: task, Case: c.ID, Kind: call.TaskCallback, Made: now, Next: now, Due: r.callBy(c.Due, now), Changed: now}}
		}
		return ch, nil
	})
}

// callBy is by when somebody is to be called who is owed an answer by due: in the term, and where that
// is over on the next working day.
func (r *Register) callBy(due, now time.Time) time.Time {
	if due.After(now) {
		return due
	}
	rules := r.o.Rules()
	return rules.Hours.after(now.In(rules.Zone), 1)
}

// Close ends a case. One that was not answered needs a reason of the closed list.
func (r *Register) Close(ctx context.Context, who, number string, why call.CaseEnd) (call.Case, error) {
	return r.change(ctx, number, func(c *call.Case, now time.Time) (call.CaseChange, error) {
		answered := c.State == call.CaseAnswered
		switch {
		case !may(c.State, call.CaseClosed):
			return call.CaseChange{}, no("it is closed already")
		case answered && why != "":
			return call.CaseChange{}, no("it was answered, so there is no reason to be given")
		case !answered && !slices.Contains(call.CaseEnds, why):
			return call.CaseChange{}, no("it was not answered: say why it is closed all the same (%s)", words(call.CaseEnds))
		}
		c.State, c.Changed, c.Why = call.CaseClosed, now, why
		return call.CaseChange{Drop: true, Notes: []call.CaseNote{{At: now, Who: who, What: "closed", Note: string(why)}}}, nil
	})
}

// Extend gives a case so many working days more, once.
func (r *Register) Extend(ctx context.Context, who, number string, days int, reason string) (call.Case, error) {
	if err := written("reason", reason, longestText); err != nil {
		return call.Case{}, fmt.Errorf("case %s: %w", number, err)
	}
	if days < 1 || days > MostExtra {
		return call.Case{}, fmt.Errorf("case %s: %w", number, no("a term is extended by 1 to %d working days", MostExtra))
	}
	return r.change(ctx, number, func(c *call.Case, now time.Time) (call.CaseChange, error) {
		switch {
		case c.Over():
			return call.CaseChange{}, no("it is %s", c.State)
		case c.Extra > 0:
			return call.CaseChange{}, no("its term was extended once already")
		case hours(c.Term) > 0:
			return call.CaseChange{}, no("an urgent term is not extended")
		}
		c.Extra, c.Changed = days, now
		return r.recount(c, now, call.CaseNote{At: now, Who: who, What: fmt.Sprintf("extended by %d working days", days), Note: reason}), nil
	})
}

// SetTerm says how long the answer may take: longer where study is needed, or in hours where what is
// asked for is urgent.
func (r *Register) SetTerm(ctx context.Context, who, number string, term call.CaseTerm) (call.Case, error) {
	if !slices.Contains(call.CaseTerms, term) {
		return call.Case{}, fmt.Errorf("case %s: %w", number, no("%q is no term: write %s", term, words(call.CaseTerms)))
	}
	return r.change(ctx, number, func(c *call.Case, now time.Time) (call.CaseChange, error) {
		switch {
		case c.Over():
			return call.CaseChange{}, no("it is %s", c.State)
		case hours(term) > 0 && c.Matter != call.MatterInformation:
			return call.CaseChange{}, no("only requests for information are urgent in law, and this is a %s", c.Matter)
		case term == call.TermStudy && c.Matter == call.MatterInformation:
			return call.CaseChange{}, no("a request for information has its own term; extend it")
		case hours(term) > 0 && c.Extra > 0:
			return call.CaseChange{}, no("its term was extended, so it is not urgent")
		}
		c.Term = term
		return r.recount(c, now, call.CaseNote{At: now, Who: who, What: "term is now " + string(term)}), nil
	})
}

// born is a day as callers key it.
var born = regexp.MustCompile(`^[0-9]{8}$`)

// SetBorn writes down when who left the case was born, as DDMMYYYY, so that they are told how it stands
// whatever telephone they call from.
func (r *Register) SetBorn(ctx context.Context, who, number, day string) (call.Case, error) {
	if t, err := time.Parse("02012006", day); err != nil || !born.MatchString(day) || t.After(r.o.Now()) {
		return call.Case{}, fmt.Errorf("case %s: %w", number, no("%q is no day of birth: write DDMMYYYY, such as 31121980", day))
	}
	return r.change(ctx, number, func(c *call.Case, now time.Time) (call.CaseChange, error) {
		c.Born = day
		return call.CaseChange{Notes: []call.CaseNote{{At: now, Who: who, What: "date of birth noted"}}}, nil
	})
}

// recount counts a case's terms anew. What is to be told from now on follows; the case itself, where its
// unit does not have it yet, is still on its way.
func (r *Register) recount(c *call.Case, now time.Time, note call.CaseNote) call.CaseChange {
	rules := r.o.Rules()
	t := rules.terms(*c)
	c.ForwardBy, c.AskBy, c.Due = t.Forward, t.Ask, t.Answer
	return call.CaseChange{Notes: []call.CaseNote{note}, Drop: true, Tell: rules.tells(*c, t, now, true)}
}

// Recount counts the terms of all that is owed an answer anew, after a change of the calendar: the
// Cabinet announces holidays and swaps days while terms run. It returns how many ends have moved.
func (r *Register) Recount(ctx context.Context) (moved int, err error) {
	open, err := r.o.Rows.Cases(ctx, call.CaseFilter{Open: true, Confidential: true})
	if err != nil {
		return 0, fmt.Errorf("count the terms again: %w", err)
	}
	rules := r.o.Rules()
	for _, c := range open {
		if t := rules.terms(c); t.Answer.Equal(c.Due) && t.Forward.Equal(c.ForwardBy) {
			continue
		}
		_, err := r.change(ctx, c.Number, func(c *call.Case, now time.Time) (call.CaseChange, error) {
			if c.Over() {
				return call.CaseChange{}, nil
			}
			return r.recount(c, now, call.CaseNote{At: now, Who: us, What: "term counted again, the calendar has changed"}), nil
		})
		if err != nil {
			return moved, fmt.Errorf("count the terms again: %w", err)
		}
		moved++
	}
	if moved > 0 {
		r.o.Log.Info("the calendar has changed, terms were counted again", zap.Int("cases", moved))
	}
	return moved, nil
}

// words lists what may be written.
func words[T ~string](list []T) string {
	all := make([]string, len(list))
	for i, w := range list {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}
