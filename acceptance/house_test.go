//go:build acceptance

package acceptance

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// newHouse is a server with operators who serve the one line.
func newHouse(t *testing.T, operators int, extra ...string) *server {
	t.Helper()
	s := newServer(t, extra...)
	s.importOperators(operators)
	s.start()
	return s
}

// A room is one case's own line, queue and operators on a server that all cases share: they run
// at the same time and, if the server is right, know nothing of each other.
type room struct {
	*server
	line      string
	queue     string
	operators []string
	box       *nat // what its telephones are behind, if anything
}

// The operators of each room.
const perRoom = 3

// newRooms starts a server with that many rooms. Room i rings operators for offers[i], 6 s where
// nothing is said. Changes are made to the configuration before the start.
func newRooms(t *testing.T, n int, offers map[int]time.Duration, changes ...func(config string) string) (*server, []*room) {
	t.Helper()
	s := newServer(t)
	var rooms []*room
	var lines, menus, queues []string
	people := "name,role,languages,queues,password,sip_secret\n"
	for i := range n {
		r := &room{server: s, line: fmt.Sprintf("9%03d", i), queue: fmt.Sprintf("q%03d", i)}
		offer := 6 * time.Second
		if o, ok := offers[i]; ok {
			offer = o
		}
		lines = append(lines, fmt.Sprintf(`{number: "%s", start: m%03d}`, r.line, i))
		menus = append(menus, fmt.Sprintf(`m%03d: {queue: %s}`, i, r.queue))
		queues = append(queues, fmt.Sprintf(`{name: %s, wrap_up: 0s, offer: %s}`, r.queue, offer))
		for k := range perRoom {
			name := operatorName(i*perRoom + k)
			s.secrets[name] = "the-secret-of-" + name + "-long-enough"
			people += fmt.Sprintf("%s,operator,az en ru,%s,the password of %s,%s\n", name, r.queue, name, s.secrets[name])
			r.operators = append(r.operators, name)
		}
		rooms = append(rooms, r)
	}
	var config strings.Builder
	for _, l := range strings.Split(strings.TrimSpace(s.read("hotline.yaml")), "\n") {
		switch key, _, _ := strings.Cut(l, ":"); key {
		case "lines":
			l = "lines: [" + strings.Join(lines, ", ") + "]"
		case "menus":
			l = "menus: {" + strings.Join(menus, ", ") + "}"
		case "queues":
			l = "queues: [" + strings.Join(queues, ", ") + "]"
		}
		config.WriteString(l + "\n")
	}
	body := config.String()
	for _, change := range changes {
		body = change(body)
	}
	s.write("hotline.yaml", body)
	s.write("people.csv", people)
	if out, code := s.command("", "user", "import", filepath.Join(s.dir, "people.csv")); code != 0 {
		t.Fatalf("user import: exit %d: %s", code, out)
	}
	s.start()
	return s, rooms
}

// atOnce runs every case in its room, all at the same time.
func atOnce(t *testing.T, rooms []*room, names []string, do func(i int, r *room)) {
	t.Helper()
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				here := *rooms[i]
				here.server = here.server.in(t)
				do(i, &here)
			})
		})
	}
	all.Wait()
}

// operator registers the room's operator number k.
func (r *room) operator(k int, manners ...phone.Manners) *phone.Phone {
	r.t.Helper()
	p := r.operatorPhone(r.operators[k])
	for _, m := range manners {
		p.Behave(m) // registered in good order, then like this
	}
	return p
}

// caller makes a telephone with these manners.
func (r *room) caller(manners ...phone.Manners) *phone.Phone {
	r.t.Helper()
	return r.citizen(func(o *phone.Options) {
		for _, m := range manners {
			o.Manners = m
		}
	})
}

// greeted calls the room's line and is answered.
func (r *room) greeted(p *phone.Phone) *phone.Call {
	r.t.Helper()
	c, err := p.Dial(within(r.t, 10*time.Second), phone.DialOptions{To: r.uri()})
	if err != nil {
		r.t.Fatalf("dial %s: %v", r.line, err)
	}
	c.Media().Say(0.3, 440)
	return c
}

func (r *room) uri() string { return "sip:" + r.line + "@127.0.0.1:5060" }

// queued calls, and chooses English; the notice follows, then the queue.
func (r *room) queued(p *phone.Phone) *phone.Call {
	r.t.Helper()
	c := r.greeted(p)
	r.press(c, "2")
	return c
}

// waits waits until that many of the room's callers are in the queue.
func (r *room) waits(n int) {
	r.t.Helper()
	r.becomes(fmt.Sprintf(`hotline_queue_waiting{queue="%s"}`, r.queue), float64(n))
}

// becomes waits until a series of this server has a value.
func (s *server) becomes(series string, want float64) {
	s.t.Helper()
	calmly(s.t, 20*time.Second, fmt.Sprintf("%s is %v", series, want), func() bool { return s.metric(series) == want })
}

// talk brings a citizen and an operator together, each with its tone: 440 Hz and 1000 Hz.
func (r *room) talk(citizen, op *phone.Phone) (c, taken *phone.Call) {
	r.t.Helper()
	c = r.queued(citizen)
	taken = r.rung(op)
	r.together(c, taken, 1000)
	return c, taken
}

// records are the closed records of the room's line, oldest first, once nothing of it is open.
// A record too many is as wrong as one too few.
func (r *room) records(n int, bound time.Duration) (list []record) {
	r.t.Helper()
	calmly(r.t, bound, fmt.Sprintf("%d records of line %s are closed", n, r.line), func() bool {
		list = r.ofLine()
		open := slices.ContainsFunc(list, func(x record) bool { return x.Ended == nil })
		return !open && len(list) >= n
	})
	if len(list) != n {
		r.t.Errorf("%d records, want %d: %v", len(list), n, list)
	}
	slices.Reverse(list)
	return list
}

// ofLine are the records of the room's line, newest first.
func (r *room) ofLine() (list []record) {
	r.t.Helper()
	for _, x := range r.server.records() {
		if x.Line == r.line {
			list = append(list, x)
		}
	}
	return list
}

// traced reports whether a call's story has an event.
func (s *server) traced(x record, event string) bool {
	s.t.Helper()
	story := ask[struct{ Events []struct{ Name string } }](s, "call", "trace", x.ID)
	for _, e := range story.Events {
		if e.Name == event {
			return true
		}
	}
	return false
}

// verdict is how a record says that the call ended.
func verdict(x record) string {
	return strings.Join(strings.Fields(str(x.Outcome)+" "+str(x.Phase)+" by "+str(x.EndedBy)), " ")
}

// state is what an operator is doing.
func (r *room) state(k int) string {
	r.t.Helper()
	list := ask[struct {
		Operators []struct{ Name, State string }
	}](r.server, "operator", "list")
	for _, o := range list.Operators {
		if o.Name == r.operators[k] {
			return o.State
		}
	}
	r.t.Fatalf("operator list does not know %s", r.operators[k])
	return ""
}

// stateBecomes waits until an operator is in a state.
func (r *room) stateBecomes(k int, want string, bound time.Duration) {
	r.t.Helper()
	calmly(r.t, bound, r.operators[k]+" is "+want, func() bool { return r.state(k) == want })
}

// notRung demands that a telephone has not been rung so far.
func (r *room) notRung(op *phone.Phone, who string) {
	r.t.Helper()
	select {
	case <-op.Incoming():
		r.t.Errorf("%s was rung", who)
	default:
	}
}

// A bystander is a call that talks all the time and must not notice anything.
type bystander struct {
	r                 *room
	citizen, operator *phone.Call
	began             time.Time
}

func (r *room) bystander() *bystander {
	r.t.Helper()
	b := &bystander{r: r}
	b.citizen, b.operator = r.talk(r.caller(), r.operator(0))
	b.citizen.Media().Forget()
	b.operator.Media().Forget()
	b.began = time.Now()
	return b
}

// undisturbed demands that each heard the other's tone, every moment of it, and ends the call.
func (b *bystander) undisturbed() {
	t := b.r.t
	t.Helper()
	lasted := time.Since(b.began)
	for _, side := range []struct {
		name  string
		call  *phone.Call
		hears float64
	}{{"citizen", b.citizen, 1000}, {"operator", b.operator, 440}} {
		b.r.goesOn(side.call, "bystanding "+side.name)
		pcm, _ := side.call.Media().HeardPCM()
		if heard := time.Duration(len(pcm)) * time.Second / 8000; heard < lasted*98/100-200*time.Millisecond {
			t.Errorf("the bystanding %s heard %s of %s", side.name, heard, lasted)
		}
		const piece = 1600 // a fifth of a second
		// A machine that stalls for a moment stalls the telephones too: one in a hundred may be
		// lost to it. A case that disturbs the bystanders for a second still fails.
		wrong, allowed := 0, len(pcm)/piece/100
		for i := 0; i+piece <= len(pcm); i += piece {
			if !phone.Sound(pcm[i : i+piece]).Has(side.hears) {
				wrong++
			}
		}
		if wrong > allowed {
			t.Errorf("the bystanding %s did not hear %.0f Hz in %d fifths of a second of %s", side.name, side.hears, wrong, lasted)
		}
		got := side.call.Media().Received()
		if !got.Continuous() || got.Lost > 0 {
			t.Errorf("the bystanding %s's stream broke: %d sources, %d jumps, %d lost", side.name, len(got.SSRCs), got.Jumps, got.Lost)
		}
		t.Logf("the bystanding %s: %d packets in %s, longest gap %s", side.name, len(pcm)/160, lasted.Round(time.Second), got.LongestGap)
	}
	b.r.hangUp(b.citizen)
	b.r.over(b.operator)
}

// calmly is eventually for conditions that cost something to look at.
func calmly(t testing.TB, bound time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(bound)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("within %s this did not come true: %s", bound, what)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// read is a file of the server's folder.
func (s *server) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// write makes a file of the server's folder.
func (s *server) write(name, body string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(body), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// files lists a folder's files, relative to the server's.
func (s *server) files(dir string) (all []string) {
	s.t.Helper()
	err := fs.WalkDir(os.DirFS(s.dir), dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// page is what the metrics listener answers.
func (s *server) page(path string) string {
	s.t.Helper()
	r, err := http.Get("http://" + s.run.Metrics + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}
