package call

import (
	"net/netip"
	"time"
)

// A Binding is one registered contact of a user (RFC 3261 §10): plain data between sip, which
// keeps it, and store, which remembers it over a restart.
type Binding struct {
	User      string
	Contact   string // the Contact URI as registered
	Instance  string // +sip.instance, empty if none
	SIPCallID string // of the REGISTER
	CSeq      uint32
	Transport string         // "udp", "tcp" or "tls"
	Source    netip.AddrPort // where the REGISTER came from: requests go there
	Local     netip.AddrPort // the address of ours that it came to
	Path      []string       // the proxies it came through (RFC 3327): the route set of requests to it
	Since     time.Time      // when the user became registered by this contact
	Expires   time.Time
	UserAgent string
}

// A Dialog is what is needed to say BYE in a dialog after a restart (RFC 3261 §12).
type Dialog struct {
	Leg       string // Info.ID of the leg
	Call      ID
	SIPCallID string
	LocalTag  string
	RemoteTag string
	LocalURI  string // with display name and without tag
	RemoteURI string
	Target    string   // remote target: the request URI of a BYE
	Routes    []string // route set in the order to be written
	LocalSeq  uint32   // CSeq number last used by us
	Transport string   // "udp", "tcp" or "tls"
	Remote    netip.AddrPort
	Local     netip.AddrPort
	Role      Role
}
