package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// subscribed is how the carriers of these tests know us.
func subscribed(c *Carrier) {
	c.Register = Account{User: "hot", Password: "their-secret", Realm: "carrier", Expires: time.Hour}
}

const (
	challengeMD5 = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n"
	challengeSHA = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"\r\n"
)

// proves says whether a request carries the right answer to a challenge of ours.
func proves(t *testing.T, m message, header, algorithm string) bool {
	t.Helper()
	c, err := parseAuthorization(m.get(header))
	if err != nil {
		t.Errorf("%s of %s: %v", header, m, err)
		return false
	}
	method, uri, _ := strings.Cut(m.start, " ")
	uri, _, _ = strings.Cut(uri, " ")
	hash := func(s string) string { return hashBy(algorithm, s) }
	want := hash(hash("hot:carrier:their-secret") + ":" + c.nonce + ":" + c.nc + ":" + c.cnonce + ":auth:" + hash(method+":"+uri))
	return c.algorithm == algorithm && c.username == "hot" && c.realm == "carrier" && c.uri == uri && c.response == want
}

// registers takes a registration by password and grants it for so many seconds.
func (p *peer) registers(seconds int) message {
	p.t.Helper()
	first := p.request("REGISTER")
	p.send(respond(first, 401, "r", challengeMD5+challengeSHA, ""))
	second := p.request("REGISTER")
	if !proves(p.t, second, "Authorization", "SHA-256") {
		p.t.Errorf("wrong credentials: %q", second.get("Authorization"))
	}
	p.send(respond(second, 200, "r", fmt.Sprintf("Contact: %s;expires=%d\r\n", second.get("Contact"), seconds), ""))
	return second
}

func TestATrunkRegisters(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", subscribed, b))
	first := b.request("REGISTER")
	if first.get("Authorization") != "" {
		t.Error("it proved itself to nobody who asked")
	}
	if at := h.trunk.String(); first.get("Contact") != "<sip:hot@"+at+">" || first.get("Expires") != "3600" || !strings.HasPrefix(first.start, "REGISTER sip:127.0.0.3 ") {
		t.Errorf("%s, Contact %q, Expires %q", first.start, first.get("Contact"), first.get("Expires"))
	}
	if h.gauge("hotline_sip_trunk_registered", "trunk=carrier") != 0 {
		t.Error("it is said to be registered")
	}
	b.send(respond(first, 401, "r", challengeMD5, ""))
	second := b.request("REGISTER")
	if !proves(t, second, "Authorization", "MD5") {
		t.Errorf("wrong credentials: %q", second.get("Authorization"))
	}
	if first.get("Call-ID") != second.get("Call-ID") || first.get("CSeq") == second.get("CSeq") {
		t.Error("the second is not the first again")
	}
	// The carrier grants less: that counts, and it is refreshed before it ends.
	began := time.Now()
	b.send(respond(second, 200, "r", "Contact: "+second.get("Contact")+";expires=16\r\nExpires: 3600\r\n", ""))
	third := b.request("REGISTER")
	if took := time.Since(began); took < 600*time.Millisecond {
		t.Errorf("a registration of 16 s was refreshed after %s in sixteenths", took)
	}
	if third.get("Call-ID") != first.get("Call-ID") {
		t.Error("the refresh is another registration")
	}
	b.send(respond(third, 200, "r", "Expires: 3600\r\n", ""))
	eventually(t, "the series says registered", func() bool { return h.gauge("hotline_sip_trunk_registered", "trunk=carrier") == 1 })

	done := make(chan error, 1)
	go func() { done <- h.Close() }()
	bye := b.request("REGISTER")
	if bye.get("Expires") != "0" || bye.get("Contact") != first.get("Contact") {
		t.Errorf("the farewell says Expires %q, Contact %q", bye.get("Expires"), bye.get("Contact"))
	}
	b.send(respond(bye, 200, "r", "", ""))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWhenARegistrationIsRenewed(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		d := refresh(time.Hour)
		if d < 42*time.Minute || d > 48*time.Minute {
			t.Fatalf("an hour is renewed after %s", d)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Errorf("a hundred trunks ask at %d moments", len(seen))
	}
}

func TestARegistrationThatIsTooShort(t *testing.T) {
	b := board(t, "127.0.0.3")
	openTrunks(t, nil, by("carrier", func(c *Carrier) { subscribed(c); c.Register.Expires = time.Minute }, b))
	first := b.request("REGISTER")
	b.send(respond(first, 423, "r", "Min-Expires: 1800\r\n", ""))
	second := b.request("REGISTER")
	if second.get("Expires") != "1800" {
		t.Errorf("Expires %q after 423", second.get("Expires"))
	}
	b.send(respond(second, 423, "r", "Min-Expires: 3600\r\n", "")) // a carrier that plays with us
	b.quiet(quietTime)
}

// Where the first host is silent or sick the next is asked; where it says no, nobody else is asked for
// the time being.
func TestRegisteringFailsOver(t *testing.T) {
	for name, c := range map[string]struct {
		answer int
		goesOn bool
	}{
		"silent": {0, true}, "sick": {503, true}, "timed out": {408, true}, "wrong password": {403, false}, "unknown": {404, false},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
			h := openTrunks(t, nil, by("carrier", subscribed, first, second))
			m := first.request("REGISTER")
			if c.answer > 0 {
				first.send(respond(m, c.answer, "r", "", ""))
			}
			if !c.goesOn {
				second.quiet(4 * quietTime)
				return
			}
			second.registers(3600)
			eventually(t, "it is registered", func() bool { return h.gauge("hotline_sip_trunk_registered", "trunk=carrier") == 1 })
		})
	}
}

// A host that dies after it has taken us is left for one that lives.
func TestARegistrationMovesFromADeadHost(t *testing.T) {
	first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	openTrunks(t, nil, by("carrier", func(c *Carrier) { subscribed(c); c.Options = 16 * time.Second }, first, second))
	first.registers(3600)
	second.answers("OPTIONS", 200) // the first answers none
	second.registers(3600)
}

// answers has a peer answer requests of one method by itself, while it waits for others.
func (p *peer) answers(method string, code int) {
	p.auto = func(m message) bool {
		if m.code() != 0 || m.method() != method {
			return false
		}
		p.send(respond(m, code, "auto", "", ""))
		return true
	}
}

// Our password goes to the carrier's own hosts, for its realm, in answer to requests that we began
// there, and nowhere else (a caller who challenges our BYE learns nothing).
func TestWhoeverAsksForOurPassword(t *testing.T) {
	otherRealm := strings.ReplaceAll(challengeMD5, `"carrier"`, `"other"`)
	proxy := strings.Replace(challengeMD5, "WWW-", "Proxy-", 1)
	noneIn := func(t *testing.T, m message) {
		t.Helper()
		if a := m.get("Authorization") + m.get("Proxy-Authorization"); a != "" {
			t.Errorf("%s has %q", m, a)
		}
	}
	t.Run("for another realm", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		openTrunks(t, nil, by("carrier", subscribed, b))
		b.send(respond(b.request("REGISTER"), 401, "r", otherRealm, ""))
		b.quiet(2 * quietTime)
	})
	t.Run("again and again", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		openTrunks(t, nil, by("carrier", subscribed, b))
		asked := 0
		for {
			m := b.request("REGISTER")
			asked++
			b.send(respond(m, 401, "r", challengeMD5, ""))
			if m.get("Authorization") != "" && asked == 3 {
				break
			}
			if asked > 3 {
				t.Fatal("it answers without end")
			}
		}
		b.quiet(2 * quietTime)
	})
	t.Run("from elsewhere", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		h := openTrunks(t, nil, by("carrier", subscribed, b))
		m := b.request("REGISTER")
		thief := peerAt(t, "udp", "127.0.0.9", h.trunk)
		thief.send(respond(m, 401, "r", challengeMD5, ""))
		thief.quiet(quietTime)
		noneIn(t, b.request("REGISTER")) // the repeat: the gate has not let the thief's answer in
	})
	t.Run("in OPTIONS", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		openTrunks(t, nil, by("carrier", func(c *Carrier) { subscribed(c); c.Options = 16 * time.Second }, b))
		b.send(respond(b.request("OPTIONS"), 401, "r", challengeMD5, ""))
		noneIn(t, b.request("OPTIONS"))
	})
	t.Run("at the end of a caller's call", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		h := openTrunks(t, nil, by("carrier", subscribed, b))
		b.registers(3600)
		_, l := h.connect(h.calling(b))
		l.Hangup(reasonNone)
		bye := b.request("BYE")
		noneIn(t, bye)
		b.send(respond(bye, 407, "", proxy, ""))
		b.quiet(2 * quietTime)
	})
	t.Run("in a caller's call", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		h := openTrunks(t, nil, by("carrier", subscribed, b))
		b.registers(3600)
		_, l := h.connect(h.calling(b))
		result := asks(l, true)
		again := b.request("INVITE")
		noneIn(t, again)
		b.refuses(again, 407, proxy)
		if err := told(t, result); err == nil {
			t.Error("the refusal was taken for a yes")
		}
		b.quiet(2 * quietTime)
	})
	t.Run("by the carrier, of a call of ours", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		h := openTrunks(t, nil, by("carrier", subscribed, b))
		b.registers(3600)
		out := h.dialOut(t.Context(), asking())
		first := b.request("INVITE")
		noneIn(t, first)
		b.refuses(first, 407, proxy)
		second := b.request("INVITE")
		if !proves(t, second, "Proxy-Authorization", "MD5") {
			t.Errorf("wrong credentials: %q", second.get("Proxy-Authorization"))
		}
		b.takes(second)
		l := legOf(t, out)
		l.Hangup(reasonNone)
		bye := b.request("BYE")
		noneIn(t, bye)
		b.send(respond(bye, 407, "", proxy, ""))
		b.quiet(2 * quietTime)
	})
	t.Run("by the carrier, twice", func(t *testing.T) {
		b := board(t, "127.0.0.3")
		h := openTrunks(t, nil, by("carrier", subscribed, b))
		b.registers(3600)
		out := h.dialOut(t.Context(), asking())
		b.refuses(b.request("INVITE"), 407, proxy)
		b.refuses(b.request("INVITE"), 407, proxy)
		if e := failure(t, out); e.Code != 407 {
			t.Errorf("%+v", e)
		}
		b.quiet(quietTime)
	})
	t.Run("by a carrier without an account", func(t *testing.T) {
		with, without := board(t, "127.0.0.3"), board(t, "127.0.0.4")
		h := openTrunks(t, func(o *Options) { o.TrunksOf = func(string) []string { return []string{"without"} } },
			by("carrier", subscribed, with), by("without", nil, without))
		with.registers(3600)
		out := h.dialOut(t.Context(), asking())
		without.refuses(without.request("INVITE"), 407, proxy)
		if e := failure(t, out); e.Code != 407 {
			t.Errorf("%+v", e)
		}
		without.quiet(quietTime)
	})
}

// The carrier's own hosts are believed when they call us, though no network of theirs is written
// down; nobody else is.
func TestTheHostWeRegisteredAtBringsCalls(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", subscribed, b))
	b.registers(3600)
	_, l := h.connect(h.calling(b))
	if l.Info().Trunk != "carrier" {
		t.Errorf("a call of %q", l.Info().Trunk)
	}
	stranger := peerAt(t, "udp", "127.0.0.9", h.trunk)
	stranger.send(stranger.dials().invite())
	stranger.quiet(quietTime)
}

// Where the settings of a carrier change, the old registration ends before the new one begins: the
// other way round its farewell would take the new one back.
func TestAnotherPasswordForACarrier(t *testing.T) {
	b := board(t, "127.0.0.3")
	c := by("carrier", subscribed, b)
	h := openTrunks(t, nil, c)
	old := b.registers(3600)
	c.Register.Expires = 30 * time.Minute
	h.SetCarriers([]Carrier{c})
	bye := b.request("REGISTER")
	if bye.get("Expires") != "0" || bye.get("Call-ID") != old.get("Call-ID") {
		t.Errorf("first came Expires %q", bye.get("Expires"))
	}
	b.send(respond(bye, 200, "r", "", ""))
	if again := b.registers(1800); again.get("Expires") != "1800" {
		t.Errorf("then Expires %q", again.get("Expires"))
	}
	h.SetCarriers([]Carrier{c}) // the same: nothing happens
	b.quiet(quietTime)
}

// A carrier that is reached over a connection brings its calls over it: that is what the Contact says.
func TestRegisteringOverAConnection(t *testing.T) {
	e := exchangeAt(t, "127.0.0.3", nil)
	h := openTrunks(t, nil, Carrier{Name: "carrier", Register: Account{User: "hot", Password: "their-secret", Expires: time.Hour},
		To: []Host{{Host: "127.0.0.3", Port: e.at.Port(), Transport: "tcp"}}})
	p := e.next()
	m := p.registers(3600)
	if want := "<sip:hot@" + h.listener(trunkSide, "tcp").String() + ";transport=tcp>"; m.get("Contact") != want {
		t.Errorf("Contact %q, want %q", m.get("Contact"), want)
	}
	p.at = e.at
	_, l := h.connect(p)
	if l.Info().Trunk != "carrier" {
		t.Errorf("a call of %q", l.Info().Trunk)
	}
}
