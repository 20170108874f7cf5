package media

import "hotline/call"

// G.711 (ITU-T G.711, 11/88). Samples are 16-bit linear, the form that recorders and prompts
// use: A-law's 13 bits and µ-law's 14 stand at the top of it.

// laws holds every answer of G.711, made once from the definitions below: 256 samples a law for
// decoding, the law's byte for each 16-bit sample for encoding, and the two straight
// translations between the laws, by way of the sample.
type laws struct {
	fromA, fromMu [256]int16
	toA, toMu     [65536]byte // index: the sample as uint16
	aToMu, muToA  [256]byte
}

// law is a table of constants: Go has no other way to say so for arrays of this size.
var law = makeLaws()

func makeLaws() *laws {
	l := &laws{}
	for i := range 256 {
		l.fromA[i] = expandA(byte(i))
		l.fromMu[i] = expandMu(byte(i))
	}
	for i := range 65536 {
		l.toA[i] = compressA(int16(uint16(i)))
		l.toMu[i] = compressMu(int16(uint16(i)))
	}
	for i := range 256 {
		l.aToMu[i] = l.toMu[uint16(l.fromA[i])]
		l.muToA[i] = l.toA[uint16(l.fromMu[i])]
	}
	return l
}

// expandA follows G.711 table 1a: even bits inverted on the wire, sign 1 is positive, then a
// segment of 3 bits and an interval of 4; the value is the middle of its interval.
func expandA(b byte) int16 {
	b ^= 0x55
	segment, interval := int(b>>4&7), int(b&15)
	v := interval<<4 + 8
	if segment > 0 {
		v = (v + 256) << (segment - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

// expandMu follows G.711 table 2a: all bits inverted on the wire, and a bias of 33 (132 at
// 16 bits) which makes all eight segments alike.
func expandMu(b byte) int16 {
	b = ^b
	segment, interval := int(b>>4&7), int(b&15)
	v := (interval<<3+132)<<segment - 132
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

// segmentOf is the segment of a magnitude whose segment 0 ends below limit.
func segmentOf(v, limit int) int {
	s := 0
	for v >= limit && s < 7 {
		v >>= 1
		s++
	}
	return s
}

func compressA(sample int16) byte {
	v, sign := int(sample), byte(0x80)
	if v < 0 {
		// The decision value 0 belongs to the positive side, so −1 is the first of the other.
		v, sign = -v-1, 0
	}
	segment := segmentOf(v, 256)
	shift := 4
	if segment > 1 {
		shift = segment + 3
	}
	if segment > 0 {
		return (sign | byte(segment<<4) | byte(v>>shift&15)) ^ 0x55
	}
	return (sign | byte(v>>4)) ^ 0x55
}

func compressMu(sample int16) byte {
	v, sign := int(sample), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v+132, 32767) // the last interval takes all that is louder
	segment := segmentOf(v, 256)
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3)&15))
}

// DecodeALaw is the 16-bit sample of one A-law byte.
func DecodeALaw(b byte) int16 { return law.fromA[b] }

// DecodeMuLaw is the 16-bit sample of one µ-law byte.
func DecodeMuLaw(b byte) int16 { return law.fromMu[b] }

// EncodeALaw is the A-law byte of a 16-bit sample.
func EncodeALaw(s int16) byte { return law.toA[uint16(s)] }

// EncodeMuLaw is the µ-law byte of a 16-bit sample; what is louder than the law can say is cut.
func EncodeMuLaw(s int16) byte { return law.toMu[uint16(s)] }

// Decode writes the samples of src, which is coded by c, to dst and returns how many it wrote:
// the shorter of the two lengths.
func Decode(dst []int16, src []byte, c call.Codec) int {
	table := &law.fromMu
	if c == call.PCMA {
		table = &law.fromA
	}
	n := min(len(dst), len(src))
	for i, b := range src[:n] {
		dst[i] = table[b]
	}
	return n
}

// Encode writes src, coded by c, to dst and returns how many bytes it wrote: the shorter of the
// two lengths.
func Encode(dst []byte, src []int16, c call.Codec) int {
	table := &law.toMu
	if c == call.PCMA {
		table = &law.toA
	}
	n := min(len(dst), len(src))
	for i, s := range src[:n] {
		dst[i] = table[uint16(s)]
	}
	return n
}

// Transcode turns the frame p from one law into the other, in place.
func Transcode(p []byte, from, to call.Codec) {
	if from == to {
		return
	}
	table := &law.muToA
	if from == call.PCMA {
		table = &law.aToMu
	}
	for i, b := range p {
		p[i] = table[b]
	}
}

// Silence is the byte of a codec that stands for the sample nearest to zero.
func Silence(c call.Codec) byte {
	if c == call.PCMA {
		return 0xD5
	}
	return 0xFF
}
