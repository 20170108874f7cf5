package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// hiddenShare is how many numbers' worth of questions a day all callers together have whose number
// is withheld or not known: of 500 calls a day some twenty are such callers who ask. When it is
// spent they are put through to a person like anybody else.
const hiddenShare = 5

// wrongShare is how many numbers' worth of wrong dates of birth a day an application takes, from
// whatever numbers they come: callers' numbers can be forged, and 20,000 dates are soon tried. It
// is counted for numbers that do not exist, too, so that nothing is learnt from it.
const wrongShare = 3

// A Connector answers how applications stand. It may be used by many calls at once.
type Connector struct {
	log     *zap.Logger
	metrics *metrics
	seal    *seal
	now     func() time.Time

	outside *outside
	running chan struct{} // a place for each question on its way
	breaker breaker

	answers answers
	callers tally // questions by caller's number
	wrong   tally // wrong dates of birth by application
}

// New makes a Connector. Values that make no sense are an error, each of them named; files that
// cannot be read are told in the log, and the outside system is away until they can be: a hotline
// starts without it.
func New(o Options) (*Connector, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if err := refuse(o); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("status metrics: %w", err)
	}
	c := &Connector{log: o.Log.Named("status"), metrics: m, seal: newSeal(), now: o.now, running: make(chan struct{}, atOnce),
		answers: answers{table: newTable[call.Standing]()}}
	c.breaker.told = c.rests
	c.outside = &outside{o: o, log: c.log}
	if o.URL != "" {
		c.outside.get(c.now()) // so that bad files are told now and not by the first caller
	}
	return c, nil
}

// refuse joins what is wrong with values.
func refuse(o Options) error {
	var errs []error
	for _, f := range o.values() {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// Close lets the connections go. Questions on their way end by themselves, in Options.Timeout.
func (c *Connector) Close() { c.outside.close() }

// Ask says how an application stands. Its errors are call.ErrNoApplication, call.ErrStatusAway and
// call.ErrStatusTries, and no others. It takes Options.Timeout at most, and ends early with ctx.
// Every question counts for the daily limit, whatever comes of it.
func (c *Connector) Ask(ctx context.Context, q call.StatusQuestion) (call.Standing, error) {
	s, result := c.answer(ctx, q)
	c.metrics.questions.WithLabelValues(result).Inc()
	switch result {
	case resultFound, resultOwn, resultCached:
		return s, nil
	case resultNotFound:
		return call.Standing{}, call.ErrNoApplication
	case resultLimited:
		return call.Standing{}, call.ErrStatusTries
	}
	return call.Standing{}, call.ErrStatusAway
}

// answer goes through the steps. What it gives is a result, and with the good ones a Standing.
func (c *Connector) answer(ctx context.Context, q call.StatusQuestion) (call.Standing, string) {
	o, now := c.outside.o, c.now()
	day := now.In(o.Zone).Format(time.DateOnly)
	application := c.seal.of("application", q.Number)
	if !c.callers.count(c.caller(q), limit(q, o.Daily), day) || c.wrong.reached(application, wrongShare*o.Daily, day) {
		return call.Standing{}, resultLimited
	}
	s, mine, ownErr := c.own(ctx, q)
	switch {
	case mine && ownErr == nil:
		return s, resultOwn
	case mine && errors.Is(ownErr, call.ErrNoApplication):
		c.wrong.count(application, wrongShare*o.Daily, day)
		return call.Standing{}, resultNotFound
	case mine:
		return call.Standing{}, resultAway
	case o.URL == "" && (o.Own == nil || ownErr != nil):
		return call.Standing{}, resultAway
	}
	s, result := call.Standing{}, resultNotFound
	born, ok := date(q.Born, now.In(o.Zone))
	if ok && digits(q.Number) && o.URL != "" {
		s, result = c.learn(ctx, question{Number: q.Number, Born: born})
	}
	if result == resultNotFound {
		c.wrong.count(application, wrongShare*o.Daily, day)
		if ownErr != nil { // it may have been one of ours
			result = resultAway
		}
	}
	return s, result
}

// caller is whom a question counts for. A number that somebody wants hidden is not used for this either.
func (c *Connector) caller(q call.StatusQuestion) sum {
	if nameless(q) {
		return c.seal.of("nobody")
	}
	return c.seal.of("caller", q.From.Raw())
}

func limit(q call.StatusQuestion, daily int) int {
	if nameless(q) {
		return hiddenShare * daily
	}
	return daily
}

// nameless reports whether there is no number to count by: withheld, none, or a word such as anonymous.
func nameless(q call.StatusQuestion) bool {
	n := q.From.Raw()
	if len(n) > 0 && n[0] == '+' {
		n = n[1:]
	}
	return q.Hidden || !digits(n)
}

// digits reports whether s is 1 to 32 digits: what can be keyed, and no telephone number is longer.
func digits(s string) bool {
	return len(s) > 0 && len(s) <= 32 && !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < '0' || b > '9' })
}

// date makes YYYY-MM-DD of DDMMYYYY. Days that nobody who lives can be born on are none.
func date(born string, now time.Time) (string, bool) {
	at, err := time.ParseInLocation("02012006", born, now.Location())
	if err != nil || at.After(now) || at.Year() < now.Year()-130 {
		return "", false
	}
	return at.Format(time.DateOnly), true
}

// own asks the hotline's own cases.
func (c *Connector) own(ctx context.Context, q call.StatusQuestion) (s call.Standing, mine bool, err error) {
	o := c.outside.o
	if o.Own == nil {
		return s, false, nil
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	s, mine, err = o.Own(ctx, q)
	switch {
	case err == nil && mine && !slices.Contains(call.StandingStates, s.State):
		err = faultState
	case errors.Is(err, call.ErrNoApplication) && !mine:
		err = nil // not ours, said in another way
	}
	if err != nil && !errors.Is(err, call.ErrNoApplication) && ctx.Err() == nil {
		c.log.Error("no standing of an own case", zap.String("fault", string(faultOwn)), zap.Error(err))
	}
	return s, mine, err
}

// learn asks outside, and falls back on what was learnt before.
func (c *Connector) learn(ctx context.Context, q question) (call.Standing, string) {
	key, oldest := c.seal.of(q.Number, q.Born), c.outside.o.Cache
	s, err := c.send(ctx, q)
	switch {
	case err == nil:
		if oldest > 0 {
			c.answers.learn(key, s, c.now())
		}
		return s, resultFound
	case errors.Is(err, call.ErrNoApplication):
		c.answers.forget(key)
		return s, resultNotFound
	case errors.Is(err, faultGone):
		return s, resultGone
	}
	if oldest > 0 {
		if s, ok := c.answers.recall(key, oldest, c.now()); ok {
			return s, resultCached
		}
	}
	return call.Standing{}, resultAway
}

// send asks outside if the breaker and the number of those on their way allow it. Its error is
// ErrNoApplication or a fault.
func (c *Connector) send(ctx context.Context, q question) (call.Standing, error) {
	select {
	case c.running <- struct{}{}:
	default:
		c.log.Warn("the status system is not asked", zap.String("fault", string(faultBusy)))
		return call.Standing{}, faultBusy
	}
	defer func() { <-c.running }()
	leave, ok := c.breaker.enter(c.now())
	if !ok {
		return call.Standing{}, faultResting
	}
	came := endUndecided // also if somebody panics below: a probe that never ends would be for ever
	defer func() { leave(came, c.now()) }()
	began := time.Now()
	s, code, err, cause := c.outside.ask(ctx, q)
	took := time.Since(began)
	if err != nil && ctx.Err() != nil {
		return call.Standing{}, faultGone
	}
	if errors.Is(err, faultFiles) { // told when it was found, and no reason to rest when it is mended
		return call.Standing{}, err
	}
	c.metrics.took.Observe(took.Seconds())
	if err == nil || errors.Is(err, call.ErrNoApplication) {
		came = endGood
		return s, err
	}
	came = endBad
	fields := []zap.Field{zap.String("fault", err.Error()), zap.Duration("took", took)}
	if code != 0 {
		fields = append(fields, zap.Int("code", code))
	}
	if cause != nil {
		fields = append(fields, zap.Error(cause))
	}
	c.log.Warn("no answer of the status system", fields...)
	return call.Standing{}, err
}

// rests tells that the breaker has opened, stays open or has closed.
func (c *Connector) rests(open bool, rest time.Duration) {
	if !open {
		c.metrics.resting.Set(0)
		c.log.Info("the status system answers again")
		return
	}
	c.metrics.resting.Set(1)
	c.log.Warn("the status system is left alone for a while", zap.Duration("rest", rest))
}
