//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/phone/malformed"
)

// A clean answer is one that any telephone can read.
var (
	statusLine = regexp.MustCompile(`^SIP/2\.0 [1-6][0-9][0-9] [^\x00-\x08\x0a-\x1f\x7f]*$`)
	headerLine = regexp.MustCompile(`^[-.!%*_+` + "`" + `'~A-Za-z0-9]+: ?[^\r\n]*$`)
)

// Every malformed INVITE gets a clean refusal, or is a call that can be ended, or nothing; and each
// is followed by an honest request that is answered. A call talks all the time and hears nothing of it.
func TestMalformedInvites(t *testing.T) {
	s, rooms := newRooms(t, 1, nil, func(config string) string {
		return config + "\nlimits: {calls_per_second: 1000, per_number: 5000}\n"
	})
	r := rooms[0]
	every := 50
	if nightly() {
		every = 5 // 5,745 cases in six minutes
	}
	seed := uint64(time.Now().Unix() / 86400) // another part each day: all of them in so many days
	b := r.bystander()
	w := newMalice(t, r.line)
	for i, m := range w { // each has the cases written for its own address
		m.cases = malformed.Cases(m.target, "m"+strconv.Itoa(i), seed, every)
	}
	t.Logf("seed %d: %d of %d × %d cases", seed, len(w[0].cases), len(malformed.Positions()), len(malformed.Anomalies()))

	// Two of three become calls, so this is about the load that is planned for. Faster, and what the
	// bystanders hear is how many calls the machine can begin, not what a message does to it.
	const batch, pace = 200, 60 * time.Millisecond
	due := time.NewTicker(pace)
	defer due.Stop()
	began := time.Now()
	for from := 0; from < len(w[0].cases); from += batch {
		var all sync.WaitGroup
		for k, m := range w {
			all.Go(func() {
				for i := from + k; i < min(from+batch, len(w[0].cases)); i += len(w) {
					<-due.C
					m.send(m.cases[i])
				}
			})
		}
		all.Wait()
		valid := r.greeted(r.caller())
		r.hangUp(valid)
		s.unharmed()
		if t.Failed() {
			t.FailNow()
		}
	}
	total := map[string]int{}
	for _, m := range w {
		for what, n := range m.verdicts {
			total[what] += n
		}
	}
	t.Logf("in %s: %v", time.Since(began).Round(time.Second), total)
	if total["503"] > len(w[0].cases)/20 || total["silence"] == 0 || total["400"] == 0 || total["a call"] == 0 {
		t.Error("the cases are not what they should be")
	}
	calmly(t, 45*time.Second, "no call but the bystanders' is left", func() bool { return s.activeCalls() == 1 })
	b.undisturbed()
	s.unharmed()
}

// unharmed demands that the process is the one that was started and has caught no panic.
func (s *server) unharmed() {
	s.t.Helper()
	if n := s.sum("hotline_panics_recovered_total"); n != 0 {
		s.t.Errorf("%v panics", n)
	}
	if pid := s.run.PID; pid != s.process.Process.Pid {
		s.t.Errorf("process %d is not %d", s.process.Process.Pid, pid)
	}
}

// sum adds all samples of a series.
func (s *server) sum(name string) (n float64) {
	s.t.Helper()
	for _, l := range strings.Split(s.page("/metrics"), "\n") {
		if series, value, ok := strings.Cut(l, " "); ok && (series == name || strings.HasPrefix(series, name+"{")) {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Fatalf("%s: %v", l, err)
			}
			n += v
		}
	}
	return n
}

func (s *server) activeCalls() float64 { return s.sum("hotline_line_calls_active") }

// Malice is a socket that sends malformed messages, one after the other, and reads what comes.
type malice struct {
	t        *testing.T
	conn     *net.UDPConn
	target   malformed.Target
	cases    []malformed.Case
	n        int
	verdicts map[string]int
}

// newMalice makes four of them, all with the same address but their ports.
func newMalice(t *testing.T, line string) (all []*malice) {
	for range 4 {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5060})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		all = append(all, &malice{t: t, conn: conn, verdicts: map[string]int{}, target: malformed.Target{
			User: line, Host: "127.0.0.1:5060", Via: conn.LocalAddr().String(), Media: "127.0.0.1", Port: "40000",
		}})
	}
	return all
}

// send does one case. What the server has to say at once it has said when it answers the honest
// request behind it; a call that it takes is waited for and ended.
func (m *malice) send(c malformed.Case) {
	m.n++
	message := c.Bytes[:min(len(c.Bytes), 65507)] // what does not fit into a datagram is cut
	honest := fmt.Sprintf("honest-%d-%s", m.n, m.target.Via)
	m.write(c, message)
	m.write(c, []byte("OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP "+m.target.Via+";rport;branch=z9hG4bK"+strings.ReplaceAll(honest, ":", "-")+
		"\r\nMax-Forwards: 70\r\nFrom: <sip:honest@127.0.0.1>;tag=h\r\nTo: <sip:127.0.0.1>\r\nCall-ID: "+honest+"\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"))
	verdict, pending, alive := "silence", false, false
	deadline := time.Now().Add(10 * time.Second)
	for !alive || pending {
		a, ok := m.read(c, deadline)
		if !ok {
			m.t.Errorf("%s: honest request answered: %v, call in the air: %v\n%q", c.Name(), alive, pending, message[:min(len(message), 3000)])
			return
		}
		switch code := a.code(); {
		case a.get("Call-ID") == honest:
			alive = code == 200
		case strings.HasSuffix(a.get("CSeq"), " BYE"):
			pending = false
		case code < 200:
			verdict, pending = "a call", true
		case code < 300:
			m.write(c, a.request("ACK", 0))
			m.write(c, a.request("BYE", 1))
			verdict, pending = "a call", true
		default:
			m.write(c, a.request("ACK", 0))
			if verdict == "silence" {
				verdict = strconv.Itoa(code)
			}
			pending = false
		}
	}
	m.verdicts[verdict]++
}

func (m *malice) write(c malformed.Case, b []byte) {
	if _, err := m.conn.Write(b); err != nil {
		m.t.Errorf("%s: %v", c.Name(), err)
	}
}

// read is the next answer; one that cannot be read is a failure of the case.
func (m *malice) read(c malformed.Case, deadline time.Time) (maliceAnswer, bool) {
	b := make([]byte, 65536)
	for {
		_ = m.conn.SetReadDeadline(deadline)
		n, err := m.conn.Read(b)
		if err != nil {
			return maliceAnswer{}, false
		}
		if len(bytes.TrimSpace(b[:n])) == 0 {
			continue
		}
		if !bytes.HasPrefix(b[:n], []byte("SIP/2.0 ")) {
			m.answerRequest(c, b[:n])
			continue
		}
		a, err := readAnswer(string(b[:n]))
		if err != nil {
			m.t.Errorf("%s: %v in\n%q", c.Name(), err, b[:n])
			continue
		}
		return a, true
	}
}

// answerRequest says 200 to whatever the server asks in a call of ours, a BYE above all.
func (m *malice) answerRequest(c malformed.Case, b []byte) {
	a, err := readLines(string(b))
	if err != nil {
		m.t.Errorf("%s: %v in\n%q", c.Name(), err, b)
		return
	}
	var out strings.Builder
	out.WriteString("SIP/2.0 200 OK\r\n")
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		fmt.Fprintf(&out, "%s: %s\r\n", name, a.get(name))
	}
	m.write(c, []byte(out.String()+"Content-Length: 0\r\n\r\n"))
}

// A maliceAnswer is a message as it stands on the wire.
type maliceAnswer struct {
	start string
	lines []string
}

func (a maliceAnswer) code() int {
	n, _ := strconv.Atoi(a.start[8:11])
	return n
}

func (a maliceAnswer) get(name string) string {
	for _, l := range a.lines {
		if n, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// request belongs to the call of an answer to its INVITE.
func (a maliceAnswer) request(method string, later int) []byte {
	number, _, _ := strings.Cut(a.get("CSeq"), " ")
	n, _ := strconv.Atoi(number)
	via := a.get("Via")
	if a.code() < 300 {
		via = strings.Replace(via, ";branch=", ";branch=z9hG4bK"+method, 1)
	}
	uri := "sip:127.0.0.1"
	if contact := a.get("Contact"); contact != "" {
		uri = strings.Trim(contact, "<>")
	}
	return []byte(fmt.Sprintf("%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n",
		method, uri, via, a.get("From"), a.get("To"), a.get("Call-ID"), n+later, method))
}

// readAnswer takes an answer apart, strictly.
func readAnswer(text string) (maliceAnswer, error) {
	a, err := readLines(text)
	if err == nil && !statusLine.MatchString(a.start) {
		err = fmt.Errorf("a status line %q", a.start)
	}
	return a, err
}

func readLines(text string) (maliceAnswer, error) {
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok {
		return maliceAnswer{}, fmt.Errorf("no end of headers")
	}
	lines := strings.Split(head, "\r\n")
	a := maliceAnswer{start: lines[0], lines: lines[1:]}
	for _, l := range a.lines {
		if !headerLine.MatchString(l) {
			return a, fmt.Errorf("a header line %q", l)
		}
		if strings.HasPrefix(l, "X-Injected") {
			return a, fmt.Errorf("somebody else's header %q", l)
		}
	}
	if n := a.get("Content-Length"); n != strconv.Itoa(len(body)) {
		return a, fmt.Errorf("Content-Length %s before %d bytes", n, len(body))
	}
	return a, nil
}
