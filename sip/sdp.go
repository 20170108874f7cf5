package sip

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strconv"

	"hotline/call"
	"hotline/media"
)

// keysPT is the payload type that our own offers give telephone-event. 101 is what nearly
// every telephone and gateway uses; some older ones understand no other number.
const keysPT = 101

// A localSDP is our half of a session description.
type localSDP struct {
	Addr    netip.Addr       // where our sound is reached, never a wildcard
	Port    int              // 1 to 65535, RTP; RTCP is one above
	Codecs  []call.Codec     // what we have, best first
	Session uint64           // sess-id of the o= line, the same for the life of the dialog
	Version uint64           // sess-version of the o= line, one more for each different description
	Hold    bool             // we hold the peer: it hears us, we do not listen
	Record  call.RecordState // what we say of the recording; empty: nothing
}

// An sdpError says why a description was not taken, and the SIP status that tells the peer.
type sdpError struct {
	Code int // 400, 413 or 488
	Why  string
}

func (e *sdpError) Error() string { return "sdp: " + e.Why }

// errNoCodec is the answer to an offer that has no sound that both sides can do, at an address
// that can be reached (488 Not Acceptable Here, RFC 3261 §21.4.26).
var errNoCodec error = &sdpError{Code: 488, Why: "no usable audio"}

// sdpStatus is the SIP status for an error of answerSDP or acceptSDP.
func sdpStatus(err error) int {
	var e *sdpError
	if errors.As(err, &e) {
		return e.Code
	}
	return 488
}

// answerSDP answers an offer by RFC 3264 §6: every m-line of the offer in its order, one audio
// line taken with one codec (the first in the offerer's order that we have) and the offerer's
// telephone-event, all others refused by port 0. The error is errNoCodec or another *sdpError.
func answerSDP(offer []byte, l localSDP) (answer []byte, r media.Remote, err error) {
	d, err := readSDP(offer)
	if err != nil {
		return nil, media.Remote{}, err
	}
	i, r, err := d.choose(l)
	if err != nil {
		return nil, media.Remote{}, err
	}
	return writeAnswer(d, i, r, l), r, nil
}

// answerAgainSDP answers a later offer of the same dialog. previous is the last description we
// sent in it; the version of its o= line is kept where nothing else changes and goes up by one
// where something does (RFC 3264 §8). Version in l is not used.
func answerAgainSDP(previous, offer []byte, l localSDP) (answer []byte, r media.Remote, err error) {
	l.Version = versionSDP(previous)
	answer, r, err = answerSDP(offer, l)
	if err != nil || sameButOrigin(previous, answer) {
		return answer, r, err
	}
	l.Version++
	return answerSDP(offer, l)
}

// offerSDP is our own offer: one audio line with all our codecs and telephone-event.
func offerSDP(l localSDP) []byte {
	return writeOffer(l)
}

// offerAgainSDP is a later offer of ours in the same dialog. It has a line for each of previous, the
// last description we sent, in the same order; ours keeps its profile, and telephone-event its
// number (RFC 3264 §8). The version is that of previous if nothing else changes, else one more.
// Version in l is not used.
func offerAgainSDP(previous []byte, l localSDP) []byte {
	d, err := readSDP(previous)
	taken := -1
	if err == nil {
		taken = slices.IndexFunc(d.media, func(m sdpMedia) bool { return m.port != 0 })
	}
	if taken < 0 {
		return offerSDP(l)
	}
	l.Version = versionSDP(previous)
	offer := writeOfferAgain(d, taken, l)
	if sameButOrigin(previous, offer) {
		return offer
	}
	l.Version++
	return writeOfferAgain(d, taken, l)
}

// acceptSDP reads the peer's answer to our offer. It takes the first codec of the answer that we
// offered. The error is errNoCodec or another *sdpError.
func acceptSDP(answer []byte, l localSDP) (media.Remote, error) {
	d, err := readSDP(answer)
	if err != nil {
		return media.Remote{}, err
	}
	_, r, err := d.choose(l)
	return r, err
}

// held says that the peer does not want to hear us for now: sendonly, inactive or 0.0.0.0.
func held(r media.Remote) bool { return !r.Send }

// choose finds the first audio line that we can take and what it makes of the peer. A line is
// left aside, not failed, for a reason that another line may not have: port 0, a profile or
// codecs we do not have, an address of the other family (RFC 5118 §4.8).
func (d *sdpBody) choose(l localSDP) (int, media.Remote, error) {
	if len(d.media) == 0 {
		return 0, media.Remote{}, &sdpError{488, "no media line"}
	}
	missing := false
	for i := range d.media {
		m := &d.media[i]
		if m.kind != "audio" || m.port == 0 || !plainProfile(m.proto) {
			continue
		}
		c := m.connection
		if !c.given {
			c = d.connection
		}
		if !c.given {
			missing = true
			continue
		}
		if r, ok := m.remote(d, c.addr, l); ok {
			return i, r, nil
		}
	}
	if missing {
		return 0, media.Remote{}, &sdpError{400, "no connection line for audio"}
	}
	return 0, media.Remote{}, errNoCodec
}

// remote is the peer as this audio line describes it, if we can talk to it.
func (m *sdpMedia) remote(d *sdpBody, addr netip.Addr, l localSDP) (media.Remote, bool) {
	// A host name, a zone or a multicast group: nowhere we would send a person's voice.
	if !addr.IsValid() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return media.Remote{}, false
	}
	if l.Addr.IsValid() && addr.Is4() != l.Addr.Unmap().Is4() {
		return media.Remote{}, false
	}
	codec, ok := m.codec(l.Codecs)
	if !ok {
		return media.Remote{}, false
	}

	dir := d.direction
	if m.direction != dirUnset {
		dir = m.direction
	}
	r := media.Remote{
		Addr:    netip.AddrPortFrom(addr, uint16(m.port)),
		Codec:   codec,
		KeysPT:  m.keys(),
		Send:    dir.receives(),
		Receive: dir.sends() && !l.Hold,
	}
	// Quirk: telephones of RFC 2543 hold by the address 0.0.0.0 and no direction. Nothing is to
	// be sent there (RFC 3264 §8.4).
	if addr.IsUnspecified() {
		r.Send = false
		return r, true
	}
	r.RTCP = m.rtcp(addr)
	return r, true
}

// codec is the first codec in the line's own order that is among ours.
//
// A codec of G.711 counts only under its static number (RFC 3551 §6): call.Codec is that
// number, on the wire too. Under a dynamic one, which no peer we know of offers alone, it is
// left aside.
func (m *sdpMedia) codec(ours []call.Codec) (call.Codec, bool) {
	for _, f := range m.formats {
		pt, ok := payloadType(f)
		if !ok {
			continue
		}
		c := call.Codec(pt)
		name, known := codecNames[c]
		if !known || !slices.Contains(ours, c) {
			continue
		}
		// The map line may be left out for static numbers; where it stands it must agree.
		if at, mapped := m.maps[pt]; !mapped || at.is(name, call.ClockRate) {
			return c, true
		}
	}
	return 0, false
}

// codecNames are the encoding names of RFC 3551 §6 for the codecs we may have.
var codecNames = map[call.Codec]string{call.PCMU: "PCMU", call.PCMA: "PCMA"}

// keys is the number the peer gave telephone-event at 8000 Hz, 0 if it did not. Linphone and
// Chromium offer it at 48000 and 16000 too; those go with codecs we do not have (RFC 4733 §2.1).
func (m *sdpMedia) keys() uint8 {
	for _, f := range m.formats {
		pt, ok := payloadType(f)
		if !ok || pt == 0 {
			continue
		}
		if at, ok := m.maps[pt]; ok && at.is("telephone-event", call.ClockRate) {
			return pt
		}
	}
	return 0
}

// rtcp is where the peer wants RTCP: by a=rtcp (RFC 3605), else one port above RTP. We answer
// no rtcp-mux, so an offer of it changes nothing (RFC 5761 §5.1.1).
func (m *sdpMedia) rtcp(addr netip.Addr) netip.AddrPort {
	port := m.port + 1
	switch a := m.rtcpAddr; {
	case m.rtcpPort == 0:
	case !a.IsValid():
		port = m.rtcpPort
	case a.IsUnspecified() || a.IsMulticast() || a.Is4() != addr.Is4():
		// Quirk: browsers write "9 IN IP4 0.0.0.0" for "not known yet".
	default:
		addr, port = a, m.rtcpPort
	}
	if port > 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

// sameButOrigin says that two descriptions of ours differ in nothing but the o= line.
func sameButOrigin(a, b []byte) bool {
	return bytes.Equal(withoutOrigin(a), withoutOrigin(b))
}

func withoutOrigin(d []byte) []byte {
	head, rest, ok := bytes.Cut(d, []byte("o="))
	if !ok {
		return d
	}
	_, tail, _ := bytes.Cut(rest, []byte("\r\n"))
	return append(slices.Clone(head), tail...)
}

// versionSDP is the version in the o= line of a description of ours, 0 if there is none.
func versionSDP(d []byte) uint64 {
	_, rest, _ := bytes.Cut(d, []byte("o="))
	f := bytes.Fields(rest)
	if len(f) < 3 {
		return 0
	}
	v, err := strconv.ParseUint(string(f[2]), 10, 64)
	if err != nil {
		return 0
	}
	return v
}
