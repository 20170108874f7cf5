package archive

import "time"

// An action is what is done with one file at one place.
type action int

const (
	send     action = iota // it is not there, or may be replaced
	check                  // it seems to be there: read it back
	renew                  // what is there is ours and damaged: delete it and send it again
	conflict               // what is there is another file
)

// decide says what to do with a file of which a place says what it has, or nothing (found false).
func decide(f File, fixed, found bool, there Object) action {
	same := there.Size == f.Size && (there.SHA256 == "" || there.SHA256 == f.SHA256)
	switch {
	case !found:
		return send
	case same:
		return check
	case !fixed:
		return send
	case there.SHA256 == f.SHA256: // under the checksum that we gave it lies something of another size
		return renew
	}
	return conflict
}

// wanting reports whether a recording has to be sent to a place: there is no copy, or a file that
// may change is not what it was when it was sent.
func wanting(c *Copy, here []File) bool {
	if c == nil {
		return true
	}
	for _, f := range here {
		if _, ok := sent(c, f); !ok {
			return true
		}
	}
	return false
}

// removable says when the sound here may go: false, never as things are. all says that each place
// has the recording, keep how long the sound stays here after the seal; negative: always.
func removable(all bool, sealed time.Time, keep time.Duration) (at time.Time, ok bool) {
	if !all || keep < 0 || sealed.IsZero() {
		return time.Time{}, false
	}
	return sealed.Add(keep), true
}

const (
	// A place that failed rests so long at first, and twice as long each time, up to longestRest; the
	// recording that failed rests as long again. So what was down for an hour is noticed within ten
	// minutes where much waits, and within twenty where one recording does.
	firstRest   = time.Second
	longestRest = 10 * time.Minute

	// A recording that is not right itself is tried again the next days: a person has to look.
	firstPause   = 10 * time.Minute
	longestPause = 24 * time.Hour
)

// backoff is how long to wait after so many failures in a row.
func backoff(fails int, first, longest time.Duration) time.Duration {
	d := first
	for i := 1; i < fails && d < longest; i++ {
		d *= 2
	}
	return min(d, longest)
}
