package line

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"hotline/call"
	"hotline/call/series"
)

// metrics are the series of this package.
type metrics struct {
	calls   *prometheus.CounterVec // hotline_line_calls_total{line,outcome}
	here    *prometheus.GaugeVec   // hotline_line_calls_active{line,state}
	panics  prometheus.Counter     // hotline_panics_recovered_total, shared with sip
	missing prometheus.Counter     // hotline_recording_missing_total, shared with recording

	transfers *prometheus.CounterVec // hotline_line_transfers_total{kind,to,outcome}
	menus     *prometheus.CounterVec // hotline_line_menu_entered_total{line,menu}
	informed  *prometheus.CounterVec // hotline_line_announcements_total{announcement}
	incidents prometheus.Counter     // hotline_line_incident_heard_total
	barred    *prometheus.CounterVec // hotline_line_barred_total{why}

	emergencies *prometheus.CounterVec // hotline_line_emergencies_total{result}

	pauses        *prometheus.CounterVec // hotline_recording_pauses_total{by}
	pausedSeconds prometheus.Counter     // hotline_recording_paused_seconds_total
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	var errs []error
	m := &metrics{
		calls: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_line_calls_total", Help: "Calls that have ended, by line and outcome.",
		}, []string{"line", "outcome"})),
		here: series.Shared(r, &errs, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hotline_line_calls_active", Help: "Calls that are here now, by line and state.",
		}, []string{"line", "state"})),
		transfers: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_line_transfers_total", Help: "Transfers that operators (blind, attended) or menus asked for, to whom, and what became of them.",
		}, []string{"kind", "to", "outcome"})),
		menus: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_line_menu_entered_total", Help: "Callers who came to a menu, again when they came back.",
		}, []string{"line", "menu"})),
		informed: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_line_announcements_total", Help: "Callers who heard an announcement whole.",
		}, []string{"announcement"})),
		incidents: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_line_incident_heard_total", Help: "Callers who heard the announcement of an incident whole.",
		})),
		barred: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_line_barred_total", Help: "Callers who were let as far as the emergency key alone: blocked, too many calls, or a challenge not met.",
		}, []string{"why"})),
		emergencies: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_line_emergencies_total", Help: "Callers who pressed the emergency key, by what became of it: answered, failed (nobody was reached) or left (the caller hung up before).",
		}, []string{"result"})),
		pauses: series.Shared(r, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_recording_pauses_total", Help: "Pauses of recordings while two talk, by who asked for them: operator (the star code) or command.",
		}, []string{"by"})),
		pausedSeconds: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_paused_seconds_total", Help: "How long recordings were paused, in all, told at the end of each pause.",
		})),
		panics: series.Panics(r, &errs),
		missing: series.Shared(r, &errs, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_recording_missing_total", Help: "Answered calls that have no recording although the policy wants one.",
		})),
	}
	return m, errors.Join(errs...)
}

// preset makes the series of a line visible from the start, at zero.
func (m *metrics) preset(n Number) {
	line := n.Number
	for _, result := range []string{helpAnswered, helpFailed, helpLeft} {
		m.emergencies.WithLabelValues(result)
	}
	for _, by := range []string{call.PausedByOperator, call.PausedByCommand} {
		m.pauses.WithLabelValues(by)
	}
	for name := range n.Menus {
		m.menus.WithLabelValues(line, name)
	}
	for _, why := range []Barring{Blocked, TooMany, Unchallenged} {
		m.barred.WithLabelValues(string(why))
	}
	for _, kind := range []string{"blind", "attended", "menu"} {
		for _, to := range []string{"operator", "queue", "directory", outsideName, "unknown"} {
			for _, outcome := range []string{passDone, passRefused, passReturned, passAbandoned} {
				m.transfers.WithLabelValues(kind, to, outcome)
			}
		}
	}
	for _, o := range call.Outcomes {
		m.calls.WithLabelValues(line, string(o))
	}
	for _, s := range []call.State{call.Ringing, call.Greeting, call.Waiting, call.Talking} {
		m.here.WithLabelValues(line, string(s))
	}
}

func (m *metrics) active(line string, s call.State, by float64) {
	m.here.WithLabelValues(line, string(s)).Add(by)
}
