package line

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
	"hotline/recording"
)

// longest is how long a call may last, in all: past it somebody has forgotten to hang up.
const longest = 4 * time.Hour

// Why the context of a call ended.
var (
	errTooLong  = errors.New("the call lasted too long")
	errStopping = errors.New("the server stops")
)

// An endedError says that the caller's leg has ended, and why. q850 is the network's word on it
// (ITU-T Q.850), 0 if it said none.
type endedError struct {
	cause call.Cause
	q850  int
}

func (e *endedError) Error() string { return "the caller's leg ended: " + string(e.cause) }

// A visit is one call while it is here. Its goroutine alone touches it; hold is the exception,
// fed by the goroutine that reads the caller's leg.
type visit struct {
	id       call.ID
	ticket   call.ID // by which the floor knows the caller: id, or that of a callback
	leg      call.Leg
	line     *Number
	settings *Settings
	state    call.State
	rec      call.Record
	sound    *recording.Recording // nil: not recorded
	log      *zap.Logger
	hold     chan bool           // the caller put us on hold, or took us back
	asked    chan *call.Transfer // what the operator asked for in another call: the consult
	pauses   chan pauseAsk       // what somebody wants of the recording of a talk
	operator call.Leg            // while one is joined or being told the language, a third party too
	came     time.Time           // by the clock that hours go by
	unkept   bool                // the disk cannot take the recording without which the policy wants no call
	full     bool                // too many wait: the caller is told so, and let go
	endedBy  call.Party
	outcome  call.Outcome  // set where the way it ends is known before the leg does
	last     <-chan string // brings the operator of last time

	walk         *ivr.Walk    // the way through the menus
	bar          Barring      // why the caller gets as far as the emergency key alone
	night        bool         // it is outside the hours, and there is a menu for that
	served       bool         // the menus have given what was asked for
	alarmed      bool         // the emergency key was pressed
	helped       bool         // the emergency service has answered
	urgent       bool         // it has not: the caller comes first
	paused       *paused      // the recording is, by somebody in the talk; nil: it is not
	reminder     *time.Ticker // of the recording, while two talk; nil: nobody is reminded
	private      string       // why nothing of what is going on is recorded; empty: it is
	inMenus      bool         // and does not wait for anybody
	incidentTold bool
	informedOnce bool // announcements were heard while waiting
	statusTries  int

	ctx context.Context // ends with the caller's leg, the longest time or a stop; its cause says which
	end context.CancelCauseFunc
}

// Serve takes one caller from the first ring to the last byte on disk. It returns when the
// caller is gone and the record is closed. There is no error: whatever went wrong is the
// call's Outcome, which the log, the record and the metrics share.
func (l *Line) Serve(ctx context.Context, caller call.Leg) {
	l.visits.enter()
	defer l.visits.leave()

	v := l.visit(ctx, caller)
	defer l.close(v) // also after a panic: one call's bug ends one call

	l.open(v)
	if !l.admit(v) { // closed, full, or unfit: told so, then released
		return
	}
	if !l.greet(v) { // language and notice
		return
	}
	l.journey(v) // the menus, and through them an operator, a message, an answer
}

// visit gives the caller an id's worth of memory. Nothing here can panic: nobody would close it.
func (l *Line) visit(ctx context.Context, caller call.Leg) *visit {
	info, s := caller.Info(), l.settings.Load()
	line := find(s, info.Dialled)
	if line == nil {
		// A reload took the line away between sip's look and ours.
		line = &Number{Number: info.Dialled}
	}
	return l.newVisit(ctx, caller, s, line, call.Record{ID: info.Call, From: info.From, Withheld: info.Withheld})
}

// newVisit makes the memory of one call with this leg.
func (l *Line) newVisit(ctx context.Context, leg call.Leg, s *Settings, line *Number, rec call.Record) *visit {
	v := &visit{
		id: rec.ID, ticket: rec.ID, leg: leg, settings: s, line: line, state: call.Ringing, rec: rec,
		log: l.log.With(zap.String("call", string(rec.ID))), hold: make(chan bool, 8), asked: make(chan *call.Transfer, 1),
		pauses: make(chan pauseAsk, 1),
	}
	v.rec.Line, v.rec.Trunk, v.rec.Arrived = line.Number, leg.Info().Trunk, time.Now()
	v.came = l.o.Now()
	v.ctx, v.end = context.WithCancelCause(ctx)
	v.walk = l.newWalk(v)
	l.metrics.active(line.Number, v.state, 1)
	return v
}

// open gives the call its row and starts to listen to the leg.
func (l *Line) open(v *visit) {
	info := v.leg.Info()
	if err := l.o.Journal.Arrived(v.rec); err != nil {
		v.log.Error("the row of this call could not be opened", zap.Error(err))
	}
	l.event(v, "call.arrived", "line", v.line.Number, "trunk", info.Trunk, "withheld", yesIf(v.rec.Withheld), "diverted", yesIf(info.Diverted != ""))
	v.log.Info("call opened", zap.String("line", v.line.Number), zap.String("trunk", info.Trunk),
		zap.String("leg", info.ID), zap.String("sip_call_id", info.SIPCallID))
	v.last = l.lastOperator(v)
	go v.listen(l.stopping, func(wish string) { l.wished(v, call.RoleCaller, "", wish) })
	l.entered(v)
}

// listen turns what the caller's leg says, the longest time and a stop into the end of v.ctx.
func (v *visit) listen(stopping context.Context, wished func(string)) {
	tooLong := time.NewTimer(longest)
	defer tooLong.Stop()
	for {
		select {
		case e, ok := <-v.leg.Events():
			switch {
			case !ok:
				v.end(&endedError{cause: call.CauseFailed})
				return
			case e.Kind == call.LegEnded:
				v.end(&endedError{cause: e.Cause, q850: e.Q850})
				return
			case e.Kind == call.LegPreference:
				wished(e.Preference)
			case e.Kind == call.LegHeld || e.Kind == call.LegResumed:
				select {
				case v.hold <- e.Kind == call.LegHeld:
				default: // eight changes of mind unread: the ninth says nothing new
				}
			}
		case <-tooLong.C:
			v.end(errTooLong)
		case <-stopping.Done():
			v.end(errStopping)
			stopping = context.Background() // its Done never fires again; the leg's end still does
		}
	}
}

// move takes the call to its next state. A move that the table forbids is our bug: it is
// logged and the call keeps its state.
func (l *Line) move(v *visit, next call.State) {
	if !v.state.May(next) {
		v.log.Error("a move between states that must not be", zap.String("state", string(v.state)),
			zap.String("next", string(next)), zap.Stack("stack"))
		return
	}
	l.metrics.active(v.line.Number, v.state, -1)
	l.queued.Add(v.queued(next) - v.queued(v.state))
	v.state = next
	if next != call.Ended {
		l.metrics.active(v.line.Number, v.state, 1)
		l.entered(v)
	}
}

// queued is 1 in the states of a caller who is on the way to an operator. In the menus nobody is, yet.
func (v *visit) queued(s call.State) int64 {
	if s == call.Waiting || s == call.Greeting && !v.inMenus {
		return 1
	}
	return 0
}

// menus says that the caller is in the menus, or after the talk in a survey, and waits for nobody.
func (l *Line) menus(v *visit) {
	before := v.queued(v.state)
	v.inMenus = true
	l.queued.Add(v.queued(v.state) - before)
}

func (l *Line) entered(v *visit) {
	if l.o.OnState != nil {
		l.o.OnState(v.id, v.state)
	}
}

// event appends to the journal; pairs are key, value, key, value.
func (l *Line) event(v *visit, name string, pairs ...string) {
	data := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			data[pairs[i]] = pairs[i+1]
		}
	}
	l.o.Journal.Event(call.Event{At: time.Now(), Call: v.id, Name: name, Data: data})
}

// guard runs f in a goroutine of the call's own. A panic there ends this call only.
func (l *Line) guard(v *visit, wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				l.panicked(v.log, p)
				v.end(fmt.Errorf("panic: %v", p))
			}
		}()
		f()
	})
}

func (l *Line) panicked(log *zap.Logger, p any) {
	l.metrics.panics.Inc()
	log.Error("a call's goroutine panicked; the call ends, the others go on",
		zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
}

// lastTime bounds the search for the operator of last time: a greeting takes longer.
const lastTime = 3 * time.Second

// lastOperator asks whom the caller talked to last, while the greeting is heard.
func (l *Line) lastOperator(v *visit) <-chan string {
	answer := make(chan string, 1)
	if l.o.Last == nil || v.rec.From == "" || v.rec.Withheld {
		return answer
	}
	go func() {
		defer func() {
			if p := recover(); p != nil {
				l.panicked(v.log, p)
			}
		}()
		ctx, cancel := context.WithTimeout(v.ctx, lastTime)
		defer cancel()
		answer <- l.o.Last(ctx, v.rec.From)
	}()
	return answer
}
