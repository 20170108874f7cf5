package trace

import (
	"bytes"
	"regexp"
	"strings"
)

// mask makes what must stay secret unreadable, in place and without changing a length: what the
// rest of the message says of itself stays true.
//
//   - Keys pressed: every body but descriptions of sessions and the progress of a transfer.
//   - Passwords: the answers of digest, and credentials of other kinds whole. A recorded answer
//     lets whoever has it try passwords at leisure.
//   - Keys of encrypted sound in a description.
func mask(b []byte) {
	head, body := split(b)
	kind := ""
	for name, value := range headers(head) {
		switch {
		case is(name, "Authorization"), is(name, "Proxy-Authorization"), is(name, "Authentication-Info"), is(name, "Proxy-Authentication-Info"):
			maskCredentials(value)
		case is(name, "Content-Type"), is(name, "c"):
			kind, _, _ = strings.Cut(strings.ToLower(string(value)), ";")
		}
	}
	if len(body) > 0 {
		maskBody(body, strings.TrimSpace(kind), method(b))
	}
}

// answers are the parameters of a digest that come of the password.
var answers = regexp.MustCompile(`(?i)\b(?:response|rspauth)[ \t\r\n]*=[ \t\r\n]*("(?:[^"\\]|\\.)*"?|[^,\s]*)`)

// maskCredentials masks the value of a header with credentials.
func maskCredentials(value []byte) {
	found := answers.FindAllSubmatchIndex(value, -1)
	if found == nil {
		// Not a digest; the scheme alone may be seen.
		start := len(value) - len(bytes.TrimLeft(value, " \t\r\n"))
		if end := bytes.IndexAny(value[start:], " \t"); end >= 0 {
			hide(value[start+end:])
		}
		return
	}
	for _, at := range found {
		hide(value[at[2]:at[3]])
	}
}

// maskBody masks a body by its kind. Which kinds carry keys is for the peers to invent, so only
// those that are known not to are left.
func maskBody(body []byte, kind, method string) {
	switch {
	case kind == "application/sdp", strings.HasPrefix(kind, "multipart/") && method != "INFO" && method != "NOTIFY":
		maskSDP(body)
	case kind == "message/sipfrag":
	default:
		for line := range bytes.Lines(body) {
			if _, value, ok := bytes.Cut(line, []byte("=")); ok {
				line = value // Signal=, Duration=: the name may be seen
			}
			hide(line)
		}
	}
}

// soundKeys are the secrets in a description: SDES keys (RFC 4568), ICE passwords, k= lines.
var soundKeys = regexp.MustCompile(`(?m)(?:inline:|^a=ice-pwd:|^k=)([^|\s]*)`)

func maskSDP(body []byte) {
	if !bytes.Contains(body, []byte("inline")) && !bytes.Contains(body, []byte("ice-pwd")) && !bytes.Contains(body, []byte("k=")) {
		return // nearly always; the expression takes its time
	}
	for _, at := range soundKeys.FindAllSubmatchIndex(body, -1) {
		hide(body[at[2]:at[3]])
	}
}

// hide overwrites all but space, line ends and quotes.
func hide(b []byte) {
	for i, c := range b {
		switch c {
		case ' ', '\t', '\r', '\n', '"':
		default:
			b[i] = 'x'
		}
	}
}
