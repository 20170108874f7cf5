package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
	"hotline/recording/vault"
)

// childDir names, in the environment, where the process that is to be killed records.
const childDir = "HOTLINE_TEST_RECORD_IN"

// childKeys names where its keys are, if it is to encrypt.
const childKeys = "HOTLINE_TEST_RECORD_KEYS"

// childSecond names its second directory, if it has one.
const childSecond = "HOTLINE_TEST_RECORD_SECOND"

// recordUntilKilled records a call whose packets say their own number, and prints the number of
// each as it is sent.
func recordUntilKilled(dir string) {
	o := Options{
		Dir: dir, Chain: childChain(dir), Node: "child", Zone: time.UTC, Format: PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
		Second: os.Getenv(childSecond),
	}
	var err error
	if keys := os.Getenv(childKeys); keys != "" {
		if o.Vault, err = vault.OpenKeyring(keys, nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	r, err := New(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	begin := time.Now()
	g, err := r.Open(Meta{Call: call.NewID(), Line: "919", Arrived: begin, Answered: begin, Codec: call.PCMA})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	g.SetLanguage("ru")
	g.SetNotice(call.Notice{Key: "notice.recording", Language: "ru", Version: "v", From: begin, To: begin})
	g.Voice(true, "")
	for i := range uint32(1 << 20) {
		switch i {
		case secretFrom:
			g.Heard(false, "secret")
		case secretTo:
			g.Heard(true, "")
		}
		time.Sleep(time.Until(begin.Add(time.Duration(i) * 20 * time.Millisecond)))
		for ch := range call.Channel(2) {
			g.Take(call.Frame{Channel: ch, Codec: call.PCMA, Timestamp: i * 160, At: time.Now(), Payload: numbered(i)})
		}
		fmt.Println(i)
	}
}

// The caller of the process that is to be killed is read a secret from one packet to another.
const (
	secretFrom = 5
	secretTo   = 10
)

// numbered is a payload that says its number: four digits, each 40 samples long and of other
// A-law values than the others. Value 0xD5, silence, is none of them.
func numbered(n uint32) []byte {
	b := make([]byte, 160)
	for i := range b {
		digit := i / 40
		b[i] = byte(0x80+0x10*digit) | byte(n>>(4*digit))&0xF
	}
	return b
}

// numberAt reads the number of the packet that begins at sample n; false where there is none.
func numberAt(pcm []int16, n int) (number uint32, ok bool) {
	for i := range 4 {
		b := media.EncodeALaw(pcm[n+40*i+20])
		if b&0xF0 != byte(0x80+0x10*i) {
			return 0, false
		}
		number |= uint32(b&0xF) << (4 * i)
	}
	return number, true
}

// TestKilledProcessLosesLessThanASecond kills recording processes at random times. In each file
// the last packet is less than a second older than the newest that was sent (we aim at 200 ms),
// it plays as it is, and Repair makes an interrupted recording of it that still has its notice.
func TestKilledProcessLosesLessThanASecond(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	var wg sync.WaitGroup
	for i := range 8 {
		life := 300*time.Millisecond + time.Duration(dice.Int64N(int64(2500*time.Millisecond)))
		wg.Go(func() { killOne(t, i, life, i%2 == 1) })
	}
	wg.Wait()
}

// again starts this program once more, as a process to be killed; the reader is what it says.
func again(env ...string) (*exec.Cmd, io.Reader, error) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), env...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return child, out, child.Start()
}

func killOne(t *testing.T, i int, life time.Duration, encrypted bool) {
	data := t.TempDir()
	env := []string{childDir + "=" + filepath.Join(data, folder)}
	if encrypted {
		env = append(env, childKeys+"="+keysOf(data))
	}
	if newest, ok := killAfter(t, life, env); ok {
		judgeKilled(t, i, data, newest)
	}
}

// killAfter runs a recording process for so long and says which packet was the newest it sent.
func killAfter(t *testing.T, life time.Duration, env []string) (newest uint32, ok bool) {
	child, out, err := again(env...)
	if err != nil {
		t.Error(err)
		return 0, false
	}
	var die <-chan time.Time
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	for alive := true; alive; {
		select {
		case l, ok := <-lines:
			if alive = ok; ok {
				n, _ := strconv.ParseUint(l, 10, 32)
				newest = uint32(n)
				if die == nil {
					die = time.After(life) // from the first packet on
				}
			}
		case <-die:
			_ = child.Process.Kill() // it may be dead already: then the lines end too
		}
	}
	_ = child.Wait() // killed: that is what was wanted
	return newest, true
}

func judgeKilled(t *testing.T, i int, data string, newest uint32) {
	dir := filepath.Join(data, folder)
	files, err := filepath.Glob(filepath.Join(dir, "*/*/*/*.[wr][ae][vc]"))
	if err != nil || len(files) != 1 {
		t.Errorf("kill %d: the files are %v, %v", i, files, err)
		return
	}
	played(t, "sox", playable(t, files[0]))
	_, right := channels(t, files[0])
	last := uint32(0)
	for n := 0; n+160 <= len(right); n++ {
		if number, ok := numberAt(right, n); ok && number > last {
			last = number
		}
	}
	age := time.Duration(newest-last) * 20 * time.Millisecond
	t.Logf("kill %d: the newest packet sent is %d, the last in the file %d: %v lost", i, newest, last, age)
	if age > time.Second {
		t.Errorf("kill %d: %v are lost", i, age)
	}
	// Who repairs has no keys.
	if err := os.Rename(keysOf(data), data+"/away"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	done, err := Repair(t.Context(), dir, newChain(t, dir, keysBeside(dir)), func(call.ID) Meta { return Meta{} })
	if err != nil || len(done) != 1 || int(done[0].Samples) != len(right) {
		t.Errorf("kill %d: repair gives %+v, %v", i, done, err)
		return
	}
	m := readManifest(t, files[0])
	if m["state"] != StateInterrupted || m["language"] != "ru" || m["notice"] == nil || m["node"] != "child" {
		t.Errorf("kill %d: the manifest is %v", i, m)
	}
	for n := 0; n+160 <= len(right); n++ {
		if number, ok := numberAt(right, n); ok && number >= secretFrom && number < secretTo {
			t.Errorf("kill %d: packet %d is a secret and in the file", i, number)
		}
	}
	secret := slices.ContainsFunc(m["gaps"].([]any), func(g any) bool {
		gap := g.(map[string]any)
		return gap["channel"] == "right" && gap["reason"] == "secret"
	})
	if last > secretTo+50 && !secret {
		t.Errorf("kill %d: the manifest does not say that a secret was left out: %v", i, m["gaps"])
	}
	if err := os.Rename(data+"/away", keysOf(data)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, after := channels(t, files[0]); !slices.Equal(after, right) {
		t.Errorf("kill %d: the sound is another since it was repaired", i)
	}
	if faults, err := Verify(dir, Proof{Expected: []Expected{{done[0].Call, done[0].Path}}}, nil); err != nil || len(faults) > 0 {
		t.Errorf("kill %d: verify finds %v, %v", i, faults, err)
	}
}
