package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// pauses are how long is waited before a folder is listed anew because something in it was removed or
// renamed while it was copied. Only a purge or a message being told does that, and both have an end.
var pauses = []time.Duration{0, 0, 0, 0, time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}

// quietly does something until nothing that it needs is removed meanwhile.
func quietly(ctx context.Context, folder string, do func(context.Context) (map[string]Entry, error)) (map[string]Entry, error) {
	for _, pause := range pauses {
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		taken, err := do(ctx)
		if !errors.Is(err, fs.ErrNotExist) {
			return taken, err
		}
	}
	return nil, fmt.Errorf("%s: %w", folder, errBusy)
}

// errBusy says that a folder never held still.
var errBusy = errors.New("files are removed faster than they are copied: run it again when less is going on")
