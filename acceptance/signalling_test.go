//go:build acceptance

package acceptance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hotline/phone"
)

// A carrier's switch is not ours: sipp goes through what it may send, and the ledger has one
// record for each call that reached the line, none for the rest.
func TestWhatACarrierSends(t *testing.T) {
	s := newServer(t)
	s.start()
	cases := []struct {
		scenario string
		args     []string
		record   string // what the ledger says of it; "" for nothing
	}{
		{"options", nil, ""},
		{"no-line", nil, ""},
		{"stray-bye", nil, ""},
		{"no-codec", nil, "refused  488"},
		{"require", nil, ""},
		{"fax", nil, "abandoned greeting 0"},
		{"hold", nil, "abandoned greeting 0"},
		{"video", nil, "abandoned greeting 0"},
		{"delayed-offer", nil, "abandoned greeting 0"},
		{"delayed-offer", []string{"-t", "t1"}, "abandoned greeting 0"},
	}
	var want []string
	var runs []*sippRun
	for i, c := range cases {
		runs = append(runs, sipp(t, sippOptions{scenario: c.scenario, port: 6100 + 10*i, bound: 60 * time.Second, args: c.args}))
		if c.record != "" {
			want = append(want, c.record)
		}
	}
	want = append(want, "abandoned greeting 0")
	s.neverAcknowledged(t)
	for _, r := range runs {
		r.good(t)
	}
	got := s.outcomes(t, len(want))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the ledger has %q, want %q", got, want)
	}
}

// neverAcknowledged makes a call whose ACK is lost for good: the caller hears the line, and is
// released by a BYE after 64 times T1, 32 s (RFC 3261 §13.3.1.4).
func (s *server) neverAcknowledged(t *testing.T) {
	t.Helper()
	c := s.dial(s.citizen(func(o *phone.Options) { o.Manners.NoAck = true }))
	answered := time.Now()
	c.Media().Say(0.3, 440)
	if err := c.Media().WaitSound(within(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
	if err := c.WaitDone(within(t, 45*time.Second)); err != nil {
		t.Fatalf("no ACK ever: %v", err)
	}
	if took := time.Since(answered); took < 31*time.Second || c.EndedBy() != phone.EndedByPeer {
		t.Errorf("no ACK ever: ended by %s after %s", c.EndedBy(), took)
	}
}

// outcomes waits until so many records are closed and gives outcome, phase and code of each, sorted.
func (s *server) outcomes(t *testing.T, n int) (list []string) {
	t.Helper()
	eventually(t, 15*time.Second, fmt.Sprintf("%d records are closed", n), func() bool {
		list = nil
		for _, r := range s.records() {
			if r.Ended == nil {
				return false
			}
			code := 0
			if r.Code != nil {
				code = *r.Code
			}
			list = append(list, fmt.Sprintf("%s %s %d", str(r.Outcome), str(r.Phase), code))
		}
		return len(list) >= n
	})
	slices.Sort(list)
	return list
}

// A digit sent as INFO chooses the language as a pressed key does.
func TestInfoDigit(t *testing.T) {
	s := newServer(t)
	s.start()
	for i, language := range []string{"az", "en", "ru"} {
		sipp(t, sippOptions{scenario: "info", port: 6300 + 10*i, keys: map[string]string{"key_pressed": fmt.Sprint(i + 1)}}).good(t)
		if r := s.lastRecord(); str(r.Language) != language || str(r.Outcome) != "abandoned" {
			t.Errorf("after INFO %d: %s", i+1, r)
		}
	}
}

// However the caller is named, or not named at all, the call is taken.
func TestEveryCallerIsAnswered(t *testing.T) {
	s := newServer(t)
	s.start()
	for _, from := range []string{"", phone.FromAnonymous, phone.FromAbsent, "tel:+000123456789", "sip:127.0.0.1"} {
		p := s.citizen()
		c, err := p.Dial(within(t, 5*time.Second), phone.DialOptions{To: line919, From: from})
		if err != nil {
			t.Errorf("caller %q: %v", from, err)
			continue
		}
		if err := c.Media().WaitSound(within(t, 5*time.Second)); err != nil {
			t.Errorf("caller %q: %v", from, err)
		}
		if err := c.Hangup(within(t, 5*time.Second)); err != nil {
			t.Errorf("caller %q: %v", from, err)
		}
	}
	if got := s.outcomes(t, 5); len(got) != 5 {
		t.Errorf("%d records", len(got))
	}
}

// INVITE and CANCEL back to back: the call ends, with one record, whichever of CANCEL and the
// answer is first.
func TestCancelAtOnce(t *testing.T) {
	s := newServer(t)
	s.start()
	p := s.citizen(func(o *phone.Options) { o.Manners.EagerCancel = true })
	const n = 50
	for range n {
		c, err := p.DialAsync(phone.DialOptions{To: line919})
		if err != nil {
			t.Fatal(err)
		}
		c.Cancel()
		if err := c.WaitDone(within(t, 10*time.Second)); err != nil {
			t.Fatalf("the call stayed: %v", err)
		}
	}
	for _, r := range s.outcomes(t, n) {
		if r != "abandoned ringing 487" && r != "abandoned greeting 0" && r != "abandoned ringing 0" {
			t.Errorf("record: %s", r)
		}
	}
	if got := len(s.records()); got != n {
		t.Errorf("%d records for %d calls", got, n)
	}
}
