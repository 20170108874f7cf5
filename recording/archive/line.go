package archive

import (
	"container/heap"
	"time"
)

// A line is what waits for one place: oldest first, a few at a time, with rests after failures. It
// knows no clock: whoever asks says what time it is. It is not safe for concurrent use.
type line struct {
	atOnce  int
	items   map[string]*item
	ready   queue     // by stem, which begins with the day
	resting queue     // by due
	working int       // items that somebody works on
	rest    time.Time // the place failed: nothing is begun before
	fails   int       // of the place, in a row
}

// An item is one recording in a line.
type item struct {
	stem  string
	since time.Time // it waits
	due   time.Time // it is not tried before
	fails int       // in a row
	busy  bool      // somebody works on it
	again bool      // it came again meanwhile
}

func newLine(atOnce int) *line {
	l := &line{atOnce: atOnce, items: map[string]*item{}}
	l.ready.before = func(a, b *item) bool { return a.stem < b.stem }
	l.resting.before = func(a, b *item) bool { return a.due.Before(b.due) }
	return l
}

// add puts a recording into the line, not to be tried before due. One that is in it already keeps
// its place.
func (l *line) add(stem string, since, due time.Time) {
	if it := l.items[stem]; it != nil {
		it.again = it.again || it.busy
		return
	}
	it := &item{stem: stem, since: since, due: due}
	l.items[stem] = it
	heap.Push(&l.resting, it)
}

// next is the recording to work on now; false: none.
func (l *line) next(now time.Time) (string, bool) {
	for l.resting.Len() > 0 && !l.resting.all[0].due.After(now) {
		heap.Push(&l.ready, heap.Pop(&l.resting))
	}
	if !l.may(now) || l.ready.Len() == 0 {
		return "", false
	}
	it := heap.Pop(&l.ready).(*item)
	it.busy = true
	l.working++
	return it.stem, true
}

// may reports whether the place can be tried. While it fails, one recording tries it for all.
func (l *line) may(now time.Time) bool {
	return l.working < l.atOnce && !now.Before(l.rest) && (l.fails == 0 || l.working == 0)
}

// wait is how long nothing can be begun; false: until something is added or done.
func (l *line) wait(now time.Time) (time.Duration, bool) {
	if l.working >= l.atOnce || l.fails > 0 && l.working > 0 {
		return 0, false
	}
	at := l.rest
	switch {
	case l.ready.Len() > 0:
	case l.resting.Len() > 0:
		if due := l.resting.all[0].due; due.After(at) {
			at = due
		}
	default:
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// done takes a recording out of the line: the place has it.
func (l *line) done(stem string, now time.Time) {
	l.working--
	l.fails, l.rest = 0, time.Time{}
	it := l.items[stem]
	delete(l.items, stem)
	if it.again {
		l.add(stem, now, now)
	}
}

// failed puts a recording back. Where the fault is the place's, the place rests too.
func (l *line) failed(stem string, now time.Time, its bool) {
	l.working--
	it := l.items[stem]
	it.busy, it.again = false, false
	it.fails++
	if its {
		it.due = now.Add(backoff(it.fails, firstPause, longestPause))
		l.fails, l.rest = 0, time.Time{} // the place answered
	} else {
		if !now.Before(l.rest) { // of those that were begun together the first counts
			l.fails++
			l.rest = now.Add(backoff(l.fails, firstRest, longestRest))
		}
		// Another tries first: where this one alone is the trouble, it shows by that.
		it.due = l.rest.Add(backoff(it.fails, firstRest, longestRest))
	}
	heap.Push(&l.resting, it)
}

// oldest is since when the one waits that waits longest; the zero time: none does.
func (l *line) oldest() (at time.Time) {
	for _, it := range l.items {
		if at.IsZero() || it.since.Before(at) {
			at = it.since
		}
	}
	return at
}

// A queue is a heap of items.
type queue struct {
	all    []*item
	before func(a, b *item) bool
}

func (q *queue) Len() int           { return len(q.all) }
func (q *queue) Less(i, j int) bool { return q.before(q.all[i], q.all[j]) }
func (q *queue) Swap(i, j int)      { q.all[i], q.all[j] = q.all[j], q.all[i] }
func (q *queue) Push(x any)         { q.all = append(q.all, x.(*item)) }
func (q *queue) Pop() any {
	it := q.all[len(q.all)-1]
	q.all = q.all[:len(q.all)-1]
	return it
}
