package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"hotline/configs"
)

// lookAgain is how often the calendars are looked at, besides at the borders of hours: a clock that
// was set, or a machine that slept, is noticed within it.
const lookAgain = time.Minute

// calendars tell what follows from a calendar though nobody calls: that the hours of a queue begin
// and end, and that holidays which must be known are not (configs.Calendar.MovableMissing).
type calendars struct {
	now      func() time.Time
	setHours func(queue string, open bool)
	log      *zap.Logger
	missing  *prometheus.GaugeVec

	mu    sync.Mutex
	file  *configs.File
	hours map[string][]*configs.Schedule // by queue: of the lines that lead there
	open  map[string]bool                // by queue: as last told
	told  map[string]configs.Date        // by calendar: the day of the last line of the log

	closed bool // nothing opens any more
}

// closeAll ends the hours of all queues for good: a server that drains calls nobody back.
func (c *calendars) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for queue := range c.hours {
		c.setHours(queue, false)
	}
}

// openCalendars looks at the calendars now, and again until the server stops.
func (a *App) openCalendars(context.Context) error {
	a.calendars = newCalendars(a.o.Now, a.floor.SetHours, a.log.Named("calendar"), a.metrics)
	a.calendars.configure(a.file)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { a.calendars.watch(ctx) })
	a.steps.closer("calendars", func() error { stop(); wg.Wait(); return nil })
	return nil
}

func newCalendars(now func() time.Time, setHours func(string, bool), log *zap.Logger, metrics prometheus.Registerer) *calendars {
	return &calendars{now: now, setHours: setHours, log: log, missing: promauto.With(metrics).NewGaugeVec(prometheus.GaugeOpts{
		Name: "hotline_calendar_movable_missing",
		Help: "Movable holidays that a calendar with holidays: az should know and does not: of this year, from 20 December on of the next.",
	}, []string{"calendar"})}
}

func (c *calendars) watch(ctx context.Context) {
	for {
		timer := time.NewTimer(c.look())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// configure takes another file, and tells everything anew. The floor knows its queues already.
func (c *calendars) configure(f *configs.File) {
	c.mu.Lock()
	c.file, c.hours, c.open, c.told = f, queueHours(f), map[string]bool{}, map[string]configs.Date{}
	c.missing.Reset()
	c.mu.Unlock()
	c.look()
}

// look tells what is so now and was not when it last looked. It gives how long nothing changes, at
// most lookAgain.
func (c *calendars) look() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	rest := lookAgain
	for queue, hours := range c.hours {
		open := false
		for _, h := range hours {
			open = open || h.Open(now) && !c.closed
			if until := h.Until(now); !until.IsZero() {
				rest = min(rest, until.Sub(now))
			}
		}
		if was, told := c.open[queue]; !told || was != open {
			c.open[queue] = open
			c.setHours(queue, open)
		}
	}
	c.alarm(configs.DateOf(now.In(c.file.Zone())))
	return rest
}

// alarm sets the metric and, once a day, says which holidays are missing.
func (c *calendars) alarm(today configs.Date) {
	for name, calendar := range c.file.Calendars {
		year, feasts := calendar.MovableMissing(today)
		c.missing.WithLabelValues(name).Set(float64(len(feasts)))
		if len(feasts) == 0 || c.told[name] == today {
			continue
		}
		c.told[name] = today
		c.log.Warn("holidays are missing: on these days the line would be open", zap.String("calendar", name), zap.Int("year", year),
			zap.Strings("holidays", feasts), zap.String("do", "write them under calendars."+name+".movable as the Cabinet of Ministers announced them, and reload"))
	}
}

// Warnings are what is right in a file and needs somebody all the same, as of now.
func Warnings(f *configs.File, now time.Time) (list configs.Faults) {
	today := configs.DateOf(now.In(f.Zone()))
	for _, name := range slices.Sorted(maps.Keys(f.Calendars)) {
		if year, feasts := f.Calendars[name].MovableMissing(today); len(feasts) > 0 {
			list = append(list, f.Fault("calendars."+name+".movable", fmt.Sprintf("has no %s of %d", strings.Join(feasts, ", no "), year),
				"write them under "+strconv.Itoa(year)+" as the Cabinet of Ministers announces them"))
		}
	}
	return list
}
