package store

import "github.com/prometheus/client_golang/prometheus"

// metrics are the store's series.
type metrics struct {
	pending     prometheus.Gauge
	commit      prometheus.Histogram
	failed      prometheus.Counter
	unwritten   prometheus.Counter
	rejected    prometheus.Counter
	closedTwice prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_store_spool_entries",
			Help: "Entries written by calls that are not committed to SQL yet.",
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "hotline_store_commit_seconds",
			Help:    "How long a commit of a group of entries took, sync included.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_store_commit_failures_total",
			Help: "Commits that failed and will be tried again.",
		}),
		unwritten: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_store_spool_failures_total",
			Help: "Entries that could not be written to the spool at once and were held in memory.",
		}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_store_spool_rejected_total",
			Help: "Entries of the spool that could not be read or applied, set aside in rejected.log.",
		}),
		closedTwice: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_store_closed_twice_total",
			Help: "Closing records that came for a call that was closed already. Above 0 is our bug.",
		}),
	}
	for _, c := range []prometheus.Collector{m.pending, m.commit, m.failed, m.unwritten, m.rejected, m.closedTwice} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
