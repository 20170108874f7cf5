//go:build planted

package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fewBugs are planted in every run; which ones goes round with the date. HOTLINE_NIGHTLY: all.
const fewBugs = 5

// toFind is how long the checks may take to find a planted bug.
const toFind = 5 * time.Minute

const (
	bugsFile  = "testdata/planted/bugs.txt"
	bugsTable = "../docs/planted-bugs.md"
)

// A bug is one that we make on purpose, to see that the checks see it.
type bug struct {
	name, file, check, what string
	old, planted            string
}

// planted reads the list. Each bug begins with "== name".
func plantedBugs(t *testing.T) (all []bug) {
	b, err := os.ReadFile(bugsFile)
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`(?s)^(.*?)\nfile: (.*?)\ncheck: (.*?)\nwhat: (.*?)\n<<<<\n(.*?)\n====\n(.*?)\n?>>>>\n*$`)
	for _, text := range strings.Split("\n"+string(b), "\n== ")[1:] {
		f := form.FindStringSubmatch(text)
		if f == nil {
			t.Fatalf("%s: this is no bug:\n%s", bugsFile, text)
		}
		all = append(all, bug{name: f[1], file: f[2], check: f[3], what: f[4], old: f[5], planted: f[6]})
	}
	if len(all) < 20 {
		t.Fatalf("%s has only %d bugs", bugsFile, len(all))
	}
	return all
}

// row is the bug's line of the table.
func (b bug) row(found []string) string {
	return fmt.Sprintf("| %s | %s | `queue/%s` | %s |\n", b.name, b.what, b.file, strings.Join(found, " | "))
}

const tableHead = `# Planted bugs

Each of these is planted into a copy of the queue core, and the checks have to find it: days without
sense (TestRandomDays) and simulated days with faults (TestSimulation), with the invariants I1 to I14.
The last columns say which of them each saw broken first; a dash: it did not find the bug. Every run of the tests plants five of
them, the nightly run all. Written by ` + "`go test -tags planted -run TestPlantedBugs ./queue -update`" + ` with
HOTLINE_NIGHTLY=1.

| bug | what it does | file | random days | simulated days |
|---|---|---|---|---|
`

// TestPlantedBugs plants one bug after another into the sources and wants each found by the checks, by
// the one that is meant for it. A bug whose text is no longer in the sources fails.
func TestPlantedBugs(t *testing.T) {
	all := plantedBugs(t)
	first, n := 0, len(all)
	if os.Getenv("HOTLINE_NIGHTLY") == "" && !*update {
		first, n = time.Now().YearDay()*fewBugs, fewBugs
	}
	rows := make([]string, len(all))
	t.Run("each", func(t *testing.T) {
		slots := make(chan bool, runtime.GOMAXPROCS(0))
		for i := range all {
			b := all[i]
			mutated := b.plant(t)
			if (i-first%len(all)+len(all))%len(all) >= n {
				continue // its text still has to be there
			}
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				slots <- true
				defer func() { <-slots }()
				rows[i] = b.find(t, mutated)
			})
		}
	})
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile(bugsTable, []byte(tableHead+strings.Join(rows, "")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	table, err := os.ReadFile(bugsTable)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if !strings.Contains(string(table), row) {
			t.Errorf("%s is not what is found, run with -update:\n%s", bugsTable, row)
		}
	}
}

// plant is the source with the bug in it.
func (b bug) plant(t *testing.T) string {
	source, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), b.old); n != 1 {
		t.Fatalf("%s: the text of %q stands %d times in %s, must be once", bugsFile, b.name, n, b.file)
	}
	return strings.Replace(string(source), b.old, b.planted, 1)
}

// find builds the tests with the bug and runs the checks until one objects.
func (b bug) find(t *testing.T, mutated string) (row string) {
	dir := t.TempDir()
	file, err := filepath.Abs(b.file)
	if err != nil {
		t.Fatal(err)
	}
	copied, overlay, tests := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "tests")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{file: copied}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(copied, []byte(mutated), 0o644), os.WriteFile(overlay, list, 0o644)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), toFind)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", tests, ".").CombinedOutput(); err != nil {
		t.Fatalf("the tests with the bug do not build: %v\n%s", err, out)
	}
	objection := regexp.MustCompile(`seed (\d+): ([^:\n]*):.*`)
	var found []string
	expected := false
	for _, check := range []struct{ test, flags string }{
		{"TestRandomDays", "-seeds=300"}, {"TestSimulation", "-simulations=200"},
	} {
		run := exec.CommandContext(ctx, tests, "-planted", "-test.run=^"+check.test+"$", check.flags)
		run.Env = append(os.Environ(), "GOMAXPROCS=1") // one day after another: the same every time
		out, err := run.CombinedOutput()
		is := objection.FindStringSubmatch(string(out))
		switch {
		case err == nil:
			is = []string{"", "", "–"}
		case is == nil:
			t.Fatalf("%s failed, but not by an objection: %v\n%.3000s", check.test, err, out)
		default:
			t.Logf("%s: %.150s", check.test, is[0])
		}
		found = append(found, is[2])
		for _, name := range strings.Fields(b.check) {
			expected = expected || strings.Contains(is[2], name)
		}
	}
	if !expected {
		t.Errorf("it was to be found by %s, and was by %s", b.check, found)
	}
	return b.row(found)
}
