//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// run runs a foreign program and gives what it printed on both outputs.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// A heardSound is a stretch of one channel as sox measured it.
type heardSound struct{ rms, hz float64 }

// sox measures one channel (1 left, 2 right) of a stretch of a file.
func sox(t testing.TB, file string, channel int, from, length time.Duration) (h heardSound) {
	t.Helper()
	args := []string{file, "-n", "remix", strconv.Itoa(channel), "trim", seconds(from)}
	if length > 0 {
		args = append(args, seconds(length))
	}
	for _, line := range strings.Split(run(t, "sox", append(args, "stat")...), "\n") {
		name, value, _ := strings.Cut(line, ":")
		v, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
		switch strings.Join(strings.Fields(name), " ") {
		case "RMS amplitude":
			h.rms = v
		case "Rough frequency":
			h.hz = v
		}
	}
	return h
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// has reports whether the stretch is mainly one tone, as sox hears it: its rough frequency is off
// by a few per cent at 8 kHz.
func (h heardSound) has(hz float64) bool {
	return h.rms > 0.02 && h.hz > hz*0.95 && h.hz < hz*1.05
}

// silent reports whether nothing is to be heard.
func (h heardSound) silent() bool { return h.rms < 0.002 }

// length is how long ffmpeg finds a file.
func length(t testing.TB, file string) time.Duration {
	t.Helper()
	out := run(t, "ffprobe", "-v", "error", "-show_entries", "stream=duration,channels,sample_rate,codec_name", "-of", "csv=p=0", file)
	fields := strings.Split(strings.TrimSpace(out), ",")
	if len(fields) < 4 || fields[2] != "2" {
		t.Fatalf("ffprobe %s: %s", file, out)
	}
	v, err := strconv.ParseFloat(fields[3], 64)
	if err != nil {
		// A file that is open has no length of its own: count what can be decoded.
		out = run(t, "sox", file, "-n", "stat")
		for _, l := range strings.Split(out, "\n") {
			if name, value, _ := strings.Cut(l, ":"); strings.HasPrefix(name, "Length") {
				v, _ = strconv.ParseFloat(strings.TrimSpace(value), 64)
			}
		}
	}
	return time.Duration(v * float64(time.Second))
}

// channels reads a stereo file through ffmpeg, whatever its header says.
func channels(t testing.TB, file string) (left, right phone.Sound) {
	t.Helper()
	c := exec.Command("ffmpeg", "-v", "error", "-i", file, "-f", "s16le", "-acodec", "pcm_s16le", "-")
	c.Stderr = os.Stderr
	raw, err := c.Output()
	if err != nil {
		t.Fatalf("ffmpeg %s: %v", file, err)
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		left = append(left, int16(binary.LittleEndian.Uint16(raw[i:])))
		right = append(right, int16(binary.LittleEndian.Uint16(raw[i+2:])))
	}
	return left, right
}

// first is when a tone is first to be heard in a sound; negative: never.
func first(s phone.Sound, hz float64) time.Duration {
	const piece = 800 // a tenth of a second
	for i := 0; i+piece <= len(s); i += piece / 2 {
		if s[i : i+piece].Has(hz) {
			return time.Duration(i) * time.Second / 8000
		}
	}
	return -1
}

// bends finds a beep of two tones, one after the other, over whatever else is heard from a moment on: when it
// begins, negative for never.
func bends(pcm []int16, from time.Duration, first, second float64) time.Duration {
	const piece = 400 // 50 ms
	loud := func(at int, hz, other float64) bool {
		p := phone.Sound(pcm[at : at+piece])
		return p.Tone(hz) > 0.02 && p.Tone(hz) > 3*p.Tone(other)
	}
	for i := int(max(0, from) * 8000 / time.Second); i+4*piece <= len(pcm); i += piece / 4 {
		if loud(i, first, second) && loud(i+3*piece, second, first) {
			return time.Duration(i) * time.Second / 8000
		}
	}
	return -1
}

// keysOn are the keys that multimon-ng finds in the tones of one channel of a recording (1 left, 2 right).
func keysOn(t testing.TB, file string, channel int) (keys string) {
	t.Helper()
	sound := exec.Command("sox", file, "-t", "raw", "-r", "22050", "-e", "signed", "-b", "16", "-c", "1", "-", "remix", string(rune('0'+channel)))
	raw, err := sound.Output()
	if err != nil {
		t.Fatalf("sox: %v", err)
	}
	judge := exec.Command("multimon-ng", "-q", "-a", "DTMF", "-t", "raw", "-")
	judge.Stdin = bytes.NewReader(raw)
	out, err := judge.Output()
	if err != nil {
		t.Fatalf("multimon-ng: %v (apt-get install multimon-ng)", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		keys += strings.TrimPrefix(line, "DTMF: ")
	}
	return keys
}
