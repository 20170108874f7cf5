package main

import (
	"math"

	"hotline/call"
	"hotline/prompts/sound"
)

// The music on hold: eight slow bars, a chord each, with a few bell-like notes over it. It is
// ours, offends nobody and carries no rights. Every note is laid on a ring, so that what sounds
// on beyond the end goes on at the beginning and the loop has no seam.
const (
	barSeconds   = 6.25
	stepsABar    = 8
	musicDBov    = -30.0
	musicPeak    = -15.5 // dBFS: no coder and no ear is startled
	highestHz    = 3300.0
	padOverlap   = 2.0 // seconds a chord fades in and out
	bellDecay    = 1.1 // seconds to 1/e
	bellStrength = 0.9
)

// A bar is a chord, as semitones from A (440 Hz), and which of its notes the bells take; a step
// of -1 rests.
type bar struct {
	chord []int
	bells [stepsABar]int
}

func bars() []bar {
	d := []int{-19, -12, -7, -3, 4} // D major with its seventh
	b := []int{-22, -15, -10, -7, -3}
	g := []int{-26, -14, -10, -7, -2}
	a := []int{-24, -12, -8, -5, 2}
	return []bar{
		{d, [8]int{2, -1, 3, -1, 4, -1, 3, -1}},
		{b, [8]int{2, -1, 3, -1, 4, -1, -1, -1}},
		{g, [8]int{2, -1, 3, -1, 4, -1, 3, 2}},
		{a, [8]int{3, -1, 2, -1, 4, -1, -1, -1}},
		{d, [8]int{4, -1, 3, -1, 2, -1, 3, -1}},
		{b, [8]int{4, -1, 3, 2, 3, -1, -1, -1}},
		{g, [8]int{3, -1, 4, -1, 3, -1, 2, -1}},
		{a, [8]int{2, -1, 3, -1, -1, -1, -1, -1}},
	}
}

// music makes the loop.
func music() sound.Sound {
	tune := bars()
	ring := make([]float64, int(float64(len(tune))*barSeconds*call.ClockRate))
	for i, b := range tune {
		start := float64(i) * barSeconds
		for _, n := range b.chord {
			lay(ring, start-padOverlap/2, barSeconds+padOverlap, pad(pitch(n)))
		}
		for step, n := range b.bells {
			if n >= 0 {
				lay(ring, start+float64(step)*barSeconds/stepsABar, 6*bellDecay, bell(pitch(b.chord[n]+12)))
			}
		}
	}
	s := sound.Sound{Rate: call.ClockRate, Samples: ring}
	s = sound.Gain(s, musicDBov-sound.Level(s.Samples))
	return sound.Limit(s, musicPeak)
}

func pitch(semitones int) float64 { return 440 * math.Pow(2, float64(semitones)/12) }

// lay adds a note to the ring; it may begin before the start and last beyond the end.
func lay(ring []float64, start, seconds float64, note func(t, length float64) float64) {
	first := int(math.Round(start * call.ClockRate))
	for i := range int(seconds * call.ClockRate) {
		at := (first + i + len(ring)) % len(ring)
		ring[at] += note(float64(i)/call.ClockRate, seconds)
	}
}

// pad is a soft tone that swells and fades: few harmonics, each a quarter of the one before.
func pad(hz float64) func(t, length float64) float64 {
	return func(t, length float64) float64 {
		edge := min(1, min(t, length-t)/padOverlap)
		v := 0.0
		for k := 1; k <= 4 && float64(k)*hz < highestHz; k++ {
			v += math.Pow(4, -float64(k-1)) * math.Sin(2*math.Pi*hz*float64(k)*t)
		}
		swell := 1 + 0.12*math.Sin(2*math.Pi*0.32*t)
		return 0.5 * swell * v * math.Pow(math.Sin(math.Pi/2*edge), 2)
	}
}

// bell is a plucked tone that dies away.
func bell(hz float64) func(t, length float64) float64 {
	return func(t, length float64) float64 {
		edge := min(1, t/0.012) * min(1, (length-t)/0.05)
		v := math.Sin(2*math.Pi*hz*t) * math.Exp(-t/bellDecay)
		if 2*hz < highestHz {
			v += 0.3 * math.Sin(2*math.Pi*2*hz*t) * math.Exp(-2.5*t/bellDecay)
		}
		return bellStrength * edge * v
	}
}

// toneOK says yes in two rising notes, toneError no in two falling ones.
func toneOK() sound.Sound    { return notes(660, 880) }
func toneError() sound.Sound { return notes(392, 294) }

// toneBeep asks for a message: after it the caller is recorded.
func toneBeep() sound.Sound { return tones(0.25, 1000) }

// tonePaused falls and toneResumed rises: the recording of a talk stops for a while, and goes on. Neither has
// a frequency of a key's.
func tonePaused() sound.Sound  { return notes(880, 587) }
func toneResumed() sound.Sound { return notes(587, 880) }

// toneRecording reminds of a recording, again and again: 1,400 Hz for half a second (47 CFR 64.501).
func toneRecording() sound.Sound { return tones(0.5, 1400) }

// notes plays tones of 140 ms one after another.
func notes(hz ...float64) sound.Sound { return tones(0.14, hz...) }

// tones plays tones of so many seconds one after another.
func tones(each float64, hz ...float64) sound.Sound {
	s := sound.Sound{Rate: call.ClockRate}
	for _, f := range hz {
		for i := range int(each * call.ClockRate) {
			t := float64(i) / call.ClockRate
			edge := min(1, min(t, each-t)/0.015)
			s.Samples = append(s.Samples, edge*(math.Sin(2*math.Pi*f*t)+0.2*math.Sin(4*math.Pi*f*t)))
		}
	}
	s = sound.Gain(s, sound.TargetDBov-sound.Level(s.Samples))
	return sound.Trim(sound.Limit(s, sound.PeakDBFS), sound.FloorDBov, sound.HeadSeconds, sound.TailSeconds)
}
