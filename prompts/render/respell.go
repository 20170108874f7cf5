package main

import (
	_ "embed"
	"fmt"

	"github.com/goccy/go-yaml"

	"hotline/call"
	"hotline/prompts"
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
	bracketed := make(map[string]string, len(r[lang]))
	for word, phonemes := range r[lang] {
		bracketed[word] = "[[" + phonemes + "]]"
	}
	return prompts.Respell(lang, text, bracketed)
}
