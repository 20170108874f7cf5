package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/prompts"
)

// TestAReloadTakesNewRecordings: callers hear a new recording from their next clip on, and what is missing
// is counted by the new library as by the old.
func TestAReloadTakesNewRecordings(t *testing.T) {
	dir := t.TempDir()
	f := config(t, dir)
	registry := prometheus.NewRegistry()
	s := shelf{metrics: prompts.NewMetrics(registry)}
	if err := s.reload(f, f.Languages, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	before := s.Clip("open.greeting", "en").Version
	shortClips(t, dir)
	if s.Clip("open.greeting", "en").Version != before {
		t.Error("a clip has changed before the reload")
	}
	if err := s.reload(f, f.Languages, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	if s.Clip("open.greeting", "en").Version == before {
		t.Error("the new recording is not heard after the reload")
	}
	s.Clip("own.nowhere", "en")
	want := "# HELP hotline_prompts_missing_total Clips that were to be heard in a language and are not there: another language was heard, or nothing.\n" +
		"# TYPE hotline_prompts_missing_total counter\n" +
		"hotline_prompts_missing_total{language=\"az\"} 0\nhotline_prompts_missing_total{language=\"en\"} 1\nhotline_prompts_missing_total{language=\"ru\"} 0\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "hotline_prompts_missing_total"); err != nil {
		t.Error(err)
	}
}

// TestAnIncidentIsSpokenAtOnce: a text becomes a clip in each language, or the reason is told.
func TestAnIncidentIsSpokenAtOnce(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	shortClips(t, dir)
	spoken := filepath.Join(dir, "prompts", "az", "open.greeting.wav")
	f := config(t, dir, "voices: {az: {command: [cp, "+spoken+", \"{wav}\", \"--suffix={text}\"]}}")
	a := &App{file: f}
	a.loaded.Store(f)
	clips, err := a.say(t.Context(), map[call.Language]string{"az": "Sel var."})
	if err != nil || clips["az"] == nil || clips["az"].Language != "az" {
		t.Fatalf("%v %v", clips, err)
	}
	for _, lang := range []call.Language{"en", "tr"} {
		if _, err := a.say(t.Context(), map[call.Language]string{lang: "x"}); err == nil {
			t.Errorf("%s is spoken", lang)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
