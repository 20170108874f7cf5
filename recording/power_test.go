package recording

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/vault"
)

const (
	// powerLoss is the most that a power cut may cost of a leg.
	powerLoss = 2 * time.Second

	// What happens on the forgetful disk: calls that begin one after another, some of which end.
	powerCalls  = 10
	powerTicks  = 275 // of 20 ms
	beginsEvery = 15  // ticks
	endsAfter   = 120 // ticks, every third of them
	syncsFail   = 155 // tick: three syncs of sounds fail
)

// A poweredCall is one of the calls on the forgetful disk, as whoever talked knows it.
type poweredCall struct {
	*Recording
	number int
	begun  int // tick
	sent   []time.Time
	sealed time.Time // Seal has returned
}

// TestPowerCuts records on a disk that forgets what was not synced, and cuts the power at random
// moments, also after syncs that failed: of no leg of a call are more than 2 s lost, what was sealed is whole, what is older is
// unharmed, the notice is still proven, and the secret still a gap.
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	powerCuts(t, 24, nil)
}

// TestPowerCutsEncrypted does the same with encryption: a key is on the disk before its sound, and
// what the disk has kept behind a page that it has not is told apart. It runs by itself: two such disks at a time
// make packets late.
func TestPowerCutsEncrypted(t *testing.T) {
	powerCuts(t, 12, ringOf(t, t.TempDir()))
}

func powerCuts(t *testing.T, cuts int, ring *vault.Keyring) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	disk, mounted := mountForgetful(t)
	keys := t.TempDir()
	calls, late := recordOn(t, disk, filepath.Join(mounted, folder), keys, ring)
	disk.mu.Lock() // what comes now is the unmounting
	defer disk.mu.Unlock()
	renewed := 0
	for _, c := range calls {
		if slices.Contains(c.about.Faults, faultRenewed) {
			renewed++
		}
	}
	if renewed != 3 {
		t.Errorf("%d recordings went on in another file, want 3", renewed)
	}
	t.Logf("%d changes to the disk, packets up to %v late", len(disk.changes), late)
	if nightly() {
		cuts = 500
	}
	var lost []time.Duration
	for i := range cuts {
		kept := []func() bool{
			func() bool { return false }, func() bool { return true }, func() bool { return dice.IntN(2) == 0 }, func() bool { return dice.IntN(8) != 0 },
		}[i%4]
		n := 1 + dice.IntN(len(disk.changes))
		data := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := disk.cut(n, kept, data); err != nil {
			t.Fatal(err)
		}
		lost = append(lost, judgeCut(t, fmt.Sprintf("cut %d behind change %d", i, n), data, keys, calls, disk.changes[n-1].at)...)
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	slices.Sort(lost)
	if len(lost) < cuts {
		t.Fatalf("only %d legs are judged", len(lost))
	}
	most := lost[len(lost)-1]
	t.Logf("%d cuts, %d legs: lost median %v, p99 %v, most %v", cuts, len(lost), lost[len(lost)/2], lost[len(lost)*99/100], most)
	if most > powerLoss+late {
		t.Errorf("%v are lost, want at most %v", most, powerLoss)
	}
}

// recordOn records calls whose packets say their number, and seals every third. In the midst of it
// three syncs fail.
func recordOn(t *testing.T, disk *forgetful, dir, keys string, ring *vault.Keyring) (calls []*poweredCall, late time.Duration) {
	r, err := New(Options{
		Dir: dir, Chain: newChain(t, dir, keys), Vault: ring, Node: "node-1", Zone: time.UTC, Format: PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	begin := time.Now()
	type sealing struct {
		c  *poweredCall
		at time.Time
	}
	seals, done := make(chan sealing, powerCalls), make(chan struct{})
	go func() {
		defer close(done)
		for s := range seals {
			if _, err := s.c.Seal(t.Context(), s.at); err != nil {
				t.Error(err)
			}
			s.c.sealed = time.Now()
		}
	}()
	for i := range powerTicks {
		due := begin.Add(time.Duration(i) * 20 * time.Millisecond)
		time.Sleep(time.Until(due))
		now := time.Now()
		late = max(late, now.Sub(due))
		if i == syncsFail {
			disk.mu.Lock()
			disk.failing = 3
			disk.mu.Unlock()
		}
		if n := len(calls); i == n*beginsEvery && n < powerCalls {
			g, err := r.Open(Meta{Call: call.NewID(), Line: "919", Arrived: due, Answered: due, Codec: call.PCMA})
			if err != nil {
				t.Fatal(err)
			}
			g.SetNotice(call.Notice{Key: "notice.recording", Language: "ru", Version: "v", From: now, To: now})
			g.Voice(true, "")
			calls = append(calls, &poweredCall{Recording: g, number: n, begun: i})
		}
		for _, c := range calls {
			switch age := i - c.begun; {
			case age == secretFrom:
				c.Heard(false, "secret")
			case age == secretTo:
				c.Heard(true, "")
			case c.number%3 == 0 && age == endsAfter:
				seals <- sealing{c, now}
			}
			if c.number%3 == 0 && i-c.begun >= endsAfter {
				continue
			}
			for ch := range call.Channel(2) {
				c.Take(call.Frame{
					Channel: ch, Codec: call.PCMA, Timestamp: uint32(len(c.sent)) * 160, At: due, Payload: numbered(uint32(len(c.sent)*callBase + c.number)),
				})
			}
			c.sent = append(c.sent, now)
		}
	}
	close(seals)
	<-done
	return calls, late
}

// judgeCut demands of what a power cut left that the next start mends it, and says how much of each
// leg is lost.
func judgeCut(t *testing.T, name, data, keys string, calls []*poweredCall, at time.Time) (lost []time.Duration) {
	t.Helper()
	dir := filepath.Join(data, folder)
	answers := map[call.ID]Meta{}
	for _, c := range calls {
		answers[c.meta.Call] = c.meta
	}
	young := func(id call.ID) bool {
		i := slices.IndexFunc(calls, func(c *poweredCall) bool { return c.meta.Call == id })
		return i >= 0 && at.Sub(calls[i].sent[0]) <= powerLoss
	}
	var expected []Expected
	before := map[string][]byte{}
	for _, c := range calls {
		if c.sealed.IsZero() || c.sealed.After(at) {
			continue
		}
		expected = append(expected, Expected{c.meta.Call, c.Path()})
		beside := []string{c.ext(), manifestExt}
		if c.box != nil {
			beside = append(beside, keyExt)
		}
		for _, ext := range beside {
			file := filepath.Join(data, strings.TrimSuffix(c.Path(), c.ext())+ext)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Errorf("%s: call %d is sealed: %v", name, c.number, err)
			}
			before[file] = b
		}
	}
	links, done, err := openChain(dir, keys)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer done()
	_, err = Repair(t.Context(), dir, links, func(id call.ID) Meta { return answers[id] })
	beyond := map[call.ID]bool{} // of a file that was never synced, the disk may have kept all but the header
	for _, c := range calls {
		beyond[c.meta.Call] = err != nil && strings.Contains(err.Error(), string(c.meta.Call))
		if beyond[c.meta.Call] && at.Sub(c.sent[0]) > powerLoss {
			t.Errorf("%s: call %d has been up for %v and cannot be repaired: %v", name, c.number, at.Sub(c.sent[0]), err)
		}
	}
	if err != nil && !slices.Contains(slices.Collect(maps.Values(beyond)), true) {
		t.Errorf("%s: repair: %v", name, err)
	}
	proof := Proof{Expected: expected}
	if ring := calls[0].r.o.Vault; ring != nil {
		proof.Unwrap = ring.Unwrap
	}
	faults, err := Verify(dir, proof, nil)
	for _, f := range faults {
		if young(f.Call) && strings.Contains(f.Problem, "cannot be opened") {
			beyond[f.Call] = true // its key was never synced; of the sound, which was not either, something is there
			continue
		}
		if !beyond[f.Call] {
			t.Errorf("%s: verify finds %v", name, f)
		}
	}
	if err != nil && len(expected) > 0 {
		t.Errorf("%s: verify: %v", name, err)
	}
	for file, b := range before {
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, b) {
			t.Errorf("%s: %s was sealed and is changed, %v", name, filepath.Base(file), err)
		}
	}
	for _, c := range calls {
		if c.sent[0].After(at) || beyond[c.meta.Call] {
			continue
		}
		lost = append(lost, c.lost(t, name, data, at)...)
	}
	return lost
}

// lost says how much of each leg is not there: from the first packet that is missing to the last
// that was sent when the power went.
func (c *poweredCall) lost(t *testing.T, name, data string, at time.Time) (lost []time.Duration) {
	t.Helper()
	sent := 0
	for sent < len(c.sent) && !c.sent[sent].After(at) {
		sent++
	}
	old := at.Sub(c.sent[0]) > powerLoss
	file := filepath.Join(data, c.Path())
	if _, err := os.Stat(file); err != nil {
		if old {
			t.Errorf("%s: call %d has been up for %v and has no file", name, c.number, at.Sub(c.sent[0]))
		}
		return nil
	}
	left, right := split(decoded(format{codec: codecPCM16}, heardOf(t, c.Recording, file)))
	for ch, pcm := range [][]int16{left, right} {
		have := c.whole(pcm, ch == 1)
		at := at
		if last := c.sent[len(c.sent)-1].Add(20 * time.Millisecond); at.After(last) {
			at = last // the call had ended: no more was sent that could be lost
		}
		if have < len(c.sent) && at.Sub(c.sent[have]) > powerLoss {
			t.Errorf("%s: call %d: channel %d has %d of %d packets, %v are lost", name, c.number, ch, have, sent, at.Sub(c.sent[have]))
		}
		lost = append(lost, max(0, at.Sub(c.sent[min(have, len(c.sent)-1)])))
		if have >= sent {
			lost[len(lost)-1] = 0
		}
	}
	if m := readManifest(t, file); old {
		if m["notice"] == nil {
			t.Errorf("%s: call %d has been up for %v, and the notice is not proven: %v", name, c.number, at.Sub(c.sent[0]), m)
		}
		if gap := strings.Contains(fmt.Sprint(m["gaps"]), "secret"); !gap && at.Sub(c.sent[0]) > powerLoss+secretTo*20*time.Millisecond {
			t.Errorf("%s: call %d does not tell of its secret: %v", name, c.number, m["gaps"])
		}
	}
	return lost
}

// whole is how many packets, from the first, are where they belong. Those of the secret are not to be
// there, and the voice's first come before it is turned on where this machine is slow.
func (c *poweredCall) whole(pcm []int16, heard bool) (n int) {
	first := 0
	for ; first+160 <= len(pcm); first++ {
		if number, ok := numberAt(pcm, first); ok && int(number)%callBase == c.number && number < secretFrom*callBase {
			n = int(number) / callBase
			break
		}
	}
	for at := first; at+160 <= len(pcm); at += 160 {
		number, ok := numberAt(pcm, at)
		secret := heard && n >= secretFrom-1 && n <= secretTo+2
		if !secret && (!ok || number != uint32(n*callBase+c.number)) {
			break
		}
		n++
	}
	return n
}
