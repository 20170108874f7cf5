package sip

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// A trunk is a carrier as it is now: which of its addresses live, how many calls there are with it.
// The server's lock guards all but what is fixed.
type trunk struct {
	s       *Server
	carrier Carrier
	ctx     context.Context
	stop    context.CancelFunc
	before  *trunk        // whose place this one takes: its registration ends first
	over    chan struct{} // closed when its goroutines have ended

	known  [][]netip.AddrPort // of each host, what was last found; the look-up's own
	misses int                // look-ups that failed, in a row; the look-up's own

	ends       []*end // in the order to be tried
	calls      *tally
	registered bool
	account    account
	asked      time.Time // when its health was last looked at

	probeNow, registerNow chan struct{} // end the pause before the next one
}

// A tally counts the calls there are with a carrier. It outlives a change of its settings.
type tally struct{ in, out int }

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

// room says whether one more call may be had with the carrier, and so many after it.
func (t *trunk) room(reserve int) bool {
	if len(t.carrier.To) == 0 {
		reserve = 0 // help is never called by it
	}
	return t.carrier.Calls == 0 || t.calls.in+t.calls.out+reserve < t.carrier.Calls
}

// setTrunks makes the carriers the set of trunks. One that is the same goes on with what it knows.
func (s *Server) setTrunks(carriers []Carrier) {
	s.mu.Lock()
	old := s.trunks
	s.trunks = make(map[string]*trunk, len(carriers))
	var begun []*trunk
	for _, c := range carriers {
		was := old[c.Name]
		if was != nil && reflect.DeepEqual(was.carrier, c) {
			s.trunks[c.Name] = was
			delete(old, c.Name)
			continue
		}
		t := s.newTrunk(c, was)
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

// newTrunk makes a trunk that begins with what its predecessor knew. The lock is held.
func (s *Server) newTrunk(c Carrier, was *trunk) *trunk {
	t := &trunk{
		s: s, carrier: c, calls: &tally{}, over: make(chan struct{}),
		probeNow: make(chan struct{}, 1), registerNow: make(chan struct{}, 1),
	}
	t.ctx, t.stop = context.WithCancel(s.ctx)
	if was == nil {
		return t
	}
	t.calls = was.calls
	if s.listening {
		t.before = was
	}
	if slices.Equal(was.carrier.To, c.To) {
		t.ends = was.ends
	}
	return t
}

// begin looks after a carrier that takes calls, on goroutines of its own, until the trunk is
// stopped. The registration is taken back at the end.
func (t *trunk) begin() {
	if len(t.carrier.To) == 0 {
		close(t.over)
		return
	}
	t.s.wg.Add(1)
	go func() {
		defer t.s.wg.Done()
		defer close(t.over)
		var tasks sync.WaitGroup
		tasks.Go(func() { t.keep(0, nil, t.lookup) })
		if t.probed() {
			tasks.Go(func() { t.keep(untilTold, t.probeNow, t.probe) })
		}
		if t.carrier.Register.User != "" {
			tasks.Go(func() {
				if t.before != nil {
					<-t.before.over // or its farewell would take our registration back
					t.before = nil
				}
				t.keep(untilTold, t.registerNow, t.register)
			})
		}
		tasks.Wait()
		t.safely(t.unregister)
	}()
}

// untilTold is a pause that only a word ends.
const untilTold = 365 * day

// keep does f again and again until the trunk is stopped, with the pauses that f says. A word on now
// ends a pause.
func (t *trunk) keep(first time.Duration, now <-chan struct{}, f func() time.Duration) {
	pause := time.NewTimer(first)
	defer pause.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-pause.C:
		case <-now:
		}
		pause.Reset(t.safely(f))
	}
}

// safely is f behind recover: a bug in it costs one turn.
func (t *trunk) safely(f func() time.Duration) (pause time.Duration) {
	pause = t.s.scaled(lookupSoon)
	defer t.s.recovered("trunk")
	return f()
}

// scaled is a time of a trunk's life in the unit of the server's seconds, which tests shrink.
func (s *Server) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(s.times.Second) / float64(time.Second))
}

// tell ends the pause that waits for a word.
func tell(now chan struct{}) {
	select {
	case now <- struct{}{}:
	default: // it has been told
	}
}

// lookup brings the addresses up to date; those that stay keep their health. It returns when to look
// again.
func (t *trunk) lookup() time.Duration {
	s := t.s
	found, err := find(t.ctx, s.o.Resolver, t.carrier.To, t.known)
	t.known = found
	s.locked("lookup", func() {
		var ends []*end
		for _, f := range targetsOf(t.carrier.Name, t.carrier.To, found) {
			i := slices.IndexFunc(t.ends, func(e *end) bool { return e.target == f })
			if i >= 0 {
				ends = append(ends, t.ends[i])
				continue
			}
			ends = append(ends, &end{target: f})
			tell(t.probeNow)
		}
		t.ends = ends
		if t.asked.IsZero() {
			tell(t.probeNow)
		}
		if len(ends) > 0 && !slices.ContainsFunc(ends, func(e *end) bool { return e.target == t.account.at }) {
			tell(t.registerNow) // for the first time, or because the host is gone that we were registered at
		}
	})
	s.publishHosts()
	if err == nil {
		t.misses = 0
		return s.scaled(lookupEvery)
	}
	if t.misses++; t.misses == 1 && t.ctx.Err() == nil {
		s.log.Warn("hosts of a carrier are not found; what was known of them stays", zap.String("trunk", t.carrier.Name), zap.Error(err))
	}
	return s.scaled(min(lookupSoon<<min(t.misses-1, 8), lookupEvery))
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
	late := time.NewTimer(s.scaled(2 * time.Second))
	defer late.Stop()
	for _, t := range registered {
		select {
		case <-t.over:
		case <-late.C:
			return
		}
	}
}

// reserve is how many channels a call must leave free, of a carrier and of our sound: an emergency none.
func (s *Server) reserve(emergency bool) int {
	if emergency {
		return 0
	}
	return s.doorway.reserve()
}

// A route is one way out: an address of a trunk.
type route struct {
	trunk *trunk
	end   *end
}

// routes are the ways out for a line, best first: its trunks by priority, at random by weight among
// equals, and of each the addresses that live. Where none lives, all of them are tried: perhaps
// only our question was not answered. A trunk without a channel beyond the reserve is none. The lock
// is held.
func (s *Server) routes(names []string, reserve int) []route {
	able := s.inOrder(func(t *trunk) bool {
		return t.room(reserve) && (len(names) == 0 || slices.Contains(names, t.carrier.Name))
	})
	if living := waysOf(able, true); len(living) > 0 {
		return living
	}
	return waysOf(able, false)
}

// inOrder are the trunks that are wanted of those that calls can leave by, in the order to be tried. The
// lock is held.
func (s *Server) inOrder(wanted func(*trunk) bool) (out []*trunk) {
	for _, t := range s.trunks {
		if len(t.ends) > 0 && wanted(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *trunk) int {
		return cmp.Or(a.carrier.Priority-b.carrier.Priority, cmp.Compare(a.carrier.Name, b.carrier.Name))
	})
	return shuffle(out)
}

// waysOf are the addresses of trunks that live, or those that do not.
func waysOf(trunks []*trunk, living bool) (out []route) {
	for _, t := range trunks {
		for _, e := range t.ends {
			if e.down != living {
				out = append(out, route{t, e})
			}
		}
	}
	return out
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

// A TrunkState is what is known of a carrier now.
type TrunkState struct {
	Name       string
	Asked      bool // whether its health is looked at
	Up         bool // calls may leave by it, as far as we know; one that takes none is never asked and up
	Registers  bool // whether it wants us to
	Registered bool
	In, Out    int // calls there are
	Calls      int // as many as there may be; 0: no limit of its own
	Hosts      []HostState
}

// A HostState is one address of a carrier, in the order to be tried.
type HostState struct {
	Address   netip.AddrPort
	Transport string
	Up        bool
}

// Trunks are the carriers, by name.
func (s *Server) Trunks() (out []TrunkState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, t := range s.trunks {
		state := TrunkState{
			Name: name, Asked: t.probed(), Up: !t.probed() || t.up(), Registers: t.carrier.Register.User != "", Registered: t.registered,
			In: t.calls.in, Out: t.calls.out, Calls: t.carrier.Calls,
		}
		for _, e := range t.ends {
			state.Hosts = append(state.Hosts, HostState{Address: e.at, Transport: e.transport, Up: !e.down})
		}
		out = append(out, state)
	}
	slices.SortFunc(out, func(a, b TrunkState) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// countedIn has a leg counted, in or out of a trunk, until it ends. The lock is held.
func (l *leg) countedIn(n *int) {
	*n++
	l.after = append(l.after, func() { *n-- })
}

// trunkOf is the trunk of a call from a carrier.
func (s *Server) trunkOf(info call.Info) *trunk { return s.trunks[info.Trunk] }
