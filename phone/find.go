package phone

import "math"

// Where a clip was heard is judged by its spectrum over time, not by its samples: that holds
// through any codec, level and small gap, and it needs no words to be understood.
const (
	printStep  = 160 // samples between two prints: 20 ms
	printLen   = 320 // samples in a print
	printBands = 16
)

// print is the loudness of sixteen bands at one moment, in dB, with its own mean taken off.
type print [printBands]float64

// bands are the middles of the bands in Hz: evenly spaced to the ear, over telephone speech.
var bands = func() (hz [printBands]float64) {
	const low, high = 250.0, 3400.0
	for i := range hz {
		hz[i] = low * math.Pow(high/low, float64(i)/(printBands-1))
	}
	return hz
}()

func prints(s Sound) (list []print, loud []float64) {
	window := hann(printLen)
	for at := 0; at+printLen <= len(s); at += printStep {
		part := s[at : at+printLen]
		x, gain := part.windowed(window)
		var p print
		mean := 0.0
		for i, hz := range bands {
			p[i] = 20 * math.Log10(goertzel(x, hz)/gain+1e-4)
			mean += p[i] / printBands
		}
		for i := range p {
			p[i] -= mean
		}
		list = append(list, p)
		loud = append(loud, part.RMS())
	}
	return list, loud
}

// Find looks for a clip in the sound, both at 8 kHz. It returns the sample at which it fits best
// and how well: about 1 for the clip itself through G.711, under 0.6 for another clip. A whole
// clip is 0.8 and more. The clip must be of 100 ms at least, else the score is 0.
func (s Sound) Find(clip []int16) (at int, score float64) {
	needle, loud := prints(clip)
	if len(needle) < 5 {
		return 0, 0
	}
	// The clip need not begin at a packet's border in what was heard, so four phases are tried.
	for phase := 0; phase < printStep && phase < len(s); phase += printStep / 4 {
		hay, _ := prints(s[phase:])
		for i := 0; i+len(needle) <= len(hay); i++ {
			if f := fit(needle, loud, hay[i:]); f > score {
				at, score = phase+i*printStep, f
			}
		}
	}
	return at, score
}

// fit is the correlation of two stretches of prints, over the loud moments of the clip.
func fit(needle []print, loud []float64, hay []print) float64 {
	var xy, xx, yy float64
	for i := range needle {
		if loud[i] < soundLevel {
			continue
		}
		for b := range needle[i] {
			x, y := needle[i][b], hay[i][b]
			xy, xx, yy = xy+x*y, xx+x*x, yy+y*y
		}
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
