package retention

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// A Subject is a recording, or a message, as far as it matters how long it is kept.
type Subject struct {
	Call   call.ID // a message's: the call in which it was left
	Linked call.ID // of a consult: the call that waited for its end
	Line   string
	Queue  string
	Ended  time.Time // when its sound ends
}

// A Verdict says until when something is kept, and why.
type Verdict struct {
	Class string
	Keep  int       // calendar months
	Since time.Time // what they are counted from
	Due   time.Time // from then on it is to be erased; zero: nobody knows yet, a case is open
	Why   string    // in words, without the holds

	// Soonest is when it would be due if its call had no case.
	Soonest time.Time

	Open  []string    // numbers of cases that are open
	Holds []call.Hold // that bind it now: it is not erased while there is one
}

// Erase says whether it is to be erased at a time.
func (v Verdict) Erase(now time.Time) bool { return v.Over(now) && len(v.Holds) == 0 }

// Over says whether its time is over, held or not.
func (v Verdict) Over(now time.Time) bool { return !v.Due.IsZero() && !now.Before(v.Due) }

// HeldBack says why something stays that would have gone by now without a case or a hold; empty:
// nothing holds it back.
func (v Verdict) HeldBack(now time.Time) string {
	if v.Erase(now) || now.Before(v.Soonest) && !v.Over(now) {
		return ""
	}
	if len(v.Holds) == 0 {
		return v.Why
	}
	return v.HeldBy()
}

// HeldBy says which holds bind it; empty: none does.
func (v Verdict) HeldBy() string {
	said := make([]string, len(v.Holds))
	for i, h := range v.Holds {
		if said[i] = fmt.Sprintf("hold %d by %s: %s", h.ID, h.By, h.Why); h.ID == 0 { // nobody has placed it
			said[i] = h.Why
		}
	}
	return strings.Join(said, "; ")
}

// Judge says how long something is kept. cases are those of its call, and of the call it is linked
// to; of holds those that do not concern it are passed over. The rules must have passed Check.
func (r Rules) Judge(s Subject, cases []call.Case, holds []call.Hold, now time.Time) Verdict {
	v := Verdict{Since: s.Ended, Holds: binding(s, holds, now)}
	v.Class, v.Keep = r.classOf(s, cases)
	if s.Ended.IsZero() { // rather for ever than by a guess
		v.Why = "nothing says when it was recorded"
		v.Soonest = never
		return v
	}
	from := "the call ended"
	for _, c := range cases {
		if c.State != call.CaseClosed || c.Closed.IsZero() {
			v.Open = append(v.Open, c.Number)
			continue
		}
		if c.Closed.After(v.Since) {
			v.Since, from = c.Closed, "case "+c.Number+" was closed"
		}
		if c.Due.After(v.Since) {
			v.Since, from = c.Due, "the term of case "+c.Number+" ended"
		}
	}
	least := Over(s.Ended, LeastMonths, r.Zone)
	_, months := r.classOf(s, nil)
	v.Soonest = later(Over(s.Ended, months, r.Zone), least)
	if len(v.Open) > 0 {
		v.Why = fmt.Sprintf("class %s: case %s is open; kept for %d months from its close", v.Class, strings.Join(v.Open, ", "), v.Keep)
		return v
	}
	v.Due = later(Over(v.Since, v.Keep, r.Zone), least)
	v.Why = fmt.Sprintf("class %s: kept for %d months since %s on %s, until the end of %s",
		v.Class, v.Keep, from, day(v.Since, r.Zone), day(v.Due.Add(-time.Second), r.Zone))
	return v
}

// Young says why not even an order of two persons may erase something yet, or nil.
func (r Rules) Young(s Subject, now time.Time) error {
	if s.Ended.IsZero() {
		return errors.New("nothing says when it was recorded")
	}
	if least := Over(s.Ended, LeastMonths, r.Zone); now.Before(least) {
		return fmt.Errorf("its caller may ask for a copy within %d calendar months: not before %s", LeastMonths, day(least, r.Zone))
	}
	return nil
}

// never is later than anything is kept.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func day(t time.Time, zone *time.Location) string { return t.In(zone).Format("2 January 2006") }

// binding are the holds that bind a recording now.
func binding(s Subject, holds []call.Hold, now time.Time) (list []call.Hold) {
	for _, h := range holds {
		if h.Binds(now) && (slices.Contains(h.Calls, s.Call) || s.Linked != "" && slices.Contains(h.Calls, s.Linked)) {
			list = append(list, h)
		}
	}
	return list
}
