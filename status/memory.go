package status

import (
	"container/list"
	"sync"
	"time"

	"hotline/call"
)

// mostKept bounds each table; the oldest goes first.
const mostKept = 10_000

// A cache remembers answers, by a digest of the question. Its zero value is empty.
type cache struct {
	mu    sync.Mutex
	by    map[string]*list.Element
	order list.List // the oldest first
}

type remembered struct {
	key string
	s   call.Standing
	at  time.Time
}

func (c *cache) put(key string, s call.Standing, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*list.Element{}
	}
	if e, ok := c.by[key]; ok {
		c.order.Remove(e)
	}
	c.by[key] = c.order.PushBack(remembered{key, s, at})
	if c.order.Len() > mostKept {
		first := c.order.Front()
		delete(c.by, c.order.Remove(first).(remembered).key)
	}
}

func (c *cache) get(key string) (s call.Standing, at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[key]
	if !ok {
		return s, at, false
	}
	r := e.Value.(remembered)
	return r.s, r.at, true
}

func (c *cache) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.by[key]; ok {
		c.order.Remove(e)
		delete(c.by, key)
	}
}

// days counts the questions of each caller in a day. Its zero value is empty.
type days struct {
	mu    sync.Mutex
	today string
	by    map[string]int
}

// admit counts a question, and says whether there are not too many. Where the table is full nobody new is
// answered: so many callers a day are no callers.
func (d *days) admit(caller string, now time.Time, most int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if day := now.Format(time.DateOnly); day != d.today {
		d.today, d.by = day, map[string]int{}
	}
	n, known := d.by[caller]
	if n >= most || !known && len(d.by) >= mostKept {
		return false
	}
	d.by[caller] = n + 1
	return true
}
