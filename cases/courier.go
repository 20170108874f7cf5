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
	// Letters are those that are to be sent now, the oldest first.
	Letters(ctx context.Context, now time.Time, most int) ([]Letter, error)
	Case(ctx context.Context, id call.ID) (Case, error)
	LetterArrived(ctx context.Context, l Letter, at time.Time) error
	LetterFailed(ctx context.Context, l Letter, next time.Time, class string) error
	LettersWaiting(ctx context.Context) (int, error)
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

	mu      sync.Mutex
	under   map[string]bool // letters under way, by key and way
	perUnit map[string]int
}

// Bounds of the courier.
const (
	lookEvery = 5 * time.Second
	carryTime = 30 * time.Second // a receiver that takes longer has failed
	atOnce    = 16               // letters under way
	unitAtOne = 2                // to one unit: one that hangs holds up nobody else
	firstWait = time.Minute      // after a failure, doubled each time
	lastWait  = time.Hour
)

// New makes a courier. Run lets it work.
func New(o Options) *Courier {
	c := &Courier{
		o: o, log: o.Log.Named("courier"), kick: make(chan struct{}, 1), under: map[string]bool{}, perUnit: map[string]int{},
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hotline_cases_letters_waiting", Help: "Letters to units that have not arrived yet."}),
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
	letters, err := c.o.Outbox.Letters(ctx, c.o.Now(), 200)
	if err != nil {
		if ctx.Err() == nil {
			c.log.Error("the outbox cannot be read", zap.Error(err))
		}
		return
	}
	if n, err := c.o.Outbox.LettersWaiting(ctx); err == nil {
		c.waiting.Set(float64(n))
	}
	late := 0
	for _, l := range letters {
		if !c.begin(l) {
			continue
		}
		wg.Go(func() {
			defer c.end(l)
			c.send(ctx, l)
		})
	}
	for _, l := range letters {
		if l.Kind == "forward" && l.Tries > 0 {
			if one, err := c.o.Outbox.Case(ctx, l.Case); err == nil && c.o.Now().After(one.Forward) {
				late++
			}
		}
	}
	c.late.Set(float64(late))
}

func (c *Courier) begin(l Letter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := l.Key + " " + l.Way
	if c.under[key] || len(c.under) >= atOnce || c.perUnit[l.To] >= unitAtOne {
		return false
	}
	c.under[key] = true
	c.perUnit[l.To]++
	return true
}

func (c *Courier) end(l Letter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.under, l.Key+" "+l.Way)
	if c.perUnit[l.To]--; c.perUnit[l.To] == 0 {
		delete(c.perUnit, l.To)
	}
}

// errNobody says that a unit has no address any more.
var errNobody = errors.New("nobody of this name is configured, or there is no address for this way")

// send carries one letter and writes down what became of it.
func (c *Courier) send(ctx context.Context, l Letter) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("carrying a letter panicked", zap.Any("panic", p))
		}
	}()
	err := c.carry(ctx, l)
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now := c.o.Now()
	if err == nil {
		if err := c.o.Outbox.LetterArrived(writing, l, now); err != nil { // it goes out once more, with the same key
			c.log.Error("that a letter has arrived cannot be written down", zap.Error(err))
		}
		return
	}
	if ctx.Err() != nil {
		return
	}
	c.failed.WithLabelValues(l.Way).Inc()
	c.log.Warn("a letter to a unit has not arrived; it is tried again", zap.String("way", l.Way), zap.Int("tries", l.Tries+1), zap.Error(err))
	if err := c.o.Outbox.LetterFailed(writing, l, now.Add(wait(l.Tries)), class(err)); err != nil {
		c.log.Error("that a letter failed cannot be written down", zap.Error(err))
	}
}

func (c *Courier) carry(ctx context.Context, l Letter) error {
	to, ok := c.o.Receivers()[l.To]
	way := c.o.Ways[l.Way]
	if !ok || way == nil {
		return errNobody
	}
	one, err := c.o.Outbox.Case(ctx, l.Case)
	if err != nil {
		return err
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
	var refused *Refused
	switch {
	case errors.Is(err, errNobody):
		return "nobody"
	case errors.Is(err, context.DeadlineExceeded):
		return "slow"
	case errors.As(err, &refused):
		return "refused"
	}
	return "unreachable"
}

// A Refused is a receiver that has answered, but not that it has the letter.
type Refused struct{ Status int }

func (r *Refused) Error() string { return "the receiver has refused it" }
