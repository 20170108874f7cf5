//go:build acceptance

package acceptance

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A line that is closed today, with words of its own, says them and the number for emergencies, and
// lets go; `simulate` says so before. After a reload the next caller finds it open.
func TestClosedToday(t *testing.T) {
	baku := time.FixedZone("Baku", 4*3600)
	today := time.Now().In(baku)
	days := make([]string, 2) // the test may see a midnight
	for i := range days {
		days[i] = fmt.Sprintf("%s: {hours: closed, clip: own.flood}", today.AddDate(0, 0, i).Format(time.DateOnly))
	}
	week := `calendars: {round: {week: {mon-sun: "00:00-24:00"}, dates: {`
	s := newServer(t, "languages: [en]", week+strings.Join(days, ", ")+"}}}")
	s.write("hotline.yaml", strings.Replace(s.read("hotline.yaml"), `start: main}]`, `start: main, hours: round}]`, 1))
	dir := filepath.Join(s.data(), "prompts", "en")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for clip, hz := range map[string]string{"own.flood": "700", "closed.emergency": "900", "open.greeting": "500"} {
		run(t, "sox", "-n", "-r", "8000", "-c", "1", "-b", "16", filepath.Join(dir, clip+".wav"), "synth", "1", "sine", hz, "vol", "0.3")
	}
	if out, code := s.command("", "check"); code != 0 {
		t.Errorf("check: exit %d: %s", code, out)
	}
	story := s.jsonOf("simulate", "--at", time.Now().Format(time.RFC3339), "--from", "+000123456789")
	if story["open"] != false || story["ends"] != "closed" || !strings.Contains(fmt.Sprint(story["steps"]), "own.flood") {
		t.Errorf("simulate tells %v", story)
	}
	s.start()
	c := s.dial(s.citizen())
	s.hears(c, 700)
	s.hears(c, 900)
	if err := c.WaitDone(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	if r := s.lastRecord(); str(r.Outcome) != "closed" || str(r.EndedBy) != "us" {
		t.Errorf("the record says %s by %s", str(r.Outcome), str(r.EndedBy))
	}
	s.write("hotline.yaml", strings.Replace(s.read("hotline.yaml"), strings.Join(days, ", "), "", 1))
	if out, code := s.command("", "reload"); code != 0 {
		t.Fatalf("reload: exit %d: %s", code, out)
	}
	c = s.dial(s.citizen())
	s.hears(c, 500)
	s.becomes(`hotline_queue_waiting{queue="general"}`, 1)
	s.hangUp(c)
}

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
