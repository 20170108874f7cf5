package sip

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// An account is our registration with a carrier: what the next REGISTER says. It belongs to the
// goroutine that registers, but for what is under the lock.
type account struct {
	callID, tag string
	seq         uint32
	place       int // which of the addresses is asked
	fails       int // in a row
	expires     int // seconds, as the carrier wants them; 0: as configured
	at          target
	flow        flow
	count       int  // how often the password was asked for in this attempt
	told        bool // what the carrier wants expires to be, in this attempt
}

// The pauses after a REGISTER that failed double (RFC 5626 §4.5); after one that was refused for good,
// by a wrong password most likely, the longest is made at once, or the carrier locks us out.
const (
	registerLeast  = 60 // seconds; 0 would take the registration back
	registerSoon   = 4 * time.Second
	registerLatest = 5 * time.Minute
	registerWait   = 8 * time.Second // for the answer of one address
)

// A registering is what became of a REGISTER.
type registering struct {
	seconds int
	err     error
	final   bool // another try would end the same way
}

// register registers at the first address that takes us and returns when to do it again: at 80 % of
// the time granted less some chance, or after a pause.
func (t *trunk) register() time.Duration {
	s, a := t.s, &t.account
	before := a.at
	r := t.registerOnce(t.wanted())
	var was, gone bool
	var hosts int
	s.locked("registered", func() {
		was, hosts, gone = t.registered, len(t.ends), !a.flow.alive()
		t.registered = r.err == nil
	})
	if t.ctx.Err() != nil {
		return untilTold
	}
	if r.err == nil {
		a.fails = 0
		if !was || before != a.at {
			s.log.Info("registered with a carrier", zap.String("trunk", t.carrier.Name), zap.Stringer("remote", a.at.at), zap.Int("expires", r.seconds))
		}
		if gone {
			return t.again()
		}
		return s.scaled(refresh(time.Duration(r.seconds) * time.Second))
	}
	a.fails++
	a.place++
	if was || a.fails == 1 {
		s.log.Warn("not registered with a carrier", zap.String("trunk", t.carrier.Name), zap.Stringer("remote", a.at.at), zap.Error(r.err))
	}
	switch {
	case r.final:
		return s.scaled(registerLatest)
	case a.fails < hosts:
		return 0 // another address, at once
	}
	pause := s.scaled(min(registerSoon<<min(a.fails-1, 10), registerLatest))
	return pause/2 + rand.N(pause/2+1)
}

// again is the pause before we register anew because the connection is gone that we registered by: the
// carrier may know no other way to us (RFC 5626 §4.5). One that closes each connection gets no more
// REGISTERs by it than one that refuses them.
func (t *trunk) again() time.Duration {
	pause := t.s.scaled(registerSoon)
	return pause/2 + rand.N(pause/2+1)
}

// refresh is when a registration is renewed: at 80 % of its time less some chance, so that trunks
// that began together do not ask together.
func refresh(granted time.Duration) time.Duration {
	return granted*7/10 + rand.N(granted/10+1)
}

// wanted is how long a registration is to last, in seconds.
func (t *trunk) wanted() (expires int) {
	t.s.locked("wanted", func() { expires = t.account.expires })
	if expires > 0 {
		return expires
	}
	return max(registerLeast, int(t.carrier.Register.Expires/time.Second))
}

// unregister takes our contact back, if there is one, and waits a little for the answer: whoever does
// not hear it forgets us when it is time.
func (t *trunk) unregister() time.Duration {
	if t.registered {
		t.registerOnce(0)
		t.s.locked("unregistered", func() { t.registered = false })
	}
	return 0
}

// place is the address that is asked: of those that live the next, else the next of all. The lock is
// held.
func (t *trunk) place() *end {
	n := len(t.ends)
	for i := range n {
		if e := t.ends[(t.account.place+i)%n]; !e.down {
			return e
		}
	}
	return t.ends[t.account.place%n]
}

// registerOnce asks one address until it takes us, refuses, or is silent.
func (t *trunk) registerOnce(expires int) registering {
	s, a := t.s, &t.account
	result := make(chan registering, 1)
	s.locked("register out", func() {
		if len(t.ends) == 0 {
			result <- registering{err: errNoFlow}
			return
		}
		if a.callID == "" {
			a.callID, a.tag = newToken(), newToken()
		}
		e := t.place()
		if expires == 0 {
			e = &end{target: a.at} // where it is to be taken back
		}
		f, err := s.reach(e.target)
		a.at = e.target
		if err != nil {
			result <- registering{err: err}
			return
		}
		a.flow, a.count, a.told = f, 0, false
		t.sendRegister(expires, "", func(r registering) { result <- r })
	})
	wait := time.NewTimer(s.scaled(registerWait))
	defer wait.Stop()
	select {
	case r := <-result:
		return r
	case <-wait.C:
		return registering{err: errors.New("no answer")}
	case <-s.ctx.Done():
		return registering{err: s.ctx.Err()}
	}
}

// sendRegister sends one REGISTER, and another with the password where that is asked for. The
// lock is held.
func (t *trunk) sendRegister(expires int, authorization string, done func(registering)) {
	s, a, user := t.s, &t.account, t.carrier.Register.User
	a.seq++
	o := s.outside("REGISTER", a.flow, user, a.at.host, user, a.seq, a.callID, a.tag)
	o.target = "sip:" + hostOnly(a.at.host)
	contact := strings.Replace(s.contactURI(a.flow), "sip:hotline@", "sip:"+escapeUser(user)+"@", 1)
	o.extra = []string{"Contact: <" + contact + ">", "Expires: " + strconv.Itoa(expires)}
	if authorization != "" {
		o.extra = append(o.extra, authorization)
	}
	s.ask(a.flow, o, func(r *response) { t.registerAnswered(r, expires, o, done) }, func(code int) {
		done(registering{err: fmt.Errorf("REGISTER: %d", code)})
	})
}

// registerAnswered takes the carrier's word. A late one, of an attempt that was given up, is about
// another request than the last and counts for nothing. The lock is held.
func (t *trunk) registerAnswered(r *response, expires int, o outgoing, done func(registering)) {
	a := &t.account
	if r.StatusCode < 200 || o.seq != a.seq {
		return
	}
	refused := registering{err: fmt.Errorf("REGISTER: %d", r.StatusCode)}
	switch {
	case r.StatusCode < 300:
		refused = registering{seconds: t.granted(r, expires)}
	case r.StatusCode == 401 || r.StatusCode == 407:
		challenges, header := challenged(r)
		credentials, ok := "", false
		if a.count < 2 && r.from.peer.Addr() == a.at.at.Addr() {
			a.count++
			credentials, ok = t.carrier.Register.answer(challenges, "REGISTER", o.target, a.count)
		}
		if ok {
			t.sendRegister(expires, header+": "+credentials, done)
			return
		}
		refused.err, refused.final = fmt.Errorf("REGISTER: %d, and nothing in it that the account may answer", r.StatusCode), true
	case r.StatusCode == 423 && !a.told && expires > 0:
		if n := seconds(r.draft.get("Min-Expires")); n > expires && n <= 24*3600 {
			a.told, a.expires = true, n
			t.sendRegister(n, "", done)
			return
		}
	case r.StatusCode < 500 && r.StatusCode != 408, r.StatusCode >= 600:
		refused.final = true
	}
	done(refused)
}

// granted is how long a registration lasts, in seconds: our contact's own time before that of all.
func (t *trunk) granted(r *response, expires int) int {
	granted := expires
	if n := seconds(r.draft.get("Expires")); n > 0 {
		granted = n
	}
	for _, c := range r.draft.list("Contact") {
		if n, err := strconv.Atoi(paramOf(c, "expires")); err == nil && n > 0 && strings.Contains(c, t.s.here(t.account.flow)) {
			granted = n
		}
	}
	return granted
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
