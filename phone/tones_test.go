package phone

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// Keys pressed by tones need no telephone-event, and the other telephone hears their frequencies, as
// loud and as long as asked for.
func TestPressTone(t *testing.T) {
	a, b := talk(t, Options{EventType: -1}, Options{}, DialOptions{})
	m := a.Media()
	ok(t, m.PressTone(limit(t), '#', 300*time.Millisecond, ToneOptions{Level: -15, Twist: 6, Off: 1}))
	sent := m.Sent().Packets
	until(t, "all packets", func() bool { r := b.Media().Received(); return r.Packets+r.Duplicates >= sent })
	pcm, _ := b.Media().HeardPCM()
	for len(pcm) > 0 && pcm[0] > -500 && pcm[0] < 500 {
		pcm = pcm[1:]
	}
	pcm = pcm[:min(2400, len(pcm))]
	// Tone is the amplitude as a share of full scale.
	row, column := Sound(pcm[:1600]).Tone(941*1.01), Sound(pcm[:1600]).Tone(1477*1.01)
	if twist := 20 * math.Log10(row/column); math.Abs(twist-6) > 0.5 {
		t.Errorf("the row is louder by %.1f dB, want 6", twist)
	}
	if level := 3.14 + 20*math.Log10(column); math.Abs(level+15) > 0.5 {
		t.Errorf("the column has %.1f dBm0, want -15", level)
	}
	if s := Sound(pcm[1600:2300]).RMS(); s < 0.05 {
		t.Errorf("after 200 ms of 300 the press is over: %.3f", s)
	}

	for _, bad := range []error{
		m.PressTone(limit(t), 'x', time.Second, ToneOptions{}),
		m.PressTone(limit(t), '1', time.Second, ToneOptions{Level: 3}),
	} {
		if bad == nil {
			t.Error("what no telephone can do was done")
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if m.PressTone(ctx, '1', time.Minute, ToneOptions{}) == nil {
		t.Error("a press that was given up succeeded")
	}
	ok(t, a.Hangup(limit(t)))
	if m.PressTone(limit(t), '1', time.Second, ToneOptions{}) == nil {
		t.Error("a key was pressed after the call")
	}
}

// A judge that is not ours.
func TestPressTonesJudgedByMultimon(t *testing.T) {
	multimon, err := exec.LookPath("multimon-ng")
	if err != nil {
		t.Fatal("multimon-ng is missing; it judges our tones: apt-get install multimon-ng")
	}
	var pcm []int16
	for event := range digits {
		pcm = append(pcm, keySound(event, 80*time.Millisecond, ToneOptions{})...)
		pcm = append(pcm, make([]int16, 480)...)
	}
	// It listens at 22,050 Hz.
	var raw []byte
	for i := range len(pcm) * 22050 / clockHz {
		at, part := math.Modf(float64(i) * clockHz / 22050)
		v := float64(pcm[int(at)])
		if int(at)+1 < len(pcm) {
			v += (float64(pcm[int(at)+1]) - v) * part
		}
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(v)))
	}
	c := exec.CommandContext(limit(t), multimon, "-q", "-a", "DTMF", "-t", "raw", "-")
	c.Stdin = bytes.NewReader(raw)
	out, err := c.Output()
	ok(t, err)
	var want []string
	for _, d := range digits {
		want = append(want, "DTMF: "+string(d))
	}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); !slices.Equal(got, want) {
		t.Errorf("multimon-ng finds %q", got)
	}
}
