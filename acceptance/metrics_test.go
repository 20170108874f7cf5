//go:build acceptance

package acceptance

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// After ten calls of known ends every series says what happened and no other says anything;
// promtool finds no fault.
func TestMetricsAfterTenCalls(t *testing.T) {
	s := newHouse(t, 1, "queues: [{name: general, wrap_up: 0s, target: 5s}]")
	const waiting = `hotline_queue_waiting{queue="general"}`
	dead := s.citizen() // the tenth: dies as it is greeted, and is given up half a minute later
	s.dial(dead)
	dead.Behave(phone.Manners{Dead: true})
	for range 2 { // give up in the queue
		c := s.queued(s.citizen())
		s.becomes(waiting, 1)
		s.hangUp(c)
		s.becomes(waiting, 0)
	}
	for range 2 { // give up in the greeting
		s.hangUp(s.dial(s.citizen()))
	}
	if _, err := s.citizen(func(o *phone.Options) { o.Codec = "G729" }).Dial(within(t, 5*time.Second), phone.DialOptions{To: line919}); code(err) != 488 {
		t.Errorf("a call without a common codec: %v, want 488", err)
	}
	c := s.queued(s.citizen()) // waits longer than the target
	s.becomes(waiting, 1)
	calmly(t, 20*time.Second, "somebody has waited for 5 s", func() bool {
		return s.metric(`hotline_queue_longest_wait_seconds{queue="general"}`) > 5
	})
	op := s.operatorPhone(operatorName(0))
	taken := s.rung(op)
	s.together(c, taken, 1000)
	s.samples(t, map[string]float64{
		`hotline_line_calls_active{line="919",state="greeting"}`: 1,
		`hotline_line_calls_active{line="919",state="talking"}`:  1,
		`hotline_media_ports{state="used"}`:                      3,
		`hotline_operators{state="talking"}`:                     1,
		`hotline_recording_active`:                               2,
		`hotline_sip_registrations`:                              1,
	}, `hotline_(?:line_calls_active|media_ports\{state="used|operators|recording_active|sip_registrations|queue_waiting|queue_longest).*`)
	s.hangUp(c)
	s.over(taken)
	for range 3 { // answered within the target of 5 s
		c, taken := s.talk(s.citizen(), op)
		// One packet in 64 is measured: two seconds of both make two hundred.
		want := c.Media().Received().Packets + 100
		eventually(t, 10*time.Second, "two seconds of talk", func() bool { return c.Media().Received().Packets >= want })
		s.hangUp(taken)
		s.over(c)
	}
	op.Unregister(within(t, 2*time.Second))
	sipp(t, sippOptions{scenario: "no-line", port: 6300}).good(t) // no call: only counted
	calmly(t, 60*time.Second, "the dead caller is given up", func() bool {
		return s.metric(`hotline_line_calls_total{line="919",outcome="media_lost"}`) == 1
	})
	s.becomes("hotline_recording_active", 0)
	s.becomes("hotline_store_spool_entries", 0)
	s.samples(t, map[string]float64{
		`hotline_line_calls_total{line="919",outcome="completed"}`:               4,
		`hotline_line_menu_entered_total{line="919",menu="main"}`:                6, // who got past the notice
		`hotline_line_calls_total{line="919",outcome="abandoned"}`:               4,
		`hotline_line_calls_total{line="919",outcome="refused"}`:                 1,
		`hotline_line_calls_total{line="919",outcome="media_lost"}`:              1,
		`hotline_queue_wait_seconds_count{outcome="answered",queue="general"}`:   4,
		`hotline_queue_wait_seconds_count{outcome="abandoned",queue="general"}`:  2,
		`hotline_queue_answered_within_target_total{queue="general"}`:            3,
		`hotline_queue_abandoned_total{queue="general"}`:                         2,
		`hotline_queue_abandoned_within_target_total{queue="general"}`:           2,
		`hotline_queue_abandoned_short_total{queue="general"}`:                   2,
		`hotline_queue_offered_total{language="en",queue="general"}`:             6,
		`hotline_queue_answered_total{language="en",queue="general"}`:            4,
		`hotline_operators{state="offline"}`:                                     1,
		`hotline_queue_operators{language="az",queue="general",state="offline"}`: 1,
		`hotline_queue_operators{language="en",queue="general",state="offline"}`: 1,
		`hotline_queue_operators{language="ru",queue="general",state="offline"}`: 1,
		`hotline_disk_free_bytes`:                                                some,
		`hotline_disk_size_bytes`:                                                some,
		`hotline_disk_full_in_seconds`:                                           whatever, // as this machine's disk is
		`hotline_recording_purge_last_timestamp_seconds`:                         some,
		`hotline_recording_seal_seconds_count`:                                   9, // all but the refused one
		`hotline_sip_refusals_total{code="404"}`:                                 1,
		`hotline_sip_refusals_total{code="488"}`:                                 1,
		// A carrier that is never asked counts as up, and as registered where it wants no account.
		`hotline_sip_trunk_up{trunk="carrier"}`:         1,
		`hotline_sip_trunk_registered{trunk="carrier"}`: 1,
		// Without a certificate: NaN, which is no number to compare.
		`hotline_sip_certificate_expiry_seconds{side="trunks"}`: whatever,
		`hotline_sip_certificate_expiry_seconds{side="phones"}`: whatever,
		// What has no number of its own is there or not.
		`hotline_queue_wait_seconds_sum{outcome="answered",queue="general"}`:  some,
		`hotline_queue_wait_seconds_sum{outcome="abandoned",queue="general"}`: some,
		`hotline_media_relay_seconds_count`:                                   some,
		`hotline_media_relay_seconds_sum`:                                     some,
		`hotline_media_ports{state="free"}`:                                   some,
		`hotline_media_ports{state="resting"}`:                                some,
		`hotline_recording_seal_seconds_sum`:                                  some,
		`hotline_recording_written_bytes_total`:                               some,
		`hotline_store_commit_seconds_count`:                                  some,
		`hotline_store_commit_seconds_sum`:                                    some,
		// Our operator's telephone begins to speak as it sends its 200: either may be first.
		`hotline_media_dropped_packets_total{reason="early"}`: whatever,
	}, `hotline_.*`)
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(s.page("/metrics"))
	if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "hotline_") {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// What a wanted value can be besides a number: above nothing, and anything.
const (
	some     = -1
	whatever = -2
)

// samples demands of all samples whose name matches, buckets apart, that they have the wanted
// value, and 0 where none is wanted.
func (s *server) samples(t *testing.T, want map[string]float64, names string) {
	t.Helper()
	ours := regexp.MustCompile("^" + names + "$")
	left := maps.Clone(want)
	for _, l := range strings.Split(s.page("/metrics"), "\n") {
		at := strings.LastIndexByte(l, ' ')
		if at < 0 || !ours.MatchString(l[:at]) || strings.Contains(l, "_bucket{") {
			continue
		}
		got, err := strconv.ParseFloat(l[at+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		name := l[:at]
		if w := want[name]; w == some && got <= 0 || w >= 0 && got != w {
			t.Errorf("%s is %v, want %v", name, got, w)
		}
		delete(left, name)
	}
	if len(left) > 0 {
		t.Errorf("/metrics has no %q", slices.Sorted(maps.Keys(left)))
	}
}
