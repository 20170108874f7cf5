package main

import "strings"

type directoryCmd struct {
	List directoryListCmd `cmd:"" help:"List the directory as the configuration file has it."`
}

type directoryListCmd struct {
	fileFlag
	outFlag
}

func (directoryListCmd) Help() string { return "Example: hotline directory list --config hotline.yaml" }

// A directoryEntry is one line of the answer.
type directoryEntry struct {
	Name      string   `json:"name"`
	Number    string   `json:"number"`
	Languages []string `json:"languages"` // a notice there is in these
	Emergency bool     `json:"emergency"`
}

func (c *directoryListCmd) Run(t *terminal) error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	entries := []directoryEntry{}
	rows := [][]string{{"NAME", "NUMBER", "LANGUAGES", "EMERGENCY"}}
	for _, e := range file.Directory {
		spoken := e.Languages
		if len(spoken) == 0 {
			spoken = file.Languages
		}
		d := directoryEntry{Name: e.Name, Number: e.Number, Emergency: e.Emergency}
		for _, l := range spoken {
			d.Languages = append(d.Languages, string(l))
		}
		entries = append(entries, d)
		rows = append(rows, []string{d.Name, d.Number, strings.Join(d.Languages, ","), yesNo(d.Emergency)})
	}
	if c.json() {
		return printJSON(t.out, map[string]any{"directory": entries})
	}
	return printTable(t.out, rows)
}
