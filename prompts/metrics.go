package prompts

import "github.com/prometheus/client_golang/prometheus"

// What a caller heard instead of a clip that is missing.
const (
	anotherLanguage = "another_language"
	silent          = "silence"
)

// Metrics are the series of this package. They outlive a Library: a reload makes another one.
type Metrics struct {
	missing *prometheus.CounterVec // hotline_prompts_missing_total{instead}
}

// NewMetrics registers the series.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{missing: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_prompts_missing_total",
		Help: "Clips that were asked for and are not there in the caller's language, by what was heard instead: another_language or silence.",
	}, []string{"instead"})}
	for _, instead := range []string{anotherLanguage, silent} {
		m.missing.WithLabelValues(instead)
	}
	r.MustRegister(m.missing)
	return m
}

func (m *Metrics) miss(instead string) {
	if m != nil {
		m.missing.WithLabelValues(instead).Inc()
	}
}

// Count counts what this library lacks in m. It is called before the library is used.
func (l *Library) Count(m *Metrics) { l.metrics = m }
