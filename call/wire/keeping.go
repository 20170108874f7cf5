package wire

import "time"

// Holds answers GET holds.
type Holds struct {
	Holds []Hold `json:"holds"`
}

// A Hold keeps recordings from being erased.
type Hold struct {
	ID         int64    `json:"id"`
	Calls      []string `json:"calls"`
	Why        string   `json:"why"`
	By         string   `json:"by"`
	At         *string  `json:"at"`
	Until      *string  `json:"until"` // null: until it is lifted
	Binds      bool     `json:"binds"` // now
	Lifted     *string  `json:"lifted"`
	LiftedWhy  string   `json:"lifted_why"`
	LiftedBy   string   `json:"lifted_by"`
	LiftedWith string   `json:"lifted_with"`
}

// A HoldFilter is what GET holds may ask for.
type HoldFilter struct {
	All    bool   // those too that do not bind any more
	Call   string // only those of a call
	Number string // only those of a caller's number
}

// A NewHold is the body of POST holds: of one call, or of all calls there are of a number.
type NewHold struct {
	Call   string     `json:"call,omitempty"` // the begin of its id is enough
	Number string     `json:"number,omitempty"`
	Why    string     `json:"why"`
	By     string     `json:"by"`
	Until  *time.Time `json:"until"`
}

// A Decision is the body of POST holds/ID/lift, recordings/ID/purge and purge/clock: who decides, with whom, and why.
type Decision struct {
	By   string `json:"by"`
	With string `json:"with,omitempty"` // the second person
	Why  string `json:"why"`
}

// A Purge answers GET purge: what would be erased now.
type Purge struct {
	At          *string   `json:"at"`
	Stopped     *string   `json:"stopped"`       // why the clock is not believed, so that nothing is erased; null: it is
	SteadyForMS int64     `json:"steady_for_ms"` // how much longer it must then go right
	Due         []Erasure `json:"due"`
	Held        []Kept    `json:"held"`
	Next        *Erasure  `json:"next"` // what comes due next; null: nothing that is there now
}

// An Erasure is a recording, or a message, that is or was erased.
type Erasure struct {
	ID     string  `json:"id"`
	Kind   string  `json:"kind"` // recording or message
	Call   string  `json:"call"`
	Path   string  `json:"path"`
	SHA256 string  `json:"sha256"`
	Bytes  int64   `json:"bytes"`
	Class  string  `json:"class"`
	Due    *string `json:"due"`
	Rule   string  `json:"rule"`
}

// A Kept is something that would be gone but for a hold or a case.
type Kept struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Call  string `json:"call"`
	Class string `json:"class"`
	Why   string `json:"why"`
}

// A Certificate answers POST recordings/ID/purge.
type Certificate struct {
	ID     string    `json:"id"`
	File   string    `json:"file"` // relative to the data folder; beside it lies the text
	Erased []Erasure `json:"erased"`
	Held   []Kept    `json:"held"`
}

// Accesses answers GET accesses, the oldest first.
type Accesses struct {
	Accesses []Access `json:"accesses"`
}

// An Access is somebody who asked for a recording.
type Access struct {
	Seq     int64   `json:"seq"`
	At      *string `json:"at"`
	Who     string  `json:"who"`
	Role    string  `json:"role"`
	From    string  `json:"from"`
	Do      string  `json:"do"`
	Call    string  `json:"call"` // empty: all, or none
	Why     string  `json:"why"`
	With    string  `json:"with"`
	Refused string  `json:"refused"` // why; empty: let in

	Confidential bool `json:"confidential"` // something confidential was left in the call
}

// An AccessFilter is what GET accesses may ask for.
type AccessFilter struct {
	Call string
	Who  string
	Most int // the newest so many; 0: all
}

// An AccessVerification answers GET accesses/verify.
type AccessVerification struct {
	Checked int     `json:"checked"` // entries that are good, up to the first that is not
	Fault   *string `json:"fault"`
}

// A Listen is what GET recordings/ID/sound must say.
type Listen struct {
	Do  string // play or export
	By  string
	Why string
}

// A Disk answers GET disk.
type Disk struct {
	At             *string `json:"at"`
	FreeBytes      int64   `json:"free_bytes"`
	SizeBytes      int64   `json:"size_bytes"`
	KeptBytes      int64   `json:"kept_bytes"`       // recordings and messages
	GrowthBytesDay int64   `json:"growth_bytes_day"` // of the last week
	GrowthDays     int     `json:"growth_days"`      // of how many days that is the mean
	Purged30Bytes  int64   `json:"purged_30_bytes"`  // come due within 30 days
	FullAt         *string `json:"full_at"`          // null: not within ten years
	FullInSeconds  *int64  `json:"full_in_seconds"`
}
