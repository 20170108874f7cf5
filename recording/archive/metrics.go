package archive

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call/series"
)

// metrics are the series of this room.
type metrics struct {
	bytes      *prometheus.CounterVec // by place
	failures   *prometheus.CounterVec // by place
	mismatches *prometheus.CounterVec // by place
	panics     prometheus.Counter
}

// here is the label of what is wrong with a recording itself.
const here = "here"

// kinds are the values of the label place.
var kinds = []string{here, "dir", "s3"}

func newMetrics(r prometheus.Registerer, pending, oldest, owed, longest func() float64) (*metrics, error) {
	var errs []error
	gauge := func(name, help string, read func() float64) {
		series.Shared(r, &errs, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	gauge("hotline_away_pending", "Sealed recordings that are not yet at all places they are to lie at.", pending)
	gauge("hotline_away_oldest_pending_seconds", "Since when the oldest of these is sealed, or known to be missing at a place; 0: there is none.", oldest)
	gauge("hotline_away_erasures_pending", "Erased recordings of which a place has not deleted its copy yet.", owed)
	gauge("hotline_away_oldest_erasure_seconds", "Since when the oldest of these was erased; 0: there is none.", longest)
	m := &metrics{
		bytes: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_away_bytes_total", Help: "Bytes of recordings sent to a place.",
		}, []string{"place"})),
		failures: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_away_failures_total", Help: "Tries that failed, by place; here: of recordings that cannot be read or were altered on this machine.",
		}, []string{"place"})),
		mismatches: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_away_mismatches_total", Help: "Files that a place gave back, or said to have, otherwise than they were sent; here: altered on this machine.",
		}, []string{"place"})),
		panics: series.Panics(r, &errs),
	}
	for _, name := range kinds {
		m.failures.WithLabelValues(name)
		m.mismatches.WithLabelValues(name)
		if name != here {
			m.bytes.WithLabelValues(name)
		}
	}
	return m, errors.Join(errs...)
}
