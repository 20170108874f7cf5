package status

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hotline/call"
)

// What goes out is what the contract says, and not a thing more.
func TestTheQuestionOnTheWire(t *testing.T) {
	var seen *http.Request
	var number, born string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		number, born = asked(t, r)
		says(200, granted)(w, r)
	}))
	defer server.Close()
	o := options(server.URL + "/status?v=1")
	o.Token = "s3cret"
	s := open(t, o).want(known1234, call.StandingGranted, nil)
	if number != "1234" || born != "1988-05-09" {
		t.Errorf("asked for %q, %q", number, born)
	}
	if seen.Method != "POST" || seen.RequestURI != "/status?v=1" {
		t.Errorf("%s %s", seen.Method, seen.RequestURI)
	}
	for name, want := range map[string]string{"Authorization": "Bearer s3cret", "Content-Type": "application/json",
		"Accept": "application/json", "User-Agent": "hotline", "Content-Length": "37"} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		seen.Header.Del(name)
	}
	if len(seen.Header) > 0 {
		t.Errorf("also sent: %v", seen.Header)
	}
	if s.Changed.Format(time.DateOnly) != "2026-11-03" || s.Due.Format(time.DateOnly) != "2026-12-01" || !s.Known.IsZero() {
		t.Errorf("%+v", s)
	}
}

// Each kind of wrong system is away for the caller, and the log says why in our own words.
func TestSystemsThatAreNotWell(t *testing.T) {
	const secret = "Aysel Secretova" // what a rude system puts into everything it sends
	elsewhere := httptest.NewServer(says(200, granted))
	defer elsewhere.Close()
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		fault  fault
	}{
		"an error of its own":   {says(500, secret), faultCode},
		"too many requests":     {says(429, ""), faultCode},
		"our token is refused":  {says(401, secret), faultCode},
		"nothing to say":        {says(204, ""), faultCode},
		"created":               {says(201, granted), faultCode},
		"a page in place of it": {says(200, "<html>"+secret), faultJSON},
		"a page with an answer": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, granted)
		}, faultPage},
		"an unknown state":   {says(200, `{"status":"`+secret+`"}`), faultState},
		"a day there is not": {says(200, `{"status":"granted","due":"2026-02-30"}`), faultDate},
		"70 kB":              {says(200, `{"status":"granted","x":"`+strings.Repeat("x", 70_000)+`"}`), faultLarge},
		"spaces without end": {func(w http.ResponseWriter, r *http.Request) { endless(w) }, faultLarge},
		"an answer with no end": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, granted)
		}, faultBroken},
		"sent to somebody else": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, faultRedirect},
		"moved for ever": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
		}, faultRedirect},
		"hangs up":              {hijacked(""), faultBroken},
		"speaks something else": {hijacked("220 " + secret + " ESMTP\r\n"), faultBroken},
		"headers without end":   {hijacked("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n"), faultBroken},
		"the web server's 404": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(404)
		}, faultPage},
		"squeezed though not to": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0})
		}, faultJSON},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(c.handle)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Start()
			defer server.Close()
			h := open(t, options(server.URL))
			h.want(known1234, "", call.ErrStatusAway)
			if got := h.faults(); len(got) != 1 || got[0] != string(c.fault) {
				t.Errorf("the log says %q, want %q", got, c.fault)
			}
			h.tellsNobody(secret, server.URL)
		})
	}
}

// tellsNobody demands that no line of the log has a digit that was keyed, a number or a word that came.
func (h *house) tellsNobody(words ...string) {
	h.t.Helper()
	for _, e := range h.logs.All() {
		line := e.Message
		for _, f := range e.Context {
			line += " " + f.Key + "=" + f.String
			if err, ok := f.Interface.(error); ok {
				line += err.Error()
			}
		}
		for _, word := range append(words, "1234", "1988", "5550100") {
			if strings.Contains(line, word) {
				h.t.Errorf("the log has %q in %q", word, line)
			}
		}
	}
}

// endless sends spaces until the other side has had enough.
func endless(w http.ResponseWriter) {
	spaces := []byte(strings.Repeat(" ", 32<<10))
	for {
		if _, err := w.Write(spaces); err != nil {
			return
		}
	}
}

// hijacked says text as it is and hangs up.
func hijacked(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(c, text)
		_ = c.Close()
	}
}

func TestNoSuchApplication(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"with an object":  says(404, `{"error":"unknown"}`),
		"with nothing":    func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) },
		"with plain text": func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"with a flood":    func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); endless(w) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handle)
			defer server.Close()
			h := open(t, options(server.URL))
			h.want(known1234, "", call.ErrNoApplication)
			if h.counted(resultNotFound) != 1 || len(h.faults()) != 0 {
				t.Errorf("counted %d, logged %v", h.counted(resultNotFound), h.faults())
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	h := open(t, options("http://"+address))
	h.want(known1234, "", call.ErrStatusAway)
	if got := h.faults(); len(got) != 1 || got[0] != string(faultConnect) {
		t.Errorf("the log says %q", got)
	}
}

// A connection is used again, and one that the other side has closed meanwhile costs nobody an answer.
func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(says(200, granted))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	h := open(t, options(server.URL))
	for range 10 {
		h.want(known1234, call.StandingGranted, nil)
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for ten questions", n)
	}
	server.CloseClientConnections()
	h.want(known1234, call.StandingGranted, nil)
}

// A kept connection that ends just as it is used again is nobody's failure: the question goes out once more.
func TestAKeptConnectionEndsTooSoon(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if used := r.Context().Value(connUsed{}).(*atomic.Bool); used.Swap(true) {
			panic(http.ErrAbortHandler)
		}
		says(200, granted)(w, r)
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connUsed{}, &atomic.Bool{})
	}
	server.Start()
	defer server.Close()
	h := open(t, options(server.URL))
	for range 5 {
		h.want(known1234, call.StandingGranted, nil)
	}
	if got := h.faults(); len(got) > 0 {
		t.Errorf("the log says %q", got)
	}
}

// connUsed is where a server of these tests notes that a connection has had its question.
type connUsed struct{}

// The time limit is for all of it, wherever the system takes its time.
func TestSlowSystems(t *testing.T) {
	sleep := func(r *http.Request, d time.Duration) {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
	}
	for name, handle := range map[string]http.HandlerFunc{
		"before the answer": func(w http.ResponseWriter, r *http.Request) { sleep(r, 10*time.Second); says(200, granted)(w, r) },
		"within the body": func(w http.ResponseWriter, r *http.Request) {
			for _, b := range []byte(granted) { // a byte a tenth of a second: seven seconds in all
				_, _ = w.Write([]byte{b})
				_ = http.NewResponseController(w).Flush()
				sleep(r, 100*time.Millisecond)
			}
		},
		"behind a 404": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(404)
			_ = http.NewResponseController(w).Flush()
			sleep(r, time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := virtual(t, options(""), handle)
				began := time.Now()
				h.want(known1234, "", call.ErrStatusAway)
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("the caller waited %v", took)
				}
			})
		})
	}
	t.Run("just in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := virtual(t, options(""), func(w http.ResponseWriter, r *http.Request) {
				sleep(r, 2999*time.Millisecond)
				says(200, granted)(w, r)
			})
			h.want(known1234, call.StandingGranted, nil)
		})
	})
}

// A caller who hangs up ends his question, and is no failure of the system's.
func TestTheCallerHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := virtual(t, options(""), func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		for range 2 * restAfter {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			if _, err := h.Ask(ctx, known1234); !errors.Is(err, call.ErrStatusAway) || time.Since(began) != time.Second {
				t.Fatalf("%v after %v", err, time.Since(began))
			}
			cancel()
		}
		if h.counted(resultGone) != 2*restAfter || h.counted(resultAway) != 0 || len(h.faults()) != 0 {
			t.Errorf("gone %d, away %d, logged %v", h.counted(resultGone), h.counted(resultAway), h.faults())
		}
	})
}

// The twenty-first is not sent and does not wait.
func TestTooManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := make(chan struct{}, 100)
		h := virtual(t, options(""), func(w http.ResponseWriter, r *http.Request) {
			here <- struct{}{}
			time.Sleep(2 * time.Second)
			says(200, granted)(w, r)
		})
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				if _, err := h.Ask(t.Context(), known1234); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		h.want(known1234, "", call.ErrStatusAway)
		if took := time.Since(began); took != 0 || len(here) != atOnce {
			t.Errorf("took %v, %d were sent", took, len(here))
		}
		all.Wait()
		h.want(known1234, call.StandingGranted, nil)
	})
}

func TestBothProveWhoTheyAre(t *testing.T) {
	good, other := newAuthority(t, "ours"), newAuthority(t, "somebody else's")
	tomorrow := time.Now().Add(24 * time.Hour)
	quiet := log.New(io.Discard, "", 0)
	start := func(server tls.Certificate) string {
		s := httptest.NewUnstartedServer(says(200, granted))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: good.pool()}
		s.Config.ErrorLog = quiet
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	right, wrong := start(good.pair("server", tomorrow)), start(other.pair("server", tomorrow))
	expired := start(good.pair("old", time.Now().Add(-time.Hour)))
	cert, key := good.issue("hotline", tomorrow)
	foreign, foreignKey := other.issue("hotline", tomorrow)
	for name, c := range map[string]struct {
		url, ca, cert, key string
		fault              fault
	}{
		"as it should be":                 {right, good.ca(), cert, key, ""},
		"we do not say who we are":        {right, good.ca(), "", "", faultTLS},
		"our certificate is of another":   {right, good.ca(), foreign, foreignKey, faultTLS},
		"the system is another":           {wrong, good.ca(), cert, key, faultTLS},
		"the system's time has run out":   {expired, good.ca(), cert, key, faultTLS},
		"the machine's authorities":       {right, "", cert, key, faultTLS},
		"it speaks TLS, we do not":        {strings.Replace(right, "https", "http", 1), "", "", "", faultCode},
		"the files are not there":         {right, good.ca(), "/nowhere.pem", "/nowhere.key", faultFiles},
		"the authority's file holds none": {right, key, cert, key, faultFiles},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(c.url)
			o.CA, o.Certificate, o.Key = c.ca, c.cert, c.key
			h := open(t, o)
			if c.fault == "" {
				h.want(known1234, call.StandingGranted, nil)
				return
			}
			h.want(known1234, "", call.ErrStatusAway)
			if got := h.faults(); len(got) != 1 || got[0] != string(c.fault) {
				t.Errorf("the log says %q, want %q", got, c.fault)
			}
		})
	}
}

// New files over the old ones are used at the next question that is a second later; half of a pair
// is not.
func TestCertificatesAreRenewed(t *testing.T) {
	a := newAuthority(t, "ours")
	var seen atomic.Pointer[x509.Certificate]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.TLS.PeerCertificates[0])
		says(200, granted)(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{a.pair("server", time.Now().Add(time.Hour))},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool()}
	server.StartTLS()
	defer server.Close()

	now := time.Now()
	o := options(server.URL)
	o.CA, o.Now = a.ca(), func() time.Time { return now }
	o.Certificate, o.Key = a.issue("hotline", now.Add(time.Hour))
	h := open(t, o)
	h.want(known1234, call.StandingGranted, nil)
	old := seen.Load()

	newer, newerKey := a.issue("newer", now.Add(2*time.Hour))
	put := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
		later := now.Add(time.Minute) // two writes within one tick of the disk's clock look the same
		if err := os.Chtimes(to, later, later); err != nil {
			t.Fatal(err)
		}
	}
	put(newer, o.Certificate)
	now = now.Add(2 * time.Second)
	h.want(known1234, call.StandingGranted, nil)
	if !seen.Load().Equal(old) {
		t.Error("half of a pair is in use")
	}
	put(newerKey, o.Key)
	now = now.Add(2 * time.Second)
	h.want(known1234, call.StandingGranted, nil)
	if got := seen.Load().Subject.CommonName; got != "newer" {
		t.Errorf("%s is in use", got)
	}
}
