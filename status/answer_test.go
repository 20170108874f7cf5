package status

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

func TestAnAnswerIsUnderstood(t *testing.T) {
	baku := time.FixedZone("Baku", 4*3600)
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, baku) }
	for name, c := range map[string]struct {
		body string
		want call.Standing
		err  error
	}{
		"all of it":                           {`{"status":"granted","changed":"2026-11-03","due":"2026-12-01"}`, call.Standing{State: "granted", Changed: day(2026, 11, 3), Due: day(2026, 12, 1)}, nil},
		"no dates":                            {` {"status":"inProgress"} ` + "\n", call.Standing{State: "inProgress"}, nil},
		"null for none":                       {`{"status":"ready","changed":null,"due":null}`, call.Standing{State: "ready"}, nil},
		"names beside it are stepped over":    {`{"name":"A. Person","status":"refused","family":{"status":"granted","n":[1,{"due":"x"}]}}`, call.Standing{State: "refused"}, nil},
		"a leap day there is":                 {`{"status":"ready","due":"2028-02-29"}`, call.Standing{State: "ready", Due: day(2028, 2, 29)}, nil},
		"a leap day there is not":             {`{"status":"ready","due":"2027-02-29"}`, call.Standing{}, faultDate},
		"day before month":                    {`{"status":"ready","due":"01-12-2026"}`, call.Standing{}, faultDate},
		"with a time of day":                  {`{"status":"ready","due":"2026-12-01T00:00:00Z"}`, call.Standing{}, faultDate},
		"an empty date":                       {`{"status":"ready","due":""}`, call.Standing{}, faultDate},
		"the year 1 for none":                 {`{"status":"ready","due":"0001-01-01"}`, call.Standing{}, faultDate},
		"the year 9999 for none":              {`{"status":"ready","changed":"9999-12-31"}`, call.Standing{}, faultDate},
		"a date as a number":                  {`{"status":"ready","due":20261201}`, call.Standing{}, faultJSON},
		"a state nobody knows":                {`{"status":"lost"}`, call.Standing{}, faultState},
		"a state in another spelling":         {`{"status":"Granted"}`, call.Standing{}, faultState},
		"no state":                            {`{"due":"2026-12-01"}`, call.Standing{}, faultState},
		"state null":                          {`{"status":null}`, call.Standing{}, faultState},
		"a state as a list":                   {`{"status":["granted"]}`, call.Standing{}, faultJSON},
		"the key in capitals is another key":  {`{"STATUS":"granted"}`, call.Standing{}, faultState},
		"two states":                          {`{"status":"granted","status":"refused"}`, call.Standing{}, faultJSON},
		"two states, one of them spelt aloud": {`{"status":"refused","Status":"granted"}`, call.Standing{State: "refused"}, nil},
		"a list of answers":                   {`[{"status":"granted"}]`, call.Standing{}, faultJSON},
		"an answer and another":               {`{"status":"granted"}{"status":"refused"}`, call.Standing{}, faultJSON},
		"cut off":                             {`{"status":"granted"`, call.Standing{}, faultJSON},
		"cut off behind the state":            {`{"status":"granted","due"`, call.Standing{}, faultJSON},
		"closed by the wrong bracket":         {`{"status":"granted"]`, call.Standing{}, faultJSON},
		"a web page":                          {`<html>granted</html>`, call.Standing{}, faultJSON},
		"nothing":                             {``, call.Standing{}, faultJSON},
		"deeper than anybody means":           {`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `,"status":"granted"}`, call.Standing{}, faultJSON},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseAnswer([]byte(c.body), baku)
			if s != c.want || !errors.Is(err, c.err) {
				t.Errorf("%+v, %v; want %+v, %v", s, err, c.want, c.err)
			}
		})
	}
}

// Whatever comes from outside: what a caller hears is of the closed list with days that can be meant,
// or nothing; and an error says its class and no word of what came.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{granted, `{"status":"lost"}`, `{"status":"granted","due":null,"x":[1,{}]}`, `{"status":"granted","status":"x"}`,
		`{"STATUS":"granted"}`, `[]`, `{"status":"granted"}}`, `{"due":"0001-01-01","status":"ready"}`, "\xef\xbb\xbf{}", `{"status":"gr\u0061nted"}`} {
		f.Add([]byte(seed))
	}
	classes := []error{faultJSON, faultState, faultDate}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := parseAnswer(body, time.UTC)
		if err != nil {
			if !slices.Contains(classes, err) || s != (call.Standing{}) {
				t.Fatalf("%+v, %v", s, err)
			}
			return
		}
		if !slices.Contains(call.StandingStates, s.State) || !s.Known.IsZero() {
			t.Fatalf("%+v", s)
		}
		for _, at := range []time.Time{s.Changed, s.Due} {
			if !at.IsZero() && (at.Year() < firstYear || at.Year() > lastYear || !at.Equal(at.Truncate(24*time.Hour))) {
				t.Fatalf("%v is no day", at)
			}
		}
	})
}
