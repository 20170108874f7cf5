package app

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/configs"
	"hotline/desk"
	"hotline/floor"
	"hotline/phone"
	"hotline/queue"
	"hotline/store"
)

// officeFile has a line with the hours of an office.
func officeFile(t *testing.T, dir string) *configs.File {
	t.Helper()
	f := config(t, dir, hoursFile, `outgoing: {allow: ["+994"]}`)
	f.Lines[0].Hours = "office"
	return f
}

// A citizenry is the callbacks of cases with a store and a floor that are real, and a clock, an operator and
// citizens that are the test's.
type citizenry struct {
	t       *testing.T
	now     time.Time
	file    *configs.File
	store   *store.Store
	floor   *floor.Floor
	hours   *calendars
	tasks   *caseTasks
	orders  map[call.ID]<-chan queue.Order
	killed  string // the process dies before or after the floor is asked
	may     bool   // a number may be called now
	tickets []queue.Ticket
	made    []time.Time // tries: when the citizen's telephone rang
}

var errKilled = errors.New("killed")

func newCitizenry(t *testing.T, at time.Time) *citizenry {
	t.Helper()
	dir := t.TempDir()
	w := &citizenry{t: t, now: at, file: officeFile(t, dir), may: true}
	s, err := store.Open(store.Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w.store = s
	w.start()
	t.Cleanup(func() { w.floor.Close() })
	return w
}

func (w *citizenry) clock() time.Time { return w.now }

// start is a process that goes on where the last one ended.
func (w *citizenry) start() {
	w.t.Helper()
	if w.floor != nil {
		w.floor.Close()
	}
	past, err := w.store.Book().Past(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.floor = floor.New(floor.Options{
		Rules:   []queue.Rules{{Name: "general", Offer: 15 * time.Second, ReadyOnRegister: true, Callback: queue.Callback{Tries: 3, Pause: time.Minute}}},
		Journal: w.store, Book: w.store.Book(), Past: past, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: w.clock,
	})
	w.floor.SetOperators([]queue.Operator{
		{Name: "aysel", Languages: []call.Language{"en"}}, {Name: "leyla", Languages: []call.Language{"en"}},
	})
	for _, name := range []string{"aysel", "leyla"} {
		w.floor.Registered(name, true, true)
	}
	w.floor.PhonesTold()
	w.hours = newCalendars(w.clock, w.floor.SetHours, zap.NewNop(), prometheus.NewRegistry())
	w.hours.configure(w.file)
	w.orders = map[call.ID]<-chan queue.Order{}
	for _, c := range w.floor.Callbacks() {
		w.orders[c.Ticket.Call] = c.Orders
	}
	w.killed = ""
	w.tasks = &caseTasks{
		store: w.store, file: func() *configs.File { return w.file }, floor: w, may: func(n call.Number) bool {
			return w.may && strings.HasPrefix(n.Raw(), "+994")
		},
		letters: func(c call.Case, kind string, next time.Time) []call.Letter {
			return []call.Letter{{Key: string(c.ID) + "/" + kind, Case: c.ID, To: c.Unit, Kind: kind, Way: "webhook", Made: w.now, Next: next}}
		},
		sent: func() {}, now: w.clock, log: zap.NewNop(), kick: make(chan struct{}, 1),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "open"}),
	}
}

// AskCallback, CallbackViews and CancelCallback make it the floor of tickets.
func (w *citizenry) AskCallback(t queue.Ticket) error {
	w.tickets = append(w.tickets, t)
	if w.killed == "before" {
		panic(errKilled)
	}
	orders, err := w.floor.AskCallback(t)
	if err == nil {
		w.orders[t.Call] = orders
	}
	if w.killed == "after" {
		panic(errKilled)
	}
	return err
}

func (w *citizenry) CallbackViews() []queue.CallbackView { return w.floor.CallbackViews() }
func (w *citizenry) CancelCallback(id call.ID) error     { return w.floor.CancelCallback(id) }
func (w *citizenry) event(id call.ID, data map[string]string) {
	w.store.Event(call.Event{At: w.now, Call: id, Name: "callback.tried", Data: data})
}

// pass looks once. Where the process dies in the midst of it, the next one looks.
func (w *citizenry) pass() {
	w.t.Helper()
	defer func() {
		if p := recover(); p != nil {
			if p != any(errKilled) {
				panic(p)
			}
			w.start()
			w.pass()
		}
	}()
	if err := w.tasks.pass(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// step lets time go by.
func (w *citizenry) step(d time.Duration) {
	w.now = w.now.Add(d)
	w.hours.look()
	w.floor.Told("nobody", 0) // what is due falls due
}

// rung is an operator who is rung for a callback; ok is false where nobody is.
func (w *citizenry) rung() (id call.ID, operator string, ok bool) {
	for _, id := range slices.Sorted(maps.Keys(w.orders)) {
		for waiting := true; waiting; {
			select {
			case o, open := <-w.orders[id]:
				if o.Kind == queue.Ring {
					return id, o.Operator, true
				}
				if waiting = open; !open {
					delete(w.orders, id)
				}
			default:
				waiting = false
			}
		}
	}
	return "", "", false
}

// live does what people do with a callback; the citizen's telephone rings where the operator answers.
func (w *citizenry) live(id call.ID, operator, what string) {
	if !w.floor.Report(id, operator, queue.Answered) {
		return
	}
	w.made = append(w.made, w.now)
	far := string(call.NewID())
	switch what {
	case "killed":
		w.start()
	case "killed when it was over":
		w.event(id, map[string]string{"operator": operator, "outcome": "no_answer", "call": far})
		w.start()
	case "reached":
		w.event(id, map[string]string{"operator": operator, "outcome": what, "call": far})
		w.floor.CallbackReached(id)
		w.pass()
		w.floor.Leave(id)
	case "operator":
		w.made = w.made[:len(w.made)-1] // it is not tried again: the next operator goes on with it
		w.event(id, map[string]string{"operator": operator, "outcome": what, "call": far})
		w.floor.Report(id, operator, queue.Lost)
	default:
		w.event(id, map[string]string{"operator": operator, "outcome": what, "call": far})
		w.floor.CallbackFailed(id, what == "declined")
	}
}

// open makes a case with a callback.
func (w *citizenry) open(from string) call.Case {
	w.t.Helper()
	c := call.Case{ID: call.NewID(), Call: "c1", Line: "919", From: call.Number(from), Language: "en", Matter: call.MatterComplaint, Unit: "reception", Opened: w.now, Due: w.now.Add(300 * time.Hour), Forward: w.now}
	c, _, err := w.store.OpenCase(w.t.Context(), c, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.answer(c)
	return c
}

func (w *citizenry) answer(c call.Case) {
	w.t.Helper()
	if _, err := w.store.ChangeCase(w.t.Context(), c.Number, store.CaseChange{
		State: call.CaseAnswered, Answer: "yes", Entry: call.CaseEntry{At: w.now, By: "rena", What: "answer"}, Task: &call.CaseTask{Due: w.now, Made: w.now},
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *citizenry) task(c call.Case) call.CaseTask {
	w.t.Helper()
	t, err := w.store.CaseTask(w.t.Context(), c.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// history is what the history of a case says of its callback.
func (w *citizenry) history(c call.Case) (out []string) {
	w.t.Helper()
	c, err := w.store.Case(w.t.Context(), c.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range c.History {
		if strings.HasPrefix(e.What, "callback") {
			text, of, _ := strings.Cut(e.Text, "call ")
			if of != "" {
				text += "call"
			}
			out = append(out, e.What+" by "+e.By+": "+text)
		}
	}
	return out
}

// baku is a moment on the clock of Baku.
func baku(t *testing.T, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Baku")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Three tries on two working days, two hours apart on one, in the hours of the queue alone.
func TestWhenACitizenIsTried(t *testing.T) {
	for name, c := range map[string]struct {
		from  string
		tries []string
	}{
		"in the morning":                          {"2026-11-25 09:30", []string{"2026-11-25 09:30", "2026-11-25 11:30", "2026-11-26 09:00"}},
		"late: the second is on the next day":     {"2026-11-25 17:00", []string{"2026-11-25 17:00", "2026-11-26 09:00", "2026-11-27 09:00"}},
		"at night: not before the hours":          {"2026-11-25 23:00", []string{"2026-11-26 09:00", "2026-11-26 11:00", "2026-11-27 09:00"}},
		"on a Friday: the third is on Monday":     {"2026-11-27 09:30", []string{"2026-11-27 09:30", "2026-11-27 11:30", "2026-11-30 09:00"}},
		"before a holiday, and Monday off for it": {"2026-12-30 10:00", []string{"2026-12-30 10:00", "2026-12-30 12:00", "2027-01-05 09:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCitizenry(t, baku(t, c.from))
			k := w.open("+994505550100")
			for range 7 * 24 * 2 {
				if w.pass(); settled(w.task(k)) {
					break
				}
				for id, op, ok := w.rung(); ok; id, op, ok = w.rung() {
					w.live(id, op, "no_answer")
					w.pass()
				}
				w.step(30 * time.Minute)
			}
			var got []string
			for _, at := range w.made {
				got = append(got, at.Format("2006-01-02 15:04"))
			}
			if !slices.Equal(got, c.tries) {
				t.Errorf("tried %q, want %q", got, c.tries)
			}
			if task := w.task(k); task.Outcome != call.TaskGivenUp || task.Tries != 3 {
				t.Errorf("the task is %+v", task)
			}
			want := []string{
				"callback.tried by aysel: no_answer, try 1 of 3, call", "callback.tried by leyla: no_answer, try 2 of 3, call",
				"callback.tried by aysel: no_answer, try 3 of 3, call", "callback.given_up by hotline: the unit is told to write",
			}
			for i, line := range w.history(k) {
				if i >= len(want) || strings.ReplaceAll(line, "leyla", "aysel") != strings.ReplaceAll(want[i], "leyla", "aysel") {
					t.Errorf("the history says %q", line)
				}
			}
			letters, err := w.store.Letters(t.Context(), w.now, 10)
			if err != nil || len(letters) != 1 || letters[0].Kind != "unreached" || letters[0].To != "reception" {
				t.Errorf("letters %+v, %v", letters, err)
			}
			w.answer(k) // a look, or another answer, does not take the letter back; the callback begins anew
			if letters, err := w.store.Letters(t.Context(), w.now, 10); err != nil || len(letters) != 1 {
				t.Errorf("letters after another answer: %+v, %v", letters, err)
			}
			if task := w.task(k); task.Outcome != call.TaskOpen || task.Tries != 0 {
				t.Errorf("after another answer the task is %+v", task)
			}
		})
	}
}

// What people do with the first call, and what is written of it.
func TestWhatACallOfACaseComesTo(t *testing.T) {
	for what, c := range map[string]struct {
		outcome call.CaseTaskOutcome
		tries   int
		history string
	}{
		"reached":                 {call.TaskReached, 0, "callback.reached by aysel: call"},
		"declined":                {call.TaskDeclined, 0, "callback.declined by aysel: call"},
		"no_key":                  {call.TaskOpen, 1, "callback.tried by aysel: no_key, try 1 of 3, call"},
		"killed":                  {call.TaskOpen, 1, "callback.tried by hotline: interrupted, try 1 of 3"},
		"killed when it was over": {call.TaskOpen, 1, "callback.tried by aysel: no_answer, try 1 of 3, call"},
		"operator":                {call.TaskCalling, 0, ""}, // hung up before: the next one is rung for it
		"cancelled":               {call.TaskCancelled, 0, "callback.cancelled by rena: "},
	} {
		t.Run(what, func(t *testing.T) {
			w := newCitizenry(t, baku(t, "2026-11-25 10:00"))
			k := w.open("+994505550100")
			w.pass()
			if task := w.task(k); task.Outcome != call.TaskCalling || task.Ticket == "" {
				t.Fatalf("the task is %+v", task)
			}
			if ticket := w.tickets[0]; ticket.Case != k.Number || ticket.For != "c1" || ticket.Language != "en" || ticket.Party != "+994505550100" || ticket.Queue != "general" {
				t.Errorf("the ticket is %+v", ticket)
			}
			if err := w.tasks.order(t.Context(), k, "rena"); !errors.Is(err, desk.ErrInvalid) {
				t.Errorf("ordered while it is under way: %v", err)
			}
			w.answer(k) // changes nothing about it
			if id, op, ok := w.rung(); !ok {
				t.Fatal("nobody was rung")
			} else if what == "cancelled" {
				if err := w.tasks.cancel(t.Context(), k, "rena"); err != nil {
					t.Fatal(err)
				}
			} else {
				w.live(id, op, what)
			}
			w.pass()
			task := w.task(k)
			if task.Outcome != c.outcome || task.Tries != c.tries || (task.Ticket == "") != (c.outcome != call.TaskCalling) {
				t.Errorf("the task is %+v", task)
			}
			if got := strings.ReplaceAll(strings.Join(w.history(k), "; "), "leyla", "aysel"); got != c.history {
				t.Errorf("the history says %q, want %q", got, c.history)
			}
			if !settled(task) {
				return
			}
			if err := w.tasks.cancel(t.Context(), k, "rena"); !errors.Is(err, desk.ErrInvalid) {
				t.Errorf("cancelled when it was over: %v", err)
			}
			if err := w.tasks.order(t.Context(), k, "rena"); err != nil || w.task(k).Outcome != call.TaskOpen {
				t.Errorf("ordered when it was over: %v, %+v", err, w.task(k))
			}
			events, err := w.store.Events(t.Context(), "c1")
			if err != nil || len(events) < 2 || events[1].Name != "case.callback" || events[1].Data["outcome"] != string(c.outcome) || events[1].Data["case"] != k.Number {
				t.Errorf("events %+v, %v", events, err)
			}
		})
	}
}

// A morning with many to be called leaves the line to those who call.
func TestFewCitizensAreInTheLineAtOnce(t *testing.T) {
	w := newCitizenry(t, baku(t, "2026-11-25 10:00"))
	var all []call.Case
	for i := range 5 {
		all = append(all, w.open(fmt.Sprintf("+99450555010%d", i)))
	}
	for range 20 {
		w.pass()
		if n := len(w.floor.CallbackViews()); n > taskAtOnce {
			t.Errorf("%d are in the line at once", n)
		}
		if id, op, ok := w.rung(); ok {
			w.live(id, op, "reached")
		}
		w.step(2 * time.Second)
	}
	for _, c := range all {
		if task := w.task(c); task.Outcome != call.TaskReached {
			t.Errorf("%+v", task)
		}
	}
}

// Who cannot be called, and when.
func TestCitizensWhoCannotBeCalled(t *testing.T) {
	w := newCitizenry(t, baku(t, "2026-11-25 10:00"))
	abroad, hidden, busy := w.open("+000125550100"), w.open(""), w.open("+994505550101")
	for _, c := range []call.Case{abroad, hidden} {
		if err := w.tasks.order(t.Context(), c, "rena"); !errors.Is(err, desk.ErrInvalid) {
			t.Errorf("%s was ordered: %v", c.Number, err)
		}
	}
	if err := w.tasks.cancel(t.Context(), hidden, "rena"); err != nil {
		t.Error(err)
	}
	orders, err := w.floor.AskCallback(queue.Ticket{Call: "own", Queue: "general", Party: "+994505550101", Arrived: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.pass()
	if task := w.task(busy); task.Outcome != call.TaskOpen || len(w.tickets) != 0 {
		t.Errorf("who has another callback open is %+v", task)
	}
	if task := w.task(abroad); task.Outcome != call.TaskOpen || task.Tries != 1 {
		t.Errorf("whose number is not let out is %+v", task)
	}
	at := w.now
	w.step(10 * time.Hour)
	if w.pass(); len(w.tickets) != 0 || w.task(abroad).Tries != 1 {
		t.Errorf("in the evening: %+v", w.tickets)
	}
	w.now = at
	w.may = false // the hours of calls out
	w.file.Outgoing.Hours = "office"
	w.step(9 * time.Hour)
	w.file.Lines[0].Hours = configs.Always
	w.hours.configure(w.file)
	w.floor.Leave("own")
	for range orders {
	}
	w.pass()
	if task := w.task(busy); task.Outcome != call.TaskOpen || task.Tries != 0 || len(w.tickets) != 0 {
		t.Errorf("outside the hours of calls out: %+v", task)
	}
	w.may = true
	w.pass()
	if task := w.task(busy); task.Outcome != call.TaskCalling {
		t.Errorf("when it may be: %+v", task)
	}
}

// Whatever people do, whenever the process dies, however the clock runs: at most three tries, never two at
// once, never outside the hours, never sooner than they may be, and an end.
func TestCallbacksOfCasesAlwaysEnd(t *testing.T) {
	seen := map[call.CaseTaskOutcome]int{}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := newCitizenry(t, baku(t, "2026-12-24 08:00").Add(time.Duration(r.IntN(96))*time.Hour))
		k := w.open("+994505550100")
		w.open("+994505550100") // another case of the same citizen: not both at once
		whats := []string{"no_answer", "no_key", "no_answer", "not_called", "operator", "killed", "killed when it was over", "reached", "declined"}
		whats = whats[:4+r.IntN(6)]
		perDay := map[string]int{}
		open := w.file.Hours("office")
		tried := map[string]int{} // by case
		lastOf := map[string]time.Time{}
		done := false
		for n := 0; !done; n++ {
			if n > 3000 {
				t.Fatalf("seed %d: no end after %s: %+v", seed, w.now, w.task(k))
			}
			switch r.IntN(12) {
			case 0:
				w.start()
			case 1:
				w.killed = []string{"before", "after"}[r.IntN(2)]
			case 2, 3, 5:
				w.step(time.Duration(r.IntN(300)) * time.Minute)
			case 4:
				w.step(time.Duration(r.IntN(60)) * time.Second)
			case 6:
				if r.IntN(10) == 0 {
					w.step(-time.Duration(r.IntN(60)) * time.Minute)
				}
			case 7, 8:
				id, op, ok := w.rung()
				if !ok {
					break
				}
				what := whats[r.IntN(len(whats))]
				if r.IntN(6) == 0 {
					w.floor.Report(id, op, queue.NoAnswer)
					break
				}
				before := len(w.made)
				number := w.tickets[slices.IndexFunc(w.tickets, func(x queue.Ticket) bool { return x.Call == id })].Case
				w.live(id, op, what)
				if len(w.made) == before {
					break
				}
				at := w.made[before]
				perDay[number+at.Format(" 2006-01-02")]++
				if !open.Open(at) {
					t.Errorf("seed %d: called at %s", seed, at)
				}
				if tried[number]++; tried[number] > taskTries {
					t.Errorf("seed %d: try %d of %s", seed, tried[number], number)
				}
				if last := lastOf[number]; !last.IsZero() && at.Sub(last) < taskGap {
					t.Errorf("seed %d: tried again after %s", seed, at.Sub(last))
				}
				lastOf[number] = at
			default:
				w.pass()
				list, err := w.store.CaseTasks(t.Context(), false)
				if err != nil {
					t.Fatal(err)
				}
				done = len(list) == 0
			}
			if views := w.floor.CallbackViews(); len(views) > 1 {
				t.Fatalf("seed %d: two at once: %+v", seed, views)
			}
		}
		days := 0
		for day, n := range perDay {
			if strings.HasPrefix(day, k.Number) {
				days++
			}
			if n > 2 {
				t.Errorf("seed %d: %d tries: %s", seed, n, day)
			}
		}
		task := w.task(k)
		seen[task.Outcome]++
		if task.Outcome == call.TaskGivenUp && (tried[k.Number] != taskTries || days < 2) {
			t.Errorf("seed %d: given up after %d tries on %d days", seed, tried[k.Number], days)
		}
		if task.Outcome == call.TaskOpen || task.Outcome == call.TaskCalling {
			t.Errorf("seed %d: %+v", seed, task)
		}
		w.floor.Close()
		w.store.Close()
	}
	for _, o := range []call.CaseTaskOutcome{call.TaskReached, call.TaskDeclined, call.TaskGivenUp} {
		if seen[o] == 0 {
			t.Errorf("no seed ended as %s: %v", o, seen)
		}
	}
}

// The whole way over real SIP: an answer, the operator's telephone with the case on it, the citizen's, the key,
// the two together, and what is written of it.
func TestACitizenIsCalledOverRealSIP(t *testing.T) {
	dir := t.TempDir()
	shortClips(t, dir, "whisper.callback", "whisper.en", "callback.out.case", "callback.out.item.ready", "callback.out.item.decline")
	file := config(t, dir, `outgoing: {allow: ["+994"]}`)
	board, err := phone.New(phone.Options{User: "board"})
	if err != nil {
		t.Fatal(err)
	}
	defer board.Close()
	at := netip.MustParseAddrPort(board.Addr())
	file.SIP.Trunks.Carriers[0].To = []configs.Target{{Host: at.Addr().String(), Port: at.Port(), Transport: configs.UDP}}
	a := startApp(t, Options{File: file})
	defer a.Close()
	telephone := register(t, a, "aysel")
	ctx := timeout(t, 30*time.Second)
	incoming := func(p *phone.Phone) *phone.Call {
		t.Helper()
		select {
		case in := <-p.Incoming():
			return in
		case <-ctx.Done():
			t.Fatal("a telephone does not ring")
			return nil
		}
	}
	k, err := a.register.make(ctx, call.Message{ID: call.NewID(), Call: "c1", Line: "919", From: "0505550100", Language: "en", Kind: call.MatterComplaint, At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.register.Change(ctx, k.Number, wire.CaseChange{Do: "answer", By: "rena", Text: "yes", Callback: true}); err != nil {
		t.Fatal(err)
	}
	op := incoming(telephone)
	if want := "Case " + k.Number + " English"; op.From().Display != want {
		t.Errorf("the operator's telephone shows %q, want %q", op.From().Display, want)
	}
	if err := op.Answer(); err != nil {
		t.Fatal(err)
	}
	citizen := incoming(board)
	if err := citizen.Answer(); err != nil {
		t.Fatal(err)
	}
	op.Media().Say(0.3, 700)
	joined := make(chan error, 1)
	go func() { joined <- citizen.Media().WaitTone(ctx, 700) }()
	for pressing := true; pressing; { // as people do who are impatient
		select {
		case err := <-joined:
			if err != nil {
				t.Fatalf("the citizen does not hear the operator: %v", err)
			}
			pressing = false
		case <-time.After(500 * time.Millisecond):
			if err := citizen.Media().PressKeys(ctx, "1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	task := func() call.CaseTask {
		task, err := a.store.CaseTask(ctx, k.ID)
		if err != nil {
			t.Error(err)
		}
		return task
	}
	becomes(t, "the citizen counts as reached, while they talk", func() bool { return task().Outcome == call.TaskReached })
	if err := citizen.Hangup(ctx); err != nil {
		t.Error(err)
	}
	var of call.Record
	becomes(t, "the record is closed", func() bool {
		calls, err := a.store.Calls(ctx, store.Filter{Limit: 10, All: true})
		if len(calls) > 0 {
			of = calls[0]
		}
		return err == nil && len(calls) == 1 && !of.Ended.IsZero()
	})
	if of.Kind != call.KindCallback || of.Linked != "c1" || of.Outcome != call.Completed {
		t.Errorf("the record of the call: %+v", of)
	}
	shows, err := a.register.Show(ctx, k.Number, wire.CaseLook{})
	if err != nil {
		t.Fatal(err)
	}
	if last := shows.History[len(shows.History)-1]; last.What != "callback.reached" || last.By != "aysel" || last.Text != "call "+string(of.ID) {
		t.Errorf("the history ends with %+v, the call was %s", last, of.ID)
	}
	if got := value(t, a, "hotline_cases_tasks_open"); got != 0 {
		t.Errorf("%v callbacks are left", got)
	}
	events, err := a.store.Events(ctx, "c1")
	var told []string
	for _, e := range events {
		if e.Name == "case.callback" {
			told = append(told, e.Data["outcome"])
		}
	}
	if err != nil || !slices.Equal(told, []string{"calling", "reached"}) {
		t.Errorf("events %q, %v", told, err)
	}
}
