package vault

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

const (
	// FrameSamples is the most one frame of sound holds: 200 ms at 8 kHz.
	FrameSamples = 1600

	// LookBack is how far before the end a write may begin, in samples: 2 s at 8 kHz, which is
	// what a recorder keeps in memory. A reader that met a damage doubts as much before it.
	LookBack = 16000

	maxFrameBytes = 16 // of one sample of all channels

	// remembered is of how many frames before it each frame says where they began: who reads behind a
	// damage knows of so many that are missing what they can have replaced. They are 1.5 s, more than
	// a power cut takes.
	remembered = 15

	backUnit = 80  // samples
	tooFar   = 255 // units

	headSize  = 64
	tagSize   = 16
	sumSize   = 4
	nonceSize = 12
	overhead  = headSize + tagSize + sumSize
	finalSize = 16
)

// mark begins each frame. No sound is in the clear, so it is met by chance only.
const mark = "\xF1rec"

// The kinds of frames.
const (
	kindSound = 1
	kindFinal = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frame is what the head of one says.
type frame struct {
	kind     byte
	length   int // of the ciphertext
	sequence uint32
	counter  uint64
	first    int64
	before   [tagSize]byte
	back     [remembered]byte // see Writer.back
}

// size is the whole of the frame in bytes.
func (f frame) size() int { return f.length + overhead }

// put writes the head.
func (f *frame) put(b []byte) {
	be := binary.BigEndian
	copy(b, mark)
	b[4], b[5], b[6], b[7] = f.kind, 0, 0, 0
	be.PutUint32(b[8:], uint32(f.length))
	be.PutUint32(b[12:], f.sequence)
	be.PutUint64(b[16:], f.counter)
	be.PutUint64(b[24:], uint64(f.first))
	copy(b[32:48], f.before[:])
	copy(b[48:63], f.back[:])
	b[63] = 0
}

var errHead = errors.New("no frame begins here")

// farthest is the highest sample a head may name: 2⁴⁰, four years.
const farthest = 1 << 40

// get reads a head of a file whose samples have so many bytes. It takes only what put may have written.
func (f *frame) get(b []byte, sample int) error {
	be := binary.BigEndian
	if string(b[:4]) != mark || b[5]|b[6]|b[7]|b[63] != 0 {
		return errHead
	}
	length, first := be.Uint32(b[8:]), be.Uint64(b[24:])
	f.kind, f.length, f.first = b[4], int(length), int64(first)
	f.sequence, f.counter = be.Uint32(b[12:]), be.Uint64(b[16:])
	copy(f.before[:], b[32:48])
	copy(f.back[:], b[48:63])
	switch {
	case first > farthest:
		return errHead
	case f.kind == kindFinal && length == finalSize:
		return nil
	case f.kind == kindSound && length > 0 && length <= uint32(FrameSamples*sample) && f.length%sample == 0:
		return nil
	}
	return errHead
}

// nonceOf writes the nonce of a counter.
func nonceOf(b []byte, counter uint64) {
	clear(b[:nonceSize-8])
	binary.BigEndian.PutUint64(b[nonceSize-8:nonceSize], counter)
}

// summed is whether a whole frame's checksum is right.
func summed(b []byte) bool {
	n := len(b) - sumSize
	return crc32.Checksum(b[:n], castagnoli) == binary.BigEndian.Uint32(b[n:])
}
