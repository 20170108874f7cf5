package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// Limits of a description from outside. The largest honest offers we know, of browsers, stay
// under half of each.
const (
	maxDescription = 8 << 10 // bytes
	maxMedia       = 8       // m-lines
	maxFormats     = 64      // formats of one m-line
	maxAttributes  = 200     // a-lines, in all
	maxCandidates  = 40      // a=candidate, of those
)

// An sdpBody is what we need of a peer's description.
type sdpBody struct {
	timing     string // of the t= line, "0 0" if it is missing or odd
	connection sdpConnection
	direction  direction
	preference string // of a=recordpref above the first m-line; empty: none
	media      []sdpMedia
}

// An sdpMedia is one m-line and what stands under it.
type sdpMedia struct {
	kind       string // lower case: "audio"
	name       string // as written
	port       int    // 0 to 65535
	proto      string // as written
	formats    []string
	connection sdpConnection
	direction  direction
	rtcpPort   int // of a=rtcp, 0 if none
	rtcpAddr   netip.Addr
	maps       map[uint8]rtpMap
	preference string // of a=recordpref; empty: none
}

// An sdpConnection is a c= line. Addr is invalid where it names no address that can be used: a
// host name (we resolve none while a caller waits), a zone, another network type.
type sdpConnection struct {
	given bool
	addr  netip.Addr
}

// An rtpMap is the value of an a=rtpmap line.
type rtpMap struct {
	name     string // upper case
	clockHz  int
	channels int
}

func (m rtpMap) is(name string, clockHz int) bool {
	return strings.EqualFold(m.name, name) && m.clockHz == clockHz && m.channels == 1
}

// A direction is one of the four of RFC 3264 §5.1, as the one who writes it sees it.
type direction uint8

const (
	dirUnset direction = iota // means sendrecv
	sendRecv
	sendOnly
	recvOnly
	inactive
)

var directionNames = map[direction]string{
	sendRecv: "sendrecv", sendOnly: "sendonly", recvOnly: "recvonly", inactive: "inactive",
}

func (d direction) sends() bool    { return d == dirUnset || d == sendRecv || d == sendOnly }
func (d direction) receives() bool { return d == dirUnset || d == sendRecv || d == recvOnly }

func directionOf(sends, receives bool) direction {
	switch {
	case sends && receives:
		return sendRecv
	case sends:
		return sendOnly
	case receives:
		return recvOnly
	default:
		return inactive
	}
}

// readSDP reads what trunks and telephones really send: bare LF, no last line end, blank lines,
// missing v=, s= or t=, lines out of order, unknown lines and attributes are all taken. Only a
// media line that cannot be understood makes the whole of it an error, because the answer must
// have a line for each. The error is an *sdpError: 413 or 488 over a limit, 400 otherwise.
func readSDP(b []byte) (*sdpBody, error) {
	if len(b) > maxDescription {
		return nil, &sdpError{413, "description too long"}
	}
	d := &sdpBody{timing: "0 0"}
	understood := false
	attributes, candidates := 0, 0
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		understood = true
		value := strings.TrimSpace(line[2:])
		switch line[0] {
		case 't':
			d.readTiming(value)
		case 'c':
			d.readConnection(value)
		case 'm':
			if err := d.readMedia(value); err != nil {
				return nil, err
			}
		case 'a':
			attributes++
			if strings.HasPrefix(value, "candidate:") {
				candidates++
			}
			if attributes > maxAttributes || candidates > maxCandidates {
				return nil, &sdpError{488, "too many attributes"}
			}
			d.readAttribute(value)
		}
	}
	if !understood {
		return nil, &sdpError{400, "no line of a description"}
	}
	return d, nil
}

// current is the m-line that the lines being read belong to, nil above the first.
func (d *sdpBody) current() *sdpMedia {
	if len(d.media) == 0 {
		return nil
	}
	return &d.media[len(d.media)-1]
}

// readTiming keeps the t= line, which an answer must repeat (RFC 3264 §6).
func (d *sdpBody) readTiming(value string) {
	f := strings.Fields(value)
	if len(f) != 2 || len(d.media) > 0 || !digits(f[0]) || !digits(f[1]) {
		return
	}
	d.timing = f[0] + " " + f[1]
}

// digits says that s is a decimal number of at most 20 digits.
func digits(s string) bool {
	return len(s) > 0 && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// readConnection reads "IN IP4 192.0.2.1". Of several under one m-line the first counts.
func (d *sdpBody) readConnection(value string) {
	c := &d.connection
	if m := d.current(); m != nil {
		c = &m.connection
	}
	if c.given {
		return
	}
	c.given = true
	f := strings.Fields(value)
	if len(f) < 3 || !strings.EqualFold(f[0], "IN") {
		return
	}
	c.addr = sdpAddress(f[2])
}

// sdpAddress reads an address, with the "/ttl" of a multicast group cut off. The word before
// it, IP4 or IP6, is not believed: the address says itself what it is. A zone means nothing on
// our machine, so an address with one is none.
func sdpAddress(s string) netip.Addr {
	s, _, _ = strings.Cut(s, "/")
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap() // RFC 5118 §4.9
}

// readMedia reads "audio 49170 RTP/AVP 0 8 101".
func (d *sdpBody) readMedia(value string) error {
	if len(d.media) == maxMedia {
		return &sdpError{488, "too many media lines"}
	}
	f := strings.Fields(value)
	if len(f) < 3 {
		return &sdpError{400, "media line with too few words"}
	}
	for _, word := range f {
		if !printable(word) {
			return &sdpError{400, "media line with odd characters"}
		}
	}
	if len(f)-3 > maxFormats {
		return &sdpError{488, "too many formats"}
	}
	port, _, _ := strings.Cut(f[1], "/") // "/2": a count of ports, which nobody uses for speech
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return &sdpError{400, "media line with an odd port"}
	}
	d.media = append(d.media, sdpMedia{
		kind: strings.ToLower(f[0]), name: f[0], port: int(n), proto: f[2], formats: f[3:],
		maps: map[uint8]rtpMap{},
	})
	return nil
}

// payloadType reads a format as an RTP payload type, 0 to 127. "08" is none: the answer must
// repeat a format as it was offered.
func payloadType(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 7)
	return uint8(n), err == nil && s == strconv.FormatUint(n, 10)
}

// printable says that s is ASCII without blanks and control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// readAttribute reads the few attributes we act on.
func (d *sdpBody) readAttribute(value string) {
	m := d.current()
	name, rest, _ := strings.Cut(value, ":")
	for dir, word := range directionNames {
		if strings.EqualFold(name, word) {
			if m == nil {
				d.direction = dir
			} else {
				m.direction = dir
			}
			return
		}
	}
	if strings.EqualFold(name, "recordpref") {
		d.readPreference(strings.ToLower(strings.TrimSpace(rest)))
		return
	}
	if m == nil {
		return
	}
	switch strings.ToLower(name) {
	case "rtpmap":
		m.readMap(rest)
	case "rtcp":
		m.readRTCP(rest)
	}
}

// readPreference reads what the peer would like of a recording (RFC 7866 §7.1.3). Other words are none.
func (d *sdpBody) readPreference(value string) {
	switch value {
	case "on", "off", "pause", "nopreference":
	default:
		return
	}
	if m := d.current(); m != nil {
		m.preference = value
	} else {
		d.preference = value
	}
}

// preferenceOf is what a description says about the recording of its first sound; empty: nothing.
func preferenceOf(body []byte) string {
	d, err := readSDP(body)
	if err != nil {
		return ""
	}
	for i := range d.media {
		if m := &d.media[i]; m.kind == "audio" && m.port != 0 && m.preference != "" {
			return m.preference
		}
	}
	return d.preference
}

// readMap reads "101 telephone-event/8000" or "96 L16/8000/2".
func (m *sdpMedia) readMap(value string) {
	number, coding, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok {
		return
	}
	pt, ok := payloadType(number)
	if !ok {
		return
	}
	part := strings.Split(strings.TrimSpace(coding), "/")
	if len(part) < 2 {
		return
	}
	clock, err := strconv.Atoi(part[1])
	if err != nil {
		return
	}
	channels := 1
	if len(part) > 2 {
		if channels, err = strconv.Atoi(part[2]); err != nil {
			return
		}
	}
	// The first line for a number counts; a second one is a mistake we do not follow.
	if _, twice := m.maps[pt]; !twice {
		m.maps[pt] = rtpMap{strings.ToUpper(part[0]), clock, channels}
	}
}

// readRTCP reads "53020" or "53020 IN IP4 126.16.64.4" (RFC 3605 §2.1).
func (m *sdpMedia) readRTCP(value string) {
	f := strings.Fields(value)
	if len(f) == 0 {
		return
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil {
		return
	}
	m.rtcpPort = int(port)
	if len(f) >= 4 {
		m.rtcpAddr = sdpAddress(f[3])
	}
}

// plainProfile says that sound under this profile is RTP we can send: not encrypted. AVPF only
// promises more RTCP (RFC 4585 §3.1); Linphone offers it for plain calls.
func plainProfile(proto string) bool {
	return strings.EqualFold(proto, "RTP/AVP") || strings.EqualFold(proto, "RTP/AVPF")
}
