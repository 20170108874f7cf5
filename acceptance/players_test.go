//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A recording is played by everything that plays WAV, in each state it can be in: while the call goes
// on, after the process was killed, also in the middle of a sample, repaired, and sealed. Each player gives every sample that is in
// the file, as it is.
func TestEveryPlayer(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	op := s.operatorPhone("aysel")
	readers := map[string]reader{"sox": soxReads, "ffmpeg": ffmpegReads, "libsndfile": sndfileReads, "Python's wave": pythonReads}
	for name := range jukeboxes {
		readers[name] = newJukebox(t, name).reads
	}
	judge := func(state, file string) {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), strings.ReplaceAll(state, " ", "-")+".wav")
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			t.Fatal(err)
		}
		want := b[44 : len(b)-len(b)%4]
		var all sync.WaitGroup
		for name, read := range readers {
			all.Go(func() {
				began := time.Now()
				got, err := read(t, copied)
				if n := len(got) / 4; err != nil || !sameSamples(got[:n*4], want) {
					t.Errorf("%s: %s reads %d of %d samples, or not as they are: %v", state, name, n, len(want)/4, err)
				} else {
					t.Logf("%s: %s reads all %d samples, %s", state, name, n, time.Since(began).Round(time.Millisecond))
				}
			})
		}
		all.Wait()
	}

	c, taken := s.talk(s.citizen(), op)
	time.Sleep(2 * time.Second)
	live := s.newestSound()
	judge("live", live)
	// A player that opens the file itself, rather than a copy, sees it grow.
	before := size(t, live)
	got, err := soxReads(t, live)
	if n, after := int64(len(got)), size(t, live); err != nil || n < before-44 || n > after {
		t.Errorf("sox reads %d bytes of a file that grew from %d to %d: %v", n, before, after, err)
	}
	s.kill()
	judge("killed", live)
	b, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.wav")
	if err := os.WriteFile(cut, b[:len(b)-len(b)%4-3], 0o600); err != nil {
		t.Fatal(err)
	}
	judge("cut in a sample", cut)
	s.start()
	eventually(t, 10*time.Second, "the recording is repaired", func() bool { return s.recordings()[0].State == "interrupted" })
	judge("repaired", live)
	s.over(c)
	s.over(taken)

	c, _ = s.talk(s.citizen(), op)
	time.Sleep(2 * time.Second)
	s.hangUp(c)
	if m := s.manifest(s.lastRecord()); m.State != "sealed" {
		t.Errorf("the recording is %s", m.State)
	}
	judge("sealed", s.sound(s.lastRecord()))
}

// sameSamples allows for the last bit: browsers give fractions of one, and each has its own way there.
func sameSamples(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i += 2 {
		x, y := int16(binary.LittleEndian.Uint16(a[i:])), int16(binary.LittleEndian.Uint16(b[i:]))
		if off := int(x) - int(y); off < -1 || off > 1 {
			return false
		}
	}
	return true
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A reader gives the samples of a file, interleaved, as 16-bit numbers.
type reader func(t *testing.T, file string) ([]byte, error)

func soxReads(t *testing.T, file string) ([]byte, error) {
	return output(t, "sox", "-V1", file, "-t", "raw", "-e", "signed", "-b", "16", "-")
}

func ffmpegReads(t *testing.T, file string) ([]byte, error) {
	return output(t, "ffmpeg", "-v", "error", "-i", file, "-f", "s16le", "-")
}

func pythonReads(t *testing.T, file string) ([]byte, error) {
	return output(t, "python3", "-c", `
import sys, wave
with wave.open(sys.argv[1]) as w:
    sys.stdout.buffer.write(w.readframes(w.getnframes()))`, file)
}

// sndfileReads has libsndfile write the samples into a file without a header.
func sndfileReads(t *testing.T, file string) ([]byte, error) {
	raw := file + ".raw"
	if out, err := output(t, "sndfile-convert", "-pcm16", file, raw); err != nil {
		return nil, fmt.Errorf("%w: %s (apt-get install sndfile-programs)", err, out)
	}
	return os.ReadFile(raw)
}

func output(t *testing.T, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(within(t, time.Minute), name, args...)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", name, err, complaints.String())
	}
	return out, err
}
