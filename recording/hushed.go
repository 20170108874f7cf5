package recording

import "time"

// hushed are the stretches of a call in which a channel is not written, though something may
// come: the caller is not told yet, waits, or hears what nobody else may.
type hushed []hush

type hush struct {
	from, to time.Duration // forever: still
	reason   string
}

func (h *hushed) off(at time.Duration, reason string) {
	if n := len(*h); n > 0 && (*h)[n-1].to == forever {
		if (*h)[n-1].reason == reason {
			return
		}
		(*h)[n-1].to = max(at, (*h)[n-1].from)
	}
	*h = append(*h, hush{at, forever, reason})
}

func (h *hushed) on(at time.Duration) {
	if n := len(*h); n > 0 && (*h)[n-1].to == forever {
		(*h)[n-1].to = max(at, (*h)[n-1].from)
	}
}

// stretches appends them in samples to dst.
func (h hushed) stretches(dst []stretch) []stretch {
	for _, s := range h {
		to := int64(forever)
		if s.to != forever {
			to = timeSamples(s.to)
		}
		dst = append(dst, stretch{timeSamples(s.from), to})
	}
	return dst
}
