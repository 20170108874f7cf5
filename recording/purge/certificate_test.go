package purge

import (
	"testing"

	"hotline/call"
	"hotline/recording/retention"
)

// Two certificates by the same rules say the same of them.
func TestRulesAreSaidInOneOrder(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	h.rules.Classes = []retention.Class{{Name: "long", Keep: 60, Lines: []string{"919"}, Queues: []string{"visas"}, Matters: []call.Matter{"complaint"}, Topics: []string{"roads"}}}
	r := h.reaper(nil)
	defer r.Close()
	for range 20 {
		c := r.certificate(r.newRun(nil))
		if want := "long: 60 calendar months; lines 919; queues visas; matters complaint; topics roads"; c.Rules[1] != want {
			t.Fatalf("got %q, want %q", c.Rules[1], want)
		}
	}
}
