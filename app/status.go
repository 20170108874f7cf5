package app

import (
	"hotline/configs"
	"hotline/line"
	"hotline/status"
)

// openStatus makes what answers how applications stand. A reload does not change it: it is a system's
// address, not a matter of the day.
func (a *App) openStatus() (line.Statuses, error) {
	o := statusOptions(a.file)
	o.Own, o.Log, o.Metrics, o.Now = a.register.Standing, a.log, a.metrics, a.o.Now
	c, err := status.New(o)
	if err != nil {
		return nil, err
	}
	a.steps.closer("status", func() error { c.Close(); return nil })
	return c, nil
}

func statusOptions(f *configs.File) status.Options {
	s := f.Status
	return status.Options{
		URL: s.URL, Token: s.Token, CA: s.CA, Certificate: s.Certificate, Key: s.Key, Timeout: s.Timeout.D(), Cache: s.Cache.D(),
		Daily: s.Daily, Zone: f.Zone(),
	}
}
