package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"hotline/phone"
)

const (
	operators = 200              // telephones, and how many people talk at once
	talk      = 2 * time.Second  // of each call while the rate is measured: the language whispered, then a word
	window    = 10 * time.Second // of steady rate
	ending    = 30 * time.Second // for the last calls of a window
	listen    = 10 * time.Second // how long all talk at once

	// A rate is carried if so many of its calls went all the way, answered so soon.
	wholeShare = 0.995
	latest     = 500 * time.Millisecond
	// lateSelf is how late the telephones may be: above it the step is no verdict.
	lateSelf = 50 * time.Millisecond
	tries    = 3
)

var rates = []int{5, 10, 15, 20, 30, 40, 60}

func main() {
	program := flag.String("hotline", "bin/hotline", "the built server")
	flag.Parse()
	if err := measure(*program); err != nil {
		fmt.Fprintln(os.Stderr, "calls:", err)
		os.Exit(1)
	}
}

func measure(program string) error {
	if err := manyFiles(); err != nil {
		return err
	}
	s, err := startServer(program, operators)
	if err != nil {
		return err
	}
	defer s.stop()
	ctx := context.Background()
	c, err := newCrew(ctx, operators)
	if err != nil {
		return err
	}
	defer c.close()
	fmt.Printf("%d cores, server and telephones on all of them; %d operators registered\n\n", runtime.NumCPU(), operators)
	fmt.Printf("%8s %8s %9s %7s %19s %14s %6s %16s\n", "calls/s", "offered", "answered", "whole", "answer p50/p99 ms", "server CPU", "MiB", "late p99 ms")
	carried := 0
	for _, rate := range rates {
		v := believed(ctx, s, c, rate)
		fmt.Println(v)
		if !v.carried() {
			for why, n := range v.failures {
				fmt.Printf("         %d calls: %s\n", n, why)
			}
			if v.late > lateSelf {
				fmt.Println("         the telephones were late each time: this machine has no more for both, the server may carry more")
			}
			break
		}
		carried = rate
	}
	fmt.Printf("\nthis machine carries %d calls/s: greeted, language, notice, operator, talk, recorded\n", carried)
	return talking(ctx, s, c)
}

// believed measures a rate, again where the telephones were too late to judge anybody.
func believed(ctx context.Context, s *server, c *crew, rate int) (v verdict) {
	for range tries {
		if v = atRate(ctx, s, c, rate); v.carried() || v.late <= lateSelf {
			break
		}
	}
	return v
}

// A verdict is one rate's figures.
type verdict struct {
	rate, offered, answered, whole, resident int
	p50, p99, late                           time.Duration
	failures                                 map[string]int
	cpu                                      float64 // cores
}

func (v verdict) carried() bool {
	return float64(v.whole) >= wholeShare*float64(v.offered) && v.p99 <= latest
}

func (v verdict) String() string {
	return fmt.Sprintf("%8d %8d %9d %7d %11.1f / %5.1f %8.2f cores %6d %16.1f", v.rate, v.offered, v.answered, v.whole,
		ms(v.p50), ms(v.p99), v.cpu, v.resident, ms(v.late))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// atRate offers a steady rate and waits until the last call is over.
func atRate(ctx context.Context, s *server, c *crew, rate int) verdict {
	c.talk.Store(int64(talk))
	ctx, cancel := context.WithTimeout(ctx, window+ending)
	defer cancel()
	before, _ := use(s.process.Process.Pid)
	tales := offer(ctx, c, rate, rate*int(window/time.Second), false)
	after, resident := use(s.process.Process.Pid)
	v := verdict{rate: rate, offered: len(tales), resident: resident, failures: map[string]int{}}
	// The server worked from the first call to the last; what the rate costs is spread over its window.
	v.cpu = (after - before).Seconds() / window.Seconds()
	var answers, lates []time.Duration
	for _, t := range tales {
		lates = append(lates, t.late)
		if t.answer > 0 {
			v.answered++
			answers = append(answers, t.answer)
		}
		if t.talked && t.released {
			v.whole++
		}
		if t.failed != nil {
			v.failures[t.failed.Error()]++
		}
	}
	v.p50, v.p99, v.late = percentile(answers, 0.5), percentile(answers, 0.99), percentile(lates, 0.99)
	return v
}

// offer starts calls at a rate, by an absolute schedule, and waits for what becomes of them.
func offer(ctx context.Context, c *crew, rate, calls int, stay bool) []tale {
	tales := make([]tale, calls)
	var all sync.WaitGroup
	began := time.Now()
	for i := range calls {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		all.Go(func() { tales[i] = makeCall(ctx, c, due, stay) })
	}
	all.Wait()
	return tales
}

// talking has everybody talk at once and counts packets.
func talking(ctx context.Context, s *server, c *crew) error {
	c.talk.Store(0)
	tales := offer(ctx, c, 10, operators, true)
	defer func() {
		for _, t := range tales {
			if t.call != nil {
				t.call.Phone().Close()
			}
		}
	}()
	up := func() (n int) {
		for _, t := range tales {
			if t.call != nil && c.with(t.number) != nil {
				n++
			}
		}
		return n
	}
	for began := time.Now(); up() < operators && time.Since(began) < ending; {
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(2 * time.Second) // the last one's whisper
	count := func() (received, lost int) {
		for _, t := range tales {
			for _, side := range []*phone.Call{t.call, c.with(t.number)} {
				if side != nil {
					r := side.Media().Received()
					received, lost = received+r.Packets, lost+r.Lost
				}
			}
		}
		return received, lost
	}
	before, _ := use(s.process.Process.Pid)
	receivedBefore, lostBefore := count()
	time.Sleep(listen)
	received, lost := count()
	after, resident := use(s.process.Process.Pid)
	received, lost = received-receivedBefore, lost-lostBefore
	fmt.Printf("\n%d of %d talk at once for %s: %d packets heard, %d lost; server %.2f cores, %d MiB\n",
		up(), operators, listen, received, lost, (after-before).Seconds()/listen.Seconds(), resident)
	return nil
}
