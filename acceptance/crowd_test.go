//go:build acceptance

package acceptance

import (
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

// Many calls at once, each telephone with a tone of its own: nobody hears anybody else's, no
// recording has a foreign tone, and afterwards nothing is left: no goroutine, descriptor or port.
func TestManyCallsAtOnce(t *testing.T) {
	crowd, foreign := 100, 10
	s := newServer(t)
	s.importOperators(crowd + foreign)
	s.start()
	before := s.counts()
	for i := range foreign {
		name := operatorName(crowd + i)
		newBaresip(t, name, s.secrets[name], "127.0.0.1:5070", 30000+100*i)
	}
	out := s.crowd(crowd, foreign)
	// A softphone may have answered one of the crowd, and one of the crowd a caller of sipp's.
	if out.Failed != "" || len(out.Pairs) < crowd-foreign {
		t.Fatalf("%d of %d calls were good: %s", len(out.Pairs), crowd, out.Failed)
	}
	t.Logf("the generator itself was at most %s late", out.Late.Round(time.Millisecond))
	last := time.Now()
	records := map[string]record{}
	eventually(t, 10*time.Second, "every record is closed", func() bool {
		for _, r := range s.records() {
			if r.Ended == nil {
				return false
			}
			records[r.ID] = r
		}
		return true
	})
	if len(records) != crowd+foreign {
		t.Errorf("%d calls left %d records", crowd+foreign, len(records))
	}
	for id, r := range records {
		if str(r.Outcome) != "completed" {
			t.Errorf("record: %s", r)
		}
		if p, ok := out.Pairs[id]; ok {
			s.in(t).onlyTheirTones(t, r, p)
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

// onlyTheirTones judges one recording: left nothing but the citizen's tone, right nothing but
// prompts and then the operator's.
func (s *server) onlyTheirTones(t *testing.T, r record, p pair) {
	t.Helper()
	left, right := channels(t, s.sound(r))
	joined := first(left, p.Citizen)
	if joined < 0 {
		t.Errorf("%s: the citizen's tone is not on the left", r.ID)
		return
	}
	from := int(joined*8000/time.Second) + 8000
	to := from + 16000
	if to > len(left) {
		t.Errorf("%s: the talk is shorter than it was", r.ID)
		return
	}
	for side, want := range map[string]float64{"left": p.Citizen, "right": p.Operator} {
		sound := left[from:to]
		if side == "right" {
			sound = right[from:to]
		}
		if !sound.Has(want) {
			t.Errorf("%s: on the %s the tone of %g Hz is not what is heard", r.ID, side, want)
		}
		for i := range 110 {
			for _, hz := range []float64{toneOf(i, false), toneOf(i, true)} {
				if math.Abs(hz-want) > 5 && sound.Tone(hz) > 0.01 {
					t.Errorf("%s: a foreign tone of %g Hz is on the %s", r.ID, hz, side)
				}
			}
		}
	}
}

// A crowdReport is what the process with the telephones tells.
type crowdReport struct {
	Pairs  map[string]pair // by call id
	Failed string
	Late   time.Duration
}

// crowd runs n calls of our telephones, in a process of their own, and foreign ones of sipp
// beside them, all talking at once.
func (s *server) crowd(n, foreign int) (r crowdReport) {
	s.t.Helper()
	citizens := sipp(s.t, sippOptions{
		scenario: "citizen", port: 6000, calls: foreign, rate: 2, bound: 80 * time.Second, args: []string{"-d", "30000"},
		pcap: func(path string) { writePcap(s.t, path, 440, 29*time.Second, press{2 * time.Second, '2'}) },
	})
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestCrowdProcess$")
	c.Env = append(os.Environ(), "HOTLINE_CROWD="+strconv.Itoa(n))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("the crowd's process: %v\n%s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		s.t.Fatalf("the crowd's process: %v\n%s", err, out)
	}
	citizens.good(s.t)
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

// runCrowd registers n operators, places n calls, lets all talk at once and hangs up.
func runCrowd(n int) (r crowdReport) {
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	r.Pairs = map[string]pair{}
	var mu sync.Mutex
	fail := func(format string, a ...any) {
		mu.Lock()
		defer mu.Unlock()
		r.Failed += fmt.Sprintf(format, a...) + "\n"
	}
	var operators, citizens sync.WaitGroup
	done := make(chan struct{})
	for i := range n {
		op, err := phone.New(phone.Options{
			User: operatorName(i), Secret: fmt.Sprintf("secret-of-%03d-long-enough", i), Server: "127.0.0.1:5070", Codec: "PCMA",
			Remember: 5 * time.Second,
		})
		if err == nil {
			err = op.Register(ctx, 5*time.Minute)
		}
		if err != nil {
			fail("register %d: %v", i, err)
			return r
		}
		defer op.Close()
		operators.Go(func() { crowdOperator(ctx, i, op, &mu, r.Pairs, fail, done) })
	}
	late := lateness(ctx)
	for i := range n {
		citizens.Go(func() { crowdCitizen(ctx, i, n, fail) })
		time.Sleep(50 * time.Millisecond)
	}
	citizens.Wait()
	close(done)
	operators.Wait()
	r.Late = late()
	return r
}

// crowdOperator answers one call, says its tone, and notes which call it was.
func crowdOperator(ctx context.Context, i int, op *phone.Phone, mu *sync.Mutex, pairs map[string]pair, fail func(string, ...any), done chan struct{}) {
	var c *phone.Call
	select {
	case c = <-op.Incoming():
	case <-done: // a foreign operator took the call that would have been ours
		return
	case <-ctx.Done():
		fail("operator %d was never rung", i)
		return
	}
	if err := c.Answer(); err != nil {
		fail("operator %d: %v", i, err)
		return
	}
	c.Media().Say(0.3, toneOf(i, true))
	var citizen int
	if _, err := fmt.Sscanf(c.From().User(), "+0001000%d", &citizen); err != nil {
		// One of sipp's citizens: its tone is 440 Hz and it is not in the crowd's books.
		<-c.Done()
		return
	}
	if err := c.Media().WaitTone(ctx, toneOf(citizen, false)); err != nil {
		fail("operator %d does not hear citizen %d: %v", i, citizen, err)
	}
	mu.Lock()
	pairs[c.Header("X-Hotline-Call")] = pair{toneOf(citizen, false), toneOf(i, true)}
	mu.Unlock()
	<-c.Done()
}

// crowdCitizen calls, chooses English, and talks until all others do too.
func crowdCitizen(ctx context.Context, i, n int, fail func(string, ...any)) {
	p, err := phone.New(phone.Options{User: fmt.Sprintf("+0001000%d", i), Codec: "PCMA", Remember: 5 * time.Second})
	if err != nil {
		fail("citizen %d: %v", i, err)
		return
	}
	defer p.Close()
	c, err := p.Dial(ctx, phone.DialOptions{To: line919})
	if err != nil {
		fail("citizen %d: %v", i, err)
		return
	}
	if err := c.Media().PressKeys(ctx, "2"); err != nil {
		fail("citizen %d: %v", i, err)
	}
	c.Media().Say(0.3, toneOf(i, false))
	// All talk at once for a while: the first caller waits for the last.
	hold := 12*time.Second + time.Duration(n-i)*50*time.Millisecond
	select {
	case <-time.After(hold):
	case <-c.Done():
		fail("citizen %d was hung up", i)
		return
	case <-ctx.Done():
	}
	if r := c.Media().Received(); r.Jumps > 0 || len(r.SSRCs) != 1 {
		fail("citizen %d: the stream jumped %d times, %d sources", i, r.Jumps, len(r.SSRCs))
	}
	if err := c.Hangup(ctx); err != nil {
		fail("citizen %d: %v", i, err)
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
