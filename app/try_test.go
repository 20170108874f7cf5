package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"hotline/desk"
	"hotline/recording/access"
)

// A trial has somebody who may hear what was recorded in it, also where it is started again; no operator may.
func TestATrialHasWhoMayHearItsRecordings(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		a, trial, err := Try(context.Background(), TryOptions{Dir: dir, Log: zap.NewNop(), NoRobot: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			who          string
			confidential bool
			may          bool
		}{{trial.Supervisor, false, true}, {trial.Supervisor, true, false}, {trial.Chief, true, true}, {trial.Operators[0].Name, false, false}} {
			e, err := a.keeper.asks(t.Context(), c.who, access.Play, "I am trying it", "")
			if err != nil {
				t.Fatal(err)
			}
			e.Confidential = c.confidential
			if err := a.keeper.ask(t.Context(), e); (err == nil) != c.may || err != nil && !errors.Is(err, desk.ErrForbidden) {
				t.Errorf("%s asks to hear a call: %v", c.who, err)
			}
		}
		var written Trial
		b, err := os.ReadFile(filepath.Join(dir, "try.json"))
		if err := errors.Join(err, json.Unmarshal(b, &written)); err != nil {
			t.Fatal(err)
		}
		if written.Supervisor == "" || written.Supervisor != trial.Supervisor || written.Chief != trial.Chief || len(written.Operators) != 3 {
			t.Errorf("try.json: supervisor %q, %d operators; want %q and 3", written.Supervisor, len(written.Operators), trial.Supervisor)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
