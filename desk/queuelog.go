package desk

import (
	"cmp"
	"net/http"

	"hotline/call/wire"
)

// queueLog streams: it may be long, or without an end.
func (d *Desk) queueLog(w http.ResponseWriter, r *http.Request) {
	ask, err := queueLogAsk(r)
	if err == nil && ask.Follow && d.o.Server == nil {
		err = errNoServer // nothing will happen
	}
	if err == nil && d.o.QueueLog == nil {
		err = ErrNotFound
	}
	if err != nil {
		d.answer(func(*http.Request) (any, error) { return nil, err })(w, r)
		return
	}
	out := &stream{w: w}
	if err := d.o.QueueLog.QueueLog(r.Context(), out, ask); err != nil && r.Context().Err() == nil {
		if out.begun {
			panic(http.ErrAbortHandler) // whoever reads is to know that it is not whole
		}
		d.answer(func(*http.Request) (any, error) { return nil, err })(w, r)
		return
	}
	out.begin()
}

func queueLogAsk(r *http.Request) (ask wire.QueueLog, err error) {
	if ask.Since, err = sinceOf(r); err != nil {
		return ask, err
	}
	if ask.Numbers, err = flagOf(r, "numbers"); err != nil {
		return ask, err
	}
	ask.Follow, err = flagOf(r, "follow")
	return ask, err
}

// A stream is an answer that leaves as it is written.
type stream struct {
	w     http.ResponseWriter
	kind  string // media type; empty: text
	begun bool
}

func (s *stream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	s.w.Header().Set("Content-Type", cmp.Or(s.kind, "text/plain; charset=utf-8"))
	s.w.Header().Set("Cache-Control", "no-store")
	s.w.Header().Set("X-Content-Type-Options", "nosniff")
	s.w.WriteHeader(http.StatusOK)
}

func (s *stream) Write(b []byte) (int, error) {
	s.begin()
	n, err := s.w.Write(b)
	if f, ok := s.w.(http.Flusher); ok {
		f.Flush()
	}
	return n, err
}
