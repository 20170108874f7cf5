package app

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/configs"
	"hotline/desk"
	"hotline/sip/trace"
	"hotline/store"
)

// traces is the folder of calls' signalling.
func traces(f *configs.File) string { return filepath.Join(f.Data, "traces") }

// openTraces begins to keep the signalling of calls, before there is any.
func (a *App) openTraces() (err error) {
	a.traces, err = trace.New(trace.Options{
		Dir: traces(a.file), Zone: a.file.Zone(), Keep: a.file.Trace.Keep.D(), Memory: a.file.Trace.MemoryMB << 20,
		Log: a.log.Named("trace"), Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	a.steps.closer("traces", a.traces.Close)
	return nil
}

// looks show the signalling of calls to the desk. It holds numbers, so each look is logged and
// stands in the call's journal.
type looks struct {
	of  func(call.ID) ([]trace.Message, error)
	s   *store.Store
	log *zap.Logger
}

// writtenIn reads what is in the folder, where no server has more in memory.
func writtenIn(dir string) func(call.ID) ([]trace.Message, error) {
	return func(id call.ID) ([]trace.Message, error) { return trace.Read(dir, id) }
}

func (l looks) note(id call.ID, as string) {
	l.s.Event(call.Event{At: time.Now(), Call: id, Name: desk.Traced, Data: map[string]string{"as": as}})
	l.log.Info("the signalling of a call was looked at", zap.String("call", string(id)), zap.String("as", as))
}

// Messages implements desk.Traces.
func (l looks) Messages(id call.ID) ([]wire.Message, error) {
	ms, err := l.of(id)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Message, len(ms))
	for i, m := range ms {
		out[i] = wire.Message{
			At: wire.Instant(m.At), Sent: m.Sent, Role: string(m.Role), Peer: m.Peer, Transport: m.Transport,
			Local: m.Local.String(), Remote: m.Remote.String(), Text: string(m.Bytes),
		}
	}
	l.note(id, "ladder")
	return out, nil
}

// Capture implements desk.Traces.
func (l looks) Capture(id call.ID) ([]byte, error) {
	ms, err := l.of(id)
	switch {
	case err != nil:
		return nil, err
	case len(ms) == 0:
		return nil, fmt.Errorf("%w: no signalling of it is kept", desk.ErrNotFound)
	}
	l.note(id, "capture")
	return trace.Capture(ms), nil
}

// Ladder draws what the API tells of a call, in ASCII for terminals that know nothing else.
func Ladder(t wire.Trace, ascii bool) string {
	s := trace.Story{ASCII: ascii}
	for _, m := range t.Messages {
		local, _ := netip.ParseAddrPort(m.Local) // ours are good; a bad one is drawn as none
		remote, _ := netip.ParseAddrPort(m.Remote)
		s.Messages = append(s.Messages, trace.Message{
			Call: call.ID(t.Call.ID), Role: call.Role(m.Role), Peer: m.Peer, At: timeOf(m.At), Sent: m.Sent,
			Transport: m.Transport, Local: local, Remote: remote, Bytes: []byte(m.Text),
		})
	}
	for _, e := range t.Events {
		s.Events = append(s.Events, call.Event{At: timeOf(e.At), Call: call.ID(t.Call.ID), Name: e.Name, Data: e.Data})
	}
	return trace.Draw(s)
}

func timeOf(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}
