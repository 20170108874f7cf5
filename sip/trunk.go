package sip

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// A trunk is a carrier as it is now: which of its addresses live, how many calls there are with it.
// The server's lock guards all but what is fixed.
type trunk struct {
	s       *Server
	carrier Carrier
	stop    context.CancelFunc
	ctx     context.Context
	over    chan struct{} // closed when its goroutines have ended

	ends       []*end // in the order to be tried
	in, out    int    // calls there are
	registered bool
	account    account
}

// An end is one address of a trunk and what is known of its health.
type end struct {
	target
	down      bool
	bad, good int // answers in a row
}

// Health has hysteresis: an address is out after so many failures, and in again after so many
// answers, or a carrier that limps would be taken and left with every packet.
const (
	outAfter = 2
	inAfter  = 3
)

// up says whether calls may go there.
func (t *trunk) up() bool {
	return slices.ContainsFunc(t.ends, func(e *end) bool { return !e.down })
}

// probed says that the trunk's health is looked at.
func (t *trunk) probed() bool { return t.carrier.Options > 0 && len(t.carrier.To) > 0 }

// room says whether one more call may be had with the carrier.
func (t *trunk) room(reserve int) bool {
	return t.carrier.Calls == 0 || t.in+t.out+reserve < t.carrier.Calls
}

// setTrunks makes the carriers the set of trunks. One that is the same goes on with what it knows.
func (s *Server) setTrunks(carriers []Carrier) {
	s.mu.Lock()
	old := s.trunks
	s.trunks = make(map[string]*trunk, len(carriers))
	var begun []*trunk
	for _, c := range carriers {
		if was := old[c.Name]; was != nil && reflect.DeepEqual(was.carrier, c) {
			s.trunks[c.Name] = was
			delete(old, c.Name)
			continue
		}
		t := &trunk{s: s, carrier: c, over: make(chan struct{})}
		t.ctx, t.stop = context.WithCancel(s.ctx)
		if was := old[c.Name]; was != nil {
			t.in, t.out = was.in, was.out
		}
		s.trunks[c.Name] = t
		begun = append(begun, t)
	}
	listening := s.listening
	s.mu.Unlock()
	for _, t := range old {
		t.stop()
	}
	if listening {
		for _, t := range begun {
			t.begin()
		}
	}
	s.publishHosts()
}

// begin looks after a carrier that takes calls, on goroutines of its own.
func (t *trunk) begin() {
	if len(t.carrier.To) == 0 {
		close(t.over)
		return
	}
	t.s.wg.Add(1)
	go func() {
		defer t.s.wg.Done()
		defer close(t.over)
		defer t.s.recovered("trunk")
		t.live()
	}()
}

// live resolves, probes and registers, each when it is due, until the trunk is stopped.
func (t *trunk) live() {
	lookup, probe, register := time.NewTimer(0), time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	defer lookup.Stop()
	defer probe.Stop()
	defer register.Stop()
	first := true
	for {
		select {
		case <-t.ctx.Done():
			t.unregister()
			return
		case <-lookup.C:
			lookup.Reset(t.lookup())
			if first {
				first = false
				probe.Reset(0)
				register.Reset(0)
			}
		case <-probe.C:
			if t.probed() {
				probe.Reset(t.probe())
			}
		case <-register.C:
			if t.carrier.Register.User != "" {
				register.Reset(t.register())
			}
		}
	}
}

// lookup brings the addresses up to date; those that stay keep their health, and where nothing is
// found the last good answer stands. It returns when to look again.
func (t *trunk) lookup() time.Duration {
	found, err := resolve(t.ctx, t.s.o.Resolver, t.carrier.Name, t.carrier.To)
	if err != nil {
		if t.ctx.Err() == nil {
			t.s.log.Warn("a carrier's hosts are not found; those known before stay", zap.String("trunk", t.carrier.Name), zap.Error(err))
		}
		return t.s.times.Second * lookupSoon / time.Second
	}
	t.s.locked("lookup", func() {
		var ends []*end
		for _, f := range found {
			i := slices.IndexFunc(t.ends, func(e *end) bool { return e.target == f })
			if i >= 0 {
				ends = append(ends, t.ends[i])
				continue
			}
			ends = append(ends, &end{target: f})
		}
		t.ends = ends
	})
	t.s.publishHosts()
	return t.s.times.Second * lookupEvery / time.Second
}

// publishHosts tells the gate which addresses belong to carriers besides their networks: those
// that calls and registrations go to.
func (s *Server) publishHosts() {
	known := make(map[netip.Addr]string)
	s.mu.Lock()
	for name, t := range s.trunks {
		for _, e := range t.ends {
			if _, taken := known[e.at.Addr()]; !taken {
				known[e.at.Addr()] = name
			}
		}
	}
	s.mu.Unlock()
	s.hostsOf.Store(&known)
}

// leaveTrunks takes our registrations back, and waits a little for it.
func (s *Server) leaveTrunks() {
	s.mu.Lock()
	var registered []*trunk
	for _, t := range s.trunks {
		t.stop()
		if t.registered {
			registered = append(registered, t)
		}
	}
	s.mu.Unlock()
	late := time.NewTimer(s.times.Second * 2)
	defer late.Stop()
	for _, t := range registered {
		select {
		case <-t.over:
		case <-late.C:
			return
		}
	}
}

// A route is one way out: an address of a trunk.
type route struct {
	trunk *trunk
	end   *end
}

// routes are the ways out for a line, best first: its trunks by priority, at random by weight among
// equals, and of each the addresses that live. Where none lives, all of them are tried: perhaps
// only our question was not answered. The lock is held.
func (s *Server) routes(names []string, emergency bool) (out []route) {
	reserve := 0
	if s.o.Outgoing.hasEmergency() && !emergency {
		reserve = 1 // one channel is always left for help
	}
	var able []*trunk
	for _, t := range s.trunks {
		if len(t.ends) > 0 && t.room(reserve) && (len(names) == 0 || slices.Contains(names, t.carrier.Name)) {
			able = append(able, t)
		}
	}
	slices.SortFunc(able, func(a, b *trunk) int {
		return cmp.Or(a.carrier.Priority-b.carrier.Priority, cmp.Compare(a.carrier.Name, b.carrier.Name))
	})
	able = shuffle(able)
	for _, living := range []bool{true, false} {
		for _, t := range able {
			for _, e := range t.ends {
				if !e.down == living {
					out = append(out, route{t, e})
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// shuffle puts trunks of the same priority in an order by chance and weight.
func shuffle(sorted []*trunk) []*trunk {
	var out []*trunk
	for left := slices.Clone(sorted); len(left) > 0; {
		same, sum := 0, 0
		for same < len(left) && left[same].carrier.Priority == left[0].carrier.Priority {
			sum += max(1, left[same].carrier.Weight)
			same++
		}
		i := weighted(same, 1+rand.IntN(sum), func(i int) int { return max(1, left[i].carrier.Weight) })
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// TrunksUp counts the trunks whose health is looked at, and those of them that are up.
func (s *Server) TrunksUp() (up, probed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.trunks {
		if t.probed() {
			probed++
			if t.up() {
				up++
			}
		}
	}
	return up, probed
}

// trunkViews are what the series of trunks show, by name.
func (s *Server) trunkViews() (out []trunkView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, t := range s.trunks {
		out = append(out, trunkView{
			name: name, up: !t.probed() || t.up(), registers: t.carrier.Register.User != "", registered: t.registered, in: t.in, out: t.out,
		})
	}
	slices.SortFunc(out, func(a, b trunkView) int { return cmp.Compare(a.name, b.name) })
	return out
}

type trunkView struct {
	name                      string
	up, registers, registered bool
	in, out                   int
}

// counts has a leg counted as a call with a trunk until it ends. The lock is held.
func (t *trunk) counts(l *leg, outgoing bool) {
	n := &t.in
	if outgoing {
		n = &t.out
	}
	*n++
	l.after = append(l.after, func() { *n-- })
}

// trunkOf is the trunk of a call from a carrier.
func (s *Server) trunkOf(info call.Info) *trunk { return s.trunks[info.Trunk] }
