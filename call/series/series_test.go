package series

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestRoomsShareASeries(t *testing.T) {
	r := prometheus.NewRegistry()
	var errs []error
	if a, b := Panics(r, &errs), Panics(r, &errs); a != b || len(errs) > 0 {
		t.Errorf("two counters: %p %p, %v", a, b, errs)
	}
	Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "hotline_panics_recovered_total", Help: "Panics caught at a door: each one is our fault and ended at most one call.",
	}))
	if err := errors.Join(errs...); err == nil || !strings.Contains(err.Error(), "hotline_panics_recovered_total") && !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("a gauge under a counter's name: %v", err)
	}
	errs = nil
	Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{Name: ""}))
	if len(errs) != 1 {
		t.Errorf("a name that is none: %v", errs)
	}
}
