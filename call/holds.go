package call

import (
	"errors"
	"fmt"
	"time"
)

// A Hold keeps recordings from being erased, whatever else is said: a court, an inquiry or a citizen's
// claim needs them.
type Hold struct {
	ID    int64
	Calls []ID // whose recordings and messages it binds, and those of calls linked to them
	Why   string
	By    string
	At    time.Time
	Until time.Time // it ends by itself then; zero: when it is lifted

	Lifted     time.Time // zero: it has not been
	LiftedWhy  string
	LiftedBy   string
	LiftedWith string // the second person
}

// Binds says whether the hold keeps anything at a time.
func (h Hold) Binds(now time.Time) bool {
	return h.Lifted.IsZero() && (h.Until.IsZero() || now.Before(h.Until))
}

// Check says what of a new hold cannot be.
func (h Hold) Check(now time.Time) error {
	var errs []error
	if len(h.Calls) == 0 {
		errs = append(errs, errors.New("a hold names at least one call"))
	}
	if h.By == "" {
		errs = append(errs, errors.New("a hold says who has ordered it"))
	}
	if h.Why == "" {
		errs = append(errs, errors.New("a hold says why"))
	}
	if !h.Until.IsZero() && !h.Until.After(now) {
		errs = append(errs, fmt.Errorf("a hold until %s is over already, name a later end or none", h.Until.Format(time.RFC3339)))
	}
	return errors.Join(errs...)
}

// TwoPersons says what is wrong with who decides together: each must be named, and they must differ.
func TwoPersons(by, with string) error {
	switch {
	case by == "" || with == "":
		return errors.New("two persons decide this together, name both")
	case by == with:
		return fmt.Errorf("%s cannot be the second person too, name another", by)
	}
	return nil
}
