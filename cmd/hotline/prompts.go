package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hotline/app"
	"hotline/configs"
)

type promptsCmd struct {
	List   promptsListCmd   `cmd:"" help:"List every prompt with its text, length and level."`
	Check  promptsCheckCmd  `cmd:"" help:"Tell what is missing, with its text to read, and what is not well."`
	Import promptsImportCmd `cmd:"" help:"Take human recordings: any WAV, resampled, levelled, trimmed."`
	Render promptsRenderCmd `cmd:"" help:"Let a voice say your own texts."`
}

// A promptJSON is one prompt for programs.
type promptJSON struct {
	Key      string   `json:"key"`
	Language string   `json:"language"`
	Source   string   `json:"source"`
	Seconds  *float64 `json:"seconds"` // null, as the next two, where it is missing
	Level    *float64 `json:"level_dbov"`
	Peak     *float64 `json:"peak_dbfs"`
	Text     string   `json:"text"`
	Remarks  []string `json:"remarks"`
}

func promptOf(r app.PromptRow) promptJSON {
	p := promptJSON{Key: r.Key, Language: string(r.Language), Source: string(r.Source), Text: r.Text, Remarks: append([]string{}, r.Remarks...)}
	if r.Source != app.MissingPrompt {
		p.Seconds, p.Level, p.Peak = &r.Measure.Seconds, &r.Measure.Level, &r.Measure.Peak
	}
	return p
}

// measured is a number of a table; nil is none.
func measured(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.1f", *v)
}

// inLanguage refuses a language that no caller speaks.
func inLanguage(lang string, f *configs.File) error {
	for _, l := range f.Languages {
		if lang == string(l) {
			return nil
		}
	}
	if lang != "" {
		return usageError{fmt.Errorf("there are no callers in %q, only in %v", lang, f.Languages)}
	}
	return nil
}

type promptsListCmd struct {
	fileFlag
	outFlag
	Language string `placeholder:"LANG" help:"Only in one language."`
}

func (promptsListCmd) Help() string { return "Example: hotline prompts list --language ru" }

func (c *promptsListCmd) Run(t *terminal) error {
	f, err := load(c.Config)
	if err != nil {
		return err
	}
	if err := inLanguage(c.Language, f); err != nil {
		return err
	}
	rows, list := [][]string{{"KEY", "LANGUAGE", "FROM", "SECONDS", "LEVEL", "PEAK", "SAYS"}}, []promptJSON{}
	_, err = app.Prompts(f, func(r app.PromptRow) {
		if c.Language != "" && c.Language != string(r.Language) {
			return
		}
		p := promptOf(r)
		list = append(list, p)
		rows = append(rows, []string{p.Key, p.Language, p.Source, measured(p.Seconds), measured(p.Level), measured(p.Peak), p.Text})
	})
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, map[string]any{"prompts": list})
	}
	return printTable(t.out, rows)
}

type promptsCheckCmd struct {
	fileFlag
	outFlag
	Voices bool `help:"Also what no human of yours has recorded yet: the reading list."`
}

func (promptsCheckCmd) Help() string {
	return "Exit 1 where something is missing or not well. With --voices the built-in clips count as missing: what is printed is what somebody has to read.\n\nExample: hotline prompts check --voices"
}

func (c *promptsCheckCmd) Run(t *terminal) error {
	f, err := load(c.Config)
	if err != nil {
		return err
	}
	told, list, err := c.lacks(f)
	if err != nil {
		return err
	}
	switch {
	case c.json():
		if err := printJSON(t.out, map[string]any{"prompts": list, "faults": told}); err != nil {
			return err
		}
	case len(told) == 0:
		fmt.Fprintln(t.out, "every prompt is there, in every language, and well")
	default:
		fmt.Fprintln(t.out, strings.Join(told, "\n"))
	}
	if len(told) > 0 {
		return notSo{}
	}
	return nil
}

// lacks are what is missing or not well: in words, and as the prompts that it is about.
func (c *promptsCheckCmd) lacks(f *configs.File) (told []string, list []promptJSON, err error) {
	told, list = []string{}, []promptJSON{}
	missing, err := app.MissingPrompts(f)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range missing {
		told = append(told, m.String())
	}
	faults, err := app.Prompts(f, func(r app.PromptRow) {
		words := c.about(r)
		if len(words) > 0 {
			list = append(list, promptOf(r))
		}
		for _, w := range words {
			told = append(told, fmt.Sprintf("%s: %s", filepath.Join(string(r.Language), r.Key+".wav"), w))
		}
	})
	if err != nil {
		return nil, nil, err
	}
	for _, fault := range faults {
		told = append(told, fault.String())
	}
	return told, list, nil
}

// about is what is to be done with a prompt.
func (c *promptsCheckCmd) about(r app.PromptRow) []string {
	missing := r.Source == app.MissingPrompt
	switch {
	case missing && r.Text == "":
		return []string{"is to be recorded, as in the other languages"}
	case missing, c.Voices && r.Source == app.BuiltInPrompt && r.Text != "":
		return append([]string{fmt.Sprintf("is to be recorded: %q", r.Text)}, r.Remarks...)
	}
	return r.Remarks
}

type promptsImportCmd struct {
	fileFlag
	DryRun bool   `help:"Only tell what would be done."`
	From   string `arg:"" name:"dir" help:"A folder or a .zip archive: az/KEY.wav, en/KEY.wav, ru/KEY.wav, or LANG_KEY.wav."`
}

func (promptsImportCmd) Help() string {
	return "Each recording is brought to 8 kHz, to -22 dBov (ITU-T P.56), and trimmed. A running server takes them at: hotline reload\n\nExample: hotline prompts import studio --dry-run"
}

func (c *promptsImportCmd) Run(t *terminal) error {
	f, err := load(c.Config)
	if err != nil {
		return err
	}
	taken, left := 0, 0
	err = app.ImportPrompts(f, c.From, c.DryRun, imported(t, &taken, &left))
	if err != nil {
		return err
	}
	return summed(t, taken, left, c.DryRun)
}

// imported tells what became of each recording.
func imported(t *terminal, taken, left *int) func(app.ImportedPrompt) {
	return func(i app.ImportedPrompt) {
		if i.Err != nil {
			*left++
			fmt.Fprintf(t.out, "left   %s: %v\n", i.File, i.Err)
			return
		}
		*taken++
		fmt.Fprintf(t.out, "taken  %s: %s in %s, %.1f s, %.1f dBov before, %.1f now\n", i.File, i.Key, i.Language, i.To.Seconds, i.From.Level, i.To.Level)
		for _, r := range i.Remarks {
			fmt.Fprintf(t.out, "       %s\n", r)
		}
	}
}

func summed(t *terminal, taken, left int, dry bool) error {
	end := "; a running server takes them at: hotline reload"
	if dry {
		end = "; nothing was written"
	}
	fmt.Fprintf(t.out, "%d taken, %d left%s\n", taken, left, end)
	if left > 0 {
		return notSo{}
	}
	return nil
}

type promptsRenderCmd struct {
	fileFlag
	Language string   `placeholder:"LANG" help:"Only in one language."`
	Text     string   `help:"Say this, instead of what stands in texts.yaml; with one KEY and --language."`
	Keys     []string `arg:"" optional:"" placeholder:"KEY" help:"Only these, also over a recording; without any, what is new or changed in texts.yaml."`
}

func (promptsRenderCmd) Help() string {
	return "Your own texts stand in DATA/prompts/texts.yaml, as own.flood: {az: …, en: …, ru: …}; the voices in the configuration, under voices.\n\nExample: hotline prompts render own.flood --language en --text Closed."
}

func (c *promptsRenderCmd) Run(t *terminal) error {
	f, err := load(c.Config)
	if err != nil {
		return err
	}
	if err := inLanguage(c.Language, f); err != nil {
		return err
	}
	texts, err := c.texts(f)
	if err != nil {
		return err
	}
	if c.Text == "" && len(c.Keys) == 0 {
		unsaid, kept := app.Unsaid(f, texts)
		for _, k := range kept {
			fmt.Fprintf(t.out, "kept   %s/%s.wav: a person has recorded it; name the key, and a voice speaks instead\n", k.Language, k.Key)
		}
		if texts = unsaid; len(texts) == 0 {
			fmt.Fprintln(t.out, "nothing is to be said anew")
			return nil
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	taken, left := 0, 0
	if err := app.Render(ctx, f, texts, imported(t, &taken, &left)); err != nil {
		return err
	}
	return summed(t, taken, left, false)
}

func (c *promptsRenderCmd) texts(f *configs.File) ([]app.Text, error) {
	if c.Text != "" {
		if len(c.Keys) != 1 || c.Language == "" {
			return nil, usageError{errors.New("--text needs one KEY and --language")}
		}
		return []app.Text{{Key: c.Keys[0], Language: c.Language, Text: c.Text}}, nil
	}
	all, err := app.Texts(f)
	if err != nil {
		return nil, err
	}
	for _, key := range c.Keys {
		if !slices.ContainsFunc(all, func(t app.Text) bool { return t.Key == key }) {
			return nil, usageError{fmt.Errorf("texts.yaml has no text %q", key)}
		}
	}
	all = slices.DeleteFunc(all, func(t app.Text) bool {
		return c.Language != "" && c.Language != t.Language || len(c.Keys) > 0 && !slices.Contains(c.Keys, t.Key)
	})
	if len(all) == 0 {
		return nil, usageError{errors.New("texts.yaml has no such text")}
	}
	return all, nil
}
