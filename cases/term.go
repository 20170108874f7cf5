package cases

import (
	"errors"
	"fmt"
	"time"

	"hotline/call"
)

// A Workdays counts working days. It is the calendar of the body.
type Workdays interface {
	// WorkingDay is the nth working day after the day of t, which itself never counts, at its midnight.
	WorkingDay(t time.Time, n int) time.Time
}

// The terms of law, in working days.
const (
	forwardDays     = 3  // to whoever is competent (law on citizens' appeals)
	forwardInfoDays = 5  // of a request for information
	answerDays      = 15 // of an appeal
	studyDays       = 30 // of one that has to be studied or checked
	mostExtension   = 30 // once, where more has to be asked for
	infoDays        = 7  // of a request for information: from the working day after it was registered
)

// Urgent requests for information are answered in hours of the clock.
const (
	UrgentLost = 24 * time.Hour // it would lose its use
	UrgentLife = 48 * time.Hour // life, health or liberty is at risk
)

// endOf is the last moment of a day.
func endOf(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 59, 0, day.Location())
}

// Due is when a matter that is registered at a time has to be answered. t is in the zone of the body.
func Due(w Workdays, m call.Matter, t time.Time) time.Time {
	if m == call.MatterInformation {
		return endOf(w.WorkingDay(t, infoDays))
	}
	return endOf(w.WorkingDay(t, answerDays))
}

// Forward is when a matter has to be with whoever is competent.
func Forward(w Workdays, m call.Matter, t time.Time) time.Time {
	if m == call.MatterInformation {
		return endOf(w.WorkingDay(t, forwardInfoDays))
	}
	return endOf(w.WorkingDay(t, forwardDays))
}

// Study is the term of an appeal that has to be studied or checked.
func Study(w Workdays, t time.Time) time.Time { return endOf(w.WorkingDay(t, studyDays)) }

// Copy is until when a request for a copy of a recording is answered: it is a request for information that is about
// whoever asks. t is in the zone of the body.
func Copy(w Workdays, t time.Time) time.Time { return endOf(w.WorkingDay(t, infoDays)) }

// rightMonths is for how long a caller may ask for a copy, in calendar months from the day of the call.
const rightMonths = 3

// CopyRight is until when whoever called at t may ask for a copy: the end of the same day three calendar months later,
// or of the last day of that month where it has no such day. t is in the zone of the body.
func CopyRight(t time.Time) time.Time {
	day := time.Date(t.Year(), t.Month()+rightMonths, t.Day(), 0, 0, 0, 0, t.Location())
	if day.Day() != t.Day() { // no such day: it has run over into the next month
		day = day.AddDate(0, 0, -day.Day())
	}
	return endOf(day)
}

// ErrTerm says that a term cannot be changed so.
var ErrTerm = errors.New("the term cannot be changed")

// Extend is a term that is extended by so many working days, 1 to 30, once.
func Extend(w Workdays, c Case, days int) (time.Time, error) {
	switch {
	case c.Extended:
		return time.Time{}, fmt.Errorf("%w: it was extended already, which the law allows once", ErrTerm)
	case days < 1 || days > mostExtension:
		return time.Time{}, fmt.Errorf("%w: by %d working days, write 1 to %d", ErrTerm, days, mostExtension)
	case c.State == call.CaseAnswered || c.State == call.CaseClosed:
		return time.Time{}, fmt.Errorf("%w: the case is %s", ErrTerm, c.State)
	}
	return endOf(w.WorkingDay(c.Due, days)), nil
}

// A Reminder is a moment of a term at which whoever has the case is reminded.
type Reminder struct {
	Percent int
	At      time.Time
}

// reminded is when in the morning, on its day.
const reminded = 9

// Reminders are those of a term: on the morning of the working day on which half of it, and four fifths,
// are over, and at its end. A term of hours has them in hours.
func Reminders(w Workdays, opened, due time.Time) []Reminder {
	if span := due.Sub(opened); span <= UrgentLife {
		return []Reminder{{50, opened.Add(span / 2)}, {80, opened.Add(span * 4 / 5)}, {100, due}}
	}
	days := 0 // working days of the term
	for days < 1000 && !endOf(w.WorkingDay(opened, days+1)).After(due) {
		days++
	}
	morning := func(n int) time.Time {
		d := w.WorkingDay(opened, max(1, n))
		return time.Date(d.Year(), d.Month(), d.Day(), reminded, 0, 0, 0, d.Location())
	}
	return []Reminder{{50, morning((days + 1) / 2)}, {80, morning((days*4 + 4) / 5)}, {100, due}}
}
