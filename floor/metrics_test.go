package floor

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/queue"
)

func (s *shift) wantMetrics(want string, names ...string) {
	s.t.Helper()
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), names...); err != nil {
		s.t.Error(err)
	}
}

func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	run(t, func(s *shift) {
		s.wantMetrics(`
# HELP hotline_operators Operators by what they are doing.
# TYPE hotline_operators gauge
hotline_operators{state="holding"} 0
hotline_operators{state="offered"} 0
hotline_operators{state="offline"} 0
hotline_operators{state="paused"} 0
hotline_operators{state="ready"} 0
hotline_operators{state="talking"} 0
hotline_operators{state="unreachable"} 0
hotline_operators{state="wrap_up"} 0
# HELP hotline_queue_abandoned_total Calls that left the queue without ever having had an operator.
# TYPE hotline_queue_abandoned_total counter
hotline_queue_abandoned_total{queue="general"} 0
# HELP hotline_queue_answered_within_target_total Calls answered within the queue's target.
# TYPE hotline_queue_answered_within_target_total counter
hotline_queue_answered_within_target_total{queue="general"} 0
# HELP hotline_queue_longest_wait_seconds How long the longest waiting of those who wait now has waited.
# TYPE hotline_queue_longest_wait_seconds gauge
hotline_queue_longest_wait_seconds{queue="general"} 0
# HELP hotline_queue_waiting Callers who wait, those an operator is being rung for included.
# TYPE hotline_queue_waiting gauge
hotline_queue_waiting{queue="general"} 0
`, "hotline_operators", "hotline_queue_abandoned_total", "hotline_queue_answered_within_target_total",
			"hotline_queue_longest_wait_seconds", "hotline_queue_waiting")
		if n, err := testutil.GatherAndCount(s.registry, "hotline_queue_wait_seconds"); n != 2 || err != nil {
			t.Errorf("%d series of waits (%v), want one per outcome", n, err)
		}
		problems, err := testutil.GatherAndLint(s.registry)
		if err != nil || len(problems) > 0 {
			t.Errorf("the names: %v %v", problems, err)
		}
	})
}

// One answered in time; one too late, whose operator vanishes, comes back, vanishes again, until
// the caller gives up: that one has waited once and abandoned nothing; one who gives up; one who waits.
func TestScriptedCallsAreCountedRight(t *testing.T) {
	run(t, func(s *shift) {
		first := s.enter("call-1")
		s.want(first, queue.Ring, "ann")
		time.Sleep(5 * time.Second)
		s.Report("call-1", "ann", queue.Answered)
		late := s.enter("call-2")
		time.Sleep(24 * time.Second)
		s.Leave("call-1")
		_ = s.Resume("ann")
		s.want(late, queue.Ring, "ann")
		time.Sleep(time.Second)
		s.Report("call-2", "ann", queue.Answered)
		s.enter("call-3")
		time.Sleep(40 * time.Second)
		s.Leave("call-3")
		s.Report("call-2", "ann", queue.Lost)
		time.Sleep(queue.Rest)
		s.want(late, queue.Ring, "ann")
		s.Report("call-2", "ann", queue.Answered)
		s.Report("call-2", "ann", queue.Lost)
		s.Leave("call-2")
		s.enter("call-4")
		time.Sleep(3 * time.Second)
		s.wantMetrics(`
# HELP hotline_operators Operators by what they are doing.
# TYPE hotline_operators gauge
hotline_operators{state="holding"} 0
hotline_operators{state="offered"} 0
hotline_operators{state="offline"} 0
hotline_operators{state="paused"} 0
hotline_operators{state="ready"} 0
hotline_operators{state="talking"} 0
hotline_operators{state="unreachable"} 1
hotline_operators{state="wrap_up"} 0
# HELP hotline_queue_abandoned_total Calls that left the queue without ever having had an operator.
# TYPE hotline_queue_abandoned_total counter
hotline_queue_abandoned_total{queue="general"} 1
# HELP hotline_queue_answered_within_target_total Calls answered within the queue's target.
# TYPE hotline_queue_answered_within_target_total counter
hotline_queue_answered_within_target_total{queue="general"} 1
# HELP hotline_queue_longest_wait_seconds How long the longest waiting of those who wait now has waited.
# TYPE hotline_queue_longest_wait_seconds gauge
hotline_queue_longest_wait_seconds{queue="general"} 3
# HELP hotline_queue_wait_seconds How long callers waited until an operator answered or they gave up; the first wait of a call.
# TYPE hotline_queue_wait_seconds histogram
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="1"} 0
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="2"} 0
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="5"} 0
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="10"} 0
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="15"} 0
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="20"} 0
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="30"} 0
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="45"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="60"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="90"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="120"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="180"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="300"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="600"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="1200"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="1800"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="3600"} 1
hotline_queue_wait_seconds_bucket{outcome="abandoned",queue="general",le="+Inf"} 1
hotline_queue_wait_seconds_sum{outcome="abandoned",queue="general"} 40
hotline_queue_wait_seconds_count{outcome="abandoned",queue="general"} 1
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="1"} 0
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="2"} 0
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="5"} 1
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="10"} 1
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="15"} 1
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="20"} 1
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="30"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="45"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="60"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="90"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="120"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="180"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="300"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="600"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="1200"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="1800"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="3600"} 2
hotline_queue_wait_seconds_bucket{outcome="answered",queue="general",le="+Inf"} 2
hotline_queue_wait_seconds_sum{outcome="answered",queue="general"} 30
hotline_queue_wait_seconds_count{outcome="answered",queue="general"} 2
# HELP hotline_queue_waiting Callers who wait, those an operator is being rung for included.
# TYPE hotline_queue_waiting gauge
hotline_queue_waiting{queue="general"} 1
`)
	}, "ann")
}
