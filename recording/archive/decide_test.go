package archive

import (
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	f := File{Size: 10, SHA256: "aa"}
	for name, c := range map[string]struct {
		fixed, found bool
		there        Object
		want         action
	}{
		"it is not there":                           {fixed: true, want: send},
		"it is there, the place knows":              {true, true, Object{Size: 10, SHA256: "aa"}, check},
		"it is there, the place knows no checksum":  {true, true, Object{Size: 10}, check},
		"another sound of the same size":            {true, true, Object{Size: 10, SHA256: "bb"}, conflict},
		"another sound of another size":             {true, true, Object{Size: 11, SHA256: "bb"}, conflict},
		"another size, the place knows no checksum": {true, true, Object{Size: 9}, conflict},
		"ours, cut":                    {true, true, Object{Size: 9, SHA256: "aa"}, renew},
		"an older key":                 {false, true, Object{Size: 10, SHA256: "bb"}, send},
		"an older key of another size": {false, true, Object{Size: 9}, send},
		"the same key":                 {false, true, Object{Size: 10, SHA256: "aa"}, check},
	} {
		if got := decide(f, c.fixed, c.found, c.there); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestRemovable(t *testing.T) {
	for name, c := range map[string]struct {
		all  bool
		keep time.Duration
		want bool
	}{
		"all have it, it may go":          {true, time.Hour, true},
		"all have it, it may go at once":  {true, 0, true},
		"all have it, it stays":           {true, -1, false},
		"one has not":                     {false, 0, false},
		"one has not, and it is long ago": {false, time.Hour, false},
	} {
		at, ok := removable(c.all, begin, c.keep)
		if ok != c.want || ok && !at.Equal(begin.Add(c.keep)) {
			t.Errorf("%s: %v at %v", name, ok, at)
		}
	}
	if _, ok := removable(true, time.Time{}, 0); ok {
		t.Error("a recording of which nobody knows when it was sealed may go")
	}
}

func TestBackoff(t *testing.T) {
	var all time.Duration
	n := 0
	for ; all < time.Hour; n++ {
		d := backoff(n+1, firstRest, longestRest)
		if d > longestRest || d < firstRest {
			t.Fatalf("%v after %d failures", d, n+1)
		}
		all += d
	}
	if n > 16 {
		t.Errorf("a place that is down for an hour is tried %d times", n)
	}
	if got := backoff(1000, firstRest, longestRest); got != longestRest {
		t.Errorf("after 1000 failures %v", got)
	}
}

func TestWanting(t *testing.T) {
	at := begin
	c := &Copy{Files: []File{{Name: "a.rec", Size: 5, Changed: at}, {Name: "a.key", Size: 7, Changed: at}, {Name: "a.json", Size: 9, Changed: at}}}
	for name, k := range map[string]struct {
		copy *Copy
		here []File
		want bool
	}{
		"no copy":                         {nil, nil, true},
		"all as it was":                   {c, c.Files, false},
		"the sound was removed here":      {c, c.Files[1:], false},
		"a key that was sealed anew":      {c, []File{{Name: "a.key", Size: 7, Changed: at.Add(1)}}, true},
		"peaks that were drawn since":     {c, []File{{Name: "a.peaks", Size: 7, Changed: at}}, true},
		"a restored sound has a new time": {c, []File{{Name: "a.rec", Size: 5, Changed: at.Add(1)}}, false},
	} {
		if got := wanting(k.copy, k.here); got != k.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestStem(t *testing.T) {
	const id = "0190aaaa-0000-7000-8000-000000000001"
	for told, want := range map[string]bool{
		"2026/12/05/" + id:                        true,
		"2026/12/05/" + id + ".wav":               true,
		"recordings/2026/12/05/" + id + ".rec":    true,
		"2026/12/05/" + id + ".json.tmp":          false,
		"2026/13/05/" + id:                        false,
		"2026/1/05/" + id:                         false,
		"../2026/12/05/" + id:                     false,
		"2026/12/05/../" + id:                     false,
		"/2026/12/05/" + id:                       false,
		id:                                        false,
		"2026/12/05/0190AAAA-0000-7000-8000-0001": false,
		"chain/0190aaaa/1.json":                   false,
		"":                                        false,
		"2026/12/05/{" + id + "}":                 false,
		"recordings/recordings/2026/12/05/" + id:  false,
	} {
		if stem, ok := Stem(told); ok != want || ok && stem != "2026/12/05/"+id {
			t.Errorf("%q: %q %v", told, stem, ok)
		}
	}
}
