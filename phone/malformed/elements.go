package malformed

import "strings"

// An element is a part of a line that can be broken alone. glue is what follows it whatever stands
// in its place.
type element struct{ name, value, glue string }

// A line is a header, a line of the description or the first line: elements between which nothing
// stands but their glue.
type line []element

func (l line) String() string {
	var b strings.Builder
	for _, e := range l {
		b.WriteString(e.value)
		b.WriteString(e.glue)
	}
	return b.String()
}

// e and g make an element, g with its glue.
func e(name, value string) element       { return element{name, value, ""} }
func g(name, value, glue string) element { return element{name, value, glue} }

const crlf = "\r\n"

// Target is whom the messages are for and where the answers go.
type Target struct {
	User, Host string // who is called: "919", "192.0.2.1:5060"
	Via        string // host:port that the messages are sent from
	Media      string // IPv4 address of the sound
	Port       string // of the sound
}

// headers are the first line and the headers of a good INVITE. id makes it one of its own.
func headers(t Target, id string) []line {
	return []line{
		{g("method", "INVITE", " "), g("uri scheme", "sip", ":"), g("uri user", t.User, "@"), g("uri host", t.Host, " "), e("version", "SIP/2.0")},
		{g("via name", "Via", ": "), g("via protocol", "SIP/2.0/UDP", " "), g("via host", t.Via, ";"), g("rport", "rport", ";branch="), e("branch", "z9hG4bK"+id)},
		{g("max-forwards name", "Max-Forwards", ": "), e("max-forwards", "70")},
		{g("from name", "From", ": "), g("from display", `"A Caller"`, " "), g("from bracket", "<", ""), g("from scheme", "sip", ":"), g("from user", "+000123456789", "@"),
			g("from host", "127.0.0.1", ">"), g("from tag name", ";tag", "="), e("from tag", "f"+id)},
		{g("to name", "To", ": "), g("to display", `"The Line"`, " <sip:"), g("to user", t.User, "@"), g("to host", "127.0.0.1", ""), e("to bracket", ">")},
		{g("call-id name", "Call-ID", ": "), e("call-id", id+"@malformed")},
		{g("cseq name", "CSeq", ": "), g("cseq number", "1", " "), e("cseq method", "INVITE")},
		{g("contact name", "Contact", ": <"), g("contact scheme", "sip", ":"), g("contact user", "caller", "@"), g("contact host", t.Via, ""), g("contact parameter", ";x=y", ">"), e("contact q", ";q=0.5")},
		{g("record-route name", "Record-Route", ": "), e("record-route", "<sip:"+t.Via+";lr>")},
		{g("p-asserted-identity name", "P-Asserted-Identity", ": "), e("p-asserted-identity", "<tel:+000123456789>")},
		{g("privacy name", "Privacy", ": "), e("privacy", "none")},
		{g("diversion name", "Diversion", ": "), e("diversion", "<sip:+000987654321@127.0.0.1>;reason=no-answer")},
		{g("history-info name", "History-Info", ": "), e("history-info", "<sip:919@127.0.0.1>;index=1")},
		{g("supported name", "Supported", ": "), e("supported", "timer, replaces")},
		{g("session-expires name", "Session-Expires", ": "), g("session-expires", "1800", ";refresher="), e("refresher", "uac")},
		{g("min-se name", "Min-SE", ": "), e("min-se", "90")},
		{g("allow name", "Allow", ": "), e("allow", "INVITE, ACK, BYE, CANCEL, UPDATE")},
		{g("accept name", "Accept", ": "), e("accept", "application/sdp")},
		{g("expires name", "Expires", ": "), e("expires", "120")},
		{g("date name", "Date", ": "), e("date", "Wed, 25 Nov 2026 12:00:00 GMT")},
		{g("user-agent name", "User-Agent", ": "), e("user-agent", "malformed")},
		{g("content-disposition name", "Content-Disposition", ": "), e("content-disposition", "session;handling=required")},
		{g("content-type name", "Content-Type", ": "), g("content-type", "application", "/"), e("content-subtype", "sdp")},
		{g("content-length name", "Content-Length", ": "), e("content-length", "")}, // the true one, filled in last
	}
}

// description is a good SDP offer.
func description(t Target) []line {
	return []line{
		{g("v name", "v", "="), e("v", "0")},
		{g("o name", "o", "="), g("o user", "-", " "), g("o session", "1", " "), g("o version", "1", " "), g("o network", "IN", " "), g("o family", "IP4", " "), e("o address", t.Media)},
		{g("s name", "s", "="), e("s", "-")},
		{g("c name", "c", "="), g("c network", "IN", " "), g("c family", "IP4", " "), e("c address", t.Media)},
		{g("t name", "t", "="), g("t start", "0", " "), e("t stop", "0")},
		{g("m name", "m", "="), g("m kind", "audio", " "), g("m port", t.Port, " "), g("m protocol", "RTP/AVP", " "), e("m formats", "8 0 101")},
		{g("a name", "a", "="), g("rtpmap name", "rtpmap", ":"), g("rtpmap type", "101", " "), g("rtpmap encoding", "telephone-event", "/"), e("rtpmap clock", "8000")},
		{g("fmtp name", "a=fmtp:", "101 "), e("fmtp", "0-15")},
		{g("rtcp name", "a=rtcp:", ""), e("rtcp", "40001")},
		{g("ptime name", "a=ptime:", ""), e("ptime", "20")},
		{g("direction name", "a=", ""), e("direction", "sendrecv")},
	}
}
