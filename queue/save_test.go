package queue

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

var update = flag.Bool("update", false, "write the golden files anew")

// every is a house in which everything is in use.
var every = []Rules{
	{
		Name: "general", Target: 20 * time.Second, Short: 5 * time.Second, Offer: 15 * time.Second, WrapUp: 60 * time.Second,
		ReadyOnRegister: true, Strategy: LeastTalk, HeadStart: 5 * time.Second, LastOperator: 10 * time.Second,
		Steps:    []Step{{Language: 3, Skills: []Skill{{"visa", 3}}}, {After: 30 * time.Second, Language: 1}, {After: 60 * time.Second}},
		Overflow: []Overflow{{After: 20 * time.Second, To: "tax"}}, Longest: 4 * time.Minute, PauseAfter: 3,
		Callback: Callback{Tries: 3, Pause: 20 * time.Second},
	},
	{Name: "tax", Target: 10 * time.Second, Offer: 8 * time.Second, Strategy: RingSeveral, AtOnce: 2, ReadyOnRegister: true, Limit: 6},
	{Name: "visa", Offer: 10 * time.Second, Strategy: RoundRobin, WrapUp: 5 * time.Second, Callback: Callback{Tries: 3, Pause: time.Minute}},
}

// A busyDay is a random sequence of all kinds of events, at one State; there is no judge.
type busyDay struct {
	pick    func(int) int
	now     time.Time
	wake    time.Time
	entered int
	rung    []Offered
	joined  []Offered
}

func (d *busyDay) id() call.ID { return call.ID(fmt.Sprintf("c%05d", max(1, d.entered-d.pick(10)))) }

// answered is a call that was offered to somebody lately.
func (d *busyDay) answered() call.ID {
	if len(d.rung) == 0 || d.pick(4) == 0 {
		return d.id()
	}
	return d.rung[len(d.rung)-1-d.pick(min(6, len(d.rung)))].Call
}

func (d *busyDay) next() Event {
	name := func() string { return names[d.pick(len(names))] }
	queueName := func() string { return every[d.pick(len(every))].Name }
	ticket := func() Ticket {
		d.entered++
		t := Ticket{
			Call: call.ID(fmt.Sprintf("c%05d", d.entered)), Queue: queueName(), Language: languages[d.pick(3)],
			Arrived: d.now.Add(-time.Duration(d.pick(40)) * time.Second),
		}
		if d.pick(3) == 0 {
			t.Last = name()
		}
		return t
	}
	switch k := d.pick(100); {
	case k < 22:
		return Entered{ticket()}
	case k < 42 && len(d.rung) > 0:
		o := d.rung[len(d.rung)-1-d.pick(min(4, len(d.rung)))]
		r := []Result{Answered, Answered, Answered, NoAnswer, Busy, Unreachable, Lost}[d.pick(7)]
		return Reported{o.Call, o.Operator, r}
	case k < 52 && len(d.joined) > 0:
		return Left{d.joined[len(d.joined)-1-d.pick(min(4, len(d.joined)))].Call}
	case k < 56:
		return Left{d.id()}
	case k < 60:
		t := ticket()
		t.Party = fmt.Sprintf("+00012345678%d", d.pick(8))
		if d.pick(2) == 0 {
			t.For = d.id()
		}
		if d.pick(3) == 0 {
			t.Case = "2026-000123"
		}
		return CallbackAsked{t}
	case k < 61:
		return CallbackReached{d.answered()}
	case k < 66:
		return CallbackFailed{d.answered(), d.pick(4) == 0}
	case k < 68:
		return Held{d.id(), d.pick(2) == 0}
	case k < 70:
		return Told{d.id(), time.Duration(d.pick(200)) * time.Second}
	case k < 71:
		return Prioritised{d.id(), time.Duration(d.pick(100)) * time.Second}
	case k < 73:
		return HoursSet{queueName(), d.pick(3) > 0}
	case k < 77:
		return PhoneChanged{name(), d.pick(4) > 0, d.pick(3) > 0}
	case k < 79:
		return Paused{name(), "lunch", d.pick(2) == 0}
	case k < 84:
		return Resumed{name()}
	case k < 86:
		return WrapUpExtended{name()}
	case k < 87:
		return Disposed{name(), "visa/overstay"}
	case k < 88:
		return OwnCallChanged{name(), d.pick(2) == 0}
	case k < 89:
		return Reserved{name()}
	case k < 90:
		return Released{name()}
	case k < 91:
		return Transferred{d.answered(), name()}
	case k < 92:
		rules := append([]Rules{}, every...)
		rules[0].Steps = rules[0].Steps[:d.pick(3)]
		rules[1].HeadStart = time.Duration(d.pick(3)) * time.Second
		return RulesSet{Rules: rules[:2+d.pick(2)], House: House{Cover: []Cover{{"az", 1 + d.pick(3)}}, Refuse: d.pick(2) == 0}}
	case k < 94:
		return OperatorsSet{d.staff()}
	case k < 95 && d.pick(5) == 0:
		return Restarted{}
	case k < 96:
		return PhonesTold{}
	}
	return Tick{}
}

func (d *busyDay) staff() (list []Operator) {
	for _, name := range names {
		if d.pick(9) == 0 {
			continue
		}
		o := Operator{Name: name, Disabled: d.pick(12) == 0}
		for _, l := range languages {
			if d.pick(4) > 0 {
				o.Languages = append(o.Languages, l)
			}
		}
		if d.pick(2) == 0 {
			o.Skills = append(o.Skills, Skill{"visa", 1 + d.pick(5)}, Skill{"az", 1 + d.pick(5)})
		}
		if d.pick(3) == 0 {
			o.Queues = []string{every[d.pick(3)].Name, "visa"}
		}
		list = append(list, o)
	}
	return list
}

func (d *busyDay) goOn() {
	switch d.pick(6) {
	case 0:
		d.now = d.now.Add(time.Duration(d.pick(30000)) * time.Millisecond)
	case 1:
		d.now = d.now.Add(Quiet)
	case 2, 3:
		if !d.wake.IsZero() && d.wake.After(d.now) {
			d.now = d.wake
		}
	}
}

func (d *busyDay) heard(cmds []Command) {
	for _, c := range cmds {
		switch c := c.(type) {
		case Offered:
			d.rung = append(d.rung, c)
		case Connected:
			d.joined = append(d.joined, Offered{Call: c.Call, Operator: c.Operator})
		case Wake:
			d.wake = c.At
		}
	}
}

// words are commands as they are compared: errors by what they say, times to the nanosecond.
func words(t testing.TB, cmds []Command) string {
	t.Helper()
	b, err := EncodeCommands(cmds)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s wake %s", b, cmds[len(cmds)-1].(Wake).At.UTC())
}

func mustSave(t testing.TB, s *State) []byte {
	t.Helper()
	b, err := s.Save()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reloaded(t testing.TB, b []byte) *State {
	t.Helper()
	s, err := Load(b)
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return s
}

// live goes through a day with two states: one lives on, the other is at times loaded from what was
// saved and brought up to date by the journal, in which steps that decided nothing are missing.
func (d *busyDay) live(t testing.TB, steps int) (decided map[string]int) {
	t.Helper()
	one, two := New(every), New(every)
	d.now = noon
	decided = map[string]int{}
	saved := mustSave(t, two)
	type row struct {
		at   time.Time
		kind string
		body []byte
	}
	var rows []row
	step := func(ev Event) {
		cmds := one.Step(ev, d.now)
		twin := two.Step(ev, d.now)
		d.heard(cmds)
		if a, b := words(t, cmds), words(t, twin); a != b {
			t.Fatalf("+%s %T%+v:\n one %s\n two %s", d.now.Sub(noon), ev, ev, a, b)
		}
		for _, c := range cmds {
			decided[strings.TrimPrefix(fmt.Sprintf("%T", c), "queue.")]++
		}
		if _, tick := ev.(Tick); tick && len(cmds) == 1 {
			return
		}
		kind, body, err := EncodeEvent(ev)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{d.now, kind, body})
	}
	step(RulesSet{Rules: every, House: House{Cover: []Cover{{"az", 1}}}})
	step(OperatorsSet{d.staff()})
	for _, name := range names {
		step(PhoneChanged{name, true, true})
	}
	for range steps {
		d.goOn()
		step(d.next())
		switch d.pick(12) {
		case 0: // saved and loaded here
			saved, rows = mustSave(t, one), nil
			two = reloaded(t, saved)
			if again := mustSave(t, two); !bytes.Equal(saved, again) {
				t.Fatalf("a state that was loaded is saved as another:\n%s\n%s", saved, again)
			}
		case 1: // loaded from the last checkpoint and what came since
			two = reloaded(t, saved)
			for _, r := range rows {
				ev, err := DecodeEvent(r.kind, r.body)
				if err != nil {
					t.Fatal(err)
				}
				two.Step(ev, r.at)
			}
			two.Step(Tick{}, d.now)
			one.Step(Tick{}, d.now)
			if a, b := mustSave(t, one), mustSave(t, two); !bytes.Equal(a, b) {
				t.Fatalf("the journal's replay is another state:\n%s\n%s", a, b)
			}
		}
	}
	return decided
}

func TestALoadedFloorDecidesAsTheOneThatWasSaved(t *testing.T) {
	n := 100
	if testing.Short() {
		n = 50
	}
	seen := map[string]int{}
	for i := range uint64(n) {
		r := rand.New(rand.NewPCG(*seed+i, 7))
		d := &busyDay{pick: r.IntN}
		ok := t.Run(fmt.Sprint("seed ", *seed+i), func(t *testing.T) {
			for what, k := range d.live(t, 250) {
				seen[what] += k
			}
		})
		if !ok {
			return
		}
	}
	for _, c := range commandCodecs { // a day in which things do not happen proves nothing about them
		if what := c.of.Name(); seen[what] < n/20 {
			t.Errorf("%s was seen only %d times in %d days", what, seen[what], n)
		}
	}
}

func TestShrunkLoadedDays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &busyDay{pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "pick") }}
		d.live(t, rapid.IntRange(1, 40).Draw(rt, "steps"))
	})
}

// golden is a floor in the midst of everything.
func golden(t *testing.T) *State {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 7))
	d := &busyDay{pick: r.IntN, now: noon}
	s := New(every)
	s.Step(OperatorsSet{d.staff()}, d.now)
	for _, name := range names {
		s.Step(PhoneChanged{name, true, true}, d.now)
	}
	for range 200 {
		d.goOn()
		d.heard(s.Step(d.next(), d.now))
	}
	return s
}

// What an older release saved can be loaded for ever, and what a newer one adds does no harm.
func TestWhatOtherReleasesSaved(t *testing.T) {
	const path = "testdata/saved-1.json"
	if *update {
		if err := os.WriteFile(path, append(mustSave(t, golden(t)), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := reloaded(t, b)
	if again := append(mustSave(t, s), '\n'); !bytes.Equal(b, again) {
		t.Errorf("%s is saved as another:\n%s", path, again)
	}
	newer := bytes.ReplaceAll(b, []byte(`"state":`), []byte(`"mood":"good","state":`))
	if s := reloaded(t, newer); !bytes.Equal(append(mustSave(t, s), '\n'), b) {
		t.Error("a field that is not known changed what was loaded")
	}
	if _, err := Load(bytes.Replace(b, []byte(`"form":1`), []byte(`"form":2`), 1)); !errors.Is(err, ErrNewerForm) {
		t.Errorf("a newer form: %v, want ErrNewerForm", err)
	}
}

func TestWhatIsNoSavedFloor(t *testing.T) {
	whole := string(mustSave(t, golden(t)))
	for name, text := range map[string]string{
		"nothing":          "",
		"another object":   "{}",
		"cut off":          whole[:len(whole)/2],
		"an unknown state": strings.Replace(whole, `"state":"offline"`, `"state":"asleep"`, 1),
		"a call of nobody": `{"form":1,"calls":[{"Call":"c1","Queue":"nowhere"}]}`,
		"a queue twice":    `{"form":1,"rules":[{"Name":"a"},{"Name":"a"}]}`,
		"two calls of one": `{"form":1,"rules":[{"Name":"a"}],"operators":[{"Name":"ann","state":"talking"}],"calls":[
			{"Call":"c1","Queue":"a","talks_to":"ann"},{"Call":"c2","Queue":"a","talks_to":"ann"}]}`,
		"an offer for ever": `{"form":1,"rules":[{"Name":"a"}],"operators":[{"Name":"ann","state":"offered"}],"calls":[
			{"Call":"c1","Queue":"a","ringing":["ann"]}]}`,
	} {
		if text == whole {
			t.Errorf("%s: the test changes nothing", name)
		}
		if _, err := Load([]byte(text)); err == nil {
			t.Errorf("%s was loaded", name)
		}
	}
}

func TestASavedFloorIsSetBack(t *testing.T) {
	s := golden(t)
	const ahead = 30 * time.Hour
	b := mustSave(t, s)
	wake := s.next()
	if err := s.SetBack(ahead); err != nil {
		t.Fatal(err)
	}
	if got := s.next(); !got.Equal(wake.Add(-ahead)) {
		t.Errorf("the next timer runs out at %s, want %s", got, wake.Add(-ahead))
	}
	if err := s.SetBack(-ahead); err != nil {
		t.Fatal(err)
	}
	if again := mustSave(t, s); !bytes.Equal(b, again) {
		t.Errorf("set back and forth it is another:\n%s\n%s", b, again)
	}
}

// Who comes back after a reload took the later steps away is served by those there are.
func TestStepsTakenAwayDuringATalk(t *testing.T) {
	s := New(every)
	at := noon
	s.Step(OperatorsSet{[]Operator{{Name: "ann", Languages: []call.Language{"az"}}}}, at)
	s.Step(PhoneChanged{"ann", true, true}, at)
	s.Step(Entered{Ticket{Call: "c1", Queue: "general", Language: "az", Arrived: at}}, at)
	at = at.Add(35 * time.Second) // the second step: no skill
	s.Step(Tick{}, at)
	s.Step(Reported{"c1", "ann", Answered}, at)
	rules := append([]Rules{}, every...)
	rules[0].Steps, rules[0].Overflow = nil, nil
	s.Step(RulesSet{Rules: rules}, at)
	cmds := s.Step(Reported{"c1", "ann", Lost}, at)
	if !strings.Contains(words(t, cmds), `"kind":"queued"`) {
		t.Errorf("the caller is not back in the line: %s", words(t, cmds))
	}
}

// FuzzLoad: whatever is loaded is saved as the same again, and can be worked with.
func FuzzLoad(f *testing.F) {
	b, err := os.ReadFile("testdata/saved-1.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"form":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Load(b)
		if err != nil {
			return
		}
		one := mustSave(t, s)
		if two := mustSave(t, reloaded(t, one)); !bytes.Equal(one, two) {
			t.Fatalf("saved as another:\n%s\n%s", one, two)
		}
	})
}
