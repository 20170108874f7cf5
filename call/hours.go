package call

import "time"

// Hours say when somebody is there to be called: at a line, at an entry of the directory. They
// are asked with the moment that counts, so whoever asks brings the clock.
type Hours interface {
	// Open reports whether t lies inside the hours.
	Open(t time.Time) bool

	// Next is the first moment from t on that lies inside: t itself where it does, zero where
	// none does within a year.
	Next(t time.Time) time.Time

	// Until is when Open stops being what it is at t; zero where that is not within a year.
	Until(t time.Time) time.Time

	// Reason says why it is not open at t, or that it is.
	Reason(t time.Time) Closure

	// Mourning reports whether t lies on a day without music.
	Mourning(t time.Time) bool
}

// A Closure is why a line is closed, and the clip that says so in its own words; empty: the
// general ones do.
type Closure struct {
	Why  Why
	Clip string
}

// A Why is a kind of closure.
type Why string

// The kinds.
const (
	IsOpen     Why = "open"        // not closed at all
	AfterHours Why = "after_hours" // another hour or another day of the week; Clip tells the hours
	Lunch      Why = "lunch"       // between two spans of the day; Clip tells when it ends
	NonWorking Why = "nonworking"  // the whole day, decided by law or by the configuration
	Special    Why = "special"     // a single day that has words of its own, which Clip is
)
