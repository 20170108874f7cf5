package desk

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// maxCalls is the most records one answer carries.
const maxCalls = 10000

// limitOf is how many rows a request wants; unsaid where it does not say.
func limitOf(r *http.Request, unsaid int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return unsaid, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxCalls {
		return 0, fmt.Errorf("%w: limit is a number from 1 to %d", ErrInvalid, maxCalls)
	}
	return n, nil
}

// sinceOf is the time that a request begins with; zero: the first there is.
func sinceOf(r *http.Request) (since time.Time, err error) {
	if text := r.URL.Query().Get("since"); text != "" {
		if since, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return since, fmt.Errorf("%w: since is an RFC 3339 time", ErrInvalid)
		}
	}
	return since, nil
}

// flagOf reads a parameter that is true or false; without it, false.
func flagOf(r *http.Request, key string) (bool, error) {
	text := r.URL.Query().Get(key)
	if text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%w: %s is true or false", ErrInvalid, key)
	}
	return on, nil
}

// flags reads parameters that are true or false.
func flags(r *http.Request, into map[string]*bool) (err error) {
	for key, to := range into {
		if *to, err = flagOf(r, key); err != nil {
			return err
		}
	}
	return nil
}
