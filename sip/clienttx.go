package sip

// A clientTx is one request of ours (RFC 3261 §17.1, RFC 6026 §7.2). The server's lock guards it.
type clientTx struct {
	s      *Server
	key    string
	req    outgoing
	bytes  []byte
	flow   flow
	invite bool
	state  txState
	heard  bool // a provisional came
	ack    []byte
	repeat *repeater
	end    *alarm

	// answered is called for each provisional and each final answer; for an INVITE also for
	// each further 2xx (a repeat, or another fork). failed is called once instead of a final
	// answer: 408 nobody answered, 503 the message could not be sent. Both run under the lock.
	answered func(*response)
	failed   func(code int)
}

// ask sends o and begins a client transaction. o.via is filled in here. The lock is held; if
// the message cannot be sent, failed is called soon, not from within.
func (s *Server) ask(f flow, o outgoing, answered func(*response), failed func(int)) *clientTx {
	branch := cookie + newToken()
	o.via = s.via(f, branch)
	tx := &clientTx{
		s: s, key: branch + "|" + o.method, req: o, bytes: o.write(), flow: f,
		invite: o.method == "INVITE", answered: answered, failed: failed,
	}
	tx.begin()
	return tx
}

// askCancel sends the CANCEL that belongs to an INVITE (RFC 3261 §9.1): same branch.
func (s *Server) askCancel(invite *clientTx, reason string) {
	o := invite.req.also("CANCEL", invite.req.to)
	o.extra = reasonOf(reason)
	branch := invite.key[:len(invite.key)-len("|INVITE")]
	tx := &clientTx{
		s: s, key: branch + "|CANCEL", req: o, bytes: o.write(), flow: invite.flow,
		answered: func(*response) {}, failed: func(int) {},
	}
	tx.begin()
	// If the peer forgets the INVITE instead of ending it, we end it ourselves.
	invite.end.stop()
	invite.end = s.after(s.times.Life, invite.timedOut)
}

// begin sends the request for the first time.
func (tx *clientTx) begin() {
	s := tx.s
	if len(s.clientTxs) >= maxTransactions || !tx.flow.alive() {
		tx.end = s.after(0, func() { tx.fail(503) })
		return
	}
	s.clientTxs[tx.key] = tx
	if err := tx.flow.send(tx.bytes); err != nil {
		tx.end = s.after(0, func() { tx.fail(503) })
		return
	}
	if !tx.flow.reliable() {
		most := s.times.T2 // timer E
		if tx.invite {
			most = 0 // timer A
		}
		tx.repeat = s.repeat(tx.flow, tx.bytes, most)
	}
	tx.end = s.after(s.times.Life, tx.timedOut) // timers B, F
}

// response is an answer of the peer.
func (tx *clientTx) response(r *response) {
	r.from.witness = tx.flow.witness
	tx.flow.witness.heard(r.from, r.draft)
	if tx.state == txTerminated {
		return
	}
	if r.StatusCode < 200 {
		if tx.state == txProceeding {
			tx.provisional(r)
		}
		return
	}
	if tx.invite {
		tx.inviteFinal(r)
		return
	}
	if tx.state != txProceeding {
		return
	}
	tx.finish(txCompleted)
	if tx.flow.reliable() {
		tx.terminate()
	} else {
		tx.end = tx.s.after(tx.s.times.T4, tx.terminate) // timer K
	}
	tx.answered(r)
}

func (tx *clientTx) provisional(r *response) {
	if tx.invite && !tx.heard {
		// Timer B ends with the first provisional; how long it may ring is the dialler's decision.
		tx.repeat.stop()
		tx.end.stop()
	}
	tx.heard = true
	tx.answered(r)
}

// inviteFinal is a final answer to an INVITE, the first or a repeated one.
func (tx *clientTx) inviteFinal(r *response) {
	success := r.StatusCode < 300
	switch tx.state {
	case txProceeding:
		if success {
			tx.finish(txAccepted)
			tx.end = tx.s.after(tx.s.times.Life, tx.terminate) // timer M
			tx.answered(r)
			return
		}
		tx.finish(txCompleted)
		tx.ack = tx.req.also("ACK", r.draft.get("To")).write()
		tx.s.put(tx.flow, tx.ack)
		if tx.flow.reliable() {
			tx.terminate()
		} else {
			tx.end = tx.s.after(tx.s.times.Life, tx.terminate) // timer D
		}
		tx.answered(r)
	case txCompleted:
		if !success {
			tx.s.put(tx.flow, tx.ack)
		}
	case txAccepted:
		if success {
			tx.answered(r)
		}
	}
}

// finish stops the timers of the request.
func (tx *clientTx) finish(state txState) {
	tx.state = state
	tx.repeat.stop()
	tx.end.stop()
}

func (tx *clientTx) timedOut() { tx.fail(408) }

func (tx *clientTx) fail(code int) {
	if tx.state != txProceeding {
		return
	}
	tx.terminate()
	tx.failed(code)
}

func (tx *clientTx) terminate() {
	tx.finish(txTerminated)
	if tx.s.clientTxs[tx.key] == tx {
		delete(tx.s.clientTxs, tx.key)
	}
}
