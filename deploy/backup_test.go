package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// systemd reads the nightly backup and finds nothing to complain about; what it runs are commands that
// there are; the service exposes little.
func TestBackupUnitIsGood(t *testing.T) {
	dir := t.TempDir()
	unit := read(t, "hotline-backup.service")
	for name, body := range map[string]string{
		// Neither the program nor the disk is there where this runs.
		"hotline-backup.service": strings.ReplaceAll(unit, "/usr/local/bin/hotline", "/bin/true"),
		"hotline-backup.timer":   read(t, "hotline-backup.timer"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", "verify", filepath.Join(dir, "hotline-backup.service"), filepath.Join(dir, "hotline-backup.timer")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify (apt-get install systemd): %v\n%s", err, out)
	}
	out, err = exec.Command("systemd-analyze", "calendar", regexp.MustCompile(`(?m)^OnCalendar=(.*)$`).FindStringSubmatch(read(t, "hotline-backup.timer"))[1]).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "02:30:00") {
		t.Errorf("systemd-analyze calendar: %v\n%s", err, out)
	}
	out, err = exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=25", "hotline-backup.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	for _, line := range regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindAllStringSubmatch(unit, -1) {
		words := strings.Fields(line[1])
		if words[0] != "/usr/local/bin/hotline" || words[1] != "backup" {
			t.Errorf("it runs %q", line[1])
		}
	}
}
