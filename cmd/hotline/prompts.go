package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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
	Seconds  float64  `json:"seconds,omitempty"` // these three are there where the clip is
	Level    float64  `json:"level_dbov,omitempty"`
	Peak     float64  `json:"peak_dbfs,omitempty"`
	Text     string   `json:"text"`
	Remarks  []string `json:"remarks"`
}

func promptOf(r app.PromptRow) promptJSON {
	return promptJSON{r.Key, string(r.Language), string(r.Source), r.Measure.Seconds, r.Measure.Level, r.Measure.Peak, r.Text, append([]string{}, r.Remarks...)}
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
	rows, list := [][]string{{"KEY", "LANGUAGE", "FROM", "SECONDS", "LEVEL", "PEAK", "SAYS"}}, []promptJSON{}
	_, err = app.Prompts(f, func(r app.PromptRow) {
		if c.Language != "" && c.Language != string(r.Language) {
			return
		}
		list = append(list, promptOf(r))
		measures := []string{"-", "-", "-"}
		if r.Measure.Seconds > 0 {
			measures = []string{fmt.Sprintf("%.1f", r.Measure.Seconds), fmt.Sprintf("%.1f", r.Measure.Level), fmt.Sprintf("%.1f", r.Measure.Peak)}
		}
		rows = append(rows, slices.Concat([]string{r.Key, string(r.Language), string(r.Source)}, measures, []string{r.Text}))
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
	missing, err := app.MissingPrompts(f)
	if err != nil {
		return err
	}
	var told []string
	for _, m := range missing {
		told = append(told, m.String())
	}
	list := []promptJSON{}
	faults, err := app.Prompts(f, func(r app.PromptRow) {
		switch {
		case r.Source == "missing", c.Voices && r.Source == "built-in":
			told = append(told, fmt.Sprintf("%s/%s.wav: is to be recorded: %q", r.Language, r.Key, r.Text))
		case len(r.Remarks) == 0:
			return
		}
		for _, remark := range r.Remarks {
			told = append(told, fmt.Sprintf("%s/%s.wav: %s", r.Language, r.Key, remark))
		}
		list = append(list, promptOf(r))
	})
	if err != nil {
		return err
	}
	for _, fault := range faults {
		told = append(told, fault.String())
	}
	if c.json() {
		if err := printJSON(t.out, map[string]any{"prompts": list, "faults": append([]string{}, told...)}); err != nil {
			return err
		}
	} else if len(told) == 0 {
		fmt.Fprintln(t.out, "every prompt is there, in every language, and well")
	} else {
		fmt.Fprintln(t.out, strings.Join(told, "\n"))
	}
	if len(told) > 0 {
		return notSo{}
	}
	return nil
}

type promptsImportCmd struct {
	fileFlag
	DryRun bool   `help:"Only tell what would be done."`
	From   string `arg:"" placeholder:"DIR" help:"A folder or a .zip archive: az/KEY.wav, en/KEY.wav, ru/KEY.wav, or LANG_KEY.wav."`
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
		fmt.Fprintf(t.out, "taken  %s: %s in %s, %.1f s, %.1f dBov", i.File, i.Key, i.Language, i.To.Seconds, i.To.Level)
		if i.From != i.To {
			fmt.Fprintf(t.out, ", %.1f before", i.From.Level)
		}
		fmt.Fprintln(t.out)
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
	texts, err := c.texts(f)
	if err != nil {
		return err
	}
	if c.Text == "" && len(c.Keys) == 0 {
		unsaid, kept := app.Unsaid(f, texts)
		for _, k := range kept {
			fmt.Fprintf(t.out, "kept   %s in %s: a person has recorded it; name the key to let a voice speak instead\n", k.Key, k.Language)
		}
		if texts = unsaid; len(texts) == 0 {
			fmt.Fprintln(t.out, "nothing is to be said anew")
			return nil
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	taken, left := 0, 0
	app.Render(ctx, f, texts, imported(t, &taken, &left))
	return summed(t, taken, left, false)
}

func (c *promptsRenderCmd) texts(f *configs.File) ([]app.Text, error) {
	if c.Text != "" {
		if len(c.Keys) != 1 || c.Language == "" {
			return nil, usageError{errors.New("--text needs one KEY and --language")}
		}
		return []app.Text{{Key: c.Keys[0], Language: app.Language(c.Language), Text: c.Text}}, nil
	}
	all, err := app.Texts(f)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t app.Text) bool {
		return c.Language != "" && c.Language != string(t.Language) || len(c.Keys) > 0 && !slices.Contains(c.Keys, t.Key)
	})
	if len(all) == 0 {
		return nil, usageError{errors.New("texts.yaml has no such text")}
	}
	return all, nil
}
