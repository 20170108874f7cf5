package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"hotline/call"
)

// How long a registration lasts. The shortest keeps a hundred phones at under two REGISTERs a
// second; the longest bounds how long a dead phone is rung (RFC 3261 §10.3 step 7).
const (
	minExpires     = 60 * time.Second
	maxExpires     = time.Hour
	defaultExpires = 10 * time.Minute
)

// registrarOptions are what a registrar needs. All are needed but Now and OnChange.
type registrarOptions struct {
	Digest   *digestServer
	Bindings Bindings
	Now      func() time.Time // default: time.Now

	// OnChange is told when a user becomes registered and when the last contact is lost: by
	// un-REGISTER, expiry or the end of its connection. fresh: it was not registered before; it
	// is false for what a restart found. A refresh calls nothing. Calls come one at a time and in
	// order; it may ask the registrar, but must not change it.
	OnChange func(user string, registered, fresh bool)

	Log *zap.Logger
}

// Check says what is missing.
func (o registrarOptions) Check() error {
	var errs []error
	if o.Digest == nil {
		errs = append(errs, errors.New("registrar: no digest"))
	}
	if o.Bindings == nil {
		errs = append(errs, errors.New("registrar: no bindings"))
	}
	if o.Log == nil {
		errs = append(errs, errors.New("registrar: no log"))
	}
	return errors.Join(errs...)
}

// A registrar knows where each operator's phones are (RFC 3261 §10.3).
type registrar struct {
	digest   *digestServer
	bindings Bindings
	now      func() time.Time
	onChange func(user string, registered, fresh bool)
	log      *zap.Logger

	// change is held by whoever changes a registration, over the table, the store and OnChange,
	// so that all three see the same order. Readers need only the table.
	change sync.Mutex
	table  *bindingTable
}

// newRegistrar makes a registrar and loads what the last process knew. OnChange is called
// from within it, registered and not fresh, for each user who can be reached at once.
func newRegistrar(o registrarOptions) (*registrar, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	r := &registrar{
		digest: o.Digest, bindings: o.Bindings, now: o.Now, onChange: o.OnChange,
		log: o.Log, table: newBindingTable(),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.onChange == nil {
		r.onChange = func(string, bool, bool) {}
	}
	if err := r.load(); err != nil {
		return nil, err
	}
	return r, nil
}

// A registration is a REGISTER that was understood.
type registration struct {
	user     string // of the To header, unescaped
	contacts []contact
	star     bool
	expires  int // of the Expires header, -1 without a good one
	callID   string
	cseq     uint32
	agent    string
	require  string // what the Require headers ask for and we do not have, "" for nothing
	path     []string
	echo     bool // the phone knows Path, and is told what was kept
	from     arrival
}

// register answers a REGISTER completely: 200, 400, 401, 403, 420, 423 or 500. A challenge is
// kept to the bytes that it may have, as far as that goes.
func (r *registrar) register(req *sipmsg.Request, from arrival) *sipmsg.Response {
	g, err := readRegister(req, from)
	if err != nil {
		r.log.Debug("register refused", zap.Stringer("remote", from.Source), zap.Error(err))
		return sipmsg.NewResponseFromRequest(req, 400, "Bad Request", nil)
	}
	user, verdict := r.digest.verify(req, from.Source)
	if verdict != digestOK {
		// One answer for no credentials, wrong ones and unknown users: nobody can list names.
		challenges := r.digest.challenge(from.Source, agentOf(req), verdict == digestStale)
		res := challenged401(req, challenges)
		if len(challenges) > 1 && from.Most > 0 && len(res.String()) > from.Most {
			// Where only one fits, the one that every telephone knows.
			i := slices.IndexFunc(challenges, func(c string) bool { return strings.Contains(c, "algorithm="+algorithmMD5) })
			res = challenged401(req, challenges[i:i+1])
		}
		return res
	}
	if user != g.user {
		// Nobody registers for somebody else (attack 7: calls led to another phone).
		r.digest.told(eventOtherUser, from.Source.Addr())
		return sipmsg.NewResponseFromRequest(req, 403, "Forbidden", nil)
	}
	if g.require != "" {
		// RFC 3261 §8.2.2.3. Asked after the password, because strangers are to learn nothing
		// but that there is one.
		res := sipmsg.NewResponseFromRequest(req, 420, "Bad Extension", nil)
		res.AppendHeader(sipmsg.NewHeader("Unsupported", g.require))
		return res
	}

	r.change.Lock()
	defer r.change.Unlock()
	code, reason := r.apply(g)
	res := sipmsg.NewResponseFromRequest(req, code, reason, nil)
	switch code {
	case 423:
		res.AppendHeader(sipmsg.NewHeader("Min-Expires", fmt.Sprint(int(minExpires.Seconds()))))
	case 200:
		for _, p := range g.path {
			if g.echo {
				res.AppendHeader(sipmsg.NewHeader("Path", p)) // RFC 3327 §5.3
			}
		}
		r.list(res, user)
	}
	return res
}

func challenged401(req *sipmsg.Request, challenges []string) *sipmsg.Response {
	res := sipmsg.NewResponseFromRequest(req, 401, "Unauthorized", nil)
	for _, c := range challenges {
		res.AppendHeader(sipmsg.NewHeader("WWW-Authenticate", c))
	}
	return res
}

// list adds the contacts of user to a 200, with what is left of their time (RFC 3261 §10.3
// step 8). Those that cannot be reached are left out: a phone must not think it is registered.
func (r *registrar) list(res *sipmsg.Response, user string) {
	now := r.now()
	for _, b := range r.contacts(user) {
		left := (b.Expires.Sub(now) + time.Second - 1) / time.Second
		res.AppendHeader(sipmsg.NewHeader("Contact", fmt.Sprintf("<%s>;expires=%d", b.Contact, left)))
	}
}

// readRegister reads all of a REGISTER before anything is believed or changed. An error means 400.
func readRegister(req *sipmsg.Request, from arrival) (registration, error) {
	from.Source, from.Local = unmap(from.Source), unmap(from.Local)
	to, callID, cseq := req.To(), req.CallID(), req.CSeq()
	if to == nil || callID == nil || cseq == nil {
		return registration{}, errors.New("register without To, Call-ID or CSeq")
	}
	// RFC 4475 §3.3.6: only SIP addresses can be registered here.
	if s := to.Address.Scheme; s != "sip" && s != "sips" {
		return registration{}, errors.New("register for what is no SIP address")
	}
	if to.Address.User == "" {
		return registration{}, errors.New("register for nobody")
	}
	contacts, star, err := readContacts(req)
	if err != nil {
		return registration{}, err
	}
	g := registration{
		user:     unescaped(to.Address.User),
		contacts: contacts, star: star, expires: -1,
		callID: string(*callID), cseq: cseq.SeqNo,
		from: from,
	}
	if h := req.GetHeader("Expires"); h != nil {
		g.expires = readExpires(h.Value())
	}
	if star && g.expires != 0 {
		return registration{}, errors.New("contact * without Expires 0")
	}
	g.agent = plainText(agentOf(req), 128)
	var require []string
	for _, v := range tokens(req, "Require") {
		if !strings.EqualFold(v, "path") {
			require = append(require, plainText(v, 1024))
		}
	}
	g.require = strings.Join(require, ", ")
	g.path, err = readPath(req)
	g.echo = slices.ContainsFunc(tokens(req, "Supported"), func(v string) bool { return strings.EqualFold(v, "path") })
	if err != nil {
		return registration{}, err
	}
	return g, nil
}

// plainText is s without control characters, cut to limit bytes at a whole letter.
func plainText(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return -1
		}
		return c
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

// lasts is how long a contact asks to be registered: its own parameter, the header, or the
// default; never longer than maxExpires. 0 takes it away.
func (g registration) lasts(c contact) time.Duration {
	s := c.expires
	if s < 0 {
		s = g.expires
	}
	if s < 0 {
		return defaultExpires
	}
	return min(time.Duration(s)*time.Second, maxExpires)
}

// apply does what a checked and authenticated REGISTER asks, all of it or nothing (RFC 3261
// §10.3 step 7), and says how to answer. The caller holds r.change.
func (r *registrar) apply(g registration) (code int, reason string) {
	for _, c := range g.contacts {
		if e := g.lasts(c); e > 0 && e < minExpires {
			return 423, "Interval Too Brief"
		}
	}
	current := r.table.of(g.user)
	for _, b := range current {
		// An older REGISTER that was overtaken, or a repeat under a new transaction.
		touched := g.star || slices.ContainsFunc(g.contacts, func(c contact) bool { return g.replaces(c, b) })
		if touched && b.SIPCallID == g.callID && g.cseq <= b.CSeq {
			return 500, "CSeq Out Of Order"
		}
	}

	switch {
	case g.star:
		r.drop(g.user, func(*bound) bool { return true })
	case len(g.contacts) > 0:
		r.bind(g)
	}
	return 200, "OK"
}

// replaces says that contact c of g takes the place of binding b: the same address, the same
// device (RFC 5626 §6), or the same phone with a new address, which shows by its Call-ID (RFC
// 3261 §10.2.4) or by the connection that its proxy names. Devices that say who they are, are
// never taken for one another. Two contacts of one REGISTER stand beside each other, and taking
// one away takes only that one.
func (g registration) replaces(c contact, b *bound) bool {
	if c.key == b.key {
		return true
	}
	if g.lasts(c) == 0 || g.lists(b) {
		return false
	}
	if c.instance != "" && b.Instance != "" {
		return c.instance == b.Instance
	}
	return b.SIPCallID == g.callID || sameFlow(g.path, b.Path)
}

// lists says that the address of b is among the contacts of g.
func (g registration) lists(b *bound) bool {
	return slices.ContainsFunc(g.contacts, func(c contact) bool { return c.key == b.key })
}

// bind adds, refreshes and takes away the contacts of g. The caller holds r.change.
func (r *registrar) bind(g registration) {
	var gone, saved []call.Binding
	changes := r.table.edit(g.user, func(bs []*bound) []*bound {
		for _, c := range g.contacts {
			var out []*bound
			bs, out = r.place(g, c, bs)
			for _, b := range out {
				gone = append(gone, b.Binding)
			}
		}
		for _, b := range bs {
			if g.lists(b) {
				saved = append(saved, b.Binding)
			}
		}
		return bs
	})
	for _, b := range gone {
		if !slices.ContainsFunc(saved, func(s call.Binding) bool { return s.Contact == b.Contact }) {
			r.forget(b)
		}
	}
	for _, b := range saved {
		r.save(b)
	}
	r.tell(changes)
}

// place puts one contact of g among the bindings of its user, and says which had to go.
func (r *registrar) place(g registration, c contact, bs []*bound) (kept, gone []*bound) {
	now, lasts := r.now(), g.lasts(c)
	since := now
	for _, b := range bs {
		if !g.replaces(c, b) {
			kept = append(kept, b)
			continue
		}
		if b.reach != lost && b.Since.Before(since) {
			since = b.Since // a refresh, or the same phone elsewhere: registered all along
		}
		gone = append(gone, b)
	}
	if lasts == 0 {
		return kept, gone
	}
	if len(kept) >= maxBindings {
		i := longestUnheard(kept)
		gone = append(gone, kept[i])
		kept = slices.Delete(kept, i, i+1)
	}
	b := g.binding(c, since, now.Add(lasts))
	return append(kept, &bound{Binding: b, key: c.key, heard: now}), gone
}

// binding is contact c as it will be kept. Requests will go to where the REGISTER came from,
// whatever the Contact says: behind a NAT its address means nothing to us, and so a `.invalid`
// one of a browser is kept as it is.
func (g registration) binding(c contact, since, expires time.Time) call.Binding {
	return call.Binding{
		User: g.user, Contact: c.uri, Instance: c.instance,
		SIPCallID: g.callID, CSeq: g.cseq,
		Transport: strings.ToLower(g.from.Transport), Source: g.from.Source, Local: g.from.Local,
		Path: g.path, Since: since, Expires: expires, UserAgent: g.agent,
	}
}
