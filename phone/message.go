package phone

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Header is one header field line.
type Header struct{ Name, Value string }

// A Message is a SIP request (Method set) or response (Code set).
type Message struct {
	Method string
	URI    string // of the request line
	Code   int
	Reason string

	Headers []Header // in the order of the wire, names in their long form
	Body    []byte
}

// compact maps the short header names of RFC 3261 §7.3.3 to the long ones.
var compact = map[string]string{
	"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "c": "Content-Type",
	"l": "Content-Length", "k": "Supported", "s": "Subject", "e": "Content-Encoding",
}

// Get returns the first value of a header, "" when absent. Names are compared without case.
func (m *Message) Get(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// All returns every value of a header that is a list (Via, Route, Contact …), one element each,
// also where several stand in one line.
func (m *Message) All(name string) []string {
	var all []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			all = append(all, splitList(h.Value)...)
		}
	}
	return all
}

func (m *Message) add(name, value string) { m.Headers = append(m.Headers, Header{name, value}) }

// set replaces the first header of that name, or adds it.
func (m *Message) set(name, value string) {
	for i, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			m.Headers[i].Value = value
			return
		}
	}
	m.add(name, value)
}

func (m *Message) remove(name string) {
	kept := m.Headers[:0:0]
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, name) {
			kept = append(kept, h)
		}
	}
	m.Headers = kept
}

// cseq splits "17 INVITE".
func (m *Message) cseq() (n uint32, method string) {
	num, method, _ := strings.Cut(m.Get("CSeq"), " ")
	v, _ := strconv.ParseUint(strings.TrimSpace(num), 10, 32)
	return uint32(v), strings.TrimSpace(method)
}

func (m *Message) tag(name string) string { return parseAddress(m.Get(name)).param("tag") }

// topBranch is the branch of the topmost Via.
func (m *Message) topBranch() string {
	vias := m.All("Via")
	if len(vias) == 0 {
		return ""
	}
	return parseAddress(vias[0]).param("branch")
}

// Bytes is the message as it goes on the wire; Content-Length is always written.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	if m.Code != 0 {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.Code, m.Reason)
	} else {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.Method, m.URI)
	}
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, "Content-Length") {
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(m.Body))
	b.Write(m.Body)
	return b.Bytes()
}

// line is the message in one line, for the trace.
func (m *Message) line() string {
	if m.Code != 0 {
		_, method := m.cseq()
		return fmt.Sprintf("%d %s (%s)", m.Code, m.Reason, method)
	}
	return m.Method + " " + m.URI
}

// maxBody bounds what a peer can make us allocate over TCP.
const maxBody = 64 << 10

// readMessage takes one message from a stream (RFC 3261 §18.3). Blank lines before it are
// keep-alives and are skipped (RFC 5626 §3.5.1).
func readMessage(r *bufio.Reader) (*Message, error) {
	m, length, err := readHead(r)
	if err != nil {
		return nil, err
	}
	if length < 0 {
		return nil, errors.New("message on a stream without Content-Length")
	}
	m.Body = make([]byte, length)
	if _, err := io.ReadFull(r, m.Body); err != nil {
		return nil, err
	}
	return m, nil
}

// parseDatagram takes a message that fills one datagram; without Content-Length the body
// reaches to its end.
func parseDatagram(b []byte) (*Message, error) {
	r := bufio.NewReader(bytes.NewReader(b))
	m, length, err := readHead(r)
	if err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if length > len(rest) {
		return nil, fmt.Errorf("body of %d bytes where %d were announced", len(rest), length)
	}
	if length >= 0 {
		rest = rest[:length]
	}
	m.Body = rest
	return m, nil
}

// readHead reads the start line and the headers; length is -1 without Content-Length.
func readHead(r *bufio.Reader) (m *Message, length int, err error) {
	start := ""
	for start == "" {
		if start, err = readLine(r); err != nil {
			return nil, 0, err
		}
	}
	m = &Message{}
	if err := m.startLine(start); err != nil {
		return nil, 0, err
	}
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, 0, err
		}
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' { // folded: goes on the header before
			if n := len(m.Headers); n > 0 {
				m.Headers[n-1].Value += " " + strings.TrimSpace(line)
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, 0, fmt.Errorf("header without colon in %s", m.line())
		}
		name = strings.TrimSpace(name)
		if long, ok := compact[strings.ToLower(name)]; ok {
			name = long
		}
		m.add(name, strings.TrimSpace(value))
	}
	length = -1
	if v := m.Get("Content-Length"); v != "" {
		length, err = strconv.Atoi(v)
		if err != nil || length < 0 || length > maxBody {
			return nil, 0, fmt.Errorf("content-length %q", v)
		}
	}
	return m, length, nil
}

func (m *Message) startLine(s string) error {
	first, rest, _ := strings.Cut(s, " ")
	second, third, _ := strings.Cut(rest, " ")
	if first == "SIP/2.0" {
		code, err := strconv.Atoi(second)
		if err != nil || code < 100 || code > 699 {
			return fmt.Errorf("status line %q", s)
		}
		m.Code, m.Reason = code, third
		return nil
	}
	if third != "SIP/2.0" || first == "" || second == "" {
		return fmt.Errorf("request line %q", s)
	}
	m.Method, m.URI = first, second
	return nil
}

func readLine(r *bufio.Reader) (string, error) {
	s, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(s, "\r\n"), nil
}

// splitList splits a header value at its commas, but not at those in quotes or in <>.
func splitList(s string) []string {
	var list []string
	start, quoted, angle := 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			list = append(list, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(list, strings.TrimSpace(s[start:]))
}

// An Address is a From, To, Contact or Via value taken apart.
type Address struct {
	Display string
	URI     string
	Params  map[string]string // of the header, names in lower case
}

func (a Address) param(name string) string { return a.Params[name] }

// User is the user part of the URI, for tel: the number; "" when there is none.
func (a Address) User() string { return parseURI(a.URI).user }

// parseAddress reads `"Display" <uri>;params`, `uri;params` and the Via form.
func parseAddress(s string) Address {
	a := Address{Params: map[string]string{}}
	s = strings.TrimSpace(s)
	rest := s
	if i := angleAt(s); i >= 0 {
		a.Display = unquote(strings.TrimSpace(s[:i]))
		uri, after, _ := strings.Cut(s[i+1:], ">")
		a.URI, rest = uri, after
	} else {
		uri, after, found := strings.Cut(s, ";")
		a.URI, rest = strings.TrimSpace(uri), ""
		if found {
			rest = ";" + after
		}
	}
	for _, p := range strings.Split(rest, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if name != "" {
			a.Params[strings.ToLower(name)] = unquote(value)
		}
	}
	return a
}

// angleAt finds the < that opens the URI, outside quotes.
func angleAt(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '<':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i+1 < len(s)-1 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// uri is a sip: or tel: URI taken apart.
type uri struct {
	scheme, user, host string // host with port, as written
	params             string // with the leading semicolon
}

func parseURI(s string) uri {
	var u uri
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok {
		return u
	}
	u.scheme = strings.ToLower(scheme)
	if i := strings.IndexByte(rest, '?'); i >= 0 {
		rest = rest[:i]
	}
	if u.scheme == "tel" {
		u.user, _, _ = strings.Cut(rest, ";")
		return u
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		u.user, _, _ = strings.Cut(rest[:i], ":")
		rest = rest[i+1:]
	}
	if i := strings.IndexByte(rest, ';'); i >= 0 {
		rest, u.params = rest[:i], rest[i:]
	}
	u.host = rest
	return u
}

// hostPort is where a request to the URI goes; the default port is 5060 (RFC 3261 §19.1.2).
func (u uri) hostPort() string {
	host := u.host
	if i := strings.LastIndexByte(host, ':'); i < 0 || strings.HasSuffix(host, "]") {
		host += ":5060"
	}
	return host
}
