package status

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	questions *prometheus.CounterVec // hotline_status_questions_total{result}
	took      prometheus.Histogram   // hotline_status_seconds
	open      prometheus.Gauge       // hotline_status_resting
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_status_questions_total", Help: "Callers' questions how an application stands, by what became of them.",
		}, []string{"result"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hotline_status_seconds", Help: "How long the status system took to answer, or not to.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5},
		}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_status_resting", Help: "1 while the status system is left alone, as it has failed too often.",
		}),
	}
	for _, one := range []result{found, own, cached, notFound, away, limited} {
		m.questions.WithLabelValues(string(one))
	}
	r.MustRegister(m.questions, m.took, m.open)
	return m
}
