package ear

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// rate is what the telephone speaks at, in Hz, and all that is heard here.
const rate = 8000

// A Recording is what a file holds: samples at 8 kHz, a channel each. A stereo recording of the
// hotline has the caller in the first and what the caller was sent in the second.
type Recording [][]int16

// ReadWAV reads a WAV file of 16-bit PCM, A-law or µ-law at 8 kHz, with any number of channels. A
// file whose sizes were not filled in, because its writer died or is still at work, is read to its
// end. The error says what the file has instead.
func ReadWAV(path string) (Recording, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := parseWAV(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}

// ReadG711 reads a file of nothing but coded bytes, as sipp plays and Asterisk writes.
func ReadG711(path string, law Law) ([]int16, error) {
	coded, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return law.decode(coded), nil
}

// The format tags of Windows (RFC 2361).
const (
	tagPCM        = 1
	tagALaw       = 6
	tagMuLaw      = 7
	tagExtensible = 0xFFFE // the true tag begins the GUID at byte 24
)

func parseWAV(file []byte) (Recording, error) {
	if len(file) < 12 || string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		return nil, errors.New("this is no WAV file: it does not begin with RIFF and WAVE")
	}
	var format []byte
	for rest := file[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		body := rest[:min(size, int64(len(rest)))]
		switch id {
		case "fmt ":
			format = body
		case "data":
			return samples(format, body)
		}
		rest = rest[min(size+size%2, int64(len(rest))):] // chunks begin at even places
	}
	return nil, errors.New("the WAV file has no data")
}

// samples decodes a data chunk.
func samples(format, data []byte) (Recording, error) {
	if len(format) < 16 {
		return nil, errors.New("the WAV file has no format before its data")
	}
	le := binary.LittleEndian
	tag, channels, hz, bits := le.Uint16(format), int(le.Uint16(format[2:])), le.Uint32(format[4:]), le.Uint16(format[14:])
	if tag == tagExtensible && len(format) >= 26 {
		tag = le.Uint16(format[24:])
	}
	if hz != rate || channels == 0 {
		return nil, fmt.Errorf("the WAV file has %d channels at %d Hz; the ear hears 8000 Hz", channels, hz)
	}
	var all []int16
	switch {
	case tag == tagPCM && bits == 16:
		all = make([]int16, len(data)/2)
		for i := range all {
			all[i] = int16(le.Uint16(data[2*i:]))
		}
	case tag == tagALaw && bits == 8:
		all = ALaw.decode(data)
	case tag == tagMuLaw && bits == 8:
		all = MuLaw.decode(data)
	default:
		return nil, fmt.Errorf("the WAV file has %d bits of format %d; the ear reads 16 bits of PCM (1), A-law (6) and µ-law (7)", bits, tag)
	}
	r := make(Recording, channels)
	for c := range r {
		r[c] = make([]int16, len(all)/channels)
		for i := range r[c] {
			r[c][i] = all[i*channels+c]
		}
	}
	return r, nil
}
