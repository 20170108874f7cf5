package cases

import (
	"github.com/prometheus/client_golang/prometheus"

	"hotline/call"
)

// registerMetrics are the series of cases.
type registerMetrics struct {
	opened *prometheus.CounterVec
}

func newRegisterMetrics(r prometheus.Registerer) (*registerMetrics, error) {
	m := &registerMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_cases_opened_total",
		Help: "Cases opened, by what they are in law.",
	}, []string{"matter"})}
	for _, matter := range call.Matters {
		m.opened.WithLabelValues(string(matter))
	}
	return m, r.Register(m.opened)
}

// courierMetrics are the series of what is to be told.
type courierMetrics struct {
	open     *prometheus.GaugeVec
	overdue  prometheus.Gauge
	waiting  prometheus.Gauge
	late     prometheus.Gauge
	failures *prometheus.CounterVec
}

func newCourierMetrics(r prometheus.Registerer) (*courierMetrics, error) {
	m := &courierMetrics{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hotline_cases_open",
			Help: "Cases that are owed an answer, by state.",
		}, []string{"state"}),
		overdue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_cases_overdue",
			Help: "Cases that are owed an answer and whose term is over.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_cases_outbox_waiting",
			Help: "E-mails and webhooks about cases that are due and have not arrived.",
		}),
		late: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_cases_forward_late",
			Help: "Deliveries of cases that have not arrived though the term for forwarding is over. Above 0 somebody has to act.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_cases_forward_failures_total",
			Help: "Tries to tell a unit of a case that failed, and will be made again.",
		}, []string{"kind"}),
	}
	for _, way := range call.CaseChannels {
		m.failures.WithLabelValues(string(way))
	}
	m.set(call.CaseCounts{})
	for _, c := range []prometheus.Collector{m.open, m.overdue, m.waiting, m.late, m.failures} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *courierMetrics) set(n call.CaseCounts) {
	for _, state := range []call.CaseState{call.CaseRegistered, call.CaseAssigned} {
		m.open.WithLabelValues(string(state)).Set(float64(n.Open[state]))
	}
	m.overdue.Set(float64(n.Overdue))
	m.waiting.Set(float64(n.Waiting))
	m.late.Set(float64(n.Late))
}
