package prompts

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"hotline/call"
)

// Shipped are the languages the built-in clips are in.
func Shipped() []call.Language { return []call.Language{"az", "en", "ru"} }

//go:embed catalogue.yaml
var catalogue []byte

// An Entry is one clip of the catalogue.
type Entry struct {
	Key   string
	Texts map[call.Language]string
}

// Catalogue is what the built-in clips say: the texts of catalogue.yaml in their order, then those
// with numbers in them, which package spoken writes. An error is a fault of ours in that file.
func Catalogue() ([]Entry, error) {
	var list yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(catalogue, &list, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("read the catalogue of prompts: %w", err)
	}
	out := make([]Entry, 0, len(list))
	for _, item := range list {
		key, ok1 := item.Key.(string)
		texts, ok2 := item.Value.(yaml.MapSlice)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("read the catalogue of prompts: %v has no texts", item.Key)
		}
		e := Entry{Key: key, Texts: make(map[call.Language]string, len(texts))}
		for _, t := range texts {
			lang, ok1 := t.Key.(string)
			text, ok2 := t.Value.(string)
			if !ok1 || !ok2 || text == "" || !slices.Contains(Shipped(), call.Language(lang)) {
				return nil, fmt.Errorf("read the catalogue of prompts: %s: %v is no text in a language of ours", key, t.Key)
			}
			e.Texts[call.Language(lang)] = text
		}
		out = append(out, e)
	}
	return append(out, sets()...), nil
}
