package purge

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call/series"
)

// metrics are the series of this room.
type metrics struct {
	overdue  prometheus.Gauge
	stopped  prometheus.Gauge
	last     prometheus.Gauge
	purged   *prometheus.CounterVec // by kind
	bytes    prometheus.Counter
	failures prometheus.Counter
	held     *prometheus.GaugeVec // by what
	full     prometheus.Gauge
	panics   prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	var errs []error
	m := &metrics{
		overdue: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_purge_overdue_seconds", Help: "For how long the oldest recording that should be erased has been due; 0: none.",
		})),
		stopped: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_purge_stopped", Help: "1 while nothing is erased because the clock is not believed.",
		})),
		last: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_purge_last_timestamp_seconds", Help: "When all that was due had been erased last.",
		})),
		purged: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_recording_purged_total", Help: "Erased because their time was over or two persons have ordered it, by kind: recording, message.",
		}, []string{"kind"})),
		bytes: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_purged_bytes_total", Help: "Room that erasing has given back.",
		})),
		failures: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_purge_failures_total", Help: "Erasures, and whole passes, that failed and are tried again.",
		})),
		held: series.Shared(r, &errs, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hotline_recording_held", Help: "Recordings and messages that would be gone but for a hold or a case.",
		}, []string{"by"})),
		full: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_disk_full_in_seconds", Help: "When the disk of the recordings will be full, by the growth of the last week and what will be erased; +Inf: not within ten years.",
		})),
		panics: series.Panics(r, &errs),
	}
	for _, kind := range folders {
		m.purged.WithLabelValues(kind)
	}
	m.held.WithLabelValues("hold")
	m.held.WithLabelValues("case")
	return m, errors.Join(errs...)
}
