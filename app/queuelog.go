package app

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/configs"
	"hotline/floor/queuelog"
	"hotline/store"
)

const (
	// followLook is how often somebody who follows the queue log is told what is new.
	followLook = time.Second

	// followSettles is how old a decision is before it is told to them: who ended a call stands in
	// its record, which is closed a moment later.
	followSettles = 3 * time.Second
)

// queueLogs tell the floor's journal in the words of Asterisk's queue_log.
type queueLogs struct {
	s      *store.Store
	queues func() []string // all there are
	log    *zap.Logger
}

func queueNames(f *configs.File) (names []string) {
	for _, q := range f.Queues {
		names = append(names, q.Name)
	}
	return names
}

func (a *App) queueNames() (names []string) {
	for _, q := range a.floor.Snapshot().Queues {
		names = append(names, q.Name)
	}
	return names
}

// errLater ends a walk before decisions that are too fresh.
var errLater = errors.New("later")

// QueueLog implements desk.QueueLog.
func (q queueLogs) QueueLog(ctx context.Context, w io.Writer, ask wire.QueueLog) error {
	if ask.Numbers {
		q.log.Info("callers' numbers are exported in a queue log", zap.Time("since", ask.Since), zap.Bool("follow", ask.Follow))
	}
	sources, err := q.sources(ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 16<<10)
	lines := queuelog.New(out, queuelog.Options{Sources: sources, Since: ask.Since, Numbers: ask.Numbers})
	var after uint64
	if !ask.Since.IsZero() {
		if after, err = q.s.Book().Before(ctx, ask.Since.Add(-queuelog.WarmUp)); err != nil {
			return err
		}
	}
	for {
		after, err = q.s.Book().Walk(ctx, after, func(d call.Decision) error {
			if ask.Follow && time.Since(d.At) < followSettles {
				return errLater
			}
			return lines.Tell(ctx, d)
		})
		if err != nil && !errors.Is(err, errLater) {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if !ask.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followLook):
		}
	}
}

// sources are what the floor's journal does not say.
func (q queueLogs) sources(ctx context.Context) (queuelog.Sources, error) {
	users, err := q.s.Users(ctx)
	if err != nil {
		return queuelog.Sources{}, err
	}
	serves, all := map[string][]string{}, q.queues()
	for _, u := range users {
		if serves[u.Name] = u.Queues; len(u.Queues) == 0 {
			serves[u.Name] = all
		}
	}
	book := q.s.Book()
	trouble := func(id call.ID, err error) {
		if err != nil {
			q.log.Warn("a line of the queue log says less than it could", zap.String("call", string(id)), zap.Error(err))
		}
	}
	return queuelog.Sources{
		Record: func(ctx context.Context, id call.ID) (call.Record, bool) {
			r, ok, err := book.Record(ctx, id)
			trouble(id, err)
			return r, ok
		},
		Events: func(ctx context.Context, id call.ID) []call.Event {
			events, err := book.Events(ctx, id)
			trouble(id, err)
			return events
		},
		Queues: func(operator string) []string { return serves[operator] },
	}, nil
}
