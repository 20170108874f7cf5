package purge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

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

// judge has the shelves of one day judged. Those that are still being written, and messages that nobody has been
// told of, are left out; close reads each manifest, which says more surely when the sound ended than the rows.
func (r *Reaper) judge(ctx context.Context, list []shelf, close bool, now time.Time) ([]judged, error) {
	rules := r.o.Rules()
	if err := rules.Check(); err != nil { // nothing is erased by rules that cannot be
		return nil, err
	}
	var out []judged
	asked := map[call.ID]bool{}
	for _, s := range list {
		if !s.manifest && !s.gone {
			continue
		}
		j := judged{shelf: s, subject: retention.Subject{Call: s.id}}
		if close || s.kind == KindMessage {
			j.paper = r.paperOf(s)
		}
		if s.kind == KindMessage && j.paper.Call != "" {
			j.subject.Call = j.paper.Call
		}
		asked[j.subject.Call] = true
		out = append(out, j)
	}
	records, err := r.o.Rows.Records(ctx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return nil, err
	}
	for i := range out {
		if err := r.dated(&out[i], records, rules.Zone); err != nil {
			return nil, err
		}
		if l := out[i].subject.Linked; l != "" {
			asked[l] = true
		}
	}
	cases, err := r.o.Rows.CasesOf(ctx, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return nil, err
	}
	holds, err := r.o.Rows.Holding(ctx, now)
	if err != nil {
		return nil, err
	}
	for i := range out {
		s := out[i].subject
		out[i].verdict = rules.Judge(s, append(slices.Clone(cases[s.Call]), cases[s.Linked]...), holds, now)
	}
	return out, nil
}

// paperOf is what the manifest says; of one that cannot be read, nothing, which is logged.
func (r *Reaper) paperOf(s shelf) paper {
	p, err := s.read(r.root)
	if err != nil && !s.gone && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("a manifest cannot be read; the rows and the folder say when it was recorded", callField(s.id), errField(err))
	}
	return p
}

// dated finds out of what line and queue a recording is and when it ended: the latest that anybody says of the
// row, the manifest and the folder of its day. A call whose row is open has not ended.
func (r *Reaper) dated(j *judged, records map[call.ID]call.Record, zone *time.Location) error {
	row, known := records[j.subject.Call]
	if !known && j.paper == (paper{}) {
		j.paper = r.paperOf(j.shelf)
	}
	p, s := j.paper, &j.subject
	s.Line, s.Linked = p.Line, p.Linked
	if known {
		s.Line, s.Queue, s.Linked = row.Line, row.Queue, row.Linked
		if row.Ended.IsZero() {
			return nil // Judge keeps what has no end
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
	return nil
}

// erasure is what is erased of a judged one at a time.
func (r *Reaper) erasure(j judged, now time.Time) Erasure {
	link := ""
	if j.Seq > 0 {
		link = j.Digest
	}
	return Erasure{
		Link: link,
		ID:   j.id, Kind: j.kind, Call: j.subject.Call, Path: j.sound(), SHA256: j.SHA256, Bytes: j.bytes(r.root),
		Class: j.verdict.Class, Due: j.verdict.Due.UTC(), Rule: j.verdict.Why, At: now.UTC().Truncate(time.Millisecond),
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
