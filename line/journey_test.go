package line

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/ivr"
	"hotline/prompts"
)

// office is a small journey with a node of every kind.
func office() ivr.Menus {
	nodes := []*ivr.Node{
		{Name: "main", Kind: ivr.Choose, Words: []string{"menu.main.intro"}, Listen: 8 * time.Second, Rounds: 3, Choices: []ivr.Choice{
			{Key: '1', Item: "menu.item.operator", To: "operator"}, {Key: '2', Item: "menu.item.status", To: "status"},
			{Key: '3', Item: "menu.item.documents", To: "docs"}, {Key: '4', Item: "menu.item.complaint", To: "complaint"},
			{Key: '5', To: "service"}, {Key: '6', To: "later"}, {Key: '7', To: "tongue"}, {Key: '8', To: "which"},
		}},
		{Name: "operator", Kind: ivr.Queue, Target: "general"},
		{Name: "status", Kind: ivr.Status, To: "main"},
		{Name: "docs", Kind: ivr.Say, Words: []string{"docs.work"}, Answers: true, To: "bye"},
		{Name: "complaint", Kind: ivr.Message, To: "bye", Leave: ivr.Leave{
			Matter: call.MatterComplaint, Intro: "vm.complaint.intro", Longest: time.Minute, Silence: 10 * time.Second, Least: 2 * time.Second}},
		{Name: "service", Kind: ivr.Transfer, Target: "migration"},
		{Name: "later", Kind: ivr.Callback, Target: "general", To: "main"},
		{Name: "tongue", Kind: ivr.Language, To: "main"},
		{Name: "which", Kind: ivr.Digit, Listen: 5 * time.Second, Rounds: 2, Ask: ivr.Question{Clip: "own.which", Least: 2, Most: 4,
			Values: map[string]string{"12": "docs"}, Other: "operator"}},
		{Name: "bye", Kind: ivr.End, Words: []string{"bye"}},
	}
	m := ivr.Menus{}
	for _, n := range nodes {
		m[n.Name] = n
	}
	return m
}

// withOffice gives a hall the journey.
func withOffice(o *Options) {
	o.Settings.Lines[0].Menus, o.Settings.Lines[0].Open = office(), Start{Menu: "main", Person: "operator"}
	o.Settings.Status = StatusBounds{Least: 4, Most: 20, Tries: 3}
}

// keysAt presses keys, each so long after the one before.
func keysAt(l *calltest.Leg, keys string, gap time.Duration) {
	for _, k := range keys {
		time.Sleep(gap)
		if k == 'w' { // waits, and hears it all
			time.Sleep(15 * time.Second)
			continue
		}
		l.Sound().Press(byte(k))
		synctest.Wait()
	}
}

// inMenu is a caller who has chosen English and heard the notice.
func inMenu(t *testing.T, h *hall) (*calltest.Leg, chan struct{}) {
	t.Helper()
	caller, done := h.caller()
	time.Sleep(time.Second)
	caller.Sound().Press('2')
	time.Sleep(3 * time.Second)
	synctest.Wait()
	return caller, done
}

func TestKeysOfAMenuLead(t *testing.T) {
	for _, c := range []struct {
		name string
		keys string
		ends func(*hall) bool
	}{
		{"1 comes to the queue", "1", (*hall).waits},
		{"0 is a person from everywhere", "20*0", (*hall).waits},
		{"0 in the menu", "0", (*hall).waits},
		{"* goes back, and 1 from there", "8*1", (*hall).waits},
		{"* where there is nothing to go back to stays", "*1", (*hall).waits},
		{"# says it again, and 1 then", "#1", (*hall).waits},
		{"a wrong key is forgiven", "91", (*hall).waits},
		{"digits lead where they say", "812#", func(h *hall) bool { return !h.waits() }},
		{"other digits lead elsewhere", "8345#", (*hall).waits},
		{"the language can be changed, and the menu is there again", "731", (*hall).waits},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t, withOffice)
				caller, done := inMenu(t, h)
				keysAt(caller, c.keys, 4*time.Second)
				time.Sleep(10 * time.Second)
				if !c.ends(h) {
					t.Errorf("heard %v", heard(caller))
				}
				caller.End(call.CauseHangup)
				<-done
			})
		})
	}
}

// waits reports whether somebody is in the queue.
func (h *hall) waits() bool {
	h.floor.mu.Lock()
	defer h.floor.mu.Unlock()
	return len(h.floor.seats) > 0
}

// Who does nothing, as somebody who cannot press keys, or an interpreter who relays, comes to a person.
func TestDoingNothingComesToAPerson(t *testing.T) {
	for _, keys := range []string{"", "2", "3", "4", "8"} {
		t.Run("after "+keys, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t, withOffice, func(o *Options) { o.Statuses, o.Cases, o.Messages = &oracle{}, &registry{}, &shelf{} })
				caller, done := inMenu(t, h)
				keysAt(caller, keys, 4*time.Second)
				time.Sleep(4 * time.Minute)
				if keys != "3" && !h.waits() { // after the documents the call is over, politely
					t.Errorf("nobody waits; heard %v", heard(caller))
				}
				caller.End(call.CauseHangup)
				<-done
			})
		})
	}
}

func TestHeardInformationIsNoAbandonedCall(t *testing.T) {
	for _, c := range []struct {
		name    string
		stay    time.Duration
		outcome call.Outcome
	}{
		{"hung up before the end of it", time.Second, call.Abandoned},
		{"hung up after it", 2100 * time.Millisecond, call.Served},
		{"heard the goodbye", time.Minute, call.Served},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t, withOffice)
				caller, done := inMenu(t, h)
				keysAt(caller, "3", time.Second)
				time.Sleep(c.stay)
				caller.End(call.CauseHangup)
				<-done
				if r := h.journal.closed(t); r.Outcome != c.outcome {
					t.Errorf("outcome %s, want %s; heard %v", r.Outcome, c.outcome, heard(caller))
				}
			})
		})
	}
}

// An oracle knows how one application stands.
type oracle struct {
	mu    sync.Mutex
	asked []call.StatusQuestion
	slow  time.Duration
	told  call.Standing
	err   error
}

func (o *oracle) Ask(ctx context.Context, q call.StatusQuestion) (call.Standing, error) {
	select {
	case <-time.After(o.slow):
	case <-ctx.Done():
		return call.Standing{}, ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, q)
	return o.told, o.err
}

func TestStatusByKeypad(t *testing.T) {
	changed := time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		keys  string
		slow  time.Duration
		told  call.Standing
		err   error
		asked int
		heard string // is among what is said
		not   string
		then  func(*hall) bool
	}{
		{"found, with its date and term", "21234#101021990w0", 0, call.Standing{State: call.StandingInProgress, Changed: changed, Due: changed.AddDate(0, 0, 20)}, nil, 1,
			"status.inProgress/en status.date/en day 2000-01-03/en status.due/en", "status.asOf/en", nil},
		{"the term is over: it is not told", "21234#101021990", 0, call.Standing{State: call.StandingAnswered, Due: changed.AddDate(-1, 0, 0)}, nil, 1, "status.answered/en", "status.due/en", nil},
		{"from the cache, with its age", "21234#101021990", 0, call.Standing{State: call.StandingReady, Known: changed.AddDate(0, 0, -1)}, nil, 1, "status.asOf/en day 2000-01-02/en status.ready/en", "", nil},
		{"a refusal names the operator", "21234#101021990w0", 0, call.Standing{State: call.StandingRefused}, nil, 1, "status.refused/en menu.item.operator 0/en", "", (*hall).waits},
		{"three wrong numbers, then a person", "21234#101021990" + "1234#101021990" + "1234#101021990", 0, call.Standing{}, call.ErrNoApplication, 3, "status.notFound/en status.tooMany/en", "", (*hall).waits},
		{"the system is away: said so, a person is offered", "21234#101021990", 0, call.Standing{}, call.ErrStatusAway, 1, "status.unavailable/en menu.item.operator 0/en", "", (*hall).waits},
		{"no more today", "21234#101021990", 0, call.Standing{}, call.ErrStatusTries, 1, "status.tooMany/en", "", (*hall).waits},
		{"slow: the caller hears that it is looked for", "21234#101021990", 3 * time.Second, call.Standing{State: call.StandingReady}, nil, 1, "status.checking/en status.ready/en", "", nil},
		{"too short a number is asked again", "212#1234#101021990", 0, call.Standing{State: call.StandingReady}, nil, 1, "status.invalid/en", "", nil},
		{"the number was read back and is wrong: again", "21234#24321#101021990", 0, call.Standing{State: call.StandingReady}, nil, 1, "number 4321/en", "", nil},
		{"a date that is none is asked again, and costs no try", "21234#13102199001021990", 0, call.Standing{State: call.StandingReady}, nil, 1, "status.invalid/en status.checking/en status.ready/en", "", nil},
		{"0 is a person, also where the number is read back", "21234#0", 0, call.Standing{}, nil, 0, "queue.enter/en", "number 1234/en status.enter/en", (*hall).waits},
		{"* goes back to the menu", "21234*1", 0, call.Standing{}, nil, 0, "queue.enter/en", "", (*hall).waits},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &oracle{slow: c.slow, told: c.told, err: c.err}
				h := newHall(t, withOffice, func(opt *Options) {
					opt.Statuses = o
					opt.Now = func() time.Time { return changed.AddDate(0, 0, 7) }
				})
				caller, done := inMenu(t, h)
				for _, k := range c.keys {
					if k == '1' && strings.HasSuffix(heard(caller)[len(heard(caller))-1], "status.item.correct=1/en") {
						time.Sleep(time.Second)
					}
					keysAt(caller, string(k), 900*time.Millisecond)
					if k == '#' || k == '2' && len(o.asked) == 0 {
						time.Sleep(5 * time.Second)
					}
				}
				time.Sleep(40 * time.Second)
				said := strings.Join(heardWhole(caller), " ")
				if !strings.Contains(said, c.heard) {
					t.Errorf("heard %s\nnot   %s", said, c.heard)
				}
				if c.not != "" && strings.Contains(said, c.not) {
					t.Errorf("heard %s with %s in it", said, c.not)
				}
				if len(o.asked) != c.asked {
					t.Errorf("%d questions, want %d", len(o.asked), c.asked)
				}
				for _, q := range o.asked {
					if len(q.Number) != 4 || q.Born != "01021990" {
						t.Errorf("asked for %q, born %q", q.Number, q.Born)
					}
				}
				if c.then != nil && !c.then(h) {
					t.Errorf("no person came; heard %s", said)
				}
				for _, e := range h.journal.events {
					for _, v := range e.Data {
						if strings.Contains(v, "1234") || strings.Contains(v, "01021990") {
							t.Errorf("event %s tells what was keyed", e.Name)
						}
					}
				}
				caller.End(call.CauseHangup)
				<-done
			})
		})
	}
}

// heardWhole is what was said to the end, without music.
func heardWhole(l *calltest.Leg) (keys []string) {
	for _, s := range l.Sound().Sent() {
		if s.Whole {
			keys = append(keys, s.Key+"/"+string(s.Language))
		}
	}
	return keys
}

// A registry opens cases; a shelf keeps messages.
type registry struct {
	mu     sync.Mutex
	opened []call.Message
	err    error
}

func (r *registry) OpenCase(m call.Message) (call.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened = append(r.opened, m)
	return call.Receipt{Number: "2026-000123", Due: time.Date(2000, 1, 20, 0, 0, 0, 0, time.UTC)}, r.err
}

type shelf struct {
	mu   sync.Mutex
	kept []call.Message
	err  error
	slow time.Duration
}

func (s *shelf) Keep(ctx context.Context, m call.Message, pcm []int16) (call.Message, error) {
	select {
	case <-time.After(s.slow):
	case <-ctx.Done():
		return m, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return m, s.err
	}
	m.Path = "messages/x.wav"
	s.kept = append(s.kept, m)
	return m, nil
}

// speaks lets a caller say something for so long: a loud square wave, then silence in packets.
func speaks(l *calltest.Leg, speech, silence time.Duration) {
	frame := make([]byte, 160)
	for at := time.Duration(0); at < speech+silence; at += 20 * time.Millisecond {
		for i := range frame {
			frame[i] = 0xD5 // A-law silence
			if at < speech {
				frame[i] = 0x30
			}
		}
		l.Sound().Say(call.Frame{Channel: call.Said, Codec: call.PCMA, Timestamp: uint32(at / (time.Second / 8000)), At: time.Now(), Payload: frame})
		time.Sleep(20 * time.Millisecond)
	}
	synctest.Wait()
}

func (s *shelf) Discard(_ context.Context, m call.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = slices.DeleteFunc(s.kept, func(k call.Message) bool { return k.ID == m.ID })
	return nil
}

func TestLeavingAMessage(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(l *calltest.Leg)
		disk  error
		cases int
		heard string
	}{
		{"said, # and sent: the number is told twice, and the day", func(l *calltest.Leg) {
			speaks(l, 4*time.Second, 0)
			keysAt(l, "#1", time.Second)
		}, nil, 1, "vm.saved/en vm.regNumber/en case.2026-000123/en vm.regNumber/en case.2026-000123/en vm.due/en day 2000-01-20/en bye/en"},
		{"silence ends it, nothing more is done: it is sent", func(l *calltest.Leg) { speaks(l, 4*time.Second, 11*time.Second) }, nil, 1, "vm.saved/en"},
		{"hung up while speaking: it is kept", func(l *calltest.Leg) { speaks(l, 4*time.Second, 0); l.End(call.CauseHangup) }, nil, 1, ""},
		{"hung up after a cough: nothing is kept", func(l *calltest.Leg) { speaks(l, time.Second, 0); l.End(call.CauseHangup) }, nil, 0, ""},
		{"hung up in the choice: it is kept", func(l *calltest.Leg) {
			speaks(l, 4*time.Second, 0)
			keysAt(l, "#", time.Second)
			time.Sleep(time.Second)
			l.End(call.CauseHangup)
		}, nil, 1, ""},
		{"too short: again", func(l *calltest.Leg) {
			speaks(l, time.Second, 0)
			keysAt(l, "#", time.Second)
			time.Sleep(6 * time.Second)
			speaks(l, 4*time.Second, 0)
			keysAt(l, "#1", time.Second)
		}, nil, 1, "vm.tooShort/en"},
		{"again, as the caller does not like it: one case", func(l *calltest.Leg) {
			speaks(l, 4*time.Second, 0)
			keysAt(l, "#3", time.Second)
			time.Sleep(6 * time.Second)
			speaks(l, 3*time.Second, 0)
			keysAt(l, "#1", time.Second)
		}, nil, 1, "vm.saved/en"},
		{"heard again, then sent", func(l *calltest.Leg) {
			speaks(l, 4*time.Second, 0)
			keysAt(l, "#2", time.Second)
			time.Sleep(6 * time.Second)
			keysAt(l, "1", time.Second)
		}, nil, 1, "message/ vm.item.send=1/en"},
		{"the longest time is over: told, and sent", func(l *calltest.Leg) { speaks(l, 65*time.Second, 0) }, nil, 1, "vm.maxLength/en"},
		{"* goes back: nothing is kept", func(l *calltest.Leg) { speaks(l, 4*time.Second, 0); keysAt(l, "*", time.Second) }, nil, 0, ""},
		{"0 is a person: nothing is kept", func(l *calltest.Leg) { speaks(l, 4*time.Second, 0); keysAt(l, "0", time.Second) }, nil, 0, "queue.enter/en"},
		{"nothing was said", func(l *calltest.Leg) { speaks(l, 0, 12*time.Second) }, nil, 0, "vm.nothing/en"},
		{"the disk does not take it: said so, a person is offered", func(l *calltest.Leg) {
			speaks(l, 4*time.Second, 0)
			keysAt(l, "#1", time.Second)
		}, errors.New("no disk"), 0, "vm.unavailable/en menu.item.operator 0/en"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cases, disk := &registry{}, &shelf{err: c.disk}
				h := newHall(t, withOffice, func(o *Options) { o.Cases, o.Messages = cases, disk })
				caller, done := inMenu(t, h)
				keysAt(caller, "4", 2*time.Second)
				time.Sleep(5 * time.Second) // intro and tone
				c.do(caller)
				time.Sleep(30 * time.Second)
				said := strings.Join(heardWhole(caller), " ")
				if !strings.Contains(said, c.heard) {
					t.Errorf("heard %s\nnot   %s", said, c.heard)
				}
				caller.End(call.CauseHangup)
				<-done
				if err := h.line.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				cases.mu.Lock()
				defer cases.mu.Unlock()
				if len(disk.kept) != c.cases {
					t.Errorf("%d messages are kept, want %d", len(disk.kept), c.cases)
				}
				if len(cases.opened) != c.cases {
					t.Errorf("%d cases, want %d; heard %s", len(cases.opened), c.cases, said)
				}
				for _, m := range cases.opened {
					if m.Path == "" || m.ID == "" || m.Kind != call.MatterComplaint || m.Length < 2*time.Second || m.Language != "en" {
						t.Errorf("message %+v", m)
					}
				}
				if c.cases > 0 {
					if r := h.journal.closed(t); r.Outcome != call.Served {
						t.Errorf("outcome %s", r.Outcome)
					}
				}
			})
		})
	}
}

// Without a notice that was heard whole nobody's voice is recorded: no message either.
func TestNoMessageWithoutNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cases := &registry{}
		h := newHall(t, withOffice, func(o *Options) {
			o.Cases, o.Messages, o.Prompts = cases, &shelf{}, mute{}
		})
		caller, done := inMenu(t, h)
		keysAt(caller, "4", 2*time.Second)
		time.Sleep(20 * time.Second)
		if said := heardWhole(caller); !slices.Contains(said, "vm.unavailable/en") || slices.Contains(said, "tone.beep/") {
			t.Errorf("heard %v", said)
		}
		caller.End(call.CauseHangup)
		<-done
	})
}

// mute has no notice.
type mute struct{ clips }

func (m mute) Clip(key string, l call.Language) *call.Clip {
	if key == "notice.recording" {
		return nil
	}
	return m.clips.Clip(key, l)
}

func TestSurveyAfterTheTalk(t *testing.T) {
	survey := map[string]Survey{"service": {Name: "service", Intro: "survey.intro", Questions: []Question{
		{Name: "service", Clip: "survey.q1", From: 1, To: 5},
		{Name: "solved", Clip: "survey.q2", Items: []prompts.Item{{Clip: "survey.item.yes", Key: '1'}, {Clip: "survey.item.no", Key: '2'}}},
	}}}
	for _, c := range []struct {
		name   string
		keys   string
		caller bool // the caller hangs up first
		values []int
	}{
		{"both answered", "51", false, []int{5, 1}},
		{"skipped by #", "#2", false, []int{0, 2}},
		{"a key that means nothing is forgiven once", "942", false, []int{4, 2}},
		{"nothing pressed", "", false, []int{0, 0}},
		{"the caller hangs up first: nothing is asked", "", true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opinions := &answers{}
				h := newHall(t, func(o *Options) {
					q := o.Settings.Queues["general"]
					q.Survey = "service"
					o.Settings.Queues["general"], o.Settings.Surveys, o.Opinions = q, survey, opinions
				})
				caller, done := inMenu(t, h)
				h.floor.ring(caller, "aysel")
				time.Sleep(20 * time.Second)
				if c.caller {
					caller.End(call.CauseHangup)
				} else {
					h.phones.leg("aysel").End(call.CauseHangup)
				}
				time.Sleep(time.Second)
				keysAt(caller, c.keys, 3*time.Second)
				<-done
				if len(opinions.all) != len(c.values) {
					t.Fatalf("%d answers, want %d; heard %v", len(opinions.all), len(c.values), heard(caller))
				}
				for i, o := range opinions.all {
					if o.Value != c.values[i] || o.Queue != "general" || o.Language != "en" || o.Survey != "service" {
						t.Errorf("answer %d: %+v", i, o)
					}
				}
				if r := h.journal.closed(t); r.Outcome != call.Completed {
					t.Errorf("outcome %s", r.Outcome)
				}
			})
		})
	}
}

type answers struct{ all []call.Opinion }

func (a *answers) Opinion(o call.Opinion) { a.all = append(a.all, o) }

// A porter is a Gate that says what a test wants.
type porter struct {
	bar       Barring
	challenge bool
	incident  *Announced
}

func (p *porter) Barred(call.Number, bool) Barring { return p.bar }
func (p *porter) Challenge() bool                  { return p.challenge }
func (p *porter) Incident() *Announced             { return p.incident }

func TestTheGate(t *testing.T) {
	for _, c := range []struct {
		name    string
		gate    porter
		heard   string
		not     string
		outcome call.Outcome
	}{
		{"blocked", porter{bar: Blocked}, "fault.blocked/az fault.blocked/en", "open.greeting/az", call.Refused},
		{"too many calls", porter{bar: TooMany}, "fault.tooMany/az", "open.greeting/az", call.Refused},
		{"an incident before the menus", porter{incident: &Announced{Key: "own.flood"}}, "incident.intro/az own.flood/az queue.enter/az", "", call.Abandoned},
		{"an incident instead of the menus", porter{incident: &Announced{Key: "own.flood", Instead: true}}, "own.flood/az bye/az", "queue.enter/az", call.Served},
		{"a challenge that nobody meets", porter{challenge: true}, "challenge.item=", "open.greeting/az", call.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t, func(o *Options) { o.Gate = &c.gate })
				caller, done := h.caller()
				time.Sleep(2 * time.Minute)
				caller.End(call.CauseHangup)
				<-done
				said := strings.Join(heardWhole(caller), " ")
				if !strings.Contains(said, c.heard) || c.not != "" && strings.Contains(said, c.not) {
					t.Errorf("heard %s\nwant  %s, not %s", said, c.heard, c.not)
				}
				if r := h.journal.closed(t); r.Outcome != c.outcome {
					t.Errorf("outcome %s, want %s", r.Outcome, c.outcome)
				}
			})
		})
	}
}

func TestAPersonMeetsTheChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, func(o *Options) { o.Gate = &porter{challenge: true} })
		caller, done := h.caller()
		time.Sleep(time.Second)
		first := caller.Sound().Sent()[0].Key // challenge.item=K
		caller.Sound().Press(first[len(first)-1])
		time.Sleep(3 * time.Second)
		if !slices.Contains(heard(caller), "open.greeting/az") {
			t.Errorf("heard %v", heard(caller))
		}
		caller.End(call.CauseHangup)
		<-done
	})
}

func TestAnnouncementsAreHeardInTheirTime(t *testing.T) {
	now := time.Date(2026, 12, 10, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		a    Announcement
		want float64
	}{
		{"in its time", Announcement{From: now.AddDate(0, 0, -1), To: now.AddDate(0, 0, 1), Queue: true}, 1},
		{"not yet", Announcement{From: now.AddDate(0, 0, 1), To: now.AddDate(0, 0, 2), Queue: true}, 0},
		{"no longer", Announcement{From: now.AddDate(0, 0, -2), To: now, Queue: true}, 0},
		{"not in the queue", Announcement{From: now.AddDate(0, 0, -1), To: now.AddDate(0, 0, 1), Closed: true}, 0},
		{"on another line", Announcement{From: now.AddDate(0, 0, -1), To: now.AddDate(0, 0, 1), Queue: true, Lines: []string{"920"}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.a.Name, c.a.Clip = "rules", "own.rules"
				h := newHall(t, func(o *Options) {
					o.Settings.Announcements, o.Now = []Announcement{c.a}, func() time.Time { return now }
				})
				caller, done := inMenu(t, h)
				time.Sleep(3 * time.Minute)
				caller.End(call.CauseHangup)
				<-done
				if got := float64(count(heard(caller), "own.rules/en")); got != c.want {
					t.Errorf("heard %v times, want %v: %v", got, c.want, heard(caller))
				}
				if got := testutil.ToFloat64(h.line.metrics.informed.WithLabelValues("rules")); got != c.want {
					t.Errorf("counted %v, want %v", got, c.want)
				}
			})
		})
	}
}

// limits.waiting is about those who wait for an operator: who listens to a menu takes nobody's place.
func TestWhoIsInAMenuDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, withOffice, func(o *Options) { o.Settings.Waiting = 1 })
		first, done1 := inMenu(t, h)
		if h.line.Full() {
			t.Error("one in a menu fills the line")
		}
		second, done2 := h.caller(func(i *call.Info) { i.ID, i.Call = "leg2", call.NewID() })
		keysAt(first, "1", time.Second)
		time.Sleep(time.Second)
		if !h.line.Full() {
			t.Error("one who waits does not fill it")
		}
		for _, leg := range []*calltest.Leg{first, second} {
			leg.End(call.CauseHangup)
		}
		<-done1
		<-done2
		if h.line.Full() || h.line.queued.Load() != 0 {
			t.Errorf("%d wait when all have gone", h.line.queued.Load())
		}
	})
}
