package call

import (
	"testing"
	"time"
)

func TestHoldsAndPersons(t *testing.T) {
	now := time.Now()
	if err := (Hold{Calls: []ID{"x"}, By: "chief", Why: "a court"}).Check(now); err != nil {
		t.Error(err)
	}
	for _, h := range []Hold{{By: "chief", Why: "w"}, {Calls: []ID{"x"}, Why: "w"}, {Calls: []ID{"x"}, By: "c"}, {Calls: []ID{"x"}, By: "c", Why: "w", Until: now}} {
		if h.Check(now) == nil {
			t.Errorf("taken: %+v", h)
		}
	}
	if TwoPersons("a", "b") != nil || TwoPersons("a", "a") == nil || TwoPersons("", "b") == nil || TwoPersons("a", "") == nil {
		t.Error("two persons are two names that differ")
	}
}
