package recording

import (
	"encoding/binary"
	"errors"
	"fmt"

	"hotline/call"
	"hotline/media"
)

var errNoFile = errors.New("the file is not there yet")

// The codings of a file, as the manifest names them.
const (
	codecPCM16 = "pcm16"
	codecALaw  = "alaw"
	codecULaw  = "ulaw"
)

// endless stands for a size that is not known yet. Every player we tried takes it for "until the
// end of the file"; a zero, which some write, is taken for an empty file by several.
const endless = 0xFFFFFFFF

// tables decode and recode G.711. They are made once per Recorder and shared by its recordings.
type tables struct {
	linear [2][256]uint16 // by law: sample
	law    [2][2][256]byte
}

// lawOf is the index of a codec in the tables: 0 for A-law, 1 for µ-law.
func lawOf(c call.Codec) int {
	if c == call.PCMA {
		return 0
	}
	return 1
}

func makeTables() *tables {
	t := new(tables)
	for i := range 256 {
		b := byte(i)
		a, u := media.DecodeALaw(b), media.DecodeMuLaw(b)
		t.linear[0][i], t.linear[1][i] = uint16(a), uint16(u)
		t.law[0][0][i], t.law[0][1][i] = b, media.EncodeMuLaw(a)
		t.law[1][0][i], t.law[1][1][i] = media.EncodeALaw(u), b
	}
	return t
}

// A format is how a file holds its samples.
type format struct {
	codec  string // codecPCM16, codecALaw or codecULaw
	tables *tables
	mono   bool // a message; recordings have two channels
}

// formatFor is the format of a call's file: what the options ask for, in the caller's law.
func formatFor(option string, c call.Codec, t *tables) format {
	switch {
	case option != G711:
		return format{codec: codecPCM16, tables: t}
	case c == call.PCMA:
		return format{codec: codecALaw, tables: t}
	}
	return format{codec: codecULaw, tables: t}
}

// channels is how many there are.
func (f format) channels() int {
	if f.mono {
		return 1
	}
	return 2
}

// sample is the size of one sample of one channel in bytes, frame that of all.
func (f format) sample() int {
	if f.codec == codecPCM16 {
		return 2
	}
	return 1
}

func (f format) frame() int { return f.channels() * f.sample() }

// offset is where sample n begins in the file.
func (f format) offset(n int64) int64 { return int64(f.headSize()) + n*int64(f.frame()) }

// law is the index of a G.711 file's law.
func (f format) law() int {
	if f.codec == codecALaw {
		return 0
	}
	return 1
}

// fill writes a payload into one channel (0 left, 1 right) of the circle buf, from sample at on.
func (f format) fill(buf []byte, at, channel int, payload []byte, c call.Codec) {
	first := min(len(payload), len(buf)/f.frame()-at)
	f.spread(buf[at*f.frame():], channel, payload[:first], c)
	f.spread(buf, channel, payload[first:], c)
}

func (f format) spread(dst []byte, channel int, payload []byte, c call.Codec) {
	if f.codec != codecPCM16 {
		table := &f.tables.law[lawOf(c)][f.law()]
		for i, b := range payload {
			dst[2*i+channel] = table[b]
		}
		return
	}
	table := &f.tables.linear[lawOf(c)]
	for i, b := range payload {
		binary.LittleEndian.PutUint16(dst[4*i+2*channel:], table[b])
	}
}

// hush writes n samples of silence into both channels of the circle buf, from sample at on.
func (f format) hush(buf []byte, at, n int) {
	first := min(n, len(buf)/f.frame()-at)
	f.quiet(buf[at*f.frame() : (at+first)*f.frame()])
	f.quiet(buf[:(n-first)*f.frame()])
}

func (f format) quiet(dst []byte) {
	switch f.codec {
	case codecPCM16:
		clear(dst)
	case codecALaw:
		fillByte(dst, media.Silence(call.PCMA))
	default:
		fillByte(dst, media.Silence(call.PCMU))
	}
}

func fillByte(dst []byte, b byte) {
	for i := range dst {
		dst[i] = b
	}
}

// headSize is the size of the header. A-law and µ-law have the longer fmt chunk and the fact
// chunk that the WAVE format asks for in all that is not PCM.
func (f format) headSize() int {
	if f.codec == codecPCM16 {
		return 44
	}
	return 58
}

// tag is the WAVE format tag.
func (f format) tag() uint16 {
	switch f.codec {
	case codecPCM16:
		return 1
	case codecALaw:
		return 6
	}
	return 7
}

// head is the header of a file with so many samples; negative: of a file that still grows.
func (f format) head(samples int64) []byte {
	riff, data, fact := uint32(endless), uint32(endless), uint32(endless)
	if samples >= 0 {
		data = uint32(samples * int64(f.frame()))
		riff = data + uint32(f.headSize()) - 8
		fact = uint32(samples)
	}
	le := binary.LittleEndian
	b := make([]byte, 0, f.headSize())
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, riff)
	b = append(b, "WAVEfmt "...)
	if f.codec == codecPCM16 {
		b = le.AppendUint32(b, 16)
	} else {
		b = le.AppendUint32(b, 18)
	}
	b = le.AppendUint16(b, f.tag())
	b = le.AppendUint16(b, uint16(f.channels()))
	b = le.AppendUint32(b, call.ClockRate)
	b = le.AppendUint32(b, uint32(call.ClockRate*f.frame()))
	b = le.AppendUint16(b, uint16(f.frame()))
	b = le.AppendUint16(b, uint16(8*f.sample()))
	if f.codec != codecPCM16 {
		b = le.AppendUint16(b, 0) // no extension
		b = append(b, "fact"...)
		b = le.AppendUint32(b, 4)
		b = le.AppendUint32(b, fact)
	}
	b = append(b, "data"...)
	return le.AppendUint32(b, data)
}

// maxHead is the size of the longest header.
const maxHead = 58

// readHead finds the format and the number of samples in the first bytes of a file; samples is
// negative for a file that is still open. It takes only headers that head writes for recordings.
func readHead(b []byte) (f format, samples int64, err error) {
	if len(b) < 44 {
		return f, 0, fmt.Errorf("the file ends in its header, after %d bytes", len(b))
	}
	switch tag := binary.LittleEndian.Uint16(b[20:]); tag {
	case 1:
		f.codec = codecPCM16
	case 6:
		f.codec = codecALaw
	case 7:
		f.codec = codecULaw
	default:
		return f, 0, fmt.Errorf("the header names coding %d", tag)
	}
	n := f.headSize()
	if len(b) < n {
		return f, 0, fmt.Errorf("the file ends in its header, after %d bytes", len(b))
	}
	size := binary.LittleEndian.Uint32(b[n-4:])
	samples = -1
	if size != endless {
		samples = int64(size) / int64(f.frame())
	}
	if string(f.head(samples)) != string(b[:n]) {
		return f, 0, errors.New("the header is not one of ours")
	}
	return f, samples, nil
}
