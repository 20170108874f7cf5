package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"hotline/app"
	"hotline/configs"
)

type menuCmd struct {
	Draw menuDrawCmd `cmd:"" help:"Draw where callers come, as a picture."`
	List menuListCmd `cmd:"" help:"List the menus."`
}

type menuDrawCmd struct {
	fileFlag
	Line      string   `placeholder:"NUMBER" help:"Draw the menus of this line alone."`
	Languages []string `placeholder:"az,en,ru" help:"Whose words are shown; without it those of the configuration."`
	To        string   `placeholder:"FILE" help:"Write the picture there; without it to standard output."`
}

func (menuDrawCmd) Help() string {
	return "The whole journey of callers as one SVG: what they hear in each language, which key leads where, what happens to those who press none. It needs nothing else to be shown, and fits on a sheet of A3 or A4.\n\n" +
		"Example: hotline menu draw --config /etc/hotline.yaml --line 919 > menu.svg"
}

func (c *menuDrawCmd) Run(t *terminal) error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	picture, err := app.DrawMenus(file, app.Picture{Line: c.Line, Languages: c.Languages})
	if err != nil {
		return menuError(err, file, c.Line)
	}
	if c.To == "" {
		_, err = t.out.Write(picture)
		return err
	}
	return os.WriteFile(c.To, picture, 0o644)
}

// menuError says what was wrong with what was asked for.
func menuError(err error, file *configs.File, number string) error {
	switch {
	case errors.Is(err, app.ErrNoLine):
		return usageError{fmt.Errorf("--line %s: there is no such line", number)}
	case errors.Is(err, app.ErrNoMenus):
		return configs.Faults{file.Fault("menus", "no menu, so there is nothing to draw", "name one as in the sample")}
	case errors.Is(err, app.ErrNotSpoken):
		return usageError{fmt.Errorf("--languages: %w", err)}
	}
	return err
}

type menuListCmd struct {
	fileFlag
	outFlag
	Line string `placeholder:"NUMBER" help:"List the menus of this line alone."`
}

func (menuListCmd) Help() string {
	return "Example: hotline menu list --config /etc/hotline.yaml"
}

func (c *menuListCmd) Run(t *terminal) error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	menus, err := app.MenuList(file, c.Line)
	if err != nil {
		return menuError(err, file, c.Line)
	}
	if c.json() {
		return printJSON(t.out, struct {
			Menus []app.MenuRow `json:"menus"`
		}{menus})
	}
	rows := [][]string{{"MENU", "KIND", "LEADS TO", "DOES"}}
	for _, m := range menus {
		var ways []string
		for _, w := range m.Ways {
			ways = append(ways, w.Key+" "+w.To)
		}
		rows = append(rows, []string{m.Name, m.Kind, strings.Join(ways, ", "), m.About})
	}
	return printTable(t.out, rows)
}
