package main

import (
	"context"
	"fmt"
	"strings"

	"hotline/control"
)

type trunkCmd struct {
	List trunkListCmd `cmd:"" help:"Show how each carrier is."`
}

type trunkListCmd struct {
	fileFlag
	outFlag
}

func (trunkListCmd) Help() string {
	return "Example: hotline trunk list"
}

func (c *trunkListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Trunks, error) {
		return client.Trunks(context.Background())
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Trunks) error {
		rows := [][]string{{"TRUNK", "UP", "REGISTERED", "IN", "OUT", "OF", "HOSTS"}}
		for _, trunk := range answer.Trunks {
			of := "-"
			if trunk.Calls != nil {
				of = fmt.Sprint(*trunk.Calls)
			}
			var hosts []string
			for _, h := range trunk.Hosts {
				host := h.Transport + " " + h.Address
				if !h.Up {
					host += " (down)"
				}
				hosts = append(hosts, host)
			}
			rows = append(rows, []string{
				trunk.Name, known(trunk.Up), known(trunk.Registered), fmt.Sprint(trunk.In), fmt.Sprint(trunk.Out), of, strings.Join(hosts, ", "),
			})
		}
		return printTable(t.out, rows)
	})
}

// known is yes or no, or a dash for a question that is not asked.
func known(b *bool) string {
	if b == nil {
		return "-"
	}
	return yesNo(*b)
}
