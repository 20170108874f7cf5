//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// How long a design settles and is measured, how often each, and how late the telephones may be.
const (
	settle    = time.Second
	window    = 5 * time.Second
	rounds    = 3
	latestP99 = 5000.0 // µs

	// patience is how long all repeated windows may take together.
	patience = 60 * time.Second
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
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) // a thousand sockets are more than the usual limit
	}
	runtime.LockOSThread()
	if err := pin(0); err != nil {
		return err
	}
	debug.SetGCPercent(-1) // collected between windows
	figures := map[string]*figure{}
	spare := patience
	for round := range rounds {
		for _, calls := range levels {
			for _, d := range designs {
				key := d + strconv.Itoa(calls)
				if figures[key] == nil {
					figures[key] = &figure{}
				}
				fmt.Fprintf(os.Stderr, "round %d of %d: %d calls, %-12s\r", round+1, rounds, calls, d)
				if err := believed(figures[key], d, floor, calls, &spare); err != nil {
					return fmt.Errorf("%s at %d calls: %w", d, calls, err)
				}
			}
		}
	}
	print(figures)
	return nil
}

// believed measures one window, again while the telephones were late in it.
func believed(f *figure, design, floor string, calls int, spare *time.Duration) error {
	for {
		began := time.Now()
		cpu, r, err := one(design, floor, calls)
		if err != nil {
			return err
		}
		late := percentile(r.late, 0.99)
		if late > latestP99 {
			f.repeated++
			if *spare -= time.Since(began); *spare < 0 {
				return fmt.Errorf("the telephones are late again and again (p99 %.1f ms): this machine is too busy to be measured on", late/1000)
			}
			continue
		}
		f.cpu = append(f.cpu, cpu/float64(max(1, r.received)))
		f.p50, f.p99 = append(f.p50, percentile(r.latency, 0.5)), append(f.p99, percentile(r.latency, 0.99))
		f.late = append(f.late, late)
		f.lost += r.sent - r.received
		return nil
	}
}

// one runs a design at a level; cpu is what its process used in the window, in µs.
func one(design, floor string, calls int) (cpu float64, r result, err error) {
	runtime.GC()
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
	c, err := start(design, floor, dir, 2*calls)
	if err != nil {
		return 0, r, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	if design != designFloor {
		for leg := range 2 * calls {
			fmt.Fprintln(c.in, g.portOf(leg))
		}
		fmt.Fprintln(c.in, "end")
	}
	ports, err := c.ports()
	if err != nil {
		return 0, r, err
	}
	if err := g.aim(ports); err != nil {
		return 0, r, err
	}
	var marks []float64
	r, err = g.run(settle, window, func() error {
		used, err := c.used()
		marks = append(marks, used)
		return err
	})
	if err != nil {
		return 0, r, err
	}
	return marks[1] - marks[0], r, nil
}

func print(figures map[string]*figure) {
	fmt.Printf("µs of CPU a relayed packet, PCMA 20 ms, 2 legs a call; median of %d windows of %s; ratio to the C floor of the same round;\n"+
		"latency from a telephone's send to the other's socket\n\n", rounds, window)
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
	fmt.Printf("\nCPU a call, both ways, in thousandths of a core; what its recording adds to that\n\n")
	fmt.Printf("%6s %12s %12s %12s %14s %18s %26s\n", "calls", "unrecorded", "plain", "encrypted", "plain/unrec.", "encrypted/plain", "recording alone, enc./plain")
	for _, calls := range levels {
		of := func(design string) []float64 { return figures[design+strconv.Itoa(calls)].cpu }
		none, plain, encrypted := of(designOurs), of(designRecorded), of(designEncrypted)
		var first, second, alone []float64
		for i := range none {
			first, second = append(first, plain[i]/none[i]), append(second, encrypted[i]/plain[i])
			alone = append(alone, (encrypted[i]-none[i])/(plain[i]-none[i]))
		}
		const packets = 2 * 50 // a second and call
		fmt.Printf("%6d %12.2f %12.2f %12.2f %14.2f %18.2f %26.2f\n", calls, median(none)*packets/1000, median(plain)*packets/1000,
			median(encrypted)*packets/1000, median(first), median(second), median(alone))
	}
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
