package sip

import (
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/sip/trace"
)

// A Tracer is told of every SIP message of every call, as it is on the wire, repeats too. It is
// called with the server locked: it must not wait, and must copy the bytes that it keeps.
type Tracer interface {
	Message(m trace.Message)
}

// A witness tells the Tracer of the messages of one leg. It travels with the flows by which they
// go, so that nothing is sent past it; nil tells nobody.
type witness struct {
	s    *Server
	call call.ID
	role call.Role
	peer string
}

// witness of a leg that begins.
func (s *Server) witness(info call.Info) *witness {
	if s.o.Trace == nil {
		return nil
	}
	w := &witness{s: s, call: info.Call, role: info.Role, peer: info.Trunk}
	if w.peer == "" {
		w.peer = info.User
	}
	return w
}

// sent is a message that goes out by f now.
func (w *witness) sent(f flow, b []byte) { w.tell(f, true, b) }

// heard is a message that has come by f. The draft of one that was not read from a socket just
// now has no bytes any more.
func (w *witness) heard(f flow, d *draft) {
	if d.raw != nil {
		w.tell(f, false, d.raw)
	}
}

func (w *witness) tell(f flow, sent bool, b []byte) {
	if w == nil {
		return
	}
	defer func() { // whoever looks on must not end the call
		if p := recover(); p != nil {
			w.s.met.panics.Inc()
			w.s.log.Error("panic recovered", zap.String("door", "trace"), zap.String("panic", panicKind(p)))
		}
	}()
	w.s.o.Trace.Message(trace.Message{
		Call: w.call, Role: w.role, Peer: w.peer, At: time.Now(), Sent: sent, Transport: f.transport(),
		Local: f.local(), Remote: f.peer, Bytes: b,
	})
}

// of notes that a request belongs to a leg, and tells of it. What answers it goes by the same flow.
func (r *request) of(w *witness) {
	r.from.witness = w
	w.heard(r.from, r.draft)
}
