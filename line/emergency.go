package line

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
)

// Emergency is where the emergency key leads.
type Emergency struct {
	Key    byte // 0: there is none
	Entry  Entry
	Record bool // after the short notice; false: nothing is recorded from the key on
}

// helpRing is how long the emergency service is called, by all trunks together: who has a choice of
// nothing else waits longer than others, but is told in the end to dial it themselves.
const helpRing = 60 * time.Second

// shortNotice is the clip that tells of the recording where there is no time for the long one.
const shortNotice = "notice.recording.short"

// What became of an emergency, a label of its metric.
const (
	helpAnswered = "answered"
	helpFailed   = "failed"
	helpLeft     = "left" // the caller hung up before
)

// The reason of the gaps that an emergency leaves in a recording.
const notRecorded = "emergency"

// emergency hands the caller over to the emergency service. It is true when the call is over. Else nobody
// was reached, the caller knows it, and is on the way to a person.
func (l *Line) emergency(v *visit) (over bool) {
	switch {
	case l.help(v):
		return true
	case v.person() == nil:
		v.outcome, v.endedBy = call.Failed, call.ByUs
		l.lastWords(v, l.inAll(v, "emergency.failed"))
		return true
	case v.walk.At() != nil:
		v.walk.ToPerson()
	}
	return v.ctx.Err() != nil
}

// person is the node where 0 leads the caller; nil: nowhere.
func (v *visit) person() *ivr.Node {
	if v.walk.At() != nil {
		return v.walk.Person()
	}
	return v.line.Menus[v.start().Person]
}

// help calls the emergency service and joins the caller to it. It is true when the call is over: they have
// talked, the caller has left, or nobody was reached and the call was ending anyway. False: the caller
// knows that nobody was reached, and comes first from here on.
func (l *Line) help(v *visit) (over bool) {
	outcome, endedBy, code := v.outcome, v.endedBy, v.rec.Code
	v.outcome, v.endedBy, v.rec.Code, v.alarmed = "", "", 0, false
	l.event(v, "call.emergency", "phase", string(v.state))
	v.log.Info("emergency", zap.String("state", string(v.state)))
	if !v.settings.Emergency.Record {
		l.deafen(v, notRecorded)
	}
	p, err := l.reachHelp(v)
	switch {
	case v.ctx.Err() != nil:
		if err == nil {
			p.leg.Hangup(call.Reason{Why: "the caller has left"})
		}
		l.helped(v, helpLeft)
		return true
	case err == nil:
		l.helped(v, helpAnswered)
		l.withHelp(v, p)
		return true
	}
	v.log.Error("the emergency service was not reached", zap.Error(err))
	l.helped(v, helpFailed)
	l.hearAgain(v)
	v.leg.Audio().Play(v.ctx, l.inAll(v, "emergency.failed")...)
	drain(v.leg.Audio().Keys())
	if outcome != "" { // there is nobody here to go on to
		v.outcome, v.endedBy, v.rec.Code = outcome, endedBy, code
		l.lastWords(v, l.inAll(v, "emergency.failed"))
		return true
	}
	l.goesOn(v)
	return v.ctx.Err() != nil
}

// helped writes down what became of an emergency.
func (l *Line) helped(v *visit, result string) {
	l.metrics.emergencies.WithLabelValues(result).Inc()
	l.event(v, "call.emergency_"+result)
}

// withHelp joins the caller to the emergency service until one of them hangs up.
func (l *Line) withHelp(v *visit, p party) {
	v.helped = true
	if v.settings.Emergency.Record && v.rec.Notice == nil {
		l.deafen(v, "no_notice") // it has answered before the notice was over: that waits for nothing
	}
	v.listenForTones(false)
	defer func() {
		if v.operator != nil {
			v.operator.Hangup(call.Reason{Why: "the caller has left"})
		}
	}()
	l.talk(v, p)
}

// goesOn makes somebody who has reached nobody a caller like others, but for their place: they have a
// language, and the notice if there was none.
func (l *Line) goesOn(v *visit) {
	v.urgent = true
	in := l.tongues(v)
	if v.rec.Language == "" {
		v.rec.Language = in[0]
	}
	v.walk.Language = v.rec.Language
	if v.sound != nil {
		v.sound.SetLanguage(v.rec.Language)
	}
	if v.settings.Policy != RecordOff && v.rec.Notice == nil {
		l.noticed(v, l.briefly(v.ctx, v, in))
	}
}

// deafen ends the recording of both sides until hearAgain.
func (l *Line) deafen(v *visit, reason string) {
	v.private = reason
	if v.sound != nil {
		v.sound.Heard(false, reason)
	}
	l.voice(v, false, reason)
	l.indicate(v)
}

// hearAgain goes on with the recording of what the caller hears; their own voice begins with the next talk.
func (l *Line) hearAgain(v *visit) {
	if v.private == "" {
		return
	}
	v.private = ""
	if v.sound != nil {
		v.sound.Heard(true, "")
	}
	l.voice(v, false, "waiting")
	l.indicate(v)
}

// reachHelp calls the emergency service at once, while the caller is told so. What a trunk plays before
// the answer the caller hears, like the music before it.
func (l *Line) reachHelp(v *visit) (party, error) {
	e := v.settings.Emergency
	ctx, cancel := context.WithTimeout(v.ctx, helpRing)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	early := make(chan call.Leg, 8) // each way out may bring one
	answers := l.attempt(&wg, v.log, func() (party, error) {
		leg, err := l.o.Dialer.DialOutside(ctx, call.Outside{
			Call: v.id, To: e.Entry.Number, Line: v.line.Number, Emergency: true, Caller: v.rec.From, Hidden: v.rec.Withheld,
			Early: func(leg call.Leg) {
				select {
				case early <- leg:
				default:
				}
			},
		})
		return party{leg: leg, role: call.RoleThird, name: e.Entry.Name}, err
	})
	w := l.calm(ctx, v, &wg)
	defer w.stop()
	var sound call.Leg // what is there before the answer
	for {
		select {
		case r := <-answers:
			w.stop()
			l.noticed(v, w.notice)
			return r.party, r.err
		case <-v.ctx.Done():
			r := <-answers // it ends with its context
			return r.party, r.err
		case sound = <-early:
		case <-w.noticed:
			w.noticed = nil
		case <-v.hold: // whoever presses a key in need and holds the telephone hears us again when joined
		case t := <-v.asked:
			t.Tell(491)
		}
		if sound != nil && w.noticed == nil {
			w.stop()
			if err := v.leg.Audio().Join(sound.Audio()); err != nil {
				v.log.Debug("early sound", zap.Error(err))
			}
			sound = nil
		}
	}
}

// A calming is what a caller hears until the emergency service is there.
type calming struct {
	noticed <-chan struct{} // closed when the notice, where one is due, is over; nil: that has been seen
	stop    func()          // ends it, and returns when the leg is free
	notice  *call.Notice    // that was heard whole; to be read after stop
}

// calm says that help is being called, after the notice of the recording where the talk will be recorded,
// and then plays music. Who has not chosen a language hears it in all of them: help is being called
// meanwhile.
func (l *Line) calm(ctx context.Context, v *visit, wg *sync.WaitGroup) *calming {
	ctx, cancel := context.WithCancel(ctx)
	noticed, over := make(chan struct{}), make(chan struct{})
	w := &calming{noticed: noticed, stop: func() { cancel(); <-over }}
	due := v.settings.Emergency.Record && v.sound != nil && v.rec.Notice == nil
	in, words := l.tongues(v), l.inAll(v, "emergency.connecting")
	l.guard(v, wg, func() {
		defer close(over)
		func() {
			defer close(noticed)
			if due {
				w.notice = l.briefly(ctx, v, in)
			}
		}()
		if ctx.Err() == nil && v.leg.Audio().Play(ctx, words...).Whole && ctx.Err() == nil {
			v.leg.Audio().Loop(l.music(*v.line))
		}
	})
	return w
}

// briefly gives the short notice of the recording in these languages; nil unless the whole of it was sent.
func (l *Line) briefly(ctx context.Context, v *visit, in []call.Language) *call.Notice {
	var clips []*call.Clip
	var versions []string
	for _, lang := range in {
		c := l.own(lang, shortNotice)
		if len(c) == 0 {
			return nil
		}
		clips, versions = append(clips, c[0]), append(versions, c[0].Version)
	}
	played := v.leg.Audio().Play(ctx, clips...)
	if !played.Whole {
		return nil
	}
	n := &call.Notice{Key: shortNotice, Language: in[0], Version: strings.Join(versions, "+"), From: played.From, To: played.To}
	if len(in) > 1 {
		n.Languages = in
	}
	return n
}

// noticed keeps the proof of a notice; nil: there is none.
func (l *Line) noticed(v *visit, n *call.Notice) {
	if n == nil {
		return
	}
	v.rec.Notice = n
	if v.sound != nil {
		v.sound.SetNotice(*n)
	}
}

// tongues are the caller's language, or all where none is known.
func (l *Line) tongues(v *visit) []call.Language {
	if v.rec.Language != "" {
		return []call.Language{v.rec.Language}
	}
	return v.settings.Languages
}

// inAll is a clip in the caller's language, or in all where none is known.
func (l *Line) inAll(v *visit, key string) (clips []*call.Clip) {
	for _, lang := range l.tongues(v) {
		clips = append(clips, l.clips(lang, key)...)
	}
	return clips
}

// alarmable is a context for words that no key cuts short but the emergency key, which ends it. Other keys
// are forgotten. pressed ends it, too, and tells whether that key was pressed.
func (l *Line) alarmable(v *visit) (ctx context.Context, pressed func() bool) {
	ctx, cancel := context.WithCancel(v.ctx)
	if !v.mayCry() {
		return ctx, func() bool { cancel(); return false }
	}
	help := make(chan bool, 1)
	go func() {
		for {
			select {
			case key := <-v.leg.Audio().Keys():
				if v.cries(key.Digit) {
					help <- true
					cancel()
					return
				}
			case <-ctx.Done():
				help <- false
				return
			}
		}
	}()
	return ctx, func() bool { cancel(); return <-help }
}

// mayCry reports whether the emergency key does anything: not for somebody who was called back, who has an
// operator waiting.
func (v *visit) mayCry() bool { return v.settings.Emergency.Key != 0 && v.rec.Kind == "" }

// cries reports whether a key is the emergency key.
func (v *visit) cries(key byte) bool { return v.mayCry() && key == v.settings.Emergency.Key }

// attentive plays words to a caller who waits; the emergency key cuts them short, and is the last of those
// that were pressed then. Keys that were pressed meanwhile are for whoever listens next.
func (l *Line) attentive(ctx context.Context, v *visit, clips ...*call.Clip) (played call.Played, pressed []byte) {
	if !v.mayCry() {
		return v.leg.Audio().Play(ctx, clips...), nil
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan call.Played, 1)
	go func() { over <- v.leg.Audio().Play(playing, clips...) }()
	for {
		select {
		case key := <-v.leg.Audio().Keys():
			pressed = append(pressed, key.Digit)
			if v.cries(key.Digit) {
				stop()
				return <-over, pressed
			}
		case played = <-over:
			return played, pressed
		}
	}
}
