package sip

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The limits of one message. Above them it is refused, and nothing of it is kept.
const (
	maxDatagram   = 16 << 10 // bytes, UDP
	maxStream     = 64 << 10 // bytes, TCP
	maxLines      = 100      // header lines
	maxLine       = 4 << 10  // bytes of one header, unfolded
	maxVia        = 40
	maxRoutes     = 20
	maxIdentifier = 256 // bytes of Call-ID, tag and branch
	maxSDP        = 8 << 10
)

// A field is one header: name as written (compact forms spelled out), value unfolded.
type field struct{ name, value string }

// A draft is a message before the parser sees it: split, counted, mended. It holds the text
// that answers must give back unchanged.
type draft struct {
	start  string
	fields []field
	body   []byte
	// raw is the message as it came, while it is being decided; then its reader wants it back.
	raw []byte
}

// A scanError is what is wrong with a message. Code is the answer it deserves.
type scanError struct {
	code int
	why  string
	// lost says that on a stream nobody knows where the next message begins.
	lost bool
}

func (e *scanError) Error() string { return e.why }

func bad(format string, a ...any) *scanError {
	return &scanError{code: 400, why: fmt.Sprintf(format, a...)}
}

// compactNames are the one-letter forms (RFC 3261 §7.3.3 and the registry of header fields).
func fullName(name string) string {
	if len(name) != 1 {
		return name
	}
	switch name[0] | 0x20 {
	case 'a':
		return "Accept-Contact"
	case 'b':
		return "Referred-By"
	case 'c':
		return "Content-Type"
	case 'e':
		return "Content-Encoding"
	case 'f':
		return "From"
	case 'i':
		return "Call-ID"
	case 'k':
		return "Supported"
	case 'l':
		return "Content-Length"
	case 'm':
		return "Contact"
	case 'o':
		return "Event"
	case 'r':
		return "Refer-To"
	case 's':
		return "Subject"
	case 't':
		return "To"
	case 'u':
		return "Allow-Events"
	case 'v':
		return "Via"
	case 'x':
		return "Session-Expires"
	}
	return name
}

// get is the value of the first header of that name, "" if there is none.
func (d *draft) get(name string) string {
	for _, f := range d.fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// all are the values of every header of that name, in order.
func (d *draft) all(name string) []string {
	var out []string
	for _, f := range d.fields {
		if strings.EqualFold(f.name, name) {
			out = append(out, f.value)
		}
	}
	return out
}

// list is all, with values that hold several elements taken apart.
func (d *draft) list(name string) []string {
	var out []string
	for _, v := range d.all(name) {
		for _, e := range splitOutside(v, ',') {
			if e = strings.TrimSpace(e); e != "" {
				out = append(out, e)
			}
		}
	}
	return out
}

func (d *draft) has(name string) bool {
	for _, f := range d.fields {
		if strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}

// setFirst replaces the value of the first header of that name.
func (d *draft) setFirst(name, value string) {
	for i, f := range d.fields {
		if strings.EqualFold(f.name, name) {
			d.fields[i].value = value
			return
		}
	}
}

// bytes is the message written anew, one header a line, for the parser.
func (d *draft) bytes() []byte {
	var b bytes.Buffer
	b.Grow(len(d.body) + 64*len(d.fields) + len(d.start) + 64)
	b.WriteString(d.start)
	b.WriteString("\r\n")
	for _, f := range d.fields {
		if strings.EqualFold(f.name, "Content-Length") {
			continue
		}
		b.WriteString(f.name)
		b.WriteString(": ")
		b.WriteString(f.value)
		b.WriteString("\r\n")
	}
	b.WriteString("Content-Length: ")
	b.WriteString(strconv.Itoa(len(d.body)))
	b.WriteString("\r\n\r\n")
	b.Write(d.body)
	return b.Bytes()
}

// headEnd is the length of start line and headers with the empty line, or -1.
func headEnd(b []byte) int {
	i := bytes.Index(b, []byte("\r\n\r\n"))
	j := bytes.Index(b, []byte("\n\n"))
	switch {
	case i >= 0 && (j < 0 || i < j):
		return i + 4
	case j >= 0:
		return j + 2
	}
	return -1
}

// scanDatagram makes a draft of a whole datagram. With an error the draft holds what was
// understood, which is enough to answer with; it is nil where nothing was.
func scanDatagram(b []byte) (*draft, error) {
	end := headEnd(b)
	if end < 0 {
		d, _ := scanHead(b)
		return d, bad("no empty line after the headers")
	}
	d, err := scanHead(b[:end])
	if d == nil {
		return nil, err
	}
	length, lengthErr := d.contentLength()
	rest := b[end:]
	switch {
	case err != nil:
		return d, err
	case lengthErr != nil:
		return d, lengthErr
	case length > len(rest):
		return d, bad("Content-Length is more than the datagram holds")
	case length >= 0:
		rest = rest[:length] // what follows is neither run nor answered (RFC 3261 §18.3)
	}
	d.body = bytes.Clone(rest)
	if len(b) > maxDatagram || len(d.body) > maxSDP {
		return d, &scanError{code: 413, why: "too large"}
	}
	return d, nil
}

// contentLength is what the header says, -1 if it is absent.
func (d *draft) contentLength() (int, error) {
	values := d.all("Content-Length")
	if len(values) == 0 {
		return -1, nil
	}
	n, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil || len(values) > 1 {
		e := bad("Content-Length is no single number")
		e.lost = true
		return 0, e
	}
	return int(n), nil
}

// single are the headers that may stand only once.
var single = [...]string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type"}

// scanHead splits start line and headers. It goes on after a fault, so that the answer can
// give back as much as there is, and returns the first one.
func scanHead(head []byte) (*draft, error) {
	lines := strings.Split(string(head), "\n")
	var logical []string
	for _, l := range lines {
		l = strings.TrimSuffix(l, "\r")
		if l == "" {
			if len(logical) > 0 {
				break
			}
			continue // empty lines before the start line (RFC 3261 §7.5)
		}
		if (l[0] == ' ' || l[0] == '\t') && len(logical) > 1 {
			logical[len(logical)-1] += " " + strings.TrimSpace(l)
			continue
		}
		logical = append(logical, l)
	}
	if len(logical) == 0 {
		return nil, bad("empty")
	}
	d := &draft{start: logical[0]}
	var first error
	note := func(err error) {
		if first == nil && err != nil {
			first = err
		}
	}
	if len(logical)-1 > maxLines {
		note(bad("more than %d header lines", maxLines))
		logical = logical[:maxLines+1]
	}
	for _, l := range logical[1:] {
		note(d.add(l))
	}
	for _, name := range single {
		if len(d.all(name)) > 1 {
			note(bad("%s stands twice", name))
		}
	}
	if len(d.all("Via")) > maxVia || len(d.list("Record-Route")) > maxRoutes {
		note(bad("too many Via or Record-Route"))
	}
	if _, err := d.contentLength(); err != nil {
		note(err)
	}
	return d, first
}

// add takes one header line into the draft.
func (d *draft) add(line string) error {
	if len(line) > maxLine {
		return bad("a header of more than %d bytes", maxLine)
	}
	name, value, ok := strings.Cut(line, ":")
	name = strings.TrimSpace(name)
	if !ok || !isToken(name) {
		return bad("a header line without a name")
	}
	name, value = fullName(name), strings.TrimSpace(value)
	if strings.Contains(value, "\r") || strings.Count(value, "\x00") != strings.Count(value, "\\\x00") {
		// A zero byte may stand behind a backslash in quotes (RFC 3261 §25.1, quoted-pair).
		return bad("a bare CR or a zero byte in a header")
	}
	switch strings.ToLower(name) {
	case "via":
		elements, err := tidy(value, true)
		if err != nil {
			d.fields = append(d.fields, field{name, value})
			return err
		}
		for _, e := range elements {
			d.fields = append(d.fields, field{name, e})
		}
		return nil
	case "from", "to":
		if value == "" {
			return nil // as good as absent
		}
		elements, err := tidy(value, false)
		if err == nil && len(elements) > 1 {
			err = bad("a comma in %s", name)
		}
		if err == nil {
			value, err = bracket(elements[0])
		}
		d.fields = append(d.fields, field{name, value})
		return err
	case "contact":
		elements, err := tidy(value, false)
		if err != nil {
			return err
		}
		for _, e := range elements {
			if e, err = bracket(e); err != nil {
				return err
			}
			d.fields = append(d.fields, field{name, e})
		}
		return nil
	case "cseq":
		value = strings.Join(strings.Fields(value), " ")
	}
	d.fields = append(d.fields, field{name, value})
	return nil
}

var errStray = errors.New("stray separators")

// tidy takes a list of addresses or of Vias apart and removes the white space that RFC 3261
// §25.1 allows around separators, because the parser knows a parameter only without it; names
// of parameters become lower case for the same reason. What stands in quotes or angle brackets
// is left as it is.
func tidy(value string, via bool) ([]string, error) {
	t := tidier{via: via}
	for i := 0; i < len(value); i++ {
		if err := t.take(value[i]); err != nil {
			return nil, err
		}
	}
	if t.quoted || t.angled {
		return nil, bad("an open quote or bracket")
	}
	if err := t.finish(); err != nil {
		return nil, err
	}
	return t.out, nil
}

// A tidier is the state of tidy between two bytes.
type tidier struct {
	via            bool
	out            []string
	b              []byte
	quoted, angled bool
	escaped        bool
	name           bool // in the name of a parameter
	skip           bool // white space now is after a separator
}

func (t *tidier) take(c byte) error {
	switch {
	case t.quoted:
		t.b = append(t.b, c)
		switch {
		case t.escaped:
			t.escaped = false
		case c == '\\':
			t.escaped = true
		case c == '"':
			t.quoted = false
		}
	case t.angled:
		if c == ' ' || c == '\t' || c == '<' {
			return bad("white space or a second bracket in an address")
		}
		t.b = append(t.b, c)
		t.angled = c != '>'
	case c == ' ' || c == '\t':
		if !t.skip && len(t.b) > 0 && t.b[len(t.b)-1] != ' ' {
			t.b = append(t.b, ' ')
		}
	case c == ',':
		return t.finish()
	case c == ';' || c == '=' || (t.via && (c == '/' || c == ':')):
		t.b = append(bytes.TrimRight(t.b, " "), c)
		t.skip = true
		if c == ';' {
			t.name = true
		}
		if c == '=' {
			t.name = false
		}
	default:
		t.skip = false
		if t.name && c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		t.b = append(t.b, c)
		t.quoted = c == '"'
		t.angled = c == '<'
	}
	return nil
}

// finish ends one element of the list.
func (t *tidier) finish() error {
	e := strings.Trim(string(t.b), " ")
	e = strings.TrimRight(e, ";")
	if e == "" || e[0] == ';' {
		return bad("%v", errStray)
	}
	t.out = append(t.out, e)
	t.b, t.name, t.skip = t.b[:0], false, true
	return nil
}

// bracket puts angle brackets around an address that has none, so that parameters in quotes
// are not taken for one. An address with headers must have its own (RFC 3261 §20.10).
func bracket(element string) (string, error) {
	if element == "*" || indexOutside(element, '<') >= 0 {
		return element, nil
	}
	uri, params, hasParams := strings.Cut(element, ";")
	if strings.ContainsAny(uri, "?\" ") {
		return element, bad("an address without brackets that needs them")
	}
	if hasParams {
		return "<" + uri + ">;" + params, nil
	}
	return "<" + uri + ">", nil
}

// indexOutside is the place of the first c that is not in quotes, or -1.
func indexOutside(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == c:
			return i
		}
	}
	return -1
}

// splitOutside splits at each c that is neither in quotes nor in angle brackets.
func splitOutside(s string, c byte) []string {
	var out []string
	quoted, angled, from := false, false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case quoted:
		case s[i] == '<':
			angled = true
		case s[i] == '>':
			angled = false
		case !angled && s[i] == c:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// isToken says whether s is a token of RFC 3261 §25.1.
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			continue
		}
		if !strings.ContainsRune("-.!%*_+`'~", rune(c)) {
			return false
		}
	}
	return true
}
