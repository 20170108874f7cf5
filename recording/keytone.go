package recording

import (
	"math"
	"time"

	"hotline/call"
)

// keyTones are the tones of a telephone's keys, in hertz (ITU-T Q.23): each key is one of the
// first four with one of the last.
var keyTones = [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}

// What is cut off at the end of a message.
const (
	keyStep = 80 // samples from one look to the next: 10 ms

	keyShare = 0.6  // of the energy is in the two tones; of speech it hardly ever is
	keyTwist = 10.0 // times as strong may one of the two be: 10 dB (ITU-T Q.24 has 9)

	keyLeast = 40 * time.Millisecond // of a tone (ITU-T Q.24)

	// keyAfter is how long the telephone may be quiet behind the tone, before its key has reached us.
	keyAfter = 250 * time.Millisecond
)

// withoutKey is pcm without the tone of a key at its end, and the quiet behind that.
func withoutKey(pcm []int16) []int16 {
	look := func(at int) []int16 { return pcm[at : at+blockSamples] }
	at := len(pcm) - blockSamples
	for first, edge := max(0, at-int(timeSamples(keyAfter))), 0; at >= first && !isKey(look(at)); at -= keyStep {
		if levelOf(look(at)) >= faint {
			continue
		}
		if edge++; edge > 2 { // more than the tone's last samples: something was said
			return pcm
		}
	}
	looks := 0
	for ; at >= 0 && isKey(look(at)); at -= keyStep {
		looks++
	}
	if looks*keyStep < int(timeSamples(keyLeast)) {
		return pcm
	}
	return pcm[:max(0, at)] // the look before it may hold the tone's first samples
}

// isKey says whether a block of sound is the tone of a key.
func isKey(pcm []int16) bool {
	if levelOf(pcm) >= faint {
		return false
	}
	var all float64
	for _, s := range pcm {
		all += float64(s) * float64(s)
	}
	var best [2]float64 // of the low and of the high tones
	for i, hz := range keyTones {
		best[i/4] = max(best[i/4], power(pcm, hz))
	}
	low, high := best[0], best[1]
	return low+high > keyShare*all && low < keyTwist*high && high < keyTwist*low
}

// power is the energy of one tone in pcm (Goertzel).
func power(pcm []int16, hz float64) float64 {
	w := 2 * math.Cos(2*math.Pi*hz/call.ClockRate)
	var a, b float64
	for _, s := range pcm {
		a, b = float64(s)+w*a-b, a
	}
	return 2 * (a*a + b*b - w*a*b) / float64(len(pcm))
}
