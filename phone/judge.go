package phone

import (
	"context"
	"fmt"
	"math"
	"time"
)

// A Sound is a stretch of samples at 8 kHz to be judged.
type Sound []int16

// RMS is the effective value, 0 to 1 of full scale. A sine of peak 0.3 has 0.21.
func (s Sound) RMS() float64 {
	if len(s) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum/float64(len(s))) / 32768
}

// Tone is the peak of the sine of that frequency in the sound, 0 to 1 of full scale (Goertzel,
// over a Hann window). Two tones are told apart if they differ by more than 4 divided by the
// sound's length in seconds.
func (s Sound) Tone(hz float64) float64 {
	if len(s) < 2 {
		return 0
	}
	x, gain := s.windowed(hann(len(s)))
	return goertzel(x, hz) / gain
}

// hann is the window that keeps a loud tone out of its neighbours' bins.
func hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n-1))
	}
	return w
}

// windowed scales the sound to 1 and puts the window over it; gain is what a sine of peak 1 has
// in goertzel afterwards.
func (s Sound) windowed(window []float64) (x []float64, gain float64) {
	x = make([]float64, len(s))
	for i, v := range s {
		x[i] = float64(v) / 32768 * window[i]
		gain += window[i] / 2
	}
	return x, gain
}

// goertzel is the magnitude of one frequency in the samples.
func goertzel(x []float64, hz float64) float64 {
	coefficient := 2 * math.Cos(2*math.Pi*hz/clockHz)
	s1, s2 := 0.0, 0.0
	for _, v := range x {
		s1, s2 = v+coefficient*s1-s2, s1
	}
	return math.Sqrt(max(0, s1*s1+s2*s2-coefficient*s1*s2))
}

// Share is how much of the sound's energy is the sine of that frequency, 0 to about 1.
func (s Sound) Share(hz float64) float64 {
	rms, tone := s.RMS(), s.Tone(hz)
	if rms == 0 {
		return 0
	}
	return tone * tone / 2 / (rms * rms)
}

// What the waits below judge by.
const (
	judgeTime  = 200 * time.Millisecond // the stretch that is judged
	toneLevel  = 0.01                   // a tone below this peak is not heard
	toneShare  = 0.5                    // nor one that is not most of the sound
	soundLevel = 0.003                  // RMS: above the noise of G.711's smallest steps
)

// Has reports whether the sound is mostly a sine of that frequency.
func (s Sound) Has(hz float64) bool { return s.Tone(hz) >= toneLevel && s.Share(hz) >= toneShare }

// Heard is the sound received during the last window, shorter where less came.
func (m *Media) Heard(window time.Duration) Sound {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := time.Now().Add(-window)
	packets := m.in.packets
	i := len(packets)
	for i > 0 && packets[i-1].At.After(since) {
		i--
	}
	var s Sound
	for _, p := range packets[i:] {
		s = append(s, p.PCM...)
	}
	return s
}

// HeardTone reports whether the last 200 ms are mostly a sine of that frequency.
func (m *Media) HeardTone(hz float64) bool { return m.full().Has(hz) }

// full is the last 200 ms, nothing if much of it is missing.
func (m *Media) full() Sound {
	s := m.Heard(judgeTime + frameTime)
	if len(s) < int(judgeTime*clockHz/time.Second)/2 {
		return nil
	}
	return s
}

// WaitTone waits until the last 200 ms are mostly a sine of that frequency.
func (m *Media) WaitTone(ctx context.Context, hz float64) error {
	return m.wait(ctx, fmt.Sprintf("a tone of %g Hz", hz), func() bool { return m.HeardTone(hz) })
}

// WaitSound waits until the last 200 ms are not silence.
func (m *Media) WaitSound(ctx context.Context) error {
	return m.wait(ctx, "sound", func() bool { return m.full().RMS() > soundLevel })
}

// WaitSilence waits until nothing has been heard for that long: silence, or no packets at all.
func (m *Media) WaitSilence(ctx context.Context, long time.Duration) error {
	begin := time.Now()
	return m.wait(ctx, "silence", func() bool {
		return time.Since(begin) >= long && m.Heard(long).RMS() <= soundLevel
	})
}

// WaitKey waits for the next key that the peer presses.
func (m *Media) WaitKey(ctx context.Context) (byte, error) {
	select {
	case k := <-m.keys:
		return k, nil
	case <-m.stop:
		return 0, fmt.Errorf("waiting for a key: the call is over")
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for a key: %w", ctx.Err())
	}
}

// wait looks once a packet's time whether the condition holds.
func (m *Media) wait(ctx context.Context, what string, holds func() bool) error {
	t := time.NewTicker(frameTime)
	defer t.Stop()
	for {
		if holds() {
			return nil
		}
		select {
		case <-t.C:
		case <-m.stop:
			if holds() {
				return nil
			}
			return fmt.Errorf("waiting for %s: the call is over", what)
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
}
