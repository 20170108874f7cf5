package deploy_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// systemd reads the nightly backup and finds nothing to complain about; what it runs are commands that
// there are; the service exposes little.
func TestBackupUnitIsGood(t *testing.T) {
	verifyUnits(t, "hotline-backup.service", "hotline-backup.timer")
	exposes(t, "hotline-backup.service", "25")
	when := regexp.MustCompile(`(?m)^OnCalendar=(.*)$`).FindStringSubmatch(read(t, "hotline-backup.timer"))[1]
	if out, err := exec.Command("systemd-analyze", "calendar", when).CombinedOutput(); err != nil || !strings.Contains(string(out), "02:30:00") {
		t.Errorf("systemd-analyze calendar: %v\n%s", err, out)
	}
	for _, line := range regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindAllStringSubmatch(read(t, "hotline-backup.service"), -1) {
		words := strings.Fields(line[1])
		if words[0] != "/usr/local/bin/hotline" || words[1] != "backup" {
			t.Errorf("it runs %q", line[1])
		}
	}
}
