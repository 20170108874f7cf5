package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/control"
)

// An untilFlag is an end.
type untilFlag struct {
	Until string `placeholder:"TIME" help:"The end: RFC 3339, or a span from now such as 2h or 30d. Without it there is none."`
}

func (f untilFlag) until(now time.Time) (*time.Time, error) {
	if f.Until == "" {
		return nil, nil //nolint:nilnil // no end is no error
	}
	text := f.Until
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && fmt.Sprint(n) == days {
			t := now.AddDate(0, 0, n)
			return &t, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		t := now.Add(d)
		return &t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usageError{fmt.Errorf("--until %q: write a time such as 2026-12-01T09:00:00+04:00, or a span such as 2h or 30d", text)}
	}
	return &t, nil
}

type blockCmd struct {
	List   blockListCmd   `cmd:"" help:"List the numbers that are kept out."`
	Add    blockAddCmd    `cmd:"" help:"Keep a number out."`
	Remove blockRemoveCmd `cmd:"" help:"Let a number in again."`
}

type blockListCmd struct {
	fileFlag
	outFlag
	numbersFlag
	All bool `help:"Also those that are over."`
}

func (blockListCmd) Help() string {
	return "Who is kept out hears so, and reaches the emergency key alone.\n\nExample: hotline block list --all"
}

func (c *blockListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Blocks, error) {
		return client.Blocks(context.Background(), c.All, c.Numbers)
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Blocks) error {
		rows := [][]string{{"NUMBER", "SINCE", "UNTIL", "BY", "REASON", "LIFTED", "LIFTED BY"}}
		for _, b := range answer.Blocks {
			rows = append(rows, []string{b.Number, str(b.At), str(b.Until), b.By, b.Reason, str(b.Lifted), b.LiftedBy})
		}
		return printTable(t.out, rows)
	})
}

type blockAddCmd struct {
	fileFlag
	byFlag
	untilFlag
	Reason string `required:"" help:"Why: whoever looks at it later must understand."`
	Number string `arg:"" help:"The number, in any spelling."`
}

func (blockAddCmd) Help() string {
	return "Example: hotline block add +994501234567 --reason threats --until 30d --by chief"
}

func (c *blockAddCmd) Run(t *terminal) error {
	until, err := c.until(time.Now())
	if err != nil {
		return err
	}
	return c.press(t, "the number is blocked; the emergency key works for it all the same", func(client *control.Client) error {
		return client.Block(context.Background(), control.NewBlock{Number: c.Number, Reason: c.Reason, By: c.by(), Until: until})
	})
}

type blockRemoveCmd struct {
	fileFlag
	byFlag
	Number string `arg:"" help:"The number, in any spelling."`
}

func (blockRemoveCmd) Help() string { return "Example: hotline block remove +994501234567 --by chief" }

func (c *blockRemoveCmd) Run(t *terminal) error {
	return c.press(t, "the number is let in again", func(client *control.Client) error {
		return client.Unblock(context.Background(), c.Number, c.by())
	})
}

type challengeCmd struct {
	On  challengeOnCmd  `cmd:"" help:"Every caller presses a key first: what dials by itself does not."`
	Off challengeOffCmd `cmd:"" help:"No longer."`
}

type challengeOnCmd struct {
	fileFlag
	byFlag
	untilFlag
}

func (challengeOnCmd) Help() string {
	return "The key changes from call to call. The emergency key works before it.\n\nExample: hotline challenge on --until 2h"
}

func (c *challengeOnCmd) Run(t *terminal) error {
	return switchOn(t, c.fileFlag, "challenge", c.untilFlag, control.NewSwitch{By: c.by()})
}

// switchOn switches something on and says so.
func switchOn(t *terminal, f fileFlag, name string, u untilFlag, s control.NewSwitch) (err error) {
	if s.Until, err = u.until(time.Now()); err != nil {
		return err
	}
	end := "until it is switched off"
	if s.Until != nil {
		end = "until " + s.Until.Format(time.RFC3339)
	}
	return f.press(t, fmt.Sprintf("%s: on for every call from now, %s", name, end), func(client *control.Client) error {
		return client.SwitchOn(context.Background(), name, s)
	})
}

type challengeOffCmd struct{ fileFlag }

func (challengeOffCmd) Help() string { return "Example: hotline challenge off" }

func (c *challengeOffCmd) Run(t *terminal) error { return switchOff(t, c.fileFlag, "challenge") }

func switchOff(t *terminal, f fileFlag, name string) error {
	return f.press(t, name+": off", func(client *control.Client) error {
		return client.SwitchOff(context.Background(), name)
	})
}

type switchShowCmd struct {
	fileFlag
	outFlag
}

func (switchShowCmd) Help() string { return "Example: hotline incident show" }

func (c *switchShowCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Switches, error) {
		return client.Switches(context.Background())
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Switches) error {
		rows := [][]string{{"SWITCH", "STATE", "SINCE", "UNTIL", "BY", "SAYS"}}
		row := func(name string, s *control.Switch) {
			if s == nil {
				rows = append(rows, []string{name, "off", "", "", "", ""})
				return
			}
			says := ""
			if in := s.Incident; in != nil {
				says = in.Clip
				for _, lang := range slices.Sorted(maps.Keys(in.Texts)) {
					says += lang + ": " + in.Texts[lang] + " "
				}
			}
			rows = append(rows, []string{name, "on", str(s.At), str(s.Until), s.By, strings.TrimSpace(says)})
		}
		row("challenge", answer.Challenge)
		row("incident", answer.Incident)
		return printTable(t.out, rows)
	})
}

type incidentCmd struct {
	On   incidentOnCmd  `cmd:"" help:"Tell every caller of an incident, before the menus or instead of them."`
	Off  incidentOffCmd `cmd:"" help:"No longer."`
	Show switchShowCmd  `cmd:"" help:"What is switched on for all callers."`
}

type incidentOnCmd struct {
	fileFlag
	byFlag
	untilFlag
	Clip    string            `placeholder:"KEY" help:"The prompt that is played, one of the catalogue or yours: own.flood."`
	Text    map[string]string `placeholder:"LANG=TEXT" help:"Or a text that is spoken by the voice of the language; once for each."`
	Instead bool              `help:"The call ends after it, but for the emergency key; without it the menus follow."`
}

func (incidentOnCmd) Help() string {
	return "Example: hotline incident on --clip own.flood --until 12h\nExample: hotline incident on --instead --text en=Closed. --text az=Bağlıdır. --text ru=Закрыто."
}

func (c *incidentOnCmd) Run(t *terminal) error {
	if (c.Clip == "") == (len(c.Text) == 0) {
		return usageError{fmt.Errorf("give --clip, or --text for each language")}
	}
	return switchOn(t, c.fileFlag, "incident", c.untilFlag, control.NewSwitch{
		By: c.by(), Incident: &control.Incident{Clip: c.Clip, Texts: c.Text, Instead: c.Instead},
	})
}

type incidentOffCmd struct{ fileFlag }

func (incidentOffCmd) Help() string { return "Example: hotline incident off" }

func (c *incidentOffCmd) Run(t *terminal) error { return switchOff(t, c.fileFlag, "incident") }
