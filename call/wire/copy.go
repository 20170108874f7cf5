package wire

// CopyFind is the body of POST copies/find: whose calls of which day, or the call of a case.
type CopyFind struct {
	Number string `json:"number"` // in any spelling
	Date   string `json:"date"`   // YYYY-MM-DD, where the body is
	Case   string `json:"case"`   // its registration number
	By     string `json:"by"`
}

// CopyCalls answers it.
type CopyCalls struct {
	Calls []CopyCall `json:"calls"`
}

// A CopyCall is a call of which a copy may be asked for.
type CopyCall struct {
	Call       string  `json:"call"`
	Arrived    *string `json:"arrived"`
	Line       string  `json:"line"`
	Number     string  `json:"number"` // masked
	Language   *string `json:"language"`
	Operator   *string `json:"operator"`
	LengthMS   int64   `json:"length_ms"`
	Recorded   bool    `json:"recorded"`
	RightUntil *string `json:"right_until"` // until then the caller may ask
	RightDays  int     `json:"right_days"`  // so many days are left; negative: it is over since
}

// A CopyRequest is the body of POST copies.
type CopyRequest struct {
	Call    string `json:"call"` // the beginning of its id is enough
	Case    string `json:"case"`
	Name    string `json:"name"`
	Checked string `json:"checked_by"` // who found that it is the caller who asks
	By      string `json:"by"`
	Why     string `json:"why"`
	Late    bool   `json:"late"` // also where the right is over
}

// Copies answers GET copies.
type Copies struct {
	Copies []Copy `json:"copies"`
}

// A Copy is a request for a copy of a recording.
type Copy struct {
	Number     string      `json:"number"`
	Call       string      `json:"call"`
	Case       string      `json:"case"`
	Name       string      `json:"name"`
	Checked    string      `json:"checked_by"`
	By         string      `json:"by"`
	Why        string      `json:"why"`
	State      string      `json:"state"` // asked, made, delivered or refused
	Asked      *string     `json:"asked"`
	Due        *string     `json:"due"`
	DueDays    int         `json:"due_days"` // until the answer is due; negative: it is late by so many
	RightUntil *string     `json:"right_until"`
	RightDays  int         `json:"right_days"`
	Late       bool        `json:"late"`    // it was asked when the right was over
	Silence    string      `json:"silence"` // of the copy that was made last
	Digest     string      `json:"digest"`  // of its SHA256SUMS
	Made       *string     `json:"made"`
	Closed     *string     `json:"closed"`
	History    []CaseEntry `json:"history"` // empty in lists
}

// A CopyMake is the body of POST copies/NUMBER/bundle, which answers with a ZIP.
type CopyMake struct {
	By      string `json:"by"`
	Silence string `json:"silence"` // operator or caller; empty: nothing
}

// A CopyClose is the body of POST copies/NUMBER.
type CopyClose struct {
	Do   string `json:"do"` // deliver or refuse
	By   string `json:"by"`
	Text string `json:"text"` // how, or why
}
