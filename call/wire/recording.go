package wire

// Recordings answers GET recordings.
type Recordings struct {
	Recordings []Recording `json:"recordings"`
}

// A Recording is one file of sound.
type Recording struct {
	Call       string `json:"call"`
	Path       string `json:"path"`
	State      string `json:"state"` // open, sealed or interrupted
	DurationMS int64  `json:"duration_ms"`

	// Away are the places where a verified copy lies, dir and s3; Local says whether the sound lies
	// here.
	Away  []string `json:"away"`
	Local bool     `json:"local"`
}

// An AwayVerification answers GET recordings/away/verify.
type AwayVerification struct {
	Checked int         `json:"checked"` // copies that were read back
	Waiting int         `json:"waiting"` // copies that are still to be made
	Owed    []AwayOwed  `json:"owed"`    // erased, but not everywhere yet
	Faults  []AwayFault `json:"faults"`
}

// An AwayOwed is a recording that places still have to erase.
type AwayOwed struct {
	Call   string   `json:"call"`
	Asked  string   `json:"asked"`
	Places []string `json:"places"`
}

// An AwayFault is one thing wrong with one copy; Call is empty where it is the whole place.
type AwayFault struct {
	Call    string `json:"call"`
	Path    string `json:"path"`
	Place   string `json:"place"`
	Problem string `json:"problem"`
}

// A Verification answers GET recordings/verify.
type Verification struct {
	Checked int     `json:"checked"`
	Faults  []Fault `json:"faults"`
}

// A Completeness answers GET recordings/completeness: that each answered call has a recording, or why not.
type Completeness struct {
	Since    *string        `json:"since"` // arrivals from then on; null: all
	Answered int            `json:"answered"`
	Recorded int            `json:"recorded"`
	Without  map[string]int `json:"without"` // by reason: policy, disk, notice, process
	Missing  []string       `json:"missing"` // ids of calls without a recording and without a reason
}

// A Fault is one thing wrong with one recording.
type Fault struct {
	Call    string `json:"call"`
	Path    string `json:"path"`
	Problem string `json:"problem"`
	Link    int64  `json:"link,omitempty"` // number of the link of the chain that is broken
}

// Evidence answers GET recordings/evidence.
type Evidence struct {
	Key  string `json:"key"`  // the node's public key, in PEM
	Head string `json:"head"` // a line of JSON, signed: where the chain ends now
}

// LostHeader says of a sound how much of it a damage took: it is silence there.
const LostHeader = "Hotline-Lost"
