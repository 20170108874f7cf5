package line

import (
	"context"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
	"hotline/prompts"
	"hotline/recording"
)

// Cases makes cases of what callers leave. It answers within milliseconds, and what it has answered
// outlives the process.
type Cases interface {
	OpenCase(m call.Message) (call.Receipt, error)
}

// Messages keeps what callers say after the tone; recording.Messages is one.
type Messages interface {
	Keep(ctx context.Context, m call.Message, pcm []int16) (call.Message, error)

	// Discard takes back what its caller does not want to have left.
	Discard(ctx context.Context, m call.Message) error
}

const (
	messageRounds = 3 // how often a message that was too short, or not to the caller's liking, is begun anew
	messageLook   = 100 * time.Millisecond
	keepTime      = 5 * time.Second // how long a disk may take to keep a message before the caller hears that it cannot
)

// leave takes a message: the tone, what is said, hear or send or again, and the number of its case. It is on
// the disk as soon as it was said: who hangs up then has sent it, and so has a caller whose server dies.
func (l *Line) leave(v *visit, w *ivr.Walk, n *ivr.Node) {
	if l.o.Cases == nil || l.o.Messages == nil || v.settings.Policy != RecordOff && v.rec.Notice == nil {
		l.offerPerson(v, w, "vm.unavailable")
		return
	}
	for range messageRounds {
		m, how := l.speak(v, n)
		switch how {
		case hungUp:
			l.keepLate(v, n, m)
			return
		case saidNothing:
			v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "vm.nothing")...)
			w.Idle()
			return
		case tooShort:
			v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "vm.tooShort")...)
			continue
		case spoken:
		default:
			v.leads(w, how)
			return
		}
		kept, err := l.keep(context.WithoutCancel(v.ctx), v, n, m) // also for one who hangs up meanwhile
		if err != nil {
			v.log.Error("a message could not be kept", zap.Error(err))
			l.offerPerson(v, w, "vm.unavailable")
			return
		}
		how = l.confirmMessage(v, m)
		switch how {
		case sendIt:
			l.send(v, w, kept)
			return
		case hungUp:
			l.sendLate(v, kept)
			return
		}
		if err := l.o.Messages.Discard(v.ctx, kept); err != nil {
			v.log.Error("a message could not be taken back", zap.Error(err))
		}
		if how != sayAgain {
			v.leads(w, how)
			return
		}
	}
	l.offerPerson(v, w)
}

// A spoke is how a message, or the talk about it, ended.
type spoke uint8

const (
	spoken spoke = iota
	saidNothing
	tooShort
	hungUp
	leftIt       // *
	calledPerson // 0
	calledHelp   // the emergency key
	sendIt
	sayAgain
)

// ledAway are the keys that lead a caller away from a message.
var ledAway = map[ivr.Meaning]spoke{ivr.Back: leftIt, ivr.Person: calledPerson, ivr.Alarm: calledHelp}

// leads brings a caller where such a key led.
func (v *visit) leads(w *ivr.Walk, how spoke) {
	for m, h := range ledAway {
		if h == how {
			v.follow(w, m)
		}
	}
}

// speak plays the intro and the tone and takes what the caller says until #, silence, the longest time
// or the end of the call.
func (l *Line) speak(v *visit, n *ivr.Node) (m *recording.Message, how spoke) {
	sound := v.leg.Audio()
	intro := append(l.clips(v.rec.Language, n.Leave.Intro), l.o.Prompts.Clip(prompts.ToneBeep, ""))
	if played := sound.Play(v.ctx, intro...); !played.Whole && v.leaving() {
		return nil, saidNothing
	}
	drain(sound.Keys())
	sound.Loop(nil)
	m = recording.NewMessage(n.Leave.Longest)
	if v.sound != nil {
		sound.Tap(recording.Tee(v.sound, m))
		l.voice(v, true, "")
	} else {
		sound.Tap(m)
	}
	l.event(v, "message.begun", "matter", string(n.Leave.Matter))
	defer func() {
		l.voice(v, false, "menu")
		if v.sound != nil {
			sound.Tap(v.sound)
		} else {
			sound.Tap(nil)
		}
	}()
	how = l.hearOut(v, n, m)
	if how == spoken || how == hungUp {
		switch said := m.Spoken(); {
		case said == 0 && how != hungUp:
			how = saidNothing
		case said < n.Leave.Least && how != hungUp:
			how = tooShort
		case said < n.Leave.Least:
			how = saidNothing
		}
	}
	return m, how
}

// hearOut waits until a message is over.
func (l *Line) hearOut(v *visit, n *ivr.Node, m *recording.Message) spoke {
	began := time.Now()
	ticker := time.NewTicker(messageLook)
	defer ticker.Stop()
	for {
		select {
		case <-v.ctx.Done():
			return hungUp
		case key := <-v.leg.Audio().Keys():
			if v.means(key.Digit) == ivr.Repeat {
				return spoken
			}
			if how, away := ledAway[v.means(key.Digit)]; away {
				return how
			}
		case <-ticker.C:
			since := time.Since(began)
			if since >= n.Leave.Longest {
				v.leg.Audio().Play(v.ctx, l.clips(v.rec.Language, "vm.maxLength")...)
				return spoken
			}
			if n.Leave.Silence > 0 && since >= n.Leave.Silence && m.Quiet(time.Now()) >= n.Leave.Silence {
				return spoken
			}
		}
	}
}

// Keys of the talk about a message.
const (
	keySend   = '1'
	keyListen = '2'
	keyAgain  = '3'
)

// confirmMessage asks what is to become of a message. Who does nothing has sent it.
func (l *Line) confirmMessage(v *visit, m *recording.Message) spoke {
	menu := l.o.Prompts.SayMenu([]prompts.Item{
		{Clip: "vm.item.send", Key: keySend}, {Clip: "vm.item.listen", Key: keyListen}, {Clip: "vm.item.again", Key: keyAgain},
	}, v.rec.Language)
	for range 4 {
		key, ok := l.ask(v.ctx, v, menu...)
		switch {
		case v.ctx.Err() != nil:
			return hungUp
		case !ok, key == keySend:
			return sendIt
		case key == keyListen:
			l.playBack(v, m)
		case key == keyAgain:
			return sayAgain
		}
		if how, away := ledAway[v.means(key)]; away {
			return how
		}
	}
	return sendIt
}

// playBack lets the caller hear a message. Any key ends it.
func (l *Line) playBack(v *visit, m *recording.Message) {
	ivr.Ask(v.ctx, v.leg.Audio(), 0, prompts.Heard(m.PCM()))
}

// send opens the case of a message and tells its number, twice, and the day of the answer. A register that
// does not answer opens it later; then there is no number to tell.
func (l *Line) send(v *visit, w *ivr.Walk, kept call.Message) {
	v.served = true
	lang := v.rec.Language
	say := l.clips(lang, "vm.saved")
	receipt, err := l.o.Cases.OpenCase(kept)
	if err != nil {
		v.log.Error("a message has no case yet", zap.Error(err))
	} else {
		number := append(l.clips(lang, "vm.regNumber"), l.o.Prompts.SayCase(receipt.Number, lang)...)
		say = append(append(say, number...), number...)
	}
	if !receipt.Due.IsZero() && err == nil {
		if day := l.o.Prompts.SayDay(receipt.Due, lang); day != nil {
			say = append(append(say, l.clips(lang, "vm.due")...), day...)
		}
	}
	v.leg.Audio().Play(v.ctx, say...)
	w.On()
}

// keep puts a message on disk.
func (l *Line) keep(ctx context.Context, v *visit, n *ivr.Node, m *recording.Message) (call.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	kept, err := l.o.Messages.Keep(ctx, call.Message{
		ID: call.NewID(), Call: v.id, Line: v.line.Number, From: v.rec.From, Withheld: v.rec.Withheld, Language: v.rec.Language,
		Kind: n.Leave.Matter, Topic: n.Leave.Topic, Confidential: n.Leave.Confidential, Length: m.Length(), At: time.Now(),
	}, m.PCM())
	if err == nil {
		l.event(v, "message.left", "matter", string(n.Leave.Matter))
	}
	return kept, err
}

// keepLate keeps and sends the message of a caller who has hung up while speaking.
func (l *Line) keepLate(v *visit, n *ivr.Node, m *recording.Message) {
	if m == nil || m.Spoken() < n.Leave.Least {
		return
	}
	l.afterwards(v, func() error {
		kept, err := l.keep(context.Background(), v, n, m)
		if err == nil {
			_, err = l.o.Cases.OpenCase(kept)
		}
		return err
	})
}

// sendLate sends the message of a caller who has hung up.
func (l *Line) sendLate(v *visit, kept call.Message) {
	l.afterwards(v, func() error {
		_, err := l.o.Cases.OpenCase(kept)
		return err
	})
}

// afterwards does what the record of a call that is over does not wait for, but a stop does.
func (l *Line) afterwards(v *visit, do func() error) {
	v.served = true
	l.visits.enter()
	go func() {
		defer l.visits.leave()
		defer func() {
			if p := recover(); p != nil {
				l.panicked(v.log, p)
			}
		}()
		if err := do(); err != nil {
			v.log.Error("the message of a caller who hung up has no case yet", zap.Error(err))
		}
	}()
}

// drain forgets the keys pressed so far.
func drain(keys <-chan call.Key) {
	for {
		select {
		case <-keys:
		default:
			return
		}
	}
}
