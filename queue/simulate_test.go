package queue

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	simulations = flag.Int("simulations", 50, "how many days are simulated")
	onlyThis    = flag.Uint64("simulation", 0, "simulate only the day of this seed")
	planted     = flag.Bool("planted", false, "a bug is planted: what fails is not kept")
	simulateFor = flag.Duration("simulate-for", 0, "simulate days for so long instead, from a seed that depends on the date")
)

// eventsPerDay is the length of a simulated day, before its faults heal.
const eventsPerDay = 2000

// seedsFile keeps every seed that has failed: they run first, for ever.
const seedsFile = "testdata/seeds/simulation"

func keptSeeds(t *testing.T) (seeds []uint64) {
	b, err := os.ReadFile(seedsFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedsFile, err)
		}
		seeds = append(seeds, n)
	}
	return seeds
}

// keepSeed adds a seed that failed, with what it found.
func keepSeed(t *testing.T, n uint64, fault error) {
	f, err := os.OpenFile(seedsFile, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Errorf("seed %d cannot be kept: %v", n, err)
		return
	}
	what, _, _ := strings.Cut(fault.Error(), "\n")
	_, err = fmt.Fprintf(f, "%d # %.100s\n", n, what)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Errorf("seed %d cannot be kept: %v", n, err)
	}
}

// TestSimulation lives through simulated days with faults and their healing, on every processor. The
// full figures: scripts/simulation.sh.
func TestSimulation(t *testing.T) {
	if *onlyThis > 0 {
		if err := newSimulation(*onlyThis).live(eventsPerDay); err != nil {
			t.Fatal(err)
		}
		return
	}
	var (
		mu     sync.Mutex
		kept   []uint64
		next   = uint64(1)
		days   int
		failed bool
		began  = time.Now()
		seen   = map[string]int{}
	)
	if !*planted { // else what finds a bug would change with the seeds that are kept
		kept = keptSeeds(t)
	}
	if *simulateFor > 0 {
		next = uint64(began.Unix()) / 86400 * 1_000_000
		t.Logf("from seed %d on", next)
	}
	take := func() (n uint64, old, more bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(kept) > 0 && !failed {
			n, kept = kept[0], kept[1:]
			return n, true, true
		}
		if failed || *simulateFor == 0 && days >= *simulations || *simulateFor > 0 && time.Since(began) >= *simulateFor {
			return 0, false, false
		}
		days++
		next++
		return next - 1, false, true
	}
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for n, old, more := take(); more; n, old, more = take() {
				day := newSimulation(n)
				err := day.live(eventsPerDay)
				mu.Lock()
				for what, n := range day.seen {
					seen[what] += n
				}
				if err != nil && !failed {
					failed = true
					t.Errorf("seed %d: %v\nagain: go test ./queue -run '^TestSimulation$' -simulation %d", n, err, n)
					if !old && !*planted {
						keepSeed(t, n, err)
					}
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d days of %d events in %s", days, eventsPerDay, time.Since(began).Round(time.Second))
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%9d %s", seen[what], what)
	}
	if failed || days < 50 {
		return
	}
	for _, c := range commandCodecs { // a day in which things do not happen proves nothing about them
		if what := c.of.Name(); seen[what] < days/10 {
			t.Errorf("%s was seen only %d times in %d days", what, seen[what], days)
		}
	}
	for _, what := range []string{"crash", "lost end of the journal", "set back"} {
		if seen[what] == 0 {
			t.Errorf("there was no %s in %d days", what, days)
		}
	}
}
