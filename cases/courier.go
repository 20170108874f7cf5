package cases

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// An Outbox keeps what units are to be told until they have it.
type Outbox interface {
	// DueDeliveries gives what is due, at most limit for each receiver, and when the next is; zero: never.
	DueDeliveries(ctx context.Context, now time.Time, limit int) (due []call.Delivery, next time.Time, err error)

	CaseByID(ctx context.Context, id call.ID) (call.Case, error)
	Delivered(ctx context.Context, d call.Delivery, at time.Time) error
	NotDelivered(ctx context.Context, d call.Delivery) error
	CaseCounts(ctx context.Context, now time.Time) (call.CaseCounts, error)
}

// CourierOptions are what a Courier is made of.
type CourierOptions struct {
	Outbox  Outbox
	Rules   func() Rules
	Sound   func(path string) (io.ReadCloser, error) // of a case; path as in call.Case; nil: it is never attached
	Roots   *x509.CertPool                           // that receivers' certificates come from; nil: the system's
	Now     func() time.Time                         // nil: time.Now
	Log     *zap.Logger
	Metrics prometheus.Registerer

	Patience time.Duration // how long a receiver may do nothing; 0: 30 s
}

const (
	standardPatience = 30 * time.Second

	// longestSend bounds one try, of a receiver that does something all the time.
	longestSend = 5 * time.Minute

	// firstPause is after the first failure; it doubles up to lastPause.
	firstPause = time.Minute
	lastPause  = time.Hour

	// lookEvery is how often the outbox is looked at where nothing is said: the metrics are set, and a
	// clock that was set back is noticed.
	lookEvery = time.Minute

	// atATime is how many deliveries to one receiver are taken up at once; the others come after them.
	atATime = 50

	// rowsPause is before the rows are tried again that did not answer.
	rowsPause = 5 * time.Second
)

// A Courier tells units of their cases. One that hangs holds up nobody else. It never gives up: what
// failed is tried again after a minute, later once an hour. A receiver may be told twice where the process
// died, or the rows did not answer, between the telling and its note; it knows that by the key.
type Courier struct {
	o       CourierOptions
	metrics *courierMetrics
	client  *http.Client
	kick    chan struct{}
	send    func(ctx context.Context, to Receiver, p parcel) error // by the channel; replaced in tests

	mu    sync.Mutex
	busy  map[receiver]bool
	under sync.WaitGroup
}

// A receiver is a unit on one of its channels.
type receiver struct {
	unit    string
	channel call.CaseChannel
}

// A parcel is what is told.
type parcel struct {
	call.Delivery
	of   call.Case
	mail Mail
	zone *time.Location
}

// NewCourier makes a Courier. Run runs it.
func NewCourier(o CourierOptions) (*Courier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience == 0 {
		o.Patience = standardPatience
	}
	m, err := newCourierMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	c := &Courier{o: o, metrics: m, client: newPoster(o.Roots, o.Patience), kick: make(chan struct{}, 1), busy: map[receiver]bool{}}
	c.send = c.sendBy
	return c, nil
}

// Kick says that there may be something to be told. It does not block.
func (c *Courier) Kick() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Run tells what is to be told until the context ends. What is on its way then is cut off, and told
// again by the next process.
func (c *Courier) Run(ctx context.Context) {
	defer c.client.CloseIdleConnections()
	defer c.under.Wait()
	for {
		timer := time.NewTimer(c.round(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.kick:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// round sends what is due to those receivers that are not being told something now, and gives how long
// there is nothing else to do.
func (c *Courier) round(ctx context.Context) time.Duration {
	now := c.o.Now()
	due, next, err := c.o.Outbox.DueDeliveries(ctx, now, atATime)
	if err == nil {
		var counts call.CaseCounts
		if counts, err = c.o.Outbox.CaseCounts(ctx, now); err == nil {
			c.metrics.set(counts)
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			c.o.Log.Error("the outbox cannot be read", zap.Error(err))
		}
		return rowsPause
	}
	by := map[receiver][]call.Delivery{}
	for _, d := range due {
		to := receiver{d.Unit, d.Channel}
		by[to] = append(by[to], d)
	}
	for to, list := range by {
		if c.take(to) {
			c.under.Go(func() {
				defer c.release(to)
				c.tell(ctx, list)
			})
		}
	}
	rest := lookEvery
	if !next.IsZero() {
		rest = min(rest, max(next.Sub(now), time.Millisecond))
	}
	return rest
}

// take reports whether a receiver was free, and is not any more.
func (c *Courier) take(to receiver) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[to] {
		return false
	}
	c.busy[to] = true
	return true
}

// release frees a receiver; meanwhile more may have become due for it.
func (c *Courier) release(to receiver) {
	c.mu.Lock()
	delete(c.busy, to)
	c.mu.Unlock()
	c.Kick()
}

// tell tells one receiver several things, one after the other.
func (c *Courier) tell(ctx context.Context, list []call.Delivery) {
	for _, d := range list {
		if ctx.Err() != nil {
			return
		}
		if err := c.tellOne(ctx, d); err != nil && ctx.Err() == nil {
			c.o.Log.Error("the outbox cannot be kept", zap.Error(err))
			timer := time.NewTimer(rowsPause)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
			return
		}
	}
}

// tellOne makes one try and notes what came of it. An error is one of the rows.
func (c *Courier) tellOne(ctx context.Context, d call.Delivery) error {
	of, err := c.o.Outbox.CaseByID(ctx, d.Case)
	if err != nil {
		return err
	}
	rules := c.o.Rules()
	if of.Over() || of.Unit != d.Unit { // changed since it was taken up: its row is gone, or goes
		d.Next = c.o.Now().Add(lastPause)
		return c.o.Outbox.NotDelivered(ctx, d)
	}
	err = c.hand(ctx, rules, parcel{d, of, rules.Mail, rules.Zone})
	now := c.o.Now()
	if err == nil {
		return c.o.Outbox.Delivered(ctx, d, now)
	}
	if ctx.Err() != nil {
		return nil // we have cut it off
	}
	d.Tries++
	d.Next, d.Fault = now.Add(pause(d.Tries)), class(err)
	c.complain(d, of, now, err)
	return c.o.Outbox.NotDelivered(ctx, d)
}

// hand finds out where a unit is now, and sends. A unit that has left one channel for the other is told
// by that one.
func (c *Courier) hand(ctx context.Context, rules Rules, p parcel) error {
	to, known := rules.receiver(p.Unit)
	switch {
	case !known || to.Email == "" && to.Webhook == "":
		return &fault{"gone", errors.New("the configuration knows no way to the unit any more")}
	case p.Channel == call.ByEmail && to.Email == "":
		p.Channel = call.ByWebhook
	case p.Channel == call.ByWebhook && to.Webhook == "":
		p.Channel = call.ByEmail
	}
	ctx, cancel := context.WithTimeout(ctx, longestSend)
	defer cancel()
	return c.send(ctx, to, p)
}

func (c *Courier) sendBy(ctx context.Context, to Receiver, p parcel) error {
	if p.Channel == call.ByEmail {
		return c.mail(ctx, to, p)
	}
	return c.post(ctx, to, p)
}

// complain tells of a failure: at once that there is one, and once the term for forwarding is over each
// time, which is each hour.
func (c *Courier) complain(d call.Delivery, of call.Case, now time.Time, err error) {
	c.metrics.failures.WithLabelValues(string(d.Channel)).Inc()
	fields := []zap.Field{zap.String("case", of.Number), zap.String("unit", d.Unit), zap.String("channel", string(d.Channel)),
		zap.String("fault", d.Fault), zap.Int("tries", d.Tries)}
	switch {
	case !d.By.IsZero() && now.After(d.By):
		c.o.Log.Error("the term for forwarding is over and a case is not with its unit: tell the unit, and see to its address", fields...)
	case d.Tries == 1:
		c.o.Log.Warn("a unit could not be told of a case, it is tried again", fields...)
	}
	c.o.Log.Debug("a unit could not be told", append(fields, zap.Error(err))...) // it may name the address
}

// pause is how long after so many failures the next try is made.
func pause(tries int) time.Duration {
	p := firstPause
	for range tries - 1 {
		if p *= 2; p >= lastPause {
			return lastPause
		}
	}
	return p
}

// A fault is a failure of a known class: gone, connect, timeout, tls, auth, busy (try later), rejected,
// cut. Classes are kept and shown; errors may name people.
type fault struct {
	class string
	err   error
}

func (f *fault) Error() string { return f.class + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// class is the class of a failure.
func class(err error) string {
	var f *fault
	switch {
	case errors.As(err, &f) && f.class != "cut" && f.class != "connect":
		return f.class
	case isTimeout(err):
		return "timeout"
	case f != nil:
		return f.class
	}
	return "other"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
