package app

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/recording"
	"hotline/store"
)

// A folder with an operator, a recorded call, and one that was open, whose recording was sealed after its row.
func backedUp(t *testing.T) (f *configs.File, whole, open call.ID) {
	t.Helper()
	f = config(t, filepath.Join(t.TempDir(), "data"))
	arrived := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	whole = recorded(t, f, "+000123456789", arrived)
	open = recorded(t, f, "+000123456780", arrived.Add(time.Minute))
	s, err := store.Open(store.Options{Dir: f.Data, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.AddUser(ctx, store.User{Name: "aysel", Role: "operator", Languages: []call.Language{"az"}}, "correct horse battery"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.MakePhone(ctx, "aysel", f.SIP.Phones.Realm); err != nil {
		t.Fatal(err)
	}
	return f, whole, open
}

// inAnotherFolder is the same configuration with another, missing, data folder.
func inAnotherFolder(t *testing.T, f *configs.File) *configs.File {
	t.Helper()
	other := *f
	other.Data = filepath.Join(t.TempDir(), "data")
	return &other
}

// A backup without keys comes back only if it is said where the keys are, or that there are none; then
// telephones have new secrets, and recordings are still good.
func TestABackupWithoutKeys(t *testing.T) {
	f, whole, _ := backedUp(t)
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "backup")
	r, err := Backup(ctx, f, BackupPlan{Dir: dir, WithoutKeys: true})
	if err != nil || len(r.Faults) > 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	if _, _, err := Restore(ctx, inAnotherFolder(t, f), BackupPlan{Dir: dir}); err == nil || !strings.Contains(err.Error(), "--keys") {
		t.Errorf("without a word on its keys: %v", err)
	}
	if _, _, err := Restore(ctx, inAnotherFolder(t, f), BackupPlan{Dir: dir, RecoveryKey: "key.txt"}); err == nil || !strings.Contains(err.Error(), "names nobody") {
		t.Errorf("with a recovery key that nothing needs: %v", err)
	}
	for name, plan := range map[string]BackupPlan{
		"kept elsewhere": {Dir: dir, KeysFrom: keysIn(f.Data)},
		"lost":           {Dir: dir, NewKeys: true},
	} {
		back := inAnotherFolder(t, f)
		done, secrets, err := Restore(ctx, back, plan)
		if err != nil || len(done.Faults) > 0 && name != "lost" {
			t.Errorf("keys %s: %v, %+v", name, err, done)
			continue
		}
		s, err := store.Open(store.Options{Dir: back.Data, Log: zap.NewNop(), Metrics: unseen()})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := s.HA1("aysel", f.SIP.Phones.Realm, "SHA-256"); !ok {
			t.Errorf("keys %s: the telephone cannot register", name)
		}
		if (secrets["aysel"] != "") != (name == "lost") {
			t.Errorf("keys %s: new secrets %d", name, len(secrets))
		}
		if r, err := s.Call(ctx, whole); err != nil || r.Recording == "" {
			t.Errorf("keys %s: the call: %+v, %v", name, r, err)
		}
		s.Close()
	}
}

// A record that is open in the rows, while its recording is sealed in the files, is closed by what the
// manifest says: a backup's rows are older than its files.
func TestAnOpenRecordWithASealedRecording(t *testing.T) {
	f, _, id := backedUp(t)
	ctx := context.Background()
	s, err := store.Open(store.Options{Dir: f.Data, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Call(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	sealed, ok := recording.Sealed(recordingsIn(f.Data), id, r.Arrived, f.Zone())
	if !ok || sealed.Path != r.Recording {
		t.Fatalf("its manifest: %+v, %v", sealed, ok)
	}
	db, err := sql.Open("sqlite", filepath.Join(f.Data, store.RowsFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE calls SET ended = NULL, outcome = '', recording = '', recording_state = '' WHERE id = ?`, string(id)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	dir, back := filepath.Join(t.TempDir(), "backup"), inAnotherFolder(t, f)
	if _, err := Backup(ctx, f, BackupPlan{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Restore(ctx, back, BackupPlan{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	s, err = store.Open(store.Options{Dir: back.Data, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Call(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != call.Interrupted || got.Recording != sealed.Path || !got.Ended.Equal(sealed.Ended) {
		t.Errorf("it is %s, recording %q, ended %s; want %q, %s", got.Outcome, got.Recording, got.Ended, sealed.Path, sealed.Ended)
	}
	if _, err := os.Stat(filepath.Join(back.Data, got.Recording)); err != nil {
		t.Error(err)
	}
}
