package app

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/configs"
	"hotline/prompts"
)

// The checks of menus follow callers by rules that configs writes down a second time. Here the server's own code
// serves callers by files that pass: none is led nowhere, and each arrives.
func TestMenusThatPassTheChecksServe(t *testing.T) {
	files, err := filepath.Glob("../configs/testdata/good/menu-*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d right files, %v", len(files), err)
	}
	right := map[string]*configs.File{"the sample's journey": journeyFile(t)}
	for _, path := range files {
		if right[path], err = configs.Load(path); err != nil {
			t.Fatal(err)
		}
	}
	clips, err := prompts.Load("", prompts.Shipped(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for name, f := range right {
		for _, l := range f.Lines {
			for i := range 25 {
				keys := ""
				for range r.IntN(8) {
					keys += string("123456789*#0"[r.IntN(12)])
				}
				at := time.Date(2026, 11, 25, 3+i%2*8, 0, 0, 0, f.Zone()) // by night and by day, in turn
				story, err := rehearse(f, Caller{At: at, From: "+994125550100", Line: l.Number, Keys: keys}, clips)
				if err != nil || story.Ends == "failed" {
					t.Errorf("%s, line %s at %s, keys %q: %v, %v", name, l.Number, at.Format("15:04"), keys, story, err)
				}
			}
		}
	}
}
