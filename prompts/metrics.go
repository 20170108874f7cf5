package prompts

import (
	"github.com/prometheus/client_golang/prometheus"

	"hotline/call"
)

// Metrics are the series of this package. They outlive a Library: a reload makes another one.
type Metrics struct {
	missing *prometheus.CounterVec // hotline_prompts_missing_total{language}
}

// NewMetrics registers the series.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{missing: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_prompts_missing_total",
		Help: "Clips that were to be heard in a language and are not there: another language was heard, or nothing.",
	}, []string{"language"})}
	r.MustRegister(m.missing)
	for _, lang := range Shipped() {
		m.missing.WithLabelValues(string(lang))
	}
	return m
}

// count counts a clip that was not there. Only languages we know are labels.
func (m *Metrics) count(lang call.Language) {
	for _, known := range Shipped() {
		if m != nil && lang == known {
			m.missing.WithLabelValues(string(lang)).Inc()
		}
	}
}
