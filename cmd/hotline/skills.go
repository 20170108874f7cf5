package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hotline/control"
)

type userSkillsCmd struct {
	fileFlag
	Name   string   `arg:"" help:"Whose."`
	Skills []string `arg:"" optional:"" help:"All of them, each with its level, 1 to 5: ru:5,visa:4. None: all are taken away."`
}

func (userSkillsCmd) Help() string {
	return "A skill with a language's code is the level in that language, 3 unless given. The floor is told at once; who waits already is looked at anew.\n\n" +
		"Example: hotline user skills aysel ru:5,visa:4"
}

func (c *userSkillsCmd) Run(t *terminal) error {
	skills, err := readSkills(split(c.Skills))
	if err != nil {
		return usageError{err}
	}
	return withClient(c.Config, func(client *control.Client) error {
		if err := client.SetSkills(context.Background(), c.Name, skills); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "skills of %s: %s\n", c.Name, skillList(skills))
		return nil
	})
}

type userQueuesCmd struct {
	fileFlag
	Name   string   `arg:"" help:"Whose."`
	Queues []string `arg:"" optional:"" help:"All of them, those to be taken first first: tax,general. None: every queue alike."`
}

func (userQueuesCmd) Help() string { return "Example: hotline user queues aysel tax,general" }

func (c *userQueuesCmd) Run(t *terminal) error {
	queues := split(c.Queues)
	return withClient(c.Config, func(client *control.Client) error {
		if err := client.SetQueues(context.Background(), c.Name, queues); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "queues of %s: %s\n", c.Name, orAll(queues))
		return nil
	})
}

// split takes words apart that commas hold together, as flags do and arguments do not.
func split(words []string) (out []string) {
	for _, w := range words {
		out = append(out, list(w)...)
	}
	return out
}

// readSkills reads name:level, each name once. Which levels there are is the server's to say.
func readSkills(words []string) (control.Skills, error) {
	if len(words) == 0 {
		return nil, nil
	}
	skills := control.Skills{}
	for _, w := range words {
		name, level, ok := strings.Cut(w, ":")
		n, err := strconv.Atoi(level)
		if !ok || name == "" || err != nil {
			return nil, fmt.Errorf("skills: %q: write a name, a colon and a level from 1 to 5, as ru:5", w)
		}
		if _, twice := skills[name]; twice {
			return nil, fmt.Errorf("skills: %s stands twice", name)
		}
		skills[name] = n
	}
	return skills, nil
}

// skillList writes skills as they are read.
func skillList(skills control.Skills) string {
	if len(skills) == 0 {
		return "-"
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(skills)) {
		words = append(words, fmt.Sprintf("%s:%d", name, skills[name]))
	}
	return strings.Join(words, ",")
}
