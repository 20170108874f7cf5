//go:build acceptance

package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"hotline/acceptance/ear"
)

// What one command puts before all callers, or keeps one out with, and what is announced for a while: sipp
// calls, and what it was sent is told from its sound.
func TestSippMeetsTheGate(t *testing.T) {
	s := journeyServer(t, `announcements: [{name: rules, clip: docs.website, from: 2026-01-01, to: 2099-12-31, where: [queue, closed]}]`)
	s.start()
	e := originals(t)
	command := func(args ...string) {
		t.Helper()
		run(t, program(t), append(args, "--config", s.dir+"/hotline.yaml")...)
	}
	calls := 0
	hears := func(w walk, not ...string) {
		t.Helper()
		port := 30000 + 4*calls
		tap := newWiretap(t, fmt.Sprintf("udp and dst port %d", port))
		sipp := newSippWalk(t, w, "en", "info")
		sipp.run(6000+calls, port)
		calls++
		path := tap.stop()
		if w.ends == "refused" {
			if sipp.failed == "" {
				t.Errorf("%s: the call was taken", w.name)
			}
			sipp.failed = ""
		}
		if wrong := walked(e, path, port, sipp, w, "en"); wrong != "" {
			t.Errorf("%s: %s", w.name, wrong)
		}
		pcm, err := ear.FromPCAP(path, port)
		if err != nil {
			t.Fatal(err)
		}
		for _, clip := range not {
			if follows(e.Hear(pcm), "en", clip) == "" {
				t.Errorf("%s: %s was heard", w.name, clip)
			}
		}
	}

	hears(walk{name: "an announcement in the queue", line: "919", does: "1..............", hears: "queue.enter *docs.website"})
	hears(walk{name: "an announcement by night", line: "9190", does: ".....", hears: "closed.intro *docs.website"})
	s.becomes(`hotline_line_announcements_total{announcement="rules"}`, 2)

	command("incident", "on", "--clip", "docs.work", "--by", "chief")
	hears(walk{name: "an incident before the menus", line: "919", does: "......1....", hears: "incident.intro docs.work menu.main.intro queue.enter"})
	command("incident", "on", "--clip", "docs.work", "--instead", "--by", "chief")
	hears(walk{name: "an incident instead of the menus", line: "919", does: "_", hears: "incident.intro docs.work *bye"}, "menu.main.intro")
	command("incident", "off")
	s.becomes("hotline_line_incident_heard_total", 2)

	command("challenge", "on")
	// One who presses a key may press the right one by chance.
	hears(walk{name: "who does not meet the challenge", line: "919", does: "-_", hears: "challenge.item"}, "menu.main.intro")
	command("challenge", "off")
	s.becomes(`hotline_line_barred_total{why="challenge"}`, 1)

	command("block", "add", "+000123456789", "--reason", "threats", "--by", "chief")
	hears(walk{name: "a number that is kept out", line: "919", does: "_", hears: "fault.blocked", ends: "refused"}, "menu.main.intro")
	if list := run(t, program(t), "block", "list", "--config", s.dir+"/hotline.yaml"); !strings.Contains(list, "threats") || strings.Contains(list, "123456789") {
		t.Errorf("the list of blocks is\n%s", list)
	}
	command("block", "remove", "+000123456789")
	hears(walk{name: "a number that is let in again", line: "919", does: "1....", hears: "menu.main.intro"}, "fault.blocked")
	s.becomes(`hotline_line_barred_total{why="blocked"}`, 1)
}
