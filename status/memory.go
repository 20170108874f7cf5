package status

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"hotline/call"
)

// mostKept is how many answers, callers and applications are remembered, each: a day of twenty
// times the busiest there was. The oldest goes first.
const mostKept = 10_000

// A sum stands for something that need not be in memory in plain.
type sum [sha256.Size]byte

// A seal makes sums. Without its key, which dies with the process, a sum could be found out by
// trying all dates of birth.
type seal [32]byte

func newSeal() *seal {
	var s seal
	rand.Read(s[:]) // never fails (crypto/rand)
	return &s
}

// of sums parts up; no part may hold a zero byte.
func (s *seal) of(parts ...string) (out sum) {
	h := hmac.New(sha256.New, s[:])
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	h.Sum(out[:0])
	return out
}

// A table holds at most mostKept values, in the order in which they were last set.
type table[V any] struct {
	rows  map[sum]*list.Element
	order *list.List // of *row[V], oldest first
}

type row[V any] struct {
	key   sum
	value V
}

func newTable[V any]() *table[V] {
	return &table[V]{rows: make(map[sum]*list.Element), order: list.New()}
}

func (t *table[V]) get(key sum) (value V, ok bool) {
	if e := t.rows[key]; e != nil {
		return e.Value.(*row[V]).value, true
	}
	return value, false
}

func (t *table[V]) set(key sum, value V) {
	t.drop(key)
	t.rows[key] = t.order.PushBack(&row[V]{key, value})
	for len(t.rows) > mostKept {
		t.drop(t.order.Front().Value.(*row[V]).key)
	}
}

func (t *table[V]) drop(key sum) {
	if e := t.rows[key]; e != nil {
		t.order.Remove(e)
		delete(t.rows, key)
	}
}

// answers remembers what was learnt, and when (Standing.Known).
type answers struct {
	mu sync.Mutex
	*table[call.Standing]
}

// learn keeps an answer.
func (a *answers) learn(key sum, s call.Standing, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Known = now
	a.set(key, s)
}

// forget drops an answer that is no longer so.
func (a *answers) forget(key sum) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(key)
}

// recall gives an answer that is at most so old, and drops all that are older.
func (a *answers) recall(key sum, oldest time.Duration, now time.Time) (call.Standing, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for e := a.order.Front(); e != nil; e = a.order.Front() {
		r := e.Value.(*row[call.Standing])
		if now.Sub(r.value.Known) <= oldest {
			break
		}
		a.drop(r.key)
	}
	s, ok := a.get(key)
	return s, ok
}

// A tally counts by day. At midnight it begins anew.
type tally struct {
	mu  sync.Mutex
	day string
	*table[int]
}

// count adds one, unless the limit is reached: ok is then false.
func (t *tally) count(key sum, limit int, day string) (ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.today(key, day)
	if n >= limit {
		return false
	}
	t.set(key, n+1)
	return true
}

// reached says whether the limit is reached.
func (t *tally) reached(key sum, limit int, day string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.today(key, day) >= limit
}

func (t *tally) today(key sum, day string) int {
	if t.day != day {
		t.day, t.table = day, newTable[int]()
	}
	n, _ := t.get(key)
	return n
}
