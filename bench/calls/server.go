package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Where the server listens. The telephones are at another address, so that no port is wanted twice.
const (
	trunks = "127.0.0.1:5060"
	phones = "127.0.0.1:5070"
)

// configuration is one line, one queue, every limit out of the way.
const configuration = `data: ./data
sip:
  trunks: {listen: ["udp://` + trunks + `"], carriers: [{name: carrier, from: [127.0.0.0/8]}]}
  phones: {listen: ["udp://` + phones + `"]}
media: {listen: 127.0.0.1, ports: 10000-59999}
http: {listen: "127.0.0.1:0"}
metrics: {listen: "127.0.0.1:0"}
lines: [{number: "919", start: main}]
menus: {main: {queue: general}}
queues: [{name: general, wrap_up: 0s, offer: 15s}]
limits: {calls_per_second: 10000, per_number: 0}
`

// A server is the built program on a folder of its own.
type server struct {
	dir     string
	process *exec.Cmd
	log     *os.File
}

func secretOf(i int) string     { return fmt.Sprintf("secret-of-%04d-long-enough", i) }
func operatorName(i int) string { return fmt.Sprintf("op%04d", i) }

// startServer makes the operators and starts the program.
func startServer(program string, operators int) (*server, error) {
	dir, err := os.MkdirTemp("", "hotline-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	config, people := filepath.Join(dir, "hotline.yaml"), filepath.Join(dir, "people.csv")
	var csv strings.Builder
	csv.WriteString("name,role,languages,queues,password,sip_secret\n")
	for i := range operators {
		fmt.Fprintf(&csv, "%s,operator,az en ru,,password%04d,%s\n", operatorName(i), i, secretOf(i))
	}
	err = errors.Join(os.WriteFile(config, []byte(configuration), 0o600), os.WriteFile(people, []byte(csv.String()), 0o600))
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if out, err := exec.Command(program, "user", "import", people, "--config", config).CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("user import: %w: %s", err, bytes.TrimSpace(out)), s.stop())
	}
	if s.log, err = os.Create(filepath.Join(dir, "serve.log")); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.process = exec.Command(program, "serve", "--config", config)
	s.process.Stderr = s.log
	if err := s.process.Start(); err != nil {
		s.process = nil
		return nil, errors.Join(err, s.stop())
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var run struct{ PID int }
		b, err := os.ReadFile(filepath.Join(dir, "data", "run.json"))
		if err == nil && json.Unmarshal(b, &run) == nil && run.PID == s.process.Process.Pid {
			return s, nil
		}
		if time.Since(began) > 15*time.Second {
			log, _ := os.ReadFile(s.log.Name())
			return nil, errors.Join(fmt.Errorf("the server does not come up: %s", log), s.stop())
		}
	}
}

// stop ends the server, and its folder with all that was recorded.
func (s *server) stop() error {
	if s.process != nil {
		_ = s.process.Process.Kill() // nothing of it is wanted any more
		_ = s.process.Wait()
	}
	if s.log != nil {
		_ = s.log.Close()
	}
	return os.RemoveAll(s.dir)
}

// use is what a process has used until now: CPU time, and memory now in MiB.
func use(pid int) (cpu time.Duration, resident int) {
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		// Behind the name, which may hold anything, utime and stime are the 12th and 13th.
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		cpu = time.Duration(user+system) * time.Second / 100 // USER_HZ is 100 on Linux
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		_, rest, _ := strings.Cut(string(b), "VmRSS:")
		kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, _ := strconv.Atoi(kb)
		resident = n >> 10
	}
	return cpu, resident
}

// manyFiles lifts the limit of open files: each telephone has a few.
func manyFiles() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}
