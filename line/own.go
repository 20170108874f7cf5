package line

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
	"hotline/recording"
)

// ownRing is how long an operator's own call may ring: whoever dialled hears it and hangs up
// earlier if it is enough.
const ownRing = 60 * time.Second

// An own is a call that an operator's telephone makes: a consult where a caller of the operator
// waits, else a call of the office. It may be given to the caller: whoever was reached goes over.
type own struct {
	l        *Line
	id       call.ID
	phone    call.Leg
	operator string
	to       destination
	settings *Settings
	waiting  *visit // the caller who waits for the end; nil: none
	far      call.Leg
	sound    *recording.Recording
	rec      call.Record
	log      *zap.Logger

	asks chan chan party // somebody wants the far leg
	done chan struct{}
}

// serveOwn takes the call until one of the two hangs up, or it is given away.
func (l *Line) serveOwn(ctx context.Context, s *Settings, phone call.Leg, to destination) {
	l.visits.enter()
	defer l.visits.leave()
	info := phone.Info()
	o := &own{
		l: l, id: info.Call, phone: phone, operator: info.User, to: to, settings: s, waiting: l.talks.of(info.User),
		asks: make(chan chan party), done: make(chan struct{}), log: l.log.With(zap.String("call", string(info.Call))),
	}
	o.rec = call.Record{ID: o.id, Kind: call.KindOwn, Operator: o.operator, Arrived: time.Now()}
	if o.waiting != nil {
		o.rec.Kind, o.rec.Linked, o.rec.Line = call.KindConsult, o.waiting.id, o.waiting.line.Number
	} else if len(s.Lines) > 0 {
		o.rec.Line = s.Lines[0].Number // whose number a party outside sees
	}
	l.talks.open(o)
	defer o.close()
	o.event("call.arrived", "line", o.rec.Line)
	if err := l.o.Journal.Arrived(o.rec); err != nil {
		o.log.Error("the row of this call could not be opened", zap.Error(err))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(l.stopping, cancel)
	defer stop()
	if o.ring(ctx) {
		o.talk(ctx)
	}
}

func (t *talks) open(o *own) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owns[o.phone.Info().ID] = o
}

func (t *talks) close(o *own) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.owns, o.phone.Info().ID)
}

// close ends what is left, also after a panic, and closes the record.
func (o *own) close() {
	l := o.l
	if p := recover(); p != nil {
		l.metrics.panics.Inc()
		o.log.Error("an own call panicked; it ends, the others go on", zap.Any("panic", p), zap.Stack("stack"))
		o.rec.Outcome, o.rec.EndedBy = call.Failed, call.ByUs
	}
	l.talks.close(o)
	close(o.done)
	if o.far != nil {
		o.far.Hangup(call.Reason{Why: "the own call is over"})
		l.release(o.to)
	}
	o.phone.Hangup(call.Reason{Why: "the own call is over"})
	o.phone.Audio().Tap(nil)
	o.rec.Ended = time.Now()
	if o.sound != nil {
		ctx, cancel := context.WithTimeout(context.Background(), sealWait)
		defer cancel()
		if _, err := o.sound.Seal(ctx, o.rec.Ended); err != nil {
			o.log.Error("the recording is not sealed yet", zap.Error(err))
		}
	}
	if o.rec.Outcome == "" {
		o.rec.Outcome, o.rec.EndedBy = call.Completed, call.ByOperator
	}
	o.event("call.ended", "outcome", string(o.rec.Outcome), "ended_by", string(o.rec.EndedBy))
	if err := l.o.Journal.Closed(o.rec); err != nil {
		o.log.Error("the record could not be closed", zap.Error(err))
	}
}

// give hands the far leg over to the caller who waits. It is false if nobody has answered yet:
// then the ringing has ended.
func (o *own) give(ctx context.Context) (party, bool) {
	reply := make(chan party, 1)
	select {
	case o.asks <- reply:
	case <-o.done:
		return party{}, false
	case <-ctx.Done():
		return party{}, false
	}
	p, ok := <-reply
	return p, ok
}

// ring reaches the other side. The operator hears it ring, or what a trunk plays before the answer.
func (o *own) ring(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, ownRing)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	answers := make(chan ringing, 1)
	wg.Go(func() {
		leg, err := o.l.reach(ctx, reaching{
			call: o.id, line: o.rec.Line, operator: o.operator, to: o.to, from: call.Number(o.operator), display: o.operator,
			ringing: o.phone.Ring, early: func(far call.Leg) { o.hear(ctx, far) },
		})
		if err == nil && !o.notice(ctx, leg) {
			leg.Hangup(call.Reason{Why: "the notice could not be played whole"})
			o.l.release(o.to)
			leg, err = nil, errNoNotice
		}
		answers <- ringing{leg: leg, err: err}
	})
	gone := false
	for {
		select {
		case r := <-answers:
			return o.reached(ctx, r, gone)
		case reply := <-o.asks: // for a caller: it rings anew, in the caller's name
			cancel()
			r := <-answers
			if r.err == nil { // answered in the same instant
				reply <- o.l.partyOf(o.to, r.leg)
			} else {
				close(reply)
			}
			o.rec.Outcome, o.rec.Phase, o.rec.EndedBy = call.Abandoned, call.Ringing, call.ByOperator
			return false
		case e, ok := <-o.phone.Events():
			switch {
			case !ok || e.Kind == call.LegEnded:
				gone = true
				cancel()
				return o.reached(ctx, <-answers, gone)
			case e.Kind == call.LegTransfer:
				o.pass(e.Transfer)
			}
		}
	}
}

// reached takes what became of the ringing.
func (o *own) reached(ctx context.Context, r ringing, gone bool) bool {
	switch {
	case r.err != nil:
		o.rec.Outcome, o.rec.EndedBy, o.rec.Code = call.Refused, call.ByPeer, statusOf(r.err)
		if gone {
			o.rec.Outcome, o.rec.Phase, o.rec.EndedBy, o.rec.Code = call.Abandoned, call.Ringing, call.ByOperator, 0
		}
		o.phone.Hangup(call.Reason{Code: statusOf(r.err), Why: "nobody was reached"})
		return false
	case gone:
		o.far = r.leg // close hangs it up
		o.rec.Outcome, o.rec.Phase, o.rec.EndedBy = call.Abandoned, call.Ringing, call.ByOperator
		return false
	}
	o.far = r.leg
	if o.phone.Answer(ctx) != nil {
		o.rec.Outcome, o.rec.Phase, o.rec.EndedBy = call.Abandoned, call.Ringing, call.ByOperator
		return false
	}
	o.rec.Answered = time.Now()
	return true
}

// hear lets the operator hear what comes before the answer.
func (o *own) hear(ctx context.Context, far call.Leg) {
	if p, ok := o.phone.(call.Early); ok && p.Progress(ctx) == nil {
		if err := o.phone.Audio().Join(far.Audio()); err != nil {
			o.log.Debug("early sound", zap.Error(err))
		}
	}
}

// notice tells a party outside of the recording, while the operator hears it ring.
func (o *own) notice(ctx context.Context, leg call.Leg) bool {
	if !mustHear(o.settings, o.to) {
		return true
	}
	n := ivr.Notice(ctx, leg.Audio(), o.l.o.Prompts, o.to.entry.languages(o.settings)...)
	o.rec.Notice = n
	return n != nil
}

// record opens the recording of this talk: of a consult, and of every talk with somebody outside.
// It is a file of its own, never part of a caller's.
func (o *own) record() {
	if o.settings.Policy == RecordOff || (o.waiting == nil && o.to.operator != "") {
		return
	}
	sound, err := o.l.o.Recorder.Open(recording.Meta{
		Call: o.id, Line: o.rec.Line, Arrived: o.rec.Arrived, Answered: o.rec.Answered,
		Codec: o.phone.Audio().Stats().Codec, Linked: o.rec.Linked,
	})
	if err != nil {
		o.l.metrics.missing.Inc()
		o.event("recording.missing", "reason", "disk")
		o.log.Error("this call is not recorded", zap.Error(err))
		return
	}
	o.sound, o.rec.Recording = sound, sound.Path()
	if o.rec.Notice != nil {
		sound.SetNotice(*o.rec.Notice)
	}
	far := o.l.partyOf(o.to, o.far)
	sound.Party(recording.Party{Channel: call.Said.String(), Role: string(call.RoleOperator), Name: o.operator, From: o.rec.Answered})
	sound.Party(recording.Party{Channel: call.Heard.String(), Role: string(far.role), Name: far.name, From: o.rec.Answered})
	sound.Voice(true, "")
	o.phone.Audio().Tap(sound)
}

// talk joins the two until one hangs up or the far one is given to the caller who waits.
func (o *own) talk(ctx context.Context) {
	o.record()
	began := time.Now()
	defer func() { o.rec.Talked += time.Since(began) }()
	o.join()
	o.event("call.answered", "by", o.to.kind(), "to", o.to.name())
	held := false
	for {
		select {
		case <-ctx.Done():
			o.rec.Outcome, o.rec.EndedBy = call.Stopped, call.ByUs
			return
		case reply := <-o.asks:
			far := o.l.partyOf(o.to, o.far)
			far.held = held
			o.far = nil // it is the caller's now
			o.event("call.handed_over", "to", o.to.name())
			reply <- far
			return
		case e, ok := <-o.phone.Events():
			switch {
			case !ok || e.Kind == call.LegEnded:
				return
			case e.Kind == call.LegTransfer:
				o.pass(e.Transfer)
			case e.Kind == call.LegHeld:
				o.far.Audio().Loop(o.l.o.Prompts.Music())
			default:
				o.join()
			}
		case e, ok := <-o.far.Events():
			switch {
			case !ok || e.Kind == call.LegEnded:
				o.rec.Outcome, o.rec.EndedBy = call.Completed, call.ByPeer
				return
			case e.Kind == call.LegTransfer:
				e.Transfer.Tell(403) // the call is not theirs to send on
			case e.Kind == call.LegHeld:
				held = true
				o.phone.Audio().Loop(o.l.o.Prompts.Music())
			default:
				held = false
				o.join()
			}
		}
	}
}

func (o *own) join() {
	if err := o.phone.Audio().Join(o.far.Audio()); err != nil {
		o.log.Error("the two could not be joined", zap.Error(err))
	}
}

// pass is a transfer asked for in this call. Where it names the leg that a caller talks on, it means
// the same as asked for there with this one: the caller is to be joined to whoever is here.
func (o *own) pass(t *call.Transfer) {
	if t.Consult == nil {
		t.Tell(403) // a call of one's own goes nowhere
		return
	}
	v := o.l.talks.on(t.Consult.Info().ID)
	if v == nil {
		t.Tell(481)
		return
	}
	select {
	case v.asked <- &call.Transfer{To: t.To, Consult: o.phone, Tell: t.Tell}:
	default:
		t.Tell(491)
	}
}

func (o *own) event(name string, pairs ...string) {
	data := map[string]string{"operator": o.operator, "kind": string(o.rec.Kind)}
	if o.rec.Linked != "" {
		data["linked"] = string(o.rec.Linked)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			data[pairs[i]] = pairs[i+1]
		}
	}
	o.l.o.Journal.Event(call.Event{At: time.Now(), Call: o.id, Name: name, Data: data})
}
