// Package deploy_test loads what runs beside the server with the programs that will.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd reads the unit and finds nothing to complain about. That it does what it says is seen in
// the acceptance tests, where systemd runs it.
func TestUnitIsGood(t *testing.T) {
	unit := read(t, "hotline.service")
	for _, want := range []string{"ExecStart=/usr/local/bin/hotline serve --config", "ExecStartPre=/usr/local/bin/hotline check --config"} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %s", want)
		}
	}
	// The program is not installed where this runs: anything that can be started stands for it.
	path := filepath.Join(t.TempDir(), "hotline.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(unit, "/usr/local/bin/hotline", "/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify (apt-get install systemd): %v\n%s", err, out)
	}
}

// By systemd's own measure, which goes to 10.0, the service exposes 1.1. What is left is the network,
// which we are there for, and no root image of its own.
func TestUnitExposesLittle(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=11", "hotline.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
