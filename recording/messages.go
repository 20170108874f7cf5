package recording

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/durable"
	"hotline/recording/vault"
)

// The files and folders of messages are for the server alone: they hold numbers in full, and what
// people say about others.
const (
	messageFolderMode = 0o700
	messageFileMode   = 0o600
)

// keepsAtOnce is how many requests may wait for the disk: a message of three minutes has 6 MB in
// memory until it is kept.
const keepsAtOnce = 32

// Messages keeps what callers leave after the tone, in a folder of the data folder:
//
//	YYYY/MM/DD/ID.wav   the sound, in the folder of its day: 16-bit PCM, mono, 8 kHz
//	YYYY/MM/DD/ID.rec   or that, encrypted, and beside it its sealed key, ID.key: package vault
//	new/ID.json         its slip, until a case has been made of it
//	YYYY/MM/DD/ID.json  its slip from then on
//
// A message is kept when its slip has its name, and not before. The slip is written first, under
// the name new/ID.json.tmp, then the sound, and then the slip gets its name. So whoever dies
// leaves either nothing, or a temporary slip with which the next start finds the sound: it
// finishes the message if the sound is whole, and removes both if it is not. What has no case yet
// is found in one small folder, however many messages there are.
type Messages struct {
	root   *os.Root
	zone   *time.Location
	vault  *vault.Keyring
	unwrap Unwrap
	log    *zap.Logger
	disk   disk

	mu      sync.Mutex
	closed  bool
	busy    map[call.ID]bool // being kept
	days    map[string]bool  // folders whose entries are on the disk, up to the root
	damaged map[string]bool  // slips that were logged as unreadable

	places  chan struct{} // a place for each request that waits for the disk
	working sync.WaitGroup
}

// MessageOptions are what Messages must be told.
type MessageOptions struct {
	Zone   *time.Location // decides the day a message is filed under
	Vault  *vault.Keyring // seals the keys of messages that are kept from now on; nil: they are plain
	Unwrap Unwrap         // opens the keys of those that were encrypted; nil: there are none
	Log    *zap.Logger
}

// OpenMessages opens the folder below a data folder, and makes it where it is not there. What an earlier process
// died over is finished, or taken away; only what has no case yet is read.
func OpenMessages(data string, o MessageOptions) (*Messages, error) {
	return openMessages(data, o, realDisk())
}

func openMessages(data string, o MessageOptions, d disk) (*Messages, error) {
	dir := filepath.Join(data, messageFolder)
	if err := os.MkdirAll(filepath.Join(dir, newFolder), messageFolderMode); err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	s := &Messages{
		root: root, zone: o.Zone, vault: o.Vault, unwrap: o.Unwrap, log: o.Log.Named("messages"), disk: d,
		busy: map[call.ID]bool{}, days: map[string]bool{}, damaged: map[string]bool{},
		places: make(chan struct{}, keepsAtOnce),
	}
	if err := errors.Join(d.folder(root, "."), syncPath(data)); err != nil { // all may be new
		return nil, errors.Join(fmt.Errorf("messages: %w", err), root.Close())
	}
	if err := s.mend(); err != nil {
		return nil, errors.Join(fmt.Errorf("messages: %w", err), root.Close())
	}
	return s, nil
}

// syncPath makes the entries of a folder survive a power cut.
func syncPath(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Close waits up to five seconds for what is being kept. Afterwards nothing is kept any more.
func (s *Messages) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	done := make(chan struct{})
	go func() { s.working.Wait(); close(done) }()
	bound := time.NewTimer(closeWait)
	defer bound.Stop()
	select {
	case <-done:
		return s.root.Close()
	case <-bound.C: // the folder is still theirs
		return errors.New("messages: the disk does not take what waits for it; the next start finishes what it has of it")
	}
}

// run does work that may hang in the disk, on a goroutine of its own, and waits for it as long as
// ctx lasts. The work goes on all the same.
func (s *Messages) run(ctx context.Context, work func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer s.leave()
		done <- s.guard(work)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the disk takes too long: %w", ctx.Err())
	}
}

// enter takes a place at the disk.
func (s *Messages) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("no more messages are kept: %w", ErrClosed)
	}
	select {
	case s.places <- struct{}{}:
	default:
		return fmt.Errorf("the disk of the messages does not answer: %d wait for it", keepsAtOnce)
	}
	s.working.Add(1)
	return nil
}

func (s *Messages) leave() {
	<-s.places
	s.working.Done()
}

// guard makes an error of a bug: it costs one message and nobody else's call.
func (s *Messages) guard(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a panic while keeping messages", zap.Any("panic", p), zap.StackSkip("stack", 2))
			err = fmt.Errorf("a panic: %v", p)
		}
	}()
	return work()
}

// disk is what Messages asks the disk for. Tests put one here that is full, hangs, or is the end of
// the process.
type disk struct {
	write  func(f *os.File, b []byte) error
	sync   func(f *os.File) error
	folder func(root *os.Root, dir string) error // syncs its entries
	rename func(root *os.Root, from, to string) error
}

func realDisk() disk {
	return disk{
		write:  func(f *os.File, b []byte) error { _, err := f.Write(b); return err },
		sync:   datasync,
		folder: durable.SyncFolder,
		rename: (*os.Root).Rename,
	}
}
