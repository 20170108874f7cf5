package recording

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// What the process of the kill points does: so many calls are up, and one more is opened and sealed
// in the midst of them. Its id is given, so that strace knows the names of its files.
const (
	manyDir   = "HOTLINE_TEST_RECORD_MANY_IN"
	dyingID   = "HOTLINE_TEST_DYING"
	callsUp   = 20
	dyingFrom = 25 // packets of 20 ms
	dyingTo   = 61
	gaveUp    = 161 // nobody has killed it
	callBase  = 32  // a packet's number is its place times this, and its call's number
)

// recordManyUntilKilled records calls whose packets say their number and their call's, prints which
// call is which, and for each packet its place and how late it was, in microseconds.
func recordManyUntilKilled(dir string) {
	begin := time.Now()
	r, err := New(Options{
		Dir: dir, Chain: childChain(dir), Node: "child", Zone: time.UTC, Format: PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	fatal(err)
	open := func(id call.ID, at time.Time) *Recording {
		g, err := r.Open(Meta{Call: id, Line: "919", Arrived: at, Answered: at, Codec: call.PCMA})
		fatal(err)
		g.Voice(true, "")
		return g
	}
	var calls []*Recording
	for k := range callsUp {
		id := call.NewID()
		fmt.Println("call", k, id)
		calls = append(calls, open(id, begin))
	}
	var dying *Recording
	for i := range uint32(gaveUp) {
		due := begin.Add(time.Duration(i) * 20 * time.Millisecond)
		time.Sleep(time.Until(due))
		now := time.Now()
		switch i {
		case dyingFrom:
			dying = open(call.ID(os.Getenv(dyingID)), due)
			calls = append(calls, dying)
		case dyingTo:
			calls = calls[:callsUp]
			go func() { _, err := dying.Seal(context.Background(), now); fatal(err) }()
		}
		for k, g := range calls {
			for ch := range call.Channel(2) {
				g.Take(call.Frame{Channel: ch, Codec: call.PCMA, Timestamp: i * 160, At: due, Payload: numbered(i*callBase + uint32(k))})
			}
		}
		fmt.Println("packet", i, now.Sub(due).Microseconds())
	}
	os.Exit(3)
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A killPoint is a place where the process dies: before its when-th call of a system call on one
// of the files of the call that is opened and sealed.
type killPoint struct {
	name    string
	syscall string
	file    string // what stands behind the call's id; "/": the folder of the day
	byName  bool   // the call names the file, and has no descriptor of it
}

// killPoints are the named places, in the order in which a recording passes them.
var killPoints = []killPoint{
	{"before the draft", "openat", draftExt, true},
	{"between the draft and the sound", "openat", soundExt, true},
	{"between create and header", "pwrite64", soundExt, false},
	{"between header and first write", "write", draftExt, false},
	{"before a sync", "fdatasync", soundExt, false},
	{"before the sync of a new folder", "fsync", "/", false},
	{"between the last write and the true sizes", "ftruncate", soundExt, false},
	{"between the true sizes and the hash", "pread64", soundExt, false},
	{"before the manifest", "openat", manifestExt + tempExt, true},
	{"before the manifest's bytes", "write", manifestExt + tempExt, false},
	{"before the manifest's sync", "fsync", manifestExt + tempExt, false},
	{"before the manifest's name", "renameat", manifestExt + tempExt, true},
	{"before the draft goes", "unlinkat", draftExt, true},
}

// How late the process's own packets may be; beyond it, what is lost tells of the machine. Up to it,
// the recorder beside them is excused for as much.
const tooLate = 200 * time.Millisecond

// TestKillPoints kills processes with 20 calls up, at every place a recording passes and at random
// moments. Python says what is the last packet in each file: of no leg may more than 200 ms be
// lost, beyond what the packets themselves came late, and never more than a second.
func TestKillPoints(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	points := slices.Clone(killPoints)
	random := 2
	if nightly() {
		for range 9 {
			points = append(points, killPoints...)
		}
		random = 10
	}
	for range random {
		points = append(points, killPoint{name: fmt.Sprint(time.Duration(dice.IntN(2500)+100) * time.Millisecond)})
	}
	var lost, ours []time.Duration
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan killPoint)
	for range 3 {
		wg.Go(func() {
			for p := range next {
				l, late := killAt(t, p)
				mu.Lock()
				lost = append(lost, l...)
				for _, d := range l {
					ours = append(ours, max(0, d-late))
				}
				mu.Unlock()
			}
		})
	}
	for _, p := range points {
		next <- p
	}
	close(next)
	wg.Wait()
	if want := len(points) * callsUp * 2; len(lost) != want {
		t.Fatalf("%d legs are judged, want %d", len(lost), want)
	}
	slices.Sort(lost)
	median, p99, most := lost[len(lost)/2], lost[len(lost)*99/100], lost[len(lost)-1]
	t.Logf("%d kills, %d legs: lost median %v, p99 %v, most %v", len(points), len(lost), median, p99, most)
	if aim := slices.Max(ours); aim > 200*time.Millisecond || most > time.Second {
		t.Errorf("lost: %v more than the packets were late, %v in all; want at most 200ms and 1s", aim, most)
	}
}

// killAt kills one process at a point, again where its packets were late, and judges what it leaves.
func killAt(t *testing.T, p killPoint) (lost []time.Duration, late time.Duration) {
	for range 5 {
		k, err := runKilled(t, p)
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			return nil, 0
		}
		if k.late <= tooLate {
			return k.judge(t, p), k.late
		}
		t.Logf("%s: the packets were up to %v late; once more", p.name, k.late)
	}
	t.Errorf("%s: this machine is too busy for %d calls", p.name, callsUp)
	return nil, 0
}

// A killedProcess is what is known of one that was killed.
type killedProcess struct {
	data   string
	dying  call.ID
	calls  map[string]int // by the name of the file
	newest int            // packet sent
	late   time.Duration
}

func runKilled(t *testing.T, p killPoint) (k killedProcess, err error) {
	k = killedProcess{data: t.TempDir(), dying: call.NewID(), calls: map[string]int{}, newest: -1}
	dir := filepath.Join(k.data, folder)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{os.Args[0]}
	if p.syscall != "" {
		day := filepath.Join(dir, time.Now().UTC().Format("2006/01/02"))
		file := string(k.dying) + p.file
		switch {
		case p.file == "/":
			file = day
		case !p.byName:
			file = filepath.Join(day, file)
		}
		args = append([]string{"strace", "-f", "-q", "-o", filepath.Join(k.data, "strace"), "-e", "trace=" + p.syscall,
			"-P", file, "-e", "inject=" + p.syscall + ":signal=SIGKILL:when=1"}, args...)
	}
	child := exec.CommandContext(ctx, args[0], args[1:]...)
	child.Env = append(os.Environ(), manyDir+"="+dir, dyingID+"="+string(k.dying))
	var complaints bytes.Buffer
	child.Stderr = &complaints
	out, err := child.StdoutPipe()
	if err != nil {
		return k, err
	}
	if err := child.Start(); err != nil {
		return k, fmt.Errorf("%w (apt-get install strace)", err)
	}
	die, _ := time.ParseDuration(p.name)
	for s := bufio.NewScanner(out); s.Scan(); {
		var n, late int
		var id string
		if _, err := fmt.Sscanf(s.Text(), "call %d %s", &n, &id); err == nil {
			k.calls[id+soundExt] = n
		}
		if _, err := fmt.Sscanf(s.Text(), "packet %d %d", &n, &late); err == nil {
			k.newest = n
			k.late = max(k.late, time.Duration(late)*time.Microsecond)
			if n == 0 && die > 0 {
				time.AfterFunc(die, func() { _ = child.Process.Kill() }) // it may have ended: then it shows below
			}
		}
	}
	err = child.Wait()
	if child.ProcessState.ExitCode() != -1 { // not by a signal
		return k, fmt.Errorf("nobody killed it: %v %s", err, complaints.String())
	}
	return k, nil
}

// judge says how much of each leg is lost, and demands that the next start mends everything.
func (k killedProcess) judge(t *testing.T, p killPoint) (lost []time.Duration) {
	before, most := k.newestIn(t), time.Duration(0)
	for name, n := range k.calls {
		last, ok := before[name]
		if !ok {
			t.Errorf("%s: %s is not there", p.name, name)
			continue
		}
		for i, number := range last {
			age := time.Duration(k.newest-number/callBase) * 20 * time.Millisecond
			if number < 0 {
				age = time.Duration(k.newest+1) * 20 * time.Millisecond
			} else if number%callBase != n {
				t.Errorf("%s: on channel %d of call %d is the packet %d of another call", p.name, i, n, number)
			}
			most = max(most, age)
			lost = append(lost, age)
		}
	}
	dir := filepath.Join(k.data, folder)
	links := newChain(t, dir, keysBeside(dir))
	done, err := Repair(t.Context(), dir, links, func(id call.ID) Meta { return Meta{Call: id, Answered: time.Now()} })
	if err != nil || len(done) < callsUp || len(done) > callsUp+1 {
		t.Errorf("%s: %d are repaired, %v", p.name, len(done), err)
	}
	if faults, err := Verify(dir, Proof{}, nil); err != nil || len(faults) > 0 {
		t.Errorf("%s: verify finds %v, %v", p.name, faults, err)
	}
	for name, last := range k.newestIn(t) {
		if last != before[name] {
			t.Errorf("%s: the last packets were %v before the repair, are %v after it", p.name, before[name], last)
		}
	}
	t.Logf("%s: packet %d was the newest, packets up to %v late, at most %v lost", p.name, k.newest, k.late, most)
	return lost
}

// newestIn asks Python for the last packet of each channel, by the name of the file.
func (k killedProcess) newestIn(t *testing.T) map[string][2]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(k.data, folder, "*/*/*/*"+soundExt))
	if err != nil {
		t.Error(err)
	}
	python := exec.CommandContext(t.Context(), "python3", "testdata/newest.py")
	python.Stdin = strings.NewReader(strings.Join(files, "\n"))
	out, err := python.Output()
	if err != nil {
		t.Errorf("python3: %v (apt-get install python3)", err)
	}
	all := map[string][2]int{}
	for line := range strings.Lines(string(out)) {
		var name string
		var last, wrong [2]int
		if _, err := fmt.Sscan(line, &name, &last[0], &wrong[0], &last[1], &wrong[1]); err != nil {
			t.Errorf("python3 says %q: %v", line, err)
		}
		if wrong != [2]int{} {
			t.Errorf("%s: packets are not in their place: %v", filepath.Base(name), wrong)
		}
		all[filepath.Base(name)] = last
	}
	return all
}
