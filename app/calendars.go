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

// lookAgain is how often the calendars are looked at: the alarm of 20 December is no matter of
// minutes.
const lookAgain = time.Hour

// calendars alarm when holidays that must be known are not: see configs.Calendar.MovableMissing.
type calendars struct {
	now     func() time.Time
	log     *zap.Logger
	missing *prometheus.GaugeVec

	mu   sync.Mutex
	file *configs.File
	told map[string]configs.Date // by calendar: the day of the last line of the log
}

// openCalendars looks at the calendars now, and again until the server stops.
func (a *App) openCalendars(context.Context) error {
	a.calendars = newCalendars(a.o.Now, a.log.Named("calendar"), a.metrics)
	a.calendars.look(a.file)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { a.calendars.watch(ctx) })
	a.steps.closer("calendars", func() error { stop(); wg.Wait(); return nil })
	return nil
}

func newCalendars(now func() time.Time, log *zap.Logger, metrics prometheus.Registerer) *calendars {
	return &calendars{now: now, log: log, told: map[string]configs.Date{}, missing: promauto.With(metrics).NewGaugeVec(prometheus.GaugeOpts{
		Name: "hotline_calendar_movable_missing",
		Help: "Movable holidays that a calendar with holidays: az should know and does not: of this year, from 20 December on of the next.",
	}, []string{"calendar"})}
}

func (c *calendars) watch(ctx context.Context) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.look(nil)
		}
	}
}

// look sets the metric and, once a day, says what is missing. A file takes the place of the one
// before; nil: that one again.
func (c *calendars) look(file *configs.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if file != nil {
		c.file = file
		c.missing.Reset()
		clear(c.told)
	}
	today := configs.DateOf(c.now().In(c.file.Zone()))
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
