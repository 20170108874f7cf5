package line

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// The star codes an operator dials from the phone. A reason's digit may follow starPause.
const (
	starReady  = "*45" // ready again: ends a pause and a wrap-up
	starPause  = "*46" // pause; *461 … *469 with a reason of the configuration
	starWrapUp = "*47" // another wrap-up's time: notes that take longer
	starTopic  = "*48" // what the last call was about: *481, or *4812 on the second level
	starRecord = "*49" // pause the recording of the talk, or go on with it; also pressed in the talk itself
)

// ServePhone takes a call that an operator's own phone makes: a star code, one of our lines to
// hear what callers hear, or somebody: a colleague, an entry of the directory, a number outside.
// Meanwhile the operator is not offered anybody.
func (l *Line) ServePhone(ctx context.Context, phone call.Leg) {
	info := phone.Info()
	l.o.Operators.OwnCall(info.User, true)
	defer l.o.Operators.OwnCall(info.User, false)
	switch code := info.Dialled; {
	case info.Unfit != 0 && !l.Is(code): // a line says so itself, in the record
		phone.Hangup(call.Reason{Code: info.Unfit, Why: "an operator's phone that cannot be answered"})
	case strings.HasPrefix(code, "*"):
		l.star(ctx, phone, code)
	case l.Is(code):
		l.Serve(ctx, phone)
	default:
		s := l.settings.Load()
		to, code := l.destination(s, code)
		if to.queue != "" || to.operator == info.User {
			code = 404
		}
		if code != 0 {
			phone.Hangup(call.Reason{Code: code, Why: "an operator's phone dialled nobody there is"})
			return
		}
		l.serveOwn(ctx, s, phone, to)
	}
}

// star carries out a code and answers with one tone for done and another for not.
func (l *Line) star(ctx context.Context, phone call.Leg, code string) {
	operator := phone.Info().User
	log := l.log.With(zap.String("operator", operator), zap.String("leg", phone.Info().ID))
	do := l.meaning(ctx, operator, code)
	if do == nil {
		phone.Hangup(call.Reason{Code: 404, Why: "no such star code"})
		return
	}
	err := do()
	tone := "tone.ok"
	if err != nil {
		tone = "tone.error"
		log.Warn("a star code was refused", zap.Error(err))
	}
	if phone.Answer(ctx) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	phone.Audio().Play(ctx, l.o.Prompts.Clip(tone, l.settings.Load().Languages[0]))
	phone.Hangup(call.Reason{Why: "the star code is done"})
}

// errNotKnown refuses a digit behind a star code that stands for nothing.
var errNotKnown = errors.New("these digits have no meaning in the configuration")

// meaning is what a star code does; nil: it is none.
func (l *Line) meaning(ctx context.Context, operator, code string) func() error {
	s := l.settings.Load()
	digits := code[min(len(code), len(starPause)):]
	switch {
	case code == starReady:
		return func() error { return l.o.Stars.Resume(operator) }
	case code == starRecord:
		return func() error { return l.pauseByStar(ctx, operator) }
	case code == starWrapUp:
		return func() error { return l.o.Stars.ExtendWrapUp(operator) }
	case code == starPause:
		return func() error { return l.o.Stars.Pause(operator, "pause") }
	case strings.HasPrefix(code, starPause) && len(digits) == 1:
		return func() error {
			reason, ok := s.Pauses[digits]
			if !ok {
				return errNotKnown
			}
			return l.o.Stars.Pause(operator, reason)
		}
	case strings.HasPrefix(code, starTopic) && (len(digits) == 1 || len(digits) == 2):
		return func() error {
			topic := ""
			if s.Topic != nil {
				topic = s.Topic(digits)
			}
			if topic == "" {
				return errNotKnown
			}
			return l.o.Stars.Dispose(operator, topic)
		}
	}
	return nil
}
