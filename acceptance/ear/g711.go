package ear

// The tables of ITU-T G.711, by the arithmetic of the recommendation.
var alawPCM, ulawPCM = func() (a, u [256]int16) {
	for i := range 256 {
		a[i], u[i] = alawSample(byte(i)), ulawSample(byte(i))
	}
	return a, u
}()

// alawSample decodes one A-law byte, 13 bits scaled to 16.
func alawSample(b byte) int16 {
	b ^= 0x55
	segment := b >> 4 & 7
	v := int(b&15)<<4 | 8
	if segment > 0 {
		v = (v | 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

// ulawSample decodes one µ-law byte, 14 bits scaled to 16.
func ulawSample(b byte) int16 {
	const bias = 33 << 2
	b = ^b
	v := (int(b&15)<<3|bias)<<(b>>4&7) - bias
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

// A Law is one of the two ways in which G.711 codes a sample in a byte. Its value is the payload
// type of RTP (RFC 3551 §6).
type Law int

// The two laws.
const (
	MuLaw Law = 0
	ALaw  Law = 8
)

// decode gives the samples of coded sound.
func (l Law) decode(coded []byte) []int16 {
	table := &alawPCM
	if l == MuLaw {
		table = &ulawPCM
	}
	pcm := make([]int16, len(coded))
	for i, b := range coded {
		pcm[i] = table[b]
	}
	return pcm
}
