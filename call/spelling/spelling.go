package spelling

import "strings"

// Nearest gives the word of a list that the typed one was probably meant to be, or "". Capitals, spaces and the
// signs . - _ do not count; of the letters, two at most may differ, and half of them.
func Nearest(typed string, list []string) string {
	plain := func(s string) string {
		return strings.NewReplacer(".", "", "-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	best, least := "", 3
	for _, word := range list {
		d := distance(plain(typed), plain(word))
		if d < least && d <= len(word)/2 {
			best, least = word, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour that make
// a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 40 || len(y) > 40 {
		return 40
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
