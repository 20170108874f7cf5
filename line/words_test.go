package line

import (
	"slices"
	"testing"

	"hotline/call"
)

// TestMissingWordsAreHeardInAnotherLanguage: a caller is told in other words rather than in none; but a notice
// of the recording and the words of a closure are said in the caller's own, or not at all.
func TestMissingWordsAreHeardInAnotherLanguage(t *testing.T) {
	h := newHall(t, func(o *Options) { o.Prompts = foreign{} })
	var got []string
	for _, c := range h.line.clips("ru", "own.flood", "", "bye") {
		got = append(got, c.Key+"/"+string(c.Language))
	}
	if want := []string{"own.flood/az", "bye/ru"}; !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
	for lang, want := range map[call.Language]int{"ru": 0, "az": 1} {
		if n := len(h.line.own(lang, "own.flood")); n != want {
			t.Errorf("%s: %d clips, want %d", lang, n, want)
		}
	}
}
