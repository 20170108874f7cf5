package line

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
	waiting  *visit      // the caller who waits for the end; nil: none
	far      party       // once joined; no leg: nobody yet, or handed over
	early    atomic.Bool // the operator heard sound before the answer
	sound    *recording.Recording
	rec      call.Record
	log      *zap.Logger

	claims chan claim
	done   chan struct{}
}

// A claim is the wish of the caller who waits to be joined to whoever the operator has called.
type claim struct {
	ctx     context.Context // ends with the wish
	ring    time.Duration   // how long it may ring on, where it still does
	ringing func()          // told then
	reply   chan given      // holds one
}

// A given is the answer to a claim.
type given struct {
	reached
	rang bool // it rang still when it was claimed
}

// errOver says that an own call has ended before it could give anybody away.
var errOver = errors.New("the own call is over")

// serveOwn takes the call until one of the two hangs up, or it is given away.
func (l *Line) serveOwn(ctx context.Context, s *Settings, phone call.Leg, to destination) {
	l.visits.enter()
	defer l.visits.leave()
	info := phone.Info()
	o := &own{
		l: l, id: info.Call, phone: phone, operator: info.User, to: to, settings: s, waiting: l.talks.of(info.User),
		claims: make(chan claim), done: make(chan struct{}), log: l.log.With(zap.String("call", string(info.Call))),
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
	if o.recorded() && s.Policy == RefuseWithout && l.o.Recorder.Healthy() != nil {
		o.refused(503, call.ByUs, "the disk cannot take a recording")
		return
	}
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
		l.panicked(o.log, p)
		o.rec.Outcome, o.rec.EndedBy = call.Failed, call.ByUs
	}
	l.talks.close(o)
	close(o.done)
	if o.far.leg != nil {
		l.drop(o.to, o.far.leg, "the own call is over")
	}
	o.phone.Hangup(call.Reason{Why: "the own call is over"})
	o.phone.Audio().Tap(nil)
	o.rec.Ended = time.Now()
	if o.sound != nil {
		ctx, cancel := context.WithTimeout(context.Background(), sealWait)
		defer cancel()
		settle(ctx, o.log, o.sound, &o.rec)
	}
	if !o.rec.Answered.IsZero() && o.sound == nil && o.rec.Unrecorded == "" {
		o.rec.Unrecorded = call.UnrecordedNotice // whoever answered left before they were told
		if !o.recorded() {
			o.rec.Unrecorded = call.UnrecordedPolicy
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

// give hands over whom the operator has called to the caller who waits. Where it rings still, it
// rings on for the caller, for as long as ring says. errOver: there is nobody to give.
func (o *own) give(ctx context.Context, ring time.Duration, ringing func()) (p party, rang bool, err error) {
	c := claim{ctx, ring, ringing, make(chan given, 1)}
	select {
	case o.claims <- c:
		g := <-c.reply // each claim that is taken is answered, soon after its context at the latest
		return g.party, g.rang, g.err
	case <-o.done:
		return p, false, errOver
	case <-ctx.Done():
		return p, false, ctx.Err()
	}
}

// ring reaches the other side. The operator hears it ring, or what a trunk plays before the answer.
func (o *own) ring(outer context.Context) bool {
	ctx, cancel := context.WithCancel(outer)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	ringing, stop := context.WithTimeout(ctx, ownRing)
	defer stop()
	answers := o.l.attempt(&wg, o.log, func() (party, error) { return o.bring(ctx, ringing) })
	var claimed *claim // nil: nobody wants the far leg
	var unclaimed <-chan struct{}
	var overdue <-chan time.Time
	hungUp := false
	for {
		events := o.phone.Events()
		if hungUp {
			events = nil
		}
		select {
		case r := <-answers:
			if claimed != nil {
				return o.hand(claimed, r)
			}
			return o.reached(outer, r, hungUp)
		case c := <-o.claims:
			claimed, unclaimed, overdue = &c, c.ctx.Done(), time.After(c.ring)
			c.ringing()
		case <-unclaimed:
			cancel()
			unclaimed = nil
		case <-overdue:
			stop()
		case e, ok := <-events:
			switch {
			case !ok || e.Kind == call.LegEnded:
				hungUp = true
				if claimed == nil {
					cancel()
				}
			case e.Kind == call.LegTransfer:
				o.pass(e.Transfer)
			}
		}
	}
}

// bring rings whom the operator dialled and says there what has to be said first.
func (o *own) bring(ctx, ringing context.Context) (p party, err error) {
	leg, err := o.l.reach(ringing, reaching{
		to: o.to, line: o.rec.Line, operator: o.operator, early: func(far call.Leg) { o.hear(ctx, far) },
		dial: call.Dial{
			Call: o.id, User: o.to.operator, From: call.Number(o.operator), Display: o.operator, Ringing: o.phone.Ring,
		},
	})
	if err != nil {
		return p, err
	}
	joined := false
	defer func() {
		if !joined { // also after a panic
			o.l.drop(o.to, leg, "not joined")
		}
	}()
	if !o.notice(ctx, leg) {
		return p, errNoNotice
	}
	p = o.l.partyOf(o.to, leg)
	held, ended := meanwhile(leg, true)
	if ended != "" {
		return p, errHungUp
	}
	p.held, joined = held, true
	return p, nil
}

// hand gives what became of the ringing to the caller who waits.
func (o *own) hand(c *claim, r reached) bool {
	o.rec.Outcome, o.rec.Phase, o.rec.EndedBy = call.Abandoned, call.Ringing, call.ByOperator
	if r.err == nil {
		o.event("call.handed_over", "to", o.to.name())
	}
	c.reply <- given{r, true}
	return false
}

// reached takes what became of the ringing.
func (o *own) reached(ctx context.Context, r reached, hungUp bool) bool {
	if r.err == nil {
		o.far = r.party // from here on close hangs it up
	}
	switch {
	case hungUp:
	case ctx.Err() != nil:
		o.refused(503, call.ByUs, "the server stops")
		o.rec.Outcome = call.Stopped
		return false
	case r.err != nil:
		o.refused(statusOf(r.err), call.ByPeer, "nobody was reached")
		return false
	case o.phone.Answer(ctx) == nil:
		o.rec.Answered = time.Now()
		return true
	}
	o.rec.Outcome, o.rec.Phase, o.rec.EndedBy = call.Abandoned, call.Ringing, call.ByOperator
	return false
}

// refused turns the telephone away with a SIP status.
func (o *own) refused(code int, by call.Party, why string) {
	o.rec.Outcome, o.rec.EndedBy, o.rec.Code = call.Refused, by, code
	o.phone.Hangup(call.Reason{Code: code, Why: why})
}

// hear lets the operator hear what comes before the answer.
func (o *own) hear(ctx context.Context, far call.Leg) {
	if p, ok := o.phone.(call.Early); ok && p.Progress(ctx) == nil {
		o.early.Store(true)
		if err := o.phone.Audio().Join(far.Audio()); err != nil {
			o.log.Debug("early sound", zap.Error(err))
		}
	}
}

// notice tells a party outside of the recording, while the operator hears it ring, or music where
// sound was there before the answer.
func (o *own) notice(ctx context.Context, leg call.Leg) bool {
	if !mustHear(o.settings, o.to) {
		return true
	}
	if o.early.Load() {
		o.phone.Audio().Loop(o.l.music(o.settings.Lines...))
	}
	n := ivr.Notice(ctx, leg.Audio(), o.l.o.Prompts, o.to.entry.languages(o.settings)...)
	if n == nil {
		return false
	}
	o.rec.Notice = n
	o.event("call.third_noticed", "to", o.to.name(), "language", string(n.Language))
	return true
}

// recorded reports whether the policy wants a recording of this talk: of a consult, and of every
// talk with somebody outside.
func (o *own) recorded() bool {
	return o.settings.Policy != RecordOff && (o.waiting != nil || o.to.operator == "")
}

// indicate tells both telephones how this talk is recorded, if they want to know.
func (o *own) indicate() {
	state := call.RecordOff
	if o.sound != nil {
		state = call.RecordOn
	}
	indicate(o.phone, state)
	indicate(o.far.leg, state)
}

// record opens the recording of this talk: a file of its own, never part of a caller's.
func (o *own) record() {
	defer o.indicate()
	if !o.recorded() {
		return
	}
	sound, err := o.l.o.Recorder.Open(recording.Meta{
		Call: o.id, Line: o.rec.Line, Arrived: o.rec.Arrived, Answered: o.rec.Answered,
		Codec: o.phone.Audio().Stats().Codec, Linked: o.rec.Linked,
	})
	if err != nil {
		o.rec.Unrecorded = call.UnrecordedDisk
		o.l.metrics.missing.Inc()
		o.event("recording.missing", "reason", "disk")
		o.log.Error("this call is not recorded", zap.Error(err))
		return
	}
	o.sound, o.rec.Recording = sound, sound.Path()
	if o.rec.Notice != nil {
		sound.SetNotice(*o.rec.Notice)
	}
	sound.Party(recording.Party{Channel: call.Said.String(), Role: string(call.RoleOperator), Name: o.operator, From: o.rec.Answered})
	sound.Party(recording.Party{Channel: call.Heard.String(), Role: string(o.far.role), Name: o.far.name, From: o.rec.Answered})
	sound.Voice(true, "")
	o.phone.Audio().Tap(sound)
}

// talk joins the two until one hangs up or the far one is given to the caller who waits.
func (o *own) talk(ctx context.Context) {
	o.record()
	began := time.Now()
	defer func() { o.rec.Talked += time.Since(began) }()
	o.event("call.answered", "by", string(o.far.role), "to", o.to.name(), "to_kind", o.to.kind())
	held := false // by the operator
	o.put(held)
	for {
		select {
		case <-ctx.Done():
			o.rec.Outcome, o.rec.EndedBy = call.Stopped, call.ByUs
			return
		case c := <-o.claims:
			o.event("call.handed_over", "to", o.to.name())
			c.reply <- given{reached{party: o.far}, false}
			o.far = party{} // it is the caller's now
			return
		case e, ok := <-o.phone.Events():
			switch {
			case !ok || e.Kind == call.LegEnded:
				return
			case e.Kind == call.LegTransfer:
				o.pass(e.Transfer)
			case e.Kind == call.LegPreference:
				o.event("recording.preference", "by", string(call.RoleOperator), "wish", e.Preference)
			default:
				held = e.Kind == call.LegHeld
				o.put(held)
			}
		case e, ok := <-o.far.leg.Events():
			switch {
			case !ok || e.Kind == call.LegEnded:
				o.rec.Outcome, o.rec.EndedBy = call.Completed, call.ByPeer
				return
			case e.Kind == call.LegTransfer:
				e.Transfer.Tell(403) // the call is not theirs to send on
			case e.Kind == call.LegPreference:
				o.event("recording.preference", "by", string(o.far.role), "wish", e.Preference)
			default:
				o.far.held = e.Kind == call.LegHeld
				o.put(held)
			}
		}
	}
}

// put joins the two, or gives music to whoever is held.
func (o *own) put(held bool) {
	phone, far := o.phone.Audio(), o.far.leg.Audio()
	if !held && !o.far.held {
		if err := phone.Join(far); err != nil {
			o.log.Error("the two could not be joined", zap.Error(err))
		}
		return
	}
	if held {
		far.Loop(o.l.music(o.settings.Lines...))
	}
	if o.far.held {
		phone.Loop(o.l.music(o.settings.Lines...))
	}
}

// pass is a transfer asked for in this call. Where it names the leg that a caller talks on, it means
// the same as asked for there with this one: the caller is to be joined to whoever is here.
func (o *own) pass(t *call.Transfer) {
	if t.Consult == nil {
		t.Tell(403) // a call of one's own goes nowhere
		return
	}
	code := o.l.talks.ask(t.Consult.Info().ID, &call.Transfer{To: t.To, Consult: o.phone, Tell: t.Tell})
	if code != 0 {
		t.Tell(code)
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
