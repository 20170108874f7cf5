//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// How many of our telephones call at once, and how many that are not ours: sipp's citizens, and as
// many softphones among the operators.
const crowd, foreign = 100, 10

// What telephones that are not ours say.
const foreignCitizen, foreignOperator = 440, 1000

// Many calls at once, each telephone with a tone of its own: each hears the one tone that its
// partner says, no recording has a foreign tone, and afterwards nothing is left: no goroutine,
// descriptor or port.
func TestManyCallsAtOnce(t *testing.T) {
	s := newServer(t)
	s.importOperators(crowd + foreign)
	s.start()
	before := s.counts()
	for i := range foreign {
		name := operatorName(crowd + i)
		newBaresip(t, name, s.secrets[name], "127.0.0.1:5070", 30000+100*i)
	}
	out, records, last := s.crowdInTime()
	if out.Failed != "" {
		t.Fatalf("calls that failed: %s", out.Failed)
	}
	if out.most != crowd+foreign {
		t.Errorf("%v talked at once, want %d", out.most, crowd+foreign)
	}
	out.sipp.good(t)
	if len(records) != crowd+foreign {
		t.Errorf("%d calls left %d records", crowd+foreign, len(records))
	}
	calls := map[float64]pair{} // by the citizen's tone
	strangers := 0
	for id, r := range records {
		if str(r.Outcome) != "completed" {
			t.Errorf("record: %s", r)
			continue
		}
		p := s.in(t).tonesOf(t, r)
		if told, ok := out.Pairs[id]; ok && p != told {
			t.Errorf("%s: the recording has %v, the operator's telephone tells of %v", id, p, told)
		}
		if p.Citizen == foreignCitizen {
			strangers++
			continue
		}
		if other, ok := calls[p.Citizen]; ok {
			t.Errorf("the citizen of %g Hz is in two recordings, %v and %v", p.Citizen, p, other)
		}
		calls[p.Citizen] = p
	}
	if strangers != foreign {
		t.Errorf("%d recordings have sipp's citizens, want %d", strangers, foreign)
	}
	for i := range crowd {
		hz := toneOf(i, false)
		if heard := out.Heard[operatorless(i)]; len(heard) != 1 || heard[0] != calls[hz].Operator {
			t.Errorf("the citizen of %g Hz heard %v, its operator said %g", hz, heard, calls[hz].Operator)
		}
	}
	for id, told := range out.Pairs {
		if heard := out.Heard[id]; len(heard) != 1 || heard[0] != told.Citizen {
			t.Errorf("%s: the operator heard %v, its citizen said %g", id, heard, told.Citizen)
		}
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
	s.backToStart(t, before, last)
}

// A pair is the tones of one call: the citizen's and the operator's, in Hz.
type pair struct{ Citizen, Operator float64 }

// toneOf gives telephone i a tone of its own: citizens below 1600 Hz, operators above.
func toneOf(i int, operator bool) float64 {
	hz := 400 + 11*float64(i)
	if operator {
		hz += 1250
	}
	return hz
}

func operatorName(i int) string { return fmt.Sprintf("op%03d", i) }

// importOperators makes operators by `user import`.
func (s *server) importOperators(n int) {
	s.t.Helper()
	var csv strings.Builder
	csv.WriteString("name,role,languages,queues,password,sip_secret\n")
	for i := range n {
		secret := fmt.Sprintf("secret-of-%03d-long-enough", i)
		s.secrets[operatorName(i)] = secret
		fmt.Fprintf(&csv, "%s,operator,az en ru,,password%03d,%s\n", operatorName(i), i, secret)
	}
	file := filepath.Join(s.dir, "operators.csv")
	if err := os.WriteFile(file, []byte(csv.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if out, code := s.command("", "user", "import", file); code != 0 {
		s.t.Fatalf("user import: exit %d: %s", code, out)
	}
}

// counts are what must be as before when all calls are over.
type counts struct{ goroutines, descriptors, ports float64 }

func (s *server) counts() counts {
	return counts{s.metric("go_goroutines"), s.metric("process_open_fds"), s.metric(`hotline_media_ports{state="used"}`)}
}

// metric reads one sample from /metrics.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	response, err := http.Get("http://" + s.run.Metrics + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range strings.Split(string(body), "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, _ := strconv.ParseFloat(value, 64)
			return v
		}
	}
	s.t.Fatalf("/metrics has no %s", name)
	return 0
}

// backToStart demands that 40 s after the last BYE nothing is left of the calls.
func (s *server) backToStart(t *testing.T, before counts, last time.Time) {
	t.Helper()
	var now counts
	for {
		now = s.counts()
		back := now.ports == 0 && math.Abs(now.goroutines-before.goroutines) <= 10 && math.Abs(now.descriptors-before.descriptors) <= 10
		if back {
			t.Logf("before %+v, %s after the last BYE %+v", before, time.Since(last).Round(time.Second), now)
			return
		}
		if time.Since(last) > 45*time.Second {
			t.Errorf("before %+v, 45 s after the last BYE %+v", before, now)
			return
		}
		time.Sleep(time.Second)
	}
}

// tonesOf judges one recording: left silence and then nothing but one citizen's tone, right, from
// when they talk to the end, nothing but the operator's whom the record names.
func (s *server) tonesOf(t *testing.T, r record) (p pair) {
	t.Helper()
	p.Operator = foreignOperator
	var i int
	if _, err := fmt.Sscanf(str(r.Operator), "op%d", &i); err != nil {
		t.Errorf("the record names operator %q", str(r.Operator))
	} else if i < crowd {
		p.Operator = toneOf(i, true)
	}
	left, right := channels(t, s.sound(r))
	joined := 0
	for joined < len(left) && left[joined] > -200 && left[joined] < 200 {
		joined++
	}
	if n := min(len(left), len(right)); n-joined < 8000+16000+32000 {
		t.Errorf("%s: they talk for %d samples of %d", r.ID, n-joined, n)
		return p
	}
	for _, from := range []int{joined + 8000, len(left) - 32000} { // the last of sipp's sound ends a second before the call
		citizen, operator := tonesIn(left[from:from+16000]), tonesIn(right[from:from+16000])
		if len(citizen) != 1 || p.Citizen != 0 && citizen[0] != p.Citizen {
			t.Errorf("%s: on the left are %v Hz", r.ID, citizen)
			continue
		}
		p.Citizen = citizen[0]
		if len(operator) != 1 || operator[0] != p.Operator {
			t.Errorf("%s: on the right are %v Hz, want %g", r.ID, operator, p.Operator)
		}
	}
	return p
}

// tonesIn are all tones of anybody's that are in two seconds of sound.
func tonesIn(s phone.Sound) (list []float64) {
	for i := range crowd {
		for _, hz := range []float64{toneOf(i, false), toneOf(i, true)} {
			if s.Tone(hz) > 0.01 {
				list = append(list, hz)
			}
		}
	}
	for _, hz := range []float64{foreignCitizen, foreignOperator} {
		if s.Tone(hz) > 0.01 {
			list = append(list, hz)
		}
	}
	return list
}

// A crowdReport is what the process with the telephones tells.
type crowdReport struct {
	Pairs  map[string]pair      // by call id, as the operators' telephones know them
	Heard  map[string][]float64 // tones: by call id what the operator heard, by operatorless what a citizen did
	Failed string
	Late   time.Duration

	most float64 // how many talked at once
	sipp *sippRun
}

// tooLate is how late the telephones' own timers may be. Beyond it, what they hear and say tells
// of them and not of the server.
const tooLate = 150 * time.Millisecond

// crowdInTime runs the crowd, again where the telephones could not keep time, and gives the
// records of the run that counts and when its last call ended.
func (s *server) crowdInTime() (r crowdReport, records map[string]record, last time.Time) {
	s.t.Helper()
	old := map[string]bool{}
	for range 3 {
		r = s.crowd()
		last = time.Now()
		s.t.Logf("the generator itself was at most %s late", r.Late.Round(time.Millisecond))
		eventually(s.t, 20*time.Second, "every record is closed", func() bool {
			records = map[string]record{}
			for _, x := range s.records() {
				if x.Ended == nil {
					return false
				}
				if !old[x.ID] {
					records[x.ID] = x
				}
			}
			return true
		})
		if r.Late <= tooLate {
			return r, records, last
		}
		for id := range records {
			old[id] = true
		}
	}
	s.t.Fatal("this machine is too busy for so many telephones")
	return r, records, last
}

// operatorless is how a crowd's citizen is named where no call id is known to it.
func operatorless(i int) string { return fmt.Sprintf("citizen %d", i) }

// crowd runs the calls of our telephones, in a process of their own, and foreign ones of sipp
// beside them, and sees that all of them talk at once.
func (s *server) crowd() (r crowdReport) {
	s.t.Helper()
	citizens := sipp(s.t, sippOptions{
		scenario: "citizen", port: 6000, calls: foreign, rate: 2, bound: 80 * time.Second, args: []string{"-d", "30000"},
		pcap: func(path string) { writePcap(s.t, path, foreignCitizen, 29*time.Second, press{2 * time.Second, '2'}) },
	})
	c := exec.CommandContext(within(s.t, 3*time.Minute), os.Args[0], "-test.run", "^TestCrowdProcess$")
	c.Env = append(os.Environ(), "HOTLINE_CROWD="+strconv.Itoa(crowd))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	most := 0.0
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	for over := false; !over; {
		select {
		case err := <-done:
			if err != nil {
				s.t.Fatalf("the crowd's process: %v\n%s", err, out.String())
			}
			over = true
		case <-look.C:
			most = max(most, s.metric(`hotline_line_calls_active{line="919",state="talking"}`))
		}
	}
	line, _, _ := strings.Cut(out.String(), "\n")
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		s.t.Fatalf("the crowd's process: %v\n%s", err, out.String())
	}
	<-citizens.done
	r.most, r.sipp = most, citizens
	return r
}

// TestCrowdProcess is the process with the telephones, when it is asked for.
func TestCrowdProcess(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("HOTLINE_CROWD"))
	if err != nil {
		return // run as a test of its own it has nothing to do
	}
	body, err := json.Marshal(runCrowd(n))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(body))
}

// A crowdRun is the process's work: operators who answer, citizens who call, what they heard.
type crowdRun struct {
	n      int
	ended  chan struct{} // when the citizens have hung up
	mu     sync.Mutex
	report crowdReport
	heard  map[string]phone.Sound // judged when nobody has to keep time any more
}

// runCrowd registers n operators, places n calls, lets all talk at once and hangs up.
func runCrowd(n int) crowdReport {
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	r := &crowdRun{n: n, ended: make(chan struct{}), heard: map[string]phone.Sound{}}
	r.report.Pairs, r.report.Heard = map[string]pair{}, map[string][]float64{}
	var operators, citizens sync.WaitGroup
	for i := range n {
		op, err := phone.New(phone.Options{
			User: operatorName(i), Secret: fmt.Sprintf("secret-of-%03d-long-enough", i), Server: "127.0.0.1:5070", Codec: "PCMA",
			Remember: 5 * time.Second,
		})
		if err == nil {
			err = op.Register(ctx, 5*time.Minute)
		}
		if err != nil {
			r.fail("register %d: %v", i, err)
			return r.report
		}
		defer op.Close()
		operators.Go(func() { r.operator(ctx, i, op) })
	}
	late := lateness(ctx)
	for i := range n {
		citizens.Go(func() { r.citizen(ctx, i) })
		time.Sleep(50 * time.Millisecond)
	}
	citizens.Wait()
	close(r.ended)
	operators.Wait()
	r.report.Late = late()
	for who, s := range r.heard {
		r.report.Heard[who] = tonesIn(s)
	}
	return r.report
}

func (r *crowdRun) fail(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Failed += fmt.Sprintf(format, a...) + "\n"
}

// hears notes what a telephone heard last.
func (r *crowdRun) hears(who string, c *phone.Call) {
	s := c.Media().Heard(2 * time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard[who] = s
}

// operator answers one call, says its tone, and notes which call it was.
func (r *crowdRun) operator(ctx context.Context, i int, op *phone.Phone) {
	var c *phone.Call
	select {
	case c = <-op.Incoming():
	case <-r.ended: // a foreign operator took the call that would have been ours
		return
	case <-ctx.Done():
		r.fail("operator %d was never rung", i)
		return
	}
	if err := c.Answer(); err != nil {
		r.fail("operator %d: %v", i, err)
		return
	}
	c.Media().Say(0.3, toneOf(i, true))
	p := pair{foreignCitizen, toneOf(i, true)}
	var citizen int
	if _, err := fmt.Sscanf(c.From().User(), "+0001000%d", &citizen); err == nil {
		p.Citizen = toneOf(citizen, false)
	}
	if err := c.Media().WaitTone(ctx, p.Citizen); err != nil {
		r.fail("operator %d does not hear %g Hz: %v", i, p.Citizen, err)
		return
	}
	id := c.Header("X-Hotline-Call")
	r.mu.Lock()
	r.report.Pairs[id] = p
	r.mu.Unlock()
	select {
	case <-time.After(4 * time.Second):
		r.hears(id, c)
	case <-c.Done():
		r.fail("operator %d was hung up at once", i)
	}
	<-c.Done()
}

// citizen calls, chooses English, and talks until all others do too.
func (r *crowdRun) citizen(ctx context.Context, i int) {
	p, err := phone.New(phone.Options{User: fmt.Sprintf("+0001000%d", i), Codec: "PCMA", Remember: 5 * time.Second})
	if err != nil {
		r.fail("citizen %d: %v", i, err)
		return
	}
	defer p.Close()
	c, err := p.Dial(ctx, phone.DialOptions{To: line919})
	if err != nil {
		r.fail("citizen %d: %v", i, err)
		return
	}
	if err := c.Media().PressKeys(ctx, "2"); err != nil {
		r.fail("citizen %d: %v", i, err)
	}
	c.Media().Say(0.3, toneOf(i, false))
	// All talk at once for a while: the first caller waits for the last.
	hold := 15*time.Second + time.Duration(r.n-i)*50*time.Millisecond
	select {
	case <-time.After(hold):
	case <-c.Done():
		r.fail("citizen %d was hung up", i)
		return
	case <-ctx.Done():
	}
	r.hears(operatorless(i), c)
	if got := c.Media().Received(); !got.Continuous() || got.Lost > 0 {
		r.fail("citizen %d: the stream jumped %d times, %d sources, %d lost", i, got.Jumps, len(got.SSRCs), got.Lost)
	}
	if err := c.Hangup(ctx); err != nil {
		r.fail("citizen %d: %v", i, err)
	}
}

// lateness watches how late this process's own timers are; it returns the worst.
func lateness(ctx context.Context) (worst func() time.Duration) {
	var mu sync.Mutex
	var most time.Duration
	go func() {
		for ctx.Err() == nil {
			began := time.Now()
			time.Sleep(20 * time.Millisecond)
			mu.Lock()
			most = max(most, time.Since(began)-20*time.Millisecond)
			mu.Unlock()
		}
	}()
	return func() time.Duration { mu.Lock(); defer mu.Unlock(); return most }
}
