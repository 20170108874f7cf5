package sip

import (
	"errors"
	"net/netip"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"hotline/call"
)

// A proxy in front of the phones writes itself into the Path of their REGISTERs (RFC 3327). Requests
// to such a phone carry the Path as their route set and go to the proxy: many users have one source
// then. The phone's Contact is the proxy's business and goes back to it as it is.

// Limits of the Path of one REGISTER.
const (
	maxPath    = 8       // proxies
	maxPathURI = 1 << 10 // bytes of one: a proxy packs the phone's own address into it
)

// readPath reads the Path headers of a REGISTER. An error means 400.
func readPath(req *sipmsg.Request) ([]string, error) {
	var path []string
	for _, h := range req.GetHeaders("Path") {
		values, err := splitContacts(h.Value())
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			var u sipmsg.Uri
			uri := inBrackets(v)
			switch {
			case len(v) > maxPathURI || !printable(v) || !strings.HasPrefix(v, "<"):
				return nil, errors.New("path with an odd address")
			case sipmsg.ParseUri(uri, &u) != nil || u.Host == "" || len(u.Headers) > 0:
				return nil, errors.New("path with an unreadable address")
			case u.Scheme != "sip" && u.Scheme != "sips":
				return nil, errors.New("path that is no SIP address")
			}
			path = append(path, v)
		}
	}
	if len(path) > maxPath {
		return nil, errors.New("path of too many proxies")
	}
	return path, nil
}

// tokens are the elements of a header that lists names.
func tokens(req *sipmsg.Request, name string) (out []string) {
	for _, h := range req.GetHeaders(name) {
		for _, v := range strings.Split(h.Value(), ",") {
			if v = strings.TrimSpace(v); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// sameFlow says that two REGISTERs came over one connection of one phone to its proxy, which names
// that connection in the Path (a user part, RFC 5626 §5.2, or a received parameter). A phone that
// reloads has a new Contact on it each time, and the old one would be rung for nothing. A Path
// without such a name is the same for all phones of the proxy and says nothing.
func sameFlow(a, b []string) bool {
	if len(a) == 0 || len(a) != len(b) {
		return false
	}
	named := false
	for i := range a {
		if a[i] != b[i] {
			return false
		}
		u, ok := parseURI(inBrackets(a[i]))
		named = named || ok && (u.User != "" || hasURIParam(inBrackets(a[i]), "received"))
	}
	return named
}

// throughProxy is the way to a contact with a Path whose own connection is gone: any other that
// its proxy has with us, else one that we make to where the proxy says it is, if that is the
// address its REGISTER came from. The lock is held.
func (s *Server) throughProxy(b call.Binding) (flow, bool) {
	proxy := b.Source.Addr().Unmap()
	for _, c := range s.conns {
		if c.side == phoneSide && c.flow().transport() == b.Transport && c.peer.Addr() == proxy && c.vouched.Load() && !c.gone() {
			return c.flow(), true
		}
	}
	u, ok := parseURI(inBrackets(b.Path[0]))
	if !ok || b.Transport != "tcp" { // whose certificate a proxy of phones has to show, nobody has said
		return flow{}, false
	}
	addr, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	if err != nil || addr.Unmap() != proxy {
		return flow{}, false
	}
	port := uint16(5060)
	if u.Port > 0 && u.Port <= 65535 {
		port = uint16(u.Port)
	}
	f, err := s.reach(target{side: phoneSide, transport: "tcp", at: netip.AddrPortFrom(proxy, port)})
	return f, err == nil
}
