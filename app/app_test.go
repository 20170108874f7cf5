package app

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
	"hotline/configs"
	"hotline/phone"
	"hotline/recording"
	"hotline/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// text is the configuration of a server on free ports of loopback; extra YAML goes at its end.
func text(dir string, extra ...string) string {
	first := 20000 + 2*int(time.Now().UnixNano()/1000%4000)
	return fmt.Sprintf(`data: %q
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
}

func config(t *testing.T, dir string, extra ...string) *configs.File {
	t.Helper()
	f, err := configs.Parse("test.yaml", []byte(text(dir, extra...)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// shortClips lays clips of a fifth of a second over those that a caller must hear to the end, and
// over more.
func shortClips(t *testing.T, dir string, more ...string) {
	t.Helper()
	const n = call.ClockRate / 5
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data")
	b = binary.LittleEndian.AppendUint32(b, 2*n)
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(2*math.Pi*600*float64(i)/call.ClockRate))))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	for _, key := range append(more, "open.greeting", "notice.recording", "queue.enter") {
		for _, lang := range []string{"az", "en"} {
			path := filepath.Join(dir, "prompts", lang, key+".wav")
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func startApp(t *testing.T, o Options) *App {
	t.Helper()
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	a, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// dial calls the line of a server.
func dial(t *testing.T, a *App) (*phone.Phone, *phone.Call) {
	t.Helper()
	p, c := dialAsync(t, a)
	if err := c.WaitAnswered(timeout(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	return p, c
}

func dialAsync(t *testing.T, a *App) (*phone.Phone, *phone.Call) {
	t.Helper()
	p, err := phone.New(phone.Options{User: "+000123456789"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	c, err := p.DialAsync(phone.DialOptions{To: "sip:919@" + hostPort(a.Run().Trunks)})
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

// connect makes an operator and registers the telephone, which answers at once.
func connect(t *testing.T, a *App, name string) {
	t.Helper()
	p := register(t, a, name)
	go func() {
		for c := range p.Incoming() {
			c.Answer()
			c.Media().Say(0.3, 1000)
		}
	}()
}

// register makes an operator and registers the telephone.
func register(t *testing.T, a *App, name string) *phone.Phone {
	t.Helper()
	ctx := timeout(t, 10*time.Second)
	u := store.User{Name: name, Role: "operator", Languages: []call.Language{"en"}, Phone: true}
	if err := a.store.AddUser(ctx, u, "password"); err != nil {
		t.Fatal(err)
	}
	secret, err := a.store.MakePhone(ctx, name, a.file.SIP.Phones.Realm)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.loadOperators(ctx); err != nil {
		t.Fatal(err)
	}
	p, err := phone.New(phone.Options{Server: hostPort(a.Run().Phones), User: name, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.Register(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	return p
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// becomes waits for something that is due.
func becomes(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// Two servers run in one process, each takes a call, and when they are closed nothing is left:
// no goroutine, no socket, no port.
func TestTwoServersInOneProcessLeaveNothing(t *testing.T) {
	both := func() {
		a, b := startApp(t, Options{File: config(t, t.TempDir())}), startApp(t, Options{File: config(t, t.TempDir())})
		for _, s := range []*App{a, b} {
			p, c := dial(t, s)
			if err := c.Media().PressKeys(timeout(t, 5*time.Second), "2"); err != nil {
				t.Error(err)
			}
			if err := c.Media().WaitSound(timeout(t, 5*time.Second)); err != nil {
				t.Error(err)
			}
			if err := c.Hangup(timeout(t, 5*time.Second)); err != nil {
				t.Error(err)
			}
			p.Close()
		}
		for _, s := range []*App{a, b} {
			if r := newest(t, s); r.Outcome != call.Abandoned || r.Language != "en" {
				t.Errorf("record %+v", r)
			}
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
	both() // whatever the libraries keep for the whole process is there afterwards
	before, open := runtime.NumGoroutine(), descriptors(t)
	both()
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before || descriptors(t) > open {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines and %d descriptors, before %d and %d:\n%s", runtime.NumGoroutine(), descriptors(t), before, open,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A server that is closed under its calls, with no drain before, still closes their records.
func TestCloseUnderACall(t *testing.T) {
	dir := t.TempDir()
	a := startApp(t, Options{File: config(t, dir)})
	_, c := dial(t, a)
	if err := c.Media().WaitSound(timeout(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	s, err := store.Open(store.Options{Dir: dir, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Calls(context.Background(), store.Filter{Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].Outcome != call.Stopped || rows[0].EndedBy != call.ByUs {
		t.Errorf("rows %+v, %v", rows, err)
	}
}

// A bug planted in a state ends that call, with one record and nobody left hanging; a call
// that talks meanwhile and the next one notice nothing.
func TestAPlantedPanicOverRealSIP(t *testing.T) {
	var planted atomic.Value
	planted.Store(call.State(""))
	dir := t.TempDir()
	shortClips(t, dir)
	a := startApp(t, Options{File: config(t, dir), OnState: func(_ call.ID, s call.State) {
		if planted.CompareAndSwap(s, call.State("")) {
			panic("planted")
		}
	}})
	defer a.Close()
	connect(t, a, "aysel")
	talk := func(c *phone.Call) {
		t.Helper()
		if err := c.Media().PressKeys(timeout(t, 5*time.Second), "2"); err != nil {
			t.Fatal(err)
		}
	}
	_, bystander := dial(t, a)
	talk(bystander)
	if err := bystander.Media().WaitTone(timeout(t, 15*time.Second), 1000); err != nil {
		t.Fatal(err)
	}
	connect(t, a, "samir")
	states := []call.State{call.Ringing, call.Greeting, call.Waiting, call.Talking}
	for _, s := range states {
		planted.Store(s)
		p, c := dialAsync(t, a)
		if s == call.Waiting || s == call.Talking {
			if err := c.WaitAnswered(timeout(t, 10*time.Second)); err != nil {
				t.Fatal(err)
			}
			talk(c)
		}
		if err := c.WaitDone(timeout(t, 20*time.Second)); err != nil {
			t.Errorf("%s: the caller was left hanging: %v", s, err)
		}
		p.Close()
	}
	becomes(t, "the bystander's is the only call left", func() bool { return a.line.Active() == 1 })
	_, next := dial(t, a)
	talk(next)
	for who, c := range map[string]*phone.Call{"the bystander": bystander, "the call after": next} {
		c.Media().Forget()
		if err := c.Media().WaitTone(timeout(t, 15*time.Second), 1000); err != nil {
			t.Errorf("%s: %v", who, err)
		}
		if err := c.Hangup(timeout(t, 5*time.Second)); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
	becomes(t, "all calls are over", func() bool { return a.line.Active() == 0 })
	rows, err := a.store.Calls(context.Background(), store.Filter{Limit: 100})
	if err != nil || len(rows) != len(states)+2 {
		t.Fatalf("%d records of %d calls, %v", len(rows), len(states)+2, err)
	}
	slices.Reverse(rows) // oldest first
	for i, r := range rows {
		want := call.Failed
		if i == 0 || i == len(rows)-1 {
			want = call.Completed
		}
		if r.Outcome != want || (want == call.Failed && r.EndedBy != call.ByUs) || r.Ended.IsZero() {
			t.Errorf("call %d of %d: %s by %s, want %s", i+1, len(rows), r.Outcome, r.EndedBy, want)
		}
	}
	if got := value(t, a, "hotline_panics_recovered_total"); got != float64(len(states)) {
		t.Errorf("%v panics are counted, %d were planted", got, len(states))
	}
	if got := value(t, a, "hotline_store_closed_twice_total"); got != 0 {
		t.Errorf("%v records were closed twice", got)
	}
}

// value is a counter without labels.
func value(t *testing.T, a *App, name string) float64 {
	t.Helper()
	families, err := a.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
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

// What a dead process left is mended before the first new call: the record closed, the sound
// sealed, the telephone hung up.
func TestRecovery(t *testing.T) {
	dir := t.TempDir()
	file := config(t, dir)
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	s, err := store.Open(store.Options{Dir: dir, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	id, arrived := call.NewID(), time.Now().Add(-time.Minute)
	path := "recordings/" + arrived.In(file.Zone()).Format("2006/01/02/") + string(id) + ".wav"
	r := call.Record{ID: id, Line: "919", Arrived: arrived, Recording: path} // as it is written at arrival
	if err := s.Arrived(r); err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		after time.Duration
		name  string
		data  map[string]string
	}{
		{0, "call.answered", map[string]string{"by": "menu"}},
		{time.Second, "call.language_chosen", map[string]string{"language": "ru"}},
		{2 * time.Second, "call.queued", map[string]string{"queue": "general"}},
		{5 * time.Second, "call.answered", map[string]string{"by": "operator", "operator": "aysel"}},
		{6 * time.Second, "call.operator_lost", map[string]string{"operator": "aysel"}},
		{6 * time.Second, "call.queued", map[string]string{"queue": "general"}},
		{8 * time.Second, "call.answered", map[string]string{"by": "operator", "operator": "murad"}},
		{9 * time.Second, "call.answered", map[string]string{"by": "third", "third": "migration"}}, // put through
	} {
		s.Event(call.Event{At: arrived.Add(e.after), Call: id, Name: e.name, Data: e.data})
	}
	remote := netip.MustParseAddrPort(peer.LocalAddr().String())
	if err := s.PutDialog(call.Dialog{
		Leg: "leg", Call: id, SIPCallID: "orphan", LocalTag: "ours", RemoteTag: "theirs", LocalURI: "<sip:919@127.0.0.1>",
		RemoteURI: "<sip:+000123456789@127.0.0.1>", Target: "sip:" + remote.String(), LocalSeq: 7, Transport: "udp",
		Remote: remote, Local: netip.MustParseAddrPort("127.0.0.1:5060"), Role: call.RoleCaller,
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	head := append([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x40\x1f\x00\x00\x00\x7d\x00\x00\x04\x00\x10\x00data\xff\xff\xff\xff"), make([]byte, 4*8000*10)...)
	if err := os.WriteFile(full, head, 0o600); err != nil {
		t.Fatal(err)
	}
	a := startApp(t, Options{File: file})
	defer a.Close()
	rows, err := a.store.Calls(context.Background(), store.Filter{Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].Outcome != call.Interrupted || rows[0].EndedBy != call.ByUs || rows[0].Recording != path {
		t.Errorf("rows %+v, %v", rows, err)
	}
	// What came between arrival and end is told by the events; the end is that of the sound.
	if r := rows[0]; r.Language != "ru" || r.Queue != "general" || r.Operator != "murad" || !r.Answered.Equal(arrived.Truncate(time.Microsecond)) ||
		r.Ended.Sub(r.Answered) != 10*time.Second || r.Waited != 5*time.Second || r.Talked != 3*time.Second {
		t.Errorf("the record does not tell what happened: %+v", r)
	}
	items, err := a.sounds().List(context.Background())
	if err != nil || len(items) != 1 || items[0].State != "interrupted" || items[0].DurationMS != 10000 {
		t.Errorf("recordings %+v, %v", items, err)
	}
	verdict, err := a.sounds().Verify(context.Background())
	if err != nil || len(verdict.Faults) != 0 || verdict.Checked != 1 {
		t.Errorf("verify says %+v, %v", verdict, err)
	}
	bye := make([]byte, 4096)
	if err := peer.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, from, err := peer.ReadFrom(bye)
	if err != nil || !strings.HasPrefix(string(bye[:n]), "BYE ") || !strings.Contains(string(bye[:n]), "orphan") {
		t.Fatalf("the orphan heard %q, %v", bye[:n], err)
	}
	_, headers, _ := strings.Cut(string(bye[:n]), "\r\n")
	if _, err := peer.WriteTo([]byte("SIP/2.0 200 OK\r\n"+headers), from); err != nil {
		t.Fatal(err)
	}
	becomes(t, "the dialog is forgotten", func() bool {
		left, err := a.store.Dialogs(context.Background())
		return err == nil && len(left) == 0
	})
}

// A bad file changes nothing and is told with its line; a good one changes what may change and
// names what needs a restart, every time.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hotline.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := text(dir)
	write(good)
	file, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	core, seen := observer.New(zapcore.WarnLevel)
	a := startApp(t, Options{File: file, Path: path, Log: zap.New(core)})
	defer a.Close()

	for name, bad := range map[string]string{
		"an unknown key": good + "colour: red\n",
		"no line":        strings.Replace(good, `[{number: "919", start: main}]`, "[]", 1),
		"no such menu":   strings.Replace(good, "start: main", "start: side", 1),
	} {
		write(bad)
		if err := a.Reload(); !IsBadFile(err) || !strings.Contains(err.Error(), path+":") {
			t.Errorf("%s: %v, want a fault with file and line", name, err)
		}
		if !a.line.Is("919") {
			t.Fatalf("%s: the line is gone", name)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(); !IsBadFile(err) {
		t.Errorf("no file: %v", err)
	}

	changed := strings.NewReplacer(`number: "919"`, `number: "920"`, "http: {listen: 127.0.0.1:0}", "http: {listen: 127.0.0.1:1}").
		Replace(good) + "stop: {grace: 7s}\nlanguages: [en, az]\n"
	for range 2 {
		seen.TakeAll()
		write(changed)
		if err := a.Reload(); err != nil {
			t.Fatal(err)
		}
		if a.line.Is("919") || !a.line.Is("920") || a.Grace() != 7*time.Second {
			t.Error("the new file does not hold")
		}
		var keys []string
		for _, e := range seen.FilterMessage("this change needs a restart").TakeAll() {
			keys = append(keys, e.ContextMap()["key"].(string))
		}
		if want := []string{"http", "languages"}; !slices.Equal(keys, want) {
			t.Errorf("a restart is needed for %v, want %v", keys, want)
		}
	}
	if err := startApp(t, Options{File: config(t, t.TempDir())}).reloadAndClose(); err == nil || !strings.Contains(err.Error(), "without a configuration file") {
		t.Errorf("a server without a file: %v", err)
	}
}

func (a *App) reloadAndClose() error {
	defer a.Close()
	return a.Reload()
}

// Everything that keeps the next call from being taken is told, in whole to those who may use
// the control socket and in a word to strangers.
func TestUnready(t *testing.T) {
	a := startApp(t, Options{File: config(t, t.TempDir())})
	defer a.Close()
	reasons := func() (words []string) {
		for _, r := range a.Unready() {
			word, _, _ := strings.Cut(r, ":")
			words = append(words, word)
		}
		return words
	}
	if why := a.Unready(); len(why) != 0 {
		t.Fatalf("a server that has just started: %v", why)
	}
	if code, body := readyz(t, a); code != http.StatusOK || body.Status != "ready" {
		t.Errorf("readyz: %d %+v", code, body)
	}
	if err := a.Drain(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := reasons(); !slices.Equal(got, []string{"draining"}) {
		t.Errorf("draining: %v", got)
	}
	if err := os.RemoveAll(a.recordings()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.recordings(), nil, 0o600); err != nil { // where the folder was
		t.Fatal(err)
	}
	// Whether the disk is asked at once or in the background is the recorder's affair.
	if r, err := a.recorder.Open(recording.Meta{Call: call.NewID(), Line: "919", Arrived: time.Now(), Answered: time.Now()}); err == nil {
		if _, err := r.Seal(timeout(t, 5*time.Second), time.Now()); err == nil {
			t.Error("a recording was sealed in a folder that is none")
		}
	}
	becomes(t, "the disk is told", func() bool { return slices.Equal(reasons(), []string{"draining", "disk"}) })
	code, body := readyz(t, a)
	if code != http.StatusServiceUnavailable || !slices.Equal(body.Reasons, []string{"draining", "disk"}) {
		t.Errorf("readyz: %d %+v", code, body)
	}
}

type readiness struct {
	Status  string   `json:"status"`
	Reasons []string `json:"reasons"`
}

func readyz(t *testing.T, a *App) (code int, body readiness) {
	t.Helper()
	response, err := http.Get("http://" + a.Run().HTTP + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &body); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return response.StatusCode, body
}

// Every series is there from the start, is named as Prometheus wants it, and is documented, by
// generation: `go test ./app -run Metrics -update`.
func TestMetricsAreDocumentedAndClean(t *testing.T) {
	a := startApp(t, Options{File: config(t, t.TempDir(), "calendars: {office: {}}\nannouncements: [{name: rules, clip: own.rules, from: 2026-12-01, to: 2026-12-31}]")})
	defer a.Close()
	families, err := a.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	there := map[string]bool{}
	for _, f := range families {
		there[f.GetName()] = true
		if !strings.HasPrefix(f.GetName(), "hotline_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
			if slices.Contains([]string{"call", "caller", "from", "number", "operator", "leg_id", "user"}, l.GetName()) {
				t.Errorf("%s is labelled by %s", f.GetName(), l.GetName())
			}
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()),
			strings.Join(labels, ", "), f.GetHelp()))
	}
	for _, name := range described(a.metrics) {
		if !there[name] {
			t.Errorf("%s is not there until something happens: a rate needs a zero to begin with", name)
		}
	}
	problems, err := testutil.GatherAndLint(a.metrics)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	sort.Strings(rows)
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
	// What the other pages tell people to look at must exist.
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md") {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`hotline_[a-z_]+`).FindAllString(string(b), -1) {
			if !there[name] {
				t.Errorf("%s speaks of %s, which does not exist", page, name)
			}
		}
	}
}

// described are the names of all series that are registered, also of those that have no value.
func described(r *prometheus.Registry) (names []string) {
	ch := make(chan *prometheus.Desc)
	go func() { r.Describe(ch); close(ch) }()
	name := regexp.MustCompile(`fqName: "([^"]*)"`)
	for d := range ch {
		names = append(names, name.FindStringSubmatch(d.String())[1])
	}
	return names
}

// What the file names is looked at before a start, each fault at its key.
func TestCheck(t *testing.T) {
	notAFolder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notAFolder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	badClip := t.TempDir()
	shortClips(t, badClip)
	if err := os.WriteFile(filepath.Join(badClip, "prompts", "az", "open.greetings.wav"), []byte("no sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := t.TempDir()
	shortClips(t, good)
	for _, c := range []struct {
		name, data string
		want       []string // one a fault
	}{
		{"no folder yet", filepath.Join(t.TempDir(), "new"), nil},
		{"a folder with clips", good, nil},
		{"a file in its place", notAFolder, []string{"is not a folder"}},
		{"a clip that nobody plays", badClip, []string{"open.greetings.wav: there is no prompt of this name"}},
	} {
		faults := Check(config(t, c.data))
		for i, want := range c.want {
			if i >= len(faults) || faults[i].Key != "data" || faults[i].Line != 1 || !strings.Contains(faults[i].String(), want) {
				t.Errorf("%s: %v, want %q at data", c.name, faults, want)
			}
		}
		if len(faults) != len(c.want) {
			t.Errorf("%s: %d faults, want %d: %v", c.name, len(faults), len(c.want), faults)
		}
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

// The folder of a running server is nobody else's.
func TestTheFolderIsTaken(t *testing.T) {
	dir := t.TempDir()
	a := startApp(t, Options{File: config(t, dir)})
	defer a.Close()
	if _, err := Start(context.Background(), Options{File: config(t, dir), Log: zap.NewNop()}); !IsLocked(err) {
		t.Errorf("a second server: %v, want a locked folder", err)
	}
	if code, _ := readyz(t, a); code != http.StatusOK {
		t.Errorf("the first one answers %d after the second's try", code)
	}
}
