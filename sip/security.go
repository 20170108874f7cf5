package sip

import (
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
)

// A securityEvent is something that a firewall or a person may want to act on. The list is
// closed: these words stand in the log and in the filter of fail2ban.
type securityEvent string

// The security events.
const (
	eventWrongPassword   securityEvent = "wrong_password"   // credentials that are not right, for a nonce of ours
	eventMuted           securityEvent = "muted"            // too many of them: a user and a network are not listened to for a while
	eventOtherUser       securityEvent = "other_user"       // the right password of one, used to register another
	eventUnknownSource   securityEvent = "unknown_source"   // who is nobody here and asked for something
	eventForgedDialog    securityEvent = "forged_dialog"    // the Call-ID of a call that is up, with other tags, from a stranger
	eventTransferRefused securityEvent = "transfer_refused" // REFER from the trunk side, or outside of a call
	eventMalformed       securityEvent = "malformed"        // what cannot be read
	eventFlood           securityEvent = "flood"            // more than the budget of a source
)

var securityEvents = [...]securityEvent{
	eventWrongPassword, eventMuted, eventOtherUser, eventUnknownSource, eventForgedDialog, eventTransferRefused, eventMalformed, eventFlood,
}

// securityQuiet is how long one event of one source is summed up between two lines.
const securityQuiet = 10 * time.Second

// securityKept bounds the events that are summed up, and with it the lines: a flood from many
// sources is one line of them all.
const securityKept = 128

// A security writes one stable line for each event of each source, at once the first time, then
// at most one in securityQuiet with the sum. The names of its fields are a promise:
//
//	{"logger":"security","msg":"security","event":…,"side":…,"remote":ADDRESS,"proved":"yes"|"no","count":N}
//
// proved is "yes" only where nobody can have forged the address: it was TCP or TLS, or a nonce of
// ours came back from it. It is never "yes" for an address of a carrier: whoever bans those that
// are proved cannot be led to ban a carrier.
type security struct {
	log   *zap.Logger
	count func(side, securityEvent)
	safe  func(netip.Addr) bool // an address of a carrier
	now   func() time.Time

	mu   sync.Mutex
	sums map[securityKey]*securitySum
	more map[securityMore]int // of those beyond the table
	told time.Time            // when they were told
}

type securityKey struct {
	event  securityEvent
	side   side
	remote netip.Addr
	proved bool
}

type securityMore struct {
	event securityEvent
	side  side
}

type securitySum struct {
	since time.Time // the last line
	count int       // since
}

func newSecurity(log *zap.Logger, count func(side, securityEvent), safe func(netip.Addr) bool, now func() time.Time) *security {
	return &security{log: log, count: count, safe: safe, now: now, sums: map[securityKey]*securitySum{}, more: map[securityMore]int{}}
}

// note takes one event of a source.
func (c *security) note(e securityEvent, sd side, remote netip.Addr, proved bool) {
	c.count(sd, e)
	k := securityKey{e, sd, remote, proved && !c.safe(remote)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if sum := c.sums[k]; sum != nil {
		sum.count++
		return
	}
	if len(c.sums) >= securityKept {
		c.more[securityMore{e, sd}]++
		return
	}
	c.sums[k] = &securitySum{since: c.now()}
	c.line(k, 1)
}

func (c *security) line(k securityKey, count int) {
	proved := "no"
	if k.proved {
		proved = "yes"
	}
	c.log.Warn("security", zap.String("event", string(k.event)), zap.Stringer("side", k.side),
		zap.Stringer("remote", k.remote), zap.String("proved", proved), zap.Int("count", count))
}

// sweep tells what was summed up long enough. Call it about once a second.
func (c *security) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for k, sum := range c.sums {
		switch {
		case now.Sub(sum.since) < securityQuiet:
		case sum.count == 0:
			delete(c.sums, k)
		default:
			c.line(k, sum.count)
			sum.since, sum.count = now, 0
		}
	}
	if now.Sub(c.told) < securityQuiet {
		return
	}
	for k, n := range c.more {
		c.log.Warn("security", zap.String("event", string(k.event)), zap.Stringer("side", k.side),
			zap.String("remote", "many"), zap.String("proved", "no"), zap.Int("count", n))
		c.told = now
	}
	clear(c.more)
}
