package call

import "time"

// An Opinion is what a caller answered to one question of a survey, or that it was asked and not
// answered. It is never joined with an operator's name.
type Opinion struct {
	Call     ID
	Survey   string
	Question string
	Queue    string
	Language Language
	Value    int // the key; 0: asked, not answered
	At       time.Time
}
