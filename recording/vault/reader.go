package vault

import (
	"cmp"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// ErrKey says that a key is not the one of a recording.
var ErrKey = errors.New("the key is not the one of this recording")

var errForged = errors.New("it was changed, or belongs to another recording")

// endsWith is whether the final frame's plaintext counts so many samples and frames.
func endsWith(plain []byte, samples, frames int64) bool {
	be := binary.BigEndian
	return len(plain) == finalSize && be.Uint64(plain) == uint64(samples) && be.Uint64(plain[8:]) == uint64(frames)
}

// A Reader reads a recording with its key. Its methods may be called from several goroutines.
type Reader struct {
	Survey
	r    io.ReaderAt
	aead cipher.AEAD
	data [sha256.Size]byte
	unit int // bytes of one sample of all channels

	frames []place
	spans  []span // sorted by sample, none overlapping another

	mu    sync.Mutex
	held  int    // the frame whose sound is in plain; -1: none
	plain []byte // of one frame
	buf   []byte
}

// A place is where a frame stands, and which it is.
type place struct {
	at      int64
	first   int64
	counter uint64
	length  int32
}

// A span is a stretch of samples and the frame that has them; -1 for a stretch that is in doubt
// since a damage.
type span struct {
	from, to int64
	frame    int32
}

// Open reads the whole of a file of size bytes, checks each frame and its place, and remembers
// where the sound is. What it finds is in Survey. A recording that is cut or damaged is no error:
// what is whole can be read. The errors are those of reading, ErrHeader and ErrKey.
func Open(r io.ReaderAt, size int64, key Key) (*Reader, error) {
	d := &Reader{r: r, held: -1}
	s, err := survey(r, size, func(h Header, header []byte) (trial, error) {
		if h.Key != key.ID() {
			return nil, fmt.Errorf("%w: it has key %s, this is %s", ErrKey, h.Key, key.ID())
		}
		d.data = digestOf(header)
		d.unit = h.Frame
		d.plain = make([]byte, 0, FrameSamples*h.Frame)
		d.buf = make([]byte, FrameSamples*h.Frame+overhead)
		var err error
		d.aead, err = key.aead(nil, "sound")
		return d.open, err
	}, d)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	d.Survey = s
	d.held = -1
	if d.end() < s.Samples { // a damage took the last of it
		d.spans = append(d.spans, span{d.end(), s.Samples, -1})
	}
	return d, nil
}

// open decrypts a frame. The plaintext stands until the next call.
func (d *Reader) open(f *frame, whole []byte) ([]byte, error) {
	var nonce [nonceSize]byte
	nonceOf(nonce[:], f.counter)
	var data [sha256.Size + headSize]byte
	copy(data[:], d.data[:])
	copy(data[sha256.Size:], whole[:headSize])
	plain, err := d.aead.Open(d.plain[:0], nonce[:], whole[headSize:len(whole)-sumSize], data[:])
	if err != nil {
		return nil, errForged
	}
	return plain, nil
}

func (d *Reader) end() int64 {
	if len(d.spans) == 0 {
		return 0
	}
	return d.spans[len(d.spans)-1].to
}

// take remembers a frame: what it covers is its from now on.
func (d *Reader) take(f *frame, at int64) {
	to := f.first + int64(f.length/d.unit)
	if end := d.end(); f.first > end { // only behind a damage
		d.spans = append(d.spans, span{end, f.first, -1})
	}
	d.cover(span{f.first, to, int32(len(d.frames))})
	d.frames = append(d.frames, place{at: at, first: f.first, counter: f.counter, length: int32(f.length)})
}

// doubt gives up what a frame that is damaged or missing may have replaced.
func (d *Reader) doubt(reach int64) {
	// A final frame in a wrong place may count more than has been seen.
	if from := min(max(0, reach-LookBack), d.end()); from < reach {
		d.cover(span{from, reach, -1})
	}
}

// cover puts a span over those that are there. It begins at most where they end.
func (d *Reader) cover(s span) {
	i, _ := slices.BinarySearchFunc(d.spans, s.from, func(e span, at int64) int { return cmp.Compare(e.to, at+1) })
	j := i
	for j < len(d.spans) && d.spans[j].from < s.to {
		j++
	}
	var with [3]span
	n := 0
	if i < j && d.spans[i].from < s.from {
		with[n] = span{d.spans[i].from, s.from, d.spans[i].frame}
		n++
	}
	with[n] = s
	n++
	if i < j && d.spans[j-1].to > s.to {
		with[n] = span{s.to, d.spans[j-1].to, d.spans[j-1].frame}
		n++
	}
	d.spans = slices.Replace(d.spans, i, j, with[:n]...)
}

// A Lost is a stretch of samples that cannot be read, or not be believed, because of a damage.
type Lost struct{ From, To int64 }

func (l *Lost) Error() string {
	return fmt.Sprintf("samples %d to %d are lost: the recording is damaged", l.From, l.To)
}

// Lost are the stretches that a damage took: what the damaged frames may have held, and LookBack
// before them, which they may have replaced.
func (d *Reader) Lost() (all []Lost) {
	for _, s := range d.spans {
		switch {
		case s.frame >= 0:
		case len(all) > 0 && all[len(all)-1].To == s.from:
			all[len(all)-1].To = s.to
		default:
			all = append(all, Lost{s.from, s.to})
		}
	}
	return all
}

// spanAt is the span that has a sample.
func (d *Reader) spanAt(sample int64) span {
	i, _ := slices.BinarySearchFunc(d.spans, sample, func(e span, at int64) int { return cmp.Compare(e.to, at+1) })
	return d.spans[i]
}

// load decrypts a frame, if it is not there already.
func (d *Reader) load(n int) error {
	if d.held == n {
		return nil
	}
	d.held = -1
	p := d.frames[n]
	b := d.buf[:int(p.length)+overhead]
	if _, err := d.r.ReadAt(b, p.at); err != nil {
		return err
	}
	var f frame
	err := f.get(b, d.Header.Frame)
	if err == nil && (f.counter != p.counter || f.length != int(p.length)) {
		err = errForged
	}
	var plain []byte
	if err == nil {
		plain, err = d.open(&f, b)
	}
	if err != nil {
		return fmt.Errorf("the frame at byte %d has changed since the file was opened: %w", p.at, err)
	}
	d.plain, d.held = plain, n
	return nil
}
