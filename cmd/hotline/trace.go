package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"hotline/app"
	"hotline/control"
)

type callTraceCmd struct {
	fileFlag
	outFlag
	Pcap string `placeholder:"FILE" help:"Write the call's SIP messages to FILE, for Wireshark or sngrep."`
	ID   string `arg:"" help:"The call's id; its beginning is enough."`
}

func (callTraceCmd) Help() string {
	return "Draws the SIP messages of a call as a ladder, with what the house did between them. Keys pressed and passwords are masked; " +
		"numbers are not, so each look is logged.\n\nExamples: hotline call trace 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b\n" +
		"          hotline call trace 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b --pcap call.pcap"
}

func (c *callTraceCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		if c.Pcap != "" {
			return c.save(t, client)
		}
		answer, err := client.Trace(context.Background(), c.ID)
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, answer)
		}
		printTrace(t, answer)
		return nil
	})
}

// save writes the capture where only its owner reads it: numbers are in it.
func (c *callTraceCmd) save(t *terminal, client *control.Client) error {
	capture, err := client.Capture(context.Background(), c.ID)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Pcap, capture, 0o600); err != nil {
		return fmt.Errorf("write the capture: %w", err)
	}
	if c.json() {
		return printJSON(t.out, map[string]any{"file": c.Pcap, "bytes": len(capture)})
	}
	fmt.Fprintf(t.out, "%s: %d bytes\n", c.Pcap, len(capture))
	return nil
}

func printTrace(t *terminal, answer control.Trace) {
	r := answer.Call
	fmt.Fprintf(t.out, "call %s, line %s, language %s, operator %s\n", r.ID, r.Line, str(r.Language), str(r.Operator))
	fmt.Fprintf(t.out, "arrived %s, waited %s, talked %s, outcome %s", str(r.Arrived), ms(r.WaitedMS), ms(r.TalkedMS), str(r.Outcome))
	if r.EndedBy != nil {
		fmt.Fprintf(t.out, " by %s", *r.EndedBy)
	}
	fmt.Fprint(t.out, "\n\n", app.Ladder(answer, !utf8Terminal(os.Getenv)))
	if len(answer.Messages) == 0 {
		fmt.Fprintln(t.out, "\nNo signalling of this call is kept (trace.keep and trace.memory_mb in the configuration).")
	}
}

// utf8Terminal says whether the terminal shows more than ASCII, as the locale has it.
func utf8Terminal(env func(string) string) bool {
	locale := strings.ToLower(cmp.Or(env("LC_ALL"), env("LC_CTYPE"), env("LANG")))
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}
