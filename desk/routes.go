package desk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/queue"
)

func (d *Desk) calls(r *http.Request) (any, error) {
	var f wire.CallFilter
	var err error
	if f.Limit, err = limitOf(r, 100); err != nil {
		return nil, err
	}
	if f.Since, err = sinceOf(r); err != nil {
		return nil, err
	}
	if f.All, err = flagOf(r, "all"); err != nil {
		return nil, err
	}
	records, err := d.o.Calls.Calls(r.Context(), f)
	if err != nil {
		return nil, err
	}
	out := wire.Calls{Calls: make([]wire.Call, len(records))}
	for i, rec := range records {
		out.Calls[i] = wire.CallOf(rec)
	}
	d.nowTold(out.Calls)
	return out, nil
}

// call is the call that a request is about; the beginning of its id is enough.
func (d *Desk) call(r *http.Request) (call.ID, error) {
	id, err := d.o.Calls.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return "", fmt.Errorf("call %s: %w", r.PathValue("id"), err)
	}
	return id, nil
}

// Traced is the event that a look at a call's signalling leaves in its journal.
const Traced = "call.traced"

// nowTold adds to open calls what only the floor knows until they end: where they wait, or who
// talks to them.
func (d *Desk) nowTold(calls []wire.Call) {
	if d.o.Floor == nil {
		return
	}
	snap := d.o.Floor.Snapshot()
	queues, operators := map[string]*string{}, map[string]*string{}
	for _, q := range snap.Queues {
		for _, c := range q.Calls {
			queues[string(c.Call)] = &q.Name
		}
	}
	for _, o := range snap.Operators {
		if (o.State == queue.OperatorTalking || o.State == queue.OperatorHolding) && o.Call != "" {
			operators[string(o.Call)] = &o.Name
		}
	}
	paused := map[string]*wire.RecordingPause{}
	for _, p := range d.pauses() {
		paused[p.Call] = &p
	}
	for i := range calls {
		if c := &calls[i]; c.Ended == nil {
			c.Paused = paused[c.ID]
			c.Queue = cmp.Or(c.Queue, queues[c.ID])
			c.Operator = cmp.Or(c.Operator, operators[c.ID])
		}
	}
}

func (d *Desk) trace(r *http.Request) (any, error) {
	id, err := d.call(r)
	if err != nil {
		return nil, err
	}
	record, err := d.o.Calls.Call(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", id, err)
	}
	events, err := d.o.Calls.Events(r.Context(), id)
	if err != nil {
		return nil, err
	}
	out := wire.Trace{Call: wire.CallOf(record), Events: []wire.Event{}, Messages: []wire.Message{}}
	for _, e := range events {
		if e.Name == Traced {
			continue // of those who look at the call, not of the call
		}
		if e.Data == nil {
			e.Data = map[string]string{}
		}
		out.Events = append(out.Events, wire.Event{At: wire.Instant(e.At), Name: e.Name, Data: e.Data})
	}
	if d.o.Traces != nil {
		if out.Messages, err = d.o.Traces.Messages(id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Desk) capture(r *http.Request) (any, error) {
	id, err := d.call(r)
	if err != nil {
		return nil, err
	}
	if d.o.Traces == nil {
		return nil, fmt.Errorf("call %s: %w: no signalling is kept", id, ErrNotFound)
	}
	b, err := d.o.Traces.Capture(id)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", id, err)
	}
	return file{"application/vnd.tcpdump.pcap", b}, nil
}

func (d *Desk) trunks(*http.Request) (any, error) {
	return wire.Trunks{Trunks: d.o.Server.Trunks()}, nil
}

func (d *Desk) users(r *http.Request) (any, error) {
	users, err := d.o.Users.List(r.Context())
	if err != nil {
		return nil, err
	}
	return wire.Users{Users: users}, nil
}

func (d *Desk) addUser(r *http.Request) (any, error) {
	var in wire.NewUser
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if !in.MakePassword {
		if err := checkPassword(in.Password); err != nil {
			return nil, err
		}
	}
	return d.o.Users.Add(r.Context(), in)
}

func (d *Desk) disableUser(r *http.Request) (any, error) {
	return done, d.o.Users.Disable(r.Context(), r.PathValue("name"))
}

func (d *Desk) setPassword(r *http.Request) (any, error) {
	var in wire.Password
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if err := checkPassword(in.Password); err != nil {
		return nil, err
	}
	return done, d.o.Users.SetPassword(r.Context(), r.PathValue("name"), in.Password)
}

func (d *Desk) setAutoAnswer(r *http.Request) (any, error) {
	var in wire.AutoAnswer
	if err := body(r, &in); err != nil {
		return nil, err
	}
	return done, d.o.Users.Change(r.Context(), r.PathValue("name"), wire.UserChange{AutoAnswer: &in.On})
}

func (d *Desk) changeUser(r *http.Request) (any, error) {
	var in wire.UserChange
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if in == (wire.UserChange{}) {
		return nil, fmt.Errorf("%w: nothing of the user is to be changed", ErrInvalid)
	}
	return done, d.o.Users.Change(r.Context(), r.PathValue("name"), in)
}

// maxPassword is the longest password taken, in bytes: what is hashed must have an end.
const maxPassword = 1024

func checkPassword(password string) error {
	if password == "" || len(password) > maxPassword {
		return fmt.Errorf("%w: a password has 1 to %d bytes", ErrInvalid, maxPassword)
	}
	return nil
}

func (d *Desk) reload(*http.Request) (any, error) {
	if err := d.o.Server.Reload(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return done, nil
}

func (d *Desk) drain(r *http.Request) (any, error) {
	var in wire.Drain
	if err := body(r, &in); err != nil {
		return nil, err
	}
	var until time.Time
	if in.Until != nil {
		until = *in.Until
	}
	if err := d.o.Server.Drain(until); err != nil {
		return nil, err
	}
	return wire.Drain{Until: in.Until, Calls: d.o.Server.Calls()}, nil
}

func (d *Desk) drained(*http.Request) (any, error) { return wire.Drain{Calls: d.o.Server.Calls()}, nil }

// done is the answer of a route that has nothing to tell.
var done = map[string]string{"status": "done"}

// body reads a request's JSON; a field it does not know is an error, not a wish unheard.
func body(r *http.Request, in any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err != nil {
		return fmt.Errorf("%w: the body is not the JSON this route takes: %w", ErrInvalid, err)
	}
	return nil
}
