package sound

import "math"

// HighPass takes out the steady part and what lies below cut Hz: two Butterworth sections, 24 dB
// an octave. A telephone passes nothing of it, but it would use up the room for the voice.
func HighPass(s Sound, cut float64) Sound {
	mean := 0.0
	for _, x := range s.Samples {
		mean += x / float64(len(s.Samples))
	}
	out := make([]float64, len(s.Samples))
	for i, x := range s.Samples {
		out[i] = x - mean
	}
	for _, q := range []float64{0.5411961, 1.3065630} { // of the poles of order 4
		w := 2 * math.Pi * cut / float64(s.Rate)
		alpha, cos := math.Sin(w)/(2*q), math.Cos(w)
		b0, b1 := (1+cos)/2/(1+alpha), -(1+cos)/(1+alpha)
		a1, a2 := -2*cos/(1+alpha), (1-alpha)/(1+alpha)
		var x1, x2, y1, y2 float64
		for i, x := range out {
			y := b0*x + b1*x1 + b0*x2 - a1*y1 - a2*y2
			x1, x2, y1, y2 = x, x1, y, y1
			out[i] = y
		}
	}
	return Sound{Rate: s.Rate, Samples: out}
}

// Gain makes a sound louder by db.
func Gain(s Sound, db float64) Sound {
	k := math.Pow(10, db/20)
	out := make([]float64, len(s.Samples))
	for i, x := range s.Samples {
		out[i] = k * x
	}
	return Sound{Rate: s.Rate, Samples: out}
}

// Limit bends peaks so that none is over top dBFS. Below half of that nothing changes.
func Limit(s Sound, top float64) Sound {
	most := math.Pow(10, top/20)
	knee := most / 2
	out := make([]float64, len(s.Samples))
	for i, x := range s.Samples {
		if a := math.Abs(x); a > knee {
			x = math.Copysign(knee+(most-knee)*math.Tanh((a-knee)/(most-knee)), x)
		}
		out[i] = x
	}
	return Sound{Rate: s.Rate, Samples: out}
}

// Voiced gives the part of a sound, from and to in samples, in which something is to be heard:
// whatever 10 ms are louder than floor dBov. Both are 0 where nothing is.
func Voiced(s Sound, floor float64) (from, to int) {
	step := s.Rate / 100
	from = -1
	for at := 0; at < len(s.Samples); at += step {
		end := min(at+step, len(s.Samples))
		if Level(s.Samples[at:end]) > floor {
			if from < 0 {
				from = at
			}
			to = end
		}
	}
	return max(from, 0), to
}

// Trim leaves head seconds before and tail seconds after what is to be heard, adding silence
// where there is not as much. The cuts are faded, so that they do not click.
func Trim(s Sound, floor, head, tail float64) Sound {
	from, to := Voiced(s, floor)
	before, after := int(head*float64(s.Rate)), int(tail*float64(s.Rate))
	out := make([]float64, before+to-from+after)
	for i := range out {
		if at := from - before + i; at >= 0 && at < len(s.Samples) {
			out[i] = s.Samples[at]
		}
	}
	fade := min(s.Rate/100, before, after) // 10 ms
	for i := range fade {
		k := float64(i) / float64(fade)
		out[i] *= k
		out[len(out)-1-i] *= k
	}
	return Sound{Rate: s.Rate, Samples: out}
}
