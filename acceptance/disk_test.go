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
	talk := sayTones(up)
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
	s.untouched(up, late())
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

// strace makes every fdatasync of the built program last 10 s and then fail. Only recordings are synced
// so. Nothing of them is lost, nobody hears it, and each confesses what the disk has said.
func TestSlowSyncsThatFail(t *testing.T) {
	s := newServer(t)
	s.importOperators(onBadDisk)
	log := filepath.Join(t.TempDir(), "strace")
	t.Setenv("GODEBUG", "asyncpreemptoff=1") // each signal to a thread waits for strace
	s.startUnder("strace", "-D", "-f", "-q", "--seccomp-bpf", "-o", log, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:delay_enter=10000000")
	up := s.codedCalls(s.codedOperators(onBadDisk))
	talk := sayTones(up)
	late := lateness(within(t, time.Minute))
	time.Sleep(14 * time.Second)
	until := time.Now().Add(-500 * time.Millisecond)
	s.untouched(up, late())
	eventually(t, 40*time.Second, "all are sealed, with what the disk takes", func() bool {
		return !slices.ContainsFunc(s.recordings(), func(r recordingItem) bool { return r.State != "sealed" })
	})
	for _, c := range up {
		m := s.manifest(s.recordOf(c.id))
		if !slices.Equal(m.Faults, []string{"sync"}) {
			t.Errorf("call %s: the manifest confesses %v", c.id, m.Faults)
		}
		// strace holds up the server now and then, and what the operator says comes late to the caller. What the
		// caller says is placed by its own clock.
		left, _ := channels(t, s.sound(s.recordOf(c.id)))
		a, b := int(talk.Sub(m.Opened).Milliseconds())*8, int(until.Sub(m.Opened).Milliseconds())*8
		silent := slices.DeleteFunc(stillness(left[:b], a), func(x span) bool { return x.to-x.from <= late()+40*time.Millisecond })
		if len(silent) > 0 {
			t.Errorf("call %s: on the left %v are silent", c.id, silent)
		}
		if slices.ContainsFunc(m.Gaps, func(g gapOf) bool { return g.Reason == "disk" || g.Reason == "overflow" }) {
			t.Errorf("call %s: the gaps are %v", c.id, m.Gaps)
		}
	}
	b, err := os.ReadFile(log)
	if n := strings.Count(string(b), "(INJECTED)"); err != nil || n < onBadDisk {
		t.Errorf("strace has made %d syncs fail: %v", n, err)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}

// recordOf is the record of a call that has ended.
func (s *server) recordOf(id string) (r record) {
	s.t.Helper()
	eventually(s.t, 10*time.Second, "the record is closed", func() bool {
		for _, r = range s.records() {
			if r.ID == id && r.Ended != nil {
				return true
			}
		}
		return false
	})
	return r
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
	s.hangUp(up[0].citizen.call)
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
	s.hangUp(c)
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

// sayTones has all say theirs, and gives the moment from which nobody is silent.
func sayTones(up []*codedCall) (from time.Time) {
	for _, c := range up {
		c.citizen.call.Media().Say(0.3, badDiskCitizen)
		c.operator.call.Media().Say(0.3, badDiskOperator)
	}
	return time.Now().Add(500 * time.Millisecond)
}

// untouched demands that what every telephone hears was never disturbed, and hangs up.
func (s *server) untouched(up []*codedCall, late time.Duration) {
	s.t.Helper()
	for _, c := range up {
		for name, l := range map[string]*phone.Call{"citizen": c.citizen.call, "operator": c.operator.call} {
			s.goesOn(l, name)
			if got := l.Media().Received(); !got.Continuous() || got.Lost > 0 || got.LongestGap > soundGap()+late {
				s.t.Errorf("a %s's sound jumped %d times, %d packets lost, longest gap %s (telephones %s late)", name, got.Jumps, got.Lost, got.LongestGap, late)
			}
		}
		s.hangUp(c.citizen.call)
	}
}

// soundGap is the most that may pass between two packets of 20 ms, by night on a quiet machine. A machine with ten
// times as much to do as it has processors holds a server up for 200 ms without any fault; a disk in the way of the
// sound would hold it up for as long as the fault lasts, seconds.
func soundGap() time.Duration {
	if nightly() {
		return 60 * time.Millisecond
	}
	return 300 * time.Millisecond
}

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
	r := s.recordOf(id)
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
		// What the caller says is placed by its own clock. What it is sent has a hole wherever the operator's
		// sound came late, as it was heard.
		hole := late + 40*time.Millisecond
		if name == "right" {
			hole = late + soundGap()
		}
		silent = slices.DeleteFunc(silent, func(a span) bool { return a.to-a.from <= hole && !slices.ContainsFunc(gaps, a.same) })
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
