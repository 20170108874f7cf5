package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A mistake is the fault of one value: what is wrong with it and what would be right.
type mistake struct{ problem, want string }

func (m *mistake) Error() string { return m.problem + ", " + m.want }

func wrong(want, problem string, args ...any) error {
	return &mistake{problem: fmt.Sprintf(problem, args...), want: want}
}

// A Duration is a span of time as the file writes it: 20s, 10m, 1h30m.
type Duration time.Duration

// D is the duration as the rest of the program counts.
func (d Duration) D() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

func (d *Duration) parse(text string) error {
	const want = "write a duration with its unit, such as 20s, 10m or 4h"
	v, err := time.ParseDuration(text)
	switch {
	case isDigits(text):
		return wrong("write "+text+"s if seconds are meant", "%s has no unit", text)
	case err != nil:
		return wrong(want, "%s is no duration", quote(text))
	case v < 0:
		return wrong(want, "%s is negative", text)
	}
	*d = Duration(v)
	return nil
}

// Months counts calendar months, as the file writes them: 12mo, 2y.
type Months int

func (m Months) String() string { return strconv.Itoa(int(m)) + "mo" }

// Before is the instant that lies so many calendar months before t. A day that the earlier month
// does not have is its last one: three months before 31 May is 28 or 29 February.
func (m Months) Before(t time.Time) time.Time {
	y, mon, day := t.Date()
	first := time.Date(y, mon-time.Month(m), 1, 0, 0, 0, 0, t.Location())
	last := first.AddDate(0, 1, -1).Day()
	h, mi, s := t.Clock()
	return time.Date(first.Year(), first.Month(), min(day, last), h, mi, s, t.Nanosecond(), t.Location())
}

// maxMonths is a hundred years: more is a slip of the finger.
const maxMonths = 1200

func (m *Months) parse(text string) error {
	const want = "write calendar months or years, such as 12mo or 2y"
	number, factor := strings.TrimSuffix(text, "mo"), 1
	if number == text {
		number, factor = strings.TrimSuffix(text, "y"), 12
	}
	n, err := strconv.Atoi(number)
	if number == text || !isDigits(number) || err != nil || n*factor > maxMonths || n > maxMonths {
		return wrong(want, "%s is no number of months up to %d", quote(text), maxMonths)
	}
	*m = Months(n * factor)
	return nil
}

// Ports is a range of UDP ports, both ends included.
type Ports struct{ First, Last uint16 }

// Count is how many ports there are in the range.
func (p Ports) Count() int { return int(p.Last) - int(p.First) + 1 }

func (p Ports) String() string { return fmt.Sprintf("%d-%d", p.First, p.Last) }

// holds reports whether a port lies in the range.
func (p Ports) holds(port uint16) bool { return p.First <= port && port <= p.Last }

func (p *Ports) parse(text string) error {
	const want = "write FIRST-LAST, such as 20000-29999"
	a, b, ok := strings.Cut(text, "-")
	first, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	last, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
	got := Ports{First: uint16(first), Last: uint16(last)}
	switch {
	case !ok || err1 != nil || err2 != nil:
		return wrong(want, "%s is no range of ports", quote(text))
	case last < first:
		return wrong(fmt.Sprintf("write %d-%d", last, first), "%s runs backwards", text)
	case first < 1024:
		return wrong("begin with 1024 or more", "%s reaches into the ports below 1024, which are the system's", text)
	case first%2 != 0:
		return wrong(fmt.Sprintf("begin with the even port %d", first+1), "%s begins with an odd port, and sound takes the even ones (RFC 3550 §11)", text)
	case last%2 == 0:
		return wrong(fmt.Sprintf("end with the odd port %d", last-1+2*b2u(last == first)), "%s ends with an even port, which would have no odd one for its reports", text)
	case got.Count() < 4:
		return wrong("leave at least 4 ports", "%s is too small for one call, whose two legs take 4 ports", text)
	}
	*p = got
	return nil
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// A Transport is how SIP travels.
type Transport string

// The transports.
const (
	UDP     Transport = "udp"
	TCP     Transport = "tcp"
	OverTLS Transport = "tls"
)

// An Endpoint is a socket to listen on.
type Endpoint struct {
	Transport Transport
	Addr      netip.AddrPort // port 0: the system chooses
}

func (e Endpoint) String() string { return string(e.Transport) + "://" + e.Addr.String() }

func (t Transport) known() bool { return t == UDP || t == TCP || t == OverTLS }

// meets reports whether two sockets cannot both be open: TLS is TCP underneath.
func (e Endpoint) meets(o Endpoint) bool {
	return (e.Transport == UDP) == (o.Transport == UDP) && e.Addr.Port() != 0 && e.Addr.Port() == o.Addr.Port() &&
		sameHost(e.Addr.Addr(), o.Addr.Addr())
}

// sameHost reports whether a socket on a and one on b would see the same packets. [::] takes
// IPv4 as well.
func sameHost(a, b netip.Addr) bool {
	covers := func(any, one netip.Addr) bool {
		return any.IsUnspecified() && (any.Is6() || one.Is4())
	}
	return a == b || covers(a, b) || covers(b, a)
}

func (e *Endpoint) parse(text string) error {
	const want = "write udp://, tcp:// or tls://ADDRESS:PORT, such as udp://0.0.0.0:5060"
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return wrong(want, "%s has no udp://, tcp:// or tls:// before it", quote(text))
	}
	if !Transport(scheme).known() {
		return wrong(want, "%s is no transport of this release", quote(scheme))
	}
	addr, err := netip.ParseAddrPort(rest)
	if err != nil || addr.Addr().Zone() != "" || addr.Addr().Is4In6() {
		return wrong(want, "%s is no IP address and port", quote(rest))
	}
	if addr.Addr().IsMulticast() {
		return wrong(want, "%s is a multicast address", addr.Addr())
	}
	*e = Endpoint{Transport: Transport(scheme), Addr: addr}
	return nil
}

// A Target is where calls out go: a host with or without a port, and how. Its text is
// HOST[:PORT][;transport=udp|tcp|tls].
type Target struct {
	Host      string // a name or an address, IPv6 without brackets
	Port      uint16 // 0: what DNS says (RFC 3263 §4.2), else the default of the transport
	Transport Transport
}

func (t Target) String() string {
	s := t.Host
	if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	if t.Port != 0 {
		s += ":" + strconv.Itoa(int(t.Port))
	}
	if t.Transport != UDP {
		s += ";transport=" + string(t.Transport)
	}
	return s
}

func (t *Target) parse(text string) error {
	const want = "write HOST, HOST:PORT or HOST;transport=tls, such as sip.example.org"
	at, param, has := strings.Cut(text, ";")
	got := Target{Transport: UDP}
	if has {
		kind, ok := strings.CutPrefix(param, "transport=")
		if got.Transport = Transport(kind); !ok || !got.Transport.known() {
			return wrong(want, "%s is no transport", quote(param))
		}
	}
	if a, err := netip.ParseAddr(strings.Trim(at, "[]")); err == nil && a.Zone() == "" {
		got.Host = a.String()
		*t = got
		return nil
	}
	got.Host = at
	if h, port, ok := cutPort(at); ok {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return wrong(want, "%s is no port", quote(port))
		}
		got.Host, got.Port = h, uint16(n)
	}
	if a, err := netip.ParseAddr(got.Host); err == nil && a.Zone() == "" {
		got.Host = a.String()
	} else if !host.MatchString(got.Host) {
		return wrong(want, "%s is no host", quote(got.Host))
	}
	*t = got
	return nil
}

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(text string) (netip.Prefix, error) {
	const want = "write a network such as 203.0.113.0/24, or one address"
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" && !addr.Is4In6() {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, wrong(want, "%s is no network", quote(text))
	}
	if p != p.Masked() {
		return netip.Prefix{}, wrong(fmt.Sprintf("write %s for the network, or %s for the one address", p.Masked(), p.Addr()),
			"%s is an address inside a network", text)
	}
	return p, nil
}

// parseAddr reads an address to listen on.
func parseAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4In6() || a.IsMulticast() {
		return netip.Addr{}, wrong("write an IP address, such as 0.0.0.0 or 192.0.2.10", "%s is no address to listen on", quote(text))
	}
	return a, nil
}

// choose reads a word out of a closed list.
func choose[T ~string](p *T, text string, list ...T) error {
	for _, one := range list {
		if string(one) == text {
			*p = one
			return nil
		}
	}
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = string(one)
	}
	return wrong("write "+either(words), "%s is not known", quote(text))
}

func (n *NumberForm) parse(text string) error {
	return choose(n, text, FormE164, FormNational, FormAsIs)
}

func (c *Called) parse(text string) error { return choose(c, text, CalledRequestURI, CalledTo) }

func (e *Engine) parse(text string) error {
	return choose(e, text, EngineAuto, EngineEpoll, EnginePortable)
}

func (p *Policy) parse(text string) error {
	return choose(p, text, RecordAlways, RecordRefuseWithout, RecordOff)
}

func (f *Format) parse(text string) error { return choose(f, text, FormatPCM16, FormatG711) }

func (h *Holidays) parse(text string) error { return choose(h, text, HolidaysNone, HolidaysAZ) }

func (s *Strategy) parse(text string) error {
	return choose(s, text, LongestIdle, LeastTalk, RoundRobin, RingSeveral, ByLevel)
}

func (w *Way) parse(text string) error {
	return choose(w, text, WayEnd, WayCallback, WayWait, WayLeave)
}

func (b *Breach) parse(text string) error { return choose(b, text, BreachWarn, BreachRefuse) }

// parseInt reads a whole number.
func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if errors.Is(err, strconv.ErrRange) {
		return 0, wrong("write a smaller number", "%s is too large", quote(text))
	}
	if err != nil {
		return 0, wrong("write a whole number", "%s is no whole number", quote(text))
	}
	return n, nil
}

// either joins words as a sentence does: a, b or c.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// quote shows a value in a message: in quotes, escaped, and no longer than a line can bear.
func quote(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
