package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/app"
)

func TestSimulateADay(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	calls := write("day.csv", "from,calls,az,ru\n09:00,40,3,1\n09:30,40,3,1\n10:00,5,3,1\n")
	staff := write("staff.csv", "name,from,to,languages\naysel,09:00,11:00,az\nleyla,09:00,11:00,az ru\nrena,09:30,11:00,az ru\n")
	picture := filepath.Join(dir, "day.svg")
	day := func(args ...string) (told app.DayStory) {
		t.Helper()
		code, out, errs := hotline("", append([]string{"simulate", "--day", calls, "-o", "json"}, args...)...)
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		if err := json.Unmarshal([]byte(out), &told); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return told
	}
	three := day("--shifts", staff, "--svg", picture)
	if len(three.Work) != 3 || three.Total.Offered < 60 || three.Total.Answered+three.Total.Abandoned+three.Unserved != three.Total.Offered || len(three.Halves) < 3 {
		t.Errorf("with three operators: %+v", three)
	}
	if three.Halves[0].ErlangC != nil || three.Halves[0].ErlangA == nil {
		t.Errorf("40 calls of four minutes are too many for two in model C alone: %+v", three.Halves[0])
	}
	if svg, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(svg), "<svg") || !strings.Contains(string(svg), "<title") {
		t.Errorf("the picture: %v", err)
	}
	enough := day("--staff", "90/20", "--hours", "08:00-12:00")
	if enough.Operators == nil || enough.Total.ServiceLevel < 0.9 || len(enough.Work) != *enough.Operators {
		t.Errorf("the fewest: %+v", enough)
	}
	if code, out, _ := hotline("", "simulate", "--day", calls, "--operators", "7"); code != 0 || !strings.Contains(out, "09:30") || !strings.Contains(out, "LEVEL: answered within 20s") {
		t.Errorf("exit %d: %s", code, out)
	}
	for args, want := range map[string]string{
		"--day " + calls + " --at 2026-12-01T10:00": "either --at",
		"--day " + filepath.Join(dir, "none.csv"):   "none.csv",
		"--day " + staff:                        "staff.csv:1: the columns are",
		"--day " + calls + " --staff 95":        "80/20",
		"--day " + calls + " --hours 18-9":      "09:00-18:00",
		"--day " + calls + " --shifts " + calls: "day.csv:2: name",
		"--day " + calls + " --no-answer 1":     "0 to below 1",
		"--day " + calls + " --queue nowhere":   "nowhere",
	} {
		if code, _, errs := hotline("", append([]string{"simulate"}, strings.Fields(args)...)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("simulate %s: exit %d: %s", args, code, errs)
		}
	}
}
