package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"hotline/app"
	"hotline/configs"
	"hotline/control"
)

// hotline runs a command as main does.
func hotline(stdin string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(stdin), &o, &e)
	return code, o.String(), e.String()
}

// configFile is a configuration that can be served, on free ports of loopback.
func configFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	first := 28000 + 2*int(time.Now().UnixNano()/1000%800)
	path := filepath.Join(dir, "hotline.yaml")
	text := fmt.Sprintf(`data: data
sip:
  trunks: {listen: [udp://127.0.0.1:0], carriers: [{name: carrier, from: [127.0.0.0/8]}]}
  phones: {listen: [udp://127.0.0.1:0]}
media: {listen: 127.0.0.1, ports: %d-%d}
http: {listen: 127.0.0.1:0}
metrics: {listen: 127.0.0.1:0}
lines: [{number: "919", start: main}]
menus: {main: {queue: general}}
queues: [{name: general}]
`, first, first+99)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withDirectory is the same file with somebody to put calls through to.
func withDirectory(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "hotline.yaml")
	text = append(text, `directory: [{name: migration, number: "+000125550100"}]`...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// badFile is a configuration whose fifth line has a key that does not exist.
func badFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(path, []byte("data: x\n\n# a word\n\ncolour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	t.Setenv("HOTLINE_CONFIG", "")
	good, bad := configFile(t), badFile(t)
	empty := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(t.TempDir(), "gone.yaml")
	entries := withDirectory(t, good)
	for _, c := range []struct {
		args string
		code int
		out  string // in standard output
		errs string // in standard error
	}{
		{"", 0, "Start with: hotline try", ""},
		{"--help", 0, "recording", ""},
		{"version", 0, "hotline " + version, ""},
		{"version -o json", 0, `"version": "` + version + `"`, ""},
		{"config default", 0, string(configs.Sample()), ""},

		{"sing", exitUsage, "", "sing"},
		{"version --loudly", exitUsage, "", "loudly"},
		{"version -o xml", exitUsage, "", "xml"},
		{"user add", exitUsage, "", "name"},
		{"user add eve --role queen --config " + good, exitUsage, "", "queen"},
		{"user import " + gone + " --config " + good, exitUsage, "", "gone.yaml"},
		{"try --fault busy-operator", exitUsage, "", "--call"},
		{"call list --since yesterday --config " + good, exitUsage, "", "yesterday"},
		{"call list --limit 0 --config " + good, exitUsage, "", "--limit"},
		{"simulate --from 1 --config " + good, exitUsage, "", "--at"},
		{"simulate --at noon --from 1 --config " + good, exitUsage, "", "noon"},
		{"simulate --at 2026-11-25T18:00 --from 1 --keys 2x --config " + good, exitUsage, "", "--keys"},
		{"simulate --at 2026-11-25T18:00 --from 1 --line 920 --config " + good, exitUsage, "", "920"},
		{"simulate --at 2026-11-25T18:00 --from 1 --config " + empty, exitUsage, "", "lines"},
		{"simulate --at 2026-11-25T18:00 --from 1 --config " + bad, exitUsage, "", "colour"},
		{"drain --until noon --config " + good, exitUsage, "", "noon"},

		{"check", exitUsage, "", "HOTLINE_CONFIG"},
		{"check --config " + good, 0, "good", ""},
		{"check --config " + bad, exitNotSo, bad + ":5: colour: ", "colour: red"},
		{"check --config " + empty, exitNotSo, empty + ":", ""},
		{"check --config " + gone, exitNotSo, gone, ""},

		{"serve", exitUsage, "", "HOTLINE_CONFIG"},
		{"serve --config " + bad, exitUsage, "", bad + ":5: colour: "},
		{"serve --config " + empty, exitUsage, "", "carrier"},
		{"serve --config " + gone, exitUsage, "", gone},
		{"call list --config " + bad, exitUsage, "", ":5: colour: "},
		{"user list --config " + gone, exitUsage, "", gone},

		{"queue show --config " + good, exitUnreachable, "", "no server"},
		{"operator list --config " + good, exitUnreachable, "", "no server"},
		{"operator pause aysel --config " + good, exitUnreachable, "", "no server"},
		{"operator resume aysel --config " + good, exitUnreachable, "", "no server"},
		{"reload --config " + good, exitUnreachable, "", "no server"},
		{"drain --config " + good, exitUnreachable, "", "no server"},

		{"call list --config " + good, 0, "OUTCOME", ""},
		{"call list --all --config " + good, 0, "KIND", ""},
		{"directory list --config " + good, 0, "EMERGENCY", ""},
		{"directory list -o json --config " + good, 0, `"directory": []`, ""},
		{"directory list -o json --config " + entries, 0, `"number": "+000125550100"`, ""},
		{"directory list --config " + entries, 0, "az,en,ru", ""},
		{"directory list --config " + bad, exitUsage, "", ":5: colour: "},
		{"call list -o json --config " + good, 0, `"calls": []`, ""},
		{"call trace 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b --config " + good, exitNotSo, "", "not found"},
		{"recording list -o json --config " + good, 0, `"recordings": []`, ""},
		{"recording verify --config " + good, 0, "0 recordings: good", ""},
		{"recording verify --away --config " + good, 0, "0 copies: good", ""},
		{"recording show 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b --config " + good, exitNotSo, "", "not known"},
		{"copy list --config " + good, 0, "REQUEST", ""},
		{"copy list -o json --all --config " + good, 0, `"copies": []`, ""},
		{"copy find --number 0125550100 --date 2026-11-25 --config " + good, 0, "RIGHT", ""},
		{"copy find --number 0125550100 --date 25.11.2026 --config " + good, exitNotSo, "", "YYYY-MM-DD"},
		{"copy find --number 0125550100 --config " + good, exitUsage, "", "--date"},
		{"copy request 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b --identity-checked-by nigar --why asked --config " + good, exitNotSo, "", "not known"},
		{"copy request 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b --why asked --config " + good, exitUsage, "", "identity-checked-by"},
		{"copy make R-2026-000001 " + good + " --config " + good, exitUsage, "", "is there already"},
		{"copy make R-2026-000001 " + good + ".zip --config " + good, exitNotSo, "", "no request"},
		{"copy make R-2026-000001 x.zip --silence music --config " + good, exitUsage, "", "silence"},
		{"copy deliver R-2026-000001 --how so --config " + good, exitNotSo, "", "not known"},
		{"copy refuse R-2026-000001 --why so --config " + good, exitNotSo, "", "not known"},
		{"copy show R-1 --config " + good, exitNotSo, "", "R-YYYY-NNNNNN"},
		{"user disable nobody --config " + good, exitNotSo, "", "nobody"},

		{"recording hold list -o json --config " + good, 0, `"holds": []`, ""},
		{"recording hold list --config " + good, 0, "LIFTED BY", ""},
		{"recording hold 0 --config " + good, exitUsage, "", "--why"},
		{"recording hold add 0 --why three-words-here --config " + good, exitNotSo, "", "not found"},
		{"recording hold 0 --why three-words-here --until never --config " + good, exitUsage, "", "never"},
		{"recording hold lift 1 --why three-words-here --config " + good, exitUsage, "", "--with"},
		{"recording hold lift 1 --why three-words-here --with sara --config " + good, exitNotSo, "", "no hold 1"},
		{"recording purge --config " + good, exitUsage, "", "--dry-run"},
		{"recording purge 0 --dry-run --config " + good, exitUsage, "", "say one"},
		{"recording purge 0 --config " + good, exitUsage, "", "--why and --with"},
		{"recording purge --dry-run --config " + good, 0, "due: 0, held back: 0", ""},
		{"recording purge --dry-run -o json --config " + good, 0, `"stopped": null`, ""},
		{"recording purge --clock-is-right --by nobody --config " + good, exitNotSo, "", "name a user of the hotline"},
		{"recording purge 0 --why three-words-here --with sara --config " + good, exitNotSo, "", "not found"},
		{"recording play 0 --config " + good, exitUsage, "", "--why"},
		{"recording play 0 --why three-words-here --config " + good, exitNotSo, "", "not found"},
		{"recording export 0 " + filepath.Join(t.TempDir(), "x.wav") + " --why three-words-here --config " + good, exitNotSo, "", "not found"},
		{"recording export 0 " + good + " --why three-words-here --config " + good, exitUsage, "", "exists"},
		{"recording access --who rena --config " + good, 0, "REFUSED", ""},
		{"recording access list -o json --config " + good, 0, `"who": "nobody"`, ""},
		{"recording access verify --config " + good, 0, "entries: good", ""},
		{"recording access verify -o json --config " + good, 0, `"fault": null`, ""},
		{"recording disk --config " + good, 0, "not within ten years", ""},
		{"recording disk -o json --config " + good, 0, `"full_at": null`, ""},
	} {
		t.Run(strings.Join(strings.Fields(c.args)[:min(3, len(strings.Fields(c.args)))], " "), func(t *testing.T) {
			code, out, errs := hotline("", strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
				t.Errorf("hotline %s: exit %d, want %d\nout: %s\nerr: %s", c.args, code, c.code, out, errs)
			}
			if c.code != 0 && errs == "" && out == "" {
				t.Error("not a word about why")
			}
		})
	}
	// The variable stands in for the flag.
	t.Setenv("HOTLINE_CONFIG", good)
	if code, out, errs := hotline("", "check"); code != 0 {
		t.Errorf("check by HOTLINE_CONFIG: %d, %s%s", code, out, errs)
	}
}

// Every command tells how it is used, with an example that works as it stands, and every one
// that touches data or the server says where its file is.
// words are those of a command line, with what stands in double quotes as one.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}

func TestEveryCommandHelpsItself(t *testing.T) {
	t.Setenv("HOTLINE_CONFIG", "")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("operators.csv", []byte("name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&cli{}, kong.Name("hotline"))
	if err != nil {
		t.Fatal(err)
	}
	fileless := []string{"try", "version", "config default", "backup verify", "recording keygen"}
	leaves := parser.Model.Leaves(false)
	if len(leaves) < 20 {
		t.Fatalf("only %d commands", len(leaves))
	}
	for _, leaf := range leaves {
		name := leaf.Path()
		name = strings.TrimPrefix(regexp.MustCompile(` (<[^>]*>|\[[^\]]*\])`).ReplaceAllString(name, ""), "hotline ")
		t.Run(name, func(t *testing.T) {
			code, out, errs := hotline("", append(strings.Fields(name), "--help")...)
			if code != 0 || errs != "" || !strings.Contains(out, leaf.Help) {
				t.Fatalf("exit %d, %s\n%s", code, errs, out)
			}
			if takes := strings.Contains(out, "--config=FILE"); takes == slices.Contains(fileless, name) {
				t.Errorf("takes --config: %v", takes)
			}
			help, ok := leaf.Target.Addr().Interface().(kong.HelpProvider)
			if !ok {
				if name == "version" { // nothing to show that its name does not
					return
				}
				t.Fatal("no help with an example")
			}
			examples := regexp.MustCompile(`hotline (`+name+`[^\n>]*)`).FindAllStringSubmatch(help.Help(), -1)
			if len(examples) == 0 || !strings.Contains(help.Help(), "Example") {
				t.Fatalf("no example in %q", help.Help())
			}
			for _, e := range examples {
				if _, err := parser.Parse(words(e[1])); err != nil {
					t.Errorf("the example %q: %v", e[0], err)
				}
			}
		})
	}
}

// The people of a folder on which no server runs.
func TestPeople(t *testing.T) {
	t.Setenv("HOTLINE_CONFIG", configFile(t))
	must := func(stdin string, args ...string) string {
		t.Helper()
		code, out, errs := hotline(stdin, args...)
		if code != 0 {
			t.Fatalf("hotline %v: exit %d\n%s%s", args, code, out, errs)
		}
		return out
	}
	var made control.MadeUser
	out := must("a secret word\n", "user", "add", "aysel", "--languages", "az,ru", "--phone", "-o", "json")
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.SIP == nil || made.SIP.User != "aysel" || len(made.SIP.Secret) < 22 {
		t.Errorf("%s: %v", out, err)
	}
	if code, _, errs := hotline("word\n", "user", "add", "aysel", "--languages", "az"); code != exitNotSo || !strings.Contains(errs, "aysel") {
		t.Errorf("the same again: exit %d, %s", code, errs)
	}
	if code, _, errs := hotline("", "user", "add", "samir"); code != exitNotSo || !strings.Contains(errs, "password") {
		t.Errorf("no password: exit %d, %s", code, errs)
	}
	must("another word\n", "user", "passwd", "aysel")
	if out := must("", "user", "skills", "aysel", "ru:5,visa:4"); !strings.Contains(out, "ru:5,visa:4") {
		t.Error(out)
	}
	must("", "user", "skills", "aysel")
	if out := must("", "user", "list"); !regexp.MustCompile(`aysel +operator +az,ru +- `).MatchString(out) {
		t.Errorf("her skills were taken away:\n%s", out)
	}
	must("", "user", "skills", "aysel", "ru:5", "visa:4")
	must("", "user", "queues", "aysel", "tax", "general")
	for arg, why := range map[string]string{"visa": "write a name, a colon and a level", "visa:high": "write a name", "visa:4,visa:5": "stands twice",
		"visa:6": "6 is no level, want 1 to 5", "en:5": "not among those spoken"} {
		if code, _, errs := hotline("", "user", "skills", "aysel", arg); code == 0 || !strings.Contains(errs, why) {
			t.Errorf("skills %s: exit %d, %s; want %q", arg, code, errs, why)
		}
	}

	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte("name,role,languages,password,sip_secret,skills\nleyla,operator,az;en,,,en:2\nAn Ill Name,operator,az,,,\nmurad,chief,,known,,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := hotline("", "user", "import", file)
	if code != exitNotSo || !strings.Contains(errs, "row 3 (An Ill Name)") {
		t.Errorf("an import with one bad row: exit %d, %s", code, errs)
	}
	if !regexp.MustCompile(`(?m)^leyla +\S{20} +\S{22,}$`).MatchString(out) || strings.Contains(out, "known") {
		t.Errorf("the import printed\n%s", out)
	}
	must("", "user", "disable", "murad")
	out = must("", "user", "list")
	for _, want := range []string{`aysel +operator +az,ru +ru:5,visa:4 +tax,general +yes +active`, `leyla +operator +az,en +en:2 +all +yes +active`, `murad +chief +- +all +no +disabled`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, made.SIP.Secret) {
		t.Error("the list shows a secret")
	}
}

// The commands that need a server, beside one; then it is drained, and serve ends.
func TestBesideAServer(t *testing.T) {
	file := configFile(t)
	t.Setenv("HOTLINE_CONFIG", file)
	if code, _, errs := hotline("word\n", "user", "add", "aysel", "--languages", "az"); code != 0 {
		t.Fatal(errs)
	}
	served := make(chan int, 1)
	go func() {
		code, _, errs := hotline("", "serve", "--log-level", "error")
		if code != 0 {
			t.Error(errs)
		}
		served <- code
	}()
	run := filepath.Join(filepath.Dir(file), "data", "run.json") // written when all is up
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(run); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not up after 20 s")
		}
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"queue show", 0, `general +0 +0s +0\n`},
		{"queue show", 0, `general +az( +0){7} +1\n`},
		{"queue watch --once", 0, `general +0 +- +0 +0 +0 +- +- +-\n`},
		{"queue watch --once", 0, `OPERATORS +1 offline\naysel +offline`},
		{"queue watch --once -o json", 0, `"service_level_answered": null`},
		{"queue show -o json", 0, `"queues": \[`},
		{"trunk list", 0, `HOSTS`},
		{"trunk list -o json", 0, `"registered": null`},
		{"operator list", 0, `aysel +offline`},
		{"operator list -o json", 0, `"state": "offline"`},
		{"operator pause nobody", exitNotSo, ``},
		{"operator pause aysel --reason tea", exitNotSo, ``},
		{"operator pause aysel --reason lunch --anyway", 0, `aysel paused`},
		{"operator list", 0, `aysel .* lunch`},
		{"operator resume aysel", 0, `aysel is ready`},
		{"operator wrap-up aysel", exitNotSo, ``}, // there is none
		{"call prioritise 0 --by 5m", exitNotSo, ``},
		{"case tasks", 0, `CASE .* OUTCOME`},
		{"case tasks --all -o json", 0, `"tasks": \[\]`},
		{"case call 2026-000001", exitNotSo, ``}, // there is none
		{"case tasks cancel 2026-000001", exitNotSo, ``},
		{"call list", 0, `OUTCOME`},
		{"callback list", 0, `TRIES`},
		{"callback list -o json", 0, `"callbacks": \[`},
		{"callback abandoned --since 8h", 0, `TIMES`},
		{"callback abandoned -o json --numbers", 0, `"calls": \[`},
		{"callback abandoned --since never", exitUsage, ``},
		{"callback add --from-call 0", exitNotSo, ``},
		{"callback cancel 0", exitNotSo, ``},
		{"recording verify -o json", 0, `"checked": 0`},
		{"recording purge --dry-run", 0, `due: 0, held back: 0\n`},
		{"recording hold list", 0, `LIFTED BY`},
		{"recording access verify", 0, `0 entries: good`},
		{"recording disk", 0, `full +not within ten years\n`},
		{"user list", 0, `aysel`},
		{"reload", 0, `reloaded`},
		{"serve", exitUsage, ``}, // the folder is taken
	} {
		code, out, errs := hotline("", strings.Fields(c.args)...)
		if code != c.code || !regexp.MustCompile(c.want).MatchString(out) {
			t.Errorf("hotline %s: exit %d, want %d\n%s%s", c.args, code, c.code, out, errs)
		}
		if c.args == "serve" && !strings.Contains(errs, fmt.Sprint(os.Getpid())) {
			t.Errorf("the second server does not name the first one's process: %s", errs)
		}
	}
	if code, _, errs := hotline("", "drain"); code != 0 || !strings.Contains(errs, "0 calls left") {
		t.Errorf("drain: exit %d, %s", code, errs)
	}
	select {
	case <-served:
	case <-time.After(20 * time.Second):
		t.Error("serve has not ended 20 s after the drain")
	}
	if _, err := os.Stat(run); err == nil {
		t.Error("run.json is still there")
	}
}

// A folder that a server holds but whose socket does not answer is not opened behind its back.
func TestALockedFolder(t *testing.T) {
	path := configFile(t)
	file, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	server, err := app.Start(context.Background(), app.Options{File: file, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := os.Remove(filepath.Join(file.Data, control.Socket)); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := hotline("", "user", "list", "--config", path); code != exitUsage || !strings.Contains(errs, fmt.Sprint(os.Getpid())) {
		t.Errorf("exit %d, %s; want %d and the pid", code, errs, exitUsage)
	}
}

func TestPrintTrial(t *testing.T) {
	var out bytes.Buffer
	var trial app.Trial
	if err := json.Unmarshal([]byte(`{"trunk": "127.0.0.1:5060", "phones": "127.0.0.1:5070", "operators": [
		{"name": "robot", "secret": "s1", "languages": ["az", "en"], "robot": true}, {"name": "aysel", "secret": "s2"}],
		"supervisor": "nigar", "config": "try.yaml"}`), &trial); err != nil {
		t.Fatal(err)
	}
	printTrial(&out, &trial)
	for _, want := range []string{"sip:919@127.0.0.1:5060", "robot    secret s1   speaks az, en   (a robot", "486   busy",
		"hotline recording show CALL --config try.yaml", `hotline recording play CALL --by nigar --why "I am trying it" --config try.yaml`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestClock(t *testing.T) {
	zone := time.FixedZone("", 4*3600)
	now := time.Date(2026, 12, 5, 17, 0, 0, 0, zone)
	for _, c := range []struct {
		text string
		want time.Time
		bad  bool
	}{
		{"", time.Time{}, false},
		{"18:30", time.Date(2026, 12, 5, 18, 30, 0, 0, zone), false},
		{"16:59", time.Date(2026, 12, 6, 16, 59, 0, 0, zone), false}, // passed today: tomorrow
		{"00:00", time.Date(2026, 12, 6, 0, 0, 0, 0, zone), false},
		{"2026-12-05T18:30:00+04:00", time.Date(2026, 12, 5, 18, 30, 0, 0, zone), false},
		{"2026-12-05T14:30:00Z", time.Date(2026, 12, 5, 18, 30, 0, 0, zone), false},
		{"25:00", time.Time{}, true},
		{"half past six", time.Time{}, true},
		{"18:30:15", time.Time{}, true},
	} {
		got, err := clock(c.text, now)
		if !got.Equal(c.want) || (err != nil) != c.bad {
			t.Errorf("%q: %v, %v; want %v", c.text, got, err, c.want)
		}
	}
}

func TestSinceTime(t *testing.T) {
	now := time.Date(2026, 12, 5, 17, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text string
		want time.Time
		bad  bool
	}{
		{"", time.Time{}, false},
		{"2h", now.Add(-2 * time.Hour), false},
		{"1h30m", now.Add(-90 * time.Minute), false},
		{"0s", now, false},
		{"2026-12-05T09:00:00+04:00", time.Date(2026, 12, 5, 5, 0, 0, 0, time.UTC), false},
		{"-2h", time.Time{}, true}, // in the future
		{"2 hours", time.Time{}, true},
		{"2026-12-05", time.Time{}, true},
	} {
		got, err := sinceTime(c.text, now)
		if !got.Equal(c.want) || (err != nil) != c.bad {
			t.Errorf("%q: %v, %v; want %v", c.text, got, err, c.want)
		}
	}
}

func TestReadUsers(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want []control.NewUser
		bad  string // part of the error
	}{
		{"a whole row", "name,role,languages,queues,password,sip_secret\naysel,operator,az;ru,general,word,secret\n",
			[]control.NewUser{{Name: "aysel", Role: "operator", Languages: []string{"az", "ru"}, Queues: []string{"general"}, Password: "word", SIPSecret: "secret", Phone: true}}, ""},
		{"skills", "name,skills\naysel,ru:5 visa:4\n",
			[]control.NewUser{{Name: "aysel", Role: "operator", Skills: control.Skills{"ru": 5, "visa": 4}, MakePassword: true, Phone: true}}, ""},
		{"a skill without a level", "name,skills\nleyla,\naysel,ru\n", nil, `row 3 (aysel): skills: "ru": write`},
		{"blanks are made", "name,role,password,sip_secret\nsamir,,,\n",
			[]control.NewUser{{Name: "samir", Role: "operator", MakePassword: true, Phone: true}}, ""},
		{"the name alone", "name\nleyla\n", []control.NewUser{{Name: "leyla", Role: "operator", MakePassword: true, Phone: true}}, ""},
		{"a chief has no telephone unless a secret says so", "name,role,sip_secret\nmurad,chief,\nrena,chief,secret\n",
			[]control.NewUser{{Name: "murad", Role: "chief", MakePassword: true}, {Name: "rena", Role: "chief", MakePassword: true, SIPSecret: "secret", Phone: true}}, ""},
		{"columns in another order, as a spreadsheet writes them", "\ufeffLanguages, Name\r\naz ru , aysel\r\n",
			[]control.NewUser{{Name: "aysel", Role: "operator", Languages: []string{"az", "ru"}, MakePassword: true, Phone: true}}, ""},
		{"a list in quotes", "name,languages\naysel,\"az,en\"\n",
			[]control.NewUser{{Name: "aysel", Role: "operator", Languages: []string{"az", "en"}, MakePassword: true, Phone: true}}, ""},
		{"only the heading", "name\n", []control.NewUser{}, ""},
		{"an empty file", "", nil, "is empty"},
		{"a column nobody knows", "name,colour\naysel,red\n", nil, `people.csv:1: no column is called "colour"`},
		{"no names", "role\noperator\n", nil, "no column name"},
		{"a column twice", "name,name\naysel,samir\n", nil, `column "name" stands twice`},
		{"a row too short", "name,role\naysel\n", nil, "wrong number of fields"},
		{"an open quote", "name\n\"aysel\n", nil, "people.csv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readUsers("people.csv", strings.NewReader(c.text))
			if c.bad != "" {
				if err == nil || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("error %v, want %q in it", err, c.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range got { // an empty list is no list
				if len(got[i].Languages) == 0 {
					got[i].Languages = nil
				}
				if len(got[i].Queues) == 0 {
					got[i].Queues = nil
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestReadPassword(t *testing.T) {
	for in, want := range map[string]string{"": "", "word": "word", "word\n": "word", "word\r\n": "word", " a word \nanother\n": " a word "} {
		if got, err := readPassword(strings.NewReader(in)); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}
