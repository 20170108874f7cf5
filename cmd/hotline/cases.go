package main

import (
	"context"
	"fmt"
	"io"
	"os/user"
	"strings"

	"hotline/control"
)

type caseCmd struct {
	List   caseListCmd   `cmd:"" help:"List cases."`
	Show   caseShowCmd   `cmd:"" help:"Show a case and its history."`
	Assign caseAssignCmd `cmd:"" help:"Give a case to a unit, or to a person."`
	Answer caseAnswerCmd `cmd:"" help:"Write down what who left a case is to be told."`
	Close  caseCloseCmd  `cmd:"" help:"End a case."`
	Extend caseExtendCmd `cmd:"" help:"Give a case more time, once."`
	Term   caseTermCmd   `cmd:"" help:"Say how long the answer may take."`
	Born   caseBornCmd   `cmd:"" help:"Note when who left a case was born."`
}

// me is who a case's history says did something.
func me() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// A confidentialFlag shows what only the chief may see.
type confidentialFlag struct {
	Confidential bool `help:"Confidential cases, too. Their history says that they were seen."`
}

type caseListCmd struct {
	fileFlag
	outFlag
	confidentialFlag
	State   string `placeholder:"STATE" enum:",registered,assigned,answered,closed" default:"" help:"Only these: registered, assigned, answered or closed."`
	Unit    string `placeholder:"UNIT" help:"Only those of a unit."`
	Overdue bool   `help:"Only those that are owed an answer and whose term is over."`
	Limit   int    `default:"100" help:"At most so many, the newest first; up to 10000."`
}

func (caseListCmd) Help() string {
	return "DUE is the end of the term; \"!\" before it: it is over. NUMBER is what the caller was told.\n\nExample: hotline case list --overdue --unit legal"
}

func (c *caseListCmd) Run(t *terminal) error {
	if c.Limit < 1 || c.Limit > 10000 {
		return usageError{fmt.Errorf("--limit is a number from 1 to 10000")}
	}
	client, err := running(c.Config)
	if err != nil {
		return err
	}
	answer, err := client.Cases(context.Background(), control.CaseFilter{
		By: me(), State: c.State, Unit: c.Unit, Overdue: c.Overdue, Confidential: c.Confidential, Limit: c.Limit,
	})
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, answer)
	}
	rows := [][]string{{"NUMBER", "STATE", "MATTER", "TOPIC", "LANGUAGE", "UNIT", "ASSIGNED", "OPENED", "DUE", "FORWARDED"}}
	for _, k := range answer.Cases {
		due := str(k.Due)
		if k.Overdue {
			due = "!" + due
		}
		unit := str(k.Unit)
		if k.Confidential {
			unit = "(chief)"
		}
		rows = append(rows, []string{k.Number, k.State, k.Matter, str(k.Topic), str(k.Language), unit, str(k.Assigned), str(k.Opened), due, str(k.Forwarded)})
	}
	return printTable(t.out, rows)
}

// A caseArg is the case that a command is about.
type caseArg struct {
	Number string `arg:"" help:"Of the case, as the caller was told: 2026-000012 or 2026000012."`
}

type caseShowCmd struct {
	fileFlag
	outFlag
	confidentialFlag
	Numbers bool `help:"The caller's number whole. The case's history says that it was shown."`
	caseArg
}

func (caseShowCmd) Help() string { return "Example: hotline case show 2026-000012" }

func (c *caseShowCmd) Run(t *terminal) error {
	client, err := running(c.Config)
	if err != nil {
		return err
	}
	story, err := client.Case(context.Background(), c.Number, control.CaseLook{By: me(), Confidential: c.Confidential, Numbers: c.Numbers})
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, story)
	}
	k := story.Case
	rows := [][]string{
		{"number", k.Number}, {"state", k.State}, {"closed because", str(k.Why)}, {"matter", k.Matter}, {"topic", str(k.Topic)}, {"language", str(k.Language)},
		{"from", k.From}, {"confidential", fmt.Sprint(k.Confidential)}, {"unit", str(k.Unit)}, {"assigned", str(k.Assigned)}, {"opened", str(k.Opened)},
		{"forward by", str(k.ForwardBy)}, {"forwarded", str(k.Forwarded)}, {"ask by", str(k.AskBy)}, {"term", k.Term}, {"extended by days", fmt.Sprint(k.ExtraDays)},
		{"due", str(k.Due)}, {"overdue", fmt.Sprint(k.Overdue)}, {"answered", str(k.Answered)}, {"recording", str(k.Recording)}, {"call", k.Call}, {"id", k.ID},
	}
	if err := printTable(t.out, rows); err != nil {
		return err
	}
	if k.Answer != nil {
		fmt.Fprintf(t.out, "\n%s\n", *k.Answer)
	}
	fmt.Fprintln(t.out)
	rows = [][]string{{"AT", "WHO", "WHAT", "NOTE"}}
	for _, n := range story.History {
		rows = append(rows, []string{str(n.At), n.Who, n.What, str(n.Note)})
	}
	return printTable(t.out, rows)
}

// changeCase does one thing with a case and says how it stands.
func (f fileFlag) changeCase(t *terminal, out outFlag, number string, to control.CaseChange) error {
	client, err := running(f.Config)
	if err != nil {
		return err
	}
	to.By = me()
	now, err := client.ChangeCase(context.Background(), number, to)
	if err != nil {
		return err
	}
	if out.json() {
		return printJSON(t.out, now)
	}
	fmt.Fprintf(t.out, "case %s: %s, %s\n", now.Number, now.State, duty(now))
	return nil
}

// duty is what is still owed.
func duty(c control.Case) string {
	if c.State == "answered" || c.State == "closed" {
		return "nothing is owed"
	}
	return "due " + str(c.Due)
}

type caseAssignCmd struct {
	fileFlag
	outFlag
	caseArg
	To string `arg:"" name:"unit-or-name" help:"A unit of the configuration, which is told of the case, or a person."`
}

func (caseAssignCmd) Help() string {
	return "A confidential case goes to no unit, only to a person.\n\nExample: hotline case assign 2026-000012 legal"
}

func (c *caseAssignCmd) Run(t *terminal) error {
	return c.changeCase(t, c.outFlag, c.Number, control.CaseChange{Assign: &c.To})
}

type caseAnswerCmd struct {
	fileFlag
	outFlag
	caseArg
	Text     string `required:"" placeholder:"TEXT" help:"What they are to be told; - reads it from standard input."`
	Callback bool   `help:"They are to be told by telephone: this leaves a task."`
}

func (caseAnswerCmd) Help() string {
	return "With --text - the answer is read from standard input, UTF-8, to its end.\n\nExample: hotline case answer 2026-000012 --callback --text -"
}

// answerMost is the largest answer that is read, in bytes.
const answerMost = 60 << 10

func (c *caseAnswerCmd) Run(t *terminal) error {
	text := c.Text
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(t.in, answerMost+1))
		if err != nil {
			return err
		}
		if len(b) > answerMost {
			return usageError{fmt.Errorf("the answer is longer than %d kB", answerMost>>10)}
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return usageError{fmt.Errorf("the answer is empty")}
	}
	return c.changeCase(t, c.outFlag, c.Number, control.CaseChange{Answer: &control.CaseAnswer{Text: text, Callback: c.Callback}})
}

type caseCloseCmd struct {
	fileFlag
	outFlag
	caseArg
	Unanswered string `placeholder:"WHY" enum:",withdrawn,repeated,empty" default:"" help:"Close it without an answer: withdrawn, repeated (answered before) or empty (nothing in it)."`
}

func (caseCloseCmd) Help() string {
	return "Example: hotline case close 2026-000012 --unanswered empty"
}

func (c *caseCloseCmd) Run(t *terminal) error {
	return c.changeCase(t, c.outFlag, c.Number, control.CaseChange{Close: &control.CaseClose{Unanswered: c.Unanswered}})
}

type caseExtendCmd struct {
	fileFlag
	outFlag
	caseArg
	Days   int    `required:"" placeholder:"N" help:"Working days, up to 30."`
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
}

func (caseExtendCmd) Help() string {
	return "Example: hotline case extend 2026-000012 --days 10 --reason inquiry"
}

func (c *caseExtendCmd) Run(t *terminal) error {
	return c.changeCase(t, c.outFlag, c.Number, control.CaseChange{Extend: &control.CaseExtend{Days: c.Days, Reason: c.Reason}})
}

type caseTermCmd struct {
	fileFlag
	outFlag
	caseArg
	Term string `arg:"" enum:"ordinary,study,urgent,life" help:"ordinary: 15 working days (7 where information is asked for); study: 30; urgent: 24 hours, life: 48 hours, for information that cannot wait."`
}

func (caseTermCmd) Help() string { return "Example: hotline case term 2026-000012 study" }

func (c *caseTermCmd) Run(t *terminal) error {
	return c.changeCase(t, c.outFlag, c.Number, control.CaseChange{Term: &c.Term})
}

type caseBornCmd struct {
	fileFlag
	outFlag
	caseArg
	Day string `arg:"" help:"DDMMYYYY."`
}

func (caseBornCmd) Help() string {
	return "Who keys this day is told how the case stands, from any telephone.\n\nExample: hotline case born 2026-000012 31121980"
}

func (c *caseBornCmd) Run(t *terminal) error {
	return c.changeCase(t, c.outFlag, c.Number, control.CaseChange{Born: &c.Day})
}

type taskCmd struct {
	List taskListCmd `cmd:"" help:"List what is to be done."`
	Done taskDoneCmd `cmd:"" help:"Say that a task was done."`
}

type taskListCmd struct {
	fileFlag
	outFlag
	All bool `help:"Also what was done."`
}

func (taskListCmd) Help() string {
	return "callback: tell the answer by telephone. letter: the telephone reached nobody, somebody has to write. TRIES are those that reached nobody.\n\nExample: hotline task list"
}

func (c *taskListCmd) Run(t *terminal) error {
	client, err := running(c.Config)
	if err != nil {
		return err
	}
	answer, err := client.Tasks(context.Background(), c.All)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, answer)
	}
	rows := [][]string{{"TASK", "CASE", "KIND", "MADE", "DUE", "NOT BEFORE", "TRIES", "OUTCOME"}}
	for _, k := range answer.Tasks {
		rows = append(rows, []string{k.ID, k.Case, k.Kind, str(k.Made), str(k.Due), str(k.Next), fmt.Sprint(k.Tries), str(k.Outcome)})
	}
	return printTable(t.out, rows)
}

type taskDoneCmd struct {
	fileFlag
	outFlag
	Task string `arg:"" help:"Which: the beginning of its id is enough."`
}

func (taskDoneCmd) Help() string { return "Example: hotline task done 019aa1b2" }

func (c *taskDoneCmd) Run(t *terminal) error {
	client, err := running(c.Config)
	if err != nil {
		return err
	}
	done, err := client.TaskDone(context.Background(), c.Task, me())
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, done)
	}
	fmt.Fprintf(t.out, "task %s is done\n", done.ID)
	return nil
}
