package purge

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/access"
	"hotline/recording/chain"
	"hotline/recording/retention"
)

// A house is a data folder with recordings in it, rows, a real log of accesses and a real chain of what was
// erased, and a clock of its own.
type house struct {
	t      fataler
	dir    string
	key    *chain.Key
	gate   *access.Gatekeeper
	asked  *chain.Log
	erased *chain.Log

	mu      sync.Mutex
	now     time.Time
	mono    time.Duration
	records map[call.ID]call.Record
	cases   map[call.ID][]call.Case
	holds   []call.Hold
	rules   retention.Rules
	told    []call.ID
	away    func(Erasure) error
	rowless error                // what the rows say instead of an answer; nil: they answer
	live    func() time.Duration // goes by itself; nil: time is what the test makes it
	there   bool                 // the files are there already: only the rows are made
}

// A fataler is a test, or one try of a property.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

var baku = func() *time.Location {
	z, err := time.LoadLocation("Asia/Baku")
	if err != nil {
		panic(err)
	}
	return z
}()

func newHouse(t fataler, dir string) *house {
	t.Helper()
	h := &house{
		t: t, dir: dir, now: time.Date(2027, 6, 15, 3, 0, 0, 0, baku),
		records: map[call.ID]call.Record{}, cases: map[call.ID][]call.Case{},
		rules: retention.Rules{Keep: 12, Cases: 12, Zone: baku},
	}
	var err error
	if h.key, err = chain.LoadKey(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	if h.asked, err = chain.OpenLog(filepath.Join(dir, "access", "access.jsonl"), h.key); err != nil {
		t.Fatal(err)
	}
	h.gate = access.New(access.Options{Log: h.asked, Now: h.time})
	if h.erased, err = chain.OpenLog(filepath.Join(dir, "chain.jsonl"), h.key); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) close() { h.asked.Close(); h.erased.Close() }

func (h *house) time() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.live != nil {
		return h.now.Add(h.live())
	}
	return h.now
}

// counted is the clock that only counts.
func (h *house) counted() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.live != nil {
		return h.mono + h.live()
	}
	return h.mono
}

// pass lets time go by.
func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now, h.mono = h.now.Add(d), h.mono+d
}

// Records, CasesOf and Holding implement Rows.
func (h *house) Records(_ context.Context, ids []call.ID) (map[call.ID]call.Record, error) {
	if h.rowless != nil {
		return nil, h.rowless
	}
	out := map[call.ID]call.Record{}
	for _, id := range ids {
		if r, ok := h.records[id]; ok {
			out[id] = r
		}
	}
	return out, nil
}

func (h *house) CasesOf(_ context.Context, ids []call.ID) (map[call.ID][]call.Case, error) {
	out := map[call.ID][]call.Case{}
	for _, id := range ids {
		if c := h.cases[id]; len(c) > 0 {
			out[id] = c
		}
	}
	return out, nil
}

func (h *house) Holding(_ context.Context, now time.Time) ([]call.Hold, error) {
	return slices.DeleteFunc(slices.Clone(h.holds), func(k call.Hold) bool { return !k.Binds(now) }), nil
}

// A link is one of the chain.
type link struct {
	Kind    string  `json:"kind"`
	Erasure Erasure `json:"erasure"`
	chain.Link
}

// Erased implements Chain.
func (h *house) Erased(_ context.Context, list []Erasure) (links [][]byte, err error) {
	for _, e := range list {
		l := link{Kind: "erased", Erasure: e}
		if err := h.erased.Append(&l, &l.Link); err != nil {
			return nil, err
		}
		b, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		links = append(links, append(b, '\n'))
	}
	return links, nil
}

func (h *house) reaper(step func(string)) *Reaper {
	h.t.Helper()
	r, err := New(Options{
		Data: h.dir, Rules: func() retention.Rules { return h.rules }, Rows: h, Gate: h.gate, Chain: h, Key: h.key, Node: "test",
		Away: func(_ context.Context, e Erasure) error {
			if h.away != nil {
				return h.away(e)
			}
			return nil
		},
		Told: func(e Erasure) { h.told = append(h.told, e.ID) },
		Now:  h.time, Mono: h.counted,
		Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), step: step,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func nth(n int) call.ID { return call.ID(fmt.Sprintf("0197e0e4-0000-7000-8000-%012d", n)) }

// put lays a recording down that ended at a time: files are endings, such as wav or rec and key.
func (h *house) put(n int, ended time.Time, endings ...string) call.ID {
	h.t.Helper()
	id, day := nth(n), ended.In(baku).Format("2006/01/02")
	dir := filepath.Join(h.dir, "recordings", day)
	h.write(filepath.Join(dir, string(id)+".json"), fmt.Sprintf(`{"version":1,"call":%q,"line":"919","ended":%q,"sha256":"%064d"}`, id, ended.UTC().Format(time.RFC3339), n))
	for _, ext := range endings {
		h.write(filepath.Join(dir, string(id)+"."+ext), strings.Repeat(ext, 100))
	}
	h.records[id] = call.Record{ID: id, Line: "919", Queue: "general", Arrived: ended.Add(-time.Minute), Ended: ended, Recording: "recordings/" + day + "/" + string(id) + ".wav"}
	return id
}

// message lays a message down that was left in a call.
func (h *house) message(n int, of call.ID, at time.Time) call.ID {
	h.t.Helper()
	id := nth(n)
	dir := filepath.Join(h.dir, "messages", at.In(baku).Format("2006/01/02"))
	h.write(filepath.Join(dir, string(id)+".json"), fmt.Sprintf(`{"version":1,"id":%q,"call":%q,"from":"+994501234567","line":"919","at":%q,"sha256":"%064d"}`, id, of, at.UTC().Format(time.RFC3339), n))
	h.write(filepath.Join(dir, string(id)+".wav"), strings.Repeat("m", 100))
	return id
}

func (h *house) write(path, text string) {
	h.t.Helper()
	if h.there {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		h.t.Fatal(err)
	}
}

// left are the endings of what lies of an id anywhere, sorted.
func (h *house) left(id call.ID) string {
	h.t.Helper()
	var found []string
	for _, folder := range []string{"recordings", "messages"} {
		list, err := filepath.Glob(filepath.Join(h.dir, folder, "*", "*", "*", string(id)+".*"))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, p := range list {
			found = append(found, strings.TrimPrefix(filepath.Base(p), string(id)+"."))
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// linked are the ids that the chain has as erased, and askedFor those that the log of accesses has.
func (h *house) linked() map[call.ID]bool {
	out := map[call.ID]bool{}
	for _, line := range h.lines("chain.jsonl") {
		var l link
		if err := json.Unmarshal(line, &l); err != nil {
			h.t.Fatal(err)
		}
		out[l.Erasure.ID] = true
	}
	return out
}

func (h *house) askedFor() map[call.ID]bool {
	out := map[call.ID]bool{}
	for _, line := range h.lines("access/access.jsonl") {
		var e access.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			h.t.Fatal(err)
		}
		if e.Refused == "" && e.Do == access.Purge {
			out[e.Call] = true
		}
	}
	return out
}

// lines are those of a log, which must verify.
func (h *house) lines(name string) [][]byte {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := chain.VerifyLog(bytes.NewReader(b), h.key.Public()); err != nil {
		h.t.Fatalf("%s does not verify: %v", name, err)
	}
	return bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))[:bytes.Count(b, []byte("\n"))]
}

// certificates are all that were written, each of which must be signed and have its text beside it.
func (h *house) certificates() (list []Certificate) {
	h.t.Helper()
	paths, err := filepath.Glob(filepath.Join(h.dir, "certificates", "2*.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			h.t.Fatal(err)
		}
		var c Certificate
		if err := json.Unmarshal(b, &c); err != nil {
			h.t.Fatal(err)
		}
		if err := signed(b, h.key.Public()); err != nil {
			h.t.Errorf("%s: %v", p, err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(p, ".json") + ".txt")
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range c.Erased {
			if !strings.Contains(string(text), string(e.ID)) || !strings.Contains(string(text), e.SHA256) || !strings.Contains(string(text), e.Rule) {
				h.t.Errorf("the text does not tell of %s:\n%s", e.ID, text)
			}
		}
		list = append(list, c)
	}
	return list
}

// signed checks a certificate as a stranger would: by the bytes before its digest.
func signed(line []byte, public ed25519.PublicKey) error {
	at := bytes.LastIndex(line, []byte(`,"digest":"`))
	if at < 0 {
		return errors.New("it has no digest")
	}
	var l chain.Link
	if err := json.Unmarshal(line, &l); err != nil {
		return err
	}
	var signature []byte
	if err := json.Unmarshal([]byte(`"`+l.Signature+`"`), &signature); err != nil {
		return err
	}
	if !ed25519.Verify(public, append(line[:at:at], '}'), signature) {
		return errors.New("its signature is wrong")
	}
	return nil
}

// old is a day whose recordings are due in the house's year, young one whose are not.
var (
	old   = time.Date(2026, 3, 2, 12, 0, 0, 0, baku)
	young = time.Date(2026, 9, 1, 12, 0, 0, 0, baku)
)

// street fills a house: what is due, plain and encrypted and a message; what a hold keeps; what a case keeps; what
// is young. It gives who must go and who must stay, with what lies of each.
func street(h *house) (goes []call.ID, stays map[call.ID]string) {
	goes = []call.ID{h.put(1, old, "wav", "peaks"), h.put(2, old, "rec", "key")}
	goes = append(goes, h.message(3, goes[0], old))
	held, open, closed := h.put(4, old, "wav"), h.put(5, old, "wav"), h.put(6, old, "wav")
	h.holds = []call.Hold{{ID: 1, Calls: []call.ID{held}, By: "chief", Why: "court order 12/2026", At: old}}
	h.cases[open] = []call.Case{{Number: "2026-000001", State: call.CaseAnswered}}
	h.cases[closed] = []call.Case{{Number: "2026-000002", State: call.CaseClosed, Closed: young}}
	fresh := h.put(7, young, "wav")
	return goes, map[call.ID]string{held: "json wav", open: "json wav", closed: "json wav", fresh: "json wav"}
}

// promises holds at every step: nothing that should stay has lost a byte; nothing is taken away that is not in the
// chain, with its tombstone; nothing is in the chain that is not in the log of accesses; no sound outlives its key
// the wrong way round.
func (h *house) promises(goes []call.ID, stays map[call.ID]string) {
	h.t.Helper()
	for id, files := range stays {
		if got := h.left(id); got != files {
			h.t.Fatalf("of %s, which is kept, there is %q, want %q", id, got, files)
		}
	}
	linked, asked := h.linked(), h.askedFor()
	whole := map[call.ID]string{nth(1): "json peaks wav", nth(2): "json key rec", nth(3): "json wav"}
	for _, id := range goes {
		left := strings.Replace(strings.Replace(h.left(id), "gone.tmp ", "", 1), "gone ", "", 1)
		if left != whole[id] {
			if !linked[id] || !strings.Contains(h.left(id), "gone") {
				h.t.Fatalf("%s has been begun to be taken away (%q) without a link or a tombstone", id, left)
			}
			if strings.Contains(left, "key") && !strings.Contains(left, "rec") {
				h.t.Fatalf("the sound of %s went before its key", id)
			}
		}
		of := id
		if id == nth(3) {
			of = nth(1)
		}
		if linked[id] && !asked[of] {
			h.t.Fatalf("%s is in the chain and not in the log of accesses", id)
		}
	}
}

// over says that all is done.
func (h *house) over(goes []call.ID, stays map[call.ID]string) {
	h.t.Helper()
	h.promises(goes, stays)
	for _, id := range goes {
		want := "gone json"
		if id == nth(3) {
			want = "gone" // the slip has the caller's number
		}
		if got := h.left(id); got != want {
			h.t.Errorf("of %s there is %q, want %q", id, got, want)
		}
		if !slices.Contains(h.told, id) {
			h.t.Errorf("nobody was told of %s", id)
		}
	}
	if _, err := os.Stat(filepath.Join(h.dir, planFile)); !errors.Is(err, fs.ErrNotExist) {
		h.t.Errorf("the plan is still there: %v", err)
	}
}

// memory is a folder in memory, where the machine has one: these tests sync thousands of times, and what a sync
// is for, a power cut, they do not try.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hotline-purge")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
