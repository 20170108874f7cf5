//go:build acceptance

package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// kill -9, and what operators were doing is as it was: one at lunch stays so, with the reason, one
// who writes notes goes on until their end, one who was rung is ready, one who talked writes notes.
// A stop in good order is no different. Whoever was away stays away.
func TestKillTheFloor(t *testing.T) {
	s := newServer(t, "queues: [{name: general, wrap_up: 25s}]")
	names := []string{"aysel", "leyla", "nigar", "rena", "samir", "tural"}
	for _, name := range names {
		s.addOperator(name, "az,en,ru")
	}
	s.start()
	phones := map[string]*phone.Phone{}
	register := func(name string, change ...func(*phone.Options)) *phone.Phone {
		t.Helper()
		p := s.operatorPhone(name, change...)
		if err := p.Register(within(t, 10*time.Second), 50*time.Minute); err != nil {
			t.Fatal(err)
		}
		p.StopRefreshing() // nothing may depend on a new REGISTER
		phones[name] = p
		return p
	}
	star := func(name, code string) {
		t.Helper()
		c, err := phones[name].Dial(within(t, 10*time.Second), phone.DialOptions{To: "sip:" + code + "@127.0.0.1:5070"})
		if err != nil {
			t.Fatalf("%s: %v", code, err)
		}
		s.over(c)
	}

	register("leyla")
	c, _ := s.talk(s.citizen(), phones["leyla"])
	s.hangUp(c)
	s.becomesState("leyla", "wrap_up")
	wrapped := time.Now()
	register("aysel")
	star("aysel", "*461")
	register("nigar")
	talking, _ := s.talk(s.citizen(), phones["nigar"])
	register("rena")
	offered := s.queued(s.citizen())
	s.rung(phones["rena"])
	s.becomesState("rena", "offered")
	register("tural", func(o *phone.Options) { o.Transport = "tcp" })
	s.becomesState("tural", "ready")
	before := s.floorNow()
	t.Logf("before: %v", before)

	s.kill()
	s.start()
	want := map[string]string{
		"aysel": before["aysel"], "leyla": before["leyla"], "nigar": "wrap_up ", "rena": "ready ", "samir": "offline ", "tural": "offline ",
	}
	s.isFloor("after kill -9", want)
	// A connection has died with the process: whoever was ready is again when there is a new one.
	if err := phones["tural"].Register(within(t, 10*time.Second), 50*time.Minute); err != nil {
		t.Fatal(err)
	}
	s.becomesState("tural", "ready")
	if reason := strings.TrimPrefix(before["aysel"], "paused "); reason == "" || reason == before["aysel"] {
		t.Errorf("aysel was %q, want paused with a reason", before["aysel"])
	}
	for _, c := range []*phone.Call{talking, offered} {
		s.over(c)
	}

	s.stop()
	s.start()
	s.isFloor("after a stop", want)
	if err := phones["tural"].Unregister(within(t, 10*time.Second)); err != nil {
		t.Error(err)
	}

	s.becomesState("leyla", "ready")
	if took := time.Since(wrapped); took < 24*time.Second {
		t.Errorf("leyla's notes were over after %s, want 25s", took)
	}
	star("aysel", "*45")
	s.becomesState("aysel", "ready")
	c = s.queued(s.citizen())
	rung := map[string]*phone.Call{}
	select {
	case rung["leyla"] = <-phones["leyla"].Incoming():
	case rung["nigar"] = <-phones["nigar"].Incoming():
	case rung["rena"] = <-phones["rena"].Incoming():
	case rung["aysel"] = <-phones["aysel"].Incoming():
	case <-time.After(20 * time.Second):
		t.Fatal("after the restart nobody is rung")
	}
	s.hangUp(c)
	s.lastRecord()
	if log := s.read("serve.log"); strings.Contains(log, "decided otherwise") || strings.Contains(log, "cannot be read") {
		t.Error("the journal's replay was not what had been decided")
	}
}

// floorNow is what each operator does, and the reason of a pause.
func (s *server) floorNow() map[string]string {
	s.t.Helper()
	now := map[string]string{}
	for _, o := range ask[struct {
		Operators []struct {
			Name, State string
			Reason      *string
		}
	}](s, "operator", "list").Operators {
		now[o.Name] = o.State + " " + str(o.Reason)
	}
	return now
}

func (s *server) becomesState(name, want string) {
	s.t.Helper()
	eventually(s.t, 40*time.Second, name+" is "+want, func() bool { return strings.HasPrefix(s.floorNow()[name], want) })
}

func (s *server) isFloor(when string, want map[string]string) {
	s.t.Helper()
	now := s.floorNow()
	var differs []string
	for name, is := range want {
		if now[name] != is {
			differs = append(differs, fmt.Sprintf("%s is %q, want %q", name, now[name], is))
		}
	}
	slices.Sort(differs)
	if len(differs) > 0 {
		s.t.Errorf("%s: %s", when, strings.Join(differs, "; "))
	}
}
