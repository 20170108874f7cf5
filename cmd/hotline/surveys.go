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

type surveyCmd struct {
	Show surveyShowCmd `cmd:"" help:"What callers have answered."`
}

type surveyShowCmd struct {
	fileFlag
	outFlag
	Since string `default:"720h" placeholder:"TIME" help:"Only answers given since: RFC 3339, or a span such as 24h."`
}

func (surveyShowCmd) Help() string {
	return "ANSWERED is the share of those who were asked: a mean of few says little. No operator's name is kept with an answer.\n\nExample: hotline survey show --since 24h"
}

func (c *surveyShowCmd) Run(t *terminal) error {
	since, err := sinceTime(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	ask := func(client *control.Client) (control.Surveys, error) {
		return client.Surveys(context.Background(), since)
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Surveys) error {
		rows := [][]string{{"SURVEY", "QUESTION", "QUEUE", "LANGUAGE", "ASKED", "ANSWERED", "MEAN", "KEYS"}}
		for _, s := range answer.Surveys {
			mean, keys := "", []string{}
			if s.Mean != nil {
				mean = fmt.Sprintf("%.2f", *s.Mean)
			}
			for _, k := range slices.Sorted(maps.Keys(s.Values)) {
				keys = append(keys, fmt.Sprintf("%s: %d", k, s.Values[k]))
			}
			rows = append(rows, []string{s.Survey, s.Question, s.Queue, s.Language, fmt.Sprint(s.Asked),
				fmt.Sprintf("%.0f%%", 100*float64(s.Answered)/float64(max(1, s.Asked))), mean, strings.Join(keys, ", ")})
		}
		return printTable(t.out, rows)
	})
}
