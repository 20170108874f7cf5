package sip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of the credentials in one request.
const (
	maxAuthorizations = 4       // headers looked at; a phone behind two proxies sends three
	maxAuthorization  = 4 << 10 // bytes of one
	maxAuthParams     = 32
)

// errNotDigest says that the credentials are of another scheme.
var errNotDigest = errors.New("not digest credentials")

// credentials are the parameters of one "Authorization: Digest" (RFC 7616 §3.4).
type credentials struct {
	username, realm, nonce, uri, response string
	algorithm                             string // "MD5" or "SHA-256"
	qop                                   string // "auth", or empty as in RFC 2069
	nc, cnonce                            string
	count                                 uint32 // nc as a number; 0 without qop
}

// parseAuthorization reads the value of an Authorization header. errNotDigest means another
// scheme; any other error means digest credentials that cannot be right.
func parseAuthorization(value string) (credentials, error) {
	if len(value) > maxAuthorization {
		return credentials{}, errors.New("credentials too long")
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(value, "\t", " ")), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return credentials{}, errNotDigest
	}
	p, err := authParams(rest)
	if err != nil {
		return credentials{}, err
	}
	c := credentials{
		username: p["username"], realm: p["realm"], nonce: p["nonce"], uri: p["uri"],
		response: p["response"], nc: p["nc"], cnonce: p["cnonce"],
	}
	for _, must := range []string{"username", "realm", "nonce", "uri", "response"} {
		if p[must] == "" {
			return credentials{}, fmt.Errorf("credentials without %s", must)
		}
	}
	if strings.EqualFold(p["userhash"], "true") {
		return credentials{}, errors.New("credentials with a hashed user, which was not offered")
	}
	if c.algorithm, err = knownAlgorithm(p["algorithm"]); err != nil {
		return credentials{}, err
	}
	return c, c.readQop(p["qop"])
}

// knownAlgorithm is the canonical spelling. None means MD5 (RFC 2617 §3.2.1).
func knownAlgorithm(s string) (string, error) {
	switch {
	case s == "", strings.EqualFold(s, algorithmMD5):
		return algorithmMD5, nil
	case strings.EqualFold(s, algorithmSHA256):
		return algorithmSHA256, nil
	}
	return "", errors.New("credentials with an algorithm that was not offered")
}

// readQop checks qop, nc and cnonce together.
func (c *credentials) readQop(qop string) error {
	if qop == "" {
		// Quirk: phones of before RFC 2617 leave qop out, although we offer it. They know
		// only MD5; SHA-256 without qop is nobody's telephone.
		if c.algorithm != algorithmMD5 {
			return errors.New("credentials without qop")
		}
		return nil
	}
	if !strings.EqualFold(qop, "auth") {
		return errors.New("credentials with a qop that was not offered")
	}
	c.qop = qop // as written: it is part of the hash
	n, err := strconv.ParseUint(c.nc, 16, 32)
	if err != nil || len(c.nc) != 8 || n == 0 || c.cnonce == "" {
		return errors.New("credentials with qop and without a good nc and cnonce")
	}
	c.count = uint32(n)
	return nil
}

// authParams splits "a=b, c="d, e"" into lower-case names and unquoted values. A name that
// stands twice is an error: two readers would believe different ones.
func authParams(s string) (map[string]string, error) {
	p := map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t\r\n,")
		if s == "" {
			return p, nil
		}
		name, rest, ok := strings.Cut(s, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || !printable(name) || strings.ContainsAny(name, `",;`) {
			return nil, errors.New("credentials with an odd parameter")
		}
		if _, twice := p[name]; twice || len(p) == maxAuthParams {
			return nil, errors.New("credentials with a parameter twice, or too many")
		}
		value, after, err := authValue(strings.TrimLeft(rest, " \t\r\n"))
		if err != nil {
			return nil, err
		}
		p[name], s = value, after
	}
}

// authValue reads one token or quoted string and what follows it.
func authValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			end = len(s)
		}
		value = strings.TrimSpace(s[:end])
		if !printable(value) || strings.Contains(value, `"`) {
			return "", "", errors.New("credentials with an odd value")
		}
		return value, s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			rest = strings.TrimLeft(s[i+1:], " \t\r\n")
			if rest != "" && rest[0] != ',' {
				return "", "", errors.New("credentials with something after a quoted value")
			}
			return b.String(), rest, nil
		case '\\':
			if i++; i == len(s) {
				return "", "", errors.New("credentials with an open quote")
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("credentials with an open quote")
}
