package queue

import "iter"

// Staff is how many operators who fit a caller do what.
type Staff struct {
	Ready, Offered, Talking, Holding, WrapUp, Paused, Unreachable, Offline int
}

// Working is how many of them have come to work: they may pause, but have not left.
func (s Staff) Working() int {
	return s.Ready + s.Offered + s.Talking + s.Holding + s.WrapUp + s.Unreachable
}

func (s *Staff) of(state OperatorState) *int {
	switch state {
	case OperatorReady:
		return &s.Ready
	case OperatorOffered:
		return &s.Offered
	case OperatorTalking:
		return &s.Talking
	case OperatorHolding:
		return &s.Holding
	case OperatorWrapUp:
		return &s.WrapUp
	case OperatorPaused:
		return &s.Paused
	case OperatorUnreachable:
		return &s.Unreachable
	default:
		return &s.Offline
	}
}

// All gives how many there are in each state, in the order of OperatorStates.
func (s Staff) All() iter.Seq2[OperatorState, int] {
	return func(yield func(OperatorState, int) bool) {
		for _, state := range OperatorStates {
			if !yield(state, *s.of(state)) {
				return
			}
		}
	}
}

func (s *Staff) add(t Staff) {
	s.Ready += t.Ready
	s.Offered += t.Offered
	s.Talking += t.Talking
	s.Holding += t.Holding
	s.WrapUp += t.WrapUp
	s.Paused += t.Paused
	s.Unreachable += t.Unreachable
	s.Offline += t.Offline
}

// staff is what the operators are doing who fit the caller.
func (s *State) staff(c *caller) Staff {
	var sum Staff
	d := s.demandOf(c)
	for _, a := range s.abilities {
		if s.fitOf(d, a).ok {
			sum.add(a.staff)
		}
	}
	return sum
}

// count moves an operator in the staff of their ability; an empty state is none.
func (s *State) count(o *operator, state OperatorState) {
	if o.counted == state || o.ability == nil {
		return
	}
	if o.counted != "" {
		*o.ability.staff.of(o.counted)--
	}
	if o.counted = state; state != "" {
		*o.ability.staff.of(state)++
	}
}
