//go:build acceptance

package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// The states in which the process is killed.
var killStates = []string{"greeting", "notice", "waiting", "offered", "talking", "sealing"}

// kill -9 in every state: the sound up to the last second is on disk, and after the restart all
// is sealed and closed, both telephones are told, and the operator's phone can be rung without a
// new REGISTER.
func TestKillNine(t *testing.T) {
	rounds := 2 * len(killStates)
	if nightly() {
		rounds = 20
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	op := s.operatorPhone("aysel")
	// Long enough for every round: nothing must depend on a new REGISTER.
	if err := op.Register(within(t, 10*time.Second), 50*time.Minute); err != nil {
		t.Fatal(err)
	}
	op.StopRefreshing()
	var worst, slowest time.Duration
	calls := 0
	for i := range rounds {
		state := killStates[i%len(killStates)]
		if i >= 2*len(killStates) {
			state = killStates[random.IntN(len(killStates))]
		}
		t.Run(fmt.Sprintf("%d %s", i, state), func(t *testing.T) {
			s := s.in(t)
			k := s.killIn(state, op, time.Duration(random.IntN(400))*time.Millisecond)
			calls++
			worst = max(worst, k.lost)
			began := time.Now()
			s.start()
			took := time.Since(began)
			slowest = max(slowest, took)
			if state == "waiting" { // a pause outlives the process
				s.isFloor("after kill -9", map[string]string{"aysel": "paused pause"})
				s.command("", "operator", "resume", "aysel")
			}
			t.Logf("%s lost, up again after %s", k.lost.Round(time.Millisecond), took.Round(time.Millisecond))
			s.afterRestart(op, k, calls)
			calls++
		})
	}
	if strings.Contains(s.read("serve.log"), "decided otherwise") {
		t.Error("the replay of the floor's journal was not what had been decided")
	}
	t.Logf("last sound on disk at most %s older than the newest packet (aim 200ms, bound 1s)", worst.Round(time.Millisecond))
	t.Logf("slowest restart until calls are taken: %s (aim 2s)", slowest.Round(time.Millisecond))
	if worst > time.Second {
		t.Errorf("%s of sound were lost, want at most a second", worst)
	}
	if slowest > 20*time.Second {
		t.Errorf("a restart took %s, ten times the promise is 20s", slowest)
	}
}

// A killed is what was up when the process died.
type killed struct {
	lost          time.Duration // of sound
	caller, taken *phone.Call   // taken is nil where no operator had answered
}

// killIn brings a call into a state, kills the server after a while there, and returns how much
// older the end of the file is than the newest packet that the citizen was sent.
func (s *server) killIn(state string, op *phone.Phone, after time.Duration) killed {
	s.t.Helper()
	if state == "waiting" {
		s.command("", "operator", "pause", "aysel")
	}
	citizen := s.citizen()
	c := s.dial(citizen)
	var taken *phone.Call // not answered, the phone stops ringing by itself
	if state != "greeting" {
		if err := c.Media().PressKeys(within(s.t, 5*time.Second), "2"); err != nil {
			s.t.Fatal(err)
		}
	}
	switch state {
	case "waiting":
		time.Sleep(6 * time.Second)
	case "offered", "talking", "sealing":
		select {
		case taken = <-op.Incoming():
		case <-time.After(15 * time.Second):
			s.t.Fatal("the operator's phone was not rung")
		}
	}
	if state == "talking" || state == "sealing" {
		if err := taken.Answer(); err != nil {
			s.t.Fatal(err)
		}
		c.Media().Say(0.3, 440)
		taken.Media().Say(0.3, 1000)
		if err := c.Media().WaitTone(within(s.t, 5*time.Second), 1000); err != nil {
			s.t.Fatal(err)
		}
	}
	if state == "sealing" {
		if err := c.Hangup(within(s.t, 5*time.Second)); err != nil {
			s.t.Fatal(err)
		}
		after /= 40
	}
	time.Sleep(after)
	s.kill()
	heard := time.Duration(0)
	if packets := c.Media().Packets(); len(packets) > 0 { // a kill within the first milliseconds leaves nothing to hear
		heard = packets[len(packets)-1].At.Sub(packets[0].At)
	}
	file := s.newestSound()
	info, err := os.Stat(file)
	if err != nil {
		s.t.Fatal(err)
	}
	onDisk := time.Duration(max(0, info.Size()-44)/4) * time.Second / 8000
	if h := run(s.t, "soxi", "-c", file); strings.TrimSpace(h) != "2" {
		s.t.Errorf("sox does not open the file of a killed process: %s", h)
	}
	if state != "talking" {
		taken = nil
	}
	return killed{heard - onDisk, c, taken}
}

// newestSound is the file of the newest call.
func (s *server) newestSound() (newest string) {
	s.t.Helper()
	for _, r := range s.recordings() {
		if path := s.data() + "/" + r.Path; path > newest {
			newest = path
		}
	}
	if newest == "" {
		s.t.Fatal("there is no recording")
	}
	return newest
}

// A recordingItem is one of `recording list -o json`.
type recordingItem struct {
	Call, Path, State string
	DurationMS        int64 `json:"duration_ms"`
}

func (s *server) recordings() []recordingItem {
	return ask[struct{ Recordings []recordingItem }](s, "recording", "list").Recordings
}

// sealed waits until so many recordings are.
func (s *server) sealed(n int) {
	s.t.Helper()
	eventually(s.t, 5*time.Second, "the recordings are sealed", func() bool {
		count := 0
		for _, r := range s.recordings() {
			if r.State == "sealed" {
				count++
			}
		}
		return count == n
	})
}

// nothingIsOpen waits until every record is closed and every recording sealed.
func (s *server) nothingIsOpen() {
	s.t.Helper()
	eventually(s.t, 20*time.Second, "every record is closed and every recording sealed", func() bool {
		return !slices.ContainsFunc(s.recordings(), func(r recordingItem) bool { return r.State == "open" }) &&
			!slices.ContainsFunc(s.records(), func(r record) bool { return r.Ended == nil })
	})
}

// afterRestart demands what must be so two seconds after a restart.
func (s *server) afterRestart(op *phone.Phone, k killed, calls int) {
	s.t.Helper()
	s.nothingIsOpen()
	if all := s.records(); len(all) != calls {
		s.t.Errorf("%d calls were placed, the ledger has %d records", calls, len(all))
	}
	if r := s.records()[0]; k.taken != nil && (str(r.Operator) == "" || str(r.Language) != "en" || r.Notice == nil || r.TalkedMS == nil || *r.TalkedMS == 0) {
		s.t.Errorf("the record of a talk that was cut short says too little: %s, notice %v", r, r.Notice)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		s.t.Errorf("recording verify: exit %d: %s", code, out)
	}
	for _, c := range []*phone.Call{k.caller, k.taken} {
		if c == nil {
			continue
		}
		if err := c.WaitDone(within(s.t, 10*time.Second)); err != nil {
			s.t.Errorf("a telephone was left in a call by the killed process: %v", err)
		}
	}
	c := s.dial(s.citizen())
	if err := c.Media().PressKeys(within(s.t, 5*time.Second), "2"); err != nil {
		s.t.Fatal(err)
	}
	select {
	case rung := <-op.Incoming():
		c.Hangup(within(s.t, 5*time.Second))
		<-rung.Done()
	case <-time.After(20 * time.Second):
		s.t.Error("after the restart the operator's phone was not rung")
		c.Hangup(within(s.t, 5*time.Second))
	}
	s.lastRecord()
}
