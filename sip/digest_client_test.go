package sip

import (
	"strings"
	"testing"
)

// The example of RFC 7616 §3.9.1: the credentials are those that it prints, but for our own cnonce.
func TestCredentialsAsInRFC7616(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := credentials{
			algorithm: algorithm, uri: "/dir/index.html", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop: "auth",
		}
		ha1 := digestHash(algorithm, "Mufasa:http-auth@example.org:Circle of Life")
		if got := c.expected(ha1, "GET"); got != want {
			t.Errorf("%s: %s, want %s", algorithm, got, want)
		}
	}
}

// What an account answers is what our own registrar, which phones have proved right, would expect.
func TestAnsweringAChallenge(t *testing.T) {
	a := Account{User: "hot\"line", Password: "secret", Realm: "carrier"}
	md5, sha := `Digest realm="carrier", nonce="n1", algorithm=MD5, qop="auth,auth-int"`, `Digest realm="carrier", nonce="n2", algorithm=SHA-256, qop="auth", opaque="o\"p"`
	for name, c := range map[string]struct {
		challenges []string
		algorithm  string // "" nothing may be answered
	}{
		"MD5":                         {[]string{md5}, algorithmMD5},
		"SHA-256 before MD5":          {[]string{md5, sha}, algorithmSHA256},
		"SHA-256 first":               {[]string{sha, md5}, algorithmSHA256},
		"as before RFC 2617":          {[]string{`Digest realm="carrier", nonce="n"`}, algorithmMD5},
		"another scheme before":       {[]string{`Basic realm="carrier"`, md5}, algorithmMD5},
		"another realm":               {[]string{`Digest realm="other", nonce="n", qop="auth"`}, ""},
		"another realm and ours":      {[]string{`Digest realm="other", nonce="n", qop="auth"`, md5}, algorithmMD5},
		"ours in other letters":       {[]string{`Digest realm="Carrier", nonce="n", qop="auth"`}, ""},
		"auth-int alone":              {[]string{`Digest realm="carrier", nonce="n", qop="auth-int"`}, ""},
		"an unknown algorithm":        {[]string{`Digest realm="carrier", nonce="n", algorithm=MD5-sess, qop="auth"`}, ""},
		"no nonce":                    {[]string{`Digest realm="carrier", qop="auth"`}, ""},
		"the realm twice":             {[]string{`Digest realm="other", realm="carrier", nonce="n", qop="auth"`}, ""},
		"a password in plain letters": {[]string{`Basic realm="carrier"`}, ""},
		"nothing":                     {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text, ok := a.answer(c.challenges, "REGISTER", "sip:carrier.example", 1)
			if ok != (c.algorithm != "") {
				t.Fatalf("answered: %v %q", ok, text)
			}
			if !ok {
				return
			}
			if strings.Contains(text, "secret") {
				t.Fatalf("the password stands in it: %s", text)
			}
			got, err := parseAuthorization(text)
			if err != nil {
				t.Fatal(err, text)
			}
			ha1 := digestHash(c.algorithm, a.User+":carrier:"+a.Password)
			if got.algorithm != c.algorithm || got.username != a.User || got.uri != "sip:carrier.example" || got.response != got.expected(ha1, "REGISTER") {
				t.Errorf("%+v", got)
			}
			if c.algorithm == algorithmSHA256 && !strings.Contains(text, `opaque="o\"p"`) {
				t.Errorf("opaque is not given back: %s", text)
			}
		})
	}
	a.Realm = ""
	if _, ok := a.answer([]string{`Digest realm="whatever", nonce="n"`}, "REGISTER", "sip:c", 1); !ok {
		t.Error("an account for any realm did not answer")
	}
	if _, ok := (Account{}).answer([]string{md5}, "REGISTER", "sip:c", 1); ok {
		t.Error("no account, and yet an answer")
	}
}

// A second use of the same nonce has another count, or the carrier takes it for a replay.
func TestEachAnswerCounts(t *testing.T) {
	a := Account{User: "u", Password: "p"}
	challenge := []string{`Digest realm="c", nonce="n", qop="auth"`}
	one, _ := a.answer(challenge, "REGISTER", "sip:c", 1)
	two, _ := a.answer(challenge, "REGISTER", "sip:c", 2)
	first, err1 := parseAuthorization(one)
	second, err2 := parseAuthorization(two)
	if err1 != nil || err2 != nil || first.count != 1 || second.count != 2 || first.response == second.response {
		t.Errorf("%v %v: %+v, %+v", err1, err2, first, second)
	}
}
