package recording

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call/series"
)

// metrics are the series of this room.
type metrics struct {
	active   prometheus.Gauge
	missing  prometheus.Counter // shared with line, which counts what could not even be opened
	overflow prometheus.Counter
	late     prometheus.Counter
	faults   *prometheus.CounterVec // by op: create, write, sync, seal
	written  prometheus.Counter
	seal     prometheus.Histogram
	panics   prometheus.Counter // shared with line, sip and others
	free     prometheus.Gauge
	size     prometheus.Gauge
	spilled  prometheus.Gauge
}

// Missing is the counter of answered calls that have no recording, for who finds more of them.
func (r *Recorder) Missing() prometheus.Counter { return r.metrics.missing }

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	var errs []error
	m := &metrics{
		active: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_active", Help: "Recordings that are open.",
		})),
		missing: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_missing_total", Help: "Answered calls that have no recording although the policy wants one.",
		})),
		overflow: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_overflow_seconds_total", Help: "Sound lost because the disk stalled longer than memory could bridge, per channel.",
		})),
		late: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_late_packets_total", Help: "Packets that came too late to be placed in the recording.",
		})),
		faults: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_recording_disk_faults_total", Help: "What the disk refused, by operation: create, write, sync, seal.",
		}, []string{"op"})),
		written: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_written_bytes_total", Help: "Sound handed to the kernel.",
		})),
		seal: series.Shared(r, &errs, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hotline_recording_seal_seconds", Help: "From the end of a call to the sealed recording.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		})),
		panics: series.Panics(r, &errs),
		free: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_disk_free_bytes", Help: "Room left where the recordings are, as it was at the last look, at most seconds ago.",
		})),
		size: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_disk_size_bytes", Help: "Room there is in all where the recordings are.",
		})),
		spilled: series.Shared(r, &errs, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_spilled", Help: "Recordings that lie in the second directory, because the first one has refused them.",
		})),
	}
	for _, op := range []string{opCreate, opWrite, opSync, opSeal} {
		m.faults.WithLabelValues(op)
	}
	return m, errors.Join(errs...)
}
