package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"hotline/backup"
	"hotline/configs"
	"hotline/control"
	"hotline/desk"
	"hotline/store"
)

// Client is the commands' way to a data folder: through the running server, or where none
// runs straight into the rows, with the folder locked. done must be called at the end.
func Client(f *configs.File) (client *control.Client, done func(), err error) {
	client, err = control.Dial(f.Data)
	if err == nil || !errors.Is(err, control.ErrNoServer) {
		return client, func() {}, err
	}
	if err := os.MkdirAll(f.Data, 0o700); err != nil {
		return nil, nil, fmt.Errorf("data: make the folder: %w", err)
	}
	if err := backup.Whole(f.Data); err != nil {
		return nil, nil, err
	}
	lock, err := store.Lock(f.Data)
	if err != nil {
		return nil, nil, err
	}
	log := NewLog(warnLevel)
	s, err := store.Open(store.Options{Dir: f.Data, Log: log, Metrics: unseen()})
	if err != nil {
		return nil, nil, errors.Join(err, lock.Unlock())
	}
	folder, closeFolder := unserved(f, s, log)
	end := func() error { return errors.Join(closeFolder(), s.Close(), lock.Unlock()) }
	k, err := newKeeper(keepOptions{folder: folder, metrics: unseen(), now: time.Now, log: log})
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	d := desk.New(desk.Options{
		Calls:      records{s},
		Traces:     looks{writtenIn(traces(f)), s, log},
		Users:      people{s, f.SIP.Phones.Realm, func(context.Context) error { return nil }},
		Copies:     newCopies(k, time.Now, log),
		Recordings: sounds{folder, nil},
		Keeping:    k,
		QueueLog:   queueLogs{s, func() []string { return queueNames(f) }, log},
		Log:        log,
	})
	return control.InProcess(desk.ComesFrom(console(os.Getuid()), d.API())), func() {
		if err := errors.Join(k.Close(), end()); err != nil {
			log.Error("the data folder could not be left in order", zap.Error(err))
		}
	}, nil
}
