package floor

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
	"hotline/queue"
)

// book keeps decisions in memory, and can lose them from a place on, as a process that dies does.
type book struct{ rows []call.Decision }

func (b *book) Append(d call.Decision) {
	d.Seq = uint64(len(b.rows) + 1)
	d.At = d.At.Round(0) // the monotonic clock is not written down
	b.rows = append(b.rows, d)
}

// past is what a store gives of it.
func (b *book) past() []call.Decision {
	from, seen := len(b.rows), 0
	for i := len(b.rows) - 1; i >= 0 && seen < 2; i-- {
		if b.rows[i].Kind == call.Checkpoint {
			from = i
			seen++
		}
	}
	return slices.Clone(b.rows[from:])
}

var callbacks = queue.Rules{
	Name: "general", Target: 20 * time.Second, Offer: 15 * time.Second, WrapUp: time.Minute, ReadyOnRegister: true, PauseAfter: 3,
	Callback: queue.Callback{Tries: 3, Pause: 10 * time.Minute},
}

// openOn opens a floor on a book, as app does after a start.
func openOn(t *testing.T, b *book, registered ...string) (*shift, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	s := &shift{t: t, journal: &journal{}, registry: prometheus.NewPedanticRegistry(), logs: logs}
	s.Floor = New(Options{
		Rules: []queue.Rules{callbacks}, Journal: s.journal, Book: b, Past: b.past(), Log: zap.New(core), Metrics: s.registry,
		Languages: []call.Language{"az"},
	})
	var list []queue.Operator
	for _, name := range []string{"ann", "bob", "cem", "dil", "ela"} {
		list = append(list, queue.Operator{Name: name, Languages: []call.Language{"az"}})
	}
	s.SetOperators(list)
	for _, name := range registered {
		s.Registered(name, true, !s.Restored())
	}
	s.PhonesTold()
	return s, logs
}

// facts are what must be as it was: of operators all but who is on the line, of callbacks all.
func (s *shift) facts() (lines []string) {
	snap := s.Snapshot()
	for _, o := range snap.Operators {
		lines = append(lines, fmt.Sprintf("%s %s reason=%q wraps=%s in_row=%d paused=%v registered=%v last=%s",
			o.Name, o.State, o.Reason, o.WrapsUntil.UTC(), o.InRow, o.Paused, o.Registered, o.Last))
	}
	for _, q := range snap.Queues {
		for _, c := range q.Calls {
			lines = append(lines, fmt.Sprintf("%d %s callback=%v again=%s since=%s", c.Position, c.Call, c.Callback, c.Again.UTC(), c.Arrived.UTC()))
		}
	}
	return lines
}

// A floor that ends without goodbye goes on: pauses, wrap-ups, missed offers, callbacks with their
// place and their tries. Nobody is on the line, and who has gone home meanwhile has signed off.
func TestAFloorGoesOnWhereItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s, _ := openOn(t, b, "ann", "bob", "cem", "dil")
		if s.Restored() {
			t.Error("a floor without a past says that it has one")
		}
		ask := func(n int) <-chan queue.Order {
			orders, err := s.AskCallback(queue.Ticket{
				Call: call.ID(fmt.Sprint("cb", n)), Queue: "general", Language: "az", Arrived: time.Now(), Party: fmt.Sprint("+00012345678", n),
			})
			if err != nil {
				t.Fatal(err)
			}
			return orders
		}
		// ann is in wrap-up, bob at lunch, cem has missed one offer, dil is offered a caller.
		c1 := s.enter("c1")
		s.want(c1, queue.Ring, "ann")
		s.Report("c1", "ann", queue.Answered)
		for _, name := range []string{"bob", "dil"} {
			if err := s.Pause(name, "lunch"); err != nil {
				t.Fatal(err)
			}
		}
		c2 := s.enter("c2")
		s.want(c2, queue.Ring, "cem")
		s.Report("c2", "cem", queue.NoAnswer)
		cb1 := ask(1)
		time.Sleep(time.Second)
		ask(2)
		s.Resume("dil")
		s.want(c2, queue.Ring, "dil")
		s.Report("c2", "dil", queue.Answered)
		s.Leave("c2")
		s.Resume("dil") // out of the wrap-up
		s.want(cb1, queue.Ring, "dil")
		s.Report("cb1", "dil", queue.Answered)
		s.CallbackFailed("cb1", false)
		time.Sleep(2 * time.Second)
		s.Leave("c1")
		s.enter("c3")
		before := s.facts()
		s.Close()

		next, logs := openOn(t, b, "ann", "bob", "cem")
		defer next.Close()
		if !next.Restored() || logs.Len() > 0 {
			t.Errorf("restored %v, the log says %v", next.Restored(), logs.All())
		}
		after := next.facts()
		t.Log(strings.Join(before, "\n"))
		want := slices.DeleteFunc(slices.Clone(before), func(line string) bool { return strings.Contains(line, "c3") })
		for i, line := range want {
			switch {
			case strings.HasPrefix(line, "dil"): // had a call or not: not registered any more
				want[i] = after[i]
				if !strings.HasPrefix(after[i], "dil offline") {
					t.Errorf("dil has no telephone: %s", after[i])
				}
			}
		}
		if !slices.Equal(after, want) {
			t.Errorf("after the restart:\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(want, "\n"))
		}
		open := next.Callbacks()
		if len(open) != 2 || open[0].Ticket.Call != "cb1" || open[0].Ticket.Party != "+000123456781" {
			t.Fatalf("callbacks: %+v", open)
		}
		if _, err := next.AskCallback(queue.Ticket{Call: "cb9", Queue: "general", Arrived: time.Now(), Party: "+000123456781"}); err == nil {
			t.Error("a second callback for one number was taken after the restart")
		}
		next.want(open[1].Orders, queue.Ring, "cem") // whose rest is over first
		time.Sleep(time.Until(timeOf(t, before, "ann")) + time.Second)
		next.wantState("ann", queue.OperatorOffered) // the same, whom cem did not answer
	})
}

// timeOf is until when somebody writes notes.
func timeOf(t *testing.T, facts []string, who string) time.Time {
	t.Helper()
	for _, line := range facts {
		if rest, ok := strings.CutPrefix(line, who+" wrap_up reason=\"\" wraps="); ok {
			at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", rest[:strings.Index(rest, " UTC")+4])
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	t.Fatalf("%s writes no notes: %v", who, facts)
	return time.Time{}
}

// Any prefix of the journal leads to a floor that works, and to the same one twice (I12).
func TestAnyPrefixOfTheJournalIsAFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s, _ := openOn(t, b, "ann", "bob", "cem")
		randomHour(t, s, 300)
		s.Close()
		f := &Floor{log: zap.NewNop()}
		for n := range len(b.rows) + 1 {
			prefix := (&book{b.rows[:n]}).past()
			one, restored := f.restore(prefix, time.Now())
			two, _ := f.restore(prefix, time.Now())
			if any := slices.ContainsFunc(prefix, func(d call.Decision) bool { return d.Kind == call.Checkpoint }); restored != any {
				t.Fatalf("%d rows: restored %v", n, restored)
			}
			x, err := one.Save()
			if err != nil {
				t.Fatal(err)
			}
			if y, _ := two.Save(); string(x) != string(y) {
				t.Fatalf("%d rows lead to two floors", n)
			}
			if n == len(b.rows) {
				z, _ := s.state.Save()
				if string(x) != string(z) {
					t.Fatalf("the journal leads to another floor:\n%s\n%s", x, z)
				}
			}
		}
	})
}

// randomHour lets callers come and go.
func randomHour(t *testing.T, s *shift, steps int) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 5))
	names := []string{"ann", "bob", "cem"}
	id := func(n int) call.ID { return call.ID(fmt.Sprintf("c%04d", n)) }
	offered := map[call.ID]<-chan queue.Order{}
	for n := range steps {
		time.Sleep(time.Duration(r.IntN(6000)) * time.Millisecond)
		switch r.IntN(10) {
		case 0, 1, 2:
			offered[id(n)] = s.enter(id(n))
		case 3:
			s.Leave(id(max(0, n-r.IntN(40))))
		case 4:
			_ = s.Pause(names[r.IntN(3)], "lunch")
		case 5, 6:
			_ = s.Resume(names[r.IntN(3)])
		default:
			for _, c := range slices.Sorted(maps.Keys(offered)) {
				select {
				case o, open := <-offered[c]:
					if !open {
						delete(offered, c)
						continue
					}
					if o.Kind == queue.Ring {
						s.Report(c, o.Operator, []queue.Result{queue.Answered, queue.Answered, queue.NoAnswer, queue.Busy}[r.IntN(4)])
					}
				default:
				}
			}
		}
	}
}

// A checkpoint that cannot be read is told and kept; the one before it leads to the same floor.
func TestACheckpointThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s, _ := openOn(t, b, "ann", "bob")
		_ = s.Pause("ann", "lunch")
		s.Close()
		s, _ = openOn(t, b, "ann", "bob")
		want := s.facts()
		s.Close()
		for i := len(b.rows) - 1; ; i-- {
			if b.rows[i].Kind == call.Checkpoint {
				b.rows[i].Event = json.RawMessage(`{"form":1,"calls":[{"Call":"c1","Queue":"nowhere"}]}`)
				break
			}
		}
		s, logs := openOn(t, b, "ann", "bob")
		if got := s.facts(); !slices.Equal(got, want) || logs.FilterMessageSnippet("cannot be read").Len() != 1 {
			t.Errorf("the checkpoint before it:\n%v\nwant\n%v\n%v", got, want, logs.All())
		}
		s.Close()
		kept := 0
		for i, d := range b.rows {
			if d.Kind == call.Unreadable {
				kept++
			}
			if d.Kind == call.Checkpoint {
				b.rows[i].Event = json.RawMessage(`{"form":99}`)
			}
		}
		if kept != 1 {
			t.Errorf("%d unreadable checkpoints were kept, want 1", kept)
		}
		s, logs = openOn(t, b, "ann", "bob")
		defer s.Close()
		if s.Restored() || logs.Len() != 2 {
			t.Errorf("two bad checkpoints: restored %v, %v", s.Restored(), logs.All())
		}
		s.wantState("ann", queue.OperatorReady)
	})
}

// A floor that was saved by a clock which was ahead does not stand still.
func TestAClockThatWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s, _ := openOn(t, b, "ann")
		s.want(s.enter("c1"), queue.Ring, "ann")
		s.Report("c1", "ann", queue.Answered)
		s.Leave("c1")
		s.Close()
		for i := range b.rows {
			b.rows[i].At = b.rows[i].At.Add(24 * time.Hour)
		}
		b.rows = b.rows[1:] // a checkpoint of then, and a journal of a day later
		b.rows = append([]call.Decision{{At: time.Now(), Kind: call.Checkpoint, Event: emptyFloor(t)}}, b.rows...)
		s, logs := openOn(t, b, "ann")
		defer s.Close()
		if logs.FilterMessageSnippet("ahead").Len() != 1 {
			t.Errorf("the log says %v", logs.All())
		}
		s.wantState("ann", queue.OperatorWrapUp)
		time.Sleep(callbacks.WrapUp + time.Second)
		s.wantState("ann", queue.OperatorReady)
	})
}

func emptyFloor(t *testing.T) []byte {
	t.Helper()
	b, err := queue.New([]queue.Rules{callbacks}).Save()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was decided is compared with what is decided when the journal is replayed, but for the moment
// by which two clocks differ.
func TestWhatIsDecidedAlike(t *testing.T) {
	const was = `[{"kind":"offered","is":{"Operator":"ann","Free":2,"Waited":5000000000,"Deadline":"2026-11-25T09:00:15.5Z"}},{"kind":"finished","is":{"Call":"c1"}}]`
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"ann", "ann", true}, {"5000000000", "5000000417", true}, {"15.5Z", "15.500000417+00:00", true},
		{"ann", "bob", false}, {`"Free":2`, `"Free":3`, false}, {"5000000000", "6000000000", false}, {"15.5Z", "16.5Z", false},
		{`,{"kind":"finished","is":{"Call":"c1"}}`, "", false}, {`"Call":"c1"`, `"Call":"c1","Queue":"tax"`, false}, {"}]", "}", false},
	} {
		if got := alike([]byte(was), []byte(strings.Replace(was, c.from, c.to, 1))); got != c.want {
			t.Errorf("%s for %s: %v", c.to, c.from, got)
		}
	}
}

// Every event and command is in the book; ticks that decide nothing are not;
// checkpoints come at the start and every so many events.
func TestWhatIsInTheBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s, _ := openOn(t, b, "ann", "bob", "cem")
		randomHour(t, s, 4500)
		s.Close()
		checkpoints, events := 0, 0
		for i, d := range b.rows {
			if d.Kind == call.Checkpoint {
				if checkpoints++; checkpoints > 1 && events != checkpointEvery+1 {
					t.Errorf("%d events between two checkpoints", events)
				}
				events = 0
				continue
			}
			events++
			if d.Kind == "tick" && string(d.Commands) == "[]" {
				t.Errorf("row %d says nothing", i)
			}
		}
		if checkpoints < 3 {
			t.Errorf("%d checkpoints in %d rows", checkpoints, len(b.rows))
		}
	})
}

// What a restart takes, and a checkpoint: a thousand operators, a thousand callers, and as many events.
func BenchmarkCheckpoint(b *testing.B) {
	f, _ := crowded(b)
	for b.Loop() {
		f.checkpoint(time.Now())
	}
}

func BenchmarkRestore(b *testing.B) {
	f, kept := crowded(b)
	kept.rows = nil
	f.checkpoint(time.Now())
	for n := range checkpointEvery {
		f.step(queue.Paused{Operator: fmt.Sprintf("op%04d", n), Reason: "lunch"})
	}
	for b.Loop() {
		if _, ok := f.restore(kept.rows, time.Now()); !ok {
			b.Fatal("it cannot be restored")
		}
	}
}

// BenchmarkDecided is a step with its row, beside queue's benchmark of the step alone.
func BenchmarkDecided(b *testing.B) {
	f, kept := crowded(b)
	n := 0
	for b.Loop() {
		f.step(queue.Left{Call: call.ID(fmt.Sprintf("c%04d", n%1000))})
		f.step(queue.Entered{Ticket: queue.Ticket{Call: call.ID(fmt.Sprintf("c%04d", n%1000)), Queue: "general", Language: "az", Arrived: time.Now()}})
		n++
		kept.rows = kept.rows[:0]
	}
}

// crowded is a floor, without its goroutine, on which nobody is free.
func crowded(b *testing.B) (*Floor, *book) {
	kept := &book{}
	f := New(Options{
		Rules: []queue.Rules{callbacks}, Journal: &journal{}, Book: kept, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	f.Close()
	f.journal = nobodyReads{}
	var list []queue.Operator
	for n := range 1000 {
		list = append(list, queue.Operator{Name: fmt.Sprintf("op%04d", n), Languages: []call.Language{"az", "ru"}, Queues: []string{"general"}})
	}
	f.step(queue.OperatorsSet{Operators: list})
	for n := range 1000 {
		f.step(queue.Entered{Ticket: queue.Ticket{Call: call.ID(fmt.Sprintf("c%04d", n)), Queue: "general", Language: "az", Arrived: time.Now()}})
	}
	return f, kept
}

type nobodyReads struct{}

func (nobodyReads) Event(call.Event) {}

// orderly is a book that objects to an order which has left before its row was written.
type orderly struct {
	book
	f        *Floor // nil: not yet
	offers   int
	tooEarly int
}

func (b *orderly) Append(d call.Decision) {
	b.book.Append(d)
	if b.f != nil && strings.Contains(string(d.Commands), `"kind":"offered"`) {
		b.offers++
		b.tooEarly += len(b.f.orders[d.Call])
	}
}

func TestARowIsWrittenBeforeTheOrderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &orderly{}
		f := New(Options{Rules: []queue.Rules{callbacks}, Journal: &journal{}, Book: b, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
		defer f.Close()
		f.ask(func() { b.f = f })
		f.SetOperators([]queue.Operator{{Name: "ann"}})
		f.Registered("ann", true, true)
		for n := range 5 {
			id := call.ID(fmt.Sprint("c", n))
			orders, err := f.Enter(queue.Ticket{Call: id, Queue: "general", Arrived: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			if o := <-orders; o.Kind != queue.Ring {
				t.Errorf("the order is %+v", o)
			}
			f.Leave(id)
		}
		if b.offers != 5 || b.tooEarly > 0 {
			t.Errorf("%d offers were written, %d orders left before", b.offers, b.tooEarly)
		}
	})
}
