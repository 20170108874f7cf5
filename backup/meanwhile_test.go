package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/store"
)

// While calls come and go, messages are told and recordings erased, each backup is one that belongs
// together: no hole in the chain, no row without its recording, no message without a case or a
// place among the new ones.
func TestWhileThingsHappen(t *testing.T) {
	pauses = make([]time.Duration, 60) // nothing happens while it waits, so it need not
	worlds := 1
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		worlds = 100
	}
	for range worlds {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprint(seed), func(t *testing.T) { backUpWhileItLives(t, seed) })
	}
}

// backUpWhileItLives makes three backups of one world.
func backUpWhileItLives(t *testing.T, seed uint64) {
	w := newWorld(t, seed)
	for range 80 {
		w.live()
	}
	dir := filepath.Join(temp(t), "backup")
	for range 3 {
		began := time.Now()
		o := w.options(dir)
		steps := 0
		o.step = func(name string) { // between any two steps of the backup, and where it hurts
			if steps++; steps > 10000 { // what happens has an end: see errBusy
				return
			}
			if w.random.IntN(100) == 0 {
				w.live()
			}
			switch {
			case strings.HasPrefix(name, "see ") && w.random.IntN(200) == 0: // two links, in the folders of two days
				w.endOf(w.begin())
				w.endOf(w.begin())
			case name == "rows" || name == "rows copied":
				w.endOf(w.begin())
				w.message()
				must(t, w.store.Flush(t.Context()))
			case name == "listed":
				if w.random.IntN(2) == 0 {
					w.erase()
				}
			}
		}
		r, err := Make(t.Context(), o)
		must(t, err)
		if len(r.Faults) > 0 {
			t.Errorf("%q", r.Faults)
		}
		m := good(t, dir)
		rows, err := store.CheckRows(t.Context(), filepath.Join(dir, dataFolder, store.RowsFile))
		must(t, err)
		if m.Taken.Before(began) {
			t.Errorf("the rows are of %s, before it began", m.Taken)
		}
		for _, e := range m.Files {
			id, slip := strings.CutSuffix(filepath.Base(e.Path), ".json")
			if slip && strings.HasPrefix(e.Path, "data/messages/2026") && !rows.Cases[call.ID(id)] {
				t.Errorf("%s: nobody would ever be told", e.Path)
			}
		}
		back := filepath.Join(temp(t), "back")
		if _, err := Restore(t.Context(), RestoreOptions{Dir: dir, Data: back, Check: nil}); err != nil {
			t.Error(err)
		}
	}
}

// Links that are made while the folders are listed, one where the listing has been and one where it has
// not: neither is in the backup, as one without the other would be a hole. Their sound is, as far as it was.
func TestALinkSeenWithoutTheOneBeforeIt(t *testing.T) {
	w := newWorld(t, 1)
	w.endOf(w.beginOn(20))
	early, late := w.beginOn(20), w.beginOn(27)
	o := w.options(filepath.Join(temp(t), "backup"))
	listed := false
	o.step = func(name string) {
		switch {
		case name == "listed":
			listed = true
		case listed && strings.HasPrefix(name, "see recordings/2026/11/20/"):
			listed = false
			w.endOf(early)
			w.endOf(late)
		}
	}
	r, err := Make(t.Context(), o)
	must(t, err)
	m := good(t, o.Dir)
	if len(w.open) > 0 || r.Open != 2 || len(r.Faults) > 0 || len(m.Open) != 2 {
		t.Errorf("%d were not sealed; %+v", len(w.open), r)
	}
	for _, stem := range []string{early, late} {
		if _, err := os.Stat(filepath.Join(o.Dir, dataFolder, stem+".wav")); err != nil {
			t.Error(err)
		}
	}
	o.step = nil
	r, err = Make(t.Context(), o)
	must(t, err)
	if m := good(t, o.Dir); r.Open != 0 || len(m.Open) != 0 {
		t.Errorf("the next one: %+v", r)
	}
}

// A recording that is begun and sealed while the folders are listed the first time, in one that has been, and erased
// before they are the second time: the backup has what says so.
func TestARecordingThatComesAndGoesWhileItIsListed(t *testing.T) {
	w := newWorld(t, 1)
	w.endOf(w.beginOn(20))
	late := w.beginOn(27)
	o := w.options(filepath.Join(temp(t), "backup"))
	var gone string
	o.step = func(name string) {
		switch {
		case gone == "" && strings.HasPrefix(name, "see recordings/2026/11/20/"):
			gone = w.beginOn(20)
			w.endOf(gone)
			w.endOf(late)
		case gone != "" && name == "listed" && slices.Contains(w.sealed, gone):
			w.eraseOf(gone)
		}
	}
	r, err := Make(t.Context(), o)
	must(t, err)
	good(t, o.Dir)
	if gone == "" || slices.Contains(w.sealed, gone) || len(r.Faults) > 0 {
		t.Errorf("%+v", r)
	}
}

// A recording that is sealed while it is copied as an open one is whole in the backup, or open with its
// draft: never a sound of which nothing says what it is.
func TestARecordingThatIsSealedWhileItIsCopied(t *testing.T) {
	for _, at := range []string{"put data/%s.draft", "copied data/%s.draft", "put data/%s.wav", "copied data/%s.wav"} {
		w := newWorld(t, 1)
		stem := w.begin()
		o := w.options(filepath.Join(temp(t), "backup"))
		o.step = func(name string) {
			if _, open := w.open[stem]; open && name == strings.Replace(at, "%s", stem, 1) {
				w.endOf(stem)
			}
		}
		r, err := Make(t.Context(), o)
		must(t, err)
		if len(w.open) > 0 || len(r.Faults) > 0 {
			t.Errorf("%s: %+v", at, r)
		}
		has := func(ext string) bool {
			_, err := os.Stat(filepath.Join(o.Dir, dataFolder, stem+ext))
			return err == nil
		}
		if good(t, o.Dir); !has(".wav") || has(".json") == has(".draft") {
			t.Errorf("%s: sound %v, manifest %v, draft %v", at, has(".wav"), has(".json"), has(".draft"))
		}
	}
}
