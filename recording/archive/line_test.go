package archive

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLineIsOldestFirst(t *testing.T) {
	l := newLine(2)
	for _, stem := range []string{"2026/12/05/b", "2026/12/04/z", "2026/12/05/a"} {
		l.add(stem, begin, begin)
	}
	first, _ := l.next(begin)
	second, _ := l.next(begin)
	if first != "2026/12/04/z" || second != "2026/12/05/a" {
		t.Errorf("first %s, then %s", first, second)
	}
	if stem, ok := l.next(begin); ok {
		t.Errorf("a third, %s, of two at once", stem)
	}
	l.done(first, begin)
	if third, _ := l.next(begin); third != "2026/12/05/b" {
		t.Errorf("third %s", third)
	}
}

// A place that is down is asked by one recording at a time, less and less often.
func TestLineRests(t *testing.T) {
	l := newLine(4)
	for i := range 100 {
		l.add(fmt.Sprintf("2026/12/05/%03d", i), begin, begin)
	}
	now, tries := begin, 0
	for now.Before(begin.Add(time.Hour)) {
		var busy []string
		for stem, ok := l.next(now); ok; stem, ok = l.next(now) {
			busy = append(busy, stem)
		}
		if tries > 0 && len(busy) > 1 {
			t.Fatalf("%d recordings at once try a place that failed", len(busy))
		}
		for _, stem := range busy {
			tries++
			l.failed(stem, now, false)
		}
		d, ok := l.wait(now)
		if !ok {
			t.Fatal("nobody tries any more")
		}
		now = now.Add(d)
	}
	if tries > 20 {
		t.Errorf("%d tries in an hour", tries)
	}
	for done := 0; done < 100; { // it is back: all go
		stem, ok := l.next(now)
		if !ok {
			d, _ := l.wait(now)
			now = now.Add(d)
			continue
		}
		l.done(stem, now)
		done++
	}
	if now.After(begin.Add(time.Hour + 2*longestRest)) {
		t.Errorf("the last went at %v", now.Sub(begin))
	}
}

// One recording that cannot be sent, whatever the reason, holds up no other.
func TestOneRecordingHoldsUpNoOther(t *testing.T) {
	for _, its := range []bool{true, false} {
		l := newLine(1)
		l.add("2026/12/01/bad", begin, begin)
		for i := range 50 {
			l.add(fmt.Sprintf("2026/12/05/%03d", i), begin, begin)
		}
		now, done := begin, 0
		for done < 50 && now.Before(begin.Add(time.Hour)) {
			stem, ok := l.next(now)
			switch {
			case !ok:
				d, _ := l.wait(now)
				now = now.Add(max(d, time.Millisecond))
			case stem == "2026/12/01/bad":
				l.failed(stem, now, its)
			default:
				l.done(stem, now)
				done++
			}
		}
		if took := now.Sub(begin); done < 50 || took > time.Minute {
			t.Errorf("fault its own %v: %d of 50 others went in %v", its, done, took)
		}
	}
}

// Whatever happens in whatever order: nothing is lost, nothing is worked on twice at a time, nobody
// begins before its time, and whoever waits as long as told finds something.
func TestLineLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		atOnce := rapid.IntRange(1, 4).Draw(t, "at once")
		l := newLine(atOnce)
		now := begin
		waiting, busy := map[string]bool{}, map[string]bool{} // what has to go
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				stem := fmt.Sprintf("2026/12/05/%02d", rapid.IntRange(0, 20).Draw(t, "stem"))
				due := now.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "due")) * time.Minute)
				l.add(stem, now, due)
				waiting[stem] = true
			case 1:
				stem, ok := l.next(now)
				if !ok {
					continue
				}
				if busy[stem] || !waiting[stem] {
					t.Fatalf("%s is begun, waiting %v, busy %v", stem, waiting[stem], busy[stem])
				}
				busy[stem] = true
				delete(waiting, stem)
				if len(busy) > atOnce {
					t.Fatalf("%d at once, of %d", len(busy), atOnce)
				}
			case 2, 3:
				if len(busy) == 0 {
					continue
				}
				stem := rapid.SampledFrom(slices.Sorted(maps.Keys(busy))).Draw(t, "ended")
				delete(busy, stem)
				if rapid.Bool().Draw(t, "well") {
					l.done(stem, now)
				} else {
					l.failed(stem, now, rapid.Bool().Draw(t, "its own"))
					waiting[stem] = true
				}
			case 4:
				now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
			}
		}
		for stem := range busy {
			l.done(stem, now)
		}
		for range 1000 { // all of it goes in the end
			stem, ok := l.next(now)
			if ok {
				delete(waiting, stem)
				l.done(stem, now)
				continue
			}
			d, some := l.wait(now)
			if !some {
				break
			}
			if d == 0 {
				t.Fatal("there is something, and there is not")
			}
			now = now.Add(d)
		}
		if len(waiting) > 0 || len(l.items) > 0 {
			t.Fatalf("%v are lost, %d are left", waiting, len(l.items))
		}
	})
}
