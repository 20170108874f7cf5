package sip

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"hotline/call"
)

// A dialing is one operator's phones being rung, all contacts at once. The server's lock guards it.
type dialing struct {
	s      *Server
	forks  []*fork
	auto   bool // the telephones are asked to answer by themselves
	help   bool // an emergency: a trunk that keeps it waiting is given up early
	over   bool // decided: an answer that comes now is ended
	result chan rang

	early   func(call.Leg) // told of sound before the answer; nil: nobody listens, or it has been told
	ringing func()         // told that a telephone rings; nil: nobody listens, or it has been told
}

type rang struct {
	leg *leg
	err error
}

// Dial rings all contacts of a user; the first that answers is the leg, the others are
// cancelled, and one that answers late gets ACK and BYE. It returns when one has answered, all
// have refused, or ctx has ended. The error is a *call.DialError: Withdrawn where ctx was
// cancelled, NoAnswer where its deadline passed, Unreachable where no contact said anything
// within four seconds.
func (s *Server) Dial(ctx context.Context, d call.Dial) (call.Leg, error) {
	g := &dialing{s: s, auto: d.AutoAnswer, result: make(chan rang, 1), ringing: d.Ringing}
	forks := s.prepare(d)
	if len(forks) == 0 {
		return nil, &call.DialError{Failure: call.Unreachable}
	}
	s.locked("dial", func() { g.begin(forks) })
	l, err := g.wait(ctx)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// wait returns the leg that has answered, or why there is none.
func (g *dialing) wait(ctx context.Context) (*leg, error) {
	s := g.s
	select {
	case r := <-g.result:
		return r.out()
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	heard, code, reason := false, 0, ""
	if errors.Is(context.Cause(ctx), call.ErrElsewhere) {
		reason = elsewhere
	}
	s.locked("dial", func() { heard, code = g.abandon(reason) })
	select {
	case r := <-g.result: // it was decided in the same instant
		return r.out()
	default:
	}
	failure := call.Withdrawn
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		failure = call.NoAnswer
		if !heard {
			failure = call.Unreachable
		}
	}
	return nil, &call.DialError{Failure: failure, Code: code}
}

func (r rang) out() (*leg, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.leg.jobs.wait() // its sound is connected: what is played from now on is heard whole
	return r.leg, nil
}

// prepare makes a leg with its sound for each contact that can be reached.
func (s *Server) prepare(d call.Dial) (forks []*fork) {
	for _, b := range s.reg.contacts(d.User) {
		f, ok := s.flowTo(b)
		if !ok {
			continue
		}
		l := s.newLeg(call.Info{
			Call: d.Call, Role: call.RoleOperator, User: d.User, SIPCallID: newToken(), Remote: b.Source,
		}, f, newToken())
		if _, err := s.soundLeg(l, nil, s.reserve(false)); err != nil {
			continue
		}
		l.localURI = s.shown(d, f)
		l.remoteURI = "<sip:" + escapeUser(d.User) + "@" + s.here(f) + ">"
		// Whether it wants to know is in its answer; who does not passes an attribute over that it does
		// not know (RFC 8866 §5.13).
		l.record.wants, l.local.Record = d.Record, d.Record
		l.target, l.routes, l.sips = b.Contact, b.Path, isSIPS(b.Contact)
		forks = append(forks, &fork{leg: l, acks: make(map[string][]byte)})
	}
	return forks
}

// shown is the From that an operator's phone displays: language and line as the name, the
// caller's number as the user.
func (s *Server) shown(d call.Dial, f flow) string {
	user := escapeUser(d.From.Raw())
	host := s.here(f)
	if d.Withheld || user == "" {
		user, host = "anonymous", "anonymous.invalid"
	}
	name := strings.NewReplacer(`\`, "", `"`, "").Replace(clean(d.Display))
	address := "<sip:" + user + "@" + host + ">"
	if name == "" {
		return address
	}
	return `"` + name + `" ` + address
}

// escapeUser writes a name or number as the user part of a URI (RFC 3261 §25.1).
func escapeUser(s string) string {
	return strings.NewReplacer("%21", "!", "%2A", "*", "%27", "'", "%28", "(", "%29", ")", "+", "%20", "%2B", "+").
		Replace(url.QueryEscape(s))
}

// begin sends the INVITEs. The lock is held.
func (g *dialing) begin(forks []*fork) {
	g.forks = forks
	for _, k := range forks {
		k.dial = g
		k.leg.sent = offerSDP(k.leg.local)
		k.invite("")
		k.patience = g.s.after(g.patience(), k.giveUp)
	}
}

// giveUp ends a contact that has let us wait for too long.
func (k *fork) giveUp() {
	if !k.done {
		k.refused(408) // first: a contact that is cancelled is no longer waited for
		k.cancel("")
	}
}

// abandon ends all ringing because nobody waits for it any more.
func (g *dialing) abandon(reason string) (heard bool, code int) {
	if g.over {
		return false, 0
	}
	g.over = true
	for _, k := range g.forks {
		heard = heard || k.heard
		code = max(code, k.code)
		k.cancel(reason)
	}
	return heard, code
}

// failure sums up the refusals: busy says more than declined, declined more than unreachable.
// A challenge of a phone is never answered, and a redirection never followed: a phone does not
// choose whom the hotline calls.
func (g *dialing) failure() *call.DialError {
	worst := &call.DialError{Failure: call.Unreachable}
	for _, k := range g.forks {
		worst.Code = k.code
		switch k.code {
		case 486, 600:
			return &call.DialError{Failure: call.Busy, Code: k.code}
		case 408:
			if k.rang && k.trunk != nil { // somebody's telephone, not the way to it, was silent
				worst.Failure = call.NoAnswer
			}
		default:
			if !nobodys(k.code) && (k.code < 500 || k.code >= 600) {
				worst.Failure = call.Declined
			}
		}
	}
	return worst
}

// nobodys says that the one who was called is nowhere, whichever way the call takes.
func nobodys(code int) bool { return code == 404 || code == 410 || code == 604 }
