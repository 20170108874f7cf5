package trace

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
)

var update = flag.Bool("update", false, "write the golden files anew")

const theCall = call.ID("01a21301-1ede-715b-90f8-fcd892f860f4")

var began = time.Date(2026, 11, 25, 13, 59, 30, 0, time.UTC)

// message makes one message of a scripted call.
func message(after time.Duration, role call.Role, peer string, sent bool, lines ...string) Message {
	text := strings.Join(lines, "\r\n")
	if !strings.Contains(text, "\r\n\r\n") {
		text += "\r\n\r\n"
	}
	m := Message{
		Call: theCall, Role: role, Peer: peer, At: began.Add(after), Sent: sent, Transport: "udp",
		Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("203.0.113.9:5060"), Bytes: []byte(text),
	}
	if role == call.RoleOperator {
		m.Local, m.Remote = netip.MustParseAddrPort("192.0.2.1:5070"), netip.MustParseAddrPort("198.51.100.7:40312")
	}
	return m
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

const offer = "v=0\r\nc=IN IP4 203.0.113.9\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"

// script is a call that is answered, put on hold, and ended by the operator.
func script() Story {
	caller, op := call.RoleCaller, call.RoleOperator
	of := func(id, method string, more ...string) string {
		return strings.Join(append([]string{"Call-ID: " + id, "CSeq: 1 " + method}, more...), "\r\n")
	}
	with := func(head, sdp string) string { return head + "\r\nContent-Type: application/sdp\r\n\r\n" + sdp }
	event := func(at time.Duration, name string, data map[string]string) call.Event {
		return call.Event{At: began.Add(at), Call: theCall, Name: name, Data: data}
	}
	invite := message(0, caller, "carrier", false, "INVITE sip:919@192.0.2.1 SIP/2.0", with(of("a", "INVITE", "To: <sip:919@192.0.2.1>"), offer))
	again := invite
	again.At = began.Add(ms(500))
	return Story{
		Events: []call.Event{
			event(ms(1), "call.arrived", map[string]string{"line": "919", "trunk": "carrier"}),
			event(ms(502)+400*time.Microsecond, "call.answered", map[string]string{"by": "menu"}),
			event(ms(5000), "call.offered", map[string]string{"operator": "aysel", "queue": "general", "by": "longest-idle", "idle_ms": "61000", "free": "2"}),
			event(ms(9000), "call.ended", map[string]string{"outcome": "completed", "ended_by": "operator"}),
		},
		Messages: []Message{
			invite, again,
			message(ms(501), caller, "carrier", true, "SIP/2.0 100 Trying", of("a", "INVITE")),
			message(ms(502)+300*time.Microsecond, caller, "carrier", true, "SIP/2.0 200 OK", with(of("a", "INVITE"), "m=audio 20000 RTP/AVP 8 101\r\n")),
			message(ms(520), caller, "carrier", false, "ACK sip:919@192.0.2.1 SIP/2.0", of("a", "ACK")),
			message(ms(5001), op, "aysel", true, "INVITE sip:aysel@198.51.100.7 SIP/2.0", with(of("b", "INVITE", "To: <sip:aysel@h>"), offer)),
			message(ms(5050), op, "aysel", false, "SIP/2.0 180 Ringing", of("b", "INVITE")),
			message(ms(6000), op, "aysel", false, "SIP/2.0 200 OK", with(of("b", "INVITE"), offer)),
			message(ms(6001), op, "aysel", true, "ACK sip:aysel@198.51.100.7 SIP/2.0", of("b", "ACK")),
			message(ms(7000), op, "aysel", false, "INVITE sip:h SIP/2.0", with(of("b", "INVITE", "To: <sip:aysel@h>;tag=1"), offer+"a=sendonly\r\n")),
			message(ms(7001), op, "aysel", true, "SIP/2.0 200 OK", with(of("b", "INVITE"), "m=audio 20002 RTP/AVP 8\r\na=recvonly\r\n")),
			message(ms(8000), op, "aysel", false, "REFER sip:h SIP/2.0", of("b", "REFER", "Refer-To: <sip:leyla@h?Replaces=c%3Bto-tag%3D1>")),
			message(ms(8001), op, "aysel", true, "SIP/2.0 202 Accepted", of("b", "REFER")),
			message(ms(8002), op, "aysel", true, "NOTIFY sip:aysel@h SIP/2.0", of("b", "NOTIFY")+"\r\nContent-Type: message/sipfrag\r\n\r\nSIP/2.0 180 Ringing\r\n"),
			message(ms(8500), call.RoleOperator, "a name that is far too long for the lifeline of a ladder", true,
				"CANCEL sip:x SIP/2.0", of("c", "CANCEL", `Reason: SIP;cause=200;text="Call completed elsewhere"`)),
			message(ms(9000), op, "aysel", false, "BYE sip:h SIP/2.0", of("b", "BYE", "Reason: Q.850;cause=16")),
			message(ms(9001), op, "aysel", true, "SIP/2.0 200 OK", of("b", "BYE")),
			message(ms(9002), caller, "carrier", true, "BYE sip:c SIP/2.0", of("a", "BYE")),
			message(ms(9020), caller, "carrier", false, "SIP/2.0 200 OK", of("a", "BYE")),
		},
	}
}

func TestLadder(t *testing.T) {
	for name, ascii := range map[string]bool{"ladder.txt": false, "ladder-ascii.txt": true} {
		s := script()
		s.ASCII = ascii
		got := Draw(s)
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s", name, got)
		}
		for _, line := range strings.Split(got, "\n") {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("%d characters: %s", n, line)
			}
			if ascii && len(line) != utf8.RuneCountInString(line) {
				t.Errorf("not ASCII: %s", line)
			}
		}
	}
}

// Whatever peers write, and however many there are, a ladder is drawn and no line is too long.
func TestLadderOfAnything(t *testing.T) {
	var s Story
	for i := range 12 {
		m := message(ms(i), call.RoleOperator, fmt.Sprint("op", i), i%2 == 0, "INVITE sip:x SIP/2.0\x1b[2J", fmt.Sprintf("Call-ID: %d", i), "CSeq: 1 INVITE")
		m.Remote = netip.AddrPortFrom(netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666"), uint16(5060+i))
		s.Messages = append(s.Messages, m)
	}
	for _, odd := range []string{"", "\r\n\r\n", "\x00\xff\xfe", "SIP/2.0", "REFER", "REFER x\r\nRefer-To: %zz", "BYE x\r\nReason: ;", "INVITE x\r\nc: application/sdp\r\n\r\nm=\r\nm=audio"} {
		m := message(0, call.RoleCaller, "\u202eevil\x07", false)
		m.Bytes = []byte(odd)
		s.Messages = append(s.Messages, m)
	}
	got := Draw(s)
	for _, line := range strings.Split(got, "\n") {
		if utf8.RuneCountInString(line) > 100 || strings.ContainsAny(line, "\x1b\x07\x00\u202e") || !utf8.ValidString(line) {
			t.Errorf("line %q", line)
		}
	}
	if !strings.Contains(got, "op11: INVITE") {
		t.Errorf("the twelfth telephone is not told:\n%s", got)
	}
	if Draw(Story{}) != "" {
		t.Error("a ladder of nothing")
	}
}

func TestMask(t *testing.T) {
	for name, c := range map[string]struct{ in, secret, stays string }{
		"a key, relay":               {"INFO x\r\nCSeq: 1 INFO\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\nDuration=160\r\n", "7", "Signal="},
		"a key, bare":                {"INFO x\r\nCSeq: 1 INFO\r\nc:application/dtmf\r\n\r\n7", "7", "application/dtmf"},
		"a key of no known kind":     {"INFO x\r\nCSeq: 1 INFO\r\nContent-Type: text/x-keys\r\n\r\n7", "7", "x-keys"},
		"a key in parts":             {"INFO x\r\nCSeq: 1 INFO\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\n7", "7", "mixed"},
		"bare line feeds":            {"INFO x\nCSeq: 1 INFO\nContent-Type: application/dtmf\n\n7", "7", "INFO"},
		"digest":                     {"REGISTER x\r\nAuthorization: Digest username=\"a\", response=\"deadbeef\", nc=00000001\r\n\r\n", "deadbeef", `username="a", response="xxxxxxxx", nc=00000001`},
		"digest, folded":             {"REGISTER x\r\nauthorization : Digest username=\"a\",\r\n response\r\n =\r\n \"deadbeef\"\r\n\r\n", "deadbeef", "username"},
		"digest of a proxy":          {"INVITE x\r\nProxy-Authorization: Digest response=deadbeef\r\n\r\n", "deadbeef", "Digest"},
		"digest that does not end":   {"INVITE x\r\nAuthorization: Digest response=\"deadbeef\r\n\r\n", "deadbeef", "Digest"},
		"the server's proof":         {"SIP/2.0 200 OK\r\nAuthentication-Info: rspauth=\"deadbeef\"\r\n\r\n", "deadbeef", "rspauth"},
		"another scheme":             {"INVITE x\r\nAuthorization: Basic deadbeef\r\n\r\n", "deadbeef", "Basic"},
		"keys of encrypted sound":    {"INVITE x\r\nContent-Type: application/sdp\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:deadbeef|2^20\r\nm=audio 4000 RTP/SAVP 8\r\n", "deadbeef", "m=audio 4000"},
		"description, nothing to do": {"INVITE x\r\nContent-Type: application/sdp\r\n\r\n" + offer, "\x00", offer},
	} {
		b := []byte(c.in)
		mask(b)
		if len(b) != len(c.in) || bytes.Contains(b, []byte(c.secret)) || !bytes.Contains(b, []byte(c.stays)) {
			t.Errorf("%s: %q", name, b)
		}
	}
}

func FuzzMask(f *testing.F) {
	for _, m := range script().Messages {
		f.Add(m.Bytes)
	}
	f.Add([]byte("INFO x\r\nAuthorization: Digest response=\"a\r\n b\"\r\n\r\nSignal=1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		b := bytes.Clone(in)
		mask(b)
		if len(b) != len(in) || bytes.Count(b, []byte("\n")) != bytes.Count(in, []byte("\n")) {
			t.Fatal("masking changed the shape of a message")
		}
		again := bytes.Clone(b)
		if mask(again); !bytes.Equal(again, b) {
			t.Fatalf("masked twice: %q, once: %q", again, b)
		}
		m := message(0, call.RoleCaller, "c", false)
		m.Bytes = b
		got, err := parse(theCall, Capture([]Message{m}))
		if err != nil || len(got) != 1 || !bytes.Equal(got[0].Bytes, b) {
			t.Fatalf("read back %d messages, %v", len(got), err)
		}
		Draw(Story{Messages: got})
	})
}

func FuzzParse(f *testing.F) {
	f.Add(Capture(script().Messages))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parse(theCall, b)
		if err != nil && got != nil {
			t.Fatal("messages and an error")
		}
		Draw(Story{Messages: got})
	})
}

func same(a, b Message) bool {
	return a.Call == b.Call && a.Role == b.Role && a.Peer == b.Peer && a.At.Equal(b.At) && a.Sent == b.Sent &&
		a.Transport == b.Transport && a.Local == b.Local && a.Remote == b.Remote && bytes.Equal(a.Bytes, b.Bytes)
}

func TestCaptureIsReadBack(t *testing.T) {
	in := script().Messages
	in[3].Local, in[3].Remote = netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::2]:6000")
	in[4].Peer, in[4].Transport = "carrier & sons=ü", "tls"
	file := Capture(in)
	got, err := parse(theCall, file)
	if err != nil || len(got) != len(in) {
		t.Fatalf("%d messages of %d, %v", len(got), len(in), err)
	}
	for i := range in {
		if !same(got[i], in[i]) {
			t.Errorf("message %d: %+v, was %+v", i, got[i], in[i])
		}
	}
	for cut := range len(file) { // a process that died while it wrote
		if got, err := parse(theCall, file[:cut]); err != nil || len(got) > len(in) {
			t.Fatalf("cut at %d: %d messages, %v", cut, len(got), err)
		}
	}
	if _, err := parse(theCall, []byte("a file of something else")); err == nil {
		t.Error("read what is no capture")
	}
}

// Wireshark is the judge of the captures: addresses, ports, checksums, and that it is SIP.
func TestCaptureInWireshark(t *testing.T) {
	in := script().Messages
	in[3].Local, in[3].Remote = netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::2]:6000")
	in[4].Local = netip.MustParseAddrPort("[::]:5060") // bound to everything
	path := filepath.Join(t.TempDir(), "call.pcapng")
	if err := os.WriteFile(path, Capture(in), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tshark", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=,",
		"-e", "ip.src", "-e", "ipv6.src", "-e", "udp.srcport", "-e", "udp.dstport", "-e", "ip.checksum.status", "-e", "udp.checksum.status",
		"-e", "sip.Request-Line", "-e", "sip.Status-Line", "-e", "frame.time_epoch").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(in) {
		t.Fatalf("%d packets of %d", len(lines), len(in))
	}
	for i, want := range map[int]string{
		0: "203.0.113.9,,5060,5060,1,1,INVITE sip:919@192.0.2.1 SIP/2.0,,1795615170.000000000",
		3: ",2001:db8::1,5060,6000,,1,,SIP/2.0 200 OK,1795615170.502300000",
		4: "203.0.113.9,,5060,5060,1,1,ACK sip:919@192.0.2.1 SIP/2.0,,1795615170.520000000",
		5: "192.0.2.1,,5070,40312,1,1,INVITE sip:aysel@198.51.100.7 SIP/2.0,,1795615175.001000000",
	} {
		if lines[i] != want {
			t.Errorf("packet %d: %s\nwant      %s", i, lines[i], want)
		}
	}
}

func keeper(t *testing.T, o Options) *Keeper {
	t.Helper()
	o.Log, o.Zone = zap.NewNop(), time.UTC
	o.Metrics = prometheus.NewRegistry()
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func TestKeeper(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "traces")
	k := keeper(t, Options{Dir: dir, Keep: time.Hour, Memory: 1 << 20})
	in := script().Messages
	for _, m := range in[:5] {
		reader := bytes.Clone(m.Bytes)
		m.Bytes = reader
		k.Message(m)
		clear(reader) // its reader reads the next one into it
	}
	check := func(when string, n int) {
		t.Helper()
		got, err := k.Messages(theCall)
		if err != nil || len(got) != n {
			t.Fatalf("%s: %d messages of %d, %v", when, len(got), n, err)
		}
		for i := range got {
			if !same(got[i], in[i]) {
				t.Errorf("%s: message %d is %+v", when, i, got[i])
			}
		}
	}
	check("in memory", 5)
	k.write(time.Now(), true)
	check("written", 5)
	for _, m := range in[5:] {
		k.Message(m)
	}
	check("half written", len(in))
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	check("closed", len(in))
	k.Message(in[0])
	check("after the end", len(in))
	path := filepath.Join(dir, "2026", "11", "25", string(theCall)+".pcapng")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v, %v", info, err)
	}
	if k.size != 0 || len(k.calls) != 0 || k.byAge.Len() != 0 {
		t.Errorf("memory still has %d bytes of %d calls", k.size, len(k.calls))
	}
	for _, odd := range []call.ID{"", "../../etc/passwd", "*", call.NewID()} {
		if got, err := k.Messages(odd); len(got) != 0 || err != nil {
			t.Errorf("call %q has %d messages, %v", odd, len(got), err)
		}
	}
}

func TestKeeperIsBounded(t *testing.T) {
	big := func(id call.ID) Message {
		m := message(0, call.RoleCaller, "carrier", false, "OPTIONS sip:x SIP/2.0", "CSeq: 1 OPTIONS", "X: "+strings.Repeat("x", 10<<10))
		m.Call = id
		return m
	}
	bye := message(0, call.RoleCaller, "carrier", false, "BYE sip:x SIP/2.0", "CSeq: 2 BYE")
	t.Run("one call in memory", func(t *testing.T) {
		k := keeper(t, Options{Memory: 1 << 20})
		for range 100 {
			k.Message(big(theCall))
		}
		k.Message(bye)
		got, _ := k.Messages(theCall)
		if k.size > perCall+lastWords || len(got) < 20 || method(got[len(got)-1].Bytes) != "BYE" {
			t.Errorf("%d bytes, %d messages, the last %s", k.size, len(got), label(got[len(got)-1].Bytes))
		}
		if dropped := testutil.ToFloat64(k.dropped); int(dropped)+len(got) != 101 {
			t.Errorf("%v dropped, %d kept", dropped, len(got))
		}
	})
	t.Run("many calls in memory: those not heard of for longest go", func(t *testing.T) {
		k := keeper(t, Options{Memory: 200 << 10})
		var ids []call.ID
		for range 50 {
			ids = append(ids, call.NewID())
			k.Message(big(ids[len(ids)-1]))
		}
		oldest, _ := k.Messages(ids[0])
		newest, _ := k.Messages(ids[49])
		if k.size > 200<<10 || len(oldest) != 0 || len(newest) != 1 || len(k.calls) < 15 {
			t.Errorf("%d bytes of %d calls, oldest %d, newest %d", k.size, len(k.calls), len(oldest), len(newest))
		}
	})
	t.Run("the file of one call", func(t *testing.T) {
		dir := t.TempDir()
		k := keeper(t, Options{Dir: dir, Keep: time.Hour, Memory: 64 << 20})
		for range 20 {
			for range 20 {
				k.Message(big(theCall))
			}
			k.write(time.Now(), true)
		}
		k.Message(bye)
		k.write(time.Now(), true)
		got, _ := k.Messages(theCall)
		if len(got) == 0 || method(got[len(got)-1].Bytes) != "BYE" {
			t.Fatalf("%d messages", len(got))
		}
		path, _ := pathOf(dir, time.UTC, theCall)
		if info, err := os.Stat(path); err != nil || info.Size() > perFile+lastWords {
			t.Errorf("file %v, %v", info.Size(), err)
		}
	})
	t.Run("the disk takes nothing", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		k := keeper(t, Options{Dir: dir, Keep: time.Hour, Memory: 1 << 20})
		k.Message(big(theCall))
		k.write(time.Now(), true)
		if k.size != 0 || testutil.ToFloat64(k.dropped) != 1 {
			t.Errorf("%d bytes still in memory, %v dropped", k.size, testutil.ToFloat64(k.dropped))
		}
	})
	t.Run("nothing is to be kept", func(t *testing.T) {
		k := keeper(t, Options{Dir: t.TempDir(), Keep: time.Hour})
		k.Message(bye)
		if got, err := k.Messages(theCall); len(got) != 0 || err != nil {
			t.Errorf("%d messages, %v", len(got), err)
		}
	})
}

func TestOldFilesGo(t *testing.T) {
	dir := t.TempDir()
	k := keeper(t, Options{Dir: dir, Keep: time.Hour, Memory: 1 << 20})
	old := script().Messages[0]
	fresh := old
	fresh.Call = call.NewID()
	k.Message(old)
	k.Message(fresh)
	k.write(time.Now(), true)
	path, _ := pathOf(dir, time.UTC, old.Call)
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	k.tidy(time.Now())
	if got, _ := k.Messages(old.Call); len(got) != 0 {
		t.Error("the old one is still there")
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		other, _ := pathOf(dir, time.UTC, fresh.Call)
		if filepath.Dir(other) != filepath.Dir(path) {
			t.Error("its empty folder is still there")
		}
	}
	if got, _ := k.Messages(fresh.Call); len(got) != 1 {
		t.Error("the fresh one is gone")
	}
}

// What one message costs the signalling, which has it done under its lock.
func BenchmarkMessage(b *testing.B) {
	k, err := New(Options{Memory: 64 << 20, Log: zap.NewNop(), Zone: time.UTC, Metrics: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	m := message(0, call.RoleCaller, "carrier", false, "INVITE sip:919@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKx;rport",
		"From: <sip:+000123456789@203.0.113.9>;tag=abcdef", "To: <sip:919@192.0.2.1>", "Call-ID: 0123456789abcdef", "CSeq: 1 INVITE",
		"Contact: <sip:203.0.113.9>", "Content-Type: application/sdp", "", offer)
	ids := make([]call.ID, 1000)
	for i := range ids {
		ids[i] = call.NewID()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Call = ids[i%len(ids)]
		k.Message(m)
	}
}

// A panic while writing is told, counted where all are, and ends nothing.
func TestAPanicIsCounted(t *testing.T) {
	r := prometheus.NewRegistry()
	all := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hotline_panics_recovered_total", Help: "Panics caught at a door: each one is our fault and ended at most one call.",
	})
	r.MustRegister(all)
	k, err := New(Options{Memory: 1 << 20, Log: zap.NewNop(), Zone: time.UTC, Metrics: r})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	func() {
		defer k.recovered()
		panic("planted")
	}()
	if n := testutil.ToFloat64(all); n != 1 {
		t.Errorf("the panic was counted %v times", n)
	}
}
