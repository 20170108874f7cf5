package app

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/prompts"
)

// A Language is one of callers.
type Language = call.Language

// A PromptRow is one prompt in one language.
type PromptRow = prompts.Row

// Where a prompt comes from.
const (
	MissingPrompt = prompts.Missing
	BuiltInPrompt = prompts.BuiltIn
)

// An ImportedPrompt is one recording that was imported, or why it was not.
type ImportedPrompt = prompts.Imported

func ownPrompts(f *configs.File) string { return filepath.Join(f.Data, "prompts") }

// Prompts tells every prompt as callers hear it, and what is wrong with the deployer's files.
func Prompts(f *configs.File, tell func(PromptRow)) ([]prompts.Fault, error) {
	clips, err := prompts.Load(ownPrompts(f), f.Languages, zap.NewNop())
	if err != nil {
		return nil, err
	}
	return clips.Check(), clips.Rows(tell)
}

// MissingPrompts are the clips that the file names and that are not there, each as a fault of the file.
func MissingPrompts(f *configs.File) (configs.Faults, error) {
	clips, err := prompts.Load(ownPrompts(f), f.Languages, zap.NewNop())
	if err != nil {
		return nil, err
	}
	return checkClips(f, clips)
}

// ImportPrompts takes human recordings into the deployer's folder.
func ImportPrompts(f *configs.File, from string, dry bool, tell func(ImportedPrompt)) error {
	return prompts.Import(from, ownPrompts(f), dry, tell)
}

// A Text is what a voice is to say.
type Text struct {
	Key      string
	Language string
	Text     string
}

// Texts are those of the deployer's folder: DATA/prompts/texts.yaml, key: {az: …, en: …, ru: …}.
func Texts(f *configs.File) (list []Text, err error) {
	b, err := os.ReadFile(filepath.Join(ownPrompts(f), prompts.TextsFile))
	if err != nil {
		return nil, fmt.Errorf("write the texts into %s, as own.flood: {az: …, en: …, ru: …}: %w", filepath.Join(ownPrompts(f), prompts.TextsFile), err)
	}
	texts := map[string]map[call.Language]string{}
	if err := yaml.UnmarshalWithOptions(b, &texts, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", prompts.TextsFile, err)
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		for lang := range texts[key] {
			if !slices.Contains(prompts.Shipped(), lang) {
				return nil, fmt.Errorf("%s: %s: there is no language %q, write az, en or ru", prompts.TextsFile, key, lang)
			}
		}
		for _, lang := range f.Languages {
			if text := texts[key][lang]; text != "" {
				list = append(list, Text{key, string(lang), text})
			}
		}
	}
	return list, nil
}

// Unsaid are the texts that a voice has yet to say: new ones and changed ones. kept are those over which
// a person's recording lies, which no voice replaces unasked.
func Unsaid(f *configs.File, texts []Text) (unsaid, kept []Text) {
	memory := prompts.Remember(ownPrompts(f))
	for _, t := range texts {
		switch memory.Of(t.Key, call.Language(t.Language), t.Text) {
		case prompts.Unsaid:
			unsaid = append(unsaid, t)
		case prompts.Recorded:
			kept = append(kept, t)
		}
	}
	return unsaid, kept
}

// Render lets the voices say texts, and puts the clips into the deployer's folder. tell is called for each,
// with why it could not be said, if it could not. The error is about the whole: ctx has ended.
func Render(ctx context.Context, f *configs.File, texts []Text, tell func(ImportedPrompt)) error {
	memory := prompts.Remember(ownPrompts(f))
	for _, t := range texts {
		lang := call.Language(t.Language)
		done := ImportedPrompt{Key: t.Key, Language: lang}
		s, err := voice(f, lang).Speak(ctx, t.Text)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			done.Err = err
		default:
			if done = prompts.Keep(ownPrompts(f), t.Key, lang, s); done.Err == nil {
				done.Err = memory.Note(t.Key, lang, t.Text)
			}
		}
		done.File = fmt.Sprintf("%s/%s.wav", t.Language, t.Key)
		tell(done)
	}
	return nil
}

func voice(f *configs.File, lang call.Language) prompts.Voice {
	v := f.Voices[lang]
	return prompts.Voice{Command: v.Command, Timeout: v.Timeout.D(), Respell: v.Respell}
}

// say makes clips of texts that are to be heard at once: an incident.
func (a *App) say(ctx context.Context, texts map[call.Language]string) (map[call.Language]*call.Clip, error) {
	clips := map[call.Language]*call.Clip{}
	for lang, text := range texts {
		if !slices.Contains(a.file.Languages, lang) {
			return nil, fmt.Errorf("there are no callers in %q", lang)
		}
		s, err := voice(a.loaded.Load(), lang).Speak(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", lang, err)
		}
		clips[lang] = prompts.Clip("incident", lang, s)
	}
	return clips, nil
}

// A shelf is the library of now: a reload puts another one there, and calls hear it from their next clip on.
type shelf struct {
	now     atomic.Pointer[prompts.Library]
	metrics *prompts.Metrics
}

func (s *shelf) Clip(key string, lang call.Language) *call.Clip { return s.now.Load().Clip(key, lang) }
func (s *shelf) Music() *call.Clip                              { return s.now.Load().Music() }
func (s *shelf) SayPosition(n int, lang call.Language) []*call.Clip {
	return s.now.Load().SayPosition(n, lang)
}
func (s *shelf) SayWait(d time.Duration, lang call.Language) []*call.Clip {
	return s.now.Load().SayWait(d, lang)
}
func (s *shelf) SayDigits(number string, lang call.Language) []*call.Clip {
	return s.now.Load().SayDigits(number, lang)
}
func (s *shelf) SayDay(t time.Time, lang call.Language) []*call.Clip {
	return s.now.Load().SayDay(t, lang)
}
func (s *shelf) SayChoice(item string, key byte, lang call.Language) []*call.Clip {
	return s.now.Load().SayChoice(item, key, lang)
}
func (s *shelf) SayCase(number string, lang call.Language) []*call.Clip {
	return s.now.Load().SayCase(number, lang)
}
func (s *shelf) SayMenu(items []prompts.Item, lang call.Language) []*call.Clip {
	return s.now.Load().SayMenu(items, lang)
}

// reload reads the deployer's folder anew.
func (s *shelf) reload(f *configs.File, languages []call.Language, log *zap.Logger) error {
	clips, err := prompts.Load(ownPrompts(f), languages, log)
	if err != nil {
		return err
	}
	clips.Count(s.metrics)
	s.now.Store(clips)
	return nil
}
