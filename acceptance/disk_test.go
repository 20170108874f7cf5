//go:build acceptance

package acceptance

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/phone"
)

// How many calls talk while the disk fails.
const onBadDisk = 4

// What citizens and operators say meanwhile, in Hz.
const badDiskCitizen, badDiskOperator = 440, 1000

// The disk of the recordings fails in every way we know while people talk: errors of writes and
// syncs, a full disk, a read-only one, a sync that takes 10 s. No call is dropped, no packet of sound
// is lost, each recording's gaps are what is silent in it, what is older stays as it was, and new
// calls are refused, as the policy says, for as long as the disk takes nothing.
func TestDiskFaults(t *testing.T) {
	s := newServer(t, "recording: {policy: refuse-without}")
	s.importOperators(onBadDisk)
	behind := smallDisk(t)
	recordings := filepath.Join(s.data(), "recordings")
	if err := os.MkdirAll(recordings, 0o750); err != nil {
		t.Fatal(err)
	}
	disk := mountFaulty(t, recordings, behind)
	s.start()
	operators := s.codedOperators(onBadDisk)
	s.olderCall(operators)
	older := hashes(t, recordings)
	wire := capturing(t, "udp portrange 20000-21999")
	up := s.codedCalls(operators)
	for _, c := range up {
		c.citizen.call.Media().Say(0.3, badDiskCitizen)
		c.operator.call.Media().Say(0.3, badDiskOperator)
	}
	talk := time.Now().Add(500 * time.Millisecond) // from here on nobody is silent
	late := lateness(within(t, 3*time.Minute))
	time.Sleep(time.Second)

	s.fault(disk, "every write fails", "write", 4*time.Second, diskFault{write: syscall.EIO})
	s.fault(disk, "every write but the next 20 fails", "write", 4*time.Second, diskFault{write: syscall.ENOSPC, after: 20})
	s.fault(disk, "the disk is read-only", "write", 4*time.Second, diskFault{write: syscall.EROFS, names: syscall.EROFS})
	s.fault(disk, "each sync takes 10 s", "", 1500*time.Millisecond, diskFault{takes: 10 * time.Second})
	s.fullDisk(behind)
	s.fault(disk, "syncs fail", "sync", 2*time.Second, diskFault{sync: syscall.EIO})

	if late() > 2*tooLate {
		t.Fatalf("this machine is too busy: its telephones were %s late", late())
	}
	until := time.Now().Add(-500 * time.Millisecond)
	for _, c := range up {
		for _, l := range []phoneCall{{"citizen", c.citizen.call}, {"operator", c.operator.call}} {
			l.untouched(t, late())
		}
		if err := c.citizen.call.Hangup(within(t, 5*time.Second)); err != nil {
			t.Error(err)
		}
	}
	wire.unbroken(2 * onBadDisk)
	for _, c := range up {
		s.gapsAreSilence(c.id, talk, until, late())
	}
	s.readOnlyDisk(disk)
	s.stop()
	for name, sum := range hashes(t, recordings) {
		if was, ok := older[name]; ok && was != sum {
			t.Errorf("%s is older than the faults and was changed", name)
		}
		delete(older, name)
	}
	if len(older) > 0 {
		t.Errorf("files that are older than the faults are gone: %v", older)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}

// smallDisk mounts a file system of 32 MB in the memory.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "mount", "-t", "tmpfs", "-o", "size=32m", "none", dir)
	t.Cleanup(func() { run(t, "umount", "-l", dir) }) // whatever still has a file open there
	return dir
}

// olderCall leaves a recording of before the faults.
func (s *server) olderCall(operators []*phone.Phone) {
	s.t.Helper()
	up := s.codedCalls(operators[:1])
	time.Sleep(time.Second)
	if err := up[0].citizen.call.Hangup(within(s.t, 5*time.Second)); err != nil {
		s.t.Fatal(err)
	}
	s.manifest(s.lastRecord())
}

// hashes are those of all files of calls that have ended.
func hashes(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	manifests, err := filepath.Glob(filepath.Join(dir, "*/*/*/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		for _, name := range []string{m, strings.TrimSuffix(m, ".json") + ".wav"} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = sha256.Sum256(b)
		}
	}
	return all
}

// fault has the disk fail for a while; the metrics tell of operation op within 5 s. Afterwards the
// disk is well again.
func (s *server) fault(disk *faultyDisk, name, op string, length time.Duration, f diskFault) {
	s.t.Helper()
	metric := fmt.Sprintf("hotline_recording_disk_faults_total{op=%q}", op)
	before := 0.0
	if op != "" {
		before = s.metric(metric)
	}
	began := time.Now()
	disk.fail(f)
	if op != "" {
		eventually(s.t, 5*time.Second, name+": the metrics tell of it", func() bool { return s.metric(metric) > before })
	}
	eventually(s.t, 5*time.Second, name+": it is met", func() bool { return disk.times() > 0 })
	time.Sleep(time.Until(began.Add(length)))
	met := disk.times()
	disk.fail(diskFault{})
	time.Sleep(f.takes)
	s.healthy(true)
	s.t.Logf("%s: met %d times", name, met)
}

// healthy waits until the server says of the disk that it would take a recording, or would not, and calls:
// a caller who comes while it would not is told of a fault, and the record says why there is no sound.
func (s *server) healthy(well bool) {
	s.t.Helper()
	eventually(s.t, 15*time.Second, fmt.Sprintf("the disk is well: %v", well), func() bool {
		response, err := http.Get("http://" + s.run.HTTP + "/readyz")
		if err != nil {
			s.t.Fatal(err)
		}
		defer response.Body.Close()
		why, err := io.ReadAll(response.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		return strings.Contains(string(why), "disk") != well
	})
	p := s.citizen()
	defer p.Close()
	c, err := p.Dial(within(s.t, 5*time.Second), phone.DialOptions{To: line919})
	if err != nil {
		s.t.Fatalf("dial 919 while the disk is well: %v: %v", well, err)
	}
	if !well {
		time.Sleep(2 * time.Second) // hears that there is a fault
	}
	if err := c.Hangup(within(s.t, 5*time.Second)); err != nil {
		s.t.Error(err)
	}
	if well {
		return
	}
	eventually(s.t, 10*time.Second, "the record says why there is no recording", func() bool {
		r := s.records()[0]
		return r.Ended != nil && str(r.Unrecorded) == "disk" && str(r.Outcome) == "refused" && r.Code != nil && *r.Code == 503
	})
}

// fullDisk fills the disk for a while.
func (s *server) fullDisk(disk string) {
	s.t.Helper()
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		s.t.Fatalf("filling the disk: %v", err)
	}
	began := time.Now()
	time.Sleep(time.Second) // until then one file has room in its last block, and another one has none
	s.healthy(false)
	s.t.Logf("the disk is full: it is known after %s", time.Since(began).Round(time.Millisecond))
	time.Sleep(time.Until(began.Add(4 * time.Second)))
	if err := os.Remove(ballast); err != nil {
		s.t.Fatal(err)
	}
	s.healthy(true)
}

// readOnlyDisk makes the disk read-only for a while, and calls. (mount -o remount,ro would not do it, since
// the chain is open for writing; what a kernel does by itself after an error does not ask.)
func (s *server) readOnlyDisk(disk *faultyDisk) {
	s.t.Helper()
	disk.fail(diskFault{write: syscall.EROFS, names: syscall.EROFS, sync: syscall.EROFS})
	s.healthy(false)
	disk.fail(diskFault{})
	s.healthy(true)
}

// A phoneCall is a telephone in a call, with a name for us.
type phoneCall struct {
	name string
	call *phone.Call
}

// untouched demands that the sound that the telephone hears was never disturbed.
func (p phoneCall) untouched(t *testing.T, late time.Duration) {
	t.Helper()
	select {
	case <-p.call.Done():
		t.Errorf("a %s's call was dropped", p.name)
	default:
	}
	if got := p.call.Media().Received(); !got.Continuous() || got.Lost > 0 || got.LongestGap > soundGap+late {
		t.Errorf("a %s's sound jumped %d times, %d packets lost, longest gap %s (telephones %s late)", p.name, got.Jumps, got.Lost, got.LongestGap, late)
	}
}

// soundGap is the most that may pass between two packets of 20 ms for people not to hear it: what a
// telephone's jitter buffer bridges.
const soundGap = 120 * time.Millisecond

// unbroken demands of a capture that the server's streams to so many telephones have lost nothing.
func (c *passing) unbroken(streams int) {
	c.t.Helper()
	c.mark("the capture ends")
	c.stop()
	out := run(c.t, "tshark", "-r", c.file, "-q", "-d", "udp.port==20000-21999,rtp", "-z", "rtp,streams")
	n := 0
	for _, line := range strings.Split(out, "\n") {
		// start, end, source, port, destination, port, SSRC, payload, packets, lost, share, deltas, jitters, problems
		f := strings.Fields(line)
		if len(f) < 14 || f[2] != "127.0.0.1" {
			continue
		}
		port, _ := strconv.Atoi(f[3])
		packets := slices.IndexFunc(f[7:], func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n > 0 })
		if port < 20000 || port > 21999 || packets < 0 {
			continue
		}
		count, _ := strconv.Atoi(f[7+packets])
		lost := f[8+packets]
		if count < 50*30 { // not one of those who talked
			continue
		}
		n++
		if lost != "0" {
			c.t.Errorf("tshark finds %s of %d packets lost: %s", lost, count, line)
		}
	}
	if n != streams {
		c.t.Errorf("tshark finds %d long streams of the server's, want %d:\n%s", n, streams, out)
	}
}

// gapsAreSilence demands of a recording that its gaps are what is silent in it, on both channels,
// while both said tones. The telephones were so late themselves.
func (s *server) gapsAreSilence(id string, from, to time.Time, late time.Duration) {
	s.t.Helper()
	var r record
	eventually(s.t, 10*time.Second, "the record is closed", func() bool {
		for _, r = range s.records() {
			if r.ID == id && r.Ended != nil {
				return true
			}
		}
		return false
	})
	m := s.manifest(r)
	if str(r.Outcome) != "completed" || m.State != "sealed" {
		s.t.Errorf("%s, recording %s", r, m.State)
	}
	for _, want := range []string{"disk", "sync"} {
		if !slices.Contains(m.Faults, want) {
			s.t.Errorf("call %s: the manifest confesses %v, not %s", id, m.Faults, want)
		}
	}
	left, right := channels(s.t, s.sound(r))
	told := 0
	for name, pcm := range map[string]phone.Sound{"left": left, "right": right} {
		a, b := int(from.Sub(m.Opened).Milliseconds())*8, int(to.Sub(m.Opened).Milliseconds())*8
		if a < 0 || b > len(pcm) {
			s.t.Errorf("call %s has %d samples, want %d", id, len(pcm), b)
			return
		}
		silent := stillness(pcm[:b], a)
		var gaps []span
		for _, g := range m.Gaps {
			if g.Channel == name && g.To.After(from) && g.From.Before(to) {
				gaps = append(gaps, span{g.From.Sub(m.Opened), g.To.Sub(m.Opened)})
			}
		}
		told += len(gaps)
		silent = slices.DeleteFunc(silent, func(a span) bool {
			return a.to-a.from <= late+40*time.Millisecond && !slices.ContainsFunc(gaps, a.same)
		})
		if !slices.EqualFunc(silent, gaps, span.same) {
			s.t.Errorf("call %s: on the %s %v are silent, and the manifest tells of %v", id, name, silent, gaps)
		}
	}
	s.t.Logf("call %s: %d gaps in %s, faults %v", id, told, to.Sub(from).Round(time.Second), m.Faults)
	if told == 0 {
		s.t.Errorf("call %s: nothing was lost by any fault: were there any?", id)
	}
}

// A span is a stretch of a recording.
type span struct{ from, to time.Duration }

// same allows for what a tone needs to be told from silence, and for a packet at each end.
func (a span) same(b span) bool {
	return (a.from-b.from).Abs() <= 25*time.Millisecond && (a.to-b.to).Abs() <= 25*time.Millisecond
}

// stillness are the stretches, from a sample on, in which nothing is to be heard for 20 ms.
func stillness(pcm phone.Sound, from int) (all []span) {
	at := func(i int) time.Duration { return time.Duration(i) * time.Second / 8000 }
	begin := from
	for i := from; i <= len(pcm); i++ {
		if i < len(pcm) && pcm[i] > -64 && pcm[i] < 64 {
			continue
		}
		if i-begin >= 160 {
			all = append(all, span{at(begin), at(i)})
		}
		begin = i + 1
	}
	return all
}
