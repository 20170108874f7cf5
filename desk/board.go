package desk

import (
	"net/http"

	"hotline/call/wire"
)

func (d *Desk) board(r *http.Request) (any, error) {
	today, err := d.o.Today(r.Context())
	if err != nil {
		return nil, err
	}
	snap := d.o.Floor.Snapshot()
	out := wire.Board{At: wire.Time(snap.At), Queues: make([]wire.BoardQueue, len(snap.Queues)), Operators: operatorsOf(snap), Pauses: d.pauses()}
	for i, q := range snap.Queues {
		out.Queues[i] = wire.BoardQueue{
			Name: q.Name, Waiting: q.Waiting, Callbacks: q.Callbacks, LongestWaitMS: q.LongestWait.Milliseconds(), Today: today[q.Name].WithLevels(),
		}
	}
	return out, nil
}
