package ear

import "math"

// A time code is a sound of which any half second says when it was said: a tone that changes every
// 100 ms, among eight, so that no three of them in a row come twice in 51 s. It is pure enough to go
// through G.711, and its waveform is the same every time, so that it is read to the sample.
const (
	codeTones  = 8
	codeSymbol = rate / 10
	codeLevel  = 9000.0

	// codeLook is how much of its end is read, and codeLeast the likeness (cosine) that is demanded:
	// G.711 costs less than a hundredth of it.
	codeLook  = rate / 2
	codeLeast = 0.95
)

// codeHz is the frequency of tone k. They are far apart, and none is a multiple of another's half.
func codeHz(k int) float64 { return 610 + 230*float64(k) }

// codeRow is a de Bruijn sequence: every three tones in a row stand in it once.
var codeRow = deBruijn(codeTones, 3)

// codePlace says where three tones in a row stand.
var codePlace = func() map[[3]int]int {
	place := map[[3]int]int{}
	for i := range codeRow[:len(codeRow)-2] {
		place[[3]int{codeRow[i], codeRow[i+1], codeRow[i+2]}] = i
	}
	return place
}()

// deBruijn is the sequence of k letters in which each word of n letters stands once, by the algorithm
// of Fredricksen, Kessler and Maiorana: the Lyndon words whose length divides n, in order.
func deBruijn(k, n int) (row []int) {
	word := make([]int, k*n)
	var grow func(at, period int)
	grow = func(at, period int) {
		if at > n {
			if n%period == 0 {
				row = append(row, word[1:period+1]...)
			}
			return
		}
		word[at] = word[at-period]
		grow(at+1, period)
		for letter := word[at-period] + 1; letter < k; letter++ {
			word[at] = letter
			grow(at+1, at)
		}
	}
	grow(1, 1)
	return row
}

// timeCode is the whole of it.
var timeCode = func() []int16 {
	pcm := make([]int16, 0, len(codeRow)*codeSymbol)
	phase := 0.0
	for _, k := range codeRow {
		for range codeSymbol {
			pcm = append(pcm, int16(codeLevel*math.Sin(phase)))
			phase = math.Mod(phase+2*math.Pi*codeHz(k)/rate, 2*math.Pi)
		}
	}
	return pcm
}()

// TimeCode is the time code, 51.2 s of it, for somebody to say.
func TimeCode() []int16 { return append([]int16(nil), timeCode...) }

// LastOfCode says which sample of the time code is the last one that is heard in a sound, by the last
// half second before it; false where that is not the time code.
func LastOfCode(pcm []int16) (sample int, ok bool) {
	end := len(pcm)
	for end > 0 && hushed(pcm[end-1]) {
		end--
	}
	if end < codeLook {
		return 0, false
	}
	look := pcm[end-codeLook : end]
	best := codeLeast
	for begin := 0; begin < codeSymbol; begin += codeSymbol / 4 {
		place, found := codePlace[[3]int{toneOf(look, begin), toneOf(look, begin+codeSymbol), toneOf(look, begin+2*codeSymbol)}]
		if !found {
			continue
		}
		near := place*codeSymbol - begin // where look begins, to half a tone
		for at := max(0, near-codeSymbol/2); at <= near+codeSymbol/2 && at+codeLook <= len(timeCode); at++ {
			if cosine(look[:codeSymbol/4], timeCode[at:at+codeSymbol/4]) < codeLeast { // this spares most of them
				continue
			}
			if l := cosine(look, timeCode[at:at+codeLook]); l > best {
				best, sample, ok = l, at+codeLook-1, true
			}
		}
	}
	return sample, ok
}

// hushed is what silence becomes in G.711.
func hushed(s int16) bool { return s > -64 && s < 64 }

// toneOf is the tone that is loudest in the middle half of the 100 ms from begin on.
func toneOf(pcm []int16, begin int) (best int) {
	most := -1.0
	for k := range codeTones {
		w := 2 * math.Cos(2*math.Pi*codeHz(k)/rate)
		var a, b float64
		for _, s := range pcm[begin+codeSymbol/4 : begin+3*codeSymbol/4] {
			a, b = float64(s)+w*a-b, a
		}
		if power := a*a + b*b - w*a*b; power > most {
			best, most = k, power
		}
	}
	return best
}

// cosine is the cosine of the angle between two sounds: 1 where they are the same.
func cosine(a, b []int16) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(max(1, aa*bb))
}
