//go:build acceptance

package acceptance

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// After ten calls of known ends every series says what happened, and promtool finds no fault.
func TestMetricsAfterTenCalls(t *testing.T) {
	s := newHouse(t, 1)
	op := s.operatorPhone(operatorName(0))
	for range 4 { // answered within the target of 20 s
		c, taken := s.talk(s.citizen(), op)
		// One packet in 64 is measured: two seconds of both make two hundred.
		want := c.Media().Received().Packets + 100
		eventually(t, 10*time.Second, "two seconds of talk", func() bool { return c.Media().Received().Packets >= want })
		s.hangUp(taken)
		s.over(c)
	}
	op.Unregister(within(t, 2*time.Second))
	for range 3 { // give up in the queue
		c := s.queued(s.citizen())
		eventually(t, 15*time.Second, "the caller waits", func() bool { return s.metric(`hotline_queue_waiting{queue="general"}`) == 1 })
		s.hangUp(c)
		eventually(t, 5*time.Second, "nobody waits", func() bool { return s.metric(`hotline_queue_waiting{queue="general"}`) == 0 })
	}
	for range 3 { // give up in the greeting
		s.hangUp(s.dial(s.citizen()))
	}
	sipp(t, sippOptions{scenario: "no-line", port: 6300}).good(t) // no call: only counted
	s.lastRecord()
	eventually(t, 10*time.Second, "every recording is sealed", func() bool { return s.metric("hotline_recording_active") == 0 })
	for name, want := range map[string]float64{
		`hotline_line_calls_total{line="919",outcome="completed"}`:              4,
		`hotline_line_calls_total{line="919",outcome="abandoned"}`:              6,
		`hotline_line_calls_total{line="919",outcome="failed"}`:                 0,
		`hotline_line_calls_total{line="919",outcome="refused"}`:                0,
		`hotline_line_calls_active{line="919",state="greeting"}`:                0,
		`hotline_line_calls_active{line="919",state="waiting"}`:                 0,
		`hotline_line_calls_active{line="919",state="talking"}`:                 0,
		`hotline_queue_waiting{queue="general"}`:                                0,
		`hotline_queue_longest_wait_seconds{queue="general"}`:                   0,
		`hotline_queue_wait_seconds_count{outcome="answered",queue="general"}`:  4,
		`hotline_queue_wait_seconds_count{outcome="abandoned",queue="general"}`: 3,
		`hotline_queue_answered_within_target_total{queue="general"}`:           4,
		`hotline_queue_abandoned_total{queue="general"}`:                        3,
		`hotline_operators{state="offline"}`:                                    1,
		`hotline_operators{state="ready"}`:                                      0,
		`hotline_recording_missing_total`:                                       0,
		`hotline_recording_active`:                                              0,
		`hotline_sip_refusals_total{code="404"}`:                                1,
		`hotline_sip_registrations`:                                             0,
		`hotline_media_ports{state="used"}`:                                     0,
		`hotline_panics_recovered_total`:                                        0,
	} {
		if got := s.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if s.metric("hotline_media_relay_seconds_count") == 0 {
		t.Error("hotline_media_relay_seconds has measured nothing in four talks")
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(s.page("/metrics"))
	if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "hotline_") {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
