package prompts

import (
	"strings"
	"unicode"

	"hotline/call"
)

// Respell gives a synthesiser other words for those that it says wrongly. Only whole words are
// replaced, whatever their capitals: "Sağ" is not a part of "Sağlamlıq". table has the words of the
// text, in any capitals, and what is said for each.
func Respell(lang call.Language, text string, table map[string]string) string {
	if len(table) == 0 {
		return text
	}
	small := make(map[string]string, len(table))
	for word, said := range table {
		small[lower(lang, word)] = said
	}
	var out strings.Builder
	for _, w := range words(text) {
		if said, ok := small[lower(lang, w)]; ok {
			w = said
		}
		out.WriteString(w)
	}
	return out.String()
}

// words divides a text into words and what is between them; joined, they are the text.
func words(text string) []string {
	var out []string
	inWord := false
	for _, r := range text {
		letter := unicode.IsLetter(r)
		if len(out) == 0 || letter != inWord {
			out = append(out, "")
		}
		out[len(out)-1] += string(r)
		inWord = letter
	}
	return out
}

// lower knows that the small letter of the Azerbaijani I is ı, and that of İ is i.
func lower(lang call.Language, word string) string {
	if lang == "az" {
		return strings.ToLowerSpecial(unicode.AzeriCase, word)
	}
	return strings.ToLower(word)
}
