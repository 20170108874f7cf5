//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/http"
	"net/url"
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

var updatePicture = flag.Bool("update", false, "draw docs/pictures/board.svg anew")

// empty are the queries that may have nothing to show on a day when all is well.
var empty = []string{"hotline_sip_dropped_total", "hotline_sip_security_events_total", "hotline_media_dropped_packets_total"}

// A real Prometheus scrapes a real server while people call, with our rules; each query of the
// board then has something to show.
func TestBoardShowsAWorkingDay(t *testing.T) {
	s := newHouse(t, 6, "queues: [{name: general, wrap_up: 2s, target: 5s}]")
	p := newPrometheus(t, s.run.Metrics)
	began := time.Now()
	length := 70 * time.Second
	if nightly() || *updatePicture {
		length = 4 * time.Minute
	}
	s.workingDay(length)
	ended := began.Add(length)
	p.rulesAreWell(t)
	var drawn []drawing
	for _, panel := range readBoard(t) {
		d := drawing{boardPanel: panel}
		for _, q := range panel.Targets {
			lines := p.ask(t, q.Expr, began, ended)
			if len(lines) == 0 && !mayBeEmpty(q.Expr) {
				t.Errorf("%s: nothing to show: %s", panel.Title, q.Expr)
			}
			for _, l := range lines {
				l.name = legend(q.Legend, l.labels)
				d.lines = append(d.lines, l)
			}
		}
		drawn = append(drawn, d)
	}
	picture := drawBoard(drawn, began, ended)
	if *updatePicture {
		if err := os.WriteFile("../docs/pictures/board.svg", []byte(picture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func mayBeEmpty(expr string) bool {
	for _, series := range empty {
		if strings.Contains(expr, series) {
			return true
		}
	}
	return false
}

// workingDay has citizens call, wait, talk and give up. Of six operators one has not come and one has
// a pause.
func (s *server) workingDay(length time.Duration) {
	s.t.Helper()
	over := time.Now().Add(length)
	var people sync.WaitGroup
	for i := range 5 {
		op := s.operatorPhone(operatorName(i))
		people.Go(func() {
			for {
				select {
				case c := <-op.Incoming():
					_ = c.Answer()
					<-c.Done()
				case <-time.After(time.Until(over)):
					return
				}
			}
		})
	}
	if _, code := s.command("", "operator", "pause", operatorName(4)); code != 0 {
		s.t.Fatal("an operator could not be paused")
	}
	if _, err := s.citizen(func(o *phone.Options) { o.Codec = "G729" }).Dial(within(s.t, 10*time.Second), phone.DialOptions{To: line919}); code(err) != 488 {
		s.t.Errorf("a call without a common codec: %v, want 488", err)
	}
	for i := range 6 {
		citizen := s.citizen(func(o *phone.Options) { o.Remember = time.Second })
		random := rand.New(rand.NewPCG(uint64(i), 1))
		people.Go(func() {
			for time.Until(over) > 0 {
				s.calls(citizen, random)
				time.Sleep(time.Duration(random.IntN(8000)) * time.Millisecond)
			}
		})
	}
	people.Wait()
}

// calls is one call of a citizen: a language, some patience, some talk.
func (s *server) calls(citizen *phone.Phone, random *rand.Rand) {
	c, err := citizen.Dial(within(s.t, 10*time.Second), phone.DialOptions{To: line919})
	if err != nil {
		s.t.Errorf("dial: %v", err)
		return
	}
	key := []string{"1", "1", "1", "2", "3"}[random.IntN(5)]
	if err := c.Media().PressKeys(within(s.t, 10*time.Second), key); err != nil {
		s.t.Errorf("press: %v", err)
	}
	select {
	case <-c.Done():
	case <-time.After(time.Duration(8+random.IntN(14)) * time.Second):
	}
	_ = c.Hangup(within(s.t, 10*time.Second))
}

// A boardPanel is a panel of the board that we ship.
type boardPanel struct {
	Type    string
	Title   string
	GridPos struct{ H, W, X, Y int }
	Targets []struct {
		Expr   string
		Legend string `json:"legendFormat"`
	}
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Min, Max   *float64
			Thresholds struct {
				Steps []struct {
					Color string
					Value *float64
				}
			}
			Custom struct {
				Stacking struct{ Mode string }
			}
		}
	}
}

func readBoard(t *testing.T) []boardPanel {
	t.Helper()
	b, err := os.ReadFile("../deploy/grafana/hotline.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct{ Panels []boardPanel }
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	return board.Panels
}

// A line is what a query gives: values over time.
type boardLine struct {
	labels map[string]string
	name   string
	values []value
}

type value struct {
	at time.Time
	v  float64
}

func legend(format string, labels map[string]string) string {
	for k, v := range labels {
		format = strings.ReplaceAll(format, "{{"+k+"}}", v)
	}
	return format
}

// A prometheus is a running one.
type prometheus struct{ address string }

// newPrometheus scrapes a server every second, with the rules that we ship.
func newPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"service-level.yml", "alerts.yml", "prometheus.yml"} {
		b, err := os.ReadFile("../deploy/prometheus/" + name)
		if err != nil {
			t.Fatal(err)
		}
		body := strings.NewReplacer("interval: 1m", "interval: 1s", "interval: 10s", "interval: 1s", "127.0.0.1:9919", target).Replace(string(b))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &prometheus{address: "127.0.0.1:9090"}
	var said bytes.Buffer
	c := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "tsdb"),
		"--web.listen-address="+p.address, "--log.level=warn")
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatalf("prometheus (apt-get install prometheus): %v", err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", said.String())
		}
	})
	calmly(t, 20*time.Second, "prometheus has scraped the server", func() bool {
		r, err := http.Get("http://" + p.address + "/-/ready")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK && len(p.ask(t, `up{job="hotline"} == 1`, time.Now().Add(-10*time.Second), time.Now())) == 1
	})
	return p
}

// rulesAreWell demands that each rule could be evaluated, and that on a day on which all was well
// nobody was woken.
func (p *prometheus) rulesAreWell(t *testing.T) {
	t.Helper()
	r, err := http.Get("http://" + p.address + "/api/v1/rules")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					Name, Health, LastError, State string
					Labels                         map[string]string
				}
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	rules := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Health != "ok" {
				t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
			if r.State == "firing" && r.Labels["severity"] == "page" {
				t.Errorf("%s woke somebody", r.Name)
			}
		}
	}
	if rules < 40 {
		t.Errorf("prometheus has %d rules", rules)
	}
}

// ask asks a query of the board over a span of time.
func (p *prometheus) ask(t *testing.T, expr string, from, to time.Time) []boardLine {
	t.Helper()
	expr = strings.NewReplacer("$queue", ".*", "$__rate_interval", "15s").Replace(expr)
	r, err := http.PostForm("http://"+p.address+"/api/v1/query_range", url.Values{
		"query": {expr}, "start": {from.UTC().Format(time.RFC3339)}, "end": {to.UTC().Format(time.RFC3339)}, "step": {"2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || answer.Error != "" {
		t.Fatalf("%s: %v %s", expr, err, answer.Error)
	}
	lines := make([]boardLine, len(answer.Data.Result))
	for i, one := range answer.Data.Result {
		lines[i].labels = one.Metric
		for _, v := range one.Values {
			at, _ := v[0].(float64)
			text, _ := v[1].(string)
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			lines[i].values = append(lines[i].values, value{time.UnixMilli(int64(at * 1000)), n})
		}
	}
	return lines
}
