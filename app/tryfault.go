package app

import (
	"encoding/binary"
	"errors"
	"math"

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

// probe is how many samples of a clip are looked for first: a quarter of a second.
const probe = 2000

// find looks for a clip in a sound: where it begins, and how alike the two are there (0 to 1).
// A stretch of the clip is looked for at every place; the whole is compared at the best one.
func find(pcm, clip []int16) (at int, likeness float64) {
	if len(pcm) < len(clip) || len(clip) < 2*probe {
		return 0, alikeAnywhere(pcm, clip)
	}
	from := loudest(clip)
	best := math.Inf(-1)
	for i := 0; i+len(clip) <= len(pcm); i++ {
		// A first look at every eighth sample is enough to leave the hopeless places.
		if v := correlate(pcm[i+from:i+from+probe], clip[from:from+probe], 8); v > best {
			best, at = v, i
		}
	}
	for i := max(0, at-8); i <= at+8 && i+len(clip) <= len(pcm); i++ {
		likeness = max(likeness, correlate(pcm[i:i+len(clip)], clip, 1))
	}
	return at, likeness
}

// found is the share of a clip's half seconds that are somewhere in a sound: a machine that stalled
// for a moment leaves a gap in the recording where there was one in the call.
func found(pcm, clip []int16) float64 {
	there, pieces := 0, 0
	for i := 0; i+2*probe <= len(clip); i += 2 * probe {
		pieces++
		if _, likeness := find(pcm, clip[i:i+2*probe]); likeness > 0.9 {
			there++
		}
	}
	return float64(there) / float64(max(1, pieces))
}

// alikeAnywhere is find for clips too short for a probe.
func alikeAnywhere(pcm, clip []int16) (likeness float64) {
	for i := 0; i+len(clip) <= len(pcm); i++ {
		likeness = max(likeness, correlate(pcm[i:i+len(clip)], clip, 1))
	}
	return likeness
}

// loudest is where the clip's loudest probe begins.
func loudest(clip []int16) (at int) {
	best := 0.0
	for i := 0; i+probe <= len(clip); i += probe / 2 {
		sum := 0.0
		for _, v := range clip[i : i+probe] {
			sum += float64(v) * float64(v)
		}
		if sum > best {
			best, at = sum, i
		}
	}
	return at
}

// correlate is the normalised correlation of two sounds of one length, looked at every step
// samples.
func correlate(a, b []int16, step int) float64 {
	var ab, aa, bb float64
	for i := 0; i < len(b); i += step {
		x, y := float64(a[i]), float64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
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
