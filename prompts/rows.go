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
	Language call.Language // empty: the tones
	Source   Source
	Measure  Measure // zero where it is missing
	Text     string  // of the catalogue; empty: a deployer's own
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

// Rows are all prompts in all languages of the library: in the order of the catalogue, then the tones, then the
// deployer's own. Measuring takes a second or two; tell is called for each.
func (l *Library) Rows(tell func(Row)) error {
	entries, err := Catalogue()
	if err != nil {
		return err
	}
	for _, e := range entries {
		for _, lang := range l.languages {
			if text := e.Texts[lang]; text != "" { // else a piece that this language does not need
				tell(l.row(name{e.Key, lang}, text))
			}
		}
	}
	for _, key := range tones() {
		tell(l.row(name{key: key}, ""))
	}
	own := map[string]bool{}
	for n := range l.yours {
		switch {
		case strings.HasPrefix(n.key, ownKey):
			own[n.key] = true
		case n.key == langLine: // stands for the numbered one of its language
			tell(l.row(n, ""))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		for _, lang := range l.languages {
			tell(l.row(name{key, lang}, ""))
		}
	}
	return nil
}

func (l *Library) row(n name, text string) Row {
	r := Row{Key: n.key, Language: n.lang, Text: text, Source: Missing}
	c := l.find(n)
	if c == nil {
		return r
	}
	r.Source, r.Measure = BuiltIn, Measured(heardAs(c))
	if l.yours[n] {
		r.Source, r.Remarks = Yours, lying(r.Measure, text)
	}
	return r
}

// heardAs is a clip as a sound.
func heardAs(c *call.Clip) sound.Sound {
	s := sound.Sound{Rate: call.ClockRate, Samples: make([]float64, len(c.PCM))}
	for i, v := range c.PCM {
		s.Samples[i] = float64(v) / 32768
	}
	return s
}
