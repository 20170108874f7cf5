package retention

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/call"
)

// Standard is the name of the class of what fits no other.
const Standard = "standard"

// A Class is a sort of calls whose recordings are kept alike. A list that is empty fits all; of lists
// that are not, each must fit.
type Class struct {
	Name    string
	Keep    int           // calendar months, LeastMonths or more
	Lines   []string      // numbers as in the configuration
	Queues  []string      // where the call was at its end
	Matters []call.Matter // what a case of the call is in law
	Topics  []string      // of a case of the call, as its menu names it
}

// Rules say how long what is kept.
type Rules struct {
	Keep    int // calendar months, of what fits no class
	Cases   int // the same, of calls that have a case; where Keep is more, that counts
	Classes []Class
	Zone    *time.Location // of days and months
}

// Check says what of the rules cannot be. Rules with a fault must not be judged by.
func (r Rules) Check() error {
	var errs []error
	least := func(name string, months int) {
		if months < LeastMonths {
			errs = append(errs, fmt.Errorf("%s: %d months are less than the %d in which callers may ask for a copy, write %dmo or more",
				name, months, LeastMonths, LeastMonths))
		}
	}
	least("recording.keep", r.Keep)
	least("recording.keep_cases", r.Cases)
	seen := map[string]bool{Standard: true}
	for _, c := range r.Classes {
		least("class "+c.Name, c.Keep)
		if c.Name == "" || seen[c.Name] {
			errs = append(errs, fmt.Errorf("class %q: a class has a name of its own, which is not %s", c.Name, Standard))
		}
		seen[c.Name] = true
	}
	if r.Zone == nil {
		errs = append(errs, errors.New("timezone: not given"))
	}
	return errors.Join(errs...)
}

// Shortest is the least number of months that anything is kept.
func (r Rules) Shortest() int {
	n := min(r.Keep, r.Cases)
	for _, c := range r.Classes {
		n = min(n, c.Keep)
	}
	return max(n, LeastMonths)
}

// classOf is the first class that fits, or Standard.
func (r Rules) classOf(s Subject, cases []call.Case) (name string, months int) {
	for _, c := range r.Classes {
		if c.fits(s, cases) {
			return c.Name, c.Keep
		}
	}
	if len(cases) > 0 {
		return Standard, max(r.Cases, r.Keep)
	}
	return Standard, r.Keep
}

func (c Class) fits(s Subject, cases []call.Case) bool {
	if len(c.Lines) > 0 && !slices.Contains(c.Lines, s.Line) || len(c.Queues) > 0 && !slices.Contains(c.Queues, s.Queue) {
		return false
	}
	if len(c.Matters) == 0 && len(c.Topics) == 0 {
		return true
	}
	return slices.ContainsFunc(cases, func(k call.Case) bool {
		return (len(c.Matters) == 0 || slices.Contains(c.Matters, k.Matter)) && (len(c.Topics) == 0 || slices.Contains(c.Topics, k.Topic))
	})
}
