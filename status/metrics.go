package status

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call/series"
)

// What became of a question: labels of hotline_status_questions_total.
const (
	resultFound    = "found"
	resultOwn      = "own"
	resultCached   = "cached"
	resultNotFound = "not_found"
	resultAway     = "away"
	resultLimited  = "limited"
	resultGone     = "gone" // kept apart from away: callers who hang up are no reason to ring an alert
)

// metrics are the series of this room.
type metrics struct {
	questions *prometheus.CounterVec
	took      prometheus.Histogram
	resting   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	var errs []error
	m := &metrics{
		questions: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_status_questions_total",
			Help: "Questions how an application stands, by what came of them; cached is an old answer in place of none, gone a caller who hung up first.",
		}, []string{"result"})),
		took: series.Shared(r, &errs, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "hotline_status_seconds",
			Help:    "How long the status system took for a question, whatever came of it.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2, 3, 5, 10},
		})),
		resting: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_status_resting",
			Help: "Whether the status system is left alone after failures: 1 until it has answered again.",
		})),
	}
	for _, result := range []string{resultFound, resultOwn, resultCached, resultNotFound, resultAway, resultLimited, resultGone} {
		m.questions.WithLabelValues(result)
	}
	return m, errors.Join(errs...)
}
