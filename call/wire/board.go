package wire

// A Board answers GET board: who waits, who works, and how the day has gone, at one moment.
type Board struct {
	At        *string      `json:"at"`
	Queues    []BoardQueue `json:"queues"`
	Operators []Operator   `json:"operators"`

	Pauses []RecordingPause `json:"recording_pauses"` // all that go on
}

// A BoardQueue is one queue of it.
type BoardQueue struct {
	Name          string `json:"name"`
	Waiting       int    `json:"waiting"`   // on the line
	Callbacks     int    `json:"callbacks"` // to be called
	LongestWaitMS int64  `json:"longest_wait_ms"`
	Today         Today  `json:"today"`
}

// Today is what became of the calls of a queue since midnight; within means within its target. The
// levels are null where their denominators are 0.
type Today struct {
	Answered        int `json:"answered"`
	AnsweredWithin  int `json:"answered_within"`
	Abandoned       int `json:"abandoned"` // short ones included
	AbandonedWithin int `json:"abandoned_within"`
	AbandonedShort  int `json:"abandoned_short"`

	Level         *float64 `json:"service_level"`          // answered within / (answered + abandoned - short)
	LevelAnswered *float64 `json:"service_level_answered"` // answered within / answered
	LevelAll      *float64 `json:"service_level_all"`      // (answered within + abandoned within) / (answered + abandoned)
}

// WithLevels works the levels out.
func (t Today) WithLevels() Today {
	t.Level = ratio(t.AnsweredWithin, t.Answered+t.Abandoned-t.AbandonedShort)
	t.LevelAnswered = ratio(t.AnsweredWithin, t.Answered)
	t.LevelAll = ratio(t.AnsweredWithin+t.AbandonedWithin, t.Answered+t.Abandoned)
	return t
}

func ratio(n, of int) *float64 {
	if of <= 0 {
		return nil
	}
	r := float64(n) / float64(of)
	return &r
}
