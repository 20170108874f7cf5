package media

import (
	"time"

	"hotline/call"
)

// A content is what a leg is sent while no peer is put through to it: a Play, else a Loop, else
// silence.
type content struct {
	play *playing
	loop *call.Clip
	pos  int // samples into the loop
}

// A playing is one Play on its way.
type playing struct {
	clips  []*call.Clip // what is left
	pos    int          // samples into the first of them
	whole  bool         // until something was not sent
	played call.Played
	done   chan struct{}
}

func (l *Leg) play(p *playing) {
	if l.ended {
		close(p.done)
		return
	}
	l.part()
	l.stopContent()
	p.trim()
	if len(p.clips) == 0 {
		p.played.Whole = l.out.started && l.maySend()
		close(p.done)
		return
	}
	l.content.play = p
}

// stopContent ends a Play before its time, and a Loop.
func (l *Leg) stopContent() {
	if l.content.play != nil {
		l.stopPlaying(l.content.play)
	}
	l.content = content{}
	l.out.mark = true
}

func (l *Leg) stopPlaying(p *playing) {
	if l.content.play == p {
		l.content.play = nil
		p.whole = false
		p.finish()
	}
}

func (p *playing) finish() {
	p.played.Whole = p.whole
	close(p.done)
}

// trim lets go of clips that are over, and of those that are empty.
func (p *playing) trim() {
	for len(p.clips) > 0 && p.pos >= length(p.clips[0]) {
		p.clips, p.pos = p.clips[1:], 0
	}
}

// fill writes the next 20 ms to frame. It reports whether a Play ends with them.
func (l *Leg) fill(frame []byte) (ends bool) {
	n := 0
	c := &l.content
	switch {
	case l.peer != nil:
	case c.play != nil:
		for n < len(frame) && len(c.play.clips) > 0 {
			wrote := copyClip(frame[n:], c.play.clips[0], c.play.pos, l.remote.Codec)
			n += wrote
			c.play.pos += wrote
			c.play.trim()
		}
		ends = len(c.play.clips) == 0
	case length(c.loop) > 0:
		for n < len(frame) {
			wrote := copyClip(frame[n:], c.loop, c.pos, l.remote.Codec)
			n += wrote
			c.pos = (c.pos + wrote) % length(c.loop)
		}
	}
	silence := Silence(l.remote.Codec)
	for i := n; i < len(frame); i++ {
		frame[i] = silence
	}
	return ends
}

// sent notes what became of a frame that fill has written.
func (c *content) sent(at time.Time, sent, ends bool) {
	p := c.play
	if p == nil {
		return
	}
	if sent {
		if p.played.From.IsZero() {
			p.played.From = at
		}
		p.played.To = at
	}
	p.whole = p.whole && sent
	if ends {
		c.play = nil
		p.finish()
	}
}

func length(c *call.Clip) int {
	if c == nil {
		return 0
	}
	return len(c.PCM)
}

// copyClip writes samples of the clip from pos on and returns how many. A clip that came without
// the coded form is coded here.
func copyClip(dst []byte, clip *call.Clip, pos int, codec call.Codec) int {
	coded := clip.MuLaw
	if codec == call.PCMA {
		coded = clip.ALaw
	}
	if len(coded) == len(clip.PCM) {
		return copy(dst, coded[pos:])
	}
	return Encode(dst, clip.PCM[pos:], codec)
}
