//go:build acceptance

package acceptance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The disk of the recordings fills up while people talk, and there is a second one: the talk goes on there without
// a hole, who calls meanwhile is served and told that the call is recorded, and with room again at home
// everything is sealed there and the second disk is empty.
func TestTheSecondDiskTakesOver(t *testing.T) {
	second := smallDisk(t)
	s := newServer(t, fmt.Sprintf("recording: {policy: refuse-without, second: %q}", second))
	s.importOperators(2)
	first := smallDisk(t)
	run(t, "mkdir", "-p", filepath.Join(s.data(), "recordings"))
	run(t, "mount", "--bind", first, filepath.Join(s.data(), "recordings"))
	t.Cleanup(func() { run(t, "umount", "-l", filepath.Join(s.data(), "recordings")) })
	s.start()
	up := s.codedCalls(s.codedOperators(2))
	talk := sayTones(up)
	late := lateness(within(t, 3*time.Minute))
	time.Sleep(2 * time.Second)
	filler := filepath.Join(first, "filler")
	if err := os.WriteFile(filler, make([]byte, 32<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	s.becomes("hotline_recording_spilled", 2)
	if sounds := soundsIn(t, second); len(sounds) != 2 {
		t.Errorf("on the second disk lie %v", sounds)
	}
	c := s.dial(s.citizen())
	if err := c.Media().WaitSound(within(t, 10*time.Second)); err != nil {
		t.Errorf("who calls meanwhile hears nothing: %v", err)
	}
	s.becomes("hotline_recording_spilled", 3)
	s.hangUp(c)
	time.Sleep(3 * time.Second)
	until := time.Now().Add(-500 * time.Millisecond)
	s.untouched(up, late())
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "all are sealed at home", func() bool {
		list := s.recordings()
		return len(list) == 3 && !slices.ContainsFunc(list, func(r recordingItem) bool { return r.State != "sealed" })
	})
	s.becomes("hotline_recording_spilled", 0)
	if left := soundsIn(t, second); len(left) > 0 {
		t.Errorf("on the second disk %v are left", left)
	}
	for _, c := range up {
		m := s.manifest(s.recordOf(c.id))
		if !slices.Contains(m.Faults, "spilled") || slices.ContainsFunc(m.Gaps, func(g gapOf) bool { return g.Reason != "before_notice" && g.Reason != "waiting" }) {
			t.Errorf("call %s: faults %v, gaps %v", c.id, m.Faults, m.Gaps)
		}
		left, right := channels(t, s.sound(s.recordOf(c.id)))
		a, b := int(talk.Sub(m.Opened).Milliseconds())*8, int(until.Sub(m.Opened).Milliseconds())*8
		for side, pcm := range map[string][]int16{"left": left, "right": right} {
			silent := slices.DeleteFunc(stillness(pcm[:b], a), func(x span) bool { return x.to-x.from <= late()+40*time.Millisecond })
			if len(silent) > 0 {
				t.Errorf("call %s: on the %s %v are silent", c.id, side, silent)
			}
		}
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}

// soundsIn are the sounds below a folder.
func soundsIn(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(p, ".wav") {
			list = append(list, filepath.Base(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
