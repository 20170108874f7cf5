package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/control"
	"hotline/desk"
	"hotline/store"
)

// openDesk opens the listeners of people and dashboards.
func (a *App) openDesk(context.Context) error {
	day := &today{book: a.store.Book(), zone: a.file.Zone(), now: time.Now}
	a.desk = desk.New(desk.Options{
		Calls:      records{a.store},
		Traces:     looks{a.traces.Messages, a.store, a.log.Named("trace")},
		Floor:      a.floor,
		Operators:  a.floor,
		House:      a.house,
		Today:      day.count,
		Users:      people{a.store, a.file.SIP.Phones.Realm, a.loadOperators},
		Callbacks:  a.callbacks,
		Gate:       a.gate,
		Cases:      a.register,
		Copies:     newCopies(a.keeper, a.o.Now, a.log),
		Pauses:     a.line,
		Recordings: a.sounds(),
		Keeping:    a.keeper,
		QueueLog:   queueLogs{a.store, a.queueNames, a.log.Named("queuelog")},
		Server:     a,
		Version:    a.o.Version,
		Log:        a.log.Named("desk"),
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

// serveHTTP serves what comes to a listener until the server stops.
func (a *App) serveHTTP(name string, l net.Listener, h http.Handler) {
	log := a.log.Named(name)
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	server.ErrorLog, _ = zap.NewStdLogAt(log, zap.WarnLevel) // fails only on a level that does not exist
	if l.Addr().Network() == "unix" {
		server.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return desk.WithFrom(ctx, peer(c)) }
	}
	go func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Error("the listener ended", zap.Error(err))
		}
	}()
	a.steps.push(name, 5*time.Second, func(ctx context.Context) error {
		polite, cancel := context.WithTimeout(ctx, 4*time.Second)
		defer cancel()
		if server.Shutdown(polite) == nil {
			return nil
		}
		return server.Close() // whoever reads that slowly is cut off
	})
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
