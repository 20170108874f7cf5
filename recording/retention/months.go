package retention

import "time"

// LeastMonths is how long everything is kept, in calendar months: for so long a citizen may ask for a
// copy of a recorded call.
const LeastMonths = 3

// Over is the instant at which so many calendar months from t are over, in a time zone. Months end
// with the day that has the number of t's day, or with the last day of a month that is shorter: what
// began on 30 November is over, after three months, when 28 February ends. The day counts whole, so
// the instant is the begin of the day after it; of that day's midnights, where a change of the clock
// makes two or none, never one that lies within the day before.
func Over(t time.Time, months int, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	first := time.Date(y, m+time.Month(months), 1, 12, 0, 0, 0, time.UTC) // a calendar without a zone
	last := first.AddDate(0, 1, -1).Day()
	return midnight(first.AddDate(0, 0, min(d, last)), zone) // the day after day min(d, last)
}

// midnight is the begin of a calendar day in a zone.
func midnight(day time.Time, zone *time.Location) time.Time {
	y, m, d := day.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	// Where the clock jumps over midnight, Go may give the last hour of the day before; zones have
	// jumped over whole days too, Samoa over 30 December 2011.
	for before(t, y, m, d) {
		t = t.Add(15 * time.Minute)
	}
	return t
}

// before says whether t's day, in its own zone, lies before another.
func before(t time.Time, y int, m time.Month, d int) bool {
	ty, tm, td := t.Date()
	if ty != y {
		return ty < y
	}
	if tm != m {
		return tm < m
	}
	return td < d
}
