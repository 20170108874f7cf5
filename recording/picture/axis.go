package picture

import (
	"fmt"
	"time"
)

// Clock is a time on an axis, to the second: 0:05, 1:02:03.
func Clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Fine is one with its tenths.
func Fine(d time.Duration) string {
	tenths := int(d.Round(100*time.Millisecond) / (100 * time.Millisecond))
	return fmt.Sprintf("%s.%d", Clock(time.Duration(tenths/10)*time.Second), tenths%10)
}

// steps are how far apart the ticks of an axis may be.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour,
}

// Ticks are the moments at which an axis of a length has its times, at most so many; the first is 0.
func Ticks(length time.Duration, most int) (at []time.Duration) {
	step := steps[len(steps)-1]
	for _, s := range steps {
		if length/s < time.Duration(max(1, most)) {
			step = s
			break
		}
	}
	for t := time.Duration(0); t <= length; t += step {
		at = append(at, t)
	}
	return at
}

// When is a time of day as people say it. zone nil: UTC.
func When(t time.Time, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("2006-01-02 15:04:05 -07:00")
}
