package cases

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"hotline/call"
)

// keyedDigits is how many digits a case's number has, keyed without its hyphen; more in a year with
// more than 999,999 cases.
const keyedDigits = 10

// StandingOf tells how a case stands, to a caller from the number that left it, or who keys the date of
// birth that stands in it; to anybody else it is call.ErrNoApplication. mine says that there is a case
// of that number, so that nobody else needs to be asked for it.
func (r *Register) StandingOf(ctx context.Context, q call.StatusQuestion) (s call.Standing, mine bool, err error) {
	if len(q.Number) < keyedDigits || !digits(q.Number) {
		return s, false, call.ErrNoApplication
	}
	c, err := r.o.Rows.Case(ctx, Normal(q.Number))
	switch {
	case errors.Is(err, call.ErrNoCase):
		return s, false, call.ErrNoApplication
	case err != nil:
		return s, false, fmt.Errorf("how a case stands: %w", err)
	case !r.fits(c, q):
		return s, true, call.ErrNoApplication
	}
	s = call.Standing{State: standing(c), Changed: c.Changed}
	if !c.Over() {
		s.Due = c.Due
	}
	return s, true, nil
}

// fits reports whether somebody is who left a case.
func (r *Register) fits(c call.Case, q call.StatusQuestion) bool {
	if c.From != "" && q.From != "" && r.o.Spell(c.From.Raw()) == r.o.Spell(q.From.Raw()) {
		return true
	}
	return c.Born != "" && subtle.ConstantTimeCompare([]byte(c.Born), []byte(q.Born)) == 1
}

// standing is a case's state as callers are told it. A case that is with one of our own units is in
// progress: "forwarded" is said of what went to another body.
func standing(c call.Case) call.StandingState {
	switch {
	case c.State == call.CaseAnswered, c.State == call.CaseClosed && (c.Why == "" || c.Why == call.EndRepeated):
		return call.StandingAnswered
	case c.State == call.CaseClosed && c.Why == call.EndWithdrawn:
		return call.StandingWithdrawn
	case c.State == call.CaseClosed: // left without consideration: an operator says why
		return call.StandingRefused
	case c.Extra > 0:
		return call.StandingExtended
	case c.State == call.CaseAssigned, !c.Forwarded.IsZero():
		return call.StandingInProgress
	}
	return call.StandingRegistered
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
