package sip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Limits of the contacts in one REGISTER.
const (
	maxContacts     = 8   // in one request; a telephone sends one, sometimes two
	maxContactURI   = 512 // bytes
	maxInstance     = 256 // bytes of +sip.instance
	maxContactField = 4 << 10
)

// A contact is one value of a Contact header in a REGISTER.
type contact struct {
	uri      string // as written, without brackets
	key      string // the same for equal URIs (RFC 3261 §19.1.4)
	instance string // +sip.instance, without quotes
	expires  int    // of the expires parameter in s, -1 without a good one
}

// readContacts reads the Contact headers of a REGISTER. star says that it is "*" and nothing
// else (RFC 3261 §10.2.2). An error means 400.
func readContacts(req *sipmsg.Request) (list []contact, star bool, err error) {
	for _, h := range req.Headers() {
		if name := sipmsg.HeaderToLower(h.Name()); name != "contact" && name != "m" {
			continue
		}
		values, err := splitContacts(h.Value())
		if err != nil {
			return nil, false, err
		}
		for _, v := range values {
			if v == "*" {
				star = true
				continue
			}
			c, err := readContact(v)
			if err != nil {
				return nil, false, err
			}
			list = append(list, c)
		}
		if len(list) > maxContacts {
			return nil, false, errors.New("too many contacts")
		}
	}
	if star && len(list) > 0 {
		return nil, false, errors.New("contact * beside others")
	}
	return list, star, nil
}

// splitContacts splits a header value at its commas, not at those in quotes or brackets.
func splitContacts(s string) ([]string, error) {
	if len(s) > maxContactField {
		return nil, errors.New("contact too long")
	}
	parts, err := splitContactAt(s, ',')
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out, nil
}

// splitContactAt splits s at sep where it stands outside quotes and angle brackets.
func splitContactAt(s string, sep byte) ([]string, error) {
	var out []string
	quoted, bracketed, from := false, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !bracketed:
			quoted = !quoted
		case quoted:
		case c == '<' && !bracketed:
			bracketed = true
		case c == '>' && bracketed:
			bracketed = false
		case c == sep && !bracketed:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	if quoted || bracketed {
		return nil, errors.New("contact with an open quote or bracket")
	}
	return append(out, s[from:]), nil
}

// readContact reads `"name" <uri>;params` or `uri;params`. Without brackets all parameters are
// the header's (RFC 3261 §20.10).
func readContact(s string) (contact, error) {
	parts, err := splitContactAt(s, ';')
	if err != nil {
		return contact{}, err
	}
	address, params := strings.TrimSpace(parts[0]), parts[1:]
	if open := openBracket(address); open >= 0 {
		end := strings.IndexByte(address[open:], '>')
		if end < 0 || open+end != len(address)-1 {
			return contact{}, errors.New("contact with odd brackets")
		}
		address = address[open+1 : len(address)-1]
	}
	c := contact{uri: address, expires: -1}
	if c.key, err = contactKey(address); err != nil {
		return contact{}, err
	}
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		value = strings.Trim(value, "\" \t") // the library quotes a value with blanks once more
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "expires":
			c.expires = readExpires(value)
		case "+sip.instance":
			if len(value) > maxInstance {
				return contact{}, errors.New("contact with too long an instance")
			}
			c.instance = strings.ToLower(value)
		}
	}
	return c, nil
}

// openBracket is where the < of a name-addr stands, not counting those in a quoted name; -1: none.
func openBracket(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '<' && !quoted:
			return i
		}
	}
	return -1
}

// readExpires is the number of seconds, or -1 for what is none: RFC 3261 §10.2.1.1 has such a
// value treated as the default. Above a day it says a day, which is shortened anyway.
func readExpires(s string) int {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 86400
	case err != nil:
		return -1
	}
	return int(min(n, 86400))
}

// contactKey checks a contact's URI and is what makes two of them the same: RFC 3261 §19.1.4,
// less its rule that a parameter may be missing on one side for parameters that do not matter.
func contactKey(s string) (string, error) {
	if len(s) > maxContactURI || !printable(s) || strings.ContainsAny(s, `<>"`) {
		return "", errors.New("contact with an odd address")
	}
	var u sipmsg.Uri
	if err := sipmsg.ParseUri(s, &u); err != nil {
		return "", fmt.Errorf("contact: %w", err)
	}
	if u.Scheme != "sip" && u.Scheme != "sips" {
		return "", errors.New("contact that is no SIP address")
	}
	// Headers in a contact would be part of the calls we place to it: a way to make us send
	// what somebody else chose (RFC 4475 §3.1.2.12 and §3.3.11).
	if len(u.Headers) > 0 || strings.Contains(s, "?") {
		return "", errors.New("contact with headers")
	}
	if u.Host == "" || u.Wildcard || u.Port < 0 || u.Port > 65535 {
		return "", errors.New("contact without a host")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%s@%s:%d", u.Scheme, unescaped(u.User), strings.ToLower(u.Host), u.Port)
	for _, name := range []string{"transport", "user", "ttl", "method", "maddr"} {
		for _, p := range u.UriParams {
			if strings.EqualFold(p.K, name) {
				fmt.Fprintf(&b, ";%s=%s", name, strings.ToLower(p.V))
			}
		}
	}
	return b.String(), nil
}
