package line

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/ivr"
	"hotline/queue"
	"hotline/recording"
)

// rescue is how the phones of the tests know the emergency service.
const rescue = "outside 112"

// helping is a hall whose key 9 leads to the emergency service.
func helping(t *testing.T, change ...func(*Options)) *hall {
	return newHall(t, append([]func(*Options){func(o *Options) {
		o.Settings.Emergency = Emergency{Key: '9', Entry: Entry{Name: "rescue", Number: "112", Emergency: true}}
		o.Dialer.(*phones).fails = map[string]call.DialFailure{}
	}}, change...)...)
}

// night gives the line a menu for the night, with a person in it.
func night(o *Options) {
	o.Settings.Lines[0].Hours = &hours{closed: call.Closure{Why: call.AfterHours}}
	o.Settings.Lines[0].Menus = ivr.Menus{
		"main":  {Name: "main", Kind: ivr.Queue, Target: "general"},
		"night": {Name: "night", Kind: ivr.Choose, Choices: []ivr.Choice{{Key: '1', Item: "menu.item.status", To: "main"}}, Listen: 8 * time.Second, Rounds: 3},
	}
	o.Settings.Lines[0].Open, o.Settings.Lines[0].Closed = Start{Menu: "main", Person: "main"}, Start{Menu: "night", Person: "main"}
}

// From wherever the caller is, the key leads to help at once, in the caller's name, and the talk is a
// completed call whoever hangs up.
func TestTheEmergencyKey(t *testing.T) {
	inQueue := func(h *hall, l *calltest.Leg) { l.Sound().Press('2'); time.Sleep(10 * time.Second) }
	for name, c := range map[string]struct {
		change func(*Options)
		reach  func(h *hall, l *calltest.Leg)
		words  []string
	}{
		"in the language menu": {nil, func(*hall, *calltest.Leg) { time.Sleep(time.Second) }, []string{"emergency.connecting/az", "emergency.connecting/en"}},
		"in the notice": {nil, func(_ *hall, l *calltest.Leg) {
			l.Sound().Press('2')
			time.Sleep(time.Second)
		}, []string{"emergency.connecting/en", "music/"}},
		"in the first word of the queue": {nil, func(_ *hall, l *calltest.Leg) {
			l.Sound().Press('2')
			time.Sleep(3 * time.Second)
		}, []string{"emergency.connecting/en", "music/"}},
		"in the music of the queue": {nil, inQueue, []string{"emergency.connecting/en", "music/"}},
		"in the words of the queue": {nil, func(_ *hall, l *calltest.Leg) {
			l.Sound().Press('3')
			time.Sleep(35 * time.Second)
		}, []string{"emergency.connecting/ru", "music/"}},
		"while an operator is rung": {nil, func(h *hall, l *calltest.Leg) {
			inQueue(h, l)
			h.phones.never = map[string]bool{"aysel": true}
			h.floor.ring(l, "aysel")
			time.Sleep(time.Second)
		}, []string{"emergency.connecting/en", "music/"}},
		"outside the hours": {func(o *Options) { o.Settings.Lines[0].Hours = &hours{closed: call.Closure{Why: call.AfterHours}} },
			func(*hall, *calltest.Leg) { time.Sleep(time.Second) }, []string{"emergency.connecting/az", "emergency.connecting/en"}},
		"in the menu of the night": {night, func(_ *hall, l *calltest.Leg) { l.Sound().Press('2'); time.Sleep(10 * time.Second) }, []string{"emergency.connecting/en", "music/"}},
		"where the queue is full": {nil, func(h *hall, l *calltest.Leg) {
			h.floor.full = true
			l.Sound().Press('2')
			time.Sleep(3 * time.Second)
		}, []string{"emergency.connecting/en", "music/"}},
		"where nobody is at work": {func(o *Options) { o.Settings.Queues["general"] = Queue{Leave: true} }, func(_ *hall, l *calltest.Leg) {
			l.Sound().Press('2')
			time.Sleep(3 * time.Second)
		}, []string{"emergency.connecting/en", "music/"}},
		"somebody who is kept out": {func(o *Options) { o.Gate = &gate{bar: Blocked} }, func(*hall, *calltest.Leg) { time.Sleep(time.Second) },
			[]string{"emergency.connecting/az", "emergency.connecting/en"}},
	} {
		for _, by := range []call.Party{call.ByCaller, call.ByPeer} {
			t.Run(name+"/"+string(by), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := helping(t, func(o *Options) {
						o.Dialer.(*phones).answerAfter = 3 * time.Second
						if c.change != nil {
							c.change(o)
						}
					})
					caller, done := h.caller()
					c.reach(h, caller)
					before := len(heard(caller))
					caller.Sound().Press('9')
					synctest.Wait()
					if len(h.phones.asked()) != 1 {
						t.Fatalf("help was dialled %d times at once, want once; heard %v", len(h.phones.asked()), heard(caller))
					}
					if o := h.phones.asked()[0]; o.To != "112" || !o.Emergency || o.Caller != "+000123456789" || o.Hidden || o.Line != "919" || o.Call != caller.Info().Call || o.Operator != "" {
						t.Errorf("help was dialled as %+v", o)
					}
					time.Sleep(4 * time.Second)
					help := h.phones.leg(rescue)
					if help == nil || caller.Sound().JoinedTo() != help.Sound() {
						t.Fatalf("the caller does not talk to help; heard %v", heard(caller))
					}
					if got := heard(caller)[before:]; !slices.Equal(got, c.words) {
						t.Errorf("the caller heard %v, want %v", got, c.words)
					}
					if len(heard(help)) != 0 {
						t.Errorf("help heard %v", heard(help))
					}
					time.Sleep(time.Minute)
					if by == call.ByCaller {
						caller.End(call.CauseHangup)
					} else {
						help.End(call.CauseHangup)
					}
					<-done
					if r := h.journal.closed(t); r.Outcome != call.Completed || r.EndedBy != by || r.Code != 0 || r.Talked < time.Minute {
						t.Errorf("record %+v", r)
					}
					if len(h.journal.named("call.emergency")) != 1 || testutil.ToFloat64(h.line.metrics.emergencies.WithLabelValues(helpAnswered)) != 1 {
						t.Error("the emergency is not told, or not counted")
					}
					h.nobodyLeft(t)
				})
			})
		}
	}
}

// gate keeps everybody out for a reason.
type gate struct{ bar Barring }

func (g *gate) Barred(call.Number, bool) Barring { return g.bar }
func (g *gate) Challenge() bool                  { return false }
func (g *gate) Incident() *Announced             { return nil }

// Other keys lead nobody there, and without a key none does.
func TestNoEmergency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		caller, done := h.caller()
		caller.Sound().Press('2')
		time.Sleep(10 * time.Second)
		press(caller, "9")
		h2 := helping(t)
		other, otherDone := h2.caller()
		other.Sound().Press('2')
		time.Sleep(10 * time.Second)
		press(other, "12345678*#0")
		if len(h.phones.asked())+len(h2.phones.asked()) != 0 {
			t.Error("help was called")
		}
		caller.End(call.CauseHangup)
		other.End(call.CauseHangup)
		<-done
		<-otherDone
	})
}

// Where nobody answers the caller is told to call 112, and comes first: before all who wait, also where the
// queue is full, with the notice that was skipped.
func TestNobodyHelps(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Options)
		reach   time.Duration
		keys    string
		heard   []string
		outcome call.Outcome // of a call that ends with it; empty: it goes on
	}{
		"from the language menu": {nil, time.Second, "9", []string{"emergency.failed/az", "emergency.failed/en", "emergency.failed/ru",
			"notice.recording.short/az", "notice.recording.short/en", "notice.recording.short/ru", "queue.enter/az", "music/"}, ""},
		"from the queue": {nil, 10 * time.Second, "9", []string{"emergency.failed/en", "queue.enter/en", "music/"}, ""},
		"from the night": {night, 10 * time.Second, "9", []string{"emergency.failed/en", "queue.enter/en", "music/"}, ""},
		"after hours": {func(o *Options) { o.Settings.Lines[0].Hours = &hours{closed: call.Closure{Why: call.AfterHours}} }, time.Second, "9",
			[]string{"emergency.failed/az", "emergency.failed/en", "emergency.failed/ru", "emergency.failed/az", "emergency.failed/en", "emergency.failed/ru"}, call.Closed},
		"where 0 leads nowhere": {func(o *Options) {
			night(o)
			o.Settings.Lines[0].Closed.Person = ""
		}, 10 * time.Second, "9", []string{"emergency.failed/en", "emergency.failed/en"}, call.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := helping(t, func(o *Options) {
					o.Dialer.(*phones).fails[rescue] = call.Unreachable
					if c.change != nil {
						c.change(o)
					}
				})
				caller, done := h.caller()
				if c.reach > 5*time.Second {
					caller.Sound().Press('2')
				}
				time.Sleep(c.reach)
				before := len(heard(caller))
				if c.outcome == "" {
					h.floor.full = true
				}
				caller.Sound().Press('9')
				time.Sleep(20 * time.Second)
				connecting := func(clip string) bool { return strings.HasPrefix(clip, "emergency.connecting") } // it fails in that instant
				if got := slices.DeleteFunc(heard(caller)[before:], connecting); !slices.Equal(got, c.heard) {
					t.Errorf("the caller heard %v\nwant %v", got, c.heard)
				}
				if c.outcome != "" {
					<-done
					if r := h.journal.closed(t); r.Outcome != c.outcome || r.EndedBy != call.ByUs {
						t.Errorf("record %+v", r)
					}
					return
				}
				if last := h.floor.tickets[len(h.floor.tickets)-1]; !last.Passed || last.Queue != "general" || last.Language == "" || !slices.Equal(h.floor.heads, []time.Duration{headStart}) {
					t.Errorf("ticket %+v, head starts %v", last, h.floor.heads)
				}
				h.floor.ring(caller, "aysel")
				time.Sleep(10 * time.Second)
				op := h.phones.leg("aysel")
				if op == nil || caller.Sound().JoinedTo() != op.Sound() {
					t.Fatal("the caller does not talk to an operator")
				}
				op.End(call.CauseHangup)
				<-done
				if r := h.journal.closed(t); r.Outcome != call.Completed || r.Notice == nil {
					t.Errorf("record %+v", r)
				}
				if testutil.ToFloat64(h.line.metrics.emergencies.WithLabelValues(helpFailed)) != 1 {
					t.Error("the failure is not counted")
				}
			})
		})
	}
}

// A caller who hangs up while help is called has it called no longer.
func TestWhoHangsUpBeforeHelpAnswers(t *testing.T) {
	for name, late := range map[string]bool{"it rings": false, "it answers in that instant": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := helping(t)
				h.phones.never, h.phones.late = map[string]bool{rescue: true}, map[string]bool{rescue: late}
				caller, done := h.caller(func(i *call.Info) { i.Withheld = true })
				caller.Sound().Press('9')
				time.Sleep(5 * time.Second)
				if !h.phones.asked()[0].Hidden {
					t.Error("a withheld number is shown")
				}
				caller.End(call.CauseHangup)
				<-done
				if r := h.journal.closed(t); r.Outcome != call.Abandoned || r.EndedBy != call.ByCaller || r.Phase != call.Greeting {
					t.Errorf("record %+v", r)
				}
				if testutil.ToFloat64(h.line.metrics.emergencies.WithLabelValues(helpLeft)) != 1 {
					t.Error("it is not counted")
				}
				h.nobodyLeft(t)
			})
		})
	}
}

// Nobody waits for ever for help that does not answer.
func TestHelpThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := helping(t)
		h.phones.never = map[string]bool{rescue: true}
		caller, done := h.caller()
		caller.Sound().Press('9')
		time.Sleep(helpRing - time.Second)
		if count(heard(caller), "emergency.failed/az") != 0 {
			t.Error("given up early")
		}
		time.Sleep(3 * time.Second)
		if count(heard(caller), "emergency.failed/az") != 1 {
			t.Errorf("heard %v", heard(caller))
		}
		caller.End(call.CauseHangup)
		<-done
	})
}

// What the trunk plays before the answer is heard instead of our words.
func TestHelpHasSoundBeforeItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := helping(t)
		h.phones.early, h.phones.answerAfter = map[string]bool{rescue: true}, 10*time.Second
		caller, done := h.caller()
		caller.Sound().Press('2')
		time.Sleep(10 * time.Second)
		caller.Sound().Press('9')
		synctest.Wait()
		if early := h.phones.leg("early"); early == nil || caller.Sound().JoinedTo() != early.Sound() {
			t.Error("the caller does not hear it")
		}
		time.Sleep(11 * time.Second)
		if caller.Sound().JoinedTo() != h.phones.leg(rescue).Sound() {
			t.Error("the caller does not talk to help")
		}
		caller.End(call.CauseHangup)
		<-done
	})
}

// A bug in the signalling is a failure like others; the end of the server ends this call, too.
func TestEmergenciesInABadHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := helping(t)
		h.phones.panics = map[string]bool{rescue: true}
		caller, done := h.caller()
		caller.Sound().Press('9')
		time.Sleep(3 * time.Second)
		if count(heard(caller), "emergency.failed/az") != 1 {
			t.Errorf("heard %v", heard(caller))
		}
		caller.End(call.CauseHangup)
		<-done
		h = helping(t)
		caller, done = h.caller()
		caller.Sound().Press('9')
		time.Sleep(10 * time.Second)
		h.line.Stop()
		<-done
		if r := h.journal.closed(t); r.Outcome != call.Stopped {
			t.Errorf("record %+v", r)
		}
		h.nobodyLeft(t)
	})
}

// What is recorded of an emergency: nothing from the key on, unless the configuration says so; then after
// the short notice, and never without one.
func TestWhatIsRecordedOfAnEmergency(t *testing.T) {
	for name, c := range map[string]struct {
		record bool
		first  bool          // the key is pressed before there was a notice
		after  time.Duration // help answers
		heard  []string
		notice string
		gaps   []string // of the caller's voice, in order
	}{
		"nothing":                         {false, false, 3 * time.Second, []string{"emergency.connecting/en", "music/"}, "notice.recording", []string{"before_notice", "emergency"}},
		"nothing, and no notice":          {false, true, 3 * time.Second, []string{"emergency.connecting/az", "emergency.connecting/en"}, "", []string{"before_notice", "emergency"}},
		"all, after the notice of before": {true, false, 3 * time.Second, []string{"emergency.connecting/en", "music/"}, "notice.recording", []string{"before_notice", "waiting"}},
		"all, after the short notice": {true, true, 20 * time.Second, []string{"notice.recording.short/az", "notice.recording.short/en", "notice.recording.short/ru",
			"emergency.connecting/az", "emergency.connecting/en", "emergency.connecting/ru", "music/"}, "notice.recording.short", []string{"before_notice", "waiting"}},
		"help is quicker than the notice": {true, true, 3 * time.Second, []string{"notice.recording.short/az", "notice.recording.short/en"}, "", []string{"before_notice", "no_notice"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				disk := diskAt(t, dir)
				defer disk.Close()
				h := helping(t, func(o *Options) {
					o.Settings.Emergency.Record, o.Recorder, o.Dialer.(*phones).answerAfter = c.record, disk, c.after
				})
				caller, done := h.caller()
				if !c.first {
					caller.Sound().Press('2')
					time.Sleep(10 * time.Second)
				}
				time.Sleep(time.Second)
				before := len(heard(caller))
				caller.Sound().Press('9')
				time.Sleep(c.after + 5*time.Second)
				if got := heard(caller)[before:]; !slices.Equal(got, c.heard) {
					t.Errorf("the caller heard %v, want %v", got, c.heard)
				}
				if help := h.phones.leg(rescue); help == nil || caller.Sound().JoinedTo() != help.Sound() {
					t.Fatal("the caller does not talk to help")
				}
				h.phones.leg(rescue).End(call.CauseHangup)
				<-done
				if n := h.journal.closed(t).Notice; n == nil && c.notice != "" || n != nil && n.Key != c.notice {
					t.Errorf("notice %+v, want %s", n, c.notice)
				}
			})
			var deaf []string // what the caller hears is written, but for the talk that is not
			if last := c.gaps[len(c.gaps)-1]; last != "waiting" {
				deaf = []string{last}
			}
			if said, heard := gapsOf(t, dir); !slices.Equal(said, c.gaps) || !slices.Equal(heard, deaf) {
				t.Errorf("gaps %v and %v, want %v and %v", said, heard, c.gaps, deaf)
			}
		})
	}
}

// After an emergency that came to nothing the recording goes on.
func TestTheRecordingAfterAFailedEmergency(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		disk := diskAt(t, dir)
		defer disk.Close()
		h := helping(t, func(o *Options) { o.Recorder, o.Dialer.(*phones).never = disk, map[string]bool{rescue: true} })
		caller, done := h.caller()
		caller.Sound().Press('2')
		time.Sleep(10 * time.Second)
		caller.Sound().Press('9')
		time.Sleep(helpRing + 10*time.Second)
		h.floor.ring(caller, "aysel")
		time.Sleep(10 * time.Second)
		caller.End(call.CauseHangup)
		<-done
	})
	// The caller's voice is there in the talk, between two waits.
	if said, heard := gapsOf(t, dir); !slices.Equal(said, []string{"before_notice", "emergency", "waiting", "waiting"}) || !slices.Equal(heard, []string{"emergency"}) {
		t.Errorf("gaps %v and %v", said, heard)
	}
}

// diskAt is a recorder of its own.
func diskAt(t *testing.T, dir string) *recording.Recorder {
	t.Helper()
	disk, err := recording.New(recording.Options{
		Dir: dir, Node: "test", Zone: time.UTC, Format: recording.PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return disk
}

// gapsOf are the reasons of the gaps in the two channels, of the one manifest in a folder.
func gapsOf(t *testing.T, dir string) (said, heard []string) {
	t.Helper()
	var body []byte
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".json") {
			body, err = os.ReadFile(path)
		}
		return err
	})
	var m struct {
		Gaps []struct{ Channel, Reason string }
	}
	if err != nil || json.Unmarshal(body, &m) != nil {
		t.Fatalf("no manifest: %v, %s", err, body)
	}
	for _, g := range m.Gaps {
		if g.Channel == call.Said.String() {
			said = append(said, g.Reason)
		} else {
			heard = append(heard, g.Reason)
		}
	}
	return said, heard
}

// A transfer to an emergency entry goes in the caller's name, too.
func TestATransferToHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		d := h.talking()
		d.ask("fire", nil)
		time.Sleep(5 * time.Second)
		if len(h.phones.asked()) != 1 || h.phones.asked()[0].Caller != "+000123456789" || !h.phones.asked()[0].Emergency {
			t.Errorf("dialled %+v", h.phones.asked())
		}
		d.over()
	})
}

// A caller who is called back has an operator, who helps.
func TestNoEmergencyKeyInACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := helping(t)
		orders, done := h.calling("aysel")
		time.Sleep(10 * time.Second)
		leg := h.phones.leg("outside +1234567")
		if leg == nil {
			t.Fatal("nobody was called back")
		}
		press(leg, "9")
		time.Sleep(time.Second)
		for _, o := range h.phones.asked() {
			if o.Emergency {
				t.Error("help was called")
			}
		}
		leg.End(call.CauseHangup)
		orders <- queue.Order{Kind: queue.Withdraw, Operator: "aysel"}
		close(orders)
		<-done
	})
}
