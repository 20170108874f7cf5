package sound

import "math"

// The constants of the meter of speech: ITU-T P.56 (method B).
const (
	smoothing  = 0.03 // seconds, of both one-pole filters of the envelope
	hangOver   = 0.2  // seconds that speech goes on after the envelope fell
	margin     = 15.9 // dB between the active level and the threshold it belongs to
	thresholds = 15
)

// Silence is the level of no sound at all, in dBov.
const Silence = -120.0

// ActiveLevel is the level of speech while it is spoken, in dBov (0 is a full-scale square wave),
// by method B of ITU-T P.56: pauses do not count, so that a word and a sentence of the same voice
// measure the same. Silence where nothing is spoken.
func ActiveLevel(s Sound) float64 {
	g := math.Exp(-1 / (float64(s.Rate) * smoothing))
	hang := int(math.Ceil(hangOver * float64(s.Rate)))
	var active, since [thresholds]int
	var levels [thresholds]float64
	for j := range since {
		since[j], levels[j] = hang, threshold(j)
	}
	p, q, energy := 0.0, 0.0, 0.0
	for _, x := range s.Samples {
		energy += x * x
		p = g*p + (1-g)*math.Abs(x)
		q = g*q + (1-g)*p
		for j := range thresholds {
			if q >= levels[j] {
				since[j] = 0
			} else if since[j] < hang {
				since[j]++
			} else { // nor is it over the higher ones
				break
			}
			active[j]++
		}
	}
	return interpolate(energy, active)
}

// threshold is the jth: 1, 2, 4 … 16384 of 32768.
func threshold(j int) float64 { return math.Ldexp(1, j-15) }

// interpolate finds the level that lies margin above its own threshold.
func interpolate(energy float64, active [thresholds]int) float64 {
	var before, levelBefore float64
	for j, n := range active {
		if n == 0 {
			return Silence
		}
		level := 10 * math.Log10(energy/float64(n))
		over := level - 20*math.Log10(threshold(j)) - margin
		if over <= 0 {
			if j == 0 {
				return level
			}
			share := before / (before - over)
			return levelBefore + share*(level-levelBefore)
		}
		before, levelBefore = over, level
	}
	return levelBefore
}

// Level is the plain mean level in dBov.
func Level(samples []float64) float64 {
	energy := 0.0
	for _, x := range samples {
		energy += x * x
	}
	if energy == 0 {
		return Silence
	}
	return max(Silence, 10*math.Log10(energy/float64(len(samples))))
}

// Peak is the highest sample in dBFS.
func Peak(samples []float64) float64 {
	top := 0.0
	for _, x := range samples {
		top = max(top, math.Abs(x))
	}
	if top == 0 {
		return Silence
	}
	return 20 * math.Log10(top)
}

// Quietest is the level of the quietest 40 ms of a sound, in dBov: of its room, where nobody has cut the
// pauses out. Silence where it is shorter.
func Quietest(s Sound) float64 {
	const steps = 4 // of 10 ms
	step := s.Rate / 100
	n := len(s.Samples) / step
	if n < steps {
		return Silence
	}
	energies := make([]float64, n)
	for i := range energies {
		for _, x := range s.Samples[i*step : (i+1)*step] {
			energies[i] += x * x
		}
	}
	least := math.Inf(1)
	for i := range n - steps + 1 {
		least = min(least, energies[i]+energies[i+1]+energies[i+2]+energies[i+3])
	}
	if least == 0 {
		return Silence
	}
	return max(Silence, 10*math.Log10(least/float64(steps*step)))
}
