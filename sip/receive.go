package sip

import (
	"errors"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// The methods we answer, and those we know but do not offer.
const (
	allowTrunks = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
	allowPhones = "REGISTER, REFER, " + allowTrunks
)

func (s *Server) allow(sd side) string {
	if sd == phoneSide {
		return allowPhones
	}
	return allowTrunks
}

// receiveRaw is receive for a message whose bytes lie in its reader's buffer.
func (s *Server) receiveRaw(f flow, d *draft, err error, raw []byte) {
	if d != nil {
		d.raw = raw
		defer func() { d.raw = nil }()
	}
	s.receive(f, d, err)
}

// receive decides one message, on the goroutine of the socket that read it. d may be nil, err
// says what the scan found.
func (s *Server) receive(f flow, d *draft, err error) {
	if d == nil {
		s.silence(f)
		return
	}
	var m any
	if err == nil {
		m, err = parseMessage(s.parser, d, f)
	}
	if err != nil {
		s.receiveBad(f, d, err)
		return
	}
	switch m := m.(type) {
	case *response:
		s.debug("received answer", f, m.draft)
		s.locked("response", func() {
			if tx := s.clientTxs[m.branch+"|"+m.method]; tx != nil {
				tx.response(m)
				return
			}
			s.stray(m)
		})
	case *request:
		s.debug("received request", f, m.draft)
		s.request(m)
	}
}

// receiveBad answers what cannot be read, if the source is known and it is not an answer itself.
func (s *Server) receiveBad(f flow, d *draft, err error) {
	var fault *scanError
	if !errors.As(err, &fault) {
		fault = bad("%v", err)
	}
	defer func() {
		if fault.lost && f.tcp != nil {
			f.tcp.shut()
		}
	}()
	method, _, _ := strings.Cut(d.start, " ")
	method = strings.ToUpper(method)
	if strings.HasPrefix(method, "SIP/") || method == "ACK" || !d.has("Via") {
		return // never answered (RFC 3261 §8.1.3.3, §17)
	}
	known := s.knows(f)
	if !known && f.side() == phoneSide && method == "REGISTER" {
		known = fault.code != 413 // a phone that is just being set up learns that it is misunderstood
	}
	if !known {
		s.silence(f)
		return
	}
	s.log.Debug("refused", zap.Stringer("remote", f.peer), zap.Int("code", fault.code), zap.String("why", fault.why))
	s.security.note(eventMalformed, f.side(), f.peer.Addr(), f.tcp != nil)
	a := answer{code: fault.code, tag: newToken()}
	s.met.refused(fault.code)
	s.putShort(f, d, a.write(d, method))
}

// request decides one request: what belongs to a transaction or a dialog is known from
// anywhere, everything else by its source.
func (s *Server) request(r *request) {
	done := false
	s.locked("request", func() { done = s.ofTransaction(r) || s.ofDialog(r) })
	if done {
		return
	}
	if r.from.side() == phoneSide {
		s.phoneRequest(r)
		return
	}
	s.trunkRequest(r)
}

// ofTransaction takes what belongs to a request that we have already: repeats, ACK, CANCEL.
func (s *Server) ofTransaction(r *request) bool {
	switch r.method {
	case "ACK":
		tx := s.serverTxs[serverKey(r, "INVITE")]
		if tx == nil {
			return false
		}
		r.of(tx.answer.witness)
		if tx.state == txAccepted && tx.leg != nil {
			// Quirk: some peers send the ACK of a 200 with the branch of the INVITE.
			tx.leg.acknowledged(r)
			return true
		}
		tx.acknowledged()
		return true
	case "CANCEL":
		if tx := s.serverTxs[serverKey(r, "CANCEL")]; tx != nil {
			r.of(tx.answer.witness)
			tx.again()
			return true
		}
		invite := s.serverTxs[serverKey(r, "INVITE")]
		if invite == nil {
			return false
		}
		r.of(invite.answer.witness)
		s.cancelled(r, invite)
		return true
	}
	tx := s.serverTxs[serverKey(r, r.method)]
	if tx == nil {
		return false
	}
	r.of(tx.answer.witness)
	tx.again()
	return true
}

// ofDialog takes requests with both tags of a live dialog.
func (s *Server) ofDialog(r *request) bool {
	if r.ttag == "" {
		return false
	}
	l := s.dialogs[dialogKey{r.callID, r.ttag, r.ftag}]
	if l == nil {
		return false
	}
	l.request(r)
	return true
}

// trunkRequest decides a request outside all dialogs on the trunk side.
func (s *Server) trunkRequest(r *request) {
	carrier := s.carrierAt(r.from)
	if carrier == nil {
		s.silenceRequest(r)
		return
	}
	if s.refusedEarly(r) {
		return
	}
	switch r.method {
	case "OPTIONS":
		s.options(r)
	case "INVITE":
		s.inviteFromCarrier(r, *carrier)
	}
}

// phoneRequest decides a request outside all dialogs on the phone side.
func (s *Server) phoneRequest(r *request) {
	if r.method == "REGISTER" {
		s.registerPhone(r)
		return
	}
	if !s.knows(r.from) {
		s.silenceRequest(r)
		return
	}
	if s.refusedEarly(r) {
		return
	}
	switch r.method {
	case "OPTIONS":
		s.options(r)
	case "INVITE":
		s.inviteFromPhone(r)
	}
}

// refusedEarly answers what needs no thought: stray requests of dialogs that are gone, methods
// that we do not do here, extensions that we do not know.
func (s *Server) refusedEarly(r *request) bool {
	switch r.method {
	case "ACK":
		return true // of nothing we know; never answered
	case "INVITE", "OPTIONS":
		if r.ttag != "" {
			s.refuse(r, answer{code: 481})
			return true
		}
	case "BYE", "INFO", "CANCEL", "UPDATE", "PRACK":
		s.refuse(r, answer{code: 481})
		return true
	case "REFER":
		if r.from.side() == phoneSide && r.ttag != "" {
			s.refuse(r, answer{code: 481}) // of a call that was, before a restart of ours say
			return true
		}
		s.security.note(eventTransferRefused, r.from.side(), r.from.peer.Addr(), r.from.tcp != nil)
		s.refuse(r, answer{code: 403}) // a transfer is asked for in the call that it is about
		return true
	default:
		s.refuse(r, s.notAllowed(r))
		return true
	}
	if a, ok := unsupported(r); !ok {
		s.refuse(r, a)
		return true
	}
	return false
}

// notAllowed answers a method that we do not do: 405 if it is one of SIP's, else 501.
func (s *Server) notAllowed(r *request) answer {
	code := 501
	switch r.method {
	case "REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PRACK", "UPDATE", "PUBLISH",
		"INVITE", "BYE", "OPTIONS", "INFO", "CANCEL":
		code = 405
	}
	return answer{code: code, extra: []string{"Allow: " + s.allow(r.from.side())}}
}

// extensions are those that a request may require of us.
var extensions = [...]string{"100rel", "timer", "norefersub"}

// unsupported answers extensions that the request requires and that we do not have (RFC 3261 §8.2.2.3).
func unsupported(r *request) (answer, bool) {
	var unknown []string
	for _, wanted := range r.draft.list("Require") {
		if !slices.ContainsFunc(extensions[:], func(e string) bool { return strings.EqualFold(e, wanted) }) {
			unknown = append(unknown, wanted)
		}
	}
	if len(unknown) == 0 {
		return answer{}, true
	}
	return answer{code: 420, extra: []string{"Unsupported: " + clean(strings.Join(unknown, ", "))}}, false
}

// refuse answers a request that leaves nothing behind but its transaction.
func (s *Server) refuse(r *request, a answer) {
	s.locked("refuse", func() { s.refuseLocked(r, a) })
}

// refuseLocked is refuse with the lock held. Where the table is full the answer is given
// without a memory of it.
func (s *Server) refuseLocked(r *request, a answer) {
	tx := s.newServerTx(r)
	if tx == nil {
		s.refuseOnce(r, a)
		return
	}
	tx.reply(a)
}

// refuseOnce answers without a memory: no repeat, nothing kept.
func (s *Server) refuseOnce(r *request, a answer) {
	a.tag = s.statelessTag(r)
	s.met.refused(a.code)
	s.put(answerFlow(r), a.write(r.draft, r.method))
}

// options answers a peer that asks whether we live (RFC 3261 §11).
func (s *Server) options(r *request) {
	if s.draining.Load() {
		s.refuse(r, answer{code: 503})
		return
	}
	s.refuse(r, answer{code: 200, extra: s.abilities(r.from.side())})
}

// abilities are the headers that say what we can do.
func (s *Server) abilities(sd side) []string {
	return []string{"Allow: " + s.allow(sd), "Supported: " + strings.Join(extensions[:], ", "), "Accept: application/sdp"}
}

// registerPhone hands a REGISTER to the registrar. An answer that let somebody in is
// remembered for repeats; one that did not leaves nothing behind.
func (s *Server) registerPhone(r *request) {
	from := r.from.arrival()
	from.Most = s.mostBytes(r.from, r.draft)
	res := s.reg.register(r.Request, from)
	if res == nil {
		return
	}
	s.met.refused(res.StatusCode)
	b := []byte(res.String())
	if res.StatusCode != 200 {
		s.putShort(answerFlow(r), r.draft, b)
		return
	}
	if r.from.tcp != nil {
		r.from.tcp.vouched.Store(true)
	}
	s.locked("register", func() {
		tx := s.newServerTx(r)
		if tx == nil {
			s.put(answerFlow(r), b)
			return
		}
		tx.last, tx.code, tx.state = b, 200, txCompleted
		s.put(tx.answer, b)
		if tx.answer.reliable() {
			tx.terminate()
			return
		}
		tx.end = s.after(s.times.Life, tx.terminate)
	})
}
