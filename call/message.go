package call

import "time"

// A Message is what a caller has left after the tone. It is on disk, sound and all, before anybody is
// told of it; its ID makes sure that one message is one case, however often it is told.
type Message struct {
	ID       ID // made when the tone ended
	Call     ID
	Line     string
	From     Number
	Withheld bool
	Language Language
	Kind     Matter
	Topic    string // as the menu names it; empty: none

	// Confidential messages, about staff or corruption, go to the chief only.
	Confidential bool

	Path   string // of the sound, relative to the data folder
	Length time.Duration
	At     time.Time // its end: the moment from which terms run
}

// A Matter is what a case is in law.
type Matter string

// The matters.
const (
	MatterComplaint   Matter = "complaint"
	MatterProposal    Matter = "proposal"
	MatterApplication Matter = "application"
	MatterInformation Matter = "information" // a request for information
	MatterMessage     Matter = "message"     // whatever else is left at night
)

// Matters is the closed list.
var Matters = []Matter{MatterComplaint, MatterProposal, MatterApplication, MatterInformation, MatterMessage}

// A Receipt is what whoever left a message is told.
type Receipt struct {
	Number string    // of the case, YYYY-NNNNNN
	Due    time.Time // the day by which there is an answer; zero: not known
}
