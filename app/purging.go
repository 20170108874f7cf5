package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/recording"
	"hotline/recording/access"
	"hotline/recording/chain"
	"hotline/recording/purge"
)

// Plan implements desk.Purger.
func (k *keeper) Plan(ctx context.Context) (wire.Purge, error) {
	p, err := k.reaper.Plan(ctx)
	if err != nil {
		return wire.Purge{}, err
	}
	out := wire.Purge{At: wire.Time(p.At), SteadyForMS: p.Left.Milliseconds(), Due: erasures(p.Due), Held: keptBack(p.Held)}
	if p.Stopped != "" {
		out.Stopped = &p.Stopped
	}
	if p.Next != nil {
		out.Next = &erasures([]purge.Erasure{*p.Next})[0]
	}
	return out, nil
}

func erasures(list []purge.Erasure) []wire.Erasure {
	out := make([]wire.Erasure, len(list))
	for i, e := range list {
		out[i] = wire.Erasure{
			ID: string(e.ID), Kind: e.Kind, Call: string(e.Call), Path: e.Path, SHA256: e.SHA256, Bytes: e.Bytes, Class: e.Class, Due: wire.Time(e.Due), Rule: e.Rule,
		}
	}
	return out
}

func keptBack(list []purge.Kept) []wire.Kept {
	out := make([]wire.Kept, len(list))
	for i, h := range list {
		out[i] = wire.Kept{ID: string(h.ID), Kind: h.Kind, Call: string(h.Call), Class: h.Class, Why: h.Why}
	}
	return out
}

// Purge implements desk.Purger: the recording of a call, and the messages that were left in it.
func (k *keeper) Purge(ctx context.Context, id call.ID, d wire.Decision) (out wire.Certificate, err error) {
	if err := k.second(ctx, d.By, d.With); err != nil {
		return out, err
	}
	row, err := k.store.Call(ctx, id)
	if err != nil {
		return out, known(err)
	}
	e, err := k.asks(ctx, d.By, access.Purge, d.Why, id)
	if err != nil {
		return out, err
	}
	e.With = d.With
	var things []purge.Thing
	if row.Recording != "" {
		things = append(things, purge.Thing{ID: id, Kind: purge.KindRecording, Path: row.Recording})
	}
	of, err := k.store.CasesOf(ctx, []call.ID{id})
	if err != nil {
		return out, err
	}
	for _, c := range of[id] {
		if c.Message != "" {
			things = append(things, purge.Thing{ID: c.ID, Kind: purge.KindMessage, Path: c.Message})
		}
	}
	c, err := k.reaper.Order(ctx, e, things)
	if err != nil {
		return out, inWords(err)
	}
	return wire.Certificate{ID: c.ID, File: c.File(), Erased: erasures(c.Erased), Held: keptBack(c.Held)}, nil
}

// ClockIsRight implements desk.Purger.
func (k *keeper) ClockIsRight(ctx context.Context, d wire.Decision) error {
	e, err := k.asks(ctx, d.By, access.Clock, d.Why, "")
	if err != nil {
		return err
	}
	if err := k.ask(ctx, e); err != nil {
		return err
	}
	return k.reaper.Vouch(d.By)
}

// Disk implements desk.Purger.
func (k *keeper) Disk(ctx context.Context) (out wire.Disk, err error) {
	f, err := k.forecast(ctx)
	if err != nil {
		return out, err
	}
	out = wire.Disk{
		At: wire.Time(f.At), FreeBytes: f.Free, SizeBytes: f.Size, KeptBytes: f.Kept, GrowthBytesDay: f.Growth, GrowthDays: f.Days, Purged30Bytes: f.Purged30,
		FullAt: wire.Time(f.Full),
	}
	if left, ok := f.Left(); ok {
		seconds := int64(left / time.Second)
		out.FullInSeconds = &seconds
	}
	return out, nil
}

// forecast looks when the disk will be full, and tells the metric.
func (k *keeper) forecast(ctx context.Context) (purge.Forecast, error) {
	free, size, err := recording.Room(k.data)
	if err != nil {
		return purge.Forecast{}, err
	}
	f, err := k.reaper.Forecast(ctx, int64(free), int64(size))
	if err == nil {
		k.reaper.Tell(f)
	}
	return f, err
}

const (
	// roomEvery is how often the room of the disk is looked at.
	roomEvery = time.Minute

	// forecastEvery is how often it is forecast when the disk will be full: it looks at every file.
	forecastEvery = 6 * time.Hour
)

// roomMarks are the shares of the disk at which it is said aloud that the room runs short.
var roomMarks = []float64{0.20, 0.10}

// watchDisk warns when the room runs short, and forecasts when there will be none.
func (k *keeper) watchDisk(ctx context.Context) {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	level, looked := 0, time.Time{}
	for {
		if free, size, err := recording.Room(k.data); err == nil && size > 0 {
			level = k.sayRoom(level, float64(free)/float64(size), free)
		}
		if now := time.Now(); now.Sub(looked) >= forecastEvery {
			looked = now
			if f, err := k.forecast(ctx); err != nil && ctx.Err() == nil {
				k.log.Warn("it cannot be said when the disk will be full", zap.Error(err))
			} else if left, ok := f.Left(); ok && left < 30*24*time.Hour {
				k.log.Warn("the disk of the recordings will be full within a month", zap.Duration("in", left.Round(time.Hour)))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sayRoom says when the share of the disk that is free crosses a mark, and gives how many are crossed. It has to
// rise by a hundredth above a mark before falling below it is said again.
func (k *keeper) sayRoom(was int, share float64, free uint64) (level int) {
	for _, mark := range roomMarks {
		if share < mark {
			level++
		}
	}
	if level < was && share < roomMarks[was-1]+0.01 {
		return was
	}
	if level > was {
		k.log.Warn("the disk of the recordings runs short", zap.Float64("free_share", share), zap.Uint64("free_bytes", free), zap.Float64("below", roomMarks[level-1]))
	}
	if level < was {
		k.log.Info("the disk of the recordings has room again", zap.Float64("free_share", share), zap.Uint64("free_bytes", free))
	}
	return level
}

// erasedLinks put into the chain of the recordings what is erased.
type erasedLinks struct{ evidence func() (*evidence, error) }

// Erased implements purge.Chain: a link for each, so that each tombstone is its own.
func (l erasedLinks) Erased(_ context.Context, list []purge.Erasure) (links [][]byte, err error) {
	c, err := l.evidence()
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		by := "hotline"
		if e.By != "" {
			by = e.By + " with " + e.With
		}
		p := e.Path // a message is in no chain until it is erased; its path tells it from a recording
		if e.Kind == purge.KindRecording {
			p = strings.TrimPrefix(p, "recordings/")
		}
		line, err := c.Erase(e.Rule, by, []chain.Gone{{Call: string(e.Call), Path: p, Manifest: e.Link}})
		if err != nil {
			return nil, fmt.Errorf("link: %w", err)
		}
		links = append(links, line)
	}
	return links, nil
}
