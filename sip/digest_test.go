package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"pgregory.net/rapid"
)

// people are the users of these tests and their secrets.
type people map[string]string

func (p people) HA1(user, realm, algorithm string) (string, bool) {
	secret, ok := p[user]
	if !ok {
		return "", false
	}
	return hashBy(algorithm, user+":"+realm+":"+secret), true
}

func hashBy(algorithm, s string) string {
	if algorithm == "SHA-256" {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// A handClock is set by the test.
type handClock struct{ at time.Time }

func newHandClock() *handClock {
	return &handClock{time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
}

func (c *handClock) now() time.Time          { return c.at }
func (c *handClock) forward(d time.Duration) { c.at = c.at.Add(d) }

// A login is what a phone makes an Authorization of. It computes with its own formula.
type login struct {
	user, secret, realm, nonce, uri, method, algorithm, qop, nc, cnonce string
	extra                                                               string
}

func goodLogin(nonce string) login {
	return login{user: "aysel", secret: "s3cret", realm: "hotline", nonce: nonce, uri: "sip:hotline.example",
		method: "REGISTER", algorithm: "SHA-256", qop: "auth", nc: "00000001", cnonce: "0a4f113b"}
}

func (l login) header() string {
	ha1 := hashBy(l.algorithm, l.user+":"+l.realm+":"+l.secret)
	ha2 := hashBy(l.algorithm, l.method+":"+l.uri)
	var response, tail string
	if l.qop == "" {
		response = hashBy(l.algorithm, ha1+":"+l.nonce+":"+ha2)
	} else {
		response = hashBy(l.algorithm, fmt.Sprintf("%s:%s:%s:%s:%s:%s", ha1, l.nonce, l.nc, l.cnonce, l.qop, ha2))
		tail = fmt.Sprintf(`, qop=%s, nc=%s, cnonce="%s"`, l.qop, l.nc, l.cnonce)
	}
	if l.algorithm != "" {
		tail += ", algorithm=" + l.algorithm
	}
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"%s%s`,
		l.user, l.realm, l.nonce, l.uri, response, tail, l.extra)
}

// asked is a REGISTER to sip:hotline.example with these Authorization headers.
func asked(authorizations ...string) *sipmsg.Request {
	var u sipmsg.Uri
	if err := sipmsg.ParseUri("sip:hotline.example", &u); err != nil {
		panic(err)
	}
	req := sipmsg.NewRequest(sipmsg.REGISTER, u)
	for _, a := range authorizations {
		req.AppendHeader(sipmsg.NewHeader("Authorization", a))
	}
	return req
}

// challengedNonce is the nonce of a challenge.
func challengedNonce(challenges []string) string {
	_, rest, _ := strings.Cut(challenges[0], `nonce="`)
	nonce, _, _ := strings.Cut(rest, `"`)
	return nonce
}

var deskAddr = netip.MustParseAddrPort("192.0.2.10:5060")

func testDigest(clock *handClock) *digestServer {
	return newDigestServer("hotline", people{"aysel": "s3cret", "rauf": "other"}, clock.now)
}

func TestExampleOfRFC7616(t *testing.T) {
	// RFC 7616 §3.9.1, both algorithms; its numbers, so that we do not only agree with ourselves.
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := credentials{uri: "/dir/index.html", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop: "auth", algorithm: algorithm}
		if got := c.expected(hashBy(algorithm, "Mufasa:http-auth@example.org:Circle of Life"), "GET"); got != want {
			t.Errorf("%s: got %s, want %s", algorithm, got, want)
		}
	}
}

func TestWhoGetsIn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*login)
		want   digestVerdict
	}{
		"the right secret":                   {func(*login) {}, digestOK},
		"the right secret by MD5":            {func(l *login) { l.algorithm = "MD5" }, digestOK},
		"no algorithm means MD5":             {func(l *login) { l.algorithm = "" }, digestOK},
		"an old phone without qop":           {func(l *login) { l.algorithm, l.qop = "MD5", "" }, digestOK},
		"a port in the uri only":             {func(l *login) { l.uri = "sip:hotline.example:5070" }, digestOK},
		"a parameter in the uri only":        {func(l *login) { l.uri = "sip:hotline.example;transport=tcp" }, digestOK},
		"capital letters in the uri":         {func(l *login) { l.uri = "sip:HOTLINE.example" }, digestOK},
		"a wrong secret":                     {func(l *login) { l.secret = "guess" }, digestBad},
		"somebody else's secret":             {func(l *login) { l.user = "rauf" }, digestBad},
		"an unknown user":                    {func(l *login) { l.user = "nobody" }, digestBad},
		"credentials for another host":       {func(l *login) { l.uri = "sip:elsewhere.example" }, digestBad},
		"credentials for another user there": {func(l *login) { l.uri = "sip:rauf@hotline.example" }, digestBad},
		"a uri that is none":                 {func(l *login) { l.uri = "*" }, digestBad},
		"made for an INVITE":                 {func(l *login) { l.method = "INVITE" }, digestBad},
		"SHA-256 without qop":                {func(l *login) { l.qop = "" }, digestBad},
		"qop that was not offered":           {func(l *login) { l.qop = "auth-int" }, digestBad},
		"a count of zero":                    {func(l *login) { l.nc = "00000000" }, digestBad},
		"a count of seven letters":           {func(l *login) { l.nc = "0000001" }, digestBad},
		"a count that is no number":          {func(l *login) { l.nc = "0000000g" }, digestBad},
		"no cnonce":                          {func(l *login) { l.cnonce = "" }, digestBad},
		"an algorithm that was not offered":  {func(l *login) { l.algorithm = "SHA-512-256" }, digestBad},
		"a hashed user name":                 {func(l *login) { l.extra = ", userhash=true" }, digestBad},
		"a user named twice":                 {func(l *login) { l.extra = `, username="rauf"` }, digestBad},
		"a nonce of our last life":           {func(l *login) { l.nonce = strings.Repeat("0", 64) }, digestStale},
		"a nonce that is no nonce":           {func(l *login) { l.nonce = "x" }, digestStale},
		"another realm":                      {func(l *login) { l.realm = "elsewhere" }, digestMissing},
	} {
		t.Run(name, func(t *testing.T) {
			d := testDigest(newHandClock())
			l := goodLogin(challengedNonce(d.challenge(deskAddr, "test", false)))
			c.change(&l)
			user, got := d.verify(asked(l.header()), deskAddr)
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got == digestOK && user != "aysel" {
				t.Errorf("let in as %q", user)
			}
		})
	}
}

func TestOtherSchemesAreAsIfAbsent(t *testing.T) {
	d := testDigest(newHandClock())
	// RFC 4475 §3.3.7 (regaut01).
	if _, v := d.verify(asked("NoOneKnowsThisScheme opaque-data=here"), deskAddr); v != digestMissing {
		t.Errorf("unknown scheme: %s", v)
	}
	if _, v := d.verify(asked(), deskAddr); v != digestMissing {
		t.Errorf("no header: %s", v)
	}
	good := goodLogin(challengedNonce(d.challenge(deskAddr, "test", false))).header()
	if _, v := d.verify(asked(`Bearer abc`, `Digest realm="elsewhere"`, good), deskAddr); v != digestOK {
		t.Errorf("ours behind others: %s", v)
	}
}

func TestANonceServesItsOwnerForFiveMinutes(t *testing.T) {
	clock := newHandClock()
	d := testDigest(clock)
	l := goodLogin(challengedNonce(d.challenge(deskAddr, "test", false)))
	try := func(src string) digestVerdict {
		_, v := d.verify(asked(l.header()), netip.MustParseAddrPort(src))
		return v
	}
	steps := []struct {
		name    string
		nc, src string
		forward time.Duration
		want    digestVerdict
	}{
		{"first use", "00000001", "192.0.2.10:5060", 0, digestOK},
		{"the same again, as a thief would", "00000001", "192.0.2.10:5060", 0, digestStale},
		{"the next count", "00000002", "192.0.2.10:5060", 0, digestOK},
		{"a leap", "00000009", "192.0.2.10:5060", 0, digestOK},
		{"back", "00000003", "192.0.2.10:5060", 0, digestStale},
		{"from a new port behind the NAT", "0000000a", "192.0.2.10:61234", 0, digestOK},
		{"the same address in IPv6 dress", "0000000b", "[::ffff:192.0.2.10]:5060", 0, digestOK},
		{"from elsewhere", "0000000c", "192.0.2.11:5060", 0, digestStale},
		{"just before five minutes", "0000000d", "192.0.2.10:5060", 5*time.Minute - time.Millisecond, digestOK},
		{"at five minutes", "0000000e", "192.0.2.10:5060", time.Millisecond, digestStale},
	}
	for _, s := range steps {
		clock.forward(s.forward)
		l.nc = s.nc
		if got := try(s.src); got != s.want {
			t.Errorf("%s: got %s, want %s", s.name, got, s.want)
		}
	}
}

func TestWithoutACountANonceServesOnce(t *testing.T) {
	d := testDigest(newHandClock())
	l := goodLogin(challengedNonce(d.challenge(deskAddr, "", false)))
	l.algorithm, l.qop = "MD5", ""
	for i, want := range []digestVerdict{digestOK, digestStale} {
		if _, got := d.verify(asked(l.header()), deskAddr); got != want {
			t.Errorf("use %d: got %s, want %s", i+1, got, want)
		}
	}
}

func TestStrangersLeaveNothingBehind(t *testing.T) {
	d := testDigest(newHandClock())
	for range 1000 {
		l := goodLogin(challengedNonce(d.challenge(deskAddr, "scanner", false)))
		l.secret = "guess"
		d.verify(asked(l.header()), deskAddr)
	}
	if n := len(d.used.seen); n != 0 {
		t.Errorf("%d nonces remembered", n)
	}
}

func TestForgottenNoncesCannotBeUsedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		table := newNonceTable(limit)
		now := newHandClock().at
		var made []nonce
		taken := map[[nonceHead]byte]uint32{}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "ms")) * time.Millisecond)
			if len(made) == 0 || rapid.Bool().Draw(t, "new") {
				made = append(made, nonce{id: [nonceHead]byte{byte(i)}, made: now})
			}
			n := made[rapid.IntRange(0, len(made)-1).Draw(t, "which")]
			if now.Sub(n.made) >= nonceLife {
				continue // readNonce lets none of those through
			}
			count := uint32(rapid.IntRange(0, 4).Draw(t, "count"))
			before, used := taken[n.id]
			if !table.take(n, count, now) {
				continue
			}
			if used && count <= before {
				t.Fatalf("count %d taken again", count)
			}
			taken[n.id] = count
			if count == 0 {
				taken[n.id] = 1 << 31 // used up
			}
			if len(table.seen) > limit {
				t.Fatalf("%d remembered, limit %d", len(table.seen), limit)
			}
		}
	})
}

func TestPhonesThatStumbleOverSHA256GetIn(t *testing.T) {
	d := testDigest(newHandClock())
	for agent, want := range map[string]string{
		"Yealink SIP-T46S 66.86.0.15":    "SHA-256 MD5",
		"baresip v3.12.1 (x86_64/Linux)": "SHA-256 MD5",
		"baresip v4.0.0 (x86_64/Linux)":  "SHA-256 MD5",
		"baresip":                        "SHA-256 MD5",
		"baresip v3.11.0 (x86_64/Linux)": "MD5",
		"baresip v1.0.0 (x86_64/linux)":  "MD5",
		"SIPp/Linux":                     "MD5 SHA-256",
		"":                               "MD5 SHA-256",
	} {
		var got []string
		for _, c := range d.challenge(deskAddr, agent, true) {
			_, rest, _ := strings.Cut(c, "algorithm=")
			algorithm, _, _ := strings.Cut(rest, ",")
			got = append(got, algorithm)
			if !strings.HasSuffix(c, ", stale=true") {
				t.Errorf("not stale: %s", c)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is offered %v, want %s", agent, got, want)
		}
	}
}

func TestARealmWithQuotesDoesNotBreakTheHeader(t *testing.T) {
	d := newDigestServer(`the "best" \ line`, people{"aysel": "s3cret"}, nil)
	c := d.challenge(deskAddr, "test", false)[0]
	p, err := authParams(strings.TrimPrefix(c, "Digest "))
	if err != nil || p["realm"] != d.realm {
		t.Errorf("%s is read as %q, %v", c, p["realm"], err)
	}
}

func TestCredentialsThatCannotBeRead(t *testing.T) {
	for name, value := range map[string]string{
		"an open quote":             `Digest username="aysel`,
		"a quote that ends in a \\": `Digest username="aysel\`,
		"no value":                  `Digest username`,
		"no name":                   `Digest ="x"`,
		"words after a quote":       `Digest username="aysel" realm="hotline"`,
		"a quote inside a token":    `Digest nc=0"0`,
		"nothing but the scheme":    `Digest`,
		"33 parameters":             "Digest " + manyParams(33),
		"five kilobytes":            `Digest username="` + strings.Repeat("a", 5000) + `"`,
	} {
		if _, err := parseAuthorization(value); err == nil || err == errNotDigest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyParams(n int) string {
	var p []string
	for i := range n {
		p = append(p, fmt.Sprintf("p%d=1", i))
	}
	return strings.Join(p, ", ")
}

func TestWhatAPhoneQuotesIsReadBack(t *testing.T) {
	value := rapid.StringMatching(`[ -~]{0,20}`)
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	rapid.Check(t, func(t *rapid.T) {
		var text []string
		want := map[string]string{}
		for i := range rapid.IntRange(1, 6).Draw(t, "n") {
			name, v := fmt.Sprintf("p%d", i), value.Draw(t, "value")
			want[name] = v
			blank := rapid.SampledFrom([]string{"", " ", "\t"})
			text = append(text, strings.ToUpper(name)+blank.Draw(t, "a")+"="+blank.Draw(t, "b")+`"`+quote.Replace(v)+`"`+blank.Draw(t, "c"))
		}
		got, err := authParams(strings.Join(text, ","))
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range want {
			if got[name] != v {
				t.Fatalf("%s is %q, want %q", name, got[name], v)
			}
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	clock := newHandClock()
	d := testDigest(clock)
	f.Add(goodLogin("abc").header())
	f.Add(`Digest username="Mufasa", realm="hotline", uri="sip:a", algorithm=MD5, nonce="x", nc=00000001, cnonce="y", qop=auth, response="z", opaque="o"`)
	f.Add("NoOneKnowsThisScheme opaque-data=here")
	f.Add(`digest  a = "b\"c" ,, d=e`)
	f.Fuzz(func(t *testing.T, value string) {
		c, err := parseAuthorization(value)
		if err == nil {
			if c.username == "" || c.realm == "" || c.nonce == "" || c.uri == "" || c.response == "" {
				t.Fatalf("half credentials taken: %+v", c)
			}
			if c.qop != "" && c.count == 0 {
				t.Fatalf("qop without a count: %+v", c)
			}
		}
		// Nobody gets in who was not asked: no input of a fuzzer holds a right answer to a
		// nonce that this process makes.
		if _, v := d.verify(asked(value), deskAddr); v == digestOK {
			t.Fatalf("let in by %q", value)
		}
	})
}
