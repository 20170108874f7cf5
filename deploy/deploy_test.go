// Package deploy_test loads what runs beside the server with the programs that will.
package deploy_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestAlertRulesLoad(t *testing.T) {
	out, err := exec.Command("promtool", "check", "rules", "alerts.yml").CombinedOutput()
	if err != nil {
		t.Fatalf("promtool (apt-get install prometheus): %v\n%s", err, out)
	}
}

// An alert on a series that does not exist never rings.
func TestAlertsNameSeriesThatExist(t *testing.T) {
	rules, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`hotline_[a-z_]+`).FindAllString(string(rules), -1) {
		if !strings.Contains(string(known), name) {
			t.Errorf("an alert asks for %s, which docs/metrics.md does not list", name)
		}
	}
}

// The unit starts the commands that exist, as the documentation says.
func TestUnitStartsTheServer(t *testing.T) {
	unit, err := os.ReadFile("hotline.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ExecStart=/usr/local/bin/hotline serve --config", "ExecStartPre=/usr/local/bin/hotline check --config",
		"Restart=always", "StateDirectory=hotline", "NoNewPrivileges=yes",
	} {
		if !strings.Contains(string(unit), want) {
			t.Errorf("the unit lacks %s", want)
		}
	}
}
