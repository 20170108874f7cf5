package recording

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

const (
	// hangs is how long one write may take before the disk counts as unfit: by then two fifths
	// of what memory can bridge is still left.
	hangs = 2 * time.Second

	// probeEvery is how often the disk is tried when nobody calls.
	probeEvery = 5 * time.Second

	// leastFree is the room below which no new recording should be begun, besides an hour of those there are: half
	// an hour of one call. Of a small disk it is a twentieth.
	leastFree = 64 << 20

	// anHour is an hour of a recording at its largest.
	anHour = 3600 * call.ClockRate * 4

	probeName = "probe.tmp"
)

// health is what is known of the disk.
type health struct {
	mu     sync.Mutex
	err    error     // of the last write, nil after a good one
	space  error     // of the last look at the room
	since  time.Time // the writer is in one write since then; zero: it is not
	probed time.Time // the same of the probe
}

func (h *health) begin(now time.Time) { h.set(func() { h.since = now }) }
func (h *health) end()                { h.set(func() { h.since = time.Time{} }) }
func (h *health) bad(err error)       { h.set(func() { h.err = err }) }
func (h *health) good()               { h.set(func() { h.err = nil }) }

func (h *health) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// Healthy says whether the disk, or that of the second directory, would take a recording now: nil, or why not. It
// touches neither, so it never waits for them.
func (r *Recorder) Healthy() error {
	now := r.now()
	h := &r.health
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, since := range []time.Time{h.since, h.probed} {
		if took := now.Sub(since); !since.IsZero() && took > hangs {
			return fmt.Errorf("the disk of the recordings has been silent for %v", took.Truncate(time.Second))
		}
	}
	err := errors.Join(h.err, h.space)
	if err == nil || r.second == nil {
		return err
	}
	if worse := r.second.unfit(r); worse != nil {
		return errors.Join(err, worse)
	}
	return nil // the second takes it
}

// watchDisk is the goroutine that tries the disk now and then.
func (r *Recorder) watchDisk() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.quit:
			return
		}
		r.tryDisk()
		if r.second != nil {
			if err := r.probeSecond(); err != nil {
				r.log.Debug("the second directory is of no use", zap.Error(err))
			}
		}
	}
}

// tryDisk notes whether the disk takes anything.
func (r *Recorder) tryDisk() {
	if err := r.probe(); err != nil {
		r.health.bad(err)
	} else {
		r.health.good()
	}
}

// probe writes a small file and takes it away again.
func (r *Recorder) probe() error {
	r.health.set(func() { r.health.probed = r.now() })
	defer r.health.set(func() { r.health.probed = time.Time{} })
	free, size, err := r.room(r.o.Dir)
	if err == nil {
		r.metrics.free.Set(float64(free))
		r.metrics.size.Set(float64(size))
	}
	r.mu.Lock()
	running := uint64(len(r.calls))
	r.mu.Unlock()
	if err == nil && free < min(leastFree+running*anHour, size/20) {
		err = fmt.Errorf("the disk of the recordings has only %d MiB left", free>>20)
	}
	r.health.set(func() { r.health.space = err })
	if err := r.root.WriteFile(probeName, make([]byte, blockSize), fileMode); err != nil {
		return fmt.Errorf("the disk of the recordings takes nothing: %w", err)
	}
	if err := r.root.Remove(probeName); err != nil {
		return fmt.Errorf("the disk of the recordings: %w", err)
	}
	return nil
}
