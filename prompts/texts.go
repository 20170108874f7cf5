package prompts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"hotline/call"
)

// TextsFile holds the texts that a deployer has its voices say, in the folder of its clips:
//
//	own.flood: {az: "…", en: "…", ru: "…"}
const TextsFile = "texts.yaml"

// Texts are what a deployer has its voices say, by key and language.
type Texts map[string]map[call.Language]string

// mostTexts bounds the file of texts, in bytes.
const mostTexts = 1 << 20

// ReadTexts reads the texts of the deployer's folder; where there are none, there is no error.
func ReadTexts(dir string) (Texts, error) {
	b, err := readAtMost(filepath.Join(dir, TextsFile), mostTexts)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %s", TextsFile, reason(err))
	}
	var t Texts
	if err := yaml.UnmarshalWithOptions(b, &t, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read %s: write KEY: {az: …, en: …, ru: …}: %w", TextsFile, err)
	}
	entries, err := Catalogue()
	if err != nil {
		return nil, err
	}
	for key, texts := range t {
		for lang := range texts {
			if _, err := textOf(entries, key, lang); err != nil {
				return nil, fmt.Errorf("read %s: %s: %w", TextsFile, key, err)
			}
		}
	}
	return t, nil
}

// readOwnTexts takes the deployer's texts, which lists and checks show.
func (l *Library) readOwnTexts(dir string) {
	t, err := ReadTexts(dir)
	if err != nil {
		l.fault(filepath.Join(dir, TextsFile), err.Error(), "write KEY: {az: …, en: …, ru: …}")
		return
	}
	l.texts = t
}

// A Said is what a voice has said last: the text, and the clip as it was then.
type Said struct{ Text, Version string }

// saidFile remembers what voices have said, so that none speaks over a person who has recorded the same
// clip since. It is hidden: it is no clip.
const saidFile = ".said.yaml"

// A Memory is what voices have said in a deployer's folder.
type Memory struct {
	dir  string
	said map[string]Said // by LANGUAGE/KEY
}

// Remember reads the memory of a deployer's folder. What cannot be read is forgotten.
func Remember(dir string) *Memory {
	m := &Memory{dir: dir, said: map[string]Said{}}
	if b, err := readAtMost(filepath.Join(dir, saidFile), mostTexts); err == nil {
		if yaml.Unmarshal(b, &m.said) != nil || m.said == nil {
			m.said = map[string]Said{}
		}
	}
	return m
}

// What became of a text since it was said.
const (
	Unsaid   = ""            // no voice has said it, or the text is another one
	AsBefore = "as before"   // a voice has said this very text
	Recorded = "a recording" // a person's clip is there, which no voice should speak over
)

// Of tells what became of a text since.
func (m *Memory) Of(key string, lang call.Language, text string) string {
	now := m.version(key, lang)
	last, ok := m.said[string(lang)+"/"+key]
	switch {
	case now == "":
		return Unsaid
	case !ok || last.Version != now:
		return Recorded
	case last.Text != text:
		return Unsaid
	}
	return AsBefore
}

// Note remembers that a voice has said a text.
func (m *Memory) Note(key string, lang call.Language, text string) error {
	m.said[string(lang)+"/"+key] = Said{Text: text, Version: m.version(key, lang)}
	b, err := yaml.Marshal(m.said)
	if err != nil {
		return err
	}
	return replace(filepath.Join(m.dir, saidFile), b)
}

// version is that of the deployer's clip as it is now; empty where there is none.
func (m *Memory) version(key string, lang call.Language) string {
	b, err := os.ReadFile(filepath.Join(m.dir, string(lang), key+".wav"))
	if err != nil || !slices.Contains(Shipped(), lang) {
		return ""
	}
	return digest(b)
}
