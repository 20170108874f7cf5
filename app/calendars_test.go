package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/configs"
)

func parsed(t *testing.T, text string) *configs.File {
	t.Helper()
	f, err := configs.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const novruz2027 = "novruz: 2027-03-20 to 2027-03-24"

// On 20 December, in Baku and not before, somebody is told that next year's days are missing: by the
// metric at once, by the log once a day, until a reload brings them.
func TestTheAlarmOfTwentiethDecember(t *testing.T) {
	withYear := func(y string) *configs.File {
		return parsed(t, "calendars:\n  office: {holidays: az, movable: {2026: {novruz: 2026-03-20 to 2026-03-24, "+
			"ramazan: 2026-03-20 to 2026-03-21, qurban: 2026-05-27 to 2026-05-28}"+y+"}}\n  shop: {holidays: none}\n")
	}
	now := time.Date(2026, 12, 19, 19, 59, 59, 0, time.UTC) // 23:59:59 in Baku
	core, seen := observer.New(zapcore.WarnLevel)
	registry := prometheus.NewRegistry()
	c := newCalendars(func() time.Time { return now }, nil, zap.New(core), registry)
	expect := func(missing float64, lines int) {
		t.Helper()
		if got := testutil.ToFloat64(c.missing.WithLabelValues("office")); got != missing {
			t.Errorf("%v: %v are missing, want %v", now, got, missing)
		}
		if got := testutil.ToFloat64(c.missing.WithLabelValues("shop")); got != 0 {
			t.Errorf("%v are missing where there are none", got)
		}
		if got := seen.Len(); got != lines {
			t.Errorf("%v: %d lines of the log, want %d", now, got, lines)
		}
	}
	c.configure(withYear(""))
	expect(0, 0)
	now = now.Add(time.Second)
	c.look()
	expect(3, 1)
	now = now.Add(23 * time.Hour)
	c.look()
	expect(3, 1)
	now = now.Add(time.Hour)
	c.look()
	expect(3, 2)
	c.configure(withYear(", 2027: {" + novruz2027 + "}"))
	expect(2, 3)
	now = now.AddDate(0, 0, 30) // the alarm does not end with the year
	c.look()
	expect(2, 4)
	c.configure(withYear(", 2027: {" + novruz2027 + ", ramazan: 2027-03-10 to 2027-03-11, qurban: 2027-05-17 to 2027-05-18}"))
	expect(0, 4)
	line := seen.All()[2].ContextMap()
	if line["calendar"] != "office" || line["year"] != int64(2027) || len(line["holidays"].([]any)) != 2 {
		t.Errorf("told %v", line)
	}
}

// The floor is told when the hours of a queue begin and end, at the very moment and once: of a line
// that leads there, or of any where none does.
func TestTheFloorIsToldWhenHoursBeginAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := parsed(t, `
timezone: UTC
lines: [{number: 919, hours: office, start: main}, {number: 920, hours: shop, start: main}, {number: 921, hours: shop, start: late}]
menus: {main: {queue: general}, late: {queue: sales}}
queues: [{name: general}, {name: sales}, {name: tax}]
calendars: {office: {week: {mon-fri: "09:00-18:00"}}, shop: {week: {mon-sun: "12:00-20:00"}}}
`[1:])
		var mu sync.Mutex
		var told []string
		c := newCalendars(time.Now, func(queue string, open bool) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(time.Now().Format("Mon 15:04:05.000 "), queue, " ", open))
		}, zap.NewNop(), prometheus.NewRegistry())
		expect := func(want ...string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			slices.Sort(told)
			slices.Sort(want)
			if !slices.Equal(told, want) {
				t.Errorf("told %q\nwant %q", told, want)
			}
			told = nil
		}
		c.configure(f) // midnight, 1 January 2000: a Saturday
		expect("Sat 00:00:00.000 general false", "Sat 00:00:00.000 sales false", "Sat 00:00:00.000 tax false")
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		time.Sleep(12345 * time.Millisecond) // or every look would fall on a full minute, as borders do
		wg.Go(func() { c.watch(ctx) })
		time.Sleep(24*time.Hour - 12345*time.Millisecond - time.Nanosecond)
		expect("Sat 12:00:00.000 general true", "Sat 12:00:00.000 sales true", "Sat 12:00:00.000 tax true",
			"Sat 20:00:00.000 general false", "Sat 20:00:00.000 sales false", "Sat 20:00:00.000 tax false")
		time.Sleep(24 * time.Hour)
		mu.Lock()
		told = nil
		mu.Unlock()
		time.Sleep(24 * time.Hour)
		expect("Mon 09:00:00.000 general true", "Mon 09:00:00.000 tax true", "Mon 12:00:00.000 sales true",
			"Mon 20:00:00.000 general false", "Mon 20:00:00.000 sales false", "Mon 20:00:00.000 tax false")
		stop()
		wg.Wait()
		c.configure(f) // after a reload the floor may have forgotten
		if len(told) != 3 {
			t.Errorf("told %q", told)
		}
	})
}

// `check` says the same, on the line of the calendar, and holds the file to be good.
func TestWarnings(t *testing.T) {
	f := parsed(t, "calendars:\n  office:\n    holidays: az\n    movable:\n      2027: {"+novruz2027+"}\n")
	got := Warnings(f, time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC))
	const want = "test.yaml:4: calendars.office.movable: has no ramazan, no qurban of 2027, write them under 2027 as the Cabinet of Ministers announces them"
	if got.Error() != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

// A clip that a calendar names and nobody recorded is told by `check`, for each language.
func TestClipsOfCalendarsAreThere(t *testing.T) {
	dir := t.TempDir()
	shortClips(t, dir, "own.flood")
	f := config(t, dir, `calendars:
  office:
    says: closed.hours
    dates:
      2026-12-05: {hours: closed, clip: closed.special}
      2026-12-06: {hours: closed, clip: own.flood}
      2026-12-07: {hours: closed, clip: closed.speciall}
`)
	var got []string
	for _, fault := range Check(f) {
		got = append(got, fault.Key+": "+fault.Problem)
	}
	const want = "calendars.office.dates.2026-12-06.clip: there is no prompt own.flood in ru|" +
		"calendars.office.dates.2026-12-07.clip: there is no prompt closed.speciall in az|" +
		"calendars.office.dates.2026-12-07.clip: there is no prompt closed.speciall in en|" +
		"calendars.office.dates.2026-12-07.clip: there is no prompt closed.speciall in ru"
	if strings.Join(got, "|") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
