package queue

import (
	"slices"
	"strings"
	"time"
)

// accountOperator applies an event of operators to the books.
func (w *witness) accountOperator(ev Event) {
	switch ev := ev.(type) {
	case OperatorsSet:
		w.setOperators(ev.Operators)
	case PhoneChanged:
		w.phone(ev)
	case Paused:
		w.known(ev.Operator, func(o *seenOp) { w.pause(o, ev) })
	case Resumed:
		w.known(ev.Operator, func(o *seenOp) {
			o.paused, o.reason = false, ""
			w.signOn(o)
			o.silent, o.wrap, o.rest, o.extend, o.inRow = false, time.Time{}, time.Time{}, 0, 0
			w.review(o, WhyResumed)
		})
	case WrapUpExtended:
		w.known(ev.Operator, w.extend)
	case Disposed:
		w.known(ev.Operator, func(o *seenOp) {
			if o.last == "" {
				w.expect(Refused{ErrNoCall})
			} else {
				w.expect(Disposition{o.last, o.Name, ev.Topic})
			}
		})
	case OwnCallChanged:
		o := w.op(ev.Operator)
		switch {
		case o == nil:
		case ev.On:
			o.own++
			w.review(o, WhyOwnCall)
		case o.own > 0:
			o.own--
			w.review(o, WhyOwnCallEnded)
		}
	case Reserved:
		o := w.op(ev.Operator)
		stood := o != nil && !o.gone && !o.Disabled && o.registered && o.call == nil && !o.engaged() && o.quiet.IsZero()
		if stood {
			o.reserved = true
			w.review(o, WhyReserved)
		}
		w.expect(Replied{Operator: ev.Operator, Stood: stood})
	case Released:
		if o := w.op(ev.Operator); o != nil && o.reserved {
			o.reserved = false
			w.review(o, WhyReleased)
		}
	case PhonesTold:
		for _, o := range slices.Clone(w.ops) {
			if !o.registered {
				o.ready = false
				w.review(o, WhyUnregistered)
			}
		}
	}
}

// known does something with an operator who is one.
func (w *witness) known(name string, do func(*seenOp)) {
	if o := w.op(name); o == nil || o.gone {
		w.expect(Refused{ErrNoOperator})
	} else {
		do(o)
	}
}

// signOn lets somebody come to work: with the talk of whoever has talked least.
func (w *witness) signOn(o *seenOp) {
	if o.ready {
		return
	}
	o.ready, o.inRow, o.talked = true, 0, 0
	least := time.Duration(-1)
	for _, other := range w.ops {
		if other != o && other.ready && (least < 0 || other.talked < least) {
			least = other.talked
		}
	}
	o.talked = max(0, least)
}

func (w *witness) readyOnRegister(o *seenOp) bool {
	for _, r := range w.rules {
		if r.ReadyOnRegister && !r.retired && (len(o.Queues) == 0 || slices.Contains(o.Queues, r.Name)) {
			return true
		}
	}
	return false
}

func (w *witness) phone(ev PhoneChanged) {
	w.phones[ev.Operator] = ev.Registered
	o := w.op(ev.Operator)
	if o == nil {
		return
	}
	o.registered = ev.Registered
	why := WhyRegistered
	if !ev.Registered {
		why, o.ready = WhyUnregistered, false
	} else if ev.Fresh {
		if w.readyOnRegister(o) {
			w.signOn(o)
		}
		if o.silent {
			o.silent, o.rest = false, time.Time{}
		}
	}
	w.review(o, why)
}

func (w *witness) pause(o *seenOp, ev Paused) {
	var warnings []Command
	for _, cover := range w.house.Cover {
		speak := 0
		for _, x := range w.ops {
			if x.atWork() && (cover.Language == "" || x.knows(string(cover.Language)) > 0) {
				speak++
			}
		}
		mine := cover.Language == "" || o.knows(string(cover.Language)) > 0
		if left := speak - 1; mine && o.atWork() && !ev.Force && left < cover.Operators {
			warnings = append(warnings, Uncovered{o.Name, cover.Language, left, cover.Operators})
		}
	}
	if w.house.Refuse && len(warnings) > 0 {
		w.expect(Refused{ErrCover})
		return
	}
	w.want = append(w.want, warnings...)
	o.paused, o.reason = true, ev.Reason
	w.review(o, WhyPaused)
}

// extend gives another wrap-up's time: of the queue of the last call, or a minute where it has none;
// never further than a quarter of an hour from now, and never to an earlier time.
func (w *witness) extend(o *seenOp) {
	one := func(r *seenRules) time.Duration {
		if r.WrapUp > 0 {
			return r.WrapUp
		}
		return time.Minute
	}
	switch {
	case o.talking():
		if time.Duration(o.extend+1)*one(o.call.r) < 15*time.Minute {
			o.extend++
		}
		w.expect(WrapUpMoved{Operator: o.Name})
	case o.wrap.IsZero():
		w.expect(Refused{ErrNoWrapUp})
	default:
		until := o.wrap.Add(one(o.lastRules))
		if most := w.now.Add(15 * time.Minute); until.After(most) {
			until = most
		}
		if until.Before(o.wrap) {
			until = o.wrap
		}
		o.wrap = until
		w.expect(WrapUpMoved{o.Name, until})
	}
}

func (w *witness) setOperators(list []Operator) {
	var unique []Operator
	for _, l := range list {
		if !slices.ContainsFunc(unique, func(u Operator) bool { return u.Name == l.Name }) {
			unique = append(unique, l)
		}
	}
	slices.SortFunc(unique, func(a, b Operator) int { return strings.Compare(a.Name, b.Name) })
	for _, o := range slices.Clone(w.ops) {
		if !slices.ContainsFunc(unique, func(u Operator) bool { return u.Name == o.Name }) {
			o.gone = true
			w.review(o, WhyRemoved)
		}
	}
	for _, l := range unique {
		o := w.op(l.Name)
		if o == nil {
			o = &seenOp{state: OperatorOffline, Operator: Operator{Name: l.Name, Disabled: true}}
			w.ops = append(w.ops, o)
			slices.SortFunc(w.ops, func(a, b *seenOp) int { return strings.Compare(a.Name, b.Name) })
		}
		out := o.Disabled || o.gone
		o.Operator, o.gone, o.registered = l, false, w.phones[l.Name]
		if l.Disabled || out {
			o.ready = false
		}
		if out && !l.Disabled && o.registered && w.readyOnRegister(o) {
			w.signOn(o)
		}
		w.review(o, WhyEdited)
	}
}
