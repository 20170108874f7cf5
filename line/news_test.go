package line

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hotline/queue"
)

// A caller's news, looked at once a second: when something is said, and what.
func TestWhatAWaitingCallerIsTold(t *testing.T) {
	at := func(position int, wait time.Duration) queue.Place {
		return queue.Place{Position: position, Wait: wait, Known: wait > 0, Working: 2}
	}
	full := Queue{SayEvery: time.Minute, Position: true, Estimate: true, Comfort: []string{"busy", "thanks"}, CallbackAbove: 3 * time.Minute}
	for name, c := range map[string]struct {
		queue  Queue
		places map[int]queue.Place // from that second on
		want   []string
	}{
		"a short wait is not talked about": {full, map[int]queue.Place{0: at(1, 10*time.Second), 20: {}}, []string{"30 busy", "90 thanks"}},
		"a long one is told at once, and is never told longer": {full, map[int]queue.Place{0: at(3, 4*time.Minute), 40: at(3, 9*time.Minute), 100: at(2, 2*time.Minute)},
			[]string{"1 position 3, wait 4m0s, callback", "61 queue.wait.long, callback", "100 position 2, wait 2m0s"}},
		"without data the place alone": {full, map[int]queue.Place{0: at(5, 0)}, []string{"30 position 5", "90 busy"}},
		"a place that moves is told, but not more often than each half minute": {full, map[int]queue.Place{0: at(5, 0), 31: at(4, 0), 35: at(3, 0), 62: at(2, 0)},
			[]string{"30 position 5", "60 position 3", "90 position 2"}},
		"nobody is at work": {full, map[int]queue.Place{0: {Position: 1}, 30: at(1, 0)}, []string{"1 queue.noOperators, callback", "31 position 1", "91 position 1"}},
		"nothing of numbers where the file says so": {Queue{SayEvery: time.Minute, Comfort: []string{"busy"}}, map[int]queue.Place{0: at(3, 9*time.Minute)},
			[]string{"30 busy", "90 busy"}},
		"music alone": {Queue{Position: true, Estimate: true}, map[int]queue.Place{0: at(3, 9*time.Minute)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
			n := newNews(c.queue, began)
			var place queue.Place
			var got []string
			for second := range 101 {
				if p, ok := c.places[second]; ok {
					place = p
				}
				now := began.Add(time.Duration(second) * time.Second)
				if second == 0 || !n.due(place, now) {
					continue
				}
				line := fmt.Sprint(second)
				for i, w := range n.next(place, c.queue.CallbackAbove > 0, now) {
					line += map[bool]string{true: " ", false: ", "}[i == 0] + w.String()
				}
				got = append(got, line)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

func (w word) String() string {
	switch {
	case w.position > 0:
		return fmt.Sprint("position ", w.position)
	case w.wait > 0:
		return fmt.Sprint("wait ", w.wait)
	case w.callback:
		return "callback"
	}
	return w.clip
}
