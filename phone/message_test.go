package phone

import (
	"bufio"
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestMessageRoundTrip(t *testing.T) {
	in := "INVITE sip:919@192.0.2.1 SIP/2.0\r\n" +
		"v: SIP/2.0/UDP a.invalid;branch=z9hG4bK1;rport, SIP/2.0/UDP b.invalid;branch=z9hG4bK2\r\n" +
		"f: \"Doe, \\\"J\\\" <x>\" <sip:j%20d@192.0.2.9:5062;user=phone>;tag=9\r\n" +
		"t: sip:919@192.0.2.1\r\ni: abc\r\nCSeq: 7 INVITE\r\n" +
		"Subject: one\r\n  two\r\nl: 4\r\n\r\nbody"
	m, err := parseDatagram([]byte(in + "trailing bytes that are not part of it"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := readMessage(bufio.NewReader(bytes.NewReader(append([]byte("\r\n\r\n"), m.Bytes()...))))
	if err != nil {
		t.Fatal(err)
	}
	m.remove("Content-Length")
	again.remove("Content-Length")
	if !reflect.DeepEqual(m, again) {
		t.Errorf("read %+v, then %+v", m, again)
	}
	if n, method := m.cseq(); n != 7 || method != "INVITE" || m.topBranch() != "z9hG4bK1" || len(m.All("Via")) != 2 {
		t.Errorf("cseq %d %s, branch %s", n, method, m.topBranch())
	}
	if m.Get("Subject") != "one two" || string(m.Body) != "body" {
		t.Errorf("subject %q, body %q", m.Get("Subject"), m.Body)
	}
	from := parseAddress(m.Get("From"))
	if from.Display != `Doe, "J" <x>` || from.param("tag") != "9" || from.User() != "j%20d" {
		t.Errorf("from %+v", from)
	}
}

func TestBrokenMessages(t *testing.T) {
	for _, s := range []string{
		"", "hello\r\n\r\n", "SIP/2.0 99 Low\r\n\r\n", "SIP/2.0 x OK\r\n\r\n", "INVITE sip:a SIP/3.0\r\n\r\n",
		"BYE sip:a SIP/2.0\r\nno colon\r\n\r\n", "BYE sip:a SIP/2.0\r\nContent-Length: 9\r\n\r\nshort",
		"BYE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n", "BYE sip:a SIP/2.0\r\nVia: x",
	} {
		if m, err := parseDatagram([]byte(s)); err == nil {
			t.Errorf("%q was read as %+v", s, m)
		}
	}
	if _, err := readMessage(bufio.NewReader(strings.NewReader("BYE sip:a SIP/2.0\r\n\r\n"))); err == nil {
		t.Error("a message without length was read from a stream")
	}
}

func TestURIs(t *testing.T) {
	for in, want := range map[string]string{
		"sip:919@192.0.2.1":         "192.0.2.1:5060",
		"sip:919@192.0.2.1:5070;lr": "192.0.2.1:5070",
		"sip:a:pw@[2001:db8::1]":    "[2001:db8::1]:5060",
		"sip:[2001:db8::1]:99?x=y":  "[2001:db8::1]:99",
	} {
		if got := parseURI(in).hostPort(); got != want {
			t.Errorf("%s goes to %s, want %s", in, got, want)
		}
	}
}

func TestDescriptions(t *testing.T) {
	body := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\n" +
		"m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=recvonly\r\n" +
		"m=audio 4000 RTP/AVP 96 0 8 126\r\nc=IN IP4 192.0.2.7\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n" +
		"m=audio 4004 RTP/AVP 8\r\nc=IN IP4 192.0.2.8\r\na=inactive\r\n"
	d, err := parseSDP([]byte(body))
	want := sdp{host: "192.0.2.7", port: 4000, types: []int{0, 8}, event: 126, direction: sendonly}
	if err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("read %+v, %v", d, err)
	}
	if !d.held() || answerDirection(d.direction) != recvonly {
		t.Error("sendonly is a hold")
	}
	again, err := parseSDP(d.text("1", 2, ""))
	if err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("written and read: %+v, %v", again, err)
	}
	for _, bad := range []string{"", "\r\n\r\n", "v=0\r\nm=audio 0 RTP/AVP 8\r\n", "v=0\r\nm=audio 4000 RTP/AVP 8\r\n", "c=IN IP4 x\r\nm=audio 99999 RTP/AVP 8\r\n"} {
		if d, err := parseSDP([]byte(bad)); err == nil {
			t.Errorf("%q read as %+v", bad, d)
		}
	}
}

// FuzzMessage: whatever arrives, the phone survives, and what it could read it can write and
// read again.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("INVITE sip:919@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\nl: 3\r\n\r\nv=0"))
	f.Add([]byte("SIP/2.0 200 OK\r\nTo: \"\\\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseDatagram(b)
		if err != nil {
			return
		}
		m.topBranch()
		m.tag("From")
		parseAddress(m.Get("Contact")).User()
		parseSDP(m.Body)
		if _, err := parseDatagram(m.Bytes()); err != nil {
			t.Errorf("%q: written as %q: %v", b, m.Bytes(), err)
		}
	})
}
