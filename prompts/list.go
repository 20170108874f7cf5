package prompts

import (
	"maps"
	"slices"
	"strings"

	"hotline/call"
	"hotline/prompts/sound"
)

// A Row is one prompt in one language, as callers hear it.
type Row struct {
	Key      string
	Language call.Language
	Source   Source
	Measure  Measure
	Text     string // the deployer's, else that of the catalogue; empty: it is not known
	Remarks  []string
}

// A Source is where a clip comes from.
type Source string

// The sources.
const (
	BuiltIn Source = "built-in"
	Yours   Source = "yours"
	Missing Source = "missing" // in this language; another one, or words around it, stand in
)

// Rows are all prompts in all languages of the library, in the order of the catalogue, then the deployer's
// own: those of its folder and of its texts. Measuring takes some seconds; tell is called for each.
func (l *Library) Rows(tell func(Row)) error {
	entries, err := Catalogue()
	if err != nil {
		return err
	}
	known := make(map[string]map[call.Language]string, len(entries))
	var order, own []string
	for _, e := range entries {
		known[e.Key] = e.Texts
		order = append(order, e.Key)
	}
	for n := range l.clips {
		own = append(own, n.key)
	}
	own = slices.AppendSeq(own, maps.Keys(l.texts))
	own = slices.DeleteFunc(own, func(key string) bool { return !strings.HasPrefix(key, ownKey) })
	slices.Sort(own)
	for _, key := range append(order, slices.Compact(own)...) {
		for _, lang := range l.languages {
			if text, ok := known[key][lang]; ok || known[key] == nil { // else a piece that this language does not need
				tell(l.row(key, lang, text))
			}
		}
	}
	return nil
}

// row is one prompt. Built-in clips are measured by our tests, and have no remarks.
func (l *Library) row(key string, lang call.Language, text string) Row {
	row := Row{Key: key, Language: lang, Text: text, Source: Missing}
	theirs := l.texts[key][lang]
	if theirs != "" {
		row.Text = theirs
	}
	c := l.find(name{key, lang})
	if c == nil {
		return row
	}
	row.Source, row.Measure = BuiltIn, Measured(sound.Sound{Rate: call.ClockRate, Samples: floats(c.PCM)})
	if l.theirs[name{key, lang}] {
		row.Source = Yours
		row.Remarks = append(heardAs(row.Measure), paced(row.Measure.Seconds, row.Text)...)
		return row
	}
	if theirs != "" && theirs != text {
		row.Remarks = []string{TextsFile + " has another text: hotline prompts render speaks it"}
	}
	return row
}

func floats(pcm []int16) []float64 {
	out := make([]float64, len(pcm))
	for i, v := range pcm {
		out[i] = float64(v) / 32768
	}
	return out
}
