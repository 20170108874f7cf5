package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"hotline/media"
)

// A Sound is one channel of samples, ±1 being full scale.
type Sound struct {
	Rate    int // in Hz
	Samples []float64
}

// Seconds is how long the sound lasts.
func (s Sound) Seconds() float64 { return float64(len(s.Samples)) / float64(s.Rate) }

// The sampling rates that are read: all from 8 to 96 kHz that are a multiple of 25 Hz. Another would
// need thousands of filters to become 8 kHz, and nobody records at it.
const (
	lowestRate  = 8000
	highestRate = 96000
	rateStep    = 25
)

// The codings of a WAV file that are read (RFC 2361 and the format tags of Windows).
const (
	tagPCM        = 1
	tagFloat      = 3
	tagALaw       = 6
	tagMuLaw      = 7
	tagExtensible = 0xfffe // the true tag stands in the first two bytes of the GUID
)

// format is the fmt chunk.
type format struct {
	tag, channels, bits int
	rate                int
}

// ReadWAV reads a WAV file of PCM (8, 16, 24, 32 bits, or floats), A-law or μ-law, mono or stereo (which is
// mixed down), at a rate between 8 and 96 kHz. A data chunk whose size was never filled in, as by a program
// that wrote into a pipe, reaches to the end.
func ReadWAV(file []byte) (Sound, error) { return ReadShortWAV(file, math.Inf(1)) }

// A TooLongError says that a sound is longer than it may be.
type TooLongError struct{ Seconds, Most float64 }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("it is %.0f s long, %.0f s are the most", e.Seconds, e.Most)
}

// ReadShortWAV is ReadWAV for a file of at most so many seconds; a longer one, which would fill the memory, is
// a *TooLongError.
func ReadShortWAV(file []byte, most float64) (Sound, error) {
	if len(file) < 12 || string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		return Sound{}, errors.New("this is no WAV file")
	}
	var f *format
	for rest := file[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), uint64(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:]
		if id == "data" {
			if f == nil {
				return Sound{}, errors.New("the WAV file has its data before its format")
			}
			return f.decode(body[:min(size, uint64(len(body)))], most)
		}
		if size > uint64(len(body)) {
			return Sound{}, fmt.Errorf("the WAV file ends inside its %q chunk", id)
		}
		if id == "fmt " {
			got, err := readFormat(body[:size])
			if err != nil {
				return Sound{}, err
			}
			f = &got
		}
		rest = body[min(size+size%2, uint64(len(body))):] // chunks begin at even places
	}
	return Sound{}, errors.New("the WAV file has no data")
}

func readFormat(b []byte) (format, error) {
	if len(b) < 16 {
		return format{}, errors.New("the WAV file has a broken format")
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	f := format{tag: u16(0), channels: u16(2), bits: u16(14)}
	rate := binary.LittleEndian.Uint32(b[4:])
	if f.tag == tagExtensible && len(b) >= 26 {
		f.tag = u16(24)
	}
	switch {
	case f.tag == tagPCM && (f.bits == 8 || f.bits == 16 || f.bits == 24 || f.bits == 32), f.tag == tagALaw && f.bits == 8,
		f.tag == tagMuLaw && f.bits == 8, f.tag == tagFloat && (f.bits == 32 || f.bits == 64):
	case f.tag == tagPCM, f.tag == tagFloat:
		return format{}, fmt.Errorf("the WAV file has %d bits a sample, not 8, 16, 24 or 32", f.bits)
	default:
		return format{}, fmt.Errorf("the WAV file has coding %d, not PCM, A-law or μ-law", f.tag)
	}
	if f.channels != 1 && f.channels != 2 {
		return format{}, fmt.Errorf("the WAV file has %d channels, not 1 or 2", f.channels)
	}
	if rate < lowestRate || rate > highestRate || rate%rateStep != 0 {
		return format{}, fmt.Errorf("the WAV file has a rate of %d Hz, not one from %d to %d such as 48000", rate, lowestRate, highestRate)
	}
	f.rate = int(rate)
	return f, nil
}

// decode makes samples of the data chunk, of at most so many seconds. Half a sample at the end is left.
func (f *format) decode(data []byte, most float64) (Sound, error) {
	width := f.bits / 8
	n := len(data) / (width * f.channels)
	if n == 0 {
		return Sound{}, errors.New("the WAV file has no samples")
	}
	if seconds := float64(n) / float64(f.rate); seconds > most {
		return Sound{}, &TooLongError{Seconds: seconds, Most: most}
	}
	out := Sound{Rate: f.rate, Samples: make([]float64, n)}
	for i := range out.Samples {
		sum := 0.0
		for c := range f.channels {
			sum += f.sample(data[(i*f.channels+c)*width:])
		}
		out.Samples[i] = sum / float64(f.channels) / fullScale
	}
	return out, nil
}

// sample is one, as 16 bits would count it. What is no number, as a file of floats may hold, is silence.
func (f *format) sample(b []byte) float64 {
	le := binary.LittleEndian
	switch {
	case f.tag == tagALaw:
		return float64(media.DecodeALaw(b[0]))
	case f.tag == tagMuLaw:
		return float64(media.DecodeMuLaw(b[0]))
	case f.tag == tagFloat:
		v := float64(math.Float32frombits(le.Uint32(b)))
		if f.bits == 64 {
			v = math.Float64frombits(le.Uint64(b))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0
		}
		return max(-1, min(1, v)) * fullScale
	case f.bits == 8: // without sign
		return (float64(b[0]) - 128) * 256
	case f.bits == 24:
		return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / 65536
	case f.bits == 32:
		return float64(int32(le.Uint32(b))) / 65536
	}
	return float64(int16(le.Uint16(b)))
}

const fullScale = 32768

// PCM rounds the samples to 16 bits. What is over full scale is cut off.
func (s Sound) PCM() []int16 {
	out := make([]int16, len(s.Samples))
	for i, v := range s.Samples {
		out[i] = int16(max(-fullScale, min(fullScale-1, math.RoundToEven(v*fullScale))))
	}
	return out
}

// WriteWAV makes a WAV file of 16-bit PCM, mono.
func WriteWAV(rate int, pcm []int16) []byte {
	size := 2 * len(pcm)
	b := make([]byte, 0, 44+size)
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(36+size))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, tagPCM)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate))
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(size))
	for _, v := range pcm {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

// WriteALaw makes a WAV file of A-law, mono: half the size of 16-bit PCM, and what most telephones
// of the country are sent in any case (ITU-T G.711; RFC 2361 §A.6).
func WriteALaw(rate int, pcm []int16) []byte {
	out := make([]byte, 0, 58+len(pcm)+1)
	u16 := func(v int) { out = binary.LittleEndian.AppendUint16(out, uint16(v)) }
	u32 := func(v int) { out = binary.LittleEndian.AppendUint32(out, uint32(v)) }
	pad := len(pcm) % 2 // chunks begin at even places
	out = append(out, "RIFF"...)
	u32(50 + len(pcm) + pad)
	out = append(out, "WAVEfmt "...)
	u32(18)
	u16(tagALaw)
	u16(1)
	u32(rate)
	u32(rate)
	u16(1)
	u16(8)
	u16(0)
	out = append(out, "fact"...)
	u32(4)
	u32(len(pcm))
	out = append(out, "data"...)
	u32(len(pcm))
	for _, v := range pcm {
		out = append(out, media.EncodeALaw(v))
	}
	return append(out, make([]byte, pad)...)
}
