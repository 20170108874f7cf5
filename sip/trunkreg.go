package sip

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// An account is our registration with a carrier: what the next REGISTER says.
type account struct {
	callID, tag string
	seq         uint32
	place       int // which of the addresses is asked
	fails       int // in a row
	expires     int // seconds, as the carrier wants them; 0: as configured
	at          target
	flow        flow
	count       int // how often the password was asked for in this attempt
}

// The pauses after a REGISTER that failed: they double (RFC 5626 §4.5), and whoever was refused for
// good waits the longest.
const (
	registerSoon   = 4 * time.Second
	registerLatest = 5 * time.Minute
)

// register registers at the first address that takes us and returns when to do it again: well
// before the registration ends, or after a pause.
func (t *trunk) register() time.Duration {
	granted, err := t.registerOnce(t.wanted())
	s := t.s
	unit := s.times.Second
	var was bool
	s.locked("registered", func() {
		was = t.registered
		t.registered = err == nil
		if err == nil {
			t.account.fails = 0
			return
		}
		t.account.fails++
		t.account.place++
	})
	if err == nil {
		if !was {
			s.log.Info("registered with a carrier", zap.String("trunk", t.carrier.Name), zap.Int("expires", granted))
		}
		whole := time.Duration(granted) * unit
		return whole*7/10 + rand.N(whole/10+1)
	}
	if t.ctx.Err() != nil {
		return time.Hour
	}
	if was || t.account.fails == 1 {
		s.log.Warn("not registered with a carrier", zap.String("trunk", t.carrier.Name), zap.Error(err))
	}
	if t.account.fails < len(t.ends) {
		return 0 // another address, at once
	}
	pause := min(registerSoon<<min(t.account.fails, 10), registerLatest)
	return (pause/2 + rand.N(pause/2)) * unit / time.Second
}

// wanted is how long a registration is to last, in seconds.
func (t *trunk) wanted() int {
	if t.account.expires > 0 {
		return t.account.expires
	}
	return int(t.carrier.Register.Expires / time.Second)
}

// unregister takes our contact back, if there is one, and waits a little for the answer.
func (t *trunk) unregister() {
	if t.registered {
		_, _ = t.registerOnce(0) // whoever does not hear it forgets us when it is time
	}
}

// registerOnce asks one address until it takes us, refuses, or is silent. It returns the seconds
// that it granted.
func (t *trunk) registerOnce(expires int) (granted int, err error) {
	result := make(chan error, 1)
	t.s.locked("register out", func() {
		if len(t.ends) == 0 {
			result <- errNoFlow
			return
		}
		a := &t.account
		if a.callID == "" {
			a.callID, a.tag = newToken(), newToken()
		}
		e := t.ends[a.place%len(t.ends)]
		f, err := t.s.reach(e.target)
		if err != nil {
			result <- err
			return
		}
		a.at, a.flow, a.count = e.target, f, 0
		t.sendRegister(expires, "", func(seconds int, err error) {
			granted = seconds
			result <- err
		})
	})
	wait := time.NewTimer(t.s.times.Second * 8)
	defer wait.Stop()
	select {
	case err = <-result:
		return granted, err
	case <-wait.C:
		return 0, fmt.Errorf("no answer from %s", t.account.at.at)
	case <-t.s.ctx.Done():
		return 0, t.s.ctx.Err()
	}
}

// sendRegister sends one REGISTER, and another with the password where that is asked for. The
// lock is held.
func (t *trunk) sendRegister(expires int, authorization string, done func(int, error)) {
	s, a := t.s, &t.account
	a.seq++
	host := t.carrier.To[0].Host
	o := s.outside("REGISTER", a.flow, t.carrier.Register.User, host, t.carrier.Register.User, a.seq, a.callID, a.tag)
	o.target = "sip:" + hostOnly(host)
	contact := strings.Replace(s.contactURI(a.flow), "sip:hotline@", "sip:"+escapeUser(t.carrier.Register.User)+"@", 1)
	o.extra = []string{"Contact: <" + contact + ">", "Expires: " + strconv.Itoa(expires), "Supported: path"}
	if authorization != "" {
		o.extra = append(o.extra, authorization)
	}
	s.ask(a.flow, o, func(r *response) { t.registerAnswered(r, expires, o.target, done) }, func(code int) {
		done(0, fmt.Errorf("REGISTER: %d", code))
	})
}

func (t *trunk) registerAnswered(r *response, expires int, uri string, done func(int, error)) {
	a := &t.account
	switch {
	case r.StatusCode < 200:
	case r.StatusCode < 300:
		granted := expires
		if n := seconds(r.draft.get("Expires")); n > 0 {
			granted = n
		}
		for _, c := range r.draft.list("Contact") {
			if n, err := strconv.Atoi(paramOf(c, "expires")); err == nil && n > 0 && strings.Contains(c, t.s.here(a.flow)) {
				granted = n
			}
		}
		done(granted, nil)
	case (r.StatusCode == 401 || r.StatusCode == 407) && a.count < 2 && r.from.peer.Addr() == a.at.at.Addr():
		a.count++
		challenges, header := challenged(r)
		credentials, ok := t.carrier.Register.answer(challenges, "REGISTER", uri, a.count)
		if !ok {
			done(0, fmt.Errorf("REGISTER: %d without a challenge that the account may answer", r.StatusCode))
			return
		}
		t.sendRegister(expires, header+": "+credentials, done)
	case r.StatusCode == 423:
		if n := seconds(r.draft.get("Min-Expires")); n > a.expires && n <= 24*3600 {
			a.expires = n
		}
		done(0, fmt.Errorf("REGISTER: 423, for %d s it may be", a.expires))
	default:
		done(0, fmt.Errorf("REGISTER: %d", r.StatusCode))
	}
}

// outside begins a request outside all dialogs to a carrier. display "" leaves the name out.
func (s *Server) outside(method string, f flow, fromUser, host, toUser string, seq uint32, callID, tag string) outgoing {
	from := "<sip:" + escapeUser(fromUser) + "@" + s.here(f) + ">;tag=" + tag
	to := "<sip:" + hostOnly(host) + ">"
	if toUser != "" {
		to = "<sip:" + escapeUser(toUser) + "@" + hostOnly(host) + ">"
	}
	if method == "REGISTER" {
		from = to + ";tag=" + tag // an account names itself (RFC 3261 §10.2)
	}
	return outgoing{method: method, target: strings.Trim(to, "<>"), from: from, to: to, callID: callID, seq: seq}
}

// hostOnly is a host for a URI, IPv6 in brackets.
func hostOnly(host string) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return "[" + host + "]"
	}
	return host
}

// hostOf is the host that a request to an address of the trunk names.
func (s *Server) hostOf(_ *trunk, e *end) string { return e.host }
