package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/phone"
	"hotline/prompts"
	"hotline/store"
)

// Faults of `hotline try --call`: each makes exactly one step fail.
const (
	faultDeafOperator = "deaf-operator"
	faultBusyOperator = "busy-operator"
	faultGoneOperator = "gone-operator"
	faultMuteNotice   = "mute-notice"
	faultSwappedLegs  = "swapped-legs"
)

// The two people of the call: who they are and how each sounds.
const (
	citizenNumber = "+000123456789" // of a country that does not exist
	citizenTone   = 440.0
	operatorTone  = 1000.0
	toneLoudness  = 0.3
	citizenKey    = "2"
	citizenSpeaks = call.Language("en")
	operatorKey   = "1" // of the menu
)

// A tale is a call being told: each step is a line, with a mark for seen or not.
type tale struct {
	out    io.Writer
	began  time.Time
	failed bool
}

// step tells one step. what is told by the telephone who; err says what was not as it should be.
func (t *tale) step(who, what string, err error) bool {
	mark := "ok    "
	if err != nil {
		mark, t.failed = "FAILED", true
		what += ": " + err.Error()
	}
	fmt.Fprintf(t.out, "%7.2fs  %s  %-9s %s\n", time.Since(t.began).Seconds(), mark, who, what)
	return err == nil
}

// TryCall starts a trial and places one real call through it over loopback SIP. Every step is
// told by the telephone that sent or heard it. It is true if all of them were as they should.
func TryCall(ctx context.Context, o TryOptions, fault string, out io.Writer) (good bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	o.NoRobot, o.fault = true, fault
	a, trial, err := Try(ctx, o)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	clips, err := prompts.Load("", a.file.Languages, a.log)
	if err != nil {
		return false, err
	}
	s := &scene{tale: tale{out: out, began: time.Now()}, trial: trial, clips: clips, fault: fault}
	defer s.leave()
	s.play(ctx)
	return s.showRecord(ctx, a) && !s.failed, nil
}

// A scene is the two telephones and what they play.
type scene struct {
	tale
	trial             *Trial
	clips             *prompts.Library
	fault             string
	citizen, operator *phone.Phone
	call, taken       *phone.Call
	told              int // samples of what the citizen heard that have been told
	noticeEnd         time.Time
	answered          time.Time
}

// play goes through the call; it stops at a step without which the next cannot be.
func (s *scene) play(ctx context.Context) {
	if !s.register(ctx) || !s.dial(ctx) {
		return
	}
	s.greeting(ctx)
	s.step("citizen", "presses "+citizenKey, s.call.Media().PressKeys(ctx, citizenKey))
	s.call.Media().Say(toneLoudness, citizenTone) // speaks from now on, also before anybody listens
	s.heard(ctx, "notice.recording", citizenSpeaks, "hears in English that the call is recorded")
	s.heard(ctx, "menu.main.intro", citizenSpeaks, "hears the menu")
	s.step("citizen", "presses "+operatorKey+", for an operator", s.call.Media().PressKeys(ctx, operatorKey))
	if !s.pickUp(ctx) {
		s.call.Hangup(ctx)
		return
	}
	s.taken.Media().Say(toneLoudness, operatorTone)
	s.step("operator", "hears the caller's language whispered, then the citizen", s.listen(ctx))
	s.step("citizen", "hears the operator", s.call.Media().WaitTone(soon(ctx), operatorTone))
	select { // two seconds of talk, so that the recording has something to show
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
	}
	s.step("operator", "hangs up, and is told that it is done", s.taken.Hangup(ctx))
	s.heard(ctx, "survey.intro", citizenSpeaks, "is asked what the service was like")
	s.step("citizen", "answers with 5, and with 1: it is solved", s.call.Media().PressKeys(ctx, "51"))
	s.step("citizen", "is hung up too", s.call.WaitDone(soon(ctx)))
}

// soon bounds the wait for something that is due.
func soon(ctx context.Context) context.Context {
	bound, cancel := context.WithTimeout(ctx, 8*time.Second)
	context.AfterFunc(bound, cancel)
	return bound
}

// register connects the operator's telephone.
func (s *scene) register(ctx context.Context) bool {
	manners := map[string]phone.Manners{
		faultBusyOperator: {RejectWith: 486}, faultDeafOperator: {Deaf: true},
	}[s.fault]
	who := s.trial.Operators[1]
	var err error
	s.operator, err = phone.New(phone.Options{Server: s.trial.Phones, User: who.Name, Secret: who.Secret, Codec: "PCMA", Manners: manners})
	if err == nil {
		err = s.operator.Register(ctx, time.Minute)
	}
	if err == nil && s.fault == faultGoneOperator {
		s.operator.Behave(phone.Manners{Dead: true})
	}
	return s.step("operator", "registers as "+who.Name, err)
}

// dial places the call; it must be answered within a second.
func (s *scene) dial(ctx context.Context) bool {
	began := time.Now()
	var err error
	if s.citizen, err = phone.New(phone.Options{User: citizenNumber, Codec: "PCMA"}); err == nil {
		s.call, err = s.citizen.Dial(soon(ctx), phone.DialOptions{
			To: "sip:" + tryLine + "@" + s.trial.Trunk, From: "sip:" + citizenNumber + "@127.0.0.1",
		})
	}
	took := time.Since(began)
	if err == nil && took > time.Second {
		err = errors.New("later than a second")
	}
	s.answered = time.Now()
	return s.step("citizen", fmt.Sprintf("dials %s, is answered after %d ms", tryLine, took.Milliseconds()), err)
}

// greeting waits for the greeting and the first line of the language menu.
func (s *scene) greeting(ctx context.Context) {
	s.heard(ctx, "open.greeting", "az", "hears the greeting")
	s.heard(ctx, "open.lang", "az", "hears the language menu")
}

// listen is what the operator is to hear: the whisper, then the citizen.
func (s *scene) listen(ctx context.Context) error {
	if err := s.taken.Media().WaitTone(soon(ctx), citizenTone); err != nil {
		return err
	}
	pcm, _ := s.taken.Media().HeardPCM()
	if _, likeness := phone.Sound(pcm).Find(s.clips.Clip("whisper.en", citizenSpeaks).PCM); likeness < alike {
		return fmt.Errorf("no whisper (likeness %.2f)", likeness)
	}
	return nil
}

// heard waits until the citizen has heard a clip whole.
func (s *scene) heard(ctx context.Context, key string, lang call.Language, what string) {
	c, clip := s.call, s.clips.Clip(key, lang)
	ctx, cancel := context.WithTimeout(ctx, clip.Duration()+6*time.Second)
	defer cancel()
	var likeness float64
	for {
		pcm, from := c.Media().HeardPCM()
		var at int
		// A clip may be known before its last few samples are here: the next one begins after them.
		if at, likeness = phone.Sound(pcm[min(s.told, len(pcm)):]).Find(clip.PCM); likeness >= alike {
			s.told += at + len(clip.PCM)
			if key == "notice.recording" {
				s.noticeEnd = from.Add(samples(s.told))
			}
			s.step("citizen", fmt.Sprintf("%s (%.1f s, likeness %.2f)", what, clip.Duration().Seconds(), likeness), nil)
			return
		}
		select {
		case <-time.After(150 * time.Millisecond):
			continue
		case <-c.Done():
		case <-ctx.Done():
		}
		if key == "notice.recording" { // what was heard before it counts
			s.noticeEnd = s.answered.Add(samples(s.told))
		}
		s.step("citizen", what, fmt.Errorf("did not (likeness %.2f)", likeness))
		return
	}
}

func samples(n int) time.Duration { return time.Duration(n) * time.Second / call.ClockRate }

// pickUp waits for the operator's telephone to ring, looks at what it shows, and answers.
func (s *scene) pickUp(ctx context.Context) bool {
	select {
	case s.taken = <-s.operator.Incoming():
	case <-soon(ctx).Done():
		return s.step("operator", "is rung", errors.New("was not"))
	}
	from := s.taken.From()
	var err error
	if from.Display != tryLine+" English" || from.User() != citizenNumber {
		err = fmt.Errorf("shows %q <%s>", from.Display, from.User())
	}
	s.step("operator", "is rung; the display shows line, language and caller", err)
	return s.step("operator", "answers", s.taken.Answer())
}

// leave takes the telephones off.
func (s *scene) leave() {
	for _, p := range []*phone.Phone{s.citizen, s.operator} {
		if p != nil {
			p.Close()
		}
	}
}

// showRecord prints the record the call left, and judges its recording by the tones: left the
// citizen and only after the notice, right what the citizen heard.
func (s *scene) showRecord(ctx context.Context, a *App) bool {
	if s.call == nil {
		return false
	}
	record, err := closedRecord(ctx, a)
	if err != nil {
		return s.step("server", "closes the call's record", err)
	}
	w := wire.CallOf(record)
	fmt.Fprintf(s.out, "\nrecord     %s\n", w.ID)
	for _, row := range [][2]string{
		{"line", w.Line}, {"language", word(w.Language)}, {"queue", word(w.Queue)}, {"operator", word(w.Operator)},
		{"outcome", word(w.Outcome)}, {"ended by", word(w.EndedBy)}, {"arrived", word(w.Arrived)}, {"ended", word(w.Ended)},
	} {
		fmt.Fprintf(s.out, "  %-9s %s\n", row[0], row[1])
	}
	fmt.Fprintf(s.out, "  waited    %s\n  talked    %s\n", record.Waited.Round(time.Millisecond), record.Talked.Round(time.Millisecond))
	path := filepath.Join(a.file.Data, record.Recording)
	if record.Outcome == call.Completed {
		s.step("recording", "left the citizen, after the notice; right what the citizen heard", s.judge(path))
	}
	fmt.Fprintf(s.out, "recording  %s\n", path)
	fmt.Fprintf(s.out, "signalling hotline call trace %s --config %s\n", w.ID, s.trial.Config)
	return true
}

func word(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// closedRecord waits for the newest record to be closed.
func closedRecord(ctx context.Context, a *App) (call.Record, error) {
	for {
		rows, err := a.store.Calls(ctx, store.Filter{Limit: 1})
		if err != nil {
			return call.Record{}, err
		}
		if len(rows) == 1 && !rows[0].Ended.IsZero() {
			return rows[0], nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return call.Record{}, errors.New("it stays open")
		}
	}
}

// judge listens to the recording.
func (s *scene) judge(path string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	left, right, err := stereo(file)
	if err != nil {
		return err
	}
	notice := int(s.noticeEnd.Sub(s.answered).Seconds() * call.ClockRate)
	if notice <= 0 || notice >= len(left) {
		return errors.New("it does not reach past the notice")
	}
	switch {
	case phone.Sound(left[:notice]).RMS() > 0.001:
		return errors.New("the left channel is not silent up to the notice's end")
	case !anywhere(left[notice:], citizenTone):
		return errors.New("the citizen's tone is not on the left")
	case !anywhere(right, operatorTone):
		return errors.New("the operator's tone is not on the right")
	case anywhere(left, operatorTone) || anywhere(right, citizenTone):
		return errors.New("a tone is on the wrong side")
	}
	// The right side is what the citizen heard: the notice, or in its place what was heard instead.
	if share := pieces(right, s.clips.Clip("notice.recording", citizenSpeaks).PCM); share < 0.7 && s.fault != faultMuteNotice {
		return fmt.Errorf("only %.0f %% of the notice are on the right", 100*share)
	}
	return nil
}

// alike is how well a clip must fit what was heard; phone.Sound.Find says what others score.
const alike = 0.8

// pieces is the share of a clip's half seconds that are somewhere in a sound: a machine that
// stalled for a moment leaves a gap in the recording where there was one in the call.
func pieces(heard phone.Sound, clip []int16) float64 {
	const half = call.ClockRate / 2
	there := 0
	for i := 0; i+half <= len(clip); i += half {
		if _, likeness := heard.Find(clip[i : i+half]); likeness >= alike {
			there++
		}
	}
	return float64(there) / float64(max(1, len(clip)/half))
}

// anywhere reports whether any fifth of a second of a sound is mostly one tone.
func anywhere(pcm []int16, hz float64) bool {
	const piece = call.ClockRate / 5
	for i := 0; i+piece <= len(pcm); i += piece {
		if phone.Sound(pcm[i : i+piece]).Has(hz) {
			return true
		}
	}
	return false
}
