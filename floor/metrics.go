package floor

import (
	"github.com/prometheus/client_golang/prometheus"

	"hotline/queue"
)

// Labels of hotline_queue_wait_seconds.
const (
	answered  = "answered"
	abandoned = "abandoned"
)

// metrics is every series of the floor. What is so at the moment of asking (who waits, who
// works) is read from a snapshot at each scrape, so it can never drift from the truth.
type metrics struct {
	snapshot func() queue.Snapshot

	waiting   *prometheus.Desc
	longest   *prometheus.Desc
	operators *prometheus.Desc

	wait      *prometheus.HistogramVec
	inTarget  *prometheus.CounterVec
	abandons  *prometheus.CounterVec
	collected []prometheus.Collector
}

func newMetrics(f *Floor) *metrics {
	m := &metrics{
		snapshot: f.Snapshot,
		waiting: prometheus.NewDesc("hotline_queue_waiting",
			"Callers who wait, those an operator is being rung for included.", []string{"queue"}, nil),
		longest: prometheus.NewDesc("hotline_queue_longest_wait_seconds",
			"How long the longest waiting of those who wait now has waited.", []string{"queue"}, nil),
		operators: prometheus.NewDesc("hotline_operators",
			"Operators by what they are doing.", []string{"state"}, nil),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "hotline_queue_wait_seconds",
			Help:    "How long callers waited until an operator answered or they gave up; the first wait of a call.",
			Buckets: []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600},
		}, []string{"queue", "outcome"}),
		inTarget: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_queue_answered_within_target_total",
			Help: "Calls answered within the queue's target.",
		}, []string{"queue"}),
		abandons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_queue_abandoned_total",
			Help: "Calls that left the queue without ever having had an operator.",
		}, []string{"queue"}),
	}
	m.collected = []prometheus.Collector{m.wait, m.inTarget, m.abandons}
	return m
}

// ensure makes the series of the queues exist, at 0, before the first call.
func (m *metrics) ensure(rules []queue.Rules) {
	for _, r := range rules {
		m.wait.WithLabelValues(r.Name, answered)
		m.wait.WithLabelValues(r.Name, abandoned)
		m.inTarget.WithLabelValues(r.Name)
		m.abandons.WithLabelValues(r.Name)
	}
}

// connected counts the first answer of a call only: a call has one wait, however often it is
// passed on.
func (m *metrics) connected(c queue.Connected) {
	if c.Again {
		return
	}
	m.wait.WithLabelValues(c.Queue, answered).Observe(c.Waited.Seconds())
	if c.InTarget {
		m.inTarget.WithLabelValues(c.Queue).Inc()
	}
}

func (m *metrics) abandoned(c queue.Abandoned) {
	m.wait.WithLabelValues(c.Queue, abandoned).Observe(c.Waited.Seconds())
	m.abandons.WithLabelValues(c.Queue).Inc()
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.waiting
	ch <- m.longest
	ch <- m.operators
	for _, c := range m.collected {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, label)
	}
	snap := m.snapshot()
	for _, q := range snap.Queues {
		gauge(m.waiting, float64(q.Waiting), q.Name)
		gauge(m.longest, q.LongestWait.Seconds(), q.Name)
	}
	working := map[queue.OperatorState]int{}
	for _, o := range snap.Operators {
		working[o.State]++
	}
	for _, state := range queue.OperatorStates {
		gauge(m.operators, float64(working[state]), string(state))
	}
	for _, c := range m.collected {
		c.Collect(ch)
	}
}
