package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
)

const (
	// proveEvery is how often it is looked whether the nightly proof is to be given.
	proveEvery = 10 * time.Minute

	// proveAfter is the hour of the night from which on it is given, when few call.
	proveAfter = 3

	// settledAfter is how long after its end a call's recording may still be about to be sealed.
	settledAfter = time.Minute
)

// A reconciler proves that each answered call has a recording or a stated reason.
type reconciler struct {
	folder
	now     func() time.Time
	log     *zap.Logger
	missing prometheus.Counter // that of recording, which has counted what the disk refused
	found   prometheus.Gauge
	proved  prometheus.Gauge
	last    string // day of the last proof

	mu sync.Mutex // one proof at a time, so that nothing is told twice
}

// proveComplete lets the proof be given each night for as long as the server runs.
func (a *App) proveComplete(context.Context) error {
	r := &reconciler{
		folder: a.folder(), now: a.o.Now, log: a.log.Named("evidence"), missing: a.recorder.Missing(),
		found: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_unexplained", Help: "Answered calls without a recording and without a reason, as the last proof found them.",
		}),
		proved: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_proved_timestamp_seconds", Help: "When it was last proved that each answered call has a recording or a reason; 0: not since the start.",
		}),
	}
	a.metrics.MustRegister(r.found, r.proved)
	a.reconciler = r
	a.steps.runner("completeness", 5*time.Second, r.run)
	return nil
}

func (r *reconciler) run(ctx context.Context) {
	tick := time.NewTicker(proveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := r.nightly(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("it could not be proved that every call has its recording; it is tried again", zap.Error(err))
		}
	}
}

// nightly gives the proof once a night, over all calls there are.
func (r *reconciler) nightly(ctx context.Context) error {
	now := r.now().In(r.file().Zone())
	night := now.Format(time.DateOnly)
	if now.Hour() < proveAfter || r.last == night {
		return nil
	}
	c, err := r.prove(ctx, time.Time{})
	if err != nil {
		return err
	}
	r.last = night
	r.log.Info("each answered call has a recording or a reason, but for those missing", zap.Int("answered", c.Answered),
		zap.Int("recorded", c.Recorded), zap.Any("without", c.Without), zap.Int("missing", len(c.Missing)))
	return nil
}

// prove looks at every answered call that arrived since. What is newly found missing is counted, and told by the
// event recording.missing.
func (r *reconciler) prove(ctx context.Context, since time.Time) (wire.Completeness, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, news, err := r.completeness(ctx, since, r.now())
	if err != nil {
		return out, err
	}
	for _, id := range news {
		r.missing.Inc()
		r.store.Event(call.Event{At: r.now(), Call: id, Name: "recording.missing", Data: map[string]string{"reason": string(call.UnrecordedUnknown)}})
		r.store.RecordingMissing(id, call.UnrecordedUnknown)
		r.log.Error("a call was answered and has no recording, and nothing says why", zap.String("call", string(id)))
	}
	if since.IsZero() {
		r.found.Set(float64(len(out.Missing)))
		r.proved.Set(float64(r.now().Unix()))
	}
	return out, nil
}

// completeness counts answered calls by what became of their recordings. news are those missing that nobody has
// found missing before.
func (f folder) completeness(ctx context.Context, since, now time.Time) (out wire.Completeness, news []call.ID, err error) {
	out = wire.Completeness{Since: wire.Time(since), Without: map[string]int{}, Missing: []string{}}
	err = f.store.EachCall(ctx, since, func(r call.Record) error {
		if r.Answered.IsZero() || r.Ended.IsZero() || now.Sub(r.Ended) < settledAfter {
			return nil
		}
		out.Answered++
		kept, err := f.isKept(r)
		switch {
		case err != nil:
			return err
		case kept:
			out.Recorded++
		case r.Recording == "" && r.Unrecorded != "" && r.Unrecorded != call.UnrecordedUnknown:
			out.Without[string(r.Unrecorded)]++
		default:
			out.Missing = append(out.Missing, string(r.ID))
			if r.Unrecorded != call.UnrecordedUnknown {
				news = append(news, r.ID)
			}
		}
		return nil
	})
	return out, news, err
}

// isKept reports whether a call's recording has its manifest, or is still being written or sealed: it has its
// sound then, here or in the second directory. What the manifest says is verify's matter.
func (f folder) isKept(r call.Record) (bool, error) {
	if r.Recording == "" {
		return false, nil
	}
	name := filepath.Join(f.data, r.Recording)
	paths := []string{strings.TrimSuffix(name, filepath.Ext(name)) + ".json", name}
	if below, ok := strings.CutPrefix(r.Recording, "recordings/"); ok && f.second != "" {
		paths = append(paths, filepath.Join(f.second, below))
	}
	for _, path := range paths {
		_, err := os.Stat(path)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("look for the recording of call %s: %w", r.ID, err)
		}
	}
	return false, nil
}

// Completeness proves it now.
func (s sounds) Completeness(ctx context.Context, since time.Time) (wire.Completeness, error) {
	if s.prove != nil {
		return s.prove(ctx, since)
	}
	out, _, err := s.completeness(ctx, since, time.Now())
	return out, err
}
