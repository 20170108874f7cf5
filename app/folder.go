package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/recording"
	"hotline/store"
)

// A folder is a data folder with its rows and recordings, and with what opens them: where a server runs, and where
// a command works on it alone.
type folder struct {
	store    *store.Store
	file     func() *configs.File // as last loaded
	data     string
	second   string                    // directory of the recordings, as at the start; empty: none
	evidence func() (*evidence, error) // the chain of the recordings
	unwrap   recording.Unwrap          // opens the keys of encrypted recordings; nil: there are none
	away     archived                  // where copies lie; nil: nowhere
}

// folder is that of the running server.
func (a *App) folder() folder {
	return folder{
		store: a.store, file: a.loaded.Load, data: a.file.Data, second: a.file.Recording.Second,
		evidence: func() (*evidence, error) { return a.evidence, nil },
		unwrap:   unwrap(a.keys), away: a.keptAway,
	}
}

// unserved is a folder on which no server runs, and whoever has it has locked it. end closes what was opened for it.
func unserved(f *configs.File, s *store.Store, log *zap.Logger) (of folder, end func() error) {
	var opened *evidence
	chain := sync.OnceValues(func() (e *evidence, err error) { // few commands need it
		opened, err = openEvidence(f.Data)
		return opened, err
	})
	return folder{
			store: s, file: func() *configs.File { return f }, data: f.Data, second: f.Recording.Second,
			evidence: chain, unwrap: unwrapLater(f), away: awayOf(f, log),
		}, func() error {
			if opened == nil {
				return nil
			}
			return opened.Close()
		}
}

func keysIn(data string) string       { return filepath.Join(data, "keys") }
func recordingsIn(data string) string { return filepath.Join(data, "recordings") }
func messagesIn(data string) string   { return filepath.Join(data, "messages") }
func headsIn(data string) string      { return filepath.Join(data, "heads") }

// sound opens the sound of a call's recording, plain or encrypted, as a WAV file; the error is os.ErrNotExist where
// there is none. It asks nobody.
func (f folder) sound(ctx context.Context, r call.Record) (*recording.Sound, error) {
	if r.Recording == "" {
		return nil, fmt.Errorf("call %s has no recording, or it goes on: %w", r.ID, os.ErrNotExist)
	}
	sound, err := recording.OpenPath(recordingsIn(f.data), r.Recording, f.unwrap)
	if errors.Is(err, os.ErrNotExist) && f.away != nil {
		sound, err = soundAway(ctx, f, r.Recording, err)
	}
	if err != nil {
		return nil, err
	}
	sound.Mend() // what a damage took is silence; whoever gives the sound away tells of it by LostTime
	return sound, nil
}
