package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"hotline/control"
)

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add somebody; the password comes from standard input."`
	List    userListCmd    `cmd:"" help:"List who works here."`
	Disable userDisableCmd `cmd:"" help:"Let somebody in no more; their past stays."`
	Passwd  userPasswdCmd  `cmd:"" help:"Change a password, read from standard input."`
	Skills  userSkillsCmd  `cmd:"" help:"Say what somebody knows, and how well."`
	Queues  userQueuesCmd  `cmd:"" help:"Say which queues somebody serves, in which order."`
	Auto    userAutoCmd    `cmd:"" name:"auto-answer" help:"Have somebody's phone asked to answer by itself, or no more."`
	Import  userImportCmd  `cmd:"" help:"Add many from a CSV file."`
}

type userAddCmd struct {
	fileFlag
	outFlag
	Name      string   `arg:"" help:"Login, and SIP user of the phone: a-z, 0-9, dot, dash, underscore."`
	Role      string   `enum:"operator,supervisor,chief,admin" default:"operator" help:"operator, supervisor, chief or admin."`
	Languages []string `placeholder:"az,en,ru" help:"Languages spoken with callers."`
	Queues    []string `placeholder:"a,b" help:"Queues served, those that come first are taken first; every queue alike unless given."`
	Skills    []string `placeholder:"ru:5,visa:4" help:"What else is known, each with its level, 1 to 5. A language's code: the level in it, 3 unless given."`
	Phone     bool     `help:"Make a SIP secret too and print it, once."`
	Auto      bool     `name:"auto-answer" help:"Ask the phone to answer by itself."`
}

func (userAddCmd) Help() string {
	return "Example: echo \"$PASSWORD\" | hotline user add aysel --role operator --languages az,ru --skills ru:5,visa:4 --phone"
}

func (c *userAddCmd) Run(t *terminal) error {
	skills, err := readSkills(c.Skills)
	if err != nil {
		return usageError{err}
	}
	password, err := readPassword(t.in)
	if err != nil {
		return err
	}
	return withClient(c.Config, func(client *control.Client) error {
		made, err := client.AddUser(context.Background(), control.NewUser{
			Name: c.Name, Role: c.Role, Languages: c.Languages, Queues: c.Queues, Skills: skills, Phone: c.Phone, Password: password,
			AutoAnswer: c.Auto,
		})
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, made)
		}
		fmt.Fprintf(t.out, "%s added\n", c.Name)
		if made.SIP != nil {
			fmt.Fprintf(t.out, "SIP user %s, secret %s (shown this once)\n", made.SIP.User, made.SIP.Secret)
		}
		return nil
	})
}

// readPassword takes the first line of standard input. Secrets never come in flags.
func readPassword(in io.Reader) (string, error) {
	body, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line, _, _ := strings.Cut(string(body), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

type userListCmd struct {
	fileFlag
	outFlag
}

func (userListCmd) Help() string { return "Example: hotline user list -o json" }

func (c *userListCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		users, err := client.Users(context.Background())
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, users)
		}
		rows := [][]string{{"NAME", "ROLE", "LANGUAGES", "SKILLS", "QUEUES", "PHONE", "STATE"}}
		for _, u := range users.Users {
			rows = append(rows, []string{
				u.Name, u.Role, strings.Join(u.Languages, ","), skillList(u.Skills), orAll(u.Queues), yesNo(u.Phone), enabled(u.Disabled),
			})
		}
		return printTable(t.out, rows)
	})
}

type userDisableCmd struct {
	fileFlag
	Name string `arg:"" help:"Who."`
}

func (userDisableCmd) Help() string { return "Example: hotline user disable aysel" }

func (c *userDisableCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		if err := client.DisableUser(context.Background(), c.Name); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s disabled\n", c.Name)
		return nil
	})
}

type userPasswdCmd struct {
	fileFlag
	Name string `arg:"" help:"Whose."`
}

func (userPasswdCmd) Help() string { return "Example: echo \"$PASSWORD\" | hotline user passwd aysel" }

func (c *userPasswdCmd) Run(t *terminal) error {
	password, err := readPassword(t.in)
	if err != nil {
		return err
	}
	return withClient(c.Config, func(client *control.Client) error {
		if err := client.SetPassword(context.Background(), c.Name, password); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "password of %s changed\n", c.Name)
		return nil
	})
}

type userAutoCmd struct {
	fileFlag
	Name string `arg:"" help:"Whose."`
	Set  string `arg:"" enum:"on,off" help:"on or off."`
}

func (userAutoCmd) Help() string { return "Example: hotline user auto-answer aysel on" }

func (c *userAutoCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		if err := client.SetAutoAnswer(context.Background(), c.Name, c.Set == "on"); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "auto-answer of %s is %s\n", c.Name, c.Set)
		return nil
	})
}

type userImportCmd struct {
	fileFlag
	outFlag
	File string `arg:"" type:"existingfile" help:"CSV with a first line of column names: name, role, languages, queues, skills (ru:5 visa:4), password, sip_secret, auto_answer (yes)."`
}

func (userImportCmd) Help() string {
	return "Languages, queues and skills are separated by blanks or semicolons. Blank passwords and secrets are made and printed.\n\nExample: hotline user import operators.csv"
}

func (c *userImportCmd) Run(t *terminal) error {
	f, err := os.Open(c.File)
	if err != nil {
		return usageError{err}
	}
	defer f.Close()
	rows, err := readUsers(c.File, f)
	if err != nil {
		return usageError{err}
	}
	return withClient(c.Config, func(client *control.Client) error {
		made := make([]control.MadeUser, 0, len(rows))
		var errs []error
		for i, row := range rows {
			u, err := client.AddUser(context.Background(), row)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: row %d (%s): %w", c.File, i+2, row.Name, err))
				continue
			}
			made = append(made, u)
		}
		if c.json() {
			return errors.Join(printJSON(t.out, map[string]any{"users": made}), errors.Join(errs...))
		}
		table := [][]string{{"NAME", "PASSWORD", "SIP SECRET"}}
		for _, u := range made {
			row := []string{u.Name, u.Password, ""}
			if u.SIP != nil {
				row[2] = u.SIP.Secret
			}
			table = append(table, row)
		}
		return errors.Join(printTable(t.out, table), errors.Join(errs...))
	})
}

// userColumns are those an import may have.
var userColumns = []string{"name", "role", "languages", "queues", "skills", "password", "sip_secret", "auto_answer"}

// readUsers reads the file of an import; errors name the line.
func readUsers(name string, r io.Reader) ([]control.NewUser, error) {
	reader := csv.NewReader(r)
	reader.TrimLeadingSpace = true
	all, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: is empty; its first line names the columns %s", name, strings.Join(userColumns, ", "))
	}
	at := map[string]int{}
	for i, column := range all[0] {
		column = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(column, "\ufeff")))
		if !slices.Contains(userColumns, column) {
			return nil, fmt.Errorf("%s:1: no column is called %q; there are %s", name, column, strings.Join(userColumns, ", "))
		}
		if _, twice := at[column]; twice {
			return nil, fmt.Errorf("%s:1: the column %q stands twice", name, column)
		}
		at[column] = i
	}
	if _, ok := at["name"]; !ok {
		return nil, fmt.Errorf("%s:1: there is no column name", name)
	}
	users := make([]control.NewUser, 0, len(all)-1)
	for i, row := range all[1:] {
		cell := func(column string) string {
			if i, ok := at[column]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		role := cell("role")
		if role == "" {
			role = "operator"
		}
		skills, err := readSkills(list(cell("skills")))
		if err != nil {
			return nil, fmt.Errorf("%s: row %d (%s): %w", name, i+2, cell("name"), err)
		}
		users = append(users, control.NewUser{
			Name: cell("name"), Role: role, Languages: list(cell("languages")), Queues: list(cell("queues")), Skills: skills,
			Password: cell("password"), SIPSecret: cell("sip_secret"), MakePassword: cell("password") == "",
			Phone:      role == "operator" || cell("sip_secret") != "",
			AutoAnswer: cell("auto_answer") == "yes",
		})
	}
	return users, nil
}

func list(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == ' ' || r == ';' || r == ',' })
}

func orAll(queues []string) string {
	if len(queues) == 0 {
		return "all"
	}
	return strings.Join(queues, ",")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func enabled(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "active"
}
