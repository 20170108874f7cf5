package archive

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

const bucket = "recordings"

// testPart is a part as S3 would not take it, and the server of the tests does.
const testPart = 256 << 10

// A storage is an S3 server on a socket of its own, and what stands between it and us. What it does
// wrong is set while it runs.
type storage struct {
	*httptest.Server
	backend *s3mem.Backend
	inner   http.Handler

	mu       sync.Mutex
	down     bool                                                     // takes no request
	dieAfter int64                                                    // dies when it was sent so many more bytes; 0: it does not
	got      int64                                                    // bytes of sound, keys, … that it was sent
	status   int                                                      // answers all so; 0: it does not
	before   func(w http.ResponseWriter, r *http.Request) bool        // true: it has answered
	after    func(r *http.Request, head http.Header, b []byte) []byte // what it says instead of what is so
	requests []string
}

func newStorage(t testing.TB, tls bool) *storage {
	t.Helper()
	s := &storage{backend: s3mem.New()}
	if err := s.backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	s.inner = gofakes3.New(s.backend, gofakes3.WithTimeSkewLimit(0)).Server()
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// place is the storage as a place.
func (s *storage) place(t testing.TB) Located {
	t.Helper()
	o := s.options()
	p, err := NewS3(o)
	if err != nil {
		t.Fatal(err)
	}
	p.part = testPart
	return Located{Place: p, Name: "s3", Where: o.Where()}
}

func (s *storage) options() S3Options {
	host := strings.TrimPrefix(strings.TrimPrefix(s.URL, "http://"), "https://")
	return S3Options{
		Endpoint: host, Bucket: bucket, Prefix: "hotline/", Region: "us-east-1", AccessKey: "hotline", SecretKey: "not a secret",
		Insecure: strings.HasPrefix(s.URL, "http://"),
	}
}

// set changes what it does.
func (s *storage) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *storage) sent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// count is how many requests were begun with a method and something in their address.
func (s *storage) count(method, in string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if strings.HasPrefix(r, method+" ") && strings.Contains(r, in) {
			n++
		}
	}
	return n
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.String())
	down, status, before, after := s.down, s.status, s.before, s.after
	s.mu.Unlock()
	switch {
	case down:
		hangUp(w)
		return
	case status != 0:
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>InternalError</Code><Message>not now</Message></Error>")
		return
	case before != nil && before(w, r):
		return
	}
	if r.Method == http.MethodPut {
		b, ok := s.take(r.Body)
		if !ok {
			hangUp(w)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	if after == nil {
		s.inner.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	s.inner.ServeHTTP(rec, r)
	b := after(r, rec.Header(), rec.Body.Bytes())
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	w.Write(b)
}

// take reads what is sent, unless it dies meanwhile.
func (s *storage) take(body io.Reader) ([]byte, bool) {
	var out bytes.Buffer
	b := make([]byte, 32<<10)
	for {
		n, err := body.Read(b)
		out.Write(b[:n])
		s.mu.Lock()
		s.got += int64(n)
		if s.dieAfter > 0 {
			if s.dieAfter -= int64(n); s.dieAfter <= 0 {
				s.dieAfter, s.down = 0, true
			}
		}
		down := s.down
		s.mu.Unlock()
		switch {
		case down:
			return nil, false
		case err == io.EOF:
			return out.Bytes(), true
		case err != nil:
			return nil, false
		}
	}
}

// hangUp is how a server that has died answers.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

// sayDeleted is a server that says it has deleted.
func sayDeleted(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodDelete {
		return false
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
