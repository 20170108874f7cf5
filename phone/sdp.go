package phone

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// The directions of a stream (RFC 3264 §5.1).
const (
	sendrecv = "sendrecv"
	sendonly = "sendonly"
	recvonly = "recvonly"
	inactive = "inactive"
)

// sdp is the one audio stream of a session description.
type sdp struct {
	host      string
	port      int
	types     []int // payload types of G.711 and other static codecs, in order
	event     int   // payload type of telephone-event/8000, -1 when absent
	direction string
}

// text writes the description; version counts the offers and answers of one side (RFC 3264 §8).
func (s sdp) text(session string, version int, extra string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %s %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", session, version, family(s.host), s.host, family(s.host), s.host)
	types := ""
	for _, t := range s.types {
		types += " " + strconv.Itoa(t)
	}
	if s.event >= 0 {
		types += " " + strconv.Itoa(s.event)
	}
	fmt.Fprintf(&b, "m=audio %d RTP/AVP%s\r\n", s.port, types)
	for _, t := range s.types {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", t, codecName(t))
	}
	if s.event >= 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-16\r\n", s.event, s.event)
	}
	fmt.Fprintf(&b, "a=ptime:20\r\na=%s\r\n", s.direction)
	b.WriteString(extra)
	return []byte(b.String())
}

func family(host string) string {
	if strings.Contains(host, ":") {
		return "IP6"
	}
	return "IP4"
}

// parseSDP finds the first audio stream that is not refused.
func parseSDP(body []byte) (sdp, error) {
	s := sdp{event: -1, direction: sendrecv}
	var session, sessionDirection = "", sendrecv
	top, in, found := true, false, false // above the first m= line; in the stream; it was seen
	for _, line := range strings.Split(string(body), "\n") {
		line = strings.TrimRight(line, "\r")
		kind, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		if kind == "m" {
			if found {
				break
			}
			f := strings.Fields(value)
			top = false
			in = len(f) >= 4 && f[0] == "audio" && f[1] != "0"
			if in {
				found = true
				s.host, s.direction = session, sessionDirection
				port, err := strconv.Atoi(f[1])
				if err != nil || port < 0 || port > 65535 {
					return s, fmt.Errorf("sdp: port %q", f[1])
				}
				s.port = port
				for _, t := range f[3:] {
					if n, err := strconv.Atoi(t); err == nil && codecName(n) != "" {
						s.types = append(s.types, n)
					}
				}
			}
			continue
		}
		switch {
		case top && kind == "c":
			session = lastField(value)
		case top && kind == "a" && isDirection(value):
			sessionDirection = value
		case in:
			s.attribute(kind, value)
		}
	}
	if !found {
		return s, fmt.Errorf("sdp: no audio stream")
	}
	if net.ParseIP(s.host) == nil {
		return s, fmt.Errorf("sdp: address %q", s.host)
	}
	return s, nil
}

func lastField(s string) string {
	f := strings.Fields(s)
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

func isDirection(s string) bool {
	return s == sendrecv || s == sendonly || s == recvonly || s == inactive
}

// attribute reads a line of the audio stream's own.
func (s *sdp) attribute(kind, value string) {
	switch {
	case kind == "c":
		s.host = lastField(value)
	case kind == "a" && isDirection(value):
		s.direction = value
	case kind == "a":
		rest, ok := strings.CutPrefix(value, "rtpmap:")
		pt, name, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(pt)
		if ok && err == nil && strings.EqualFold(strings.TrimSpace(name), "telephone-event/8000") {
			s.event = n
		}
	}
}

// held reports whether the description asks its reader to send nothing.
func (s sdp) held() bool {
	return s.direction == sendonly || s.direction == inactive || s.host == "0.0.0.0" || s.host == "::"
}

// answerDirection is the direction to answer an offer's with, when this side wants both ways.
func answerDirection(offer string) string {
	switch offer {
	case sendonly:
		return recvonly
	case recvonly:
		return sendonly
	}
	return offer
}

// common keeps the payload types of the offer that are also in ours, in the offer's order.
func common(offer, ours []int) []int {
	var both []int
	for _, o := range offer {
		for _, t := range ours {
			if o == t {
				both = append(both, o)
			}
		}
	}
	return both
}
