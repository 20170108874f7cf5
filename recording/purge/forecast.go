package purge

import (
	"context"
	"fmt"
	"math"
	"time"
)

const (
	// growthDays is how many whole days back the growth is measured: a week has its busy days and its Sunday.
	growthDays = 7

	// horizon is how far ahead is looked, in days: ten years. Whoever has room for so long has enough.
	horizon = 3653
)

// A Forecast says when the disk will be full.
type Forecast struct {
	At     time.Time
	Free   int64 // bytes that are free now
	Size   int64 // bytes there are
	Kept   int64 // bytes of recordings and messages
	Growth int64 // bytes a day, as the last week had
	Days   int   // of how many days that is the mean

	Purged30 int64     // bytes that come due within 30 days
	Full     time.Time // zero: not within the horizon
}

// Left is how long it takes until the disk is full; false: not within ten years.
func (f Forecast) Left() (time.Duration, bool) {
	if f.Full.IsZero() {
		return 0, false
	}
	return max(0, f.Full.Sub(f.At)), true
}

// A load is bytes by day from today on, 0 being what is due already.
type load map[int]int64

// Forecast adds up what there is and when it goes, and looks day by day at what free, the room that is left of size,
// comes to, if as much is recorded every day as in the last week, and is kept as long.
func (r *Reaper) Forecast(ctx context.Context, free, size int64) (f Forecast, err error) {
	now, rules := r.o.Now(), r.o.Rules()
	f = Forecast{At: now, Free: free, Size: size}
	today := startOf(now, rules.Zone)
	goes := load{}       // what is there, by the day on which it is erased
	habit := load{}      // of the last week, by how many days it is kept
	first := time.Time{} // day of the oldest recording
	holds, err := r.o.Rows.Holding(ctx, now)
	if err != nil {
		return f, fmt.Errorf("forecast of the disk: %w", err)
	}
	err = r.each(ctx, rules.Zone, func(folder string, day time.Time) (bool, error) {
		list, _, err := r.unerased(ctx, folder, day, holds, now)
		if err != nil || len(list) == 0 {
			return err == nil, err
		}
		files, err := r.root.OpenRoot(list[0].dir)
		if err != nil {
			return false, err
		}
		defer files.Close() // only looked at
		ago := daysBetween(day, today)
		for _, j := range list {
			n := j.weigh(files)
			f.Kept += n
			if first.IsZero() || day.Before(first) {
				first = day
			}
			due := -1
			if !j.verdict.Due.IsZero() && len(j.verdict.Holds) == 0 {
				due = max(0, daysBetween(today, startOf(j.verdict.Due, rules.Zone)))
				goes[due] += n
			}
			if ago >= 1 && ago <= growthDays {
				kept := horizon + 1 // nobody knows yet
				if due >= 0 {
					kept = due + ago
				}
				habit[kept] += n
			}
		}
		return true, nil
	})
	if err != nil {
		return f, fmt.Errorf("forecast of the disk: %w", err)
	}
	if !first.IsZero() {
		f.Days = min(growthDays, daysBetween(first, today))
	}
	f.look(goes, habit, today)
	return f, nil
}

// look walks the days ahead.
func (f *Forecast) look(goes, habit load, today time.Time) {
	f.Full = time.Time{}
	for day, n := range goes {
		if day <= 30 {
			f.Purged30 += n
		}
	}
	week := int64(0)
	for _, n := range habit {
		week += n
	}
	if f.Days > 0 {
		f.Growth = week / int64(f.Days)
	}
	free := float64(f.Free)
	for day := range horizon {
		free += float64(goes[day])
		// What is recorded on each day to come goes again as many days later as the last week's does.
		for kept, n := range habit {
			if day >= kept && f.Days > 0 {
				free += float64(n) / float64(f.Days)
			}
		}
		if free -= float64(f.Growth); free <= 0 {
			part := 1.0
			if f.Growth > 0 {
				part = max(0, 1+free/float64(f.Growth)) // the share of the day that it takes
			}
			f.Full = today.AddDate(0, 0, day).Add(time.Duration(part * 24 * float64(time.Hour)))
			return
		}
	}
}

// Tell sets the metric.
func (r *Reaper) Tell(f Forecast) {
	left, ok := f.Left()
	if !ok {
		r.metrics.full.Set(math.Inf(1))
		return
	}
	r.metrics.full.Set(left.Seconds())
}

func startOf(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// daysBetween counts the calendar days from a to b, whatever the clocks did between.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(b).Sub(day(a)) / (24 * time.Hour))
}
