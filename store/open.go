package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// Options are what a store is opened with.
type Options struct {
	Dir     string // the data folder; the caller holds its lock (see Lock)
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time // by which old rows are removed; nil: time.Now
}

// Check says what is missing.
func (o Options) Check() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("data: no folder is given"))
	}
	if o.Log == nil {
		errs = append(errs, errors.New("store: no logger is given"))
	}
	if o.Metrics == nil {
		errs = append(errs, errors.New("store: no registerer of metrics is given"))
	}
	return errors.Join(errs...)
}

// A Store is an open data folder. All its methods may be called from any goroutine.
type Store struct {
	log     *zap.Logger
	metrics *metrics
	now     func() time.Time

	writer *sql.DB // one connection
	reader *sql.DB
	spool  *spool
	seal   *sealer
	ha1s   *ha1Cache
	argon  chan struct{} // how many passwords may be worked on at once

	wake chan struct{} // something was appended
	kick chan struct{} // somebody waits for a commit
	stop chan struct{}
	done chan struct{} // the committer has returned

	read    cursor // the committer's place in the spool
	applied atomic.Uint64

	mu           sync.Mutex
	committed    chan struct{} // closed and replaced at every commit
	failingSince time.Time     // zero: the last commit worked
	failure      error

	closing sync.Once
}

// Open opens the data folder, makes what is missing, brings the schema up to date and applies
// what an earlier process left in the spool, so that the first query sees it all. A folder
// written by a newer release is refused, and left as it was.
func Open(o Options) (*Store, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s := &Store{
		log:       o.Log.Named("store"),
		metrics:   m,
		now:       o.Now,
		argon:     make(chan struct{}, argonAtOnce),
		wake:      make(chan struct{}, 1),
		kick:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
		committed: make(chan struct{}),
	}
	s.ha1s = newHA1Cache()
	if err := s.open(o.Dir); err != nil {
		return nil, fmt.Errorf("open the store: %w", errors.Join(err, s.closeSQL()))
	}
	go s.commitLoop()
	return s, nil
}

func (s *Store) open(dir string) error {
	ctx := context.Background()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	path := filepath.Join(dir, "hotline.db")
	if err := makePrivate(path); err != nil {
		return err
	}
	var err error
	if s.writer, err = openSQL(path, "busy_timeout(400)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, s.writer); err != nil {
		return err
	}
	if s.reader, err = openSQL(path, "busy_timeout(2000)", "query_only(1)"); err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(4)
	s.reader.SetMaxIdleConns(4)

	if s.seal, err = openSealer(filepath.Join(dir, "keys")); err != nil {
		return err
	}
	if err := s.checkSealed(ctx); err != nil {
		return err
	}
	var applied uint64
	if err := s.writer.QueryRowContext(ctx, `SELECT value FROM marks WHERE name = 'spool'`).Scan(&applied); err != nil {
		return err
	}
	if s.spool, err = openSpool(filepath.Join(dir, "spool"), applied); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.applied.Store(applied)
	n, err := s.replay()
	if err != nil {
		return errors.Join(fmt.Errorf("replay the spool: %w", err), s.spool.close())
	}
	if n > 0 {
		s.log.Info("replayed the spool", zap.Int("entries", n))
	}
	return nil
}

// openTime is how long Open waits for a database that somebody else has locked, a backup say.
const openTime = 10 * time.Second

// replay applies what the process before us left.
func (s *Store) replay() (n int, err error) {
	for end := time.Now().Add(openTime); ; {
		more, err := s.commitAll()
		n += more
		if err == nil || !busy(err) || time.Now().After(end) {
			return n, err
		}
	}
}

// makePrivate makes the file where it is missing: nobody else's business, and SQLite gives its
// journal the same mode.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func openSQL(path string, pragmas ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// IMMEDIATE: a transaction that would write waits for its turn at its beginning, where it
	// can be tried again, not in its middle.
	u := url.URL{Scheme: "file", Path: abs, RawQuery: url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}.Encode()}
	return sql.Open("sqlite", u.String())
}

// migrate brings the schema up to date. Each step is one transaction, so a step that was cut
// off is done again.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithTableName("schema"), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if have > want {
		return fmt.Errorf("hotline.db has schema %d, this release knows %d: it was written by a newer release", have, want)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate from schema %d to %d: %w", have, want, err)
	}
	return nil
}

// Close commits what is in the spool, for at most two seconds, and closes the data folder.
// What could not be committed stays in the spool for the next Open. Close may be called twice.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.stop)
		<-s.done
		err = errors.Join(s.spool.close(), s.closeSQL())
	})
	return err
}

func (s *Store) closeSQL() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} { // the last to close writes the WAL back
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
