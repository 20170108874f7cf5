package prompts

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"hotline/call"
)

// An utterance is what a voice has said last: the text, and the clip as it was then.
type utterance struct {
	Text    string `yaml:"text"`
	Version string `yaml:"version"`
}

// saidFile remembers what voices have said, so that none speaks over a person who has recorded the same
// clip since. It is hidden: it is no clip.
const saidFile = ".said.yaml"

// A Memory is what voices have said in a deployer's folder.
type Memory struct {
	dir  string
	said map[string]utterance // by LANGUAGE/KEY
}

// Remember reads the memory of a deployer's folder. What cannot be read is forgotten: then every clip there
// is a person's, which is the safe side.
func Remember(dir string) *Memory {
	m := &Memory{dir: dir}
	b, err := readAtMost(filepath.Join(dir, saidFile), mostSaid)
	if err != nil || yaml.Unmarshal(b, &m.said) != nil || m.said == nil {
		m.said = map[string]utterance{}
	}
	return m
}

// mostSaid bounds the memory, in bytes.
const mostSaid = 4 << 20

// A Since is what became of a text since a voice was to say it.
type Since int

// What may have become of it.
const (
	Unsaid   Since = iota // no voice has said it, or another text
	AsBefore              // a voice has said this very text
	Recorded              // a person's clip is there, which no voice should speak over
)

// Of tells what became of a text.
func (m *Memory) Of(key string, lang call.Language, text string) Since {
	now := m.version(key, lang)
	last, known := m.said[string(lang)+"/"+key]
	switch {
	case now == "":
		return Unsaid
	case !known || last.Version != now:
		return Recorded
	case last.Text != text:
		return Unsaid
	}
	return AsBefore
}

// Note remembers that a voice has said a text, whose clip is in the folder now.
func (m *Memory) Note(key string, lang call.Language, text string) error {
	m.said[string(lang)+"/"+key] = utterance{Text: text, Version: m.version(key, lang)}
	b, err := yaml.Marshal(m.said)
	if err != nil {
		return fmt.Errorf("remember what was said: %w", err)
	}
	if err := replace(filepath.Join(m.dir, saidFile), b); err != nil {
		return fmt.Errorf("remember what was said: %w", err)
	}
	return nil
}

// version is that of the deployer's clip as it is now; empty where there is none.
func (m *Memory) version(key string, lang call.Language) string {
	b, err := os.ReadFile(filepath.Join(m.dir, string(lang), filepath.Base(key+".wav")))
	if err != nil {
		return ""
	}
	return digest(b)
}
