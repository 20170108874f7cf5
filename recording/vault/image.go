package vault

import (
	"errors"
	"fmt"
	"io"
)

// An Image is a recording as the plain WAV that it stands for, decrypted as it is read.
type Image struct {
	d     *Reader
	head  []byte
	quiet []byte
	at    int64
}

// Image gives the recording as a WAV with this header, whose sizes are to be those of
// Survey.Samples. Reading what a damage took fails with a Lost.
func (d *Reader) Image(head []byte) *Image { return &Image{d: d, head: head} }

// Mend makes an Image read as silence what a damage took, where it would fail otherwise. Quiet is
// one sample of silence in all channels. Whoever does so is to tell of it: see Survey.Lost.
func (m *Image) Mend(quiet []byte) *Image {
	m.quiet = quiet
	return m
}

// Size is the size of the WAV in bytes.
func (m *Image) Size() int64 { return int64(len(m.head)) + m.d.Samples*int64(m.d.Header.Frame) }

// ReadAt is that of io.ReaderAt.
func (m *Image) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("offset %d is before the file", off)
	}
	if off < int64(len(m.head)) {
		n = copy(p, m.head[off:])
	}
	size := m.Size()
	for n < len(p) {
		at := off + int64(n)
		if at >= size {
			return n, io.EOF
		}
		done, err := m.sound(p[n:], at-int64(len(m.head)))
		n += done
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// sound copies sound from one frame, from byte at of the sound on.
func (m *Image) sound(p []byte, at int64) (int, error) {
	d := m.d
	size := int64(d.Header.Frame)
	s := d.spanAt(at / size)
	p = p[:min(int64(len(p)), s.to*size-at)]
	if s.frame < 0 {
		if len(m.quiet) != int(size) {
			return 0, &Lost{s.from, s.to}
		}
		for i := range p {
			p[i] = m.quiet[(at+int64(i))%size]
		}
		return len(p), nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(int(s.frame)); err != nil {
		return 0, err
	}
	return copy(p, d.plain[at-d.frames[s.frame].first*size:]), nil
}

// Read is that of io.Reader.
func (m *Image) Read(p []byte) (int, error) {
	n, err := m.ReadAt(p, m.at)
	m.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Seek is that of io.Seeker.
func (m *Image) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += m.at
	case io.SeekEnd:
		offset += m.Size()
	default:
		return 0, fmt.Errorf("whence %d is not known", whence)
	}
	if offset < 0 {
		return 0, errors.New("before the beginning of the file")
	}
	m.at = offset
	return offset, nil
}
