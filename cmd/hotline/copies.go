package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"hotline/control"
)

// copyCmd is what a citizen may ask for: the law gives three months.
type copyCmd struct {
	Find    copyFindCmd    `cmd:"" help:"Find the call of which somebody asks for a copy."`
	Request copyRequestCmd `cmd:"" help:"Register the request."`
	Make    copyMakeCmd    `cmd:"" help:"Make the copy: sound, manifest, key, signature and a page, in one ZIP."`
	Deliver copyDeliverCmd `cmd:"" help:"Note that the citizen has it."`
	Refuse  copyRefuseCmd  `cmd:"" help:"Refuse the request."`
	List    copyListCmd    `cmd:"" help:"List requests, and how many days are left."`
	Show    copyShowCmd    `cmd:"" help:"One request with its history."`
}

type copyFindCmd struct {
	fileFlag
	outFlag
	byFlag
	Number string `placeholder:"NUMBER" help:"The telephone number from which was called, in any spelling."`
	Date   string `placeholder:"DATE" help:"The day of the call, YYYY-MM-DD."`
	Case   string `placeholder:"CASE" help:"The registration number that the caller was told, YYYY-NNNNNN."`
}

func (copyFindCmd) Help() string {
	return "By number and day, or by the number of a case. A number that the caller withheld finds nothing. RIGHT is until when the caller may ask, and how many days are left of it; the log says that you looked.\n\n" +
		"Example: hotline copy find --number \"050 555 01 00\" --date 2026-11-25"
}

func (c *copyFindCmd) Run(t *terminal) error {
	if c.Case == "" && (c.Number == "" || c.Date == "") {
		return usageError{errors.New("give --number and --date, or --case")}
	}
	ask := func(client *control.Client) (control.CopyCalls, error) {
		return client.FindCopy(context.Background(), control.CopyFind{Number: c.Number, Date: c.Date, Case: c.Case, By: c.by()})
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(found control.CopyCalls) error {
		rows := [][]string{{"CALL", "ARRIVED", "LINE", "NUMBER", "LANGUAGE", "OPERATOR", "LENGTH", "RECORDED", "RIGHT"}}
		for _, k := range found.Calls {
			rows = append(rows, []string{
				k.Call, str(k.Arrived), k.Line, k.Number, str(k.Language), str(k.Operator), ms(&k.LengthMS), yesNo(k.Recorded), daysLeft(k.RightUntil, k.RightDays),
			})
		}
		return printTable(t.out, rows)
	})
}

// daysLeft is a day, and how far away it is.
func daysLeft(day *string, days int) string {
	date, _, _ := strings.Cut(str(day), "T")
	switch {
	case days < 0:
		return fmt.Sprintf("%s, over for %d days", date, -days)
	case days == 0:
		return date + ", the last day"
	}
	return fmt.Sprintf("%s, %d days left", date, days)
}

type copyRequestCmd struct {
	fileFlag
	outFlag
	byFlag
	ID      string `arg:"" help:"The call's id; its beginning is enough."`
	Name    string `placeholder:"NAME" help:"Who asks."`
	Case    string `placeholder:"CASE" help:"The registration number of a case that goes with it."`
	Checked string `name:"identity-checked-by" required:"" placeholder:"WHO" help:"Who saw that it is the caller who asks."`
	Why     string `required:"" help:"Why, in words: in what form it was asked, and how the identity was checked."`
	Late    bool   `help:"Also where the three months are over."`
}

func (copyRequestCmd) Help() string {
	return "The number of the request that is printed goes with all that follows. The name stays in the register; no log has it.\n\n" +
		"Example: hotline copy request 019aa1b2-7c3d --identity-checked-by nigar --why \"came to the office, identity card seen\" --name \"A. Aliyeva\""
}

func (c *copyRequestCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		made, err := client.RequestCopy(context.Background(), control.CopyRequest{
			Call: c.ID, Case: c.Case, Name: c.Name, Checked: c.Checked, By: c.by(), Why: c.Why, Late: c.Late,
		})
		if err != nil {
			return err
		}
		return c.print(t, made)
	})
}

// print says how a request stands.
func (f outFlag) print(t *terminal, k control.Copy) error {
	if f.json() {
		return printJSON(t.out, k)
	}
	text := fmt.Sprintf("request %s, call %s: %s", k.Number, k.Call, k.State)
	if k.Closed == nil {
		text += "; to be answered until " + daysLeft(k.Due, k.DueDays)
	}
	_, err := fmt.Fprintln(t.out, text)
	return err
}

type copyMakeCmd struct {
	fileFlag
	byFlag
	Silence string `enum:",operator,caller" default:"" placeholder:"WHO" help:"Make one side silent: operator (all that the caller heard) or caller."`
	Request string `arg:"" help:"The number of the request, R-YYYY-NNNNNN."`
	File    string `arg:"" help:"The ZIP to write; one that is there already is not written over."`
}

func (copyMakeCmd) Help() string {
	return "Who makes it is written into the log of accesses before the first byte leaves. HOW-TO-VERIFY.txt in the ZIP tells in three languages how to see that nothing was changed, " +
		"index.html plays the recording.\n\nExamples: hotline copy make R-2026-000001 copy.zip --by nigar\n          hotline copy make R-2026-000001 copy.zip --by nigar --silence operator"
}

func (c *copyMakeCmd) Run(t *terminal) (err error) {
	if _, err := os.Lstat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("%s is there already: remove it, or name another", c.File)}
	}
	return withClient(c.Config, func(client *control.Client) error {
		part := c.File + ".part"
		f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // voices are in it
		if err != nil {
			return fmt.Errorf("write the copy: %w", err)
		}
		err = client.MakeCopy(context.Background(), f, c.Request, control.CopyMake{By: c.by(), Silence: c.Silence})
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(part, c.File)
		}
		if err != nil {
			return errors.Join(err, os.Remove(part))
		}
		_, err = fmt.Fprintf(t.out, "%s: the copy of request %s; note its way with: hotline copy deliver %s --how …\n", c.File, c.Request, c.Request)
		return err
	})
}

type copyDeliverCmd struct {
	fileFlag
	outFlag
	byFlag
	Request string `arg:"" help:"The number of the request."`
	How     string `required:"" help:"How the citizen got it."`
}

func (copyDeliverCmd) Help() string {
	return "Example: hotline copy deliver R-2026-000001 --how \"handed over on a stick, against signature\" --by nigar"
}

func (c *copyDeliverCmd) Run(t *terminal) error {
	return c.closed(t, c.fileFlag, c.Request, control.CopyClose{Do: "deliver", By: c.by(), Text: c.How})
}

func (f outFlag) closed(t *terminal, file fileFlag, number string, ask control.CopyClose) error {
	return withClient(file.Config, func(client *control.Client) error {
		now, err := client.CloseCopy(context.Background(), number, ask)
		if err != nil {
			return err
		}
		return f.print(t, now)
	})
}

type copyRefuseCmd struct {
	fileFlag
	outFlag
	byFlag
	Request string `arg:"" help:"The number of the request."`
	Why     string `required:"" help:"The reason, as the citizen is told it."`
}

func (copyRefuseCmd) Help() string {
	return "Example: hotline copy refuse R-2026-000001 --why \"the call was not answered, so there is no recording\" --by nigar"
}

func (c *copyRefuseCmd) Run(t *terminal) error {
	return c.closed(t, c.fileFlag, c.Request, control.CopyClose{Do: "refuse", By: c.by(), Text: c.Why})
}

type copyListCmd struct {
	fileFlag
	outFlag
	All bool `help:"Delivered and refused ones too."`
}

func (copyListCmd) Help() string {
	return "Those that are due first come first. DUE is until when the request is to be answered.\n\nExample: hotline copy list"
}

func (c *copyListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Copies, error) {
		return client.Copies(context.Background(), c.All)
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(answer control.Copies) error {
		rows := [][]string{{"REQUEST", "CALL", "STATE", "ASKED", "DUE", "BY", "CASE"}}
		for _, k := range answer.Copies {
			due := daysLeft(k.Due, k.DueDays)
			if k.Closed != nil {
				due = "closed " + str(k.Closed)
			}
			rows = append(rows, []string{k.Number, k.Call, k.State, str(k.Asked), due, k.By, k.Case})
		}
		return printTable(t.out, rows)
	})
}

type copyShowCmd struct {
	fileFlag
	outFlag
	Request string `arg:"" help:"The number of the request."`
}

func (copyShowCmd) Help() string { return "Example: hotline copy show R-2026-000001" }

func (c *copyShowCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Copy, error) {
		return client.Copy(context.Background(), c.Request)
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(k control.Copy) error {
		late := ""
		if k.Late {
			late = " (asked when it was over)"
		}
		for _, row := range [][2]string{
			{"request", k.Number}, {"call", k.Call}, {"case", k.Case}, {"state", k.State}, {"name", k.Name}, {"checked by", k.Checked}, {"by", k.By}, {"why", k.Why},
			{"asked", str(k.Asked)}, {"due", daysLeft(k.Due, k.DueDays)}, {"right", daysLeft(k.RightUntil, k.RightDays) + late}, {"silenced", k.Silence}, {"digest", k.Digest},
		} {
			if row[1] != "" {
				fmt.Fprintf(t.out, "%-10s %s\n", row[0], row[1])
			}
		}
		fmt.Fprintln(t.out)
		rows := [][]string{{"AT", "BY", "WHAT", "TEXT"}}
		for _, e := range k.History {
			rows = append(rows, []string{str(e.At), e.By, e.What, e.Text})
		}
		return printTable(t.out, rows)
	})
}
