package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStrainIsTheShareOfTheCoresInUse(t *testing.T) {
	g := newStrainGauge()
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	busy := g.look()
	if busy.CPU <= 0 || busy.CPU > 1.5 {
		t.Errorf("one busy core of %v is a share of %v", g.cores, busy.CPU)
	}
	g.memory = 2 * memoryUsed()
	if s := g.look(); s.Memory < 0.3 || s.Memory > 0.7 {
		t.Errorf("half of the memory is a share of %v", s.Memory)
	}
}

func TestTheLeastMemoryOfAllGroupsCounts(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "self")
	for path, text := range map[string]string{
		self:                                  "1:name=other:/x\n0::/system.slice/hotline.service\n",
		filepath.Join(dir, "root/memory.max"): "max\n",
		filepath.Join(dir, "root/system.slice/memory.max"):                 "1000000\n",
		filepath.Join(dir, "root/system.slice/hotline.service/memory.max"): "2000000\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, ok := cgroupMemory(self, filepath.Join(dir, "root")); !ok || n != 1000000 {
		t.Errorf("%v, %v", n, ok)
	}
	if n, ok := cgroupMemory(self, filepath.Join(dir, "nowhere")); ok {
		t.Errorf("%v from nowhere", n)
	}
}
