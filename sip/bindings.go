package sip

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// maxBindings is how many contacts one user may have: a desk phone, a softphone, one more. A
// fourth pushes out the one not heard of for longest (attack 7: registrations that pile up).
const maxBindings = 3

// Bindings remembers registrations over a restart. Load is called once, before a listener
// opens. A failing Save or Remove costs no phone its registration: it is told in the log.
type Bindings interface {
	Load() ([]call.Binding, error)
	Save(call.Binding) error
	Remove(user, contact string) error
}

// A reach is whether requests can be sent to a binding.
type reach uint8

const (
	reached  reach = iota
	restored       // TCP or TLS, loaded at start: its connection died with the last process
	lost           // TCP or TLS, its connection went away
)

// A bound is one binding as we keep it.
type bound struct {
	call.Binding
	key   string    // of the Contact, see contactKey
	heard time.Time // of the last REGISTER
	reach reach
}

// A change is a user who became registered or ceased to be.
type change struct {
	user              string
	registered, fresh bool
}

// A bindingTable is who is registered where. It is safe for use by many goroutines and does no
// I/O under its lock.
type bindingTable struct {
	mu      sync.RWMutex
	users   map[string][]*bound
	sources map[netip.AddrPort][]string   // who is reached at it; a socket may serve several users
	hosts   map[netip.Addr]int            // how many sources there are at an address
	proxies map[netip.Addr]map[string]int // who is reached through a proxy there, whatever its port, by how many contacts
	live    int                           // users with at least one contact that can be reached
}

func newBindingTable() *bindingTable {
	return &bindingTable{users: map[string][]*bound{}, sources: map[netip.AddrPort][]string{}, hosts: map[netip.Addr]int{}, proxies: map[netip.Addr]map[string]int{}}
}

// edit replaces the bindings of one user by what f makes of them, and says what that changed.
// f may change the slice in place; it must not touch the bound values it was given.
func (t *bindingTable) edit(user string, f func([]*bound) []*bound) []change {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.users[user]
	t.unindex(user, before)
	after := f(slices.Clone(before))
	t.index(user, after)
	if len(after) == 0 {
		delete(t.users, user)
	} else {
		t.users[user] = after
	}

	was, is := anyReached(before), anyReached(after)
	switch {
	case is && !was:
		t.live++
		// A phone that only found its way back after our restart was registered all along.
		fresh := !slices.ContainsFunc(before, func(b *bound) bool { return b.reach == restored })
		return []change{{user, true, fresh}}
	case was && !is:
		t.live--
		return []change{{user, false, false}}
	}
	return nil
}

func anyReached(bs []*bound) bool {
	return slices.ContainsFunc(bs, func(b *bound) bool { return b.reach == reached })
}

func (t *bindingTable) index(user string, bs []*bound) {
	for _, b := range bs {
		if b.reach == reached && len(b.Path) > 0 {
			t.behindProxy(b.Source.Addr(), user, 1)
		}
		if b.reach == reached && !slices.Contains(t.sources[b.Source], user) {
			if len(t.sources[b.Source]) == 0 {
				t.hosts[b.Source.Addr()]++
			}
			t.sources[b.Source] = append(t.sources[b.Source], user)
		}
	}
}

func (t *bindingTable) unindex(user string, bs []*bound) {
	for _, b := range bs {
		if b.reach == reached && len(b.Path) > 0 {
			t.behindProxy(b.Source.Addr(), user, -1)
		}
		if len(t.sources[b.Source]) == 0 {
			continue
		}
		left := slices.DeleteFunc(t.sources[b.Source], func(u string) bool { return u == user })
		if len(left) == 0 {
			delete(t.sources, b.Source)
			if t.hosts[b.Source.Addr()]--; t.hosts[b.Source.Addr()] <= 0 {
				delete(t.hosts, b.Source.Addr())
			}
		} else {
			t.sources[b.Source] = left
		}
	}
}

// behindProxy counts contacts of a user that are reached through a proxy.
func (t *bindingTable) behindProxy(proxy netip.Addr, user string, n int) {
	users := t.proxies[proxy]
	if users == nil {
		users = make(map[string]int)
		t.proxies[proxy] = users
	}
	if users[user] += n; users[user] <= 0 {
		delete(users, user)
	}
	if len(users) == 0 {
		delete(t.proxies, proxy)
	}
}

// of is the bindings of a user, in the order they were made.
func (t *bindingTable) of(user string) []*bound {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.users[user])
}

// names is all users with a binding, sorted.
func (t *bindingTable) names() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Sorted(maps.Keys(t.users))
}

// load reads the bindings of the last process. UDP phones ring again without a new REGISTER;
// TCP ones have to come back first.
func (r *registrar) load() error {
	saved, err := r.bindings.Load()
	if err != nil {
		return fmt.Errorf("load registrations: %w", err)
	}
	now := r.now()
	slices.SortStableFunc(saved, func(a, b call.Binding) int { return a.Since.Compare(b.Since) })
	var drop []call.Binding
	for _, s := range saved {
		key, err := contactKey(s.Contact)
		if err != nil || !s.Expires.After(now) {
			drop = append(drop, s)
			continue
		}
		b := &bound{Binding: s, key: key, heard: s.Since}
		if s.Transport != "udp" && len(s.Path) == 0 {
			b.reach = restored
		}
		r.table.edit(s.User, func(bs []*bound) []*bound {
			bs = append(bs, b)
			if len(bs) > maxBindings {
				drop = append(drop, bs[0].Binding)
				bs = bs[1:]
			}
			return bs
		})
	}
	for _, d := range drop {
		r.forget(d)
	}
	for _, user := range r.table.names() {
		if anyReached(r.table.of(user)) {
			r.onChange(user, true, false)
		}
	}
	return nil
}

// contacts is where a user can be reached now, first registered first.
func (r *registrar) contacts(user string) []call.Binding {
	now := r.now()
	var out []call.Binding
	for _, b := range r.table.of(user) {
		if b.reach == reached && b.Expires.After(now) {
			out = append(out, b.Binding)
		}
	}
	return out
}

// bySource says whose registration came from an address, or through a proxy at it, which connects
// to us as it likes. Where several users share it, as the accounts of one softphone do, it is one
// of them: enough for the gate, not for identity.
func (r *registrar) bySource(source netip.AddrPort) (user string, ok bool) {
	source = unmap(source)
	r.table.mu.RLock()
	defer r.table.mu.RUnlock()
	if users := r.table.sources[source]; len(users) > 0 {
		return users[0], true
	}
	for user := range r.table.proxies[source.Addr()] {
		return user, true
	}
	return "", false
}

// usersAt is how many users are reached at an address and port, or through a proxy at that address.
func (r *registrar) usersAt(source netip.AddrPort) int {
	r.table.mu.RLock()
	defer r.table.mu.RUnlock()
	return max(len(r.table.sources[source]), len(r.table.proxies[source.Addr()]))
}

// registeredAt says whether any user is reached at an address, whatever the port.
func (r *registrar) registeredAt(a netip.Addr) bool {
	r.table.mu.RLock()
	defer r.table.mu.RUnlock()
	return r.table.hosts[a] > 0
}

// at says whether a user has a telephone at an address, whatever the port.
func (r *registrar) at(user string, a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(r.table.of(user), func(b *bound) bool { return b.Source.Addr() == a })
}

// all is every contact that can be reached, sorted by user: what is to be kept awake in NATs.
func (r *registrar) all() []call.Binding {
	var out []call.Binding
	for _, user := range r.table.names() {
		out = append(out, r.contacts(user)...)
	}
	return out
}

// count is how many users are registered and can be reached.
func (r *registrar) count() int {
	r.table.mu.RLock()
	defer r.table.mu.RUnlock()
	return r.table.live
}

// expire ends the bindings whose time is over. Call it at least once a second.
func (r *registrar) expire(now time.Time) {
	r.change.Lock()
	defer r.change.Unlock()
	for _, user := range r.table.names() {
		r.drop(user, func(b *bound) bool { return !b.Expires.After(now) })
	}
}

// connectionGone says that a connection ended. What was registered over it cannot be reached
// any more: dialling out to the phone's own port would lead nowhere, or to somebody else.
func (r *registrar) connectionGone(transport string, source netip.AddrPort) {
	if strings.EqualFold(transport, "udp") {
		return
	}
	source = unmap(source)
	r.change.Lock()
	defer r.change.Unlock()
	r.table.mu.RLock()
	users := slices.Clone(r.table.sources[source])
	r.table.mu.RUnlock()
	for _, user := range users {
		r.tell(r.table.edit(user, func(bs []*bound) []*bound {
			for i, b := range bs {
				if b.Source == source && strings.EqualFold(b.Transport, transport) && b.reach == reached && len(b.Path) == 0 {
					gone := *b
					gone.reach = lost
					bs[i] = &gone
				}
			}
			return bs
		}))
	}
}

// drop takes the bindings away that match, from the table, the store and, where it was the last
// that could be reached, from whoever wants to know. The caller holds r.change.
func (r *registrar) drop(user string, match func(*bound) bool) {
	if !slices.ContainsFunc(r.table.of(user), match) {
		return
	}
	var gone []call.Binding
	changes := r.table.edit(user, func(bs []*bound) []*bound {
		return slices.DeleteFunc(bs, func(b *bound) bool {
			if match(b) {
				gone = append(gone, b.Binding)
				return true
			}
			return false
		})
	})
	for _, b := range gone {
		r.forget(b)
	}
	r.tell(changes)
}

func (r *registrar) forget(b call.Binding) {
	if err := r.bindings.Remove(b.User, b.Contact); err != nil {
		r.log.Warn("registration not removed from the store", zap.Error(err))
	}
}

func (r *registrar) save(b call.Binding) {
	if err := r.bindings.Save(b); err != nil {
		r.log.Warn("registration not saved: it will not outlive a restart", zap.Error(err))
	}
}

// tell passes changes on, in the order they happened: the caller holds r.change.
func (r *registrar) tell(changes []change) {
	for _, c := range changes {
		r.onChange(c.user, c.registered, c.fresh)
	}
}

// longestUnheard is the index of the binding whose phone said nothing for longest.
func longestUnheard(bs []*bound) int {
	oldest := slices.MinFunc(bs, func(a, b *bound) int {
		return cmp.Or(a.heard.Compare(b.heard), a.Since.Compare(b.Since))
	})
	return slices.Index(bs, oldest)
}
