package erlang

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func near(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if math.Abs(got-want) > by {
		t.Errorf("%s is %.5f, want %.5f", what, got, want)
	}
}

// Golden test A: one set of counts, six service levels.
func TestServiceLevels(t *testing.T) {
	c := Counts{Answered: 1000, AnsweredWithin: 860, Abandoned: 60, AbandonedWithin: 20, AbandonedShort: 10}
	for i, want := range []float64{0.8302, 0.8600, 0.8113, 0.8269, 0.8208} {
		near(t, "formula "+string(rune('1'+i)), c.Levels()[i], want, 0.00005)
	}
	near(t, "ours", c.Level(), 0.8190, 0.00005)
	all, earnest := c.AbandonRate()
	near(t, "abandoned", all, 0.0566, 0.00005)
	near(t, "abandoned in earnest", earnest, 0.0476, 0.00005)
	if (Counts{}).Level() != 1 {
		t.Error("where nobody called nobody waited")
	}
}

// Golden test B: 360 calls in half an hour of 240 s, 55 operators.
func TestErlangC(t *testing.T) {
	l := Load{Calls: 360, Interval: 30 * time.Minute, Handling: 240 * time.Second, Operators: 55}
	f := C(l, 15*time.Second)
	near(t, "the load", l.Erlangs(), 48, 1e-9)
	near(t, "occupancy", f.Occupancy, 0.8727, 0.00005)
	near(t, "P(wait)", f.Wait, 0.2387, 0.00005)
	near(t, "within 15 s", f.Within, 0.8459, 0.00005)
	near(t, "ASA", f.Answer.Seconds(), 8.18, 0.005)
	if C(Load{Calls: 360, Interval: 30 * time.Minute, Handling: 240 * time.Second, Operators: 48}, 0).Unstable != true {
		t.Error("as many operators as Erlangs are not enough")
	}
}

// Golden test C: P(wait) of 2.5 Erlangs.
func TestWaitOfSmallTeams(t *testing.T) {
	for n, want := range map[int]float64{3: 0.7022, 4: 0.3199, 5: 0.1304, 6: 0.0474} {
		f := C(Load{Calls: 2.5, Interval: time.Minute, Handling: time.Minute, Operators: n}, 0)
		near(t, "P(wait)", f.Wait, want, 0.00005)
	}
}

// The sizing of the hotline: peak hours of known years.
func TestSizing(t *testing.T) {
	for _, c := range []struct {
		calls              float64
		handling           time.Duration
		eighty, ninetyFive int
	}{{73, 240 * time.Second, 8, 9}, {46, 240 * time.Second, 6, 7}, {87, 325 * time.Second, 11, 13}} {
		l := Load{Calls: c.calls, Interval: time.Hour, Handling: c.handling}
		for share, want := range map[float64]int{0.8: c.eighty, 0.95: c.ninetyFive} {
			if got, err := Fewest(l, 20*time.Second, share, C); err != nil || got != want {
				t.Errorf("%v calls an hour of %s for %v in 20 s: %d operators, %v, want %d", c.calls, c.handling, share, got, err, want)
			}
		}
	}
	if got := Seats(8, 0.3); got != 12 {
		t.Errorf("8 at work with a shrinkage of 30 %% are %d seats, want 12", got)
	}
}

// With endless patience A is C; with none at all, everybody who finds all busy is gone, which is B.
func TestErlangAAtItsEnds(t *testing.T) {
	l := Load{Calls: 50, Interval: 10 * time.Minute, Handling: time.Minute, Operators: 7}
	target := 20 * time.Second
	c := C(l, target)
	l.Patience = 1e6 * time.Hour / 1e3
	a := A(l, target)
	near(t, "P(wait)", a.Wait, c.Wait, 1e-4)
	near(t, "within", a.Within, c.Within, 1e-4)
	near(t, "ASA", a.Answer.Seconds(), c.Answer.Seconds(), 0.05)
	l.Patience = time.Microsecond
	a = A(l, target)
	near(t, "abandoned", a.Abandoned, B(l.Erlangs(), 7), 1e-4)
}

// The second source: the steady state by solving the balance of a small chain, and a queue lived
// through.
func TestErlangAAgainstOthers(t *testing.T) {
	for _, l := range []Load{
		{Calls: 60, Interval: time.Hour, Handling: 4 * time.Minute, Operators: 4, Patience: 2 * time.Minute},
		{Calls: 300, Interval: time.Hour, Handling: 4 * time.Minute, Operators: 18, Patience: 90 * time.Second},
	} {
		f := A(l, 20*time.Second)
		wait, abandoned := balance(l)
		near(t, "P(wait) by balance", f.Wait, wait, 1e-6)
		near(t, "abandoned by balance", f.Abandoned, abandoned, 1e-6)
		s := lived(l, 20*time.Second, 400_000)
		near(t, "P(wait) as lived", f.Wait, s.Wait, 0.01)
		near(t, "abandoned as lived", f.Abandoned, s.Abandoned, 0.005)
		near(t, "within as lived", f.Within, s.Within, 0.01)
		near(t, "ASA as lived", f.Answer.Seconds(), s.Answer.Seconds(), 0.03*f.Answer.Seconds()+0.2)
		near(t, "occupancy as lived", f.Occupancy, s.Occupancy, 0.01)
	}
}

// balance solves the global balance equations by elimination.
func balance(l Load) (wait, abandoned float64) {
	const states = 200
	lambda, mu, theta := l.Calls/l.Interval.Seconds(), 1/l.Handling.Seconds(), 1/l.Patience.Seconds()
	m := make([][]float64, states)
	for i := range m {
		m[i] = make([]float64, states+1)
	}
	add := func(from, to int, rate float64) { m[to][from] += rate; m[from][from] -= rate }
	for k := range states {
		if k+1 < states {
			add(k, k+1, lambda)
		}
		if k > 0 {
			add(k, k-1, float64(min(k, l.Operators))*mu+float64(max(0, k-l.Operators))*theta)
		}
	}
	for k := range states { // one equation says that all together are 1
		m[states-1][k] = 1
	}
	m[states-1][states] = 1
	for i := range states {
		pivot := i
		for r := i; r < states; r++ {
			if math.Abs(m[r][i]) > math.Abs(m[pivot][i]) {
				pivot = r
			}
		}
		m[i], m[pivot] = m[pivot], m[i]
		for r := range states {
			if r == i || m[r][i] == 0 {
				continue
			}
			by := m[r][i] / m[i][i]
			for k := i; k <= states; k++ {
				m[r][k] -= by * m[i][k]
			}
		}
	}
	for k := l.Operators; k < states; k++ {
		p := m[k][states] / m[k][k]
		wait += p
		abandoned += p * float64(k-l.Operators) * theta / lambda
	}
	return wait, abandoned
}

// lived is a first-come queue with impatient callers, call by call.
func lived(l Load, target time.Duration, calls int) Forecast {
	r := rand.New(rand.NewPCG(1, 2))
	exp := func(mean float64) float64 { return r.ExpFloat64() * mean }
	free := &floats{}
	for range l.Operators {
		heap.Push(free, 0.0)
	}
	now, busy, end := 0.0, 0.0, 0.0
	var f Forecast
	answered := 0
	for range calls {
		now += exp(l.Interval.Seconds() / l.Calls)
		patience, handling := exp(l.Patience.Seconds()), exp(l.Handling.Seconds())
		start := math.Max(now, (*free)[0])
		if start > now {
			f.Wait++
		}
		if start-now > patience {
			f.Abandoned++
			continue
		}
		answered++
		if start-now <= target.Seconds() {
			f.Within++
		}
		f.Answer += seconds(start - now)
		(*free)[0] = start + handling
		heap.Fix(free, 0)
		busy += handling
		end = math.Max(end, start+handling)
	}
	n := float64(calls)
	return Forecast{Wait: f.Wait / n, Abandoned: f.Abandoned / n, Within: f.Within / n, Answer: f.Answer / time.Duration(answered), Occupancy: busy / end / float64(l.Operators)}
}

type floats []float64

func (f floats) Len() int           { return len(f) }
func (f floats) Less(i, k int) bool { return f[i] < f[k] }
func (f floats) Swap(i, k int)      { f[i], f[k] = f[k], f[i] }
func (f *floats) Push(x any)        { *f = append(*f, x.(float64)) }
func (f *floats) Pop() any          { v := (*f)[len(*f)-1]; *f = (*f)[:len(*f)-1]; return v }

// Long targets and large teams: the chance to be answered in time against small steps of time.
func TestReachOfLargeTeams(t *testing.T) {
	const ahead, serve, leave = 20, 300.0 / 240, 1.0 / 180
	for _, target := range []float64{20, 545, 600, 900} {
		p, answered := make([]float64, ahead+1), 0.0
		p[ahead] = 1
		const steps = 200_000
		dt := target / steps
		for range steps {
			for j := 0; j <= ahead; j++ { // from the front, so that nobody moves twice
				forward := p[j] * (serve + float64(j)*leave) * dt
				p[j] -= forward + p[j]*leave*dt
				if j == 0 {
					answered += forward
				} else {
					p[j-1] += forward
				}
			}
		}
		near(t, "answered in time", reach(ahead, serve, leave, target), answered, 2e-3)
	}
}
