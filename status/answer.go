package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"hotline/call"
)

// maxBody is how long the body of an answer may be, in bytes. A good one has a hundred.
const maxBody = 64 << 10

// A fault is why there is no answer from outside. It is all that is logged of one.
type fault string

// The faults.
const (
	faultConnect  fault = "no connection"        // nobody there, or no name
	faultTLS      fault = "tls"                  // one of us does not believe the other
	faultSlow     fault = "timeout"              // not answered whole in time
	faultBroken   fault = "connection broken"    // or not HTTP at all
	faultRedirect fault = "redirect"             // not followed: the question would go to somebody else
	faultCode     fault = "http status"          // neither 200 nor 404
	faultPage     fault = "a web page"           // of a web server, which knows nothing of applications
	faultLarge    fault = "body too large"       // over maxBody
	faultJSON     fault = "not the agreed json"  // nor one object and nothing else
	faultState    fault = "unknown state"        // not one of call.StandingStates
	faultDate     fault = "not a date"           // not YYYY-MM-DD, or a day that cannot be meant
	faultFiles    fault = "certificate files"    // of ours cannot be read
	faultBusy     fault = "too many at once"     // questions on their way
	faultResting  fault = "resting"              // after failures
	faultOwn      fault = "own cases"            // could not be asked
	faultGone     fault = "the caller went away" // nobody's fault
)

// Error is the class of the fault.
func (f fault) Error() string { return string(f) }

// firstYear and lastYear bound the dates that can be meant. Systems write 0001-01-01 and 9999-12-31
// for "none"; a caller would hear them.
const (
	firstYear = 1990
	lastYear  = 2199
)

// parseAnswer reads the body of a 200. What it does not know it steps over, names among it.
// Its error is a fault.
func parseAnswer(body []byte, zone *time.Location) (call.Standing, error) {
	var s call.Standing
	values, err := known(body)
	if err != nil {
		return s, faultJSON
	}
	state := values["status"]
	if state == nil || !slices.Contains(call.StandingStates, call.StandingState(*state)) {
		return s, faultState
	}
	for key, to := range map[string]*time.Time{"changed": &s.Changed, "due": &s.Due} {
		text := values[key]
		if text == nil {
			continue
		}
		at, err := time.ParseInLocation(time.DateOnly, *text, zone)
		if err != nil || at.Year() < firstYear || at.Year() > lastYear {
			return call.Standing{}, faultDate
		}
		*to = at
	}
	s.State = call.StandingState(*state)
	return s, nil
}

// skipped takes any value and keeps nothing of it.
type skipped struct{}

func (skipped) UnmarshalJSON([]byte) error { return nil }

var errJSON = errors.New("not one object")

// known gives the three values that are agreed, each a text; null is as if it were not there.
// The keys are taken exactly as they are written and once only: Go's own reading of an object would
// take STATUS for status, and the last of two.
func known(body []byte) (map[string]*string, error) {
	values := make(map[string]*string, 3)
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errJSON
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch key {
		case "status", "changed", "due":
			name, _ := key.(string)
			if _, twice := values[name]; twice {
				return nil, errJSON
			}
			var text *string
			if err := d.Decode(&text); err != nil {
				return nil, err
			}
			values[name] = text
		default:
			if err := d.Decode(&skipped{}); err != nil {
				return nil, err
			}
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errJSON
	}
	return values, nil
}
