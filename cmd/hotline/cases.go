package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hotline/control"
)

type caseCmd struct {
	List   caseListCmd   `cmd:"" help:"List what citizens have left, and how it stands."`
	Show   caseShowCmd   `cmd:"" help:"One case with its history."`
	Play   casePlayCmd   `cmd:"" help:"Hear what the citizen has left."`
	Export caseExportCmd `cmd:"" help:"Take it away in a WAV file."`
	Assign caseAssignCmd `cmd:"" help:"Give a case to a unit or to somebody."`
	Answer caseAnswerCmd `cmd:"" help:"Write the answer down."`
	Extend caseExtendCmd `cmd:"" help:"Extend the term, once, by up to 30 working days."`
	Study  caseStudyCmd  `cmd:"" help:"The case has to be studied or checked: its term is 30 working days."`
	Urgent caseUrgentCmd `cmd:"" help:"A request for information that cannot wait: 24 or 48 hours."`
	Born   caseBornCmd   `cmd:"" help:"Note when the citizen was born."`
	Close  caseCloseCmd  `cmd:"" help:"Close a case."`
	Call   caseCallCmd   `cmd:"" help:"Have the citizen called now."`
	Tasks  caseTasksCmd  `cmd:"" help:"Whom to call back after an investigation."`
}

type caseListCmd struct {
	fileFlag
	outFlag
	byFlag
	State        string `placeholder:"STATE" help:"registered, assigned, answered or closed."`
	Unit         string `placeholder:"NAME" help:"Only a unit's."`
	Overdue      bool   `help:"Only those whose term is over."`
	All          bool   `help:"Closed ones too."`
	Confidential bool   `help:"Confidential ones too. The look is written into their histories."`
	Limit        int    `default:"100" help:"At most so many."`
}

func (caseListCmd) Help() string { return "Example: hotline case list --overdue" }

func (c *caseListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Cases, error) {
		return client.Cases(context.Background(), control.CaseFilter{
			State: c.State, Unit: c.Unit, Overdue: c.Overdue, All: c.All, Confidential: c.Confidential, Limit: c.Limit, By: c.by(),
		})
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Cases) error {
		rows := [][]string{{"CASE", "MATTER", "TOPIC", "UNIT", "LANGUAGE", "STATE", "ASSIGNED", "OPENED", "DUE", ""}}
		for _, k := range answer.Cases {
			mark := ""
			if k.Overdue {
				mark = "overdue"
			}
			if k.Confidential {
				mark = strings.TrimSpace(mark + " confidential")
			}
			rows = append(rows, []string{k.Number, k.Matter, k.Topic, k.Unit, k.Language, k.State, k.Assigned, str(k.Opened), str(k.Due), mark})
		}
		return printTable(t.out, rows)
	})
}

type caseShowCmd struct {
	fileFlag
	outFlag
	byFlag
	numbersFlag
	Confidential bool   `help:"Also where it is confidential. The look is written into its history."`
	Case         string `arg:"" help:"Its number, YYYY-NNNNNN."`
}

func (caseShowCmd) Help() string { return "Example: hotline case show 2026-000123" }

func (c *caseShowCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Case, error) {
		return client.Case(context.Background(), c.Case, control.CaseLook{Confidential: c.Confidential, Numbers: c.Numbers, By: c.by()})
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(k control.Case) error {
		for _, row := range [][2]string{
			{"case", k.Number}, {"matter", k.Matter}, {"topic", k.Topic}, {"unit", k.Unit}, {"state", k.State}, {"assigned", k.Assigned},
			{"opened", str(k.Opened)}, {"due", str(k.Due)}, {"forwarded", str(k.Forwarded)}, {"from", k.From}, {"language", k.Language},
			{"message", k.Message}, {"length", (time.Duration(k.LengthMS) * time.Millisecond).String()}, {"call", k.Call}, {"answer", k.Answer},
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

// A oneCase is a command that does something to a case.
type oneCase struct {
	fileFlag
	outFlag
	byFlag
	Case string `arg:"" help:"Its number."`
}

// change does it, and says how the case stands.
func (c *oneCase) change(t *terminal, do control.CaseChange) error {
	return c.ask(t, do, func(k control.Case) string {
		return fmt.Sprintf("case %s is %s, due %s", k.Number, k.State, str(k.Due))
	})
}

// call has the citizen called, or not, and says so.
func (c *oneCase) call(t *terminal, do control.CaseChange, done string) error {
	return c.ask(t, do, func(k control.Case) string { return fmt.Sprintf("case %s: %s", k.Number, done) })
}

func (c *oneCase) ask(t *terminal, do control.CaseChange, says func(control.Case) string) error {
	do.By = c.by()
	change := func(client *control.Client) (control.Case, error) {
		return client.ChangeCase(context.Background(), c.Case, do)
	}
	return show(t, c.fileFlag, c.outFlag, change, func(k control.Case) error {
		_, err := fmt.Fprintln(t.out, says(k))
		return err
	})
}

type caseAssignCmd struct {
	oneCase
	To string `arg:"" help:"A unit of cases.units, which is told, or somebody's name."`
}

func (caseAssignCmd) Help() string { return "Example: hotline case assign 2026-000123 residence" }

func (c *caseAssignCmd) Run(t *terminal) error {
	return c.change(t, control.CaseChange{Do: "assign", To: c.To})
}

type caseAnswerCmd struct {
	oneCase
	Text     string `required:"" help:"The answer; - reads it from standard input."`
	Callback bool   `help:"The citizen is called and told."`
}

func (caseAnswerCmd) Help() string {
	return "With --callback an operator is rung, then the citizen, in the hours of the queue: three tries on two working days.\n\nExample: hotline case answer 2026-000123 --text - --callback"
}

func (c *caseAnswerCmd) Run(t *terminal) error {
	text := c.Text
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(t.in, 64<<10))
		if err != nil {
			return err
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return usageError{errors.New("the answer is empty")}
	}
	return c.change(t, control.CaseChange{Do: "answer", Text: text, Callback: c.Callback})
}

type caseExtendCmd struct {
	oneCase
	Days   int    `required:"" help:"Working days, 1 to 30."`
	Reason string `required:"" help:"Why: the citizen may ask."`
}

func (caseExtendCmd) Help() string {
	return "Example: hotline case extend 2026-000123 --days 10 --reason documents"
}

func (c *caseExtendCmd) Run(t *terminal) error {
	return c.change(t, control.CaseChange{Do: "extend", Days: c.Days, Text: c.Reason})
}

type caseStudyCmd struct {
	oneCase
	Reason string `required:"" help:"Why."`
}

func (caseStudyCmd) Help() string { return "Example: hotline case study 2026-000123 --reason archive" }

func (c *caseStudyCmd) Run(t *terminal) error {
	return c.change(t, control.CaseChange{Do: "study", Text: c.Reason})
}

type caseUrgentCmd struct {
	oneCase
	Hours  int    `required:"" help:"24, where the information would lose its use; 48, where life, health or liberty is at risk."`
	Reason string `required:"" help:"Why."`
}

func (caseUrgentCmd) Help() string {
	return "Example: hotline case urgent 2026-000123 --hours 24 --reason flight"
}

func (c *caseUrgentCmd) Run(t *terminal) error {
	return c.change(t, control.CaseChange{Do: "urgent", Hours: c.Hours, Text: c.Reason})
}

type caseBornCmd struct {
	oneCase
	Day string `arg:"" help:"DDMMYYYY. It is not shown to anybody."`
}

func (caseBornCmd) Help() string {
	return "Who keys this day is told by telephone how the case stands, from whatever number.\n\nExample: hotline case born 2026-000123 31121980"
}

func (c *caseBornCmd) Run(t *terminal) error {
	return c.change(t, control.CaseChange{Do: "born", Text: c.Day})
}

type caseCloseCmd struct {
	oneCase
	Reason string `help:"Why."`
}

func (caseCloseCmd) Help() string { return "Example: hotline case close 2026-000123" }

func (c *caseCloseCmd) Run(t *terminal) error {
	return c.change(t, control.CaseChange{Do: "close", Text: c.Reason})
}

type caseCallCmd struct{ oneCase }

func (caseCallCmd) Help() string {
	return "In the hours of the queue an operator is rung, then the citizen. A case without a callback gets one; one that is not due yet is due now. What became of it: hotline case show NUMBER.\n\nExample: hotline case call 2026-000123"
}

func (c *caseCallCmd) Run(t *terminal) error {
	return c.call(t, control.CaseChange{Do: "call"}, "the citizen is called as soon as an operator is free, in the hours of the queue")
}

type caseTasksCmd struct {
	List   caseTasksListCmd   `cmd:"" default:"withargs" help:"List them."`
	Cancel caseTasksCancelCmd `cmd:"" help:"Let a citizen be called no more."`
}

type caseTasksCancelCmd struct{ oneCase }

func (caseTasksCancelCmd) Help() string { return "Example: hotline case tasks cancel 2026-000123" }

func (c *caseTasksCancelCmd) Run(t *terminal) error {
	return c.call(t, control.CaseChange{Do: "uncall"}, "the citizen is called no more")
}

type caseTasksListCmd struct {
	fileFlag
	outFlag
	All bool `help:"Also those that are over."`
}

func (caseTasksListCmd) Help() string {
	return "DUE is not before; OUTCOME is open, calling, reached, declined, given_up (the unit writes instead) or cancelled.\n\nExample: hotline case tasks list --all"
}

func (c *caseTasksListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.CaseTasks, error) {
		return client.CaseTasks(context.Background(), c.All)
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.CaseTasks) error {
		rows := [][]string{{"CASE", "LANGUAGE", "NUMBER", "DUE", "TRIES", "OUTCOME", "LAST TRY"}}
		for _, k := range answer.Tasks {
			rows = append(rows, []string{k.Case, k.Language, k.Number, str(k.Due), fmt.Sprint(k.Tries), k.Outcome, str(k.Last)})
		}
		return printTable(t.out, rows)
	})
}
