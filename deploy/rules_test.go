package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// ruleFiles are what Prometheus is given.
var ruleFiles = []string{"prometheus/service-level.yml", "prometheus/alerts.yml"}

// A rule is one entry of a rule file: an alert, or a series that is recorded.
type rule struct {
	Alert       string            `yaml:"alert"`
	Record      string            `yaml:"record"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// rules reads all rule files.
func rules(t *testing.T) (all []rule) {
	t.Helper()
	for _, path := range ruleFiles {
		var file struct {
			Groups []struct {
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		readYAML(t, path, &file)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	if len(all) == 0 {
		t.Fatal("no rules were read")
	}
	return all
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRulesLoad(t *testing.T) {
	out, err := exec.Command("promtool", append([]string{"check", "rules"}, ruleFiles...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool (apt-get install prometheus): %v\n%s", err, out)
	}
	if out, err := exec.Command("promtool", "check", "config", "prometheus/prometheus.yml").CombinedOutput(); err != nil {
		t.Errorf("prometheus.yml: %v\n%s", err, out)
	}
}

// Prometheus itself says what each rule makes of series that are made up.
func TestRulesSayWhatTheyShould(t *testing.T) {
	for _, path := range ruleFiles {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command("promtool", "test", "rules", strings.TrimSuffix(path, ".yml")+"_test.yml").CombinedOutput()
			if err != nil {
				t.Errorf("promtool: %v\n%s", err, out)
			}
		})
	}
}

// A case is one question of a promtool test.
type ruleCase struct {
	Expr    string `yaml:"expr"`
	Samples []struct {
		Labels string `yaml:"labels"`
	} `yaml:"exp_samples"`
}

// cases reads what promtool asks in the test of the alerts.
func cases(t *testing.T) (all []ruleCase) {
	t.Helper()
	var file struct {
		Tests []struct {
			Cases []ruleCase `yaml:"promql_expr_test"`
		} `yaml:"tests"`
	}
	readYAML(t, "prometheus/alerts_test.yml", &file)
	for _, test := range file.Tests {
		all = append(all, test.Cases...)
	}
	return all
}

// Each alert is shown to ring and shown to rest, and the words of its pager's line are labels that
// it has.
func TestEachAlertIsSeenRingingAndResting(t *testing.T) {
	asked := cases(t)
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		rings, rests := "", false
		for _, c := range asked {
			if !strings.Contains(c.Expr, `alertname="`+r.Alert+`"`) {
				continue
			}
			if len(c.Samples) == 0 {
				rests = true
			} else {
				rings = c.Samples[0].Labels
			}
		}
		if rings == "" || !rests {
			t.Errorf("%s: is seen ringing: %v, resting: %v; both must be in alerts_test.yml", r.Alert, rings != "", rests)
		}
		for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(r.Annotations["summary"], -1) {
			if !strings.Contains(rings, label[1]+`="`) {
				t.Errorf("%s: its summary speaks of %s, which it does not have", r.Alert, label[1])
			}
		}
	}
}

// Who is woken finds out what it means and what to do.
func TestEachAlertHasItsRunbook(t *testing.T) {
	page := read(t, "../docs/operating.md")
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#{2,5} (Hotline\w+)$`).FindAllStringSubmatch(page, -1) {
		anchors[heading[1]] = true
	}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q is neither page nor ticket", r.Alert, s)
		}
		for _, key := range []string{"summary", "first"} {
			if r.Annotations[key] == "" {
				t.Errorf("%s has no %s", r.Alert, key)
			}
		}
		if want := "docs/operating.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want {
			t.Errorf("%s: runbook %q, want %q", r.Alert, r.Annotations["runbook"], want)
		}
		if !anchors[r.Alert] {
			t.Errorf("%s: docs/operating.md has no heading of that name", r.Alert)
		}
		delete(anchors, r.Alert)
	}
	for name := range anchors {
		t.Errorf("docs/operating.md tells what to do at %s, which never rings", name)
	}
}

// A series is a row of docs/metrics.md.
type series struct{ labels []string }

// known reads docs/metrics.md, which is generated from the server's own registry.
func known(t *testing.T) map[string]series {
	t.Helper()
	all := map[string]series{}
	row := regexp.MustCompile("(?m)^\\| `(hotline_\\w+)` \\| (\\w+) \\| ([^|]*) \\|")
	for _, m := range row.FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		s := series{labels: strings.Split(strings.TrimSpace(m[3]), ", ")}
		all[m[1]] = s
		if m[2] == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				all[m[1]+part] = series{labels: append(slices.Clone(s.labels), "le")}
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("docs/metrics.md names no series")
	}
	return all
}

// ofLibraries are series that the program has from its libraries, and Prometheus' own.
var ofLibraries = []string{"up", "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes", "go_goroutines"}

var (
	recordedName = regexp.MustCompile(`\w+:hotline_\w+:\w+`)
	seriesName   = regexp.MustCompile(`\b(hotline|process|go)_\w+(\{[^}]*\})?`)
	matcher      = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"`)
)

// unknown says what is wrong with the series that a query names.
func unknown(query string, series map[string]series, recorded map[string]bool) (faults []string) {
	for _, name := range recordedName.FindAllString(query, -1) {
		if !recorded[name] {
			faults = append(faults, "nobody records "+name)
		}
	}
	for _, selector := range seriesName.FindAllString(recordedName.ReplaceAllString(query, ""), -1) {
		name, braces, _ := strings.Cut(selector, "{")
		s, ok := series[name]
		switch {
		case slices.Contains(ofLibraries, name):
			continue
		case !ok:
			faults = append(faults, "docs/metrics.md does not list "+name)
			continue
		}
		for _, m := range matcher.FindAllStringSubmatch(braces, -1) {
			if !slices.Contains(s.labels, m[1]) && m[1] != "job" && m[1] != "instance" {
				faults = append(faults, name+" has no label "+m[1])
			}
		}
	}
	return faults
}

// recorded are the names of the recording rules.
func recorded(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for _, r := range rules(t) {
		if r.Record != "" {
			names[r.Record] = true
		}
	}
	return names
}

// An alert on a series that does not exist never rings.
func TestRulesNameSeriesThatExist(t *testing.T) {
	series, recorded := known(t), recorded(t)
	for _, r := range rules(t) {
		for _, fault := range unknown(r.Expr, series, recorded) {
			t.Errorf("%s%s: %s", r.Alert, r.Record, fault)
		}
	}
	for query, want := range map[string]int{
		`hotline_no_such_thing > 0`: 1, `queue:hotline_nothing:ratio30m`: 1, `hotline_queue_waiting{language="az"}`: 1,
		`sum by (queue) (hotline_queue_waiting{queue="general"})`: 0, `rate(hotline_queue_wait_seconds_bucket{outcome="answered",le="20"}[5m])`: 0,
	} {
		if got := unknown(query, series, recorded); len(got) != want {
			t.Errorf("%s: found %q, want %d faults", query, got, want)
		}
	}
}
