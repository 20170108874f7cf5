package desk

import (
	"io"
	"net/http"

	"hotline/call/wire"
)

// queueLog streams: it may be long, or without an end.
func (d *Desk) queueLog(w http.ResponseWriter, r *http.Request) {
	ask, err := queueLogAsk(r)
	if err == nil && ask.Follow && d.o.Server == nil {
		err = errNoServer // nothing will happen
	}
	if err == nil && d.o.QueueLog == nil {
		err = ErrNotFound
	}
	if err != nil {
		d.problem(w, r, err)
		return
	}
	d.stream(w, r, "text/plain; charset=utf-8", func(out io.Writer) error {
		err := d.o.QueueLog.QueueLog(r.Context(), out, ask)
		if r.Context().Err() != nil {
			return nil // whoever reads has seen enough
		}
		return err
	})
}

func queueLogAsk(r *http.Request) (ask wire.QueueLog, err error) {
	if ask.Since, err = sinceOf(r); err != nil {
		return ask, err
	}
	if ask.Numbers, err = flagOf(r, "numbers"); err != nil {
		return ask, err
	}
	ask.Follow, err = flagOf(r, "follow")
	return ask, err
}
