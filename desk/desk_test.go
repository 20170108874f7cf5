package desk

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/queue"
)

var update = flag.Bool("update", false, "write the golden files anew")

// t0 has no milliseconds: they must be written all the same.
var t0 = time.Date(2026, 11, 25, 13, 30, 0, 0, time.FixedZone("Asia/Baku", 4*3600))

// house is everything a desk speaks to, with a little life in it.
type house struct {
	unready []string
	did     []string // what was pressed
	fail    error
	since   time.Time
	limit   int
	all     bool
}

func (h *house) Calls(_ context.Context, f wire.CallFilter) ([]call.Record, error) {
	h.since, h.limit, h.all = f.Since, f.Limit, f.All
	return []call.Record{talked(), {ID: "open", Line: "919", From: "+000123456789", Arrived: t0},
		{ID: "b", Line: "919", Arrived: t0}, {ID: "consult", Line: "919", Kind: call.KindConsult, Linked: "open", Operator: "leyla", Arrived: t0}}, h.fail
}

func (h *house) Find(_ context.Context, prefix string) (call.ID, error) {
	switch {
	case prefix == "":
		return "", ErrInvalid
	case strings.HasPrefix("talked", prefix):
		return "talked", nil
	}
	return "", ErrNotFound
}

type tracesOf struct{ *house }

func (h tracesOf) Messages(id call.ID) ([]wire.Message, error) {
	h.did = append(h.did, "look at "+string(id))
	return []wire.Message{{At: wire.Instant(t0), Sent: true, Role: "caller", Peer: "carrier", Transport: "udp", Local: "192.0.2.1:5060",
		Remote: "203.0.113.9:5060", Text: "SIP/2.0 200 OK\r\n\r\n"}}, h.fail
}

func (h tracesOf) Capture(id call.ID) ([]byte, error) { return []byte("capture of " + id), h.fail }

func (h *house) Call(_ context.Context, id call.ID) (call.Record, error) {
	if id != talked().ID {
		return call.Record{}, ErrNotFound
	}
	return talked(), nil
}

func (h *house) Events(context.Context, call.ID) ([]call.Event, error) {
	return []call.Event{{At: t0, Name: "call.arrived"}, {At: t0.Add(1500 * time.Millisecond), Name: "call.language_chosen",
		Data: map[string]string{"language": "az"}}, {At: t0.Add(time.Minute), Name: "call.traced"}}, nil
}

func talked() call.Record {
	return call.Record{
		ID: "talked", Line: "919", Trunk: "carrier", From: "+000123456789", Language: "az", Queue: "general", Operator: "aysel",
		Outcome: call.Completed, EndedBy: call.ByCaller, Arrived: t0, Answered: t0.Add(time.Second),
		Ended: t0.Add(time.Minute), Waited: 4500 * time.Millisecond, Talked: 31 * time.Second,
		Recording: "recordings/2026/11/25/talked.wav",
		Notice:    &call.Notice{Key: "notice.recording", Language: "az", Version: "ab12", From: t0.Add(2 * time.Second), To: t0.Add(6020304 * time.Microsecond)},
	}
}

type floorOf struct{ *house }

func (h floorOf) Snapshot() queue.Snapshot {
	return queue.Snapshot{
		At: t0.Add(10 * time.Second),
		Queues: []queue.QueueView{
			{Name: "general", Waiting: 2, Callbacks: 1, LongestWait: 9 * time.Second, Calls: []queue.CallView{
				{Call: "a", Language: "az", Position: 1, Since: t0.Add(time.Second), Operator: "aysel"},
				{Call: "b", Language: "ru", Position: 2, Since: t0.Add(4 * time.Second)},
				{Call: "cb1", Language: "az", Position: 3, Since: t0, Callback: true, Again: t0.Add(10 * time.Minute)},
			}},
			{Name: "empty"},
		},
		Operators: []queue.OperatorView{
			{Name: "aysel", Languages: []call.Language{"az", "ru"}, State: "offered", Since: t0, Call: "a", Registered: true,
				Queues: []string{"tax", "general"}, Skills: []queue.Skill{{Name: "ru", Level: 5}}, Last: "talked", InRow: 1},
			{Name: "leyla", State: "talking", Since: t0, Call: "open", Registered: true, Paused: true, Reason: "lunch"},
			{Name: "lale", State: "wrap_up", Since: t0, Registered: true, WrapsUntil: t0.Add(time.Minute)},
			{Name: "murad", State: "paused", Since: t0, Reason: "lunch"},
		},
	}
}

func (h floorOf) Pause(operator, reason string) error {
	h.did = append(h.did, "pause "+operator+" "+reason)
	return h.fail
}

func (h floorOf) PauseAnyway(operator, reason string) error {
	h.did = append(h.did, "pause "+operator+" "+reason+" anyway")
	return nil // the house's no is not heard
}

func (h floorOf) ExtendWrapUp(operator string) error {
	h.did = append(h.did, "extend "+operator)
	return h.fail
}

func (h floorOf) Prioritise(id call.ID, by time.Duration) error {
	h.did = append(h.did, fmt.Sprint("prioritise ", id, " ", by))
	return h.fail
}

func (h floorOf) Staff(languages []call.Language) (views []queue.StaffView) {
	for _, l := range languages {
		views = append(views, queue.StaffView{Queue: "general", Language: l, Staff: queue.Staff{Talking: 1, Paused: 1}})
	}
	return views
}

func (h floorOf) Resume(operator string) error {
	h.did = append(h.did, "resume "+operator)
	return h.fail
}

type usersOf struct{ *house }

func (h usersOf) List(context.Context) ([]wire.User, error) {
	return []wire.User{{Name: "aysel", Role: "operator", Languages: []string{"az"}, Queues: []string{}, Skills: wire.Skills{"ru": 5}, Phone: true}}, nil
}

func (h usersOf) Add(_ context.Context, u wire.NewUser) (wire.MadeUser, error) {
	h.did = append(h.did, "add "+u.Name)
	return wire.MadeUser{Name: u.Name, SIP: &wire.SIP{User: u.Name, Secret: "shown-once"}}, h.fail
}

func (h usersOf) Disable(_ context.Context, name string) error {
	h.did = append(h.did, "disable "+name)
	return h.fail
}

func (h usersOf) SetPassword(_ context.Context, name, _ string) error {
	h.did = append(h.did, "passwd "+name)
	return h.fail
}

func (h usersOf) Change(_ context.Context, name string, to wire.UserChange) error {
	if to.AutoAnswer != nil {
		h.did = append(h.did, fmt.Sprintf("auto-answer %s %v", name, *to.AutoAnswer))
	}
	if to.Skills != nil {
		h.did = append(h.did, fmt.Sprintf("skills %s %v", name, *to.Skills))
	}
	if to.Queues != nil {
		h.did = append(h.did, fmt.Sprintf("queues %s %v", name, *to.Queues))
	}
	return h.fail
}

type recordingsOf struct{ *house }

func (h recordingsOf) List(context.Context) ([]wire.Recording, error) {
	return []wire.Recording{{Call: "talked", Path: "recordings/2026/11/25/talked.wav", State: "sealed", DurationMS: 59000, Away: []string{"dir", "s3"}, Local: true}}, nil
}

func (h recordingsOf) Completeness(context.Context, time.Time) (wire.Completeness, error) {
	return wire.Completeness{Answered: 3, Recorded: 1, Without: map[string]int{"policy": 1}, Missing: []string{"0190"}}, nil
}

func (h recordingsOf) Evidence(context.Context) (wire.Evidence, error) {
	return wire.Evidence{Key: "-----BEGIN PUBLIC KEY-----\n", Head: "{}\n"}, nil
}

func (h recordingsOf) Show(_ context.Context, id call.ID) (wire.Shown, error) {
	left, opened := "left", time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	return wire.Shown{
		Call: string(id), Line: "919", Language: "az", State: "sealed", Opened: wire.Time(opened), LengthMS: 200,
		Spans: []wire.ShownSpan{{Kind: "wait", FromMS: 0, ToMS: 100, Text: "general"}, {Kind: "gap", Channel: &left, ToMS: 50, Text: "on hold"}},
		Marks: []wire.ShownMark{{AtMS: 150, Text: "aysel transfers to migration"}},
		Peaks: wire.ShownPeaks{PerSecond: 10, Said: []int{0, 255}, Heard: []int{7, 9}},
	}, nil
}

func (h recordingsOf) Verify(context.Context) (wire.Verification, error) {
	return wire.Verification{Checked: 1, Faults: []wire.Fault{}}, nil
}

func (h recordingsOf) VerifyAway(context.Context) (wire.AwayVerification, error) {
	return wire.AwayVerification{Checked: 2, Waiting: 1, Owed: []wire.AwayOwed{}, Faults: []wire.AwayFault{{
		Call: "talked", Path: "recordings/2026/11/25/talked.wav", Place: "s3", Problem: "it is missing",
	}}}, nil
}

type serverOf struct{ *house }

func (h serverOf) Reload() error { h.did = append(h.did, "reload"); return h.fail }
func (h serverOf) Drain(until time.Time) error {
	h.did = append(h.did, "drain "+until.UTC().Format(time.RFC3339))
	return h.fail
}
func (h serverOf) Calls() int        { return 3 }
func (h serverOf) Unready() []string { return h.unready }
func (h serverOf) Trunks() []wire.Trunk {
	yes, two := true, 2
	return []wire.Trunk{
		{Name: "carrier", In: 1, Hosts: []wire.TrunkHost{}},
		{Name: "paid", Up: &yes, Registered: &yes, Out: 1, Calls: &two, Hosts: []wire.TrunkHost{{Address: "203.0.113.9:5060", Transport: "udp", Up: true}}},
	}
}

func houseOf() House {
	return House{Languages: []call.Language{"az", "ru"}, Reasons: []string{"lunch", "training"}}
}

func todayOf(context.Context) (map[string]wire.Today, error) {
	return map[string]wire.Today{"general": {Answered: 90, AnsweredWithin: 81, Abandoned: 12, AbandonedWithin: 3, AbandonedShort: 2}}, nil
}

func newDesk(h *house) *Desk {
	return New(Options{Calls: h, Traces: tracesOf{h}, Floor: floorOf{h}, Operators: floorOf{h}, House: houseOf, Today: todayOf, Users: usersOf{h}, Callbacks: callbacksOf{h}, Pauses: pausesOf{h}, Recordings: recordingsOf{h}, Server: serverOf{h},
		Version: map[string]string{"version": "test"}, Log: zap.NewNop()})
}

func ask(t *testing.T, h http.Handler, method, path, body string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Result(), w.Body.String()
}

// What programs read, byte for byte. A change here is a change of the contract.
func TestTheJSONOfTheAPI(t *testing.T) {
	d := newDesk(&house{})
	for name, path := range map[string]string{
		"calls": "calls", "trace": "calls/talked/trace", "queues": "queues", "operators": "operators", "trunks": "trunks", "users": "users",
		"recordings": "recordings", "shown": "recordings/talked/picture", "verify": "recordings/verify", "verify-away": "recordings/away/verify", "evidence": "recordings/evidence", "completeness": "recordings/completeness", "version": "version", "drain": "drain",
		"board": "board", "callbacks": "callbacks", "abandoned": "callbacks/abandoned",
	} {
		res, got := ask(t, d.API(), "GET", "/api/v1/"+path, "")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s, %s", path, res.Status, res.Header.Get("Content-Type"))
		}
		if strings.Contains(got, "123456789") {
			t.Errorf("%s shows the caller's number", path)
		}
		var indented strings.Builder
		var v any
		if err := json.Unmarshal([]byte(got), &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		e := json.NewEncoder(&indented)
		e.SetIndent("", "  ")
		if err := e.Encode(json.RawMessage(got)); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, []byte(indented.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if indented.String() != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", path, indented.String(), want)
		}
	}
}

func TestACallsCapture(t *testing.T) {
	h := &house{}
	d := newDesk(h)
	res, body := ask(t, d.API(), "GET", "/api/v1/calls/tal/trace.pcap", "")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/vnd.tcpdump.pcap" || body != "capture of talked" {
		t.Errorf("%s, %s: %s", res.Status, res.Header.Get("Content-Type"), body)
	}
	for _, path := range []string{"calls/nobody/trace.pcap", "calls/nobody/trace"} {
		if res, body := ask(t, d.API(), "GET", "/api/v1/"+path, ""); res.StatusCode != 404 || !strings.Contains(body, "call nobody: not found") {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
	h.fail = ErrNotFound
	if res, _ := ask(t, d.API(), "GET", "/api/v1/calls/talked/trace.pcap", ""); res.StatusCode != 404 {
		t.Errorf("nothing is kept: %s", res.Status)
	}
}

func TestWhichCallsAreAskedFor(t *testing.T) {
	h := &house{}
	d := newDesk(h)
	ask(t, d.API(), "GET", "/api/v1/calls", "")
	if h.limit != 100 || !h.since.IsZero() || h.all {
		t.Errorf("by default %d calls since %v", h.limit, h.since)
	}
	ask(t, d.API(), "GET", "/api/v1/calls?limit=7&since=2026-11-25T10:00:00%2B04:00", "")
	if h.limit != 7 || !h.since.Equal(time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("%d calls since %v", h.limit, h.since)
	}
	if ask(t, d.API(), "GET", "/api/v1/calls?all=true", ""); !h.all {
		t.Error("own calls are not asked for")
	}
	for _, q := range []string{"limit=0", "limit=-1", "limit=x", "limit=1000000", "since=yesterday", "all=perhaps"} {
		if res, _ := ask(t, d.API(), "GET", "/api/v1/calls?"+q, ""); res.StatusCode != 422 {
			t.Errorf("%s: %s", q, res.Status)
		}
	}
}

func TestWhatIsPressedIsDone(t *testing.T) {
	for _, c := range []struct{ path, body, did string }{
		{"operators/aysel/pause", `{"reason": "lunch"}`, "pause aysel lunch"},
		{"operators/aysel/pause", `{"reason": "pause"}`, "pause aysel pause"},
		{"operators/aysel/resume", ``, "resume aysel"},
		{"operators/aysel/wrap-up", ``, "extend aysel"},
		{"queues/calls/b/prioritise", `{"by_ms": 300000}`, "prioritise b 5m0s"},
		{"queues/calls/cb/prioritise", `{"by_ms": 0}`, "prioritise cb1 0s"},
		{"reload", ``, "reload"},
		{"drain", `{"until": "2026-11-25T20:00:00+04:00"}`, "drain 2026-11-25T16:00:00Z"},
		{"drain", `{"until": null}`, "drain 0001-01-01T00:00:00Z"},
		{"users", `{"name": "leyla", "role": "operator", "password": "x", "phone": true}`, "add leyla"},
		{"users", `{"name": "leyla", "role": "operator", "make_password": true}`, "add leyla"},
		{"users/aysel/disable", ``, "disable aysel"},
		{"users/aysel/passwd", `{"password": "y"}`, "passwd aysel"},
		{"users/aysel/auto-answer", `{"on": true}`, "auto-answer aysel true"},
		{"users/aysel", `{"skills": {"ru": 5, "visa": 4}}`, "skills aysel map[ru:5 visa:4]"},
		{"users/aysel", `{"queues": ["tax", "general"], "skills": null}`, "queues aysel [tax general]"},
		{"callbacks", `{"from_call": "tal"}`, "add talked"},
		{"callbacks/cb1/cancel", ``, "cancel cb1"},
		{"calls/tal/recording", `{"paused": true, "reason": " a card ", "by": "nigar", "for_ms": 90000}`, "pause talked a card nigar command 1m30s"},
		{"calls/talked/recording", `{"paused": true, "reason": "a card", "by": "nigar"}`, "pause talked a card nigar command 0s"},
		{"calls/talked/recording", `{"paused": false, "by": "nigar"}`, "resume talked nigar command"},
	} {
		h := &house{}
		if res, body := ask(t, newDesk(h).API(), "POST", "/api/v1/"+c.path, c.body); res.StatusCode != 200 {
			t.Errorf("%s: %s %s", c.path, res.Status, body)
		}
		if strings.Join(h.did, ";") != c.did {
			t.Errorf("%s did %q", c.path, h.did)
		}
		// The same, and the house says no.
		for fail, status := range map[error]int{ErrNotFound: 404, ErrInvalid: 422} {
			res, body := ask(t, newDesk(&house{fail: fail}).API(), "POST", "/api/v1/"+c.path, c.body)
			checkProblem(t, c.path, res, body, status)
		}
	}
}

// Too few would be left at work: the way out is named, and works.
func TestAPauseThatBreaksTheCover(t *testing.T) {
	h := &house{fail: queue.ErrCover}
	res, body := ask(t, newDesk(h).API(), "POST", "/api/v1/operators/aysel/pause", `{"reason": "lunch"}`)
	if checkProblem(t, "pause", res, body, 422); !strings.Contains(body, "operators.cover") || !strings.Contains(body, "anyway") {
		t.Errorf("the refusal: %s", body)
	}
	res, body = ask(t, newDesk(h).API(), "POST", "/api/v1/operators/aysel/pause", `{"reason": "lunch", "anyway": true}`)
	if res.StatusCode != 200 || h.did[len(h.did)-1] != "pause aysel lunch anyway" {
		t.Errorf("anyway: %s %s %q", res.Status, body, h.did)
	}
	_, body = ask(t, newDesk(&house{}).API(), "POST", "/api/v1/operators/aysel/pause", `{"reason": "tea"}`)
	if !strings.Contains(body, "lunch, training, pause (operators.pauses)") {
		t.Errorf("a reason that is none: %s", body)
	}
}

func checkProblem(t *testing.T, what string, res *http.Response, body string, status int) {
	t.Helper()
	var p wire.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Errorf("%s: %q: %v", what, body, err)
	}
	if res.StatusCode != status || p.Status != status || p.Title == "" || p.Detail == "" ||
		res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %s %+v, want %d", what, res.Status, p, status)
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "calls/nobody/trace", "", 404},
		{"GET", "nothing", "", 404},
		{"DELETE", "calls", "", 404},
		{"POST", "operators/aysel/pause", "", 422},
		{"POST", "operators/aysel/pause", `{"reason": "tea"}`, 422},
		{"POST", "operators/aysel/pause", `{"reason": ""}`, 422},
		{"POST", "queues/calls/nobody/prioritise", `{"by_ms": 1}`, 404},
		{"POST", "queues/calls/b/prioritise", `{"by_ms": -1}`, 422},
		{"POST", "queues/calls/b/prioritise", `{"by_ms": 86400001}`, 422},
		{"POST", "operators/aysel/pause", `{"raeson": "lunch"}`, 422},
		{"POST", "operators/aysel/pause", `{"reason": "` + strings.Repeat("x", bodyLimit) + `"}`, 422},
		{"POST", "users", `{"name": "leyla", "role": "operator"}`, 422},
		{"POST", "users/aysel", `{}`, 422},
		{"POST", "calls/nobody/recording", `{"paused": true, "reason": "a card", "by": "nigar"}`, 404},
		{"POST", "calls/talked/recording", `{"paused": true, "reason": "a card"}`, 422},
		{"POST", "calls/talked/recording", `{"paused": true, "by": "nigar", "reason": ""}`, 422},
		{"POST", "calls/talked/recording", `{"paused": true, "by": "nigar", "reason": "a card", "for_ms": -1}`, 422},
		{"POST", "calls/talked/recording", `{"paused": true, "by": "nigar", "reason": "a card", "for_ms": 3600001}`, 422},
		{"POST", "calls/talked/recording", `{"paused": false, "by": "nigar", "reason": "a card"}`, 422},
		{"POST", "users/aysel", `{"skills": ["ru"]}`, 422},
		{"POST", "users/aysel/passwd", `{"password": ""}`, 422},
		{"POST", "users/aysel/passwd", `{"password": "` + strings.Repeat("x", maxPassword+1) + `"}`, 422},
	} {
		h := &house{}
		res, body := ask(t, newDesk(h).API(), c.method, "/api/v1/"+c.path, c.body)
		checkProblem(t, c.method+" "+c.path, res, body, c.status)
		if len(h.did) > 0 {
			t.Errorf("%s %s did %q", c.method, c.path, h.did)
		}
	}
	res, body := ask(t, newDesk(&house{fail: queue.ErrNoOperator}).API(), "POST", "/api/v1/operators/nobody/resume", "")
	checkProblem(t, "an operator who is none", res, body, 404)
	res, body = ask(t, newDesk(&house{fail: errors.New("disk")}).API(), "GET", "/api/v1/calls", "")
	checkProblem(t, "our fault", res, body, 500)
}

func TestReadiness(t *testing.T) {
	h := &house{}
	d := newDesk(h)
	for _, mux := range []http.Handler{d.API(), d.Public()} {
		for _, path := range []string{"/healthz", "/readyz"} {
			if res, body := ask(t, mux, "GET", path, ""); res.StatusCode != 200 {
				t.Errorf("%s: %s %s", path, res.Status, body)
			}
		}
	}
	h.unready = []string{"draining", "store: open /secret/place: no space"}
	if res, _ := ask(t, d.Public(), "GET", "/healthz", ""); res.StatusCode != 200 {
		t.Errorf("the process is unwell while draining: %s", res.Status)
	}
	res, body := ask(t, d.Public(), "GET", "/readyz", "")
	if res.StatusCode != 503 || !strings.Contains(body, `["draining","store"]`) {
		t.Errorf("to strangers: %s %s", res.Status, body)
	}
	if _, body = ask(t, d.API(), "GET", "/readyz", ""); !strings.Contains(body, "no space") {
		t.Errorf("to the commands: %s", body)
	}
}

// Nobody can log in yet, so the public listener shows nothing but the health.
func TestThePublicListenerShowsHealthOnly(t *testing.T) {
	h := &house{}
	d := newDesk(h)
	for _, c := range [][2]string{{"GET", "/api/v1/calls"}, {"GET", "/api/v1/users"}, {"POST", "/api/v1/reload"}, {"GET", "/metrics"}, {"GET", "/"}, {"GET", "/api/v1/../../healthz/x"}} {
		if res, _ := ask(t, d.Public(), c[0], c[1], ""); res.StatusCode < 300 {
			t.Errorf("%s %s: %s", c[0], c[1], res.Status)
		}
	}
	if len(h.did) > 0 {
		t.Errorf("did %q", h.did)
	}
}

// The commands without a server: rows yes, the floor no.
func TestWithoutAServer(t *testing.T) {
	h := &house{}
	d := New(Options{Calls: h, Users: usersOf{h}, Recordings: recordingsOf{h}, Log: zap.NewNop()})
	for _, path := range []string{"calls", "users", "recordings", "recordings/verify", "recordings/away/verify"} {
		if res, body := ask(t, d.API(), "GET", "/api/v1/"+path, ""); res.StatusCode != 200 {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
	for path, method := range map[string]string{"queues": "GET", "operators": "GET", "reload": "POST", "drain": "POST", "operators/a/pause": "POST"} {
		res, body := ask(t, d.API(), method, "/api/v1/"+path, "{}")
		checkProblem(t, path, res, body, 503)
	}
}

func TestMetricsAreServed(t *testing.T) {
	r := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "hotline_things_total", Help: "Things."})
	r.MustRegister(c)
	if res, body := ask(t, Metrics(r), "GET", "/metrics", ""); res.StatusCode != 200 || !strings.Contains(body, "hotline_things_total 0") {
		t.Errorf("%s %s", res.Status, body)
	}
}

// queueLogs is a queue log of given lines, with or without an error at its end.
type queueLogs struct {
	lines []string
	err   error
	ask   wire.QueueLog
}

func (q *queueLogs) QueueLog(_ context.Context, w io.Writer, ask wire.QueueLog) error {
	q.ask = ask
	for _, line := range q.lines {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return q.err
}

// The queue log is a stream: what fails before it is a problem, what fails within it cuts it off, so
// that nobody takes half of it for the whole.
func TestQueueLogIsAStream(t *testing.T) {
	q := &queueLogs{lines: []string{"1|a\n", "2|b\n"}}
	server := httptest.NewServer(New(Options{QueueLog: q, Log: zap.NewNop()}).API())
	defer server.Close()
	get := func(query string) (int, string, error) {
		r, err := http.Get(server.URL + "/api/v1/queue-log" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		return r.StatusCode, string(b), err
	}
	if code, body, err := get("?since=2026-11-25T09:00:00Z&numbers=true"); code != 200 || body != "1|a\n2|b\n" || err != nil {
		t.Errorf("got %d %q, %v", code, body, err)
	}
	if !q.ask.Numbers || q.ask.Follow || q.ask.Since.Hour() != 9 {
		t.Errorf("asked for %+v", q.ask)
	}
	for query, want := range map[string]int{"?since=yesterday": 422, "?follow=perhaps": 422, "?follow=true": 503} {
		if code, _, _ := get(query); code != want {
			t.Errorf("%s: %d, want %d", query, code, want)
		}
	}
	q.err = errors.New("the database is gone")
	if _, body, err := get(""); err == nil {
		t.Errorf("half a log was taken for the whole: %q", body)
	}
	q.lines = nil
	if code, _, err := get(""); code != 500 || err != nil {
		t.Errorf("a log that fails at once: %d, %v", code, err)
	}
	q.err = nil
	if code, body, err := get(""); code != 200 || body != "" || err != nil {
		t.Errorf("an empty log: %d %q, %v", code, body, err)
	}
}
