package prompts

import (
	"fmt"
	"math"

	"hotline/prompts/sound"
)

// A Measure is what a sound is like.
type Measure struct {
	Seconds float64
	Level   float64 // active speech level, dBov (ITU-T P.56)
	Peak    float64 // dBFS
	Noise   float64 // level of the quietest 40 ms, dBov: of the room
	Clipped int     // samples that were cut off at full scale
}

// Measured measures a sound.
func Measured(s sound.Sound) Measure {
	return Measure{Seconds: s.Seconds(), Level: sound.ActiveLevel(s), Peak: sound.Peak(s.Samples), Noise: sound.Quietest(s), Clipped: clipped(s.Samples)}
}

// flatTop is the lowest full scale of the codings we read: that of μ-law (ITU-T G.711, 8031 of 8192).
const flatTop = 0.98

// clipped counts the samples that were cut off: three or more in a row at one value near full scale. No voice
// stays there.
func clipped(samples []float64) (n int) {
	for at := 0; at < len(samples); {
		row := 1
		for at+row < len(samples) && samples[at+row] == samples[at] {
			row++
		}
		if row >= 3 && math.Abs(samples[at]) >= flatTop {
			n += row
		}
		at += row
	}
	return n
}

// What a recording should be like (what is not is mended, and told).
const (
	quietest, loudest = -30.0, -16.0 // active level, dBov
	slowest, fastest  = 6.0, 28.0    // letters a second
	offLevel          = 3.0          // dB between a clip in the folder and the others
	clearest          = 30.0         // dB between a voice and its room
)

// remarks are what is not well with a recording as it came.
func remarks(m Measure) (list []string) {
	if m.Clipped > 0 {
		list = append(list, fmt.Sprintf("it is clipped: %d samples at full scale, record it again, quieter", m.Clipped))
	}
	if m.Level < quietest {
		list = append(list, fmt.Sprintf("it was recorded quietly, at %.1f dBov: its noise is now louder by %.0f dB", m.Level, sound.TargetDBov-m.Level))
	}
	if m.Level > loudest && m.Clipped == 0 {
		list = append(list, fmt.Sprintf("it was recorded loudly, at %.1f dBov", m.Level))
	}
	if over := m.Level - m.Noise; over < clearest {
		list = append(list, fmt.Sprintf("the room is only %.0f dB below the voice: record it again, in a quieter one", over))
	}
	return list
}

// lying are what is not well with a clip that lies in the folder, and is played as it is.
func lying(m Measure, text string) (list []string) {
	if m.Clipped > 0 {
		list = append(list, fmt.Sprintf("it is clipped: %d samples at full scale, record it again, quieter", m.Clipped))
	}
	if math.Abs(m.Level-sound.TargetDBov) > offLevel {
		list = append(list, fmt.Sprintf("it is at %.1f dBov, others are at %.0f: hotline prompts import levels it", m.Level, sound.TargetDBov))
	}
	return append(list, paced(m.Seconds, text)...)
}

// paced says whether a clip is as long as its text.
func paced(seconds float64, text string) (list []string) {
	letters := float64(len([]rune(text)))
	if letters < 10 || seconds == 0 {
		return nil
	}
	switch pace := letters / seconds; {
	case pace < slowest:
		list = append(list, fmt.Sprintf("%.1f s are long for its text", seconds))
	case pace > fastest:
		list = append(list, fmt.Sprintf("%.1f s are short for its text: is it cut off?", seconds))
	}
	return list
}
