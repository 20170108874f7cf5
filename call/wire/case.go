package wire

// Cases answers GET cases.
type Cases struct {
	Cases []Case `json:"cases"`
}

// A Case is one matter of one citizen.
type Case struct {
	Number       string      `json:"number"`
	Call         string      `json:"call"`
	Line         string      `json:"line"`
	From         string      `json:"from"` // masked, unless asked for
	Language     string      `json:"language"`
	Matter       string      `json:"matter"`
	Topic        string      `json:"topic"`
	Unit         string      `json:"unit"`
	Confidential bool        `json:"confidential"`
	State        string      `json:"state"`
	Assigned     string      `json:"assigned"`
	Opened       *string     `json:"opened"`
	Due          *string     `json:"due"`
	Extended     bool        `json:"extended"`
	Overdue      bool        `json:"overdue"`
	Forwarded    *string     `json:"forwarded"` // when it arrived at the unit; null: not yet
	Answer       string      `json:"answer"`
	Closed       *string     `json:"closed"`
	Message      string      `json:"message"` // path of the recording, relative to the data folder
	LengthMS     int64       `json:"length_ms"`
	History      []CaseEntry `json:"history"` // empty in lists
}

// A CaseEntry is what somebody has done to a case.
type CaseEntry struct {
	At   *string `json:"at"`
	By   string  `json:"by"`
	What string  `json:"what"`
	Text string  `json:"text"`
}

// A CaseFilter is what GET cases may ask for.
type CaseFilter struct {
	State        string
	Unit         string
	Overdue      bool
	All          bool // closed ones too
	Confidential bool
	Limit        int
	By           string // who looks
}

// A CaseLook is what GET cases/NUMBER may ask for, and who asks.
type CaseLook struct {
	Confidential bool
	Numbers      bool
	By           string
}

// A CaseChange is the body of POST cases/NUMBER.
type CaseChange struct {
	Do       string `json:"do"` // assign, answer, close, extend, study, urgent, born; call (back, now), uncall (no more)
	By       string `json:"by"`
	To       string `json:"to,omitempty"`
	Text     string `json:"text,omitempty"`
	Days     int    `json:"days,omitempty"`
	Hours    int    `json:"hours,omitempty"`
	Callback bool   `json:"callback,omitempty"`
}

// CaseTasks answers GET cases/tasks.
type CaseTasks struct {
	Tasks []CaseTask `json:"tasks"`
}

// A CaseTask is a callback after an investigation.
type CaseTask struct {
	Case     string  `json:"case"`
	Language string  `json:"language"`
	Number   string  `json:"number"` // masked
	Due      *string `json:"due"`
	Tries    int     `json:"tries"`
	Outcome  string  `json:"outcome"`
	Last     *string `json:"last"`
}
