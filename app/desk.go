package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hotline/backup"
	"hotline/call"
	"hotline/call/wire"
	"hotline/configs"
	"hotline/control"
	"hotline/desk"
	"hotline/recording"
	"hotline/store"
)

// openDesk opens the listeners of people and dashboards.
func (a *App) openDesk(context.Context) error {
	day := &today{book: a.store.Book(), zone: a.file.Zone(), now: time.Now}
	a.desk = desk.New(desk.Options{
		Calls: records{a.store}, Traces: looks{a.traces.Messages, a.store, a.log.Named("trace")}, Floor: a.floor, Operators: a.floor, House: a.house, Today: day.count, Callbacks: a.callbacks, Gate: a.gate, Cases: a.register, Pauses: a.line, Copies: newCopies(a.keeper, a.o.Now, a.log), Users: people{a.store, a.file.SIP.Phones.Realm, a.loadOperators},
		Holds: a.keeper, Purger: a.keeper, Listening: a.keeper,
		Recordings: a.sounds(), QueueLog: queueLogs{a.store, a.queueNames, a.log.Named("queuelog")}, Server: a, Version: a.o.Version, Log: a.log.Named("desk"),
	})
	for _, l := range []struct {
		name, address string
		bound         *string
	}{{"http", a.file.HTTP.Listen, &a.run.HTTP}, {"metrics", a.file.Metrics.Listen, &a.run.Metrics}} {
		listener, err := net.Listen("tcp", l.address)
		if err != nil {
			return fmt.Errorf("%s.listen: %w", l.name, err)
		}
		handler := a.desk.Public()
		if l.name == "metrics" {
			handler = desk.Metrics(a.metrics)
		}
		a.serveHTTP(l.name, listener, handler)
		*l.bound = listener.Addr().String()
	}
	return nil
}

// house is what the configuration says of all queues, as last loaded; languages as at the start.
func (a *App) house() desk.House {
	h := desk.House{Languages: a.file.Languages}
	pauses := a.loaded.Load().Operators.Pauses
	for _, key := range slices.Sorted(maps.Keys(pauses)) {
		h.Reasons = append(h.Reasons, pauses[key])
	}
	return h
}

// openControl opens the commands' socket. The folder's lock is ours, so a socket that is
// there already belongs to a process that died.
func (a *App) openControl(context.Context) error {
	path := filepath.Join(a.file.Data, control.Socket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("control socket: %w", err), listener.Close())
	}
	a.serveHTTP("control", listener, a.desk.API())
	return nil
}

// Calls implements desk.Server.
func (a *App) Calls() int { return a.line.Active() }

// Unready implements desk.Server: why no call would be taken now. Of carriers only those count that
// can be asked, and only if none of them answers.
func (a *App) Unready() (why []string) {
	if a.Draining() {
		why = append(why, "draining")
	}
	if up, probed := a.sip.TrunksUp(); probed > 0 && up == 0 {
		why = append(why, "trunks: none of those that are asked answers")
	}
	if err := a.recorder.Healthy(); err != nil {
		why = append(why, "disk: "+err.Error())
	}
	if err := a.store.Healthy(); err != nil {
		why = append(why, "store: "+err.Error())
	}
	return why
}

// Trunks implements desk.Server.
func (a *App) Trunks() []wire.Trunk {
	states := a.sip.Trunks()
	out := make([]wire.Trunk, len(states))
	for i, s := range states {
		out[i] = wire.Trunk{Name: s.Name, In: s.In, Out: s.Out, Hosts: make([]wire.TrunkHost, len(s.Hosts))}
		if s.Asked {
			out[i].Up = &s.Up
		}
		if s.Registers {
			out[i].Registered = &s.Registered
		}
		if s.Calls > 0 {
			out[i].Calls = &s.Calls
		}
		for j, h := range s.Hosts {
			out[i].Hosts[j] = wire.TrunkHost{Address: h.Address.String(), Transport: h.Transport, Up: h.Up}
		}
	}
	return out
}

// Client is the commands' way to a data folder: through the running server, or where none
// runs straight into the rows, with the folder locked. done must be called at the end.
func Client(f *configs.File) (client *control.Client, done func(), err error) {
	client, err = control.Dial(f.Data)
	if err == nil || !errors.Is(err, control.ErrNoServer) {
		return client, func() {}, err
	}
	if err := os.MkdirAll(f.Data, 0o700); err != nil {
		return nil, nil, fmt.Errorf("data: make the folder: %w", err)
	}
	if err := backup.Whole(f.Data); err != nil {
		return nil, nil, err
	}
	lock, err := store.Lock(f.Data)
	if err != nil {
		return nil, nil, err
	}
	log := NewLog(warnLevel)
	s, err := store.Open(store.Options{Dir: f.Data, Log: log, Metrics: unseen()})
	if err != nil {
		return nil, nil, errors.Join(err, lock.Unlock())
	}
	var opened *evidence
	links := sync.OnceValues(func() (e *evidence, err error) { // few commands need it
		opened, err = openEvidence(f.Data)
		return opened, err
	})
	open := unwrapLater(f)
	k, err := newKeeper(keepOptions{store: s, file: func() *configs.File { return f }, metrics: unseen(), now: time.Now, log: log, evidence: links, unwrap: open, away: awayOf(f, log)})
	if err != nil {
		return nil, nil, errors.Join(err, s.Close(), lock.Unlock())
	}
	d := desk.New(desk.Options{
		Holds: k, Purger: k, Listening: k,
		Calls: records{s}, Traces: looks{writtenIn(traces(f)), s, log}, Users: people{s, f.SIP.Phones.Realm, func(context.Context) error { return nil }},
		Copies:     newCopies(k, time.Now, log),
		Recordings: sounds{s, f.Data, links, nil, open, awayOf(f, log), f.Recording.Second}, QueueLog: queueLogs{s, func() []string { return queueNames(f) }, log}, Log: log,
	})
	return control.InProcess(desk.ComesFrom(console(os.Getuid()), d.API())), func() {
		k.Close()
		if opened != nil {
			opened.Close()
		}
		s.Close()
		lock.Unlock()
	}, nil
}

// records show the store's rows to the desk.
type records struct{ s *store.Store }

func (r records) Calls(ctx context.Context, f wire.CallFilter) ([]call.Record, error) {
	return r.s.Calls(ctx, store.Filter{Since: f.Since, Limit: f.Limit, All: f.All})
}

func (r records) Call(ctx context.Context, id call.ID) (call.Record, error) {
	record, err := r.s.Call(ctx, id)
	return record, known(err)
}

func (r records) Find(ctx context.Context, prefix string) (call.ID, error) {
	id, err := r.s.FindCall(ctx, prefix)
	return id, known(err)
}

func (r records) Events(ctx context.Context, id call.ID) ([]call.Event, error) {
	return r.s.Events(ctx, id)
}

// known puts the store's "not known" into the desk's words.
func known(err error) error {
	switch {
	case errors.Is(err, store.ErrUnknown):
		return fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrManyFit), errors.Is(err, store.ErrNotFit):
		return fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	return err
}

// people change the store's users and tell the floor.
type people struct {
	s       *store.Store
	realm   string
	changed func(context.Context) error
}

func (p people) List(ctx context.Context) ([]wire.User, error) {
	users, err := p.s.Users(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]wire.User, len(users))
	for i, u := range users {
		out[i] = wire.User{Name: u.Name, Role: u.Role, Queues: u.Queues, Skills: wire.Skills(u.Skills), Phone: u.Phone, AutoAnswer: u.AutoAnswer, Disabled: u.Disabled, Languages: []string{}}
		for _, l := range u.Languages {
			out[i].Languages = append(out[i].Languages, string(l))
		}
		if u.Queues == nil {
			out[i].Queues = []string{}
		}
	}
	return out, nil
}

func (p people) Add(ctx context.Context, n wire.NewUser) (made wire.MadeUser, err error) {
	u := store.User{Name: n.Name, Role: n.Role, Queues: n.Queues, Skills: n.Skills, AutoAnswer: n.AutoAnswer}
	for _, l := range n.Languages {
		u.Languages = append(u.Languages, call.Language(l))
	}
	if err := u.Check(); err != nil {
		return made, fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	made.Name = n.Name
	if n.MakePassword {
		n.Password = newPassword()
		made.Password = n.Password
	}
	if err := p.s.AddUser(ctx, u, n.Password); err != nil {
		return made, known(err)
	}
	switch {
	case n.SIPSecret != "":
		err = p.s.SetSIPSecret(ctx, n.Name, p.realm, n.SIPSecret)
		made.SIP = &wire.SIP{User: n.Name, Secret: n.SIPSecret}
	case n.Phone:
		made.SIP = &wire.SIP{User: n.Name}
		made.SIP.Secret, err = p.s.MakePhone(ctx, n.Name, p.realm)
	}
	if err != nil {
		return made, err
	}
	return made, p.changed(ctx)
}

// newPassword is 15 random bytes as text: 120 bits.
func newPassword() string {
	b := make([]byte, 15)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p people) Change(ctx context.Context, name string, to wire.UserChange) error {
	var errs []error
	if to.AutoAnswer != nil {
		errs = append(errs, p.s.SetAutoAnswer(ctx, name, *to.AutoAnswer))
	}
	if to.Skills != nil {
		errs = append(errs, p.s.SetSkills(ctx, name, *to.Skills))
	}
	if to.Queues != nil {
		errs = append(errs, p.s.SetQueues(ctx, name, *to.Queues))
	}
	return errors.Join(known(errors.Join(errs...)), p.changed(ctx))
}

func (p people) Disable(ctx context.Context, name string) error {
	if err := p.s.DisableUser(ctx, name); err != nil {
		return known(err)
	}
	return p.changed(ctx)
}

func (p people) SetPassword(ctx context.Context, name, password string) error {
	return known(p.s.SetPassword(ctx, name, password))
}

// sounds show the recordings' folder to the desk.
type sounds struct {
	s        *store.Store
	data     string
	evidence func() (*evidence, error)
	prove    func(ctx context.Context, since time.Time) (wire.Completeness, error) // nil: no server runs
	unwrap   recording.Unwrap                                                      // opens the keys of encrypted recordings; nil: there are none
	away     archived
	second   string // directory of the recordings; empty: none
}

func (a *App) sounds() sounds {
	return sounds{a.store, a.file.Data, func() (*evidence, error) { return a.evidence, nil }, a.reconciler.prove, unwrap(a.keys), a.keptAway, a.file.Recording.Second}
}

func (s sounds) List(context.Context) ([]wire.Recording, error) {
	items, err := recording.List(recordingsIn(s.data))
	if err != nil {
		return nil, err
	}
	out := make([]wire.Recording, len(items))
	for i, it := range items {
		out[i] = wire.Recording{Call: string(it.Call), Path: it.Path, State: it.State, DurationMS: it.Duration.Milliseconds()}
	}
	return out, s.locate(out)
}

// everyCall is more records than a folder has.
const everyCall = 1 << 30

// Verify checks every recording, and that every record that names one has it.
func (s sounds) Verify(ctx context.Context) (wire.Verification, error) {
	rows, err := s.s.Calls(ctx, store.Filter{Limit: everyCall, All: true})
	if err != nil {
		return wire.Verification{}, err
	}
	proof, err := heldAgainst(s.data)
	if err != nil {
		return wire.Verification{}, err
	}
	proof.Unwrap = s.unwrap
	for _, r := range rows {
		if r.Recording != "" && !r.Ended.IsZero() {
			proof.Expected = append(proof.Expected, recording.Expected{Call: r.ID, Path: r.Recording})
		}
	}
	faults, err := recording.Verify(recordingsIn(s.data), proof, nil)
	if err != nil {
		return wire.Verification{}, err
	}
	messages, err := recording.VerifyMessages(filepath.Join(s.data, "messages"), nil)
	if err != nil {
		return wire.Verification{}, err
	}
	faults = append(faults, messages...)
	return wire.Verification{Checked: len(proof.Expected), Faults: wireFaults(faults)}, nil
}

// wireFaults are faults as the API tells them.
func wireFaults(faults []recording.Fault) []wire.Fault {
	out := make([]wire.Fault, len(faults))
	for i, f := range faults {
		out[i] = wire.Fault{Call: string(f.Call), Path: f.Path, Problem: f.Problem, Link: f.Link}
	}
	return out
}

// Evidence is the public key of the node, and where its chain ends now.
func (s sounds) Evidence(context.Context) (wire.Evidence, error) {
	e, err := s.evidence()
	if err != nil {
		return wire.Evidence{}, err
	}
	_, line, err := e.Head(node())
	return wire.Evidence{Key: string(e.key.PublicPEM()), Head: string(line)}, err
}
