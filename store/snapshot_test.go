package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// A copy that is made while calls are written has every row that was there before, whole and in
// order, and nobody who writes has to wait for it.
func TestRowsAreCopiedWhileTheyAreWritten(t *testing.T) {
	dir := t.TempDir()
	writes, _ := writer(t, dir, victimDir+"_FIRST=0")
	defer func() { _ = writes.Process.Kill(); _ = writes.Wait() }()
	type copied struct {
		dir    string
		before int // calls that were there when it began
	}
	var copies []copied
	for round := range 2 {
		c := copied{dir: t.TempDir()}
		for deadline := time.Now().Add(20 * time.Second); c.before < 100*(round+1); c.before = rowsIn(t, dir) {
			if time.Now().After(deadline) {
				t.Fatal("the other process writes nothing")
			}
			time.Sleep(5 * time.Millisecond)
		}
		must(t, CopyRows(t.Context(), dir, c.dir, func(int) error { time.Sleep(5 * time.Millisecond); return nil }))
		copies = append(copies, c)
	}
	_ = writes.Process.Kill()
	for _, c := range copies {
		found, err := CheckRows(t.Context(), filepath.Join(c.dir, RowsFile))
		must(t, err)
		if found.Schema != Schema() {
			t.Errorf("the copy has schema %d, this release %d", found.Schema, Schema())
		}
		if out, err := exec.Command("sqlite3", filepath.Join(c.dir, RowsFile), "PRAGMA integrity_check").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "ok" {
			t.Errorf("sqlite3 says %s, %v", out, err)
		}
		s, err := Open(Options{Dir: c.dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
		must(t, err)
		all, err := s.Calls(t.Context(), Filter{All: true})
		must(t, err)
		if len(all) < c.before {
			t.Errorf("%d calls were there before the copy began, it has %d", c.before, len(all))
		}
		seen := map[call.ID]bool{}
		for _, r := range all {
			seen[r.ID] = true
		}
		for n := range len(all) { // no hole: the victim numbers them
			if !seen[closedRecord(n).ID] {
				t.Fatalf("of %d calls number %d is missing", len(all), n)
			}
		}
		must(t, s.Close())
	}
}

// rowsIn counts calls that are in the database already.
func rowsIn(t *testing.T, dir string) (n int) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, RowsFile)); err != nil {
		return 0
	}
	db, err := openSQL(filepath.Join(dir, RowsFile), "busy_timeout(2000)", "query_only(1)")
	must(t, err)
	defer db.Close()
	if err := db.QueryRow(`SELECT count(*) FROM calls`).Scan(&n); err != nil {
		return 0 // being made
	}
	return n
}

// What is only in the spool is in the copy, each entry once.
func TestWhatStandsInTheSpoolIsCopied(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	must(t, err)
	for n := range 10 {
		must(t, s.Closed(closedRecord(n)))
	}
	must(t, s.Flush(t.Context()))
	locked, err := sql.Open("sqlite", filepath.Join(dir, RowsFile)) // nothing is committed from here on
	must(t, err)
	defer locked.Close()
	tx, err := locked.Conn(t.Context())
	must(t, err)
	_, err = tx.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	must(t, err)
	for n := 10; n < 25; n++ {
		must(t, s.Closed(closedRecord(n)))
	}
	to := t.TempDir()
	must(t, CopyRows(t.Context(), dir, to, func(int) error { return nil }))
	_, err = tx.ExecContext(t.Context(), `ROLLBACK`)
	must(t, err)
	must(t, tx.Close())
	must(t, s.Close())

	segments, _ := filepath.Glob(filepath.Join(to, SpoolFolder, "*.log"))
	if len(segments) != 1 {
		t.Fatalf("the copy's spool has %q", segments)
	}
	b, err := os.ReadFile(segments[0])
	must(t, err)
	if n := bytes.Count(b, []byte("\n")); n != 15 {
		t.Errorf("%d entries are beside the copy, want the 15 that it does not have", n)
	}
	c, err := Open(Options{Dir: to, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	must(t, err)
	defer c.Close()
	all, err := c.Calls(t.Context(), Filter{All: true})
	must(t, err)
	if len(all) != 25 {
		t.Errorf("the copy has %d calls, want 25", len(all))
	}
}

// A copy that cannot be made says why and where.
func TestACopyThatFails(t *testing.T) {
	dir := t.TempDir()
	if err := CopyRows(t.Context(), dir, t.TempDir(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a database: %v", err)
	}
	s, err := Open(Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	must(t, err)
	for n := range 800 { // more than one step
		must(t, s.Closed(closedRecord(n)))
	}
	must(t, s.Flush(t.Context()))
	defer s.Close()
	full := errors.New("full")
	if err := CopyRows(t.Context(), dir, t.TempDir(), func(int) error { return full }); !errors.Is(err, full) {
		t.Errorf("refused by whoever waits: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := CopyRows(ctx, dir, t.TempDir(), func(int) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	to := filepath.Join(t.TempDir(), RowsFile)
	must(t, s.Close())
	b, err := os.ReadFile(filepath.Join(dir, RowsFile))
	must(t, err)
	for i := 40 << 10; i < 80<<10; i++ {
		b[i] ^= 0x55
	}
	must(t, os.WriteFile(to, b, 0o600))
	if _, err := CheckRows(t.Context(), to); err == nil {
		t.Error("a damaged database is found good")
	}
	if left, _ := filepath.Glob(to + "-*"); len(left) > 0 {
		t.Errorf("looking has left %q", left)
	}
}
