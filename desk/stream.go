package desk

import (
	"io"
	"net/http"
)

// stream answers with what write writes, as it is written. An error before the first byte is a problem; one that
// comes later breaks the answer off.
func (d *Desk) stream(w http.ResponseWriter, r *http.Request, kind string, write func(io.Writer) error) {
	out := &stream{w: w, kind: kind}
	switch err := write(out); {
	case err != nil && out.begun:
		panic(http.ErrAbortHandler) // whoever reads is to know that it is not whole
	case err != nil:
		d.problem(w, r, err)
	default:
		out.begin()
	}
}

// A stream is an answer that leaves as it is written.
type stream struct {
	w     http.ResponseWriter
	kind  string // media type
	begun bool
}

func (s *stream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	s.w.Header().Set("Content-Type", s.kind)
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
