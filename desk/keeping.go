package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hotline/call"
	"hotline/call/wire"
)

// Holds keeps recordings from being erased, and lets them go.
type Holds interface {
	Holds(ctx context.Context, f wire.HoldFilter) ([]wire.Hold, error)
	Hold(ctx context.Context, h wire.NewHold) (wire.Hold, error)
	Lift(ctx context.Context, id int64, d wire.Decision) (wire.Hold, error)
}

// Purger erases recordings, and knows what comes due.
type Purger interface {
	Plan(ctx context.Context) (wire.Purge, error)
	Purge(ctx context.Context, id call.ID, d wire.Decision) (wire.Certificate, error)
	ClockIsRight(ctx context.Context, d wire.Decision) error
	Disk(ctx context.Context) (wire.Disk, error)
}

// Listening opens recordings to whoever may hear them, and shows who asked.
type Listening interface {
	// Sound gives the sound once it is written down who wants it, and the name of its file.
	Sound(ctx context.Context, id call.ID, ask wire.Listen) (sound io.ReadSeekCloser, name string, err error)
	// Message does the same with what was left for a case.
	Message(ctx context.Context, number string, ask wire.Listen) (sound io.ReadSeekCloser, name string, err error)
	Accesses(ctx context.Context, f wire.AccessFilter) ([]wire.Access, error)
	VerifyAccesses(ctx context.Context) (wire.AccessVerification, error)
}

// Keeping is who keeps, erases and opens recordings.
type Keeping interface {
	Holds
	Purger
	Listening
}

// Errors of whoever stands before recordings; each becomes a status.
var (
	ErrForbidden   = errors.New("refused")     // 403
	ErrUnavailable = errors.New("unavailable") // 503: it may be asked again
)

type fromKey struct{}

// WithFrom puts into a context where a request comes from.
func WithFrom(ctx context.Context, from string) context.Context {
	return context.WithValue(ctx, fromKey{}, from)
}

// Unknown is where a request comes from of which nobody has said it.
const Unknown = "unknown"

// From is where a request comes from.
func From(ctx context.Context) string {
	if from, ok := ctx.Value(fromKey{}).(string); ok {
		return from
	}
	return Unknown
}

// ComesFrom serves requests that all come from one place.
func ComesFrom(from string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(WithFrom(r.Context(), from)))
	})
}

// keeping adds the routes of who keeps, erases and hears recordings.
func (d *Desk) keeping() {
	for pattern, h := range map[string]func(*http.Request) (any, error){
		"GET /api/v1/holds":                  d.holds,
		"POST /api/v1/holds":                 d.hold,
		"POST /api/v1/holds/{id}/lift":       d.lift,
		"GET /api/v1/purge":                  d.plan,
		"POST /api/v1/purge/clock":           d.clockIsRight,
		"POST /api/v1/recordings/{id}/purge": d.purge,
		"GET /api/v1/accesses":               d.accesses,
		"GET /api/v1/accesses/verify":        func(r *http.Request) (any, error) { return d.o.Keeping.VerifyAccesses(r.Context()) },
		"GET /api/v1/disk":                   func(r *http.Request) (any, error) { return d.o.Keeping.Disk(r.Context()) },
	} {
		d.api.HandleFunc(pattern, d.answer(h))
	}
	d.api.HandleFunc("GET /api/v1/recordings/{id}/sound", d.sound(d.heard))
	d.api.HandleFunc("GET /api/v1/cases/{number}/sound", d.sound(d.heardMessage))
}

func (d *Desk) holds(r *http.Request) (any, error) {
	f := wire.HoldFilter{Call: r.URL.Query().Get("call"), Number: r.URL.Query().Get("number")}
	if err := flags(r, map[string]*bool{"all": &f.All}); err != nil {
		return nil, err
	}
	list, err := d.o.Keeping.Holds(r.Context(), f)
	return wire.Holds{Holds: list}, err
}

func (d *Desk) hold(r *http.Request) (any, error) {
	var in wire.NewHold
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if (in.Call == "") == (in.Number == "") {
		return nil, fmt.Errorf("%w: a hold is of one call or of one number, name one of both", ErrInvalid)
	}
	if in.Until != nil && !in.Until.After(time.Now()) {
		return nil, fmt.Errorf("%w: the hold would be over already, name a later end or none", ErrInvalid)
	}
	return d.o.Keeping.Hold(r.Context(), in)
}

func (d *Desk) lift(r *http.Request) (any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no number of a hold, hotline recording hold list shows them", ErrInvalid, r.PathValue("id"))
	}
	in, err := decision(r)
	if err != nil {
		return nil, err
	}
	return d.o.Keeping.Lift(r.Context(), id, in)
}

// decision reads who decides what.
func decision(r *http.Request) (in wire.Decision, err error) {
	err = body(r, &in)
	in.By, in.With, in.Why = strings.TrimSpace(in.By), strings.TrimSpace(in.With), strings.TrimSpace(in.Why)
	return in, err
}

func (d *Desk) plan(r *http.Request) (any, error) { return d.o.Keeping.Plan(r.Context()) }

func (d *Desk) clockIsRight(r *http.Request) (any, error) {
	in, err := decision(r)
	if err != nil {
		return nil, err
	}
	return done, d.o.Keeping.ClockIsRight(r.Context(), in)
}

func (d *Desk) purge(r *http.Request) (any, error) {
	in, err := decision(r)
	if err != nil {
		return nil, err
	}
	id, err := d.call(r)
	if err != nil {
		return nil, err
	}
	return d.o.Keeping.Purge(r.Context(), id, in)
}

func (d *Desk) accesses(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := wire.AccessFilter{Call: q.Get("call"), Who: q.Get("who")}
	var err error
	if f.Most, err = limitOf(r, 1000); err != nil {
		return nil, err
	}
	if f.Call != "" {
		id, err := d.o.Calls.Find(r.Context(), f.Call)
		if err != nil {
			return nil, fmt.Errorf("call %s: %w", f.Call, err)
		}
		f.Call = string(id)
	}
	list, err := d.o.Keeping.Accesses(r.Context(), f)
	return wire.Accesses{Accesses: list}, err
}

// An opener opens what a request wants to hear.
type opener func(r *http.Request, ask wire.Listen) (sound io.ReadSeekCloser, name string, err error)

func (d *Desk) heard(r *http.Request, ask wire.Listen) (io.ReadSeekCloser, string, error) {
	id, err := d.call(r)
	if err != nil {
		return nil, "", err
	}
	return d.o.Keeping.Sound(r.Context(), id, ask)
}

func (d *Desk) heardMessage(r *http.Request, ask wire.Listen) (io.ReadSeekCloser, string, error) {
	return d.o.Keeping.Message(r.Context(), r.PathValue("number"), ask)
}

// sound lets somebody hear a recording, or a part of it (RFC 9110 §14). Each request is written down by itself.
func (d *Desk) sound(open opener) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		ask := wire.Listen{Do: cmp.Or(q.Get("do"), "play"), By: strings.TrimSpace(q.Get("by")), Why: strings.TrimSpace(q.Get("why"))}
		if ask.Do != "play" && ask.Do != "export" {
			d.problem(w, r, fmt.Errorf("%w: do is play or export", ErrInvalid))
			return
		}
		sound, name, err := open(r, ask)
		if err != nil {
			d.problem(w, r, err)
			return
		}
		defer sound.Close() // only read
		if s, ok := sound.(interface{ LostTime() time.Duration }); ok && s.LostTime() > 0 {
			w.Header().Set(wire.LostHeader, s.LostTime().String())
		}
		w.Header().Set("Content-Type", "audio/wav")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, sound)
	}
}
