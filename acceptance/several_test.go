//go:build acceptance

package acceptance

import (
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// Several telephones ring for one caller: the first to answer has them, the other is told by its
// CANCEL that somebody else has, and shows no missed call. Two who answer at once: one talks, the
// other is sent home in good order.
func TestSeveralTelephonesRing(t *testing.T) {
	s := newServer(t, "queues: [{name: general, wrap_up: 0s, strategy: ring-several, at_once: 2}]")
	names := []string{"aysel", "leyla"}
	for _, name := range names {
		s.addOperator(name, "az,en,ru")
	}
	s.start()
	var phones []*phone.Phone
	for _, name := range names {
		phones = append(phones, s.operatorPhone(name))
	}
	ring := func() (caller *phone.Call, rung []*phone.Call) {
		caller = s.queued(s.citizen())
		for _, p := range phones {
			rung = append(rung, s.rung(p))
		}
		return caller, rung
	}

	caller, rung := ring()
	s.together(caller, rung[1], 1000)
	s.over(rung[0])
	if why := rung[0].ByeReason(); why != `SIP;cause=200;text="Call completed elsewhere"` {
		t.Errorf("the telephone that was not quick enough was told %q", why)
	}
	s.hangUp(caller)
	s.over(rung[1])

	for range 5 {
		pause(t, 1500*time.Millisecond) // a telephone that was rung in vain is left alone for a second
		caller, rung := ring()
		var both sync.WaitGroup
		for _, c := range rung {
			both.Go(func() { _ = c.Answer() }) // the one that is too late may have its CANCEL already
		}
		both.Wait()
		caller.Media().Say(0.3, 440)
		talks := -1
		eventually(t, 10*time.Second, "one of the two is sent home", func() bool {
			for i, c := range rung {
				select {
				case <-c.Done():
					talks = 1 - i
				default:
				}
			}
			return talks >= 0
		})
		rung[talks].Media().Say(0.3, 1000)
		s.hears(caller, 1000)
		s.hears(rung[talks], 440)
		s.hangUp(caller)
		s.over(rung[talks])
	}
	s.becomes(`hotline_line_calls_total{line="919",outcome="completed"}`, 6)
	s.becomes(`hotline_operators{state="ready"}`, 2)
}
