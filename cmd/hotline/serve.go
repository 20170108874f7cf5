package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"hotline/app"
	"hotline/configs"
)

type serveCmd struct {
	fileFlag
	LogLevel string `enum:"debug,info,warn,error" default:"info" help:"Least level of the log. debug shows numbers and whole messages: never in the open."`
}

func (serveCmd) Help() string { return "Example: hotline serve --config /etc/hotline.yaml" }

func (c *serveCmd) Run() error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	if faults := file.Serveable(); len(faults) > 0 {
		return faults
	}
	supervisor, err := app.SupervisorFrom(os.Getenv, os.Getpid())
	if err != nil {
		return err
	}
	log := app.NewLog(level(c.LogLevel))
	server, err := app.Start(context.Background(), app.Options{File: file, Path: c.Config, Log: log, Version: built(), Supervisor: supervisor})
	if err != nil {
		return err
	}
	return untilStopped(server, log)
}

// level is the log level of a name, which kong has checked.
func level(name string) zapcore.Level {
	l, err := zapcore.ParseLevel(name)
	if err != nil {
		return zapcore.InfoLevel
	}
	return l
}

// untilStopped runs the server until signals or a drain have ended it. The first SIGTERM or
// interrupt lets calls finish within the grace; the second says goodbye to them. SIGHUP reloads.
func untilStopped(server *app.App, log *zap.Logger) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt, syscall.SIGHUP)
	defer signal.Stop(signals)
	stops := 0
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP {
				if err := server.Reload(); err != nil {
					log.Error("the configuration file was not reloaded; the old one goes on", zap.Error(err))
				}
				continue
			}
			if stops++; stops > 1 {
				server.Goodbye()
				continue
			}
			if err := server.Drain(time.Now().Add(server.Grace())); err != nil {
				return errors.Join(err, server.Close())
			}
		case <-server.Done():
			return server.Close()
		}
	}
}

type checkCmd struct{ fileFlag }

func (checkCmd) Help() string {
	return "Prints one line a fault, FILE:LINE: key: what is wrong, what would be right; exits 1 if there is one.\n\nExample: hotline check --config /etc/hotline.yaml"
}

func (c *checkCmd) Run(t *terminal) error {
	if c.Config == "" {
		return usageError{errors.New("which file? give --config FILE or set HOTLINE_CONFIG")}
	}
	file, err := configs.Load(c.Config)
	var faults configs.Faults
	switch {
	case errors.As(err, &faults):
	case err != nil:
		fmt.Fprintln(t.out, err)
		return notSo{}
	default:
		faults = append(file.Serveable(), app.Check(file)...)
	}
	if len(faults) == 0 {
		for _, w := range app.Warnings(file, time.Now()) {
			fmt.Fprintln(t.err, "warning:", w)
		}
		fmt.Fprintf(t.out, "%s: good\n", c.Config)
		return nil
	}
	for _, f := range faults {
		fmt.Fprintln(t.out, f)
		if f.Excerpt != "" {
			fmt.Fprintln(t.err, f.Excerpt)
		}
	}
	return notSo{}
}

type configCmd struct {
	Default configDefaultCmd `cmd:"" help:"Print the commented default file."`
}

type configDefaultCmd struct{}

func (configDefaultCmd) Help() string { return "Example: hotline config default > hotline.yaml" }

func (configDefaultCmd) Run(t *terminal) error {
	_, err := t.out.Write(configs.Sample())
	return err
}

// load reads the configuration a command names.
func load(path string) (*configs.File, error) {
	if path == "" {
		return nil, usageError{errors.New("which file? give --config FILE or set HOTLINE_CONFIG")}
	}
	return configs.Load(path)
}

type reloadCmd struct{ fileFlag }

func (reloadCmd) Help() string { return "Example: hotline reload --config /etc/hotline.yaml" }

func (c *reloadCmd) Run(t *terminal) error {
	client, err := running(c.Config)
	if err != nil {
		return err
	}
	if err := client.Reload(context.Background()); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "reloaded")
	return nil
}

type drainCmd struct {
	fileFlag
	Until string `placeholder:"TIME" help:"Say goodbye to those still here at this time: 15:04 today, or RFC 3339."`
}

func (drainCmd) Help() string {
	return "New calls are refused at once; the command waits until the last running call has ended and the server with it.\n\nExample: hotline drain --config /etc/hotline.yaml --until 18:30"
}

func (c *drainCmd) Run(t *terminal) error {
	until, err := clock(c.Until, time.Now())
	if err != nil {
		return usageError{err}
	}
	client, err := running(c.Config)
	if err != nil {
		return err
	}
	return client.Drain(context.Background(), until, func(calls int) {
		fmt.Fprintf(t.err, "draining: %d calls left\n", calls)
	})
}

// clock reads a time of day, today or tomorrow if it has passed, or an RFC 3339 time. Empty is zero.
func clock(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	hm, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--until: %q is no time, write 18:30 or 2026-12-05T18:30:00+04:00", text)
	}
	t := time.Date(now.Year(), now.Month(), now.Day(), hm.Hour(), hm.Minute(), 0, 0, now.Location())
	if t.Before(now) {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}
