package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// withHours is a configuration whose line has office hours.
func withHours(t *testing.T) string {
	t.Helper()
	path := configFile(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), `number: "919",`, `number: "919", also: ["012919"], hours: office,`, 1) +
		"languages: [az, en]\ncalendars: {office: {week: {mon-fri: \"09:00-18:00\"}, holidays: az}}\n"
	if err := os.WriteFile(path, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The JSON is what programs read: these fields and no others.
func TestSimulateForPrograms(t *testing.T) {
	file := withHours(t)
	play := func(clip, lang string) map[string]any {
		return map[string]any{"do": "play", "clip": clip, "language": lang}
	}
	does := func(what string) map[string]any { return map[string]any{"do": what, "clip": "", "language": ""} }
	open := []any{does("answer"), play("open.greeting", "az"), play("open.lang.1", "az"), play("open.lang.2", "en")}
	for name, c := range map[string]struct {
		args string
		want map[string]any
	}{
		"open": {"--at 2026-11-25T17:59:59.9 --keys 2 --line 012919", map[string]any{
			"at": "2026-11-25T17:59:59.9+04:00", "line": "919", "open": true, "ends": "queue:general",
			"steps": append(open[:4:4], does("press 2"), play("notice.recording", "en")),
		}},
		"a wrong key, then the right one": {"--at 2026-11-25T05:00:00Z --keys 71", map[string]any{
			"at": "2026-11-25T09:00:00+04:00", "line": "919", "open": true, "ends": "queue:general",
			"steps": append(open[:4:4], does("press 7"), play("menu.invalid", "az"), play("open.lang.1", "az"), play("open.lang.2", "en"),
				does("press 1"), play("notice.recording", "az")),
		}},
		"closed": {"--at 2027-01-20T12:00 --keys 2", map[string]any{
			"at": "2027-01-20T12:00:00+04:00", "line": "919", "open": false, "ends": "closed",
			"steps": []any{
				does("answer"),
				play("closed.nonworking", "az"), play("closed.next", "az"), play("weekday.4", "az"), play("day.21", "az"), play("month.1", "az"), play("closed.emergency", "az"),
				play("closed.nonworking", "en"), play("closed.next", "en"), play("weekday.4", "en"), play("day.21", "en"), play("month.1", "en"), play("closed.emergency", "en"),
				does("hangup"),
			},
		}},
	} {
		code, out, errs := hotline("", append([]string{"simulate", "--config", file, "--from", "+994125550100", "-o", "json"}, strings.Fields(c.args)...)...)
		var got map[string]any
		if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
			t.Fatalf("%s: exit %d, %v: %s%s", name, code, err, out, errs)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got\n%v\nwant\n%v", name, got, c.want)
		}
	}
	if _, err := os.Stat(strings.TrimSuffix(file, "hotline.yaml") + "data"); err == nil {
		t.Error("a simulated call has left something behind")
	}
}

// A person reads when, what is said, and where it ends.
func TestSimulateForPeople(t *testing.T) {
	file := withHours(t)
	code, out, errs := hotline("", "simulate", "--config", file, "--at", "2026-11-25 18:00", "--from", "anonymous")
	for _, want := range []string{
		"Wednesday 25 November 2026, 18:00:00 +04:00, line 919: closed at this hour\n", "closed.hours", "from nine a.m. to six p.m.", "\nends: closed\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is not in\n%s%s", code, want, out, errs)
		}
	}
	// An own recording says what nobody here knows: its words are not told.
	dir := strings.TrimSuffix(file, "hotline.yaml") + "data/prompts/en"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wav := "RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x08\x00\x00\x00\x01\x00\x02\x00\x03\x00\x04\x00"
	if err := os.WriteFile(dir+"/closed.hours.wav", []byte(wav), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, _ = hotline("", "simulate", "--config", file, "--at", "2026-11-25 18:00", "--from", "anonymous")
	if strings.Contains(out, "from nine a.m.") || !strings.Contains(out, "Qaynar xətt bazar ertəsindən") {
		t.Errorf("the words of another recording are told:\n%s", out)
	}
}

// check warns of holidays that nobody has written, and holds the file to be good.
func TestCheckWarnsOfMissingHolidays(t *testing.T) {
	code, out, errs := hotline("", "check", "--config", withHours(t))
	want := fmt.Sprintf("calendars.office.movable: has no novruz, no ramazan, no qurban of %d", time.Now().In(time.FixedZone("", 4*3600)).AddDate(0, 0, 12).Year())
	if code != 0 || !strings.HasSuffix(out, ": good\n") || !strings.Contains(errs, want) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
