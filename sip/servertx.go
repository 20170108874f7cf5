package sip

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxTransactions bounds each table of transactions. At 200 calls a second and 32 s of memory
// for INVITE and BYE there are 12,800.
const maxTransactions = 30_000

// A txState is where a transaction is (RFC 3261 §17, RFC 6026 §7).
type txState uint8

const (
	txProceeding txState = iota // no final answer yet (also: Trying, Calling)
	txCompleted                 // final answer, not 2xx; it is repeated or absorbed
	txConfirmed                 // INVITE: the refusal was acknowledged
	txAccepted                  // INVITE: 2xx; the dialog repeats it
	txTerminated
)

// A serverTx is one request of a peer and our answer to it. The server's lock guards it.
type serverTx struct {
	s      *Server
	key    string
	merge  string // key among the merged, for requests that may start a dialog
	req    *request
	answer flow // where answers go
	tag    string
	state  txState
	code   int    // of the final answer, 0: none yet
	last   []byte // the last answer as written
	repeat *repeater
	end    *alarm
	leg    *leg // the leg an INVITE belongs to
}

// serverKey tells transactions apart (RFC 3261 §17.2.3). ACK and CANCEL look for their INVITE.
func serverKey(r *request, method string) string {
	via := r.Via()
	branch, _ := via.Params.Get("branch")
	if rest, ok := strings.CutPrefix(branch, cookie); ok && rest != "" {
		return fmt.Sprintf("%d|%s|%s:%d|%s", r.from.side(), branch, strings.ToLower(via.Host), via.Port, method)
	}
	// A peer of RFC 2543, or one that cannot count: what never changes in a retransmission.
	return fmt.Sprintf("%d|%s|%s|%d|%s:%d|%s|%s", r.from.side(), r.callID, r.ftag, r.seq, strings.ToLower(via.Host), via.Port, branch, method)
}

// mergeKey is the same for copies of one request that came by different ways (RFC 3261 §8.2.2.2).
func mergeKey(r *request) string {
	return fmt.Sprintf("%d|%s|%s|%d|%s", r.from.side(), r.callID, r.ftag, r.seq, r.method)
}

// answerFlow is where answers to r go (RFC 3261 §18.2.2, RFC 3581 §4).
func answerFlow(r *request) flow {
	f := r.from
	if f.udp == nil || f.side() == phoneSide || r.Via().Params.Has("rport") {
		// Quirk: phones behind NAT often do not ask for rport, and are not reached by their Via.
		return f
	}
	if host, err := netip.ParseAddr(strings.Trim(r.Via().Host, "[]")); err == nil && host.Unmap() != f.peer.Addr() {
		// Quirk: the address of the Via is not the one it came from: a NAT is between us, and
		// the port of the Via is not open in it.
		return f
	}
	port := r.Via().Port
	if port == 0 {
		port = 5060
	}
	f.peer = withPort(f.peer, uint16(port))
	return f
}

// newServerTx begins a transaction. It returns nil where the table is full. The lock is held.
func (s *Server) newServerTx(r *request) *serverTx {
	if len(s.serverTxs) >= maxTransactions {
		return nil
	}
	tx := &serverTx{s: s, key: serverKey(r, r.method), req: r, answer: answerFlow(r), tag: newToken()}
	s.serverTxs[tx.key] = tx
	if r.ttag == "" {
		tx.merge = mergeKey(r)
		s.merged[tx.merge] = tx
	}
	return tx
}

// again is a retransmission of the request: the last answer is given once more.
func (tx *serverTx) again() {
	if tx.last != nil && (tx.state == txProceeding || tx.state == txCompleted) {
		tx.s.put(tx.answer, tx.last)
	}
}

// reply gives an answer. After a final one it does nothing.
func (tx *serverTx) reply(a answer) {
	if tx.code != 0 || tx.state != txProceeding {
		return
	}
	a.tag = tx.tag
	tx.last = a.write(tx.req.draft, tx.req.method)
	tx.s.met.refused(a.code)
	tx.turn()
	tx.s.put(tx.answer, tx.last)
	if a.code < 200 {
		return
	}
	tx.code = a.code
	if a.code == 401 {
		tx.unmerge() // Quirk: some phones answer a challenge under the same CSeq
	}
	switch {
	case tx.req.method != "INVITE":
		tx.state = txCompleted
		if tx.answer.reliable() {
			tx.terminate() // nothing is repeated there (timer J is 0)
			return
		}
		tx.end = tx.s.after(tx.s.times.Life, tx.terminate) // timer J
	case a.code < 300:
		tx.state = txAccepted // timer L; the dialog repeats the 2xx
		tx.end = tx.s.after(tx.s.times.Life, tx.terminate)
	default:
		tx.state = txCompleted
		if !tx.answer.reliable() {
			tx.repeat = tx.s.repeat(tx.answer, tx.last, tx.s.times.T2) // timer G
		}
		tx.end = tx.s.after(tx.s.times.Life, tx.terminate) // timer H
	}
}

// acknowledged is the ACK of a refusal.
func (tx *serverTx) acknowledged() {
	if tx.state != txCompleted {
		return
	}
	tx.state = txConfirmed
	tx.repeat.stop()
	tx.end.stop()
	if tx.answer.reliable() {
		tx.terminate()
		return
	}
	tx.end = tx.s.after(tx.s.times.T4, tx.terminate) // timer I
}

// turn finds another way for the answer when the connection of the request is gone: a connection that
// took its place, or with a carrier one that we make to where its Via leads (RFC 3261 §18.2.2).
func (tx *serverTx) turn() {
	f := tx.answer
	if f.tcp == nil || f.alive() {
		return
	}
	s, ok := tx.s, false
	switch carrier := s.carrierAt(f); {
	case f.side() == phoneSide:
		if tx.leg == nil {
			return
		}
		f, ok = tx.leg.otherConnection()
	case carrier != nil:
		if f, ok = s.otherOf(carrier.Name, f); ok {
			break
		}
		via := tx.req.Via()
		port := uint16(5060)
		switch {
		case via.Port > 0 && via.Port <= 65535:
			port = uint16(via.Port)
		case f.transport() == "tls":
			port = 5061
		}
		to := target{transport: f.transport(), at: withPort(f.peer, port), trunk: carrier.Name}
		if to.transport == "tls" {
			to.host = s.proves(carrier.Name, via.Host)
		}
		there, err := s.reach(to)
		f, ok = there, err == nil
	}
	if ok {
		f.witness = tx.answer.witness
		tx.answer = f
	}
}

func (tx *serverTx) terminate() {
	tx.state = txTerminated
	tx.repeat.stop()
	tx.end.stop()
	if tx.s.serverTxs[tx.key] == tx {
		delete(tx.s.serverTxs, tx.key)
	}
	tx.unmerge()
	tx.leg = nil
}

// unmerge lets another request with the same identity in.
func (tx *serverTx) unmerge() {
	if tx.merge != "" && tx.s.merged[tx.merge] == tx {
		delete(tx.s.merged, tx.merge)
	}
}
