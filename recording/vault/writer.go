package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"hotline/call"
)

// batch is how many frames are written at a time at most: 3.2 s, more than a recorder holds back.
const batch = 16

// Format is what a Writer must know of the WAV that it stands for.
type Format struct {
	Call  call.ID
	Codec string // as the manifest names it
	Rate  int    // samples a second
	Frame int    // bytes of one sample of all channels, 1 to 16
	Head  int64  // size of the WAV's header in bytes: at this offset sample 0 begins
}

// A Writer appends the sound of one recording to its file. To who writes it looks like the WAV
// that it stands for. One goroutine uses it.
type Writer struct {
	form   Format
	file   io.WriterAt
	key    Key
	aead   cipher.AEAD
	header []byte

	headed  bool
	ended   bool   // the final frame is in the file
	torn    bool   // behind at there may be the rest of a write that failed
	counter uint64 // of the last frame that was sealed, whether it came into the file or not

	at    int64         // where the next frame goes
	next  uint32        // its sequence
	last  [tagSize]byte // the tag of the frame before it
	reach int64         // samples in the file

	firsts [remembered + batch]int64 // where frames begin, by sequence; those of a failed write do not touch the others

	data  [sha256.Size + headSize]byte // associated data: the header's digest, and room for a head
	nonce [nonceSize]byte
	buf   *Buffer
}

// A Buffer is where frames are made, for Writers whose WriteAt one goroutine calls: what one call has
// just used is in the processor's cache for the next.
type Buffer struct {
	b    []byte
	ends [batch]int // of the frames in b
}

// NewWriter makes a Writer with a key of its own. It writes nothing yet, and needs Onto first.
func NewWriter(form Format) (*Writer, error) {
	w := &Writer{form: form, key: newKey(), buf: new(Buffer)}
	var id [16]byte
	rand.Read(id[:]) // never fails
	h := Header{
		Version: version, Call: form.Call, Codec: form.Codec, Rate: form.Rate, Frame: form.Frame,
		AEAD: AEAD, Key: w.key.ID(), File: hex.EncodeToString(id[:]),
	}
	err := h.check()
	if err == nil {
		w.header, err = h.pack()
	}
	if err == nil {
		w.aead, err = w.key.aead(nil, "sound")
	}
	if err != nil {
		return nil, fmt.Errorf("encrypt recording: %w", err)
	}
	digest := digestOf(w.header)
	copy(w.data[:], digest[:])
	w.at = int64(len(w.header))
	return w, nil
}

// Key is the recording's key, to be sealed by a Keyring.
func (w *Writer) Key() Key { return w.key }

// Onto says what is written to: a file that is empty and nobody else's. Where it has a method
// Truncate, as an os.File has, what a failed write has left is cut off before the next.
func (w *Writer) Onto(file io.WriterAt) { w.file = file }

// Share makes WriteAt use a buffer that other Writers use too. Finish does not.
func (w *Writer) Share(b *Buffer) { w.buf = b }

// Head is the file's header, with which it begins.
func (w *Writer) Head() []byte { return bytes.Clone(w.header) }

// Size is the size in bytes of what the file holds: all behind it is the rest of a failed write.
func (w *Writer) Size() int64 { return w.at }

// Samples is the number of samples in the file, Frames that of its frames of sound.
func (w *Writer) Samples() int64 { return w.reach }

// Frames is the number of frames of sound in the file.
func (w *Writer) Frames() int64 {
	if w.ended {
		return int64(w.next) - 1
	}
	return int64(w.next)
}

var (
	errNoFile = errors.New("the file is not there yet")
	errEnded  = errors.New("the recording has its final frame; nothing may come behind it")
)

// WriteAt takes the bytes p of the WAV from offset off on and appends them in frames, with one
// write to the file for up to 3.2 s. What lies in the WAV's header is passed over: a Reader is given
// a header anew. Sound comes in whole samples, begins at most LookBack before the end so far, and
// not behind it.
//
// After an error n says how much of p is in whole frames in the file, which stay readable. What
// follows them may be written again, changed or not.
func (w *Writer) WriteAt(p []byte, off int64) (n int, err error) {
	switch {
	case w.file == nil:
		return 0, errNoFile
	case w.ended:
		return 0, errEnded
	case off < 0:
		return 0, fmt.Errorf("offset %d is before the file", off)
	}
	if err := w.begin(); err != nil {
		return 0, err
	}
	if off < w.form.Head {
		n = min(len(p), int(w.form.Head-off))
		p, off = p[n:], w.form.Head
	}
	size := w.form.Frame
	first := (off - w.form.Head) / int64(size)
	switch {
	case len(p) == 0:
		return n, nil
	case (off-w.form.Head)%int64(size) != 0 || len(p)%size != 0:
		return n, fmt.Errorf("sound comes in samples of %d bytes; %d bytes at offset %d are no whole ones", size, len(p), off)
	case first > w.reach:
		return n, fmt.Errorf("sample %d would leave a hole; the file ends with %d samples", first, w.reach)
	case first < w.reach-LookBack:
		return n, fmt.Errorf("sample %d is too old; the file ends with %d, and what is older than %d samples stays", first, w.reach, LookBack)
	}
	for len(p) > 0 {
		part := min(len(p), batch*FrameSamples*size)
		done, err := w.sound(p[:part], first)
		n += done
		if err != nil {
			return n, err
		}
		p, first = p[part:], first+int64(part/size)
	}
	return n, nil
}

// begin writes the header, where it is not there yet, and cuts off what a failed write has left.
func (w *Writer) begin() error {
	if w.torn {
		if f, ok := w.file.(interface{ Truncate(int64) error }); ok {
			end := w.at
			if !w.headed {
				end = 0
			}
			if err := f.Truncate(end); err != nil {
				return fmt.Errorf("cut off what a failed write has left: %w", err)
			}
		}
		w.torn = false
	}
	if w.headed {
		return nil
	}
	if _, err := w.write(w.header, 0); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	w.headed = true
	return nil
}

// sound appends up to batch frames of sound from sample first on. It returns the bytes of p that
// are in the file.
func (w *Writer) sound(p []byte, first int64) (n int, err error) {
	size := FrameSamples * w.form.Frame
	f := frame{kind: kindSound, sequence: w.next, first: first, before: w.last}
	buf := w.buf.b[:0]
	frames := 0
	for rest := p; len(rest) > 0; frames++ {
		f.length = min(size, len(rest))
		buf = w.seal(buf, &f, rest[:f.length])
		w.buf.ends[frames] = len(buf)
		f.first += int64(f.length / w.form.Frame)
		rest = rest[f.length:]
	}
	w.buf.b = buf
	done, err := w.write(buf, w.at)
	whole := 0
	for whole < frames && w.buf.ends[whole] <= done {
		whole++
	}
	if whole > 0 {
		end := w.buf.ends[whole-1]
		n = min(whole*size, len(p))
		copy(w.last[:], buf[end-sumSize-tagSize:])
		w.at += int64(end)
		w.next += uint32(whole)
		w.reach = max(w.reach, first+int64(n/w.form.Frame))
	}
	return n, err
}

// Finish appends the final frame. Behind it nothing can be written; a second Finish does nothing.
func (w *Writer) Finish() error {
	switch {
	case w.file == nil:
		return errNoFile
	case w.ended:
		return nil
	}
	if err := w.begin(); err != nil {
		return err
	}
	var plain [finalSize]byte
	binary.BigEndian.PutUint64(plain[:], uint64(w.reach))
	binary.BigEndian.PutUint64(plain[8:], uint64(w.next))
	f := frame{kind: kindFinal, length: finalSize, sequence: w.next, first: w.reach, before: w.last}
	b := w.seal(make([]byte, 0, overhead+finalSize), &f, plain[:])
	if _, err := w.write(b, w.at); err != nil {
		return fmt.Errorf("final frame: %w", err)
	}
	w.at += int64(len(b))
	w.next++
	w.ended = true
	return nil
}

// seal appends a frame to buf under a nonce that was never used, and makes f the one after it.
func (w *Writer) seal(buf []byte, f *frame, plain []byte) []byte {
	w.counter++
	f.counter = w.counter
	f.back = w.back(f)
	nonceOf(w.nonce[:], f.counter)
	head := w.data[sha256.Size:]
	f.put(head)
	from := len(buf)
	buf = append(buf, head...)
	buf = w.aead.Seal(buf, w.nonce[:], plain, w.data[:])
	copy(f.before[:], buf[len(buf)-tagSize:])
	buf = binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf[from:], castagnoli))
	f.sequence++
	return buf
}

// back says how far before a frame's first sample the earliest of the frames before it begins.
func (w *Writer) back(f *frame) (back [remembered]byte) {
	w.firsts[f.sequence%uint32(len(w.firsts))] = f.first
	least := f.first
	for i := range back {
		if uint32(i) < f.sequence {
			least = min(least, w.firsts[(f.sequence-1-uint32(i))%uint32(len(w.firsts))])
		}
		back[i] = byte(min((f.first-least+backUnit-1)/backUnit, tooFar))
	}
	return back
}

// write writes to the file. After an error something unknown may stand behind at.
func (w *Writer) write(b []byte, at int64) (int, error) {
	n, err := w.file.WriteAt(b, at)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.torn = true
	}
	return n, err
}
