package sip

import (
	"fmt"
	"strings"

	"hotline/call"
	"hotline/media"
)

// writeAnswer writes the answer to d in which line taken is the one we talk on.
func writeAnswer(d *sdpBody, taken int, r media.Remote, l localSDP) []byte {
	var b strings.Builder
	writeHead(&b, l, d.timing)
	for i := range d.media {
		m := &d.media[i]
		if i != taken {
			m.writeRefused(&b)
			continue
		}
		// What we do is what the peer lets us: we speak if it listens, we listen if it speaks.
		// A hold by 0.0.0.0 is answered recvonly, because that is what will happen.
		dir := directionOf(r.Send, r.Receive)
		writeAudio(&b, l, strings.ToUpper(m.proto), []call.Codec{r.Codec}, r.KeysPT, dir)
	}
	return []byte(b.String())
}

// writeOffer writes an offer of ours.
func writeOffer(l localSDP) []byte {
	var b strings.Builder
	writeHead(&b, l, "0 0")
	writeAudio(&b, l, "RTP/AVP", l.Codecs, keysPT, directionOf(true, !l.Hold))
	return []byte(b.String())
}

// writeOfferAgain writes a later offer with the lines of d, of which taken is the one we talk on.
func writeOfferAgain(d *sdpBody, taken int, l localSDP) []byte {
	var b strings.Builder
	writeHead(&b, l, d.timing)
	for i := range d.media {
		m := &d.media[i]
		if i != taken {
			m.writeRefused(&b)
			continue
		}
		keys := m.keys()
		if keys == 0 {
			keys = keysPT
		}
		writeAudio(&b, l, m.proto, l.Codecs, keys, directionOf(true, !l.Hold))
	}
	return []byte(b.String())
}

// writeRefused writes a line that is not used: with its kind, profile and one format (RFC 3264 §6).
func (m *sdpMedia) writeRefused(b *strings.Builder) {
	format := "0"
	if len(m.formats) > 0 {
		format = m.formats[0]
	}
	fmt.Fprintf(b, "m=%s 0 %s %s\r\n", m.name, m.proto, format)
}

// writeHead writes the lines above the first m-line, strictly in the order of RFC 8866 §5.
func writeHead(b *strings.Builder, l localSDP, timing string) {
	family, addr := "IP4", l.Addr.Unmap()
	if addr.Is6() {
		family = "IP6"
	}
	fmt.Fprintf(b, "v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=%s\r\n",
		l.Session, l.Version, family, addr.WithZone(""), family, addr.WithZone(""), timing)
}

// writeAudio writes the audio line. keys 0 leaves telephone-event out, and an empty l.Record the attribute
// of the recording (RFC 7866 §7.1.2), which stands here, at its medium: there is one medium that is recorded.
func writeAudio(b *strings.Builder, l localSDP, proto string, codecs []call.Codec, keys uint8, dir direction) {
	fmt.Fprintf(b, "m=audio %d %s", l.Port, proto)
	for _, c := range codecs {
		fmt.Fprintf(b, " %d", c)
	}
	if keys != 0 {
		fmt.Fprintf(b, " %d", keys)
	}
	b.WriteString("\r\n")
	for _, c := range codecs {
		// The map line of a static number may be left out; some telephones want it all the same.
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", c, codecNames[c], call.ClockRate)
	}
	if keys != 0 {
		fmt.Fprintf(b, "a=rtpmap:%d telephone-event/%d\r\na=fmtp:%d 0-15\r\n", keys, call.ClockRate, keys)
	}
	fmt.Fprintf(b, "a=ptime:20\r\na=%s\r\n", directionNames[dir])
	if l.Record != "" {
		fmt.Fprintf(b, "a=record:%s\r\n", l.Record)
	}
}
