package sip

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/media"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// ours is our half in these tests: the hotline at an address of RFC 5737.
func ours() localSDP {
	return localSDP{
		Addr: netip.MustParseAddr("203.0.113.1"), Port: 20000,
		Codecs: []call.Codec{call.PCMA, call.PCMU}, Session: 1234, Version: 1,
	}
}

// sdpText makes a description of lines, with the endings of the wire.
func sdpText(lines ...string) []byte {
	return []byte(strings.Join(lines, "\r\n") + "\r\n")
}

// plainOffer is an honest offer with its audio part replaced.
func plainOffer(audio ...string) []byte {
	head := []string{"v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0"}
	return sdpText(append(head, audio...)...)
}

func TestAnswersToRealOffersStayAsTheyWereReviewed(t *testing.T) {
	offers, err := filepath.Glob("testdata/sdp/*.offer")
	if err != nil || len(offers) == 0 {
		t.Fatalf("no offers: %v", err)
	}
	for _, path := range offers {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".offer"), func(t *testing.T) {
			offer, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			answer, r, err := answerSDP(offer, ours())
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(answer), "\r\n", "\n") + fmt.Sprintf(
				"\nremote %s rtcp %s codec %d keys %d send %t receive %t\n",
				r.Addr, r.RTCP, r.Codec, r.KeysPT, r.Send, r.Receive)
			golden := strings.TrimSuffix(path, ".offer") + ".answer"
			if *updateGolden {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			checkAnswer(t, offer, answer, r)
		})
	}
}

func TestOffersThatMakeNoCall(t *testing.T) {
	many := func(n int, line string) []string { return slices.Repeat([]string{line}, n) }
	audio := "m=audio 4000 RTP/AVP 8"
	for name, c := range map[string]struct {
		offer []byte
		code  int
	}{
		"nothing":                         {nil, 400},
		"blank lines":                     {[]byte("\r\n\r\n\n"), 400},
		"binary zeros":                    {make([]byte, 64), 400},
		"no media line":                   {plainOffer(), 488},
		"a codec we lack":                 {plainOffer("m=audio 4000 RTP/AVP 18"), 488},
		"8 that is something else":        {plainOffer(audio, "a=rtpmap:8 iLBC/8000"), 488},
		"G.711 at a rate of its own":      {plainOffer(audio, "a=rtpmap:8 PCMA/16000"), 488},
		"G.711 in stereo":                 {plainOffer(audio, "a=rtpmap:8 PCMA/8000/2"), 488},
		"encrypted only":                  {plainOffer("m=audio 4000 RTP/SAVP 8"), 488},
		"encrypted with feedback only":    {plainOffer("m=audio 4000 UDP/TLS/RTP/SAVPF 8"), 488},
		"fax only":                        {plainOffer("m=image 4000 udptl t38"), 488},
		"audio refused by port 0":         {plainOffer("m=audio 0 RTP/AVP 8"), 488},
		"a multicast group":               {plainOffer(audio, "c=IN IP4 224.2.1.1/127"), 488},
		"broadcast":                       {plainOffer(audio, "c=IN IP4 255.255.255.255"), 488},
		"a zone of somebody's machine":    {plainOffer(audio, "c=IN IP6 fe80::1%eth0"), 488},
		"a host name":                     {plainOffer(audio, "c=IN IP4 phone.example.com"), 488},
		"an address we have no family of": {plainOffer(audio, "c=IN IP6 2001:db8::1"), 488},
		"no address at all":               {sdpText("v=0", audio), 400},
		"a media line cut off":            {plainOffer("m=audio 4000"), 400},
		"a port that is no number":        {plainOffer("m=audio port RTP/AVP 8"), 400},
		"a port above 65535":              {plainOffer("m=audio 65536 RTP/AVP 8"), 400},
		"a negative port":                 {plainOffer("m=audio -1 RTP/AVP 8"), 400},
		"escape codes in a media line":    {plainOffer(audio, "m=vid\x1beo 1 RTP/AVP 8"), 400},
		"nine media lines":                {plainOffer(many(9, audio)...), 488},
		"65 formats":                      {plainOffer("m=audio 4000 RTP/AVP" + strings.Repeat(" 8", 65)), 488},
		"201 attributes":                  {plainOffer(append(many(1, audio), many(201, "a=x")...)...), 488},
		"41 candidates":                   {plainOffer(append(many(1, audio), many(41, "a=candidate:1")...)...), 488},
		"more than 8 KiB":                 {append(plainOffer(audio), make([]byte, 8<<10)...), 413},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := answerSDP(c.offer, ours())
			var e *sdpError
			if !errors.As(err, &e) || e.Code != c.code || sdpStatus(err) != c.code {
				t.Errorf("got %v, want code %d", err, c.code)
			}
		})
	}
	if _, _, err := answerSDP(plainOffer("m=audio 4000 RTP/AVP 18"), ours()); !errors.Is(err, errNoCodec) {
		t.Errorf("no common codec gives %v", err)
	}
}

func TestOffersAtTheLimitsMakeACall(t *testing.T) {
	audio := "m=audio 4000 RTP/AVP 8"
	for name, offer := range map[string][]byte{
		"eight media lines": plainOffer(slices.Repeat([]string{audio}, 8)...),
		"64 formats":        plainOffer("m=audio 4000 RTP/AVP 8" + strings.Repeat(" 18", 63)),
		"200 attributes":    plainOffer(append([]string{audio}, slices.Repeat([]string{"a=x"}, 200)...)...),
		"40 candidates":     plainOffer(append([]string{audio}, slices.Repeat([]string{"a=candidate:1"}, 40)...)...),
		"8 KiB":             append(plainOffer(audio), bytes.Repeat([]byte("\n"), 8<<10-len(plainOffer(audio)))...),
	} {
		t.Run(name, func(t *testing.T) {
			answer, r, err := answerSDP(offer, ours())
			if err != nil {
				t.Fatal(err)
			}
			checkAnswer(t, offer, answer, r)
		})
	}
}

func TestOddOffersOfHonestPeersAreUnderstood(t *testing.T) {
	addr := netip.MustParseAddrPort("192.0.2.7:4000")
	rtcp := netip.MustParseAddrPort("192.0.2.7:4001")
	plain := media.Remote{Addr: addr, RTCP: rtcp, Codec: call.PCMA, Send: true, Receive: true}
	with := func(change func(*media.Remote)) media.Remote { r := plain; change(&r); return r }
	for name, c := range map[string]struct {
		offer []byte
		want  media.Remote
	}{
		"bare line feeds, no last one": {
			[]byte("v=0\nc=IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 8"), plain},
		"blank lines before and between": {
			[]byte("\r\n\r\nc=IN IP4 192.0.2.7\r\n\r\nm=audio 4000 RTP/AVP 8\r\n"), plain},
		"lower-case profile, two blanks": {plainOffer("m=audio  4000 rtp/avp  8"), plain},
		"lines in a wrong order":         {sdpText("m=audio 4000 RTP/AVP 8", "b=AS:64", "c=IN IP4 192.0.2.7", "z=0"), plain},
		"a count of ports":               {plainOffer("m=audio 4000/2 RTP/AVP 8"), plain},
		"an IPv4 address in IPv6 dress":  {plainOffer("m=audio 4000 RTP/AVP 8", "c=IN IP6 ::ffff:192.0.2.7"), plain},
		"packets of 30 ms":               {plainOffer("m=audio 4000 RTP/AVP 8", "a=ptime:30"), plain},
		"the offerer's order": {plainOffer("m=audio 4000 RTP/AVP 0 8"),
			with(func(r *media.Remote) { r.Codec = call.PCMU })},
		"lower-case codec name": {plainOffer("m=audio 4000 RTP/AVP 8", "a=rtpmap:8 pcma/8000/1"), plain},
		"A-law under a number of its own beside the usual one": {
			plainOffer("m=audio 4000 RTP/AVP 96 8", "a=rtpmap:96 PCMA/8000"), plain},
		"keys at three rates": {plainOffer("m=audio 4000 RTP/AVP 8 101 99 100", "a=rtpmap:101 telephone-event/48000",
			"a=rtpmap:99 telephone-event/16000", "a=rtpmap:100 telephone-event/8000"),
			with(func(r *media.Remote) { r.KeysPT = 100 })},
		"keys mapped but not listed": {plainOffer("m=audio 4000 RTP/AVP 8", "a=rtpmap:101 telephone-event/8000"), plain},
		"RTCP elsewhere": {plainOffer("m=audio 4000 RTP/AVP 8", "a=rtcp:5005 IN IP4 192.0.2.9"),
			with(func(r *media.Remote) { r.RTCP = netip.MustParseAddrPort("192.0.2.9:5005") })},
		"RTCP at another port": {plainOffer("m=audio 4000 RTP/AVP 8", "a=rtcp:5005"),
			with(func(r *media.Remote) { r.RTCP = netip.MustParseAddrPort("192.0.2.7:5005") })},
		"RTCP at nowhere": {plainOffer("m=audio 4000 RTP/AVP 8", "a=rtcp:9 IN IP4 0.0.0.0"), plain},
		"no port left for RTCP": {plainOffer("m=audio 65535 RTP/AVP 8"),
			with(func(r *media.Remote) {
				r.Addr, r.RTCP = netip.MustParseAddrPort("192.0.2.7:65535"), netip.AddrPort{}
			})},
		"video first, text and data after": {plainOffer("m=video 5000 RTP/AVP 96", "m=audio 4000 RTP/AVP 8",
			"m=text 5002 RTP/AVP 98", "m=application 5004 UDP/BFCP *"), plain},
		"encrypted first, plain second": {plainOffer("m=audio 3000 RTP/SAVP 8", "m=audio 4000 RTP/AVP 8"), plain},
		"two plain lines":               {plainOffer("m=audio 4000 RTP/AVP 8", "m=audio 4002 RTP/AVP 8"), plain},
		"the address under the media":   {sdpText("c=IN IP4 192.0.2.99", "m=audio 4000 RTP/AVP 8", "c=IN IP4 192.0.2.7"), plain},
		"feedback profile":              {plainOffer("m=audio 4000 RTP/AVPF 8"), plain},
		"refused video without formats": {plainOffer("m=video 0 RTP/AVP", "m=audio 4000 RTP/AVP 8"), plain},
	} {
		t.Run(name, func(t *testing.T) {
			answer, r, err := answerSDP(c.offer, ours())
			if err != nil {
				t.Fatal(err)
			}
			if r != c.want {
				t.Errorf("got %+v, want %+v", r, c.want)
			}
			checkAnswer(t, c.offer, answer, r)
		})
	}
}

func TestHoldIsSeenAndAnsweredWithItsMirror(t *testing.T) {
	audio := "m=audio 4000 RTP/AVP 8"
	for name, c := range map[string]struct {
		offer         []byte
		ours          bool // we hold too
		send, receive bool
		answer        string
	}{
		"talking":                         {offer: plainOffer(audio, "a=sendrecv"), send: true, receive: true, answer: "sendrecv"},
		"nothing said":                    {offer: plainOffer(audio), send: true, receive: true, answer: "sendrecv"},
		"hold with music":                 {offer: plainOffer(audio, "a=sendonly"), receive: true, answer: "recvonly"},
		"hold":                            {offer: plainOffer(audio, "a=inactive"), answer: "inactive"},
		"listening only":                  {offer: plainOffer(audio, "a=recvonly"), send: true, answer: "sendonly"},
		"hold said once for all":          {offer: plainOffer("a=sendonly", audio), receive: true, answer: "recvonly"},
		"the line overrules the session":  {offer: plainOffer("a=inactive", audio, "a=sendrecv"), send: true, receive: true, answer: "sendrecv"},
		"capital letters":                 {offer: plainOffer(audio, "a=SendOnly"), receive: true, answer: "recvonly"},
		"hold of old phones":              {offer: plainOffer(audio, "c=IN IP4 0.0.0.0"), receive: true, answer: "recvonly"},
		"hold of old phones, and said so": {offer: plainOffer(audio, "c=IN IP4 0.0.0.0", "a=inactive"), answer: "inactive"},
		"we hold":                         {offer: plainOffer(audio), ours: true, send: true, answer: "sendonly"},
		"both hold":                       {offer: plainOffer(audio, "a=sendonly"), ours: true, answer: "inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			l := ours()
			l.Hold = c.ours
			answer, r, err := answerSDP(c.offer, l)
			if err != nil {
				t.Fatal(err)
			}
			if r.Send != c.send || r.Receive != c.receive || held(r) == c.send {
				t.Errorf("send %t receive %t, want %t %t", r.Send, r.Receive, c.send, c.receive)
			}
			if !strings.Contains(string(answer), "a="+c.answer+"\r\n") {
				t.Errorf("no a=%s in\n%s", c.answer, answer)
			}
			checkAnswer(t, c.offer, answer, r)
		})
	}
}

func TestVersionRisesOnlyWithTheDescription(t *testing.T) {
	l := ours()
	first, _, err := answerSDP(plainOffer("m=audio 4000 RTP/AVP 8"), l)
	if err != nil {
		t.Fatal(err)
	}
	again := func(previous []byte, audio ...string) []byte {
		t.Helper()
		answer, _, err := answerAgainSDP(previous, plainOffer(audio...), l)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	// A session refresh, and a move of the peer, change nothing of ours.
	refreshed := again(first, "m=audio 4000 RTP/AVP 8")
	moved := again(refreshed, "m=audio 6000 RTP/AVP 8")
	if !bytes.Equal(first, moved) {
		t.Errorf("changed:\n%s\nto\n%s", first, moved)
	}
	holding := again(moved, "m=audio 6000 RTP/AVP 8", "a=sendonly")
	if v := versionSDP(holding); v != 2 {
		t.Errorf("version on hold %d, want 2", v)
	}
	resumed := again(again(holding, "m=audio 6000 RTP/AVP 8", "a=sendonly"), "m=audio 6000 RTP/AVP 8")
	if v := versionSDP(resumed); v != 3 {
		t.Errorf("version after it %d, want 3", v)
	}
}

func TestOurOfferIsAnsweredByOurselves(t *testing.T) {
	a, b := ours(), ours()
	b.Addr, b.Port = netip.MustParseAddr("203.0.113.2"), 30000
	b.Codecs = []call.Codec{call.PCMU}
	offer := offerSDP(a)
	answer, atB, err := answerSDP(offer, b)
	if err != nil {
		t.Fatal(err)
	}
	atA, err := acceptSDP(answer, a)
	if err != nil {
		t.Fatal(err)
	}
	wantA := media.Remote{Addr: netip.MustParseAddrPort("203.0.113.2:30000"), RTCP: netip.MustParseAddrPort("203.0.113.2:30001"),
		Codec: call.PCMU, KeysPT: keysPT, Send: true, Receive: true}
	wantB := wantA
	wantB.Addr, wantB.RTCP = netip.MustParseAddrPort("203.0.113.1:20000"), netip.MustParseAddrPort("203.0.113.1:20001")
	if atA != wantA || atB != wantB {
		t.Errorf("A sees %+v\nB sees %+v", atA, atB)
	}
	checkAnswer(t, offer, answer, atB)
}

func TestOurOfferOnIPv6NamesTheFamily(t *testing.T) {
	l := ours()
	l.Addr = netip.MustParseAddr("2001:db8::5")
	if got := string(offerSDP(l)); !strings.Contains(got, "c=IN IP6 2001:db8::5\r\n") {
		t.Errorf("%s", got)
	}
	l.Addr = netip.MustParseAddr("::ffff:203.0.113.1")
	if got := string(offerSDP(l)); !strings.Contains(got, "c=IN IP4 203.0.113.1\r\n") {
		t.Errorf("%s", got)
	}
}

func TestAnswersToOurOfferThatEndTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		answer []byte
		code   int
	}{
		"empty":                     {nil, 400},
		"audio refused":             {plainOffer("m=audio 0 RTP/AVP 8"), 488},
		"a codec we did not offer":  {plainOffer("m=audio 4000 RTP/AVP 18"), 488},
		"sound to a whole network":  {plainOffer("m=audio 4000 RTP/AVP 8", "c=IN IP4 239.1.1.1"), 488},
		"an encrypted profile back": {plainOffer("m=audio 4000 RTP/SAVP 8"), 488},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := acceptSDP(c.answer, ours()); sdpStatus(err) != c.code || err == nil {
				t.Errorf("got %v, want %d", err, c.code)
			}
		})
	}
}

// checkAnswer is what must hold of every answer, whatever the offer.
func checkAnswer(t interface {
	Helper()
	Fatalf(string, ...any)
}, offer, answer []byte, r media.Remote) {
	t.Helper()
	o, err := readSDP(offer)
	if err != nil {
		t.Fatalf("answered an offer that cannot be read: %v", err)
	}
	a, err := readSDP(answer)
	if err != nil {
		t.Fatalf("the answer cannot be read: %v\n%s", err, answer)
	}
	if len(a.media) != len(o.media) {
		t.Fatalf("%d media lines for %d\n%s", len(a.media), len(o.media), answer)
	}
	taken := 0
	for i := range a.media {
		got, asked := a.media[i], o.media[i]
		if got.kind != asked.kind || !strings.EqualFold(got.proto, asked.proto) {
			t.Fatalf("line %d is %s %s for %s %s", i, got.kind, got.proto, asked.kind, asked.proto)
		}
		if got.port == 0 {
			continue
		}
		taken++
		for _, f := range got.formats {
			if !slices.Contains(asked.formats, f) {
				t.Fatalf("format %s was not offered\n%s", f, answer)
			}
		}
	}
	if taken != 1 {
		t.Fatalf("%d lines taken\n%s", taken, answer)
	}
	if ip := r.Addr.Addr(); r.Send && (!ip.IsValid() || ip.IsMulticast() || ip.IsUnspecified() || r.Addr.Port() == 0) {
		t.Fatalf("would send to %s", r.Addr)
	}
	if ip := r.RTCP.Addr(); r.RTCP.IsValid() && (ip.IsMulticast() || ip.IsUnspecified()) {
		t.Fatalf("would send RTCP to %s", r.RTCP)
	}
	for _, line := range strings.SplitAfter(string(answer), "\n") {
		if line != "" && (!strings.HasSuffix(line, "\r\n") || len(line) < 4 || line[1] != '=') {
			t.Fatalf("line %q", line)
		}
	}
}

func FuzzSDP(f *testing.F) {
	offers, _ := filepath.Glob("testdata/sdp/*.offer")
	for _, path := range offers {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, offer []byte) {
		for _, addr := range []string{"203.0.113.1", "2001:db8::5"} {
			l := ours()
			l.Addr = netip.MustParseAddr(addr)
			answer, r, err := answerSDP(offer, l)
			if err != nil {
				var e *sdpError
				if !errors.As(err, &e) || e.Code < 400 || e.Code > 488 {
					t.Fatalf("error %v has no status", err)
				}
				continue
			}
			checkAnswer(t, offer, answer, r)
			again, _, err := answerAgainSDP(answer, offer, l)
			if err != nil || !bytes.Equal(again, answer) {
				t.Fatalf("the same offer again: %v\n%s", err, again)
			}
		}
		acceptSDP(offer, ours())
	})
}

func TestAnswersHoldForOffersOfAllSortsOfLines(t *testing.T) {
	line := rapid.SampledFrom([]string{
		"v=0", "s=", "t=3034423619 3042462419", "t=x", "c=IN IP4 192.0.2.7", "c=IN IP4 0.0.0.0", "c=IN IP4 224.0.0.9",
		"c=IN IP6 2001:db8::1", "c=IN IP4", "b=AS:80", "",
		"m=audio 4000 RTP/AVP 8 0 101", "m=audio 4000 RTP/AVP 0 8 96", "m=audio 0 RTP/AVP 8", "m=AUDIO 9 rtp/avp 8",
		"m=audio 5 RTP/SAVP 8", "m=video 6 RTP/AVP 31", "m=image 7 udptl t38", "m=audio 4000 RTP/AVPF 18 8 126",
		"a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:96 telephone-event/8000",
		"a=rtpmap:126 telephone-event/48000", "a=rtcp:77", "a=rtcp:0 IN IP4 224.0.0.1", "a=sendonly", "a=recvonly", "a=inactive", "a=sendrecv",
	})
	rapid.Check(t, func(t *rapid.T) {
		offer := sdpText(rapid.SliceOfN(line, 0, 14).Draw(t, "offer")...)
		l := ours()
		l.Hold = rapid.Bool().Draw(t, "hold")
		l.Codecs = rapid.SampledFrom([][]call.Codec{{call.PCMA, call.PCMU}, {call.PCMU}, {call.PCMA}}).Draw(t, "codecs")
		answer, r, err := answerSDP(offer, l)
		if err != nil {
			return
		}
		checkAnswer(t, offer, answer, r)
		if !slices.Contains(l.Codecs, r.Codec) {
			t.Fatalf("codec %d is not ours", r.Codec)
		}
	})
}
