package picture

import "math"

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
