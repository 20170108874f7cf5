package main

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"hotline/control"
)

type queueLogCmd struct {
	fileFlag
	Since   string `placeholder:"TIME" help:"Only what happened since: RFC 3339, or a span such as 2h."`
	Follow  bool   `short:"f" help:"Go on with what happens, until interrupted."`
	Numbers bool   `help:"Callers' numbers too; that they were asked for is logged."`
}

func (queueLogCmd) Help() string {
	return "One line an event, epoch|call|queue|agent|EVENT|data: what QueueMetrics and its kin read. Fields are explained in docs/operating.md.\n\n" +
		"Examples: hotline queue log --since 24h > queue_log\n          hotline queue log --since 0s --follow >> /var/log/hotline/queue_log"
}

func (c *queueLogCmd) Run(t *terminal) error {
	since, err := sinceTime(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return withClient(c.Config, func(client *control.Client) error {
		err := client.QueueLog(ctx, t.out, control.QueueLog{Since: since, Numbers: c.Numbers, Follow: c.Follow})
		if ctx.Err() != nil {
			return nil // interrupted: that is how following ends
		}
		return err
	})
}
