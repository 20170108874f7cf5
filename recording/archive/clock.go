package archive

import "time"

// A Clock tells the time. An archive has its own, so that a test can let an hour pass.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

type machineClock struct{}

func (machineClock) Now() time.Time                         { return time.Now() }
func (machineClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
