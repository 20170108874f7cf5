package trace

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// A story in words: events at seconds after the first, each with its data as "key=value" words.
func eventsOf(lines ...string) (events []call.Event) {
	for _, line := range lines {
		words := strings.Fields(line)
		after, err := time.ParseDuration(words[0])
		if err != nil {
			panic(err)
		}
		e := call.Event{At: began.Add(after), Call: theCall, Name: words[1], Data: map[string]string{}}
		for _, w := range words[2:] {
			k, v, _ := strings.Cut(w, "=")
			e.Data[k] = v
		}
		events = append(events, e)
	}
	return events
}

var fourMinutes = eventsOf(
	"0s call.arrived line=919 trunk=carrier",
	"0.2s call.answered by=menu",
	"20s call.queued queue=general language=ru position=3 why=entered staff_talking=3 staff_wrap_up=1 staff_offline=2",
	"80s call.relaxed queue=general step=2 waited_ms=60000",
	"110s call.overflowed queue=general to=tax waited_ms=90000",
	"200s call.offered queue=general language=ru operator=aysel by=longest-idle idle_ms=252000 waited_ms=180000 free=2",
	"200s operator.state_changed operator=aysel from=ready to=offered why=offered",
	"215s call.offer_missed queue=general operator=aysel why=no_answer in_row=2",
	"216s call.offered queue=general language=ru operator=rena by=longest-idle idle_ms=900 waited_ms=196000 free=1",
	"230s call.offer_missed queue=general operator=rena why=busy in_row=1",
	"250s call.offered queue=general language=ru operator=leyla by=level idle_ms=1000 waited_ms=230000 free=3",
	"263s call.connected queue=general operator=leyla waited_ms=243000 estimate_error_ms=63000",
	"263s operator.state_changed operator=leyla from=offered to=talking why=answered",
	"263s call.answered by=operator operator=leyla",
	"270s operator.state_changed operator=leyla from=talking to=holding why=held",
	"300s call.operator_lost operator=leyla",
	"300s call.queued queue=general language=ru position=1 why=lost staff_ready=1",
	"300s call.offered queue=general language=ru operator=samir by=last-operator idle_ms=5000 waited_ms=0 free=1",
	"304s call.connected queue=general operator=samir waited_ms=4000 again=yes",
	"400s call.disposed operator=samir topic=visa/overstay",
	"400s call.ended outcome=completed ended_by=caller",
)

var others = eventsOf(
	"0s call.queued queue=tax position=1 why=entered",
	"5s call.offered queue=tax operator=aysel by=ring-several idle_ms=61000 waited_ms=5000 free=4",
	"5s call.offered queue=tax operator=rena by=ring-several idle_ms=60000 waited_ms=5000 free=3",
	"7s call.offer_withdrawn operator=rena why=paused",
	"9s call.offer_withdrawn operator=aysel why=overdue",
	"9s call.offer_missed queue=tax operator=aysel why=overdue in_row=1",
	"10s call.offered queue=tax operator=nigar by=least-talk idle_ms=60000 waited_ms=10000 free=2",
	"12s call.offer_missed queue=tax operator=nigar why=unreachable in_row=0",
	"13s call.offered queue=tax operator=samir by=round-robin idle_ms=60000 waited_ms=10000 free=2",
	"20s call.wait_expired queue=tax waited_ms=20000",
	"21s call.abandoned phase=waiting",
	"21s call.ended outcome=abandoned ended_by=caller",
)

var calledBack = eventsOf(
	"0s call.queued queue=tax language=az position=4 why=entered callback=yes staff_holding=1 staff_unreachable=2 staff_paused=1 staff_ready=2",
	"60s call.offered queue=tax operator=aysel by=longest-idle idle_ms=61000 waited_ms=60000 free=1",
	"64s callback.missed try=1 again=2026-11-25T14:10:30Z",
	"64s call.queued queue=tax language=az position=4 why=not_reached callback=yes staff_ready=1",
	"700s call.offered queue=tax operator=aysel by=longest-idle idle_ms=61000 waited_ms=60000 free=1",
	"703s call.connected queue=tax operator=aysel waited_ms=703000",
	"800s callback.closed queue=tax outcome=reached tries=1 waited_ms=703000",
)

// Why did it take four minutes? The ladder says so, and its parts add up.
func TestALadderTellsWhatWasDecided(t *testing.T) {
	for name, events := range map[string][]call.Event{"decisions.txt": fourMinutes, "decisions-others.txt": others, "decisions-callback.txt": calledBack} {
		got := Draw(Story{Events: events})
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s", name, got)
		}
		if again := Draw(Story{Events: events}); again != got {
			t.Errorf("%s is drawn in two ways", name)
		}
	}
}

// However many telephones ring at once and however long, the parts of a wait are the wait.
func TestTheAccountOfAWaitAddsUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		teller := teller{since: map[string]time.Time{}}
		at := began
		tell := func(name, operator string) {
			teller.tell(call.Event{At: at, Name: name, Data: map[string]string{"operator": operator, "why": "no_answer"}})
		}
		tell("call.queued", "")
		for range r.IntN(12) {
			at = at.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
			who := []string{"aysel", "rena", "leyla"}[r.IntN(3)]
			tell([]string{"call.offered", "call.offer_missed", "call.offer_withdrawn"}[r.IntN(3)], who)
		}
		at = at.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
		tell([]string{"call.connected", "call.abandoned"}[r.IntN(2)], "aysel")
		free, vain, good := teller.parts(teller.waits[0])
		if sum := free + vain + good; sum != at.Sub(began) {
			t.Fatalf("%s + %s + %s is not %s", free, vain, good, at.Sub(began))
		}
	}
}
