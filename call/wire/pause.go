package wire

import "hotline/call"

// A RecordingWish is the body of POST calls/{id}/recording.
type RecordingWish struct {
	Paused bool   `json:"paused"`
	Reason string `json:"reason"` // of a pause: needed, and kept with the recording
	ForMS  int64  `json:"for_ms"` // of a pause: when it ends by itself; 0, or more than recording.pause.longest: then
	By     string `json:"by"`     // who decides it
}

// A RecordingPause is a recording that is paused now.
type RecordingPause struct {
	Call     string  `json:"call"`
	Operator *string `json:"operator"` // whom the caller talks to; null: somebody else
	By       string  `json:"by"`       // operator (the star code) or command
	Who      string  `json:"who"`
	Reason   string  `json:"reason"`
	Since    *string `json:"since"`
	Until    *string `json:"until"` // when it ends by itself at the latest
}

// RecordingPausesOf are pauses as the API shows them.
func RecordingPausesOf(all []call.RecordingPause) []RecordingPause {
	out := make([]RecordingPause, len(all))
	for i, p := range all {
		out[i] = RecordingPause{
			Call: string(p.Call), Operator: text(p.Operator), By: p.By, Who: p.Who, Reason: p.Why,
			Since: Time(p.Since), Until: Time(p.Until),
		}
	}
	return out
}
