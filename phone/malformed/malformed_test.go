package malformed

import (
	"bytes"
	"slices"
	"testing"
)

var target = Target{User: "919", Host: "127.0.0.1:5060", Via: "127.0.0.1:6000", Media: "127.0.0.1", Port: "40000"}

func TestTheTableIsAsLargeAsThatOfPROTOS(t *testing.T) {
	positions, anomalies := Positions(), Anomalies()
	t.Logf("%d positions, %d anomalies, %d cases", len(positions), len(anomalies), len(positions)*len(anomalies))
	if len(positions) < 45 || len(anomalies) < 101 || len(Cases(target, "r", 0, 1)) < 4527 {
		t.Errorf("%d positions, %d anomalies", len(positions), len(anomalies))
	}
	for _, names := range [][]string{positions, anomalies} {
		slices.Sort(names)
		if all := len(names); len(slices.Compact(names)) != all {
			t.Errorf("a name stands twice in %q", names)
		}
	}
}

func TestEachCaseIsBrokenInItsPlace(t *testing.T) {
	same := 0
	seen := map[string]bool{}
	list := Cases(target, "r", 0, 1)
	for _, c := range list {
		if seen[c.CallID] {
			t.Fatalf("two cases with the Call-ID %s", c.CallID)
		}
		seen[c.CallID] = true
		id := c.CallID[:len(c.CallID)-len("@malformed")]
		if bytes.Equal(c.Bytes, Good(target, id)) {
			same++ // capitals of what has no letters, "0" for a 0
		}
	}
	if same > len(list)/100 {
		t.Errorf("%d of %d cases are not broken", same, len(list))
	}
}

func TestTheSameSeedGivesTheSameCases(t *testing.T) {
	a, b, other := Cases(target, "r", 1, 10), Cases(target, "r", 1, 10), Cases(target, "r", 2, 10)
	if len(a) != len(b) || len(a) < 452 {
		t.Fatalf("%d and %d cases", len(a), len(b))
	}
	for i := range a {
		if a[i].Name() != b[i].Name() || !bytes.Equal(a[i].Bytes, b[i].Bytes) {
			t.Fatalf("case %d is %s and %s", i, a[i].Name(), b[i].Name())
		}
	}
	if a[0].Name() == other[0].Name() {
		t.Error("another seed gives the same")
	}
	// Ten runs with the seeds 0 to 9 are all cases.
	all := map[string]bool{}
	for seed := range uint64(10) {
		for _, c := range Cases(target, "r", seed, 10) {
			all[c.Name()] = true
		}
	}
	if want := len(Positions()) * len(Anomalies()); len(all) != want {
		t.Errorf("%d of %d cases in ten runs", len(all), want)
	}
}
