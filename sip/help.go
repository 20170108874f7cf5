package sip

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// Calls for help: an Outside to an emergency entry of the directory.

// dialHelp calls for help by every way out there is, one after the other, before it fails: those of the
// line first, then whatever other trunk there is, the addresses that live before those that do not, and
// trunks whose channels are all taken last: their count is ours, and a carrier that has none says so
// itself. A trunk that says nothing for three seconds, or 100 alone for ten, is passed over. Unlike other
// calls this one goes on after each refusal, since a carrier may well not know the short numbers of help.
//
// Quirk: some carriers refuse From or P-Asserted-Identity of a number that is not theirs. Those that
// refused are asked once more, for the line's number, where no other has taken the call.
func (s *Server) dialHelp(ctx context.Context, o call.Outside, number string) (*leg, error) {
	var ways []route
	s.locked("routes", func() { ways = s.helpRoutes(s.trunksOf(o.Line)) })
	last := error(&call.DialError{Failure: call.Unreachable, Code: 503})
	var refused []route
	for _, w := range ways {
		leg, err := s.dialRoute(ctx, o, w, number)
		var failed *call.DialError
		switch {
		case err == nil:
			return leg, nil
		case !errors.As(err, &failed) || ctx.Err() != nil:
			return nil, err
		case failed.Failure == call.Declined && o.Caller != "":
			refused = append(refused, w)
		}
		last = err
		s.notTaken(o, w, failed.Code)
	}
	o.Caller = ""
	for _, w := range refused {
		leg, err := s.dialRoute(ctx, o, w, number)
		if err == nil || ctx.Err() != nil {
			return leg, err
		}
		last = err
	}
	return nil, last
}

// helpRoutes are the ways out for an emergency of a line, best first. The lock is held.
func (s *Server) helpRoutes(names []string) (out []route) {
	own := func(t *trunk) bool { return len(names) == 0 || slices.Contains(names, t.carrier.Name) }
	trunks := s.inOrder(func(t *trunk) bool { return own(t) && t.room(0) })
	trunks = append(trunks, s.inOrder(func(t *trunk) bool { return !own(t) && t.room(0) })...)
	full := s.inOrder(func(t *trunk) bool { return !t.room(0) })
	return slices.Concat(waysOf(trunks, true), waysOf(trunks, false), waysOf(full, true), waysOf(full, false))
}

// inNeed is the From, without a tag, of an emergency of somebody with this number, and the headers that
// assert it (RFC 3325 §9.1). One who withholds the number has it go along as Privacy: id asks
// (RFC 3325 §9.3): in P-Asserted-Identity alone, which the carrier takes out for all but those who may
// see it, and that help may is the law; From is anonymous (RFC 3323 §4.1.1.3).
func (s *Server) inNeed(l *leg, caller string, hidden bool) (from string, identity []string) {
	asserted := "<sip:" + escapeUser(caller) + "@" + s.here(l.flow) + ">"
	if !hidden {
		return asserted, []string{"P-Asserted-Identity: " + asserted}
	}
	return `"Anonymous" <sip:anonymous@anonymous.invalid>`, []string{"P-Asserted-Identity: " + asserted, "Privacy: id"}
}

// written is a caller's number as a carrier wants it, empty for what is none: some callers have a name.
func (p Numbers) written(n call.Number, form string) string {
	if full := strings.TrimPrefix(p.E164(n.Raw()), "+"); full == "" || strings.Trim(full, "0123456789") != "" {
		return ""
	}
	return p.write(n.Raw(), form)
}

// patience is how long a contact may say nothing at all.
func (g *dialing) patience() time.Duration {
	if g.help {
		return g.s.times.Help
	}
	return g.s.times.Provisional
}

// hurry gives a carrier that has said no more than that it tries some more time in an emergency: its
// first server lives, but perhaps not what is behind it.
func (k *fork) hurry(code int) {
	if k.dial.help && code == 100 && !k.done {
		k.patience = k.dial.s.after(k.dial.s.times.HelpTrying, k.giveUp)
	}
}
