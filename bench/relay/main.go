package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How long a design settles and is measured, how often each, and how late the generator may be.
const (
	settle    = time.Second
	window    = 4 * time.Second
	rounds    = 3
	tries     = 4
	latestP99 = 5000.0 // µs
)

var levels = []int{50, 200, 500}

func main() {
	child := flag.String("serve", "", "be the relay of this design (for the program itself)")
	dir := flag.String("dir", "", "folder of recordings")
	floor := flag.String("floor", "", "the built floor.c")
	flag.Parse()
	var err error
	if *child != "" {
		err = serve(*child, *dir)
	} else {
		err = measure(*floor)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

// A figure is one design at one level, over all rounds.
type figure struct {
	cpu      []float64 // µs a relayed packet
	p50, p99 []float64 // added latency in µs
	late     []float64 // of the generator, p99 in µs
	lost     int
	repeated int
}

func measure(floor string) error {
	if floor == "" {
		return errors.New("name the built floor.c by -floor")
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	runtime.LockOSThread()
	var own unix.CPUSet
	own.Set(0)
	_ = unix.SchedSetaffinity(0, &own) // one core for the telephones, the other for the relay
	figures := map[string]*figure{}
	for round := range rounds {
		for _, calls := range levels {
			for _, d := range designs {
				key := d + strconv.Itoa(calls)
				if figures[key] == nil {
					figures[key] = &figure{}
				}
				fmt.Fprintf(os.Stderr, "round %d of %d: %d calls, %s          \r", round+1, rounds, calls, d)
				if err := believed(figures[key], d, floor, calls); err != nil {
					return fmt.Errorf("%s at %d calls: %w", d, calls, err)
				}
			}
		}
	}
	print(figures)
	return nil
}

// believed measures one window, again if the generator was late in it.
func believed(f *figure, design, floor string, calls int) error {
	for try := range tries {
		cpu, r, err := one(design, floor, calls)
		if err != nil {
			return err
		}
		late := percentile(r.late, 0.99)
		if late > latestP99 && try < tries-1 {
			f.repeated++
			continue
		}
		f.cpu = append(f.cpu, cpu/float64(max(1, r.received)))
		f.p50, f.p99 = append(f.p50, percentile(r.latency, 0.5)), append(f.p99, percentile(r.latency, 0.99))
		f.late = append(f.late, late)
		f.lost += r.sent - r.received
		return nil
	}
	return nil
}

// one runs a design at a level; cpu is what its process used in the window, in µs.
func one(design, floor string, calls int) (cpu float64, r result, err error) {
	g, err := newGenerator(2 * calls)
	if err != nil {
		return 0, r, err
	}
	defer g.close()
	dir, err := os.MkdirTemp("", "relay")
	if err != nil {
		return 0, r, err
	}
	defer os.RemoveAll(dir)
	child := exec.Command("taskset", "-c", "1", os.Args[0], "-serve", design, "-dir", dir)
	if design == designFloor {
		child = exec.Command("taskset", "-c", "1", floor, strconv.Itoa(2*calls))
	}
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		return 0, r, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return 0, r, err
	}
	if err := child.Start(); err != nil {
		return 0, r, err
	}
	defer func() { in.Close(); err = errors.Join(err, child.Wait()) }()
	if design != designFloor {
		ports, err := g.ports()
		if err != nil {
			return 0, r, err
		}
		for _, p := range ports {
			fmt.Fprintln(in, p)
		}
		fmt.Fprintln(in, "end")
	}
	ports, err := readPorts(out)
	if err != nil {
		return 0, r, err
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	g.aim(ports)
	g.run(settle)
	before, err := cpuTime(child.Process.Pid)
	if err != nil {
		return 0, r, err
	}
	r = g.run(window)
	after, err := cpuTime(child.Process.Pid)
	return float64(after-before) / 1000, r, err
}

// cpuTime is what all threads of a process have used, in ns, as the scheduler counts.
func cpuTime(pid int) (sum int64, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("the process %d is gone: %w", pid, err)
	}
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // a thread that has just ended
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func print(figures map[string]*figure) {
	fmt.Printf("µs of CPU a relayed packet, PCMA 20 ms, 2 legs a call; median of %d windows of %s; ratio to the C floor in the same round\n\n", rounds, window)
	fmt.Printf("%-12s %6s %10s %8s %12s %12s %8s %16s\n", "design", "calls", "µs/packet", "ratio", "latency p50", "latency p99", "lost", "generator p99")
	for _, calls := range levels {
		for _, d := range designs {
			f := figures[d+strconv.Itoa(calls)]
			base := figures[designFloor+strconv.Itoa(calls)]
			var ratios []float64
			for i := range f.cpu {
				ratios = append(ratios, f.cpu[i]/base.cpu[i])
			}
			note := ""
			if f.repeated > 0 {
				note = fmt.Sprintf("  (%d windows repeated: the generator was late)", f.repeated)
			}
			fmt.Printf("%-12s %6d %10.2f %8.2f %9.2f ms %9.2f ms %8d %13.2f ms%s\n", d, calls, median(f.cpu), median(ratios),
				median(f.p50)/1000, median(f.p99)/1000, f.lost, median(f.late)/1000, note)
		}
	}
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
