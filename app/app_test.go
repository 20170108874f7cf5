package app

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/phone"
	"hotline/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// config is a server on free ports of loopback; extra YAML goes at its end.
func config(t *testing.T, dir string, extra ...string) *configs.File {
	t.Helper()
	first := 20000 + 2*int(time.Now().UnixNano()/1000%4000)
	text := fmt.Sprintf(`data: %q
sip:
  trunks:
    listen: [udp://127.0.0.1:0]
    carriers: [{name: carrier, from: [127.0.0.0/8]}]
  phones:
    listen: [udp://127.0.0.1:0, tcp://127.0.0.1:0]
media: {listen: 127.0.0.1, ports: %d-%d}
http: {listen: 127.0.0.1:0}
metrics: {listen: 127.0.0.1:0}
lines: [{number: "919", start: main}]
menus: {main: {queue: general}}
queues: [{name: general, wrap_up: 0s}]
%s
`, dir, first, first+199, strings.Join(extra, "\n"))
	f, err := configs.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func startApp(t *testing.T, o Options) *App {
	t.Helper()
	o.Log = zap.NewNop()
	a, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// dial calls the line of a server.
func dial(t *testing.T, a *App) (*phone.Phone, *phone.Call) {
	t.Helper()
	p, err := phone.New(phone.Options{User: "+000123456789"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := p.Dial(ctx, phone.DialOptions{To: "sip:919@" + hostPort(a.Run().Trunks)})
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

// Two servers run in one process, each takes a call, and when they are closed nothing is left:
// no goroutine, no socket, no port.
func TestTwoServersInOneProcessLeaveNothing(t *testing.T) {
	before, open := runtime.NumGoroutine(), descriptors(t)
	for range 2 {
		a, b := startApp(t, Options{File: config(t, t.TempDir())}), startApp(t, Options{File: config(t, t.TempDir())})
		for _, s := range []*App{a, b} {
			p, c := dial(t, s)
			if err := c.Media().WaitSound(timeout(t, 5*time.Second)); err != nil {
				t.Error(err)
			}
			if err := c.Hangup(timeout(t, 5*time.Second)); err != nil {
				t.Error(err)
			}
			p.Close()
			if err := s.Drain(time.Time{}); err != nil {
				t.Error(err)
			}
			<-s.Done()
			if used, _, _ := s.media.Ports(); used != 0 {
				t.Errorf("%d media ports are still used", used)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before+2 || descriptors(t) > open+2 {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines and %d descriptors, before %d and %d:\n%s", runtime.NumGoroutine(), descriptors(t), before, open,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A bug planted in a state ends that call, with a record and nobody left hanging; the next call
// goes on as if nothing had been.
func TestAPlantedPanicOverRealSIP(t *testing.T) {
	var planted atomic.Value
	planted.Store(call.State(""))
	a := startApp(t, Options{File: config(t, t.TempDir()), OnState: func(_ call.ID, s call.State) {
		if s == planted.Load() {
			panic("planted")
		}
	}})
	defer a.Close()
	for _, s := range []call.State{call.Greeting, call.Waiting} {
		planted.Store(s)
		p, c := dial(t, a)
		if s == call.Waiting {
			if err := c.Media().PressKeys(timeout(t, 5*time.Second), "2"); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.WaitDone(timeout(t, 20*time.Second)); err != nil {
			t.Errorf("%s: the caller was left hanging: %v", s, err)
		}
		p.Close()
		r := newest(t, a)
		if r.Outcome != call.Failed || r.EndedBy != call.ByUs {
			t.Errorf("%s: record %+v", s, r)
		}
	}
	planted.Store(call.State(""))
	p, c := dial(t, a)
	defer p.Close()
	if err := c.Media().WaitSound(timeout(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
	c.Hangup(timeout(t, 5*time.Second))
	if r := newest(t, a); r.Outcome != call.Abandoned {
		t.Errorf("the call after: %+v", r)
	}
}

// newest waits for the newest record to be closed.
func newest(t *testing.T, a *App) call.Record {
	t.Helper()
	r, err := closedRecord(timeout(t, 10*time.Second), a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a dead process left is mended before the first new call.
func TestRecovery(t *testing.T) {
	dir := t.TempDir()
	file := config(t, dir)
	s, err := store.Open(store.Options{Dir: dir, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	id, arrived := call.NewID(), time.Now().Add(-time.Minute)
	path := "recordings/" + arrived.In(file.Zone()).Format("2006/01/02/") + string(id) + ".wav"
	r := call.Record{ID: id, Line: "919", Arrived: arrived, Answered: arrived, Recording: path}
	if err := s.Arrived(r); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	head := append([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x40\x1f\x00\x00\x00\x7d\x00\x00\x04\x00\x10\x00data\xff\xff\xff\xff"), make([]byte, 4*8000)...)
	if err := os.WriteFile(full, head, 0o600); err != nil {
		t.Fatal(err)
	}
	a := startApp(t, Options{File: file})
	defer a.Close()
	rows, err := a.store.Calls(context.Background(), store.Filter{Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].Outcome != call.Interrupted || rows[0].Recording != path {
		t.Errorf("rows %+v, %v", rows, err)
	}
	items, err := sounds{a.store, a.recordings()}.List(context.Background())
	if err != nil || len(items) != 1 || items[0].State != "interrupted" || items[0].DurationMS != 1000 {
		t.Errorf("recordings %+v, %v", items, err)
	}
}

// Every series is documented, by generation: `go test ./app -run Metrics -update`.
func TestMetricsAreDocumentedAndClean(t *testing.T) {
	a := startApp(t, Options{File: config(t, t.TempDir())})
	defer a.Close()
	families, err := a.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	var rows []string
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(f.GetName(), "hotline_") {
			continue
		}
		var labels []string
		if len(f.GetMetric()) > 0 {
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()),
			strings.Join(labels, ", "), f.GetHelp()))
	}
	sort.Strings(rows)
	problems, err := promlint.New(&text).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "hotline_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	want := "# Metrics\n\nGenerated from the registry by `go test ./app -run Metrics -update`. No series is ever labelled by call, caller or person.\n\n" +
		"| series | type | labels | says |\n|---|---|---|---|\n" + strings.Join(rows, "")
	const file = "../docs/metrics.md"
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("docs/metrics.md is not what the registry says (%v): go test ./app -run Metrics -update", err)
	}
}

// A port that is taken is told with its key; nothing stays behind.
func TestATakenPortIsTold(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := config(t, t.TempDir())
	file.HTTP.Listen = l.Addr().String()
	if _, err := Start(context.Background(), Options{File: file, Log: zap.NewNop()}); err == nil || !strings.Contains(err.Error(), "http.listen") {
		t.Errorf("error %v, want one that names http.listen", err)
	}
	a := startApp(t, Options{File: config(t, file.Data)}) // the folder's lock was given back
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
