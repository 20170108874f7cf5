package vault

import (
	"bytes"
	"fmt"
	"io"
)

// The states of a file.
const (
	Complete = "complete" // all frames to the final one
	Cut      = "cut"      // whole frames, and no final one: it is still written, or was interrupted
	Damaged  = "damaged"
)

// A Damage is a place at which a file is not what was written.
type Damage struct {
	Sequence int64  // of the frame that was to stand here
	Offset   int64  // in the file, in bytes
	Sample   int64  // how far the sound reached before it
	Problem  string // what is wrong
}

func (d *Damage) Error() string {
	return fmt.Sprintf("frame %d, after sample %d, at byte %d: %s", d.Sequence, d.Sample, d.Offset, d.Problem)
}

// A Survey is what a file shows of itself.
type Survey struct {
	Header  Header
	State   string   // Complete, Cut or Damaged
	Damages []Damage // in the order in which they stand
	Lost    []Lost   // what the damages took, and what the damaged frames may have replaced
	Samples int64    // that the sound reaches
	Frames  int64    // whole frames of sound
	End     int64    // where the last whole frame ends, in bytes: a cut file is whole again up to here
	Final   bool     // it has its final frame
}

// Scan looks at a file of size bytes without its key: it sees cuts, torn pages, flipped bits and
// frames out of order, but takes the word of who could write anew all that stands behind a place.
// The error is that of reading, or ErrHeader. What lies behind End is to be cut off after a crash.
func Scan(r io.ReaderAt, size int64) (Survey, error) {
	s, err := survey(r, size, nil, new(cloth))
	if err != nil {
		return s, fmt.Errorf("scan recording: %w", err)
	}
	return s, nil
}

// A trial opens a frame. It gets the whole of it, and may keep nothing.
type trial func(f *frame, whole []byte) (plain []byte, err error)

// survey reads a whole file. Without a trial it takes each frame's word.
func survey(r io.ReaderAt, size int64, try func(Header, []byte) (trial, error), to *cloth) (Survey, error) {
	g := &gaze{r: r, size: size}
	b, err := g.view(0, int(min(size, headerLimit)))
	if err != nil {
		return Survey{}, err
	}
	h, n, err := unpackHeader(b)
	if err != nil {
		return Survey{}, err
	}
	s := &surveyor{gaze: g, to: to, last: -1}
	s.Header, s.End = h, int64(n)
	g.sample, to.unit = h.Frame, h.Frame
	if try != nil {
		if s.try, err = try(h, b[:n]); err != nil {
			return s.Survey, err
		}
	}
	err = s.walk()
	if end := to.end(); end < s.Samples { // a damage took the last of it
		to.spans = append(to.spans, span{end, s.Samples, -1})
	}
	s.Lost = to.lost()
	switch {
	case len(s.Damages) > 0:
		s.State = Damaged
	case s.Final:
		s.State = Complete
	default:
		s.State = Cut
	}
	return s.Survey, err
}

// A surveyor goes from frame to frame.
type surveyor struct {
	Survey
	*gaze
	try  trial
	to   *cloth
	last int64         // sequence of the last frame that counted
	tag  [tagSize]byte // its tag
	lost bool          // since then something was met that was no frame of ours

	pending bool // since the last frame that counted there was a damage
}

func (s *surveyor) walk() error {
	for at := s.End; at < s.size; {
		f, b, err := s.frame(at)
		switch {
		case err == nil:
			s.meet(f, b, at)
			at += int64(len(b))
			continue
		case !isBad(err):
			return err
		}
		next, found, ferr := s.seek(at + 1)
		switch {
		case ferr != nil:
			return ferr
		case !found && err == errCut && !s.Final:
			return nil // the rest of a frame: what was being written
		case s.Final:
			s.damage(at, "bytes stand behind the final frame")
		default:
			s.damage(at, err.Error())
		}
		s.lost = true
		if !found {
			return nil
		}
		at = next
	}
	return nil
}

// meet judges a whole frame.
func (s *surveyor) meet(f *frame, b []byte, at int64) {
	var plain []byte
	if s.try != nil {
		var err error
		if plain, err = s.try(f, b); err != nil {
			s.damage(at, err.Error())
			s.lost = true
			return
		}
	}
	seq := int64(f.sequence)
	unsure := false
	switch {
	case s.Final:
		s.damage(at, fmt.Sprintf("frame %d stands behind the final frame", seq))
		return
	case seq <= s.last:
		s.damage(at, fmt.Sprintf("frame %d stands here, which belongs before", seq))
		return
	case s.lost: // told already; the tag of what is lost cannot be compared
	case seq != s.last+1:
		s.damage(at, fmt.Sprintf("frame %d stands here; those before it are missing", seq))
	case f.before != s.tag:
		s.damage(at, "the frame before it is not the one that was written before it")
		unsure = true
	case f.first > s.Samples:
		s.damage(at, "it leaves a hole in the sound")
	}
	if s.pending {
		s.doubt(f, seq-s.last-1, unsure)
	}
	s.lost, s.pending = false, false
	s.last = seq
	copy(s.tag[:], b[len(b)-sumSize-tagSize:])
	s.End = at + int64(len(b))
	if f.kind == kindFinal {
		s.final(f, plain, at)
		return
	}
	s.Frames++
	s.Samples = max(s.Samples, f.first+int64(f.length/s.sample))
	s.to.take(f, at)
}

// doubt gives up what frames that are missing before f may have replaced. Behind the last frame nothing is
// given up: it is the sound as it was then, as it is behind a cut.
func (s *surveyor) doubt(f *frame, missing int64, unsure bool) {
	switch {
	case unsure || missing > remembered || missing > 0 && f.back[missing-1] == tooFar:
		s.to.doubt(s.Samples - LookBack)
	case missing > 0:
		s.to.doubt(f.first - backUnit*int64(f.back[missing-1]))
	}
}

// final judges the final frame.
func (s *surveyor) final(f *frame, plain []byte, at int64) {
	s.Final = true
	switch {
	case len(s.Damages) > 0: // no wonder then
	case f.first != s.Samples || plain != nil && !endsWith(plain, s.Samples, s.Frames):
		s.damage(at, fmt.Sprintf("the final frame does not count %d samples in %d frames", s.Samples, s.Frames))
	}
	s.Samples = max(s.Samples, f.first)
}

// damage notes that something other than the frame after the last stands at a place.
func (s *surveyor) damage(at int64, problem string) {
	s.pending = true
	s.Damages = append(s.Damages, Damage{Sequence: s.last + 1, Offset: at, Sample: s.Samples, Problem: problem})
}

// A gaze looks at a file through a window that moves forward.
type gaze struct {
	r      io.ReaderAt
	size   int64
	sample int
	buf    []byte
	from   int64
	f      frame
}

// view is n bytes of the file from offset at on; they stand until the next view.
func (g *gaze) view(at int64, n int) ([]byte, error) {
	if at >= g.from && at+int64(n) <= g.from+int64(len(g.buf)) {
		return g.buf[at-g.from:][:n], nil
	}
	if g.buf == nil {
		g.buf = make([]byte, 0, min(g.size, 128<<10))
	}
	b := g.buf[:min(int64(cap(g.buf)), g.size-at)]
	done, err := g.r.ReadAt(b, at)
	g.buf, g.from = b[:done], at
	if done < n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF // it has become shorter meanwhile
		}
		return nil, err
	}
	return g.buf[:n], nil
}

// What may be met instead of a frame.
var (
	errCut = fmt.Errorf("the file ends within the frame")
	errSum = fmt.Errorf("its checksum is wrong")
)

func isBad(err error) bool { return err == errCut || err == errSum || err == errHead }

// frame is the whole frame at an offset; its head and bytes stand until the next call.
func (g *gaze) frame(at int64) (*frame, []byte, error) {
	rest := g.size - at
	if rest < headSize {
		return nil, nil, errCut
	}
	b, err := g.view(at, headSize)
	if err != nil {
		return nil, nil, err
	}
	if err := g.f.get(b, g.sample); err != nil {
		return nil, nil, err
	}
	if rest < int64(g.f.size()) {
		return nil, nil, errCut
	}
	if b, err = g.view(at, g.f.size()); err != nil {
		return nil, nil, err
	}
	if !summed(b) {
		return nil, nil, errSum
	}
	return &g.f, b, nil
}

// seek finds the next whole frame from an offset on.
func (g *gaze) seek(at int64) (int64, bool, error) {
	const stride = 32 << 10
	for at+overhead <= g.size {
		n := int(min(stride, g.size-at))
		b, err := g.view(at, n)
		if err != nil {
			return 0, false, err
		}
		i := bytes.Index(b, []byte(mark))
		if i < 0 {
			at += int64(n - len(mark) + 1)
			continue
		}
		at += int64(i)
		_, _, err = g.frame(at)
		if err == nil {
			return at, true, nil
		}
		if !isBad(err) {
			return 0, false, err
		}
		at++
	}
	return 0, false, nil
}

// Reach is how many samples the sound of a file reaches, as its last frames say it. It reads the
// header and the last 64 KiB, and is for a file that is whole or still grows.
func Reach(r io.ReaderAt, size int64) (int64, error) {
	g := &gaze{r: r, size: size}
	b, err := g.view(0, int(min(size, headerLimit)))
	if err != nil {
		return 0, fmt.Errorf("look at recording: %w", err)
	}
	h, n, err := unpackHeader(b)
	if err != nil {
		return 0, fmt.Errorf("look at recording: %w", err)
	}
	g.sample = h.Frame
	reach := int64(0)
	for at := max(int64(n), size-64<<10); ; {
		next, found, err := g.seek(at)
		switch {
		case err != nil:
			return 0, fmt.Errorf("look at recording: %w", err)
		case !found:
			return reach, nil
		}
		at = next + int64(g.f.size())
		if g.f.kind == kindSound {
			reach = max(reach, g.f.first+int64(g.f.length/g.sample))
		}
	}
}
