package media

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call"
)

// Why a received packet was dropped: the label `reason`.
const (
	dropStranger  = iota // from an address that may not speak on this leg
	dropMalformed        // no RTP, or a lie about its lengths
	dropBudget           // more packets a second than speech has
	dropCodec            // a payload type that was not agreed
	dropLate             // its place in the outgoing stream had passed
	dropEarly            // before the session description that says who may speak: a telephone that does not wait for its 200
	dropReasons
)

var dropNames = [dropReasons]string{"stranger", "malformed", "budget", "codec", "late", "early"}

// relaySample is how many packets pass for one whose time through us is measured.
const relaySample = 64

// metrics holds every series of the package.
type metrics struct {
	lost        map[call.Role]prometheus.Counter
	dropped     [dropReasons]prometheus.Counter
	relay       prometheus.Histogram
	keysDropped prometheus.Counter
	newPort     prometheus.Counter
	newStream   prometheus.Counter
}

func newMetrics(r prometheus.Registerer, ports *portTable) (*metrics, error) {
	lost := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_media_lost_packets_total",
		Help: "RTP packets that never came, by whose leg they were expected from.",
	}, []string{"leg"})
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_media_dropped_packets_total",
		Help: "Packets received and not used, by reason.",
	}, []string{"reason"})
	changes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hotline_media_source_changes_total",
		Help: "Changes of where a leg's sound comes from in mid-call: another port, or another stream.",
	}, []string{"what"})
	m := &metrics{
		lost: map[call.Role]prometheus.Counter{},
		relay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "hotline_media_relay_seconds",
			Help:    "Time from a packet's arrival at this machine to its departure, one packet in 64.",
			Buckets: []float64{.00005, .0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1},
		}),
		keysDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_media_keys_dropped_total",
			Help: "Keys pressed that nobody read in time.",
		}),
		newPort:   changes.WithLabelValues("port"),
		newStream: changes.WithLabelValues("stream"),
	}
	for _, role := range []call.Role{call.RoleCaller, call.RoleOperator, call.RoleSupervisor} {
		m.lost[role] = lost.WithLabelValues(string(role))
	}
	for i, name := range dropNames {
		m.dropped[i] = dropped.WithLabelValues(name)
	}
	all := []prometheus.Collector{lost, dropped, changes, m.relay, m.keysDropped}
	for i, state := range []string{"used", "resting", "free"} {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "hotline_media_ports",
			Help:        "Pairs of RTP and RTCP ports, by state.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 {
			used, resting, free := ports.count(time.Now())
			return float64([]int{used, resting, free}[i])
		}))
	}
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, r.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register the series of media: %w", err)
	}
	return m, nil
}
