package sip

import (
	"fmt"
	"net/netip"

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
	record recordTold

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
func (s *Server) soundLeg(l *leg, networks []netip.Prefix, reserve int) (*media.Leg, error) {
	host := s.hosts[l.flow.side()]
	o := media.LegOptions{
		Call: l.info.Call, Role: l.info.Role, Networks: networks, Signalling: l.flow.peer.Addr(), Local: host.soundLocal(l.flow),
		OnQuiet: func() { s.locked("quiet", l.quiet) },
	}
	s.sounding.Add(1)
	defer s.sounding.Add(-1)
	if reserve > 0 { // those that are on their way may count twice: rather too little for others than too little for help
		if used, resting, free := s.o.Media.Ports(); resting+free < reserve+int(s.sounding.Load()) {
			return nil, fmt.Errorf("open the sound of leg %s: %w but those for emergencies (%d are in use)", l.info.ID, media.ErrNoPorts, used)
		}
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
