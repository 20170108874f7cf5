package sip

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call/series"
)

// metrics are the series of this package.
type metrics struct {
	refusals *prometheus.CounterVec
	silenced *prometheus.CounterVec
	panics   prometheus.Counter

	outgoingRefused *prometheus.CounterVec
	drops           map[dropKey]prometheus.Counter
	events          *prometheus.CounterVec
}

type dropKey struct {
	side side
	why  dropReason
}

func (m *metrics) securityEvent(sd side, e securityEvent) {
	m.events.WithLabelValues(sd.String(), string(e)).Inc()
}

// drop counts a message that is not read. It allocates nothing.
func (m *metrics) drop(sd side, why dropReason) { m.drops[dropKey{sd, why}].Inc() }

// newMetrics registers the series. registrations, the number of users with a phone, is asked at each scrape.
// expiry says how long the certificate of a side is good.
func newMetrics(r prometheus.Registerer, registrations func() float64, expiry func(side, time.Time) (time.Duration, bool), trunks func() []TrunkState, level func() int) (*metrics, error) {
	m := &metrics{
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_sip_refusals_total",
			Help: "Requests answered with a refusal, by SIP status; challenges (401) and cancelled calls (487) are none.",
		}, []string{"code"}),
		silenced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_sip_silenced_total",
			Help: "Messages of unknown sources that were not answered, by side.",
		}, []string{"side"}),
		outgoingRefused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_sip_outgoing_refused_total",
			Help: "Calls that may not leave by a trunk, by the rule that held them.",
		}, []string{"why"}),
	}
	// Every series is there from the start: a rate needs a zero to begin with.
	for _, c := range refusalCodes {
		m.refusals.WithLabelValues(strconv.Itoa(c))
	}
	for _, w := range refusalWhys {
		m.outgoingRefused.WithLabelValues(string(w))
	}
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_sip_dropped_total",
		Help: "Messages that were not read, by side and by what was spent: the budget of their source or of all strangers, a queue; or a new call at overload level 4, too large a datagram of a stranger, an answer that would be worth a forged source.",
	}, []string{"side", "why"})
	m.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_sip_security_events_total",
		Help: "What a firewall or a person may want to act on, by side and event; the log has a line of each source.",
	}, []string{"side", "event"})
	m.drops = make(map[dropKey]prometheus.Counter)
	for _, sd := range []side{trunkSide, phoneSide} {
		for _, e := range securityEvents {
			m.events.WithLabelValues(sd.String(), string(e))
		}
		for _, why := range dropReasons {
			m.drops[dropKey{sd, why}] = dropped.WithLabelValues(sd.String(), string(why))
		}
		m.silenced.WithLabelValues(sd.String())
	}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hotline_sip_registrations",
		Help: "Operators who have a phone that is registered and can be reached.",
	}, registrations)
	overload := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hotline_sip_overload_level",
		Help: "What becomes of new calls: 0 all are taken, 1 they hear that all lines are busy, 2 refused above the limits, 3 all refused, 4 dropped unread.",
	}, func() float64 { return float64(level()) })
	all := []prometheus.Collector{dropped, m.events, overload, m.refusals, m.silenced, m.outgoingRefused, trunkSeries(trunks), gauge}
	for _, sd := range []side{trunkSide, phoneSide} {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "hotline_sip_certificate_expiry_seconds",
			Help:        "How long the certificate of a side's tls:// listeners is good from now on; NaN without one.",
			ConstLabels: prometheus.Labels{"side": sd.String()},
		}, func() float64 {
			left, ok := expiry(sd, time.Now())
			if !ok {
				return math.NaN()
			}
			return left.Seconds()
		}))
	}
	for _, c := range all {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register sip series: %w", err)
		}
	}
	var errs []error
	m.panics = series.Panics(r, &errs)
	return m, errors.Join(errs...)
}

// refusalCodes is the closed list of the label code; anything else is "other".
var refusalCodes = [...]int{400, 403, 404, 405, 406, 408, 413, 415, 416, 420, 422, 423, 480, 481, 482, 486, 488, 491, 500, 501, 503, 504, 505, 600, 603}

// refused counts a final answer, if it is a refusal.
func (m *metrics) refused(code int) {
	if code < 300 || code == 401 || code == 407 || code == 487 {
		return
	}
	label := "other"
	for _, c := range refusalCodes {
		if c == code {
			label = strconv.Itoa(code)
		}
	}
	m.refusals.WithLabelValues(label).Inc()
}

// trunkSeries are the series of trunks, read at each scrape.
type trunkSeries func() []TrunkState

var (
	trunkUp = prometheus.NewDesc("hotline_sip_trunk_up",
		"Whether calls may leave by a carrier: 1 while one of its hosts answers, and for one that is never asked.", []string{"trunk"}, nil)
	trunkRegistered = prometheus.NewDesc("hotline_sip_trunk_registered",
		"Whether a carrier has what it wants: 1 while we are registered with it, and for one that wants no registration.", []string{"trunk"}, nil)
	trunkCalls = prometheus.NewDesc("hotline_sip_trunk_calls",
		"Calls there are with a carrier, by direction.", []string{"trunk", "direction"}, nil)
)

// Describe implements prometheus.Collector.
func (t trunkSeries) Describe(to chan<- *prometheus.Desc) {
	to <- trunkUp
	to <- trunkRegistered
	to <- trunkCalls
}

// Collect implements prometheus.Collector.
func (t trunkSeries) Collect(to chan<- prometheus.Metric) {
	for _, v := range t() {
		to <- prometheus.MustNewConstMetric(trunkUp, prometheus.GaugeValue, one(v.Up), v.Name)
		to <- prometheus.MustNewConstMetric(trunkRegistered, prometheus.GaugeValue, one(v.Registered || !v.Registers), v.Name)
		to <- prometheus.MustNewConstMetric(trunkCalls, prometheus.GaugeValue, float64(v.In), v.Name, "in")
		to <- prometheus.MustNewConstMetric(trunkCalls, prometheus.GaugeValue, float64(v.Out), v.Name, "out")
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
