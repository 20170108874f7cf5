package backup

import (
	"context"
	"errors"
	"maps"
	"path"
	"strings"
	"time"

	"hotline/call"
	"hotline/store"
)

// Progress is how far a run is.
type Progress struct {
	Doing       string // what is done now, in words
	Files       int    // looked at
	Done, Total int64  // bytes; Total is 0 while it is not known
}

// A pace bounds how many bytes a second are copied, so that a server on the same disk notices
// nothing, and tells how far a run is. Nobody saves up: after a pause no burst follows.
type pace struct {
	rate int64 // bytes a second; 0: no bound
	next time.Time
	tell func(Progress)
	told time.Time
	at   Progress
}

// tellEvery is the least time between two words of progress.
const tellEvery = 100 * time.Millisecond

// took waits until so many bytes may have been moved, and counts them.
func (p *pace) took(ctx context.Context, n int) error {
	p.at.Done += int64(n)
	p.say(false)
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	wait := p.next.Sub(now)
	if wait < time.Millisecond { // the kernel's clock is no finer
		return ctx.Err()
	}
	return sleep(ctx, wait)
}

// sleep waits, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin names what is done from now on.
func (p *pace) begin(doing string, total int64) {
	p.at = Progress{Doing: doing, Total: total}
	p.say(true)
}

// goOn names what is done from now on as part of what was begun.
func (p *pace) goOn(doing string) {
	p.at.Doing = doing
	p.say(true)
}

// file counts one file.
func (p *pace) file() {
	p.at.Files++
	p.say(false)
}

func (p *pace) say(now bool) {
	if p.tell == nil || !now && time.Since(p.told) < tellEvery {
		return
	}
	p.told = time.Now()
	p.tell(p.at)
}

// checked has the recordings below data looked at, no faster than the pace: how many bytes each has is
// not known, so they count as equals.
func (p *pace) checked(ctx context.Context, check Check, data string, m Manifest, rows store.Rows) ([]string, error) {
	var total int64
	for _, e := range m.Files {
		if strings.HasPrefix(e.Path, inData(recordingsFolder)+"/") || strings.HasPrefix(e.Path, inData(messagesFolder)+"/") {
			total += e.Size
		}
	}
	open := map[string]bool{}
	for _, stem := range m.Open {
		open[stem] = true
	}
	expected := maps.Clone(rows.Recordings)
	maps.DeleteFunc(expected, func(p string, _ call.ID) bool { return open[strings.TrimSuffix(p, path.Ext(p))] })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.begin("checking recordings", total)
	found, err := check(ctx, data, expected, func(_, of int) {
		p.at.Files++
		if of > 0 {
			if err := p.took(ctx, int(total/int64(of))); err != nil {
				cancel(err)
			}
		}
	})
	return found, errors.Join(err, context.Cause(ctx))
}
