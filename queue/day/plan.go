package day

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"hotline/call"
	"hotline/queue"
)

// An Arrival is one call that will come.
type Arrival struct {
	At       time.Duration // after midnight
	Language call.Language
	Queue    string
	Talk     time.Duration // how long it takes; 0: drawn from the plan's
	Patience time.Duration // how long the caller waits; 0: drawn
}

// A Shift is one operator's working time.
type Shift struct {
	Operator queue.Operator
	From, To time.Duration // after midnight
}

// A Spread is a random length of time.
type Spread struct {
	Mean  time.Duration // 0: for patience without end
	Sigma float64       // 0: exponential; else lognormal with this spread of the logarithm
}

// draw gives one length.
func (s Spread) draw(r *rand.Rand) time.Duration {
	if s.Mean == 0 {
		return math.MaxInt64
	}
	if s.Sigma == 0 {
		return time.Duration(r.ExpFloat64() * float64(s.Mean))
	}
	mu := math.Log(float64(s.Mean)) - s.Sigma*s.Sigma/2
	return time.Duration(math.Exp(mu + s.Sigma*r.NormFloat64()))
}

// A Plan is a day before it is lived through.
type Plan struct {
	Arrivals []Arrival
	Shifts   []Shift
	Rules    []queue.Rules
	Talk     Spread
	Patience Spread
	Ring     time.Duration // mean time until an operator answers
	NoAnswer float64       // share of offers that nobody answers, 0 to below 1
	Seed     uint64

	// Progress, where set, is told now and then how many calls have come.
	Progress func(come, all int)
}

// Check reports what cannot be lived through.
func (p Plan) Check() error {
	var faults []error
	if len(p.Arrivals) == 0 {
		faults = append(faults, errors.New("no call comes on this day"))
	}
	if len(p.Shifts) == 0 {
		faults = append(faults, errors.New("nobody works on this day"))
	}
	if p.Talk.Mean <= 0 {
		faults = append(faults, errors.New("a talk takes no time, would be right: 4m"))
	}
	if p.NoAnswer < 0 || p.NoAnswer >= 1 {
		faults = append(faults, fmt.Errorf("%v of the offers go unanswered, would be right: 0 to below 1", p.NoAnswer))
	}
	names := map[string]bool{}
	for _, s := range p.Shifts {
		if s.To <= s.From {
			faults = append(faults, fmt.Errorf("the shift of %s ends before it begins", s.Operator.Name))
		}
		names[s.Operator.Name] = true
	}
	queues := map[string]bool{}
	for _, r := range p.Rules {
		queues[r.Name] = true
	}
	for _, a := range p.Arrivals {
		if !queues[a.Queue] {
			faults = append(faults, fmt.Errorf("calls come to queue %q, which there is not", a.Queue))
			break
		}
	}
	return errors.Join(append(faults, queue.CheckRules(p.Rules))...)
}

// Same gives n operators who work the whole of a day and know the same.
func Same(n int, languages []call.Language, from, to time.Duration) []Shift {
	shifts := make([]Shift, n)
	for i := range shifts {
		shifts[i] = Shift{queue.Operator{Name: fmt.Sprintf("operator-%03d", i+1), Languages: languages}, from, to}
	}
	return shifts
}

// HalfHour is one line of a day that is known by how much comes: calls of which the languages have
// shares.
type HalfHour struct {
	From   time.Duration
	Calls  float64 // expected
	Shares map[call.Language]float64
}

// Poisson draws the arrivals of half-hours: calls that come independently of each other, so many as
// are expected, more or less.
func Poisson(halves []HalfHour, queueName string, seed uint64) []Arrival {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []Arrival
	for _, h := range halves {
		if h.Calls <= 0 {
			continue
		}
		gap := float64(Half) / h.Calls
		for at := r.ExpFloat64() * gap; at < float64(Half); at += r.ExpFloat64() * gap {
			out = append(out, Arrival{At: h.From + time.Duration(at), Language: h.language(r), Queue: queueName})
		}
	}
	slices.SortStableFunc(out, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	return out
}

// language draws one by its share.
func (h HalfHour) language(r *rand.Rand) call.Language {
	var names []call.Language
	sum := 0.0
	for l, share := range h.Shares {
		names = append(names, l)
		sum += share
	}
	slices.Sort(names) // the map has no order, the day must have one
	x := r.Float64() * sum
	for _, l := range names {
		if x -= h.Shares[l]; x < 0 {
			return l
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}

// Half is how long the intervals of a day are.
const Half = 30 * time.Minute
