package series

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Shared registers c, or returns the collector that is registered under its name already. What goes wrong is
// added to errs; then c counts what nobody sees.
func Shared[C prometheus.Collector](r prometheus.Registerer, errs *[]error, c C) C {
	err := r.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		existing, ok := already.ExistingCollector.(C)
		if ok {
			return existing
		}
		err = fmt.Errorf("%w: it is a %T elsewhere, and not a %T", err, already.ExistingCollector, c)
	}
	if err != nil {
		*errs = append(*errs, fmt.Errorf("register metrics: %w", err))
	}
	return c
}

// Panics is the counter of panics, one for the whole program.
func Panics(r prometheus.Registerer, errs *[]error) prometheus.Counter {
	return Shared(r, errs, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hotline_panics_recovered_total",
		Help: "Panics caught at a door: each one is our fault and ended at most one call.",
	}))
}
