package wire

// A Shown answers GET recordings/{id}/picture: how loud a recording is, and what happened in it.
type Shown struct {
	Call     string      `json:"call"`
	Line     string      `json:"line"`
	Language string      `json:"language"`
	State    string      `json:"state"`  // of the recording: open, sealed or interrupted
	Opened   *string     `json:"opened"` // zero of the axis
	LengthMS int64       `json:"length_ms"`
	Above    string      `json:"above"` // who is to be heard on the left channel; empty: the caller
	Below    string      `json:"below"` // on the right one; empty: what the caller hears
	Spans    []ShownSpan `json:"spans"`
	Marks    []ShownMark `json:"marks"`
	Peaks    ShownPeaks  `json:"peaks"`
}

// A ShownSpan is a stretch: notice, wait, talk, hold, pause or gap.
type ShownSpan struct {
	Kind    string  `json:"kind"`
	Channel *string `json:"channel"` // left or right; null: both
	FromMS  int64   `json:"from_ms"`
	ToMS    int64   `json:"to_ms"`
	Text    string  `json:"text"`
}

// A ShownMark is a moment, such as that of a transfer.
type ShownMark struct {
	AtMS int64  `json:"at_ms"`
	Text string `json:"text"`
}

// ShownPeaks are the loudest samples of each cell, from 0 to 255.
type ShownPeaks struct {
	PerSecond int   `json:"per_second"`
	Said      []int `json:"said"`
	Heard     []int `json:"heard"`
}
