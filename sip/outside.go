package sip

import (
	"context"
	"errors"
	"net/netip"

	"go.uber.org/zap"

	"hotline/call"
)

// DialOutside rings one telephone by a trunk of the line: the best one that lives and has room, and
// the next where that one cannot take the call (408, 5xx, no word within four seconds, no
// connection). What the other side refuses is refused. The caller id is the line's number. An
// emergency takes every way out there is before it fails; see dialHelp. The error is a
// *call.DialError as of Dial, and Forbidden where the rules let nothing out.
func (s *Server) DialOutside(ctx context.Context, o call.Outside) (call.Leg, error) {
	number, leave, why := s.doorway.admit(o)
	if why != "" {
		s.met.outgoingRefused.WithLabelValues(string(why)).Inc()
		s.log.Warn("a call that may not leave was refused", zap.String("call", string(o.Call)),
			zap.String("operator", o.Operator), zap.String("why", string(why)))
		return nil, &call.DialError{Failure: call.Forbidden, Code: 403}
	}
	o.Emergency = o.Emergency && s.doorway.helps(number) // what is for help is said by the configuration alone
	try := s.dialRoutes
	if o.Emergency {
		try = s.dialHelp
	}
	leg, err := try(ctx, o, number)
	if err != nil {
		leave()
		return nil, err
	}
	s.onEnd(leg, leave)
	return leg, nil
}

// dialRoutes tries one way out after the other.
func (s *Server) dialRoutes(ctx context.Context, o call.Outside, number string) (*leg, error) {
	var ways []route
	s.locked("routes", func() { ways = s.routes(s.trunksOf(o.Line), s.reserve(false)) })
	last := &call.DialError{Failure: call.Unreachable, Code: 503}
	for _, w := range ways {
		leg, err := s.dialRoute(ctx, o, w, number)
		if err == nil {
			return leg, nil
		}
		if !errors.As(err, &last) || ctx.Err() != nil || last.Failure != call.Unreachable || nobodys(last.Code) {
			return nil, err
		}
		s.notTaken(o, w, last.Code)
	}
	return nil, last
}

// notTaken doubts a trunk that did not take a call.
func (s *Server) notTaken(o call.Outside, w route, code int) {
	s.locked("doubt", w.trunk.doubt)
	s.log.Warn("a trunk did not take a call; the next is tried", zap.String("call", string(o.Call)),
		zap.String("trunk", w.trunk.carrier.Name), zap.Int("code", code))
}

// trunksOf are the carriers of a line's calls out; none: all.
func (s *Server) trunksOf(line string) []string {
	if s.o.TrunksOf == nil {
		return nil
	}
	return s.o.TrunksOf(line)
}

// dialRoute rings by one address of one trunk.
func (s *Server) dialRoute(ctx context.Context, o call.Outside, w route, number string) (*leg, error) {
	g := &dialing{s: s, result: make(chan rang, 1), early: o.Early, ringing: o.Ringing, help: o.Emergency}
	var f flow
	err := errNoFlow
	s.locked("route", func() { f, err = s.reach(w.end.target) })
	if err != nil {
		return nil, &call.DialError{Failure: call.Unreachable, Code: 503}
	}
	l := s.newLeg(call.Info{
		Call: o.Call, Role: call.RoleThird, Trunk: w.trunk.carrier.Name, SIPCallID: newToken(), Remote: w.end.at,
	}, f, newToken())
	if _, err := s.soundLeg(l, soundNetworks(w.trunk.carrier, w.end.at.Addr()), s.reserve(o.Emergency)); err != nil {
		return nil, &call.DialError{Failure: call.Unreachable, Code: 503}
	}
	identity := s.addressOutside(l, o, w, number)
	k := &fork{leg: l, acks: make(map[string][]byte), trunk: w.trunk, identity: identity}
	room := false
	s.locked("dial", func() {
		if room = o.Emergency || w.trunk.room(s.reserve(false)); room { // others may have taken it meanwhile
			l.countedIn(&w.trunk.calls.out)
			g.begin([]*fork{k})
		}
	})
	if !room {
		l.sound.Close()
		return nil, &call.DialError{Failure: call.Unreachable, Code: 503}
	}
	leg, err := g.wait(ctx)
	if err != nil {
		s.locked("dial", l.ran)
		return nil, err
	}
	return leg, nil
}

// addressOutside writes who calls whom, and returns the headers that vouch for it. Of the inside of the
// house nothing goes to a carrier.
func (s *Server) addressOutside(l *leg, o call.Outside, w route, number string) (identity []string) {
	plan := s.doorway.plan()
	c := w.trunk.carrier
	to := plan.write(number, c.Numbers)
	if c.Numbers == formAsIs {
		to = o.To.Raw()
	}
	first := s.outside("INVITE", l.flow, plan.write(o.Line, c.Numbers), w.end.host, to, 1, l.callID, l.localTag)
	l.localURI, l.remoteURI = withoutTag(first.from), first.to
	l.target = first.target
	if l.flow.tcp != nil {
		l.target += ";transport=" + l.flow.transport()
	}
	line := l.localURI
	if caller := plan.written(o.Caller, c.Numbers); o.Emergency && caller != "" {
		l.localURI, identity = s.inNeed(l, caller, o.Hidden)
		return append(identity, "Diversion: "+line+";reason=unconditional")
	}
	return []string{"P-Asserted-Identity: " + line} // RFC 3325: the carrier trusts us
}

// soundNetworks are where a trunk's sound may come from besides the address in its description.
func soundNetworks(c Carrier, at netip.Addr) []netip.Prefix {
	switch {
	case len(c.Media) > 0:
		return c.Media
	case len(c.From) > 0:
		return c.From
	}
	return []netip.Prefix{netip.PrefixFrom(at, at.BitLen())}
}

// onEnd runs f when the leg has ended, at once if it has.
func (s *Server) onEnd(l *leg, f func()) {
	now := true
	s.locked("on end", func() {
		if l.phase != legOver {
			l.after = append(l.after, f)
			now = false
		}
	})
	if now {
		f()
	}
}

// ran runs what waits for the leg's end. The lock is held.
func (l *leg) ran() {
	for _, f := range l.after {
		f()
	}
	l.after = nil
}

// plan is how numbers are read now.
func (d *doorway) plan() Numbers {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.numbers
}

// authorize sends the INVITE of a carrier's fork again with the password, if the challenge is one
// that the account may answer, it came from where the INVITE went, and it is the first: no
// challenge in a dialog is ever answered.
func (k *fork) authorize(r *response) bool {
	if k.trunk == nil || k.authorized || k.done || r.from.peer.Addr() != k.leg.flow.peer.Addr() {
		return false
	}
	challenges, header := challenged(r)
	credentials, ok := k.trunk.carrier.Register.answer(challenges, "INVITE", k.leg.target, 1)
	if !ok {
		return false
	}
	k.authorized = true
	k.invite(header + ": " + credentials)
	return true
}
