package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"hotline/app"
	"hotline/control"
)

type recordingShowCmd struct {
	fileFlag
	outFlag
	SVG string `name:"svg" placeholder:"FILE" help:"Write the picture to FILE, for a browser or for paper."`
	ID  string `arg:"" help:"The call's id; its beginning is enough."`
}

func (recordingShowCmd) Help() string {
	return "Draws both channels over one axis of time, above what the caller says, below what the caller hears, with the notice, waits, holds, pauses, " +
		"gaps, operators and transfers. Nothing is played: loudness alone is shown. It works while the call runs, and with no server running.\n\n" +
		"Examples: hotline recording show 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\n" +
		"          hotline recording show 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b --svg call.svg"
}

func (c *recordingShowCmd) Run(t *terminal) error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	return withClient(c.Config, func(client *control.Client) error {
		shown, err := client.Recording(context.Background(), c.ID)
		if err != nil {
			return err
		}
		if c.SVG != "" {
			// Who talked to whom, and when: for its owner alone.
			if err := os.WriteFile(c.SVG, app.RecordingSVG(shown, file.Zone()), 0o600); err != nil {
				return fmt.Errorf("write the picture: %w", err)
			}
		}
		switch {
		case c.json():
			return printJSON(t.out, shown)
		case c.SVG != "":
			_, err = fmt.Fprintf(t.out, "%s: the recording of call %s\n", c.SVG, shown.Call)
			return err
		}
		wide, colours := widthOf(t.out)
		_, err = io.WriteString(t.out, app.RecordingText(shown, file.Zone(), app.Terminal{
			Width: wide, Colour: colours && os.Getenv("NO_COLOR") == "", ASCII: !utf8Terminal(os.Getenv),
		}))
		return err
	})
}
