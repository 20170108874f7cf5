package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
)

// A phase is where a leg is in its life.
type phase uint8

const (
	legRinging  phase = iota // an INVITE of the peer, not answered
	legAnswered              // a 2xx was sent or received
	legOver                  // Ended was told; a BYE of ours may still be on its way
)

// A leg is one telephone and the dialog with it (RFC 3261 §12). It implements call.Leg. The
// server's lock guards all that is not fixed from its making on.
type leg struct {
	s    *Server
	info call.Info
	// sound is nil for a leg that is unfit; audio never is.
	sound *media.Leg
	audio call.Audio

	phase  phase
	events chan call.LegEvent
	gone   chan struct{} // closed with Ended
	jobs   *jobs         // what waits for other rooms, in order; shared with early dialogs of the same sound

	// The dialog.
	callID, localTag, remoteTag string
	localURI, remoteURI         string // address values without tag
	target                      string
	sips                        bool // the dialog was begun by a sips URI
	routes                      []string
	localSeq, remoteSeq         uint32
	flow                        flow
	remembered                  bool // Dialogs knows it
	marked                      bool // the gate knows its Call-ID

	// The session.
	local  localSDP
	sent   []byte // the last description we sent
	remote media.Remote
	onHold bool

	// An incoming leg.
	invite    *serverTx
	offer     []byte // nil: the offer is left to us
	answer    []byte
	acked     chan struct{} // closed when the first ACK is here
	hasAck    bool
	byeWaits  bool             // BYE is due when the first ACK is here (RFC 3261 §15)
	okays     map[uint32]*okay // 2xx that wait for their ACK, by CSeq number
	answering bool
	probing   bool

	// Provisional answers of ours (RFC 3262).
	mustPrack, canPrack bool
	numbered            uint32        // the last RSeq
	waits               *provisional  // for its PRACK
	held18x             []answer      // until then
	settled             chan struct{} // see settling
	described           bool          // a reliable answer has carried our description
	reminder            *alarm

	// Requests of ours that change the session, and its timer.
	changes           []*sessionChange
	changing, pausing bool
	updates           bool // the peer takes UPDATE
	timer             sessionTimer
	reason            string // value of the Reason header of our BYE or refusal

	news news // of the transfers that the telephone asks for

	after []func() // what is to be done when the leg has ended; the lock is held then
	early *early   // this is a dialog that a provisional answer to our INVITE has begun; nil: it is not
}

// An okay is a 2xx of ours that waits for its ACK.
type okay struct {
	repeat *repeater
	end    *alarm
	// offered says that the 2xx carried an offer, which the ACK answers.
	offered bool
}

// newLeg makes a leg with its dialog's fixed parts.
func (s *Server) newLeg(info call.Info, f flow, localTag string) *leg {
	info.ID = newToken()
	l := &leg{
		s: s, info: info, audio: media.Nobody, flow: f, localTag: localTag, callID: info.SIPCallID,
		events: make(chan call.LegEvent, 64), gone: make(chan struct{}), acked: make(chan struct{}),
		okays: make(map[uint32]*okay), jobs: &jobs{s: s},
	}
	l.timer.l, l.news.l = l, l
	l.flow.witness = s.witness(info)
	return l
}

// key names the leg's dialog.
func (l *leg) key() dialogKey { return dialogKey{l.callID, l.localTag, l.remoteTag} }

// enter makes the leg findable. The lock is held.
func (l *leg) enter() {
	if !l.marked {
		l.marked = true
		l.s.front.enters(l.callID)
	}
	l.s.dialogs[l.key()] = l
	l.s.legs[l.info.ID] = l
}

// Info implements call.Leg.
func (l *leg) Info() call.Info { return l.info }

// Events implements call.Leg.
func (l *leg) Events() <-chan call.LegEvent { return l.events }

// Audio implements call.Leg.
func (l *leg) Audio() call.Audio { return l.audio }

// Ring implements call.Leg.
func (l *leg) Ring() {
	l.s.locked("ring", func() {
		if l.phase == legRinging && l.invite != nil {
			l.progress(answer{code: 180})
			l.remind()
		}
	})
}

// remind repeats the last provisional answer each minute, or a proxy between takes the call for
// dead (RFC 3261 §13.3.1.1); after timer C it is. The lock is held.
func (l *leg) remind() {
	if l.reminder != nil {
		return
	}
	end := time.Now().Add(l.s.times.Ringing)
	var again func()
	again = func() {
		if l.phase != legRinging {
			return
		}
		if time.Now().After(end) {
			l.invite.reply(answer{code: 408})
			l.finish(call.CauseFailed)
			l.forget()
			return
		}
		l.invite.again()
		l.reminder = l.s.after(l.s.times.Reminder, again)
	}
	l.reminder = l.s.after(l.s.times.Reminder, again)
}

// Progress implements call.Early: 183 with the answer to the peer's offer, so that it hears what
// the leg is played or joined to before the call is answered (RFC 3960). A peer that left the
// offer to us hears nothing before the answer, unless it asked for reliable answers.
func (l *leg) Progress(context.Context) error {
	l.s.locked("progress", func() {
		if l.phase == legRinging && l.offer != nil {
			l.connect()
		}
	})
	l.jobs.wait()
	sent := false
	l.s.locked("progress", func() {
		if l.phase != legRinging || l.invite == nil || l.sound == nil {
			return
		}
		sent = true
		a := answer{code: 183}
		if !l.described { // else it has all been said (RFC 6337 §2.2)
			l.sent, a.body = l.answer, l.answer
		}
		l.progress(a)
		l.remind()
	})
	if !sent {
		return call.ErrGone
	}
	return nil
}

var errUnfit = errors.New("this leg cannot be answered")

// Answer implements call.Leg.
func (l *leg) Answer(ctx context.Context) error {
	if l.sound == nil {
		return fmt.Errorf("answer leg %s: %w (%d)", l.info.ID, errUnfit, l.info.Unfit)
	}
	if !l.beginAnswer() {
		return call.ErrGone
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	offered := false
	l.s.locked("answer", func() {
		if offered = l.offer != nil || l.described; offered && l.phase == legRinging {
			l.connect()
		}
	})
	l.jobs.wait() // before the 200: the first sound of the peer must find us ready
	sent := false
	l.s.locked("answer", func() { sent = l.accept() })
	if !sent {
		return call.ErrGone
	}
	if offered {
		return nil
	}
	select {
	case <-l.acked:
		l.jobs.wait()
		select {
		case <-l.gone:
			return call.ErrGone
		default:
			return nil
		}
	case <-l.gone:
		return call.ErrGone
	case <-ctx.Done():
		return fmt.Errorf("answer leg %s: %w", l.info.ID, ctx.Err())
	}
}

// settle waits until the peer has acknowledged a description that we sent before the answer.
func (l *leg) settle(ctx context.Context) error {
	for {
		var wait <-chan struct{}
		l.s.locked("settle", func() { wait = l.settling() })
		if wait == nil {
			return nil
		}
		select {
		case <-wait:
		case <-l.gone:
			return call.ErrGone
		case <-ctx.Done():
			return fmt.Errorf("answer leg %s: %w", l.info.ID, ctx.Err())
		}
	}
}

// beginAnswer claims the answering of the leg.
func (l *leg) beginAnswer() bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.phase != legRinging || l.answering || l.s.closed {
		return false
	}
	l.answering = true
	return true
}

// accept sends the 200 of an incoming leg. The lock is held.
func (l *leg) accept() bool {
	if l.phase != legRinging {
		return false
	}
	body, offered := l.answer, false
	switch {
	case l.described: // offer and answer have been, in a reliable 18x and its PRACK (RFC 6337 §2.2)
		body = nil
	case l.offer == nil:
		body, offered = offerSDP(l.local), true // the offer is ours to make, the answer comes in the ACK (RFC 3261 §13.2.1)
	}
	l.phase = legAnswered
	l.waits.stop()
	l.reminder.stop()
	if body != nil {
		l.sent = body
	}
	l.remember()
	l.succeed(l.invite, body, offered)
	if !offered {
		l.tellHold()
	}
	return true
}

// succeed answers an INVITE, the first or a later one, by 200 and repeats it until the ACK
// (RFC 3261 §13.3.1.4). The lock is held.
func (l *leg) succeed(tx *serverTx, body []byte, offered bool) {
	tx.leg = l
	extra, _ := l.timer.answer(tx.req.draft)
	tx.reply(answer{code: 200, extra: append(append([]string{l.contact()}, l.s.abilities(l.flow.side())...), extra...), body: body})
	if len(extra) > 0 {
		l.timer.start()
	}
	l.okays[tx.req.seq] = &okay{
		offered: offered,
		repeat:  l.s.repeat(tx.answer, tx.last, l.s.times.T2),
		end: l.s.after(l.s.times.Life, func() {
			l.hasAck = true // nothing more to wait for
			l.dropOkays()
			if l.byeWaits {
				l.bye()
				return
			}
			l.finish(call.CauseNoACK)
			l.bye()
		}),
	}
}

func (l *leg) dropOkays() {
	for seq, o := range l.okays {
		o.repeat.stop()
		o.end.stop()
		delete(l.okays, seq)
	}
}

// acknowledged is the ACK of a 200. The lock is held.
func (l *leg) acknowledged(r *request) {
	o := l.okays[r.seq]
	if o == nil {
		return // a repeat
	}
	o.repeat.stop()
	o.end.stop()
	delete(l.okays, r.seq)
	first := !l.hasAck
	l.hasAck = true
	if l.byeWaits {
		l.byeWaits = false
		l.bye()
		return
	}
	if l.phase != legAnswered {
		return
	}
	if o.offered {
		l.offerAnswered(r, first)
	}
	if first {
		close(l.acked)
	}
	l.nextChange()
}

// offerAnswered takes the peer's answer to our offer from an ACK. One that cannot be used ends
// a call that has no sound yet, and changes nothing in one that has.
func (l *leg) offerAnswered(r *request, first bool) {
	body, _, ok := sessionOf(r)
	var remote media.Remote
	err := errNoCodec
	if ok && body != nil {
		remote, err = acceptSDP(body, l.local)
	}
	switch {
	case err == nil:
		l.setRemote(remote)
	case first:
		l.finish(call.CauseFailed)
		l.bye()
	}
}

// setRemote tells the media leg what the peer wants now, and the line whether it holds us.
func (l *leg) setRemote(r media.Remote) {
	l.remote = r
	l.connect()
	l.tellHold()
}

// connect has the media leg talk to the peer as it is now described. The lock is held.
func (l *leg) connect() {
	if sound, remote := l.sound, l.remote; sound != nil {
		l.jobs.add(func() { sound.Connect(remote) })
	}
}

// tellHold tells a change of being held.
func (l *leg) tellHold() {
	if now := held(l.remote); now != l.onHold {
		l.onHold = now
		kind := call.LegResumed
		if now {
			kind = call.LegHeld
		}
		l.tell(call.LegEvent{Kind: kind})
	}
}

// tell puts an event into the channel. The last place is kept for Ended; a reader that is 63
// events late misses holds, not the end. It says whether the event was taken.
func (l *leg) tell(e call.LegEvent) bool {
	if l.phase == legOver || len(l.events) >= cap(l.events)-1 {
		return false
	}
	l.events <- e
	return true
}

// Hangup implements call.Leg.
func (l *leg) Hangup(r call.Reason) {
	l.s.locked("hang up", func() {
		if l.phase == legOver {
			return
		}
		l.s.log.Debug("hang up", zap.String("call", string(l.info.Call)), zap.String("leg", l.info.ID), zap.Int("code", r.Code))
		if l.phase == legRinging {
			code := r.Code
			if code < 300 || code > 699 {
				code = 480
			}
			l.invite.reply(answer{code: code, phrase: r.Phrase, extra: reasonOf(r.Cause)})
			l.finish(call.CauseOurs)
			l.forget()
			return
		}
		l.reason = r.Cause
		l.finish(call.CauseOurs)
		l.bye()
	})
}

// finish ends the leg for the line and gives its sound back. What the dialog still needs goes
// on. The lock is held.
func (l *leg) finish(c call.Cause) { l.finishFor(c, 0) }

// finishFor is finish with what the peer's Reason header says. The lock is held.
func (l *leg) finishFor(c call.Cause, q850 int) {
	if l.phase == legOver {
		return
	}
	l.phase = legOver
	l.waits.stop()
	l.reminder.stop()
	l.timer.stop()
	l.events <- call.LegEvent{Kind: call.LegEnded, Cause: c, Q850: q850}
	close(l.events)
	close(l.gone)
	if l.hasAck || l.invite == nil {
		l.dropOkays()
	}
	if sound := l.sound; sound != nil {
		l.jobs.add(sound.Close)
	}
	delete(l.s.legs, l.info.ID)
	l.ran()
}

// lose ends the leg without a word to the peer: the server is being closed. The lock is held.
func (l *leg) lose() {
	l.dropOkays()
	l.finish(call.CauseFailed)
}

// forget removes the dialog: what comes now gets 481. The lock is held.
func (l *leg) forget() {
	if l.marked {
		l.marked = false
		l.s.front.leaves(l.callID)
	}
	l.news.dismiss()
	if l.s.dialogs[l.key()] == l {
		delete(l.s.dialogs, l.key())
	}
	l.dropOkays()
	if l.remembered {
		l.remembered = false
		l.jobs.add(func() {
			if err := l.s.o.Dialogs.Remove(l.info.ID); err != nil {
				l.s.log.Warn("forget a dialog", zap.String("call", string(l.info.Call)), zap.Error(err))
			}
		})
	}
}

// remember writes the dialog down, before a 200 or an ACK of ours goes out, so that the next
// process can end it if this one dies. The lock is held.
func (l *leg) remember() {
	d := call.Dialog{
		Leg: l.info.ID, Call: l.info.Call, SIPCallID: l.callID, LocalTag: l.localTag, RemoteTag: l.remoteTag,
		LocalURI: l.localURI, RemoteURI: l.remoteURI, Target: l.target, Routes: l.routes, LocalSeq: l.localSeq,
		Transport: l.flow.transport(), Remote: l.flow.peer, Local: l.flow.local(), Role: l.info.Role,
	}
	l.remembered = true
	if err := l.s.o.Dialogs.Put(d); err != nil {
		// The call is worth more than the certainty of ending it after a crash.
		l.s.log.Warn("remember a dialog", zap.String("call", string(l.info.Call)), zap.Error(err))
	}
}

// soundLeg opens the media of a leg. Where the sound of the peer may come from: the carrier's
// networks, or for a phone the address its signalling comes from.
func (s *Server) soundLeg(l *leg, networks []netip.Prefix) (*media.Leg, error) {
	host := s.hosts[l.flow.side()]
	o := media.LegOptions{
		Call: l.info.Call, Role: l.info.Role, Networks: networks, Signalling: l.flow.peer.Addr(), Local: host.soundLocal(l.flow),
		OnQuiet: func() { s.locked("quiet", l.quiet) },
	}
	sound, err := s.o.Media.NewLeg(o)
	if err != nil {
		return nil, fmt.Errorf("open the sound of leg %s: %w", l.info.ID, err)
	}
	l.sound, l.audio = sound, sound
	l.local = localSDP{
		Addr: host.sound(l.flow), Port: sound.Port(), Codecs: codecs[:],
		Session: newNumber(), Version: 1,
	}
	return sound, nil
}

// jobs runs functions one after another on a goroutine that lives while there are any. It keeps
// what waits for the media thread or the store away from the lock, in order.
type jobs struct {
	s       *Server
	mu      sync.Mutex
	queue   []func()
	running bool
}

func (j *jobs) add(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, f)
	if !j.running {
		j.running = true
		go j.run()
	}
}

func (j *jobs) run() {
	for {
		j.mu.Lock()
		if len(j.queue) == 0 {
			j.running = false
			j.mu.Unlock()
			return
		}
		f := j.queue[0]
		j.queue = j.queue[1:]
		j.mu.Unlock()
		j.do(f)
	}
}

// do runs one. Some are of other rooms: a bug there ends no call.
func (j *jobs) do(f func()) {
	defer j.s.recovered("job")
	f()
}

// wait returns when all that was added before has run.
func (j *jobs) wait() {
	done := make(chan struct{})
	j.add(func() { close(done) })
	<-done
}

// parseURI reads a URI in text form.
func parseURI(s string) (*sipmsg.Uri, bool) {
	var u sipmsg.Uri
	if err := sipmsg.ParseUri(s, &u); err != nil {
		return nil, false
	}
	return &u, true
}
