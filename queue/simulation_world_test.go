package queue

import (
	"time"

	"hotline/call"
)

// talk is what happens when an operator has answered: the two talk, or whoever is to be called back is.
func (s *simulation) talk(id call.ID, operator string) {
	o := s.owners[id]
	if o == nil {
		return
	}
	o.turn++
	o.rings = map[string]int{}
	if !o.callback {
		s.finish(id, operator)
		return
	}
	mine := o.turn
	still := func() bool { return s.owners[id] == o && o.turn == mine }
	s.after(s.about(15*time.Second), func() {
		if !still() {
			return
		}
		if s.one(2) {
			s.send(CallbackReached{id}, still)
		} else {
			s.send(CallbackFailed{id, s.one(6)}, still)
		}
	})
}

// finish lets a talk run and end: by either side, by a transfer, or by an operator who vanishes.
func (s *simulation) finish(id call.ID, operator string) {
	o := s.owners[id]
	if o == nil {
		return
	}
	mine := o.turn
	still := func() bool { return s.owners[id] == o && o.turn == mine }
	later := func(mean time.Duration, ev Event) {
		s.after(s.about(mean), func() {
			if still() {
				s.send(ev, still)
			}
		})
	}
	switch s.pick(12) {
	case 0:
		later(20*time.Second, Held{id, true})
		later(50*time.Second, Held{id, false})
	case 1:
		later(2*time.Second, Reported{id, operator, Busy})
	case 2:
		if s.vanishing {
			later(40*time.Second, Reported{id, operator, Lost})
		}
	case 3:
		later(30*time.Second, Transferred{Call: id})
	case 4:
		to := names[s.pick(len(names))]
		later(20*time.Second, Reserved{to})
		later(40*time.Second, Transferred{id, to})
		s.after(time.Minute, func() { s.tell(Released{to}) })
	case 5:
		later(30*time.Second, WrapUpExtended{operator})
	}
	later(time.Minute, Left{id})
	if s.lost { // the owner's last word: the process sees to it that a call ends
		s.after(5*time.Minute, func() {
			if still() {
				s.tell(Left{id})
			}
		})
	}
}

// consult is a colleague's call with one who was reserved.
func (s *simulation) consult(operator string) {
	s.after(s.about(30*time.Second), func() { s.tell(Released{operator}) })
}

func (s *simulation) register(name string, fresh bool) {
	s.phones[name] = true
	s.send(PhoneChanged{name, true, fresh}, func() bool { return s.phones[name] })
}

// operate is what one operator does now and then.
func (s *simulation) operate(name string) {
	always := func() bool { return true }
	switch s.pick(12) {
	case 0, 1:
		s.tell(Paused{Operator: name, Reason: "lunch", Force: s.one(5)})
		s.after(s.about(time.Minute), func() { s.tell(Resumed{name}) })
	case 2, 3, 4, 5:
		s.tell(Resumed{name})
	case 6:
		s.phones[name] = false
		s.send(PhoneChanged{name, false, false}, always)
		s.after(s.about(time.Minute), func() { s.register(name, true) })
	case 7:
		s.register(name, s.one(4)) // a refresh, mostly
	case 8:
		s.send(OwnCallChanged{name, true}, always)
		s.after(s.about(40*time.Second), func() { s.tell(OwnCallChanged{name, false}) })
	case 9:
		s.tell(WrapUpExtended{name})
	case 10:
		s.tell(Disposed{name, "1"})
	case 11:
		s.tell(Reserved{name})
	}
}

// manage is what the house does now and then.
func (s *simulation) manage() {
	switch s.pick(6) {
	case 0:
		s.tell(s.reload())
	case 1:
		s.tell(OperatorsSet{s.someOperators()})
		s.after(s.about(4*time.Minute), func() { s.tell(OperatorsSet{everybody()}) })
	default:
		name := queues[s.pick(3)]
		s.tell(HoursSet{name, false})
		s.after(s.about(5*time.Minute), func() { s.tell(HoursSet{name, true}) })
	}
}

// breakThings lets happen what is no message that goes astray.
func (s *simulation) breakThings() {
	if s.noise {
		s.every(20*time.Second, func() { s.tell(s.event()) })
	}
	if s.forward {
		s.every(20*time.Minute, func() { s.offset += s.about(3 * time.Minute) })
	}
	if s.back {
		s.every(20*time.Minute, func() {
			s.offset -= s.about(time.Minute)
			s.ledger.back = true // a ticket on its way may say that it arrives later than now
		})
	}
	if s.storeRefuses {
		s.every(15*time.Minute, func() {
			s.journal.refuses = true
			s.after(s.about(4*time.Minute), func() { s.journal.recovers(s.witness) })
		})
	}
	if s.crash {
		s.every(25*time.Minute, s.die)
	}
}

// die ends the process and begins another on the journal.
func (s *simulation) die() {
	s.seen["crash"]++
	lived, ahead := len(s.log), s.witness.now.Sub(s.clock.Add(s.offset))
	back := s.ledger.back
	w, fault := s.journal.restore(s.witness, s.usual, s.clock.Add(s.offset))
	s.witness = w
	s.ledger.back = s.ledger.back || back
	if fault != "" {
		s.object("%s", fault)
		return
	}
	if len(s.log) < lived {
		s.seen["lost end of the journal"]++
	}
	if ahead > 0 {
		s.seen["set back"]++
	}
	s.owners = map[call.ID]*owner{} // with everything that they were about to do
	s.tell(Restarted{})
	for _, t := range s.s.Callbacks() {
		s.owners[t.Call] = &owner{rings: map[string]int{}, callback: true}
	}
	s.tell(RulesSet{Rules: s.usual})
	s.tell(OperatorsSet{everybody()})
	for _, name := range names {
		if s.phones[name] && !s.one(5) {
			s.tell(PhoneChanged{name, true, false})
		}
	}
	s.after(s.about(10*time.Second), func() { s.tell(PhonesTold{}) })
}
