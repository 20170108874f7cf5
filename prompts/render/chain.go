package main

import (
	"slices"

	"hotline/call"
	"hotline/prompts/sound"
)

// What a clip is to be when it is done.
const (
	targetDBov  = -22.0 // RFC 7874 §4: as loud as people speak on the telephone
	spreadDB    = 3.0   // a clip's gain is at most so far from the median of its language
	peakDBFS    = -3.0
	floorDBov   = -50.0 // quieter than this is silence
	headSeconds = 0.06
	tailSeconds = 0.12
	lowestHz    = 120.0
)

// shape makes the clips of one language ready for the telephone. They are shaped together: one
// word may measure otherwise than a sentence of the same voice, and must not jump out of it.
func shape(raw []sound.Sound) []sound.Sound {
	out := make([]sound.Sound, len(raw))
	gains := make([]float64, len(raw))
	for i, s := range raw {
		s = sound.Resample(sound.HighPass(s, lowestHz), call.ClockRate)
		first := targetDBov - sound.ActiveLevel(s)
		// Trimmed it is louder than it was: the meter counts 200 ms after the last word as speech.
		out[i] = sound.Trim(sound.Gain(s, first), floorDBov, headSeconds, tailSeconds)
		gains[i] = first + targetDBov - sound.ActiveLevel(out[i])
	}
	middle := median(gains)
	for i, s := range out {
		over := max(0, gains[i]-middle-spreadDB) + min(0, gains[i]-middle+spreadDB)
		out[i] = loud(s, targetDBov-over)
	}
	return out
}

// loud brings a sound to a level, with its peaks bent. Bending takes some of the level away, which
// is given back before it.
func loud(s sound.Sound, level float64) sound.Sound {
	gain := level - sound.ActiveLevel(s)
	var out sound.Sound
	for range 4 {
		out = sound.Limit(sound.Gain(s, gain), peakDBFS)
		gain += level - sound.ActiveLevel(out)
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
