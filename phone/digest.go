package phone

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// A challenge is a WWW-Authenticate or Proxy-Authenticate header (RFC 7616 §3.3).
type challenge struct {
	realm, nonce, opaque, algorithm string
	qop                             bool // the server offered qop=auth
	stale                           bool
	proxy                           bool
	used                            uint32 // nc of the last credentials made from it
}

// errNoChallenge means that none of the challenges offered can be answered.
var errNoChallenge = errors.New("no digest challenge that this phone can answer")

// pickChallenge takes the strongest challenge of a 401 or 407, or the wanted algorithm only.
func pickChallenge(resp *Message, want string) (*challenge, error) {
	name, proxy := "WWW-Authenticate", false
	if resp.Code == 407 {
		name, proxy = "Proxy-Authenticate", true
	}
	var best *challenge
	for _, h := range resp.Headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		c := parseChallenge(h.Value)
		if c == nil || (want != "" && c.algorithm != want) {
			continue
		}
		c.proxy = proxy
		if best == nil || (best.algorithm == "MD5" && c.algorithm == "SHA-256") {
			best = c
		}
	}
	if best == nil {
		return nil, errNoChallenge
	}
	return best, nil
}

// parseChallenge returns nil for a scheme or an algorithm that is not ours.
func parseChallenge(s string) *challenge {
	scheme, rest, _ := strings.Cut(s, " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil
	}
	c := &challenge{algorithm: "MD5"}
	for _, part := range splitList(rest) {
		name, value, _ := strings.Cut(part, "=")
		value = unquote(strings.TrimSpace(value))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "realm":
			c.realm = value
		case "nonce":
			c.nonce = value
		case "opaque":
			c.opaque = value
		case "algorithm":
			c.algorithm = strings.ToUpper(value)
		case "stale":
			c.stale = strings.EqualFold(value, "true")
		case "qop":
			for _, q := range strings.Split(value, ",") {
				c.qop = c.qop || strings.TrimSpace(q) == "auth"
			}
		}
	}
	if c.algorithm != "MD5" && c.algorithm != "SHA-256" {
		return nil
	}
	return c
}

func (c *challenge) hash(s string) string {
	if c.algorithm == "SHA-256" {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// authorize puts credentials for the request on it (RFC 7616 §3.4).
func (c *challenge) authorize(req *Message, user, secret string) {
	ha1 := c.hash(user + ":" + c.realm + ":" + secret)
	ha2 := c.hash(req.Method + ":" + req.URI)
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username=%s, realm=%s, nonce=%s, uri=%s, algorithm=%s`,
		quote(user), quote(c.realm), quote(c.nonce), quote(req.URI), c.algorithm)
	if c.qop {
		c.used++
		nc, cnonce := fmt.Sprintf("%08x", c.used), randomHex(8)
		response := c.hash(strings.Join([]string{ha1, c.nonce, nc, cnonce, "auth", ha2}, ":"))
		fmt.Fprintf(&b, `, qop=auth, nc=%s, cnonce=%s, response="%s"`, nc, quote(cnonce), response)
	} else {
		fmt.Fprintf(&b, `, response="%s"`, c.hash(ha1+":"+c.nonce+":"+ha2))
	}
	if c.opaque != "" {
		fmt.Fprintf(&b, `, opaque=%s`, quote(c.opaque))
	}
	name := "Authorization"
	if c.proxy {
		name = "Proxy-Authorization"
	}
	req.set(name, b.String())
}

// randomHex is n random bytes in hex: tags, branches, Call-IDs, nonces.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
