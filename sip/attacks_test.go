package sip

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
	"hotline/media"
)

// The attacks that phone systems fell to, by their rows in the catalogue of the house's
// reliability reference. Elsewhere: 9 and 21 in media, 14 when there are menus, 18 beside row 1.

// Row 1: scanners and fingerprints.
func TestAttack1AScannerLearnsNothing(t *testing.T) {
	h := open(t, nil, nil)
	for _, to := range []netip.AddrPort{h.trunk, h.phone} {
		p := peerAt(t, "udp", "127.0.0.9", to)
		c := p.dials()
		for i := range 2500 {
			for _, method := range []string{"OPTIONS", "INVITE", "SUBSCRIBE", "REGISTER"} {
				if method == "REGISTER" && to == h.phone {
					continue // gets 401, see row 2
				}
				_, _ = p.conn.Write([]byte(c.text(method, fmt.Sprint("z9hG4bK", method, i), "User-Agent: friendly-scanner\r\n", "", "")))
			}
		}
		p.quiet(2 * quietTime)
	}
	// What is answered says nothing of what we are.
	d := h.deskPhone("udp")
	d.send(d.text("REGISTER", "sip:test", "", ""))
	challenge, ok := d.answer("REGISTER", 401), d.register(200)
	carrier := h.carrier()
	carrier.send(carrier.dials().text("OPTIONS", "z9hG4bKscan", "", "", ""))
	for _, m := range []message{challenge, ok, carrier.answer("OPTIONS", 200)} {
		for _, name := range []string{"Server", "User-Agent", "Organization", "Warning"} {
			if m.get(name) != "" {
				t.Errorf("%v has %s: %s", m, name, m.get(name))
			}
		}
	}
}

// Rows 1, 12 and 18: a forged source is worth no more than what is sent to us.
func TestAttack18AnAnswerIsNoWeapon(t *testing.T) {
	h := open(t, nil, nil)
	tiny := "REGISTER sip:h SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK%d\r\nf:<sip:a@h>;tag=1\r\nt:<sip:a@h>\r\ni:%d\r\nCSeq:1 REGISTER\r\n%s\r\n"
	sent, got, answered := 0, 0, 0
	p := peerAt(t, "udp", "127.0.0.9", h.phone)
	for i := range 100 {
		text := fmt.Sprintf(tiny, i, i, strings.Repeat("X-Pad: 1234567\r\n", i/2))
		if i%10 == 9 {
			text = strings.Replace(text, "CSeq:1", "CSeq:x", 1)
		}
		p.send(text)
		sent += len(text)
		_ = p.conn.SetReadDeadline(time.Now().Add(quietTime))
		b := make([]byte, 65536)
		n, err := p.conn.Read(b)
		if err != nil {
			continue
		}
		got, answered = got+n, answered+1
		if float64(n) > amplification*float64(len(text)) {
			t.Errorf("%d bytes were answered by %d: %q", len(text), n, b[:n])
		}
	}
	t.Logf("%d bytes in 100 REGISTERs, %d bytes in %d answers", sent, got, answered)
	if answered < 50 {
		t.Errorf("%d answers: phones are not let in", answered)
	}
}

// blurred is an answer without what is new in each.
func blurred(m message, user string) string {
	text := m.start + "\n" + strings.Join(m.head, "\n")
	text = regexp.MustCompile(`nonce="[^"]+"|tag=[0-9A-Za-z.-]+|branch=[0-9A-Za-z.-]+|rport=\d+`).ReplaceAllString(text, "~")
	text = regexp.MustCompile(`CSeq: \d+|Call-ID: \S+`).ReplaceAllString(text, "~")
	return strings.ReplaceAll(text, user, "USER")
}

// Row 2: who exists is told neither by the answer nor by its time.
func TestAttack2NobodyListsUsers(t *testing.T) {
	h := open(t, nil, nil)
	var want string
	for _, user := range []string{testUser, "nobo", "%00ar", "a.rx"} {
		d := h.deskPhone("udp")
		d.user, d.secret = user, "wrong"
		d.send(d.text("REGISTER", "sip:test", "", ""))
		first := d.answer("REGISTER", 401)
		d.send(d.text("REGISTER", "sip:test", d.credentials(first, "REGISTER", "sip:test"), ""))
		got := blurred(first, user) + blurred(d.answer("REGISTER", 401), user)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s is answered\n%s\nand %s\n%s", user, got, testUser, want)
		}
	}

	d := testDigest(newHandClock())
	took := map[string][]time.Duration{}
	for i := range 2000 {
		for _, user := range []string{"aysel", "nobody"} {
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 5060)
			l := goodLogin(challengedNonce(d.challenge(src, "test", false)))
			l.user, l.secret = user, "wrong"
			req := asked(l.header())
			began := time.Now()
			if _, v := d.verify(req, src); v != digestBad {
				t.Fatal(v)
			}
			took[user] = append(took[user], time.Since(began))
		}
	}
	known, unknown := median(took["aysel"]), median(took["nobody"])
	apart := 100 * (float64(known)/float64(unknown) - 1)
	t.Logf("a wrong password of a user takes %v, of nobody %v: %.1f %% apart", known, unknown, apart)
	if apart > 50 || apart < -50 {
		t.Errorf("%.1f %% apart", apart)
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// countedUsers counts how often the store is asked.
type countedUsers struct {
	people
	asked atomic.Int64
}

func (u *countedUsers) HA1(user, realm, algorithm string) (string, bool) {
	u.asked.Add(1)
	return u.people.HA1(user, realm, algorithm)
}

// Row 3: 500 sources guess, a hundred times a second each.
func TestAttack3GuessingIsMuted(t *testing.T) {
	clock := newHandClock()
	users := &countedUsers{people: people{"aysel": "s3cret"}}
	d := newDigestServer("hotline", users, clock.now)
	events := map[securityEvent]int{}
	d.told = func(e securityEvent, _ netip.Addr) { events[e]++ }
	office := netip.MustParseAddrPort("192.0.2.10:5060")
	d.home = func(user string, a netip.Addr) bool { return user == "aysel" && a == office.Addr() }
	try := func(src netip.AddrPort, user, secret string) digestVerdict {
		l := goodLogin(challengedNonce(d.challenge(src, "test", false)))
		l.user, l.secret = user, secret
		_, v := d.verify(asked(l.header()), src)
		return v
	}
	const sources, each = 500, 20
	for round := range each {
		clock.forward(10 * time.Millisecond)
		for i := range sources {
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 5060)
			if try(src, "aysel", fmt.Sprint("guess", round)) != digestBad {
				t.Fatal("a guess was not refused")
			}
		}
		// The telephone where she is registered comes in throughout, also after its own mistakes.
		if try(office, "aysel", "typo") != digestBad || try(office, "aysel", "s3cret") != digestOK {
			t.Fatal("the telephone of the user is locked out")
		}
	}
	looked := users.asked.Load() - 2*each
	t.Logf("%d guesses, %d looked at", sources*each, looked)
	if looked > sources*(freeGuesses+2) {
		t.Errorf("%d of %d guesses were looked at", looked, sources*each)
	}
	guess := netip.MustParseAddrPort("10.0.7.1:5060")
	neighbour := netip.MustParseAddrPort("10.0.7.99:5060") // the same /24
	if try(neighbour, "aysel", "s3cret") != digestBad {
		t.Error("the network is not muted for that user")
	}
	if try(netip.MustParseAddrPort("10.0.200.1:5060"), "rauf", "x") != digestBad {
		t.Error("somebody else")
	}
	// The pauses grow, then come fifteen minutes.
	for n := 0; n < 200 && events[eventMuted] < sources; n++ {
		clock.forward(70 * time.Second)
		for i := range sources {
			try(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 5060), "aysel", "x")
		}
	}
	if events[eventMuted] != sources {
		t.Errorf("%d pairs muted, want %d", events[eventMuted], sources)
	}
	clock.forward(muteTime - 71*time.Second)
	if try(guess, "aysel", "s3cret") != digestBad {
		t.Error("not muted for fifteen minutes")
	}
	clock.forward(72 * time.Second)
	if try(guess, "aysel", "s3cret") != digestOK {
		t.Error("muted for ever")
	}
}

// Row 3: made-up names push out each other, not the pair that is muted, and a million of them
// take no memory.
func TestAttack3NamesDoNotPushOutAMutedPair(t *testing.T) {
	clock := newHandClock()
	w := newThrottle(clock.now)
	src := netip.MustParseAddr("203.0.113.5")
	for range guesses {
		clock.forward(time.Minute)
		w.wrong("aysel", src)
	}
	for i := range 60_000 {
		w.wrong(fmt.Sprint("user", i), src)
	}
	if !w.muted("aysel", src) {
		t.Error("the pair is listened to again")
	}
	if w.muted("rauf", src) || w.muted("aysel", netip.MustParseAddr("203.0.114.5")) {
		t.Error("somebody else is muted")
	}
}

// Row 4: SHA-256 first, and MD5 can be switched off.
func TestAttack4MD5CanBeSwitchedOff(t *testing.T) {
	for _, off := range []bool{false, true} {
		h := open(t, func(o *Options) { o.Phones.NoMD5 = off }, nil)
		d := h.deskPhone("udp")
		d.send(d.text("REGISTER", "sip:test", "User-Agent: desk\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY\r\n", ""))
		challenge := d.answer("REGISTER", 401)
		var algorithms []string
		for _, c := range challenge.all("WWW-Authenticate") {
			algorithms = append(algorithms, regexp.MustCompile(`algorithm=([^,]+)`).FindStringSubmatch(c)[1])
		}
		want := map[bool]string{false: "[SHA-256 MD5]", true: "[SHA-256]"}[off]
		if fmt.Sprint(algorithms) != want {
			t.Errorf("offered %v, want %s", algorithms, want)
		}
		if off {
			forced := challenge
			forced.head = []string{strings.Replace("WWW-Authenticate: "+challenge.get("WWW-Authenticate"), "SHA-256", "MD5", 1)}
			d.send(d.text("REGISTER", "sip:test", d.credentials(forced, "REGISTER", "sip:test"), ""))
			d.answer("REGISTER", 401)
		}
	}
}

// Row 5: a callee who asks for our password gets none.
func TestAttack5NoPasswordForACaller(t *testing.T) {
	for _, code := range []int{401, 407} {
		h := open(t, func(o *Options) {
			o.Trunks.Carriers[0].Register = Account{User: "hotline", Password: "of the trunk", Realm: "carrier"}
		}, fastTimes)
		c, l := h.connect(h.carrier())
		l.Hangup(call.Reason{})
		bye := c.p.request("BYE")
		name := map[int]string{401: "WWW", 407: "Proxy"}[code]
		c.p.send(respond(bye, code, "", name+"-Authenticate: Digest realm=\"carrier\", nonce=\"theirs\", algorithm=MD5\r\n", ""))
		c.p.quiet(4 * quietTime)
	}
}

// Row 6: challenges cost no memory, replays nothing but a challenge.
func TestAttack6ChallengesAndReplays(t *testing.T) {
	d := testDigest(newHandClock())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 20_000 {
		d.challenge(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060), "x", false)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 || len(d.used.seen) != 0 {
		t.Errorf("20,000 challenges cost %d bytes, %d nonces kept", grown, len(d.used.seen))
	}

	h := open(t, nil, nil)
	p := h.deskPhone("udp")
	p.send(p.text("REGISTER", "sip:test", "", ""))
	stolen := p.text("REGISTER", "sip:test", p.credentials(p.answer("REGISTER", 401), "REGISTER", "sip:test"), "")
	p.send(stolen)
	p.answer("REGISTER", 200)
	for i, from := range []string{"127.0.0.2", "127.0.0.77"} {
		thief := h.deskPhoneAt("udp", from)
		thief.send(strings.Replace(strings.Replace(stolen, "branch=", fmt.Sprint("branch=z9hG4bKr", i), 1), "192.0.2.9:", "192.0.2.66:", 1))
		thief.answer("REGISTER", 401)
	}
	if got := h.Server.reg.contacts(testUser); len(got) != 1 || !strings.Contains(got[0].Contact, "192.0.2.9:") {
		t.Errorf("contacts %v", got)
	}
	// A nonce that nobody was given says nothing about the password, right or wrong.
	for _, secret := range []string{testSecret, "wrong"} {
		guess := h.deskPhoneAt("udp", "127.0.0.78")
		guess.secret = secret
		forged := message{head: []string{`WWW-Authenticate: Digest nonce="` + strings.Repeat("ab", 32) + `", algorithm=MD5`}}
		guess.send(guess.text("REGISTER", "sip:test", guess.credentials(forged, "REGISTER", "sip:test"), ""))
		if m := guess.answer("REGISTER", 401); !strings.Contains(m.get("WWW-Authenticate"), "stale=true") {
			t.Errorf("a forged nonce with the password %q is answered %q", secret, m.get("WWW-Authenticate"))
		}
	}
}

// Row 7: nobody moves somebody else's registration.
func TestAttack7NobodyTakesARegistration(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	h := open(t, func(o *Options) { o.Security = zap.New(core) }, nil)
	owner := h.deskPhone("udp")
	owner.register(200)
	want := fmt.Sprint(h.Server.reg.contacts(testUser))
	thief := h.deskPhoneAt("udp", "127.0.0.66")
	for name, change := range map[string]func(string) string{
		"without a password":      func(s string) string { return s },
		"a wildcard":              func(s string) string { return withContact(s, "*", "Expires: 0\r\n") },
		"an end":                  func(s string) string { return strings.Replace(s, "Max-Forwards", "Expires: 0\r\nMax-Forwards", 1) },
		"with the owner's source": func(s string) string { return withContact(s, "<sip:anar@"+owner.at.String()+">", "") },
	} {
		thief.send(change(thief.text("REGISTER", "sip:test", "", "")))
		thief.answer("REGISTER", 401)
		if got := fmt.Sprint(h.Server.reg.contacts(testUser)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	// The right password of one does not register another.
	d := h.deskPhone("udp")
	d.send(d.text("REGISTER", "sip:test", "", ""))
	text := d.text("REGISTER", "sip:test", d.credentials(d.answer("REGISTER", 401), "REGISTER", "sip:test"), "")
	d.send(strings.Replace(text, "To: <sip:"+testUser, "To: <sip:rauf", 1))
	d.answer("REGISTER", 403)
	if h.Registered("rauf") {
		t.Error("registered for another")
	}
	if logs.FilterField(zap.String("event", "other_user")).FilterField(zap.String("proved", "yes")).Len() != 1 {
		t.Errorf("the log says %v", logs.All())
	}
}

func withContact(text, contact, extra string) string {
	return regexp.MustCompile(`Contact: [^\r]*\r\n`).ReplaceAllString(text, "Contact: "+contact+"\r\n"+extra)
}

// Row 8: nothing that comes by the trunk side leads anywhere but to our own numbers.
func TestAttack8TheTrunkSideReachesOurNumbersOnly(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	h := open(t, func(o *Options) { o.Security = zap.New(core) }, nil)
	desk := h.deskPhone("udp")
	desk.register(200)
	p := h.carrier()
	for _, target := range []string{
		"sip:+99450123456700@127.0.0.1", "sip:0090212000000@127.0.0.1", "tel:+882123456", "sip:" + testUser + "@127.0.0.1", "sip:*55@127.0.0.1",
		"sip:919%40192.0.2.1@127.0.0.1", "sip:919;phone-context=+1@127.0.0.1:9;maddr=192.0.2.7x", "sip:91900@127.0.0.1", "sip:" + testUser + "@" + desk.at.String(),
	} {
		c := p.dials()
		c.target = target
		p.send(c.invite())
		if target == "sip:919;phone-context=+1@127.0.0.1:9;maddr=192.0.2.7x" {
			// The number is ours; where else the address points makes no difference.
			next(t, h.legs).Hangup(call.Reason{Code: 486})
			p.answer("INVITE", 486)
			continue
		}
		p.answer("INVITE", 404)
	}
	for method, want := range map[string]int{"REFER": 403, "SUBSCRIBE": 405, "MESSAGE": 405, "PUBLISH": 405, "REGISTER": 405} {
		c := p.dials()
		p.send(c.text(method, c.branch, "Refer-To: <sip:+99450123456700@192.0.2.1>\r\n", "", ""))
		p.answer(method, want)
	}
	// In a call: REFER is refused, and Replaces takes nobody's place.
	c, l := h.connect(p)
	p.send(c.again("REFER", "Refer-To: <sip:+99450123456700@192.0.2.1>\r\n", "", ""))
	p.answer("REFER", 403)
	thief := p.dials()
	thief.extra = fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s\r\n", c.id, l.localTag, l.remoteTag)
	p.send(thief.invite())
	other := next(t, h.legs)
	if l.phase != legAnswered || other == l {
		t.Error("the call was taken over")
	}
	thief = p.dials()
	thief.extra = "Require: replaces\r\n"
	p.send(thief.invite())
	p.answer("INVITE", 420)
	// A redirection of a phone leads nowhere.
	done := make(chan error, 1)
	go func() {
		_, err := h.Dial(t.Context(), call.Dial{Call: "c", User: testUser, From: "+000123456789"})
		done <- err
	}()
	invite := desk.request("INVITE")
	desk.send(respond(invite, 302, "desk", "Contact: <sip:+99450123456700@"+p.at.String()+">\r\n", ""))
	desk.request("ACK")
	select {
	case err := <-done:
		if err == nil {
			t.Error("a redirection was followed")
		}
	case <-time.After(patience):
		t.Fatal("Dial did not return")
	}
	if m, ok := p.read(quietTime); ok && m.method() == "INVITE" && m.code() == 0 {
		t.Errorf("an outside leg: %v", m)
	}
	if logs.FilterField(zap.String("event", "transfer_refused")).Len() == 0 {
		t.Error("no line says that a transfer was refused")
	}
	if yes := logs.FilterField(zap.String("proved", "yes")); yes.FilterField(zap.Stringer("side", trunkSide)).Len() != 0 {
		t.Errorf("a carrier may be banned: %v", yes.All())
	}
}

// Row 12: junk from everywhere does not keep a carrier's calls waiting.
func TestAttack12AFloodDoesNotStarveCarriers(t *testing.T) {
	h := open(t, nil, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, done := make(chan struct{}), make(chan int)
	for i, to := range []netip.AddrPort{h.trunk, h.phone} {
		go func() {
			conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, byte(90+i))}, net.UDPAddrFromAddrPort(to))
			if err != nil {
				t.Error(err)
				done <- 0
				return
			}
			defer func() { _ = conn.Close() }()
			junk := []byte("REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\r\n")
			for n := 0; ; n++ {
				select {
				case <-stop:
					done <- n
					return
				default:
				}
				_, _ = conn.Write(junk)
				if n%20 == 0 {
					time.Sleep(time.Millisecond) // at most 20,000 a second: the kernel's buffer is not what is tested
				}
			}
		}()
	}
	p := h.carrier()
	began, slowest := time.Now(), time.Duration(0)
	const calls = 200
	pace := time.NewTicker(5 * time.Millisecond) // so that the flood lasts a second
	defer pace.Stop()
	for range calls {
		<-pace.C
		c := p.dials()
		at := time.Now()
		l := h.served(c)
		if err := l.Answer(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.took(p.answer("INVITE", 200))
		slowest = max(slowest, time.Since(at))
		p.send(c.ack(""))
		l.Hangup(call.Reason{})
		p.send(respond(p.request("BYE"), 200, "", "", ""))
	}
	desk := h.deskPhoneAt("udp", "127.0.0.3")
	took := time.Since(began)
	close(stop)
	junk := <-done + <-done
	desk.register(200)
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
	t.Logf("%d junk messages in %v; the slowest of %d calls was set up in %v; heap %+d MiB; dropped: source %v, all %v, queue %v", junk, took.Round(time.Millisecond), calls, slowest, grown,
		h.dropCount(t, phoneSide, dropSource), h.dropCount(t, phoneSide, dropAll), h.dropCount(t, phoneSide, dropQueue))
	if slowest > patience/2 || grown > 64 {
		t.Error("too slow, or too much kept")
	}
}

// dropCount is a counter of dropped messages.
func (h *house) dropCount(t *testing.T, sd side, why dropReason) float64 {
	t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "hotline_sip_dropped_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == sd.String() && m.GetLabel()[1].GetValue() == string(why) {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatal("no such series")
	return 0
}

// Row 13: calls that are never acknowledged, and a number that calls without end.
func TestAttack13CallsThatAreNeverAcknowledged(t *testing.T) {
	// One telephone of the test has to read every 200 that is sent again: more than this it cannot.
	calls, ports, life := 500, media.PortRange{First: 40000, Last: 41999}, 6*time.Second
	h := open(t, func(o *Options) {
		o.Limits.PerNumber = 3
		o.Media = engineWith(t, netip.MustParseAddr("127.0.0.1"), ports)
	}, func(x *timing) { x.Life = life })
	slow := h.carrier()
	byes := 0
	slow.auto = func(m message) bool {
		if m.method() == "BYE" && m.code() == 0 {
			slow.send(respond(m, 200, "", "", ""))
			byes++
		}
		return true
	}
	for i := range calls {
		c := slow.dials()
		c.from = fmt.Sprintf("<sip:+99450%07d@127.0.0.1>;tag=slow%d", i, i)
		slow.send(c.invite())
		l := next(t, h.legs)
		go func() { _ = l.Answer(t.Context()) }()
	}
	real := h.carrier()
	at := time.Now()
	c := real.dials()
	real.send(c.invite())
	l := next(t, h.legs)
	go func() { _ = l.Answer(t.Context()) }()
	c.took(real.answer("INVITE", 200))
	real.send(c.ack(""))
	t.Logf("with %d calls that wait for their ACK a caller is answered in %v", calls, time.Since(at))
	if took := time.Since(at); took > 10*time.Second {
		t.Errorf("answered after %v", took)
	}
	h.locked("test", func() {
		if len(h.Server.legs) != calls+1 {
			t.Errorf("only %d of %d calls were there at once", len(h.Server.legs), calls+1)
		}
	})
	end := time.Now().Add(life + patience) // BYE is due 64·T1 after the 200
	for byes < calls && time.Now().Before(end) {
		if m, ok := slow.read(time.Second); ok {
			slow.auto(m)
		}
	}
	if byes < calls {
		t.Errorf("%d of %d calls were ended", byes, calls)
	}
	eventually(t, "all are gone", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.Server.legs) == 1 && h.callers.all == 1 })

	// One number has three calls at once; a fourth is told that it is busy. Others are not.
	one := h.carrier()
	for i := range 4 {
		c := one.dials()
		c.from = fmt.Sprintf("<sip:+99455000000%d@127.0.0.1>;tag=n%d", i/4, i)
		one.send(c.invite())
		if unfit := next(t, h.legs).Info().Unfit; unfit != map[bool]int{true: 486}[i == 3] {
			t.Errorf("call %d of one number: %d", i+1, unfit)
		}
	}
	for range 5 {
		c := one.dials()
		c.from = "\"\" <sip:anonymous@anonymous.invalid>;tag=a" + c.id
		one.send(c.invite())
		if l := next(t, h.legs); l.Info().Unfit != 0 {
			t.Errorf("callers who withhold their number share a limit: %d", l.Info().Unfit)
		}
	}
}

// Row 16: what a telephone says about who it is, is not read, however it is spelled.
func TestAttack16IdentitiesOfTelephones(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	id := d.id
	n := 0
	for _, name := range []string{"P-Asserted-Identity", "p-asserted-identity", "P-ASSERTED-IDENTITY", "Remote-Party-ID", "P-Preferred-Identity", "Diversion"} {
		for _, colon := range []string{": ", " : ", "\t:\t", ":", ":\r\n "} {
			n++
			extra := name + colon + "<sip:+994501234567@test>\r\n"
			d.id = fmt.Sprint(id, "-", n)
			d.send(d.text("INVITE", "sip:*55@test", extra, sdpFor(40000, "sendrecv")))
			challenge := d.answer("INVITE", 401)
			d.send(d.text("INVITE", "sip:*55@test", extra+d.credentials(challenge, "INVITE", "sip:*55@test"), sdpFor(40000, "sendrecv")))
			l := next(t, h.phones)
			if i := l.Info(); i.User != testUser || i.From != testUser || i.Diverted != "" {
				t.Errorf("%q: %+v", extra, i)
			}
			l.Hangup(call.Reason{Code: 486})
			d.answer("INVITE", 486)
		}
	}
	if n < 30 {
		t.Errorf("%d spellings", n)
	}
}

// Row 17: line ends and control characters of a caller end no line of ours.
func TestAttack17NoCallerWritesOurLines(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	h := open(t, func(o *Options) { o.Log = zap.New(core) }, nil)
	d := h.deskPhone("udp")
	d.register(200)
	p := h.carrier()
	for i, evil := range []string{"%0d%0aX-Evil:%20yes", "%0AX-Evil:yes", "%00x", "\x1b[31mred", "%1b%5b31m", "a%22%3E%3Cscript%3E", "%E2%80%AE"} {
		c := p.dials()
		c.from = "\"x" + strings.ReplaceAll(evil, "\x1b", "\\\x1b") + "\" <sip:" + strings.ReplaceAll(evil, "\x1b[", "%1b") + "@127.0.0.1>;tag=e" + fmt.Sprint(i)
		c.extra = "User-Agent: " + evil + "\r\nSubject: " + evil + "\r\n"
		p.send(c.invite())
		var l *leg
		select {
		case got := <-h.legs:
			l = got.(*leg)
		case <-time.After(2 * time.Second):
			p.answer("INVITE", 400)
			continue
		}
		done := make(chan error, 1)
		ctx := t.Context()
		go func() {
			phone, err := h.Dial(ctx, call.Dial{Call: l.info.Call, User: testUser, From: l.info.From, Display: string(l.info.From) + "\r\nX-Evil: yes"})
			if err == nil {
				phone.Hangup(call.Reason{})
			}
			done <- err
		}()
		invite := d.request("INVITE")
		for _, line := range invite.head {
			if strings.HasPrefix(strings.ToLower(line), "x-evil") || strings.ContainsAny(line, "\x00\x1b\n\r") {
				t.Errorf("%q got into our INVITE: %q", evil, line)
			}
		}
		d.send(respond(invite, 486, "desk", "", ""))
		d.request("ACK")
		<-done
		l.Hangup(call.Reason{Code: 486, Why: evil, Cause: "SIP;cause=200;text=\"" + "x\r\nX-Evil: yes" + "\""})
		refusal := p.answer("INVITE", 486)
		for _, line := range refusal.head {
			if strings.HasPrefix(strings.ToLower(line), "x-evil") {
				t.Errorf("our refusal says %q", line)
			}
		}
		c.to = refusal.get("To")
		p.send(c.text("ACK", c.branch, "", "", ""))
	}
	for _, e := range logs.All() {
		if strings.ContainsAny(e.Message, "\r\n\x00\x1b") {
			t.Errorf("logged %q", e.Message)
		}
	}
}
