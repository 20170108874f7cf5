package purge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/access"
	"hotline/recording/chain"
	"hotline/recording/retention"
)

const (
	// every is how often it is looked for what is due.
	every = time.Hour

	// lookEvery is how often the clock is looked at.
	lookEvery = time.Minute

	// batch is how many are erased before whoever wants to place a hold gets their turn: each takes half a dozen
	// syncs, so it is a second or two.
	batch = 20

	// most is how many one certificate lists: the plan of a run is written anew after each batch.
	most = 1000
)

// Errors that somebody branches on.
var (
	ErrClock   = errors.New("the clock is not believed")      // nothing is erased by it
	ErrKept    = errors.New("it is kept")                     // a hold, a case or its age keeps it
	ErrUnknown = errors.New("there is no such recording")     // or it is being made
	ErrErased  = errors.New("the recording has been erased")  // nothing can be done about it any more
	ErrStuck   = errors.New("not all could be erased by now") // it is tried again
)

// Options are what a Reaper is made of.
type Options struct {
	Data  string                 // the data folder
	Rules func() retention.Rules // as configured now
	Rows  Rows
	Gate  Gate
	Chain Chain
	Key   *chain.Key // signs certificates
	Node  string     // this server's name, for certificates

	// Away erases copies that lie elsewhere. It is asked after the tombstone stands and before the files here
	// go, again until it succeeds. It may be nil.
	Away func(ctx context.Context, e Erasure) error

	// Told is told what was erased, perhaps twice. It may be nil.
	Told func(e Erasure)

	Now  func() time.Time     // the clock of the world; nil: time.Now
	Mono func() time.Duration // one that only counts; nil: the machine's since the start

	Log     *zap.Logger
	Metrics prometheus.Registerer

	step func(name string) // between all steps; for tests that kill it there
}

// A Reaper erases what is due. Its methods may be called from any goroutine.
type Reaper struct {
	o       Options
	root    *os.Root // the data folder
	log     *zap.Logger
	metrics *metrics
	clock   *Clock

	passing sync.Mutex          // one pass, or one order, at a time
	mu      sync.Mutex          // held while it is decided and erased, and while a hold is placed
	settled map[settledDay]bool // days of which nothing is left but tombstones
}

// A settledDay is a day in one of the folders.
type settledDay struct {
	folder string
	day    int64
}

// New makes a Reaper. It erases nothing before Run or Pass.
func New(o Options) (*Reaper, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Mono == nil {
		begin := time.Now()
		o.Mono = func() time.Duration { return time.Since(begin) }
	}
	if o.step == nil {
		o.step = func(string) {}
	}
	if err := o.Rules().Check(); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	if err := os.MkdirAll(o.Data+"/"+certificateFolder, 0o750); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	root, err := os.OpenRoot(o.Data)
	if err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	r := &Reaper{o: o, root: root, log: o.Log.Named("retention"), metrics: m, settled: map[settledDay]bool{}}
	used, err := days(root, "recordings", time.UTC)
	if err == nil {
		r.clock, err = openClock(root, o.Now, o.Mono, len(used) > 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("retention: %w", err), root.Close())
	}
	why, _ := r.clock.Stopped()
	r.metrics.stopped.Set(oneIf(why != ""))
	r.metrics.full.Set(math.Inf(1)) // nothing is known yet, which alarms nobody
	return r, nil
}

// Close closes the data folder. Run must have returned.
func (r *Reaper) Close() error { return r.root.Close() }

// Run looks at the clock once a minute and erases what is due once an hour, until ctx ends.
func (r *Reaper) Run(ctx context.Context) {
	if why, _ := r.clock.Stopped(); why != "" {
		r.stopped(why)
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for passed := -every; ; {
		trusted := r.look()
		if now := r.o.Mono(); trusted && now-passed >= every {
			passed = now
			if err := r.guarded(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("recordings that are due were not erased, it is tried again in an hour", zap.Error(err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// guarded is Pass, with a bug kept from ending the server.
func (r *Reaper) guarded(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.metrics.panics.Inc()
			r.log.Error("a panic while erasing", zap.Any("panic", p), zap.StackSkip("stack", 2))
			err = fmt.Errorf("a panic: %v", p)
		}
	}()
	return r.Pass(ctx)
}

// look looks at the clock, and says whether it is believed.
func (r *Reaper) look() bool {
	why, began, ended, err := r.clock.Look()
	if err != nil {
		r.log.Warn("the time cannot be written down; a restart may wait for a day before it erases anything", zap.Error(err))
	}
	if began {
		r.stopped(why)
	}
	if ended {
		r.log.Info("the clock has been steady for a day, recordings are erased again when they are due")
	}
	r.metrics.stopped.Set(oneIf(why != ""))
	return why == ""
}

func (r *Reaper) stopped(why string) {
	r.metrics.stopped.Set(1)
	r.log.Error("nothing is erased: the clock is not believed. Where it is right, say so by hotline recording purge --clock-is-right; "+
		"else set it right and wait for a day", zap.String("clock", why))
}

// Pass erases what is due now, and finishes what a run before has left. ErrClock: the time is not believed, and
// nothing was done. Other errors are the disk's, the database's, and of whoever stands before the sound; what
// could not be erased is tried again by the next pass.
func (r *Reaper) Pass(ctx context.Context) (err error) {
	r.passing.Lock()
	defer r.passing.Unlock()
	if !r.look() {
		why, _ := r.clock.Stopped()
		return fmt.Errorf("%w: %s", ErrClock, why)
	}
	defer func() {
		if err != nil {
			r.metrics.failures.Inc()
			return
		}
		r.metrics.last.Set(float64(r.o.Now().Unix()))
	}()
	run, err := r.begin()
	if err != nil {
		return err
	}
	tried := tried{}
	for {
		more, err := r.pass(ctx, run, tried)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		run = r.newRun(run.Stuck)
	}
	if len(run.Stuck) > 0 {
		return fmt.Errorf("%w: %d", ErrStuck, len(run.Stuck))
	}
	return nil
}

// tried is what a pass has tried to erase: each once, or what cannot be taken away would hold it up for ever.
type tried map[thing]bool

// A thing is what is erased as one.
type thing struct {
	kind string
	id   call.ID
}

func (e Erasure) thing() thing { return thing{e.Kind, e.ID} }

// pass is one certificate's worth. more says that there may be more.
func (r *Reaper) pass(ctx context.Context, run *run, tried tried) (more bool, err error) {
	begun := slices.Concat(run.Now, run.Stuck) // what a run before was at, and what it could not
	run.Now, run.Stuck = nil, nil
	var again []Erasure
	for _, e := range begun {
		if tried[e.thing()] {
			run.Stuck = append(run.Stuck, e)
		} else {
			again = append(again, e)
		}
	}
	left, err := r.inBatches(ctx, run, again, tried)
	errs := []error{err}
	run.Now = append(run.Now, left...)
	found, err := r.due(ctx, run, tried)
	errs = append(errs, err)
	more = len(found) >= most
	if errors.Join(errs...) == nil {
		found, err = r.inBatches(ctx, run, found, tried)
		errs = append(errs, err)
	}
	r.overdue(slices.Concat(found, run.Now, run.Stuck))
	_, err = r.finish(run)
	return more, errors.Join(append(errs, err, ctx.Err())...)
}

// inBatches erases some, and lets go of the lock in between. left are those that were not tried, after an error or the
// end of ctx.
func (r *Reaper) inBatches(ctx context.Context, run *run, list []Erasure, tried tried) (left []Erasure, err error) {
	for len(list) > 0 && ctx.Err() == nil {
		n := min(batch, len(list))
		for _, e := range list[:n] {
			tried[e.thing()] = true
		}
		if err := r.erase(ctx, run, list[:n]); err != nil {
			return list[n:], err
		}
		list = list[n:]
	}
	return list, nil
}

// overdue tells for how long the oldest of what should be gone has been due.
func (r *Reaper) overdue(left []Erasure) {
	worst := time.Duration(0)
	for _, e := range left {
		if !e.Due.IsZero() {
			worst = max(worst, r.o.Now().Sub(e.Due))
		}
	}
	r.metrics.overdue.Set(worst.Seconds())
}

// due finds what is to be erased now and was not tried, at most most of it, and notes in run what is held back.
func (r *Reaper) due(ctx context.Context, run *run, tried tried) (found []Erasure, err error) {
	now, rules := r.o.Now(), r.o.Rules()
	held := map[string]int{}
	holds, err := r.o.Rows.Holding(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("look for what is due: %w", err)
	}
	err = r.each(ctx, rules.Zone, func(folder string, day time.Time) (bool, error) {
		if now.Before(retention.Over(day, rules.Shortest(), rules.Zone)) || len(found) >= most {
			return false, nil
		}
		key := settledDay{folder, day.Unix()}
		if r.settled[key] {
			return true, nil
		}
		list, left, err := r.unerased(ctx, folder, day, holds, now)
		if err != nil {
			return false, err
		}
		if left == 0 {
			r.settled[key] = true
		}
		for _, j := range list {
			if j.due(now) {
				if !tried[thing{j.kind, j.id}] {
					found = append(found, r.erasure(j, now))
				}
			} else if why := j.verdict.HeldBack(now); why != "" {
				run.Held = append(run.Held, j.kept(why))
				held[heldBy(j.verdict)]++
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for what is due: %w", err)
	}
	for _, by := range []string{"hold", "case"} {
		r.metrics.held.WithLabelValues(by).Set(float64(held[by]))
	}
	if len(found) > most {
		found = found[:most]
	}
	return found, nil
}

func heldBy(v retention.Verdict) string {
	if len(v.Holds) > 0 {
		return "hold"
	}
	return "case"
}

// erase erases some, in the order that the package's story tells. Under the lock it is judged once more: a hold
// may have come meanwhile. What cannot be taken away stays in run.Stuck; an error says that nothing more should be
// tried now.
func (r *Reaper) erase(ctx context.Context, run *run, list []Erasure) error {
	if len(list) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	var at []judged // of each in run.Now
	for i, e := range list {
		j, why, err := r.lookAgain(ctx, &e, now)
		switch {
		case err != nil:
			run.Now = append(run.Now, list[i:]...) // what was begun is not forgotten
			return err
		case why != "":
			run.Held = append(run.Held, Kept{ID: e.ID, Kind: e.Kind, Call: e.Call, Class: e.Class, Why: why})
			continue
		}
		run.Now = append(run.Now, e)
		at = append(at, j)
	}
	if err := r.save(run); err != nil {
		return err
	}
	r.o.step("planned")
	if err := r.sayFirst(ctx, run, at); err != nil {
		return err
	}
	doing := run.Now
	run.Now = nil
	for i, e := range doing {
		if err := r.one(ctx, e, at[i].shelf); err != nil {
			r.metrics.failures.Inc()
			r.log.Error("a recording could not be erased, it is tried again", logged(e.ID), zap.Error(err))
			run.Stuck = append(run.Stuck, e)
			continue
		}
		run.Done = append(run.Done, e)
	}
	if err := r.save(run); err != nil {
		return err
	}
	r.o.step("erased")
	return nil
}

// lookAgain judges one more time, from the manifest too. why says what keeps it; then it is not erased.
func (r *Reaper) lookAgain(ctx context.Context, e *Erasure, now time.Time) (j judged, why string, err error) {
	s, err := find(r.root, *e)
	if err != nil {
		return j, "", err
	}
	if s.erased() { // all but the certificate is done
		return judged{shelf: s}, "", nil
	}
	if !s.sealed() {
		return j, "it is not there as it was", nil
	}
	if j, err = r.judgeClosely(ctx, s, now); err != nil {
		return j, "", err
	}
	switch {
	case len(j.verdict.Holds) > 0:
		return j, j.verdict.HeldBy(), nil // a hold beats also what is in the chain already
	case s.gone:
		return j, "", nil
	case e.By != "":
		if err := r.mayOrder(j, now); err != nil {
			return j, err.Error(), nil
		}
		return j, "", nil
	case !j.verdict.Erase(now):
		return j, j.verdict.Why, nil
	}
	*e = r.erasure(j, now)
	return j, "", nil
}

// sayFirst writes down that those of run.Now are erased, before any is: into the log of accesses, and into the
// chain, with a copy beside each manifest. What is in the chain already is not said again.
func (r *Reaper) sayFirst(ctx context.Context, run *run, at []judged) error {
	var fresh []Erasure
	var where []shelf
	for i, e := range run.Now {
		if at[i].gone {
			continue
		}
		if e.By == "" {
			err := r.o.Gate.Ask(ctx, access.Entry{Who: "hotline", Role: access.Server, From: "retention", Do: access.Purge, Call: e.Call, Why: e.Rule})
			if err != nil {
				return fmt.Errorf("erase %s: %w", e.ID, err)
			}
			r.o.step("asked")
		}
		fresh, where = append(fresh, e), append(where, at[i].shelf)
	}
	if len(fresh) == 0 {
		return nil
	}
	links, err := r.o.Chain.Erased(ctx, fresh)
	if err == nil && len(links) != len(fresh) {
		err = fmt.Errorf("%d links for %d erasures", len(links), len(fresh))
	}
	if err != nil {
		return fmt.Errorf("the chain does not take what is erased: %w", err)
	}
	r.o.step("linked")
	for i, s := range where {
		if err := entomb(r.root, s, links[i]); err != nil {
			return fmt.Errorf("the tombstone of %s: %w", s.id, err)
		}
		r.o.step("entombed")
	}
	return nil
}

// one takes away what there is of one.
func (r *Reaper) one(ctx context.Context, e Erasure, s shelf) error {
	if r.o.Away != nil {
		if err := r.o.Away(ctx, e); err != nil {
			return fmt.Errorf("elsewhere: %w", err)
		}
		r.o.step("away")
	}
	if err := s.erase(r.root, r.o.step); err != nil {
		return err
	}
	r.metrics.purged.WithLabelValues(s.kind).Inc()
	r.metrics.bytes.Add(float64(e.Bytes))
	if r.o.Told != nil {
		r.o.Told(e)
	}
	r.o.step("gone")
	return nil
}

// Holding runs f while nothing is being erased: whoever places a hold, or lifts one, does it in f.
func (r *Reaper) Holding(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f()
}

// IsErased says whether the recording of a call, by its path relative to the data folder, is in the chain as
// erased.
func (r *Reaper) IsErased(id call.ID, path string) bool {
	folder, day, err := where(Erasure{ID: id, Kind: KindRecording, Path: path})
	if err != nil {
		return false
	}
	_, err = r.root.Lstat(emptyShelf(folder, day, id).stem() + goneExt)
	return err == nil
}

// Vouch believes the clock because somebody says that it is right.
func (r *Reaper) Vouch(by string) error {
	if err := r.clock.Vouch(by); err != nil {
		return err
	}
	r.metrics.stopped.Set(0)
	r.log.Warn("the clock is believed again because somebody has said that it is right", zap.String("by", by))
	return nil
}

// Clock says why the time is not believed, or "", and how much longer it must go right.
func (r *Reaper) Clock() (why string, left time.Duration) { return r.clock.Stopped() }

func logged(id call.ID) zap.Field { return zap.String("call", string(id)) }

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
