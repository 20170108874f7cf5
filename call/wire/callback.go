package wire

import "time"

// Callbacks answers GET callbacks.
type Callbacks struct {
	Callbacks []Callback `json:"callbacks"`
}

// A Callback is somebody who is to be called back.
type Callback struct {
	ID       string  `json:"id"`
	Queue    string  `json:"queue"`
	Language string  `json:"language"`
	Number   string  `json:"number"` // masked, unless asked for
	Asked    *string `json:"asked"`
	Position int     `json:"position"` // among all who wait in the queue; 0: is being called now
	Tries    int     `json:"tries"`    // that reached nobody
	Again    *string `json:"again"`    // not before
	Operator *string `json:"operator"` // who is rung for it, or calls
}

// A NewCallback is the body of POST callbacks.
type NewCallback struct {
	FromCall string `json:"from_call"` // whose caller is to be called; the beginning of its id is enough
}

// Abandons answers GET callbacks/abandoned.
type Abandons struct {
	Calls []Abandoned `json:"calls"`
}

// An Abandoned is a caller who gave up in a queue and was not spoken to since.
type Abandoned struct {
	Call     string  `json:"call"` // the last of them
	Queue    string  `json:"queue"`
	Language string  `json:"language"`
	Number   string  `json:"number"` // masked, unless asked for
	Arrived  *string `json:"arrived"`
	WaitedMS int64   `json:"waited_ms"`
	Times    int     `json:"times"` // so often they gave up
}

// An AbandonFilter is what GET callbacks/abandoned may ask for.
type AbandonFilter struct {
	Since   time.Time // arrived at or after it
	Numbers bool      // whole
}
