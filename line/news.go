package line

import (
	"time"

	"hotline/prompts"
	"hotline/queue"
)

// How long a caller is left with music before the first news of the place, unless the wait is known
// to be longer; and after the last, however the place moves meanwhile.
const newsAfter = 30 * time.Second

// A word is one thing that a waiting caller is told.
type word struct {
	clip     string        // a clip by its key, or
	position int           // the place, or
	wait     time.Duration // how long it will take, above 0
	callback bool          // or that the caller can be called back
}

// news decides what a waiting caller is told and when. It knows no sound and no clock: what is so is
// given to it.
type news struct {
	queue Queue

	last     time.Time // when something was told; the beginning of the wait at first
	told     int       // announcements so far
	position int       // as told
	band     int       // minutes as told; -1: none were
	turn     int       // of the comfort
	offered  int       // how often a callback was
}

// offers bounds how often a callback is offered: once more for one who was not sure.
const offers = 2

func newNews(q Queue, now time.Time) *news {
	return &news{queue: q, last: now, band: -1}
}

// due reports whether it is time to say something.
func (n *news) due(p queue.Place, now time.Time) bool {
	since := now.Sub(n.last)
	switch {
	case n.queue.SayEvery == 0:
		return false
	case n.told == 0:
		return since >= newsAfter || p.Position > 0 && p.Working == 0 || n.queue.Estimate && p.Known && p.Wait > newsAfter
	case n.queue.Position && p.Position > 0 && p.Position != n.position && since >= newsAfter:
		return true
	}
	return since >= n.queue.SayEvery
}

// next is what to say now. A wait is never told longer than before: people forgive a long wait, but
// not one that grows. callable says that the caller can be called back.
func (n *news) next(p queue.Place, callable bool, now time.Time) (words []word) {
	n.last = now
	n.told++
	moved := p.Position != n.position
	switch {
	case p.Position > 0 && p.Working == 0:
		words = append(words, word{clip: "queue.noOperators"})
	case n.queue.Position && p.Position > 0 && (moved || n.told%2 == 1):
		words = append(words, word{position: p.Position})
		n.position = p.Position
	}
	if n.queue.Estimate && p.Known && p.Position > 0 {
		words = append(words, n.estimate(p.Wait)...)
	}
	if len(words) == 0 && len(n.queue.Comfort) > 0 {
		words = append(words, word{clip: n.queue.Comfort[n.turn%len(n.queue.Comfort)]})
		n.turn++
	}
	if callable && n.offered < offers && (p.Known && p.Wait > n.queue.CallbackAbove || p.Position > 0 && p.Working == 0) {
		n.offered++
		words = append(words, word{callback: true})
	}
	return words
}

func (n *news) estimate(wait time.Duration) []word {
	_, minutes := prompts.Band(wait)
	switch {
	case n.band < 0 || minutes < n.band:
		n.band = minutes
		return []word{{wait: max(wait, time.Second)}}
	case minutes > n.band:
		return []word{{clip: "queue.wait.long"}}
	}
	return nil
}
