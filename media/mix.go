package media

import "hotline/call"

// An overlay is what is mixed into what a leg is sent, whatever that is.
type overlay struct {
	clips []*call.Clip // what is left; nil: nothing
	pos   int          // samples into the first of them
}

// Over is of call.Overlay.
func (l *Leg) Over(clips ...*call.Clip) {
	l.do(func() {
		if !l.ended {
			l.over = overlay{clips: clips}
			l.over.trim()
		}
	})
}

// trim lets go of clips that are over, and of those that are empty.
func (o *overlay) trim() {
	for len(o.clips) > 0 && o.pos >= length(o.clips[0]) {
		o.clips, o.pos = o.clips[1:], 0
	}
	if len(o.clips) == 0 {
		o.clips = nil
	}
}

// mix adds the next samples of the overlay to a frame in the leg's codec, in place: decoded, added, cut
// at what 16 bits hold, coded again. A peer's packets move it on as they come; one that was overtaken
// takes the samples of its turn, which nobody hears in a tone.
func (l *Leg) mix(frame []byte) {
	from, to := &law.fromMu, &law.toMu
	if l.remote.Codec == call.PCMA {
		from, to = &law.fromA, &law.toA
	}
	o := &l.over
	for len(frame) > 0 && o.clips != nil {
		more := o.clips[0].PCM[o.pos:]
		n := min(len(frame), len(more))
		for i, b := range frame[:n] {
			sum := int32(from[b]) + int32(more[i])
			frame[i] = to[uint16(int16(max(-32768, min(32767, sum))))]
		}
		frame = frame[n:]
		o.pos += n
		o.trim()
	}
}
