package main

import (
	"math"

	"hotline/call"
	"hotline/prompts/sound"
)

// The music on hold is ours: a slow round of four chords, each held for a few seconds, in soft
// sounds below 3.3 kHz, so that G.711 leaves it whole. Its end runs into its beginning.
const (
	chordSeconds = 6.6
	rounds       = 2
	musicLevel   = -30.0 // dBov
	musicTop     = -15.0 // dBFS
	fade         = 1.1   // seconds in and out of a chord
	brightest    = 3300.0
)

// chords are in Hz: A minor, F, C and G, in close voicing, with a note that wanders above.
var chords = [][]float64{
	{220.00, 261.63, 329.63, 440.00},
	{174.61, 261.63, 349.23, 440.00},
	{196.00, 261.63, 329.63, 392.00},
	{196.00, 246.94, 293.66, 392.00},
}

// above is the wandering note of each chord, by round.
var above = [rounds][4]float64{{659.26, 698.46, 783.99, 587.33}, {523.25, 880.00, 659.26, 493.88}}

func music() sound.Sound {
	const rate = float64(call.ClockRate)
	length := int(chordSeconds * rate * float64(len(chords)*rounds))
	out := make([]float64, length)
	for round := range rounds {
		for i, chord := range chords {
			start := int(float64(round*len(chords)+i) * chordSeconds * rate)
			for n, pitch := range chord {
				strike(out, start, pitch, 0.5/float64(n+2))
			}
			strike(out, start+int(0.8*rate), above[round][i], 0.14)
		}
	}
	s := sound.Sound{Rate: call.ClockRate, Samples: out}
	s = sound.Gain(s, musicLevel-sound.Level(out))
	return sound.Limit(s, musicTop)
}

// strike adds one soft note to a ring of samples; what passes the end goes on at the start.
func strike(out []float64, start int, pitch, strength float64) {
	const rate = float64(call.ClockRate)
	length := int((chordSeconds + fade) * rate)
	for harmonic := 1.0; harmonic <= 4 && pitch*harmonic < brightest; harmonic++ {
		w := 2 * math.Pi * pitch * harmonic / rate
		loud := strength / (harmonic * harmonic)
		for i := range length {
			t := float64(i) / rate
			envelope := math.Min(1, t/fade) * math.Min(1, (chordSeconds+fade-t)/fade)
			tremble := 1 + 0.06*math.Sin(2*math.Pi*0.55*t+harmonic)
			out[(start+i)%len(out)] += loud * envelope * envelope * tremble * math.Sin(w*float64(i))
		}
	}
}

// toneOK is what a star code is answered with: two rising notes.
func toneOK() sound.Sound { return notes(660, 880) }

// toneError is what a star code that was refused is answered with: two falling notes.
func toneError() sound.Sound { return notes(440, 330) }

func notes(pitches ...float64) sound.Sound {
	const rate, each, edge = call.ClockRate, 0.18, 0.01
	var out []float64
	for _, p := range pitches {
		n := int(each * rate)
		for i := range n {
			t := float64(i) / rate
			envelope := math.Min(1, math.Min(t, each-t)/edge)
			out = append(out, envelope*math.Sin(2*math.Pi*p*t))
		}
	}
	s := sound.Sound{Rate: rate, Samples: append(make([]float64, rate/20), append(out, make([]float64, rate/10)...)...)}
	return sound.Gain(s, -22-sound.Level(out))
}
