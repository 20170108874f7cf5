package recording

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// retryEvery is how often a disk that refused is asked again.
const retryEvery = 500 * time.Millisecond

// behind is how far a file to which nothing comes stays behind the call: a call whose end is told
// late must not have a longer file.
const behind = 500 * time.Millisecond

// The operations a disk may refuse.
const (
	opCreate = "create"
	opWrite  = "write"
	opSync   = "sync"
	opSeal   = "seal"
)

// A writer is what the writer's goroutine keeps for one recording.
type writer struct {
	window  *window
	axes    [2]axis
	closed  [2][]stretch // by channel: where it is not written
	hushed  [2]int       // of them, those that what was written before has been held against
	mute    bool         // what the caller is sent is not written now
	headed  bool         // the file has its header
	retry   time.Time    // not before, after a refusal
	refused time.Time    // writes have been since then
	barred  bool         // the disk would not create it, and nothing else stood in its place
	gone    bool         // handed over to be sealed
}

// write is the goroutine that writes all recordings.
func (r *Recorder) write() {
	defer close(r.written)
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	var round []*Recording
	for {
		quit := false
		select {
		case <-tick.C:
			round = r.everyone(round[:0])
		case <-r.wake:
			round = r.hurried(round[:0])
		case <-r.quit:
			round, quit = r.everyone(round[:0]), true
		}
		r.health.begin(r.now())
		for _, g := range round {
			r.guard(g)
			r.health.begin(r.now())
		}
		r.health.end()
		if quit {
			r.abandon(round)
			return
		}
		clear(round)
	}
}

// everyone appends all recordings that are open.
func (r *Recorder) everyone(round []*Recording) []*Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.urgent = r.urgent[:0]
	for _, g := range r.calls {
		round = append(round, g)
	}
	return round
}

// hurried appends those that cannot wait.
func (r *Recorder) hurried(round []*Recording) []*Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	round = append(round, r.urgent...)
	clear(r.urgent)
	r.urgent = r.urgent[:0]
	return round
}

// abandon closes the files of those that nobody has sealed.
func (r *Recorder) abandon(round []*Recording) {
	for _, g := range round {
		if g.writer.gone {
			continue
		}
		r.forget(g)
		g.closeFiles()
	}
}

// closeFiles lets go of the files. What could not be written has been told before.
func (g *Recording) closeFiles() {
	var err error
	if f := g.file.Load(); f != nil {
		err = f.Close()
	}
	if d := g.draft.Load(); d != nil {
		err = errors.Join(err, d.Close())
	}
	if g.box != nil && g.box.file.Load() != nil {
		err = errors.Join(err, g.box.file.Load().Close())
	}
	if g.spill.state.CompareAndSwap(spillOver, spillIdle) && g.spill.made != nil {
		err = errors.Join(err, g.spill.made.close())
	}
	if g.renewal.mu.TryLock() { // otherwise a disk hangs over it
		err = errors.Join(err, g.renewal.leave(g.r, g))
		g.renewal.mu.Unlock()
	}
	if err != nil {
		g.r.log.Warn("closing a recording", zap.String("call", string(g.meta.Call)), zap.Error(err))
	}
}

// guard serves one recording so that a bug met in its call ends its recording and no other.
func (r *Recorder) guard(g *Recording) {
	defer func() {
		if p := recover(); p != nil {
			r.giveUp(g, r.bug(g, p))
		}
	}()
	r.serve(g)
}

// bug counts and logs a panic met in one call's recording, and makes an error of it.
func (r *Recorder) bug(g *Recording, p any) error {
	r.metrics.panics.Inc()
	r.log.Error("a panic while writing a recording; the next start repairs it", zap.String("call", string(g.meta.Call)),
		zap.Any("panic", p), zap.StackSkip("stack", 2))
	return fmt.Errorf("%w: %v", errBug, p)
}

// errBug is a panic of ours, which another try would only repeat.
var errBug = errors.New("a panic while writing")

// giveUp ends the writer's care for a recording that it cannot go on with. What the file has is
// sealed by the next start.
func (r *Recorder) giveUp(g *Recording, err error) {
	g.writer.gone = true
	g.mu.Lock()
	begun := g.closing
	g.closing, g.settled = true, true
	g.fault = cmp.Or(g.fault, err)
	g.result, g.err = g.unsealed(), err
	later := g.later
	g.mu.Unlock()
	r.forget(g)
	g.closeFiles()
	close(g.done)
	if later && r.o.Sealed != nil {
		r.o.Sealed(g.meta.Call, g.result)
	}
	if begun {
		r.sealing.Done()
	}
}

// serve writes what has come in for one recording, and hands it over where its call has ended.
func (r *Recorder) serve(g *Recording) {
	w := &g.writer
	if w.gone {
		return
	}
	if r.spilledOver(g) {
		return // what comes in stays in the ring meanwhile
	}
	now := g.since(r.now()) // before collect: what came until then is in it
	in, news, closing := g.collect()
	rested := closing || !r.now().Before(w.retry)
	if !w.headed && rested {
		r.create(g, news)
	}
	if !closing {
		r.adopt(g)
	}
	if rested && w.window.failed {
		r.flush(g) // before new sound pushes out what is left of the old
	}
	for ch := range w.closed {
		for _, s := range w.closed[ch][min(w.hushed[ch], len(w.closed[ch])):] { // since the last time
			w.window.silence(call.Channel(ch), s)
		}
		w.hushed[ch] = len(w.closed[ch])
	}
	for b := in.head; b != nil; b = b.next {
		b.each(g.place)
	}
	r.pool.put(in.head)
	for i, s := range in.lost {
		if !s.empty() {
			g.gap(call.Channel(i), s, "overflow")
			r.metrics.overflow.Add((s.to - s.from).Seconds())
		}
	}
	switch {
	case closing:
		w.window.grow(timeSamples(g.since(g.ended)))
	case w.mute:
		// Otherwise what the caller is sent, which never ceases, keeps the file in step.
		w.window.grow(timeSamples(now - behind))
	}
	if closing || !r.now().Before(w.retry) {
		r.flush(g)
	}
	if news != nil && g.draft.Load() != nil {
		r.append(g, *news)
	}
	if r.spills(g, closing) {
		return
	}
	if closing {
		w.gone = true
		r.forget(g)
		go r.seal(g)
	}
}

// collect takes what has come in since the last time: sound, and what is newly known, unless the
// disk is to be left alone or the manifest is about to be written anyway. It gives the lock back
// even if it meets a bug, or that would hold the media thread for ever.
func (g *Recording) collect() (in ring, news *manifest, closing bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := &g.writer
	for ch := range w.closed {
		w.closed[ch] = g.silent[ch].stretches(w.closed[ch][:0])
	}
	w.mute = !g.writes[call.Heard]
	if g.changed && !g.closing && !g.r.now().Before(w.retry) {
		m := g.manifest()
		news, g.changed = &m, false
	}
	return g.ring.take(), news, g.closing
}

// place gives a frame its place in the window.
func (g *Recording) place(f frame) {
	if f.codec != call.PCMA && f.codec != call.PCMU {
		g.gap(f.channel, span{f.at, f.at + 20*time.Millisecond}, "codec")
		return
	}
	pos := g.writer.axes[f.channel&1].place(f.timestamp, timeSamples(f.at))
	if !g.writer.window.put(f.channel, pos, f.payload, f.codec, g.writer.closed[f.channel&1]) {
		g.r.metrics.late.Inc()
	}
}

// gap marks a stretch of a channel as lost. Stretches that touch are one.
func (g *Recording) gap(ch call.Channel, s span, reason string) {
	s.from = max(0, s.from)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changed = true
	from, to := g.when(s.from), g.when(s.to)
	for i := range slices.Backward(g.about.Gaps) {
		old := &g.about.Gaps[i]
		if old.Channel != ch.String() || old.Reason != reason ||
			time.Time(from).After(time.Time(old.To).Add(gapSlack)) || time.Time(old.From).After(time.Time(to).Add(gapSlack)) {
			continue
		}
		if time.Time(from).Before(time.Time(old.From)) {
			old.From = from
		}
		if time.Time(to).After(time.Time(old.To)) {
			old.To = to
		}
		return
	}
	g.about.Gaps = append(g.about.Gaps, gapLine{Channel: ch.String(), From: from, To: to, Reason: reason})
}

// gapSlack is how far apart losses of one kind are still one gap: the packet between them says
// nothing to anybody.
const gapSlack = 40 * time.Millisecond

// gaveUp is told by the window what it could not keep.
func (g *Recording) gaveUp(s stretch) {
	lost := span{samplesTime(s.from), samplesTime(s.to)}
	g.gap(call.Said, lost, "disk")
	g.gap(call.Heard, lost, "disk")
}

// flush writes what the window has.
func (r *Recorder) flush(g *Recording) {
	w := &g.writer
	if !w.headed {
		return
	}
	if w.window.clean() {
		return
	}
	g.dirty.Store(true)
	if err := w.window.flush(); err != nil {
		if w.refused.IsZero() {
			w.refused = r.now()
		}
		w.retry = r.now().Add(retryEvery)
		r.refused(g, opWrite, err)
		return
	}
	w.refused = time.Time{}
	g.health().good()
}

// create makes the files of a recording, as far as they are not there yet: the draft first, so
// that a sound file without a manifest always has a draft while it is open.
func (r *Recorder) create(g *Recording, news *manifest) {
	w := &g.writer
	if err := r.tryCreate(g, news); err != nil {
		w.retry = r.now().Add(retryEvery)
		w.barred = !errors.Is(err, fs.ErrExist)
		r.refused(g, opCreate, err)
		return
	}
	w.headed = true
	g.outlet.to = r.onto(g.file.Load())
	w.window.file = g.onto(&g.outlet)
	g.dirty.Store(true)
	g.health().good()
	r.event(g, "recording.started", map[string]string{"path": g.Path()})
}

func (r *Recorder) tryCreate(g *Recording, news *manifest) error {
	w := &g.writer
	dir := path.Dir(g.stem)
	if g.draft.Load() == nil {
		f, err := openIn(g.root(), g.folders(), dir, g.stem+draftExt, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
		if err != nil {
			return err
		}
		g.draft.Store(f)
	}
	if g.box != nil {
		if err := r.createKey(g); err != nil {
			return err
		}
	}
	if g.file.Load() == nil {
		f, err := openIn(g.root(), g.folders(), dir, g.stem+g.ext(), os.O_CREATE|os.O_EXCL|os.O_RDWR)
		if err != nil {
			return err
		}
		g.file.Store(f)
		g.folders().note(dir)
	}
	if _, err := g.onto(g.file.Load()).WriteAt(w.window.format.head(-1), 0); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if news == nil { // a second try: the first took the news
		g.mu.Lock()
		g.changed = true
		g.mu.Unlock()
	}
	return nil
}

// openIn opens a file in the folder of a day, making the folder where it is not there.
func openIn(root *os.Root, news *folders, dir, name string, flag int) (*os.File, error) {
	f, err := root.OpenFile(name, flag, fileMode)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := root.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	news.noteAbove(dir)
	return root.OpenFile(name, flag, fileMode)
}

// append writes what is newly known to the draft. A draft that cannot be written costs what the
// manifest would have said after a crash, and no sound.
func (r *Recorder) append(g *Recording, m manifest) {
	b, err := json.Marshal(m)
	if err == nil {
		g.noted.Store(true)
		_, err = g.draft.Load().Write(append(b, '\n'))
	}
	if err != nil {
		g.writer.retry = r.now().Add(retryEvery)
		g.mu.Lock()
		g.changed = true
		g.mu.Unlock()
		r.refused(g, opWrite, fmt.Errorf("draft: %w", err))
	}
}

// wrote counts what the kernel took.
func (r *Recorder) wrote(bytes int64) { r.metrics.written.Add(float64(bytes)) }

// refused notes that the disk would not do something for a recording. The log is told once a
// recording; the call goes on.
func (r *Recorder) refused(g *Recording, op string, err error) {
	if errors.Is(err, errNotHome) {
		r.health.bad(err)
	} else {
		g.health().bad(err)
	}
	r.metrics.faults.WithLabelValues(op).Inc()
	g.mu.Lock()
	first := g.fault == nil
	if first {
		g.fault = fmt.Errorf("%s recording: %w", op, err)
	}
	confess := faultDisk
	if op == opSync {
		confess = faultSync
	}
	if !slices.Contains(g.about.Faults, confess) {
		g.about.Faults = append(g.about.Faults, confess)
		g.changed = true
	}
	g.mu.Unlock()
	if first {
		r.log.Error("the disk refuses a recording; the call goes on", zap.String("call", string(g.meta.Call)),
			zap.String("op", op), zap.Error(err))
	}
}
