//go:build acceptance

package acceptance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/acceptance/ear"
	"hotline/phone"
)

// How many calls are up when the process is killed.
const upWhenKilled = 20

// The most that kill -9 may cost of a leg: what we aim at, and the bound.
const (
	killAim   = 200 * time.Millisecond
	killBound = time.Second
)

// kill -9 at random moments with 20 calls up. Citizens and operators say a time code, which the ear
// reads out of the file as the dead process left it: it tells to the sample how much of what each of
// them had sent is not there.
func TestKillWithManyCallsUp(t *testing.T) {
	rounds := 5
	if nightly() {
		rounds = 60
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t)
	s.importOperators(upWhenKilled)
	s.start()
	operators := s.codedOperators(upWhenKilled)
	var lost, ours []time.Duration
	calls := 0
	for i := range rounds {
		for try := 1; ; try++ {
			up := s.codedCalls(operators)
			calls += upWhenKilled
			after := time.Second + time.Duration(random.IntN(1500))*time.Millisecond
			legs, late := s.killCoded(up, after)
			s.start()
			s.mended(up, calls)
			// Where packets come late, a telephone's sound has a hole, and the code is not read across it.
			if late <= tooLate/5 && len(legs) != 2*upWhenKilled {
				t.Fatalf("%d legs have the time code at their end, want %d", len(legs), 2*upWhenKilled)
			}
			if late <= tooLate && len(legs) == 2*upWhenKilled {
				slices.Sort(legs)
				t.Logf("kill %d, %s after the last answer: at most %s lost; the telephones were at most %s late", i,
					after, legs[len(legs)-1].Round(time.Millisecond), late.Round(time.Millisecond))
				lost = append(lost, legs...)
				for _, l := range legs {
					ours = append(ours, l-late)
				}
				break
			}
			t.Logf("kill %d: the telephones were %s late, %d legs are read; once more", i, late.Round(time.Millisecond), len(legs))
			if try == 4 {
				t.Fatal("this machine is too busy for so many telephones")
			}
		}
	}
	slices.Sort(lost)
	most := lost[len(lost)-1]
	t.Logf("%d kills, %d legs: lost median %s, p99 %s, most %s", rounds, len(lost), lost[len(lost)/2].Round(time.Millisecond),
		lost[len(lost)*99/100].Round(time.Millisecond), most.Round(time.Millisecond))
	if slices.Max(ours) > killAim || most > killBound {
		t.Errorf("%s of a leg are lost, %s more than the telephones were late; want at most %s and %s", most, slices.Max(ours), killBound, killAim)
	}
}

// A codedLeg is a telephone in a call that says the time code.
type codedLeg struct {
	call *phone.Call
	sent int // packets, when it began to
}

// say begins the time code.
func (l *codedLeg) say() {
	l.sent = l.call.Media().Sent().Packets
	l.call.Media().SayClip(ear.TimeCode())
}

// said is how much of the time code has been sent.
func (l *codedLeg) said() time.Duration {
	return time.Duration(l.call.Media().Sent().Packets-l.sent) * 20 * time.Millisecond
}

// A codedCall is a call in which both say it.
type codedCall struct {
	id       string // ours, as the operator's telephone was told
	citizen  codedLeg
	operator codedLeg
}

// codedOperators registers telephones that stay so for the whole test.
func (s *server) codedOperators(n int) (all []*phone.Phone) {
	s.t.Helper()
	for i := range n {
		p := s.operatorPhone(operatorName(i), func(o *phone.Options) { o.Remember = time.Second })
		if err := p.Register(within(s.t, 10*time.Second), 50*time.Minute); err != nil {
			s.t.Fatal(err)
		}
		p.StopRefreshing()
		all = append(all, p)
	}
	return all
}

// codedCalls brings as many calls up as there are operators.
func (s *server) codedCalls(operators []*phone.Phone) (up []*codedCall) {
	s.t.Helper()
	ctx := within(s.t, 60*time.Second)
	up = make([]*codedCall, len(operators))
	var citizens, taken sync.WaitGroup
	var failed failures
	for i := range up {
		up[i] = &codedCall{}
		p := s.citizen(func(o *phone.Options) { o.User, o.Remember = fmt.Sprintf("+0001000%d", i), time.Second })
		citizens.Go(func() {
			c, err := p.Dial(ctx, phone.DialOptions{To: line919})
			if failed.add(err) {
				return
			}
			up[i].citizen.call = c
			failed.add(c.Media().PressKeys(ctx, "2"))
		})
	}
	for _, op := range operators {
		taken.Go(func() {
			select {
			case c := <-op.Incoming():
				var i int
				_, err := fmt.Sscanf(c.From().User(), "+0001000%d", &i)
				if failed.add(err) || failed.add(c.Answer()) {
					return
				}
				up[i].id, up[i].operator.call = c.Header("X-Hotline-Call"), c
			case <-ctx.Done():
				failed.add(ctx.Err())
			}
		})
	}
	citizens.Wait()
	taken.Wait()
	failed.fatal(s.t)
	eventually(s.t, 10*time.Second, "all talk", func() bool {
		return s.metric(`hotline_line_calls_active{line="919",state="talking"}`) == float64(len(up))
	})
	for _, c := range up {
		c.citizen.say()
		c.operator.say()
	}
	return up
}

// failures are those of several goroutines.
type failures struct {
	mu  sync.Mutex
	all []error
}

// add notes an error, and reports whether it is one.
func (f *failures) add(err error) bool {
	if err == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, err)
	return true
}

func (f *failures) fatal(t testing.TB) {
	t.Helper()
	if len(f.all) > 0 {
		t.Fatal(f.all)
	}
}

// killCoded kills the server a while after the calls have come up, and says how much of each leg is
// not in its file, and how late the telephones were themselves.
func (s *server) killCoded(up []*codedCall, after time.Duration) (lost []time.Duration, late time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	worst := lateness(ctx)
	time.Sleep(after)
	said := make([][2]time.Duration, len(up))
	for i, c := range up {
		said[i] = [2]time.Duration{c.citizen.said(), c.operator.said()}
	}
	s.kill()
	cancel()
	files := map[string]string{}
	for _, r := range s.recordings() {
		files[r.Call] = filepath.Join(s.data(), r.Path)
	}
	for i, c := range up {
		tape, err := ear.ReadWAV(files[c.id])
		if err != nil {
			s.t.Fatalf("the recording of call %s: %v", c.id, err)
		}
		for ch := range 2 {
			last, ok := ear.LastOfCode(tape[ch])
			if !ok {
				continue // and is missed
			}
			lost = append(lost, max(0, said[i][ch]-time.Duration(last+1)*time.Second/8000))
		}
	}
	if out := run(s.t, "soxi", "-c", files[up[0].id]); strings.TrimSpace(out) != "2" {
		s.t.Errorf("sox does not open the file of a killed process: %s", out)
	}
	return lost, worst()
}

// mended demands that after the restart every call is closed, sealed and ended at both telephones.
func (s *server) mended(up []*codedCall, calls int) {
	s.t.Helper()
	for _, c := range up {
		for _, l := range []*phone.Call{c.citizen.call, c.operator.call} {
			if err := l.WaitDone(within(s.t, 15*time.Second)); err != nil {
				s.t.Errorf("a telephone was left in a call by the killed process: %v", err)
			}
		}
		c.citizen.call.Phone().Close()
	}
	s.nothingIsOpen()
	if n := len(s.recordings()); n != calls {
		s.t.Errorf("%d calls left %d recordings", calls, n)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		s.t.Errorf("recording verify: exit %d: %s", code, out)
	}
}
