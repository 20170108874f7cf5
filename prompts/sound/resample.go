package sound

import "math"

// The low-pass filter in front of a telephone: −6 dB at cutHz, where G.711's band ends (ITU-T
// G.712), and stopDB from half a transition above it on, well below the 4 kHz from which
// sound would fold back.
const (
	cutHz        = 3450.0
	transitionHz = 500.0
	stopDB       = 70.0
)

// Resample brings a sound to another rate by a windowed sinc. A sound that is brought down is
// cut at 3450 Hz if it goes to 8 kHz, else at the same part of the new band. It keeps its place
// in time: nothing is delayed.
func Resample(s Sound, rate int) Sound {
	if s.Rate == rate || len(s.Samples) == 0 {
		return Sound{Rate: rate, Samples: s.Samples}
	}
	up, down := rate/gcd(rate, s.Rate), s.Rate/gcd(rate, s.Rate)
	band := float64(min(rate, s.Rate))
	k := newKernel(float64(s.Rate), cutHz/8000*band, transitionHz/8000*band, up)
	out := make([]float64, (len(s.Samples)*up+down-1)/down)
	for i := range out {
		at := i * down // in steps of 1/up of an input sample
		out[i] = k.at(s.Samples, at/up, at%up)
	}
	return Sound{Rate: rate, Samples: out}
}

// A kernel is a sinc under a Kaiser window, a row of taps for each phase between two samples.
type kernel struct {
	half   int // taps on each side of the middle
	phases [][]float64
}

func newKernel(rate, cut, transition float64, phases int) *kernel {
	beta := 0.1102 * (stopDB - 8.7)
	half := int(math.Ceil((stopDB - 7.95) / (2.285 * 2 * math.Pi * transition / rate) / 2))
	k := &kernel{half: half, phases: make([][]float64, phases)}
	for p := range k.phases {
		row, sum := make([]float64, 2*half+1), 0.0
		for i := range row {
			t := float64(i-half) - float64(p)/float64(phases) // distance in input samples
			row[i] = sinc(2*cut/rate*t) * kaiser(t/float64(half+1), beta)
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum // every phase passes a steady signal alike, or it would hum
		}
		k.phases[p] = row
	}
	return k
}

// at is the filtered sample at middle + phase/phases. Outside there is silence.
func (k *kernel) at(in []float64, middle, phase int) float64 {
	row, sum := k.phases[phase], 0.0
	from := middle - k.half
	lo, hi := max(0, -from), min(len(row), len(in)-from)
	for i := lo; i < hi; i++ {
		sum += row[i] * in[from+i]
	}
	return sum
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window at x in −1…1.
func kaiser(x, beta float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta)
}

// bessel is I0, the modified Bessel function of order 0, by its series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for n := 1.0; term > sum*1e-12; n++ {
		term *= (x / 2 / n) * (x / 2 / n)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
