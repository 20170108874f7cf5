package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/line"
	"hotline/prompts"
	"hotline/queue"
	"hotline/recording"
)

// A Caller is one who is not there: whose call Simulate follows.
type Caller struct {
	At   time.Time
	From string // a number; "anonymous": withheld
	Line string // the number dialled, in any spelling that the file has; "": the first line's
	Keys string // pressed one after another, each when something is asked and has been heard whole
}

// A Story is what a caller hears and where the call goes.
type Story struct {
	At    time.Time `json:"at"`
	Line  string    `json:"line"`
	Open  bool      `json:"open"`
	Steps []Step    `json:"steps"`
	Ends  string    `json:"ends"` // queue:NAME, callback:QUEUE, transfer:NAME, message, status, emergency, closed, hangup, refused:CODE, failed

	Why call.Why `json:"-"` // of a line that is closed
}

// Standing says in words whether the line is open, and why not.
func (s *Story) Standing() string {
	switch s.Why {
	case "":
		return "open"
	case call.Lunch:
		return "closed for lunch"
	case call.NonWorking:
		return "closed, no working day"
	case call.Special:
		return "closed, a day with words of its own"
	}
	return "closed at this hour"
}

// A Step is one thing that happens to the caller: answer, play, "press 2", hangup.
type Step struct {
	Do       string        `json:"do"`
	Clip     string        `json:"clip"`
	Language call.Language `json:"language"`

	Text string `json:"-"` // what a shipped clip says; empty for a deployer's own
}

// ErrNoLine says that a file has no such line.
var ErrNoLine = errors.New("no such line")

// Simulate lets the code that serves callers serve one who is not there, at any time. Nothing is
// placed, recorded or kept, and no server is needed.
func Simulate(f *configs.File, c Caller) (*Story, error) {
	clips, err := prompts.Load(ownPrompts(f), f.Languages, zap.NewNop())
	if err != nil {
		return nil, err
	}
	story, err := rehearse(f, c, clips)
	if err != nil {
		return nil, err
	}
	return story, tell(story.Steps, f, clips)
}

// rehearse is Simulate with these clips.
func rehearse(f *configs.File, c Caller, clips line.Prompts) (*Story, error) {
	number, err := dialled(f, c.Line)
	if err != nil {
		return nil, err
	}
	r := &rehearsal{leg: newScript(call.Info{
		ID: "simulated", Call: call.NewID(), Role: call.RoleCaller, Trunk: "simulated", Dialled: number,
		From: call.Number(c.From), Withheld: c.From == "anonymous",
	}, c.Keys)}
	if r.leg.info.Withheld {
		r.leg.info.From = ""
	}
	l, err := line.New(line.Options{
		Settings: settings(f), Floor: r, Operators: r, Dialer: r, Journal: r, Recorder: r,
		Prompts: clips, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Statuses: r, Cases: r, Messages: r, Callbacks: r,
		Now: func() time.Time { return c.At },
	})
	if err != nil {
		return nil, err
	}
	l.Serve(context.Background(), r.leg)
	return &Story{At: c.At.In(f.Zone()), Line: r.record.Line, Why: r.why, Open: r.why == "", Steps: r.leg.steps(), Ends: r.ends()}, nil
}

// dialled finds the line that a caller means.
func dialled(f *configs.File, number string) (string, error) {
	for _, l := range f.Lines {
		if number == "" || number == l.Number || slices.Contains(l.Also, number) {
			return l.Number, nil
		}
	}
	return "", fmt.Errorf("%w: %q", ErrNoLine, number)
}

// tell writes to the steps what the shipped clips among them say.
func tell(steps []Step, f *configs.File, heard *prompts.Library) error {
	shipped, err := prompts.Load("", f.Languages, zap.NewNop())
	if err != nil {
		return err
	}
	entries, err := prompts.Catalogue()
	if err != nil {
		return err
	}
	texts := map[string]map[call.Language]string{}
	for _, e := range entries {
		texts[e.Key] = e.Texts
	}
	for i := range steps {
		s := &steps[i]
		if s.Do != doPlay {
			continue
		}
		ours, played := shipped.Clip(s.Clip, s.Language), heard.Clip(s.Clip, s.Language)
		if ours == nil || played == nil || ours.Version != played.Version {
			continue
		}
		s.Text = texts[ours.Key][s.Language]
	}
	return nil
}

// A rehearsal is everything around a line of which a simulated call may ask something: a floor that
// takes the caller and lets the story end there, and a journal that remembers how. What it does not
// have, a caller who waits for nobody cannot reach.
type rehearsal struct {
	line.Floor
	line.Operators
	line.Dialer

	leg    *script
	goal   string // where the story has ended, if it is neither a closure nor a hang-up
	why    call.Why
	record call.Record
}

// arrived ends the story.
func (r *rehearsal) arrived(goal string) {
	if r.goal == "" {
		r.goal = goal
	}
	r.leg.end(call.CauseHangup)
}

// Enter implements line.Floor: here the caller would begin to wait.
func (r *rehearsal) Enter(t queue.Ticket) (<-chan queue.Order, error) {
	r.arrived("queue:" + t.Queue)
	return nil, nil //nolint:nilnil // no order will ever come
}

// AskCallback implements line.Callbacks.
func (r *rehearsal) AskCallback(t queue.Ticket) error {
	r.arrived("callback:" + t.Queue)
	return nil
}

// CallbackReached implements line.Callbacks.
func (r *rehearsal) CallbackReached(call.ID) {}

// CallbackFailed implements line.Callbacks.
func (r *rehearsal) CallbackFailed(call.ID, bool) {}

// MayCall implements line.Dialer.
func (r *rehearsal) MayCall(n call.Number) bool { return true }

// DialOutside implements line.Dialer.
func (r *rehearsal) DialOutside(context.Context, call.Outside) (call.Leg, error) {
	r.arrived("transfer")
	return nil, call.ErrGone
}

// Known implements line.Operators.
func (r *rehearsal) Known(string) bool { return false }

// Ask implements line.Statuses.
func (r *rehearsal) Ask(context.Context, call.StatusQuestion) (call.Standing, error) {
	r.arrived("status")
	return call.Standing{}, call.ErrStatusAway
}

// Keep implements line.Messages.
func (r *rehearsal) Keep(_ context.Context, m call.Message, _ []int16) (call.Message, error) {
	return m, nil
}

// Discard implements line.Messages.
func (r *rehearsal) Discard(context.Context, call.Message) error { return nil }

// OpenCase implements line.Cases.
func (r *rehearsal) OpenCase(call.Message) (call.Receipt, error) { return call.Receipt{}, nil }

// Leave implements line.Floor.
func (r *rehearsal) Leave(call.ID) {}

// Release implements line.Floor and line.Operators.
func (r *rehearsal) Release(string) {}

// Arrived implements line.Journal.
func (r *rehearsal) Arrived(call.Record) error { return nil }

// Event implements line.Journal.
func (r *rehearsal) Event(e call.Event) {
	switch e.Name {
	case "call.closed":
		r.why = call.Why(e.Data["why"])
	case "message.begun":
		r.arrived("message")
	case "call.emergency":
		r.arrived("emergency")
	case "call.transferring":
		r.arrived("transfer:" + e.Data["to"])
	}
}

// Closed implements line.Journal.
func (r *rehearsal) Closed(rec call.Record) error { r.record = rec; return nil }

// Open implements line.Recorder: nobody's voice is there to be recorded.
func (r *rehearsal) Open(recording.Meta) (*recording.Recording, error) {
	return nil, errors.New("a simulated call has no sound")
}

// Healthy implements line.Recorder.
func (r *rehearsal) Healthy() error { return nil }

// ends is where the story ends.
func (r *rehearsal) ends() string {
	switch {
	case r.goal != "":
		return r.goal
	case r.record.Outcome == call.Closed:
		return "closed"
	case r.record.Outcome == call.Failed:
		return "failed"
	case r.record.Outcome == call.Refused && r.record.Answered.IsZero():
		return fmt.Sprintf("refused:%d", r.record.Code)
	}
	return "hangup"
}

// A script is a leg without a network: it notes what it is sent and presses its keys where it is
// asked. Everything takes no time.
type script struct {
	info   call.Info
	events chan call.LegEvent

	mu   sync.Mutex
	keys string // that are left
	over bool
	done []Step
}

func newScript(info call.Info, keys string) *script {
	return &script{info: info, keys: keys, events: make(chan call.LegEvent, 1)}
}

// What a Step may be, besides "press" and a key.
const (
	doAnswer = "answer"
	doPlay   = "play"
	doPress  = "press "
	doHangup = "hangup"
)

func (s *script) steps() []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}

// note adds a step, until the leg is over.
func (s *script) note(step Step) (noted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.done = append(s.done, step)
	}
	return !s.over
}

func (s *script) end(why call.Cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over = true
	s.events <- call.LegEvent{Kind: call.LegEnded, Cause: why}
	close(s.events)
}

// Info implements call.Leg.
func (s *script) Info() call.Info { return s.info }

// Ring implements call.Leg.
func (s *script) Ring() {}

// Answer implements call.Leg.
func (s *script) Answer(context.Context) error {
	if !s.note(Step{Do: doAnswer}) {
		return call.ErrGone
	}
	return nil
}

// Hangup implements call.Leg.
func (s *script) Hangup(call.Reason) {
	s.note(Step{Do: doHangup})
	s.end(call.CauseOurs)
}

// Events implements call.Leg.
func (s *script) Events() <-chan call.LegEvent { return s.events }

// Audio implements call.Leg.
func (s *script) Audio() call.Audio { return (*scriptAudio)(s) }

// A scriptAudio is the sound of a script, and an ivr.Script.
type scriptAudio script

// Ask implements ivr.Script.
func (a *scriptAudio) Ask(clips ...*call.Clip) (call.Key, bool) {
	s := (*script)(a)
	a.Play(context.Background(), clips...)
	s.mu.Lock()
	keys := s.keys
	s.mu.Unlock()
	if keys == "" || !s.note(Step{Do: doPress + keys[:1]}) {
		return call.Key{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys[1:]
	return call.Key{Digit: keys[0]}, true
}

// Play implements call.Audio.
func (a *scriptAudio) Play(ctx context.Context, clips ...*call.Clip) call.Played {
	now := time.Now()
	p := call.Played{From: now, To: now, Whole: ctx.Err() == nil}
	for _, c := range clips {
		if c != nil && !(*script)(a).note(Step{Do: doPlay, Clip: c.Key, Language: c.Language}) {
			p.Whole = false
		}
	}
	return p
}

// Loop implements call.Audio: music begins where the story has ended.
func (a *scriptAudio) Loop(*call.Clip) {}

// Keys implements call.Audio: they come by Ask alone.
func (a *scriptAudio) Keys() <-chan call.Key { return nil }

// Join implements call.Audio.
func (a *scriptAudio) Join(call.Audio) error { return call.ErrGone }

// Tap implements call.Audio.
func (a *scriptAudio) Tap(call.Sink) {}

// Stats implements call.Audio.
func (a *scriptAudio) Stats() call.AudioStats { return call.AudioStats{} }

// validKeys are what --keys may hold.
const validKeys = "0123456789*#ABCD"

// CheckKeys says which of the keys no telephone has.
func CheckKeys(keys string) error {
	if i := strings.IndexFunc(keys, func(r rune) bool { return !strings.ContainsRune(validKeys, r) }); i >= 0 {
		return fmt.Errorf("%q is no key of a telephone, write digits, * and #", keys[i:])
	}
	return nil
}
