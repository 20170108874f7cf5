package sound

import (
	"slices"

	"hotline/call"
)

// What a clip is to be when it is done.
const (
	TargetDBov  = -22.0 // RFC 7874 §4: as loud as people speak on the telephone
	SpreadDB    = 3.0   // a clip's gain is at most so far from the median of its language
	PeakDBFS    = -3.0
	FloorDBov   = -50.0 // quieter than this is silence
	HeadSeconds = 0.06
	TailSeconds = 0.12
	lowestHz    = 120.0

	aboveRoom   = 8.0   // dB that a voice is above a room which is louder than FloorDBov
	loudestRoom = -32.0 // dBov: what is louder is taken for the voice
)

// Audible reports whether there is speech in a sound, or anything as loud as faint speech: rumble, a steady
// part and the noise of an empty room are none.
func Audible(s Sound) bool { return ActiveLevel(HighPass(s, lowestHz)) > FloorDBov }

// Telephone makes clips of one language ready for the telephone: at 8 kHz, without rumble, as loud as people
// speak, no peak over -3 dBFS, 60 ms of silence before and 120 after. They are shaped together: one
// word may measure otherwise than a sentence of the same voice, and must not jump out of it.
func Telephone(raw ...Sound) []Sound {
	out := make([]Sound, len(raw))
	gains := make([]float64, len(raw))
	for i, s := range raw {
		s = Resample(HighPass(s, lowestHz), call.ClockRate)
		first := TargetDBov - ActiveLevel(s)
		// Trimmed it is louder than it was: the meter counts 200 ms after the last word as speech.
		s = Gain(s, first)
		out[i] = Trim(s, floor(s), HeadSeconds, TailSeconds)
		gains[i] = first + TargetDBov - ActiveLevel(out[i])
	}
	middle := median(gains)
	for i, s := range out {
		over := max(0, gains[i]-middle-SpreadDB) + min(0, gains[i]-middle+SpreadDB)
		out[i] = loud(s, TargetDBov-over)
	}
	return out
}

// floor is what is silence in a sound that is as loud as it will be: the noise of a loud room is, too, or a
// caller would wait through it.
func floor(s Sound) float64 {
	return max(FloorDBov, min(Quietest(s)+aboveRoom, loudestRoom))
}

// loud brings a sound to a level, with its peaks bent. Bending takes some of the level away, which
// is given back before it.
func loud(s Sound, level float64) Sound {
	gain := level - ActiveLevel(s)
	var out Sound
	for range 4 {
		out = Limit(Gain(s, gain), PeakDBFS)
		gain += level - ActiveLevel(out)
	}
	return out
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
