package vault

import (
	"cmp"
	"fmt"
	"slices"
)

// A cloth is woven of frames: it knows which of them has each sample.
type cloth struct {
	unit   int // bytes of one sample of all channels
	frames []place
	spans  []span // sorted by sample, none overlapping another
}

// A place is where a frame stands, and which it is.
type place struct {
	at      int64
	first   int64
	counter uint64
	length  int32
}

// A span is a stretch of samples and the frame that has them; -1 for a stretch that is in doubt
// since a damage.
type span struct {
	from, to int64
	frame    int32
}

func (c *cloth) end() int64 {
	if len(c.spans) == 0 {
		return 0
	}
	return c.spans[len(c.spans)-1].to
}

// take remembers a frame: what it covers is its from now on.
func (c *cloth) take(f *frame, at int64) {
	to := f.first + int64(f.length/c.unit)
	if end := c.end(); f.first > end { // only behind a damage
		c.spans = append(c.spans, span{end, f.first, -1})
	}
	c.cover(span{f.first, to, int32(len(c.frames))})
	c.frames = append(c.frames, place{at: at, first: f.first, counter: f.counter, length: int32(f.length)})
}

// doubt gives up the end of the sound, where frames that are missing may have replaced it.
func (c *cloth) doubt(from int64) {
	if end := c.end(); from < end {
		c.cover(span{max(0, from), end, -1})
	}
}

// cover puts a span over those that are there. It begins at most where they end.
func (c *cloth) cover(s span) {
	i, _ := slices.BinarySearchFunc(c.spans, s.from, func(e span, at int64) int { return cmp.Compare(e.to, at+1) })
	j := i
	for j < len(c.spans) && c.spans[j].from < s.to {
		j++
	}
	var with [3]span
	n := 0
	if i < j && c.spans[i].from < s.from {
		with[n] = span{c.spans[i].from, s.from, c.spans[i].frame}
		n++
	}
	with[n] = s
	n++
	if i < j && c.spans[j-1].to > s.to {
		with[n] = span{s.to, c.spans[j-1].to, c.spans[j-1].frame}
		n++
	}
	c.spans = slices.Replace(c.spans, i, j, with[:n]...)
}

// A Lost is a stretch of samples that cannot be read, or not be believed, because of a damage.
type Lost struct{ From, To int64 }

func (l *Lost) Error() string {
	return fmt.Sprintf("samples %d to %d are lost: the recording is damaged", l.From, l.To)
}

// lost are the stretches without sound.
func (c *cloth) lost() (all []Lost) {
	for _, s := range c.spans {
		switch {
		case s.frame >= 0:
		case len(all) > 0 && all[len(all)-1].To == s.from:
			all[len(all)-1].To = s.to
		default:
			all = append(all, Lost{s.from, s.to})
		}
	}
	return all
}

// spanAt is the span that has a sample.
func (c *cloth) spanAt(sample int64) span {
	i, _ := slices.BinarySearchFunc(c.spans, sample, func(e span, at int64) int { return cmp.Compare(e.to, at+1) })
	return c.spans[i]
}
