package ivr

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/prompts"
)

var three = []call.Language{"az", "en", "ru"}

// length is how long each clip of these tests is.
const length = 2 * time.Second

// clips makes every clip, but those it is told are missing ("notice.recording/ru"), or are there in
// Azerbaijani alone.
type clips struct{ missing, foreign []string }

func (c clips) Clip(key string, l call.Language) *call.Clip {
	if slices.Contains(c.missing, key+"/"+string(l)) {
		return nil
	}
	if slices.Contains(c.foreign, key+"/"+string(l)) {
		l = "az"
	}
	return &call.Clip{Key: key, Language: l, Version: "v" + string(l), PCM: make([]int16, int(length/time.Second)*call.ClockRate)}
}

// SayMenu tells each item by its clip alone.
func (c clips) SayMenu(items []prompts.Item, l call.Language) (list []*call.Clip) {
	for _, i := range items {
		if clip := c.Clip(i.Clip, l); clip != nil {
			list = append(list, clip)
		}
	}
	return list
}

// caller is an answered leg in a bubble of virtual time.
func caller(t *testing.T) (*calltest.Leg, context.Context, context.CancelFunc) {
	t.Helper()
	leg := calltest.NewLeg(call.Info{ID: "leg"})
	if err := leg.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	return leg, ctx, cancel
}

// heard is what the caller was sent, "key/language", those clips that were cut short with a minus.
func heard(l *calltest.Leg) (keys []string) {
	for _, s := range l.Sound().Sent() {
		k := s.Key + "/" + string(s.Language)
		if !s.Whole {
			k += "-"
		}
		keys = append(keys, k)
	}
	return keys
}

// presses are keys and when they are pressed, from the beginning.
type presses map[time.Duration]byte

func (p presses) on(l *calltest.Leg) {
	for at, key := range p {
		time.AfterFunc(at, func() { l.Sound().Press(key) })
	}
}

func TestDoor(t *testing.T) {
	const lines = "open.lang/az open.lang/en open.lang/ru"
	for _, c := range []struct {
		name   string
		langs  []call.Language
		keys   presses
		leaves time.Duration // 0: stays
		lang   call.Language
		chosen bool
		heard  string
		took   time.Duration
	}{
		{"one language needs no menu", three[:1], nil, 0, "az", false, "open.greeting/az", length},
		{"one language, and a key does not matter", three[:1], presses{time.Second: '2'}, 0, "az", false, "open.greeting/az", length},
		{"a key during the greeting", three, presses{time.Second: '2'}, 0, "en", true, "open.greeting/az-", time.Second},
		{"a key during the lines", three, presses{3 * time.Second: '3'}, 0, "ru", true, "open.greeting/az open.lang/az-", 3 * time.Second},
		{"a key while we listen", three, presses{12 * time.Second: '1'}, 0, "az", true, "open.greeting/az " + lines, 12 * time.Second},
		{"a key in the third round", three, presses{30*time.Second + 500*time.Millisecond: '3'}, 0, "ru", true,
			"open.greeting/az " + lines + " " + lines + " open.lang/az open.lang/en open.lang/ru", 30*time.Second + 500*time.Millisecond},
		{"no key in three rounds", three, nil, 0, "az", false, "open.greeting/az " + lines + " " + lines + " " + lines, 35 * time.Second},
		{"a wrong key is told so at once, by the first language, and asked again", three, presses{time.Second: '9', 4 * time.Second: '2'}, 0, "en", true,
			"open.greeting/az- menu.invalid/az open.lang/az-", 4 * time.Second},
		{"a key between 3 and 9 of no language is wrong", three, presses{time.Second: '4', 2 * time.Second: '3'}, 0, "ru", true,
			"open.greeting/az- menu.invalid/az-", 2 * time.Second},
		{"0 is wrong", three, presses{time.Second: '0', 2 * time.Second: '1'}, 0, "az", true, "open.greeting/az- menu.invalid/az-", 2 * time.Second},
		{"three wrong keys are three rounds", three, presses{time.Second: '*', 2 * time.Second: '#', 3 * time.Second: 'A'}, 0, "az", false,
			"open.greeting/az- menu.invalid/az- menu.invalid/az-", 3 * time.Second},
		{"two languages have two keys", three[:2], presses{time.Second: '3', 2 * time.Second: '2'}, 0, "en", true,
			"open.greeting/az- menu.invalid/az-", 2 * time.Second},
		{"another order has other keys", []call.Language{"ru", "az"}, presses{time.Second: '1'}, 0, "ru", true, "open.greeting/ru-", time.Second},
		{"gone during the greeting", three, nil, time.Second, "az", false, "open.greeting/az-", time.Second},
		{"gone while we listen", three, nil, 10 * time.Second, "az", false, "open.greeting/az " + lines, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				leg, ctx, cancel := caller(t)
				defer cancel()
				if c.leaves > 0 {
					time.AfterFunc(c.leaves, cancel)
				}
				c.keys.on(leg)
				began := time.Now()
				in := Door{Languages: c.langs, Greeting: true}.Enter(ctx, leg.Audio(), clips{})
				lang, chosen := in.Language, in.Chosen
				if lang != c.lang || chosen != c.chosen {
					t.Errorf("%q, chosen %v; want %q, %v", lang, chosen, c.lang, c.chosen)
				}
				if got := strings.Join(heard(leg), " "); got != c.heard {
					t.Errorf("heard %s\nwant  %s", got, c.heard)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestAsk(t *testing.T) {
	for _, c := range []struct {
		name string
		keys presses
		key  byte // 0: none
		took time.Duration
	}{
		{"no key", nil, 0, length + 3*time.Second},
		{"a key pressed before", presses{0: '5'}, '5', 0},
		{"a key during the clip cuts it", presses{time.Second: '6'}, '6', time.Second},
		{"a key after the clip", presses{4 * time.Second: '7'}, '7', 4 * time.Second},
		{"the first of two", presses{time.Second: '8', 1500 * time.Millisecond: '9'}, '8', time.Second},
		{"a key too late", presses{6 * time.Second: '1'}, 0, length + 3*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				leg, ctx, cancel := caller(t)
				defer cancel()
				c.keys.on(leg)
				synctest.Wait()
				began := time.Now()
				key, ok := Ask(ctx, leg.Audio(), 3*time.Second, clips{}.Clip("menu.main", "az"))
				if key.Digit != c.key || ok != (c.key != 0) {
					t.Errorf("key %q, %v; want %q", key.Digit, ok, c.key)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

// Whatever is asked next finds the leg free: the cut clip does not go on under it.
func TestAskLetsGoOfTheLeg(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leg, ctx, cancel := caller(t)
		defer cancel()
		presses{time.Second: '1'}.on(leg)
		Ask(ctx, leg.Audio(), time.Second, clips{}.Clip("menu.main", "az"))
		if played := leg.Audio().Play(ctx, clips{}.Clip("queue.enter", "az")); !played.Whole {
			t.Error("the next clip was cut by the one before")
		}
	})
}

func TestNotice(t *testing.T) {
	for _, c := range []struct {
		name    string
		missing []string
		foreign []string
		langs   []call.Language
		during  func(l *calltest.Leg, cancel context.CancelFunc) // after a second
		version string                                           // "": there is no proof
	}{
		{"in one language", nil, nil, three[1:2], nil, "ven"},
		{"in all three, where none was chosen", nil, nil, three, nil, "vaz+ven+vru"},
		{"a key does not skip it", nil, nil, three[:1], func(l *calltest.Leg, _ context.CancelFunc) { l.Sound().Press('#') }, "vaz"},
		{"a clip is missing", []string{"notice.recording/az"}, nil, three[:1], nil, ""},
		{"one of three is missing", []string{"notice.recording/ru"}, nil, three, nil, ""},
		{"another language stands in for the chosen one", nil, []string{"notice.recording/ru"}, three[2:], nil, ""},
		{"one of three is told in another", nil, []string{"notice.recording/en"}, three, nil, ""},
		{"the call ends in it", nil, nil, three[:1], func(_ *calltest.Leg, cancel context.CancelFunc) { cancel() }, ""},
		{"the leg ends in it", nil, nil, three[:1], func(l *calltest.Leg, _ context.CancelFunc) { l.End(call.CauseHangup) }, ""},
		{"something else is played over it", nil, nil, three[:1], func(l *calltest.Leg, _ context.CancelFunc) { l.Sound().Loop(nil) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				leg, ctx, cancel := caller(t)
				defer cancel()
				if c.during != nil {
					time.AfterFunc(time.Second, func() { c.during(leg, cancel) })
				}
				began := time.Now()
				n := Notice(ctx, leg.Audio(), clips{c.missing, c.foreign}, c.langs...)
				if c.version == "" {
					if n != nil {
						t.Errorf("a proof of what was not heard whole: %+v", n)
					}
					if len(c.missing)+len(c.foreign) > 0 && len(leg.Sound().Sent()) != 0 {
						t.Error("a part of it was played")
					}
					return
				}
				if n == nil {
					t.Fatal("no proof")
				}
				if n.Key != "notice.recording" || n.Language != c.langs[0] || n.Version != c.version {
					t.Errorf("notice %+v, want version %s in %s", n, c.version, c.langs[0])
				}
				if all := time.Duration(len(c.langs)) * length; !n.From.Equal(began) || !n.To.Equal(began.Add(all)) {
					t.Errorf("from %v to %v, want %v from %v", n.From, n.To, all, began)
				}
				if want := c.langs; len(c.langs) > 1 && !slices.Equal(n.Languages, want) || len(c.langs) == 1 && n.Languages != nil {
					t.Errorf("languages %v, want %v", n.Languages, want)
				}
				select {
				case k := <-leg.Audio().Keys():
					t.Errorf("key %q outlived the notice", k.Digit)
				default:
				}
			})
		})
	}
}
