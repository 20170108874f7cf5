package sip

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
)

// An arriving INVITE is what is known of it before it is a leg.
type arriving struct {
	info     call.Info
	networks []netip.Prefix
	serve    func(*leg)
	unfit    int
	line     bool
	trunk    bool // it counts as a call with its carrier
}

// inviteFromCarrier decides an INVITE that begins a call.
func (s *Server) inviteFromCarrier(r *request, c Carrier) {
	from, withheld := caller(r)
	a := arriving{
		info: call.Info{
			Call: call.NewID(), Role: call.RoleCaller, Trunk: c.Name, From: from, Withheld: withheld,
			ShowHidden: c.ShowHidden, Diverted: diverted(r.draft),
			Dialled: dialled(r, c.Called), SIPCallID: r.callID, Remote: r.from.peer,
		},
		networks: soundNetworks(c, r.from.peer.Addr()),
		serve:    func(l *leg) { s.o.Serve(s.ctx, l) },
	}
	if a.line = s.o.Line(a.info.Dialled); !a.line {
		if ours := s.doorway.spelled(a.info.Dialled); s.o.Line(ours) {
			a.info.Dialled, a.line = ours, true
		}
	}
	if s.draining.Load() {
		a.unfit = 503
	}
	if a.line && a.unfit == 0 {
		if code := s.shed(a.info); code != 0 {
			s.refuseOnce(r, answer{code: code})
			return
		}
	}
	a.trunk = true
	s.invited(r, a)
}

// inviteFromPhone decides an INVITE of an operator's phone: nothing without the password.
func (s *Server) inviteFromPhone(r *request) {
	user, verdict := s.digest.verify(r.Request, r.from.peer)
	if verdict != digestOK {
		var extra []string
		for _, c := range s.digest.challenge(r.from.peer, agentOf(r.Request), verdict == digestStale) {
			extra = append(extra, "WWW-Authenticate: "+c)
		}
		s.refuse(r, answer{code: 401, extra: extra})
		return
	}
	if r.from.tcp != nil {
		r.from.tcp.vouched.Store(true)
	}
	if r.draft.has("Replaces") {
		// It wants to take a call over that another telephone has (RFC 3891). Nobody learns of the
		// dialogs of others here, so it cannot name one; a new call is not what its user wants.
		s.refuse(r, answer{code: 481})
		return
	}
	s.invited(r, arriving{
		info: call.Info{
			Call: call.NewID(), Role: call.RoleOperator, User: user, From: call.Number(user),
			Dialled: dialled(r, ""), SIPCallID: r.callID, Remote: r.from.peer,
		},
		serve: func(l *leg) { s.o.ServePhone(s.ctx, l) },
		line:  true,
	})
}

// invited makes a leg of an INVITE, or refuses it.
func (s *Server) invited(r *request, a arriving) {
	if a.line {
		r.from.witness = s.witness(a.info) // of a call that can begin; what names no line is none
	}
	var tx *serverTx
	s.locked("invite", func() { tx = s.beginInvite(r) })
	if tx == nil {
		return
	}
	body, refusal, ok := sessionOf(r)
	if ok && tooShort(r.draft) {
		refusal, ok = answer{code: 422, extra: []string{"Min-SE: " + strconv.Itoa(sessionLeast)}}, false
	}
	if !ok || !a.line {
		if ok {
			refusal = answer{code: 404}
		}
		s.locked("invite", func() { tx.reply(refusal) })
		return
	}
	l := s.newLeg(a.info, r.from, tx.tag)
	l.take(r)
	l.info.Unfit = a.unfit
	if a.trunk && l.info.Unfit == 0 && !s.roomFor(l) {
		l.info.Unfit = 486
	}
	if l.info.Unfit == 0 {
		l.info.Unfit = s.fit(l, body, a.networks)
	}
	begun := false
	s.locked("invite", func() { begun = l.begin(tx) })
	if !begun {
		s.locked("invite", l.ran)
		if l.sound != nil {
			l.sound.Close()
		}
		return
	}
	go s.serveLeg(l, a.serve)
}

// roomFor says whether the carrier and the number of a call may have one more.
func (s *Server) roomFor(l *leg) (ok bool) {
	number, most := s.callerNumber(l.info), s.load.limit.Load().PerNumber
	s.locked("room", func() {
		t := s.trunkOf(l.info)
		if ok = (t == nil || t.room(s.reserve(false))) && s.callers.enter(l, number, most); ok && t != nil {
			l.countedIn(&t.calls.in)
		}
	})
	return ok
}

// beginInvite begins the transaction: 100 at once, so that the peer stops repeating. It is nil
// for a copy of a call we have, and where we are full. The lock is held.
func (s *Server) beginInvite(r *request) *serverTx {
	if s.merged[mergeKey(r)] != nil {
		s.refuseOnce(r, answer{code: 482}) // the same call by another way (RFC 3261 §8.2.2.2)
		return nil
	}
	if len(s.legs) >= maxLegs {
		s.refuseOnce(r, answer{code: 503})
		return nil
	}
	tx := s.newServerTx(r)
	if tx == nil {
		s.refuseOnce(r, answer{code: 503})
		return nil
	}
	r.of(r.from.witness)
	tx.reply(answer{code: 100})
	return tx
}

// take fills the dialog's state from the peer's INVITE (RFC 3261 §12.1.1).
func (l *leg) take(r *request) {
	l.remoteTag = r.ftag
	l.localURI = withoutTag(r.draft.get("To"))
	l.remoteURI = withoutTag(r.draft.get("From"))
	l.remoteSeq = r.seq
	l.mustPrack = listed(r.draft, "Require", "100rel")
	l.canPrack = l.mustPrack || listed(r.draft, "Supported", "100rel")
	l.updates = listed(r.draft, "Allow", "UPDATE")
	l.record.aware = listed(r.draft, "Supported", recordAware)
	l.routes = r.draft.list("Record-Route")
	l.target = contactOf(r.draft)
	if l.target == "" {
		// Quirk: an INVITE without Contact breaks RFC 3261 §8.1.1.8, but somebody is calling.
		l.target = "sip:" + r.from.peer.String()
	}
	l.sips = strings.EqualFold(r.Recipient.Scheme, "sips") || isSIPS(nextOf(l.target, l.routes))
}

func isSIPS(uri string) bool { return len(uri) > 5 && strings.EqualFold(uri[:5], "sips:") }

// contactOf is the URI of the Contact of a message, "" if there is none to use.
func contactOf(d *draft) string {
	uri := inBrackets(d.get("Contact"))
	if u, ok := parseURI(uri); !ok || u.Wildcard || !strings.HasPrefix(strings.ToLower(uri), "sip") {
		return ""
	}
	return uri
}

// fit opens the sound of an incoming leg and makes the answer to its offer. It returns the
// status to refuse it with, 0 if it can be answered.
func (s *Server) fit(l *leg, offer []byte, networks []netip.Prefix) int {
	if offer != nil {
		// First without ports: an offer that cannot be answered takes none.
		probe := localSDP{Addr: s.hosts[l.flow.side()].sound(l.flow), Port: 9, Codecs: codecs[:]}
		if _, _, err := answerSDP(offer, probe); err != nil {
			return sdpStatus(err)
		}
	}
	sound, err := s.soundLeg(l, networks, s.reserve(false))
	if err != nil {
		if !errors.Is(err, media.ErrNoPorts) {
			s.log.Error("open sound", zap.String("call", string(l.info.Call)), zap.Error(err))
		}
		return 503
	}
	if offer == nil {
		return 0
	}
	if l.answer, l.remote, err = answerSDP(offer, l.local); err != nil {
		sound.Close()
		l.sound, l.audio = nil, media.Nobody
		return sdpStatus(err)
	}
	l.offer = offer
	l.record.preference = preferenceOf(offer)
	return 0
}

// begin enters the leg, unless the peer has cancelled meanwhile. The lock is held.
func (l *leg) begin(tx *serverTx) bool {
	if tx.code != 0 || tx.state != txProceeding {
		return false
	}
	l.invite = tx
	tx.leg = l
	l.enter()
	return true
}

// serveLeg runs the leg's life. A panic there ends the leg; so does forgetting to.
func (s *Server) serveLeg(l *leg, serve func(*leg)) {
	defer l.Hangup(call.Reason{Code: 500, Why: "its service has ended"})
	defer s.recovered("serve")
	serve(l)
}

// cancelled is a CANCEL of the peer (RFC 3261 §9.2): 200 to it, 487 to its INVITE if that has no
// final answer yet, both with the same tag. The lock is held.
func (s *Server) cancelled(r *request, invite *serverTx) {
	tx := s.newServerTx(r)
	if tx == nil {
		s.refuseOnce(r, answer{code: 503})
		return
	}
	tx.tag = invite.tag
	tx.reply(answer{code: 200})
	if invite.code != 0 {
		return
	}
	invite.reply(answer{code: 487})
	if l := invite.leg; l != nil && l.phase == legRinging {
		l.finishFor(call.CauseCancelled, q850(r.draft))
		l.forget()
	}
}

// dialled is the number that was called, where this carrier writes it.
func dialled(r *request, where string) string {
	if where == "to" {
		return userOf(&r.To().Address)
	}
	return userOf(&r.Recipient)
}
