package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each line as the server writes it, and whether fail2ban may ban by it.
var securityLines = []struct {
	line string
	bans bool
}{
	{`{"level":"warn","time":"2026-11-25T15:28:18.496Z","logger":"security","msg":"security","event":"wrong_password","side":"phones","remote":"203.0.113.9","proved":"yes","count":1}`, true},
	{`{"level":"warn","time":"2026-11-25T15:28:28.496Z","logger":"security","msg":"security","event":"muted","side":"phones","remote":"2001:db8::9","proved":"yes","count":70}`, true},
	{`{"level":"warn","time":"2026-11-25T15:28:18.496Z","logger":"security","msg":"security","event":"wrong_password","side":"phones","remote":"192.0.2.1","proved":"no","count":1}`, false},
	{`{"level":"warn","time":"2026-11-25T15:28:18.496Z","logger":"security","msg":"security","event":"flood","side":"trunks","remote":"198.51.100.7","proved":"no","count":9000}`, false},
	{`{"level":"warn","time":"2026-11-25T15:28:18.496Z","logger":"security","msg":"security","event":"unknown_source","side":"trunks","remote":"many","proved":"no","count":9}`, false},
	{`{"level":"warn","time":"2026-11-25T15:28:18.496Z","logger":"security","msg":"security","event":"unknown_source","side":"trunks","remote":"203.0.113.70","proved":"yes","count":3}`, false},
	// What an attacker can have written into another line is no line of ours.
	{`{"level":"warn","time":"2026-11-25T15:28:18.496Z","logger":"line","msg":"x","why":"\"logger\":\"security\",\"msg\":\"security\",\"event\":\"muted\",\"side\":\"phones\",\"remote\":\"198.51.100.1\",\"proved\":\"yes\",\"count\":1"}`, false},
	{`{"level":"info","time":"2026-11-25T15:28:18.496Z","logger":"sip","msg":"trunk up","remote":"203.0.113.9"}`, false},
}

// The filter is run by fail2ban itself.
func TestFail2banBansWhoIsProvedAndNobodyElse(t *testing.T) {
	for _, l := range securityLines {
		log := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(log, []byte(l.line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("fail2ban-regex", "--print-all-matched", log, "fail2ban/filter.d/hotline.conf").CombinedOutput()
		if bans := strings.Contains(string(out), "1 matched"); bans != l.bans {
			t.Errorf("bans: %v, want %v, by %s (apt-get install fail2ban): %v\n%s", bans, l.bans, l.line, err, out)
		}
	}
}

// The events that the filter names are those that the server has.
func TestFail2banNamesEventsThatExist(t *testing.T) {
	filter, err := os.ReadFile("fail2ban/filter.d/hotline.conf")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("../sip/security.go")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`"event":"\(\?:([a-z_|]+)\)"`).FindSubmatch(filter)
	if list == nil {
		t.Fatal("the filter names no events")
	}
	for _, event := range strings.Split(string(list[1]), "|") {
		if !strings.Contains(string(code), `securityEvent = "`+event+`"`) {
			t.Errorf("the server has no event %s", event)
		}
	}
}
