package picture

import (
	"math"
	"time"

	"hotline/recording"
)

// End is how long the cells of a channel are, as a share of the picture's length: a little more than 1, as the last
// one is shorter than it says.
func (p Picture) End(cells []byte) float64 {
	if p.Length <= 0 || len(cells) == 0 {
		return 1
	}
	return float64(len(cells)) * float64(time.Second/recording.PeakRate) / float64(p.Length)
}

// Hills brings the peaks of a channel to at most so many columns: each has the loudest of its cells. The values
// are from 0 to 1, on a curve on which a quiet voice is still seen: the root of the loudness.
func Hills(cells []byte, columns int) []float64 {
	if columns = min(columns, len(cells)); columns <= 0 {
		return nil
	}
	hills := make([]float64, columns)
	for i := range hills {
		from, to := i*len(cells)/columns, (i+1)*len(cells)/columns
		var most byte
		for _, c := range cells[from:to] {
			most = max(most, c)
		}
		hills[i] = math.Sqrt(float64(most) / 255)
	}
	return hills
}
