package vault

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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
	cloth

	mu    sync.Mutex
	held  int    // the frame whose sound is in plain; -1: none
	plain []byte // of one frame
	buf   []byte
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
		d.plain = make([]byte, 0, FrameSamples*h.Frame)
		d.buf = make([]byte, FrameSamples*h.Frame+overhead)
		var err error
		d.aead, err = key.aead(nil, "sound")
		return d.open, err
	}, &d.cloth)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	d.Survey = s
	d.held = -1
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
