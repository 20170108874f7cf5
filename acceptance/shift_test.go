//go:build acceptance

package acceptance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotline/phone"
)

// Languages of the operators of a shift, in turn: few speak English or Russian, as in life.
var shiftLanguages = []string{"az", "az,ru", "az,en", "az", "az,en,ru"}

// A shift of real telephones: operators who let it ring, decline, hang up at once and vanish,
// callers who lose patience, and a server that is killed twice in the midst of it. Afterwards a
// judge that knows nothing of the queue's insides reads what was written down: nobody was rung for
// two callers, no caller was lost, and everybody came in turn.
func TestShiftOfRealTelephones(t *testing.T) {
	operators, callers, rate := 20, 200, 3 // callers a second: more than twenty can serve, for a minute
	if nightly() {
		callers, rate = 1000, 2
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t, "queues: [{name: general, offer: 5s, wrap_up: 2s, operators: {pause_after: 0}}]")
	languages := map[string]string{}
	var csv strings.Builder
	csv.WriteString("name,role,languages,queues,password,sip_secret\n")
	for i := range operators {
		name := operatorName(i)
		s.secrets[name], languages[name] = fmt.Sprintf("secret-of-%03d-long-enough", i), shiftLanguages[i%len(shiftLanguages)]
		fmt.Fprintf(&csv, "%s,operator,%s,,password%03d,%s\n", name, strings.ReplaceAll(languages[name], ",", " "), i, s.secrets[name])
	}
	s.write("operators.csv", csv.String())
	if out, code := s.command("", "user", "import", s.dir+"/operators.csv"); code != 0 {
		t.Fatalf("user import: exit %d: %s", code, out)
	}
	s.start()
	sh := &shift{s: s, over: make(chan struct{})}
	var staff sync.WaitGroup
	for name := range languages {
		p, r := s.operatorPhone(name), rand.New(rand.NewPCG(random.Uint64(), 1))
		staff.Go(func() { sh.work(p, r) })
	}

	var queue sync.WaitGroup
	pace := time.NewTicker(time.Second / time.Duration(rate))
	defer pace.Stop()
	for i := range callers {
		<-pace.C
		if i == callers/3 || i == 2*callers/3 {
			s.kill()
			sh.kills = append(sh.kills, time.Now().UnixMicro())
			sh.killed.Add(1)
			s.start()
		}
		r := rand.New(rand.NewPCG(random.Uint64(), 2))
		p := s.citizen(func(o *phone.Options) { o.User = fmt.Sprintf("+0001234%05d", i) })
		queue.Go(func() { sh.call(p, r) })
	}
	queue.Wait()
	close(sh.over)
	staff.Wait()

	calmly(t, 60*time.Second, "all records are closed", func() bool {
		for _, r := range s.records() {
			if r.Ended == nil {
				return false
			}
		}
		return true
	})
	t.Logf("callers: %d talked, %d gave up, %d were cut off by a kill, %d found nobody in time", sh.talked.Load(), sh.gaveUp.Load(), sh.cut.Load(), sh.waitedOut.Load())
	if sh.refused.Load() > 0 {
		t.Errorf("%d calls were refused", sh.refused.Load())
	}
	if n := sh.waitedOut.Load(); n > 0 {
		t.Errorf("%d callers waited two minutes and longer", n)
	}
	if least := int64(callers / 3); sh.talked.Load() < least {
		t.Errorf("%d callers talked, want at least %d for the shift to say something", sh.talked.Load(), least)
	}
	story := s.story(t)
	v := judgeShift(story, languages, sh.kills...)
	t.Logf("the judge saw %d offers, %d talks, %d offers in vain, %d turns compared, %d idle times", v.offers, v.talks, v.missed, v.turns, v.idles)
	for _, wrong := range v.wrong {
		t.Error(wrong)
	}
	if v.talks < int(sh.talked.Load()) {
		t.Errorf("%d callers talked, but %d talks are written down", sh.talked.Load(), v.talks)
	}
}

// A shift counts what callers lived through.
type shift struct {
	s                                       *server
	kills                                   []int64 // µs
	killed                                  atomic.Int64
	over                                    chan struct{}
	talked, gaveUp, cut, refused, waitedOut atomic.Int64
}

// work is an operator's shift.
func (sh *shift) work(p *phone.Phone, r *rand.Rand) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		select {
		case <-sh.over:
			return
		case c := <-p.Incoming():
			mood, delay, talk := r.IntN(100), time.Duration(200+r.IntN(1300))*time.Millisecond, time.Duration(2000+r.IntN(3000))*time.Millisecond
			calls.Go(func() { sh.take(p, c, mood, delay, talk) })
		}
	}
}

// take is what an operator does about one offer.
func (sh *shift) take(p *phone.Phone, c *phone.Call, mood int, delay, talk time.Duration) {
	switch {
	case mood < 12: // rings in vain; for a server that has died it stops by itself
		select {
		case <-c.Done():
		case <-time.After(20 * time.Second):
			_ = c.Reject(480)
		}
		return
	case mood < 18:
		_ = c.Reject(486)
		return
	case mood < 21: // the telephone loses its network for a while
		p.Behave(phone.Manners{Dead: true})
		time.Sleep(8 * time.Second)
		p.Behave(phone.Manners{})
		return
	}
	select {
	case <-c.Done():
		return
	case <-time.After(delay):
	}
	if c.Answer() != nil {
		return
	}
	if mood < 25 { // thinks better of it
		_ = c.Hangup(within(sh.s.t, 10*time.Second))
		return
	}
	c.Media().Say(0.3, 1000)
	select {
	case <-c.Done():
		return
	case <-time.After(talk):
	}
	if mood%2 == 1 { // the citizen hangs up; if not, the operator does
		select {
		case <-c.Done():
		case <-time.After(20 * time.Second):
		}
	}
	_ = c.Hangup(within(sh.s.t, 10*time.Second))
}

// call is one citizen's call.
func (sh *shift) call(p *phone.Phone, r *rand.Rand) {
	defer p.Close()
	key := []string{"1", "1", "1", "2", "3"}[r.IntN(5)]
	patience, talk := 2*time.Minute, time.Duration(1000+r.IntN(3000))*time.Millisecond
	impatient := r.IntN(100) < 15
	if impatient {
		patience = time.Duration(8+r.IntN(15)) * time.Second
	}
	kills := sh.killed.Load()
	c, err := p.Dial(within(sh.s.t, 20*time.Second), phone.DialOptions{To: line919})
	switch {
	case err != nil && sh.killed.Load() > kills:
		sh.cut.Add(1)
		return
	case err != nil:
		sh.refused.Add(1)
		return
	}
	_ = c.Media().PressKeys(within(sh.s.t, 10*time.Second), key)
	heard := c.Media().WaitTone(within(sh.s.t, patience), 1000) == nil
	select {
	case <-c.Done():
		if heard {
			sh.talked.Add(1)
		} else {
			sh.cut.Add(1)
		}
		return
	default:
	}
	switch {
	case heard:
		sh.talked.Add(1)
		select {
		case <-c.Done():
		case <-time.After(talk):
		}
	case impatient:
		sh.gaveUp.Add(1)
	default:
		sh.waitedOut.Add(1)
	}
	_ = c.Hangup(within(sh.s.t, 10*time.Second))
}
