package line

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hotline/call"
)

// hours are those of a test: closed until opens, and in mourning or not.
type hours struct {
	opens   time.Time // zero: never
	closes  time.Time // zero: never
	closed  call.Closure
	mourned bool
}

func (h *hours) Open(t time.Time) bool {
	return !h.opens.IsZero() && !t.Before(h.opens) && (h.closes.IsZero() || t.Before(h.closes))
}
func (h *hours) Next(time.Time) time.Time      { return h.opens }
func (h *hours) Until(time.Time) time.Time     { return h.opens }
func (h *hours) Reason(time.Time) call.Closure { return h.closed }
func (h *hours) Mourning(time.Time) bool       { return h.mourned }

// foreign lacks clips in Russian, as a deployer's folder may.
type foreign struct{ clips }

func (f foreign) Clip(key string, l call.Language) *call.Clip {
	if key == "own.flood" && l == "ru" {
		l = "az" // a library's first language stands in
	}
	return f.clips.Clip(key, l)
}

// Who comes outside the hours hears, in each language, what is true at that moment and nothing else.
func TestWhatIsSaidOutsideTheHours(t *testing.T) {
	for name, c := range map[string]struct {
		closed call.Closure
		want   []string
	}{
		"in the evening": {call.Closure{Why: call.AfterHours, Clip: "closed.hours"}, []string{
			"closed.intro/az", "closed.hours/az", "closed.emergency/az", "closed.intro/ru", "closed.hours/ru", "closed.emergency/ru",
		}},
		"where no clip tells these hours": {call.Closure{Why: call.AfterHours}, []string{
			"closed.intro/az", "closed.emergency/az", "closed.intro/ru", "closed.emergency/ru",
		}},
		"at lunch": {call.Closure{Why: call.Lunch, Clip: "closed.lunch"}, []string{
			"closed.intro/az", "closed.lunch/az", "closed.emergency/az", "closed.intro/ru", "closed.lunch/ru", "closed.emergency/ru",
		}},
		"on a holiday": {call.Closure{Why: call.NonWorking}, []string{
			"closed.nonworking/az", "closed.next/az", "day 2026-03-30/az", "closed.emergency/az",
			"closed.nonworking/ru", "closed.next/ru", "day 2026-03-30/ru", "closed.emergency/ru",
		}},
		"on a day with words of its own, which are there in one language": {call.Closure{Why: call.Special, Clip: "own.flood"}, []string{
			"own.flood/az", "closed.emergency/az", "closed.intro/ru", "closed.emergency/ru",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t, func(o *Options) {
					o.Prompts = foreign{}
					o.Settings.Languages = []call.Language{"az", "ru"}
					o.Settings.Lines[0].Hours = &hours{closed: c.closed, opens: time.Date(2026, 3, 30, 9, 0, 0, 0, time.UTC)}
				})
				caller, done := h.caller()
				<-done
				if got := heard(caller); !slices.Equal(got, c.want) {
					t.Errorf("heard %v\nwant  %v", got, c.want)
				}
				if r := h.journal.closed(t); r.Outcome != call.Closed || r.Notice != nil {
					t.Errorf("record %+v", r)
				}
			})
		})
	}
}

// The arrival decides: who came before the end is served after it, who comes at the end is not.
func TestTheArrivalDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		closes := began.Add(10 * time.Second)
		h := newHall(t, func(o *Options) {
			o.Settings.Lines[0].Hours = &hours{opens: began, closes: closes, closed: call.Closure{Why: call.AfterHours}}
		})
		time.Sleep(10*time.Second - time.Nanosecond)
		early, earlyDone := h.caller()
		time.Sleep(time.Nanosecond)
		late, lateDone := h.caller()
		<-lateDone
		if got := heard(late); got[0] != "closed.intro/az" {
			t.Errorf("who came at the end heard %v", got)
		}
		early.Sound().Press('1')
		time.Sleep(time.Minute)
		h.floor.ring(early, "aysel")
		time.Sleep(10 * time.Second)
		if op := h.phones.leg("aysel"); op == nil || early.Sound().JoinedTo() != op.Sound() {
			t.Error("who came before the end was not served")
		}
		early.End(call.CauseHangup)
		<-earlyDone
	})
}

// Who comes after the end, while all who may wait still do, hears that it is closed: trying again
// would not help.
func TestClosedComesBeforeBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		h := newHall(t, func(o *Options) {
			o.Settings.Waiting = 1
			o.Settings.Lines[0].Hours = &hours{opens: began, closes: began.Add(time.Minute), closed: call.Closure{Why: call.AfterHours}}
		})
		first, firstDone := h.caller()
		time.Sleep(time.Minute)
		late, lateDone := h.caller()
		<-lateDone
		if got := heard(late); !h.line.Full() || len(got) == 0 || got[0] != "closed.intro/az" {
			t.Errorf("heard %v", got)
		}
		first.End(call.CauseHangup)
		<-firstDone
	})
}

// On a day of mourning who waits or is held hears silence, and the words as ever.
func TestNoMusicOnADayOfMourning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mourned := &hours{opens: time.Now(), mourned: true}
		h := newHall(t, func(o *Options) { o.Settings.Lines[0].Hours = mourned })
		caller, done := h.caller()
		caller.Sound().Press('1')
		time.Sleep(40 * time.Second)
		h.floor.ring(caller, "aysel")
		time.Sleep(10 * time.Second)
		h.phones.leg("aysel").Tell(call.LegHeld)
		time.Sleep(time.Second)
		caller.End(call.CauseHangup)
		<-done
		got := heard(caller)
		if count(got, "music/") != 0 || count(got, "/") < 3 || count(got, "queue.allBusy/az") != 1 {
			t.Errorf("heard %v", got)
		}
	})
}

// The directory goes by the clock that it is given.
func TestAnEntryIsClosedByTheGivenClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Date(2026, 12, 5, 14, 0, 0, 0, time.UTC)
		h := newHall(t, func(o *Options) {
			o.Now = func() time.Time { return now }
			o.Settings.Directory = []Entry{{Name: "archive", Number: "+77", Open: func(t time.Time) bool { return t.Hour() < 14 }}}
		})
		for _, want := range []int{480, 0} {
			if _, code := h.line.destination(h.line.settings.Load(), "archive"); code != want {
				t.Errorf("at %v the answer is %d, want %d", now, code, want)
			}
			now = now.Add(-time.Nanosecond)
		}
	})
}
