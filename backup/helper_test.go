package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/store"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// temp is a folder in memory where there is such a place: most of these tests are about order, and the
// disk's syncs would be all that they wait for.
func temp(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hotline-backup-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A world is a data folder in which things happen as a server makes them happen: in its order, and
// each file whole at once.
type world struct {
	t      testing.TB
	dir    string
	store  *store.Store
	random *rand.Rand

	seq    int64
	open   map[string]call.Record // by stem
	sealed []string               // stems
	told   []string               // messages whose slip is in the folder of its day
}

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(temp(t), "data"), random: rand.New(rand.NewPCG(seed, 0)), open: map[string]call.Record{}}
	var err error
	w.store, err = store.Open(store.Options{Dir: w.dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	must(t, err)
	t.Cleanup(func() { w.store.Close() })
	must(t, os.MkdirAll(filepath.Join(w.dir, newFolder), 0o700))
	w.write("keys/evidence.pem", "a key", 0o600)
	w.write("keys/seal.key", strings.Repeat("k", 32), 0o600)
	w.write("prompts/az/own.flood.wav", "clip", 0o640)
	w.write("access/access.jsonl", "{\"who\":1}\n", 0o600)
	w.write("heads/2026-11-26.json", "{}", 0o640)
	w.write("run.json", "{}", 0o600)
	w.write("lock", "1", 0o640)
	w.write("traces/2026/11/26/x.pcapng", "trace", 0o600)
	return w
}

// write puts a file there as the server does: whole, under its name at once.
func (w *world) write(p, body string, mode fs.FileMode) {
	w.t.Helper()
	name := filepath.Join(w.dir, filepath.FromSlash(p))
	must(w.t, os.MkdirAll(filepath.Dir(name), 0o750))
	must(w.t, os.WriteFile(name+".tmp", []byte(body), mode))
	must(w.t, os.Rename(name+".tmp", name))
}

func (w *world) sound() string {
	b := make([]byte, 100+w.random.IntN(5000))
	for i := range b {
		b[i] = byte(w.random.Uint32())
	}
	return string(b)
}

// seal is what becomes a link of the chain.
func (w *world) link(v map[string]any) string {
	w.seq++
	v["seq"], v["key"] = w.seq, "0123456789abcdef"
	b, err := json.Marshal(v)
	must(w.t, err)
	return string(b) + "\n"
}

// begin opens the recording of a call, which has arrived.
func (w *world) begin() (stem string) { return w.beginOn(20 + w.random.IntN(8)) }

func (w *world) beginOn(date int) (stem string) {
	day := time.Date(2026, 11, date, 10, 0, 0, 0, time.UTC)
	id := call.ID(uuid.NewString())
	r := call.Record{ID: id, Line: "919", Arrived: day}
	must(w.t, w.store.Arrived(r))
	stem = recordingsFolder + day.Format("/2006/01/02/") + string(id)
	w.write(stem+".wav", w.sound(), 0o640)
	w.write(stem+".draft", "{}\n", 0o640)
	w.open[stem] = r
	return stem
}

// some is one of the open recordings.
func (w *world) some() (stem string, r call.Record, ok bool) {
	stems := make([]string, 0, len(w.open))
	for s := range w.open {
		stems = append(stems, s)
	}
	if len(stems) == 0 {
		return "", r, false
	}
	slices.Sort(stems)
	stem = stems[w.random.IntN(len(stems))]
	return stem, w.open[stem], true
}

// grow adds to an open recording.
func (w *world) grow() {
	stem, _, ok := w.some()
	if !ok {
		return
	}
	f, err := os.OpenFile(filepath.Join(w.dir, stem+".wav"), os.O_APPEND|os.O_WRONLY, 0)
	must(w.t, err)
	_, err = f.WriteString(w.sound())
	must(w.t, errors.Join(err, f.Close()))
}

// end seals a recording and then says so in its row.
func (w *world) end() {
	if stem, _, ok := w.some(); ok {
		w.endOf(stem)
	}
}

func (w *world) endOf(stem string) {
	r := w.open[stem]
	body := w.sound()
	w.write(stem+".wav", body, 0o640)
	sum := sha256.Sum256([]byte(body))
	w.write(stem+".json", w.link(map[string]any{"call": r.ID, "sha256": hex.EncodeToString(sum[:])}), 0o640)
	must(w.t, os.Remove(filepath.Join(w.dir, stem+".draft")))
	r.Ended, r.Outcome, r.Recording = r.Arrived.Add(time.Minute), call.Completed, stem+".wav"
	must(w.t, w.store.Closed(r))
	delete(w.open, stem)
	w.sealed = append(w.sealed, stem)
}

// erase says in the chain that a sound is gone, and removes it.
func (w *world) erase() {
	if len(w.sealed) == 0 {
		return
	}
	w.eraseOf(w.sealed[w.random.IntN(len(w.sealed))])
}

// eraseOf erases a recording.
func (w *world) eraseOf(stem string) {
	w.sealed = slices.DeleteFunc(w.sealed, func(s string) bool { return s == stem })
	line := w.link(map[string]any{"kind": "erased", "gone": stem + ".wav"})
	w.write(fmt.Sprintf("%s/chain/0123456789abcdef/%09d.json", recordingsFolder, w.seq), line, 0o640)
	must(w.t, os.Remove(filepath.Join(w.dir, stem+".wav")))
}

// message keeps what somebody has left: first the slip without its name, then the sound, then the name.
func (w *world) message() {
	id := uuid.NewString()
	slip := path.Join(newFolder, id+".json")
	must(w.t, os.WriteFile(filepath.Join(w.dir, slip+".tmp"), []byte(`{"id":"`+id+`"}`), 0o600))
	w.write("messages/2026/11/26/"+id+".wav", w.sound(), 0o600)
	must(w.t, os.Rename(filepath.Join(w.dir, slip+".tmp"), filepath.Join(w.dir, slip)))
	if w.random.IntN(2) == 0 { // it is told
		return
	}
	_, _, err := w.store.OpenCase(context.Background(), call.Case{
		ID: call.ID(id), Call: "c", Line: "919", Language: "az", Matter: call.MatterComplaint, State: call.CaseRegistered, Opened: time.Now(), Due: time.Now().Add(time.Hour),
		Forward: time.Now().Add(time.Hour), Message: "messages/2026/11/26/" + id + ".wav",
	}, nil)
	must(w.t, err)
	must(w.t, os.Rename(filepath.Join(w.dir, slip), filepath.Join(w.dir, "messages/2026/11/26/"+id+".json")))
	w.told = append(w.told, id)
}

// other changes what is neither.
func (w *world) other() {
	switch w.random.IntN(4) {
	case 0:
		w.write("prompts/az/own.flood.wav", w.sound(), 0o640)
	case 1:
		w.write("keys/epoch-"+fmt.Sprint(w.random.IntN(5)), w.sound(), 0o600)
	case 2:
		f, err := os.OpenFile(filepath.Join(w.dir, "access/access.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
		must(w.t, err)
		_, err = f.WriteString(`{"who":` + fmt.Sprint(w.random.IntN(1000)) + "}\n")
		must(w.t, errors.Join(err, f.Close()))
	case 3:
		w.store.Event(call.Event{At: time.Now(), Name: "operator.paused"})
	}
}

// live lets one thing happen.
func (w *world) live() {
	switch n := w.random.IntN(10); {
	case n < 3:
		w.begin()
	case n < 6:
		w.end()
	case n < 7:
		w.grow()
	case n < 8:
		w.message()
	case n < 9:
		w.erase()
	default:
		w.other()
	}
}

// options are those of a backup of this world.
func (w *world) options(dir string) Options { return Options{Data: w.dir, Dir: dir, Check: checkWorld} }

// checkWorld is what is wrong with a folder: a sound that is not its manifest's, a hole in the chain,
// a sound that is gone and not said to be, a row without its recording, a message without its other half.
func checkWorld(_ context.Context, data string, expected map[string]call.ID, progress func(done, total int)) (faults []string, err error) {
	links := map[int64]string{}
	gone := map[string]bool{}
	sums := map[string]string{}
	sounds := map[string]string{}
	slips := map[string]bool{}
	err = filepath.WalkDir(data, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		p, _ := filepath.Rel(data, name)
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		stem, ext := strings.TrimSuffix(p, path.Ext(p)), path.Ext(p)
		switch top, _, _ := strings.Cut(p, "/"); {
		case top == recordingsFolder && ext == ".json":
			var l struct {
				Seq          int64
				SHA256, Gone string
			}
			if err := json.Unmarshal(b, &l); err != nil {
				return err
			}
			links[l.Seq] = p
			if l.Gone != "" {
				gone[l.Gone] = true
			} else {
				sums[stem] = l.SHA256
			}
		case top == recordingsFolder && ext == ".wav":
			sum := sha256.Sum256(b)
			sounds[stem] = hex.EncodeToString(sum[:])
		case top == messagesFolder && ext == ".json":
			slips[path.Base(stem)] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for n := range int64(len(links)) {
		if links[n+1] == "" {
			faults = append(faults, fmt.Sprintf("recordings: link %d of %d is missing", n+1, len(links)))
		}
	}
	for stem, sum := range sums {
		if got, ok := sounds[stem]; ok && got != sum {
			faults = append(faults, stem+".wav: it is not its manifest's")
		} else if !ok && !gone[stem+".wav"] {
			faults = append(faults, stem+".wav: it is gone, and nothing says so")
		}
	}
	for p := range expected {
		if _, ok := sums[strings.TrimSuffix(p, ".wav")]; !ok {
			faults = append(faults, p+": a row names it")
		}
	}
	messages, _ := filepath.Glob(filepath.Join(data, "messages/*/*/*/*.wav"))
	for _, m := range messages {
		if !slips[strings.TrimSuffix(filepath.Base(m), ".wav")] {
			faults = append(faults, "messages: "+filepath.Base(m)+" has no slip")
		}
		delete(slips, strings.TrimSuffix(filepath.Base(m), ".wav"))
	}
	for id := range slips {
		faults = append(faults, "messages: "+id+" has no sound")
	}
	progress(1, 1)
	slices.Sort(faults)
	return faults, nil
}

// tree is every file below a folder with its mode and what is in it, but for those that die with a process.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p, _ := filepath.Rel(dir, name)
		if p == "." || dead(p) {
			if d.IsDir() && p != "." {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			all[p] = info.Mode().String()
			return nil
		}
		b, err := os.ReadFile(name)
		all[p] = info.Mode().String() + " " + string(b)
		return err
	}))
	return all
}

// same demands that two folders hold the same.
func same(t testing.TB, want, got map[string]string) {
	t.Helper()
	for p, body := range want {
		if got[p] != body {
			t.Errorf("%s is another, or is missing", p)
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%s is new", p)
		}
	}
}

// good demands that a backup is whole.
func good(t testing.TB, dir string) Manifest {
	t.Helper()
	v, err := Verify(context.Background(), VerifyOptions{Dir: dir, Check: checkWorld})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Faults {
		t.Errorf("the backup: %s", f)
	}
	return v.Manifest
}
