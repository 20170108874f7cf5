package recording

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/vault"
)

// What tells the process that is to be killed where to keep messages, and at which operation of
// its disk to kill itself; 0: not at all.
const (
	keeperDir  = "HOTLINE_TEST_KEEP_IN"
	keeperDies = "HOTLINE_TEST_KEEP_DIES"
	keeperKeys = "HOTLINE_TEST_KEEP_KEYS" // the folder of them; empty: the messages are plain
)

// keepUntilKilled keeps messages, and of three tells one and takes one back. It prints what it is about to do,
// and what it has done.
func keepUntilKilled(dir string) {
	dies, _ := strconv.Atoi(os.Getenv(keeperDies)) // nothing: 0
	o, err := keeperOptions(os.Getenv(keeperKeys))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s, err := openMessages(dir, o, counted(func(n int) error {
		if n == dies {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // cannot fail
			select {}
		}
		return nil
	}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := range 1 << 20 {
		m := call.Message{ID: call.NewID(), Kind: call.MatterProposal, Topic: strconv.Itoa(i), At: time.Now()}
		fmt.Println("keep", m.ID, i)
		if m, err = s.Keep(context.Background(), m, speechNumber(i)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("kept", m.ID, i)
		what, do := [...]string{"tell", "drop", ""}[i%3], [...]func(context.Context, call.Message) error{s.Told, s.Discard, nil}[i%3]
		if do == nil {
			continue
		}
		fmt.Println(what, m.ID, i)
		if err := do(context.Background(), m); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(map[string]string{"tell": "told", "drop": "dropped"}[what], m.ID, i)
	}
}

// keeperOptions are those of a keeper with its keys in a folder.
func keeperOptions(keys string) (MessageOptions, error) {
	o := MessageOptions{Zone: time.UTC, Log: zap.NewNop()}
	if keys == "" {
		return o, nil
	}
	ring, err := vault.OpenKeyring(keys, nil) // as long as the process lives
	if err == nil {
		o.Vault, o.Unwrap = ring, ring.Unwrap
	}
	return o, err
}

// speechNumber is the sound of a message: each has another.
func speechNumber(i int) []int16 {
	pcm := make([]int16, 4000+i%4000)
	for n := range pcm {
		pcm[n] = int16(n*i + i)
	}
	return pcm
}

// TestKilledAtEveryStep: a process dies before each operation of its disk. What was kept is told,
// what was told is not told again, nothing is there twice and nothing half.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	next := make(chan func())
	for range 3 {
		wg.Go(func() {
			for kill := range next {
				kill()
			}
		})
	}
	last := opsOfOpen + opsOfKeep + 3 + 8 + 2 + 8 + 1 // one is told, one taken back, one left
	for dies := 1; dies <= last; dies++ {
		next <- func() { killKeeper(t, dies, 0, false) }
	}
	for dies := 1; dies <= last+3*opsOfKey; dies++ {
		next <- func() { killKeeper(t, dies, 0, true) }
	}
	close(next)
	wg.Wait()
}

// TestKilledWhileKeeping: the same at any moment.
func TestKilledWhileKeeping(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	var wg sync.WaitGroup
	for i := range 4 {
		life := time.Duration(dice.Int64N(int64(300 * time.Millisecond)))
		wg.Go(func() { killKeeper(t, 0, life, i%2 == 1) })
	}
	wg.Wait()
}

// killKeeper lets a process keep messages until it dies, and judges what it leaves.
func killKeeper(t *testing.T, dies int, life time.Duration, encrypted bool) {
	data, keys := t.TempDir(), ""
	if encrypted {
		keys = t.TempDir()
	}
	child, out, err := again(keeperDir+"="+data, keeperDies+"="+strconv.Itoa(dies), keeperKeys+"="+keys)
	if err != nil {
		t.Error(err)
		return
	}
	did := map[string]map[call.ID]int{"keep": {}, "kept": {}, "tell": {}, "told": {}, "drop": {}, "dropped": {}}
	for s := bufio.NewScanner(out); s.Scan(); {
		if w := strings.Fields(s.Text()); len(w) == 3 {
			i, _ := strconv.Atoi(w[2]) // printed as a number
			did[w[0]][call.ID(w[1])] = i
		}
		if dies == 0 && len(did["keep"]) == 1 && len(did["kept"]) == 0 {
			time.AfterFunc(life, func() { _ = child.Process.Kill() }) // it may be dead already
		}
	}
	_ = child.Wait() // killed: that is what was wanted
	if st := child.ProcessState.Sys().(syscall.WaitStatus); !st.Signaled() {
		t.Errorf("dies at %d: it was not killed but ended with %v", dies, child.ProcessState)
		return
	}
	judgeKeeper(t, fmt.Sprintf("dies at %d after %v", dies, life), data, keys, did)
}

func judgeKeeper(t *testing.T, what, data, keys string, did map[string]map[call.ID]int) {
	var s *Messages
	o, err := keeperOptions(keys)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	voice, each := soundExt, 2 // files
	if keys != "" {
		voice, each = boxExt, 3
		defer o.Vault.Close()
	}
	for range 2 { // the second start finds what the first left
		var err error
		s, err = OpenMessages(data, o)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		defer s.Close() // only read
	}
	all, err := s.Untold(t.Context())
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	untold := map[call.ID]bool{}
	for _, m := range all {
		if i, begun := did["keep"][m.ID]; untold[m.ID] || !begun || m.Topic != strconv.Itoa(i) || !soundIs(s, m, speechNumber(i)) {
			t.Errorf("%s: untold is %+v", what, m)
		}
		untold[m.ID] = true
	}
	lost, again := 0, 0
	for id := range did["kept"] {
		_, telling := did["tell"][id]
		_, dropping := did["drop"][id]
		if !telling && !dropping && !untold[id] {
			lost++
		}
	}
	for _, over := range []string{"told", "dropped"} {
		for id := range did[over] {
			if untold[id] {
				again++
			}
		}
	}
	if lost > 0 || again > 0 {
		t.Errorf("%s: of %d kept %d are lost, of %d told or taken back %d are told again", what, len(did["kept"]), lost, len(did["told"])+len(did["dropped"]), again)
	}
	names := files(t, data)
	for _, n := range names {
		if ext := filepath.Ext(n); ext != voice && ext != manifestExt && (keys == "" || ext != keyExt) {
			t.Errorf("%s: %s is left", what, n)
		}
	}
	sounds := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return filepath.Ext(n) != voice })
	if len(names) != each*len(sounds) || len(sounds) < len(did["kept"])-len(did["drop"]) || len(sounds) > len(did["keep"])-len(did["dropped"]) {
		t.Errorf("%s: %d were kept, and there are %v", what, len(did["kept"]), names)
	}
	if faults, err := VerifyMessages(filepath.Join(data, messageFolder), o.Unwrap, nil); err != nil || len(faults) > 0 {
		t.Errorf("%s: verify finds %v, %v", what, faults, err)
	}
	t.Logf("%s: %d begun, %d kept, %d told, %d taken back; %d untold, %d on disk", what, len(did["keep"]), len(did["kept"]), len(did["told"]), len(did["dropped"]), len(untold), len(sounds))
}

// soundIs reads a message's sound as a stranger would.
func soundIs(s *Messages, m call.Message, pcm []int16) bool {
	b, err := s.Sound(m.Path)
	if err != nil || len(b) != 44+2*len(pcm) {
		return false
	}
	for i, want := range pcm {
		if int16(binary.LittleEndian.Uint16(b[44+2*i:])) != want {
			return false
		}
	}
	return true
}
