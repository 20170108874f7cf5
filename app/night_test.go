package app

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/configs"
	"hotline/phone"
	"hotline/prompts"
)

// nightFile is a line with a menu by day and one by night.
const nightFile = `
queues: [{name: general}]
menus:
  main: {say: [menu.main.intro], choose: {1: {item: menu.item.operator, to: operator}}}
  operator: {queue: general}
  night: {choose: {3: {item: menu.item.voicemail, to: note}}}
  note: {message: {kind: message, intro: vm.intro}, to: goodbye}
  goodbye: {say: [bye], end: true}
`

// Callers come at moments that matter to a line with a menu of the night. Each hears, in the language chosen,
// why nobody is there, and the menu; `simulate` says the same of each, clip by clip.
func TestTheNightByRealCallsAndBySimulate(t *testing.T) {
	cases := []struct {
		name, at string
		closed   []string // the words before the night's menu; nil: it is open
	}{
		{"a tenth of a second before the end", "2026-11-25 17:59:59.9", nil},
		{"at the end", "2026-11-25 18:00:00", []string{"closed.intro", "closed.hours"}},
		{"at night", "2026-11-26 03:00:00", []string{"closed.intro", "closed.hours"}},
		{"at the beginning", "2026-11-26 09:00:00", nil},
		{"on a holiday", "2026-12-31 12:00:00", []string{"closed.nonworking", "closed.next", "weekday.2", "day.5", "month.1"}},
		{"on the day of mourning", "2027-01-20 12:00:00", []string{"closed.nonworking", "closed.next", "weekday.4", "day.21", "month.1"}},
		{"on a day with words of its own", "2026-12-07 10:00:00", []string{"own.flood"}},
		{"on a Saturday that is worked", "2026-12-05 13:59:59", nil},
		{"on it, after its end", "2026-12-05 14:00:00", []string{"closed.intro"}},
	}
	dir := t.TempDir()
	shortClips(t, dir, "open.lang.1", "open.lang.2", "closed.intro", "closed.hours", "closed.emergency", "closed.nonworking", "closed.next",
		"weekday.2", "weekday.4", "day.5", "day.21", "month.1", "own.flood", "menu.main.intro", "menu.item.operator", "menu.item.voicemail",
		"press.1", "press.3", "vm.intro", "open.greeting", "notice.recording")
	file := config(t, dir, hoursFile)
	night, err := configs.Parse("night.yaml", []byte(nightFile))
	if err != nil {
		t.Fatal(err)
	}
	file.Menus = night.Menus
	file.Lines[0].Hours, file.Lines[0].Closed = "office", "night"
	a, w, set := startAt(t, file, cases[0].at)
	from := func(i int) string { return fmt.Sprintf("+0001234567%02d", i) }
	calls := make([]*phone.Call, len(cases))
	for i, c := range cases {
		set(c.at)
		calls[i] = dialAs(t, a, from(i))
	}
	var all sync.WaitGroup
	for i, c := range cases {
		all.Go(func() {
			heard := func(clip string) func() bool {
				return func() bool { return slices.Contains(w.heard(from(i)), clip) }
			}
			press := func(key string) {
				if err := calls[i].Media().PressKeys(timeout(t, 5*time.Second), key); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			}
			eventually(t, c.name+": asked for a language", heard("open.lang.2/en"))
			press("2")
			last, key, end := "press.1/en", "1", "queue.enter/en"
			if c.closed != nil {
				last, key, end = "press.3/en", "3", "tone.beep/"
			}
			eventually(t, c.name+": is in the menu", heard(last))
			press(key)
			eventually(t, c.name+": has come where it wanted", heard(end))
			if err := calls[i].Hangup(timeout(t, 5*time.Second)); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
	all.Wait()
	clips, err := prompts.Load(filepath.Join(dir, "prompts"), file.Languages, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		got, end, keys := w.heard(from(i)), "queue.enter/en", "21"
		want := []string{"open.greeting/az", "open.lang.1/az", "open.lang.2/en", "notice.recording/en"}
		if c.closed != nil {
			for _, k := range c.closed {
				want = append(want, k+"/en")
			}
			want, end, keys = append(want, "closed.emergency/en", "menu.item.voicemail/en", "press.3/en", "vm.intro/en"), "tone.beep/", "23"
		} else {
			want = append(want, "menu.main.intro/en", "menu.item.operator/en", "press.1/en")
		}
		got = got[:slices.Index(got, end)]
		if !slices.Equal(got, want) {
			t.Errorf("%s: heard %v\nwant  %v", c.name, got, want)
		}
		story, err := rehearse(file, Caller{At: set(c.at), From: from(i), Keys: keys}, clips)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, s := range story.Steps {
			if name := s.Clip + "/" + string(s.Language); s.Do == doPlay && name != end {
				told = append(told, name)
			}
		}
		ends := map[bool]string{true: "queue:general", false: "message"}[c.closed == nil]
		if strings.Join(told, " ") != strings.Join(got, " ") || story.Ends != ends || story.Open != (c.closed == nil) {
			t.Errorf("%s: simulate tells %v, open %v, ends %s; the caller heard %v", c.name, told, story.Open, story.Ends, got)
		}
	}
}
