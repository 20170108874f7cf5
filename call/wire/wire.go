// Package wire is the JSON of /api/v1: what desk says and control reads. All fields are always
// present, null where they are absent; times are RFC 3339 in UTC with milliseconds, those of a
// trace with microseconds.
package wire

import (
	"cmp"
	"encoding/json"
	"time"

	"hotline/call"
)

// Time writes a time as the API does; nil for the zero time.
func Time(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

// Instant writes a time in a trace, where what came first must be seen.
func Instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// Calls answers GET calls.
type Calls struct {
	Calls []Call `json:"calls"`
}

// A Call is one record.
type Call struct {
	ID        string  `json:"id"`
	Line      string  `json:"line"`
	Language  *string `json:"language"`
	Queue     *string `json:"queue"`
	Operator  *string `json:"operator"`
	Outcome   *string `json:"outcome"`
	Phase     *string `json:"phase"`
	EndedBy   *string `json:"ended_by"`
	Code      *int    `json:"code"`
	Arrived   *string `json:"arrived"`
	Answered  *string `json:"answered"`
	Ended     *string `json:"ended"`
	WaitedMS  *int64  `json:"waited_ms"`
	TalkedMS  *int64  `json:"talked_ms"`
	Recording *string `json:"recording"`
	Notice    *Notice `json:"notice"`
	Kind      string  `json:"kind"`   // call, consult, own
	Linked    *string `json:"linked"` // of a consult: the call that waited for its end

	// Why an answered call has no recording: policy, disk, notice, process, unexplained.
	Unrecorded *string         `json:"unrecorded"`
	Paused     *RecordingPause `json:"recording_paused"` // null: it is not
}

// A CallFilter is what GET calls may ask for.
type CallFilter struct {
	Since time.Time // arrived at or after it; zero: from the first
	Limit int
	All   bool // operators' own calls and consults too
}

// A QueueLog is what GET queue-log may ask for.
type QueueLog struct {
	Since   time.Time // lines from then on; zero: from the first
	Numbers bool      // callers' numbers too
	Follow  bool      // go on with what happens
}

// A Notice is the proof that the caller was told of the recording.
type Notice struct {
	Key       string          `json:"key"`
	Language  call.Language   `json:"language"`
	Version   string          `json:"version"`
	From      *string         `json:"from"`
	To        *string         `json:"to"`
	Languages []call.Language `json:"languages"` // all that were played, in their order
}

func noticeOf(n *call.Notice) *Notice {
	if n == nil {
		return nil
	}
	all := n.Languages
	if len(all) == 0 {
		all = []call.Language{n.Language}
	}
	return &Notice{Key: n.Key, Language: n.Language, Version: n.Version, From: Time(n.From), To: Time(n.To), Languages: all}
}

// CallOf is a record as the API shows it. The caller's number is not part of it.
func CallOf(r call.Record) Call {
	c := Call{
		ID: string(r.ID), Line: r.Line, Language: text(r.Language), Queue: text(r.Queue), Operator: text(r.Operator),
		Outcome: text(r.Outcome), Phase: text(r.Phase), EndedBy: text(r.EndedBy), Recording: text(r.Recording),
		Arrived: Time(r.Arrived), Answered: Time(r.Answered), Ended: Time(r.Ended), Notice: noticeOf(r.Notice),
		Kind: string(cmp.Or(r.Kind, call.KindCall)), Linked: text(r.Linked), Unrecorded: text(r.Unrecorded),
	}
	if r.Code != 0 {
		c.Code = &r.Code
	}
	if r.Queue != "" {
		c.WaitedMS = milliseconds(r.Waited)
	}
	if r.Operator != "" && !r.Answered.IsZero() { // who dialled is known of an own call that nobody answered
		c.TalkedMS = milliseconds(r.Talked)
	}
	return c
}

func text[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	t := string(s)
	return &t
}

func milliseconds(d time.Duration) *int64 {
	ms := d.Milliseconds()
	return &ms
}

// A Trace answers GET calls/{id}/trace.
type Trace struct {
	Call     Call      `json:"call"`
	Events   []Event   `json:"events"`
	Messages []Message `json:"messages"`
}

// A Message is one SIP message of a call, with what must stay secret in it masked.
type Message struct {
	At        string `json:"at"`
	Sent      bool   `json:"sent"` // by us; else received
	Role      string `json:"role"` // of the telephone at the other end
	Peer      string `json:"peer"` // who that is: a carrier's name or a user
	Transport string `json:"transport"`
	Local     string `json:"local"`
	Remote    string `json:"remote"`
	Text      string `json:"text"`
}

// An Event is one thing that happened.
type Event struct {
	At   string            `json:"at"`
	Name string            `json:"name"`
	Data map[string]string `json:"data"`
}

// Queues answers GET queues.
type Queues struct {
	Queues []Queue          `json:"queues"`
	Pauses []RecordingPause `json:"recording_pauses"` // all that go on, of all queues
}

// A Queue is who waits now, in the order they will be served.
type Queue struct {
	Name          string    `json:"name"`
	Waiting       int       `json:"waiting"`   // on the line
	Callbacks     int       `json:"callbacks"` // to be called
	LongestWaitMS int64     `json:"longest_wait_ms"`
	Calls         []Waiting `json:"calls"`
	Staff         []Staff   `json:"staff"` // by language
}

// Staff is what those operators do who serve a queue in a language.
type Staff struct {
	Language    string `json:"language"`
	Ready       int    `json:"ready"`
	Offered     int    `json:"offered"`
	Talking     int    `json:"talking"`
	Holding     int    `json:"holding"`
	WrapUp      int    `json:"wrap_up"`
	Paused      int    `json:"paused"`
	Unreachable int    `json:"unreachable"`
	Offline     int    `json:"offline"`
}

// A Waiting is one caller in a queue.
type Waiting struct {
	Call     string  `json:"call"`
	Language string  `json:"language"`
	Position int     `json:"position"` // from 1
	WaitedMS int64   `json:"waited_ms"`
	Offered  *string `json:"offered"`  // the operator being rung
	Callback bool    `json:"callback"` // nobody is on the line: will be called
	Again    *string `json:"again"`    // of a callback that was tried: not before
}

// A Prioritise is the body of POST queues/calls/{id}/prioritise.
type Prioritise struct {
	ByMS int64 `json:"by_ms"` // as much longer the caller counts as having waited
}

// Trunks answers GET trunks.
type Trunks struct {
	Trunks []Trunk `json:"trunks"`
}

// A Trunk is what is known of a carrier now.
type Trunk struct {
	Name       string      `json:"name"`
	Up         *bool       `json:"up"`         // null: its health is not looked at
	Registered *bool       `json:"registered"` // null: it does not want us to
	In         int         `json:"in"`         // calls there are
	Out        int         `json:"out"`
	Calls      *int        `json:"calls"` // as many as there may be; null: no limit of its own
	Hosts      []TrunkHost `json:"hosts"` // where calls out go, in the order to be tried
}

// A TrunkHost is one address of a carrier.
type TrunkHost struct {
	Address   string `json:"address"`
	Transport string `json:"transport"`
	Up        bool   `json:"up"`
}

// Operators answers GET operators.
type Operators struct {
	Operators []Operator `json:"operators"`
}

// An Operator is what one does now.
type Operator struct {
	Name       string    `json:"name"`
	Languages  []string  `json:"languages"`
	State      string    `json:"state"`
	Since      time.Time `json:"since"`
	Registered bool      `json:"registered"`
	Call       *string   `json:"call"`
	Reason     *string   `json:"reason"`
	Paused     bool      `json:"paused"`      // also while still talking: from the end of the talk on
	WrapsUntil *string   `json:"wraps_until"` // end of the wrap-up
	RestsUntil *string   `json:"rests_until"` // not rung before, after a missed offer
	Skills     Skills    `json:"skills"`
	Queues     []string  `json:"queues"` // in the order in which they are taken; empty: every queue
	LastCall   *string   `json:"last_call"`
	Missed     int       `json:"missed"` // offers in a row
}

// MarshalJSON writes Since as all other times are written, with its milliseconds even where
// they are zero.
func (o Operator) MarshalJSON() ([]byte, error) {
	type plain Operator // without this method
	return json.Marshal(struct {
		plain
		Since *string `json:"since"`
	}{plain(o), Time(o.Since)})
}

// Users answers GET users.
type Users struct {
	Users []User `json:"users"`
}

// A User is somebody who works here.
type User struct {
	Name      string   `json:"name"`
	Role      string   `json:"role"`
	Languages []string `json:"languages"`
	Queues    []string `json:"queues"` // in the order in which they are taken; empty: every queue
	Skills    Skills   `json:"skills"`
	Phone     bool     `json:"phone"`
	Disabled  bool     `json:"disabled"`

	AutoAnswer bool `json:"auto_answer"` // the phone is asked to answer by itself
}

// A NewUser is the body of POST users.
type NewUser struct {
	Name         string   `json:"name"`
	Role         string   `json:"role"`
	Languages    []string `json:"languages"`
	Queues       []string `json:"queues"`
	Skills       Skills   `json:"skills"`
	Password     string   `json:"password"`
	MakePassword bool     `json:"make_password"` // make one and tell it once
	Phone        bool     `json:"phone"`         // make a SIP secret and tell it once
	SIPSecret    string   `json:"sip_secret"`    // or take this one
	AutoAnswer   bool     `json:"auto_answer"`
}

// Skills are levels, 1 to 5, by what is known. One with a language's code is the level in it.
type Skills map[string]int

// A UserChange is the body of POST users/{name}: what is null stays as it is.
type UserChange struct {
	AutoAnswer *bool     `json:"auto_answer"`
	Skills     *Skills   `json:"skills"` // all of them
	Queues     *[]string `json:"queues"` // all of them; none: every queue
}

// AutoAnswer is the body of POST users/{name}/auto-answer.
type AutoAnswer struct {
	On bool `json:"on"`
}

// A MadeUser is what POST users answers. Secrets made are told here and never again.
type MadeUser struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	SIP      *SIP   `json:"sip,omitempty"`
}

// SIP is what a telephone registers with.
type SIP struct {
	User   string `json:"user"`
	Secret string `json:"secret"`
}

// A Problem is the body of every error (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// A Pause is the body of POST operators/{name}/pause.
type Pause struct {
	Reason string `json:"reason"` // one of the configuration's, or NoReason
	Anyway bool   `json:"anyway"` // also where too few are left at work
}

// NoReason is the reason of a pause for which none is given.
const NoReason = "pause"

// A Password is the body of POST users/{name}/passwd.
type Password struct {
	Password string `json:"password"`
}

// A Drain is the body of POST drain, and with Calls its answer.
type Drain struct {
	Until *time.Time `json:"until"`
	Calls int        `json:"calls"`
}
