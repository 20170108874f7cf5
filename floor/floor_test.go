package floor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
	"hotline/call/series"
	"hotline/queue"
)

var general = queue.Rules{
	Name: "general", Target: 20 * time.Second, Offer: 15 * time.Second, WrapUp: time.Minute, ReadyOnRegister: true,
}

// journal keeps what it is told; told is asked for on the floor's time only.
type journal struct {
	mu     sync.Mutex
	events []call.Event
	panics bool
}

func (j *journal) Event(e call.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.panics {
		j.panics = false
		panic("planted")
	}
	j.events = append(j.events, e)
}

// story is the journal in short: name, call and what matters.
func (j *journal) story() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for _, e := range j.events {
		d := e.Data
		switch e.Name {
		case "operator.state_changed":
			lines = append(lines, fmt.Sprintf("%s %s -> %s: %s", d["operator"], d["from"], d["to"], d["why"]))
		case "call.offered":
			lines = append(lines, fmt.Sprintf("%s offered to %s: %s %s ms of %s", e.Call, d["operator"], d["by"], d["idle_ms"], d["free"]))
		default:
			lines = append(lines, fmt.Sprintf("%s %s %s %s: %s", e.Call, e.Name, d["queue"], d["language"], d["why"]))
		}
	}
	return lines
}

// a shift is a floor in virtual time. It must be closed within its bubble.
type shift struct {
	*Floor
	t        *testing.T
	journal  *journal
	registry *prometheus.Registry
	logs     *observer.ObservedLogs
}

// run opens a floor in a bubble where time passes only when everybody waits, lets the operators
// register one second after another, and closes it afterwards. A goroutine that is left over
// fails the test: a bubble does not end before its goroutines.
func run(t *testing.T, story func(s *shift), operators ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel)
		s := &shift{t: t, journal: &journal{}, registry: prometheus.NewPedanticRegistry(), logs: logs}
		s.Floor = New(Options{
			Rules: []queue.Rules{general}, Journal: s.journal, Log: zap.New(core), Metrics: s.registry,
		})
		defer s.Close()
		var list []queue.Operator
		for _, name := range operators {
			list = append(list, queue.Operator{Name: name, Languages: []call.Language{"az"}})
		}
		s.SetOperators(list)
		for _, name := range operators {
			s.Registered(name, true, true)
			time.Sleep(time.Second)
		}
		story(s)
	})
}

func (s *shift) enter(id call.ID) <-chan queue.Order {
	s.t.Helper()
	orders, err := s.Enter(queue.Ticket{Call: id, Queue: "general", Language: "az", Arrived: time.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
	return orders
}

// want waits for the next order; in virtual time that is at once, or when the floor's timer runs out.
func (s *shift) want(orders <-chan queue.Order, kind queue.OrderKind, operator string) queue.Order {
	s.t.Helper()
	select {
	case o, ok := <-orders:
		if !ok || o.Kind != kind || o.Operator != operator {
			s.t.Fatalf("the order is %+v (open: %v), want %s %s", o, ok, kind, operator)
		}
		return o
	case <-time.After(time.Hour):
		s.t.Fatalf("no order came, want %s %s", kind, operator)
		return queue.Order{}
	}
}

func (s *shift) wantState(operator string, want queue.OperatorState) {
	s.t.Helper()
	for _, o := range s.Snapshot().Operators {
		if o.Name == operator {
			if o.State != want {
				s.t.Errorf("%s is %s, want %s", operator, o.State, want)
			}
			return
		}
	}
	s.t.Errorf("%s is unknown", operator)
}

func TestACallIsOfferedTakenAndWrittenDown(t *testing.T) {
	run(t, func(s *shift) {
		orders := s.enter("c1")
		o := s.want(orders, queue.Ring, "ann")
		if d := time.Until(o.Deadline); d != general.Offer {
			t.Errorf("the offer ends in %s, want %s", d, general.Offer)
		}
		time.Sleep(4 * time.Second)
		if !s.Report("c1", "ann", queue.Answered) {
			t.Error("a timely answer was refused")
		}
		time.Sleep(time.Minute)
		s.Leave("c1")
		if _, open := <-orders; open {
			t.Error("an order came after the end")
		}
		time.Sleep(general.WrapUp + time.Millisecond)
		s.wantState("ann", queue.OperatorReady)
		want := []string{
			"ann offline -> ready: registered",
			"bob offline -> ready: registered",
			"c1 call.queued general az: entered",
			"c1 offered to ann: longest-idle 2000 ms of 2",
			"ann ready -> offered: offered",
			"c1 call.connected general : ",
			"ann offered -> talking: answered",
			"ann talking -> wrap_up: call_ended",
			"ann wrap_up -> ready: wrap_up_ended",
		}
		if got := s.journal.story(); !slices.Equal(got, want) {
			t.Errorf("the journal says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}, "ann", "bob")
}

func TestAnOfferNobodyReportsOnGoesToTheNext(t *testing.T) {
	run(t, func(s *shift) {
		began := time.Now()
		orders := s.enter("c1")
		s.want(orders, queue.Ring, "ann")
		s.want(orders, queue.Withdraw, "ann")
		if d := time.Since(began); d != general.Offer+queue.Grace {
			t.Errorf("the caller was held for %s, want %s", d, general.Offer+queue.Grace)
		}
		s.want(orders, queue.Ring, "bob")
		if s.Report("c1", "ann", queue.Answered) {
			t.Error("an answer after the offer had ended stood")
		}
		if !s.Report("c1", "bob", queue.Answered) {
			t.Error("the one who is rung may not answer")
		}
	}, "ann", "bob")
}

func TestALostOperatorsCallerComesBack(t *testing.T) {
	run(t, func(s *shift) {
		orders := s.enter("c1")
		s.want(orders, queue.Ring, "ann")
		s.Report("c1", "ann", queue.Answered)
		time.Sleep(time.Minute)
		s.Report("c1", "ann", queue.Lost)
		s.want(orders, queue.Ring, "bob")
		s.Report("c1", "bob", queue.Answered)
		s.wantState("ann", queue.OperatorUnreachable)
		time.Sleep(queue.Rest)
		synctest.Wait()
		s.wantState("ann", queue.OperatorReady)
	}, "ann", "bob")
}

func TestWhatIsNotSo(t *testing.T) {
	run(t, func(s *shift) {
		s.enter("c1")
		if _, err := s.Enter(queue.Ticket{Call: "c1", Queue: "general"}); !errors.Is(err, queue.ErrDoubled) {
			t.Errorf("entered twice: %v", err)
		}
		if _, err := s.Enter(queue.Ticket{Call: "c2", Queue: "tax"}); !errors.Is(err, queue.ErrNoQueue) {
			t.Errorf("entered a queue that is not: %v", err)
		}
		if err := s.Pause("eve", ""); !errors.Is(err, queue.ErrNoOperator) || !strings.Contains(err.Error(), "eve") {
			t.Errorf("paused nobody: %v", err)
		}
		if err := s.Resume("eve"); !errors.Is(err, queue.ErrNoOperator) {
			t.Errorf("resumed nobody: %v", err)
		}
		if s.Report("c9", "ann", queue.Answered) {
			t.Error("an answer to no call stood")
		}
		s.Leave("c9")
		s.OwnCall("eve", true)
		s.SetRules([]queue.Rules{{}}, queue.House{})
		if n := s.logs.FilterMessageSnippet("faulty").Len(); n != 1 {
			t.Errorf("faulty rules were told %d times", n)
		}
		s.wantState("ann", queue.OperatorOffered)
	}, "ann")
}

func TestPauseResumeOwnCallAndReload(t *testing.T) {
	run(t, func(s *shift) {
		if err := s.Pause("ann", "lunch"); err != nil {
			t.Fatal(err)
		}
		s.wantState("ann", queue.OperatorPaused)
		if reason := s.Snapshot().Operators[0].Reason; reason != "lunch" {
			t.Errorf("the reason is %q", reason)
		}
		orders := s.enter("c1")
		if err := s.Resume("ann"); err != nil {
			t.Fatal(err)
		}
		s.want(orders, queue.Ring, "ann")
		s.OwnCall("ann", true)
		s.want(orders, queue.Withdraw, "ann")
		s.OwnCall("ann", false)
		quick := general
		quick.Offer = 3 * time.Second
		s.SetRules([]queue.Rules{quick}, queue.House{})
		if o := s.want(orders, queue.Ring, "ann"); time.Until(o.Deadline) != quick.Offer {
			t.Errorf("after the reload an offer lasts %s", time.Until(o.Deadline))
		}
	}, "ann")
}

func TestAnOwnerThatDoesNotReadHoldsUpNobody(t *testing.T) {
	run(t, func(s *shift) {
		s.enter("deaf") // nobody reads these orders
		for range backlog {
			time.Sleep(queue.Quiet)
			s.OwnCall("ann", true)
			s.OwnCall("ann", false)
		}
		if s.logs.FilterMessageSnippet("does not read").Len() == 0 {
			t.Error("nobody was told of the dropped orders")
		}
		s.Leave("deaf")
		time.Sleep(queue.Quiet)
		s.want(s.enter("c2"), queue.Ring, "ann")
	}, "ann")
}

func TestAfterCloseEverythingIsAnswered(t *testing.T) {
	run(t, func(s *shift) {
		orders := s.enter("c1")
		s.want(orders, queue.Ring, "ann")
		s.enter("c2")
		s.Close()
		s.Close()
		if _, open := <-orders; open {
			t.Error("the owner was not told of the end")
		}
		if _, err := s.Enter(queue.Ticket{Call: "c3", Queue: "general"}); !errors.Is(err, ErrClosed) {
			t.Errorf("Enter: %v", err)
		}
		if s.Report("c1", "ann", queue.Answered) {
			t.Error("Report: an offer stood")
		}
		s.Leave("c1")
		s.SetOperators(nil)
		s.SetRules([]queue.Rules{general}, queue.House{})
		s.Registered("ann", true, true)
		s.OwnCall("ann", true)
		if err := s.Pause("ann", ""); !errors.Is(err, ErrClosed) {
			t.Errorf("Pause: %v", err)
		}
		if err := s.Resume("ann"); !errors.Is(err, ErrClosed) {
			t.Errorf("Resume: %v", err)
		}
		if n := s.Snapshot().Queues[0].Waiting; n != 2 {
			t.Errorf("the last snapshot shows %d waiting, want 2", n)
		}
		if _, err := s.registry.Gather(); err != nil {
			t.Errorf("a scrape after the end: %v", err)
		}
	}, "ann")
}

func TestABugEndsNeitherTheFloorNorItsCalls(t *testing.T) {
	run(t, func(s *shift) {
		s.journal.mu.Lock()
		s.journal.panics = true
		s.journal.mu.Unlock()
		s.Registered("ann", false, false) // whose entry panics
		if n := s.logs.FilterMessageSnippet("bug").Len(); n != 1 {
			t.Errorf("the panic was told %d times", n)
		}
		if n := testutil.ToFloat64(series.Panics(s.registry, new([]error))); n != 1 {
			t.Errorf("the panic was counted %v times", n)
		}
		s.want(s.enter("c1"), queue.Ring, "bob")
	}, "ann", "bob")
}

// Callers, operators and the desk all at once, on both cores, for the race detector: every
// caller is answered once and everybody is let go in the end.
func TestACrowd(t *testing.T) {
	run(t, func(s *shift) {
		var crowd sync.WaitGroup
		for i := range 60 {
			crowd.Go(func() {
				id := call.ID(fmt.Sprintf("c%02d", i))
				orders := s.enter(id)
				defer s.Leave(id)
				for o := range orders {
					if o.Kind != queue.Ring {
						continue
					}
					time.Sleep(time.Duration(i%17) * time.Second) // some too late
					if s.Report(id, o.Operator, queue.Answered) {
						time.Sleep(time.Minute)
						return
					}
				}
			})
		}
		crowd.Go(func() {
			for range 50 {
				time.Sleep(7 * time.Second)
				_ = s.Pause("bob", "")
				s.Snapshot()
				_ = s.Resume("bob")
				s.Registered("cem", false, false)
				s.Registered("cem", true, true)
			}
		})
		crowd.Wait()
		time.Sleep(time.Hour)
		for _, o := range s.Snapshot().Operators {
			if o.State != queue.OperatorReady {
				t.Errorf("%s is left %s", o.Name, o.State)
			}
		}
		if n := testutil.CollectAndCount(s.metrics, "hotline_queue_wait_seconds"); n != 2 {
			t.Errorf("%d series of waits, want one per outcome", n)
		}
		if got := len(s.orders); got != 0 {
			t.Errorf("%d order channels are left", got)
		}
	}, "ann", "bob", "cem", "dil")
}

func TestOptionsThatCannotBe(t *testing.T) {
	err := Options{Rules: []queue.Rules{{Name: "general"}}}.Check()
	for _, want := range []string{"journal", "logger", "metrics", "queues[0].offer"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in %v", want, err)
		}
	}
}

func TestACallerIsHandedOn(t *testing.T) {
	run(t, func(s *shift) {
		orders := s.enter("c1")
		first := (<-orders).Operator
		second := map[string]string{"ann": "bob", "bob": "ann"}[first]
		if !s.Report("c1", first, queue.Answered) {
			t.Fatal("the offer did not stand")
		}
		if s.Reserve(first) || s.Reserve("eve") || !s.Reserve(second) || s.Reserve(second) {
			t.Error("reserved who talks, who is not there, or twice")
		}
		s.Release(second)
		if s.Transfer("c1", second) {
			t.Error("handed on to one who is not reserved")
		}
		if !s.Reserve(second) || !s.Transfer("c1", second) {
			t.Fatal("not handed on")
		}
		s.wantState(first, queue.OperatorWrapUp)
		s.wantState(second, queue.OperatorTalking)
		s.Report("c1", second, queue.Lost) // the call is in their hands: it comes back from them
		if waiting := s.Snapshot().Queues[0].Waiting; waiting != 1 {
			t.Errorf("%d wait", waiting)
		}
	}, "ann", "bob")
	run(t, func(s *shift) {
		orders := s.enter("c1")
		s.want(orders, queue.Ring, "ann")
		if s.Transfer("c1", "") {
			t.Error("handed on while it rings")
		}
		s.Report("c1", "ann", queue.Answered)
		if !s.Transfer("c1", "") {
			t.Fatal("not handed on")
		}
		if _, more := <-orders; more {
			t.Error("the orders of a call that has left are not closed")
		}
		s.wantState("ann", queue.OperatorWrapUp)
	}, "ann")
}
