package status

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// Options are what a Connector is made of.
type Options struct {
	URL              string // empty: nobody outside is asked
	Token            string // bearer; empty: none is sent
	CA               string // PEM file; empty: the system's authorities
	Certificate, Key string // PEM files, shown to the system; empty: none
	Timeout          time.Duration
	Cache            time.Duration // how old an answer may be that stands in; 0: none does
	Daily            int           // questions a day from one number
	Zone             *time.Location

	// Own is asked first: about cases of ours. mine is false where the number is none of them.
	Own func(ctx context.Context, q call.StatusQuestion) (s call.Standing, mine bool, err error)

	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Bounds.
const (
	mostAtOnce = 20       // questions outside at once: a slow system does not pile up callers
	mostBody   = 64 << 10 // of an answer
)

// A Connector answers how applications stand. Its methods may be called from any goroutine.
type Connector struct {
	o       Options
	log     *zap.Logger
	client  *http.Client
	places  chan struct{}
	breaker breaker
	cache   cache
	days    days
	salt    []byte
	metrics *metrics
}

// New makes a Connector; the error names the file that cannot be used.
func New(o Options) (*Connector, error) {
	c := &Connector{o: o, log: o.Log.Named("status"), places: make(chan struct{}, mostAtOnce), salt: make([]byte, 32), metrics: newMetrics(o.Metrics)}
	if _, err := rand.Read(c.salt); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("status.ca: %w", err)
		}
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("status.ca: %s holds no certificate", o.CA)
		}
	}
	if o.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
		if err != nil {
			return nil, fmt.Errorf("status.certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	c.client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: t, Proxy: nil, MaxIdleConnsPerHost: mostAtOnce, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close lets connections go.
func (c *Connector) Close() { c.client.CloseIdleConnections() }

// Ask answers a question. The error is call.ErrNoApplication, call.ErrStatusAway or call.ErrStatusTries.
// Each question counts for the day: whoever asks about an application of their own has no need of ten.
func (c *Connector) Ask(ctx context.Context, q call.StatusQuestion) (call.Standing, error) {
	s, result, err := c.ask(ctx, q)
	c.metrics.questions.WithLabelValues(string(result)).Inc()
	return s, err
}

// A result is what became of a question, a label of its metric.
type result string

// The results.
const (
	found    result = "found"
	own      result = "own"
	cached   result = "cached"
	notFound result = "not_found"
	away     result = "away"
	limited  result = "limited"
)

func (c *Connector) ask(ctx context.Context, q call.StatusQuestion) (call.Standing, result, error) {
	if !c.days.admit(c.caller(q), c.o.Now().In(c.o.Zone), c.o.Daily) {
		return call.Standing{}, limited, call.ErrStatusTries
	}
	born, err := time.Parse("02012006", q.Born)
	if err != nil || born.After(c.o.Now()) || born.Year() < 1900 {
		return call.Standing{}, notFound, call.ErrNoApplication // nobody was born then
	}
	if c.o.Own != nil {
		if s, mine, err := c.o.Own(ctx, q); mine {
			if err != nil {
				return s, outcome(err), err
			}
			return s, own, nil
		}
	}
	if c.o.URL == "" {
		return call.Standing{}, notFound, call.ErrNoApplication
	}
	return c.outside(ctx, q.Number, born)
}

func outcome(err error) result {
	if errors.Is(err, call.ErrNoApplication) {
		return notFound
	}
	return away
}

// caller is who asks, for the count of the day: those who show no number are counted together.
func (c *Connector) caller(q call.StatusQuestion) string {
	if q.Hidden || q.From == "" {
		return ""
	}
	return string(c.digest(q.From.Raw()))
}

// digest stands for something that need not be kept itself.
func (c *Connector) digest(parts ...string) []byte {
	mac := hmac.New(sha256.New, c.salt)
	for _, p := range parts {
		fmt.Fprintf(mac, "%d:%s", len(p), p)
	}
	return mac.Sum(nil)
}

// outside asks the system, or what it answered lately.
func (c *Connector) outside(ctx context.Context, number string, born time.Time) (call.Standing, result, error) {
	key := string(c.digest(number, born.Format(time.DateOnly)))
	now := c.o.Now()
	if !c.breaker.admit(now) {
		return c.lately(key, now)
	}
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	default: // it is busy with others, which is no failure of its own
		c.breaker.leave()
		return c.lately(key, now)
	}
	asking, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	began := time.Now()
	s, err := c.exchange(asking, number, born)
	c.metrics.took.Observe(time.Since(began).Seconds())
	switch {
	case err == nil:
		c.works()
		c.cache.put(key, s, now)
		return s, found, nil
	case errors.Is(err, call.ErrNoApplication):
		c.works()
		c.cache.drop(key)
		return s, notFound, err
	case ctx.Err() != nil: // the caller has hung up: nobody's failure
		c.breaker.leave()
		return s, away, call.ErrStatusAway
	}
	if rest := c.breaker.failed(c.o.Now()); rest > 0 {
		c.metrics.open.Set(1)
		c.log.Warn("the status system has failed too often and is left alone for a while", zap.Duration("rest", rest), zap.Error(err))
	} else {
		c.log.Warn("the status system has not answered as it should", zap.Error(err))
	}
	return c.lately(key, now)
}

func (c *Connector) works() {
	c.breaker.works()
	c.metrics.open.Set(0)
}

// lately is what was answered before, where that is not too old.
func (c *Connector) lately(key string, now time.Time) (call.Standing, result, error) {
	if s, at, ok := c.cache.get(key); ok && now.Sub(at) <= c.o.Cache {
		s.Known = at.In(c.o.Zone)
		return s, cached, nil
	}
	return call.Standing{}, away, call.ErrStatusAway
}

// question is the body of what is sent.
type question struct {
	Number string `json:"number"`
	Born   string `json:"born"` // YYYY-MM-DD
}

// exchange asks and understands the answer. Its errors tell what sort of fault it was, and nothing of the
// answer.
func (c *Connector) exchange(ctx context.Context, number string, born time.Time) (s call.Standing, err error) {
	body, err := json.Marshal(question{number, born.Format(time.DateOnly)})
	if err != nil {
		return s, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.URL, bytes.NewReader(body))
	if err != nil {
		return s, errors.New("the address cannot be asked")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if c.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	answer, err := c.client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return s, errors.New("no answer in time")
		}
		return s, errors.New("no connection, or it broke")
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostBody+1))
	switch {
	case err != nil:
		return s, errors.New("the answer broke off")
	case answer.StatusCode == http.StatusNotFound:
		return s, call.ErrNoApplication
	case answer.StatusCode != http.StatusOK:
		return s, fmt.Errorf("it answers %d", answer.StatusCode)
	case len(text) > mostBody:
		return s, errors.New("the answer is too long")
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return s, errors.New("the answer is no JSON")
	}
	return understand(text, c.o.Zone)
}

// reply is what is understood of an answer; more, such as a name, is not read.
type reply struct {
	Status  string `json:"status"`
	Changed string `json:"changed"`
	Due     string `json:"due"`
}

// understand reads an answer. Whatever it is, what comes out is of the closed list.
func understand(text []byte, zone *time.Location) (s call.Standing, err error) {
	var r reply
	if err := json.Unmarshal(text, &r); err != nil {
		return s, errors.New("the answer is not as it should be")
	}
	if !slices.Contains(call.StandingStates, call.StandingState(r.Status)) {
		return s, errors.New("the answer has a status that is not known here")
	}
	for _, d := range []struct {
		text string
		to   *time.Time
	}{{r.Changed, &s.Changed}, {r.Due, &s.Due}} {
		if d.text == "" {
			continue
		}
		if *d.to, err = time.ParseInLocation(time.DateOnly, d.text, zone); err != nil {
			return call.Standing{}, errors.New("the answer has a date that is none")
		}
	}
	s.State = call.StandingState(r.Status)
	return s, nil
}
