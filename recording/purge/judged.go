package purge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/retention"
)

// A judged is a shelf with what the rules say of it.
type judged struct {
	shelf
	paper
	subject retention.Subject
	verdict retention.Verdict
}

// due says whether it is to be erased now: its time is over, or it is in the chain as erased and something is left.
func (j judged) due(now time.Time) bool {
	return len(j.verdict.Holds) == 0 && (j.gone || j.verdict.Erase(now))
}

// kept says why it stays.
func (j judged) kept(why string) Kept {
	return Kept{ID: j.id, Kind: j.kind, Call: j.subject.Call, Class: j.verdict.Class, Why: why}
}

// unerased are the recordings of a day that are not erased yet, judged by the rows, and how many shelves there are that
// may still have to be. Those that are still being written, and messages that nobody has been told of, are left out.
func (r *Reaper) unerased(ctx context.Context, folder string, day time.Time, holds []call.Hold, now time.Time) (list []judged, left int, err error) {
	all, err := shelves(r.root, folder, day)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range all {
		if s.erased() {
			continue
		}
		left++
		if !s.sealed() {
			continue
		}
		j := judged{shelf: s}
		if s.kind == KindMessage { // only the slip says of which call it is
			j.paper = r.paperOf(s)
		}
		list = append(list, j)
	}
	if len(list) == 0 {
		return nil, left, nil
	}
	if err := r.judge(ctx, list, holds, now); err != nil {
		return nil, 0, err
	}
	return list, left, nil
}

// judgeClosely judges one that is sealed by its manifest too, which says more surely when the sound ended than the
// rows, and by the holds that bind at this moment.
func (r *Reaper) judgeClosely(ctx context.Context, s shelf, now time.Time) (judged, error) {
	holds, err := r.o.Rows.Holding(ctx, now)
	if err != nil {
		return judged{}, err
	}
	list := []judged{{shelf: s, paper: r.paperOf(s)}}
	err = r.judge(ctx, list, holds, now)
	return list[0], err
}

// judge finds out what the rules say of some, from their shelves and papers.
func (r *Reaper) judge(ctx context.Context, list []judged, holds []call.Hold, now time.Time) error {
	rules := r.o.Rules()
	if err := rules.Check(); err != nil { // nothing is erased by rules that cannot be
		return err
	}
	asked := map[call.ID]bool{}
	for i := range list {
		j := &list[i]
		j.subject.Call = j.id
		if j.kind == KindMessage && j.paper.Call != "" {
			j.subject.Call = j.paper.Call
		}
		asked[j.subject.Call] = true
	}
	records, err := r.o.Rows.Records(ctx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return err
	}
	for i := range list {
		r.dated(&list[i], records, rules.Zone)
		if l := list[i].subject.Linked; l != "" {
			asked[l] = true
		}
	}
	if err := r.asItsCall(ctx, list); err != nil {
		return err
	}
	cases, err := r.o.Rows.CasesOf(ctx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return err
	}
	for i := range list {
		s := list[i].subject
		list[i].verdict = rules.Judge(s, slices.Concat(cases[s.Call], cases[s.Linked]), holds, now)
	}
	return nil
}

// asItsCall gives a consult the line and the queue of the call it was about: it is kept as that call is.
func (r *Reaper) asItsCall(ctx context.Context, list []judged) error {
	var ids []call.ID
	for _, j := range list {
		if j.subject.Linked != "" {
			ids = append(ids, j.subject.Linked)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	calls, err := r.o.Rows.Records(ctx, ids)
	if err != nil {
		return err
	}
	for i := range list {
		if about, known := calls[list[i].subject.Linked]; known {
			list[i].subject.Line, list[i].subject.Queue = about.Line, about.Queue
		}
	}
	return nil
}

// paperOf is what the manifest says; of one that cannot be read, nothing, which is logged.
func (r *Reaper) paperOf(s shelf) paper {
	p, err := s.read(r.root)
	if err != nil && !s.gone && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("a manifest cannot be read; the rows and the folder say when it was recorded", logged(s.id), zap.Error(err))
	}
	return p
}

// dated finds out of what line and queue a recording is and when it ended: the latest that anybody says of the
// row, the manifest and the folder of its day. A call whose row is open has not ended.
func (r *Reaper) dated(j *judged, records map[call.ID]call.Record, zone *time.Location) {
	row, known := records[j.subject.Call]
	if !known && j.paper == (paper{}) {
		j.paper = r.paperOf(j.shelf)
	}
	p, s := j.paper, &j.subject
	s.Line, s.Linked = p.Line, p.Linked
	if known {
		s.Line, s.Queue, s.Linked = row.Line, row.Queue, row.Linked
		if row.Ended.IsZero() {
			return // Judge keeps what has no end
		}
	}
	y, m, d := j.day.Date()
	s.Ended = time.Date(y, m, d, 0, 0, 0, 0, zone)
	for _, t := range []time.Time{row.Ended, p.Ended, p.Opened, p.At} {
		if t.After(s.Ended) {
			s.Ended = t
		}
	}
	if !known && p.Ended.IsZero() && p.At.IsZero() { // a call may last into the next day
		s.Ended = s.Ended.Add(48 * time.Hour)
	}
}

// each walks the days of all folders, the oldest first, as long as visit wants more.
func (r *Reaper) each(ctx context.Context, zone *time.Location, visit func(folder string, day time.Time) (more bool, err error)) error {
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		list, err := days(r.root, folder, zone)
		if err != nil {
			return fmt.Errorf("look through %s: %w", folder, err)
		}
		for _, day := range list {
			if err := ctx.Err(); err != nil {
				return err
			}
			more, err := visit(folder, day)
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
	}
	return nil
}
