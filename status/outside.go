package status

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// atOnce is how many questions may be on their way. The next one is not sent: a slow system would
// otherwise collect callers, sockets and goroutines until it is worse than dead.
const atOnce = 20

// rereadEvery is how often the certificate files are looked at, at most.
const rereadEvery = time.Second

// An outside is the outside system under one set of options.
type outside struct {
	o    Options
	log  *zap.Logger
	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: the network; tests have their own

	mu     sync.Mutex
	client *http.Client // nil: the files cannot be used
	looked time.Time
	seen   string // what the files looked like when they were last read
	closed bool
}

// get is the client for the files as they are now. Files that cannot be used leave the old client in
// place, if there is one: those that belong together change one after another.
func (s *outside) get(now time.Time) *http.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.looked.IsZero() && now.Sub(s.looked) < rereadEvery {
		return s.client
	}
	first := s.looked.IsZero()
	s.looked = now
	seen := look(s.o.CA, s.o.Certificate, s.o.Key)
	if seen == s.seen && !first {
		return s.client
	}
	s.seen = seen
	client, err := s.build()
	if err != nil {
		s.log.Error("the files for the status system cannot be used", zap.String("fault", string(faultFiles)),
			zap.Bool("old_ones_stay", s.client != nil), zap.Error(err))
		return s.client
	}
	if s.client != nil {
		s.client.CloseIdleConnections()
		s.log.Info("new certificate files for the status system are in use")
	}
	s.client = client
	return client
}

// look describes files without reading them.
func look(paths ...string) (s string) {
	for _, p := range paths {
		if i, err := os.Stat(p); err == nil {
			s += fmt.Sprint(i.ModTime().UnixNano(), " ", i.Size(), " ")
		} else {
			s += "gone "
		}
	}
	return s
}

// build makes a client: no proxy of the environment, no redirects, no cookies, no compression (a
// short body may hide a long one), one connection a question that is on its way.
func (s *outside) build() (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.o.CA != "" {
		pool, err := readPool(s.o.CA)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = pool
	}
	if s.o.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(s.o.Certificate, s.o.Key)
		if err != nil {
			return nil, err
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	dial := s.dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: s.o.Timeout}).DialContext // net/http lets a dial go on when the question has ended
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: secure, TLSHandshakeTimeout: s.o.Timeout, DisableCompression: true,
			MaxConnsPerHost: atOnce, MaxIdleConnsPerHost: atOnce, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// close lets the connections go.
func (s *outside) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
}

// A question is what is sent, and all of it.
type question struct {
	Number string `json:"number"`
	Born   string `json:"born"` // YYYY-MM-DD
}

// ask asks. Its error is ErrNoApplication or a fault; cause says more of a fault where no word of an
// answer can be in it, else it is nil; code is the HTTP status, 0 if there was none.
func (s *outside) ask(ctx context.Context, q question) (answer call.Standing, code int, err, cause error) {
	client := s.get(s.o.now())
	if client == nil {
		return answer, 0, faultFiles, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	request, err := s.request(ctx, q)
	if err != nil {
		return answer, 0, faultConnect, nil // Check has let no such address through
	}
	response, err := client.Do(request)
	if err != nil {
		class, cause := classify(err)
		return answer, 0, class, cause
	}
	defer response.Body.Close() // unread, it takes the connection with it
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch code = response.StatusCode; {
	case (code == http.StatusOK || code == http.StatusNotFound) && kind == "text/html":
		return answer, code, faultPage, nil // above all a 404: it would tell everybody that there is no such application
	case code == http.StatusOK:
	case code == http.StatusNotFound:
		if n := response.ContentLength; n >= 0 && n <= maxBody { // read it, so that the connection serves again
			_, _ = io.Copy(io.Discard, response.Body)
		}
		return answer, code, call.ErrNoApplication, nil
	case code >= 300 && code < 400:
		return answer, code, faultRedirect, nil
	default:
		return answer, code, faultCode, nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case ctx.Err() != nil: // also without an error: as we hang up, a server may end the body where it is
		return answer, code, faultSlow, nil
	case err != nil:
		class, cause := classify(err)
		return answer, code, class, cause
	case len(body) > maxBody:
		return answer, code, faultLarge, nil
	}
	answer, err = parseAnswer(body, s.o.Zone)
	return answer, code, err, nil
}

func (s *outside) request(ctx context.Context, q question) (*http.Request, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "hotline")
	if s.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+s.o.Token)
	}
	// A question changes nothing, so it may go out again where a kept connection turns out to be
	// closed. An empty value says that to net/http and is not sent.
	r.Header["Idempotency-Key"] = nil
	return r, nil
}

// classify finds the class of what went wrong on the way. cause is given only where it is of our
// making or of TLS: net/http puts pieces of a wrong answer into its errors.
func classify(err error) (class fault, cause error) {
	var dialing *net.OpError
	var notBelieved *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return faultSlow, nil
	case errors.As(err, &notBelieved):
		return faultTLS, notBelieved
	case errors.As(err, &alert):
		return faultTLS, alert
	case errors.As(err, &record):
		return faultTLS, record
	case errors.As(err, &dialing) && dialing.Op == "dial":
		return faultConnect, dialing
	case errors.As(err, &dialing) && dialing.Op == "remote error": // the other side's alert
		return faultTLS, dialing
	}
	return faultBroken, nil
}
