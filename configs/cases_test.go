package configs

import (
	"strings"
	"testing"
	"time"
)

func TestWorkingDays(t *testing.T) {
	f, err := Parse("h.yaml", []byte(`
calendars:
  office:
    week: {mon-fri: "09:00-13:00,14:00-18:00"}
    holidays: az
    eve: 1h
    movable: {2026: {novruz: 2026-03-20 to 2026-03-24, ramazan: 2026-03-20 to 2026-03-21, qurban: 2026-05-27 to 2026-05-28}}
    dates: {2026-12-05: "09:00-14:00", 2026-12-07: closed}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ calendar, day, want string }{
		{"office", "2026-11-25", "09:00-18:00"}, // whatever pause there is at noon
		{"office", "2026-11-28", ""},
		{"office", "2026-11-09", ""},
		{"office", "2026-11-06", "09:00-18:00"},
		{"office", "2026-01-19", "09:00-17:00"}, // the day before 20 January
		{"office", "2026-03-24", ""},
		{"office", "2026-03-25", ""},            // Novruz had a Saturday
		{"office", "2026-12-05", "09:00-14:00"}, // a Saturday that was swapped
		{"office", "2026-12-07", ""},
		{"", "2026-11-25", "09:00-18:00"},
		{"", "2026-11-28", ""},
		{"", "2026-11-09", ""},
	} {
		working := f.Working(c.calendar)
		for _, clock := range []string{" 00:00", " 12:00", " 23:59"} {
			from, to := working(on(t, c.day+clock, f.Zone()))
			got := ""
			if from.Before(to) {
				got = from.Format("15:04") + "-" + to.Format("15:04")
				if from.Format(time.DateOnly) != c.day || to.Format(time.DateOnly) != c.day {
					t.Errorf("%s%s: works on %s", c.day, clock, from)
				}
			}
			if got != c.want {
				t.Errorf("%q, %s%s: %q, want %q", c.calendar, c.day, clock, got, c.want)
			}
		}
	}
}

func TestCasesThatServe(t *testing.T) {
	f, err := Parse("h.yaml", []byte(`
calendars: {office: {week: {mon-fri: "09:00-18:00"}}}
cases:
  calendar: office
  units:
    - {name: legal, topics: [stay], email: "Hüquq şöbəsi <legal@example.org>"}
    - {name: records, webhook: "http://127.0.0.1:8080/in", secret: 0123456789abcdef}
  chief: {webhook: "https://records.example.org/chief", secret: 0123456789abcdef}
  mail: {server: "[::1]:587", from: hotline@example.org, user: x, password: y}
`))
	if err != nil {
		t.Fatal(err)
	}
	if f.Cases.Mail.TLS != MailStartTLS || len(f.Cases.Units) != 2 || f.Cases.Units[1].Topics == nil {
		t.Errorf("cases %+v", f.Cases)
	}
}

func TestNoSecretOfCasesIsShown(t *testing.T) {
	_, err := Parse("h.yaml", []byte("cases: {units: [{name: a, webhook: 'http://x:hidden@example.org/', secret: tiny}], chief: {}}\n"))
	if err == nil || strings.Contains(err.Error(), "tiny") {
		t.Errorf("%v", err)
	}
}
