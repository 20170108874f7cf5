package main

import (
	"context"
	"fmt"

	"hotline/control"
)

type recordingDiskCmd struct {
	fileFlag
	outFlag
}

func (recordingDiskCmd) Help() string {
	return "By the growth of the last seven days, and by what will be erased.\n\nExample: hotline recording disk -o json"
}

func (c *recordingDiskCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Disk, error) {
		return client.Disk(context.Background())
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(d control.Disk) error {
		full := "not within ten years"
		if d.FullInSeconds != nil {
			full = fmt.Sprintf("in %d days, on %s", *d.FullInSeconds/86400, str(d.FullAt))
		}
		for _, row := range [][2]string{
			{"full", full},
			{"free", fmt.Sprintf("%s of %s (%.0f %%)", size(d.FreeBytes), size(d.SizeBytes), 100*float64(d.FreeBytes)/float64(max(1, d.SizeBytes)))},
			{"kept", size(d.KeptBytes) + " of recordings and messages"},
			{"growth", fmt.Sprintf("%s a day, by the last %d days", size(d.GrowthBytesDay), d.GrowthDays)},
			{"goes", size(d.Purged30Bytes) + " within 30 days"},
		} {
			fmt.Fprintf(t.out, "%-7s %s\n", row[0], row[1])
		}
		return nil
	})
}
