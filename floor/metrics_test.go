package floor

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/queue"
)

// wantMetrics compares the series whose help is in want.
func (s *shift) wantMetrics(want string) {
	s.t.Helper()
	var names []string
	for line := range strings.Lines(want) {
		if f := strings.Fields(line); len(f) > 2 && f[1] == "HELP" {
			names = append(names, f[2])
		}
	}
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
`)
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

// What the two definitions of the service level are made of: every call counts once, in one place.
func TestWhatAServiceLevelIsMadeOf(t *testing.T) {
	run(t, func(s *shift) {
		rules := general
		rules.Short, rules.Overflow, rules.PauseAfter = 5*time.Second, []queue.Overflow{{After: 25 * time.Second, To: "help"}}, 2
		s.SetRules([]queue.Rules{rules, {Name: "help", Offer: time.Second}}, queue.House{})
		orders := s.enter("call-1")
		s.want(orders, queue.Ring, "ann")
		s.Report("call-1", "ann", queue.Answered)
		s.enter("call-2") // leaves at once
		time.Sleep(2 * time.Second)
		s.Leave("call-2")
		s.enter("call-3") // leaves within the target
		time.Sleep(10 * time.Second)
		s.Leave("call-3")
		s.enter("call-4") // leaves after it, and after the operators of help were asked
		s.Told("call-4", time.Second)
		time.Sleep(30 * time.Second)
		s.Leave("call-4")
		five := s.enter("call-5")
		s.Told("call-5", time.Minute)
		time.Sleep(3 * time.Second)
		s.Leave("call-1")
		_ = s.Resume("ann")
		s.want(five, queue.Ring, "ann")
		s.Report("call-5", "ann", queue.Busy)
		time.Sleep(queue.Rest)
		s.want(five, queue.Ring, "ann")
		s.Report("call-5", "ann", queue.Answered) // 33 s, and 60 had been said
		s.wantMetrics(`
# HELP hotline_queue_offered_total Calls that came to the queue.
# TYPE hotline_queue_offered_total counter
hotline_queue_offered_total{language="az",queue="general"} 5
# HELP hotline_queue_answered_total Calls an operator took out of the queue.
# TYPE hotline_queue_answered_total counter
hotline_queue_answered_total{language="az",queue="general"} 2
# HELP hotline_queue_answered_within_target_total Calls answered within the queue's target.
# TYPE hotline_queue_answered_within_target_total counter
hotline_queue_answered_within_target_total{queue="general"} 1
hotline_queue_answered_within_target_total{queue="help"} 0
# HELP hotline_queue_abandoned_total Calls that left the queue without ever having had an operator.
# TYPE hotline_queue_abandoned_total counter
hotline_queue_abandoned_total{queue="general"} 3
hotline_queue_abandoned_total{queue="help"} 0
# HELP hotline_queue_abandoned_within_target_total Of those, the ones that left within the queue's target.
# TYPE hotline_queue_abandoned_within_target_total counter
hotline_queue_abandoned_within_target_total{queue="general"} 2
hotline_queue_abandoned_within_target_total{queue="help"} 0
# HELP hotline_queue_abandoned_short_total Of those, the ones that left so soon that they do not count.
# TYPE hotline_queue_abandoned_short_total counter
hotline_queue_abandoned_short_total{queue="general"} 1
hotline_queue_abandoned_short_total{queue="help"} 0
# HELP hotline_queue_offers_missed_total Offers that an operator let pass, by why.
# TYPE hotline_queue_offers_missed_total counter
hotline_queue_offers_missed_total{queue="general",reason="busy"} 1
hotline_queue_offers_missed_total{queue="general",reason="no_answer"} 0
hotline_queue_offers_missed_total{queue="general",reason="overdue"} 0
hotline_queue_offers_missed_total{queue="general",reason="unreachable"} 0
hotline_queue_offers_missed_total{queue="help",reason="busy"} 0
hotline_queue_offers_missed_total{queue="help",reason="no_answer"} 0
hotline_queue_offers_missed_total{queue="help",reason="overdue"} 0
hotline_queue_offers_missed_total{queue="help",reason="unreachable"} 0
# HELP hotline_queue_overflowed_total Calls that the operators of another queue were asked to take, too.
# TYPE hotline_queue_overflowed_total counter
hotline_queue_overflowed_total{queue="general"} 2
hotline_queue_overflowed_total{queue="help"} 0
# HELP hotline_queue_estimate_error_seconds How much longer a caller waited than was said; below 0: less.
# TYPE hotline_queue_estimate_error_seconds histogram
hotline_queue_estimate_error_seconds_bucket{queue="general",le="-600"} 0
hotline_queue_estimate_error_seconds_bucket{queue="general",le="-300"} 0
hotline_queue_estimate_error_seconds_bucket{queue="general",le="-120"} 0
hotline_queue_estimate_error_seconds_bucket{queue="general",le="-60"} 0
hotline_queue_estimate_error_seconds_bucket{queue="general",le="-30"} 0
hotline_queue_estimate_error_seconds_bucket{queue="general",le="0"} 1
hotline_queue_estimate_error_seconds_bucket{queue="general",le="30"} 1
hotline_queue_estimate_error_seconds_bucket{queue="general",le="60"} 1
hotline_queue_estimate_error_seconds_bucket{queue="general",le="120"} 1
hotline_queue_estimate_error_seconds_bucket{queue="general",le="300"} 1
hotline_queue_estimate_error_seconds_bucket{queue="general",le="600"} 1
hotline_queue_estimate_error_seconds_bucket{queue="general",le="+Inf"} 1
hotline_queue_estimate_error_seconds_sum{queue="general"} -27
hotline_queue_estimate_error_seconds_count{queue="general"} 1
hotline_queue_estimate_error_seconds_bucket{queue="help",le="-600"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="-300"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="-120"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="-60"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="-30"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="0"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="30"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="60"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="120"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="300"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="600"} 0
hotline_queue_estimate_error_seconds_bucket{queue="help",le="+Inf"} 0
hotline_queue_estimate_error_seconds_sum{queue="help"} 0
hotline_queue_estimate_error_seconds_count{queue="help"} 0
`)
	}, "ann")
}
