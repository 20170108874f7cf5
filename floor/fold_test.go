package floor

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/queue"
)

// A folded journal is counters, made of what stands in the rows and when: who was queued, connected
// and gone. Neither the flags that the state gives its commands nor code of ours is used, only JSON.
type folded struct {
	counts map[string]int
	calls  map[string]*foldedCall
	target map[string]time.Duration
	short  map[string]time.Duration
}

type foldedCall struct {
	queue, language string
	since           time.Time
	callback        bool
	had             bool // an operator
}

func (f *folded) tell(t *testing.T, d call.Decision) {
	t.Helper()
	if d.Kind == call.Checkpoint {
		return
	}
	var list []struct {
		Kind string
		Is   struct {
			Call, Queue, Language, Operator, Why, Outcome string
			Callback                                      bool
		}
	}
	if err := json.Unmarshal(d.Commands, &list); err != nil {
		t.Fatal(err)
	}
	var asked struct{ Ticket struct{ For string } }
	if d.Kind == "callback_asked" {
		if err := json.Unmarshal(d.Event, &asked); err != nil {
			t.Fatal(err)
		}
	}
	count := func(format string, args ...any) { f.counts[fmt.Sprintf(format, args...)]++ }
	for _, c := range list {
		is := f.calls[c.Is.Call]
		switch c.Kind {
		case "queued":
			if is != nil {
				break
			}
			language := c.Is.Language
			if language == "" {
				language = "none"
			}
			f.calls[c.Is.Call] = &foldedCall{queue: c.Is.Queue, language: language, since: d.At, callback: c.Is.Callback}
			if !c.Is.Callback {
				count("offered %s %s", c.Is.Queue, language)
			}
		case "connected":
			if is.had || is.callback {
				is.had = true
				break
			}
			is.had = true
			count("answered %s %s", is.queue, is.language)
			if d.At.Sub(is.since) <= f.target[is.queue] {
				count("in target %s", is.queue)
			}
		case "missed":
			count("missed %s %s", c.Is.Queue, c.Is.Why)
		case "callback_closed":
			count("callback %s", c.Is.Outcome)
		case "finished":
			delete(f.calls, c.Is.Call)
			if is.had || is.callback || d.Kind == "restarted" || asked.Ticket.For == c.Is.Call {
				break
			}
			waited := d.At.Sub(is.since)
			count("abandoned %s", is.queue)
			if waited <= f.target[is.queue] {
				count("left in target %s", is.queue)
			}
			if waited < f.short[is.queue] {
				count("short %s", is.queue)
			}
		}
	}
}

// counted are the floor's metrics under the same names.
func counted(t *testing.T, s *shift) map[string]int {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"hotline_queue_offered_total": "offered", "hotline_queue_answered_total": "answered",
		"hotline_queue_answered_within_target_total": "in target", "hotline_queue_abandoned_total": "abandoned",
		"hotline_queue_abandoned_within_target_total": "left in target", "hotline_queue_abandoned_short_total": "short",
		"hotline_queue_offers_missed_total": "missed", "hotline_callbacks_total": "callback",
	}
	got := map[string]int{}
	for _, family := range families {
		name, ok := names[family.GetName()]
		if !ok {
			continue
		}
		delete(names, family.GetName())
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			key := name
			for _, label := range []string{"queue", "language", "reason", "outcome"} {
				if v, ok := labels[label]; ok {
					key += " " + v
				}
			}
			if n := int(m.GetCounter().GetValue()); n > 0 {
				got[key] = n
			}
		}
	}
	if len(names) > 0 {
		t.Errorf("these series are not there: %v", names)
	}
	return got
}

// I11: what is counted is what the journal folds to, over days of everything, restarts among it.
func TestCountersAreTheFoldedJournal(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			b := &book{}
			for life := range 3 {
				from := len(b.rows)
				s := openBusy(t, b)
				liveBusily(t, s, rand.New(rand.NewPCG(seed, uint64(life))), fmt.Sprintf("%d-%d", seed, life), 400)
				f := &folded{
					counts: map[string]int{}, calls: map[string]*foldedCall{},
					target: map[string]time.Duration{"general": 20 * time.Second, "tax": 5 * time.Second},
					short:  map[string]time.Duration{"general": 5 * time.Second},
				}
				for i, d := range b.rows {
					if i == from { // counters begin at 0 with each process; who waits to be called does not
						clear(f.counts)
					}
					f.tell(t, d)
				}
				if got := counted(t, s); !maps.Equal(got, f.counts) {
					t.Errorf("seed %d, life %d: counted\n%v, the journal folds to\n%v", seed, life, got, f.counts)
				}
				for what, n := range f.counts {
					seen[what] += n
				}
				s.Close()
			}
		})
	}
	for _, what := range []string{
		"offered general az", "offered tax none", "answered general az", "in target general", "abandoned general", "left in target general",
		"short general", "missed general no_answer", "missed general overdue", "callback reached", "callback failed",
	} {
		if seen[what] == 0 {
			t.Errorf("%q was never seen: %v", what, seen)
		}
	}
}

func openBusy(t *testing.T, b *book) *shift {
	t.Helper()
	s := &shift{t: t, journal: &journal{}, registry: prometheus.NewPedanticRegistry()}
	s.Floor = New(Options{
		Rules: []queue.Rules{
			{
				Name: "general", Target: 20 * time.Second, Short: 5 * time.Second, Offer: 15 * time.Second, WrapUp: 20 * time.Second,
				ReadyOnRegister: true, Longest: 3 * time.Minute, Callback: queue.Callback{Tries: 2, Pause: 30 * time.Second},
			},
			{Name: "tax", Target: 5 * time.Second, Offer: 8 * time.Second, ReadyOnRegister: true, Strategy: queue.RingSeveral, AtOnce: 2},
		},
		Journal: s.journal, Book: b, Past: b.past(), Log: zap.NewNop(), Metrics: s.registry, Languages: []call.Language{"az", "en"},
	})
	var list []queue.Operator
	for _, name := range []string{"ann", "bob", "cem", "dil"} {
		list = append(list, queue.Operator{Name: name, Languages: []call.Language{"az", "en"}})
	}
	s.SetOperators(list)
	for _, o := range list {
		s.Registered(o.Name, true, !s.Restored())
	}
	s.PhonesTold()
	return s
}

// liveBusily has callers, callbacks and operators do what they like.
func liveBusily(t *testing.T, s *shift, r *rand.Rand, name string, steps int) {
	t.Helper()
	names := []string{"ann", "bob", "cem", "dil"}
	orders := map[call.ID]<-chan queue.Order{}
	for _, o := range s.Callbacks() {
		orders[o.Ticket.Call] = o.Orders
	}
	for n := range steps {
		time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
		any := func() call.ID {
			ids := slices.Sorted(maps.Keys(orders))
			if len(ids) == 0 {
				return "nobody"
			}
			return ids[r.IntN(len(ids))]
		}
		id := call.ID(fmt.Sprintf("c%s-%04d", name, n))
		ticket := queue.Ticket{
			Call: id, Queue: []string{"general", "general", "tax"}[r.IntN(3)],
			Language: []call.Language{"az", "en", ""}[r.IntN(3)], Arrived: time.Now(),
		}
		switch r.IntN(12) {
		case 0, 1, 2:
			if ch, err := s.Enter(ticket); err == nil {
				orders[id] = ch
			}
		case 3:
			s.Leave(any())
		case 4:
			ticket.Queue, ticket.Party, ticket.For = "general", fmt.Sprint("+00012345", r.IntN(5)), any()
			if ch, err := s.AskCallback(ticket); err == nil {
				orders[id] = ch
			}
		case 5:
			_ = s.Pause(names[r.IntN(4)], "lunch")
		case 6, 7:
			_ = s.Resume(names[r.IntN(4)])
		case 8:
			if r.IntN(2) == 0 {
				s.CallbackReached(any())
			} else {
				s.CallbackFailed(any(), r.IntN(6) == 0)
			}
		default:
			for _, c := range slices.Sorted(maps.Keys(orders)) {
				select {
				case o, open := <-orders[c]:
					if !open {
						delete(orders, c)
					} else if o.Kind == queue.Ring && r.IntN(6) > 0 { // else nobody reports
						s.Report(c, o.Operator, []queue.Result{queue.Answered, queue.Answered, queue.NoAnswer, queue.Busy, queue.Lost}[r.IntN(5)])
					}
				default:
				}
			}
		}
	}
}
