//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/acceptance/ear"
)

// The ways in which sipp sends keys: as telephone-event (also with every packet doubled, or without the packets
// that end it), as INFO, as tones in the sound; early, while the words are heard, and late, in the last second in
// which is listened for the language.
var sippWays = []string{"event", "info", "tones", "doubled", "lost-end", "late"}

// lateKey is when that second is: greeting and lines take 14.2 s, and five more are listened.
const lateKey = 18500

// sipp walks every branch of the default menu. What it was sent is taken from the wire, and told from its sound.
func TestSippWalksTheJourney(t *testing.T) {
	s := journeyServer(t)
	s.start()
	ears, err := ear.Load("../prompts/clips")
	if err != nil {
		t.Fatal(err)
	}
	capture := newWiretap(t, "udp and dst portrange 30000-31999")
	type run struct {
		walk      walk
		lang      string
		way       string
		port      int
		telephone *sippWalk
	}
	var runs []run
	for i, w := range walks {
		for j, lang := range []string{"az", "en", "ru"} {
			if !nightly() && (i+j)%3 != 1 {
				continue
			}
			n := len(runs)
			runs = append(runs, run{walk: w, lang: lang, way: sippWays[n%len(sippWays)], port: 30000 + 4*n})
		}
	}
	var all sync.WaitGroup
	room := make(chan struct{}, 18)
	for i := range runs {
		r := &runs[i]
		r.telephone = newSippWalk(t, r.walk, r.lang, r.way)
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			r.telephone.run(6000+i, r.port)
		})
		time.Sleep(150 * time.Millisecond)
	}
	all.Wait()
	path := capture.stop()
	for _, r := range runs {
		wrong := walked(ears, path, r.port, r.telephone, r.walk, r.lang)
		if wrong == "" {
			continue
		}
		// sipp loses a key where it comes too late to it: such a walk is repeated by itself.
		t.Logf("%s in %s by %s is repeated: %s", r.walk.name, r.lang, r.way, wrong)
		capture := newWiretap(t, "udp and dst portrange 30000-31999")
		again := newSippWalk(t, r.walk, r.lang, r.way)
		again.run(6999, r.port)
		if wrong := walked(ears, capture.stop(), r.port, again, r.walk, r.lang); wrong != "" {
			t.Errorf("%s in %s by %s: %s", r.walk.name, r.lang, r.way, wrong)
		}
	}
}

// walked says what is wrong with a walk.
func walked(ears *ear.Ear, path string, port int, telephone *sippWalk, w walk, lang string) string {
	if telephone.failed != "" {
		return "sipp: " + telephone.failed
	}
	pcm, err := ear.FromPCAP(path, port)
	if err != nil {
		return err.Error()
	}
	heard := ears.Hear(pcm)
	missing := follows(heard, lang, w.hears)
	if missing == "" && telephone.way == "late" && (follows(heard, "ru", "open.lang.3 open.lang.3") == "" || follows(heard, "ru", "open.lang.3") != "") {
		missing = "the languages were not read once"
	}
	if missing == "" {
		return ""
	}
	all := []string{missing + "; heard"}
	for _, h := range heard {
		all = append(all, h.String())
	}
	return strings.Join(all, "\n")
}

// A wiretap is what goes over the loopback of this test.
type wiretap struct {
	t    *testing.T
	path string
	c    *exec.Cmd
	told bytes.Buffer
}

func newWiretap(t *testing.T, filter string) *wiretap {
	t.Helper()
	k := &wiretap{t: t, path: filepath.Join(t.TempDir(), "heard.pcap")}
	k.c = exec.Command("dumpcap", "-i", "lo", "-P", "-q", "-f", filter, "-w", k.path)
	k.c.Stderr = &k.told
	if err := k.c.Start(); err != nil {
		t.Fatalf("dumpcap: %v (apt-get install tshark)", err)
	}
	t.Cleanup(func() { _ = k.c.Process.Kill() })
	eventually(t, 10*time.Second, "the capture has begun", func() bool {
		info, err := os.Stat(k.path)
		return err == nil && info.Size() > 0
	})
	return k
}

func (k *wiretap) stop() string {
	k.t.Helper()
	if err := k.c.Process.Signal(os.Interrupt); err != nil {
		k.t.Fatal(err)
	}
	if err := k.c.Wait(); err != nil {
		k.t.Fatalf("dumpcap: %v\n%s", err, k.told.String())
	}
	return k.path
}

// A sippWalk is one sipp with a scenario of its own.
type sippWalk struct {
	dir    string
	keys   int // INFO requests so far
	sent   rtpClock
	body   strings.Builder
	way    string
	failed string
}

// newSippWalk writes the scenario of a walk, and the sound it sends.
func newSippWalk(t *testing.T, w walk, lang, way string) *sippWalk {
	t.Helper()
	k := &sippWalk{dir: t.TempDir(), way: way, sent: rtpClock{seq: 1, ts: 1000}}
	events := "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n"
	formats := "8 101"
	if way == "tones" {
		events, formats = "", "8"
	}
	k.body.WriteString(strings.NewReplacer("EVENTS", events, "FORMATS", formats, "LINE", w.line).Replace(sippBegin))
	press := func(key byte) {
		k.pause(t, 1000)
		k.press(t, key)
	}
	if way == "late" {
		k.pause(t, lateKey-1000)
	}
	does, silent := strings.CutPrefix(w.does, "-")
	if !silent {
		press("123"[strings.Index("az en ru", lang)/3])
	}
	k.pause(t, 8500)
	ends := false
	for _, step := range []byte(does) {
		switch step {
		case '.':
			k.pause(t, 2000)
		case 's':
			k.play(t, tone(4*time.Second, 700))
			k.wait(4000)
		case '_':
			ends = true
			k.play(t, tone(2*time.Minute))
		default:
			press(step)
		}
	}
	if ends {
		k.body.WriteString(sippLetGo)
	} else {
		k.body.WriteString(strings.ReplaceAll(sippHangUp, "CSEQ", fmt.Sprint(k.keys+2)))
	}
	k.body.WriteString("</scenario>\n")
	if err := os.WriteFile(filepath.Join(k.dir, "walk.xml"), []byte(k.body.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// pause waits, in sound without a word: a telephone that sends nothing at all is asked whether it lives.
func (k *sippWalk) pause(t *testing.T, ms int) {
	k.play(t, tone(time.Duration(ms-20)*time.Millisecond))
	k.wait(ms)
}

func (k *sippWalk) wait(ms int) { fmt.Fprintf(&k.body, "  <pause milliseconds=\"%d\"/>\n", ms) }

// press adds one key in the way of this walk.
func (k *sippWalk) press(t *testing.T, key byte) {
	switch k.way {
	case "info":
		k.keys++
		k.body.WriteString(strings.NewReplacer("CSEQ", fmt.Sprint(k.keys+1), "KEY", string(key)).Replace(sippInfo))
	case "tones":
		low, high := tonesOf(key)
		k.play(t, append(tone(120*time.Millisecond, low, high), tone(60*time.Millisecond)...))
		k.wait(240)
	default:
		k.playPackets(t, k.sent.event(key, k.way))
		k.wait(400) // what sipp plays next ends what it plays now
	}
}

// tonesOf are the two tones of a key (ITU-T Q.23).
func tonesOf(key byte) (low, high float64) {
	at := strings.IndexByte("123A456B789C*0#D", key)
	return []float64{697, 770, 852, 941}[at/4], []float64{1209, 1336, 1477, 1633}[at%4]
}

// tone is sound in A-law, 20 ms a frame.
func tone(long time.Duration, hz ...float64) (frames [][]byte) {
	for at := 0; at < int(long.Seconds()*8000); at += 160 {
		frame := make([]byte, 160)
		for i := range frame {
			sum := 0.0
			for _, f := range hz {
				sum += 6000 * math.Sin(2*math.Pi*f*float64(at+i)/8000)
			}
			frame[i] = aLaw(int(sum))
		}
		frames = append(frames, frame)
	}
	return frames
}

// aLaw is ITU-T G.711.
func aLaw(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		sign, v = 0, -v-1
	}
	v = min(v>>4, 2047)
	exp := 0
	for m := v >> 5; m > 0; m >>= 1 {
		exp++
	}
	mantissa := v >> 1 & 15
	if exp > 0 {
		mantissa = v >> exp & 15
	}
	return (sign | byte(exp<<4|mantissa)) ^ 0x55
}

// An rtpClock counts what was sent.
type rtpClock struct {
	seq uint16
	ts  uint32
}

func (c *rtpClock) packet(pt byte, marker bool, ts uint32, payload []byte) []byte {
	b := []byte{0x80, pt}
	if marker {
		b[1] |= 0x80
	}
	b = binary.BigEndian.AppendUint16(b, c.seq)
	b = binary.BigEndian.AppendUint32(b, ts)
	b = binary.BigEndian.AppendUint32(b, 0x51990919)
	c.seq++
	return append(b, payload...)
}

// event is a key as telephone-event (RFC 4733 §2.5): five packets of it, and three that end it.
func (c *rtpClock) event(key byte, way string) (packets [][]byte) {
	begin := c.ts
	for i := 1; i <= 8; i++ {
		end := byte(0)
		if i > 5 {
			end = 0x80
		}
		if end != 0 && way == "lost-end" {
			c.seq++
			continue
		}
		payload := binary.BigEndian.AppendUint16([]byte{byte(strings.IndexByte("0123456789*#ABCD", key)), end | 10}, uint16(160*min(i, 5)))
		p := c.packet(101, i == 1, begin, payload)
		packets = append(packets, p)
		if way == "doubled" {
			packets = append(packets, p)
		}
	}
	c.ts += 8000
	return packets
}

// play adds sound.
func (k *sippWalk) play(t *testing.T, frames [][]byte) {
	var packets [][]byte
	for i, f := range frames {
		packets = append(packets, k.sent.packet(8, i == 0, k.sent.ts, f))
		k.sent.ts += 160
	}
	k.playPackets(t, packets)
}

// playPackets writes a capture that sipp sends, a packet every 20 ms.
func (k *sippWalk) playPackets(t *testing.T, packets [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(k.dir, "*.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("send%d.pcap", len(files))
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 0), 0), 65535), 1) // Ethernet
	for i, p := range packets {
		frame := append(make([]byte, 12), 8, 0)
		ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
		binary.BigEndian.PutUint16(ip[2:], uint16(28+len(p)))
		udp := binary.BigEndian.AppendUint16([]byte{0x27, 0x10, 0x27, 0x12}, uint16(8+len(p)))
		frame = append(append(append(append(frame, ip...), udp...), 0, 0), p...)
		b = le.AppendUint32(le.AppendUint32(b, uint32(i/50)), uint32(i%50*20000))
		b = le.AppendUint32(le.AppendUint32(b, uint32(len(frame))), uint32(len(frame)))
		b = append(b, frame...)
	}
	if err := os.WriteFile(filepath.Join(k.dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&k.body, "  <nop><action><exec play_pcap_audio=\"%s\"/></action></nop>\n", name)
}

// run lets sipp go its way.
func (k *sippWalk) run(port, media int) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sipp", "127.0.0.1:5060", "-sf", "walk.xml", "-i", "127.0.0.1", "-p", fmt.Sprint(port), "-mp", fmt.Sprint(media),
		"-m", "1", "-nostdin", "-timeout", "280", "-timeout_error")
	c.Dir = k.dir
	out, err := c.CombinedOutput()
	if err != nil {
		k.failed = fmt.Sprintf("%v: %s", err, out[max(0, len(out)-600):])
	}
}

const sippBegin = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="walk">
  <send retrans="500"><![CDATA[
INVITE sip:LINE@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:+000123456789@[local_ip]>;tag=[pid]-[call_number]
To: <sip:LINE@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:citizen@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=citizen 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP FORMATS
a=rtpmap:8 PCMA/8000
EVENTS]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200"/>
  <send><![CDATA[
ACK sip:hotline@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:+000123456789@[local_ip]>;tag=[pid]-[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
`

const sippInfo = `  <send retrans="500"><![CDATA[
INFO sip:hotline@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:+000123456789@[local_ip]>;tag=[pid]-[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: CSEQ INFO
Content-Type: application/dtmf-relay
Content-Length: [len]

Signal=KEY
Duration=160
]]></send>
  <recv response="200"/>
`

const sippLetGo = `  <recv request="BYE" timeout="150000"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
`

const sippHangUp = `  <send retrans="500"><![CDATA[
BYE sip:hotline@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:+000123456789@[local_ip]>;tag=[pid]-[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: CSEQ BYE
Content-Length: 0

]]></send>
  <recv response="200"/>
`
