//go:build acceptance

package acceptance

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// The program knows Baku's clock where the system has no zones at all: alone in a root of its own.
func TestSimulateWithNoZonesOnTheSystem(t *testing.T) {
	root := t.TempDir()
	from, err := os.Open(program(t))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(root, "hotline"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	config := `data: /data
lines: [{number: "919", hours: office, start: main}]
menus: {main: {queue: general}}
queues: [{name: general}]
calendars: {office: {week: {mon-fri: "09:00-18:00"}, holidays: az}}
`
	if err := os.WriteFile(filepath.Join(root, "hotline.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	for at, open := range map[string]bool{
		"2015-07-15T03:59:59Z": false, "2015-07-15T04:00:00Z": true, // in summer, until 2015, five hours east
		"2026-07-15T04:59:59Z": false, "2026-07-15T05:00:00Z": true,
	} {
		run := exec.Command("/hotline", "simulate", "--config", "/hotline.yaml", "--at", at, "--from", "+994125550100", "-o", "json")
		run.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		run.Dir, run.Env = "/", []string{"ZONEINFO=/none"}
		out, err := run.CombinedOutput()
		var story struct {
			Open bool   `json:"open"`
			Ends string `json:"ends"`
		}
		if err != nil || json.Unmarshal(out, &story) != nil {
			t.Fatalf("%s: %v\n%s", at, err, out)
		}
		if story.Open != open || story.Ends != map[bool]string{true: "queue:general", false: "closed"}[open] {
			t.Errorf("%s: %+v", at, story)
		}
	}
}
