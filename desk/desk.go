package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/queue"
)

// Calls gives records and their events.
type Calls interface {
	Calls(ctx context.Context, f wire.CallFilter) ([]call.Record, error)
	Find(ctx context.Context, prefix string) (call.ID, error)  // ErrNotFound; ErrInvalid where several fit
	Call(ctx context.Context, id call.ID) (call.Record, error) // ErrNotFound
	Events(ctx context.Context, id call.ID) ([]call.Event, error)
}

// Traces gives the signalling of a call, masked. Each look is written down by whoever gives it.
type Traces interface {
	Messages(id call.ID) ([]wire.Message, error)
	Capture(id call.ID) ([]byte, error) // a capture file, for Wireshark and its kin; ErrNotFound where nothing is kept
}

// Floor shows who waits and who works, and puts callers forward.
type Floor interface {
	Snapshot() queue.Snapshot
	Staff(languages []call.Language) []queue.StaffView
	Prioritise(id call.ID, headStart time.Duration) error
}

// Operators changes what operators do.
type Operators interface {
	Pause(operator, reason string) error       // queue.ErrCover where too few would be left
	PauseAnyway(operator, reason string) error // all the same
	Resume(operator string) error
	ExtendWrapUp(operator string) error
}

// A House is what the configuration says of all queues.
type House struct {
	Languages []call.Language
	Reasons   []string // of pauses: the closed list
}

// Users changes who works here.
type Users interface {
	List(ctx context.Context) ([]wire.User, error)
	Add(ctx context.Context, u wire.NewUser) (wire.MadeUser, error)
	Disable(ctx context.Context, name string) error
	SetPassword(ctx context.Context, name, password string) error
	Change(ctx context.Context, name string, to wire.UserChange) error
}

// QueueLog writes the floor's journal as Asterisk's queue_log, until it has ended or, where it goes
// on with what happens, the context has.
type QueueLog interface {
	QueueLog(ctx context.Context, w io.Writer, ask wire.QueueLog) error
}

// Server is the running server as a whole.
type Server interface {
	Reload() error
	Drain(until time.Time) error
	Calls() int        // here now
	Unready() []string // why it would not take a call now; none: it would
	Trunks() []wire.Trunk
}

// Errors the parts answer with; each becomes a status.
var (
	ErrNotFound = errors.New("not found")   // 404
	ErrInvalid  = errors.New("not allowed") // 422: the request cannot be carried out as it is
)

// Options are what a Desk is made of. Floor, Operators, House and Server are nil where no server runs.
type Options struct {
	Calls      Calls
	Traces     Traces
	Floor      Floor
	Operators  Operators
	House      func() House
	Today      func(context.Context) (map[string]wire.Today, error) // by queue; nil where no server runs
	Users      Users
	Callbacks  Callbacks // nil where no server runs
	Gate       Gate      // nil where no server runs
	Cases      Cases     // nil where no server runs
	Copies     Copies
	Pauses     Pauses // nil where no server runs
	Recordings Recordings
	Keeping    Keeping // nil: it has no routes
	QueueLog   QueueLog
	Server     Server
	Version    any // shown as it is
	Log        *zap.Logger
}

// A Desk answers the API.
type Desk struct {
	o   Options
	api *http.ServeMux
}

// New builds a Desk.
func New(o Options) *Desk {
	d := &Desk{o: o, api: http.NewServeMux()}
	for pattern, h := range map[string]func(*http.Request) (any, error){
		"GET /api/v1/version":                       func(*http.Request) (any, error) { return o.Version, nil },
		"GET /api/v1/calls":                         d.calls,
		"GET /api/v1/calls/{id}/trace":              d.trace,
		"GET /api/v1/calls/{id}/trace.pcap":         d.capture,
		"POST /api/v1/calls/{id}/recording":         d.live(d.setRecording),
		"GET /api/v1/users":                         d.users,
		"POST /api/v1/users":                        d.addUser,
		"POST /api/v1/users/{name}":                 d.changeUser,
		"POST /api/v1/users/{name}/disable":         d.disableUser,
		"POST /api/v1/users/{name}/passwd":          d.setPassword,
		"POST /api/v1/users/{name}/auto-answer":     d.setAutoAnswer,
		"GET /api/v1/recordings":                    d.recordings,
		"GET /api/v1/recordings/verify":             d.verify,
		"GET /api/v1/recordings/away/verify":        d.verifyAway,
		"GET /api/v1/recordings/evidence":           d.evidence,
		"GET /api/v1/recordings/completeness":       d.completeness,
		"GET /api/v1/recordings/{id}/picture":       d.picture,
		"GET /api/v1/queues":                        d.live(d.queues),
		"GET /api/v1/board":                         d.live(d.board),
		"GET /api/v1/cases":                         d.live(d.cases),
		"GET /api/v1/cases/{number}":                d.live(d.showCase),
		"POST /api/v1/cases/{number}":               d.live(d.changeCase),
		"GET /api/v1/case-tasks":                    d.live(d.caseTasks),
		"GET /api/v1/copies":                        d.kept(d.copies),
		"POST /api/v1/copies":                       d.kept(d.requestCopy),
		"POST /api/v1/copies/find":                  d.kept(d.findCopy),
		"GET /api/v1/copies/{number}":               d.kept(d.showCopy),
		"POST /api/v1/copies/{number}":              d.kept(d.closeCopy),
		"GET /api/v1/blocks":                        d.live(d.blocks),
		"POST /api/v1/blocks":                       d.live(d.block),
		"POST /api/v1/blocks/lift":                  d.live(d.unblock),
		"GET /api/v1/switches":                      d.live(d.switches),
		"POST /api/v1/switches/{name}":              d.live(d.switchOn),
		"POST /api/v1/switches/{name}/off":          d.live(d.switchOff),
		"GET /api/v1/surveys":                       d.live(d.surveys),
		"GET /api/v1/trunks":                        d.live(d.trunks),
		"GET /api/v1/operators":                     d.live(d.operators),
		"POST /api/v1/operators/{name}/pause":       d.live(d.pause),
		"POST /api/v1/operators/{name}/resume":      d.live(d.resume),
		"POST /api/v1/operators/{name}/wrap-up":     d.live(d.wrapUp),
		"POST /api/v1/queues/calls/{id}/prioritise": d.live(d.prioritise),
		"POST /api/v1/reload":                       d.live(d.reload),
		"GET /api/v1/drain":                         d.live(d.drained),
		"POST /api/v1/drain":                        d.live(d.drain),
		"GET /api/v1/callbacks":                     d.live(d.callbacks),
		"POST /api/v1/callbacks":                    d.live(d.addCallback),
		"GET /api/v1/callbacks/abandoned":           d.live(d.abandoned),
		"POST /api/v1/callbacks/{id}/cancel":        d.live(d.cancelCallback),
	} {
		d.api.HandleFunc(pattern, d.answer(h))
	}
	d.api.HandleFunc("GET /api/v1/queue-log", d.queueLog)
	d.api.HandleFunc("POST /api/v1/copies/{number}/bundle", d.makeCopy)
	if d.o.Keeping != nil {
		d.keeping()
	}
	d.api.HandleFunc("/api/v1/", d.answer(func(r *http.Request) (any, error) {
		return nil, fmt.Errorf("%w: %s %s is no route of this API", ErrNotFound, r.Method, r.URL.Path)
	}))
	d.health(d.api, wholeReason)
	return d
}

// API is everything, for those who may reach the control socket.
func (d *Desk) API() http.Handler { return d.api }

// Public is what the HTTP listener shows: there is no login yet, so only the health.
func (d *Desk) Public() http.Handler {
	mux := http.NewServeMux()
	d.health(mux, firstWord)
	return mux
}

// Metrics is /metrics.
func Metrics(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	return mux
}

// health adds the routes that a supervisor of processes asks. say writes a reason for whoever
// may read the answer.
func (d *Desk) health(mux *http.ServeMux, say func(reason string) string) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		reasons := []string{}
		if d.o.Server != nil {
			for _, reason := range d.o.Server.Unready() {
				reasons = append(reasons, say(reason))
			}
		}
		if len(reasons) > 0 {
			writeJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
}

func wholeReason(reason string) string { return reason }

// firstWord is what strangers may know of a reason, "store" of "store: the disk takes nothing
// …": the rest names files and says how we are built.
func firstWord(reason string) string {
	word, _, _ := strings.Cut(reason, ":")
	return word
}

// bodyLimit bounds a request: no honest one is larger.
const bodyLimit = 64 << 10

// answer turns what a handler returns into JSON, or into a problem (RFC 9457).
func (d *Desk) answer(h func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		out, err := h(r)
		if file, ok := out.(file); ok && err == nil {
			writeFile(w, file)
			return
		}
		if err == nil {
			writeJSON(w, http.StatusOK, out)
			return
		}
		d.problem(w, r, err)
	}
}

// problem answers an error.
func (d *Desk) problem(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrUnavailable): // first: it may be joined with why it would have been refused
		status = http.StatusServiceUnavailable
		d.o.Log.Error("an API request cannot be carried out now", zap.String("path", r.URL.Path), zap.Error(err))
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrForbidden):
		status = http.StatusForbidden
	case errors.Is(err, ErrInvalid):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, errNoServer):
		status = http.StatusServiceUnavailable
	default:
		d.o.Log.Error("an API request failed", zap.String("path", r.URL.Path), zap.Error(err))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	writeBody(w, status, wire.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: err.Error()})
}

var errNoServer = errors.New("no server is running on this data folder")

// live lets a route through only where a server runs.
func (d *Desk) live(h func(*http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		if d.o.Floor == nil || d.o.Server == nil {
			return nil, errNoServer
		}
		return h(r)
	}
}

// kept lets a route through where the register of copies is open.
func (d *Desk) kept(h func(*http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		if d.o.Copies == nil {
			return nil, errNoServer
		}
		return h(r)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	writeBody(w, status, v)
}

// A file is an answer that is not JSON.
type file struct {
	kind string // media type
	body []byte
}

func writeFile(w http.ResponseWriter, f file) {
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(f.body) // the peer has gone: nobody is left to tell
}

func writeBody(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the peer has gone: nobody is left to tell
}
