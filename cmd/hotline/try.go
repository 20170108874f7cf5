package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"hotline/app"
)

// tryData is where a trial keeps its state unless told otherwise.
const tryData = "./hotline-data"

type tryCmd struct {
	Call  bool   `help:"Place one real call through it, tell it step by step, and end."`
	Fault string `enum:",deaf-operator,busy-operator,gone-operator,mute-notice,swapped-legs" default:"" help:"With --call: make exactly that step fail (${enum})."`
	Data  string `default:"./hotline-data" help:"Folder of all state."`
	Log   string `enum:"debug,info,warn,error" default:"warn" help:"Least level of the log."`
}

func (tryCmd) Help() string {
	return "Needs no file and no carrier: everything is on loopback.\n\nExamples: hotline try\n          hotline try --call"
}

func (c *tryCmd) Run(t *terminal) error {
	if c.Fault != "" && !c.Call {
		return usageError{fmt.Errorf("--fault goes with --call")}
	}
	o := app.TryOptions{Dir: c.Data, Log: app.NewLog(level(c.Log)), Version: built()}
	if c.Call {
		good, err := app.TryCall(context.Background(), o, c.Fault, t.out)
		if app.IsLocked(err) && c.Data == tryData {
			// A trial that was started before is looked at while its call is tried here.
			o.Dir += "-call"
			good, err = app.TryCall(context.Background(), o, c.Fault, t.out)
		}
		if err == nil && !good {
			return notSo{}
		}
		return err
	}
	server, trial, err := app.Try(context.Background(), o)
	if err != nil {
		return err
	}
	printTrial(t.out, trial)
	return untilStopped(server, o.Log)
}

// printTrial says where everything is.
func printTrial(w io.Writer, t *app.Trial) {
	fmt.Fprintf(w, "hotline is up, on this machine only. Stop it with Ctrl-C.\n\n")
	fmt.Fprintf(w, "  call        sip:919@%s   (keys 1, 2, 3 choose a language; then 1 is an operator)\n", t.Trunk)
	fmt.Fprintf(w, "  by night    sip:9190@%s   (what callers meet outside the hours, at any time)\n", t.Trunk)
	fmt.Fprintf(w, "  phones      register at %s, UDP or TCP, as\n", t.Phones)
	for _, o := range t.Operators {
		langs := make([]string, len(o.Languages))
		for i, l := range o.Languages {
			langs[i] = string(l)
		}
		note := ""
		if o.Robot {
			note = "   (a robot answers while nobody else is registered)"
		}
		fmt.Fprintf(w, "                %-8s secret %s   speaks %s%s\n", o.Name, o.Secret, strings.Join(langs, ", "), note)
	}
	fmt.Fprintf(w, "  health      http://%s/readyz\n  metrics     http://%s/metrics\n  data        %s (also try.json)\n", t.HTTP, t.Metrics, t.Data)
	fmt.Fprintf(w, "  numbers that misbehave on purpose:\n")
	odd := app.Misbehaving()
	for _, n := range slices.Sorted(maps.Keys(odd)) {
		fmt.Fprintf(w, "                %s   %s\n", n, odd[n])
	}
	fmt.Fprintf(w, "\nLook inside from another terminal:   hotline call list --config %s\n", t.Config)
	fmt.Fprintf(w, "See a call:                          hotline recording show CALL --config %s\n", t.Config)
	fmt.Fprintf(w, "Hear a call:                         hotline recording play CALL --by %s --why \"I am trying it\" --config %s\n", t.Supervisor, t.Config)
	fmt.Fprintf(w, "See one whole call by itself:        hotline try --call\n")
	fmt.Fprintf(w, "What callers have left:              hotline case list --config %s\n", t.Config)
	fmt.Fprintf(w, "Hear what one has left:              hotline case play NUMBER --by %s --why \"I am trying it\" --config %s\n", t.Chief, t.Config)
	fmt.Fprintf(w, "The journey as a picture:            hotline menu draw --config %s --to journey.svg\n", t.Config)
}
