package cases

import (
	"time"

	"hotline/call"
)

// The terms, in working days, of the law on applications (1308-IVQ, art. 10) and that on information
// (2005). Forwarding a request for information may take 5; ours goes with the others.
const (
	forwardDays     = 3
	answerDays      = 15
	studyDays       = 30
	informationDays = 7
	askDays         = 5  // for details that a request for information lacks
	MostExtra       = 30 // the longest extension of a term, once
)

// The terms of urgent requests for information, in hours, by night and on holidays too.
const (
	urgentTerm = 24 * time.Hour
	lifeTerm   = 48 * time.Hour
)

// Hours are when there is work on the day in which a moment lies, by the zone in which it is given: the
// first moment of work and the first one after it. from = to: a day off.
type Hours func(day time.Time) (from, to time.Time)

// Terms are what a case has to be done by.
type Terms struct {
	Forward   time.Time // to be with its unit
	Ask       time.Time // to have been asked for what is missing; zero: no such term
	Answer    time.Time // to be answered
	Reminders []Reminder
}

// A Reminder is a moment at which who owes the answer is reminded.
type Reminder struct {
	Percent int
	At      time.Time
}

// percents are the parts of a term at which its unit is reminded.
var percents = []int{50, 80, 100}

// TermsOf counts the terms of what was left at a moment, given in the zone of the body, with so many
// working days of extension.
//
// The day on which it was left does not count, whatever the hour: what was left on a Friday has its
// first day on Monday, as the law on information says of its clock. A term ends when the work of its
// last day does. Hours of urgent requests are counted from the moment itself, on any day, and are not
// extended.
func (h Hours) TermsOf(m call.Matter, term call.CaseTerm, left time.Time, extra int) Terms {
	t := Terms{Forward: h.after(left, forwardDays)}
	if m == call.MatterInformation {
		t.Ask = h.after(left, askDays)
	}
	if span := hours(term); span > 0 {
		t.Answer = left.Add(span)
		if t.Answer.Before(t.Forward) {
			t.Forward = left.Add(span / 8) // it must leave time to answer
		}
		if !t.Ask.IsZero() && t.Answer.Before(t.Ask) {
			t.Ask = t.Forward
		}
		for _, p := range percents {
			t.Reminders = append(t.Reminders, Reminder{p, left.Add(span * time.Duration(p) / 100)})
		}
		return t
	}
	days := Days(m, term) + extra
	t.Answer = h.after(left, days)
	for _, p := range percents {
		t.Reminders = append(t.Reminders, Reminder{p, h.part(left, days, p)})
	}
	return t
}

// Days is how many working days an answer may take; 0: its term is in hours.
func Days(m call.Matter, term call.CaseTerm) int {
	switch {
	case hours(term) > 0:
		return 0
	case term == call.TermStudy:
		return studyDays
	case m == call.MatterInformation:
		return informationDays
	}
	return answerDays
}

func hours(term call.CaseTerm) time.Duration {
	switch term {
	case call.TermUrgent:
		return urgentTerm
	case call.TermLife:
		return lifeTerm
	}
	return 0
}

// after is the end of work on the nth working day after the day of a moment.
func (h Hours) after(t time.Time, n int) time.Time {
	_, to := h.day(t, n)
	return to
}

// part is the moment at which so many hundredths of n working days are over. Time without work does
// not count: after half of three days it is the middle of the second one's work.
func (h Hours) part(t time.Time, n, percent int) time.Time {
	whole, rest := n*percent/100, n*percent%100
	if rest == 0 {
		return h.after(t, whole)
	}
	from, to := h.day(t, whole+1)
	return from.Add(to.Sub(from) * time.Duration(rest) / 100)
}

// longestPause is for how many days there may be no work. A calendar that says more is wrong, and a
// term must end all the same: from there on each day counts.
const longestPause = 60

// day is the work of the nth working day after that of t.
func (h Hours) day(t time.Time, n int) (from, to time.Time) {
	idle := 0
	for ; n > 0; n-- {
		for {
			t = next(t)
			if from, to = h(t); from.Before(to) {
				idle = 0
				break
			}
			if idle++; idle > longestPause {
				from, to = t, t.Add(6*time.Hour)
				break
			}
		}
	}
	return from, to
}

// next is noon of the day after that of t. There may be clocks that have no midnight.
func next(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d+1, 12, 0, 0, 0, t.Location())
}
