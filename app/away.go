package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/configs"
	"hotline/recording"
	elsewhere "hotline/recording/archive"
	"hotline/recording/purge"
)

// openAway lets sealed recordings go where the file says. It is opened after the recovery, so that
// what that seals is found, and it never waits for a place: one that is down is tried later.
func (a *App) openAway(context.Context) error {
	o, err := awayOptions(a.file, a.log, a.metrics)
	if err != nil {
		return err
	}
	o.Events = a.store.Event
	if a.away, err = elsewhere.New(o); err != nil {
		return err
	}
	if len(o.Places) > 0 || len(a.away.Erasing()) > 0 {
		a.away.Start()
	}
	a.steps.closer("away", a.away.Close)
	return nil
}

// recordingEvent is told what happens to recordings.
func (a *App) recordingEvent(e call.Event) {
	a.store.Event(e)
	if e.Name == "recording.sealed" && a.away != nil {
		a.away.Sealed(e.Data["path"])
	}
}

// archived gives where recordings lie, and what ends its use.
type archived func() (*elsewhere.Archive, func() error, error)

// eraseAway erases what is purged at all places too. What a place owes the archive remembers and tries
// until it is done, so the purge goes on here.
func eraseAway(open archived, log *zap.Logger) func(context.Context, purge.Erasure) error {
	if open == nil {
		return nil
	}
	return func(ctx context.Context, e purge.Erasure) (err error) {
		if _, ok := elsewhere.Stem(e.Path); !ok {
			return nil // a message: they lie here alone
		}
		a, done, err := open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		err = a.Erase(ctx, e.Path)
		if errors.As(err, new(*elsewhere.OwedError)) {
			log.Warn("a purged recording still lies away; it is tried until it is erased there", zap.String("call", string(e.Call)), zap.Error(err))
			return nil
		}
		return err
	}
}

// keptAway is the running server's elsewhere.
func (a *App) keptAway() (*elsewhere.Archive, func() error, error) {
	return a.away, func() error { return nil }, nil
}

// awayOf opens the archive of a data folder on which no server runs. Nothing is sent.
func awayOf(f *configs.File, log *zap.Logger) archived {
	return func() (*elsewhere.Archive, func() error, error) {
		if err := os.MkdirAll(recordingsIn(f.Data), 0o750); err != nil {
			return nil, nil, err
		}
		o, err := awayOptions(f, log, unseen())
		if err != nil {
			return nil, nil, err
		}
		a, err := elsewhere.New(o)
		if err != nil {
			return nil, nil, err
		}
		return a, a.Close, nil
	}
}

// awayOptions is the file's recording.away as the archive takes it.
func awayOptions(f *configs.File, log *zap.Logger, metrics prometheus.Registerer) (elsewhere.Options, error) {
	away := f.Recording.Away
	o := elsewhere.Options{
		Dir: recordingsIn(f.Data), Rate: int64(away.Mbit) * 1_000_000 / 8, KeepLocal: time.Duration(away.KeepLocal), Log: log, Metrics: metrics,
	}
	if away.Dir != "" {
		p, err := elsewhere.OpenFolder(o.Dir, away.Dir)
		if err != nil {
			return o, fmt.Errorf("recording.away.dir: %w", err)
		}
		o.Places = append(o.Places, p)
	}
	if s := away.S3; s.Endpoint != "" {
		prefix := s.Prefix
		if prefix != "" && !strings.HasSuffix(prefix, "/") {
			prefix += "/"
		}
		p, err := elsewhere.OpenS3(elsewhere.S3Options{
			Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: prefix, Region: s.Region,
			AccessKey: s.AccessKey, SecretKey: s.SecretKey, CA: s.CA, Insecure: s.Insecure,
		})
		if err != nil {
			return o, fmt.Errorf("recording.away.s3: %w", err)
		}
		o.Places = append(o.Places, p)
	}
	return o, nil
}

// locate says of each recording where it lies.
func (s sounds) locate(list []wire.Recording) error {
	root, err := os.OpenRoot(recordingsIn(s.data))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer root.Close() // only read
	for i := range list {
		list[i].Away = []string{}
		if stem, ok := elsewhere.Stem(list[i].Path); ok {
			list[i].Local = elsewhere.Local(root, stem)
			list[i].Away = append(list[i].Away, elsewhere.Places(root, stem)...)
		}
	}
	return nil
}

// VerifyAway reads back what lies away.
func (s sounds) VerifyAway(ctx context.Context) (out wire.AwayVerification, err error) {
	a, done, err := s.away()
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, done()) }()
	r, err := a.Verify(ctx, nil)
	if err != nil {
		return out, err
	}
	out = wire.AwayVerification{Checked: r.Checked, Waiting: r.Waiting, Owed: []wire.AwayOwed{}, Faults: []wire.AwayFault{}}
	for _, o := range r.Owed {
		out.Owed = append(out.Owed, wire.AwayOwed{Call: filepath.Base(o.Stem), Asked: o.Asked.UTC().Format(time.RFC3339), Places: o.Places})
	}
	for _, f := range r.Faults {
		out.Faults = append(out.Faults, wire.AwayFault{Call: string(f.Call), Path: f.Path, Place: f.Place, Problem: f.Problem})
	}
	return out, nil
}

// checkAway looks whether the folder of recordings away is there. A start does not ask: a mount that
// is down must not keep calls away.
func checkAway(f *configs.File) (faults configs.Faults) {
	const key, want = "recording.away.dir", "name a folder that is there, on another mount"
	dir := f.Recording.Away.Dir
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(dir); err != nil {
		faults = append(faults, f.Fault(key, err.Error(), want))
	} else if !info.IsDir() {
		faults = append(faults, f.Fault(key, dir+" is not a folder", want))
	}
	return faults
}

// soundAway opens a sound that does not lie here where it does. missing is the error of opening it here.
func soundAway(ctx context.Context, p folder, told string, missing error) (sound *recording.Sound, err error) {
	dir := recordingsIn(p.data)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() // only read
	if stem, ok := elsewhere.Stem(told); !ok || !elsewhere.Away(root, stem) {
		return nil, missing
	}
	a, done, err := p.away()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }() // what is open stays so
	f, err := a.Open(ctx, told)
	if err != nil {
		return nil, err
	}
	return recording.OpenAway(dir, told, f, p.unwrap)
}
