package recording

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// left is what a killed process leaves of a call of d: the live file and its draft.
func left(t *testing.T, format string, d time.Duration) (id call.ID, wav, draft []byte) {
	t.Helper()
	s := newStudio(t, format, nil)
	k := s.open(call.PCMA)
	k.SetLanguage("en")
	k.Voice(true, "")
	k.Party(Party{Channel: "right", Role: "operator", Name: "aysel", From: answered})
	k.tones(d, 300, 500)
	s.Close() // as nobody has sealed the call, this is what a kill leaves
	file := s.file(k.Recording)
	wav, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	draft, err = os.ReadFile(strings.TrimSuffix(file, soundExt) + draftExt)
	if err != nil {
		t.Fatal(err)
	}
	return k.meta.Call, wav, draft
}

// day is the folder of a day below a data folder.
func day(t *testing.T, data string) string {
	t.Helper()
	dir := filepath.Join(data, folder, "2026/03/02")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRepairTakesEveryCut cuts a live file at every byte there is, with its draft and without,
// and repairs them all: each has the samples that were whole, and verifies.
func TestRepairTakesEveryCut(t *testing.T) {
	t.Parallel()
	for _, format := range []string{PCM16, G711} {
		id, wav, draft := left(t, format, 20*time.Millisecond)
		data := t.TempDir()
		dir := day(t, data)
		whole := map[string][]byte{}
		f := formatFor(format, call.PCMA, nil)
		for cut := range len(wav) + 1 {
			name := string(call.NewID())
			put(t, filepath.Join(dir, name+soundExt), wav[:cut])
			samples := max(0, cut-f.headSize()) / f.frame()
			if cut%2 == 0 {
				put(t, filepath.Join(dir, name+draftExt), bytes.ReplaceAll(draft, []byte(id), []byte(name)))
			} else if cut < f.headSize() && cut > 44 {
				put(t, filepath.Join(dir, name+draftExt), nil) // nothing tells the format: not to be guessed
				samples = -1
			}
			if samples >= 0 {
				whole[name] = append(f.head(int64(samples)), wav[f.headSize():f.headSize()+samples*f.frame()]...)
				if cut%2 == 1 && cut <= 44 {
					whole[name] = aLawIn(PCM16).head(0)
				}
			}
		}
		done, err := Repair(t.Context(), filepath.Join(data, folder), nil, func(id call.ID) Meta {
			return Meta{Call: id, Line: "919", Answered: answered}
		})
		if len(done) != len(whole) || (err == nil) != (len(whole) == len(wav)+1) {
			t.Fatalf("%s: %d of %d repaired, %v", format, len(done), len(whole), err)
		}
		for _, r := range done {
			got, err := os.ReadFile(filepath.Join(data, r.Path))
			if err != nil || !bytes.Equal(got, whole[string(r.Call)]) {
				t.Errorf("%s: what is repaired of %d samples differs, %v", format, r.Samples, err)
			}
			if r.Ended != answered.Add(r.Duration).Truncate(time.Millisecond) && r.Ended != answered.Add(r.Duration) {
				t.Errorf("%s: %d samples end at %v", format, r.Samples, r.Ended)
			}
		}
	}
}

// aLawIn is how a call in A-law lies in a file.
func aLawIn(option string) format { return formatFor(option, call.PCMA, nil) }

// TestCutFilesPlay: what a kill leaves plays in both foreign players as it is, and after repair
// too, to the last whole sample.
func TestCutFilesPlay(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	for _, format := range []string{PCM16, G711} {
		id, wav, draft := left(t, format, 3*time.Second)
		f := aLawIn(format)
		for range 3 {
			cut := f.headSize() + 1000 + dice.IntN(len(wav)-f.headSize()-1000)
			data := t.TempDir()
			name := filepath.Join(day(t, data), string(id))
			put(t, name+soundExt, wav[:cut])
			put(t, name+draftExt, draft)
			want := decoded(f, wav[f.headSize():cut])
			for i, when := range []string{"as it is", "repaired", "repaired twice"} {
				for player := range players {
					if got := played(t, player, name+soundExt); !slices.Equal(got, want) {
						t.Errorf("%s cut at byte %d, %s: %s plays %d values, not %d", format, cut, when, player, len(got), len(want))
					}
				}
				done, err := Repair(t.Context(), filepath.Join(data, folder), nil, func(call.ID) Meta { return Meta{} })
				if err != nil || len(done) != max(0, 1-i) {
					t.Fatalf("repair of what is %s: %v, %v", when, done, err)
				}
			}
			m := readManifest(t, name+soundExt)
			if m["state"] != StateInterrupted || m["language"] != "en" || m["node"] != "node-1" || len(m["parties"].([]any)) != 1 ||
				m["opened"] != "2026-03-01T20:05:00.123Z" {
				t.Errorf("the manifest is %v", m)
			}
			if p := m["parties"].([]any)[0].(map[string]any); p["to"] != m["ended"] {
				t.Errorf("the operator stays until %v, the sound ends at %v", p["to"], m["ended"])
			}
		}
	}
}

// TestRepairCleansUp after those who died while sealing, and touches nothing else.
func TestRepairCleansUp(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	k.seal()
	s.Close()
	stem := strings.TrimSuffix(s.file(k.Recording), soundExt)
	before, err := os.ReadFile(stem + manifestExt)
	if err != nil {
		t.Fatal(err)
	}
	put(t, stem+draftExt, []byte("{}\n")) // died between the manifest's name and this
	put(t, stem+manifestExt+tempExt, []byte("{"))
	alone := filepath.Join(filepath.Dir(stem), string(call.NewID()))
	put(t, alone+draftExt, nil) // died before the sound was made
	put(t, filepath.Join(filepath.Dir(stem), "notes.txt"), nil)
	done, err := Repair(t.Context(), s.o.Dir, nil, func(call.ID) Meta { return Meta{} })
	if err != nil || len(done) != 0 {
		t.Errorf("repair gives %v, %v", done, err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(stem), "*"))
	if err != nil || len(files) != 4 { // sound, peaks, manifest, notes
		t.Errorf("the folder holds %v, %v", files, err)
	}
	if after, err := os.ReadFile(stem + manifestExt); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the manifest was changed, %v", err)
	}
}

// TestRepairRebuildsALostHeader: a power cut may keep a file's blocks and lose the first.
func TestRepairRebuildsALostHeader(t *testing.T) {
	id, wav, draft := left(t, G711, time.Second)
	data := t.TempDir()
	name := filepath.Join(day(t, data), string(id))
	want := bytes.Clone(wav)
	clear(wav[:maxHead])
	put(t, name+soundExt, wav)
	put(t, name+draftExt, append(draft, `{"version":1,"ca`...)) // and the draft was being written
	if _, err := Repair(t.Context(), filepath.Join(data, folder), nil, func(call.ID) Meta { return Meta{} }); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name + soundExt); err != nil || !bytes.Equal(got[maxHead:], want[maxHead:]) || !bytes.Equal(got[:maxHead], aLawIn(G711).head(8000)) {
		t.Errorf("the file was not rebuilt, %v", err)
	}
}

// TestRepairWithNothingToDo: before the first start there is no folder.
func TestRepairWithNothingToDo(t *testing.T) {
	if done, err := Repair(t.Context(), filepath.Join(t.TempDir(), folder), nil, nil); err != nil || done != nil {
		t.Errorf("repair gives %v, %v", done, err)
	}
	if items, err := List(filepath.Join(t.TempDir(), folder)); err != nil || len(items) != 0 {
		t.Errorf("list gives %v, %v", items, err)
	}
}

// TestCloseLeavesWhatNobodySealed as a kill does.
func TestCloseLeavesWhatNobodySealed(t *testing.T) {
	data := t.TempDir()
	r, err := New(Options{
		Dir: filepath.Join(data, folder), Zone: baku, Format: PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	g.Take(call.Frame{Channel: call.Heard, Codec: call.PCMU, At: answered, Payload: tone(500, 0, call.PCMU)})
	r.Close()
	r.Close()
	items, err := List(filepath.Join(data, folder))
	if err != nil || len(items) != 1 || items[0].State != StateOpen || items[0].Duration != 20*time.Millisecond {
		t.Errorf("what is left is %v, %v", items, err)
	}
}

// TestRepairBelievesNoDraftOfAnotherCall: then the call's record tells, and what was left out on
// either channel is doubtful.
func TestRepairBelievesNoDraftOfAnotherCall(t *testing.T) {
	_, wav, draft := left(t, PCM16, time.Second)
	data, id := t.TempDir(), call.NewID()
	name := filepath.Join(day(t, data), string(id))
	put(t, name+soundExt, wav)
	put(t, name+draftExt, draft)
	done, err := Repair(t.Context(), filepath.Join(data, folder), nil, func(got call.ID) Meta {
		return Meta{Call: got, Line: "920", Answered: answered}
	})
	if err != nil || len(done) != 1 {
		t.Fatalf("repair gives %v, %v", done, err)
	}
	m := readManifest(t, name+soundExt)
	if m["call"] != string(id) || m["line"] != "920" || m["language"] != "" {
		t.Errorf("the manifest is %v", m)
	}
	if gaps, want := gapsOf(t, name+soundExt, "unknown"), []string{"left 0s 1s", "right 0s 1s"}; !slices.Equal(gaps, want) {
		t.Errorf("the gaps are %v", gaps)
	}
}

// TestRepairStopsWhenAsked, and the next one finishes.
func TestRepairStopsWhenAsked(t *testing.T) {
	id, wav, draft := left(t, PCM16, time.Second)
	data := t.TempDir()
	name := filepath.Join(day(t, data), string(id))
	put(t, name+soundExt, wav)
	put(t, name+draftExt, draft)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done, err := Repair(ctx, filepath.Join(data, folder), nil, func(call.ID) Meta { return Meta{} })
	if len(done) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("a repair that was stopped gives %v, %v", done, err)
	}
	if done, err := Repair(t.Context(), filepath.Join(data, folder), nil, func(call.ID) Meta { return Meta{} }); len(done) != 1 || err != nil {
		t.Errorf("the next gives %v, %v", done, err)
	}
}
