package sip

import (
	"slices"
	"time"

	"go.uber.org/zap"
)

// probeSoon is the pause while an address is in doubt, or down: one that dies is out 7 s after the
// first question that it does not answer, one that comes back is in within 10 s.
const probeSoon = 3 * time.Second

// probeWait is how long an answer may take; RFC 3261's 32 s would call nobody dead in time.
const probeWait = 2 * time.Second

// probe asks every address of the trunk whether it lives (OPTIONS, RFC 3261 §11) and waits for the
// answers. It returns when to ask again.
func (t *trunk) probe() time.Duration {
	answers := make(chan struct{}, maxAddresses)
	asked := 0
	t.s.locked("probe", func() {
		t.asked = time.Now()
		for _, e := range t.ends {
			asked++
			t.ask(e, answers)
		}
	})
	for range asked {
		select {
		case <-answers:
		case <-t.ctx.Done():
			return untilTold
		}
	}
	pause := t.carrier.Options
	t.s.locked("probed", func() {
		if len(t.ends) == 0 || slices.ContainsFunc(t.ends, func(e *end) bool { return e.down || e.bad > 0 }) {
			pause = min(probeSoon, pause)
		}
	})
	return t.s.scaled(pause)
}

// ask sends one question. The lock is held.
func (t *trunk) ask(e *end, answers chan<- struct{}) {
	s := t.s
	decided := false
	decide := func(ok bool) {
		if !decided {
			decided = true
			t.heard(e, ok)
			answers <- struct{}{}
		}
	}
	f, err := s.reach(e.target)
	if err != nil {
		decide(false)
		return
	}
	o := s.outside("OPTIONS", f, "hotline", e.host, "", 1, newToken(), newToken())
	o.extra = append([]string{"Contact: <" + s.contactURI(f) + ">"}, s.abilities(trunkSide)...)
	s.ask(f, o, func(r *response) {
		// 408 and 5xx come from something that cannot take a call; any other refusal from
		// somebody who lives.
		if r.StatusCode >= 200 {
			decide(r.StatusCode != 408 && (r.StatusCode < 500 || r.StatusCode >= 600))
		}
	}, func(int) { decide(false) })
	s.after(s.scaled(probeWait), func() { decide(false) })
}

// heard counts an answer, or the lack of one. The lock is held.
func (t *trunk) heard(e *end, ok bool) {
	was := t.up()
	if ok {
		e.good, e.bad = e.good+1, 0
	} else {
		e.bad, e.good = e.bad+1, 0
	}
	switch {
	case e.down && e.good >= inAfter:
		e.down = false
	case !e.down && e.bad >= outAfter:
		e.down = true
		if t.registered && t.account.at == e.target {
			tell(t.registerNow) // at another of its hosts
		}
	}
	switch now := t.up(); {
	case was && !now:
		t.s.log.Warn("a trunk is down: none of its hosts answers", zap.String("trunk", t.carrier.Name))
	case !was && now:
		t.s.log.Info("a trunk is up again", zap.String("trunk", t.carrier.Name))
	}
}

// doubt has the health of a trunk looked at because it did not take a call. The lock is held.
func (t *trunk) doubt() {
	if t.probed() && time.Since(t.asked) > t.s.scaled(probeWait) {
		tell(t.probeNow)
	}
}
