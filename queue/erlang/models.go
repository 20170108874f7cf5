package erlang

import (
	"errors"
	"math"
	"time"
)

// A Load is what comes to a queue and how many are there for it.
type Load struct {
	Calls     float64       // in Interval
	Interval  time.Duration // above 0
	Handling  time.Duration // of one call: talk, hold and wrap-up; above 0
	Operators int
	Patience  time.Duration // mean time until a caller gives up, of model A; 0: nobody does
}

// Erlangs is the offered load: how many operators would always be busy.
func (l Load) Erlangs() float64 {
	return l.Calls * l.Handling.Seconds() / l.Interval.Seconds()
}

// A Forecast is what a model says of a load.
type Forecast struct {
	Wait      float64       // share of callers who have to wait at all
	Within    float64       // share served within the target: of all in model C, of all offered in model A
	Answer    time.Duration // mean wait of those who are answered (ASA)
	Abandoned float64       // share of callers who give up; 0 in model C
	Occupancy float64       // share of an operator's time in calls
	Unstable  bool          // model C: more comes than can be served, the wait grows without end
}

// B is the share of calls that find all operators busy where nobody may wait.
func B(erlangs float64, operators int) float64 {
	b := 1.0
	for i := 1; i <= operators; i++ {
		b = erlangs * b / (float64(i) + erlangs*b)
	}
	return b
}

// C is what a load does where everybody waits until served (M/M/n).
func C(l Load, target time.Duration) Forecast {
	a, n := l.Erlangs(), float64(l.Operators)
	if a == 0 {
		return Forecast{Within: 1}
	}
	if n <= a {
		return Forecast{Wait: 1, Occupancy: 1, Unstable: true, Answer: math.MaxInt64}
	}
	b := B(a, l.Operators)
	wait := n * b / (n - a*(1-b))
	return Forecast{
		Wait:      wait,
		Within:    1 - wait*math.Exp(-(n-a)*target.Seconds()/l.Handling.Seconds()),
		Answer:    seconds(wait * l.Handling.Seconds() / (n - a)),
		Occupancy: a / n,
	}
}

// A is what a load does where callers give up after a while that is exponential with the mean
// Patience (M/M/n+M, Palm 1946). The states of the birth and death process are summed outwards from
// the largest, so that hundreds of operators lose no digits.
func A(l Load, target time.Duration) Forecast {
	if l.Patience <= 0 {
		return C(l, target)
	}
	lambda := l.Calls / l.Interval.Seconds()
	if lambda == 0 {
		return Forecast{Within: 1}
	}
	mu, theta, n := 1/l.Handling.Seconds(), 1/l.Patience.Seconds(), l.Operators
	leaves := func(k int) float64 { // the rate at which somebody goes out of state k
		return float64(min(k, n))*mu + float64(max(0, k-n))*theta
	}
	p := steady(lambda, leaves, n)
	var f Forecast
	busy := 0.0
	for k, pk := range p {
		busy += float64(min(k, n)) * pk
		if k >= n {
			f.Wait += pk
			f.Abandoned += float64(k-n) * theta * pk / lambda
		}
	}
	if n > 0 {
		f.Occupancy = busy / float64(n)
	}
	served, waited := 0.0, 0.0
	for k, pk := range p { // a caller who finds k there
		if k < n {
			f.Within += pk
			served += pk
			continue
		}
		in, answered, mean := position(k-n, float64(n)*mu, theta, target.Seconds())
		f.Within += pk * in
		served += pk * answered
		waited += pk * mean
	}
	if served > 0 {
		f.Answer = seconds(waited / served)
	}
	return f
}

// steady gives the probabilities of the states of a birth and death process, until they no longer
// count.
func steady(lambda float64, leaves func(k int) float64, n int) []float64 {
	var logs []float64
	top, at := 0.0, 0.0
	for k := 0; ; k++ {
		if k > 0 {
			at += math.Log(lambda) - math.Log(leaves(k))
		}
		logs = append(logs, at)
		top = max(top, at)
		if k > n && at < top-40 || k > 1_000_000 {
			break
		}
	}
	sum := 0.0
	for i, v := range logs {
		logs[i] = math.Exp(v - top)
		sum += logs[i]
	}
	for i := range logs {
		logs[i] /= sum
	}
	return logs
}

// position is what becomes of a caller who finds ahead others waiting, where one is taken out of the
// front by an operator at the rate serve and each gives up at the rate leave: the share answered
// within target, answered at all, and the mean wait of the answered times that share. The wait until
// the front is reached and taken is a row of exponential steps (hypoexponential), which is followed
// numerically in small steps of time: exact formulas lose all digits where the rates are close.
func position(ahead int, serve, leave, target float64) (within, answered, waited float64) {
	// Answered at all, and the mean, are products and sums over the steps.
	share, mean := 1.0, 0.0
	for j := ahead; j >= 0; j-- {
		others := serve + float64(j)*leave // the step ends: somebody in front is gone
		total := others + leave            // or this caller gives up
		share *= others / total
		mean += 1 / total
	}
	return reach(ahead, serve, leave, target), share, share * mean
}

// reach is the chance to be answered by the time target: the chain of positions, uniformised
// (Jensen 1953): a Poisson number of steps of the jump chain at the fastest rate.
func reach(ahead int, serve, leave, target float64) float64 {
	fastest := serve + float64(ahead+1)*leave
	mean := fastest * target
	now := make([]float64, ahead+1) // by those still ahead
	now[ahead] = 1
	answered, sum := 0.0, 0.0
	seen := math.Exp(-mean)
	for k := 1; seen < 1-1e-12 && k < 1_000_000; k++ {
		next := make([]float64, ahead+1)
		for j, p := range now {
			forward := (serve + float64(j)*leave) / fastest
			stay := 1 - forward - leave/fastest
			next[j] += p * stay
			if j > 0 {
				next[j-1] += p * forward
			} else {
				answered += p * forward
			}
		}
		now = next
		// By logarithms: the first terms may be too small for a float, and would spoil all that follow.
		weight := math.Exp(-mean + float64(k)*math.Log(mean) - logFactorial(k))
		seen += weight
		sum += weight * answered
		if k > int(mean)+1 && weight < 1e-15 {
			break
		}
	}
	return sum
}

func logFactorial(k int) float64 { v, _ := math.Lgamma(float64(k) + 1); return v }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// mostOperators bounds a search.
const mostOperators = 5000

// ErrTooMany says that no number of operators up to the bound is enough.
var ErrTooMany = errors.New("even 5,000 operators would not be enough")

// Fewest is the smallest number of operators with which model serves the share within target.
func Fewest(l Load, target time.Duration, share float64, model func(Load, time.Duration) Forecast) (int, error) {
	for l.Operators = 1; l.Operators <= mostOperators; l.Operators++ {
		if f := model(l, target); !f.Unstable && f.Within >= share {
			return l.Operators, nil
		}
	}
	return 0, ErrTooMany
}

// Seats is how many have to be employed for so many at work, where shrinkage is the share of paid
// time in which they are not: leave, illness, training; from 0 to below 1.
func Seats(operators int, shrinkage float64) int {
	return int(math.Ceil(float64(operators)/(1-shrinkage) - 1e-9))
}
