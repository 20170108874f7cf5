package cases

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// The words of this trade are package call's.
type (
	// Case is one matter of one citizen.
	Case = call.Case
	// Letter is something that is to be told to a unit.
	Letter = call.Letter
)

// Chief is whom confidential cases go to.
const Chief = "chief"

// The ways.
const (
	WayMail    = "mail"
	WayWebhook = "webhook"
)

// An Outbox keeps letters until they have arrived; package store has one.
type Outbox interface {
	// Letters are those that are to be sent now, the oldest first, at most so many for each unit and way.
	Letters(ctx context.Context, now time.Time, most int) ([]Letter, error)
	Case(ctx context.Context, id call.ID) (Case, error)
	LetterArrived(ctx context.Context, l Letter, at time.Time) error
	LetterFailed(ctx context.Context, l Letter, next time.Time, class string) error
	LettersWaiting(ctx context.Context, now time.Time) (waiting, late int, err error)
}

// A Receiver is where the letters of a unit go.
type Receiver struct {
	Name    string
	Email   string // empty: none
	Webhook string // empty: none
	Secret  string // of the webhook's signature
}

// A Carrier carries one letter; nil says that it has arrived.
type Carrier interface {
	Carry(ctx context.Context, to Receiver, l Letter, c Case) error
}

// Options are what a Courier is made of.
type Options struct {
	Outbox    Outbox
	Receivers func() map[string]Receiver // by name, as configured now
	Ways      map[string]Carrier         // by way
	Log       *zap.Logger
	Metrics   prometheus.Registerer
	Now       func() time.Time
}

// A Courier sends what is in the outbox.
type Courier struct {
	o       Options
	log     *zap.Logger
	waiting prometheus.Gauge
	failed  *prometheus.CounterVec
	late    prometheus.Gauge

	kick chan struct{}

	mu    sync.Mutex
	under map[letterID]bool // letters under way
	busy  map[address]int   // how many of them to each
	over  map[letterID]bool // no longer under way since the last look began: its list may be older
}

// Bounds of the courier.
const (
	lookEvery = 5 * time.Second
	carryTime = 30 * time.Second // a receiver that takes longer has failed
	atOnce    = 2                // letters under way to one address: one that hangs holds up nobody else
	taken     = 20               // letters to one address that are looked at
	firstWait = time.Minute      // after a failure, doubled each time
	lastWait  = time.Hour
)

// New makes a courier. Run lets it work.
func New(o Options) *Courier {
	c := &Courier{
		o: o, log: o.Log.Named("courier"), kick: make(chan struct{}, 1), under: map[letterID]bool{}, busy: map[address]int{}, over: map[letterID]bool{},
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hotline_cases_letters_waiting", Help: "Letters to units that were due and have not arrived yet."}),
		late:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "hotline_cases_letters_late", Help: "Cases that have not arrived at their unit within the term of forwarding."}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hotline_cases_letter_failures_total", Help: "Tries to bring a letter to a unit that failed, by way.",
		}, []string{"way"}),
	}
	for _, way := range []string{WayMail, WayWebhook} {
		c.failed.WithLabelValues(way)
	}
	o.Metrics.MustRegister(c.waiting, c.late, c.failed)
	return c
}

// Kick makes the courier look at once.
func (c *Courier) Kick() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Run sends letters until ctx ends, and waits for those under way.
func (c *Courier) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		c.look(ctx, &wg)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.kick:
		}
	}
}

// look sends what is due.
func (c *Courier) look(ctx context.Context, wg *sync.WaitGroup) {
	now := c.o.Now()
	c.mu.Lock()
	c.over = map[letterID]bool{}
	c.mu.Unlock()
	letters, err := c.o.Outbox.Letters(ctx, now, taken)
	if err == nil {
		var waiting, late int
		if waiting, late, err = c.o.Outbox.LettersWaiting(ctx, now); err == nil {
			c.waiting.Set(float64(waiting))
			c.late.Set(float64(late))
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			c.log.Error("the outbox cannot be read", zap.Error(err))
		}
		return
	}
	for _, l := range letters {
		if !c.begin(l) {
			continue
		}
		wg.Go(func() {
			more := c.send(ctx, l)
			c.end(l)
			if more {
				c.Kick() // others may wait for this one's place
			}
		})
	}
}

// A letterID is a letter on one of its ways, an address a unit on one.
type (
	letterID struct{ key, way string }
	address  struct{ unit, way string }
)

func (c *Courier) begin(l Letter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, to := letterID{l.Key, l.Way}, address{l.To, l.Way}
	if c.under[id] || c.over[id] || c.busy[to] >= atOnce {
		return false
	}
	c.under[id] = true
	c.busy[to]++
	return true
}

func (c *Courier) end(l Letter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := letterID{l.Key, l.Way}
	delete(c.under, id)
	c.over[id] = true
	to := address{l.To, l.Way}
	if c.busy[to]--; c.busy[to] == 0 {
		delete(c.busy, to)
	}
}

var (
	// errNobody says that a unit has no address any more.
	errNobody = errors.New("nobody of this name is configured, or there is no address for this way")

	// errMoot says that nobody has to be reminded any more: the case has changed since the letter was taken up.
	errMoot = errors.New("nobody has to be reminded")
)

// send carries one letter and writes down what became of it. It returns whether that is written: where
// the rows do not answer, the next look is soon enough.
func (c *Courier) send(ctx context.Context, l Letter) (written bool) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("carrying a letter panicked", zap.Any("panic", p))
		}
	}()
	one, err := c.o.Outbox.Case(ctx, l.Case)
	if err == nil && l.Kind != "forward" && (one.State == call.CaseAnswered || one.State == call.CaseClosed || one.Unit != l.To) {
		err = errMoot
	}
	if err == nil {
		err = c.carry(ctx, l, one)
	}
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now := c.o.Now()
	switch {
	case err == nil:
		if err := c.o.Outbox.LetterArrived(writing, l, now); err != nil { // it goes out once more, with the same key
			c.log.Error("that a letter has arrived cannot be written down", zap.Error(err))
			return false
		}
		return true
	case ctx.Err() != nil:
		return false
	case !errors.Is(err, errMoot):
		c.complain(l, one, now, err)
	}
	if err := c.o.Outbox.LetterFailed(writing, l, now.Add(wait(l.Tries)), class(err)); err != nil {
		c.log.Error("that a letter failed cannot be written down", zap.Error(err))
		return false
	}
	return true
}

// complain tells of a failure: the first, and once the term for forwarding is over each, which is each
// hour. What a receiver said may name people, so only its class is told.
func (c *Courier) complain(l Letter, one Case, now time.Time, err error) {
	c.failed.WithLabelValues(l.Way).Inc()
	fields := []zap.Field{zap.String("case", one.Number), zap.String("unit", l.To), zap.String("way", l.Way),
		zap.String("class", class(err)), zap.Int("tries", l.Tries+1)}
	switch {
	case l.Kind == "forward" && !one.Forward.IsZero() && now.After(one.Forward):
		c.log.Error("the term for forwarding is over and a case has not arrived at its unit: tell the unit, and see to its address", fields...)
	case l.Tries == 0:
		c.log.Warn("a letter to a unit has not arrived; it is tried again", fields...)
	}
	c.log.Debug("a letter to a unit has not arrived", append(fields, zap.Error(err))...)
}

func (c *Courier) carry(ctx context.Context, l Letter, one Case) error {
	to, ok := c.o.Receivers()[l.To]
	switch { // a unit that has left one way for the other is told by that one
	case l.Way == WayMail && to.Email == "" && to.Webhook != "":
		l.Way = WayWebhook
	case l.Way == WayWebhook && to.Webhook == "" && to.Email != "":
		l.Way = WayMail
	}
	way := c.o.Ways[l.Way]
	if !ok || way == nil {
		return errNobody
	}
	ctx, cancel := context.WithTimeout(ctx, carryTime)
	defer cancel()
	return way.Carry(ctx, to, l, one)
}

// wait is how long after so many failed tries.
func wait(tries int) time.Duration {
	d := firstWait
	for range min(tries, 10) {
		d *= 2
	}
	return min(d, lastWait)
}

// class is what sort of failure it was: what a receiver says may hold anything.
func class(err error) string {
	var (
		refused *Refused
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, errNobody):
		return "nobody"
	case errors.Is(err, errMoot):
		return "moot"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "slow"
	case errors.As(err, &refused):
		return "refused"
	}
	return "unreachable"
}

// A Refused is a receiver that has answered, but not that it has the letter.
type Refused struct{ Status int }

func (r *Refused) Error() string { return "the receiver has refused it" }
