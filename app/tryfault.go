package app

import (
	"encoding/binary"
	"errors"

	"hotline/call"
	"hotline/line"
)

// A mutedNotice is a library whose notice is silence: what `--fault mute-notice` plants.
type mutedNotice struct{ line.Prompts }

func (m mutedNotice) Clip(key string, lang call.Language) *call.Clip {
	c := m.Prompts.Clip(key, lang)
	if key != "notice.recording" || c == nil {
		return c
	}
	quiet := *c
	quiet.PCM = make([]int16, len(c.PCM))
	quiet.ALaw, quiet.MuLaw = make([]byte, len(c.PCM)), make([]byte, len(c.PCM))
	for i := range quiet.ALaw {
		quiet.ALaw[i], quiet.MuLaw[i] = 0xd5, 0xff // the smallest step of each law
	}
	return &quiet
}

// A crossedLeg hands its sound to the recorder with the sides exchanged: what `--fault
// swapped-legs` plants.
type crossedLeg struct{ call.Leg }

func (l crossedLeg) Audio() call.Audio { return crossedAudio{l.Leg.Audio()} }

type crossedAudio struct{ call.Audio }

func (a crossedAudio) Tap(s call.Sink) {
	if s != nil {
		s = crossedSink{s}
	}
	a.Audio.Tap(s)
}

type crossedSink struct{ call.Sink }

func (s crossedSink) Take(f call.Frame) {
	f.Channel = call.Said + call.Heard - f.Channel
	s.Sink.Take(f)
}

// stereo takes the two channels out of a 16-bit stereo WAV file.
func stereo(file []byte) (left, right []int16, err error) {
	const head = 44
	if len(file) < head || string(file[8:12]) != "WAVE" || binary.LittleEndian.Uint16(file[22:]) != 2 {
		return nil, nil, errors.New("it is no stereo WAV file")
	}
	for i := head; i+4 <= len(file); i += 4 {
		left = append(left, int16(binary.LittleEndian.Uint16(file[i:])))
		right = append(right, int16(binary.LittleEndian.Uint16(file[i+2:])))
	}
	return left, right, nil
}
