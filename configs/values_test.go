package configs

import (
	"strings"
	"testing"
	"time"
)

func TestMonthsBefore(t *testing.T) {
	for _, c := range []struct{ from, want string }{
		{"2026-11-25", "2026-08-25"},
		{"2026-05-31", "2026-02-28"},
		{"2028-05-31", "2028-02-29"},
		{"2026-01-15", "2025-10-15"},
		{"2026-12-31", "2026-09-30"},
	} {
		from, _ := time.Parse(time.DateOnly, c.from)
		if got := Months(3).Before(from).Format(time.DateOnly); got != c.want {
			t.Errorf("3 months before %s: %s, want %s", c.from, got, c.want)
		}
	}
}

func TestMonthsAndDurations(t *testing.T) {
	for text, want := range map[string]Months{"12mo": 12, "2y": 24, "3mo": 3, "100y": 1200, "0mo": 0} {
		var m Months
		if err := m.parse(text); err != nil || m != want {
			t.Errorf("%s: %v, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "mo", "12", "-3mo", "+3mo", "90d", "1.5y", "101y", "99999999999999999999y", "9223372036854775807y", "12 mo"} {
		var m Months
		if err := m.parse(text); err == nil {
			t.Errorf("%q is %v months", text, m)
		}
	}
	for text, want := range map[string]time.Duration{"20s": 20 * time.Second, "1h30m": 90 * time.Minute, "0s": 0, "0": -1, "20": -1, "-1s": -1, "": -1, "1d": -1} {
		var d Duration
		if err := d.parse(text); (err == nil) != (want >= 0) || err == nil && d.D() != want {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
}

func TestCalendarOpen(t *testing.T) {
	baku, err := time.LoadLocation("Asia/Baku")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("h.yaml", []byte(`
calendars:
  office:
    week: {mon-thu: "09:00-13:00, 14:00-18:00", fri: "09:00-17:00", sat-sun: "22:00-24:00"}
    holidays: az
    dates: {2026-12-05: "09:00-14:00", 2026-12-07: closed, 2026-12-31: "10:00-12:00"}
`))
	if err != nil {
		t.Fatal(err)
	}
	office := f.Hours("office")
	for at, want := range map[string]bool{
		"2026-11-25 08:59": false, // Wednesday
		"2026-11-25 09:00": true,
		"2026-11-25 12:59": true,
		"2026-11-25 13:00": false,
		"2026-11-25 17:59": true,
		"2026-11-25 18:00": false,
		"2026-11-27 17:30": false, // Friday
		"2026-11-28 23:59": true,  // Saturday
		"2026-11-29 22:00": true,
		"2026-11-30 00:00": false,
		"2026-12-05 10:00": true, // dates win over the week
		"2026-12-05 22:30": false,
		"2026-12-07 10:00": false,
		"2027-01-20 10:00": false, // the day of mourning
		"2027-03-08 10:00": false,
		"2026-12-31 10:00": true,  // dates win over holidays
		"2026-11-12 10:00": true,  // Constitution Day is worked
		"2026-11-08 22:30": false, // Victory Day is a Sunday
	} {
		when, err := time.ParseInLocation("2006-01-02 15:04", at, baku)
		if err != nil {
			t.Fatal(err)
		}
		if got := office.Open(when.UTC()); got != want {
			t.Errorf("%s: open %v, want %v", at, got, want)
		}
	}
	if (Calendar{}).In(baku).Open(time.Now()) {
		t.Error("a calendar without hours is open")
	}
}

// TestSecondDirectory: it is an absolute path outside of the data folder, and apart from where copies lie.
func TestSecondDirectory(t *testing.T) {
	for dir, want := range map[string]string{
		"": "", "/mnt/recordings": "", "mnt": "is not one", "/var/lib/hotline/second": "lies in the data folder",
		"/mnt/away/hotline": "in one another", "/mnt/away": "in one another", "/mnt/away/hotline/second": "in one another", "/mnt/away/second": "",
	} {
		_, err := Parse("h.yaml", []byte("data: /var/lib/hotline\nrecording: {second: \""+dir+"\", away: {dir: /mnt/away/hotline}}\n"))
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", dir, err)
		}
	}
}
