package recording

import (
	"io"
	"math"
	"slices"

	"hotline/call"
)

const (
	// windowSamples is how much of a call is kept in memory so that late packets still find
	// their place: 2 s.
	windowSamples = 2 * call.ClockRate

	// maxSamples is the longest a recording may be: 24 h. It keeps the sizes of a WAV, which
	// are 32 bits, far from their end, whatever a packet claims.
	maxSamples = 24 * 3600 * call.ClockRate
)

// A stretch is a stretch of a call in samples.
type stretch struct{ from, to int64 }

// A window is the end of a call's sound: the last two seconds, as they lie in the file, with
// what of them the file does not have yet. One goroutine uses it.
type window struct {
	file   io.WriterAt // nil while there is none
	format format
	buf    []byte // a circle of windowSamples

	end     int64   // samples the call has so far
	dirty   stretch // not in the file yet
	written int64   // samples in the file
	failed  bool    // the last write failed: the oldest is given up where room is needed

	peaks tally // of what has left the window

	lost func(stretch)     // told what was given up
	took func(bytes int64) // told what was written
}

func newWindow(f format, lost func(stretch), took func(int64)) *window {
	return &window{
		format: f, buf: make([]byte, windowSamples*f.frame()), peaks: tally{cells: make([]byte, 0, cellSize*cellsAtFirst)}, lost: lost, took: took,
	}
}

// put writes a payload to a channel at sample pos, and reports whether any of it still found its
// place. What lies in one of the closed stretches, or before the answer, is left out.
func (w *window) put(ch call.Channel, pos int64, payload []byte, codec call.Codec, closed []stretch) bool {
	to := pos + int64(len(payload))
	from := max(pos, 0)
	for _, c := range slices.Backward(closed) {
		if c.to <= from {
			break
		}
		switch {
		case c.from <= from:
			from = c.to
		case c.from < to:
			to = c.from
		}
	}
	if to > maxSamples || from >= to {
		return true
	}
	w.grow(to)
	from = max(from, w.end-windowSamples)
	if from >= to {
		return false
	}
	w.format.fill(w.buf, int(from%windowSamples), int(ch&1), payload[from-pos:to-pos], codec)
	w.mark(from, to)
	return true
}

// mark adds a stretch to what is to be written.
func (w *window) mark(from, to int64) {
	if w.clean() {
		w.dirty = stretch{from, to}
		return
	}
	w.dirty = stretch{min(w.dirty.from, from), max(w.dirty.to, to)}
}

// grow makes the call at least to samples long, with silence.
func (w *window) grow(to int64) {
	to = min(to, maxSamples)
	for w.end < to {
		room := int64(windowSamples)
		if !w.clean() {
			room = w.dirty.from + windowSamples - w.end
		}
		if room == 0 {
			w.makeRoom(min(to-w.end, windowSamples))
			continue
		}
		n := min(to-w.end, room)
		w.leave(n)
		w.format.hush(w.buf, int(w.end%windowSamples), int(n))
		w.mark(w.end, w.end+n)
		w.end += n
	}
}

// makeRoom writes what is not written yet, or gives up the oldest n samples of it.
func (w *window) makeRoom(n int64) {
	if !w.failed && w.flush() == nil {
		return
	}
	n = min(n, w.dirty.to-w.dirty.from)
	w.peaks.doubtful = true
	w.lost(stretch{w.dirty.from, w.dirty.from + n})
	w.dirty.from += n
}

// clean says that the file has all there is.
func (w *window) clean() bool { return w.dirty.from == w.dirty.to }

// flush writes what is not in the file yet. After an error what could not be written is still
// there, to be tried again.
func (w *window) flush() error {
	if w.clean() {
		return nil
	}
	err := w.write()
	w.failed = err != nil
	return err
}

func (w *window) write() error {
	if w.file == nil {
		return errNoFile
	}
	if err := w.bridge(); err != nil {
		return err
	}
	frame := int64(w.format.frame())
	for w.dirty.from < w.dirty.to {
		at := w.dirty.from % windowSamples
		n := min(w.dirty.to-w.dirty.from, windowSamples-at)
		done, err := w.file.WriteAt(w.buf[at*frame:(at+n)*frame], w.format.offset(w.dirty.from))
		w.took(int64(done))
		w.dirty.from += int64(done) / frame
		w.written = max(w.written, w.dirty.from)
		if err != nil {
			return err
		}
	}
	return nil
}

// bridge fills the file with silence up to what is to be written, where a failing disk made
// us give something up. A hole would read as zeros, which G.711 takes for the loudest value.
func (w *window) bridge() error {
	if w.written >= w.dirty.from {
		return nil
	}
	quiet := make([]byte, call.ClockRate*w.format.frame())
	w.format.hush(quiet, 0, call.ClockRate)
	for w.written < w.dirty.from {
		n := min(w.dirty.from-w.written, call.ClockRate)
		done, err := w.file.WriteAt(quiet[:n*int64(w.format.frame())], w.format.offset(w.written))
		w.written += int64(done) / int64(w.format.frame())
		if err != nil {
			return err
		}
	}
	return nil
}

// forever is the end of a stretch that is still open.
const forever = math.MaxInt64
