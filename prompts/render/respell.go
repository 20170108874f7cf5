package main

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"

	"hotline/call"
)

//go:embed respell.yaml
var respellings []byte

// A respelling gives the phonemes of words that the synthesiser reads wrongly.
type respelling map[call.Language]map[string]string

func readRespelling() (respelling, error) {
	var r respelling
	if err := yaml.UnmarshalWithOptions(respellings, &r, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read respell.yaml: %w", err)
	}
	return r, nil
}

// speak is the text as the synthesiser is given it: the words of the table are phonemes in
// double brackets.
func (r respelling) speak(lang call.Language, text string) string {
	var out strings.Builder
	for _, w := range words(text) {
		if phonemes, ok := r[lang][lower(lang, w)]; ok {
			w = "[[" + phonemes + "]]"
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
