//go:build acceptance

package acceptance

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A newcomer's run: a softphone that is not ours registers as an operator, sipp calls 919 and
// presses a key; both hear each other's tone, and the recording shows it to sox and ffmpeg.
func TestANewcomersCall(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	for i, c := range []struct {
		name    string
		presses []press
		said    string   // language of the call
		notices []string // languages of the notice; nil: the one of the call
	}{
		{"key 1", []press{{7 * time.Second, '1'}}, "az", nil},
		{"key 2", []press{{7 * time.Second, '2'}}, "en", nil},
		{"key 3, during the greeting", []press{{2 * time.Second, '3'}}, "ru", nil},
		{"a wrong key, then 2", []press{{3 * time.Second, '9'}, {9 * time.Second, '2'}}, "en", nil},
		{"three wrong keys", []press{{2 * time.Second, '9'}, {4 * time.Second, '8'}, {6 * time.Second, '0'}}, "az", []string{"az", "en", "ru"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			phone := newBaresip(t, "aysel", s.secrets["aysel"], "127.0.0.1:5070", 10000+200*i)
			talk := 21 * time.Second
			if c.notices != nil {
				talk = 33 * time.Second
			}
			citizen := sipp(t, sippOptions{
				scenario: "citizen", port: 6000 + 10*i, bound: talk + 20*time.Second, args: []string{"-d", fmt.Sprint(talk.Milliseconds())},
				pcap: func(path string) { writePcap(t, path, 440, talk-time.Second, c.presses...) },
			})
			citizen.good(t)
			r := s.lastRecord()
			notices := c.notices
			if notices == nil {
				notices = []string{c.said}
			}
			if str(r.Outcome) != "completed" || str(r.Language) != c.said || str(r.Operator) != "aysel" || str(r.EndedBy) != "caller" {
				t.Fatalf("record: %s", r)
			}
			if r.Notice == nil || r.Notice.Language != c.said || !slices.Equal(r.Notice.Languages, notices) {
				t.Fatalf("notice: %+v", r.Notice)
			}
			s.recordingShows(t, r)
			if h := sox(t, phone.heard(t), 1, 3*time.Second, 2*time.Second); !h.has(440) {
				t.Errorf("the operator's softphone heard %+v, want 440 Hz", h)
			}
		})
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}

// recordingShows judges a recording of a citizen at 440 Hz and an operator at 1000 Hz: the left
// channel is silent until the operator is joined, which is after the notice.
func (s *server) recordingShows(t *testing.T, r record) {
	t.Helper()
	m, file := s.manifest(r), s.sound(r)
	if m.State != "sealed" || m.Call != r.ID || m.Rate != 8000 {
		t.Errorf("manifest: %+v", m)
	}
	if d := length(t, file); d < m.Ended.Sub(m.Opened)-100*time.Millisecond || d > m.Ended.Sub(m.Opened)+100*time.Millisecond {
		t.Errorf("ffmpeg finds %s of sound, the call had %s", d, m.Ended.Sub(m.Opened))
	}
	notice := m.Notice.To.Sub(m.Opened)
	if h := sox(t, file, 1, 0, notice); !h.silent() {
		t.Errorf("left of the notice's end sox hears %+v in the citizen's channel", h)
	}
	if h := sox(t, file, 2, m.Notice.From.Sub(m.Opened), 2*time.Second); h.silent() {
		t.Error("the notice is not on the right channel")
	}
	left, right := channels(t, file)
	joined := first(left, 440)
	if joined < notice {
		t.Errorf("the citizen is heard from %s on, the notice ended at %s", joined, notice)
	}
	if at := first(right, 1000); at < notice {
		t.Errorf("the operator is heard from %s on, the notice ended at %s", at, notice)
	}
	if h := sox(t, file, 1, joined+time.Second, 2*time.Second); !h.has(440) {
		t.Errorf("on the left, after joining, sox hears %+v, want 440 Hz", h)
	}
	if h := sox(t, file, 2, joined+time.Second, 2*time.Second); !h.has(1000) {
		t.Errorf("on the right, after joining, sox hears %+v, want 1000 Hz", h)
	}
}
