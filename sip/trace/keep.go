package trace

import (
	"container/list"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/series"
)

const (
	// perCall bounds what is kept of one call in memory, in bytes: four hundred messages.
	perCall = 256 << 10
	// perFile bounds the file of one call. A talk of a day that is refreshed each quarter of an
	// hour stays far below.
	perFile = 1 << 20
	// lastWords is how much more the messages that end a call may take: what is cut is the middle.
	lastWords = 64 << 10

	// A call is written down when it has been silent for quiet, and at the latest when its
	// oldest message has waited for patience.
	quiet    = time.Second
	patience = 5 * time.Second

	look   = 500 * time.Millisecond // between two looks at what is to be written
	tidy   = time.Hour              // between two removals of old files, less where they are kept for less
	grudge = time.Minute            // between two complaints about the disk
)

// Options are what a Keeper is made of.
type Options struct {
	Dir    string         // folder of the files; it is made when there is something to write
	Zone   *time.Location // whose days the folders are
	Keep   time.Duration  // how long a file stays; 0: nothing is written, and what was goes
	Memory int            // bytes of messages in memory at most; 0: nothing is kept at all

	Log     *zap.Logger
	Metrics prometheus.Registerer
}

// A Keeper keeps messages. All its methods may be called from any goroutine.
type Keeper struct {
	o       Options
	dir     string // Options.Dir, empty where nothing is written
	dropped prometheus.Counter
	panics  prometheus.Counter

	mu     sync.Mutex // guards what follows; never held while anybody waits
	calls  map[call.ID]*kept
	byAge  list.List // of *kept; the front was not heard of for longest
	size   int       // bytes of all messages
	closed bool

	disk       sync.Mutex // held while files are written or read
	complained time.Time

	stop chan struct{}
	done chan struct{}
}

// kept is what memory has of one call: with files, the messages that are not written yet.
type kept struct {
	id       call.ID
	messages []Message
	size     int
	place    *list.Element
}

// New makes a Keeper and begins to write.
func New(o Options) (*Keeper, error) {
	k := &Keeper{
		o: o, dir: o.Dir, calls: make(map[call.ID]*kept), stop: make(chan struct{}), done: make(chan struct{}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hotline_sip_traces_dropped_total",
			Help: "SIP messages that were not kept for looking inside: no room in memory, or the disk did not take them.",
		}),
	}
	if o.Keep <= 0 {
		k.dir = ""
	}
	if err := o.Metrics.Register(k.dropped); err != nil {
		return nil, fmt.Errorf("register trace series: %w", err)
	}
	var errs []error
	if k.panics = series.Panics(o.Metrics, &errs); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	go k.run()
	return k, nil
}

// Message keeps a copy of m. It waits for nobody.
func (k *Keeper) Message(m Message) {
	if m.Call == "" || k.o.Memory == 0 {
		return
	}
	m.Bytes = append([]byte(nil), m.Bytes[:min(len(m.Bytes), maxPayload)]...)
	mask(m.Bytes)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	c := k.calls[m.Call]
	if c == nil {
		c = &kept{id: m.Call}
		c.place = k.byAge.PushBack(c)
		k.calls[m.Call] = c
	}
	if !fits(c.size, perCall, m) || !k.room(len(m.Bytes), c) {
		k.dropped.Inc()
		return
	}
	k.byAge.MoveToBack(c.place)
	c.messages = append(c.messages, m)
	c.size += len(m.Bytes)
	k.size += len(m.Bytes)
}

// fits says whether m goes where size of most bytes are taken.
func fits(size, most int, m Message) bool {
	if size += len(m.Bytes); size <= most {
		return true
	}
	switch method(m.Bytes) {
	case "BYE", "CANCEL":
		return size <= most+lastWords
	}
	return false
}

// room makes room for n more bytes. Where files are written it is made by writing them; else the
// calls that were not heard of for longest go. The lock is held.
func (k *Keeper) room(n int, but *kept) bool {
	for k.size+n > k.o.Memory && k.dir == "" {
		oldest := k.byAge.Front()
		if oldest == nil || oldest.Value == but {
			break
		}
		k.forget(oldest.Value.(*kept), len(oldest.Value.(*kept).messages))
	}
	return k.size+n <= k.o.Memory
}

// forget gives up the first n messages of a call. The lock is held.
func (k *Keeper) forget(c *kept, n int) {
	for _, m := range c.messages[:n] {
		c.size -= len(m.Bytes)
		k.size -= len(m.Bytes)
	}
	c.messages = append([]Message(nil), c.messages[n:]...)
	if len(c.messages) == 0 {
		k.byAge.Remove(c.place)
		delete(k.calls, c.id)
	}
}

// Messages are those of one call in their order, masked: what is written and what is not yet. An
// unknown call has none.
func (k *Keeper) Messages(id call.ID) ([]Message, error) {
	k.disk.Lock() // nothing moves from memory to disk meanwhile
	defer k.disk.Unlock()
	var ms []Message
	if k.dir != "" {
		var err error
		if ms, err = Read(k.dir, id); err != nil {
			return nil, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.calls[id]; c != nil {
		ms = append(ms, c.messages...)
	}
	return ms, nil
}

// Close writes what is not written. Messages that come later are not kept.
func (k *Keeper) Close() error {
	k.mu.Lock()
	closed := k.closed
	k.closed = true
	k.mu.Unlock()
	if !closed {
		close(k.stop)
	}
	<-k.done
	return nil
}

// run writes and tidies until the Keeper is closed.
func (k *Keeper) run() {
	defer close(k.done)
	tick := time.NewTicker(look)
	defer tick.Stop()
	var tidied time.Time
	for {
		select {
		case <-k.stop:
			k.write(time.Now(), true)
			return
		case now := <-tick.C:
			k.write(now, false)
			if now.Sub(tidied) >= min(tidy, max(k.o.Keep, look)) {
				tidied = now
				k.tidy(now)
			}
		}
	}
}

// write appends to the files of the calls that are due, or of all.
func (k *Keeper) write(now time.Time, all bool) {
	if k.dir == "" {
		return
	}
	defer k.recovered()
	k.mu.Lock()
	all = all || k.size > k.o.Memory/2
	var due []*kept
	for _, c := range k.calls {
		first, last := c.messages[0].At, c.messages[len(c.messages)-1].At
		if all || now.Sub(last) >= quiet || now.Sub(first) >= patience {
			due = append(due, c)
		}
	}
	k.mu.Unlock()
	for _, c := range due {
		k.writeCall(now, c)
	}
}

// writeCall moves what memory has of one call to its file. What the disk does not take is lost.
func (k *Keeper) writeCall(now time.Time, c *kept) {
	k.disk.Lock()
	defer k.disk.Unlock()
	k.mu.Lock()
	ms := c.messages[:len(c.messages):len(c.messages)]
	k.mu.Unlock()
	cut, err := appendFile(k.dir, k.o.Zone, c.id, ms)
	k.mu.Lock()
	k.forget(c, len(ms))
	k.mu.Unlock()
	if err != nil {
		cut = len(ms)
		k.complain(now, err)
	}
	k.dropped.Add(float64(cut))
}

// complain logs trouble with the disk now and then.
func (k *Keeper) complain(now time.Time, err error) {
	if now.Sub(k.complained) >= grudge {
		k.complained = now
		k.o.Log.Warn("the signalling of a call could not be written; calls are not touched by it", zap.Error(err))
	}
}

func (k *Keeper) tidy(now time.Time) {
	if k.o.Dir == "" {
		return
	}
	defer k.recovered()
	if err := removeOld(k.o.Dir, now.Add(-k.o.Keep)); err != nil {
		k.o.Log.Warn("old signalling could not be removed", zap.Error(err))
	}
}

func (k *Keeper) recovered() {
	if p := recover(); p != nil {
		k.panics.Inc()
		k.o.Log.Error("panic recovered", zap.String("door", "trace"), zap.ByteString("stack", debug.Stack()))
	}
}

var errNoCall = errors.New("this is no id of a call")
