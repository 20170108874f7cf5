package sip

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A request is a message that asks, with the text it was made of and the way it came.
type request struct {
	*sipmsg.Request
	draft  *draft
	from   flow
	method string // as written: methods are case-sensitive (RFC 3261 §7.1)
	seq    uint32
	callID string
	ftag   string // From tag: the peer's
	ttag   string // To tag: ours, if any
}

// A response is a message that answers one of ours.
type response struct {
	*sipmsg.Response
	draft  *draft
	from   flow
	method string // of the CSeq
	seq    uint32
	branch string
	ttag   string
}

// newParser is the library's parser without its readers of headers whose text we keep whole
// because it is given back or taken apart by ourselves.
func newParser() *sipmsg.Parser {
	readers := make(map[string]sipmsg.HeaderParser)
	for name, p := range sipmsg.DefaultHeadersParser() {
		switch name {
		case "route", "record-route", "refer-to", "referred-by":
		default:
			readers[name] = p
		}
	}
	p := sipmsg.NewParser(sipmsg.WithHeadersParsers(readers))
	p.MaxMessageLength = 2 * maxStream // the limit is the scan's; what it has spelled out may be longer
	return p
}

// parseMessage makes a *request or a *response of a draft.
func parseMessage(p *sipmsg.Parser, d *draft, f flow) (any, error) {
	if strings.HasPrefix(strings.ToUpper(d.start), "SIP/") {
		return parseResponse(p, d, f)
	}
	return parseRequest(p, d, f)
}

// parseRequest reads a request and finds the faults that the library lets pass.
func parseRequest(p *sipmsg.Parser, d *draft, f flow) (*request, error) {
	parts := strings.Split(d.start, " ")
	if len(parts) != 3 || !isToken(parts[0]) || parts[1] == "" {
		return nil, bad("a request line that is not METHOD URI VERSION")
	}
	if !strings.EqualFold(parts[2], "SIP/2.0") {
		if !strings.HasPrefix(strings.ToUpper(parts[2]), "SIP/") {
			return nil, bad("no SIP version")
		}
		return nil, &scanError{code: 505, why: "another version of SIP"}
	}
	for _, name := range []string{"Via", "To", "Call-ID", "CSeq"} {
		if !d.has(name) {
			return nil, bad("no %s", name)
		}
	}
	if !d.has("From") {
		// Quirk: some gateways send no From for a caller without a number. The call is
		// somebody who needs help; it is answered like a caller who withholds the number.
		d.fields = append(d.fields, field{"From", "<sip:anonymous@anonymous.invalid>"})
	}
	if err := checkNumbers(d, parts[0]); err != nil {
		return nil, err
	}
	scheme, _, ok := strings.Cut(parts[1], ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips", "tel":
	default:
		if !ok || strings.ContainsAny(parts[1], "<>\"") {
			return nil, bad("no address in the request line")
		}
		return nil, &scanError{code: 416, why: "an address that is not sip, sips or tel"}
	}
	// A question mark may stand in the user part (RFC 3261 §25.1); behind the host it begins headers.
	if host := parts[1][strings.LastIndexByte(parts[1], '@')+1:]; strings.ContainsAny(parts[1], "<>\"") || strings.Contains(host, "?") {
		return nil, bad("brackets or headers in the request line")
	}
	m, err := p.ParseSIP(d.bytes())
	if err != nil {
		return nil, bad("unreadable")
	}
	req, ok := m.(*sipmsg.Request)
	if !ok || req.Via() == nil || req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil {
		return nil, bad("incomplete")
	}
	if v := req.Via(); !isHost(v.Host) || !strings.EqualFold(v.ProtocolName, "SIP") || v.ProtocolVersion != "2.0" || !isToken(v.Transport) || (req.Recipient.Host == "" && req.Recipient.Raw() == "") {
		return nil, bad("no host or no transport in Via, or no host in the request line")
	}
	req.Method = sipmsg.RequestMethod(parts[0])
	req.SipVersion = "SIP/2.0"
	req.SetTransport(strings.ToUpper(f.transport()))
	req.SetSource(f.peer.String())
	r := &request{Request: req, draft: d, from: f, method: parts[0], seq: req.CSeq().SeqNo, callID: req.CallID().Value()}
	r.ftag, _ = req.From().Params.Get("tag")
	r.ttag, _ = req.To().Params.Get("tag")
	branch, _ := req.Via().Params.Get("branch")
	if !printable(branch) {
		return nil, bad("a branch with blanks or odd characters")
	}
	if len(branch) > maxIdentifier || len(r.callID) > maxIdentifier || len(r.ftag) > maxIdentifier || len(r.ttag) > maxIdentifier {
		return nil, bad("an identifier of more than %d bytes", maxIdentifier)
	}
	stamp(req.Via(), f.peer)
	d.setFirst("Via", req.Via().Value())
	return r, nil
}

// isHost says that s may be a host name or an address: that an answer which repeats it can be read.
func isHost(s string) bool {
	if strings.ContainsAny(s, ":[]") {
		_, err := netip.ParseAddr(strings.Trim(s, "[]"))
		return err == nil
	}
	return s != "" && printable(s) && !strings.ContainsAny(s, ";,/<>\"=@?")
}

// checkNumbers finds numbers out of range and a CSeq of another method.
func checkNumbers(d *draft, method string) error {
	number, name, ok := strings.Cut(d.get("CSeq"), " ")
	if _, err := strconv.ParseUint(number, 10, 31); err != nil || !ok {
		return bad("CSeq is no number and method")
	}
	if name != method {
		return bad("CSeq is of another method")
	}
	if mf := d.get("Max-Forwards"); mf != "" || d.has("Max-Forwards") {
		if _, err := strconv.ParseUint(mf, 10, 8); err != nil {
			return bad("Max-Forwards is out of range")
		}
	}
	return nil
}

// stamp writes into the top Via where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
func stamp(via *sipmsg.ViaHeader, from netip.AddrPort) {
	via.Params.Remove("received")
	rport := via.Params.Has("rport")
	if rport {
		via.Params.Add("rport", strconv.Itoa(int(from.Port())))
	}
	if host, err := netip.ParseAddr(strings.Trim(via.Host, "[]")); rport || err != nil || host.Unmap() != from.Addr() {
		via.Params.Add("received", from.Addr().String())
	}
}

// parseResponse reads a response. One that is not addressed to us alone is an error: it is
// dropped (RFC 3261 §8.1.3.3).
func parseResponse(p *sipmsg.Parser, d *draft, f flow) (*response, error) {
	parts := strings.SplitN(d.start, " ", 3)
	if len(parts) < 2 || len(parts[1]) != 3 || parts[1][0] < '1' || parts[1][0] > '6' {
		return nil, bad("a status line that is none")
	}
	if len(d.all("Via")) != 1 {
		return nil, bad("not one Via")
	}
	if len(parts) == 2 {
		d.start += " "
	}
	m, err := p.ParseSIP(d.bytes())
	if err != nil {
		return nil, bad("unreadable")
	}
	res, ok := m.(*sipmsg.Response)
	if !ok || res.Via() == nil || res.CSeq() == nil || res.To() == nil || res.CallID() == nil {
		return nil, bad("incomplete")
	}
	r := &response{Response: res, draft: d, from: f, method: string(res.CSeq().MethodName), seq: res.CSeq().SeqNo}
	r.branch, _ = res.Via().Params.Get("branch")
	r.ttag, _ = res.To().Params.Get("tag")
	return r, nil
}

// An answer is a response of ours before it is written.
type answer struct {
	code   int
	phrase string   // empty: the standard one
	tag    string   // To tag, where the request has none
	extra  []string // header lines
	body   []byte   // SDP
}

// write makes the bytes of an answer to the message of d. Nothing is invented: what the
// request lacks, the answer lacks too.
func (a answer) write(d *draft, method string) []byte {
	if a.phrase == "" {
		a.phrase = phrase(a.code)
	}
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteString("\r\n")
	}
	line("SIP/2.0 ", strconv.Itoa(a.code), " ", clean(a.phrase))
	for _, v := range d.all("Via") {
		line("Via: ", v)
	}
	if method == "INVITE" && a.code > 100 && a.code < 300 {
		for _, v := range d.all("Record-Route") {
			line("Record-Route: ", v) // RFC 3261 §12.1.1
		}
	}
	if v := d.get("From"); v != "" {
		line("From: ", v)
	}
	if v := d.get("To"); v != "" {
		if a.code > 100 && a.tag != "" && tagOf(v) == "" {
			v += ";tag=" + a.tag
		}
		line("To: ", v)
	}
	if v := d.get("Call-ID"); v != "" {
		line("Call-ID: ", v)
	}
	if v := d.get("CSeq"); v != "" {
		line("CSeq: ", v)
	}
	if v := d.get("Timestamp"); a.code == 100 && v != "" {
		line("Timestamp: ", v)
	}
	for _, x := range a.extra {
		line(x)
	}
	if len(a.body) > 0 {
		line("Content-Type: application/sdp")
	}
	line("Content-Length: ", strconv.Itoa(len(a.body)))
	line()
	b.Write(a.body)
	return []byte(b.String())
}

// An outgoing is a request of ours. Via, From and the rest are whole header values.
type outgoing struct {
	method, target, via string
	routes              []string
	from, to, callID    string
	seq                 uint32
	extra               []string
	contentType         string
	body                []byte
}

// write makes the bytes of the request.
func (o outgoing) write() []byte {
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteString("\r\n")
	}
	line(o.method, " ", o.target, " SIP/2.0")
	line("Via: ", o.via)
	line("Max-Forwards: 70")
	for _, r := range o.routes {
		line("Route: ", r)
	}
	line("From: ", o.from)
	line("To: ", o.to)
	line("Call-ID: ", o.callID)
	line("CSeq: ", strconv.FormatUint(uint64(o.seq), 10), " ", o.method)
	for _, x := range o.extra {
		line(x)
	}
	if len(o.body) > 0 {
		line("Content-Type: ", o.contentType)
	}
	line("Content-Length: ", strconv.Itoa(len(o.body)))
	line()
	b.Write(o.body)
	return []byte(b.String())
}

// also is a request that belongs to the transaction of o: its CANCEL, or the ACK of a refusal
// (RFC 3261 §9.1, §17.1.1.3).
func (o outgoing) also(method, to string) outgoing {
	o.method, o.to, o.extra, o.body = method, to, nil, nil
	return o
}

// newToken is a random identifier of 128 bits for tags, branches and Call-IDs.
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// cookie begins each branch of RFC 3261 (§8.1.1.7).
const cookie = "z9hG4bK"

// tagOf is the tag of a From or To value that tidy has gone over.
func tagOf(value string) string {
	for _, p := range splitOutside(value, ';')[1:] {
		if v, ok := strings.CutPrefix(p, "tag="); ok {
			return v
		}
	}
	return ""
}

// withoutTag is a From or To value as it stands in a dialog's memory.
func withoutTag(value string) string {
	parts := splitOutside(value, ';')
	kept := parts[:1]
	for _, p := range parts[1:] {
		if !strings.HasPrefix(p, "tag=") {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ";")
}

func withTag(value, tag string) string {
	if tag == "" {
		return value // a peer of RFC 2543
	}
	return value + ";tag=" + tag
}

// inBrackets is the URI of an address value.
func inBrackets(value string) string {
	open := indexOutside(value, '<')
	if open < 0 {
		uri, _, _ := strings.Cut(value, ";")
		return strings.TrimSpace(uri)
	}
	uri, _, _ := strings.Cut(value[open+1:], ">")
	return strings.TrimSpace(uri)
}

// userOf is the user part of a sip or sips URI, or the number of a tel URI, unescaped and
// without parameters; "" if there is none.
func userOf(uri *sipmsg.Uri) string {
	user := uri.User
	if raw := uri.Raw(); raw != "" {
		if !strings.EqualFold(uri.Scheme, "tel") {
			return ""
		}
		user = raw
	}
	user, _, _ = strings.Cut(user, ";")
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	return clean(user)
}

// userOfAddress is userOf for an address in text form.
func userOfAddress(value string) string {
	var u sipmsg.Uri
	if err := sipmsg.ParseUri(inBrackets(value), &u); err != nil {
		return ""
	}
	return userOf(&u)
}

// clean is s without control characters: nothing that came from a message or a name may end a
// line of ours.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// hostPort writes an address for Via and URIs, IPv6 in brackets. Port 0 leaves the port to the
// transport.
func hostPort(host string, port uint16) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	if port == 0 {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

// parseURI reads a URI in text form.
func parseURI(s string) (*sipmsg.Uri, bool) {
	var u sipmsg.Uri
	if err := sipmsg.ParseUri(s, &u); err != nil {
		return nil, false
	}
	return &u, true
}
