package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotline/app"
	"hotline/configs"
)

func TestMenusAreDrawnAndListed(t *testing.T) {
	dir := t.TempDir()
	conf, picture := filepath.Join(dir, "hotline.yaml"), filepath.Join(dir, "menu.svg")
	text := "data: " + dir + "/data\n" + configs.Journey() + `
lines: [{number: "919", hours: office, start: main, closed: night}]
queues: [{name: general}]
calendars: {office: {week: {mon-fri: "09:00-18:00"}}}
`
	bare := filepath.Join(dir, "bare.yaml")
	for path, body := range map[string]string{conf: text, bare: "data: " + dir + "/data\n"} {
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	try := func(want int, args ...string) (out, errs string) {
		t.Helper()
		var o, e bytes.Buffer
		if code := run(args, nil, &o, &e); code != want {
			t.Errorf("%v: exit %d, want %d: %s", args, code, want, e.String())
		}
		return o.String(), e.String()
	}
	if out, _ := try(0, "menu", "draw", "-c", conf, "--line", "919", "--languages", "az,en"); !strings.HasPrefix(out, "<svg") || strings.Contains(out, "ru: ") || !strings.Contains(out, "en: ") {
		t.Errorf("drawn: %.200s", out)
	}
	if out, _ := try(0, "menu", "draw", "-c", conf, "--to", picture); out != "" {
		t.Errorf("said %q", out)
	}
	if body, err := os.ReadFile(picture); err != nil || !bytes.HasPrefix(body, []byte("<svg")) {
		t.Errorf("the file: %v", err)
	}
	if _, errs := try(exitUsage, "menu", "draw", "-c", conf, "--line", "920"); !strings.Contains(errs, "no such line") {
		t.Error(errs)
	}
	if _, errs := try(exitUsage, "menu", "draw", "-c", conf, "--languages", "fr"); !strings.Contains(errs, "write az, en or ru") {
		t.Error(errs)
	}
	if _, errs := try(exitUsage, "menu", "draw", "-c", bare); !strings.Contains(errs, "no menu") {
		t.Error(errs)
	}
	if out, _ := try(0, "menu", "list", "-c", conf); !strings.Contains(out, "leave-confidential") || !strings.Contains(out, "1 operator, 2 status") {
		t.Error(out)
	}
	out, _ := try(0, "menu", "list", "-c", conf, "-o", "json")
	var list struct{ Menus []app.MenuRow }
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Menus) < 20 || list.Menus[0].Name != "main" || list.Menus[0].Ways[0] != (configs.Exit{Key: "1", To: "operator"}) {
		t.Errorf("%v: %s", err, out)
	}
}
