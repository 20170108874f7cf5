//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A sippRun is one sipp process at its scenario.
type sippRun struct {
	name string
	out  bytes.Buffer
	done chan struct{}
	code int
	kill context.CancelFunc // ends it at once
}

// sippOptions say how a scenario is run.
type sippOptions struct {
	scenario string // file in sipp/, without .xml
	target   string // host:port; empty: the trunk side
	from     string // its address; empty: 127.0.0.1
	port     int    // of its signalling; media goes to port+1000
	calls    int
	rate     int
	bound    time.Duration
	keys     map[string]string // -key
	args     []string
	pcap     func(path string) // makes play.pcap beside the scenario
}

// sipp starts a scenario. It has its own folder, since sipp looks for play.pcap beside the file.
func sipp(t testing.TB, o sippOptions) *sippRun {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, o.scenario+".xml")
	if err := os.WriteFile(file, []byte(scenario(t, o.scenario)), 0o600); err != nil {
		t.Fatal(err)
	}
	if o.pcap != nil {
		o.pcap(filepath.Join(dir, "play.pcap"))
	}
	if o.target == "" {
		o.target = "127.0.0.1:5060"
	}
	if o.from == "" {
		o.from = "127.0.0.1"
	}
	o.calls, o.rate = max(o.calls, 1), max(o.rate, 1)
	if o.bound == 0 {
		o.bound = 60 * time.Second
	}
	args := []string{
		o.target, "-sf", file, "-i", o.from, "-p", fmt.Sprint(o.port), "-mp", fmt.Sprint(o.port + 1000),
		"-m", fmt.Sprint(o.calls), "-r", fmt.Sprint(o.rate), "-l", fmt.Sprint(o.calls), "-timeout", fmt.Sprint(int(o.bound.Seconds())),
		"-timeout_error", "-nostdin", "-trace_err", "-error_file", filepath.Join(dir, "err.log"), "-recv_timeout", "40000",
	}
	if o.keys["line"] == "" {
		args = append(args, "-key", "line", "919")
	}
	for k, v := range o.keys {
		args = append(args, "-key", k, v)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.bound+10*time.Second)
	c := exec.CommandContext(ctx, "sipp", append(args, o.args...)...)
	c.Dir = dir
	r := &sippRun{name: o.scenario, done: make(chan struct{}), kill: cancel}
	c.Stdout, c.Stderr = &r.out, &r.out
	if err := c.Start(); err != nil {
		t.Fatalf("sipp: %v (apt-get install sip-tester)", err)
	}
	t.Cleanup(func() { cancel(); <-r.done })
	go func() {
		defer close(r.done)
		_ = c.Wait()
		r.code = c.ProcessState.ExitCode()
		if b, err := os.ReadFile(filepath.Join(dir, "err.log")); err == nil {
			r.out.Write(b)
		}
	}()
	return r
}

// good waits for the end of the scenario and demands that every call went by it.
func (r *sippRun) good(t testing.TB) {
	t.Helper()
	<-r.done
	if r.code != 0 {
		out := r.out.String()
		if len(out) > 3000 {
			out = out[len(out)-3000:]
		}
		t.Errorf("sipp %s ended with %d:\n%s", r.name, r.code, out)
	}
}
