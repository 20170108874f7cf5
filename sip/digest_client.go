package sip

import (
	"fmt"
	"strings"
	"time"
)

// An Account is how we prove ourselves to a carrier.
type Account struct {
	User, Password string        // no user: there is none
	Realm          string        // the only one that the password is sent for; empty: whichever the carrier's own hosts ask
	Expires        time.Duration // of a registration, as asked for
}

// answer makes credentials for the best of some challenges (RFC 7616 §3.4): SHA-256 before MD5. It
// is not ok where none is for the account's realm, or none is understood: then nothing of the
// password leaves the house.
func (a Account) answer(challenges []string, method, uri string, count int) (credentials string, ok bool) {
	if a.User == "" {
		return "", false
	}
	best := map[string]string{}
	for _, c := range challenges {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(c), " ")
		p, err := authParams(rest)
		if !strings.EqualFold(scheme, "Digest") || err != nil || p["nonce"] == "" || (a.Realm != "" && p["realm"] != a.Realm) {
			continue
		}
		algorithm, err := knownAlgorithm(p["algorithm"])
		if err != nil || !authQop(p["qop"]) {
			continue
		}
		if p["algorithm"] = algorithm; len(best) == 0 || (algorithm == algorithmSHA256 && best["algorithm"] != algorithmSHA256) {
			best = p
		}
	}
	if len(best) == 0 {
		return "", false
	}
	return a.credentials(best, method, uri, count), true
}

// authQop says that a challenge lets us protect the request alone, or asks for nothing.
func authQop(qop string) bool {
	if qop == "" {
		return true
	}
	for _, q := range strings.Split(qop, ",") {
		if strings.EqualFold(strings.TrimSpace(q), "auth") {
			return true
		}
	}
	return false
}

func (a Account) credentials(p map[string]string, method, uri string, count int) string {
	ha1 := digestHash(p["algorithm"], a.User+":"+p["realm"]+":"+a.Password)
	ha2 := digestHash(p["algorithm"], method+":"+uri)
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username=%s, realm=%s, nonce=%s, uri=%s, algorithm=%s`,
		quoted(a.User), quoted(p["realm"]), quoted(p["nonce"]), quoted(uri), p["algorithm"])
	if p["qop"] == "" {
		fmt.Fprintf(&b, `, response="%s"`, digestHash(p["algorithm"], ha1+":"+p["nonce"]+":"+ha2))
	} else {
		cnonce := newToken()
		nc := fmt.Sprintf("%08x", count)
		response := digestHash(p["algorithm"], strings.Join([]string{ha1, p["nonce"], nc, cnonce, "auth", ha2}, ":"))
		fmt.Fprintf(&b, `, qop=auth, nc=%s, cnonce="%s", response="%s"`, nc, cnonce, response)
	}
	if p["opaque"] != "" {
		fmt.Fprintf(&b, `, opaque=%s`, quoted(p["opaque"]))
	}
	return b.String()
}

// quoted is a quoted-string (RFC 3261 §25.1).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(s)) + `"`
}

// challenged are the challenges in a 401 or 407 and the header that answers them.
func challenged(r *response) (challenges []string, header string) {
	if r.StatusCode == 401 {
		return r.draft.all("WWW-Authenticate"), "Authorization"
	}
	return r.draft.all("Proxy-Authenticate"), "Proxy-Authorization"
}
