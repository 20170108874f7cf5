package sip

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Users tells what is needed to check a digest. HA1 is the lower-case hex of
// H(user:realm:secret) by algorithm, "MD5" or "SHA-256" (RFC 7616 §3.4.2); ok is false for a
// user who does not exist, is disabled, or has no such hash.
type Users interface {
	HA1(user, realm, algorithm string) (ha1 string, ok bool)
}

// A digestVerdict is what a request's credentials are worth.
type digestVerdict uint8

const (
	digestMissing digestVerdict = iota // none for our realm: challenge
	digestBad                          // wrong, or of a user who may not: challenge again
	digestStale                        // right, but for a nonce that is used up: challenge with stale=true
	digestOK
)

func (v digestVerdict) String() string {
	return [...]string{"missing", "bad", "stale", "ok"}[v]
}

// The algorithms, in the order offered (RFC 8760 §2.4: the server's preference first).
const (
	algorithmSHA256 = "SHA-256"
	algorithmMD5    = "MD5"
)

// A digestServer checks digest credentials (RFC 7616, RFC 8760, and RFC 2069 for old phones).
//
// A challenge leaves nothing behind here: its nonce carries its own proof. Only a right answer
// is remembered, so that it cannot be given twice; a million strangers cost no memory.
// Unknown and disabled users get the same answers after the same work as wrong passwords.
type digestServer struct {
	realm  string
	users  Users
	now    func() time.Time
	secret [32]byte // of this process: nonces of the last one are answered by stale=true
	used   *nonceTable

	sha256Only bool      // MD5 is neither offered nor taken
	wrong      *throttle // who guesses

	// home says whether a user is registered at an address: there no wrong password mutes.
	home func(user string, a netip.Addr) bool
	// told of what is worth a line for whoever watches; the address is proved by our nonce.
	told func(securityEvent, netip.Addr)
}

// newDigestServer makes one. users must not be nil; nil now means time.Now.
func newDigestServer(realm string, users Users, now func() time.Time) *digestServer {
	if now == nil {
		now = time.Now
	}
	d := &digestServer{
		realm: realm, users: users, now: now, used: newNonceTable(maxNonces), wrong: newThrottle(now),
		home: func(string, netip.Addr) bool { return false }, told: func(securityEvent, netip.Addr) {},
	}
	rand.Read(d.secret[:]) // never fails since Go 1.24
	return d
}

// challenge is the values of the WWW-Authenticate headers of a 401 to src, strongest first (RFC
// 8760 §2.3) unless the peer, by its User-Agent, is known to stumble over that. stale tells the
// phone that its password was right and only the nonce is old, so that it asks nobody for another.
func (d *digestServer) challenge(src netip.AddrPort, agent string, stale bool) []string {
	nonce := d.makeNonce(src.Addr())
	realm := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(d.realm)
	tail := ""
	if stale {
		tail = ", stale=true"
	}
	var out []string
	for _, algorithm := range offeredTo(agent) {
		if d.sha256Only && algorithm != algorithmSHA256 {
			continue
		}
		out = append(out, fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"%s`,
			realm, nonce, algorithm, tail))
	}
	return out
}

// offeredTo is the algorithms for a peer that names itself so, in the order of the headers.
//
// Quirk (2026-11, Debian 12): libre before baresip 3.12 gives up a registration when any
// challenge is not MD5; sipp 3.6 reads only the first algorithm it finds and stops at SHA-256.
// sipp's scenarios have no User-Agent, so a peer without one gets MD5 first. A liar gains
// nothing: the name is that of the phone which then has to know the secret.
func offeredTo(agent string) []string {
	agent = strings.ToLower(agent)
	switch {
	case oldBaresip(agent):
		return []string{algorithmMD5}
	case agent == "", strings.Contains(agent, "sipp"):
		return []string{algorithmMD5, algorithmSHA256}
	}
	return []string{algorithmSHA256, algorithmMD5}
}

// oldBaresip says that agent, in lower case, is a baresip before 3.12: "baresip v1.0.0 (…)".
func oldBaresip(agent string) bool {
	version, ok := strings.CutPrefix(agent, "baresip v")
	if !ok {
		return false
	}
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 {
		return false
	}
	return major < 3 || major == 3 && minor < 12
}

// verify checks the credentials of req that came from src. user is the name they claim, to be
// believed only with digestOK.
func (d *digestServer) verify(req *sipmsg.Request, src netip.AddrPort) (user string, verdict digestVerdict) {
	c, verdict := d.credentials(req)
	if verdict != digestOK {
		return "", verdict
	}
	// A nonce that is not ours for this address says nothing about who sends: it expired, we were
	// restarted, or the phone has a new address. Whoever made it up learns nothing, costs no
	// work, and cannot have anybody's guesses counted.
	nonce, ok := d.readNonce(c.nonce, src.Addr())
	if !ok {
		return c.username, digestStale
	}
	if d.wrong.muted(c.username, src.Addr()) && !d.home(c.username, src.Addr()) {
		return c.username, digestBad // the same answer, without a look
	}
	if !d.right(c, string(req.Method)) || !sameTarget(c.uri, &req.Recipient) {
		d.guessed(c.username, src.Addr())
		return c.username, digestBad
	}
	// From here on the sender knows the secret. A replayed request ends here: its count is used.
	if !d.used.take(nonce, c.count, d.now()) {
		return c.username, digestStale
	}
	d.wrong.right(c.username, src.Addr())
	return c.username, digestOK
}

// guessed notes a wrong password.
func (d *digestServer) guessed(user string, a netip.Addr) {
	d.told(eventWrongPassword, a)
	if !d.home(user, a) && d.wrong.wrong(user, a) {
		d.told(eventMuted, a)
	}
}

// credentials finds the Authorization for our realm. Other schemes and realms are as if they
// were not there (RFC 4475 §3.3.7): a proxy on the way may need them.
func (d *digestServer) credentials(req *sipmsg.Request) (credentials, digestVerdict) {
	hs := req.GetHeaders("Authorization")
	if len(hs) > maxAuthorizations {
		hs = hs[:maxAuthorizations]
	}
	verdict := digestMissing
	for _, h := range hs {
		c, err := parseAuthorization(h.Value())
		if err == errNotDigest {
			continue
		}
		if err != nil {
			verdict = digestBad
			continue
		}
		switch {
		case c.realm != d.realm:
		case d.sha256Only && c.algorithm != algorithmSHA256:
			verdict = digestBad
		default:
			return c, digestOK
		}
	}
	return credentials{}, verdict
}

// right says that the response could be made only by one who knows the secret of a user who
// may use it. It does the same work whatever is wrong, so that time tells nothing about names.
func (d *digestServer) right(c credentials, method string) bool {
	ha1, known := d.users.HA1(c.username, c.realm, c.algorithm)
	fake := d.fakeHA1(c)
	if !known || len(ha1) != len(fake) {
		known, ha1 = false, fake
	}
	want := c.expected(strings.ToLower(ha1), method)
	same := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c.response))) == 1
	return same && known
}

// fakeHA1 stands in for the hash of a user we do not have. Nobody can compute it outside.
func (d *digestServer) fakeHA1(c credentials) string {
	m := hmac.New(sha256.New, d.secret[:])
	m.Write([]byte("no such user\x00" + c.username))
	sum := m.Sum(nil)
	if c.algorithm == algorithmMD5 {
		sum = sum[:md5.Size]
	}
	return hex.EncodeToString(sum)
}

// expected is the response that belongs to ha1 (RFC 7616 §3.4.1; without qop RFC 2617 §3.2.2.1).
func (c credentials) expected(ha1, method string) string {
	ha2 := digestHash(c.algorithm, method+":"+c.uri)
	if c.qop == "" {
		return digestHash(c.algorithm, ha1+":"+c.nonce+":"+ha2)
	}
	return digestHash(c.algorithm, strings.Join([]string{ha1, c.nonce, c.nc, c.cnonce, c.qop, ha2}, ":"))
}

// digestHash is the hex hash by algorithm. MD5 is not our choice: most desk phones know
// nothing else (RFC 8760 §2.1), and secrets are 128 random bits that it does not help to guess.
func digestHash(algorithm, s string) string {
	if algorithm == algorithmSHA256 {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sameTarget says that the uri of the credentials names where the request goes.
//
// Quirk: phones write the Request-URI with or without its port and parameters, and some write
// it in other letters; only user, host and a port that both give are compared. What is left
// cannot be abused: the uri is part of the hash, and host and user decide what we do.
func sameTarget(uri string, target *sipmsg.Uri) bool {
	var u sipmsg.Uri
	if err := sipmsg.ParseUri(uri, &u); err != nil || u.Scheme != target.Scheme {
		return false
	}
	if target.Scheme != "sip" && target.Scheme != "sips" {
		return u.String() == target.String()
	}
	return unescaped(u.User) == unescaped(target.User) &&
		strings.EqualFold(u.Host, target.Host) &&
		(u.Port == target.Port || u.Port == 0 || target.Port == 0)
}

// unescaped undoes the %-escapes of a user part (RFC 3261 §19.1.2). What is no escape stays.
func unescaped(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				out = append(out, b[0])
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// agentOf is the User-Agent of a request, "" if it has none.
func agentOf(req *sipmsg.Request) string {
	if h := req.GetHeader("User-Agent"); h != nil {
		return h.Value()
	}
	return ""
}
