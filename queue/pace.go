package queue

import (
	"time"

	"hotline/call"
)

// A pace is how fast the callers of one queue and one language were served lately.
type pace struct {
	handled []time.Duration // talk and wrap-up of the last calls
	waits   []time.Duration // of the last who were answered
	answers []time.Time     // when they were
}

// How much of it is remembered, and how much has to be there before anything is said.
const (
	paceCalls   = 20               // whose handling counts
	paceWaits   = 10               // whose wait counts
	paceLately  = 30 * time.Minute // an answer longer ago says nothing of now
	paceEnough  = 5                // answers in that time
	paceAnswers = 20
)

func (r *ruled) pace(l call.Language) *pace {
	p := r.paces[l]
	if p == nil {
		p = &pace{}
		r.paces[l] = p
	}
	return p
}

func last[T any](list []T, v T, most int) []T {
	if len(list) >= most {
		list = append(list[:0], list[len(list)-most+1:]...)
	}
	return append(list, v)
}

func (p *pace) answered(waited time.Duration, at time.Time) {
	p.waits = last(p.waits, waited, paceWaits)
	p.answers = last(p.answers, at, paceAnswers)
}

func (p *pace) finished(handled time.Duration) { p.handled = last(p.handled, handled, paceCalls) }

func mean(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sum := time.Duration(0)
	for _, d := range list {
		sum += d
	}
	return sum / time.Duration(len(list))
}

// A Place is where a caller stands.
type Place struct {
	Position int           // in the queue, from 1; 0: not waiting
	Wait     time.Duration // how long it will take yet; see Known
	Known    bool          // enough was measured lately to say so
	Working  int           // operators who fit and have come to work; 0: nobody is there
}

// Place says where the caller stands at now, and how long it will take: the position times what a
// call takes, over the operators who fit; or what the last ones waited, where that is more.
func (s *State) Place(id call.ID, now time.Time) Place {
	c := s.calls[id]
	if c == nil || !c.waits() {
		return Place{}
	}
	staff := s.staff(c)
	p := Place{Position: s.position(c), Working: staff.Working()}
	pace := c.rule.paces[c.Language]
	if pace == nil {
		return p
	}
	lately := 0
	for _, at := range pace.answers {
		if now.Sub(at) <= paceLately {
			lately++
		}
	}
	if lately < paceEnough || staff.Ready+staff.Talking+staff.Holding == 0 {
		return p
	}
	p.Known = true
	p.Wait = time.Duration(p.Position) * mean(pace.handled) / time.Duration(p.Working)
	p.Wait = max(p.Wait, mean(pace.waits)-now.Sub(c.since), 0)
	return p
}
