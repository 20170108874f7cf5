package app

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"hotline/call"
	"hotline/media"
)

// A listening is a supervisor that keeps what it is told.
type listening struct {
	t        *testing.T
	messages chan map[string]string
}

// supervisedBy starts a supervisor that wants to hear every watch; 0: whenever.
func supervisedBy(t *testing.T, socket string, watch time.Duration) (*listening, *Supervisor) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &listening{t: t, messages: make(chan map[string]string, 10_000)}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m := map[string]string{}
			for line := range strings.Lines(string(b[:n])) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				m[key] = value
			}
			l.messages <- m
		}
	}()
	environment := map[string]string{"NOTIFY_SOCKET": socket}
	if watch > 0 {
		environment["WATCHDOG_USEC"], environment["WATCHDOG_PID"] = usec(watch), strconv.Itoa(os.Getpid())
	}
	s, err := SupervisorFrom(func(key string) string { return environment[key] }, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return l, s
}

// next waits for a message that has a key, past all others.
func (l *listening) next(key string) map[string]string {
	l.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case m := <-l.messages:
			if _, ok := m[key]; ok {
				return m
			}
		case <-late:
			l.t.Fatalf("nobody said %s", key)
		}
	}
}

// count says how many messages with a key come within d.
func (l *listening) count(key string, d time.Duration) (n int) {
	over := time.After(d)
	for {
		select {
		case m := <-l.messages:
			if _, ok := m[key]; ok {
				n++
			}
		case <-over:
			return n
		}
	}
}

// The supervisor hears that calls are taken when they are, that the file is read again, that the
// end has begun, and meanwhile that we live.
func TestSupervisorHearsAWholeLife(t *testing.T) {
	heard, s := supervisedBy(t, filepath.Join(t.TempDir(), "notify"), time.Second)
	dir := t.TempDir()
	shortClips(t, filepath.Join(dir, "data"))
	path := filepath.Join(dir, "hotline.yaml")
	if err := os.WriteFile(path, []byte(text(filepath.Join(dir, "data"))), 0o600); err != nil {
		t.Fatal(err)
	}
	a := startApp(t, Options{File: config(t, filepath.Join(dir, "data")), Path: path, Supervisor: s})
	if first := <-heard.messages; first["READY"] != "1" || !strings.Contains(first["STATUS"], "takes calls") {
		t.Fatalf("the first it hears is %v", first)
	}
	_, c := dial(t, a)
	for range 2 {
		if m := heard.next("WATCHDOG"); m["EXTEND_TIMEOUT_USEC"] != "" {
			t.Errorf("nobody drains, and it hears %v", m)
		}
	}

	before := monotonic(t)
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	at, err := strconv.ParseInt(heard.next("RELOADING")["MONOTONIC_USEC"], 10, 64)
	if after := monotonic(t); err != nil || at < before || at > after {
		t.Errorf("it reloads at %d, %v; between %d and %d it did", at, err, before, after)
	}
	heard.next("READY")
	if err := os.WriteFile(path, []byte("nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(); err == nil {
		t.Error("nonsense was loaded")
	}
	heard.next("RELOADING")
	heard.next("READY")

	if err := a.Drain(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if m := heard.next("STOPPING"); m["EXTEND_TIMEOUT_USEC"] == "" {
		t.Errorf("when calls are to end it hears %v", m)
	}
	m := heard.next("EXTEND_TIMEOUT_USEC")
	if more, _ := strconv.Atoi(m["EXTEND_TIMEOUT_USEC"]); more <= 1_000_000 || m["WATCHDOG"] != "1" || !strings.Contains(m["STATUS"], "draining: 1 here") {
		t.Errorf("while the last call goes on it hears %v", m)
	}
	if err := c.Hangup(timeout(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	<-a.Done()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if m := heard.next("WATCHDOG_USEC"); m["STOPPING"] != "1" {
		t.Errorf("at the end it hears %v", m)
	}
	if n := heard.count("WATCHDOG", 1500*time.Millisecond); n > 0 {
		t.Errorf("after the end it hears %d times that we live", n)
	}
}

// A supervisor may listen at a name that is in no folder.
func TestSupervisorAtAnAbstractName(t *testing.T) {
	heard, s := supervisedBy(t, fmt.Sprintf("@hotline-test-%d", time.Now().UnixNano()), 0)
	if err := s.tell("READY=1\nSTATUS=well"); err != nil {
		t.Fatal(err)
	}
	if m := heard.next("READY"); m["STATUS"] != "well" {
		t.Errorf("it hears %v", m)
	}
}

func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}

// A brake is what a part hangs in: the floor in its clock, a media thread in a sink.
type brake struct {
	on      atomic.Bool
	held    chan struct{} // somebody hangs
	release chan struct{}
}

func newBrake() *brake { return &brake{held: make(chan struct{}, 1000), release: make(chan struct{})} }

func (b *brake) pass() {
	if b.on.Load() {
		b.held <- struct{}{}
		<-b.release
	}
}

// Take implements call.Sink.
func (b *brake) Take(call.Frame) { b.pass() }

// Where the floor or a media thread hangs nobody says that we live, until it goes on.
func TestAHungPartIsNotSaidToLive(t *testing.T) {
	for name, hang := range map[string]func(*testing.T, *App, *brake){
		"the floor": func(*testing.T, *App, *brake) {}, // whoever asks it next
		"a media thread": func(t *testing.T, a *App, b *brake) {
			leg, err := a.media.NewLeg(media.LegOptions{Call: call.NewID(), Role: call.RoleCaller})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(leg.Close)
			leg.Connect(media.Remote{Addr: netip.MustParseAddrPort("127.0.0.1:9"), Codec: call.PCMA, Send: true})
			leg.Tap(b)
			leg.Loop(&call.Clip{PCM: make([]int16, 8000), ALaw: make([]byte, 8000), MuLaw: make([]byte, 8000)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			heard, s := supervisedBy(t, filepath.Join(t.TempDir(), "notify"), 200*time.Millisecond)
			b := newBrake()
			a, err := start(t.Context(), Options{File: config(t, t.TempDir()), Log: zap.NewNop(), Supervisor: s}, func(a *App) {
				if name == "the floor" {
					a.floorNow = func() time.Time { b.pass(); return time.Now() }
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
			for range 3 {
				heard.next("WATCHDOG")
			}
			b.on.Store(true)
			hang(t, a, b)
			select {
			case <-b.held:
			case <-time.After(10 * time.Second):
				t.Fatal("nothing hangs")
			}
			// One message may have been under way.
			if n := heard.count("WATCHDOG", 2*time.Second); n > 1 {
				t.Errorf("while %s hangs it hears %d times within 2 s that we live", name, n)
			}
			b.on.Store(false)
			close(b.release)
			heard.next("WATCHDOG")
		})
	}
}

func TestSupervisorIsWhomTheEnvironmentNames(t *testing.T) {
	for _, c := range []struct {
		what                string
		socket, watch, whom string
		every               time.Duration
		nobody, bad         bool
	}{
		{what: "nobody", nobody: true},
		{what: "nobody, though somebody watches", watch: "1000000", nobody: true},
		{what: "no watchdog", socket: "/run/notify", every: 10 * time.Second},
		{what: "half the time it wants", socket: "/run/notify", watch: "4000000", every: 2 * time.Second},
		{what: "often enough for a status", socket: "@notify", watch: "600000000", every: 10 * time.Second},
		{what: "ours", socket: "/run/notify", watch: "4000000", whom: "77", every: 2 * time.Second},
		{what: "somebody else's watchdog", socket: "/run/notify", watch: "4000000", whom: "78", every: 10 * time.Second},
		{what: "no socket", socket: "notify", bad: true},
		{what: "no number", socket: "/run/notify", watch: "soon", bad: true},
		{what: "no time", socket: "/run/notify", watch: "0", bad: true},
	} {
		env := map[string]string{"NOTIFY_SOCKET": c.socket, "WATCHDOG_USEC": c.watch, "WATCHDOG_PID": c.whom}
		s, err := SupervisorFrom(func(k string) string { return env[k] }, 77)
		switch {
		case (err != nil) != c.bad || (s == nil) != (c.nobody || c.bad):
			t.Errorf("%s: %+v, %v", c.what, s, err)
		case s != nil && s.every() != c.every:
			t.Errorf("%s: it hears us every %v, want %v", c.what, s.every(), c.every)
		}
	}
}

// A supervisor that has gone, or that reads nothing, holds up nobody.
func TestASupervisorThatIsAwayIsNoTrouble(t *testing.T) {
	_, s := supervisedBy(t, filepath.Join(t.TempDir(), "notify"), 100*time.Millisecond)
	s.socket.Name += "-gone"
	a := startApp(t, Options{File: config(t, t.TempDir()), Supervisor: s})
	if err := a.Drain(time.Time{}); err != nil {
		t.Fatal(err)
	}
	<-a.Done()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
