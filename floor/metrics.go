package floor

import (
	"github.com/prometheus/client_golang/prometheus"

	"hotline/call"
	"hotline/queue"
)

// Labels of hotline_queue_wait_seconds.
const (
	answered  = "answered"
	abandoned = "abandoned"
)

// noLanguage is the label of callers who chose none.
const noLanguage = "none"

// metrics is every series of the floor. What is so at the moment of asking (who waits, who
// works) is read from the state at each scrape, so it can never drift from the truth; what is
// counted is folded from the state's commands and nothing else.
type metrics struct {
	snapshot  func() queue.Snapshot
	staff     func([]call.Language) []queue.StaffView
	languages []call.Language

	waiting   *prometheus.Desc
	longest   *prometheus.Desc
	operators *prometheus.Desc
	serving   *prometheus.Desc
	callbacks *prometheus.Desc

	offered     *prometheus.CounterVec
	answered    *prometheus.CounterVec
	wait        *prometheus.HistogramVec
	inTarget    *prometheus.CounterVec
	abandons    *prometheus.CounterVec
	leftTarget  *prometheus.CounterVec
	leftShort   *prometheus.CounterVec
	missed      *prometheus.CounterVec
	overflowed  *prometheus.CounterVec
	estimateErr *prometheus.HistogramVec
	called      *prometheus.CounterVec
	collected   []prometheus.Collector
	panics      prometheus.Counter // one for the whole program
}

func newMetrics(f *Floor, languages []call.Language) *metrics {
	m := &metrics{
		snapshot: f.Snapshot, staff: f.Staff, languages: languages,
		waiting: prometheus.NewDesc("hotline_queue_waiting",
			"Callers who wait, those an operator is being rung for included.", []string{"queue"}, nil),
		longest: prometheus.NewDesc("hotline_queue_longest_wait_seconds",
			"How long the longest waiting of those who wait now has waited.", []string{"queue"}, nil),
		operators: prometheus.NewDesc("hotline_operators",
			"Operators by what they are doing.", []string{"state"}, nil),
		serving: prometheus.NewDesc("hotline_queue_operators",
			"Operators who serve a queue in a language, by what they are doing. One who speaks two counts in both.",
			[]string{"queue", "language", "state"}, nil),
		callbacks: prometheus.NewDesc("hotline_callbacks_open",
			"Callers who left a number and wait to be called.", []string{"queue"}, nil),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "hotline_queue_wait_seconds",
			Help:    "How long callers waited until an operator answered or they gave up; the first wait of a call.",
			Buckets: []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600},
		}, []string{"queue", "outcome"}),
		estimateErr: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "hotline_queue_estimate_error_seconds",
			Help:    "How much longer a caller waited than was said; below 0: less.",
			Buckets: []float64{-600, -300, -120, -60, -30, 0, 30, 60, 120, 300, 600},
		}, []string{"queue"}),
	}
	m.collected = append(m.collected, m.wait, m.estimateErr)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.collected = append(m.collected, c)
		return c
	}
	m.offered = counter("hotline_queue_offered_total", "Calls that came to the queue.", "queue", "language")
	m.answered = counter("hotline_queue_answered_total", "Calls an operator took out of the queue.", "queue", "language")
	m.inTarget = counter("hotline_queue_answered_within_target_total", "Calls answered within the queue's target.", "queue")
	m.abandons = counter("hotline_queue_abandoned_total", "Calls that left the queue without ever having had an operator.", "queue")
	m.leftTarget = counter("hotline_queue_abandoned_within_target_total", "Of those, the ones that left within the queue's target.", "queue")
	m.leftShort = counter("hotline_queue_abandoned_short_total", "Of those, the ones that left so soon that they do not count.", "queue")
	m.missed = counter("hotline_queue_offers_missed_total", "Offers that an operator let pass, by why.", "queue", "reason")
	m.overflowed = counter("hotline_queue_overflowed_total", "Calls that the operators of another queue were asked to take, too.", "queue")
	m.called = counter("hotline_callbacks_total", "Callbacks that have ended, by what became of them.", "outcome")
	for _, o := range queue.CallbackOutcomes {
		m.called.WithLabelValues(string(o))
	}
	return m
}

// ensure makes the series of the queues exist, at 0, before the first call.
func (m *metrics) ensure(rules []queue.Rules) {
	for _, r := range rules {
		m.wait.WithLabelValues(r.Name, answered)
		m.wait.WithLabelValues(r.Name, abandoned)
		m.estimateErr.WithLabelValues(r.Name)
		for _, c := range []*prometheus.CounterVec{m.inTarget, m.abandons, m.leftTarget, m.leftShort, m.overflowed} {
			c.WithLabelValues(r.Name)
		}
		for _, l := range m.languages {
			m.offered.WithLabelValues(r.Name, string(l))
			m.answered.WithLabelValues(r.Name, string(l))
		}
		for _, why := range []queue.Why{queue.WhyNoAnswer, queue.WhyBusy, queue.WhyUnreachable, queue.WhyOverdue} {
			m.missed.WithLabelValues(r.Name, string(why))
		}
	}
}

// fold counts a command. A call is counted once, however often it is passed on; a callback is no
// call that waited on the line.
func (m *metrics) fold(c queue.Command) {
	switch c := c.(type) {
	case queue.Queued:
		if !c.Again && !c.Callback {
			m.offered.WithLabelValues(c.Queue, label(c.Language)).Inc()
		}
	case queue.Connected:
		m.connected(c)
	case queue.Abandoned:
		m.wait.WithLabelValues(c.Queue, abandoned).Observe(c.Waited.Seconds())
		m.abandons.WithLabelValues(c.Queue).Inc()
		if c.InTarget {
			m.leftTarget.WithLabelValues(c.Queue).Inc()
		}
		if c.Short {
			m.leftShort.WithLabelValues(c.Queue).Inc()
		}
	case queue.Missed:
		m.missed.WithLabelValues(c.Queue, string(c.Why)).Inc()
	case queue.Overflowed:
		m.overflowed.WithLabelValues(c.Queue).Inc()
	case queue.CallbackClosed:
		m.called.WithLabelValues(string(c.Outcome)).Inc()
	}
}

func (m *metrics) connected(c queue.Connected) {
	if c.Again || c.Callback {
		return
	}
	m.answered.WithLabelValues(c.Queue, label(c.Language)).Inc()
	m.wait.WithLabelValues(c.Queue, answered).Observe(c.Waited.Seconds())
	if c.InTarget {
		m.inTarget.WithLabelValues(c.Queue).Inc()
	}
	if c.Told {
		m.estimateErr.WithLabelValues(c.Queue).Observe(c.Error.Seconds())
	}
}

// label is a language as a label has it.
func label(l call.Language) string {
	if l == "" {
		return noLanguage
	}
	return string(l)
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.waiting
	ch <- m.longest
	ch <- m.operators
	ch <- m.serving
	ch <- m.callbacks
	for _, c := range m.collected {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	snap := m.snapshot()
	for _, q := range snap.Queues {
		gauge(m.waiting, float64(q.Waiting), q.Name)
		gauge(m.longest, q.LongestWait.Seconds(), q.Name)
		gauge(m.callbacks, float64(q.Callbacks), q.Name)
	}
	working := map[queue.OperatorState]int{}
	for _, o := range snap.Operators {
		working[o.State]++
	}
	for _, state := range queue.OperatorStates {
		gauge(m.operators, float64(working[state]), string(state))
	}
	for _, v := range m.staff(m.languages) {
		for state, n := range v.Staff.All() {
			gauge(m.serving, float64(n), v.Queue, string(v.Language), string(state))
		}
	}
	for _, c := range m.collected {
		c.Collect(ch)
	}
}
