package line

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/prompts"
	"hotline/queue"
	"hotline/recording"
)

// A party is whom the caller talks to: an operator, or a third one a call was put through to.
type party struct {
	leg  call.Leg
	role call.Role
	name string // of the operator, or of the directory's entry
	held bool   // holds the caller already
}

// An onward is where the caller goes after a talk. Its zero value is back to the head of the queue,
// because the operator vanished.
type onward struct {
	over  bool   // the call is over
	queue string // another queue
	party *party // somebody else, right away
}

// talk joins the caller and whoever is there, one after another, until nobody is.
func (l *Line) talk(v *visit, p party) onward {
	l.move(v, call.Talking)
	for {
		next := l.with(v, p)
		if next.party == nil {
			return next
		}
		p = *next.party
	}
}

// with is one talk: the caller joined to one party until one of them hangs up or is put through.
func (l *Line) with(v *visit, p party) (next onward) {
	v.operator = p.leg
	if p.role == call.RoleOperator {
		v.rec.Operator = p.name
	}
	began := time.Now()
	defer func() { v.rec.Talked += time.Since(began) }()
	if err := v.leg.Audio().Join(p.leg.Audio()); err != nil {
		v.log.Error("the other party could not be joined", zap.String("operator", p.name), zap.Error(err))
	}
	l.event(v, "call.answered", "by", string(p.role), string(p.role), p.name)
	v.log.Info(string(p.role)+" joined", zap.String("operator", p.name), zap.String("queue", v.rec.Queue))
	l.partiesJoin(v, p, began)
	defer func() {
		l.partiesLeave(v, p)
		if next.party == nil { // else the caller has been hearing music for a while, and is joined again now
			l.voice(v, false, "waiting")
		}
	}()
	l.talks.begin(p, v)
	defer l.talks.end(p, v)
	defer func() { l.leavePause(v, next) }()
	l.indicate(v)
	if wish := wishOf(p.leg); wish != "" {
		l.wished(v, p.role, p.name, wish)
	}
	keys, listened := starKeys(p)
	defer listened()
	code := call.Code{Keys: starRecord}
	defer v.remindWhileTalking()()

	h := holds{party: p.held}
	if h.party {
		l.hold(v, p, h)
	}
	for {
		select {
		case <-v.ctx.Done():
			return onward{over: true}
		case h.caller = <-v.hold:
			l.hold(v, p, h)
		case a := <-v.pauses:
			a.reply <- l.pauseAsked(v, p, h, a)
		case key := <-keys:
			if _, whole := code.Press(key.Digit, key.At); whole {
				if err := l.pauseAsked(v, p, h, pauseAsk{wish: starWish(p.name), toggle: true, ctx: v.ctx}); err != nil {
					v.log.Warn("a star code was refused", zap.String("operator", p.name), zap.Error(err))
					over(p.leg, l.clips("", prompts.ToneError)...)
				}
			}
		case <-v.pauseOver():
			l.resumeRecording(v, p, h, call.PausedByLimit, "")
		case <-v.reminded():
			l.remind(v, p, h)
		case t := <-v.asked:
			next, stays := l.transfer(v, p, &h, t)
			if !stays {
				return next
			}
			l.put(v, p, h)
		case e, ok := <-p.leg.Events():
			switch {
			case !ok || e.Kind == call.LegEnded:
				return l.partyGone(v, p, e.Cause)
			case e.Kind == call.LegTransfer:
				next, stays := l.transfer(v, p, &h, e.Transfer)
				if !stays {
					return next
				}
				l.put(v, p, h)
			case e.Kind == call.LegPreference:
				l.wished(v, p.role, p.name, e.Preference)
			default:
				h.party = e.Kind == call.LegHeld
				l.hold(v, p, h)
			}
		}
	}
}

// partyGone ends the call where the other one hung up, and sends the caller back to the queue
// where an operator's phone vanished.
func (l *Line) partyGone(v *visit, p party, cause call.Cause) onward {
	v.operator = nil
	if cause == call.CauseHangup || p.role != call.RoleOperator {
		v.outcome, v.endedBy = call.Completed, call.ByPeer
		if p.role == call.RoleOperator {
			v.endedBy = call.ByOperator
		}
		return onward{over: true}
	}
	l.event(v, "call.operator_lost", "operator", p.name, "reason", string(cause))
	v.log.Warn("an operator's phone vanished during a call; the caller waits again", zap.String("operator", p.name))
	l.o.Floor.Report(v.ticket, p.name, queue.Lost)
	return onward{}
}

// holds says who of the two holds the other.
type holds struct{ caller, party bool }

// hold puts the two together or apart and tells it.
func (l *Line) hold(v *visit, p party, h holds) {
	l.put(v, p, h)
	if p.role == call.RoleOperator {
		l.o.Places.Hold(v.ticket, h.party)
	}
	l.event(v, "call.held", "held", yesNo(h.party || h.caller), "by", holder(p, h))
}

// put gives the caller music while the other holds, and joins them otherwise. What the caller says
// during a hold is not written.
func (l *Line) put(v *visit, p party, h holds) {
	switch {
	case h.party:
		v.leg.Audio().Loop(l.music(*v.line))
	default:
		if err := v.leg.Audio().Join(p.leg.Audio()); err != nil {
			v.log.Error("the two could not be joined again", zap.Error(err))
		}
	}
	l.voice(v, !h.party && !h.caller, "hold")
}

func holder(p party, h holds) string {
	if h.party {
		return string(p.role)
	}
	return "caller"
}

// voice writes the caller's voice or stops doing so. It is never written without a notice that
// was heard whole.
func (l *Line) voice(v *visit, on bool, reason string) {
	if v.sound != nil && v.paused == nil { // a pause has turned it off, and its end asks what is so then
		v.sound.Voice(v.voiceNow(on, reason))
	}
}

// voiceNow is whether the caller's voice may be written, where that is wanted, and else why not.
func (v *visit) voiceNow(on bool, reason string) (bool, string) {
	switch {
	case v.private != "":
		return false, v.private
	case on && v.rec.Notice == nil:
		return false, "no_notice"
	}
	return on, reason
}

func (l *Line) partiesJoin(v *visit, p party, at time.Time) {
	l.voice(v, true, "")
	if v.sound == nil {
		return
	}
	v.sound.Party(recording.Party{Channel: call.Said.String(), Role: string(call.RoleCaller), From: at})
	v.sound.Party(recording.Party{Channel: call.Heard.String(), Role: string(p.role), Name: p.name, From: at})
}

func (l *Line) partiesLeave(v *visit, p party) {
	if v.sound == nil {
		return
	}
	now := time.Now()
	v.sound.PartyLeft(string(call.RoleCaller), "", now)
	v.sound.PartyLeft(string(p.role), p.name, now)
}

// talks knows which operator talks to which caller, by name and by leg, so that a call of the
// operator's own can find the caller who waits for its end.
type talks struct {
	mu     sync.Mutex
	byName map[string]*visit
	byLeg  map[string]*visit
	byCall map[call.ID]*visit // also of talks with others
	owns   map[string]*own    // by the operator's leg
	paused map[call.ID]call.RecordingPause
}

func newTalks() talks {
	return talks{
		byName: map[string]*visit{}, byLeg: map[string]*visit{}, byCall: map[call.ID]*visit{}, owns: map[string]*own{},
		paused: map[call.ID]call.RecordingPause{},
	}
}

func (t *talks) begin(p party, v *visit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byCall[v.id] = v
	if p.role != call.RoleOperator {
		return
	}
	t.byName[p.name], t.byLeg[p.leg.Info().ID] = v, v
}

func (t *talks) end(p party, v *visit) {
	t.mu.Lock()
	delete(t.byCall, v.id)
	if p.role == call.RoleOperator {
		delete(t.byLeg, p.leg.Info().ID)
		if t.byName[p.name] == v {
			delete(t.byName, p.name)
		}
	}
	t.mu.Unlock()
	select { // what came too late is not for whoever the caller talks to next
	case late := <-v.asked:
		late.Tell(481)
	default:
	}
	select {
	case late := <-v.pauses:
		late.reply <- call.ErrNoTalk
	default:
	}
}

// ask asks for a transfer of the caller that a leg talks to, in another call of the same telephone.
// It answers with a status where that cannot be, else 0.
func (t *talks) ask(leg string, transfer *call.Transfer) (code int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.byLeg[leg]
	if v == nil {
		return 481
	}
	select {
	case v.asked <- transfer:
		return 0
	default:
		return 491 // one at a time
	}
}

// of is the caller that an operator talks to, nil for none.
func (t *talks) of(operator string) *visit {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byName[operator]
}

// own is the call of its own that a telephone makes by this leg, nil for none.
func (t *talks) own(leg string) *own {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owns[leg]
}
