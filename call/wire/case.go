package wire

import (
	"time"

	"hotline/call"
)

// Cases answers GET cases.
type Cases struct {
	Cases []Case `json:"cases"`
}

// A Case is one case. Dates of birth are not part of it.
type Case struct {
	ID           string  `json:"id"`
	Number       string  `json:"number"`
	Call         string  `json:"call"`
	Line         string  `json:"line"`
	From         string  `json:"from"` // masked, unless asked for
	Language     *string `json:"language"`
	Matter       string  `json:"matter"`
	Topic        *string `json:"topic"`
	Confidential bool    `json:"confidential"`
	Unit         *string `json:"unit"`
	Assigned     *string `json:"assigned"`
	State        string  `json:"state"`
	Why          *string `json:"why"` // it was closed without an answer
	Term         string  `json:"term"`
	ExtraDays    int     `json:"extra_days"`
	Opened       *string `json:"opened"`
	ForwardBy    *string `json:"forward_by"`
	AskBy        *string `json:"ask_by"`
	Due          *string `json:"due"`
	Overdue      bool    `json:"overdue"`
	Forwarded    *string `json:"forwarded"`
	Changed      *string `json:"changed"`
	Answered     *string `json:"answered"`
	Answer       *string `json:"answer"`
	Recording    *string `json:"recording"`
	LengthMS     int64   `json:"length_ms"`
}

// CaseOf is a case as the API shows it at a moment.
func CaseOf(c call.Case, numbers bool, now time.Time) Case {
	w := Case{
		ID: string(c.ID), Number: c.Number, Call: string(c.Call), Line: c.Line, From: c.From.String(), Language: text(c.Language), Matter: string(c.Matter),
		Topic: text(c.Topic), Confidential: c.Confidential, Unit: text(c.Unit), Assigned: text(c.Assigned), State: string(c.State), Why: text(c.Why),
		Term: string(c.Term), ExtraDays: c.Extra, Opened: Time(c.Opened), ForwardBy: Time(c.ForwardBy), AskBy: Time(c.AskBy), Due: Time(c.Due),
		Overdue: !c.Over() && c.Due.Before(now), Forwarded: Time(c.Forwarded), Changed: Time(c.Changed), Answered: Time(c.Answered), Answer: text(c.Answer),
		Recording: text(c.Path), LengthMS: c.Length.Milliseconds(),
	}
	if numbers {
		w.From = c.From.Raw()
	}
	return w
}

// A CaseStory answers GET cases/{number}.
type CaseStory struct {
	Case    Case       `json:"case"`
	History []CaseNote `json:"history"`
}

// A CaseNote is one line of a case's history.
type CaseNote struct {
	At   *string `json:"at"`
	Who  string  `json:"who"`
	What string  `json:"what"`
	Note *string `json:"note"`
}

// CaseNoteOf is a line of a history as the API shows it.
func CaseNoteOf(n call.CaseNote) CaseNote {
	return CaseNote{At: Time(n.At), Who: n.Who, What: n.What, Note: text(n.Note)}
}

// A CaseFilter is what GET cases may ask for.
type CaseFilter struct {
	By           string // who asks
	State        string // empty: any
	Unit         string // empty: any
	Overdue      bool   // only those
	Confidential bool   // those, too
	Limit        int
}

// A CaseLook is what GET cases/{number} may ask for.
type CaseLook struct {
	By           string
	Confidential bool // also where it is
	Numbers      bool // whole
}

// A CaseChange is the body of POST cases/{number}: who asks, and one of the others.
type CaseChange struct {
	By     string      `json:"by"`
	Assign *string     `json:"assign,omitempty"` // a unit, or a person
	Answer *CaseAnswer `json:"answer,omitempty"`
	Close  *CaseClose  `json:"close,omitempty"`
	Extend *CaseExtend `json:"extend,omitempty"`
	Term   *string     `json:"term,omitempty"`
	Born   *string     `json:"born,omitempty"` // DDMMYYYY
}

// A CaseAnswer is what who left a case is to be told.
type CaseAnswer struct {
	Text     string `json:"text"`
	Callback bool   `json:"callback"` // by telephone
}

// A CaseClose ends a case.
type CaseClose struct {
	Unanswered string `json:"unanswered"` // why, of one that was not answered
}

// A CaseExtend gives a case more time.
type CaseExtend struct {
	Days   int    `json:"days"` // working days
	Reason string `json:"reason"`
}

// Tasks answers GET tasks.
type Tasks struct {
	Tasks []Task `json:"tasks"`
}

// A Task is something to be done for a case.
type Task struct {
	ID      string  `json:"id"`
	Case    string  `json:"case"` // its number
	Kind    string  `json:"kind"`
	Made    *string `json:"made"`
	Due     *string `json:"due"`
	Next    *string `json:"next"`
	Tries   int     `json:"tries"`   // that reached nobody
	Outcome *string `json:"outcome"` // null: still to be done
}

// TaskOf is a task as the API shows it.
func TaskOf(t call.Task) Task {
	return Task{
		ID: string(t.ID), Case: t.Number, Kind: string(t.Kind), Made: Time(t.Made), Due: Time(t.Due), Next: Time(t.Next), Tries: t.Tries, Outcome: text(t.Outcome),
	}
}

// A TaskDone is the body of POST tasks/{id}/done.
type TaskDone struct {
	By string `json:"by"`
}
