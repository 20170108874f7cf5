package main

import (
	"context"
	"fmt"

	"hotline/control"
)

type recordingAccessCmd struct {
	List   accessListCmd   `cmd:"" default:"withargs" help:"List who asked for recordings."`
	Verify accessVerifyCmd `cmd:"" help:"Prove that no entry was changed, left out or put in."`
}

type accessListCmd struct {
	fileFlag
	outFlag
	Call  string `placeholder:"ID" help:"Only for one call."`
	Who   string `placeholder:"NAME" help:"Only by one person, also as the second."`
	Limit int    `default:"1000" help:"The newest so many."`
}

func (accessListCmd) Help() string {
	return "The word list may be left out.\n\nExample: hotline recording access list --who rena"
}

func (c *accessListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Accesses, error) {
		return client.Accesses(context.Background(), control.AccessFilter{Call: c.Call, Who: c.Who, Most: c.Limit})
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(answer control.Accesses) error {
		rows := [][]string{{"NO", "AT", "WHO", "ROLE", "FROM", "DO", "CALL", "WHY", "WITH", "REFUSED"}}
		for _, e := range answer.Accesses {
			rows = append(rows, []string{fmt.Sprint(e.Seq), str(e.At), e.Who, e.Role, e.From, e.Do, e.Call, e.Why, e.With, e.Refused})
		}
		return printTable(t.out, rows)
	})
}

type accessVerifyCmd struct {
	fileFlag
	outFlag
}

func (accessVerifyCmd) Help() string { return "Example: hotline recording access verify" }

func (c *accessVerifyCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.VerifyAccesses(context.Background())
		if err != nil {
			return err
		}
		return c.judge(t, answer, answer.Fault == nil, func() {
			if answer.Fault == nil {
				fmt.Fprintf(t.out, "%d entries: good\n", answer.Checked)
			} else {
				fmt.Fprintf(t.out, "%s; %d entries before it are good\n", *answer.Fault, answer.Checked)
			}
		})
	})
}
