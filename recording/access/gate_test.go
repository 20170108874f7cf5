package access

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/call"
	"hotline/recording/chain"
)

// A house is a gatekeeper over a real log in a real folder.
type house struct {
	*Gatekeeper
	path   string
	public ed25519.PublicKey
	log    *chain.Log
}

func open(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	key, err := chain.LoadKey(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "access", "access.jsonl")
	log, err := chain.OpenLog(path, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &house{New(Options{Log: log}), path, key.Public(), log}
}

func (h *house) entries(t *testing.T) []Entry {
	t.Helper()
	b, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chain.VerifyLog(bytes.NewReader(b), h.public); err != nil {
		t.Fatalf("the log does not verify: %v", err)
	}
	list, err := Read(bytes.NewReader(b), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

const somebody = call.ID("0197e0e4-0000-7000-8000-000000000001")

// Every role with everything that may be asked for: the table of the issue, written a second time.
func TestTable(t *testing.T) {
	h := open(t)
	allowed := map[string]string{
		Supervisor: "play export copy verify hold", Chief: "play export copy verify hold lift purge clock", Admin: "verify hold clock", Server: "purge verify",
	}
	asked := 0
	for _, role := range []string{Operator, Supervisor, Chief, Admin, Server, "", "caller"} {
		for _, do := range []string{Play, Export, Copy, Verify, Hold, Lift, Purge, Clock, "burn"} {
			err := h.Ask(t.Context(), Entry{Who: "x", Role: role, From: "console", Do: do, Call: somebody, Why: "a citizen has complained"})
			asked++
			want := strings.Contains(" "+allowed[role]+" ", " "+do+" ")
			if want != (err == nil) || err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("%q asks to %s: %v", role, do, err)
			}
			list := h.entries(t)
			last := list[len(list)-1]
			if len(list) != asked || last.Role != role || last.Do != do || last.Call != somebody || (last.Refused == "") != want || last.At.IsZero() {
				t.Fatalf("written down: %+v", last)
			}
		}
	}
	list := h.entries(t)
	for _, e := range list {
		if e.Role == Admin && e.Do == Play && !strings.Contains(e.Refused, "cannot hear") {
			t.Errorf("the admin is told: %q", e.Refused)
		}
	}
}

func TestReasons(t *testing.T) {
	for _, why := range []string{"court order 12/2026", "a b c", "Şikayətə baxılır", "жалоба гражданина", "gwn-77421-a3"} {
		if err := Reason(why); err != nil {
			t.Errorf("%q: %v", why, err)
		}
	}
	for _, why := range []string{"", "   ", "...", ". . .", "-- -- --", "because", "to hear", "\x00\x1b[2J", strings.Repeat("long ", 1000)} {
		if err := Reason(why); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", why, err)
		}
	}
	h := open(t)
	if err := h.Ask(t.Context(), Entry{Who: "chief", Role: Chief, Do: Play, Call: somebody, Why: "why"}); !errors.Is(err, ErrRefused) {
		t.Errorf("a reason that says nothing: %v", err)
	}
	if err := h.Ask(t.Context(), Entry{Who: " ", Role: Chief, Do: Play, Call: somebody, Why: "a citizen has complained"}); !errors.Is(err, ErrRefused) {
		t.Errorf("nobody: %v", err)
	}
	if err := h.Ask(t.Context(), Entry{Who: "chief", Role: Chief, Do: Play, Call: somebody, Why: "a court\n\x1b[2Jasked\u202e for it"}); err != nil {
		t.Error(err)
	}
	list := h.entries(t)
	if len(list) != 3 || list[2].Why != "a court [2Jasked for it" {
		t.Errorf("written down: %+v", list)
	}
}

// The log is a real file; what takes nothing any more is a file that is closed under the gatekeeper.
func TestNothingOpensWithoutTheLog(t *testing.T) {
	h := open(t)
	if err := h.log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{Chief, Admin} {
		if err := h.Ask(t.Context(), Entry{Who: "x", Role: role, Do: Play, Call: somebody, Why: "a citizen has complained"}); !errors.Is(err, ErrNoLog) {
			t.Errorf("%s was answered %v", role, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	busy := open(t)
	busy.writing <- struct{}{} // somebody's entry hangs in the disk
	if err := busy.Ask(gone, Entry{Who: "x", Role: Chief, Do: Play, Call: somebody, Why: "a citizen has complained"}); !errors.Is(err, ErrNoLog) || !errors.Is(err, context.Canceled) {
		t.Errorf("behind a disk that hangs: %v", err)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	h := open(t)
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if err := h.Ask(t.Context(), Entry{Who: "x", Role: Chief, Do: Play, Call: somebody, Why: "a citizen has complained"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(h.entries(t)); n != 40 {
		t.Errorf("%d entries of 40", n)
	}
}

func TestRead(t *testing.T) {
	h := open(t)
	for i := range 10 {
		who := []string{"chief", "sara"}[i%2]
		id := []call.ID{somebody, "0197e0e4-0000-7000-8000-000000000002"}[i/5]
		if err := h.Ask(t.Context(), Entry{Who: who, Role: Chief, Do: Play, Call: id, Why: "a citizen has complained"}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[int]Filter{10: {}, 5: {Call: somebody}, 3: {Most: 3}, 2: {Call: somebody, Who: "sara"}, 0: {Who: "nobody"}} {
		list, err := Read(bytes.NewReader(b), f)
		if err != nil || len(list) != want {
			t.Errorf("%+v: %d entries, %v", f, len(list), err)
		}
		if f.Most > 0 && list[len(list)-1].Seq != 10 {
			t.Errorf("the newest is %d", list[len(list)-1].Seq)
		}
	}
	if list, err := Read(bytes.NewReader(b[:len(b)-1]), Filter{}); err != nil || len(list) != 9 {
		t.Errorf("half a line at the end: %d, %v", len(list), err)
	}
	if _, err := Read(strings.NewReader("no entry\n"), Filter{}); err == nil {
		t.Error("a line that is none")
	}
	// What was altered is found, wherever it is.
	var line Entry
	if err := json.Unmarshal(bytes.Split(b, []byte("\n"))[4], &line); err != nil || line.Seq != 5 {
		t.Fatal(err, line)
	}
	spoilt := bytes.Replace(b, []byte(line.At.Format(time.RFC3339Nano)+`","who":"chief`), []byte(line.At.Format(time.RFC3339Nano)+`","who":"admin`), 1)
	if n, err := chain.VerifyLog(bytes.NewReader(spoilt), h.public); err == nil || n > 4 {
		t.Errorf("an entry was altered: %d good lines, %v", n, err)
	}
}
