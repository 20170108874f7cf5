package app

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hotline/sip"
)

// A strainGauge says how near this process is to the end of what it may use: the CPU since it
// was last asked, as a share of the cores it may have, and its memory, as a share of GOMEMLIMIT
// or of what its cgroup may have, whichever is less. One goroutine asks.
type strainGauge struct {
	cores  float64
	memory float64 // bytes; 0: nobody says how much there may be
	at     time.Time
	spent  time.Duration
}

func newStrainGauge() *strainGauge {
	g := &strainGauge{cores: float64(runtime.GOMAXPROCS(0)), memory: memoryLimit()}
	g.at, g.spent = time.Now(), cpuSpent()
	return g
}

// look returns the strain since the last look.
func (g *strainGauge) look() (s sip.Strain) {
	at, spent := time.Now(), cpuSpent()
	if wall := at.Sub(g.at); wall > 0 {
		s.CPU = float64(spent-g.spent) / float64(wall) / g.cores
	}
	g.at, g.spent = at, spent
	if g.memory > 0 {
		s.Memory = memoryUsed() / g.memory
	}
	return s
}

// cpuSpent is the CPU time of this process, in user and system.
func cpuSpent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memoryUsed is what Go's memory limit counts: all that was taken from the system and not
// given back.
func memoryUsed() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// memoryLimit is how many bytes the process may have, 0 where nobody says.
func memoryLimit() float64 {
	limit := float64(math.MaxInt64)
	if n := debug.SetMemoryLimit(-1); n < math.MaxInt64 {
		limit = float64(n)
	}
	if n, ok := cgroupMemory("/proc/self/cgroup", "/sys/fs/cgroup"); ok {
		limit = min(limit, n)
	}
	if limit >= math.MaxInt64 {
		return 0
	}
	return limit
}

// cgroupMemory is the least memory.max (cgroup v2) of the process's group and those above it.
func cgroupMemory(self, root string) (least float64, ok bool) {
	b, err := os.ReadFile(self)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		group, found := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for ; found; group = filepath.Dir(group) {
			if n, err := readBytes(filepath.Join(root, group, "memory.max")); err == nil && (!ok || n < least) {
				least, ok = n, true
			}
			if group == "/" || group == "." {
				break
			}
		}
	}
	return least, ok
}

// readBytes reads a file that holds one number; "max" is none.
func readBytes(path string) (float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 63)
	return float64(n), err
}
