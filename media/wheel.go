package media

import "math/bits"

// wheelSlots is the wheel's horizon: a timer lies at most this many milliseconds ahead. The
// longest we ask for is a second; a power of two keeps the arithmetic to masks.
const wheelSlots = 2048

// A timer is one appointment of a leg, linked into the wheel it lies on; nothing is allocated
// to set it.
type timer struct {
	next, prev *timer
	at         int64 // the millisecond of the engine's clock at which it fires
	fire       func()
}

// A wheel paces everything we originate, with 1 ms slots. It belongs to one loop.
type wheel struct {
	slots [wheelSlots]timer // heads of rings; next and prev only
	full  [wheelSlots / 64]uint64
	now   int64 // the last millisecond that has been fired
}

func newWheel(now int64) *wheel {
	w := &wheel{now: now}
	for i := range w.slots {
		s := &w.slots[i]
		s.next, s.prev = s, s
	}
	return w
}

// set puts t at the given millisecond, or at the next one where that has passed. A timer that
// was set before is moved.
func (w *wheel) set(t *timer, at int64) {
	w.clear(t)
	t.at = min(max(at, w.now+1), w.now+wheelSlots-1)
	i := t.at & (wheelSlots - 1)
	head := &w.slots[i]
	t.next, t.prev = head, head.prev
	head.prev.next = t
	head.prev = t
	w.full[i/64] |= 1 << (i % 64)
}

// clear takes t off the wheel. It does nothing to a timer that is not set.
func (w *wheel) clear(t *timer) {
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	if i := t.at & (wheelSlots - 1); w.slots[i].next == &w.slots[i] {
		w.full[i/64] &^= 1 << (i % 64)
	}
}

// advance fires all timers up to and including the given millisecond, in order.
func (w *wheel) advance(to int64) {
	for {
		at, ok := w.next()
		if !ok || at > to {
			w.now = max(w.now, to)
			return
		}
		w.now = at
		head := &w.slots[at&(wheelSlots-1)]
		for head.next != head {
			t := head.next
			w.clear(t)
			t.fire()
		}
	}
}

// next is the millisecond of the earliest timer.
func (w *wheel) next() (int64, bool) {
	first := (w.now + 1) & (wheelSlots - 1)
	word := w.full[first/64] >> (first % 64) << (first % 64)
	for i := range int64(wheelSlots/64 + 1) {
		n := (first/64 + i) % (wheelSlots / 64)
		if i > 0 {
			word = w.full[n]
		}
		if word == 0 {
			continue
		}
		slot := n*64 + int64(bits.TrailingZeros64(word))
		return w.slots[slot].next.at, true
	}
	return 0, false
}
