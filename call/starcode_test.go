package call_test

import (
	"testing"
	"time"

	"hotline/call"
)

// A code is found among other keys, and not where its keys are too far apart.
func TestACodeIsFoundAmongKeys(t *testing.T) {
	type key struct {
		digit byte
		after time.Duration
	}
	quick := func(keys string) (all []key) {
		for i := range keys {
			all = append(all, key{keys[i], 200 * time.Millisecond})
		}
		return all
	}
	for name, c := range map[string]struct {
		keys  []key
		whole int
		parts int
	}{
		"alone":             {quick("*49"), 1, 3},
		"twice":             {quick("*49*49"), 2, 6},
		"among others":      {quick("12*4937"), 1, 3},
		"begun anew":        {quick("**49"), 1, 4},
		"begun in between":  {quick("*4*49"), 1, 5},
		"another":           {quick("*48"), 0, 2},
		"slowly":            {[]key{{'*', 0}, {'4', call.KeyPause}, {'9', call.KeyPause}}, 1, 3},
		"too slowly":        {[]key{{'*', 0}, {'4', time.Second}, {'9', call.KeyPause + 1}}, 0, 2},
		"too slow, then on": {append([]key{{'*', 0}, {'4', call.KeyPause + 1}}, quick("*49")...), 1, 4},
	} {
		code, at := call.Code{Keys: "*49"}, time.Unix(0, 0)
		whole, parts := 0, 0
		for _, k := range c.keys {
			at = at.Add(k.after)
			p, w := code.Press(k.digit, at)
			if p {
				parts++
			}
			if w {
				whole++
			}
		}
		if whole != c.whole || parts != c.parts {
			t.Errorf("%s: found %d times, %d keys of it, want %d and %d", name, whole, parts, c.whole, c.parts)
		}
	}
	var none call.Code
	if part, whole := none.Press('*', time.Now()); part || whole {
		t.Error("the zero value finds something")
	}
}
