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
	verifyUnits(t, "hotline.service")
}

// verifyUnits has systemd read units of ours; it must find nothing to complain about. The program is not installed
// where this runs: anything that can be started stands for it.
func verifyUnits(t *testing.T, names ...string) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"verify"}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(read(t, name), "/usr/local/bin/hotline", "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify (apt-get install systemd): %v\n%s", err, out)
	}
}

// By systemd's own measure, which goes to 10.0, the service exposes 1.1. What is left is the network,
// which we are there for, and no root image of its own.
func TestUnitExposesLittle(t *testing.T) {
	exposes(t, "hotline.service", "11")
}

// exposes demands that a service is, by systemd's measure, no more exposed than a threshold, in tenths.
func exposes(t *testing.T, name, most string) {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+most, name).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
