//go:build acceptance

package acceptance

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// What a server is planned for on two cores, and ten times as much, for a tenth of the time that
// nightly runs take.
const engineered, storming = 10, 10 * engineered

// Ten times as many calls as planned come, half of their telephones never acknowledge an answer: as
// many as planned are taken all the same, the rest is refused at once and without Retry-After,
// nobody who talks notices anything, and ten seconds later a citizen is answered as ever.
func TestTenTimesTheLoad(t *testing.T) {
	const talking = 8
	long := 8 * time.Second
	if nightly() {
		long = 80 * time.Second
	}
	s := newServer(t, "limits: {calls_per_second: "+fmt.Sprint(engineered)+"}")
	s.importOperators(talking + 2)
	s.start()
	pairs := s.talkAll(talking)

	var r *storm
	for try := 1; ; try++ {
		r = newStorm(t)
		r.blow(storming, long)
		if r.late < 100*time.Millisecond {
			break
		}
		if try == 3 {
			t.Fatalf("the generator was %s late, three times", r.late)
		}
		t.Logf("the generator was %s late: once more", r.late)
		s.becomes("hotline_sip_overload_level", 0)
	}
	ended := time.Now()
	t.Log(r)
	if want := engineered * long.Seconds() * 0.9; float64(r.answered) < want {
		t.Errorf("%d calls were taken, want %.0f or more", r.answered, want)
	}
	if r.answered+r.refused() > r.offered || r.codes[503] == 0 {
		t.Errorf("of %d calls %d were answered and %d refused: %v", r.offered, r.answered, r.refused(), r.codes)
	}
	if r.retryAfter > 0 {
		t.Errorf("%d refusals ask a whole carrier to go away (Retry-After)", r.retryAfter)
	}
	for i, p := range pairs {
		s.goesOn(p.citizen, fmt.Sprintf("citizen %d", i))
		s.goesOn(p.operator, fmt.Sprintf("operator %d", i))
		for who, c := range map[string]*phone.Call{"citizen": p.citizen, "operator": p.operator} {
			got := c.Media().Received()
			if lost := got.Lost - p.lost[who]; lost > 50 || !got.Continuous() {
				t.Errorf("%s %d lost %d packets; %d sources, %d jumps", who, i, lost, len(got.SSRCs), got.Jumps)
			}
			c.Media().Forget()
		}
		s.hears(p.citizen, 1000)
		s.hears(p.operator, 440)
	}

	eventually(t, 10*time.Second-time.Since(ended), "the level of overload is 0", func() bool { return s.metric("hotline_sip_overload_level") == 0 })
	c, taken := s.talk(s.citizen(), s.operatorPhone(operatorName(talking)))
	s.hangUp(taken)
	s.over(c)
	for _, p := range pairs {
		s.hangUp(p.citizen)
		s.over(p.operator)
	}
	r.close()
	if n := s.metric("hotline_panics_recovered_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// While as many wait as may, one more caller is answered, hears that all lines are busy and is let
// go; while as many are there as may be, the next is refused. Whoever waits goes on waiting, and
// when there is room again all is as ever. Each has a record.
func TestAllLinesAreBusy(t *testing.T) {
	s := newServer(t, "limits: {waiting: 1, calls: 2}")
	s.start()
	level := func(want float64) { s.becomes("hotline_sip_overload_level", want) }
	first := s.queued(s.citizen())
	level(1)
	told := s.dial(s.citizen())
	if err := told.Media().WaitSound(within(t, 5*time.Second)); err != nil {
		t.Errorf("the second caller hears nothing: %v", err)
	}
	level(2)
	_, err := s.citizen().Dial(within(t, 5*time.Second), phone.DialOptions{To: line919})
	if err == nil || !strings.Contains(err.Error(), "486") {
		t.Errorf("the third caller: %v, want 486", err)
	}
	if err := told.WaitDone(within(t, time.Minute)); err != nil {
		t.Fatalf("the second caller is not let go: %v", err)
	}
	level(1)
	s.goesOn(first, "first caller")
	s.hangUp(first)
	level(0)
	next := s.dial(s.citizen())
	if err := next.Media().WaitSound(within(t, 5*time.Second)); err != nil {
		t.Errorf("the next caller hears nothing: %v", err)
	}
	level(1)
	s.hangUp(next)

	var got []string
	eventually(t, 5*time.Second, "each call has its record", func() bool {
		got = nil
		open := false
		for _, r := range s.records() {
			got = append(got, verdict(r))
			open = open || r.Ended == nil
		}
		return len(got) == 4 && !open
	})
	want := []string{"abandoned greeting by caller", "refused by us", "refused by us", "abandoned waiting by caller"}
	if !slices.Equal(got, want) {
		t.Errorf("the records say %q, want %q", got, want)
	}
	for _, r := range s.records() {
		if str(r.Outcome) == "refused" && (r.Code == nil || *r.Code != 486 || r.Notice != nil) {
			t.Errorf("a refused caller: %s", r)
		}
	}
}

// A talk is a citizen and an operator who talk while others storm.
type talk struct {
	citizen, operator *phone.Call
	lost              map[string]int // before the storm
}

// talkAll brings n pairs together.
func (s *server) talkAll(n int) (pairs []*talk) {
	s.t.Helper()
	var ops []*phone.Phone
	citizens := map[string]*phone.Call{}
	for i := range n {
		ops = append(ops, s.operatorPhone(operatorName(i)))
		p := s.citizen(func(o *phone.Options) { o.User = fmt.Sprintf("+00012345%04d", i) })
		citizens[fmt.Sprintf("+00012345%04d", i)] = s.queued(p)
	}
	for _, op := range ops {
		taken := s.rung(op)
		c := citizens[taken.From().User()]
		s.together(c, taken, 1000)
		pairs = append(pairs, &talk{citizen: c, operator: taken, lost: map[string]int{
			"citizen": c.Media().Received().Lost, "operator": taken.Media().Received().Lost,
		}})
	}
	return pairs
}

// A storm is one socket that sends INVITEs as a carrier does when everybody calls at once. Its odd
// calls never acknowledge an answer.
type storm struct {
	t    *testing.T
	conn net.Conn
	done chan struct{}
	late time.Duration // of the generator itself, at most

	mu                            sync.Mutex
	offered, answered, retryAfter int
	codes                         map[int]int
	sent                          map[string]time.Time
	took                          []time.Duration
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)}}
	conn, err := d.Dial("udp", "127.0.0.1:5060")
	if err != nil {
		t.Fatal(err)
	}
	r := &storm{t: t, conn: conn, done: make(chan struct{}), codes: map[int]int{}, sent: map[string]time.Time{}}
	go r.listen()
	t.Cleanup(r.close)
	return r
}

func (r *storm) close() {
	r.conn.Close()
	<-r.done
}

// blow offers calls at a rate, by an absolute schedule, and waits a moment for the last answers.
func (r *storm) blow(rate int, long time.Duration) {
	began := time.Now()
	for i := range rate * int(long/time.Second) {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		r.late = max(r.late, time.Since(due))
		r.invite(i)
	}
	<-within(r.t, time.Second).Done()
}

func (r *storm) invite(i int) {
	at := r.conn.LocalAddr()
	id := fmt.Sprintf("storm-%s-%d", strings.ReplaceAll(at.String(), ":", "-"), i)
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.3\r\ns=-\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	r.mu.Lock()
	r.offered++
	r.sent[id] = time.Now()
	r.mu.Unlock()
	r.send(fmt.Sprintf("INVITE sip:919@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bK%[2]s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:+0009%08[3]d@127.0.0.3>;tag=%[2]s\r\nTo: <sip:919@127.0.0.1>\r\nCall-ID: %[2]s\r\nCSeq: 1 INVITE\r\n"+
		"Contact: <sip:%[1]s>\r\nContent-Type: application/sdp\r\nContent-Length: %[4]d\r\n\r\n%[5]s", at, id, i, len(sdp), sdp))
}

func (r *storm) send(text string) {
	_, _ = r.conn.Write([]byte(text)) // at the end the socket is closed under it
}

// listen takes what comes.
func (r *storm) listen() {
	defer close(r.done)
	b := make([]byte, 64<<10)
	for {
		n, err := r.conn.Read(b)
		if err != nil {
			return
		}
		r.take(string(b[:n]))
	}
}

func (r *storm) take(text string) {
	head := map[string]string{}
	lines := strings.Split(text, "\r\n")
	for _, l := range lines[1:] {
		if name, value, ok := strings.Cut(l, ": "); ok && head[name] == "" {
			head[name] = value
		}
	}
	if !strings.HasPrefix(lines[0], "SIP/2.0 ") { // a BYE, mostly
		r.send("SIP/2.0 200 OK\r\nVia: " + head["Via"] + "\r\nFrom: " + head["From"] + "\r\nTo: " + head["To"] +
			"\r\nCall-ID: " + head["Call-ID"] + "\r\nCSeq: " + head["CSeq"] + "\r\nContent-Length: 0\r\n\r\n")
		return
	}
	var code int
	fmt.Sscanf(lines[0], "SIP/2.0 %d", &code)
	id := head["Call-ID"]
	if code < 200 || !strings.HasSuffix(head["CSeq"], "INVITE") {
		return
	}
	if r.first(id, code, head["Retry-After"] != "") || code >= 300 {
		r.answer(id, code, head)
	}
}

// first notes a final answer, once for each call.
func (r *storm) first(id string, code int, retryAfter bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.sent[id]
	if !ok {
		return false
	}
	delete(r.sent, id)
	r.codes[code]++
	if retryAfter {
		r.retryAfter++
	}
	if code < 300 {
		r.answered++
		r.took = append(r.took, time.Since(at))
	}
	return true
}

// answer acknowledges a refusal; of the calls that were taken it acknowledges every other and says
// goodbye to it at once.
func (r *storm) answer(id string, code int, head map[string]string) {
	request := func(method string, seq int, target, branch string) {
		r.send(fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n",
			method, target, r.conn.LocalAddr(), branch, head["From"], head["To"], id, seq, method))
	}
	var n int
	fmt.Sscanf(id[strings.LastIndexByte(id, '-')+1:], "%d", &n)
	switch target := strings.Trim(head["Contact"], "<>"); {
	case code >= 300:
		request("ACK", 1, "sip:919@127.0.0.1", "z9hG4bK"+id)
	case n%2 == 0:
		request("ACK", 1, target, "z9hG4bKa"+id)
		request("BYE", 2, target, "z9hG4bKb"+id)
	}
}

func (r *storm) refused() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for code, of := range r.codes {
		if code >= 300 {
			n += of
		}
	}
	return n
}

func (r *storm) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.took)
	worst := time.Duration(0)
	if n := len(r.took); n > 0 {
		worst = r.took[n*99/100]
	}
	return fmt.Sprintf("%d calls offered, %d taken (99 %% within %s), answers %v, %d unanswered; the generator was at most %s late",
		r.offered, r.answered, worst.Round(time.Millisecond), r.codes, len(r.sent), r.late.Round(time.Millisecond))
}
