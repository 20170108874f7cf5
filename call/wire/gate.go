package wire

import "time"

// Blocks answers GET blocks.
type Blocks struct {
	Blocks []Block `json:"blocks"`
}

// A Block keeps a number out.
type Block struct {
	Number   string  `json:"number"` // masked, unless asked for
	Reason   string  `json:"reason"`
	By       string  `json:"by"`
	At       *string `json:"at"`
	Until    *string `json:"until"`  // null: until it is lifted
	Lifted   *string `json:"lifted"` // null: it holds
	LiftedBy string  `json:"lifted_by"`
}

// A NewBlock is the body of POST blocks.
type NewBlock struct {
	Number string     `json:"number"`
	Reason string     `json:"reason"`
	By     string     `json:"by"`
	Until  *time.Time `json:"until,omitempty"`
}

// An Unblock is the body of POST blocks/lift.
type Unblock struct {
	Number string `json:"number"`
	By     string `json:"by"`
}

// Switches answers GET switches: what is on for all callers; null: it is off.
type Switches struct {
	Challenge *Switch `json:"challenge"`
	Incident  *Switch `json:"incident"`
}

// A Switch is something that is on for all callers.
type Switch struct {
	By       string    `json:"by"`
	At       *string   `json:"at"`
	Until    *string   `json:"until"`
	Incident *Incident `json:"incident,omitempty"`
}

// A NewSwitch is the body of POST switches/NAME.
type NewSwitch struct {
	By       string     `json:"by"`
	Until    *time.Time `json:"until,omitempty"`
	Incident *Incident  `json:"incident,omitempty"`
}

// An Incident is what callers are told of one.
type Incident struct {
	Clip    string            `json:"clip,omitempty"`
	Texts   map[string]string `json:"texts,omitempty"` // by language, to be spoken
	Instead bool              `json:"instead"`         // the call ends after it; false: the menus follow
}

// Surveys answers GET surveys.
type Surveys struct {
	Surveys []SurveySum `json:"surveys"`
}

// A SurveySum is what came of one question in one queue and language.
type SurveySum struct {
	Survey   string         `json:"survey"`
	Question string         `json:"question"`
	Queue    string         `json:"queue"`
	Language string         `json:"language"`
	Asked    int            `json:"asked"`
	Answered int            `json:"answered"`
	Mean     *float64       `json:"mean"`   // of the answers; null: there are none
	Values   map[string]int `json:"values"` // how often each key was pressed
}
