package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// victimDir makes this test program write calls into a folder until somebody kills it.
const victimDir = "HOTLINE_TEST_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		be := victim
		if os.Getenv(victimDir+"_CASES") != "" {
			be = caseVictim
		}
		if err := opened(dir, be); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// opened opens a store in a locked folder, as the server does, and does something with it.
func opened(dir string, do func(*Store) error) error {
	lock, err := Lock(dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	s, err := Open(Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	return do(s)
}

// writer starts this program again as a process that writes into dir and can be killed.
func writer(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), victimDir+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// victim writes calls and says on standard output what the store has taken.
func victim(s *Store) error {
	first, err := strconv.Atoi(os.Getenv(victimDir + "_FIRST"))
	if err != nil {
		return err
	}
	pace := time.NewTicker(time.Millisecond) // ten thousand calls more would prove nothing more
	defer pace.Stop()
	for n := first; ; n++ {
		r := closedRecord(n)
		if err := s.Arrived(openRecord(n)); err != nil {
			return err
		}
		for i := range 3 {
			s.Event(call.Event{At: t0, Call: r.ID, Name: fmt.Sprint(i)})
		}
		if n%2 == 0 {
			if err := s.Closed(r); err != nil {
				return err
			}
		}
		fmt.Println(n) // unbuffered: one write(2)
		<-pace.C
	}
}

// kill -9 in the middle of writing, again and again in the same folder: what the store had
// taken is there, once, and closed once.
func TestKill9LosesAndDoublesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	taken := 0            // calls below were taken whole, but for those
	cut := map[int]bool{} // that a writer was killed in
	for range 20 {
		cmd, lines := writer(t, dir, fmt.Sprintf("%s_FIRST=%d", victimDir, taken))
		var kill *time.Timer
		for lines.Scan() {
			n, err := strconv.Atoi(lines.Text())
			must(t, err)
			taken = n + 1
			if kill == nil { // it is writing: 0 to 250 ms meet some commits
				kill = time.AfterFunc(time.Duration(rnd.IntN(250))*time.Millisecond, func() { cmd.Process.Kill() })
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		if rnd.IntN(4) == 0 {
			// Sometimes we look, which replays; mostly the next writer does.
			checkTaken(t, dir, taken, cut)
		}
		cut[taken] = true
		taken++
	}
	checkTaken(t, dir, taken, cut)
	t.Logf("%d calls", taken)
}

func checkTaken(t *testing.T, dir string, taken int, cut map[int]bool) {
	t.Helper()
	ctx := context.Background()
	lock, err := Lock(dir)
	must(t, err)
	defer lock.Unlock()
	s := openIn(t, dir)
	defer s.Close()
	calls, err := s.Calls(ctx, Filter{})
	must(t, err)
	have := map[call.ID]call.Record{}
	for _, r := range calls {
		have[r.ID] = r
	}
	events, err := query(ctx, s.reader, scanEvent, `SELECT call, at, name, data FROM events ORDER BY seq`)
	must(t, err)
	story := map[call.ID]string{}
	for _, e := range events {
		story[e.Call] += e.Name
	}
	for n := range taken {
		id := openRecord(n).ID
		r, ok := have[id]
		switch {
		case cut[n] && strings.HasPrefix("012", story[id]):
		case !ok || story[id] != "012" || (n%2 == 0) == r.Ended.IsZero():
			t.Fatalf("call %d: found %v, events %q, ended %v", n, ok, story[id], r.Ended)
		}
	}
}
