package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotline/call/wire"
)

// served answers on a control socket until the test ends or stop is called.
func served(t *testing.T, h http.Handler) (dir string, stop func()) {
	t.Helper()
	dir = t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, Socket))
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	t.Cleanup(s.Close)
	return dir, s.Close
}

func TestNoServer(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(dir); !errors.Is(err, ErrNoServer) {
		t.Errorf("no socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, Socket)})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as kill -9 leaves it
	l.Close()
	if _, err := Dial(dir); !errors.Is(err, ErrNoServer) {
		t.Errorf("a socket of a dead process: %v", err)
	}
}

func TestAServerThatDiesBetweenTwoQuestions(t *testing.T) {
	dir, stop := served(t, http.NotFoundHandler())
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := c.Users(context.Background()); !errors.Is(err, ErrNoServer) {
		t.Errorf("got %v", err)
	}
}

// seen is what the server is asked.
type seen struct{ method, path, body string }

// Every question, over the socket and straight into the handler.
func TestQuestions(t *testing.T) {
	var last seen
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body)
		last = seen{r.Method, r.URL.RequestURI(), string(body)}
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{}`))
	})
	dir, _ := served(t, h)
	overSocket, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	at := time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC)
	for _, c := range []*Client{overSocket, InProcess(h)} {
		for _, q := range []struct {
			want seen
			ask  func() error
		}{
			{seen{"GET", "/api/v1/calls?limit=5", ""}, func() error { _, err := c.Calls(ctx, wire.CallFilter{Limit: 5}); return err }},
			{seen{"GET", "/api/v1/calls?all=true&limit=5", ""}, func() error { _, err := c.Calls(ctx, wire.CallFilter{Limit: 5, All: true}); return err }},
			{seen{"GET", "/api/v1/calls?limit=5&since=2026-11-25T09%3A30%3A00Z", ""}, func() error { _, err := c.Calls(ctx, wire.CallFilter{Since: at, Limit: 5}); return err }},
			{seen{"GET", "/api/v1/calls/a%2Fb/trace", ""}, func() error { _, err := c.Trace(ctx, "a/b"); return err }},
			{seen{"GET", "/api/v1/calls/a%2Fb/trace.pcap", ""}, func() error { _, err := c.Capture(ctx, "a/b"); return err }},
			{seen{"GET", "/api/v1/queues", ""}, func() error { _, err := c.Queues(ctx); return err }},
			{seen{"GET", "/api/v1/board", ""}, func() error { _, err := c.Board(ctx); return err }},
			{seen{"GET", "/api/v1/trunks", ""}, func() error { _, err := c.Trunks(ctx); return err }},
			{seen{"GET", "/api/v1/operators", ""}, func() error { _, err := c.Operators(ctx); return err }},
			{seen{"POST", "/api/v1/operators/aysel/pause", `{"reason":"lunch","anyway":false}`}, func() error { return c.Pause(ctx, "aysel", "lunch", false) }},
			{seen{"POST", "/api/v1/operators/aysel/pause", `{"reason":"lunch","anyway":true}`}, func() error { return c.Pause(ctx, "aysel", "lunch", true) }},
			{seen{"POST", "/api/v1/operators/aysel/wrap-up", ""}, func() error { return c.ExtendWrapUp(ctx, "aysel") }},
			{seen{"POST", "/api/v1/queues/calls/abc/prioritise", `{"by_ms":300000}`}, func() error { return c.Prioritise(ctx, "abc", 5*time.Minute) }},
			{seen{"POST", "/api/v1/operators/aysel/resume", ""}, func() error { return c.Resume(ctx, "aysel") }},
			{seen{"GET", "/api/v1/users", ""}, func() error { _, err := c.Users(ctx); return err }},
			{seen{"POST", "/api/v1/users/aysel/disable", ""}, func() error { return c.DisableUser(ctx, "aysel") }},
			{seen{"POST", "/api/v1/users/aysel/passwd", `{"password":"x"}`}, func() error { return c.SetPassword(ctx, "aysel", "x") }},
			{seen{"POST", "/api/v1/users/aysel/auto-answer", `{"on":true}`}, func() error { return c.SetAutoAnswer(ctx, "aysel", true) }},
			{seen{"POST", "/api/v1/users/aysel", `{"auto_answer":null,"skills":{"ru":5},"queues":null}`}, func() error { return c.SetSkills(ctx, "aysel", Skills{"ru": 5}) }},
			{seen{"POST", "/api/v1/users/aysel", `{"auto_answer":null,"skills":null,"queues":[]}`}, func() error { return c.SetQueues(ctx, "aysel", nil) }},
			{seen{"GET", "/api/v1/recordings", ""}, func() error { _, err := c.Recordings(ctx); return err }},
			{seen{"GET", "/api/v1/recordings/verify", ""}, func() error { _, err := c.Verify(ctx); return err }},
			{seen{"GET", "/api/v1/callbacks?numbers=true", ""}, func() error { _, err := c.Callbacks(ctx, true); return err }},
			{seen{"POST", "/api/v1/callbacks", `{"from_call":"abc"}`}, func() error { _, err := c.AddCallback(ctx, "abc"); return err }},
			{seen{"POST", "/api/v1/callbacks/abc/cancel", ""}, func() error { return c.CancelCallback(ctx, "abc") }},
			{seen{"GET", "/api/v1/callbacks/abandoned?numbers=false&since=2026-11-25T09%3A30%3A00Z", ""}, func() error { _, err := c.Abandoned(ctx, AbandonFilter{Since: at}); return err }},
			{seen{"POST", "/api/v1/reload", ""}, func() error { return c.Reload(ctx) }},
		} {
			if err := q.ask(); err != nil {
				t.Errorf("%s: %v", q.want.path, err)
			}
			if last != q.want {
				t.Errorf("asked %+v, want %+v", last, q.want)
			}
		}
		made, err := c.AddUser(ctx, NewUser{Name: "leyla", Role: "operator", Phone: true})
		if err != nil || made.Name != "" || last.path != "/api/v1/users" || !strings.Contains(last.body, `"phone":true`) {
			t.Errorf("asked %+v: %+v, %v", last, made, err)
		}
	}
}

func TestAProblemIsTheError(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		if r.URL.Path == "/api/v1/users" {
			_ = json.NewEncoder(w).Encode(wire.Problem{Status: 404, Title: "Not Found", Detail: "leyla: not found"})
		}
	})
	c := InProcess(h)
	if _, err := c.Users(context.Background()); err == nil || err.Error() != "leyla: not found" {
		t.Errorf("got %v", err)
	}
	if err := c.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "Not Found") {
		t.Errorf("got %v", err)
	}
}

// A server with two calls, one of which ends; then the server ends too.
func TestDrainWaitsForTheServerToEnd(t *testing.T) {
	var looks atomic.Int32
	last := make(chan struct{})
	ended := make(chan struct{})
	dir, stop := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		left := 2
		if looks.Add(1) > 1 {
			left = 1
		}
		_ = json.NewEncoder(w).Encode(wire.Drain{Calls: left})
		if looks.Load() == 3 {
			close(last)
		}
	}))
	go func() {
		<-last
		stop()
		close(ended)
	}()
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	var told []int
	if err := c.Drain(context.Background(), time.Time{}, func(calls int) { told = append(told, calls) }); err != nil {
		t.Errorf("got %v", err)
	}
	<-ended
	if len(told) != 2 || told[0] != 2 || told[1] != 1 {
		t.Errorf("told %v", told)
	}
}

func TestADrainGivenUpIsNotDone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := InProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			cancel()
		}
		_ = json.NewEncoder(w).Encode(wire.Drain{Calls: 1})
	}))
	if err := c.Drain(ctx, time.Time{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	broken := InProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_ = json.NewEncoder(w).Encode(wire.Drain{Calls: 1})
	}))
	if err := broken.Drain(context.Background(), time.Time{}, nil); err == nil {
		t.Error("a server that is broken is taken for one that ended")
	}
}
