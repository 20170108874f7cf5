package line

import (
	"context"
	"errors"
	"regexp"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
	"hotline/queue"
)

// wishes carry the wish of a waiting caller to be called back to the goroutine that owns the call, and
// what became of it back.
type wishes struct {
	numbers chan call.Number
	granted chan error // holds one
	help    chan struct{}
}

// cry tells the goroutine that owns the call that the caller is in need.
func (w wishes) cry(ctx context.Context) {
	select {
	case w.help <- struct{}{}:
	case <-ctx.Done():
	}
}

func (w wishes) ask(ctx context.Context, n call.Number) (err error) {
	select {
	case w.numbers <- n:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err = <-w.granted:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return err
}

// callable reports whether the caller can be offered to be called back: a callback is made in the
// line's hours only, and where a number can be called at all.
func (l *Line) callable(v *visit) bool {
	return v.settings.Queues[v.rec.Queue].CallbackAbove > 0 && v.leg.Info().Role == call.RoleCaller && v.rec.Kind == "" &&
		(v.line.Hours == nil || v.line.Hours.Open(l.o.Now())) && (l.ownNumber(v) != "" || l.o.Dialer.MayCall(""))
}

// ownNumber is the caller's own, where it can be called; else empty.
func (l *Line) ownNumber(v *visit) call.Number {
	if v.rec.Withheld || v.rec.From == "" || !l.o.Dialer.MayCall(v.rec.From) {
		return ""
	}
	return v.rec.From
}

// Keys of the conversation about a callback.
const (
	keyConfirm = '1'
	keyOther   = '2'
	keyBack    = '3'
	keyStar    = '*'
	keyEnd     = '#'
)

// typed is a number as a caller may type it.
var typed = regexp.MustCompile(`^\+?[0-9]{8,15}$`)

// How long is listened after a question, and between two digits; and how often it is asked.
const (
	callbackListen = 6 * time.Second
	callbackRounds = 3
)

// arrange talks with a caller about being called back: on which number, and whether. ask asks for it.
// It is true where that was granted; then all has been said.
func (l *Line) arrange(ctx context.Context, v *visit, ask func(call.Number) error) bool {
	number := l.ownNumber(v)
	for range callbackRounds {
		if number == "" {
			if number = l.askNumber(ctx, v); number == "" {
				return false
			}
		}
		key, ok := l.confirm(ctx, v, number)
		switch {
		case !ok:
		case key == keyConfirm:
			return l.answer(ctx, v, ask(number))
		case key == keyOther:
			number = ""
		case key == keyBack, key == keyStar:
			return false
		case v.cries(key):
			v.alarmed = true
			return false
		}
		if ctx.Err() != nil {
			return false
		}
	}
	return false
}

// confirm reads a number back and asks whether it is right.
func (l *Line) confirm(ctx context.Context, v *visit, number call.Number) (key byte, ok bool) {
	lang := v.rec.Language
	say := append(l.clips(lang, "callback.number"), l.o.Prompts.SayDigits(number.Raw(), lang)...)
	say = append(say, l.o.Prompts.SayChoice("callback.item.confirm", keyConfirm, lang)...)
	say = append(say, l.o.Prompts.SayChoice("callback.item.other", keyOther, lang)...)
	say = append(say, l.o.Prompts.SayChoice("callback.item.cancel", keyBack, lang)...)
	pressed, ok := ivr.Ask(ctx, v.leg.Audio(), callbackListen, say...)
	return pressed.Digit, ok
}

// askNumber asks for a number that can be called; empty: the caller would not, or could not.
func (l *Line) askNumber(ctx context.Context, v *visit) call.Number {
	say := l.clips(v.rec.Language, "callback.enter")
	for range callbackRounds {
		digits, ok := ivr.Digits(ctx, v.leg.Audio(), callbackListen, say...)
		if !ok {
			return ""
		}
		if n := call.Number(digits); typed.MatchString(digits) && l.o.Dialer.MayCall(n) {
			return n
		}
		say = append(l.clips(v.rec.Language, "callback.invalid"), l.clips(v.rec.Language, "callback.enter")...)
	}
	return ""
}

// answer tells the caller what became of the wish to be called back. It is true where it was granted.
func (l *Line) answer(ctx context.Context, v *visit, err error) bool {
	say := []string{"callback.done", "bye"}
	switch {
	case errors.Is(err, queue.ErrCallbackOpen):
		say = []string{"callback.duplicate"}
	case err != nil:
		say = []string{"callback.closed"}
	}
	v.leg.Audio().Play(ctx, l.clips(v.rec.Language, say...)...)
	return err == nil
}

// promise puts the caller in the line of those who are called: in the place of this call, which is
// over with it, or where that has none, as the queue was full, at the end.
func (l *Line) promise(v *visit, number call.Number) error {
	t := queue.Ticket{
		Call: call.NewID(), Party: v.settings.spelled(number.Raw()), For: v.ticket,
		Queue: v.rec.Queue, Language: v.rec.Language, Arrived: v.rec.Arrived,
	}
	if err := l.o.Callbacks.AskCallback(t); err != nil {
		v.log.Info("no callback", zap.Error(err))
		return err
	}
	v.outcome, v.endedBy = call.CalledBack, call.ByUs
	l.event(v, "callback.requested", "queue", t.Queue, "callback", string(t.Call))
	return nil
}

// offer is what tells a caller that they can be called back, and how.
func (l *Line) offer(v *visit) []*call.Clip {
	l.event(v, "callback.offered")
	lang := v.rec.Language
	return append(l.clips(lang, "callback.offer"), l.o.Prompts.SayChoice("callback.item.take", v.settings.Queues[v.rec.Queue].CallbackKey, lang)...)
}

// turnAway tells a caller whom nobody can serve so, offers to call back where that can be, and leaves
// the rest to the end of the call.
func (l *Line) turnAway(v *visit, clip string, offer bool) {
	v.endedBy = call.ByUs
	say := l.clips(v.rec.Language, clip)
	if !offer || !l.callable(v) {
		if v.alarmed, _ = l.words(v, say); !v.alarmed {
			l.heardOut(v)
		}
		return
	}
	key, ok := ivr.Ask(v.ctx, v.leg.Audio(), callbackListen, append(say, l.offer(v)...)...)
	if ok && key.Digit == v.settings.Queues[v.rec.Queue].CallbackKey &&
		l.arrange(v.ctx, v, func(n call.Number) error { return l.promise(v, n) }) {
		return
	}
	if v.alarmed = v.alarmed || ok && v.means(key.Digit) == ivr.Alarm; v.alarmed {
		return
	}
	l.lastWords(v, l.clips(v.rec.Language, "bye"))
}
