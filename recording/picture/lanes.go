package picture

import "time"

// Lanes are what a drawing of a picture has beside its two channels: what happened to the caller, and who was
// joined, each in rows in which nothing overlaps.
func (p Picture) Lanes() [2][][]Span {
	var both [2][]Span
	for _, s := range p.Spans {
		switch s.Kind {
		case Gap:
		case Talk:
			both[1] = append(both[1], s)
		default:
			both[0] = append(both[0], s)
		}
	}
	return [2][][]Span{rows(both[0]), rows(both[1])}
}

// rows puts spans, sorted by their beginning, into as few rows as hold them without overlaps.
func rows(spans []Span) (list [][]Span) {
	var ends []time.Duration
next:
	for _, s := range spans {
		for i := range list {
			if ends[i] <= s.From {
				list[i], ends[i] = append(list[i], s), s.To
				continue next
			}
		}
		list, ends = append(list, []Span{s}), append(ends, s.To)
	}
	return list
}
